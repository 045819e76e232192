//! The settings of PPO.

use carrot_scene::Reader;
use serde::{Deserialize, Serialize};

use crate::LearnError;

/// Settings of [`crate::Ppo`]; names and defaults are those of CleanRL's `ppo_continuous_action.py`, but
/// for the number of mini-batches, which suits the larger batches here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PpoConfig {
    /// Env steps of the whole training; the learning rate reaches 0 there when it is annealed.
    pub total_steps: u64,
    /// Discount of the default reward group; other groups bring their own.
    pub gamma: f32,
    /// Lambda of the advantage estimate.
    pub gae_lambda: f32,
    /// Passes over a rollout.
    pub update_epochs: usize,
    /// Mini-batches per pass.
    pub num_minibatches: usize,
    /// How far the ratio of probabilities may move.
    pub clip_coef: f64,
    /// Also clip the values' move.
    pub clip_vloss: bool,
    /// Weight of the entropy bonus.
    pub ent_coef: f64,
    /// Weight of the value loss.
    pub vf_coef: f64,
    /// Longest gradient.
    pub max_grad_norm: f64,
    /// Learning rate of Adam.
    pub learning_rate: f64,
    /// Lower the learning rate linearly to 0.
    pub anneal_lr: bool,
    /// End the passes over a rollout once the policy has moved this far.
    pub target_kl: Option<f64>,
    /// Normalise advantages in each mini-batch.
    pub norm_adv: bool,
    /// Normalise float observations by their statistics so far.
    pub norm_obs: bool,
    /// Widths of the hidden layers of actor and critic.
    pub hidden: Vec<usize>,
    /// Logarithm of the first standard deviation of a continuous policy.
    pub log_std_init: f32,
    /// Threads of libtorch's operators; numbers may depend on it in the last bit.
    pub threads: usize,
}

impl Default for PpoConfig {
    fn default() -> Self {
        Self {
            total_steps: 1_000_000,
            gamma: 0.99,
            gae_lambda: 0.95,
            update_epochs: 10,
            num_minibatches: 8,
            clip_coef: 0.2,
            clip_vloss: false,
            ent_coef: 0.0,
            vf_coef: 0.5,
            max_grad_norm: 0.5,
            learning_rate: 3e-4,
            anneal_lr: true,
            target_kl: None,
            norm_adv: true,
            norm_obs: true,
            hidden: vec![64, 64],
            log_std_init: 0.0,
            threads: 1,
        }
    }
}

/// Ranges that a reader's report and [`PpoConfig::check`] agree on.
mod range {
    use std::ops::RangeInclusive;

    pub(super) const SHARE: RangeInclusive<f32> = 0.0..=1.0;
    pub(super) const COUNT: RangeInclusive<usize> = 1..=10_000;
    pub(super) const CLIP: RangeInclusive<f64> = 1e-6..=10.0;
    pub(super) const WEIGHT: RangeInclusive<f64> = 0.0..=1e6;
    pub(super) const RATE: RangeInclusive<f64> = 0.0..=1.0;
    pub(super) const NORM: RangeInclusive<f64> = 1e-9..=1e9;
    pub(super) const STEPS: RangeInclusive<u64> = 1..=1_000_000_000_000;
    pub(super) const LOG_STD: RangeInclusive<f32> = -10.0..=5.0;
    pub(super) const THREADS: RangeInclusive<usize> = 1..=256;
    pub(super) const WIDTH: RangeInclusive<usize> = 1..=4_096;
    pub(super) const LAYERS: RangeInclusive<usize> = 0..=8;
}

