//! A task as an exact Markov decision process: every state, every transition, and the signals of both.
//!
//! A task that is small enough offers one through [`Task::mdp`](crate::Task::mdp). A state is all of a row's
//! state but its step count, so signals of s and s′ are known for every transition and any reward that reads
//! signals can be evaluated on it, exactly. [`value_iteration`] and its neighbours solve it.

mod explore;
mod solve;
#[cfg(test)]
mod tests;

pub use explore::{Ending, Explorer, Follow};
pub use solve::{
    Optimum, Plan, backward_induction, evaluate_plan, evaluate_policy, policy_iteration, value_iteration,
};

use std::ops::Range;

use serde::Serialize;

use crate::episode::{CAUSE_NONE, Cause};

/// Errors of exact models and their solvers.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MdpError {
    /// The task has no finite set of states, or does not list it.
    #[error("{0} does not export itself as an MDP: its states cannot be listed")]
    NotListed(&'static str),
    /// More states than are worth listing.
    #[error("more than {limit} states can be reached; the task is too large for an exact model")]
    TooLarge {
        /// The largest number of states.
        limit: usize,
    },
    /// Numbers that do not belong to this model.
    #[error("{what}: {given} were given, the MDP has {expected}")]
    Shape {
        /// What they are.
        what: &'static str,
        /// How many were given.
        given: usize,
        /// How many there are.
        expected: usize,
    },
    /// The values have no end: a reward can be collected forever without a discount, or gamma is too near 1.
    #[error(
        "the values still change by {change} after {sweeps} sweeps; they are unbounded, or gamma is too near 1"
    )]
    NotConverged {
        /// Sweeps made.
        sweeps: usize,
        /// Largest change in the last one.
        change: f64,
    },
}

/// A signal column that depends on the step count alone, such as a bonus for being early.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Clock {
    /// The column.
    pub column: usize,
    /// Its value after 0, 1, 2, .. steps, up to the step limit.
    pub values: Vec<f32>,
}

/// A finite Markov decision process in sparse columns.
///
/// # Shapes
/// S states, A actions, T transitions (ordered by state, then action), C signal columns of the task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mdp {
    /// A.
    pub num_actions: usize,
    /// First transition of each (state, action), and T at the end, `[S * A + 1]`.
    pub first: Vec<u32>,
    /// State that follows, `[T]`.
    pub next: Vec<u32>,
    /// Probability, `[T]`; sums to 1 over the transitions of a (state, action).
    pub prob: Vec<f64>,
    /// Why the episode terminates on arrival in a state, [`CAUSE_NONE`] where it goes on, `[S]`. No transition
    /// leaves a state that terminates.
    pub cause: Vec<Cause>,
    /// Truth on arrival in a state, `[S]`.
    pub success: Vec<bool>,
    /// Signals of each state, `[C, S]`; a clock column holds its value after 0 steps.
    pub signals: Vec<f32>,
    /// Signal columns that depend on the step count.
    pub clocks: Vec<Clock>,
    /// Probability of beginning in a state.
    pub start: Vec<(u32, f64)>,
    /// Steps after which the task truncates; 0 for none. The states do not count steps.
    pub max_steps: u32,
}

impl Mdp {
    /// S.
    pub fn num_states(&self) -> usize {
        self.cause.len()
    }

    /// T.
    pub fn num_transitions(&self) -> usize {
        self.next.len()
    }

    /// The transitions of an action in a state.
    #[inline]
    pub fn outcomes(&self, state: usize, action: usize) -> Range<usize> {
        let at = state * self.num_actions + action;
        self.first[at] as usize..self.first[at + 1] as usize
    }

    /// Whether an episode terminates on arrival in a state.
    #[inline]
    pub fn is_terminal(&self, state: usize) -> bool {
        self.cause[state] != CAUSE_NONE
    }

    /// A signal column over all states.
    pub fn column(&self, column: usize) -> &[f32] {
        &self.signals[column * self.num_states()..][..self.num_states()]
    }

    /// For each transition the state it leaves and the action it answers.
    pub fn sources(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let cells = 0..self.num_states() * self.num_actions;
        cells.flat_map(|cell| {
            let count = self.first[cell + 1] - self.first[cell];
            std::iter::repeat_n((cell / self.num_actions, cell % self.num_actions), count as usize)
        })
    }

    /// 1 for each transition that arrives at a success, else 0: the value of a policy under it is its
    /// probability to succeed.
    pub fn success_rewards(&self) -> Vec<f64> {
        self.next.iter().map(|&next| f64::from(u8::from(self.success[next as usize]))).collect()
    }

    /// Mean of values of states over the start states.
    pub fn at_start(&self, values: &[f64]) -> f64 {
        self.start.iter().map(|&(state, prob)| prob * values[state as usize]).sum()
    }
}
