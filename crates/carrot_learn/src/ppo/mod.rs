//! Proximal policy optimisation; execution order is reading order.
//!
//! ```text
//! for each step:    act      -> env.step
//! for each rollout: finalise -> update (advantages, passes over mini-batches, statistics)
//! ```
//!
//! # Source
//! Schulman et al., "Proximal policy optimization algorithms" (2017), and CleanRL's
//! `ppo_continuous_action.py`. What differs: truncated steps bootstrap with the value of their final
//! observation, void steps are left out, rewards come in groups with a discount and a value head each, all
//! noise is keyed, and a mini-batch whose gradient is not finite is skipped and counted. The reward is
//! never scaled or clipped here.

mod act;
mod checkpoint;
mod cloning;
mod config;
pub mod gae;
mod loss;
mod metrics;
mod minibatch;
mod native;
mod network;

use carrot_sim::{ActionSpace, ObsPart, PartData, PartSlice, Rollout};
use rayon::ThreadPool;
use rayon::prelude::*;
use tch::Tensor;

use crate::adam::AdamConfig;
use crate::device::{own_threads, use_threads};
use crate::features::FeatureLayout;
use crate::params::Params;
use crate::trained::Trained;
use crate::views::View;
use crate::{Counters, Device, Experience, LearnError, Learner, Memory, ObsNorm, Parts, Scalars};

pub use cloning::{CloningConfig, CloningReport, ShownSteps};
pub use config::{PpoConfig, Recurrent};
use gae::{Successor, advantages};
use loss::pull;
pub use metrics::UpdateMetrics;
use metrics::explained_variance;
use minibatch::{Batch, Cells, Minibatch, Order, Sequences, Share, moments, shares};
use native::{Native, Steps};
use network::{ActorCritic, Head, Shape};

/// Parts of a checkpoint.
const PARTS: [&str; 2] = ["policy.safetensors", "optim.safetensors"];

/// A policy in training.
#[derive(Debug)]
pub struct Ppo {
    pub(crate) config: PpoConfig,
    pub(crate) seed: u64,
    pub(crate) gammas: Vec<f32>,
    pub(crate) device: tch::Device,
    pub(crate) layout: FeatureLayout,
    pub(crate) head: Head,
    pub(crate) net: ActorCritic,
    pub(crate) weights: Trained,
    /// The same policy without libtorch, on the CPU.
    native: Option<Native>,
    /// Threads for the shares of mini-batches.
    threads: Option<ThreadPool>,
    pub(crate) obs_norm: ObsNorm,
    pub(crate) counters: Counters,
    /// Log-probabilities of the running rollout's actions, `[T, N]`.
    log_probs: Vec<f32>,
    /// Values of the running rollout's observations, `G x [T, N]`.
    values: Vec<Vec<f32>>,
    /// What is remembered of each env.
    memory: Memory,
    /// What was remembered at the running rollout's first step, `[N, H]`.
    first_memory: Option<Vec<f32>>,
    /// What was remembered of each episode that ended in the running rollout, in its order.
    last_memories: Vec<Tensor>,
}

impl Ppo {
    /// A fresh policy with one value head per reward group.
    ///
    /// # Errors
    /// When a setting is out of range, no network reads the spaces, or the device is not there.
    pub fn new(
        config: PpoConfig,
        observation: &[ObsPart],
        action: &ActionSpace,
        gammas: &[f32],
        seed: u64,
        device: Device,
    ) -> Result<Self, LearnError> {
        config.check()?;
        if gammas.is_empty() || !gammas.iter().all(|gamma| (0.0..=1.0).contains(gamma)) {
            let message = format!("expected one or more discounts from 0 to 1, found {gammas:?}");
            return Err(LearnError::Config { field: "gamma", message });
        }
        let device = device.open()?;
        use_threads(config.threads);
        let layout = FeatureLayout::new(observation, config.images)?;
        let head = Head::of(action)?;
        let shape = Shape {
            head: head.clone(),
            groups: gammas.len(),
            hidden: &config.hidden,
            activation: config.activation,
            recurrent: config.recurrent,
            log_std_init: config.log_std_init,
        };
        let (net, specs) = ActorCritic::new(&layout, shape);
        let native = net.native(&specs).filter(|_| device == tch::Device::Cpu);
        Ok(Self {
            obs_norm: ObsNorm::identity(layout.floats),
            counters: Counters::default(),
            log_probs: Vec::new(),
            values: vec![Vec::new(); gammas.len()],
            memory: Memory::default(),
            first_memory: None,
            last_memories: Vec::new(),
            gammas: gammas.to_vec(),
            threads: own_threads(config.micro_batches)?,
            config,
            seed,
            device,
            layout,
            head,
            net,
            native,
            weights: Trained::new(specs, AdamConfig::default(), PARTS, seed, device)?,
        })
    }

