//! Exact optima of rewards: what a reward's own best policy does for the task.

use carrot_lab::mdp::{RewardOptimum, TransitionScorer, best_success, optimum};
use carrot_lab::{LabError, Setup};
use carrot_sim::{Mdp, RowKey};

use super::setups::scene;

fn setup(task: &str, reward: &str) -> Setup {
    scene(task, "num_envs: 4, num_steps: 4", reward, "gamma: 0.99")
}

fn model(setup: &Setup) -> Mdp {
    setup.task.mdp(RowKey { seed: 1, env: 0, episode: 0 }).unwrap()
}

fn solve(task: &str, reward: &str) -> Result<RewardOptimum, LabError> {
    let setup = setup(task, reward);
    optimum(&setup, &model(&setup))
}

#[test]
fn the_best_policy_of_a_naive_reward_fails_and_that_of_a_shaped_one_does_not() {
    for task in ["Empty-8x8", "LavaGap-S7", "Unlock", "CliffWalking-v1", "Taxi-v3"] {
        for (reward, wanted) in [("sparse", 1.0), ("shaped", 1.0), ("naive", 0.0)] {
            let best = solve(task, &format!("\"{reward}\"")).unwrap();
            assert!((best.success - wanted).abs() < 1e-9, "{task} {reward}: {best:?}");
        }
    }
}

#[test]
fn values_are_the_returns_of_the_shortest_way() {
    // Eleven steps to the goal; the bonus is paid at the last of them.
    let best = solve("Empty-8x8", "\"sparse\"").unwrap();
    let expected = 0.99_f64.powi(10) * (1.0 - 0.9 * 11.0 / 256.0);
    assert!((best.value - expected).abs() < 1e-5, "{best:?}");
    assert_eq!(best.horizon, Some(256));
    let best = solve("CliffWalking-v1", "\"sparse\"").unwrap();
    let expected = -(0..13).map(|t| 0.99_f64.powi(t)).sum::<f64>();
    assert!((best.value - expected).abs() < 1e-4, "{best:?}");
    assert_eq!(best.horizon, None);
}

#[test]
fn a_potential_changes_values_by_its_start_and_nothing_else() {
    let (sparse, shaped) =
        (solve("CliffWalking-v1", "\"sparse\"").unwrap(), solve("CliffWalking-v1", "\"shaped\"").unwrap());
    // The start is eleven tiles from the goal, at weight -1.
    assert!((shaped.value - sparse.value - 11.0).abs() < 1e-3, "{sparse:?} {shaped:?}");
}

#[test]
fn the_lake_is_crossed_as_often_as_can_be() {
    let setup = setup("FrozenLake-v1", "\"sparse\"");
    let mdp = model(&setup);
    let (best, own) = (best_success(&mdp).unwrap(), optimum(&setup, &mdp).unwrap());
    assert!(own.success <= best && own.success > 0.95 * best, "{best} {own:?}");
}

#[test]
fn rewards_are_scored_as_the_ledger_scores_them() {
    let setup = setup("Taxi-v3", "\"mixed\"");
    let mdp = model(&setup);
    let scorer = TransitionScorer::new(setup.task.spec(), &setup.graphs[0], &mdp).unwrap();
    assert!(!scorer.reads_clock());
    let mut rewards = vec![0.0; mdp.num_transitions()];
    scorer.rewards(0, &mut rewards).unwrap();
    let catalog = setup.task.spec().catalog();
    let column = |name: &str, state: usize| f64::from(mdp.column(catalog.find(name).unwrap().0.0)[state]);
    for ((from, _), (&next, reward)) in mdp.sources().zip(mdp.next.iter().zip(&rewards)) {
        let next = next as usize;
        let gets_in = column("passenger_in_taxi", from) < 0.5 && column("passenger_in_taxi", next) > 0.5;
        let expected = -1.0 - 9.0 * column("refused", next)
            + 21.0 * column("delivered", next)
            + 5.0 * f64::from(u8::from(gets_in))
            + column("path_length", from)
            - 0.99 * column("path_length", next);
        assert!((reward - expected).abs() < 1e-4, "{from} -> {next}: {reward}, {expected}");
    }
}

#[test]
fn what_no_state_knows_is_refused() {
    let refused = |reward: &str| solve("FrozenLake-v1", reward).unwrap_err().to_string();
    let norm = r#"[(name: "a", kind: Distance(signal: "goal_distance"), stages: [RunningNorm()])]"#;
    assert!(refused(norm).contains("changes during training (`RunningNorm`)"));
    let cut = r#"[(name: "a", kind: Event(end: Truncated))]"#;
    assert!(refused(cut).contains("truncation"), "{}", refused(cut));
    let score = r#"[(name: "a", kind: Truth(source: FinalScore))]"#;
    assert!(refused(score).contains("the score"), "{}", refused(score));
    let action = r#"[(name: "a", kind: Progress(signal: "action"))]"#;
    assert!(refused(action).contains("the action before"), "{}", refused(action));
    assert!(solve("FrozenLake-v1", r#"[(name: "a", kind: Truth(source: Success))]"#).is_ok());
    let kinds = r#"[(name: "a", kind: Effort(), weight: -0.1), (name: "b", kind: Event(signal: "at_goal"))]"#;
    assert!(solve("FrozenLake-v1", kinds).is_ok());
}
