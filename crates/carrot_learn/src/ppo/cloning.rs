//! Behaviour cloning: the policy does what was shown before it learns from what is paid.
//!
//! # Source
//! Pomerleau, "ALVINN: an autonomous land vehicle in a neural network" (1988): supervised learning of actions. Choices are
//! learned by likelihood, continuous actions by squared error, so that the policy keeps the deviation it explores with.
//!
//! # When it misleads
//! It is right where the expert has been, and drifts where it has not (Ross, Gordon and Bagnell 2011). The critic knows
//! nothing yet: with a high learning rate the first updates undo what was cloned.

use carrot_sim::{PartData, RowKey, Stream};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::network::Head;
use super::{Ppo, Recurrent};
use crate::adam::{Adam, AdamConfig, clip_grad_norm};
use crate::config::{range, settings};
use crate::device::use_threads;
use crate::views::View;
use crate::{LearnError, ObsNorm};

/// The episode half of the key under which the order of steps is drawn; no other order uses it.
const ORDER: u32 = u32::MAX - 7;

settings! {
    /// How a policy is fitted to what was shown.
    CloningConfig {
        /// Passes over the steps shown.
        epochs: usize = 30, range::COUNT;
        /// Steps of a mini-batch.
        batch_size: usize = 64, range::COUNT;
        /// Learning rate of Adam.
        learning_rate: f64 = 1e-3, range::RATE;
    }
}

/// What cloning came to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CloningReport {
    /// Steps shown.
    pub steps: usize,
    /// Mean loss over the first pass.
    pub first_loss: f64,
    /// Mean loss over the last pass: minus the logarithm of the likelihood of the choices, or squared error.
    pub last_loss: f64,
}

/// Steps that were shown.
///
/// # Shapes
/// B steps: each part of the observation `[B, size]`, actions `[B, A]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownSteps {
    /// What was to be seen.
    pub obs: Vec<PartData>,
    /// What was done.
    pub actions: Vec<f32>,
}

impl Ppo {
    /// Fits the policy to what was shown, and takes the statistics of observations from there; the critic stays as it is.
    ///
    /// # Errors
    /// When a buffer does not fit, nothing was shown, the policy remembers, or the numbers do not stay finite.
    pub fn clone_behaviour(
        &mut self,
        shown: &ShownSteps,
        config: &CloningConfig,
    ) -> Result<CloningReport, LearnError> {
        config.check()?;
        use_threads(self.config.threads);
        let refuse = |message: &str| LearnError::Space(message.into());
        if self.config.recurrent != Recurrent::Off {
            return Err(refuse("a policy that remembers cannot be cloned step by step"));
        }
        let rows = shown.actions.len() / self.head.action_width();
        if rows == 0 || !shown.actions.iter().all(|x| x.is_finite()) {
            return Err(refuse("there is nothing to clone, or its actions are not finite"));
        }
        let obs = self.parts(&shown.obs, 0..rows);
        self.layout.check(&obs, rows)?;
        if self.config.norm_obs {
            let floats = shown.obs.iter().zip(self.layout.sizes());
            let floats: Vec<(&[f32], usize)> = floats
                .filter(|(part, _)| matches!(part, PartData::F32(_)))
                .map(|(part, size)| (part.f32(), size))
                .collect();
            self.obs_norm = ObsNorm::identity(self.layout.floats).with_rows(&floats, rows);
        }
        let mut vectors = Vec::new();
        self.layout.fill_vectors(&obs, rows, &self.obs_norm, &mut vectors);
        let table = self.layout.table(&obs, &vectors, rows, self.device)?;
        let actions = View::f32(&shown.actions, &[rows as i64, self.head.action_width() as i64])?;
        let actions = actions.copied(self.device)?;

        // An optimiser of its own, so that the one of the training begins fresh.
        let mut adam = Adam::new(AdamConfig::default(), self.weights.params.len(), self.device)?;
        let mut order: Vec<i64> = (0..rows as i64).collect();
        let mut losses = Vec::with_capacity(config.epochs);
        for epoch in 0..config.epochs {
            let key = RowKey { seed: self.seed, env: epoch as u32, episode: ORDER };
            key.rng(Stream::Learner).shuffle(&mut order);
            let mut sum = 0.0;
            for batch in order.chunks(config.batch_size) {
                let chosen = View::i64(batch, &[batch.len() as i64])?.copied(self.device)?;
                let loss = self.distance(table.gather(&chosen)?, &actions.f_index_select(0, &chosen)?)?;
                let mut gradient = self.weights.params.gradient(&loss)?;
                let norm = gradient.f_norm()?.f_double_value(&[])?;
                sum += loss.f_double_value(&[])? * batch.len() as f64;
                clip_grad_norm(&mut gradient, norm, self.config.max_grad_norm)?;
                adam.step(self.weights.params.flat_mut(), &gradient, config.learning_rate)?;
            }
            losses.push(sum / rows as f64);
        }
        let report = CloningReport {
            steps: rows,
            first_loss: losses.first().copied().unwrap_or(f64::NAN),
            last_loss: losses.last().copied().unwrap_or(f64::NAN),
        };
        let finite = self.weights.params.values()?.iter().all(|x| x.is_finite());
        if !(finite && report.last_loss.is_finite()) {
            return Err(refuse("cloning came to numbers that are not finite; lower its learning rate"));
        }
        Ok(report)
    }

    /// How far the policy is from actions, `[B, A]`.
    fn distance(&self, features: crate::features::Features, actions: &Tensor) -> Result<Tensor, LearnError> {
        let params = &self.weights.params;
        let inputs = self.net.perceive(params, features, None)?;
        let own = match &self.head {
            Head::Discrete(_) => self.net.judge(params, &inputs, actions)?.0.f_mean(Kind::Float)?.f_neg()?,
            Head::Continuous(width) => {
                let square = self.net.act(params, &inputs)?.f_sub(actions)?.f_square()?;
                square.f_mean(Kind::Float)?.f_mul_scalar(*width as f64)?
            }
        };
        // What stays as it is counts for nothing, but libtorch wants it in the sum.
        let mut idle = self.net.values(params, &inputs)?.f_mean(Kind::Float)?;
        if let Some(log_std) = self.net.log_std(params) {
            idle = idle.f_add(&log_std.f_mean(Kind::Float)?)?;
        }
        Ok(own.f_add(&idle.f_mul_scalar(0.0)?)?)
    }
}
