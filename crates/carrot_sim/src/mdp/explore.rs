//! Listing every state that can be reached, by trying every action in each.

use std::collections::HashMap;
use std::hash::Hash;

use super::{Clock, Mdp, MdpError};
use crate::episode::{CAUSE_NONE, Cause};

/// How an episode stands on arrival in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// Why it terminates, [`CAUSE_NONE`] when it goes on.
    pub cause: Cause,
    /// Truth.
    pub success: bool,
}

impl Ending {
    /// The episode goes on.
    pub const NONE: Self = Self { cause: CAUSE_NONE, success: false };
}

/// Appends the states that follow an action, with their probabilities.
pub type Follow<'a, S> = dyn Fn(&S, usize, &mut Vec<(f64, S)>) + 'a;

/// What a task says of its states, for [`Explorer::explore`] to list them.
pub struct Explorer<'a, S> {
    /// Actions.
    pub num_actions: usize,
    /// States that follow an action, with their probabilities.
    pub step: &'a Follow<'a, S>,
    /// Whether the episode ends on arrival.
    pub ending: &'a dyn Fn(&S) -> Ending,
    /// Signals of a state, one per column.
    pub signals: &'a dyn Fn(&S) -> Vec<f32>,
    /// Signal columns that depend on the step count.
    pub clocks: Vec<Clock>,
    /// Step limit of the task.
    pub max_steps: u32,
}

impl<S: Clone + Eq + Hash> Explorer<'_, S> {
    /// Lists all states that can be reached from the roots; they come first, in their order. Those with a
    /// probability above 0 are where episodes begin.
    ///
    /// # Errors
    /// When there are more states than `limit`.
    pub fn explore(self, roots: impl IntoIterator<Item = (S, f64)>, limit: usize) -> Result<Mdp, MdpError> {
        let (mdp, complete) = self.list(roots, limit);
        if complete { Ok(mdp) } else { Err(MdpError::TooLarge { limit }) }
    }

    /// Like [`Self::explore`] for a task that is known to be small.
    pub fn explore_all(self, roots: impl IntoIterator<Item = (S, f64)>) -> Mdp {
        self.list(roots, usize::MAX).0
    }

    /// The model, and whether it has all states.
    fn list(self, roots: impl IntoIterator<Item = (S, f64)>, limit: usize) -> (Mdp, bool) {
        let mut found = Found { index: HashMap::new(), states: Vec::new() };
        let mut mdp = Mdp {
            num_actions: self.num_actions,
            first: vec![0],
            next: Vec::new(),
            prob: Vec::new(),
            cause: Vec::new(),
            success: Vec::new(),
            signals: Vec::new(),
            clocks: self.clocks,
            start: Vec::new(),
            max_steps: self.max_steps,
        };
        for (state, prob) in roots {
            let index = found.index_of(state);
            if prob > 0.0 {
                mdp.start.push((index, prob));
            }
        }
        let (mut rows, mut outcomes) = (Vec::new(), Vec::new());
        // States are listed in the order in which they are found, so the list grows under the loop.
        while let Some(state) = found.states.get(rows.len()).cloned().filter(|_| found.states.len() <= limit)
        {
            let ending = (self.ending)(&state);
            mdp.cause.push(ending.cause);
            mdp.success.push(ending.success);
            rows.push((self.signals)(&state));
            for action in 0..self.num_actions {
                if ending.cause == CAUSE_NONE {
                    (self.step)(&state, action, &mut outcomes);
                }
                for (prob, next) in outcomes.drain(..) {
                    mdp.next.push(found.index_of(next));
                    mdp.prob.push(prob);
                }
                mdp.first.push(mdp.next.len() as u32);
            }
        }
        let columns = rows.first().map_or(0, Vec::len);
        mdp.signals = (0..columns).flat_map(|c| rows.iter().map(move |row| row[c])).collect();
        (mdp, rows.len() == found.states.len())
    }
}

/// States by number and numbers by state; the map is only ever asked, never walked.
struct Found<S> {
    index: HashMap<S, u32>,
    states: Vec<S>,
}

impl<S: Clone + Eq + Hash> Found<S> {
    fn index_of(&mut self, state: S) -> u32 {
        *self.index.entry(state).or_insert_with_key(|state| {
            self.states.push(state.clone());
            self.states.len() as u32 - 1
        })
    }
}
