//! What it costs a batch of 1,024 rows to publish the frames of 16 of them, as a share of a training's CPU time.
//! `cargo bench -p carrot_app --bench publish`; as a test it takes one turn on one scene.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints and stops where it cannot go on"
)]

use std::path::Path;
use std::sync::mpsc::sync_channel;

use carrot_lab::{ModelFiles, Setup, Trainer};
use carrot_learn::Device;
use carrot_reward::Revision;
use carrot_scene::Source;
use carrot_sim::{VecEnv, VecEnvConfig, random_action};

const SCENES: &[&str] = &["cart_pole", "door_key_8x8", "reach"];
/// Rows of the batch, rows that are watched, steps of a rollout.
const ROWS: usize = 1_024;
const WATCHED: usize = 16;
const STEPS: usize = 32;
/// Times that each is measured, in turn, and rollouts of one measurement: the kernel's clock is coarse.
const TURNS: usize = 5;
const ROLLOUTS: usize = 20;

fn main() {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let (scenes, turns) = if is_measured { (SCENES, TURNS) } else { (&SCENES[..1], 1) };
    println!(
        "{:>14} {:>16} {:>18} {:>18} {:>8}",
        "scene", "update, CPU ms", "rollout, watched", "not watched", "share"
    );
    for scene in scenes {
        let file =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenes").join(scene).with_extension("ron");
        let overrides =
            [format!("batch.num_envs={ROWS}"), format!("batch.num_steps={STEPS}"), "batch.shards=1".into()];
        let setup = Setup::read(&Source::read(&file).unwrap(), &overrides, ModelFiles::new()).unwrap();
        let config = VecEnvConfig {
            num_envs: ROWS,
            num_steps: STEPS,
            shards: 1,
            seed: 1,
            keep_signals: false,
            autoreset: true,
        };
        let mut envs = [WATCHED, 0].map(|watched| {
            let mut env = setup.build(config, &Revision::initial(&setup.graphs)).unwrap();
            env.watch(&(0..watched).collect::<Vec<_>>());
            env
        });
        let mut trainer = Trainer::new(setup.clone(), Device::Cpu).unwrap();
        let mut times: [Vec<f64>; 3] = Default::default();
        for _ in 0..turns {
            let [watched, alone] = &mut envs;
            times[0].push(cpu_millis(|| drop(trainer.update().unwrap())));
            times[1].push(cpu_millis(|| (0..ROLLOUTS).for_each(|_| publish(watched, &setup))));
            times[2].push(cpu_millis(|| (0..ROLLOUTS).for_each(|_| publish(alone, &setup))));
        }
        let [update, watched, alone] = times.map(median);
        let [watched, alone] = [watched, alone].map(|millis| millis / ROLLOUTS as f64);
        let share = 100.0 * (watched - alone) / update;
        println!("{scene:>14} {update:>16.2} {watched:>18.2} {alone:>18.2} {share:>6.2} %");
    }
}

/// A rollout of random actions; after each step the frames go to a consumer that drops them.
fn publish(env: &mut VecEnv, setup: &Setup) {
    let (outbox, inbox) = sync_channel(4);
    let space = &setup.task.spec().action;
    let mut actions = vec![0.0; ROWS * space.width()];
    env.begin_rollout();
    for step in 0..STEPS {
        for (key, action) in env.keys().iter().zip(actions.chunks_exact_mut(space.width())) {
            random_action(space, key.0, step as u32, action);
        }
        env.step(&actions).unwrap();
        outbox.try_send(env.frames()).unwrap();
        drop(inbox.try_recv());
    }
}

/// CPU time that this thread spends, in milliseconds.
fn cpu_millis(work: impl FnOnce()) -> f64 {
    let spent = || {
        let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        stat.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e6
    };
    let began = spent();
    work();
    spent() - began
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
