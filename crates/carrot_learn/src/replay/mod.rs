//! The replay buffer: the last steps of every env in columns, with all that their reward was made of.
//!
//! A ring of positions, one per step of the batch. An observation is kept once: that of a step's successor
//! stands at the next position, and only the final observations of ended episodes are kept beside it. Beside
//! each reward stand the raw columns of its terms and its revision, so that [`Replay::rescore`] gives what the
//! ledger would have given under another revision, bit for bit; with signals kept, [`Replay::rescored`] does
//! so under any other reward.
//!
//! # Source
//! Lin, "Self-improving reactive agents based on reinforcement learning, planning and teaching" (1992), in the
//! uniform form of Mnih et al., "Human-level control through deep reinforcement learning" (2015).

mod goals;
mod sample;
mod segments;

use carrot_reward::{
    Columns, Graph, GraphRevision, RewardError, RewardModels, Transition, score, score_transitions,
};
use carrot_sim::{Cause, ObsPart, PartData, Rollout, SignalCatalog, SignalView};
use serde::{Deserialize, Serialize};

pub use goals::{GoalColumns, Hindsight};
pub use sample::Sample;

use crate::LearnError;

/// What a buffer holds of each step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplayLayout {
    /// N.
    pub num_envs: usize,
    /// Steps of the batch that are kept; `slots x num_envs` transitions.
    pub slots: usize,
    /// Observation parts.
    pub observation: Vec<ObsPart>,
    /// A.
    pub action_width: usize,
    /// R.
    pub raw_columns: usize,
    /// S, or 0 where no signals are kept.
    pub signal_columns: usize,
}

/// Where an env stands at a position of the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cell {
    position: usize,
    env: usize,
}

/// A state that is kept: at a position of the ring, or as the last one of an episode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    At(Cell),
    Final { position: usize, index: usize },
}

/// What is kept of the episodes that ended at a position, beside the ring.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Finals {
    /// Envs, ascending.
    envs: Vec<u32>,
    /// Final observations, each part `[E, size]`.
    obs: Vec<PartData>,
    /// Final signals, `[E, S]`.
    signals: Vec<f32>,
}

/// The buffer.
///
/// # Shapes
/// P = slots + 1 positions: one more than there are steps, for the state after the newest one.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    layout: ReplayLayout,
    /// Oldest position.
    first: usize,
    /// Steps that are kept.
    filled: usize,
    /// Each part `[P, N, size]`.
    obs: Vec<PartData>,
    /// Signals of s, `[P, N, S]`.
    signals: Vec<f32>,
    /// `[P, N, A]`.
    actions: Vec<f32>,
    /// `[P, R, N]`.
    raw: Vec<f32>,
    /// Sums over reward groups, `[P, N]`.
    rewards: Vec<f32>,
    terminated: Vec<bool>,
    truncated: Vec<bool>,
    success: Vec<bool>,
    cause: Vec<Cause>,
    score: Vec<f32>,
    /// Revision under which a position was scored, `[P]`.
    revision: Vec<u32>,
    /// `[P]`.
    finals: Vec<Finals>,
}

impl Replay {
    /// An empty buffer, all of its memory taken.
    ///
    /// # Errors
    /// When it would hold nothing, or more transitions than can be drawn from.
    pub fn new(layout: ReplayLayout) -> Result<Self, LearnError> {
        let transitions = layout.slots.checked_mul(layout.num_envs).filter(|&n| n < u32::MAX as usize);
        if transitions.is_none_or(|n| n == 0) {
            let message = format!("cannot keep {} steps of {} envs", layout.slots, layout.num_envs);
            return Err(LearnError::Config { field: "buffer_size", message });
        }
        let positions = layout.slots + 1;
        let cells = positions * layout.num_envs;
        Ok(Self {
            first: 0,
            filled: 0,
            obs: layout.observation.iter().map(|part| PartData::new(part, cells)).collect(),
            signals: vec![0.0; cells * layout.signal_columns],
            actions: vec![0.0; cells * layout.action_width],
            raw: vec![0.0; cells * layout.raw_columns],
            rewards: vec![0.0; cells],
            terminated: vec![false; cells],
            truncated: vec![false; cells],
            success: vec![false; cells],
            cause: vec![0; cells],
            score: vec![0.0; cells],
            revision: vec![0; positions],
            finals: vec![Finals::default(); positions],
            layout,
        })
    }

