//! Learning on libtorch: policies, PPO, observation statistics and reward networks.
//!
//! Read [`learner`] for what a training drives, then [`ppo`]: execution order is reading order. Nothing here
//! names a task or changes a reward.

mod adam;
mod config;
mod device;
mod error;
mod features;
mod layers;
pub mod learner;
mod memory;
mod noise;
mod obs_norm;
mod params;
mod parts;
pub mod ppo;
mod reward_model;
mod success_net;
mod trained;
mod views;

pub use config::LearnerConfig;
pub use device::Device;
pub use error::LearnError;
pub use learner::{Counters, Experience, Learner, Parts, Scalars};
pub use memory::Memory;
pub use obs_norm::ObsNorm;
pub use ppo::{Ppo, PpoConfig, Recurrent, UpdateMetrics};
pub use success_net::{SuccessNet, SuccessNetConfig, SuccessNetOutput, auc};
