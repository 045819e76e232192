//! Small scenes for tests, and hashes of what trainings leave behind.

use carrot_lab::{Setup, Source, Trainer};
use carrot_sim::{RowKey, VecEnv, random_action};

/// True when the long counts are asked for.
pub(crate) fn full() -> bool {
    std::env::var_os("CARROT_FULL").is_some()
}

/// A scene from its parts.
pub(crate) fn scene(task: &str, batch: &str, reward: &str, learner: &str) -> Setup {
    let text = format!(
        "(version: 1, task: \"{task}\", batch: ({batch}), reward: {reward}, learner: Ppo({learner}), recording: (envs: 8))"
    );
    Setup::read::<&str>(&Source::new("test.ron", text), &[], Default::default())
        .unwrap_or_else(|e| panic!("{e}"))
}

/// A CartPole reward with everything that moves: potential, running norm, bound, anneal and combinators.
pub(crate) const BUSY_CART_POLE: &str = r#"[
    (name: "alive", kind: Alive()),
    (name: "upright", kind: Tolerance(signal: "pole_angle", bounds: (-0.02, 0.02), margin: 0.2),
     stages: [Scale(factor: 2.0), Potential(gamma: 0.99)]),
    (name: "still", kind: Distance(signal: "pole_velocity"), weight: -0.3, stages: [RunningNorm(center: true), Clip(low: -3.0, high: 3.0)]),
    (name: "centred", kind: Distance(signal: "cart_position"), weight: 0.7, rate: PerSecond, stages: [Bound(shape: Tanh, width: 2.0)]),
    (name: "fading", kind: Effort(), weight: 0.1, stages: [Anneal(from: 1.0, to: 0.0, end: 3000)]),
    (name: "both", kind: GeometricMean([
        (name: "slow", kind: Tolerance(signal: "cart_velocity", bounds: (-0.1, 0.1), margin: 1.0, sigmoid: LongTail)),
        (name: "gated", kind: Gate(
            gate: (name: "inside", kind: Threshold(signal: "cart_position", above: -1.0, below: 1.0)),
            of: (name: "steady", kind: Progress(signal: "pole_angle"), weight: 5.0),
        )),
    ]), weight: 0.5),
]"#;

/// A CartPole reward written as expressions, with parameters, ends, both states and stages.
pub(crate) const EXPRESSIONS: &str = r##"[
    Program(r#"
        param width = 0.2 [rad] in 0.05..0.5;
        let lean = abs(pole_angle) / width;
        term("alive", 1.0, true);
        term("upright", 0.5, exp(-lean * lean));
        term("calm", -0.1, tanh(rate(pole_velocity) / 10 [rad/s^2])^2);
        term("fell", -2.0, terminated and not truncated);
        term("edge", -0.5, smoothstep(1.0, 2.4, abs(cart_position)));
        term("swift", -0.05, log(1 + abs(prev(cart_velocity)) / 1 [m/s]));
    "#),
    (name: "level", kind: Expr("tolerance(pole_angle, -0.02, 0.02, 0.2)"),
     stages: [Scale(factor: 2.0), Potential(gamma: 0.99)]),
    (name: "still", kind: Expr("-abs(pole_velocity)"), weight: 0.3,
     stages: [RunningNorm(center: true), Clip(low: -3.0, high: 3.0)]),
]"##;

/// DoorKey in stages: a machine with events, a reward per state, shaping, and a program that reads its state.
pub(crate) const STAGES: &str = r##"[
    Machine(
        name: "stage",
        states: [
            (name: "fetch", reward: "-0.01 * key_distance / 1 [tile]", edges: [(to: "unlock", when: "has_key", reward: 0.5)]),
            (name: "unlock", edges: [
                (to: "walk", when: "door_open", reward: 1.0),
                (to: "fetch", when: "not has_key", reward: -0.5),
            ]),
            (name: "walk", edges: [(to: "there", when: "at_goal", reward: "time_bonus")]),
            (name: "there", accept: true),
        ],
        shaping: (gamma: 0.99),
    ),
    Program(r#"term("first", 0.1, stage == 0)"#),
]"##;

/// Everything that a training has become, as one hash.
pub(crate) fn hash(trainer: &Trainer) -> String {
    let parts = trainer.save().unwrap();
    let bytes: Vec<u8> = parts.iter().flat_map(|(name, part)| [name.as_bytes(), part].concat()).collect();
    carrot_record::content_hash(&bytes)
}

/// Random actions for every row at its present step.
pub(crate) fn random_actions(env: &mut VecEnv, actions: &mut Vec<f32>) {
    let space = env.task().spec().action.clone();
    let width = space.width();
    actions.resize(env.config().num_envs * width, 0.0);
    for ((key, step), action) in env.keys().into_iter().zip(actions.chunks_mut(width)) {
        random_action(&space, RowKey { seed: key.seed ^ 0x5eed, ..key }, step, action);
    }
}
