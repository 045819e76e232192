//! `Model`: a learned reward, scored over whole rollouts.

use bevy_ecs::prelude::Component;
use carrot_scene::Reader;

use crate::kind::{Kind, RuleDoc, Scope, SignalRef, Transition};

/// Pays what a published reward model says of s′. The column stays 0 in the step and is filled when the
/// rollout is finalised, so no step waits for a network.
#[derive(Component, Debug, Clone, PartialEq)]
pub struct Model {
    /// Name of the model.
    pub name: String,
}

impl Kind for Model {
    const DOC: RuleDoc = RuleDoc {
        name: "Model",
        rewards: "What a learned model takes for good.",
        formula: "raw = model(signals of s')",
        range: "that of the model, for a success probability [0, 1]",
        parameters: &[("name", "name of a reward model that the run offers")],
        misleads: "Away from the data it was fitted to, a model is a guess, and an agent looks exactly there: return \
                   rises while the score falls. Watch the truth beside it and refit on the agent's own episodes.",
        source: "Reward models after Christiano et al. 2017; the published version is in the ledger.",
    };

    fn read(reader: &mut Reader<'_>, scope: &Scope) -> Option<Self> {
        let help = "fit one first: `carrot fit-reward --help`";
        Some(Self { name: scope.model(reader, "name", "reward model", help)? })
    }

    fn signals(&self) -> Vec<SignalRef> {
        Vec::new()
    }

    fn is_of_state(&self) -> bool {
        false
    }

    fn evaluate(&self, _: &Transition<'_>, raw: &mut [f32]) {
        raw.fill(0.0);
    }

    fn model(&self) -> Option<&str> {
        Some(&self.name)
    }
}
