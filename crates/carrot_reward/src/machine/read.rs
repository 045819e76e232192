//! What a scene says of a machine: states, edges, rewards, shaping.

use std::sync::Arc;

use carrot_scene::{Diagnostics, NodeRef, Reader, Span, Spanned};

use super::{Edge, MAX_STATES, Machine};
use crate::expr::Compiled;
use crate::kind::Scope;

/// A machine with everything that it pays.
#[derive(Debug, Clone)]
pub(crate) struct MachineSpec {
    pub(crate) machine: Machine,
    pub(crate) name: Spanned<String>,
    pub(crate) pays: Vec<Pay>,
    pub(crate) shaping: Option<Shaping>,
}

/// One term of a machine.
#[derive(Debug, Clone)]
pub(crate) struct Pay {
    /// Name of the term, without the machine's.
    pub(crate) name: String,
    /// Condition under which it is paid, in the expression language.
    pub(crate) condition: String,
    /// Text of its value.
    pub(crate) value: NodeRef,
    /// Whether it is paid at a moment, and not per step.
    pub(crate) is_event: bool,
}

/// A potential from the distance to acceptance.
#[derive(Debug, Clone)]
pub(crate) struct Shaping {
    pub(crate) gamma: f32,
    pub(crate) weight: f32,
    pub(crate) at: Span,
}

/// A state as written, before the names of its edges have been looked up.
struct StateText {
    name: Spanned<String>,
    reward: Option<NodeRef>,
    edges: Vec<EdgeText>,
}

struct EdgeText {
    to: Spanned<String>,
    when: NodeRef,
    reward: Option<NodeRef>,
}

impl MachineSpec {
    /// The arguments of `Machine(..)`, where this is one.
    pub(crate) fn arguments(node: &NodeRef) -> Option<NodeRef> {
        node.variant().filter(|(name, _)| name.value == "Machine").map(|(_, arguments)| arguments)
    }

    /// Reads the arguments of `Machine(..)`; conditions and rewards may read any signal of the scope.
    pub(crate) fn read(node: &NodeRef, scope: &Scope, diagnostics: &mut Diagnostics) -> Option<Self> {
        let before = diagnostics.len();
        let mut reader = Reader::open(node, diagnostics)?;
        let name = reader.spanned::<String>("name");
        let states = reader.required_node("states");
        let shaping = reader.node("shaping");
        let is_observed = reader.optional("observe", true);
        reader.finish();
        let shaping = shaping.map(|node| read_shaping(&node, diagnostics));
        let (name, states) = (name?, states?);
        let is_name = |name: &str| {
            name.starts_with(|c: char| c == '_' || c.is_alphabetic())
                && name.chars().all(|c| c == '_' || c.is_alphanumeric())
        };
        if !is_name(&name.value) {
            let help = "it is the name of a signal, such as `pick`";
            diagnostics.error(&name.span, "this cannot be the name of a machine", "", help);
        }
        let mut accepting = Vec::new();
        let texts = read_states(&states, &mut accepting, diagnostics);
        let names: Vec<String> = texts.iter().map(|state| state.name.value.clone()).collect();
        let mut machine = Machine {
            name: name.value.clone(),
            states: names.clone(),
            accepting,
            edges: Vec::new(),
            is_observed,
        };
        let mut pays = Vec::new();
        for (from, state) in texts.iter().enumerate() {
            if names[..from].contains(&state.name.value) {
                let message = format!("the name `{}` is taken by a state above", state.name.value);
                diagnostics.error(&state.name.span, message, "", "names of states differ");
            }
            let own = &name.value;
            if let Some(value) = &state.reward {
                let condition = format!("prev({own}) == {from}");
                let name = state.name.value.clone();
                pays.push(Pay { name, condition, value: value.clone(), is_event: false });
            }
            for edge in &state.edges {
                let Some(to) = names.iter().position(|name| *name == edge.to.value) else {
                    diagnostics.unknown_name(&edge.to.span, "state", &edge.to.value, &names);
                    continue;
                };
                let twin = |other: &Edge| (usize::from(other.from), usize::from(other.to)) == (from, to);
                if to == from || machine.edges.iter().any(twin) {
                    let help = "join two conditions with `or`; a state keeps itself where no edge is taken";
                    diagnostics.error(
                        &edge.to.span,
                        "one edge leads from a state to each other one",
                        "",
                        help,
                    );
                    continue;
                }
                let Some((when, condition)) = read_condition(&edge.when, scope, diagnostics) else {
                    continue;
                };
                machine.edges.push(Edge { from: from as u8, to: to as u8, when, condition });
                if let Some(value) = &edge.reward {
                    let condition = format!("prev({own}) == {from} and {own} == {to}");
                    let name = format!("{}_to_{}", state.name.value, names[to]);
                    pays.push(Pay { name, condition, value: value.clone(), is_event: true });
                }
            }
        }
        (diagnostics.len() == before).then_some(Self { machine, name, pays, shaping: shaping.flatten() })
    }