    /// What it holds of each step.
    pub fn layout(&self) -> &ReplayLayout {
        &self.layout
    }

    /// Transitions that are kept.
    pub fn len(&self) -> usize {
        self.filled * self.layout.num_envs
    }

    /// True before the first rollout.
    pub fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Rewards from the oldest step to the newest, `[len]`, and the revision of each step.
    pub fn rewards(&self) -> (Vec<f32>, Vec<u32>) {
        let n = self.layout.num_envs;
        let positions = || (0..self.filled).map(|i| self.position(i));
        let rewards = positions().flat_map(|p| &self.rewards[p * n..(p + 1) * n]).copied().collect();
        (rewards, positions().map(|p| self.revision[p]).collect())
    }

    /// Appends a finished rollout, over the oldest steps where there is no room.
    ///
    /// # Shapes
    /// `rewards` is `[T, N]`.
    ///
    /// # Errors
    /// When the rollout is not of this layout.
    pub fn push(&mut self, rollout: &Rollout, rewards: &[f32], revision: u32) -> Result<(), LearnError> {
        let ReplayLayout { num_envs: n, action_width, raw_columns, signal_columns, .. } = self.layout;
        LearnError::expect_len("a row of envs", rollout.num_envs, n)?;
        LearnError::expect_len("the rewards", rewards.len(), rollout.filled * n)?;
        LearnError::expect_len("the list of raw columns", rollout.raw_columns, raw_columns)?;
        if signal_columns > 0 && (rollout.signals.is_none() || rollout.signal_columns != signal_columns) {
            return Err(LearnError::Space("the rollout kept no signals for the replay buffer".into()));
        }
        for t in 0..rollout.filled {
            if self.filled == self.layout.slots {
                self.finals[self.first] = Finals::default();
                self.first = (self.first + 1) % self.positions();
                self.filled -= 1;
            }
            let p = self.position(self.filled);
            self.write_state(p, rollout, t);
            let (from, to) = (t * n..(t + 1) * n, p * n..(p + 1) * n);
            let copy = |own: &mut [f32], other: &[f32], width: usize| {
                own[p * n * width..][..n * width].copy_from_slice(&other[t * n * width..][..n * width]);
            };
            copy(&mut self.actions, &rollout.actions, action_width);
            copy(&mut self.raw, &rollout.raw, raw_columns);
            copy(&mut self.rewards, rewards, 1);
            copy(&mut self.score, &rollout.score, 1);
            self.terminated[to.clone()].copy_from_slice(&rollout.terminated[from.clone()]);
            self.truncated[to.clone()].copy_from_slice(&rollout.truncated[from.clone()]);
            self.success[to.clone()].copy_from_slice(&rollout.success[from.clone()]);
            self.cause[to].copy_from_slice(&rollout.cause[from]);
            self.revision[p] = revision;
            self.finals[p] = self.finals_of(rollout, t);
            self.filled += 1;
        }
        self.write_state(self.position(self.filled), rollout, rollout.filled);
        Ok(())
    }

    /// Asks the models of a graph again about every step, each in its newest version. A model that knows a step only from
    /// its whole episode is not asked: its steps stay as they were paid.
    ///
    /// # Errors
    /// When no signals are kept, or a model is missing or fails.
    pub fn refill(
        &mut self,
        graph: &Graph,
        models: &mut RewardModels,
        catalog: &SignalCatalog,
    ) -> Result<(), RewardError> {
        if self.layout.signal_columns != catalog.width() {
            return Err(RewardError::NoSignals);
        }
        let (n, columns) = (self.layout.num_envs, self.layout.raw_columns);
        for (name, _, column) in graph.models() {
            let model = models.get_mut(name).ok_or_else(|| RewardError::NoModel(name.into()))?;
            if model.needs_episode() {
                continue;
            }
            let refused = |why| RewardError::Model { name: name.into(), why };
            model.select(None).map_err(refused)?;
            let inputs = carrot_reward::input_columns(model.as_ref(), catalog)?;
            for i in 0..self.filled {
                let position = self.position(i);
                let (mut before, mut now) = (Vec::new(), Vec::new());
                for cell in (0..n).map(|env| Cell { position, env }) {
                    let (own, next) =
                        (self.signals_of(State::At(cell)), self.signals_of(self.successor(cell)));
                    before.extend(inputs.iter().map(|&input| own[input]));
                    now.extend(inputs.iter().map(|&input| next[input]));
                }
                let out = &mut self.raw[(position * columns + column) * n..][..n];
                model.score_between(&before, &now, out).map_err(refused)?;
            }
        }
        Ok(())
    }

