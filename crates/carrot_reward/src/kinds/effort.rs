//! `Effort`: the sum of squares of what was applied.

use bevy_ecs::prelude::Component;
use carrot_scene::Reader;

use crate::kind::{Kind, RuleDoc, Scope, SignalRef, Transition};

/// Pays the sum of squares of signals, by default of the applied actions; use a negative weight.
#[derive(Component, Debug, Clone, PartialEq)]
pub struct Effort {
    /// The signals.
    pub signals: Vec<SignalRef>,
}

impl Kind for Effort {
    const DOC: RuleDoc = RuleDoc {
        name: "Effort",
        rewards: "Effort; with a negative weight, doing little.",
        formula: "raw = sum over signals of the sum of squares of their columns at s'",
        range: "[0, sum of the largest squares]",
        parameters: &[("signals", "names of signals; default all applied actions")],
        misleads: "A weight that is too large makes idling the best policy: return rises while nothing is done. \
                   For choices (discrete actions) the square of an index means nothing.",
        source: "The control cost of Gymnasium's MuJoCo tasks, there on actions as given; here as applied.",
    };

    fn read(reader: &mut Reader<'_>, scope: &Scope) -> Option<Self> {
        let names = match reader.node("signals") {
            None => scope.actions.iter().filter_map(|name| scope.resolve(name)).collect(),
            Some(node) => {
                let Some(items) = node.items() else {
                    reader.refuse(
                        "signals",
                        "expected a list of signal names",
                        "write `signals: [\"a\", \"b\"]`",
                    );
                    return None;
                };
                let mut signals = Vec::new();
                for item in items {
                    let name = reader.diagnostics().collect(item.parse::<String>())?;
                    match scope.resolve(&name) {
                        Some(signal) => signals.push(signal),
                        None => {
                            let valid = scope.catalog.names();
                            reader.diagnostics().unknown_name(&item.span(), "signal", &name, &valid);
                            return None;
                        }
                    }
                }
                signals
            }
        };
        Some(Self { signals: names })
    }

    fn signals(&self) -> Vec<SignalRef> {
        self.signals.clone()
    }

    fn is_of_state(&self) -> bool {
        true
    }

    fn evaluate(&self, step: &Transition<'_>, raw: &mut [f32]) {
        raw.fill(0.0);
        for signal in &self.signals {
            for axis in 0..signal.width {
                for (raw, x) in raw.iter_mut().zip(step.now.get(signal.id, axis)) {
                    *raw += x * x;
                }
            }
        }
    }
}
