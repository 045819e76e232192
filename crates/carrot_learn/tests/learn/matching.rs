//! A task made for tests: do what the observation asks for.
//!
//! Episodes end by themselves after four steps in even envs and are cut after six in odd ones, so that both
//! ends occur in every rollout.

use std::sync::Arc;

use bevy_ecs::prelude::*;
use carrot_learn::{Device, LearnError, Ppo, PpoConfig, UpdateMetrics};
use carrot_sim::{
    ActionSpace, App, BatchApp, CAUSE_NONE, CAUSE_TASK, Column, Ends, EnvId, ObsPart, Observations, Rollout,
    RowKeys, StepCount, StepSystems, Stream, Task, TaskSpec, VecEnv, VecEnvConfig, unit_f32,
};

/// What the observation shows and the action answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    /// A category from 0 to 2: choose it. A float beside it tells odd envs from even ones.
    Category,
    /// The same as the brightness of a picture.
    Picture,
    /// Two categories: choose both.
    Pair,
    /// A number from -1 to 1: give it back, and its negative.
    Number,
}

impl Show {
    /// What the rollout's actions are worth, 1 at best.
    pub(crate) fn rewards(self, rollout: &Rollout) -> Vec<f32> {
        let width = rollout.actions.len() / (rollout.num_steps * rollout.num_envs);
        let cells = rollout.actions.chunks_exact(width).enumerate();
        cells
            .map(|(cell, action)| match self {
                Show::Number => {
                    let x = rollout.obs[0].f32()[cell];
                    1.0 - (action[0] - x).powi(2) - (action[1] + x).powi(2)
                }
                Show::Pair => {
                    let shown = &rollout.obs[0].u8()[2 * cell..][..2];
                    let hits = shown.iter().zip(action).filter(|(shown, own)| f32::from(**shown) == **own);
                    0.5 * hits.count() as f32
                }
                _ => {
                    let size = rollout.part_sizes()[0];
                    f32::from(u8::from(f32::from(rollout.obs[0].u8()[cell * size]) == action[0]))
                }
            })
            .collect()
    }
}

const CHOICES: u32 = 3;

struct Matching {
    spec: TaskSpec,
    show: Show,
}

impl Matching {
    fn new(show: Show) -> Self {
        let number = |name| ObsPart::vector(name, &[-1.0], &[1.0]);
        let observation = match show {
            Show::Category => vec![ObsPart::bytes("shown", &[1], 2), number("parity")],
            Show::Picture => vec![ObsPart::bytes("shown", &[5, 5, 1], 2), number("parity")],
            Show::Pair => vec![ObsPart::bytes("shown", &[2], 2)],
            Show::Number => vec![number("shown")],
        };
        let action = match show {
            Show::Number => ActionSpace::Continuous {
                names: vec!["same".into(), "opposite".into()],
                units: vec![String::new(), String::new()],
                low: vec![-2.0, -2.0],
                high: vec![2.0, 2.0],
            },
            Show::Pair => ActionSpace::multi_discrete(&[
                ("left", &["dark", "grey", "bright"]),
                ("right", &["dark", "grey", "bright"]),
            ]),
            _ => ActionSpace::discrete(&["dark", "grey", "bright"]),
        };
        let spec = TaskSpec {
            name: "Matching-v0",
            family: "control",
            about: "Do what the observation asks for.",
            docs: "",
            observation,
            action,
            signals: Vec::new(),
            causes: &["finished"],
            max_steps: 6,
            control_dt: 1.0,
            physics_dt: 1.0,
            decimation: 1,
            rewards: Vec::new(),
            scripts: Vec::new(),
        };
        Self { spec, show }
    }
}

impl Task for Matching {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn build(&self, app: &mut App) {
        app.add_step_systems(StepSystems::Terminate, finish);
        match self.show {
            Show::Category => app.add_observing_systems(StepSystems::Sense, sense_choice::<1>),
            Show::Picture => app.add_observing_systems(StepSystems::Sense, sense_choice::<25>),
            Show::Pair => app.add_observing_systems(StepSystems::Sense, sense_pair),
            Show::Number => app.add_observing_systems(StepSystems::Sense, sense_number),
        };
    }
}

fn finish(envs: Column<EnvId>, steps: Column<StepCount>, mut ends: ResMut<Ends>) {
    for (row, (env, step)) in envs.slice().iter().zip(steps.slice()).enumerate() {
        let finished = env.0 % 2 == 0 && step.0 == 4;
        ends.terminated[row] = finished;
        ends.cause[row] = if finished { CAUSE_TASK } else { CAUSE_NONE };
    }
}

