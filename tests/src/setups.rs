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
