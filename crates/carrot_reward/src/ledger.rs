//! The ledger: every node's output and every total of a rollout, replayable to the learner's float.
//!
//! Stored are raw values, outputs, totals and the revision; stage values are recomputed from raw.

use carrot_sim::{CAUSE_FAULT, Rollout, SignalCatalog};
use rayon::prelude::*;

use crate::error::RewardError;
use crate::graph::{Body, Graph, Rate};
use crate::model::{RewardModels, fill_deferred};
use crate::pictures::{Best, fill_pictures};
use crate::revision::{GraphRevision, Revision};
use crate::score::{RolloutView, score};
use crate::stage::Stage;

/// The account of one graph over one rollout.
///
/// # Shapes
/// T steps, K nodes, N rows, G groups.
#[derive(Debug, Clone)]
pub struct GraphLedger {
    /// Output of every node, `[T, K, N]`; for a child of the root this is its contribution.
    pub outputs: Vec<f32>,
    /// Reward of every group, `[G][T, N]`: what the learner reads.
    pub totals: Vec<Vec<f32>>,
    nodes: usize,
    rows: usize,
}

impl GraphLedger {
    fn new(graph: &Graph, steps: usize, rows: usize) -> Self {
        Self {
            outputs: vec![0.0; steps * graph.nodes.len() * rows],
            totals: vec![vec![0.0; steps * rows]; graph.groups.len()],
            nodes: graph.nodes.len(),
            rows,
        }
    }

    /// Outputs of node `index` at step `t`, one per row.
    pub fn output(&self, t: usize, index: usize) -> &[f32] {
        &self.outputs[(t * self.nodes + index) * self.rows..][..self.rows]
    }

    /// Totals of group `group` at step `t`, one per row.
    pub fn total(&self, t: usize, group: usize) -> &[f32] {
        &self.totals[group][t * self.rows..][..self.rows]
    }
}

/// The accounts of all graphs of a run: the trained graph first, then the shadows.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// One account per graph.
    pub graphs: Vec<GraphLedger>,
    /// Revision under which the rollout was finalised.
    pub revision: u32,
    /// Best answers of episodes under way, carried from rollout to rollout.
    pub best: Best,
}

impl Ledger {
    /// Buffers for rollouts of `steps` x `rows`.
    pub fn new(graphs: &[Graph], steps: usize, rows: usize) -> Self {
        let best = Best::new(graphs, rows);
        Self { graphs: graphs.iter().map(|g| GraphLedger::new(g, steps, rows)).collect(), revision: 0, best }
    }

    /// Fills deferred columns, scores every step under every graph, and so makes the learner's rewards.
    /// No reward exists before.
    ///
    /// # Errors
    /// When a deferred term cannot be scored.
    pub fn finalise(
        &mut self,
        graphs: &[Graph],
        revision: &Revision,
        models: &mut RewardModels,
        catalog: &SignalCatalog,
        rollout: &mut Rollout,
    ) -> Result<(), RewardError> {
        fill_deferred(graphs, revision, models, catalog, rollout)?;
        fill_pictures(graphs, models, &mut self.best, rollout)?;
        self.revision = revision.number;
        let view = RolloutView::new(rollout);
        let rows = view.rows();
        for ((graph, state), own) in graphs.iter().zip(&revision.graphs).zip(&mut self.graphs) {
            let outputs = own.outputs.chunks_mut(own.nodes * rows).take(view.steps);
            let mut totals: Vec<Vec<&mut [f32]>> = (0..view.steps).map(|_| Vec::new()).collect();
            for group in &mut own.totals {
                group.chunks_mut(rows).zip(&mut totals).for_each(|(chunk, step)| step.push(chunk));
            }
            let steps: Vec<_> = outputs.zip(totals).enumerate().collect();
            let work = |(t, (outputs, mut totals)): (usize, (&mut [f32], Vec<&mut [f32]>))| {
                score(graph, state, &view.step(t), outputs, &mut totals);
            };
            // Steps are independent: whoever scores them, the bits are the same.
            if rayon::current_num_threads() > 1 && rayon::current_thread_index().is_some() {
                steps.into_par_iter().for_each(work);
            } else {
                steps.into_iter().for_each(work);
            }
        }
        Ok(())
    }
}

