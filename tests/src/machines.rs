//! Reward machines in a batch: their state follows the signals, begins anew with the episode, is part of snapshots,
//! observations and frames, and of the exact model.

use std::sync::atomic::AtomicBool;

use carrot_lab::mdp::{best_success, optimum};
use carrot_lab::rescore::{read_episodes, rescore_run};
use carrot_lab::{Run, RunOptions, Setup};
use carrot_reward::Revision;
use carrot_sim::{PartSlice, RowKey, ScriptView, VecEnv, VecEnvConfig};

use super::setups::{STAGES, random_actions, scene};

fn setup(reward: &str) -> Setup {
    scene("DoorKey-8x8", "num_envs: 4, num_steps: 4", reward, "")
}

fn build(setup: &Setup, rows: usize) -> VecEnv {
    let config = VecEnvConfig {
        num_envs: rows,
        num_steps: 50,
        shards: 1,
        seed: 21,
        keep_signals: true,
        autoreset: true,
    };
    setup.build(config, &Revision::initial(&setup.graphs)).unwrap()
}

/// The expert in every other row, chance in the rest: both reach what the other does not.
fn mixed_actions(env: &mut VecEnv, actions: &mut Vec<f32>) {
    random_actions(env, actions);
    let (keys, catalog) = (env.keys(), env.catalog().clone());
    let expert = env.task().spec().script("expert").unwrap();
    let world = env.shards()[0].world();
    let signals = world.resource::<carrot_sim::Signals>().before();
    for (row, &(key, step)) in keys.iter().enumerate().step_by(2) {
        let view = ScriptView { signals, catalog: &catalog, world, row, step, key };
        (expert.act)(&view, &mut actions[row..=row]);
    }
}

/// One row of the state before the next step, by signal name.
fn signal(env: &VecEnv, name: &str, row: usize) -> f32 {
    let (id, _) = env.catalog().find(name).unwrap();
    env.shards()[0].world().resource::<carrot_sim::Signals>().before().get(id, 0)[row]
}

#[test]
fn the_state_follows_the_signals_and_begins_anew() {
    let setup = setup(STAGES);
    let (rows, mut actions, mut visited) = (64, Vec::new(), [0; 4]);
    let mut env = build(&setup, rows);
    let mut states = vec![0_u8; rows];
    let mut ended = 0;
    for _ in 0..15 {
        env.begin_rollout();
        for t in 0..50 {
            mixed_actions(&mut env, &mut actions);
            env.step(&actions).unwrap();
            let rollout = env.rollout();
            let now = rollout.signals_now(t).unwrap();
            let column = |name: &str| now.get(env.catalog().find(name).unwrap().0, 0);
            for row in 0..rows {
                let set = |name: &str| column(name)[row] == 1.0;
                states[row] = match states[row] {
                    0 if set("has_key") => 1,
                    1 if set("door_open") => 2,
                    1 if !set("has_key") => 0,
                    2 if set("at_goal") => 3,
                    same => same,
                };
                assert_eq!(column("stage")[row], f32::from(states[row]), "step {t} row {row}");
                visited[usize::from(states[row])] += 1;
                let cell = t * rows + row;
                if rollout.terminated[cell] || rollout.truncated[cell] {
                    states[row] = 0;
                    ended += 1;
                }
                assert_eq!(signal(&env, "stage", row), f32::from(states[row]));
            }
            let parts: Vec<PartSlice<'_>> = env.current_obs();
            let PartSlice::F32(shown) = parts[parts.len() - 1] else { panic!("floats") };
            for (row, own) in shown.chunks(4).enumerate() {
                assert!(own.iter().enumerate().all(|(s, &x)| (x == 1.0) == (s == usize::from(states[row]))));
            }
        }
    }
    assert!(ended > 0 && visited.iter().all(|&steps| steps > 0), "{ended} ends, steps per state {visited:?}");
}

