//! The default sparse rewards pay what Gymnasium and MiniGrid recorded, float for float where they are f32 alike.

mod control;

use std::io::Read;

use carrot_lab::Setup;
use carrot_lab::mdp::TransitionScorer;
use carrot_reward::{Ledger, Revision};
use carrot_sim::{Intervention, RowKey, VecEnv, VecEnvConfig};

use super::setups::scene;

fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(path).unwrap();
    if !name.ends_with(".z") {
        return bytes;
    }
    let mut plain = Vec::new();
    flate2::read::ZlibDecoder::new(bytes.as_slice()).read_to_end(&mut plain).unwrap();
    plain
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

/// One recorded episode: actions, and per step the reward and whether the episode ended there.
struct Recorded {
    actions: Vec<f32>,
    rewards: Vec<f32>,
    ended: Vec<bool>,
}

/// Plays one episode per row and compares rewards and ends, to the end of each.
fn compare(setup: &Setup, episodes: &[Recorded], prepare: impl Fn(&mut VecEnv)) {
    let num_steps = episodes.iter().map(|e| e.actions.len()).max().unwrap();
    let n = episodes.len();
    let config =
        VecEnvConfig { num_envs: n, num_steps, shards: 2, seed: 1, keep_signals: false, autoreset: true };
    let revision = Revision::initial(&setup.graphs);
    let mut env = setup.build(config, &revision).unwrap();
    prepare(&mut env);
    env.begin_rollout();
    for t in 0..num_steps {
        let actions: Vec<f32> = episodes.iter().map(|e| e.actions.get(t).copied().unwrap_or(0.0)).collect();
        env.step(&actions).unwrap();
    }
    let mut ledger = Ledger::new(&setup.graphs, num_steps, n);
    let catalog = env.catalog().clone();
    env.finalise_with(|r| ledger.finalise(&setup.graphs, &revision, &mut Default::default(), &catalog, r))
        .unwrap();
    let rollout = env.rollout();
    for (row, episode) in episodes.iter().enumerate() {
        for t in 0..episode.actions.len() {
            let cell = t * n + row;
            let paid = ledger.graphs[0].total(t, 0)[row];
            assert_eq!(paid.to_bits(), episode.rewards[t].to_bits(), "episode {row} step {t}: {paid}");
            assert_eq!(
                rollout.terminated[cell] | rollout.truncated[cell],
                episode.ended[t],
                "episode {row} step {t}"
            );
        }
    }
}

/// What a MiniGrid file holds of its episodes: the layout of each as a handle takes it, actions, rewards and ends.
fn minigrid_episodes(name: &str) -> (Vec<Vec<f32>>, Vec<Recorded>) {
    let data = fixture(name);
    let word = |i: usize| u32::from_le_bytes(data[4 * i..4 * i + 4].try_into().unwrap()) as usize;
    let (episodes, steps, images, cells) = (word(0), word(1), word(2), word(3) * word(4));
    let mut at = 28 + images * 147 + 4 * episodes;
    let mut take = |count: usize| {
        at += count;
        &data[at - count..at]
    };
    let lengths = shorts(take(2 * episodes));
    let (agents, grids) = (take(3 * episodes), take(3 * cells * episodes));
    take(2 * episodes);
    let actions = take(steps);
    take(3 * steps + 2 * steps);
    let rewards = floats(take(4 * steps));
    let (terminated, truncated) = (take(steps), take(steps));
    let layout = |e: usize| {
        let codes = grids[e * 3 * cells..][..3 * cells].iter().chain(&agents[e * 3..][..3]);
        codes.map(|&number| f32::from(number)).collect()
    };
    let recorded = recorded(&lengths, actions, &rewards, terminated, truncated);
    ((0..episodes).map(layout).collect(), recorded)
}

/// Cuts the columns of all steps into episodes.
fn recorded(
    lengths: &[usize],
    actions: &[u8],
    rewards: &[f32],
    terminated: &[u8],
    truncated: &[u8],
) -> Vec<Recorded> {
    let mut first = 0;
    let episodes = lengths.iter().map(|&length| {
        let span = first..first + length;
        first += length;
        Recorded {
            actions: actions[span.clone()].iter().map(|&a| f32::from(a)).collect(),
            rewards: rewards[span.clone()].to_vec(),
            ended: span.map(|i| (terminated[i] | truncated[i]) != 0).collect(),
        }
    });
    episodes.collect()
}

fn shorts(bytes: &[u8]) -> Vec<usize> {
    bytes.chunks(2).map(|b| u16::from_le_bytes([b[0], b[1]]).into()).collect()
}

/// Sets one handle of every row before the first step.
fn place(env: &mut VecEnv, handle: &str, values: &[Vec<f32>]) {
    for (row, values) in values.iter().enumerate() {
        env.intervene(Intervention { row, handle: handle.into(), values: values.clone() }).unwrap();
    }
}

