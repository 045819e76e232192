//! Closing episodes: return, contributions and truth of every episode that ended in a rollout.

use carrot_sim::{CAUSE_FAULT, Cause, Rollout};
use serde::{Deserialize, Serialize};

use crate::graph::Graph;
use crate::ledger::Ledger;

/// What is said of one episode under all graphs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpisodeSummary {
    /// Global env id.
    pub env: u32,
    /// Episode of that env.
    pub episode: u32,
    /// Steps.
    pub length: u32,
    /// Return under each graph, all groups together.
    pub returns: Vec<f64>,
    /// Contribution of each top term of the trained graph.
    pub contributions: Vec<f64>,
    /// Truth at the last step.
    pub success: bool,
    /// Truth at the last step, 0 to 1.
    pub score: f32,
    /// Why it ended.
    pub cause: Cause,
}

impl EpisodeSummary {
    /// True when the episode was cut by a contained fault and says nothing about the policy.
    pub fn is_fault(&self) -> bool {
        self.cause == CAUSE_FAULT
    }
}

/// Running sums of the episodes that are under way; part of a checkpoint.
///
/// # Shapes
/// `returns` `[graphs][N]`, `contributions` `[top terms][N]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpisodeSums {
    returns: Vec<Vec<f64>>,
    contributions: Vec<Vec<f64>>,
}

impl EpisodeSums {
    /// Zero sums for N rows.
    pub fn new(graphs: &[Graph], rows: usize) -> Self {
        Self {
            returns: vec![vec![0.0; rows]; graphs.len()],
            contributions: vec![vec![0.0; rows]; graphs.first().map_or(0, |g| g.top.len())],
        }
    }

    /// Adds a finalised rollout and gives the episodes that ended in it, in (step, env) order.
    pub fn close(&mut self, graphs: &[Graph], ledger: &Ledger, rollout: &Rollout) -> Vec<EpisodeSummary> {
        let mut summaries = Vec::with_capacity(rollout.ends.len());
        let mut ends = rollout.ends.iter().peekable();
        for t in 0..rollout.filled {
            for ((graph, own), sums) in graphs.iter().zip(&ledger.graphs).zip(&mut self.returns) {
                for group in 0..graph.groups.len() {
                    add(sums, own.total(t, group));
                }
            }
            if let (Some(graph), Some(own)) = (graphs.first(), ledger.graphs.first()) {
                for (&index, sums) in graph.top.iter().zip(&mut self.contributions) {
                    add(sums, own.output(t, index));
                }
            }
            while let Some(end) = ends.next_if(|end| end.step as usize == t) {
                let row = end.env as usize;
                let cell = t * rollout.num_envs + row;
                let mut take = |sums: &mut Vec<f64>| std::mem::take(&mut sums[row]);
                summaries.push(EpisodeSummary {
                    env: end.env,
                    episode: end.episode,
                    length: end.length,
                    returns: self.returns.iter_mut().map(&mut take).collect(),
                    contributions: self.contributions.iter_mut().map(&mut take).collect(),
                    success: rollout.success[cell],
                    score: rollout.score[cell],
                    cause: rollout.cause[cell],
                });
            }
        }
        summaries
    }
}

fn add(sums: &mut [f64], values: &[f32]) {
    sums.iter_mut().zip(values).for_each(|(sum, &x)| *sum += f64::from(x));
}
