//! Expressions give the bits of the kinds that mean the same, parameters change by revision, and re-scoring
//! follows them.

use carrot_lab::Setup;
use carrot_reward::{
    Ledger, RecordedSteps, Revision, RewardError, RewardModels, RolloutView, project, rescore,
};
use carrot_sim::VecEnvConfig;

use super::setups::{EXPRESSIONS, random_actions, scene};

/// Each kind and an expression with the same meaning, on CartPole and on a task with vectors.
const SAME: [(&str, &str, &str); 14] = [
    ("CartPole-v1", "Distance(signal: \"pole_angle\")", "abs(pole_angle)"),
    ("CartPole-v1", "Progress(signal: \"cart_position\")", "prev(abs(cart_position)) - abs(cart_position)"),
    (
        "CartPole-v1",
        "Threshold(signal: \"cart_position\", above: -0.1, below: 0.2)",
        "cart_position > -0.1 and cart_position < 0.2",
    ),
    ("CartPole-v1", "StateCost(signal: \"pole_velocity\")", "prev(pole_velocity)^2"),
    ("CartPole-v1", "Alive(unless_terminated: true)", "not terminated"),
    ("CartPole-v1", "Event(end: Terminated)", "terminated"),
    ("CartPole-v1", "Event(cause: \"time_limit\")", "cause(\"time_limit\")"),
    (
        "CartPole-v1",
        "Tolerance(signal: \"pole_angle\", bounds: (-0.02, 0.02), margin: 0.2)",
        "tolerance(pole_angle, -0.02, 0.02, 0.2)",
    ),
    (
        "CartPole-v1",
        "Tolerance(signal: \"pole_angle\", bounds: (-0.02, 0.02))",
        "tolerance(pole_angle, -0.02, 0.02, 0)",
    ),
    (
        "CartPole-v1",
        "Tolerance(signal: \"pole_angle\", bounds: (0.0, 0.0), margin: 0.2, sigmoid: TanhSquared)",
        "tolerance(pole_angle, 0, 0, 0.2, 'TanhSquared')",
    ),
    (
        "CartPole-v1",
        "Tolerance(signal: \"pole_angle\", bounds: (0.0, 0.0), margin: 0.2, sigmoid: Hyperbolic)",
        "tolerance(pole_angle, 0, 0, 0.2, 'Hyperbolic')",
    ),
    (
        "CartPole-v1",
        "Tolerance(signal: \"pole_angle\", bounds: (0.0, 0.0), margin: 0.2, sigmoid: Cosine)",
        "tolerance(pole_angle, 0, 0, 0.2, 'Cosine')",
    ),
    ("Reach", "Distance(signal: \"tool_position\")", "norm(tool_position)"),
    ("Reach", "Progress(signal: \"tool_position\")", "prev(norm(tool_position)) - norm(tool_position)"),
];

/// Steps a task at random and finalises, rollout by rollout.
fn play(setup: &Setup, rows: usize, rollouts: usize, mut look: impl FnMut(&Ledger)) {
    let config = VecEnvConfig {
        num_envs: rows,
        num_steps: 40,
        shards: 2,
        seed: 4,
        keep_signals: false,
        autoreset: true,
    };
    let revision = Revision::initial(&setup.graphs);
    let mut env = setup.build(config, &revision).unwrap();
    let mut ledger = Ledger::new(&setup.graphs, config.num_steps, rows);
    let (catalog, mut models, mut actions) = (env.catalog().clone(), RewardModels::new(), Vec::new());
    for _ in 0..rollouts {
        env.begin_rollout();
        for _ in 0..config.num_steps {
            random_actions(&mut env, &mut actions);
            env.step(&actions).unwrap();
        }
        env.finalise_with(|r| ledger.finalise(&setup.graphs, &revision, &mut models, &catalog, r)).unwrap();
        look(&ledger);
    }
}

#[test]
fn an_expression_with_the_meaning_of_a_kind_gives_its_bits() {
    for task in ["CartPole-v1", "Reach"] {
        let list = |of: &dyn Fn(&(&str, &str, &str)) -> String| -> String {
            SAME.iter()
                .filter(|(name, ..)| *name == task)
                .enumerate()
                .map(|(i, same)| format!("(name: \"t{i}\", kind: {}),", of(same)))
                .collect()
        };
        let kinds = list(&|(_, kind, _)| kind.to_string());
        let expressions = list(&|(.., text)| format!("Expr({text:?})"));
        let mut setup = scene(task, "num_envs: 4, num_steps: 4", &format!("[{kinds}]"), "");
        let other = scene(task, "num_envs: 4, num_steps: 4", &format!("[{expressions}]"), "");
        assert_eq!(setup.graphs.len(), 1);
        // Both graphs in one run: the second takes the raw columns after those of the first.
        let shadowed = format!("[{kinds}], shadows: {{\"expressions\": [{expressions}]}}");
        setup = scene(task, "num_envs: 4, num_steps: 4", &shadowed, "");
        assert_eq!(setup.graphs[1].nodes.len(), other.graphs[0].nodes.len());
        let (rows, mut differences) = (if task == "Reach" { 16 } else { 300 }, 0);
        let mut paid = vec![0.0_f64; setup.graphs[0].nodes.len()];
        play(&setup, rows, 13, |ledger| {
            for t in 0..40 {
                for node in 0..paid.len() {
                    let (a, b) = (ledger.graphs[0].output(t, node), ledger.graphs[1].output(t, node));
                    differences += a.iter().zip(b).filter(|(a, b)| a.to_bits() != b.to_bits()).count();
                    paid[node] += a.iter().map(|x| f64::from(x.abs())).sum::<f64>();
                }
            }
        });
        assert_eq!(differences, 0, "{task}");
        let silent = paid.iter().filter(|paid| **paid == 0.0).count();
        assert!(
            silent <= usize::from(task == "CartPole-v1"),
            "{paid:?}: random play has no time limit, all else pays"
        );
    }
}

