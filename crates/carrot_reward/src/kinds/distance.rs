//! `Distance`: the magnitude of a signal.

use bevy_ecs::prelude::Component;
use carrot_scene::Reader;
use multiversion::multiversion;

use crate::kind::{Kind, RuleDoc, Scope, SignalRef, Transition};

/// Pays the absolute value of a scalar signal, or the Euclidean norm of a vector; use a negative weight.
#[derive(Component, Debug, Clone, PartialEq)]
pub struct Distance {
    /// The signal.
    pub signal: SignalRef,
}

impl Kind for Distance {
    const DOC: RuleDoc = RuleDoc {
        name: "Distance",
        rewards: "The magnitude of a signal; with a negative weight, being near.",
        formula: "raw = |x| for a scalar, raw = sqrt(sum of squares) for a vector",
        range: "[0, the largest magnitude of the signal]",
        parameters: &[("signal", "name of a signal, or of one axis as `name.x`")],
        misleads: "As a cost per step where episodes can end early: ending is then the cheapest thing to do. \
                   Near the goal its slope stays the same, so noise around the goal pays as little as a miss. \
                   Wrap it in `Potential` to leave the best policy as it is.",
        source: "The dense reward of Gymnasium-Robotics Fetch tasks is -Distance(achieved, desired); equal with weight -1.",
    };

    fn read(reader: &mut Reader<'_>, scope: &Scope) -> Option<Self> {
        Some(Self { signal: scope.signal(reader, "signal")? })
    }

    fn signals(&self) -> Vec<SignalRef> {
        vec![self.signal.clone()]
    }

    fn is_of_state(&self) -> bool {
        true
    }

    fn evaluate(&self, step: &Transition<'_>, raw: &mut [f32]) {
        if self.signal.width == 1 {
            absolute(step.now.get(self.signal.id, 0), raw);
        } else {
            raw.iter_mut().enumerate().for_each(|(row, raw)| *raw = self.signal.magnitude(step.now, row));
        }
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn absolute(x: &[f32], raw: &mut [f32]) {
    for (raw, x) in raw.iter_mut().zip(x) {
        *raw = x.abs();
    }
}
