//! `Progress`: how much a signal's magnitude shrank in this step.

use bevy_ecs::prelude::Component;
use carrot_scene::Reader;

use crate::kind::{Kind, RuleDoc, Scope, SignalRef, Transition};

/// Pays the decrease of a signal's magnitude from s to s′.
#[derive(Component, Debug, Clone, PartialEq)]
pub struct Progress {
    /// The signal, usually a distance.
    pub signal: SignalRef,
}

impl Kind for Progress {
    const DOC: RuleDoc = RuleDoc {
        name: "Progress",
        rewards: "Coming nearer in this very step.",
        formula: "raw = |x(s)| - |x(s')|",
        range: "[-d, d] with d the largest change of the signal in one step",
        parameters: &[("signal", "name of a signal, usually a distance")],
        misleads: "Clipped at 0 from below it can be farmed without end: walk away for free, come back for pay. \
                   Unclipped it is a potential with gamma 1, which is exact only for an undiscounted learner.",
        source: "Randlov & Alstrom 1998 report the bicycle that circled its start for such a reward; the cure is \
                 `Potential` (Ng, Harada & Russell 1999).",
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
        for (row, raw) in raw.iter_mut().enumerate() {
            *raw = self.signal.magnitude(step.before, row) - self.signal.magnitude(step.now, row);
        }
    }
}
