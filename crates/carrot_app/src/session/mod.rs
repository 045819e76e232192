//! What a person looks at, without any graphics: live envs, their past, their rewards, and every edit.
//!
//! Read in this order: [`live`] steps a batch, [`history`] keeps what happened, [`account`] takes a step's reward
//! apart, [`edits`] changes the reward as text, [`Session`] holds them together.

pub mod account;
pub mod breakpoint;
pub mod driver;
pub mod edits;
pub mod fields;
pub mod history;
pub mod live;
pub mod mirror;
pub mod scenario;
mod stage;
#[cfg(test)]
mod tests;
pub mod training;

pub use account::{Account, TermLine};
pub use breakpoint::Breakpoint;
pub use driver::{Driver, Recording};
pub use edits::{RewardEdit, RewardText};
pub use history::{Carry, Epoch, History, RowWeight, StepRecord};
pub use live::{EndedEpisode, Live};
pub use mirror::Mirror;
pub use scenario::Scenario;
pub use stage::{LaneId, ROWS, Session, Sight};
