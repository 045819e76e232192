//! The ledger replays to the learner's float, bit for bit, and success never depends on reward.

use carrot_lab::Setup;
use carrot_reward::{Ledger, Revision, RewardModels, RolloutView, first_difference};
use carrot_sim::VecEnvConfig;

use super::setups::{BUSY_CART_POLE, EXPRESSIONS, STAGES, full, random_actions, scene};

/// Steps random actions and replays every float of every rollout.
fn replay(setup: &Setup, num_envs: usize, env_steps: usize) {
    let num_steps = 50;
    let config =
        VecEnvConfig { num_envs, num_steps, shards: 2, seed: 11, keep_signals: false, autoreset: true };
    let mut revision = Revision::initial(&setup.graphs);
    let mut env = setup.build(config, &revision).unwrap();
    let mut ledger = Ledger::new(&setup.graphs, num_steps, num_envs);
    let (catalog, mut models, mut actions) = (env.catalog().clone(), RewardModels::new(), Vec::new());
    let mut taken = 0;
    while taken < env_steps {
        env.begin_rollout();
        for _ in 0..num_steps {
            random_actions(&mut env, &mut actions);
            env.step(&actions).unwrap();
        }
        env.finalise_with(|r| ledger.finalise(&setup.graphs, &revision, &mut models, &catalog, r)).unwrap();
        let difference = first_difference(&setup.graphs, &revision, &ledger, env.rollout());
        assert_eq!(difference, None, "(t, row) after {taken} env steps");
        taken += num_steps * num_envs;
        revision = revision.after(&setup.graphs, &RolloutView::new(env.rollout()), taken as u64);
        assert!(env.shards().iter().all(|shard| shard.row_archetypes() == 1));
    }
    assert!(taken >= env_steps);
}

#[test]
fn a_million_cart_pole_steps_replay() {
    replay(&scene("CartPole-v1", "num_envs: 4, num_steps: 4", BUSY_CART_POLE, ""), 1000, 1_000_000);
}

#[test]
fn expressions_replay() {
    let steps = if full() { 1_000_000 } else { 100_000 };
    replay(&scene("CartPole-v1", "num_envs: 4, num_steps: 4", EXPRESSIONS, ""), 1000, steps);
}

#[test]
fn stages_replay() {
    let steps = if full() { 1_000_000 } else { 50_000 };
    replay(&scene("DoorKey-8x8", "num_envs: 4, num_steps: 4", STAGES, ""), 100, steps);
}

#[test]
fn a_million_grid_steps_replay() {
    replay(&scene("Empty-8x8", "num_envs: 4, num_steps: 4", "\"mixed\"", ""), 1000, 1_000_000);
}

#[test]
fn physics_steps_replay() {
    let steps = if full() { 1_000_000 } else { 20_000 };
    replay(&scene("Reach", "num_envs: 4, num_steps: 4", "\"mixed\"", ""), 100, steps);
}

#[test]
fn truth_and_ends_do_not_depend_on_the_reward() {
    let run = |reward: &str| {
        let setup = scene("MountainCar-v0", "num_envs: 32, num_steps: 100", reward, "");
        let revision = Revision::initial(&setup.graphs);
        let mut env = setup.build(setup.batch(), &revision).unwrap();
        let mut actions = Vec::new();
        env.begin_rollout();
        let mut seen = Vec::new();
        for _ in 0..3 {
            for _ in 0..100 {
                random_actions(&mut env, &mut actions);
                env.step(&actions).unwrap();
            }
            let r = env.rollout();
            seen.push((
                r.terminated.clone(),
                r.truncated.clone(),
                r.cause.clone(),
                r.success.clone(),
                r.score.clone(),
                r.obs.clone(),
            ));
            env.begin_rollout();
        }
        seen
    };
    assert!(run("\"sparse\"") == run("\"naive\""));
}
