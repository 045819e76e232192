//! Memory: a cue is shown at an episode's first step alone, and every later step asks for it.

use std::sync::Arc;

use bevy_ecs::prelude::*;
use carrot_learn::{Device, Parts, Ppo, PpoConfig, Recurrent};
use carrot_sim::{
    ActionSpace, Actions, App, BatchApp, CAUSE_NONE, Column, Ends, ObsPart, Observations, RowKeys, StepCount,
    StepSystems, Stream, Task, TaskSpec, VecEnv, VecEnvConfig,
};

const CUES: u32 = 2;
const EPISODE: u32 = 7;
const NUM_ENVS: usize = 32;
/// No multiple of an episode: every rollout begins in the middle of some.
const NUM_STEPS: usize = 16;

struct Recall {
    spec: TaskSpec,
}

impl Default for Recall {
    fn default() -> Self {
        let spec = TaskSpec {
            name: "Recall-v0",
            family: "control",
            about: "Remember the cue.",
            docs: "",
            observation: vec![ObsPart::bytes("shown", &[1], CUES as u8)],
            action: ActionSpace::discrete(&["first", "second"]),
            signals: Vec::new(),
            causes: &[],
            max_steps: EPISODE,
            control_dt: 1.0,
            physics_dt: 1.0,
            decimation: 1,
            rewards: Vec::new(),
            scripts: Vec::new(),
        };
        Self { spec }
    }
}

impl Task for Recall {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn build(&self, app: &mut App) {
        app.add_step_systems(StepSystems::Terminate, judge).add_observing_systems(StepSystems::Sense, show);
    }
}

fn cue(keys: &RowKeys<'_, '_>, row: usize) -> u32 {
    keys.columns().key(row).words(Stream::Reset, 0)[0] % CUES
}

/// The score of a step is what it pays: the step that shows the cue pays nothing.
fn judge(keys: RowKeys, steps: Column<StepCount>, actions: Res<Actions>, mut ends: ResMut<Ends>) {
    for (row, step) in steps.slice().iter().enumerate() {
        let right = step.0 > 1 && actions.applied[row] == cue(&keys, row) as f32;
        ends.score[row] = f32::from(u8::from(right));
        (ends.terminated[row], ends.cause[row]) = (false, CAUSE_NONE);
    }
}

fn show(keys: RowKeys, steps: Column<StepCount>, mut obs: ResMut<Observations>) {
    for (row, step) in steps.slice().iter().enumerate() {
        obs.u8_mut(0)[row] = if step.0 == 0 { 1 + cue(&keys, row) as u8 } else { 0 };
    }
}

struct Training {
    env: VecEnv,
    ppo: Ppo,
    actions: Vec<f32>,
    step: u64,
}

impl Training {
    fn new(recurrent: Recurrent, shards: usize) -> Self {
        let layout = VecEnvConfig {
            num_envs: NUM_ENVS,
            num_steps: NUM_STEPS,
            shards,
            seed: 3,
            keep_signals: false,
            autoreset: true,
        };
        let env = VecEnv::new(Arc::new(Recall::default()), layout, &|_| ()).unwrap();
        let config = PpoConfig {
            total_steps: (120 * NUM_ENVS * NUM_STEPS) as u64,
            learning_rate: 3e-3,
            update_epochs: 4,
            num_minibatches: 4,
            hidden: vec![16],
            micro_batches: 2,
            recurrent,
            ..PpoConfig::default()
        };
        let spec = env.task().spec().clone();
        let ppo = Ppo::new(config, &spec.observation, &spec.action, &[0.5], 3, Device::Cpu).unwrap();
        Self { env, ppo, actions: vec![0.0; NUM_ENVS], step: 0 }
    }

    /// A rollout in which some actions of row 5 are spoiled, and an update; gives the mean pay.
    fn iterate_with(&mut self, spoil: impl Fn(usize) -> bool) -> f32 {
        self.env.begin_rollout();
        for t in 0..NUM_STEPS {
            self.ppo.act(&self.env.current_obs(), self.step, false, &mut self.actions).unwrap();
            if spoil(t) {
                self.actions[5] = f32::NAN;
            }
            self.env.step(&self.actions).unwrap();
            self.ppo.after_step(self.env.rollout()).unwrap();
            self.step += 1;
        }
        let rewards = self.env.rollout().score.clone();
        let mean = rewards.iter().sum::<f32>() / rewards.len() as f32;
        self.ppo.update(self.env.rollout(), &[rewards]).unwrap();
        mean
    }

