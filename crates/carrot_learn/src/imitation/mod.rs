//! Rewards from demonstrations: a network that tells expert from agent, and the cost of moving one's states onto the
//! other's.

mod adversary;
mod schedule;
mod transport;

pub use adversary::{AdversaryConfig, AdversaryReport, AdversaryReward, AdversaryTrainer};
pub use schedule::{Discount, DiscountConfig};
pub use transport::{Transport, TransportConfig};
