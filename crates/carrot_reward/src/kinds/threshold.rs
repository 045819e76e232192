//! `Threshold`: 1 while a signal is beyond a bound.

use bevy_ecs::prelude::Component;
use carrot_scene::Reader;
use multiversion::multiversion;

use crate::kind::{Kind, RuleDoc, Scope, SignalRef, Transition};

/// Pays 1 while `above < x < below`; a bound that is not given does not bind.
#[derive(Component, Debug, Clone, PartialEq)]
pub struct Threshold {
    /// The signal.
    pub signal: SignalRef,
    /// Lower bound, not included.
    pub above: f32,
    /// Upper bound, not included.
    pub below: f32,
}

impl Kind for Threshold {
    const DOC: RuleDoc = RuleDoc {
        name: "Threshold",
        rewards: "Being beyond a bound, for as long as it lasts.",
        formula: "raw = 1 if above < x < below, else 0",
        range: "{0, 1}",
        parameters: &[
            ("signal", "name of a scalar signal"),
            ("above", "lower bound, not included; default none"),
            ("below", "upper bound, not included; default none"),
        ],
        misleads: "It pays on every step that the condition holds, so an agent prefers to hover at the bound over \
                   finishing; for a one-off payment use Event. It has no slope: far away nothing points to it.",
        source: "The success bonus of ManiSkill and Meta-World dense rewards.",
    };

    fn read(reader: &mut Reader<'_>, scope: &Scope) -> Option<Self> {
        let signal = scope.scalar(reader, "signal");
        let above = reader.optional::<Option<f32>>("above", None);
        let below = reader.optional::<Option<f32>>("below", None);
        if above.is_none() && below.is_none() {
            reader.refuse("above", "a threshold needs `above`, `below` or both", "write `above: 0.1`");
            return None;
        }
        let (above, below) = (above.unwrap_or(f32::NEG_INFINITY), below.unwrap_or(f32::INFINITY));
        if above >= below {
            reader.refuse(
                "below",
                "no value lies between the bounds",
                "`above` must be smaller than `below`",
            );
            return None;
        }
        Some(Self { signal: signal?, above, below })
    }

    fn signals(&self) -> Vec<SignalRef> {
        vec![self.signal.clone()]
    }

    fn is_of_state(&self) -> bool {
        true
    }

    fn evaluate(&self, step: &Transition<'_>, raw: &mut [f32]) {
        between(step.now.get(self.signal.id, 0), self.above, self.below, raw);
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn between(x: &[f32], above: f32, below: f32, raw: &mut [f32]) {
    for (raw, &x) in raw.iter_mut().zip(x) {
        *raw = if (x > above) & (x < below) { 1.0 } else { 0.0 };
    }
}
