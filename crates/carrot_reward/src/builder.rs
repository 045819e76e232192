//! Reading a graph: terms, combinators and programs become nodes, each checked and given its columns.

use std::sync::Arc;

use carrot_scene::{Diagnostics, NodeRef, Reader, Span, Spanned};

use crate::combine::{COMBINATOR_DOCS, Combinator};
use crate::expr::{Compiled, Param};
use crate::graph::{Body, Graph, Node, Rate, Source};
use crate::kind::{AnyKind, Kind, KindRegistry, RawSlots, Scope};
use crate::kinds::Expr;
use crate::machine::MachineSpec;
use crate::stage::Stage;

/// Fills a graph node by node.
pub(crate) struct Builder<'a> {
    graph: Graph,
    kinds: &'a KindRegistry,
    scope: &'a Scope,
    columns: &'a mut usize,
    diagnostics: &'a mut Diagnostics,
    names: Vec<(String, Span)>,
    params: Vec<String>,
}

/// A node as it was written, before it has its place.
struct Draft {
    name: Spanned<String>,
    body: Body,
    weight: f32,
    stages: Vec<Stage>,
    rate: Rate,
    source: Source,
}

impl<'a> Builder<'a> {
    /// A builder that adds to an empty graph.
    pub(crate) fn new(
        graph: Graph,
        kinds: &'a KindRegistry,
        scope: &'a Scope,
        columns: &'a mut usize,
        diagnostics: &'a mut Diagnostics,
    ) -> Self {
        Self { graph, kinds, scope, columns, diagnostics, names: Vec::new(), params: Vec::new() }
    }

    /// Reads a list of terms and programs, or one program.
    pub(crate) fn read(mut self, node: &NodeRef) -> Option<Graph> {
        let alone = node.variant().map(|_| vec![node.clone()]);
        let Some(items) = alone.or_else(|| node.items()) else {
            let help = "write `[(name: \"goal\", kind: Event(signal: \"at_goal\"))]`, `Program(r#\"..\"#)`, or the name of one of the task's rewards";
            self.diagnostics.error(&node.head(), "expected a list of reward terms", "", help);
            return None;
        };
        if items.is_empty() {
            self.diagnostics.error(&node.span(), "a reward needs at least one term", "", "");
        }
        for item in &items {
            self.read_item(item);
        }
        Some(self.graph)
    }

    /// Reads one element of the list: a term, or a form that stands for several.
    fn read_item(&mut self, item: &NodeRef) {
        let index = match item.variant() {
            None => self.read_node(item, true),
            Some((form, arguments)) => {
                match form.value.as_str() {
                    "Program" => self.read_program(&only_item(arguments)),
                    "Machine" => self.read_machine(&arguments),
                    _ => self.diagnostics.unknown_name(&form.span, "form of a reward", &form.value, &FORMS),
                }
                return;
            }
        };
        self.graph.top.extend(index);
    }

    /// Adds the terms of a program, each with its own column.
    fn read_program(&mut self, node: &NodeRef) {
        let Some(text) = node.string() else {
            let help = "write `Program(r#\"term(\"near\", 1.0, ..);\"#)`; `carrot reward grammar` is the whole language";
            self.diagnostics.error(&node.head(), "expected the text of a program in quotes", "", help);
            return;
        };
        let terms = match Compiled::terms(&text.value, self.scope) {
            Ok(terms) => terms,
            Err(mistake) => return mistake.report(node, self.diagnostics),
        };
        let params = terms.first().map(|term| term.value.params.clone()).unwrap_or_default();
        if !self.take_params(&params, &node.head()) {
            return;
        }
        for term in terms {
            let name = Spanned { value: term.name, span: node.span_within(term.range) };
            self.add_expression(name, term.value, term.weight, Vec::new(), Source::Shaped);
        }
    }

    /// Adds what a machine pays: a term for each reward of a state or an edge, and one for the shaping.
    fn read_machine(&mut self, node: &NodeRef) {
        let mut found = Diagnostics::new();
        let spec = MachineSpec::read(node, self.scope, &mut found);
        let tracked = self.scope.catalog.iter().find_map(|(_, signal)| {
            spec.as_ref().filter(|spec| spec.machine.name == signal.name).map(|_| signal.description.clone())
        });
        let Some(spec) = spec else {
            return self.diagnostics.extend(found);
        };
        if tracked.as_ref() != Some(&spec.machine.description()) {
            let message = match tracked {
                None => format!("nothing tracks the machine `{}` here", spec.machine.name),
                Some(_) => format!("another machine is tracked as `{}`", spec.machine.name),
            };
            let help = "a machine belongs to the `reward` or the `shadows` of a scene; its run tracks it";
            self.diagnostics.error(&spec.name.span, message, "", help);
            return;
        }
        let own = spec.machine.name.clone();
        for pay in &spec.pays {
            // A number may stand without quotes.
            let (text, scope) = (pay.value.string().map(|text| text.value), self.scope);
            let text = text.unwrap_or_else(|| pay.value.text().to_owned());
            let code = match Compiled::value_where(&pay.condition, &text, scope) {
                Ok(code) => Arc::new(code),
                Err(mistake) => {
                    mistake.report(&pay.value, self.diagnostics);
                    continue;
                }
            };
            if self.take_params(&code.params, &pay.value.head()) {
                let name = Spanned { value: format!("{own}.{}", pay.name), span: pay.value.head() };
                let source = if pay.is_event { Source::Sparse } else { Source::Shaped };
                self.add_expression(name, code, 1.0, Vec::new(), source);
            }
        }
        if let Some(shaping) = &spec.shaping
            && let Ok(code) = Compiled::value(&spec.potential(), self.scope)
        {
            let name = Spanned { value: format!("{own}.shaping"), span: shaping.at.clone() };
            let stages = vec![Stage::Potential { gamma: shaping.gamma, at: shaping.at.clone() }];
            self.add_expression(name, Arc::new(code), shaping.weight, stages, Source::Shaped);
        }
    }

