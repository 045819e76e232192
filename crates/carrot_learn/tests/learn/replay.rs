//! What is drawn from a replay buffer, held against the rollouts that went in.

use carrot_learn::replay::{Replay, ReplayLayout, Sample};
use carrot_sim::{CAUSE_FAULT, PartData, Rollout, RowKey, Stream, VecEnv, random_action};

use crate::matching::{NUM_ENVS, NUM_STEPS, Show, batch};

const GAMMA: f32 = 0.5;

/// A buffer and all rollouts that went in; the reward of a step is its number.
struct Filled {
    replay: Replay,
    rollouts: Vec<Rollout>,
}

fn layout(env: &VecEnv, slots: usize) -> ReplayLayout {
    ReplayLayout {
        num_envs: NUM_ENVS,
        slots,
        observation: env.task().spec().observation.clone(),
        action_width: 1,
        raw_columns: 0,
        signal_columns: 0,
    }
}

impl Filled {
    fn new(rollouts: usize, slots: usize) -> Self {
        let mut env = batch(Show::Category, 1);
        let mut filled = Self { replay: Replay::new(layout(&env, slots)).unwrap(), rollouts: Vec::new() };
        for _ in 0..rollouts {
            env.begin_rollout();
            for _ in 0..NUM_STEPS {
                let space = env.task().spec().action.clone();
                let mut actions = vec![0.0; NUM_ENVS];
                for ((key, step), action) in env.keys().into_iter().zip(actions.chunks_mut(1)) {
                    random_action(&space, key, step, action);
                    // Every now and then a fault.
                    if key.env == 9 && key.episode % 3 == 1 && step == 2 {
                        action[0] = f32::NAN;
                    }
                }
                env.step(&actions).unwrap();
            }
            let first = filled.rollouts.len() * NUM_STEPS * NUM_ENVS;
            let rewards: Vec<f32> = (first..first + NUM_STEPS * NUM_ENVS).map(|i| i as f32).collect();
            filled.replay.push(env.rollout(), &rewards, filled.rollouts.len() as u32).unwrap();
            filled.rollouts.push(env.rollout().clone());
        }
        filled
    }

    /// Rollout and cell of step number `i`.
    fn at(&self, i: usize) -> (&Rollout, usize) {
        let size = NUM_STEPS * NUM_ENVS;
        (&self.rollouts[i / size], i % size)
    }

    fn steps(&self) -> usize {
        self.rollouts.len() * NUM_STEPS * NUM_ENVS
    }

    /// What follows step `i`: its final observation, or the next one.
    fn successor(&self, i: usize) -> (u8, f32) {
        let (rollout, cell) = self.at(i);
        match rollout.end_at(cell / NUM_ENVS, cell % NUM_ENVS) {
            Some(end) => shown(&rollout.final_obs, end),
            None => shown(&rollout.obs, cell + NUM_ENVS),
        }
    }

    fn draw(&self, n_steps: usize) -> Sample {
        let mut rng = RowKey { seed: 2, env: 0, episode: 0 }.rng(Stream::Learner);
        self.replay.sample(&mut rng, 3_000, n_steps, GAMMA).unwrap()
    }
}

fn shown(parts: &[PartData], row: usize) -> (u8, f32) {
    (parts[0].u8()[row], parts[1].f32()[row])
}

#[test]
fn single_steps_are_those_that_went_in() {
    let filled = Filled::new(3, 1_000);
    let sample = filled.draw(1);
    let mut ends = [0, 0];
    for row in 0..sample.rewards.len() {
        let i = sample.rewards[row] as usize;
        let (rollout, cell) = filled.at(i);
        assert_ne!(rollout.cause[cell], CAUSE_FAULT);
        assert_eq!(shown(&sample.obs, row), shown(&rollout.obs, cell));
        assert_eq!(shown(&sample.next_obs, row), filled.successor(i));
        assert_eq!(sample.actions[row], rollout.actions[cell]);
        assert_eq!(sample.discounts[row], if rollout.terminated[cell] { 0.0 } else { GAMMA });
        ends[0] += usize::from(rollout.terminated[cell]);
        ends[1] += usize::from(rollout.truncated[cell]);
    }
    assert!(ends.iter().all(|&count| count > 50), "{ends:?}");
}