#[test]
fn the_state_is_part_of_snapshots_and_frames() {
    let setup = setup(STAGES);
    let (rows, mut actions) = (32, Vec::new());
    let mut env = build(&setup, rows);
    let step = |env: &mut VecEnv, actions: &mut Vec<f32>| {
        env.begin_rollout();
        mixed_actions(env, actions);
        env.step(actions).unwrap();
    };
    let row = loop {
        step(&mut env, &mut actions);
        if let Some(row) = (0..rows).find(|&row| signal(&env, "stage", row) >= 1.0) {
            break row;
        }
    };
    let saved = env.save().unwrap();
    let follow = |env: &mut VecEnv, actions: &mut Vec<f32>| {
        let stages = (0..300).map(|_| {
            step(env, actions);
            (0..rows).map(|row| signal(env, "stage", row)).collect::<Vec<f32>>()
        });
        stages.collect::<Vec<_>>()
    };
    let first = follow(&mut env, &mut actions);
    env.load(&saved).unwrap();
    assert!(signal(&env, "stage", row) >= 1.0);
    assert!(first == follow(&mut env, &mut actions));
    assert!(first.iter().any(|stages| *stages != first[0]), "the machines moved");
    let frame = env.shards_mut()[0].frame(row).unwrap();
    let column = env.catalog().find("stage").unwrap().0.0;
    assert_eq!(frame.signals[column], signal(&env, "stage", row));
}

#[test]
fn episodes_that_tracked_no_machine_are_scored_under_one() {
    let reward = "\"shaped\"";
    let learner = "total_steps: 4608, update_epochs: 1, hidden: [8], gamma: 0.99";
    let setup = scene("Empty-8x8", "num_envs: 8, num_steps: 64, seed: 3", reward, learner);
    let folder = tempfile::tempdir().unwrap();
    let mut run = Run::start(setup.clone(), &RunOptions::below(folder.path())).unwrap();
    assert!(run.train(&AtomicBool::new(false), |_| {}).unwrap());
    let path = run.path().to_owned();
    drop(run);
    let file = carrot_lab::Source::new(
        "mine.ron",
        r#"[Machine(name: "side", states: [
            (name: "left", reward: 0.25, edges: [(to: "right", when: "agent_x > 3.5", reward: 1)]),
            (name: "right", edges: [(to: "left", when: "agent_x < 1.5", reward: -1)], accept: true),
        ])]"#,
    );
    let scored = rescore_run(&path, Some(&file)).unwrap();
    let episodes = read_episodes(&path).unwrap();
    assert!(!episodes.is_empty() && scored.len() == episodes.len());
    let catalog = setup.task.spec().catalog();
    let column = catalog.find("agent_x").unwrap().0.0;
    for (scored, episode) in scored.iter().zip(&episodes) {
        let (mut right, mut expected) = (false, 0.0);
        for t in 1..=episode.steps {
            expected += if right { 0.0 } else { 0.25 };
            let x = episode.signals[t * catalog.width() + column];
            if !right && x > 3.5 {
                (right, expected) = (true, expected + 1.0);
            } else if right && x < 1.5 {
                (right, expected) = (false, expected - 1.0);
            }
        }
        assert!(
            (scored.rescored_return - expected).abs() < 1e-4,
            "{} is not {expected}",
            scored.rescored_return
        );
    }
}

#[test]
fn a_shadow_tracks_its_machine_without_showing_it() {
    let plain = setup("\"sparse\"");
    let shadowed = setup(&format!("\"sparse\", shadows: {{\"stages\": {STAGES}}}"));
    assert_eq!(plain.task.spec().observation, shadowed.task.spec().observation);
    assert!(shadowed.task.spec().catalog().find("stage").is_some());
    let observed = setup(STAGES).task.spec().observation.len();
    assert_eq!(observed, plain.task.spec().observation.len() + 1);
    let run = |setup: &Setup| {
        let (mut env, mut actions) = (build(setup, 16), Vec::new());
        env.begin_rollout();
        for _ in 0..50 {
            random_actions(&mut env, &mut actions);
            env.step(&actions).unwrap();
        }
        (env.rollout().obs.clone(), env.rollout().terminated.clone())
    };
    assert!(run(&plain) == run(&shadowed), "watching changes no number");
}

#[test]
fn the_exact_model_knows_the_machine() {
    let key = RowKey { seed: 1, env: 0, episode: 0 };
    let (plain, staged) = (setup("\"sparse\""), setup(STAGES));
    let (small, product) = (plain.task.mdp(key).unwrap(), staged.task.mdp(key).unwrap());
    assert!(product.num_states() >= small.num_states());
    assert!((best_success(&small).unwrap() - best_success(&product).unwrap()).abs() < 1e-9);
    let best = optimum(&staged, &product).unwrap();
    assert!((best.success - 1.0).abs() < 1e-9, "{best:?}");
}