    /// The settings.
    pub fn config(&self) -> &PpoConfig {
        &self.config
    }

    /// How far the training is.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Statistics by which the policy normalises observations.
    pub fn obs_norm(&self) -> &ObsNorm {
        &self.obs_norm
    }

    /// Learns from a finished rollout.
    ///
    /// # Shapes
    /// `rewards` is `G x [T, N]`, T being the steps filled.
    ///
    /// # Errors
    /// When the rollout is not the one acted for, or a buffer does not fit.
    pub fn update(&mut self, rollout: &Rollout, rewards: &[Vec<f32>]) -> Result<UpdateMetrics, LearnError> {
        use_threads(self.config.threads);
        let cells = rollout.filled * rollout.num_envs;
        LearnError::expect_len("the list of reward groups", rewards.len(), self.gammas.len())?;
        for rewards in rewards {
            LearnError::expect_len("the rewards of a group", rewards.len(), cells)?;
        }
        LearnError::expect_len("the running rollout", self.log_probs.len(), cells)?;

        // The learning rate falls linearly, as CleanRL's does.
        let fraction = 1.0 - self.counters.steps as f64 / self.config.total_steps as f64;
        let learning_rate =
            self.config.learning_rate * if self.config.anneal_lr { fraction.max(0.0) } else { 1.0 };

        // Advantages and returns of each group; the policy climbs the sum of the advantages.
        let successors = Successor::of(rollout);
        let next_values = self.next_values(rollout, &successors)?;
        let mut total_advantages = vec![0.0_f32; cells];
        let mut returns = Vec::with_capacity(rewards.len());
        for (group, rewards) in rewards.iter().enumerate() {
            let (gamma, values) = (self.gammas[group], &self.values[group]);
            let lambda = self.config.gae_lambda;
            let own = advantages(
                gamma,
                lambda,
                rollout.num_envs,
                rewards,
                values,
                &next_values[group],
                &successors,
            );
            total_advantages.iter_mut().zip(&own).for_each(|(total, own)| *total += own);
            returns.push(own.iter().zip(values).map(|(a, v)| a + v).collect::<Vec<f32>>());
        }

        // Flatten the batch: observations, and everything else as one table.
        let obs: Vec<PartSlice<'_>> = self.parts(&rollout.obs, 0..cells);
        self.layout.check(&obs, cells)?;
        let mut vectors = Vec::new();
        self.layout.fill_vectors(&obs, cells, &self.obs_norm, &mut vectors);
        let table = self.sample_table(rollout, &total_advantages, &returns);
        let width = (table.len() / cells.max(1)) as i64;
        let batch = Batch {
            steps: Steps { vectors: &vectors, samples: &table, groups: rewards.len() },
            features: self.layout.table(&obs, &vectors, cells, self.device)?,
            samples: View::f32(&table, &[cells as i64, width])?.on(self.device)?,
            sequences: self.first_memory.take().map(|first| Sequences::new(rollout, first)),
        };

        // Passes over the rollout.
        let mut order = Order::new(&batch, &successors);
        let counted_cells = (0..cells).filter(|&cell| successors[cell] != Successor::Fault);
        let explained_variance = explained_variance(counted_cells, &self.values, &returns);
        let mut sums = [0.0; METRICS];
        let (mut counted, mut skipped, mut epochs) = (0_u64, 0_u64, 0);
        for epoch in 0..self.config.update_epochs {
            order.shuffle(self.seed, epoch, self.counters.updates);
            let mut approx_kl = 0.0;
            for items in order.minibatches(self.config.num_minibatches) {
                let pulls = self.pulls(&batch, items, &total_advantages, &successors)?;
                if pulls.is_empty() {
                    continue;
                }
                match self.learn(pulls, learning_rate)? {
                    None => skipped += 1,
                    Some(metrics) => {
                        counted += 1;
                        sums.iter_mut().zip(metrics).for_each(|(sum, x)| *sum += x);
                        approx_kl = metrics[4];
                    }
                }
            }
            epochs += 1;
            if self.config.target_kl.is_some_and(|target| approx_kl > target) {
                break;
            }
        }

        if self.config.norm_obs {
            self.obs_norm = self.obs_norm.updated(rollout);
        }
        self.counters.updates += 1;
        self.counters.steps += cells as u64;
        self.counters.skipped_updates += skipped;
        self.begin_rollout();
        let [loss, policy_gradient_loss, value_loss, entropy, approx_kl, clipfrac, grad_norm] =
            sums.map(|sum| sum / counted.max(1) as f64);
        Ok(UpdateMetrics {
            loss,
            policy_gradient_loss,
            value_loss,
            entropy,
            approx_kl,
            clipfrac,
            explained_variance,
            learning_rate,
            grad_norm,
            skipped_updates: skipped,
            epochs,
        })
    }

