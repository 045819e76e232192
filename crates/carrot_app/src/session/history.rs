//! The last steps of the watched envs: every action and what came of it, and keyframes to go back to.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use carrot_reward::{Best, Graph, GraphRevision, Revision};
use carrot_sim::{Cause, Intervention, RowSnapshot};

/// Steps that are kept at least, as far as the budget allows.
pub const KEPT_STEPS: usize = 10_000;
/// Bytes that one history may take.
pub const BUDGET: usize = 256 << 20;
/// Steps from one keyframe to the next: what a scrub has to play again at most.
pub const KEYFRAME_INTERVAL: u64 = 25;

/// The reward in force during some steps.
#[derive(Debug, Clone)]
pub struct Epoch {
    /// The trained graph, then the shadows.
    pub graphs: Vec<Graph>,
    /// Their revision.
    pub revision: Revision,
}

/// A weight that holds in one row alone, until its episode ends.
#[derive(Debug, Clone, PartialEq)]
pub struct RowWeight {
    /// Row.
    pub row: usize,
    /// Graph.
    pub graph: usize,
    /// Name of the node.
    pub term: String,
    /// Its weight.
    pub weight: f32,
}

/// The state of a graph as it is in one row, with the weights that hold there alone.
pub fn in_row<'a>(
    epoch: &'a Epoch,
    weights: &[RowWeight],
    graph: usize,
    row: usize,
) -> Cow<'a, GraphRevision> {
    let mut state = Cow::Borrowed(&epoch.revision.graphs[graph]);
    for own in weights.iter().filter(|own| (own.graph, own.row) == (graph, row)) {
        if let Some(node) = epoch.graphs[graph].nodes.iter().position(|node| node.name == own.term) {
            state.to_mut().nodes[node].weight = own.weight;
        }
    }
    state
}

/// One step of all N rows.
///
/// # Shapes
/// `actions` `[N, A]`, `signals` `[S, N]`, `raw` `[R, N]`, `totals` `[graphs, N]`, all else `[N]`.
#[derive(Debug, Clone)]
pub struct StepRecord {
    /// The reward it was paid under.
    pub epoch: Arc<Epoch>,
    /// Actions as given.
    pub actions: Vec<f32>,
    /// Edits of rows, made at its start.
    pub interventions: Vec<Intervention>,
    /// Weights that held in single rows alone.
    pub weights: Vec<RowWeight>,
    /// Signals of s′.
    pub signals: Vec<f32>,
    /// Raw columns.
    pub raw: Vec<f32>,
    /// What each graph paid, all groups together: the floats of the learner's buffer.
    pub totals: Vec<f32>,
    /// Ended by the task.
    pub terminated: Vec<bool>,
    /// Cut.
    pub truncated: Vec<bool>,
    /// Why.
    pub cause: Vec<Cause>,
    /// Truth.
    pub success: Vec<bool>,
    /// Truth, 0 to 1.
    pub score: Vec<f32>,
    /// Episode of each row.
    pub episode: Vec<u32>,
    /// Steps of that episode, this one counted.
    pub step: Vec<u32>,
}

impl StepRecord {
    /// N.
    pub fn rows(&self) -> usize {
        self.score.len()
    }

    /// A signal column of a row.
    pub fn signal(&self, column: usize, row: usize) -> f32 {
        self.signals[column * self.rows() + row]
    }

    /// What a graph paid a row.
    pub fn total(&self, graph: usize, row: usize) -> f32 {
        self.totals[graph * self.rows() + row]
    }

    /// The state of a graph under which a row was paid.
    pub fn state(&self, graph: usize, row: usize) -> Cow<'_, GraphRevision> {
        in_row(&self.epoch, &self.weights, graph, row)
    }

    /// Whether the episode of a row ended here.
    pub fn ended(&self, row: usize) -> bool {
        self.terminated[row] || self.truncated[row]
    }

    fn bytes(&self) -> usize {
        let floats = self.actions.len() + self.signals.len() + self.raw.len() + self.totals.len();
        size_of::<Self>() + floats * size_of::<f32>() + self.rows() * 16
    }
}

/// What rewards remember of the episodes under way, beside the rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Carry {
    /// Of each model that remembers something, by name.
    pub models: BTreeMap<String, Vec<u8>>,
    /// The best pictures so far.
    pub best: Best,
}

/// All rows after some number of steps, and what rewards remember of them.
#[derive(Debug, Clone)]
pub struct Keyframe {
    /// Steps taken.
    pub tick: u64,
    /// N.
    pub rows: Vec<RowSnapshot>,
    /// What rewards remember.
    pub carry: Carry,
}

