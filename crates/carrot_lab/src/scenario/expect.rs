//! Expectations: what a file says must hold of its rollouts, read and checked when the file is.

use std::sync::Arc;

use carrot_reward::expr::Compiled;
use carrot_reward::{Graph, Scope};
use carrot_scene::{Diagnostics, Location, NodeRef, Reader};

use super::columns::{Measure, measures, step_scope};
use super::rollout::{RolloutSpec, read_name};

/// A text of an expectation, compiled.
#[derive(Debug, Clone)]
pub struct Text {
    /// As written.
    pub text: String,
    pub(crate) code: Arc<Compiled>,
}

/// What must hold.
#[derive(Debug, Clone)]
pub enum Check {
    /// In every step.
    Always(Text),
    /// In no step.
    Never(Text),
    /// In some step.
    Eventually(Text),
    /// In so many steps, no more and no fewer.
    Times(u32, Text),
    /// Each first holds in a later step than the one before.
    InOrder(Vec<Text>),
    /// Of means over whole rollouts.
    Holds(Text),
    /// A number that is the same in every step of several rollouts, up to a tolerance.
    Same(Text, f32),
}

/// The steps that an expectation looks at, from 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Window {
    All,
    Last,
    Steps(u32, u32),
}

/// An expectation, ready to be checked.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// Its name, or what it says.
    pub name: String,
    /// Where it stands.
    pub location: Location,
    /// The reward that it is about, by number.
    pub under: usize,
    /// Rollouts that it looks at, by number.
    pub rollouts: Vec<usize>,
    /// What must hold.
    pub check: Check,
    /// Only where this holds; then it must hold somewhere.
    pub given: Option<Text>,
    /// In one episode at least, instead of all.
    pub any: bool,
    pub(crate) window: Window,
    /// For `holds`: what each column of its scope is.
    pub(crate) measures: Arc<[(usize, Measure)]>,
}

/// What names mean in expectations.
pub(crate) struct Expected<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) rewards: &'a [Graph],
    pub(crate) rollouts: &'a [RolloutSpec],
}

const CHECKS: [&str; 7] = ["always", "never", "eventually", "times", "in_order", "holds", "same"];

impl Expectation {
    pub(crate) fn read(node: &NodeRef, names: &Expected<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        let mistakes = diagnostics.len();
        let mut reader = Reader::open(node, diagnostics)?;
        let head = reader.head();
        let name = reader.optional::<Option<String>>("name", None);
        let under = reader.node("under");
        let within = reader.node("in");
        let given = reader.node("given");
        let at = reader.node("at");
        let window = reader.optional::<Option<(u32, u32)>>("window", None);
        let any = reader.optional("any", false);
        let tolerance = reader.optional_in("tolerance", 0.0_f32, 0.0..=1e6);
        let checks: Vec<(&str, NodeRef)> =
            CHECKS.into_iter().filter_map(|check| reader.node(check).map(|node| (check, node))).collect();
        reader.finish();
        let [(kind, says)] = &checks[..] else {
            if checks.is_empty() && diagnostics.len() > mistakes {
                // What it says is among what could not be read.
                return None;
            }
            let help = format!("write one of: {}", CHECKS.join(", "));
            let message = format!("an expectation says one thing, this says {}", checks.len());
            diagnostics.error(&head, message, "", help);
            return None;
        };
        let under = match under {
            None => Some(0),
            Some(node) => find_reward(&node, names, diagnostics),
        };
        let rollouts = match within {
            None => Some((0..names.rollouts.len()).collect()),
            Some(node) => find_rollouts(&node, names, diagnostics),
        };
        let window = match (at, window) {
            (None, None) => Some(Window::All),
            (None, Some((from, to))) if from >= 1 && to >= from => Some(Window::Steps(from, to)),
            (Some(node), None) => read_at(&node, diagnostics),
            _ => {
                let help = "steps count from 1: `window: (1, 20)`, `at: 5`, `at: \"last\"`";
                diagnostics.error(&head, "these steps cannot be looked at", "", help);
                None
            }
        };
        let (under, rollouts, window) = (under?, rollouts?, window?);
        let graph = names.rewards.get(under)?;
        let scope = step_scope(names.scope, graph, names.rewards);
        let mut order = Vec::new();
        let check = match *kind {
            "always" => Check::Always(condition(says, &scope, diagnostics)?),
            "never" => Check::Never(condition(says, &scope, diagnostics)?),
            "eventually" => Check::Eventually(condition(says, &scope, diagnostics)?),
            "times" => read_times(says, &scope, diagnostics)?,
            "in_order" => {
                let items = says.items().filter(|items| items.len() > 1);
                let Some(items) = items else {
                    let help = "write `in_order: [\"has_key\", \"door_open\"]`";
                    diagnostics.error(&says.head(), "an order is a list of two or more conditions", "", help);
                    return None;
                };
                let texts: Vec<Option<Text>> =
                    items.iter().map(|item| condition(item, &scope, diagnostics)).collect();
                Check::InOrder(texts.into_iter().collect::<Option<_>>()?)
            }
            "holds" => {
                let names_of: Vec<String> =
                    names.rollouts.iter().map(|rollout| rollout.name.clone()).collect();
                let (catalog, measured) = measures(&names_of, graph, names.rewards);
                order = measured;
                Check::Holds(condition(says, &names.scope.with_catalog(catalog), diagnostics)?)
            }
            _ => Check::Same(text(says, &scope, false, diagnostics)?, tolerance),
        };
        let given = match given {
            None => None,
            Some(node) => Some(condition(&node, &scope, diagnostics)?),
        };
        if matches!(check, Check::Same(..)) && rollouts.len() < 2 {
            diagnostics.error(
                &says.head(),
                "`same` compares two rollouts or more",
                "",
                "name them with `in`",
            );
            return None;
        }
        if matches!(check, Check::Holds(_)) && (given.is_some() || window != Window::All) {
            diagnostics.error(
                &says.head(),
                "`holds` speaks of whole rollouts",
                "",
                "leave out `given`, `at`, `window`",
            );
            return None;
        }
        let name = name.unwrap_or_else(|| format!("{kind} {}", one_line(says.text())));
        let location = says.head().location();
        let measures = order.into();
        Some(Self { name, location, under, rollouts, check, given, any, window, measures })
    }

