//! `Truth`: the task's own judgement as a reward.

use bevy_ecs::prelude::Component;
use carrot_scene::Reader;
use serde::{Deserialize, Serialize};

use crate::kind::{Kind, RuleDoc, Scope, SignalRef, Transition};

/// Which truth is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TruthSource {
    /// 1 on every step with success.
    Success,
    /// The score of the step.
    Score,
    /// The score of the last step of an episode, 0 before.
    FinalScore,
}

/// Pays the truth channel; the only kind that may read it.
#[derive(Component, Debug, Clone, PartialEq)]
pub struct Truth {
    /// Which truth.
    pub source: TruthSource,
}

impl Kind for Truth {
    const DOC: RuleDoc = RuleDoc {
        name: "Truth",
        rewards: "What the task itself counts as success or score.",
        formula: "raw = success, score, or score on the last step",
        range: "[0, 1]",
        parameters: &[("source", "Success, Score or FinalScore")],
        misleads: "Trained on, the truth is no longer an independent witness: return and score cannot part, so a \
                   fooled agent cannot be told from a good one. Its best place is a shadow graph.",
        source: "Gold reward in the sense of Gao, Schulman & Hilton 2023.",
    };

    fn read(reader: &mut Reader<'_>, _: &Scope) -> Option<Self> {
        Some(Self { source: reader.required("source")? })
    }

    fn signals(&self) -> Vec<SignalRef> {
        Vec::new()
    }

    fn is_of_state(&self) -> bool {
        false
    }

    fn evaluate(&self, step: &Transition<'_>, raw: &mut [f32]) {
        for (row, raw) in raw.iter_mut().enumerate() {
            let last = step.terminated[row] | step.truncated[row];
            *raw = match self.source {
                TruthSource::Success => f32::from(u8::from(step.success[row])),
                TruthSource::Score => step.score[row],
                TruthSource::FinalScore => {
                    if last {
                        step.score[row]
                    } else {
                        0.0
                    }
                }
            };
        }
    }
}
