//! Scoring: raw columns to outputs and totals, block by block, with the very same code for a live rollout
//! and for a recorded episode.

use carrot_sim::{CAUSE_FAULT, Cause, Rollout};

use crate::graph::{Body, Graph, Node, Rate};
use crate::revision::{GraphRevision, NodeRevision};
use crate::stage::{Stage, scale, shape_by_potential};

/// Rows scored at a time: few enough that all columns of a block stay in the first-level cache.
const ROWS: usize = 1024;

/// The columns of one step over N rows, or of one episode over T steps.
///
/// # Shapes
/// `raw` is `[R, N]`, the flags `[N]`.
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a> {
    /// Raw columns.
    pub raw: &'a [f32],
    /// Ended by the task.
    pub terminated: &'a [bool],
    /// Causes; faulted rows are masked to 0.
    pub cause: &'a [Cause],
}

/// Read access to the steps of a rollout.
#[derive(Debug, Clone, Copy)]
pub struct RolloutView<'a> {
    /// Filled steps.
    pub steps: usize,
    rows: usize,
    raw_columns: usize,
    raw: &'a [f32],
    terminated: &'a [bool],
    cause: &'a [Cause],
}

impl<'a> RolloutView<'a> {
    /// The filled part of a rollout.
    pub fn new(rollout: &'a Rollout) -> Self {
        Self {
            steps: rollout.filled,
            rows: rollout.num_envs,
            raw_columns: rollout.raw_columns,
            raw: &rollout.raw,
            terminated: &rollout.terminated,
            cause: &rollout.cause,
        }
    }

    /// N.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns of step `t`.
    pub fn step(&self, t: usize) -> Columns<'a> {
        let width = self.raw_columns * self.rows;
        let cells = t * self.rows..(t + 1) * self.rows;
        Columns {
            raw: &self.raw[t * width..][..width],
            terminated: &self.terminated[cells.clone()],
            cause: &self.cause[cells],
        }
    }

    /// Whether a row was masked at step `t`.
    pub fn faulted(&self, t: usize) -> impl Fn(usize) -> bool + 'a {
        let cause = self.step(t).cause;
        move |row| cause[row] == CAUSE_FAULT
    }
}

/// Scores N rows: writes every node's output `[K, N]` and every group's total `[G][N]`.
pub fn score(
    graph: &Graph,
    revision: &GraphRevision,
    columns: &Columns<'_>,
    outputs: &mut [f32],
    totals: &mut [&mut [f32]],
) {
    let rows = columns.terminated.len();
    let mut scratch = [0.0_f32; ROWS];
    let mut start = 0;
    while start < rows {
        let block = start..(start + ROWS).min(rows);
        let any_fault = columns.cause[block.clone()].iter().fold(false, |any, &c| any | (c == CAUSE_FAULT));
        for index in 0..graph.nodes.len() {
            let (done, rest) = outputs.split_at_mut(index * rows);
            let out = &mut rest[block.clone()];
            let (node, state) = (&graph.nodes[index], &revision.nodes[index]);
            match &node.body {
                Body::Term(_, slots) => {
                    let column = |c: usize| &columns.raw[c * rows..][block.clone()];
                    load(out, column(slots.now));
                    match slots.before {
                        None => apply_stages(node, state, 0..node.stages.len(), out),
                        Some(before) => {
                            let scratch = &mut scratch[..out.len()];
                            load(scratch, column(before));
                            shape(node, state, out, scratch, &columns.terminated[block.clone()]);
                        }
                    }
                }
                Body::Combine(combinator, children) => {
                    let child = |c: usize| &done[c * rows..][block.clone()];
                    combinator.start(out, child(children[0]));
                    children[1..].iter().for_each(|&c| combinator.fold(out, child(c)));
                    combinator.finish(out, children.len());
                    apply_stages(node, state, 0..node.stages.len(), out);
                }
            }
            weigh(node, state, graph.control_dt, out);
            if any_fault {
                mask(out, &columns.cause[block.clone()]);
            }
        }
        for total in totals.iter_mut() {
            total[block.clone()].fill(0.0);
        }
        for &index in &graph.top {
            let total = &mut totals[graph.nodes[index].group][block.clone()];
            let output = &outputs[index * rows..][block.clone()];
            total.iter_mut().zip(output).for_each(|(t, x)| *t += *x);
        }
        start = block.end;
    }
}

/// Copies raw values; one that is not finite was not scored and counts 0.
#[inline]
fn load(out: &mut [f32], raw: &[f32]) {
    for (out, &x) in out.iter_mut().zip(raw) {
        *out = if x.is_finite() { x } else { 0.0 };
    }
}

fn mask(out: &mut [f32], cause: &[Cause]) {
    for (out, &cause) in out.iter_mut().zip(cause) {
        *out = if cause == CAUSE_FAULT { 0.0 } else { *out };
    }
}

fn weigh(node: &Node, state: &NodeRevision, control_dt: f32, out: &mut [f32]) {
    let factor = match node.rate {
        Rate::PerStep => state.weight,
        Rate::PerSecond => state.weight * control_dt,
    };
    if factor != 1.0 {
        scale(out, factor);
    }
}

fn apply_stages(node: &Node, state: &NodeRevision, range: std::ops::Range<usize>, out: &mut [f32]) {
    for s in range {
        node.stages[s].apply(state.stages[s], out);
    }
}

/// The stages of a term with a potential: those before it act on both states.
fn shape(node: &Node, state: &NodeRevision, now: &mut [f32], before: &mut [f32], terminated: &[bool]) {
    let all = node.stages.len();
    let at = node.stages.iter().position(|s| matches!(s, Stage::Potential { .. })).unwrap_or(all);
    apply_stages(node, state, 0..at, now);
    apply_stages(node, state, 0..at, before);
    if let Some(Stage::Potential { gamma, .. }) = node.stages.get(at) {
        shape_by_potential(now, before, terminated, *gamma);
        apply_stages(node, state, at + 1..all, now);
    }
}

/// Values of a node just before its stage `stop`, over all rows of a step.
pub(crate) fn values_before_stage(
    graph: &Graph,
    revision: &GraphRevision,
    index: usize,
    stop: usize,
    columns: &Columns<'_>,
) -> Vec<f32> {
    let rows = columns.terminated.len();
    // The children's outputs are needed below a combinator, so the whole graph is scored once more with the
    // node's later stages cut off.
    let mut cut = graph.clone();
    let mut state = revision.clone();
    cut.nodes[index].stages.truncate(stop);
    cut.nodes[index].rate = Rate::PerStep;
    cut.top.clear();
    cut.nodes.truncate(index + 1);
    state.nodes.truncate(index + 1);
    state.nodes[index].weight = 1.0;
    let mut outputs = vec![0.0; cut.nodes.len() * rows];
    score(&cut, &state, columns, &mut outputs, &mut []);
    outputs[index * rows..].to_vec()
}
