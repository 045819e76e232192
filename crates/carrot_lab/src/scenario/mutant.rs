//! Mutants: one small mistake in a reward each, as an edit of its text.

use std::ops::Range;

use bevy_ecs::world::EntityWorldMut;
use carrot_reward::expr::{Interval, Param, Unit};
use carrot_reward::{AnyKind, Asked, Body, Graph, KindRegistry, RuleDoc, Scope, SignalRef, Transition};
use carrot_scene::{NodeRef, Shape, Source, Syntax};
use carrot_sim::SignalKind;
use std::sync::Arc;

/// A reward with one mistake in it.
pub(crate) struct Mutant {
    /// What was changed: `goal: sign`.
    pub(crate) name: String,
    /// The reward.
    pub(crate) graph: Graph,
}

/// One edit of a text.
struct Edit {
    name: String,
    range: Range<usize>,
    with: String,
}

/// All mutants of a reward that can be read and that differ in a term's weight, numbers, signals, stages or time.
pub(crate) fn mutants(graph: &Graph, text: &Source, scope: &Scope) -> Vec<Mutant> {
    let Ok(syntax) = Syntax::parse(text) else { return Vec::new() };
    let mut finder = Finder { scope, edits: Vec::new() };
    finder.items(&syntax.root());
    let kinds = KindRegistry::standard();
    let mut found = Vec::new();
    for Edit { name, range, with } in finder.edits {
        let mut edited = text.text().to_string();
        edited.replace_range(range, &with);
        let source = Source::new("mutant", edited);
        // A mistake that the reader refuses needs no test to be found.
        if let Ok(graph) = Graph::parse(&graph.name, &source, &kinds, scope, &mut 0) {
            found.push(Mutant { name, graph });
        }
    }
    found.extend(swapped_weights(graph));
    found.extend(shifted(graph));
    found
}

/// Finds the places of a reward's text where a mistake can be made.
struct Finder<'a> {
    scope: &'a Scope,
    edits: Vec<Edit>,
}

