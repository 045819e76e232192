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
//! ]
//! ```

use std::sync::Arc;

use carrot_scene::{Diagnostics, NodeRef, Reader, Source as Text, Span, Syntax};
use serde::{Deserialize, Serialize};

use crate::combine::{COMBINATOR_DOCS, Combinator};
use crate::kind::{AnyKind, Kind, KindRegistry, RawSlots, Scope};
use crate::kinds::Truth;
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
        let mut builder = Builder {
            graph: Self {
                name: name.into(),
                nodes: Vec::new(),
                top: Vec::new(),
                groups: Vec::new(),
                control_dt: scope.control_dt,
                text: node.text().to_string(),
            },
            kinds,
            scope,
            columns,
            diagnostics,
            names: Vec::new(),
        };
        let before = builder.diagnostics.len();
        let Some(items) = node.items() else {
            let help = "write `[(name: \"goal\", kind: Event(signal: \"at_goal\"))]`, or the name of one of the task's rewards";
            builder.diagnostics.error(&node.head(), "expected a list of reward terms", "", help);
            return None;
        };
        if items.is_empty() {
            builder.diagnostics.error(&node.span(), "a reward needs at least one term", "", "");
        }
        for item in &items {
            if let Some(index) = builder.read_node(item, true) {
                builder.graph.top.push(index);
            }
        }
        (builder.diagnostics.len() == before).then_some(builder.graph)
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

    /// Names of the models that fill columns of this graph, with the column of each.
    pub fn models(&self) -> Vec<(&str, usize)> {
        self.nodes
            .iter()
            .filter_map(|node| match &node.body {
                Body::Term(kind, slots) => kind.model().map(|name| (name, slots.now)),
                Body::Combine(..) => None,
            })
            .collect()
    }

    /// Whether a term reads the truth channel.
    pub fn reads_truth(&self) -> bool {
        let reads =
            |node: &Node| matches!(&node.body, Body::Term(kind, _) if kind.doc().name == Truth::DOC.name);
        self.nodes.iter().any(reads)
    }

    /// Refuses potentials whose gamma is not the learner's: policy invariance rests on it.
    pub fn check_gamma(&self, gamma: f32, diagnostics: &mut Diagnostics) {
        for stage in self.nodes.iter().flat_map(|n| &n.stages) {
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

struct Builder<'a> {
    graph: Graph,
    kinds: &'a KindRegistry,
    scope: &'a Scope,
    columns: &'a mut usize,
    diagnostics: &'a mut Diagnostics,
    names: Vec<(String, Span)>,
}

impl Builder<'_> {
    fn read_node(&mut self, item: &NodeRef, top: bool) -> Option<usize> {
        let mut reader = Reader::open(item, self.diagnostics)?;
        let name = reader.spanned::<String>("name");
        let kind = reader.required_node("kind");
        let weight = reader.optional("weight", 1.0_f32);
        let rate = reader.optional("rate", Rate::PerStep);
        let stages = reader.node("stages");
        let source = reader.optional::<Option<Source>>("source", None);
        let group = if top { reader.optional("group", "main".to_string()) } else { String::new() };
        reader.finish();

        let stages = stages.map_or_else(|| Some(Vec::new()), |node| self.read_stages(&node));
        let body = kind.and_then(|kind| self.read_body(&kind, stages.as_deref().unwrap_or(&[])));
        let (name, (body, own_source), stages) = (name?, body?, stages?);
        if let Some((_, first)) = self.names.iter().find(|(n, _)| *n == name.value) {
            let line = first.location().line;
            let message = format!("the name `{}` is taken by the term in line {line}", name.value);
            self.diagnostics.error(
                &name.span,
                message,
                "",
                "names of terms are column names, so they differ",
            );
            return None;
        }
        self.names.push((name.value.clone(), name.span));
        let group = match self.graph.groups.iter().position(|g| *g == group) {
            _ if !top => 0,
            Some(index) => index,
            None => {
                self.graph.groups.push(group);
                self.graph.groups.len() - 1
            }
        };
        let index = self.graph.nodes.len();
        if let Body::Combine(_, children) = &body {
            children.iter().for_each(|&child| self.graph.nodes[child].parent = Some(index));
        }
        let source = source.unwrap_or(own_source);
        self.graph.nodes.push(Node {
            name: name.value,
            body,
            weight,
            stages,
            rate,
            source,
            parent: None,
            group,
        });
        Some(index)
    }

    fn read_stages(&mut self, node: &NodeRef) -> Option<Vec<Stage>> {
        let Some(items) = node.items() else {
            self.diagnostics.error(&node.head(), "expected a list of stages", "", "write `[Clip(low: 0.0)]`");
            return None;
        };
        let stages: Vec<Option<Stage>> =
            items.iter().map(|item| Stage::read(item, self.diagnostics)).collect();
        let stages: Vec<Stage> = stages.into_iter().collect::<Option<_>>()?;
        let potential = stages.iter().position(|s| matches!(s, Stage::Potential { .. }));
        let blocking =
            stages.iter().position(|s| matches!(s, Stage::Clip { .. } | Stage::RunningNorm { .. }));
        if let (Some(p), Some(b)) = (potential, blocking)
            && b < p
        {
            let message = format!("`Potential` must come before `{}`", stages[b].name());
            self.diagnostics.error(
                &items[p].head(),
                message,
                "",
                "a potential is taken of the state value itself",
            );
            return None;
        }
        if stages.iter().filter(|s| matches!(s, Stage::Potential { .. })).count() > 1 {
            self.diagnostics.error(&items[0].head(), "one `Potential` per term is enough", "", "");
            return None;
        }
        Some(stages)
    }

    fn read_body(&mut self, node: &NodeRef, stages: &[Stage]) -> Option<(Body, Source)> {
        let Some((name, args)) = node.variant() else {
            self.diagnostics.error(
                &node.head(),
                "expected a kind",
                "",
                "write `Threshold(signal: .., above: ..)`",
            );
            return None;
        };
        let potential = stages.iter().any(|s| matches!(s, Stage::Potential { .. }));
        if let Some(combinator) = Combinator::by_name(&name.value) {
            if potential {
                let help = "wrap the terms inside instead";
                self.diagnostics.error(&name.span, "`Potential` wraps single terms only", "", help);
                return None;
            }
            return self
                .read_children(combinator, &args)
                .map(|c| (Body::Combine(combinator, c), Source::Shaped));
        }
        let Some(read) = self.kinds.find(&name.value) else {
            let valid: Vec<&str> =
                self.kinds.docs().map(|d| d.name).chain(COMBINATOR_DOCS.iter().map(|d| d.name)).collect();
            self.diagnostics.unknown_name(&name.span, "kind", &name.value, &valid);
            return None;
        };
        let mut reader = Reader::open(&args, self.diagnostics)?;
        let kind = read(&mut reader, self.scope);
        reader.finish();
        let kind = kind?;
        if potential && !kind.is_of_state() {
            let message = format!("`{}` does not read the state alone, so it has no potential", name.value);
            let help = "wrap Distance, Threshold, Tolerance or another term that reads signals of one state";
            self.diagnostics.error(&name.span, message, "", help);
            return None;
        }
        let mut column = || {
            *self.columns += 1;
            *self.columns - 1
        };
        let slots = RawSlots { now: column(), before: potential.then(&mut column) };
        let source = match name.value.as_str() {
            "Event" | "Alive" | "TimePenalty" => Source::Sparse,
            "Truth" => Source::Truth,
            "Model" => Source::Learned,
            _ => Source::Shaped,
        };
        Some((Body::Term(kind, slots), source))
    }

    fn read_children(&mut self, combinator: Combinator, args: &NodeRef) -> Option<Vec<usize>> {
        let nodes = if combinator == Combinator::Gate {
            let mut reader = Reader::open(args, self.diagnostics)?;
            let (gate, of) = (reader.required_node("gate"), reader.required_node("of"));
            reader.finish();
            vec![gate?, of?]
        } else {
            // `Product([..])`: the arguments are a tuple with one list.
            let list = args.items().filter(|items| items.len() == 1).and_then(|items| items[0].items());
            let Some(items) = list.or_else(|| args.items()) else {
                self.diagnostics.error(
                    &args.head(),
                    "expected a list of terms",
                    "",
                    "write `Product([(..), (..)])`",
                );
                return None;
            };
            items
        };
        if nodes.is_empty() {
            self.diagnostics.error(&args.head(), "a combinator needs at least one term", "", "");
        }
        let children: Vec<Option<usize>> = nodes.iter().map(|node| self.read_node(node, false)).collect();
        children.into_iter().collect::<Option<Vec<_>>>().filter(|c| !c.is_empty())
    }
}
