//! Hindsight: learning from a step as if a goal that was reached later had been the one wanted.
//!
//! The goal of a goal task acts on nothing ([`GoalSpec`]), so a stored step becomes a step under another goal by
//! writing that goal over the desired part and over the signals that know it. What the step then pays is asked of
//! the trained reward itself: its terms are evaluated on the signals so written and scored under the revision in
//! force, the path by which any recorded step is scored again. So hindsight serves sparse, shaped and composed
//! rewards alike, and a relabelled step with its own goal pays what it paid, bit for bit.
//!
//! # Source
//! Andrychowicz et al., "Hindsight experience replay" (2017), algorithm 1 with the strategy `future` of section
//! 4.5; relabelled as a mini-batch is drawn, as in OpenAI Baselines.

use std::ops::RangeInclusive;

use carrot_reward::{Graph, GraphRevision, RewardModels, Transition, score_transitions};
use carrot_scene::Reader;
use carrot_sim::{GoalSpec, KeyedRng, PartData, SignalCatalog, SignalId, SignalView, Task, unit_f32};
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::{Cell, Replay, Sample, State, sum_groups};
use crate::LearnError;
use crate::config::Ranged;

/// Which goals stored steps are learned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Hindsight {
    /// Their own.
    #[default]
    Off,
    /// For each step with its own goal, this many on average with one that its episode reached later.
    Future {
        /// k of the paper's section 4.5.
        goals: usize,
    },
}

impl Hindsight {
    /// Share of steps that are given another goal.
    pub fn share(self) -> f32 {
        match self {
            Self::Off => 0.0,
            Self::Future { goals } => goals as f32 / (goals as f32 + 1.0),
        }
    }
}

impl Ranged for Hindsight {
    type Bound = usize;
    fn read(reader: &mut Reader<'_>, name: &str, default: Self, _: RangeInclusive<usize>) -> Self {
        reader.optional(name, default)
    }
    fn outside(&self, range: &RangeInclusive<usize>) -> Option<&usize> {
        match self {
            Self::Off => None,
            Self::Future { goals } => goals.outside(range),
        }
    }
}

/// Where the goal of a task is written.
#[derive(Debug, Clone)]
pub struct GoalColumns {
    spec: GoalSpec,
    /// Index of the observation part that holds what is the case.
    achieved: usize,
    /// Index of the observation part that holds what is wanted.
    desired: usize,
    signals: [SignalId; 3],
    catalog: SignalCatalog,
}

impl GoalColumns {
    /// Where a task's goal is written; `None` for a task without one.
    pub fn of(task: &dyn Task) -> Option<Self> {
        let (goal, catalog) = (task.goal()?, task.spec().catalog());
        let find = |name: &str| task.observation().iter().position(|part| part.name == name);
        let (achieved, desired, signals) =
            (find(goal.achieved)?, find(goal.desired)?, goal.columns(&catalog)?);
        Some(Self { spec: goal, achieved, desired, signals, catalog })
    }

    /// Refuses a reward that cannot be asked about other goals.
    ///
    /// # Errors
    /// [`LearnError::Space`] with the reason.
    pub fn check(graph: &Graph) -> Result<(), LearnError> {
        if !graph.models().is_empty() {
            let message =
                "hindsight asks the reward about other goals, and a learned reward was not fitted to them";
            return Err(LearnError::Space(message.into()));
        }
        if graph.reads_truth() {
            let message =
                "hindsight asks the reward about other goals, and the truth is only known about one";
            return Err(LearnError::Space(message.into()));
        }
        Ok(())
    }
}