impl Finder<'_> {
    /// Terms and forms of a list.
    fn items(&mut self, node: &NodeRef) {
        let alone = node.variant().map(|_| vec![node.clone()]);
        for item in alone.or_else(|| node.items()).unwrap_or_default() {
            match item.variant() {
                Some((form, arguments)) if form.value == "Program" => self.program(&arguments),
                Some((form, arguments)) if form.value == "Machine" => self.machine(&arguments),
                Some(_) => {}
                None => self.term(&item),
            }
        }
    }

    fn term(&mut self, item: &NodeRef) {
        let field = |name: &str| {
            let fields = item.fields().unwrap_or_default();
            fields.into_iter().find(|(field, _)| field.value == name).map(|(_, node)| node)
        };
        let (Some(name), Some(kind)) = (field("name").and_then(|name| name.string()), field("kind")) else {
            return;
        };
        let name = name.value;
        let weight = field("weight");
        let value: f32 = weight.as_ref().and_then(|node| node.parse().ok()).unwrap_or(1.0);
        for (what, value) in [("sign", -value), ("weight", 2.0 * value), ("dropped", 0.0)] {
            let (range, with) = match &weight {
                Some(node) => (node.span().range(), format!("{value:?}")),
                None => {
                    let start = item.span().range().start + 1;
                    (start..start, format!("weight: {value:?}, "))
                }
            };
            self.edits.push(Edit { name: format!("{name}: {what}"), range, with });
        }
        for stage in field("stages").and_then(|stages| stages.items()).unwrap_or_default() {
            let Some((stage_name, arguments)) = stage.variant() else { continue };
            let stages = field("stages").map(|stages| stages.span().range());
            let others = field("stages").and_then(|stages| stages.items()).unwrap_or_default();
            let kept: Vec<String> = others
                .iter()
                .filter(|other| other.span().range() != stage.span().range())
                .map(|other| other.text().to_string())
                .collect();
            if let Some(range) = stages {
                let name = format!("{name}: without {}", stage_name.value);
                self.edits.push(Edit { name, range, with: format!("[{}]", kept.join(", ")) });
            }
            self.values(&arguments, &format!("{name}: {}", stage_name.value));
        }
        let Some((kind_name, arguments)) = kind.variant() else { return };
        if kind_name.value == "Expr" {
            let text = arguments.items().and_then(|items| items.into_iter().next());
            let text =
                text.or_else(|| arguments.fields().and_then(|f| f.into_iter().next()).map(|(_, node)| node));
            text.iter().for_each(|text| self.expression(text, &name));
        } else if let Some(list) = arguments.items() {
            // A combinator's children, in a list of their own or not.
            let nested = list.first().filter(|_| list.len() == 1).and_then(NodeRef::items);
            nested.unwrap_or(list).iter().for_each(|child| self.term(child));
        } else {
            let fields = arguments.fields().unwrap_or_default();
            fields
                .iter()
                .filter(|(_, node)| node.fields().is_some_and(|f| f.len() > 1))
                .for_each(|(_, node)| self.term(node));
            self.values(&arguments, &name);
        }
    }

    /// Numbers, signals and causes among the arguments of a kind or stage.
    fn values(&mut self, arguments: &NodeRef, term: &str) {
        for (field, node) in arguments.fields().unwrap_or_default() {
            let items = node.items().unwrap_or_else(|| vec![node.clone()]);
            for (index, item) in items.iter().enumerate() {
                let at = if items.len() > 1 { format!(".{index}") } else { String::new() };
                let name = format!("{term}: {}{at}", field.value);
                let range = item.span().range();
                match item.shape() {
                    Shape::Number => {
                        let Ok(value) = item.parse::<f32>() else { continue };
                        let moved = if value == 0.0 { 0.1 } else { 1.5 * value };
                        // Discounts stay below 1.
                        let moved = if field.value == "gamma" { 0.9 * value } else { moved };
                        self.edits.push(Edit { name, range, with: format!("{moved:?}") });
                    }
                    Shape::String => {
                        let Some(text) = item.string() else { continue };
                        let other = match field.value.as_str() {
                            "cause" => Some("time_limit".to_string()).filter(|cause| *cause != text.value),
                            _ => self.other_signal(&text.value),
                        };
                        if let Some(other) = other {
                            self.edits.push(Edit { name, range, with: format!("{other:?}") });
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    /// Another signal of the same shape: the next one of the same unit, or else the next one.
    fn other_signal(&self, name: &str) -> Option<String> {
        let (base, axis) = name.split_once('.').map_or((name, ""), |(base, axis)| (base, axis));
        let specs: Vec<_> = self.scope.catalog.iter().map(|(_, spec)| spec).collect();
        let at = specs.iter().position(|spec| spec.name == base)?;
        let own = specs[at];
        if !axis.is_empty() {
            let turned = match axis {
                "x" => "y",
                "z" if own.kind.width() > 3 => "w",
                _ => "x",
            };
            return Some(format!("{base}.{turned}"));
        }
        let is_alike = |kind: SignalKind| {
            let plain = |kind| matches!(kind, SignalKind::Scalar | SignalKind::Category);
            kind == own.kind || (plain(kind) && plain(own.kind))
        };
        let others = || specs[at + 1..].iter().chain(&specs[..at]).filter(|spec| is_alike(spec.kind));
        let near = others().find(|spec| spec.unit == own.unit).or_else(|| others().next());
        near.map(|spec| spec.name.clone())
    }

    /// Rewards of a machine's states and edges.
    fn machine(&mut self, arguments: &NodeRef) {
        let fields = arguments.fields().unwrap_or_default();
        let machine =
            fields.iter().find(|(field, _)| field.value == "name").and_then(|(_, node)| node.string());
        let machine = machine.map(|name| name.value).unwrap_or_default();
        let states =
            fields.iter().find(|(field, _)| field.value == "states").and_then(|(_, node)| node.items());
        let part = |node: &NodeRef, name: &str| {
            node.fields()
                .unwrap_or_default()
                .into_iter()
                .find(|(own, _)| own.value == name)
                .map(|(_, node)| node)
        };
        for state in states.unwrap_or_default() {
            let name = part(&state, "name")
                .and_then(|node| node.string())
                .map(|name| name.value)
                .unwrap_or_default();
            self.pay(part(&state, "reward"), &format!("{machine}.{name}"));
            for edge in part(&state, "edges").and_then(|edges| edges.items()).unwrap_or_default() {
                let to =
                    part(&edge, "to").and_then(|node| node.string()).map(|to| to.value).unwrap_or_default();
                self.pay(part(&edge, "reward"), &format!("{machine}.{name}_to_{to}"));
            }
        }
    }

    fn pay(&mut self, reward: Option<NodeRef>, name: &str) {
        let Some(reward) = reward else { return };
        if reward.string().is_some() {
            return self.expression(&reward, name);
        }
        let Ok(value) = reward.parse::<f32>() else { return };
        for (what, value) in [("sign", -value), ("weight", 2.0 * value), ("dropped", 0.0)] {
            let edit = Edit {
                name: format!("{name}: {what}"),
                range: reward.span().range(),
                with: format!("{value:?}"),
            };
            self.edits.push(edit);
        }
    }

    fn program(&mut self, arguments: &NodeRef) {
        let items = arguments.items().unwrap_or_default();
        items.iter().for_each(|text| self.expression(text, "program"));
    }

    /// Numbers, comparisons and signs of an expression.
    fn expression(&mut self, node: &NodeRef, term: &str) {
        let Some(text) = node.string() else { return };
        for (range, what, with) in slips(&text.value) {
            let name = format!("{term}: {what}");
            self.edits.push(Edit { name, range: node.span_within(range).range(), with });
        }
    }
}

/// Slips in a text of the expression language: where, what it is called, and what stands there instead.
fn slips(text: &str) -> Vec<(Range<usize>, String, String)> {
    let bytes = text.as_bytes();
    let (mut found, mut at, mut after_value) = (Vec::new(), 0, false);
    let mut counts = std::collections::BTreeMap::new();
    let mut add = |range: Range<usize>, with: &str| {
        let was = &text[range.clone()];
        let count: &mut usize = counts.entry(was.to_string()).or_default();
        *count += 1;
        let nth = if *count > 1 { format!(" #{count}") } else { String::new() };
        found.push((range, format!("`{was}`{nth} is `{with}`"), with.to_string()));
    };
    while at < bytes.len() {
        let rest = &text[at..];
        let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let c = rest.chars().next().unwrap_or(' ');
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if c == '[' {
            at += rest.find(']').map_or(rest.len(), |end| end + 1);
        } else if c == '"' || c == '\'' {
            at += rest[1..].find(c).map_or(rest.len(), |end| end + 2);
            after_value = true;
        } else if c == '^' {
            // A power is no threshold.
            at += 1 + rest[1..].find(|c: char| !c.is_ascii_digit() && c != ' ').unwrap_or(rest.len() - 1);
        } else if c.is_ascii_digit() {
            let end = number_len(rest);
            let value: f32 = rest[..end].parse().unwrap_or(1.0);
            let moved = if value == 0.0 { 0.1 } else { 1.5 * value };
            add(at..at + end, &format!("{moved:?}"));
            (at, after_value) = (at + end, true);
        } else if word > 0 {
            let swapped = match &rest[..word] {
                "min" => Some("max"),
                "max" => Some("min"),
                "and" => Some("or"),
                "or" => Some("and"),
                _ => None,
            };
            if let Some(with) = swapped {
                add(at..at + word, with);
            }
            after_value = swapped.is_none() && !matches!(&rest[..word], "if" | "else" | "not" | "let" | "in");
            at += word;
        } else {
            let two = rest.get(..2).unwrap_or(rest);
            let (len, with) = match (two, c) {
                ("<=", _) => (2, Some(">")),
                (">=", _) => (2, Some("<")),
                ("==", _) => (2, Some("!=")),
                ("!=", _) => (2, Some("==")),
                (_, '<') => (1, Some(">")),
                (_, '>') => (1, Some("<")),
                (_, '+') if after_value => (1, Some("-")),
                (_, '-') if after_value => (1, Some("+")),
                _ => (c.len_utf8(), None),
            };
            if let Some(with) = with {
                add(at..at + len, with);
            }
            if !c.is_whitespace() {
                after_value = c == ')';
            }
            at += len;
        }
    }
    found
}

/// Length of the number that a text begins with.
fn number_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |mut at: usize| {
        while bytes.get(at).is_some_and(|byte| byte.is_ascii_digit() || *byte == b'_') {
            at += 1;
        }
        at
    };
    let mut end = digits(0);
    // `0.02..0.5` is a range.
    if bytes.get(end) == Some(&b'.') && bytes.get(end + 1) != Some(&b'.') {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        end = digits(end + 1 + sign);
    }
    end
}

/// Terms that stand beside each other with each other's weight.
fn swapped_weights(graph: &Graph) -> Vec<Mutant> {
    let pairs = graph.top.windows(2);
    let differing = pairs.filter(|pair| graph.nodes[pair[0]].weight != graph.nodes[pair[1]].weight);
    let swap = |pair: &[usize]| {
        let (a, b) = (&graph.nodes[pair[0]], &graph.nodes[pair[1]]);
        let (name, first, second) = (format!("{} and {}: swapped", a.name, b.name), a.weight, b.weight);
        let mut graph = graph.clone();
        (graph.nodes[pair[0]].weight, graph.nodes[pair[1]].weight) = (second, first);
        Mutant { name, graph }
    };
    differing.map(swap).collect()
}

/// Terms that read the state after the step where they should read the one before, and the other way round.
fn shifted(graph: &Graph) -> Vec<Mutant> {
    let mut found = Vec::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        let Body::Term(kind, slots) = &node.body else { continue };
        if kind.signals().is_empty() {
            continue;
        }
        let mut graph = graph.clone();
        graph.nodes[index].body = Body::Term(Arc::new(Shifted(kind.clone())), *slots);
        found.push(Mutant { name: format!("{}: shifted", node.name), graph });
    }
    found
}

/// A kind that takes the state before a step for the one after it.
#[derive(Debug)]
struct Shifted(Arc<dyn AnyKind>);

impl AnyKind for Shifted {
    fn doc(&self) -> RuleDoc {
        self.0.doc()
    }
    fn signals(&self) -> Vec<SignalRef> {
        self.0.signals()
    }
    fn is_of_state(&self) -> bool {
        self.0.is_of_state()
    }
    fn evaluate(&self, step: &Transition<'_>, raw: &mut [f32]) {
        self.0.evaluate(&Transition { before: step.now, now: step.before, ..*step }, raw);
    }
    fn model(&self) -> Option<&str> {
        self.0.model()
    }
    fn asked(&self) -> Option<&Asked> {
        self.0.asked()
    }
    fn reach(&self) -> Option<(Interval, &Unit)> {
        None
    }
    fn params(&self) -> &[Param] {
        self.0.params()
    }
    fn with_params(&self, values: &[f32]) -> Arc<dyn AnyKind> {
        Arc::new(Self(self.0.with_params(values)))
    }
    fn insert(&self, term: &mut EntityWorldMut<'_>) {
        self.0.insert(term);
    }
}
