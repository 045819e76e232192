//! Learning on libtorch: policies, PPO, observation statistics and reward networks.
//!
//! Read [`ppo`] first: execution order is reading order. Nothing here names a task or changes a reward.

mod adam;
mod checkpoint;
mod config;
mod device;
mod error;
mod features;
pub mod gae;
mod metrics;
mod network;
mod noise;
mod obs_norm;
mod params;
pub mod ppo;
mod reward_model;
mod success_net;
mod views;

pub use config::PpoConfig;
pub use device::Device;
pub use error::LearnError;
pub use metrics::{Counters, UpdateMetrics};
pub use obs_norm::ObsNorm;
pub use ppo::Ppo;
pub use success_net::{SuccessNet, SuccessNetConfig, SuccessNetOutput, auc};