    /// Scores every step again from its raw columns, under another revision of the graph that was trained or
    /// shadowed; from now on these are the rewards. Columns of learned rewards stay as [`Replay::refill`] or the rollout
    /// left them.
    pub fn rescore(&mut self, graph: &Graph, revision: &GraphRevision, number: u32) {
        let (n, columns) = (self.layout.num_envs, self.layout.raw_columns);
        let mut outputs = vec![0.0; graph.nodes.len() * n];
        let mut totals = vec![vec![0.0; n]; graph.groups.len()];
        for i in 0..self.filled {
            let p = self.position(i);
            let cells = p * n..(p + 1) * n;
            let steps = Columns {
                raw: &self.raw[p * columns * n..][..columns * n],
                terminated: &self.terminated[cells.clone()],
                cause: &self.cause[cells.clone()],
            };
            let mut slices: Vec<&mut [f32]> = totals.iter_mut().map(Vec::as_mut_slice).collect();
            score(graph, revision, &steps, &mut outputs, &mut slices);
            sum_groups(&totals, &mut self.rewards[cells]);
            self.revision[p] = number;
        }
    }

    /// What every step would have been paid under any graph of the task, from the oldest to the newest; the
    /// buffer stays as it is.
    ///
    /// # Errors
    /// When no signals are kept, or a model is missing.
    pub fn rescored(
        &self,
        graph: &Graph,
        revision: &GraphRevision,
        models: &mut RewardModels,
        catalog: &SignalCatalog,
    ) -> Result<Vec<f32>, RewardError> {
        if self.layout.signal_columns != catalog.width() {
            return Err(RewardError::NoSignals);
        }
        let mut rewards = vec![0.0; self.len()];
        for (i, out) in rewards.chunks_exact_mut(self.layout.num_envs).enumerate() {
            let position = self.position(i);
            let cells: Vec<Cell> = (0..out.len()).map(|env| Cell { position, env }).collect();
            let (before, now) = self.signal_columns(&cells);
            let steps = self.transition(position, &before, &now);
            let scored = score_transitions(graph, revision, models, catalog, &steps)?;
            sum_groups(&scored.totals, out);
        }
        Ok(rewards)
    }

    /// Signals of s and s' of some steps, column after column, `[S, B]` each.
    fn signal_columns(&self, cells: &[Cell]) -> (Vec<f32>, Vec<f32>) {
        let (rows, columns) = (cells.len(), self.layout.signal_columns);
        let mut views = (vec![0.0; rows * columns], vec![0.0; rows * columns]);
        for (row, &cell) in cells.iter().enumerate() {
            let states = (self.signals_of(State::At(cell)), self.signals_of(self.successor(cell)));
            for column in 0..columns {
                views.0[column * rows + row] = states.0[column];
                views.1[column * rows + row] = states.1[column];
            }
        }
        views
    }

