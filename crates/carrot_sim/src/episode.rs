//! Episodes: action intake, step counting, end flags with their cause, faults and the list of ended rows.

use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};

use crate::kernel;
use crate::row::{ActiveRows, Column, ColumnMut, Episode, StepCount};
use crate::signal::{SignalId, Signals};
use crate::space::ActionSpace;

/// Why an episode ended, as an index into [`crate::TaskSpec::cause_name`].
pub type Cause = u8;
/// The episode goes on.
pub const CAUSE_NONE: Cause = 0;
/// The step limit was reached.
pub const CAUSE_TIME_LIMIT: Cause = 1;
/// A non-finite number was contained: the step's reward is masked to 0 and the row is reset.
pub const CAUSE_FAULT: Cause = 2;
/// First cause that a task names itself.
pub const CAUSE_TASK: Cause = 3;

/// The action batch of a step, row-major `[n, A]`; a choice is a whole number from 0.
#[derive(Resource, Debug, Clone)]
pub struct Actions {
    /// Numbers per row.
    pub width: usize,
    /// After clipping to the space; what the task applies.
    pub applied: Vec<f32>,
    /// Elements that clipping changed since the shard was built.
    pub clipped: u64,
}

/// End flags and truth of a step, one value per row.
#[derive(Resource, Debug, Clone)]
pub struct Ends {
    /// The task itself ended: no value follows.
    pub terminated: Vec<bool>,
    /// The episode was cut: the value of the final observation still counts.
    pub truncated: Vec<bool>,
    /// Why, see [`Cause`].
    pub cause: Vec<Cause>,
    /// Truth: did the row do the task? Never derived from a reward.
    pub success: Vec<bool>,
    /// Truth: how well, from 0 to 1; an episode's score is its value at the last step.
    pub score: Vec<f32>,
}

impl Ends {
    pub(crate) fn new(rows: usize) -> Self {
        Self {
            terminated: vec![false; rows],
            truncated: vec![false; rows],
            cause: vec![CAUSE_NONE; rows],
            success: vec![false; rows],
            score: vec![0.0; rows],
        }
    }
}

/// Where a non-finite number was caught.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FaultSource {
    /// In an action.
    Action,
    /// In the state after simulation.
    State,
    /// In the raw column of a reward term.
    Reward,
}

/// One contained fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Global env id.
    pub env: u32,
    /// Episode of that env.
    pub episode: u32,
    /// Step within the episode.
    pub step: u32,
    /// Where it was caught.
    pub source: FaultSource,
}

/// Faults raised in the running step, by row.
#[derive(Resource, Debug, Clone, Default)]
pub struct Faults {
    raised: Vec<(u32, FaultSource)>,
}

impl Faults {
    /// Reports that a row holds a non-finite number; the first report of a row names the source.
    pub fn raise(&mut self, row: usize, source: FaultSource) {
        if !self.raised.iter().any(|&(r, _)| r as usize == row) {
            self.raised.push((row as u32, source));
        }
    }

    pub(crate) fn drain(&mut self) -> Vec<(u32, FaultSource)> {
        std::mem::take(&mut self.raised)
    }
}

/// Raw columns that a step produces for later: `R` columns of `n` rows, filled in `Reward`.
#[derive(Resource, Debug, Clone, Default)]
pub struct RawColumns {
    rows: usize,
    data: Vec<f32>,
}

impl RawColumns {
    pub(crate) fn new(rows: usize) -> Self {
        Self { rows, data: Vec::new() }
    }

    /// Adds a column and gives its number.
    pub fn add(&mut self) -> usize {
        self.data.resize(self.data.len() + self.rows, 0.0);
        self.count() - 1
    }

    /// Number of columns.
    pub fn count(&self) -> usize {
        self.data.len() / self.rows
    }

    /// A column, to read.
    pub fn get(&self, column: usize) -> &[f32] {
        &self.data[column * self.rows..][..self.rows]
    }

    /// A column, to write.
    pub fn get_mut(&mut self, column: usize) -> &mut [f32] {
        &mut self.data[column * self.rows..][..self.rows]
    }
}

/// The rows that ended in the running step, ascending.
#[derive(Resource, Debug, Clone, Default)]
pub struct EndedRows(pub Vec<u32>);

/// Step limit of the task; 0 means none.
#[derive(Resource, Debug, Clone, Copy)]
pub struct MaxSteps(pub u32);

/// First signal columns of the actions.
#[derive(Resource, Debug, Clone, Copy)]
pub(crate) struct ActionSignals {
    pub(crate) applied: SignalId,
    pub(crate) given: SignalId,
}