fn sense_choice<const CELLS: usize>(keys: RowKeys, steps: Column<StepCount>, mut obs: ResMut<Observations>) {
    let keys = keys.columns();
    for (row, step) in steps.slice().iter().enumerate() {
        let draw = keys.key(row).words(Stream::Sense, step.0)[0];
        obs.u8_mut(0)[row * CELLS..][..CELLS].fill((draw % CHOICES) as u8);
        obs.f32_mut(1)[row] = 40.0 + (keys.key(row).env % 2) as f32;
    }
}

fn sense_pair(keys: RowKeys, steps: Column<StepCount>, mut obs: ResMut<Observations>) {
    let keys = keys.columns();
    for (row, step) in steps.slice().iter().enumerate() {
        let words = keys.key(row).words(Stream::Sense, step.0);
        let own = [words[0], words[1]].map(|word| (word % CHOICES) as u8);
        obs.u8_mut(0)[2 * row..][..2].copy_from_slice(&own);
    }
}

fn sense_number(keys: RowKeys, steps: Column<StepCount>, mut obs: ResMut<Observations>) {
    let keys = keys.columns();
    for (row, step) in steps.slice().iter().enumerate() {
        obs.f32_mut(0)[row] = 2.0 * unit_f32(keys.key(row).words(Stream::Sense, step.0)[0]) - 1.0;
    }
}

/// A batch and its learner.
pub(crate) struct Training {
    pub(crate) show: Show,
    pub(crate) env: VecEnv,
    pub(crate) ppo: Ppo,
    pub(crate) actions: Vec<f32>,
    pub(crate) global_step: u64,
}

pub(crate) const NUM_ENVS: usize = 32;
pub(crate) const NUM_STEPS: usize = 16;

/// Settings under which the problems here are solved in a few dozen rollouts.
pub(crate) fn quick() -> PpoConfig {
    PpoConfig {
        total_steps: 60 * (NUM_ENVS * NUM_STEPS) as u64,
        learning_rate: 3e-3,
        update_epochs: 4,
        num_minibatches: 4,
        hidden: vec![32],
        ..PpoConfig::default()
    }
}

/// A batch of the task.
pub(crate) fn batch(show: Show, shards: usize) -> VecEnv {
    let layout = VecEnvConfig {
        num_envs: NUM_ENVS,
        num_steps: NUM_STEPS,
        shards,
        seed: 11,
        keep_signals: false,
        autoreset: true,
    };
    VecEnv::new(Arc::new(Matching::new(show)), layout, &|_| ()).unwrap()
}

impl Training {
    pub(crate) fn new(show: Show, config: PpoConfig, gammas: &[f32], shards: usize) -> Self {
        let env = batch(show, shards);
        let spec = env.task().spec().clone();
        let ppo = Ppo::new(config, &spec.observation, &spec.action, gammas, 11, Device::Cpu).unwrap();
        Self { show, env, ppo, actions: vec![0.0; NUM_ENVS * spec.action.width()], global_step: 0 }
    }

    /// Acts through a rollout; `spoil` may change the actions of a step.
    pub(crate) fn collect(&mut self, spoil: impl Fn(usize, &mut [f32])) {
        self.env.begin_rollout();
        for t in 0..NUM_STEPS {
            self.ppo.act(&self.env.current_obs(), self.global_step, false, &mut self.actions).unwrap();
            spoil(t, &mut self.actions);
            self.env.step(&self.actions).unwrap();
            self.ppo.after_step(self.env.rollout()).unwrap();
            self.global_step += NUM_ENVS as u64;
        }
    }

    /// What the rollout's actions are worth, 1 at best.
    pub(crate) fn rewards(&self) -> Vec<f32> {
        self.show.rewards(self.env.rollout())
    }

    /// One rollout and one update; gives the mean reward too.
    pub(crate) fn iterate(&mut self) -> (f32, UpdateMetrics) {
        self.collect(|_, _| ());
        let rewards = self.rewards();
        let mean = rewards.iter().sum::<f32>() / rewards.len() as f32;
        (mean, self.learn(&[rewards]).unwrap())
    }

    pub(crate) fn learn(&mut self, rewards: &[Vec<f32>]) -> Result<UpdateMetrics, LearnError> {
        self.ppo.update(self.env.rollout(), rewards)
    }
}