impl Keyframe {
    fn bytes(&self) -> usize {
        let row = |row: &RowSnapshot| {
            row.before.len() * size_of::<f32>() + row.state.iter().map(|blob| blob.len() + 24).sum::<usize>()
        };
        self.rows.iter().map(row).sum::<usize>() + self.carry.models.values().map(Vec::len).sum::<usize>()
    }
}

/// What is kept of the past. Tick 0 is the state before the first step; record `t` led from tick `t - 1` to `t`.
#[derive(Debug, Default)]
pub struct History {
    keyframes: VecDeque<Keyframe>,
    records: VecDeque<StepRecord>,
    first: u64,
    bytes: usize,
    budget: usize,
    kept_steps: usize,
}

impl History {
    /// An empty history that begins at a tick.
    pub fn new(first: u64) -> Self {
        Self::bounded(first, KEPT_STEPS, BUDGET)
    }

    /// An empty history with bounds of its own.
    pub fn bounded(first: u64, kept_steps: usize, budget: usize) -> Self {
        Self { first, budget, kept_steps, ..Self::default() }
    }

    /// The oldest tick to which one can go back.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The newest tick.
    pub fn last(&self) -> u64 {
        self.first + self.records.len() as u64
    }

    /// Bytes in use.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the state at the newest tick should be handed to [`History::keep`] now.
    pub fn wants_keyframe(&self) -> bool {
        self.keyframes.back().is_none_or(|newest| self.last() >= newest.tick + KEYFRAME_INTERVAL)
    }

    /// Keeps the state of all rows at the newest tick.
    pub fn keep(&mut self, rows: Vec<RowSnapshot>, carry: Carry) {
        let keyframe = Keyframe { tick: self.last(), rows, carry };
        self.bytes += keyframe.bytes();
        self.keyframes.push_back(keyframe);
        self.forget();
    }

    /// Adds a step.
    pub fn push(&mut self, record: StepRecord) {
        self.bytes += record.bytes();
        self.records.push_back(record);
    }

    /// Drops the oldest stretches between keyframes that are no longer kept.
    fn forget(&mut self) {
        while let Some(second) = self.keyframes.get(1).map(|keyframe| keyframe.tick) {
            let stretch = (second - self.first) as usize;
            let spare = self.records.len().saturating_sub(stretch) >= self.kept_steps;
            if !spare && self.bytes <= self.budget {
                return;
            }
            for record in self.records.drain(..stretch) {
                self.bytes -= record.bytes();
            }
            if let Some(oldest) = self.keyframes.pop_front() {
                self.bytes -= oldest.bytes();
            }
            self.first = second;
        }
    }

    /// The step that led to a tick.
    pub fn record(&self, tick: u64) -> Option<&StepRecord> {
        tick.checked_sub(self.first + 1).and_then(|index| self.records.get(index as usize))
    }

    /// The steps that led to the ticks of a range, with their ticks.
    pub fn range(&self, from: u64, to: u64) -> impl Iterator<Item = (u64, &StepRecord)> {
        let from = from.max(self.first + 1);
        let to = to.min(self.last());
        let count = (to + 1).saturating_sub(from) as usize;
        let skip = (from - self.first - 1) as usize;
        self.records
            .iter()
            .skip(skip)
            .take(count)
            .enumerate()
            .map(move |(i, record)| (from + i as u64, record))
    }

    /// The newest keyframe at or before a tick.
    pub fn keyframe(&self, tick: u64) -> Option<&Keyframe> {
        let next = self.keyframes.partition_point(|keyframe| keyframe.tick <= tick);
        self.keyframes.get(next.checked_sub(1)?)
    }

    /// Forgets all after a tick.
    pub fn cut(&mut self, tick: u64) {
        while self.last() > tick.max(self.first) {
            if let Some(record) = self.records.pop_back() {
                self.bytes -= record.bytes();
            }
        }
        while self.keyframes.back().is_some_and(|keyframe| keyframe.tick > tick) {
            if let Some(keyframe) = self.keyframes.pop_back() {
                self.bytes -= keyframe.bytes();
            }
        }
    }

    /// Ticks of the first and the last step of the episode that a row plays at a tick, as far as it is kept.
    pub fn episode_span(&self, row: usize, tick: u64) -> (u64, u64) {
        let (mut from, mut to) = (tick, tick);
        while from > self.first && !self.record(from - 1).is_some_and(|record| record.ended(row)) {
            from -= 1;
        }
        while to < self.last() && !self.record(to).is_some_and(|record| record.ended(row)) {
            to += 1;
        }
        (from.max(self.first), to)
    }
}
