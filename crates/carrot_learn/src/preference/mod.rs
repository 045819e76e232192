//! Rewards learned from preferences: segments, who compares them, and the network that explains the answers.
//!
//! ```text
//! rollout -> segments -> pairs (query) -> verdicts (annotator, hierarchy, people) -> fit (choice, trainer) -> publish
//! ```
//!
//! A network that is being fitted is a [`RewardTrainer`]; what rewards is a [`RewardNet`], a copy with a version.
//!
//! # When it misleads
//! Away from the segments that were compared the network is a guess, and the agent looks exactly there. Comparisons tell
//! a return up to its scale, and segments of one length up to a constant per step: where episodes differ in length,
//! compare segments that the task's own ends cut short.

use carrot_sim::{KeyedRng, RowKey, Stream};

mod annotator;
mod choice;
pub mod exact;
mod hierarchy;
mod net;
mod query;
mod segment;
mod self_play;
#[cfg(test)]
mod tests;
mod trainer;

pub use annotator::{Faults, Population, judge_by_one_of};
pub use choice::{Answer, ChoiceModel, win_chance};
pub use hierarchy::Hierarchy;
pub(crate) use net::{About, Head};
pub use net::{Combine, Published, RewardNet};
pub use query::{QueryChoice, choose_pairs};
pub use segment::{Pair, Place, Segment, Verdict};
pub use self_play::{SelfPlay, win_rates};
pub use trainer::{FitReport, RewardNetConfig, RewardTrainer};

/// What is drawn; draws for one purpose never meet those for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draw {
    /// Where segments begin.
    Segments,
    /// Pairs of segments.
    Pairs,
    /// Faults of an annotator.
    Verdict,
    /// Who answers.
    Annotator,
    /// The order in which a network sees pairs.
    Order,
    /// How often a member of an ensemble has an answer.
    Bootstrap,
}

/// Draws for a purpose, by two counters.
pub fn draws(what: Draw, seed: u64, major: u32, minor: u32) -> KeyedRng {
    // A seed of its own keeps this module apart from all else that is drawn for the run.
    const SALT: u64 = 0x7072_6566_6572_6500;
    RowKey { seed: seed ^ (SALT + what as u64), env: major, episode: minor }.rng(Stream::Learner)
}
