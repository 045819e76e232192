//! `TimePenalty`: a constant cost for every step.

use bevy_ecs::prelude::Component;
use carrot_scene::Reader;

use crate::kind::{Kind, RuleDoc, Scope, SignalRef, Transition};

/// Pays -1 for every step, the last one included, as Gymnasium's MountainCar does.
#[derive(Component, Debug, Clone, PartialEq)]
pub struct TimePenalty;

impl Kind for TimePenalty {
    const DOC: RuleDoc = RuleDoc {
        name: "TimePenalty",
        rewards: "Being quick: every step costs.",
        formula: "raw = -1",
        range: "{-1}",
        parameters: &[],
        misleads: "Where failing also ends the episode: an agent that cannot reach the goal learns to fail fast. \
                   Where the goal is far it gives no direction at all: every failing policy earns the same.",
        source: "Gymnasium MountainCar-v0; equal.",
    };

    fn read(_: &mut Reader<'_>, _: &Scope) -> Option<Self> {
        Some(Self)
    }

    fn signals(&self) -> Vec<SignalRef> {
        Vec::new()
    }

    fn is_of_state(&self) -> bool {
        false
    }

    fn evaluate(&self, _: &Transition<'_>, raw: &mut [f32]) {
        raw.fill(-1.0);
    }
}
