//! Numbers of a reward that can be turned, and where they are written.

use std::ops::Range;

use carrot_reward::expr::{Dial, DialKind, dials};
use carrot_scene::{Diagnostics, NodeRef, Source, Syntax};

/// Between a term's path and the name of a parameter of its text.
pub(crate) const PARAMS: &str = ".params.";

/// A number that can be edited: a parameter of a kind or stage, or one part of a pair.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberField {
    /// Name for people: `margin`, `bounds[0]`.
    pub name: String,
    /// Path below the graph.
    pub path: String,
    /// Its value as written.
    pub value: f32,
    /// Least and most that it may be, where its author said so.
    pub limits: Option<[f32; 2]>,
    /// Whether it is written without a point, as counts are.
    pub is_count: bool,
}

/// The numbers among a term's parameters, as they are written.
///
/// # Errors
/// When the graph's text is not RON.
pub fn number_fields(graph_text: &str, term: &str) -> Result<Vec<NumberField>, Diagnostics> {
    let root = Syntax::parse(&Source::new("reward", graph_text))?.root();
    let mut fields = Vec::new();
    if let Some(text) = text_of(&root, term) {
        let params = found_in(&text).into_iter().filter(|dial| dial.kind == DialKind::Param);
        fields.extend(params.map(|dial| NumberField {
            path: format!("{term}{PARAMS}{}", dial.name),
            name: dial.name,
            value: dial.value,
            limits: dial.limits,
            is_count: false,
        }));
    }
    let Some(node) = follow(&root, term) else { return Ok(fields) };
    let own = node.fields().unwrap_or_default();
    for (name, value) in own.iter().filter(|(name, _)| ["kind", "stages"].contains(&name.value.as_str())) {
        let path = format!("{term}.{}", name.value);
        if name.value == "kind" {
            collect_numbers(value, "", &path, &mut fields);
        }
        for (place, stage) in
            value.items().filter(|_| name.value == "stages").into_iter().flatten().enumerate()
        {
            let shown = stage.variant().map_or_else(String::new, |(name, _)| format!("{} ", name.value));
            collect_numbers(&stage, &shown, &format!("{path}[{place}]"), &mut fields);
        }
    }
    Ok(fields)
}

fn collect_numbers(variant: &NodeRef, shown: &str, path: &str, fields: &mut Vec<NumberField>) {
    let arguments = variant.variant().map_or_else(|| variant.clone(), |(_, arguments)| arguments);
    for (name, value) in arguments.fields().unwrap_or_default() {
        let one = |node: &NodeRef, name: String, path: String| {
            let is_count = !node.text().contains(['.', 'e', 'E']);
            node.text().replace('_', "").parse().ok().map(|value| NumberField {
                name,
                path,
                value,
                limits: None,
                is_count,
            })
        };
        let path = format!("{path}.{}", name.value);
        match value.items() {
            None => fields.extend(one(&value, format!("{shown}{}", name.value), path)),
            Some(parts) => {
                let part = |(i, part): (usize, &NodeRef)| {
                    one(part, format!("{shown}{}[{i}]", name.value), format!("{path}[{i}]"))
                };
                fields.extend(parts.iter().enumerate().filter_map(part));
            }
        }
    }
}

/// The node of a term by its path below the graph: `both.kind.near`.
fn follow(root: &NodeRef, path: &str) -> Option<NodeRef> {
    let named = |items: Vec<NodeRef>, wanted: &str| {
        items.into_iter().find(|item| {
            let fields = item.fields().unwrap_or_default();
            fields.iter().any(|(f, v)| f.value == "name" && v.string().is_some_and(|n| n.value == wanted))
        })
    };
    let mut steps = path.split('.');
    let mut node = named(root.items()?, steps.next()?)?;
    while let (Some("kind"), Some(step)) = (steps.next(), steps.next()) {
        let kind = node.fields()?.into_iter().find(|(name, _)| name.value == "kind")?.1;
        let (_, arguments) = kind.variant()?;
        let gate =
            arguments.fields().and_then(|fields| fields.into_iter().find(|(name, _)| name.value == step));
        node = match gate {
            Some((_, node)) => node,
            None => {
                let items = arguments.items()?;
                let list = items.first().filter(|_| items.len() == 1).and_then(NodeRef::items);
                named(list.unwrap_or(items), step)?
            }
        };
    }
    Some(node)
}

/// The place of a number that stands in a text of a graph: the weight of a program's term, or a parameter.
pub(super) fn within_text(graph: &NodeRef, path: &str) -> Option<Range<usize>> {
    let (text, kind, name) = match path.rsplit_once(PARAMS) {
        Some((term, param)) => (text_of(graph, term)?, DialKind::Param, param),
        None => {
            let term = path.strip_suffix(".weight")?;
            (program_of(graph, term)?, DialKind::Weight, term)
        }
    };
    let dial = found_in(&text).into_iter().find(|dial| dial.kind == kind && dial.name == name)?;
    Some(text.span_within(dial.range).range())
}

/// The text that a term is written in: that of its program, or its own expression.
fn text_of(graph: &NodeRef, term: &str) -> Option<NodeRef> {
    program_of(graph, term).or_else(|| {
        let kind = follow(graph, term)?.fields()?.into_iter().find(|(name, _)| name.value == "kind")?.1;
        only_text(&kind, "Expr")
    })
}

/// The text of the program that has a term.
fn program_of(graph: &NodeRef, term: &str) -> Option<NodeRef> {
    let items = if graph.variant().is_some() { vec![graph.clone()] } else { graph.items()? };
    items
        .iter()
        .filter_map(|item| only_text(item, "Program"))
        .find(|text| found_in(text).iter().any(|dial| dial.kind == DialKind::Weight && dial.name == term))
}

/// The text in `Form("..")`.
fn only_text(node: &NodeRef, form: &str) -> Option<NodeRef> {
    let (_, arguments) = node.variant().filter(|(name, _)| name.value == form)?;
    let item = arguments.items().filter(|items| items.len() == 1).and_then(|mut items| items.pop());
    Some(item.unwrap_or(arguments)).filter(|node| node.string().is_some())
}

/// The dials of a text; one with a mistake has none, and whoever reads the scene says so.
fn found_in(text: &NodeRef) -> Vec<Dial> {
    text.string().and_then(|text| dials(&text.value).ok()).unwrap_or_default()
}
