//! Graphs: a reward as a tree of named nodes, read from RON, with every name resolved.
//!
//! ```ron
//! [
//!     (name: "goal", kind: Event(signal: "at_goal")),
//!     (name: "near", kind: Distance(signal: "goal_distance"), weight: -1.0, stages: [Potential(gamma: 0.99)]),
//!     (name: "upright_and_still", kind: Product([
//!         (name: "upright", kind: Tolerance(signal: "pole_angle", bounds: (-0.05, 0.05), margin: 0.2)),
//!         (name: "still", kind: Tolerance(signal: "pole_velocity", bounds: (-0.1, 0.1), margin: 1.0)),
//!     ])),
//!     Program(r#"term("gentle", -0.1, norm(delta(tip)) / 1 [m])"#),
//! ]
//! ```

use std::sync::Arc;

use carrot_scene::{Diagnostics, NodeRef, Source as Text, Syntax};
use serde::{Deserialize, Serialize};

use crate::builder::Builder;
use crate::combine::Combinator;
use crate::kind::{AnyKind, Kind, KindRegistry, RawSlots, Scope};
use crate::kinds::Truth;
use crate::question::Asked;
use crate::stage::Stage;

/// Where a term's numbers come from; sub-totals are drawn by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Source {
    /// Events of the task.
    Sparse,
    /// Written shaping.
    Shaped,
    /// A fitted model.
    Learned,
    /// A vision-language model.
    Vlm,
    /// The truth channel.
    Truth,
}

/// What one unit of a term is paid for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rate {
    /// Each step; independent of `control_dt`.
    #[default]
    PerStep,
    /// Each second: the contribution is multiplied by `control_dt`.
    PerSecond,
}

/// What a node computes.
#[derive(Debug, Clone)]
pub enum Body {
    /// A term of some kind, with its raw columns.
    Term(Arc<dyn AnyKind>, RawSlots),
    /// Children, by node index, in order.
    Combine(Combinator, Vec<usize>),
}

/// One node of a graph.
#[derive(Debug, Clone)]
pub struct Node {
    /// Name, unique in its graph.
    pub name: String,
    /// What it computes.
    pub body: Body,
    /// Weight, as written.
    pub weight: f32,
    /// Stages, in order.
    pub stages: Vec<Stage>,
    /// Per step or per second.
    pub rate: Rate,
    /// Origin of its numbers.
    pub source: Source,
    /// Parent, or none for a child of the root.
    pub parent: Option<usize>,
    /// Group of the node, for a child of the root.
    pub group: usize,
}

/// A reward: nodes in evaluation order, children before parents. The root is a Sum of the top nodes.
#[derive(Debug, Clone)]
pub struct Graph {
    /// Name.
    pub name: String,
    /// Nodes in evaluation order.
    pub nodes: Vec<Node>,
    /// Children of the root, in order.
    pub top: Vec<usize>,
    /// Names of the groups, each with its own discount and value head.
    pub groups: Vec<String>,
    /// Seconds per step.
    pub control_dt: f32,
    /// The text it was read from.
    pub text: String,
}

impl Graph {
    /// Reads a graph from a list of nodes.
    ///
    /// `columns` counts the raw columns of the batch; the graph's terms take theirs from it.
    pub fn read(
        name: &str,
        node: &NodeRef,
        kinds: &KindRegistry,
        scope: &Scope,
        columns: &mut usize,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let empty = Self {
            name: name.into(),
            nodes: Vec::new(),
            top: Vec::new(),
            groups: Vec::new(),
            control_dt: scope.control_dt,
            text: node.text().to_string(),
        };
        let before = diagnostics.len();
        let graph = Builder::new(empty, kinds, scope, columns, diagnostics).read(node);
        graph.filter(|_| diagnostics.len() == before)
    }

    /// Reads a graph from text of its own, such as a task's default reward or a file.
    pub fn parse(
        name: &str,
        text: &Text,
        kinds: &KindRegistry,
        scope: &Scope,
        columns: &mut usize,
    ) -> Result<Self, Diagnostics> {
        let root = Syntax::parse(text)?.root();
        let mut diagnostics = Diagnostics::new();
        let graph = Self::read(name, &root, kinds, scope, columns, &mut diagnostics);
        diagnostics.into_result(graph)
    }

    /// Names of the children of the root, in order.
    pub fn term_names(&self) -> Vec<&str> {
        self.top.iter().map(|&i| self.nodes[i].name.as_str()).collect()
    }

    /// Names of the models that fill columns of this graph from signals, with the node and the column of each.
    pub fn models(&self) -> Vec<(&str, usize, usize)> {
        let terms = self.terms().filter(|(_, kind, _)| kind.asked().is_none());
        terms.filter_map(|(index, kind, slots)| Some((kind.model()?, index, slots.now))).collect()
    }

    /// What terms of this graph ask about pictures, with the column of each.
    pub fn asked(&self) -> Vec<(&Asked, usize)> {
        self.terms().filter_map(|(_, kind, slots)| Some((kind.asked()?, slots.now))).collect()
    }

    fn terms(&self) -> impl Iterator<Item = (usize, &dyn AnyKind, &RawSlots)> {
        self.nodes.iter().enumerate().filter_map(|(index, node)| match &node.body {
            Body::Term(kind, slots) => Some((index, kind.as_ref(), slots)),
            Body::Combine(..) => None,
        })
    }

    /// Whether a term reads the truth channel.
    pub fn reads_truth(&self) -> bool {
        let reads =
            |node: &Node| matches!(&node.body, Body::Term(kind, _) if kind.doc().name == Truth::DOC.name);
        self.nodes.iter().any(reads)
    }

    /// Name of the group that a node belongs to.
    pub fn group_of(&self, mut node: usize) -> &str {
        while let Some(parent) = self.nodes[node].parent {
            node = parent;
        }
        &self.groups[self.nodes[node].group]
    }

    /// Refuses potentials whose gamma is not the learner's for their group: policy invariance rests on it.
    pub fn check_gamma(&self, gamma_of: impl Fn(&str) -> f32, diagnostics: &mut Diagnostics) {
        let stages = self.nodes.iter().enumerate().flat_map(|(i, n)| n.stages.iter().map(move |s| (i, s)));
        for (node, stage) in stages {
            let gamma = gamma_of(self.group_of(node));
            if let Stage::Potential { gamma: own, at } = stage
                && *own != gamma
            {
                let message = format!("this potential has gamma {own}, the learner has {gamma}");
                diagnostics.error(
                    at,
                    message,
                    "they must be equal",
                    format!("write `Potential(gamma: {gamma})`"),
                );
            }
        }
    }

    /// Raw columns that the terms of this graph use, with a name for each.
    pub fn raw_names(&self) -> Vec<(usize, String)> {
        let mut names = Vec::new();
        for node in &self.nodes {
            if let Body::Term(_, slots) = &node.body {
                names.push((slots.now, format!("{}/{}", self.name, node.name)));
                if let Some(before) = slots.before {
                    names.push((before, format!("{}/{}@before", self.name, node.name)));
                }
            }
        }
        names
    }
}