    /// Adds a child of the root that an expression pays.
    fn add_expression(
        &mut self,
        name: Spanned<String>,
        code: Arc<Compiled>,
        weight: f32,
        stages: Vec<Stage>,
        source: Source,
    ) {
        let before = (!stages.is_empty()).then(|| self.column());
        let slots = RawSlots { now: self.column(), before };
        let body = Body::Term(Arc::new(Expr::new(code)), slots);
        let draft = Draft { name, body, weight, stages, rate: Rate::PerStep, source };
        let index = self.add(draft, Some("main".into()));
        self.graph.top.extend(index);
    }

    /// Parameters are changed by name, so a graph has each name once.
    fn take_params(&mut self, params: &[Param], at: &Span) -> bool {
        for param in params {
            if self.params.contains(&param.name) {
                let message = format!("the parameter `{}` is declared twice in this reward", param.name);
                self.diagnostics.error(at, message, "", "give one of them another name");
                return false;
            }
            self.params.push(param.name.clone());
        }
        true
    }

    fn column(&mut self) -> usize {
        *self.columns += 1;
        *self.columns - 1
    }
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
        let draft = Draft { name, body, weight, stages, rate, source: source.unwrap_or(own_source) };
        self.add(draft, top.then_some(group))
    }

    /// Gives a node its place; children of the root come with a group.
    fn add(&mut self, draft: Draft, group: Option<String>) -> Option<usize> {
        let Draft { name, body, weight, stages, rate, source } = draft;
        if let Some((_, first)) = self.names.iter().find(|(n, _)| *n == name.value) {
            let line = first.location().line;
            let message = format!("the name `{}` is taken by the term in line {line}", name.value);
            let help = "names of terms are column names, so they differ";
            self.diagnostics.error(&name.span, message, "", help);
            return None;
        }
        self.names.push((name.value.clone(), name.span));
        let group = group.map_or(0, |group| {
            self.graph.groups.iter().position(|own| *own == group).unwrap_or_else(|| {
                self.graph.groups.push(group);
                self.graph.groups.len() - 1
            })
        });
        let index = self.graph.nodes.len();
        if let Body::Combine(_, children) = &body {
            children.iter().for_each(|&child| self.graph.nodes[child].parent = Some(index));
        }
        let name = name.value;
        self.graph.nodes.push(Node { name, body, weight, stages, rate, source, parent: None, group });
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
        let kind = if name.value == Expr::DOC.name && args.fields().is_none() {
            // `Expr("..")`: the text itself, without a field name.
            let text =
                args.items().filter(|items| items.len() == 1).map_or(args, |mut items| items.remove(0));
            Arc::new(Expr::read_text(&text, self.scope, self.diagnostics)?) as Arc<dyn AnyKind>
        } else {
            let mut reader = Reader::open(&args, self.diagnostics)?;
            let kind = read(&mut reader, self.scope);
            reader.finish();
            kind?
        };
        if !self.take_params(kind.params(), &name.span) {
            return None;
        }
        if potential && !kind.is_of_state() {
            let message = format!("`{}` does not read the state alone, so it has no potential", name.value);
            let help = "wrap Distance, Threshold, Tolerance or another term that reads signals of one state";
            self.diagnostics.error(&name.span, message, "", help);
            return None;
        }
        let slots = RawSlots { now: self.column(), before: potential.then(|| self.column()) };
        let source = match name.value.as_str() {
            "Event" | "Alive" | "TimePenalty" => Source::Sparse,
            "Truth" => Source::Truth,
            "Model" => Source::Learned,
            "Vlm" => Source::Vlm,
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

/// Forms of a list's elements that stand for several terms.
const FORMS: [&str; 2] = ["Program", "Machine"];

/// The one argument of `Name(argument)`.
fn only_item(arguments: NodeRef) -> NodeRef {
    let only = arguments.items().filter(|items| items.len() == 1).map(|mut items| items.remove(0));
    only.unwrap_or(arguments)
}