/// What one node did with one row of one step.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct NodeAccount {
    /// What its kind measured, or its combinator made of its children.
    pub raw: f32,
    /// The value behind all stages, before the weight.
    pub staged: f32,
    /// What it hands on; for a child of the root this is its contribution.
    pub output: f32,
}

/// One row of one step, taken apart for people and tests, computed one float at a time: every node, and the
/// total of every group.
///
/// This is a second, plain implementation of the tree: a test holds that it gives the same bits as the
/// columns do.
pub fn account_row(
    graph: &Graph,
    revision: &GraphRevision,
    raw: impl Fn(usize) -> f32,
    terminated: bool,
    faulted: bool,
) -> (Vec<NodeAccount>, Vec<f32>) {
    let mut accounts: Vec<NodeAccount> = Vec::with_capacity(graph.nodes.len());
    for (node, state) in graph.nodes.iter().zip(&revision.nodes) {
        let stages = |range: std::ops::Range<usize>, mut x: f32| {
            for s in range {
                let mut cell = [x];
                node.stages[s].apply(state.stages[s], &mut cell);
                x = cell[0];
            }
            x
        };
        let finite = |x: f32| if x.is_finite() { x } else { 0.0 };
        let all = node.stages.len();
        let (value, staged) = match &node.body {
            Body::Term(_, slots) => {
                let now = finite(raw(slots.now));
                let at = node.stages.iter().position(|s| matches!(s, Stage::Potential { .. }));
                let staged = match (slots.before, at.and_then(|at| Some((at, node.stages.get(at)?)))) {
                    (Some(before), Some((at, Stage::Potential { gamma, .. }))) => {
                        let after = if terminated { 0.0 } else { stages(0..at, now) };
                        stages(at + 1..all, gamma * after - stages(0..at, finite(raw(before))))
                    }
                    _ => stages(0..all, now),
                };
                (now, staged)
            }
            Body::Combine(combinator, children) => {
                let mut cell = [0.0];
                combinator.start(&mut cell, &[accounts[children[0]].output]);
                children[1..].iter().for_each(|&c| combinator.fold(&mut cell, &[accounts[c].output]));
                combinator.finish(&mut cell, children.len());
                (cell[0], stages(0..all, cell[0]))
            }
        };
        let factor = match node.rate {
            Rate::PerStep => state.weight,
            Rate::PerSecond => state.weight * graph.control_dt,
        };
        let output = if factor == 1.0 { staged } else { staged * factor };
        accounts.push(NodeAccount { raw: value, staged, output: if faulted { 0.0 } else { output } });
    }
    let mut totals = vec![0.0_f32; graph.groups.len()];
    for &index in &graph.top {
        totals[graph.nodes[index].group] += accounts[index].output;
    }
    (accounts, totals)
}

/// The outputs and totals of [`account_row`].
pub fn replay_row(
    graph: &Graph,
    revision: &GraphRevision,
    raw: impl Fn(usize) -> f32,
    terminated: bool,
    faulted: bool,
) -> (Vec<f32>, Vec<f32>) {
    let (accounts, totals) = account_row(graph, revision, raw, terminated, faulted);
    (accounts.iter().map(|account| account.output).collect(), totals)
}

/// Compares every float of a finalised rollout with its replay; gives the first (t, row) that differs.
pub fn first_difference(
    graphs: &[Graph],
    revision: &Revision,
    ledger: &Ledger,
    rollout: &Rollout,
) -> Option<(usize, usize)> {
    let view = RolloutView::new(rollout);
    let rows = view.rows();
    for t in 0..view.steps {
        let columns = view.step(t);
        for row in 0..rows {
            for ((graph, state), own) in graphs.iter().zip(&revision.graphs).zip(&ledger.graphs) {
                let raw = |c: usize| columns.raw[c * rows + row];
                let faulted = columns.cause[row] == CAUSE_FAULT;
                let (outputs, totals) = replay_row(graph, state, raw, columns.terminated[row], faulted);
                let same = |a: f32, b: f32| a.to_bits() == b.to_bits();
                let outputs_equal = outputs.iter().enumerate().all(|(i, &x)| same(x, own.output(t, i)[row]));
                let totals_equal = totals.iter().enumerate().all(|(g, &x)| same(x, own.total(t, g)[row]));
                if !outputs_equal || !totals_equal {
                    return Some((t, row));
                }
            }
        }
    }
    None
}
