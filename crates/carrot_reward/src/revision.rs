//! Revisions: everything in a reward that changes over time, numbered and immutable.
//!
//! The coordinator makes a revision only between rollouts, appends it to the run and hands it to every
//! shard; entities are a projection of it. A recorded step names its revision, so it can be scored again.

use serde::{Deserialize, Serialize};

use crate::error::RewardError;
use crate::graph::{Body, Graph};
use crate::score::{RolloutView, values_before_stage};
use crate::stage::{Stage, StageState};

/// What a revision says about one node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeRevision {
    /// Weight.
    pub weight: f32,
    /// One state per stage.
    pub stages: Vec<StageState>,
    /// Version of the model that fills the column.
    pub model: Option<u32>,
    /// Values of the term's declared parameters, in order.
    #[serde(default)]
    pub params: Vec<f32>,
}

/// What a revision says about one graph: one entry per node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GraphRevision {
    /// Nodes in evaluation order.
    pub nodes: Vec<NodeRevision>,
}

/// A revision of all graphs of a run, the trained one first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Revision {
    /// From 0, without gaps.
    pub number: u32,
    /// Env steps taken when it came into force.
    pub env_steps: u64,
    /// One entry per graph.
    pub graphs: Vec<GraphRevision>,
}

impl Revision {
    /// The first revision: weights as written, anneals at their start, normalisers identity.
    pub fn initial(graphs: &[Graph]) -> Self {
        Self { number: 0, env_steps: 0, graphs: graphs.iter().map(GraphRevision::initial).collect() }
    }

    /// The revision after a finished rollout, or the same number if nothing changed.
    pub fn after(&self, graphs: &[Graph], rollout: &RolloutView<'_>, env_steps: u64) -> Self {
        let mut next = self.clone();
        next.env_steps = env_steps;
        for (graph, revision) in graphs.iter().zip(&mut next.graphs) {
            let current = revision.clone();
            for (index, node) in graph.nodes.iter().enumerate() {
                for (s, stage) in node.stages.iter().enumerate() {
                    let state = &mut revision.nodes[index].stages[s];
                    match (stage, &mut *state) {
                        (Stage::RunningNorm { .. }, StageState::Norm(stats)) => {
                            for t in 0..rollout.steps {
                                let columns = rollout.step(t);
                                let values = values_before_stage(graph, &current, index, s, &columns);
                                let masked = rollout.faulted(t);
                                stats.add_step(&values, |row| !masked(row));
                            }
                        }
                        (Stage::Anneal { .. }, _) => *state = stage.state_at(env_steps),
                        _ => {}
                    }
                }
            }
        }
        if next.graphs == self.graphs {
            return self.clone();
        }
        next.number += 1;
        next
    }

    /// A revision with other weights, as an edit makes it.
    pub fn with_weight(&self, graph: usize, node: usize, weight: f32, env_steps: u64) -> Self {
        let mut next = self.clone();
        next.number += 1;
        next.env_steps = env_steps;
        next.graphs[graph].nodes[node].weight = weight;
        next
    }

    /// A revision in which a declared parameter has another value, in every term that reads it.
    ///
    /// # Errors
    /// When the graph has no such parameter, or the value is outside of its range.
    pub fn with_param(
        &self,
        graphs: &[Graph],
        graph: usize,
        name: &str,
        value: f32,
        env_steps: u64,
    ) -> Result<Self, RewardError> {
        let mut next = self.clone();
        next.number += 1;
        next.env_steps = env_steps;
        let mut found = false;
        for (node, state) in graphs[graph].nodes.iter().zip(&mut next.graphs[graph].nodes) {
            let Body::Term(kind, _) = &node.body else { continue };
            for (param, slot) in kind.params().iter().zip(&mut state.params) {
                if param.name == name {
                    let (low, high) = param.range;
                    if !(low..=high).contains(&value) {
                        return Err(RewardError::ParamRange { name: name.into(), value, low, high });
                    }
                    (*slot, found) = (value, true);
                }
            }
        }
        if found { Ok(next) } else { Err(RewardError::NoParam(name.into())) }
    }

    /// A revision in which a model has another version.
    pub fn with_model(&self, graphs: &[Graph], model: &str, version: u32, env_steps: u64) -> Self {
        let mut next = self.clone();
        next.number += 1;
        next.env_steps = env_steps;
        for (graph, revision) in graphs.iter().zip(&mut next.graphs) {
            for (node, state) in graph.nodes.iter().zip(&mut revision.nodes) {
                if let Body::Term(kind, _) = &node.body
                    && kind.model() == Some(model)
                {
                    state.model = Some(version);
                }
            }
        }
        next
    }
}

impl GraphRevision {
    /// A graph as written.
    pub fn initial(graph: &Graph) -> Self {
        let node = |node: &crate::graph::Node| NodeRevision {
            weight: node.weight,
            stages: node.stages.iter().map(|stage| stage.state_at(0)).collect(),
            model: None,
            params: match &node.body {
                Body::Term(kind, _) => kind.params().iter().map(|param| param.value).collect(),
                Body::Combine(..) => Vec::new(),
            },
        };
        Self { nodes: graph.nodes.iter().map(node).collect() }
    }
}