    /// Where the shares of a mini-batch pull; none where all its steps are void.
    fn pulls(
        &self,
        batch: &Batch<'_>,
        items: &[i64],
        advantages: &[f32],
        successors: &[Successor],
    ) -> Result<Vec<Pull>, LearnError> {
        let (net, config, groups) = (&self.net, &self.config, self.gammas.len());
        if let Some(native) = &self.native {
            let own = shares(items, config.micro_batches).map(|share| batch.cells(share, successors));
            let own: Vec<Cells> = own.filter(|cells| !cells.learned.is_empty()).collect();
            let learned = own.iter().flat_map(Cells::learned_cells);
            let moments = moments(learned.map(|cell| f64::from(advantages[cell as usize])));
            let (params, steps) = (self.weights.params.floats()?, &batch.steps);
            let scale = 1.0 / own.iter().map(|cells| cells.learned.len()).sum::<usize>() as f64;
            return self.side_by_side(own, |cells: Cells| {
                let (gradient, metrics) = native.pull(params, config, moments, steps, &cells, scale);
                let gradient = View::f32(&gradient, &[gradient.len() as i64])?.copied(tch::Device::Cpu)?;
                Ok((gradient, metrics))
            });
        }
        let minibatch = batch.minibatch(items, config.micro_batches, advantages, successors, self.device)?;
        let Some(Minibatch { shares, moments }) = minibatch else { return Ok(Vec::new()) };
        let work = shares.into_iter().map(|share| (share, self.weights.params.shared())).collect();
        self.side_by_side(work, |(share, params): (Share, Params)| {
            pull(net, &params, config, groups, moments, &share)
        })
    }

    /// Does pieces of work on threads of their own, and gives what they come to in their order.
    fn side_by_side<T: Send, R: Send>(
        &self,
        pieces: Vec<T>,
        work: impl Fn(T) -> Result<R, LearnError> + Sync + Send,
    ) -> Result<Vec<R>, LearnError> {
        match &self.threads {
            Some(threads) if pieces.len() > 1 => {
                threads.install(|| pieces.into_par_iter().map(work).collect())
            }
            _ => pieces.into_iter().map(work).collect(),
        }
    }

