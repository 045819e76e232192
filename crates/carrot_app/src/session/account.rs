//! A step's reward, taken apart: what each term measured, what became of it, and what is left over.

use carrot_reward::graph::{Body, Graph};
use carrot_reward::{Combinator, GraphRevision, NodeAccount, Source, account_row};
use carrot_sim::CAUSE_FAULT;

use super::history::{Epoch, StepRecord};

/// One node of a reward tree with its numbers at one step.
#[derive(Debug, Clone, PartialEq)]
pub struct TermLine {
    /// Node in evaluation order.
    pub node: usize,
    /// Name.
    pub name: String,
    /// Name of the kind or combinator.
    pub kind: &'static str,
    /// Below how many nodes it hangs; 0 for children of the root.
    pub depth: usize,
    /// Where it is written, below the graph's own path: `near`, `both.kind.near`.
    pub path: String,
    /// Origin of its numbers.
    pub source: Source,
    /// Weight in force.
    pub weight: f32,
    /// Raw, staged and handed on.
    pub account: NodeAccount,
    /// Its part of all that is paid or taken at this step, 0 to 1; `None` below a node that does not add up.
    pub share: Option<f32>,
    /// Names of its stages.
    pub stages: Vec<&'static str>,
    /// What it asks of pictures, in words.
    pub asks: Option<String>,
}

/// The whole reward of one row at one step under one graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Name of the graph.
    pub graph: String,
    /// Number of the revision in force.
    pub revision: u32,
    /// Nodes from the root down, in the order written.
    pub lines: Vec<TermLine>,
    /// What was paid: the float in the learner's buffer.
    pub paid: f32,
    /// What was paid less what the children of the root contributed, added up in order: 0, or the ledger is broken.
    pub unaccounted: f32,
}

impl Account {
    /// Takes apart what a graph paid a row.
    pub fn of(record: &StepRecord, graph: usize, row: usize) -> Self {
        let spec = &record.epoch.graphs[graph];
        let accounts = accounts(record, graph, row);
        let contributed: f32 = spec.top.iter().map(|&node| accounts[node].output.abs()).sum();
        let paid = record.total(graph, row);
        let unaccounted = paid - groups_total(spec, &accounts);
        let state = record.state(graph, row);
        let lines = lines(spec, &state, |node, depth| {
            let share = (depth == 0 && contributed > 0.0).then(|| accounts[node].output.abs() / contributed);
            (accounts[node], share)
        });
        Self { graph: spec.name.clone(), revision: record.epoch.revision.number, lines, paid, unaccounted }
    }

    /// A graph before any step: weights alone.
    pub fn unpaid(epoch: &Epoch, graph: usize) -> Self {
        let (spec, state) = (&epoch.graphs[graph], &epoch.revision.graphs[graph]);
        let lines = lines(spec, state, |_, _| (NodeAccount::default(), None));
        let (name, revision) = (spec.name.clone(), epoch.revision.number);
        Self { graph: name, revision, lines, paid: 0.0, unaccounted: 0.0 }
    }
}

/// A line for every node of a graph, with the numbers and the share that its index and depth come to.
fn lines(
    spec: &Graph,
    state: &GraphRevision,
    numbers: impl Fn(usize, usize) -> (NodeAccount, Option<f32>),
) -> Vec<TermLine> {
    let line = |(node, depth, path): (usize, usize, String)| {
        let (account, share) = numbers(node, depth);
        TermLine {
            node,
            name: spec.nodes[node].name.clone(),
            kind: kind_name(spec, node),
            depth,
            path,
            source: spec.nodes[node].source,
            weight: state.nodes[node].weight,
            account,
            share,
            stages: spec.nodes[node].stages.iter().map(|stage| stage.name()).collect(),
            asks: match &spec.nodes[node].body {
                Body::Term(kind, _) => kind.asked().map(|asked| asked.question.to_string()),
                Body::Combine(..) => None,
            },
        }
    };
    outline(spec).into_iter().map(line).collect()
}

/// Every node's numbers for a row, recomputed from raw.
pub fn accounts(record: &StepRecord, graph: usize, row: usize) -> Vec<NodeAccount> {
    let (spec, state) = (&record.epoch.graphs[graph], record.state(graph, row));
    let raw = |column: usize| record.raw[column * record.rows() + row];
    let faulted = record.cause[row] == CAUSE_FAULT;
    account_row(spec, &state, raw, record.terminated[row], faulted).0
}

/// The totals of all groups, each added up in order from +0.0, then together.
fn groups_total(spec: &Graph, accounts: &[NodeAccount]) -> f32 {
    let mut groups = vec![0.0_f32; spec.groups.len()];
    for &node in &spec.top {
        groups[spec.nodes[node].group] += accounts[node].output;
    }
    groups.into_iter().fold(0.0, |total, group| total + group)
}

/// Nodes from the root down in the order written, with depth and path.
pub fn outline(graph: &Graph) -> Vec<(usize, usize, String)> {
    fn walk(graph: &Graph, node: usize, depth: usize, path: String, out: &mut Vec<(usize, usize, String)>) {
        out.push((node, depth, path.clone()));
        if let Body::Combine(combinator, children) = &graph.nodes[node].body {
            for (place, &child) in children.iter().enumerate() {
                let step = match (combinator, place) {
                    (Combinator::Gate, 0) => "gate",
                    (Combinator::Gate, _) => "of",
                    _ => graph.nodes[child].name.as_str(),
                };
                walk(graph, child, depth + 1, format!("{path}.kind.{step}"), out);
            }
        }
    }
    let mut out = Vec::with_capacity(graph.nodes.len());
    for &node in &graph.top {
        walk(graph, node, 0, graph.nodes[node].name.clone(), &mut out);
    }
    out
}

/// Name of a node's kind or combinator.
pub fn kind_name(graph: &Graph, node: usize) -> &'static str {
    match &graph.nodes[node].body {
        Body::Term(kind, _) => kind.doc().name,
        Body::Combine(combinator, _) => match combinator {
            Combinator::Sum => "Sum",
            Combinator::Product => "Product",
            Combinator::Gate => "Gate",
            Combinator::Min => "Min",
            Combinator::Max => "Max",
            Combinator::GeometricMean => "GeometricMean",
        },
    }
}
