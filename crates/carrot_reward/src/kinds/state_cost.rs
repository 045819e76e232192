//! `StateCost`: squares of signals in the state that an action was taken in.

use bevy_ecs::prelude::Component;
use carrot_scene::Reader;
use multiversion::multiversion;

use crate::kind::{Kind, RuleDoc, Scope, SignalRef, Transition};

/// Pays the square of a signal at s, before the step; use a negative weight.
#[derive(Component, Debug, Clone, PartialEq)]
pub struct StateCost {
    /// The signal.
    pub signal: SignalRef,
}

impl Kind for StateCost {
    const DOC: RuleDoc = RuleDoc {
        name: "StateCost",
        rewards: "Being far from zero in the state left behind; with a negative weight, a quadratic cost of states.",
        formula: "raw = x(s)^2, or the sum of the squares of a vector's columns at s",
        range: "[0, the square of the signal's largest magnitude]",
        parameters: &[("signal", "name of a signal, or of one axis as `name.x`")],
        misleads: "It is about s, not s': the first step of an episode costs what no action could change, and the \
                   last state costs nothing, so a step into disaster that ends the episode is free. As with every \
                   cost per step, ending early is cheapest where that is possible. Squares make far states \
                   dominate: near zero there is next to no slope.",
        source: "The x'Qx of linear-quadratic control, and the angle and speed costs of Gymnasium's Pendulum-v1; equal.",
    };

    fn read(reader: &mut Reader<'_>, scope: &Scope) -> Option<Self> {
        Some(Self { signal: scope.signal(reader, "signal")? })
    }

    fn signals(&self) -> Vec<SignalRef> {
        vec![self.signal.clone()]
    }

    fn is_of_state(&self) -> bool {
        false
    }

    fn evaluate(&self, step: &Transition<'_>, raw: &mut [f32]) {
        raw.fill(0.0);
        for axis in 0..self.signal.width {
            add_squares(step.before.get(self.signal.id, axis), raw);
        }
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn add_squares(x: &[f32], raw: &mut [f32]) {
    for (raw, x) in raw.iter_mut().zip(x) {
        *raw += x * x;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carrot_sim::{SignalId, SignalView};

    #[test]
    fn it_pays_the_squares_of_the_state_before_the_step() {
        let signal = SignalRef {
            name: "x".into(),
            id: SignalId(0),
            width: 2,
            unit: String::new(),
            range: (-9.0, 9.0),
            is_action: false,
        };
        // Two rows, two columns.
        let (before, now) = ([1.0, 2.0, 3.0, -4.0], [5.0; 4]);
        let step = Transition {
            before: SignalView::new(&before, 2),
            now: SignalView::new(&now, 2),
            terminated: &[false; 2],
            truncated: &[false; 2],
            cause: &[0; 2],
            success: &[false; 2],
            score: &[0.0; 2],
        };
        let mut raw = [f32::NAN; 2];
        StateCost { signal: signal.clone() }.evaluate(&step, &mut raw);
        assert_eq!(raw, [10.0, 20.0]);
        StateCost { signal: SignalRef { id: SignalId(1), width: 1, ..signal } }.evaluate(&step, &mut raw);
        assert_eq!(raw, [9.0, 16.0]);
    }
}