impl PpoConfig {
    /// Reads the settings that a scene gives; every mistake is reported, and `None` is returned then.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let before = reader.diagnostics().len();
        let d = Self::default();
        let config = Self {
            total_steps: reader.optional_in("total_steps", d.total_steps, range::STEPS),
            gamma: reader.optional_in("gamma", d.gamma, range::SHARE),
            gae_lambda: reader.optional_in("gae_lambda", d.gae_lambda, range::SHARE),
            update_epochs: reader.optional_in("update_epochs", d.update_epochs, range::COUNT),
            num_minibatches: reader.optional_in("num_minibatches", d.num_minibatches, range::COUNT),
            clip_coef: reader.optional_in("clip_coef", d.clip_coef, range::CLIP),
            clip_vloss: reader.optional("clip_vloss", d.clip_vloss),
            ent_coef: reader.optional_in("ent_coef", d.ent_coef, range::WEIGHT),
            vf_coef: reader.optional_in("vf_coef", d.vf_coef, range::WEIGHT),
            max_grad_norm: reader.optional_in("max_grad_norm", d.max_grad_norm, range::NORM),
            learning_rate: reader.optional_in("learning_rate", d.learning_rate, range::RATE),
            anneal_lr: reader.optional("anneal_lr", d.anneal_lr),
            target_kl: reader.optional("target_kl", d.target_kl),
            norm_adv: reader.optional("norm_adv", d.norm_adv),
            norm_obs: reader.optional("norm_obs", d.norm_obs),
            hidden: reader.optional("hidden", d.hidden),
            log_std_init: reader.optional_in("log_std_init", d.log_std_init, range::LOG_STD),
            threads: reader.optional_in("threads", d.threads, range::THREADS),
        };
        // What is left are the fields without a range of their own.
        if let Err(LearnError::Config { field, message }) = config.check() {
            reader.refuse(
                field,
                format!("`{field}`: {message}"),
                format!("leave `{field}` out for the default"),
            );
        }
        (reader.diagnostics().len() == before).then_some(config)
    }

    /// Refuses settings out of range.
    ///
    /// # Errors
    /// [`LearnError::Config`] with the first such setting.
    pub fn check(&self) -> Result<(), LearnError> {
        expect("total_steps", &self.total_steps, range::STEPS)?;
        expect("gamma", &self.gamma, range::SHARE)?;
        expect("gae_lambda", &self.gae_lambda, range::SHARE)?;
        expect("update_epochs", &self.update_epochs, range::COUNT)?;
        expect("num_minibatches", &self.num_minibatches, range::COUNT)?;
        expect("clip_coef", &self.clip_coef, range::CLIP)?;
        expect("ent_coef", &self.ent_coef, range::WEIGHT)?;
        expect("vf_coef", &self.vf_coef, range::WEIGHT)?;
        expect("max_grad_norm", &self.max_grad_norm, range::NORM)?;
        expect("learning_rate", &self.learning_rate, range::RATE)?;
        if let Some(target) = &self.target_kl {
            expect("target_kl", target, range::NORM)?;
        }
        expect("log_std_init", &self.log_std_init, range::LOG_STD)?;
        expect("threads", &self.threads, range::THREADS)?;
        expect("hidden", &self.hidden.len(), range::LAYERS)?;
        self.hidden.iter().try_for_each(|width| expect("hidden", width, range::WIDTH))
    }
}

fn expect<T>(field: &'static str, value: &T, range: std::ops::RangeInclusive<T>) -> Result<(), LearnError>
where
    T: PartialOrd + std::fmt::Display,
{
    if range.contains(value) {
        return Ok(());
    }
    let message = format!("{value} is outside of {} to {}", range.start(), range.end());
    Err(LearnError::Config { field, message })
}

#[cfg(test)]
mod tests {
    use super::*;
    use carrot_scene::{Diagnostics, Source, Syntax};

    fn read(text: &str) -> (Option<PpoConfig>, Vec<String>) {
        let node = Syntax::parse(&Source::new("scene.ron", text)).unwrap().root();
        let mut diagnostics = Diagnostics::new();
        let mut reader = Reader::open(&node, &mut diagnostics).unwrap();
        let config = PpoConfig::read(&mut reader);
        reader.finish();
        (config, diagnostics.iter().map(|d| d.message.clone()).collect())
    }

    #[test]
    fn what_is_not_said_keeps_its_default() {
        let (config, messages) =
            read("Ppo(gamma: 0.9, hidden: [32], target_kl: Some(0.02), norm_obs: false)");
        let expected = PpoConfig {
            gamma: 0.9,
            hidden: vec![32],
            target_kl: Some(0.02),
            norm_obs: false,
            ..PpoConfig::default()
        };
        assert_eq!((config, messages), (Some(expected), Vec::new()));
    }

    #[test]
    fn every_mistake_is_reported() {
        let (config, messages) = read("Ppo(gamma: 1.5, update_epochs: 0, hiden: [32])");
        assert_eq!((config, messages.len()), (None, 3), "{messages:?}");
        let (config, messages) = read("Ppo(hidden: [64, 0])");
        assert_eq!((config, messages), (None, vec!["`hidden`: 0 is outside of 1 to 4096".to_owned()]));
        let (config, messages) = read("Ppo(target_kl: Some(-1.0))");
        assert!(config.is_none() && messages[0].contains("target_kl"), "{messages:?}");
    }

    #[test]
    fn a_config_built_by_hand_is_checked_too() {
        assert!(PpoConfig::default().check().is_ok());
        let config = PpoConfig { learning_rate: f64::NAN, ..PpoConfig::default() };
        assert!(matches!(config.check(), Err(LearnError::Config { field: "learning_rate", .. })));
    }
}