    /// The potential of each state, as an expression over the machine's signal.
    pub(crate) fn potential(&self) -> String {
        let distances = self.machine.distances();
        let name = &self.machine.name;
        let state = |(index, far): (usize, &usize)| format!("if {name} == {index} {{ -{far} }} else ");
        let chain: String = distances.iter().enumerate().map(state).collect();
        format!("{chain}{{ 0 }}")
    }
}

fn read_shaping(node: &NodeRef, diagnostics: &mut Diagnostics) -> Option<Shaping> {
    let mut reader = Reader::open(node, diagnostics)?;
    let at = reader.head();
    let gamma = reader.required_in("gamma", 0.0_f32..=1.0);
    let weight = reader.optional("weight", 1.0_f32);
    reader.finish();
    gamma.map(|gamma| Shaping { gamma, weight, at })
}

fn read_states(node: &NodeRef, accepting: &mut Vec<bool>, diagnostics: &mut Diagnostics) -> Vec<StateText> {
    let items = node.items().unwrap_or_default();
    if items.is_empty() || items.len() > MAX_STATES {
        let message = format!("a machine has 1 to {MAX_STATES} states, there are {}", items.len());
        let help = "write `[(name: \"reach\", edges: [(to: \"held\", when: \"..\")]), (name: \"held\", accept: true)]`";
        diagnostics.error(&node.head(), message, "", help);
        return Vec::new();
    }
    let mut states = Vec::new();
    for item in &items {
        let Some(mut reader) = Reader::open(item, diagnostics) else { continue };
        let name = reader.spanned::<String>("name");
        let reward = reader.node("reward");
        let accepts = reader.optional("accept", false);
        let edges = reader.node("edges");
        reader.finish();
        let edges = edges.map_or_else(Vec::new, |node| node.items().unwrap_or_default());
        let edges = edges.iter().filter_map(|edge| read_edge(edge, diagnostics)).collect();
        if let Some(name) = name {
            states.push(StateText { name, reward, edges });
            accepting.push(accepts);
        }
    }
    states
}

fn read_edge(node: &NodeRef, diagnostics: &mut Diagnostics) -> Option<EdgeText> {
    let mut reader = Reader::open(node, diagnostics)?;
    let to = reader.spanned::<String>("to");
    let when = reader.required_node("when");
    let reward = reader.node("reward");
    reader.finish();
    Some(EdgeText { to: to?, when: when?, reward })
}

/// A condition over signals of the task; it follows states, so it reads no action, no end and no parameter.
fn read_condition(
    node: &NodeRef,
    scope: &Scope,
    diagnostics: &mut Diagnostics,
) -> Option<(String, Arc<Compiled>)> {
    let Some(text) = node.string() else {
        let help = "write `when: \"cube_position.z > 0.1 [m]\"`";
        diagnostics.error(&node.head(), "expected a condition in quotes", "", help);
        return None;
    };
    let condition = match Compiled::condition(&text.value, scope) {
        Ok(condition) => condition,
        Err(mistake) => {
            mistake.report(node, diagnostics);
            return None;
        }
    };
    let reads = if condition.reads_ends {
        "how the episode ended"
    } else if condition.signals.iter().any(|signal| signal.is_action) {
        "an action"
    } else if !condition.params.is_empty() {
        "a parameter"
    } else {
        return Some((text.value, Arc::new(condition)));
    };
    let help = "a machine follows signals of states, so that scoring again finds the same states";
    diagnostics.error(&node.head(), format!("this condition reads {reads}"), "", help);
    None
}
