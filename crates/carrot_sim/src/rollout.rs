//! A rollout: `T` steps of `N` rows in batch-wide buffers, filled by the shards.
//!
//! No reward array lives here. A step leaves raw columns; what they mean is decided when the rollout is
//! finalised, so that deferred terms can still join.

use crate::batch::{PartData, PartSliceMut, StepOut};
use crate::episode::Cause;
use crate::error::SimError;
use crate::frame::Look;
use crate::signal::SignalView;
use crate::space::ObsPart;

/// An episode that ended in this rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndRecord {
    /// Step of the rollout at which it ended.
    pub step: u32,
    /// Global env id.
    pub env: u32,
    /// Episode of that env.
    pub episode: u32,
    /// Steps it took.
    pub length: u32,
}

/// Signals of a whole rollout, kept when something reads them later.
#[derive(Debug, Clone, Default)]
pub struct SignalLog {
    /// Signals of s at the first step, `[S, N]`.
    pub start: Vec<f32>,
    /// Signals of s′, `[T, S, N]`.
    pub now: Vec<f32>,
    /// Signals of s₀ after each end, `[E, S]`.
    pub fresh: Vec<f32>,
}

/// Batch-wide buffers of one rollout.
///
/// # Shapes
/// T steps, N rows, A numbers per action, R raw columns, S signal columns, E ended episodes.
#[derive(Debug, Clone)]
pub struct Rollout {
    /// T.
    pub num_steps: usize,
    /// N.
    pub num_envs: usize,
    /// Steps filled so far.
    pub filled: usize,
    /// Observation parts, each `[T + 1, N, size]`; the last step's row block is the next first one.
    pub obs: Vec<PartData>,
    /// Actions as given, `[T, N, A]`.
    pub actions: Vec<f32>,
    /// Raw columns, `[T, R, N]`.
    pub raw: Vec<f32>,
    /// R.
    pub raw_columns: usize,
    /// `[T, N]`.
    pub terminated: Vec<bool>,
    /// `[T, N]`.
    pub truncated: Vec<bool>,
    /// `[T, N]`.
    pub success: Vec<bool>,
    /// `[T, N]`.
    pub cause: Vec<Cause>,
    /// `[T, N]`.
    pub score: Vec<f32>,
    /// Ended episodes in (step, env) order.
    pub ends: Vec<EndRecord>,
    /// Final observations of `ends`, each part `[E, size]`.
    pub final_obs: Vec<PartData>,
    /// Signals, when they are kept.
    pub signals: Option<SignalLog>,
    /// S.
    pub signal_columns: usize,
    /// What was drawn for rewards that score pictures, in (step, row) order.
    pub looks: Vec<Look>,
    sizes: Vec<usize>,
}

impl Rollout {
    pub(crate) fn new(
        num_steps: usize,
        num_envs: usize,
        parts: &[ObsPart],
        action_width: usize,
        raw_columns: usize,
        signal_columns: usize,
        keep_signals: bool,
    ) -> Result<Self, SimError> {
        let cells = num_steps.saturating_mul(num_envs);
        let flags = 4 * size_of::<bool>() + size_of::<f32>();
        let floats = action_width + raw_columns + if keep_signals { signal_columns } else { 0 };
        let obs: usize = parts.iter().map(ObsPart::byte_size).sum();
        let bytes = cells.saturating_mul(flags + floats * size_of::<f32>() + obs);
        // A vector that cannot grow ends the process; asking first turns that into an error.
        if Vec::<u8>::new().try_reserve_exact(bytes).is_err() {
            return Err(SimError::OutOfMemory { rows: num_envs, steps: num_steps, bytes });
        }
        Ok(Self {
            num_steps,
            num_envs,
            filled: 0,
            obs: parts.iter().map(|p| PartData::new(p, (num_steps + 1) * num_envs)).collect(),
            actions: vec![0.0; cells * action_width],
            raw: vec![0.0; cells * raw_columns],
            raw_columns,
            terminated: vec![false; cells],
            truncated: vec![false; cells],
            success: vec![false; cells],
            cause: vec![0; cells],
            score: vec![0.0; cells],
            ends: Vec::new(),
            final_obs: parts.iter().map(|p| PartData::new(p, 0)).collect(),
            signals: keep_signals.then(|| SignalLog {
                start: vec![0.0; signal_columns * num_envs],
                now: vec![0.0; cells * signal_columns],
                fresh: Vec::new(),
            }),
            signal_columns,
            looks: Vec::new(),
            sizes: parts.iter().map(ObsPart::size).collect(),
        })
    }

