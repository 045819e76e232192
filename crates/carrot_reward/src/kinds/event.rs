//! `Event`: a payment at the moment something happens.

use bevy_ecs::prelude::Component;
use carrot_scene::Reader;
use carrot_sim::Cause;
use serde::{Deserialize, Serialize};

use crate::kind::{Kind, RuleDoc, Scope, SignalRef, Transition};

/// What sets an event off.
#[derive(Debug, Clone, PartialEq)]
pub enum Trigger {
    /// A flag signal that was 0 and is 1.
    Signal(SignalRef),
    /// The episode ended in this way.
    End(EndFlag),
    /// The episode ended for this cause.
    Cause(Cause),
}

/// One of the two end flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EndFlag {
    /// The task ended.
    Terminated,
    /// The episode was cut.
    Truncated,
}

/// Pays once, at the step where its trigger happens.
#[derive(Component, Debug, Clone, PartialEq)]
pub struct Event {
    /// What sets it off.
    pub trigger: Trigger,
    /// Signal whose value at s′ is paid; 1 without it.
    pub value: Option<SignalRef>,
}

impl Kind for Event {
    const DOC: RuleDoc = RuleDoc {
        name: "Event",
        rewards: "A moment: a flag that becomes true, or the end of the episode.",
        formula: "raw = v at the step of the event, else 0; v is 1 or the value of a signal at s'",
        range: "{0, 1}, or 0 and the range of the value signal",
        parameters: &[
            ("signal", "a flag signal: pays when it turns from 0 to 1"),
            ("end", "Terminated or Truncated: pays when the episode ends so"),
            ("cause", "name of a cause: pays when the episode ends for it"),
            ("value", "signal that is paid at that moment; default 1"),
        ],
        misleads: "A flag that can fall again can be raised again: toggling it is then paid each time. As the only \
                   term it gives no direction before it first happens by chance.",
        source: "MiniGrid's success reward is Event(signal: \"at_goal\", value: \"time_bonus\"); equal.",
    };

    fn read(reader: &mut Reader<'_>, scope: &Scope) -> Option<Self> {
        let given: Vec<&str> = ["signal", "end", "cause"].into_iter().filter(|f| reader.has(f)).collect();
        let value = if reader.has("value") { Some(scope.scalar(reader, "value")?) } else { None };
        let trigger = match given[..] {
            ["signal"] => Trigger::Signal(scope.scalar(reader, "signal")?),
            ["end"] => Trigger::End(reader.required("end")?),
            ["cause"] => {
                let name = reader.spanned::<String>("cause")?;
                let Some(cause) = scope.causes.iter().position(|c| *c == name.value) else {
                    reader.diagnostics().unknown_name(&name.span, "cause", &name.value, &scope.causes);
                    return None;
                };
                Trigger::Cause(cause as Cause)
            }
            _ => {
                let help = "write `signal: \"at_goal\"`, `end: Terminated` or `cause: \"time_limit\"`";
                reader.refuse("signal", "an event needs exactly one of `signal`, `end` and `cause`", help);
                return None;
            }
        };
        Some(Self { trigger, value })
    }

    fn signals(&self) -> Vec<SignalRef> {
        let flag = match &self.trigger {
            Trigger::Signal(signal) => Some(signal.clone()),
            Trigger::End(_) | Trigger::Cause(_) => None,
        };
        flag.into_iter().chain(self.value.clone()).collect()
    }

    fn is_of_state(&self) -> bool {
        false
    }

    fn evaluate(&self, step: &Transition<'_>, raw: &mut [f32]) {
        match &self.trigger {
            Trigger::Signal(signal) => {
                let (before, now) = (step.before.get(signal.id, 0), step.now.get(signal.id, 0));
                for (raw, (before, now)) in raw.iter_mut().zip(before.iter().zip(now)) {
                    *raw = if (*before < 0.5) & (*now >= 0.5) { 1.0 } else { 0.0 };
                }
            }
            Trigger::End(EndFlag::Terminated) => pay_flags(step.terminated, raw),
            Trigger::End(EndFlag::Truncated) => pay_flags(step.truncated, raw),
            Trigger::Cause(cause) => {
                for (raw, c) in raw.iter_mut().zip(step.cause) {
                    *raw = if c == cause { 1.0 } else { 0.0 };
                }
            }
        }
        if let Some(value) = &self.value {
            for (raw, value) in raw.iter_mut().zip(step.now.get(value.id, 0)) {
                *raw = if *raw == 0.0 { 0.0 } else { *value };
            }
        }
    }
}

fn pay_flags(flags: &[bool], raw: &mut [f32]) {
    for (raw, &flag) in raw.iter_mut().zip(flags) {
        *raw = f32::from(u8::from(flag));
    }
}