#[test]
fn mini_grid_pays_the_same() {
    for (task, file) in [
        ("Empty-8x8", "minigrid_empty_8x8.bin.z"),
        ("DoorKey-8x8", "minigrid_door_key_8x8.bin.z"),
        ("DoorKey-16x16", "minigrid_door_key_16x16.bin.z"),
        ("FourRooms", "minigrid_four_rooms.bin.z"),
        ("LavaGap-S7", "minigrid_lava_gap.bin.z"),
        ("LavaCrossing", "minigrid_lava_crossing.bin.z"),
        ("MultiRoom-N4", "minigrid_multi_room.bin.z"),
        ("Unlock", "minigrid_unlock.bin.z"),
        ("KeyCorridor-S3R3", "minigrid_key_corridor.bin.z"),
    ] {
        let (layouts, episodes) = minigrid_episodes(file);
        assert!(episodes.len() >= 100);
        assert!(episodes.iter().flat_map(|e| &e.rewards).any(|&r| r > 0.5), "some episodes must succeed");
        let setup = scene(task, "num_envs: 4, num_steps: 4", "\"sparse\"", "");
        compare(&setup, &episodes, |env| place(env, "layout", &layouts));
    }
}

#[test]
fn obstacles_pay_the_goal_and_cost_a_collision() {
    let setup = scene("Dynamic-Obstacles-8x8", "num_envs: 50, num_steps: 100", "\"sparse\"", "");
    let revision = Revision::initial(&setup.graphs);
    let mut env = setup.build(setup.batch(), &revision).unwrap();
    let mut actions = Vec::new();
    env.begin_rollout();
    for _ in 0..100 {
        super::setups::random_actions(&mut env, &mut actions);
        env.step(&actions).unwrap();
    }
    let mut ledger = Ledger::new(&setup.graphs, 100, 50);
    let catalog = env.catalog().clone();
    env.finalise_with(|r| ledger.finalise(&setup.graphs, &revision, &mut Default::default(), &catalog, r))
        .unwrap();
    let rollout = env.rollout();
    let collision = setup.task.spec().find_cause("collided").unwrap();
    for (cell, &paid) in ledger.graphs[0].totals[0].iter().enumerate() {
        let cost = if rollout.cause[cell] == collision { 1.0 } else { 0.0 };
        assert_eq!(paid, rollout.score[cell] - cost);
    }
    assert!(rollout.cause.iter().filter(|&&cause| cause == collision).count() > 50);
}

#[test]
fn tables_pay_the_same_for_every_transition_and_in_episodes() {
    for (task, file, is_random) in [
        ("FrozenLake-v1", "frozen_lake_4x4.bin.z", true),
        ("FrozenLake8x8-v1", "frozen_lake_8x8.bin.z", true),
        ("CliffWalking-v1", "cliff_walking.bin.z", false),
        ("Taxi-v3", "taxi.bin.z", false),
    ] {
        let data = fixture(file);
        let word = |i: usize| u32::from_le_bytes(data[4 * i..4 * i + 4].try_into().unwrap()) as usize;
        let [states, num_actions, transitions, episodes, steps] = [0, 1, 2, 3, 4].map(word);
        let mut at = 20;
        let mut take = |count: usize| {
            at += count;
            &data[at - count..at]
        };
        let counts = take(states * num_actions).to_vec();
        take(10 * transitions);
        let rewards = floats(take(4 * transitions));
        take(transitions);
        let setup = scene(task, "num_envs: 4, num_steps: 4", "\"sparse\"", "");
        let mdp = setup.task.mdp(RowKey { seed: 0, env: 0, episode: 0 }).unwrap();
        let mut own = vec![0.0; mdp.num_transitions()];
        let scorer = TransitionScorer::new(setup.task.spec(), &setup.graphs[0], &mdp).unwrap();
        scorer.rewards(0, &mut own).unwrap();
        let mut first = 0;
        for (cell, &count) in counts.iter().enumerate() {
            let theirs = &rewards[first..first + usize::from(count)];
            first += usize::from(count);
            let (state, action) = (cell / num_actions, cell % num_actions);
            if !mdp.is_terminal(state) {
                let ours: Vec<f32> = mdp.outcomes(state, action).map(|t| own[t] as f32).collect();
                assert_eq!(ours, theirs, "{task}: state {state}, action {action}");
            }
        }
        let starts: Vec<Vec<f32>> = shorts(take(2 * episodes)).iter().map(|&s| vec![s as f32]).collect();
        let lengths = shorts(take(2 * episodes));
        let actions = take(steps);
        take(2 * steps);
        let rewards = floats(take(4 * steps));
        let (terminated, truncated) = (take(steps), take(steps));
        let episodes = recorded(&lengths, actions, &rewards, terminated, truncated);
        if !is_random {
            compare(&setup, &episodes, |env| place(env, "state", &starts));
        }
    }
}