#[test]
fn a_parameter_changes_by_revision_and_scoring_again_follows() {
    let setup = scene("CartPole-v1", "num_envs: 4, num_steps: 4", EXPRESSIONS, "");
    let graph = &setup.graphs[0];
    let first = Revision::initial(&setup.graphs);
    let second = first.with_param(&setup.graphs, 0, "width", 0.4, 0).unwrap();
    let refused = |name: &str, value: f32| first.with_param(&setup.graphs, 0, name, value, 0).unwrap_err();
    assert!(matches!(refused("width", 0.6), RewardError::ParamRange { .. }));
    assert!(matches!(refused("widht", 0.4), RewardError::NoParam(_)));

    // One env, whose only rollouts are steps 0 to 19 and 20 to 39 of the episodes.
    let config =
        VecEnvConfig { num_envs: 1, num_steps: 5, shards: 1, seed: 6, keep_signals: true, autoreset: true };
    let mut env = setup.build(config, &first).unwrap();
    let mut ledger = Ledger::new(&setup.graphs, config.num_steps, 1);
    let (catalog, mut models, mut actions) = (env.catalog().clone(), RewardModels::new(), Vec::new());
    let upright = graph.nodes.iter().position(|node| node.name == "upright").unwrap();
    let (mut signals, mut revisions, mut online) = (env_signals(&env), Vec::new(), Vec::new());
    let (mut terminated, mut truncated, mut cause) = (Vec::new(), Vec::new(), Vec::new());
    for revision in [&first, &second] {
        env.shards_mut().iter_mut().for_each(|shard| project(revision, shard));
        env.begin_rollout();
        for _ in 0..config.num_steps {
            random_actions(&mut env, &mut actions);
            env.step(&actions).unwrap();
        }
        env.finalise_with(|r| ledger.finalise(&setup.graphs, revision, &mut models, &catalog, r)).unwrap();
        let rollout = env.rollout();
        assert!(rollout.ends.is_empty(), "the first ten steps of CartPole never end an episode");
        for t in 0..config.num_steps {
            let now = rollout.signals_now(t).unwrap();
            signals.push((0..catalog.width()).map(|c| now.column(c)[0]).collect::<Vec<f32>>());
            online.push(ledger.graphs[0].output(t, upright)[0]);
            revisions.push(revision.number);
        }
        terminated.extend(&rollout.terminated);
        truncated.extend(&rollout.truncated);
        cause.extend(&rollout.cause);
        assert!(RolloutView::new(rollout).rows() == 1);
    }
    let columns: Vec<f32> =
        (0..catalog.width()).flat_map(|c| signals.iter().map(move |row| row[c])).collect();
    let steps = RecordedSteps {
        signals: &columns,
        columns: catalog.width(),
        terminated: &terminated,
        truncated: &truncated,
        cause: &cause,
        success: &[false; 10],
        score: &[0.0; 10],
        revision: &revisions,
        asked: &[],
    };
    let find = |number: u32| [&first, &second].into_iter().find(|r| r.number == number).map(|r| &r.graphs[0]);
    let again = rescore(graph, find, &mut models, &catalog, &steps).unwrap();
    for t in 0..10 {
        assert_eq!(again.outputs[upright * 10 + t].to_bits(), online[t].to_bits(), "step {t}");
        // 0.5 exp(-(lean / width)^2), with the width in force at that step.
        let lean = f64::from(signals[t + 1][catalog.find("pole_angle").unwrap().0.0]);
        let width = if t < 5 { 0.2 } else { 0.4 };
        assert!((f64::from(online[t]) - 0.5 * (-(lean / width).powi(2)).exp()).abs() < 1e-5, "step {t}");
    }
}

fn env_signals(env: &carrot_sim::VecEnv) -> Vec<Vec<f32>> {
    let before = env.shards()[0].world().resource::<carrot_sim::Signals>().before();
    vec![(0..env.catalog().width()).map(|c| before.column(c)[0]).collect()]
}