#[test]
fn several_steps_stop_at_ends_at_faults_and_at_the_newest_step() {
    let filled = Filled::new(3, 1_000);
    // The same draws, so that the single steps tell where the others begin.
    let (single, several) = (filled.draw(1), filled.draw(4));
    let mut lengths = [0; 5];
    for row in 0..single.rewards.len() {
        let (mut i, mut reward, mut discount, mut bootstrap) = (single.rewards[row] as usize, 0.0, 1.0, true);
        let mut length = 0;
        loop {
            let (rollout, cell) = filled.at(i);
            reward += discount * i as f32;
            discount *= GAMMA;
            length += 1;
            bootstrap &= !rollout.terminated[cell];
            let after = i + NUM_ENVS;
            let last = after >= filled.steps() || rollout.truncated[cell] || length == 4 || !bootstrap;
            if last || filled.at(after).0.cause[filled.at(after).1] == CAUSE_FAULT {
                break;
            }
            i = after;
        }
        lengths[length] += 1;
        assert_eq!(several.rewards[row], reward);
        assert_eq!(several.discounts[row], if bootstrap { discount } else { 0.0 });
        assert_eq!(shown(&several.next_obs, row), filled.successor(i));
        assert_eq!(shown(&several.obs, row), shown(&single.obs, row));
    }
    assert!(lengths[1..].iter().all(|&count| count > 50), "{lengths:?}");
}

#[test]
fn the_oldest_steps_make_room() {
    let filled = Filled::new(5, 20);
    assert_eq!(filled.replay.len(), 20 * NUM_ENVS);
    let oldest = filled.steps() - 20 * NUM_ENVS;
    let (rewards, revisions) = filled.replay.rewards();
    assert_eq!(rewards, (oldest..filled.steps()).map(|i| i as f32).collect::<Vec<f32>>());
    assert_eq!(revisions, [[3; 4].as_slice(), &[4; 16]].concat());
    let sample = filled.draw(1);
    for row in 0..sample.rewards.len() {
        let i = sample.rewards[row] as usize;
        assert!(i >= oldest);
        assert_eq!(shown(&sample.next_obs, row), filled.successor(i));
    }
}

#[test]
fn a_buffer_survives_saving_and_is_refused_elsewhere() {
    for (rollouts, slots) in [(0, 20), (1, 20), (5, 20)] {
        let filled = Filled::new(rollouts, slots);
        let mut parts = Default::default();
        filled.replay.save(&mut parts).unwrap();
        let loaded = filled.replay.loaded(&parts).unwrap();
        let mut again = Default::default();
        loaded.save(&mut again).unwrap();
        assert_eq!(parts, again);
        assert_eq!(loaded.rewards(), filled.replay.rewards());
        if rollouts > 0 {
            let rng = || RowKey { seed: 2, env: 0, episode: 0 }.rng(Stream::Learner);
            assert_eq!(
                loaded.sample(&mut rng(), 300, 3, GAMMA),
                filled.replay.sample(&mut rng(), 300, 3, GAMMA)
            );
        }
        assert!(Filled::new(0, slots + 1).replay.loaded(&parts).is_err());
    }
}

#[test]
fn nothing_can_be_drawn_where_nothing_is() {
    let filled = Filled::new(0, 20);
    let mut rng = RowKey { seed: 2, env: 0, episode: 0 }.rng(Stream::Learner);
    assert!(filled.replay.is_empty() && filled.replay.sample(&mut rng, 4, 1, GAMMA).is_none());
    assert!(Replay::new(layout(&batch(Show::Category, 1), 0)).is_err());
}
