//! Prints env-steps per second of a task with random actions: one shard, rollouts of 32 steps.
//!
//! `cargo run --release -p carrot_tasks --example step_speed -- CartPole-v1 [rows ...]`
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to its user")]

use std::time::{Duration, Instant};

use carrot_sim::{RowKey, SimError, VecEnv, VecEnvConfig, random_action};

const NUM_STEPS: usize = 32;
const MEASURED: Duration = Duration::from_secs(1);

fn main() -> Result<(), SimError> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "CartPole-v1".into());
    let rows: Vec<usize> = arguments.filter_map(|n| n.parse().ok()).collect();
    let rows = if rows.is_empty() { vec![64, 1024, 4096, 16384] } else { rows };
    let Some(task) = carrot_tasks::build_task(&name) else {
        eprintln!("unknown task `{name}`, known: {}", carrot_tasks::task_names().join(", "));
        return Ok(());
    };
    for num_envs in rows {
        let space = &task.spec().action;
        let width = space.width();
        let mut actions = vec![0.0; NUM_STEPS * num_envs * width];
        for (i, action) in actions.chunks_exact_mut(width).enumerate() {
            let key = RowKey { seed: 1, env: (i % num_envs) as u32, episode: 0 };
            random_action(space, key, (i / num_envs) as u32, action);
        }
        let config = VecEnvConfig {
            num_envs,
            num_steps: NUM_STEPS,
            shards: 1,
            seed: 1,
            keep_signals: false,
            autoreset: true,
        };
        let mut env = VecEnv::new(task.clone(), config, &|_| {})?;
        let (mut best, start) = (0.0_f64, Instant::now());
        while start.elapsed() < MEASURED {
            // The fastest of many short runs: other work on the machine only ever slows a run down.
            let rollouts = (1 << 18) / (NUM_STEPS * num_envs) + 1;
            let run = Instant::now();
            for _ in 0..rollouts {
                env.begin_rollout();
                for step in actions.chunks_exact(num_envs * width) {
                    env.step(step)?;
                }
            }
            best = best.max((rollouts * NUM_STEPS * num_envs) as f64 / run.elapsed().as_secs_f64());
        }
        println!("{name} {num_envs:>6} rows: {:>8.2} M env-steps/s", best / 1e6);
    }
    Ok(())
}
