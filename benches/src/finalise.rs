//! Nanoseconds per env step of finalising a rollout, by number of terms. `cargo bench -p carrot_benches`.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints and stops where it cannot go on"
)]

use std::time::Instant;

use carrot_lab::{Setup, Source};
use carrot_reward::{Ledger, Revision, RewardModels};

const NUM_ENVS: usize = 4096;
const NUM_STEPS: usize = 32;
const REPEATS: u32 = 50;

fn main() {
    println!("{:>6} {:>24}", "terms", "ns per env step, 1 core");
    for terms in [1, 2, 4, 8, 16] {
        let term = |i: usize| {
            format!(
                "(name: \"t{i}\", kind: Tolerance(signal: \"pole_angle\", bounds: (-0.0{i}, 0.1), margin: 0.2), weight: 0.5)"
            )
        };
        let list: Vec<String> = (0..terms).map(term).collect();
        let text = format!(
            "(version: 1, task: \"CartPole-v1\", batch: (num_envs: {NUM_ENVS}, num_steps: {NUM_STEPS}, shards: 1),
              reward: [{}], recording: (envs: 0))",
            list.join(",")
        );
        let setup = Setup::read::<&str>(&Source::new("benchmark", text), &[], Default::default()).unwrap();
        let revision = Revision::initial(&setup.graphs);
        let mut env = setup.build(setup.batch(), &revision).unwrap();
        let actions = vec![1.0; NUM_ENVS];
        env.begin_rollout();
        (0..NUM_STEPS).for_each(|_| env.step(&actions).unwrap());
        let mut ledger = Ledger::new(&setup.graphs, NUM_STEPS, NUM_ENVS);
        let (catalog, mut models) = (env.catalog().clone(), RewardModels::new());
        let start = Instant::now();
        for _ in 0..REPEATS {
            env.finalise_with(|r| ledger.finalise(&setup.graphs, &revision, &mut models, &catalog, r))
                .unwrap();
        }
        let steps = f64::from(REPEATS) * (NUM_ENVS * NUM_STEPS) as f64;
        println!("{terms:>6} {:>24.2}", start.elapsed().as_secs_f64() * 1e9 / steps);
    }
}