    /// Elements per row of each observation part.
    pub fn part_sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// Signals of s′ at step `t`.
    pub fn signals_now(&self, t: usize) -> Option<SignalView<'_>> {
        let width = self.signal_columns * self.num_envs;
        self.signals.as_ref().map(|log| SignalView::new(&log.now[t * width..][..width], self.num_envs))
    }

    /// Some signal columns of s' of every step taken, where signals are kept.
    ///
    /// # Shapes
    /// `[T, N, F]` for F columns.
    pub fn rows_now(&self, columns: &[usize]) -> Option<Vec<f32>> {
        let n = self.num_envs;
        let mut rows = Vec::with_capacity(self.filled * n * columns.len());
        for t in 0..self.filled {
            let view = self.signals_now(t)?;
            for row in 0..n {
                rows.extend(columns.iter().map(|&column| view.column(column)[row]));
            }
        }
        Some(rows)
    }

    /// The same of s: where an episode began with the step, its first state.
    ///
    /// # Shapes
    /// `[T, N, F]` for F columns.
    pub fn rows_before(&self, columns: &[usize]) -> Option<Vec<f32>> {
        let log = self.signals.as_ref()?;
        let (n, width) = (self.num_envs, self.signal_columns);
        let mut rows = Vec::with_capacity(self.filled * n * columns.len());
        for t in 0..self.filled {
            let earlier = if t == 0 { &log.start[..] } else { &log.now[(t - 1) * width * n..] };
            for row in 0..n {
                let end = t.checked_sub(1).and_then(|t| self.end_at(t, row));
                rows.extend(columns.iter().map(|&column| match end {
                    Some(end) => log.fresh[end * width + column],
                    None => earlier[column * n + row],
                }));
            }
        }
        Some(rows)
    }

    /// Index into `ends` of the episode that ended at (`t`, `env`).
    pub fn end_at(&self, t: usize, env: usize) -> Option<usize> {
        self.ends.binary_search_by_key(&(t, env), |e| (e.step as usize, e.env as usize)).ok()
    }

    /// Starts anew: the observations after the last step become the first ones.
    pub(crate) fn begin(&mut self) {
        let (last, n) = (self.filled, self.num_envs);
        for (part, &size) in self.obs.iter_mut().zip(&self.sizes) {
            let (from, len) = (last * n * size, n * size);
            match part {
                PartData::F32(data) => data.copy_within(from..from + len, 0),
                PartData::U8(data) => data.copy_within(from..from + len, 0),
            }
        }
        self.filled = 0;
        self.ends.clear();
        self.looks.clear();
        self.final_obs.iter_mut().for_each(PartData::clear);
        if let Some(log) = &mut self.signals {
            log.fresh.clear();
        }
    }

    /// The observation rows at step `t`, split at shard bounds: `[shard][part]`.
    pub(crate) fn obs_at(&mut self, t: usize, bounds: &[usize]) -> Vec<Vec<PartSliceMut<'_>>> {
        split_parts(&mut self.obs, &self.sizes, self.num_envs, t, bounds)
    }

    /// Where each shard writes step `t`.
    pub(crate) fn outs<'a>(&'a mut self, t: usize, bounds: &'a [usize]) -> Vec<StepOut<'a>> {
        let n = self.num_envs;
        let cells = t * n..(t + 1) * n;
        let width = self.actions.len() / (self.num_steps * n);
        let mut obs = split_parts(&mut self.obs, &self.sizes, n, t + 1, bounds).into_iter();
        let mut raw = split_columns(block(&mut self.raw, t, self.raw_columns * n), n, bounds).into_iter();
        let signals = self.signals.as_mut().map(|log| block(&mut log.now, t, self.signal_columns * n));
        let mut signals = split_columns(signals.unwrap_or_default(), n, bounds).into_iter();
        let mut actions = split(block(&mut self.actions, t, n * width), bounds, width);
        let mut terminated = split(&mut self.terminated[cells.clone()], bounds, 1);
        let mut truncated = split(&mut self.truncated[cells.clone()], bounds, 1);
        let mut success = split(&mut self.success[cells.clone()], bounds, 1);
        let mut cause = split(&mut self.cause[cells.clone()], bounds, 1);
        let mut score = split(&mut self.score[cells], bounds, 1);
        let out = |_| StepOut {
            obs: obs.next().unwrap_or_default(),
            actions: actions.next().unwrap_or_default(),
            raw: raw.next().unwrap_or_default(),
            signals: signals.next().unwrap_or_default(),
            terminated: terminated.next().unwrap_or_default(),
            truncated: truncated.next().unwrap_or_default(),
            success: success.next().unwrap_or_default(),
            cause: cause.next().unwrap_or_default(),
            score: score.next().unwrap_or_default(),
        };
        bounds.windows(2).map(out).collect()
    }
}

/// Block `t` of equal blocks.
fn block(data: &mut [f32], t: usize, len: usize) -> &mut [f32] {
    &mut data[t * len..(t + 1) * len]
}

/// Splits the rows of every part at step `t` at shard bounds: `[shard][part]`.
fn split_parts<'a>(
    parts: &'a mut [PartData],
    sizes: &[usize],
    n: usize,
    t: usize,
    bounds: &[usize],
) -> Vec<Vec<PartSliceMut<'a>>> {
    let mut shards: Vec<Vec<_>> = (1..bounds.len()).map(|_| Vec::with_capacity(sizes.len())).collect();
    for (part, &size) in parts.iter_mut().zip(sizes) {
        let mut rest = part.slice_mut(t * n * size..(t + 1) * n * size);
        for (shard, pair) in shards.iter_mut().zip(bounds.windows(2)) {
            let (own, tail) = rest.split_at((pair[1] - pair[0]) * size);
            shard.push(own);
            rest = tail;
        }
    }
    shards
}

/// Splits `width` values per row at shard bounds.
fn split<'a, T>(
    mut rest: &'a mut [T],
    bounds: &'a [usize],
    width: usize,
) -> impl Iterator<Item = &'a mut [T]> {
    bounds.windows(2).map(move |pair| {
        let (own, tail) = std::mem::take(&mut rest).split_at_mut((pair[1] - pair[0]) * width);
        rest = tail;
        own
    })
}

/// Splits columns `[C, N]` at shard bounds: `[shard][column]`.
fn split_columns<'a>(data: &'a mut [f32], rows: usize, bounds: &'a [usize]) -> Vec<Vec<&'a mut [f32]>> {
    let columns = data.len() / rows.max(1);
    let mut shards: Vec<Vec<_>> = (1..bounds.len()).map(|_| Vec::with_capacity(columns)).collect();
    for column in data.chunks_exact_mut(rows) {
        for (shard, own) in shards.iter_mut().zip(split(column, bounds, 1)) {
            shard.push(own);
        }
    }
    shards
}
