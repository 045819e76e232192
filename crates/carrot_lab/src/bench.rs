//! Speed of stepping: the whole path of a rollout, without a learner.

use std::time::Instant;

use carrot_reward::{Ledger, Revision, RewardModels};
use carrot_scene::Source;
use carrot_sim::{RowKey, VecEnvConfig, random_action};
use serde::Serialize;

use crate::error::LabError;
use crate::setup::{ModelFiles, Setup};

/// Steps of a benchmarked rollout.
const NUM_STEPS: usize = 32;
/// Batches of random actions that are used in turn.
const ACTION_BATCHES: usize = 16;

/// What is measured.
#[derive(Debug, Clone, Serialize)]
pub struct StepBench {
    /// Task.
    pub task: String,
    /// Reward: a name of the task's, RON text of a list of terms, or none at all.
    pub reward: Option<String>,
    /// Rows.
    pub num_envs: usize,
    /// Worlds, one thread each.
    pub shards: usize,
    /// Seconds per window.
    pub window_secs: f64,
    /// Windows.
    pub windows: usize,
}

/// What was seen.
#[derive(Debug, Clone, Serialize)]
pub struct StepRate {
    /// What was measured.
    pub bench: StepBench,
    /// Env steps per second: median over windows.
    pub median: f64,
    /// Slowest window.
    pub min: f64,
    /// Fastest window.
    pub max: f64,
}

/// Terms of the CartPole benchmark: one of each common shape.
pub const FOUR_TERMS: &str = r#"[
    (name: "alive", kind: Alive()),
    (name: "upright", kind: Tolerance(signal: "pole_angle", bounds: (-0.05, 0.05), margin: 0.2)),
    (name: "centred", kind: Distance(signal: "cart_position"), weight: -0.1),
    (name: "steady", kind: Threshold(signal: "pole_velocity", above: -0.5, below: 0.5), weight: 0.5),
]"#;

/// Measures windows of whole rollouts with random actions; autoreset, observations and, with a reward, raw
/// columns, ledger and finalise are all in.
///
/// # Errors
/// When the task or reward is unknown or a step fails.
pub fn run_step_bench(bench: &StepBench) -> Result<StepRate, LabError> {
    let reward = bench.reward.as_deref();
    let text = match reward {
        Some(reward) if reward.trim_start().starts_with('[') => reward.to_string(),
        Some(name) => format!("\"{name}\""),
        None => "[(name: \"alive\", kind: Alive())]".to_string(),
    };
    let scene = format!(
        "(version: 1, task: \"{}\", batch: (num_envs: {}, num_steps: {NUM_STEPS}), reward: {text}, recording: (envs: 0))",
        bench.task, bench.num_envs
    );
    let mut setup = Setup::read::<&str>(&Source::new("benchmark", scene), &[], ModelFiles::new())?;
    if reward.is_none() {
        setup.graphs.clear();
    }
    let revision = Revision::initial(&setup.graphs);
    let config = VecEnvConfig { shards: bench.shards, ..setup.batch() };
    let mut env = setup.build(config, &revision)?;
    let mut ledger = Ledger::new(&setup.graphs, NUM_STEPS, bench.num_envs);
    let (catalog, mut models) = (env.catalog().clone(), RewardModels::new());
    let actions = random_actions(&setup, bench.num_envs);
    let mut rollout = |env: &mut carrot_sim::VecEnv| -> Result<(), LabError> {
        env.begin_rollout();
        env.on_threads(|env| (0..NUM_STEPS).try_for_each(|t| env.step(&actions[t % ACTION_BATCHES])))?;
        if !setup.graphs.is_empty() {
            env.finalise_with(|rollout| {
                ledger.finalise(&setup.graphs, &revision, &mut models, &catalog, rollout)
            })?;
        }
        Ok(())
    };
    let mut rates = Vec::with_capacity(bench.windows);
    // The first window warms up.
    for window in 0..=bench.windows {
        let (start, mut steps) = (Instant::now(), 0_usize);
        while start.elapsed().as_secs_f64() < bench.window_secs {
            rollout(&mut env)?;
            steps += NUM_STEPS * bench.num_envs;
        }
        if window > 0 {
            rates.push(steps as f64 / start.elapsed().as_secs_f64());
        }
    }
    rates.sort_by(f64::total_cmp);
    Ok(StepRate {
        bench: bench.clone(),
        median: rates[rates.len() / 2],
        min: rates[0],
        max: rates[rates.len() - 1],
    })
}

fn random_actions(setup: &Setup, num_envs: usize) -> Vec<Vec<f32>> {
    let space = &setup.task.spec().action;
    let width = space.width();
    (0..ACTION_BATCHES)
        .map(|batch| {
            let mut actions = vec![0.0; num_envs * width];
            for (env, action) in actions.chunks_mut(width).enumerate() {
                let key = RowKey { seed: 1, env: env as u32, episode: 0 };
                random_action(space, key, batch as u32, action);
            }
            actions
        })
        .collect()
}
