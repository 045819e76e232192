//! `Alive`: a constant for every step that the episode lasts.

use bevy_ecs::prelude::Component;
use carrot_scene::Reader;

use crate::kind::{Kind, RuleDoc, Scope, SignalRef, Transition};

/// Pays 1 for every step, the last one included, as Gymnasium's CartPole does.
#[derive(Component, Debug, Clone, PartialEq)]
pub struct Alive {
    /// Pay nothing for a step that terminates the episode.
    pub unless_terminated: bool,
}

impl Kind for Alive {
    const DOC: RuleDoc = RuleDoc {
        name: "Alive",
        rewards: "Every step that the episode lasts.",
        formula: "raw = 1; with `unless_terminated`, 0 on a step that terminates",
        range: "{0, 1}",
        parameters: &[("unless_terminated", "pay nothing for the step that terminates; default false")],
        misleads: "Wherever an episode ends on success: the agent learns to stay just short of the goal, because \
                   reaching it ends the income. Use TimePenalty there.",
        source: "Gymnasium CartPole-v1 pays 1 per step, the terminating one included; equal with the default.",
    };

    fn read(reader: &mut Reader<'_>, _: &Scope) -> Option<Self> {
        Some(Self { unless_terminated: reader.optional("unless_terminated", false) })
    }

    fn signals(&self) -> Vec<SignalRef> {
        Vec::new()
    }

    fn is_of_state(&self) -> bool {
        false
    }

    fn evaluate(&self, step: &Transition<'_>, raw: &mut [f32]) {
        raw.fill(1.0);
        if self.unless_terminated {
            for (raw, &terminated) in raw.iter_mut().zip(step.terminated) {
                *raw = if terminated { 0.0 } else { 1.0 };
            }
        }
    }
}