impl Replay {
    /// Gives a share of drawn single steps a goal that their episode reached later, and rewards to fit.
    ///
    /// # Errors
    /// When the buffer keeps no signals, or the goal is not made of floats.
    pub fn relabel(
        &self,
        sample: &mut Sample,
        goals: &GoalColumns,
        share: f32,
        rng: &mut KeyedRng,
        graph: &Graph,
        revision: &GraphRevision,
    ) -> Result<(), LearnError> {
        LearnError::expect_len("a row of signals", self.layout.signal_columns, goals.catalog.width())?;
        let mut rows = Vec::new();
        for row in 0..sample.cells.len() {
            if unit_f32(rng.next_u32()) < share {
                let later = self.later(sample.cells[row], rng);
                let goal = self.floats(self.successor(later), goals.achieved)?;
                write_row(&mut sample.obs[goals.desired], row, goal);
                write_row(&mut sample.next_obs[goals.desired], row, goal);
                rows.push((row, sample.cells[row], goal));
            }
        }
        let rewards = self.paid_for(&rows, goals, graph, revision)?;
        rows.iter().zip(rewards).for_each(|((row, ..), reward)| sample.rewards[*row] = reward);
        Ok(())
    }

    /// What steps pay under other goals.
    fn paid_for(
        &self,
        rows: &[(usize, Cell, &[f32])],
        goals: &GoalColumns,
        graph: &Graph,
        revision: &GraphRevision,
    ) -> Result<Vec<f32>, LearnError> {
        let (len, columns) = (rows.len(), self.layout.signal_columns);
        let (mut before, mut now) = (vec![0.0; len * columns], vec![0.0; len * columns]);
        let mut success = vec![false; len];
        let mut signals = vec![0.0; columns];
        for (i, &(_, cell, goal)) in rows.iter().enumerate() {
            for (view, state) in [(&mut before, State::At(cell)), (&mut now, self.successor(cell))] {
                signals.copy_from_slice(self.signals_of(state));
                let achieved = self.floats(state, goals.achieved)?;
                let distance = GoalSpec::write_signals(goals.signals, achieved, goal, &mut signals);
                success[i] = goals.spec.is_reached(distance);
                view[i..].iter_mut().step_by(len).zip(&signals).for_each(|(slot, x)| *slot = *x);
            }
        }
        let index: Vec<usize> = rows.iter().map(|&(_, cell, _)| self.index(cell)).collect();
        let flags = |column: &[bool]| index.iter().map(|&i| column[i]).collect::<Vec<bool>>();
        let (terminated, truncated) = (flags(&self.terminated), flags(&self.truncated));
        let steps = Transition {
            before: SignalView::new(&before, len),
            now: SignalView::new(&now, len),
            terminated: &terminated,
            truncated: &truncated,
            cause: &index.iter().map(|&i| self.cause[i]).collect::<Vec<_>>(),
            success: &success,
            score: &index.iter().map(|&i| self.score[i]).collect::<Vec<_>>(),
        };
        let scored = score_transitions(graph, revision, &mut RewardModels::new(), &goals.catalog, &steps)?;
        let mut rewards = vec![0.0; len];
        sum_groups(&scored.totals, &mut rewards);
        Ok(rewards)
    }

    /// A step from this one on to the end of its episode, or of the buffer; each as likely.
    fn later(&self, cell: Cell, rng: &mut KeyedRng) -> Cell {
        let newest = self.position(self.filled - 1);
        let next = |&cell: &Cell| {
            let ends = self.has_ended(cell) || cell.position == newest;
            (!ends).then(|| self.after(cell)).filter(|&after| !self.is_void(after))
        };
        let steps = std::iter::successors(Some(cell), next).count();
        let offset = rng.below(steps as u32) as usize;
        Cell { position: (cell.position + offset) % self.positions(), ..cell }
    }

    /// A part of floats of a kept state.
    fn floats(&self, state: State, part: usize) -> Result<&[f32], LearnError> {
        let size = self.layout.observation[part].size();
        match self.obs_of(state, part) {
            (PartData::F32(data), at) => Ok(&data[at * size..][..size]),
            (PartData::U8(_), _) => Err(LearnError::Space("a goal is made of floats".into())),
        }
    }
}

/// Overwrites a row of floats.
fn write_row(part: &mut PartData, row: usize, values: &[f32]) {
    if let PartData::F32(data) = part {
        data[row * values.len()..][..values.len()].copy_from_slice(values);
    }
}
