//! What is compared: some steps of one episode, and pairs of them.

use serde::{Deserialize, Serialize};

use super::Answer;

/// Where a segment comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Env steps of the training when its rollout began.
    pub env_steps: u64,
    /// Global env id.
    pub env: u32,
    /// Step of the rollout at which it begins.
    pub step: u32,
}

/// Some steps of one episode, at most as many as was asked for: a segment that the task ended is shorter, and pays so
/// much less or more.
///
/// # Shapes
/// L steps, F features, K factors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Where it comes from.
    pub place: Place,
    /// What the reward network reads of s' of each step, `[L, F]`.
    pub features: Vec<f32>,
    /// What a simulated annotator was paid for each step, `[L]`; nobody else reads it.
    pub gold: Vec<f32>,
    /// Sum over the steps of each factor by which a hierarchy compares, `[K]`.
    pub factors: Vec<f32>,
}

/// Two segments to be compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// Counted from 0 over the whole training.
    pub id: u64,
    /// One.
    pub left: Segment,
    /// The other.
    pub right: Segment,
}

/// What an annotator says of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Left is better.
    Left,
    /// Right is better.
    Right,
    /// Neither is better.
    Equal,
    /// They cannot be compared; nothing is learned from the pair.
    Skip,
}

impl Verdict {
    /// The answer to learn from.
    pub fn answer(self) -> Option<Answer> {
        match self {
            Self::Left => Some(Answer::LEFT),
            Self::Right => Some(Answer::RIGHT),
            Self::Equal => Some(Answer::EQUAL),
            Self::Skip => None,
        }
    }

    /// What is said when the two change places.
    pub fn mirrored(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
            same => same,
        }
    }
}
