//! Learning on libtorch: policies, PPO, DQN, SAC, observation statistics and reward networks.
//!
//! Read [`learner`] for what a training drives, then [`ppo`], [`dqn`] or [`sac`]: execution
//! order is reading order. Nothing here
//! names a task or changes a reward.

mod adam;
mod cell;
mod config;
pub mod decomposition;
mod dense;
mod device;
pub mod dqn;
mod error;
mod features;
pub mod imitation;
mod layers;
pub mod learner;
mod memory;
mod noise;
pub mod novelty;
mod obs_norm;
mod off_policy;
mod params;
mod parts;
pub mod ppo;
pub mod preference;
pub mod replay;
mod reward_model;
pub mod sac;
mod standard;
mod success_net;
mod trained;
mod views;
pub mod vlm;

pub use config::LearnerConfig;
pub use device::Device;
pub use dqn::{Dqn, DqnConfig};
pub use error::LearnError;
pub use features::Images;
pub use layers::Activation;
pub use learner::{Counters, Experience, Learner, Parts, Scalars};
pub use memory::Memory;
pub use obs_norm::ObsNorm;
pub use ppo::{CloningConfig, CloningReport, Ppo, PpoConfig, Recurrent, ShownSteps, UpdateMetrics};
pub use sac::{Sac, SacConfig};
pub use success_net::{SuccessNet, SuccessNetConfig, SuccessNetOutput, auc};
