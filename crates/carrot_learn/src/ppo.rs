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

use carrot_sim::{ActionSpace, ObsPart, PartData, PartSlice, Rollout, RowKey, Stream};
use tch::{Kind, Tensor};

use crate::adam::{Adam, AdamConfig, clip_grad_norm};
use crate::device::use_threads;
use crate::features::{FeatureLayout, FeatureTable};
use crate::gae::{Successor, advantages};
use crate::metrics::explained_variance;
use crate::network::{ActorCritic, Head, gaussian_log_prob};
use crate::noise::{StepNoise, best_choice, sample_choice};
use crate::views::{View, read_f32};
use crate::{Counters, Device, LearnError, ObsNorm, PpoConfig, UpdateMetrics};

/// Rows for which values are computed at a time, so that many ends need no more memory than few.
const VALUE_BLOCK: usize = 2_048;

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
    pub(crate) adam: Adam,
    pub(crate) obs_norm: ObsNorm,
    pub(crate) counters: Counters,
    /// Log-probabilities of the running rollout's actions, `[T, N]`.
    log_probs: Vec<f32>,
    /// Values of the running rollout's observations, `G x [T, N]`.
    values: Vec<Vec<f32>>,
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
        let layout = FeatureLayout::new(observation)?;
        let head = Head::of(action)?;
        let net =
            ActorCritic::new(&layout, head, gammas.len(), &config.hidden, config.log_std_init, seed, device)?;
        Ok(Self {
            adam: Adam::new(AdamConfig::default(), net.params.len(), device)?,
            obs_norm: ObsNorm::identity(layout.floats),
            counters: Counters::default(),
            log_probs: Vec::new(),
            values: vec![Vec::new(); gammas.len()],
            gammas: gammas.to_vec(),
            config,
            seed,
            device,
            layout,
            head,
            net,
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

    /// Forgets the steps of a rollout that will not be learned from.
    pub fn begin_rollout(&mut self) {
        self.log_probs.clear();
        self.values.iter_mut().for_each(Vec::clear);
    }

    /// Acts for the next step of the rollout that [`Ppo::update`] will learn from. The sampled Gaussian
    /// action is not clipped: that is for the batch to do and to count. Noise is keyed by (seed, row,
    /// `global_step`). A deterministic action is the most likely one; it is kept for the update all the same.
    ///
    /// # Shapes
    /// `obs` holds N rows of each part, `actions` is `[N, A]`; a choice is a whole number from 0.
    ///
    /// # Errors
    /// When a buffer does not fit.
    pub fn act(
        &mut self,
        obs: &[PartSlice<'_>],
        global_step: u64,
        deterministic: bool,
        actions: &mut [f32],
    ) -> Result<(), LearnError> {
        let rows = actions.len() / self.head.action_width();
        let mut log_probs = std::mem::take(&mut self.log_probs);
        let values = tch::no_grad(|| {
            let encoded = self.encode(obs, rows)?;
            self.choose(&encoded, global_step, deterministic, actions, Some(&mut log_probs))?;
            self.read_values(&encoded, rows)
        });
        self.log_probs = log_probs;
        for (own, new) in self.values.iter_mut().zip(values?.chunks_exact(rows.max(1))) {
            own.extend_from_slice(new);
        }
        Ok(())
    }

    /// Acts without a trace, for evaluation.
    ///
    /// # Shapes
    /// Like [`Ppo::act`].
    ///
    /// # Errors
    /// When a buffer does not fit.
    pub fn evaluate(
        &self,
        obs: &[PartSlice<'_>],
        global_step: u64,
        deterministic: bool,
        actions: &mut [f32],
    ) -> Result<(), LearnError> {
        let rows = actions.len() / self.head.action_width();
        tch::no_grad(|| {
            let encoded = self.encode(obs, rows)?;
            self.choose(&encoded, global_step, deterministic, actions, None)
        })
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
        let features = self.layout.table(&obs, &vectors, cells, self.device)?;
        let table = self.sample_table(rollout, &total_advantages, &returns);
        let width = (table.len() / cells.max(1)) as i64;
        let samples = View::f32(&table, &[cells as i64, width])?.on(self.device)?;
        let batch = Batch { features, samples };

        // Passes over the rollout; void steps are in no mini-batch.
        let mut order: Vec<i64> =
            (0..cells).filter(|&cell| successors[cell] != Successor::Fault).map(|cell| cell as i64).collect();
        let explained_variance = explained_variance(&order, &self.values, &returns);
        let minibatches = self.config.num_minibatches.min(order.len());
        let mut sums = [0.0; METRICS];
        let (mut counted, mut skipped, mut epochs) = (0_u64, 0_u64, 0);
        for epoch in 0..self.config.update_epochs {
            let key = RowKey { seed: self.seed, env: epoch as u32, episode: self.counters.updates as u32 };
            key.rng(Stream::Learner).shuffle(&mut order);
            let mut approx_kl = 0.0;
            for i in 0..minibatches {
                let rows = &order[i * order.len() / minibatches..(i + 1) * order.len() / minibatches];
                let rows = View::i64(rows, &[rows.len() as i64])?.copied(self.device)?;
                match self.learn(&batch, &rows, learning_rate)? {
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

    /// One step of the optimiser on the rows of a mini-batch; `None` when it would not be finite.
    fn learn(
        &mut self,
        batch: &Batch<'_>,
        rows: &Tensor,
        learning_rate: f64,
    ) -> Result<Option<[f64; METRICS]>, LearnError> {
        let config = &self.config;
        let groups = self.gammas.len() as i64;
        let samples = batch.samples.gather(rows)?;
        let column = |i: i64| samples.f_select(1, i);
        let (mut advantages, old_log_probs) = (column(0)?, column(1)?);
        let returns = samples.f_narrow(1, 2, groups)?;
        let old_values = samples.f_narrow(1, 2 + groups, groups)?;
        let actions = samples.f_narrow(1, 2 + 2 * groups, self.head.action_width() as i64)?;

        let encoded = self.net.encode(batch.features.gather(rows)?)?;
        let (log_probs, entropy) = self.net.judge(&encoded, &actions)?;
        let values = self.net.values(&encoded)?;
        let log_ratio = log_probs.f_sub(&old_log_probs)?;
        let ratio = log_ratio.f_exp()?;

        // Policy loss.
        if config.norm_adv && rows.numel() > 1 {
            let std = advantages.f_std(true)?.f_add_scalar(1e-8)?;
            advantages = advantages.f_sub(&advantages.f_mean(None)?)?.f_div(&std)?;
        }
        let loss = advantages.f_neg()?;
        let clipped = loss.f_mul(&ratio.f_clamp(1.0 - config.clip_coef, 1.0 + config.clip_coef)?)?;
        let policy_loss = loss.f_mul(&ratio)?.f_maximum(&clipped)?.f_mean(None)?;

        // Value loss, summed over the heads.
        let mut errors = values.f_sub(&returns)?.f_square()?;
        if config.clip_vloss {
            let moved = values.f_sub(&old_values)?.f_clamp(-config.clip_coef, config.clip_coef)?;
            errors = errors.f_maximum(&old_values.f_add(&moved)?.f_sub(&returns)?.f_square()?)?;
        }
        let value_loss = errors.f_mean(None)?.f_mul_scalar(0.5 * groups as f64)?;

        let loss = policy_loss
            .f_sub(&entropy.f_mul_scalar(config.ent_coef)?)?
            .f_add(&value_loss.f_mul_scalar(config.vf_coef)?)?;
        let mut gradient = self.net.params.gradient(&loss)?;

        let metrics = tch::no_grad(|| {
            let drift = ratio.f_sub_scalar(1.0)?;
            let approx_kl = drift.f_sub(&log_ratio)?.f_mean(None)?;
            let clipfrac = drift.f_abs()?.f_gt(config.clip_coef)?.f_mean(Kind::Float)?;
            let all =
                [&loss, &policy_loss, &value_loss, &entropy, &approx_kl, &clipfrac, &gradient.f_norm()?];
            let mut metrics = [0.0_f32; METRICS];
            read_f32(&Tensor::f_stack(&all, 0)?, &mut metrics)?;
            Ok::<_, LearnError>(metrics.map(f64::from))
        })?;
        let (loss, norm) = (metrics[0], metrics[METRICS - 1]);
        if !(loss.is_finite() && norm.is_finite()) {
            return Ok(None);
        }
        clip_grad_norm(&mut gradient, norm, config.max_grad_norm)?;
        self.adam.step(self.net.params.flat_mut(), &gradient, learning_rate)?;
        Ok(Some(metrics))
    }

    /// What the trunks read for a batch of rows.
    fn encode(&self, obs: &[PartSlice<'_>], rows: usize) -> Result<Tensor, LearnError> {
        use_threads(self.config.threads);
        self.layout.check(obs, rows)?;
        let mut vectors = Vec::new();
        self.layout.fill_vectors(obs, rows, &self.obs_norm, &mut vectors);
        let features = self.layout.table(obs, &vectors, rows, self.device)?.copied(self.device)?;
        self.net.encode(features)
    }

    /// Samples actions row by row, and appends their log-probabilities.
    fn choose(
        &self,
        encoded: &Tensor,
        global_step: u64,
        deterministic: bool,
        actions: &mut [f32],
        mut log_probs: Option<&mut Vec<f32>>,
    ) -> Result<(), LearnError> {
        let width = self.head.outputs();
        let rows = actions.len() / self.head.action_width();
        LearnError::expect_len("the actions", actions.len(), rows * self.head.action_width())?;
        let mut outputs = vec![0.0; rows * width];
        read_f32(&self.net.act(encoded)?, &mut outputs)?;
        let mut log_std = vec![0.0; width];
        if let Some(own) = self.net.log_std() {
            read_f32(own, &mut log_std)?;
        }
        let std: Vec<f32> = log_std.iter().map(|&x| libm::expf(x)).collect();
        let mut normals = vec![0.0; width];
        let targets = actions.chunks_exact_mut(self.head.action_width());
        for (row, (outputs, action)) in outputs.chunks_exact(width).zip(targets).enumerate() {
            let noise = StepNoise::new(self.seed, row, global_step);
            let log_prob = match self.head {
                Head::Discrete(_) => {
                    let choice = if deterministic {
                        best_choice(outputs)
                    } else {
                        sample_choice(outputs, noise.uniform())
                    };
                    action[0] = choice as f32;
                    outputs[choice]
                }
                Head::Continuous(_) => {
                    if !deterministic {
                        noise.normals(&mut normals);
                    }
                    for (i, value) in action.iter_mut().enumerate() {
                        *value = outputs[i] + std[i] * normals[i];
                    }
                    gaussian_log_prob(&normals, &log_std)
                }
            };
            if let Some(log_probs) = &mut log_probs {
                log_probs.push(log_prob);
            }
        }
        Ok(())
    }

    /// Values of encoded rows, `[G, rows]`.
    fn read_values(&self, encoded: &Tensor, rows: usize) -> Result<Vec<f32>, LearnError> {
        let mut values = vec![0.0; rows * self.gammas.len()];
        read_f32(&self.net.values(encoded)?.f_transpose(0, 1)?, &mut values)?;
        Ok(values)
    }

    /// Values of rows `range` of observation parts, `G x [rows]`.
    fn values_of(
        &self,
        parts: &[PartData],
        range: std::ops::Range<usize>,
    ) -> Result<Vec<Vec<f32>>, LearnError> {
        let mut values = vec![Vec::with_capacity(range.len()); self.gammas.len()];
        for start in range.clone().step_by(VALUE_BLOCK) {
            let rows = start..(start + VALUE_BLOCK).min(range.end);
            let obs = self.parts(parts, rows.clone());
            let block = tch::no_grad(|| self.read_values(&self.encode(&obs, rows.len())?, rows.len()))?;
            for (own, new) in values.iter_mut().zip(block.chunks_exact(rows.len())) {
                own.extend_from_slice(new);
            }
        }
        Ok(values)
    }

    /// Values of each step's true successor, `G x [T, N]`: of the final observation where an episode was cut.
    fn next_values(&self, rollout: &Rollout, successors: &[Successor]) -> Result<Vec<Vec<f32>>, LearnError> {
        let (n, cells) = (rollout.num_envs, rollout.filled * rollout.num_envs);
        let last = self.values_of(&rollout.obs, cells..cells + n)?;
        let finals = self.values_of(&rollout.final_obs, 0..rollout.ends.len())?;
        let mut next_values = Vec::with_capacity(self.gammas.len());
        for (group, own) in self.values.iter().enumerate() {
            let mut next = own.get(n..).unwrap_or(&[]).to_vec();
            next.extend_from_slice(&last[group]);
            for (end, value) in rollout.ends.iter().zip(&finals[group]) {
                let cell = end.step as usize * n + end.env as usize;
                if successors[cell] == Successor::Truncated {
                    next[cell] = *value;
                }
            }
            next_values.push(next);
        }
        Ok(next_values)
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

/// Loss, policy loss, value loss, entropy, KL, clip fraction, gradient norm.
const METRICS: usize = 7;

/// A rollout as tensors.
struct Batch<'a> {
    features: FeatureTable<'a>,
    /// Rows of [`Ppo::sample_table`].
    samples: View<'a>,
}