    /// Whether it looks at a rollout.
    pub fn reads(&self, rollout: usize) -> bool {
        match &self.check {
            Check::Holds(text) => text.code.signals.iter().any(|s| self.measures[s.id.0].0 == rollout),
            _ => self.rollouts.contains(&rollout),
        }
    }

    /// The last step, from 1, that it looks at; `None` when that is the last one of an episode.
    pub fn last_step(&self) -> Option<usize> {
        match self.window {
            Window::All | Window::Last => None,
            Window::Steps(_, to) => Some(to as usize),
        }
    }
}

pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn condition(node: &NodeRef, scope: &Scope, diagnostics: &mut Diagnostics) -> Option<Text> {
    text(node, scope, true, diagnostics)
}

fn text(node: &NodeRef, scope: &Scope, is_condition: bool, diagnostics: &mut Diagnostics) -> Option<Text> {
    let Some(written) = node.string() else {
        diagnostics.error(
            &node.head(),
            "expected an expression in quotes",
            "",
            "write `always: \"total <= 0\"`",
        );
        return None;
    };
    let compiled = match is_condition {
        true => Compiled::condition(&written.value, scope),
        false => Compiled::value(&written.value, scope),
    };
    match compiled {
        Ok(code) if code.params.is_empty() => Some(Text { text: written.value, code: Arc::new(code) }),
        Ok(_) => {
            diagnostics.error(&node.head(), "an expectation has no parameters", "", "write the number");
            None
        }
        Err(mistake) => {
            mistake.report(node, diagnostics);
            None
        }
    }
}

fn read_times(node: &NodeRef, scope: &Scope, diagnostics: &mut Diagnostics) -> Option<Check> {
    match node.items().as_deref() {
        Some([times, says]) => {
            let times = diagnostics.collect(times.parse::<u32>())?;
            Some(Check::Times(times, condition(says, scope, diagnostics)?))
        }
        _ => {
            diagnostics.error(
                &node.head(),
                "expected a number and a condition",
                "",
                "write `times: (1, \"at_goal\")`",
            );
            None
        }
    }
}

fn read_at(node: &NodeRef, diagnostics: &mut Diagnostics) -> Option<Window> {
    if node.string().is_some_and(|at| at.value == "last") {
        return Some(Window::Last);
    }
    match node.parse::<u32>() {
        Ok(step) if step >= 1 => Some(Window::Steps(step, step)),
        _ => {
            let help = "steps count from 1: `at: 5`, `at: \"last\"`";
            diagnostics.error(&node.span(), "this is no step", "", help);
            None
        }
    }
}

fn find_reward(node: &NodeRef, names: &Expected<'_>, diagnostics: &mut Diagnostics) -> Option<usize> {
    let name = read_name(node, diagnostics)?;
    let found = names.rewards.iter().position(|graph| graph.name == name.value);
    if found.is_none() {
        let valid: Vec<&str> = names.rewards.iter().map(|graph| graph.name.as_str()).collect();
        diagnostics.unknown_name(&name.span, "reward", &name.value, &valid);
    }
    found
}

/// A rollout by name, or a list of them.
fn find_rollouts(node: &NodeRef, names: &Expected<'_>, diagnostics: &mut Diagnostics) -> Option<Vec<usize>> {
    let nodes = node.items().unwrap_or_else(|| vec![node.clone()]);
    if nodes.is_empty() {
        diagnostics.error(&node.head(), "an expectation looks at one rollout at least", "", "");
        return None;
    }
    let find = |node: &NodeRef| {
        let name = read_name(node, diagnostics)?;
        let found = names.rollouts.iter().position(|rollout| rollout.name == name.value);
        if found.is_none() {
            let valid: Vec<&str> = names.rollouts.iter().map(|rollout| rollout.name.as_str()).collect();
            diagnostics.unknown_name(&name.span, "rollout", &name.value, &valid);
        }
        found
    };
    let found: Vec<Option<usize>> = nodes.iter().map(find).collect();
    found.into_iter().collect()
}
