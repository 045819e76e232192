//! The settings of SAC.

use crate::config::{range, settings};
use crate::replay::Hindsight;

settings! {
    /// Settings of [`crate::Sac`].
    ///
    /// # Source
    /// "SAC" below is Haarnoja et al., "Soft actor-critic algorithms and applications" (2018, arXiv 1812.05905).
    /// Names and defaults are those of Stable-Baselines3's `SAC`.
    SacConfig {
        /// Env steps of the whole training.
        total_steps: u64 = 100_000, range::STEPS;
        /// Discount (SAC, equation 1).
        gamma: f32 = 0.99, range::SHARE;
        /// Transitions that are kept, a whole number of steps of the batch.
        buffer_size: usize = 1_000_000, 1..=1_000_000_000;
        /// Env steps with random actions and without learning.
        learning_starts: u64 = 1_000, 0..=1_000_000_000_000;
        /// Transitions of a mini-batch.
        batch_size: usize = 256, 1..=65_536;
        /// Steps of the optimisers per env step; SAC has 1. What a rollout makes due is done after it.
        updates_per_step: f64 = 1.0, 0.0..=100.0;
        /// Learning rate of all three Adams.
        learning_rate: f64 = 3e-4, range::RATE;
        /// Longest gradient; SAC does not clip, so the default is out of reach.
        max_grad_norm: f64 = 1e9, range::NORM;
        /// Share of the way that the target critics move after each step (SAC, algorithm 1).
        tau: f64 = 0.005, range::RATE;
        /// Weight of the entropy, alpha; it is the first one where it is tuned.
        ent_coef: f64 = 1.0, 1e-9..=1e6;
        /// Tune that weight so that the entropy meets its target (SAC, equation 18).
        tune_ent_coef: bool = true;
        /// Entropy that is aimed at, per action element; SAC has -1.
        target_entropy: f64 = -1.0, -100.0..=100.0;
        /// Normalise float observations by their statistics so far.
        norm_obs: bool = false;
        /// Score the whole buffer again whenever the reward's revision changes, so that stored steps are worth
        /// what they would be paid today. Without it they keep what they were paid.
        rescore: bool = true;
        /// On goal tasks, learn from stored steps also as if a goal that their episode reached later had been
        /// wanted: `Future(goals: 4)` (Andrychowicz et al. 2017). The trained reward itself says what such a step
        /// pays; rollouts then keep their signals.
        hindsight: Hindsight = Hindsight::Off, 1..=1_000;
        /// Widths of the hidden layers of actor and critics.
        hidden: Vec<usize> = vec![256, 256], range::WIDTH;
        /// Threads of libtorch's operators; numbers may depend on it in the last bit.
        threads: usize = 1, range::THREADS;
    }
}