    fn iterate(&mut self) -> f32 {
        self.iterate_with(|_| false)
    }
}

const GRU: Recurrent = Recurrent::Gru { hidden: 16 };

/// Six of seven steps can pay.
const BEST: f32 = 6.0 / 7.0;

#[test]
fn what_was_shown_before_is_remembered_by_a_recurrent_policy_alone() {
    let last = |recurrent| {
        let mut training = Training::new(recurrent, 1);
        (0..40).map(|_| training.iterate()).last().unwrap() / BEST
    };
    let (plain, remembering) = (last(Recurrent::Off), last(GRU));
    assert!(plain < 0.6 && remembering > 0.85, "{plain} without memory, {remembering} with it");
}

fn after(updates: usize, shards: usize) -> Parts {
    let mut training = Training::new(GRU, shards);
    (0..updates).for_each(|_| _ = training.iterate());
    training.ppo.save().unwrap()
}

#[test]
fn memories_cross_rollouts_and_survive_a_resume() {
    let mut training = Training::new(GRU, 2);
    (0..2).for_each(|_| _ = training.iterate());
    let (parts, batch) = (training.ppo.save().unwrap(), training.env.save().unwrap());
    let resume = |parts: &Parts| {
        let mut resumed = Training::new(GRU, 1);
        resumed.ppo.load(parts)?;
        resumed.env.load(&batch).unwrap();
        resumed.step = training.step;
        (0..3).for_each(|_| _ = resumed.iterate());
        resumed.ppo.save()
    };
    assert_eq!(resume(&parts).unwrap(), after(5, 1));
    // Without what is remembered of the episodes under way, another run comes of it.
    let mut plain = Training::new(Recurrent::Off, 1);
    (0..2).for_each(|_| _ = plain.iterate());
    let other = plain.ppo.save().unwrap();
    let with_state = |parts: &Parts, of: &Parts| {
        let mut mixed = parts.clone();
        mixed.insert("state.postcard".into(), of["state.postcard"].clone());
        mixed
    };
    assert_ne!(resume(&with_state(&parts, &other)).unwrap(), after(5, 1));
    // And a policy without memory has no use for any.
    assert!(plain.ppo.load(&with_state(&other, &parts)).is_err());
}

#[test]
fn evaluation_remembers_apart_from_training() {
    let mut training = Training::new(GRU, 1);
    (0..40).for_each(|_| _ = training.iterate());
    let before = training.ppo.save().unwrap();
    let mut env = VecEnv::new(training.env.task().clone(), *training.env.config(), &|_| ()).unwrap();
    let mut memory = carrot_learn::Learner::memory(&training.ppo, NUM_ENVS).unwrap();
    let mut actions = vec![0.0; NUM_ENVS];
    env.begin_rollout();
    for _ in 0..NUM_STEPS {
        training.ppo.evaluate(&mut memory, &env.current_obs(), 0, false, &mut actions).unwrap();
        env.step(&actions).unwrap();
        memory.forget(env.rollout()).unwrap();
    }
    let scores = &env.rollout().score;
    assert!(scores.iter().sum::<f32>() / scores.len() as f32 > 0.85 * BEST);
    assert_eq!(training.ppo.save().unwrap(), before);
}

#[test]
fn a_void_step_is_passed_over_in_a_sequence() {
    let mut training = Training::new(GRU, 1);
    training.iterate_with(|t| t == 4 || t == 9);
    let parts = training.ppo.save().unwrap();
    let clean = after(1, 1);
    assert_ne!(parts, clean);
    assert_eq!(training.ppo.counters().skipped_updates, 0);
    // And so is a row that is void from end to end.
    let mut training = Training::new(GRU, 1);
    training.iterate_with(|_| true);
    assert_eq!(training.ppo.counters().skipped_updates, 0);
}