    /// All steps of a position as what kinds read.
    fn transition<'a>(&'a self, position: usize, before: &'a [f32], now: &'a [f32]) -> Transition<'a> {
        let n = self.layout.num_envs;
        let cells = position * n..(position + 1) * n;
        Transition {
            before: SignalView::new(before, n),
            now: SignalView::new(now, n),
            terminated: &self.terminated[cells.clone()],
            truncated: &self.truncated[cells.clone()],
            cause: &self.cause[cells.clone()],
            success: &self.success[cells.clone()],
            score: &self.score[cells],
        }
    }

    fn positions(&self) -> usize {
        self.layout.slots + 1
    }

    /// The position of the `i`-th oldest step.
    fn position(&self, i: usize) -> usize {
        (self.first + i) % self.positions()
    }

    /// Index of a cell in the columns of one number per step.
    fn index(&self, cell: Cell) -> usize {
        cell.position * self.layout.num_envs + cell.env
    }

    fn has_ended(&self, cell: Cell) -> bool {
        let index = self.index(cell);
        self.terminated[index] || self.truncated[index]
    }

    /// The same env one step later, in this episode or the next.
    fn after(&self, cell: Cell) -> Cell {
        Cell { position: (cell.position + 1) % self.positions(), ..cell }
    }

    /// The state that a step led to, before any reset.
    fn successor(&self, cell: Cell) -> State {
        match self.finals[cell.position].envs.binary_search(&(cell.env as u32)) {
            Ok(index) => State::Final { position: cell.position, index },
            Err(_) => State::At(self.after(cell)),
        }
    }

    fn signals_of(&self, state: State) -> &[f32] {
        let columns = self.layout.signal_columns;
        match state {
            State::At(cell) => &self.signals[self.index(cell) * columns..][..columns],
            State::Final { position, index } => &self.finals[position].signals[index * columns..][..columns],
        }
    }

    /// The part of an observation that stands in a buffer at an index.
    fn obs_of(&self, state: State, part: usize) -> (&PartData, usize) {
        match state {
            State::At(cell) => (&self.obs[part], self.index(cell)),
            State::Final { position, index } => (&self.finals[position].obs[part], index),
        }
    }

    /// Copies the state before step `t`, or after the last one, to a position.
    fn write_state(&mut self, p: usize, rollout: &Rollout, t: usize) {
        let n = self.layout.num_envs;
        for ((own, part), &size) in self.obs.iter_mut().zip(&rollout.obs).zip(rollout.part_sizes()) {
            let (to, from) = (p * n * size..(p + 1) * n * size, t * n * size..(t + 1) * n * size);
            match (own, part) {
                (PartData::F32(own), PartData::F32(part)) => own[to].copy_from_slice(&part[from]),
                (PartData::U8(own), PartData::U8(part)) => own[to].copy_from_slice(&part[from]),
                _ => {}
            }
        }
        let columns = self.layout.signal_columns;
        let Some(log) = rollout.signals.as_ref().filter(|_| columns > 0) else { return };
        for env in 0..n {
            let row = &mut self.signals[(p * n + env) * columns..][..columns];
            let end = t.checked_sub(1).and_then(|t| rollout.end_at(t, env));
            match (t, end) {
                (_, Some(end)) => row.copy_from_slice(&log.fresh[end * columns..][..columns]),
                (0, _) => fill_row(row, &log.start, n, env),
                (t, _) => fill_row(row, &log.now[(t - 1) * columns * n..], n, env),
            }
        }
    }

    fn finals_of(&self, rollout: &Rollout, t: usize) -> Finals {
        let (n, columns) = (self.layout.num_envs, self.layout.signal_columns);
        let mut finals = Finals {
            obs: self.layout.observation.iter().map(|part| PartData::new(part, 0)).collect(),
            ..Finals::default()
        };
        let first = rollout.ends.partition_point(|end| (end.step as usize) < t);
        for (e, end) in rollout.ends.iter().enumerate().skip(first) {
            if end.step as usize != t {
                break;
            }
            finals.envs.push(end.env);
            for ((own, part), &size) in
                finals.obs.iter_mut().zip(&rollout.final_obs).zip(rollout.part_sizes())
            {
                extend(own, part, e * size..(e + 1) * size);
            }
            if let Some(log) = rollout.signals.as_ref().filter(|_| columns > 0) {
                let start = finals.signals.len();
                finals.signals.resize(start + columns, 0.0);
                let now = &log.now[t * columns * n..];
                fill_row(&mut finals.signals[start..], now, n, end.env as usize);
            }
        }
        if finals.envs.is_empty() { Finals::default() } else { finals }
    }
}

/// Takes one row of columns `[S, N]`.
fn fill_row(row: &mut [f32], columns: &[f32], n: usize, env: usize) {
    row.iter_mut().enumerate().for_each(|(column, slot)| *slot = columns[column * n + env]);
}

/// Appends elements of one part to another of the same type.
fn extend(own: &mut PartData, part: &PartData, range: std::ops::Range<usize>) {
    match (own, part) {
        (PartData::F32(own), PartData::F32(part)) => own.extend_from_slice(&part[range]),
        (PartData::U8(own), PartData::U8(part)) => own.extend_from_slice(&part[range]),
        _ => {}
    }
}

/// One reward of all groups together, added in their order.
pub(crate) fn sum_groups(totals: &[Vec<f32>], out: &mut [f32]) {
    let (first, rest) = totals.split_first().map_or((&[][..], totals), |(first, rest)| (first, rest));
    out.copy_from_slice(&first[..out.len()]);
    for group in rest {
        out.iter_mut().zip(group).for_each(|(sum, x)| *sum += *x);
    }
}