    /// One step of the optimiser along the pulls of a mini-batch; `None` when it would not be finite.
    fn learn(&mut self, pulls: Vec<Pull>, learning_rate: f64) -> Result<Option<[f64; METRICS]>, LearnError> {
        let mut sum: Option<Pull> = None;
        for (gradient, metrics) in pulls {
            sum = Some(match sum {
                None => (gradient, metrics),
                Some((mut total, mut all)) => {
                    let _ = total.f_add_(&gradient)?;
                    all.iter_mut().zip(metrics).for_each(|(sum, x)| *sum += x);
                    (total, all)
                }
            });
        }
        let Some((gradient, mut metrics)) = sum else { return Ok(None) };
        metrics[METRICS - 1] = gradient.f_norm()?.f_double_value(&[])?;
        let (loss, norm) = (metrics[0], metrics[METRICS - 1]);
        if !(loss.is_finite() && norm.is_finite()) {
            return Ok(None);
        }
        self.weights.apply(gradient, norm, self.config.max_grad_norm, learning_rate)?;
        Ok(Some(metrics))
    }

    /// Rows `range` of each part.
    fn parts<'a>(&self, parts: &'a [PartData], range: std::ops::Range<usize>) -> Vec<PartSlice<'a>> {
        let sizes = self.layout.sizes();
        parts.iter().zip(sizes).map(|(part, size)| part.slice(range.start * size..range.end * size)).collect()
    }

    /// One row per step: advantage, log-probability, returns, values, action.
    fn sample_table(&self, rollout: &Rollout, advantages: &[f32], returns: &[Vec<f32>]) -> Vec<f32> {
        let width = self.head.action_width();
        let mut table = Vec::with_capacity(advantages.len() * (2 + 2 * returns.len() + width));
        for (cell, action) in rollout.actions.chunks_exact(width).take(advantages.len()).enumerate() {
            table.extend([advantages[cell], self.log_probs[cell]]);
            table.extend(returns.iter().chain(&self.values).map(|group| group[cell]));
            table.extend_from_slice(action);
        }
        table
    }
}

impl Learner for Ppo {
    fn clone_behaviour(
        &mut self,
        shown: &ShownSteps,
        config: &CloningConfig,
    ) -> Result<CloningReport, LearnError> {
        Self::clone_behaviour(self, shown, config)
    }

    fn set_discount(&mut self, group: usize, gamma: f32) {
        if let Some(own) = self.gammas.get_mut(group) {
            *own = gamma;
        }
    }

    fn counters(&self) -> Counters {
        self.counters
    }

    fn begin_rollout(&mut self) {
        Self::begin_rollout(self);
    }

    fn act(
        &mut self,
        obs: &[PartSlice<'_>],
        global_step: u64,
        actions: &mut [f32],
    ) -> Result<(), LearnError> {
        Self::act(self, obs, global_step, false, actions)
    }

    fn after_step(&mut self, rollout: &Rollout) -> Result<(), LearnError> {
        Self::after_step(self, rollout)
    }

    fn update(&mut self, experience: &Experience<'_>) -> Result<Scalars, LearnError> {
        Ok(Self::update(self, experience.rollout, experience.rewards)?.scalars())
    }

    fn memory(&self, rows: usize) -> Result<Memory, LearnError> {
        match self.config.recurrent {
            Recurrent::Off => Ok(Memory::default()),
            Recurrent::Gru { hidden } => Memory::zeros(rows, hidden, self.device),
        }
    }

    fn evaluate(
        &self,
        memory: &mut Memory,
        obs: &[PartSlice<'_>],
        global_step: u64,
        explore: bool,
        actions: &mut [f32],
    ) -> Result<(), LearnError> {
        Self::evaluate(self, memory, obs, global_step, explore, actions)
    }

    fn save(&self) -> Result<Parts, LearnError> {
        Self::save(self)
    }

    fn load(&mut self, parts: &Parts) -> Result<(), LearnError> {
        Self::load(self, parts)
    }
}

/// A gradient and what is told of it.
type Pull = (Tensor, [f64; METRICS]);

/// Loss, policy loss, value loss, entropy, KL, clip fraction, gradient norm.
const METRICS: usize = 7;
