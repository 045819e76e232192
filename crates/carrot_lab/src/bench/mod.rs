//! Speed, beside others: how fast batches step and how soon agents learn, with peers in the same run.
//!
//! Machines differ and are shared, so figures alone say little. Here Carrot and its peers take turns: a window
//! of one, a window of the next, and so on, and what counts is the ratio within a turn. Beside the wall clock
//! stands the CPU time that the process got, which other work on the machine disturbs less.

mod clock;
pub mod learn;
pub mod peers;
pub mod pictures;
pub mod rewards;
mod spread;
pub mod step;
pub mod table;
mod terms;
pub mod turns;

pub use spread::{Lead, Spread, Window};
pub use terms::four_terms;
