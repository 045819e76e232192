//! `Expr`: a value written in the expression language.

use std::sync::Arc;

use bevy_ecs::prelude::Component;
use carrot_scene::{NodeRef, Reader};

use crate::expr::{Compiled, Interval, Param, Unit};
use crate::kind::{Kind, RuleDoc, Scope, SignalRef, Transition};

/// Pays the value of an expression over signals.
#[derive(Component, Debug, Clone, PartialEq)]
pub struct Expr {
    /// The compiled text.
    pub code: Arc<Compiled>,
    /// Values of its parameters under the revision in force.
    pub params: Vec<f32>,
}

impl Expr {
    /// A term of a compiled text, with its parameters as written.
    pub fn new(code: Arc<Compiled>) -> Self {
        Self { params: code.initial_params(), code }
    }

    /// Reads the text itself; a mistake is reported at its place inside of the string.
    pub(crate) fn read_text(
        node: &NodeRef,
        scope: &Scope,
        diagnostics: &mut carrot_scene::Diagnostics,
    ) -> Option<Self> {
        let Some(text) = node.string() else {
            let help = "write `Expr(\"exp(-goal_distance / 0.1 [m])\")`; `carrot reward grammar` is the whole language";
            diagnostics.error(&node.head(), "expected an expression in quotes", "", help);
            return None;
        };
        match Compiled::value(&text.value, scope) {
            Ok(code) => Some(Self::new(Arc::new(code))),
            Err(mistake) => {
                mistake.report(node, diagnostics);
                None
            }
        }
    }
}

impl Kind for Expr {
    const DOC: RuleDoc = RuleDoc {
        name: "Expr",
        rewards: "Whatever an expression over signals says.",
        formula: "raw = the value of the expression; a flag counts 1 or 0",
        range: "found by interval arithmetic from the ranges of the signals; shown by `carrot check`",
        parameters: &[("code", "the expression, also as `Expr(\"..\")`: see `carrot reward grammar`")],
        misleads: "A condition that pays per step is an income, so an agent keeps it true instead of finishing. An \
                   `if` is a cliff: on its flat side nothing points to the edge. `rate` and `delta` pay for \
                   movement, and paying one direction alone can be farmed by pacing to and fro; wrap the value in \
                   `Potential` instead. A bare number takes the unit of its neighbour: write `0.1 [m]` where it \
                   matters.",
        source: "-",
    };

    fn read(reader: &mut Reader<'_>, scope: &Scope) -> Option<Self> {
        let node = reader.required_node("code")?;
        Self::read_text(&node, scope, reader.diagnostics())
    }

    fn signals(&self) -> Vec<SignalRef> {
        self.code.signals.clone()
    }

    fn is_of_state(&self) -> bool {
        self.code.is_of_state
    }

    fn evaluate(&self, step: &Transition<'_>, raw: &mut [f32]) {
        self.code.run(step, &self.params, raw);
    }

    fn reach(&self) -> Option<(Interval, &Unit)> {
        Some((self.code.bounds, &self.code.unit))
    }

    fn params(&self) -> &[Param] {
        &self.code.params
    }

    fn with_params(&self, values: &[f32]) -> Self {
        // A revision from before the parameters were declared says nothing about them.
        let params = if values.len() == self.params.len() { values.to_vec() } else { self.params.clone() };
        Self { code: self.code.clone(), params }
    }
}
