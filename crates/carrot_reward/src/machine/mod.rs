//! Reward machines: a task in stages, as an automaton over predicates on signals.
//!
//! ```ron
//! Machine(
//!     name: "pick",
//!     states: [
//!         (name: "reach", reward: "-0.1 * tool_cube_distance / 1 [m]", edges: [
//!             (to: "grasp", when: "tool_cube_distance < 0.02 [m]", reward: 1),
//!         ]),
//!         (name: "grasp", edges: [(to: "held", when: "cube_position.z > 0.1 [m]", reward: 5)]),
//!         (name: "held", accept: true, reward: 1),
//!     ],
//!     shaping: (gamma: 0.99),
//! )
//! ```
//!
//! The state of the automaton is a signal with the machine's name: tracked per row, part of every snapshot, in
//! every frame, and, unless `observe: false`, a part of the observation, without which the reward would depend on
//! what the agent cannot see. Each state's and each edge's reward is a term of its own.
//!
//! # Source
//! Toro Icarte, Klassen, Valenzano & McIlraith, "Reward Machines", JAIR 2022: a simple machine with a reward
//! function per state, numbers on edges, and shaping by a potential over machine states (section 5); there from
//! value iteration on the machine, here minus the number of edges to acceptance.

mod read;
#[cfg(test)]
mod tests;
mod track;

use std::sync::Arc;

use carrot_sim::SignalView;

pub(crate) use read::MachineSpec;
pub use track::{MAX_MACHINES, declared_machines, track};

use crate::expr::Compiled;
use crate::kind::{RuleDoc, Transition};

/// The most states of a machine.
pub const MAX_STATES: usize = 32;

/// The page of `Machine`.
pub const MACHINE_DOC: RuleDoc = RuleDoc {
    name: "Machine",
    rewards: "Stages in order: each has a reward of its own, and moving on pays once.",
    formula: "from state u, the first edge whose condition holds in the step leads to u'; a state's reward is paid for \
              the steps that are taken in it, an edge's for the step that takes it",
    range: "those of its terms",
    parameters: &[
        ("name", "name of the machine, of its signal and of its terms"),
        (
            "states",
            "list of (name, reward, accept, edges: [(to, when, reward)]); the first one is where episodes begin",
        ),
        (
            "shaping",
            "(gamma, weight): a potential of minus the edges left to an accepting state; default none",
        ),
        ("observe", "whether the agent sees the state, one-hot; default true"),
    ],
    misleads: "A state that pays per step is a place to stay: if the next one pays less, the agent never moves on. An \
               edge that leads back and is paid again on the way forth is a pump. Shaping leaves the best policy as it \
               is only for an agent that sees the machine's state.",
    source: "Reward machines of Toro Icarte et al. 2022, with edges from reward conditions in the expression language.",
};

/// An automaton over signals.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    /// Name, also of its signal.
    pub name: String,
    /// Names of the states; the first one is where episodes begin.
    pub states: Vec<String>,
    /// Which states accept.
    pub accepting: Vec<bool>,
    /// Edges; of those that leave a state the first whose condition holds is taken.
    pub edges: Vec<Edge>,
    /// Whether the state is a part of the observation.
    pub is_observed: bool,
}

/// An edge of a machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    /// State that it leaves.
    pub from: u8,
    /// State that it leads to.
    pub to: u8,
    /// Its condition as written.
    pub when: String,
    condition: Arc<Compiled>,
}

impl Machine {
    /// What its signal is said to be: the whole automaton, so that two machines differ where this does.
    pub fn description(&self) -> String {
        let state = |(index, name): (usize, &String)| {
            let accepts = if self.accepting[index] { " (accepts)" } else { "" };
            format!("{index} {name}{accepts}")
        };
        let states: Vec<String> = self.states.iter().enumerate().map(state).collect();
        let edge = |e: &Edge| {
            format!("{} -> {} when {}", self.states[e.from as usize], self.states[e.to as usize], e.when)
        };
        let edges: Vec<String> = self.edges.iter().map(edge).collect();
        format!("State of the reward machine: {}; {}.", states.join(", "), edges.join("; "))
    }

    /// Edges on the shortest way from each state to one that accepts; the number of states where there is none.
    pub fn distances(&self) -> Vec<usize> {
        let far = self.states.len();
        let mut distances: Vec<usize> =
            self.accepting.iter().map(|&accepts| if accepts { 0 } else { far }).collect();
        for _ in 0..far {
            for edge in &self.edges {
                let through = distances[edge.to as usize] + 1;
                let own = &mut distances[edge.from as usize];
                *own = (*own).min(through);
            }
        }
        distances
    }

    /// Writes the state that follows for every row.
    ///
    /// # Shapes
    /// `states` and `next` `[N]`.
    pub fn advance(&self, before: SignalView<'_>, now: SignalView<'_>, states: &[u8], next: &mut [u8]) {
        // Conditions read signals alone, so that there are no flags to give.
        let step =
            Transition { before, now, terminated: &[], truncated: &[], cause: &[], success: &[], score: &[] };
        next.copy_from_slice(states);
        let mut holds = vec![0.0; states.len()];
        // Last edge first: an earlier one has the last word.
        for edge in self.edges.iter().rev() {
            edge.condition.run(&step, &[], &mut holds);
            for ((next, &state), &holds) in next.iter_mut().zip(states).zip(&holds) {
                *next = if (state == edge.from) & (holds != 0.0) { edge.to } else { *next };
            }
        }
    }

    /// The state that follows each transition, from each state.
    ///
    /// # Shapes
    /// `[states][N]`.
    pub(crate) fn moves(&self, before: SignalView<'_>, now: SignalView<'_>) -> Vec<Vec<u8>> {
        let follow = |state: usize| {
            let mut next = vec![0; now.rows()];
            self.advance(before, now, &vec![state as u8; now.rows()], &mut next);
            next
        };
        (0..self.states.len()).map(follow).collect()
    }

    /// The state at every signal row of a recorded episode, from its first on.
    ///
    /// # Shapes
    /// `signals` `[C, T + 1]` column-major; gives `[T + 1]`.
    pub fn follow(&self, signals: &[f32], columns: usize) -> Vec<f32> {
        let rows = signals.len() / columns;
        let pick = |offset: usize| -> Vec<f32> {
            signals.chunks(rows).flat_map(|column| column[offset..offset + rows - 1].to_vec()).collect()
        };
        let (before, now) = (pick(0), pick(1));
        let moves = self.moves(SignalView::new(&before, rows - 1), SignalView::new(&now, rows - 1));
        let mut state = 0_u8;
        let mut states = vec![0.0];
        for t in 0..rows - 1 {
            state = moves[usize::from(state)][t];
            states.push(state.into());
        }
        states
    }
}
