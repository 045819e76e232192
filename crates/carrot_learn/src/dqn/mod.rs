//! Deep Q-learning; execution order is reading order.
//!
//! ```text
//! for each step:    act      -> env.step
//! for each rollout: finalise -> update (store, then as many steps of the optimiser as are due)
//! ```
//!
//! # Source
//! Mnih et al., "Human-level control through deep reinforcement learning" (2015), algorithm 1, with double
//! targets (van Hasselt et al. 2016), duelling streams (Wang et al. 2016) and targets of several steps (Hessel et
//! al. 2018). What differs: truncated steps bootstrap with the value of their final observation, void steps are
//! never drawn, all draws are keyed, the steps of a rollout are stored before any is learned from, and a
//! mini-batch whose gradient is not finite is skipped and counted.

mod config;
mod network;

use carrot_reward::{Graph, RewardError, RewardModels};
use carrot_sim::{ActionSpace, PartSlice, Rollout, SignalCatalog, Task};
use tch::{Kind, Tensor};

use crate::adam::AdamConfig;
use crate::device::use_threads;
use crate::noise::{StepNoise, best_choice};
use crate::off_policy::{Means, OffPolicy, Schedule};
use crate::params::Params;
use crate::parts::{find, read_tensors, write_tensors};
use crate::replay::Sample;
use crate::trained::Trained;
use crate::views::{View, read_f32};
use crate::{Counters, Device, Experience, LearnError, Learner, Memory, Parts, Scalars};

pub use config::DqnConfig;
use network::QNetwork;

/// Parts of a checkpoint.
const PARTS: [&str; 2] = ["q_net.safetensors", "optim.safetensors"];
const TARGET: &str = "target.safetensors";

/// Action values in training.
#[derive(Debug)]
pub struct Dqn {
    config: DqnConfig,
    seed: u64,
    choices: usize,
    device: tch::Device,
    net: QNetwork,
    weights: Trained,
    target: Params,
    off_policy: OffPolicy,
}

impl Dqn {
    /// Fresh action values for a task and the batch of a rollout.
    ///
    /// With `keep_signals` models can be asked again about steps in store.
    ///
    /// # Errors
    /// When a setting is out of range, no network reads the spaces, or the device is not there.
    pub fn new(
        config: DqnConfig,
        task: &dyn Task,
        rollout: &Rollout,
        keep_signals: bool,
        seed: u64,
        device: Device,
    ) -> Result<Self, LearnError> {
        config.check()?;
        Self::check_space(&task.spec().action)?;
        let device = device.open()?;
        use_threads(config.threads);
        let choices = task.spec().action.choices(0).unwrap_or_default();
        let schedule = Schedule {
            learning_starts: config.learning_starts,
            updates_per_step: config.updates_per_step,
            norm_obs: config.norm_obs,
            rescore: config.rescore,
        };
        let observation = task.observation();
        let off_policy = OffPolicy::new(
            observation,
            1,
            rollout,
            config.buffer_size,
            keep_signals,
            schedule,
            seed,
            device,
        )?;
        let (net, specs) = QNetwork::new(&off_policy.layout, choices, &config.hidden, config.duelling);
        let weights =
            Trained::new(specs, AdamConfig { eps: 1e-8, ..AdamConfig::default() }, PARTS, seed, device)?;
        Ok(Self { target: weights.params.twin()?, config, seed, choices, device, net, weights, off_policy })
    }

    /// Refuses spaces other than one choice among several.
    pub(crate) fn check_space(space: &ActionSpace) -> Result<(), LearnError> {
        match space {
            ActionSpace::Discrete { names } if !names.is_empty() => Ok(()),
            _ => Err(LearnError::Space("Dqn learns tasks with one discrete action".into())),
        }
    }

    /// What is stored.
    pub fn replay(&self) -> &crate::replay::Replay {
        &self.off_policy.replay
    }

    /// Chance of a random action after so many env steps.
    fn epsilon(&self, steps: u64) -> f32 {
        let DqnConfig { epsilon_start, epsilon_end, exploration_fraction, total_steps, .. } = self.config;
        let span = (exploration_fraction * total_steps as f64).max(1.0);
        let share = (steps as f64 / span).min(1.0) as f32;
        epsilon_start + (epsilon_end - epsilon_start) * share
    }

    /// Learning rate after the env steps that are stored.
    fn learning_rate(&self) -> f64 {
        let DqnConfig { learning_rate, anneal_lr, total_steps, .. } = self.config;
        let gone = self.off_policy.counters.steps as f64 / total_steps as f64;
        if anneal_lr { learning_rate * (1.0 - gone).max(0.0) } else { learning_rate }
    }

