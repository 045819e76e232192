//! Bonuses for what is new: within the episode, over the whole training, or both multiplied.
//!
//! What is new within an episode is a function of that episode alone, so it is remembered step by step and begins anew
//! with every episode. What is new over the training changes with the training: it is paid by a published version, as
//! every other learned reward is, and the rollout that is paid for is not yet in it. So recorded episodes are scored
//! again to the bit.
//!
//! # Source
//! Henaff et al., "A study of global and episodic bonuses for exploration in contextual MDPs" (2023): both families, and
//! their product. What differs: inputs are signals on the scale of their range, not learned features.
//!
//! # When it misleads
//! New is not good: an agent that is paid for both may walk on instead of finishing, so give the bonus a group with a
//! discount and a value head of its own, and watch the truth. Signals that never repeat, such as noise or a clock, are
//! new for ever. Where episodes share their layouts an episodic bonus pays for the same tiles again and again, and where
//! each has its own a global one is never used up; the product holds at both ends.

mod episodic;
mod global;
mod icm;
mod model;
mod rnd;

pub use episodic::EpisodicBonus;
pub use global::{GlobalBonus, NoveltyTrainer};
pub use model::Novelty;

use serde::{Deserialize, Serialize};

use crate::LearnError;

/// What a bonus is paid for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NoveltyConfig {
    /// Signal columns that tell one state from another, then those of the action where the bonus reads it.
    pub inputs: Vec<String>,
    /// Lowest and highest value of each.
    pub ranges: Vec<(f32, f32)>,
    /// Choices of each element of the action, the last of `inputs`; 0 for a continuous one.
    pub actions: Vec<usize>,
    /// What is new within the episode.
    pub episodic: Option<EpisodicBonus>,
    /// What is new over the training.
    pub global: Option<GlobalBonus>,
}

impl NoveltyConfig {
    /// Refuses a bonus for nothing.
    ///
    /// # Errors
    /// [`LearnError::Config`].
    pub fn check(&self) -> Result<(), LearnError> {
        let refuse = |field, message: &str| Err(LearnError::Config { field, message: message.into() });
        if self.inputs.len() <= self.actions.len() || self.inputs.len() != self.ranges.len() {
            return refuse("inputs", "give the signals that tell one state from another");
        }
        match (&self.episodic, &self.global) {
            (None, None) => refuse("episodic", "give `episodic`, `global` or both"),
            (Some(bonus), _) if !bonus.is_sound() => refuse("episodic", "a number is out of range"),
            (_, Some(bonus)) if !bonus.is_sound() => refuse("global", "a number is out of range"),
            (_, Some(GlobalBonus::Icm { .. })) if self.actions.is_empty() => {
                refuse("global", "the bonus reads actions, and none are given")
            }
            _ => Ok(()),
        }
    }

    /// Whether it reads s and the action beside s'.
    pub fn compares(&self) -> bool {
        self.global.as_ref().is_some_and(GlobalBonus::compares)
    }

    /// Inputs that tell states.
    fn states(&self) -> usize {
        self.inputs.len() - self.actions.len()
    }

    /// Numbers that stand for an action.
    fn acts(&self) -> usize {
        self.actions.iter().map(|choices| (*choices).max(1)).sum()
    }

    /// States on the scale of their ranges, from 0 to 1.
    fn scaled(&self, features: &[f32]) -> Vec<f32> {
        let rows = features.chunks_exact(self.inputs.len().max(1));
        rows.flat_map(|row| row.iter().zip(&self.ranges).take(self.states()).map(scale)).collect()
    }

    /// Actions: of a choice one number per choice, of a continuous element its place in its range.
    fn done(&self, features: &[f32]) -> Vec<f32> {
        let row = |row: &[f32]| -> Vec<f32> {
            let own = row.iter().zip(&self.ranges).skip(self.states()).zip(&self.actions);
            own.flat_map(|((x, range), &choices)| match choices {
                0 => vec![scale((x, range))],
                choices => (0..choices).map(|i| f32::from(u8::from(*x == i as f32))).collect(),
            })
            .collect()
        };
        features.chunks_exact(self.inputs.len().max(1)).flat_map(row).collect()
    }
}

/// A value's place in its range.
fn scale((&x, &(low, high)): (&f32, &(f32, f32))) -> f32 {
    let span = high - low;
    if span > 0.0 && span.is_finite() { (x - low) / span } else { x }
}

/// Steps as bonuses see them.
///
/// # Shapes
/// `now` is `[rows, S]`; `before` too and `acts` is `[rows, A]`, where the bonus compares.
struct Steps<'a> {
    before: &'a [f32],
    now: &'a [f32],
    acts: &'a [f32],
}

/// Which of so many equal parts of its range each input lies in.
fn cell(row: &[f32], cells: u32) -> Vec<i32> {
    let last = cells as f32 - 1.0;
    row.iter().map(|x| (x * cells as f32).floor().clamp(-1.0, last + 1.0).min(last) as i32).collect()
}

#[cfg(test)]
mod tests;
