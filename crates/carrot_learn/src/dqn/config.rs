//! The settings of DQN.

use crate::config::{range, settings};

settings! {
    /// Settings of [`crate::Dqn`].
    ///
    /// # Source
    /// "DQN" below is Mnih et al., "Human-level control through deep reinforcement learning" (2015), "Rainbow" is
    /// Hessel et al. (2018). Names and defaults are those of Stable-Baselines3's `DQN`, but for smaller figures
    /// where its own are for Atari, and for what Rainbow adds.
    DqnConfig {
        /// Env steps of the whole training.
        total_steps: u64 = 100_000, range::STEPS;
        /// Discount (DQN, equation 1).
        gamma: f32 = 0.99, range::SHARE;
        /// Transitions that are kept, a whole number of steps of the batch (DQN, extended data table 1: replay
        /// memory size).
        buffer_size: usize = 100_000, 1..=1_000_000_000;
        /// Env steps with random actions and without learning (replay start size).
        learning_starts: u64 = 1_000, 0..=1_000_000_000_000;
        /// Transitions of a mini-batch.
        batch_size: usize = 128, 1..=65_536;
        /// Steps of the optimiser per env step; DQN has 0.25. What a rollout makes due is done after it.
        updates_per_step: f64 = 0.25, 0.0..=100.0;
        /// Learning rate of Adam; DQN used RMSProp, Rainbow Adam.
        learning_rate: f64 = 1e-3, range::RATE;
        /// Let the learning rate fall to 0 over `total_steps`: the last policy is then not one of many that come
        /// and go.
        anneal_lr: bool = false;
        /// Longest gradient.
        max_grad_norm: f64 = 10.0, range::NORM;
        /// Where the squared error turns into an absolute one (Huber 1964); DQN's clipped error is 1.
        huber_delta: f64 = 1.0, range::NORM;
        /// Steps of the optimiser between two moves of the target network.
        target_every: u64 = 200, 1..=1_000_000_000;
        /// Share of the way that the target network moves: 1 is DQN's copy, less is Polyak averaging (Lillicrap
        /// et al. 2016).
        tau: f64 = 1.0, range::RATE;
        /// Let the network choose the next action and the target network value it (van Hasselt et al. 2016,
        /// equation 4).
        double: bool = true;
        /// Separate streams for the value of a state and the advantages of actions, joined by their mean (Wang et
        /// al. 2016, equation 9).
        duelling: bool = true;
        /// Steps of a target (Rainbow, section 3).
        n_steps: usize = 3, 1..=1_000;
        /// Chance of a random action at first.
        epsilon_start: f32 = 1.0, range::SHARE;
        /// Chance of a random action at last; DQN has 0.1.
        epsilon_end: f32 = 0.05, range::SHARE;
        /// Share of the training over which that chance falls, linearly.
        exploration_fraction: f64 = 0.2, range::RATE;
        /// Normalise float observations by their statistics so far.
        norm_obs: bool = false;
        /// Score the whole buffer again whenever the reward's revision changes, so that stored steps are worth
        /// what they would be paid today. Without it they keep what they were paid.
        rescore: bool = true;
        /// Widths of the hidden layers.
        hidden: Vec<usize> = vec![128, 128], range::WIDTH;
        /// Threads of libtorch's operators; numbers may depend on it in the last bit.
        threads: usize = 1, range::THREADS;
    }
}