    /// The best action of each row, or, at a chance of `epsilon`, any.
    fn choose(
        &self,
        obs: &[PartSlice<'_>],
        global_step: u64,
        epsilon: f32,
        actions: &mut [f32],
    ) -> Result<(), LearnError> {
        use_threads(self.config.threads);
        let mut values = vec![0.0; actions.len() * self.choices];
        if epsilon < 1.0 {
            let features = self.off_policy.features(obs, actions.len())?;
            read_f32(&tch::no_grad(|| self.net.values(&self.weights.params, features))?, &mut values)?;
        }
        for (row, (action, values)) in actions.iter_mut().zip(values.chunks_exact(self.choices)).enumerate() {
            let mut draws = [1.0, 0.0];
            if epsilon > 0.0 {
                StepNoise::new(self.seed, row, global_step).uniforms(&mut draws);
            }
            let random = draws[0] < epsilon;
            let any = ((draws[1] * self.choices as f32) as usize).min(self.choices - 1);
            *action = if random { any } else { best_choice(values) } as f32;
        }
        Ok(())
    }

    /// One step of the optimiser on a mini-batch: its loss, mean value and gradient norm; `None` when it would not
    /// be finite.
    fn learn(&mut self, sample: &Sample) -> Result<Option<[f64; 3]>, LearnError> {
        let config = &self.config;
        let batch = self.off_policy.transitions(sample)?;
        let actions: Vec<i64> = sample.actions.iter().map(|&action| action as i64).collect();
        let actions = View::i64(&actions, &[actions.len() as i64, 1])?.copied(self.device)?;
        let of = |values: &Tensor, actions: &Tensor| values.f_gather(1, actions, false)?.f_squeeze_dim(1);

        let targets = tch::no_grad(|| {
            let next = self.net.values(&self.target, batch.next_features.copied())?;
            let best = match config.double {
                true => self.net.values(&self.weights.params, batch.next_features)?.f_argmax(1, true)?,
                false => next.f_argmax(1, true)?,
            };
            Ok::<_, LearnError>(of(&next, &best)?.f_mul(&batch.discounts)?.f_add(&batch.rewards)?)
        })?;
        let values = of(&self.net.values(&self.weights.params, batch.features)?, &actions)?;
        let loss = values.f_huber_loss(&targets, tch::Reduction::Mean, config.huber_delta)?;
        let gradient = self.weights.params.gradient(&loss)?;

        let mut metrics = [0.0_f32; 3];
        let all = [&loss, &values.f_mean(Kind::Float)?, &gradient.f_norm()?];
        read_f32(&tch::no_grad(|| Tensor::f_stack(&all, 0))?, &mut metrics)?;
        let metrics = metrics.map(f64::from);
        if !metrics.iter().all(|x| x.is_finite()) {
            return Ok(None);
        }
        let learning_rate = self.learning_rate();
        self.weights.apply(gradient, metrics[2], self.config.max_grad_norm, learning_rate)?;
        Ok(Some(metrics))
    }
}

impl Learner for Dqn {
    fn refill(
        &mut self,
        graph: &Graph,
        models: &mut RewardModels,
        catalog: &SignalCatalog,
    ) -> Result<(), RewardError> {
        self.off_policy.refill(graph, models, catalog)
    }

    fn counters(&self) -> Counters {
        self.off_policy.counters
    }

    fn act(
        &mut self,
        obs: &[PartSlice<'_>],
        global_step: u64,
        actions: &mut [f32],
    ) -> Result<(), LearnError> {
        let warm = !self.off_policy.is_warming_up(global_step);
        let epsilon = if warm { self.epsilon(global_step * actions.len() as u64) } else { 1.0 };
        self.choose(obs, global_step, epsilon, actions)
    }

    fn update(&mut self, experience: &Experience<'_>) -> Result<Scalars, LearnError> {
        use_threads(self.config.threads);
        self.off_policy.store(experience)?;
        let mut means = Means::<3>::new();
        let mut skipped = 0;
        for _ in 0..self.off_policy.due() {
            let DqnConfig { batch_size, n_steps, gamma, .. } = self.config;
            let mut rng = self.off_policy.draws();
            let Some(sample) = self.off_policy.replay.sample(&mut rng, batch_size, n_steps, gamma) else {
                break;
            };
            match self.learn(&sample)? {
                None => skipped += 1,
                Some(metrics) => means.add(metrics),
            }
            self.off_policy.gradient_steps += 1;
            if self.off_policy.gradient_steps.is_multiple_of(self.config.target_every) {
                self.target.follow(&self.weights.params, self.config.tau)?;
            }
        }
        self.off_policy.counters.skipped_updates += skipped;
        let mut scalars = vec![
            ("train/n_updates", self.off_policy.gradient_steps as f64),
            ("train/learning_rate", self.learning_rate()),
            ("train/skipped_updates", skipped as f64),
            ("train/replay_size", self.off_policy.replay.len() as f64),
            ("rollout/exploration_rate", self.epsilon(self.off_policy.counters.steps).into()),
        ];
        scalars.extend(means.scalars(["train/loss", "train/q_mean", "train/grad_norm"]));
        Ok(scalars)
    }

    fn evaluate(
        &self,
        _: &mut Memory,
        obs: &[PartSlice<'_>],
        global_step: u64,
        explore: bool,
        actions: &mut [f32],
    ) -> Result<(), LearnError> {
        self.choose(obs, global_step, if explore { self.config.epsilon_end } else { 0.0 }, actions)
    }

    fn save(&self) -> Result<Parts, LearnError> {
        let mut parts = Parts::new();
        self.weights.save(&mut parts)?;
        let target = write_tensors(TARGET, self.target.specs(), &[("", &self.target.values()?)])?;
        parts.insert(TARGET.into(), target);
        self.off_policy.save(&mut parts, vec![self.weights.steps()])?;
        Ok(parts)
    }

    fn load(&mut self, parts: &Parts) -> Result<(), LearnError> {
        let weights = self.weights.read(parts)?;
        let [target] = read_tensors(TARGET, find(parts, TARGET)?, self.target.specs(), [""])?;
        let (saved, [steps]) = self.off_policy.read(parts)?;
        self.weights.restore(&weights, steps)?;
        self.target.set_values(&target)?;
        self.off_policy.restore(saved);
        Ok(())
    }
}
