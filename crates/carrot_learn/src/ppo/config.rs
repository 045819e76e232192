//! The settings of PPO.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use carrot_scene::Reader;
use serde::{Deserialize, Serialize};

use crate::config::{Ranged, range, settings};
use crate::{Activation, Images};

/// What a policy remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Recurrent {
    /// Nothing: it sees the present observation alone.
    #[default]
    Off,
    /// A gated recurrent unit between the encoders and the trunks.
    Gru {
        /// Numbers that it remembers.
        hidden: usize,
    },
}

impl Ranged for Recurrent {
    type Bound = usize;
    fn read(reader: &mut Reader<'_>, name: &str, default: Self, _: RangeInclusive<usize>) -> Self {
        reader.optional(name, default)
    }
    fn outside(&self, range: &RangeInclusive<usize>) -> Option<&usize> {
        match self {
            Self::Off => None,
            Self::Gru { hidden } => hidden.outside(range),
        }
    }
}

settings! {
    /// Settings of [`crate::Ppo`].
    ///
    /// # Source
    /// Names and defaults are those of CleanRL's `ppo_continuous_action.py` (Huang et al., "The 37
    /// implementation details of proximal policy optimization", 2022), but for the number of mini-batches,
    /// which suits the larger batches here. "PPO" below is Schulman et al. 2017.
    PpoConfig {
        /// Env steps of the whole training; the learning rate reaches 0 there when it is annealed.
        total_steps: u64 = 1_000_000, range::STEPS;
        /// Discount of every reward group (PPO, equation 11).
        gamma: f32 = 0.99, range::SHARE;
        /// Discounts of reward groups that have one of their own, by name.
        group_gammas: BTreeMap<String, f32> = BTreeMap::new();
        /// Lambda of the advantage estimate (Schulman et al. 2016, equation 16).
        gae_lambda: f32 = 0.95, range::SHARE;
        /// Passes over a rollout: K of PPO's algorithm 1.
        update_epochs: usize = 10, range::COUNT;
        /// Mini-batches per pass; of steps, or of whole env rows where the policy is recurrent.
        num_minibatches: usize = 8, range::COUNT;
        /// How far the ratio of probabilities may move: epsilon of PPO's equation 7.
        clip_coef: f64 = 0.2, 1e-6..=10.0;
        /// Also clip the values' move, as OpenAI's implementation does and the paper does not.
        clip_vloss: bool = false;
        /// Weight of the entropy bonus: c2 of PPO's equation 9.
        ent_coef: f64 = 0.0, range::WEIGHT;
        /// Weight of the value loss: c1 of PPO's equation 9; the loss carries a factor of one half.
        vf_coef: f64 = 0.5, range::WEIGHT;
        /// Longest gradient.
        max_grad_norm: f64 = 0.5, range::NORM;
        /// Learning rate of Adam, whose epsilon is 1e-5.
        learning_rate: f64 = 3e-4, range::RATE;
        /// Lower the learning rate linearly to 0.
        anneal_lr: bool = true;
        /// End the passes over a rollout once the policy has moved this far (Schulman's third estimator).
        target_kl: Option<f64> = None, range::NORM;
        /// Normalise advantages in each mini-batch.
        norm_adv: bool = true;
        /// Normalise float observations by their statistics so far.
        norm_obs: bool = true;
        /// How images reach actor and critic.
        images: Images = Images::Convolved;
        /// Widths of the hidden layers of actor and critic.
        hidden: Vec<usize> = vec![64, 64], range::WIDTH;
        /// What follows a hidden layer of actor and critic; a `Relu` costs a fraction of a `Tanh`.
        activation: Activation = Activation::Tanh;
        /// What the policy remembers from step to step, across rollouts and until the episode ends. It is trained
        /// by backpropagation through time cut at the rollout's bounds (Williams and Peng 1990), from the
        /// states that acting left at its first step (Hausknecht and Stone 2015); CleanRL's `ppo_atari_lstm.py`
        /// does the same with an LSTM.
        recurrent: Recurrent = Recurrent::Off, range::WIDTH;
        /// Logarithm of the first standard deviation of a continuous policy.
        log_std_init: f32 = 0.0, -10.0..=5.0;
        /// Shares of a mini-batch whose gradients are made side by side, one thread each as far as there are cores,
        /// and added in their order: numbers depend on this, and not on the cores.
        micro_batches: usize = 1, 1..=64;
        /// Threads of libtorch's operators; numbers may depend on it in the last bit.
        threads: usize = 1, range::THREADS;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LearnError;
    use carrot_scene::{Diagnostics, Reader, Source, Syntax};

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
