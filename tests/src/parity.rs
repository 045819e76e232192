//! The default sparse rewards pay what Gymnasium and MiniGrid recorded, float for float where they are f32 alike.

mod control;

use std::io::Read;

use carrot_lab::Setup;
use carrot_reward::{Ledger, Revision};
use carrot_sim::{VecEnv, VecEnvConfig};

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

#[test]
fn mini_grid_pays_the_same() {
    let data = fixture("minigrid_empty_8x8.bin.z");
    let word = |i: usize| u32::from_le_bytes(data[4 * i..4 * i + 4].try_into().unwrap()) as usize;
    let (episodes, steps, images) = (word(0), word(1), word(2));
    let mut at = 28 + images * 147 + 4 * episodes;
    let mut take = |count: usize| {
        at += count;
        &data[at - count..at]
    };
    let lengths: Vec<usize> =
        take(2 * episodes).chunks(2).map(|b| u16::from_le_bytes([b[0], b[1]]).into()).collect();
    take(3 * episodes + 192 * episodes + 2 * episodes);
    let actions = take(steps);
    take(3 * steps + 2 * steps);
    let rewards = floats(take(4 * steps));
    let (terminated, truncated) = (take(steps), take(steps));
    let mut first = 0;
    let recorded: Vec<Recorded> = lengths
        .iter()
        .map(|&length| {
            let span = first..first + length;
            first += length;
            Recorded {
                actions: actions[span.clone()].iter().map(|&a| f32::from(a)).collect(),
                rewards: rewards[span.clone()].to_vec(),
                ended: span.map(|i| (terminated[i] | truncated[i]) != 0).collect(),
            }
        })
        .collect();
    assert_eq!(recorded.len(), 200);
    assert!(rewards.iter().any(|&r| r > 0.5), "some episodes must succeed");
    compare(&scene("Empty-8x8", "num_envs: 4, num_steps: 4", "\"sparse\"", ""), &recorded, |_| {});
}