/// Clips the given actions `[n, A]` to the space, counts clips and contains what is not finite. Actions are signals
/// too: as given, and as applied.
pub(crate) fn take_actions(
    given: &[f32],
    space: &ActionSpace,
    ids: ActionSignals,
    actions: &mut Actions,
    signals: &mut Signals,
    faults: &mut Faults,
) {
    let Actions { width, applied, clipped } = actions;
    let mut all_finite = true;
    for i in 0..*width {
        let (low, high) = space.bounds(i);
        let (finite, changed) = kernel::clip_strided(given, applied, *width, i, low, high);
        all_finite &= finite;
        *clipped += changed;
    }
    if !all_finite {
        for (row, action) in given.chunks_exact(*width).enumerate() {
            if action.iter().any(|a| !a.is_finite()) {
                faults.raise(row, FaultSource::Action);
                for (i, slot) in applied[row * *width..][..*width].iter_mut().enumerate() {
                    let (low, high) = space.bounds(i);
                    *slot = 0.0_f32.clamp(low, high);
                }
            }
        }
    }
    for i in 0..*width {
        kernel::spread(&applied[i..], *width, signals.target(ids.applied, i));
        kernel::spread(&given[i..], *width, signals.target(ids.given, i));
    }
}

/// The running step counts from its start.
pub(crate) fn count_steps(mut steps: ColumnMut<StepCount>) {
    steps.with(|steps| steps.iter_mut().for_each(|s| s.0 += 1));
}

/// A fresh row has taken no action yet: its action signals are 0.
pub(crate) fn clear_action_signals(
    rows: Res<ActiveRows>,
    actions: Res<Actions>,
    ids: Res<ActionSignals>,
    mut signals: ResMut<Signals>,
) {
    for i in 0..actions.width {
        for id in [ids.applied, ids.given] {
            let column = signals.target(id, i);
            rows.each(|row| column[row] = 0.0);
        }
    }
}

/// Truncates rows at the step limit; a row may be terminated and truncated in one step, as in Gymnasium.
pub(crate) fn limit_steps(limit: Res<MaxSteps>, steps: Column<StepCount>, mut ends: ResMut<Ends>) {
    let limit = if limit.0 == 0 { u32::MAX } else { limit.0 };
    let Ends { terminated, truncated, cause, .. } = &mut *ends;
    kernel::limit(steps.slice(), limit, terminated, truncated, cause);
}

/// Turns raised faults into truncations, after every system that may raise one has run.
pub(crate) fn contain_faults(
    mut faults: ResMut<Faults>,
    mut raw: ResMut<RawColumns>,
    mut ends: ResMut<Ends>,
    mut log: ResMut<FaultLog>,
    rows: Query<(&crate::row::EnvId, &Episode, &StepCount)>,
) {
    for column in 0..raw.count() {
        let values = raw.get(column);
        if !kernel::all_finite(values) {
            for (row, _) in values.iter().enumerate().filter(|(_, x)| !x.is_finite()) {
                faults.raise(row, FaultSource::Reward);
            }
        }
    }
    let raised = faults.drain();
    if raised.is_empty() {
        return;
    }
    let (envs, episodes, steps) =
        rows.contiguous_iter().ok().and_then(|mut t| t.next()).unwrap_or((&[], &[], &[]));
    for (row, source) in raised {
        let row = row as usize;
        (0..raw.count()).for_each(|column| raw.get_mut(column)[row] = 0.0);
        ends.terminated[row] = false;
        ends.truncated[row] = true;
        ends.cause[row] = CAUSE_FAULT;
        ends.success[row] = false;
        ends.score[row] = 0.0;
        log.0.push(Fault { env: envs[row].0, episode: episodes[row].0, step: steps[row].0, source });
    }
}

/// Contained faults since the log was last taken.
#[derive(Resource, Debug, Clone, Default)]
pub struct FaultLog(pub Vec<Fault>);

/// Lists the rows whose episode is over.
pub(crate) fn list_ended_rows(ends: Res<Ends>, mut ended: ResMut<EndedRows>) {
    ended.0.clear();
    kernel::list_set(&ends.terminated, &ends.truncated, &mut ended.0);
}

/// A new episode for the active rows.
pub(crate) fn begin_episodes(
    rows: Res<ActiveRows>,
    mut episodes: ColumnMut<Episode>,
    mut steps: ColumnMut<StepCount>,
) {
    episodes.with(|episodes| rows.each(|row| episodes[row].0 = episodes[row].0.wrapping_add(1)));
    steps.with(|steps| rows.each(|row| steps[row].0 = 0));
}
