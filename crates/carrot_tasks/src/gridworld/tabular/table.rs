//! The table of a task: an exact model, its outcomes as shares of a random word, and policies for scripts.

use std::sync::{Arc, OnceLock};

use bevy_ecs::prelude::*;
use carrot_sim::Mdp;
use carrot_sim::mdp::value_iteration;

/// Discount of a script that wants success: all of it, and soon.
const PATIENCE: f64 = 0.9999;
/// Discount of a script that wants no end: values would have none without one.
const FORESIGHT: f64 = 0.99;
/// How exact the values behind a script's policy are.
const EXACTNESS: f64 = 1e-6;

/// The table that all rows of a task share.
#[derive(Resource, Clone)]
pub(super) struct Table(Arc<TableData>);

struct TableData {
    mdp: Mdp,
    /// For each transition the share of words that fall on it or on an earlier one of its action.
    upto: Vec<u32>,
    is_random: bool,
    /// The same for the start states.
    start_upto: Vec<u32>,
    observations: Vec<u8>,
    elements: usize,
    success_policy: OnceLock<Vec<u32>>,
    survival_policy: OnceLock<Vec<u32>>,
}

impl Table {
    /// A table whose observation is made of these signal columns.
    pub(super) fn new(mdp: Mdp, columns: &[usize]) -> Self {
        let cells = 0..mdp.num_states() * mdp.num_actions;
        let spans = cells.map(|cell| mdp.outcomes(cell / mdp.num_actions, cell % mdp.num_actions));
        let upto = spans.clone().flat_map(|span| shares(mdp.prob[span].iter().copied())).collect();
        let observations = (0..mdp.num_states())
            .flat_map(|state| columns.iter().map(move |&column| (state, column)))
            .map(|(state, column)| mdp.column(column)[state] as u8)
            .collect();
        Self(Arc::new(TableData {
            upto,
            is_random: spans.max_by_key(ExactSizeIterator::len).is_some_and(|span| span.len() > 1),
            start_upto: shares(mdp.start.iter().map(|(_, prob)| *prob)).collect(),
            observations,
            elements: columns.len(),
            success_policy: OnceLock::new(),
            survival_policy: OnceLock::new(),
            mdp,
        }))
    }

    /// The exact model.
    pub(super) fn mdp(&self) -> &Mdp {
        &self.0.mdp
    }

    /// Whether any action has more than one outcome.
    pub(super) fn is_random(&self) -> bool {
        self.0.is_random
    }

    /// The state that follows, for a random word.
    #[inline]
    pub(super) fn next(&self, state: u32, action: usize, word: u32) -> u32 {
        let span = self.0.mdp.outcomes(state as usize, action);
        // Nothing leaves a state in which the episode is over.
        if span.is_empty() { state } else { self.0.mdp.next[span.start + pick(&self.0.upto[span], word)] }
    }

    /// A state to start in, for a random word.
    #[inline]
    pub(super) fn start(&self, word: u32) -> u32 {
        self.0.mdp.start
            [self.0.start_upto[..self.0.start_upto.len() - 1].partition_point(|&upto| upto <= word)]
        .0
    }

    /// Bytes that the agent sees of each state, `[S, elements]`.
    #[inline]
    pub(super) fn observations(&self) -> (&[u8], usize) {
        (&self.0.observations, self.0.elements)
    }

    /// What to do in a state to succeed as surely as can be, and soon.
    pub(super) fn success_action(&self, state: u32) -> u32 {
        let rewards = |mdp: &Mdp| mdp.success_rewards();
        self.0.success_policy.get_or_init(|| self.policy(PATIENCE, rewards))[state as usize]
    }

    /// What to do in a state to put off the end, of either kind.
    pub(super) fn survival_action(&self, state: u32) -> u32 {
        let rewards = |mdp: &Mdp| {
            let goes_on = |&next: &u32| f64::from(u8::from(!mdp.is_terminal(next as usize)));
            mdp.next.iter().map(goes_on).collect()
        };
        self.0.survival_policy.get_or_init(|| self.policy(FORESIGHT, rewards))[state as usize]
    }

    /// The first action after which a signal column is lower than before, if there is one.
    pub(super) fn lowering_action(&self, state: u32, column: usize) -> Option<usize> {
        let (mdp, values) = (self.mdp(), self.mdp().column(column));
        let lowers = |&action: &usize| {
            mdp.outcomes(state as usize, action)
                .all(|t| values[mdp.next[t] as usize] < values[state as usize])
        };
        (0..mdp.num_actions).find(lowers)
    }

    fn policy(&self, gamma: f64, rewards: impl Fn(&Mdp) -> Vec<f64>) -> Vec<u32> {
        let mdp = self.mdp();
        let solved = value_iteration(mdp, &rewards(mdp), gamma, EXACTNESS);
        // Under these discounts the values of any table settle; without values all actions are alike.
        solved.map_or_else(|_| vec![0; mdp.num_states()], |optimum| optimum.policy)
    }
}

/// Running sums of probabilities as shares of 2^32.
fn shares(probs: impl Iterator<Item = f64>) -> impl Iterator<Item = u32> {
    probs.scan(0.0, |sum, prob| {
        *sum += prob;
        Some((*sum * 4_294_967_296.0).min(f64::from(u32::MAX)) as u32)
    })
}

/// The outcome on which a word falls; the last one takes what rounding leaves over.
#[inline]
fn pick(upto: &[u32], word: u32) -> usize {
    upto[..upto.len() - 1].iter().map(|&upto| usize::from(word >= upto)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_fall_on_outcomes_as_their_probabilities_say() {
        let upto: Vec<u32> = shares([0.25, 0.5, 0.25].into_iter()).collect();
        let words = [0, (1 << 30) - 1, 1 << 30, (3 << 30) - 1, 3 << 30, u32::MAX];
        assert_eq!(words.map(|word| pick(&upto, word)), [0, 0, 1, 1, 2, 2]);
        let thirds: Vec<u32> = shares([1.0 / 3.0; 3].into_iter()).collect();
        assert_eq!(pick(&thirds, u32::MAX), 2);
        assert_eq!(pick(&[u32::MAX], 7), 0);
    }
}
