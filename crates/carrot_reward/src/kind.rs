//! Kinds: what one term measures, as one component with one pure column function.
//!
//! A new idea for a reward is one file under `kinds/` with a component that implements [`Kind`], and one
//! line in [`KindRegistry::standard`].

use std::fmt::Debug;
use std::sync::Arc;

use bevy_ecs::prelude::*;
use carrot_scene::Reader;
use carrot_sim::{
    App, BatchApp, Cause, Ends, RawColumns, SignalCatalog, SignalId, SignalView, Signals, StepSystems,
    TaskSpec,
};
use serde::Serialize;

use crate::expr::{Interval, Param, Unit};
use crate::question::Asked;

/// Documentation of a kind, stage or combinator, in the form of a lint rule.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct RuleDoc {
    /// Name as written in RON.
    pub name: &'static str,
    /// What it rewards.
    pub rewards: &'static str,
    /// Formula.
    pub formula: &'static str,
    /// Reachable values.
    pub range: &'static str,
    /// Parameters with their meaning.
    pub parameters: &'static [(&'static str, &'static str)],
    /// When it misleads, and which agent finds out.
    pub misleads: &'static str,
    /// Paper or reference implementation, and what differs.
    pub source: &'static str,
}

/// All that a kind may read: signals before and after, end flags and truth, one column entry per row.
#[derive(Debug, Clone, Copy)]
pub struct Transition<'a> {
    /// Signals of s.
    pub before: SignalView<'a>,
    /// Signals of s′.
    pub now: SignalView<'a>,
    /// Ended by the task.
    pub terminated: &'a [bool],
    /// Cut.
    pub truncated: &'a [bool],
    /// Why.
    pub cause: &'a [Cause],
    /// Truth; only [`crate::kinds::Truth`] may read it.
    pub success: &'a [bool],
    /// Truth; only [`crate::kinds::Truth`] may read it.
    pub score: &'a [f32],
}

/// A signal by name, resolved to columns.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SignalRef {
    /// Name as written, with `.x` and so on for one axis.
    pub name: String,
    /// First column.
    pub id: SignalId,
    /// Number of columns.
    pub width: usize,
    /// Unit.
    pub unit: String,
    /// Lowest and highest value.
    pub range: (f32, f32),
    /// True for action signals, which are no part of the state.
    pub is_action: bool,
}

impl SignalRef {
    /// The magnitude of the signal in a row: absolute value, or Euclidean norm.
    #[inline(always)]
    pub fn magnitude(&self, view: SignalView<'_>, row: usize) -> f32 {
        if self.width == 1 {
            return view.get(self.id, 0)[row].abs();
        }
        let mut sum = 0.0;
        for axis in 0..self.width {
            let x = view.get(self.id, axis)[row];
            sum += x * x;
        }
        sum.sqrt()
    }
}

/// What names mean while a graph is read: the task's signals and causes, and the models at hand.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Signals of the task.
    pub catalog: SignalCatalog,
    /// Causes, by number.
    pub causes: Vec<String>,
    /// Names of the action signals as applied.
    pub actions: Vec<String>,
    /// Seconds per step.
    pub control_dt: f32,
    /// Names of reward models.
    pub models: Vec<String>,
}

impl Scope {
    /// The scope of a task, with the reward models that a run offers.
    pub fn new(task: &TaskSpec, models: &[String]) -> Self {
        let catalog = task.catalog();
        let names: Vec<String> = catalog.names().iter().map(|n| n.to_string()).collect();
        let width = task.action.width();
        Self {
            actions: names[names.len() - 2 * width..names.len() - width].to_vec(),
            catalog,
            causes: (0..=u8::MAX)
                .map(|c| task.cause_name(c).to_string())
                .take_while(|n| n != "unknown")
                .collect(),
            control_dt: task.control_dt,
            models: models.to_vec(),
        }
    }

    /// The scope of a text that reads other signals than those of a task, such as what rewards paid; a signal may be
    /// named like a call: `paid(goal)`.
    #[must_use]
    pub fn with_catalog(&self, catalog: SignalCatalog) -> Self {
        Self { catalog, actions: Vec::new(), models: Vec::new(), ..self.clone() }
    }

    /// Reads a field that names a signal; a wrong name is reported with the nearest one.
    pub fn signal(&self, reader: &mut Reader<'_>, field: &str) -> Option<SignalRef> {
        let name = reader.spanned::<String>(field)?;
        let found = self.resolve(&name.value);
        if found.is_none() {
            let valid = self.catalog.names();
            reader.diagnostics().unknown_name(&name.span, "signal", &name.value, &valid);
        }
        found
    }

    /// Reads a field that names one of the models that the run offers; `help` says how to come by one.
    pub(crate) fn model(
        &self,
        reader: &mut Reader<'_>,
        field: &str,
        what: &str,
        help: &str,
    ) -> Option<String> {
        let name = reader.spanned::<String>(field)?;
        if self.models.contains(&name.value) {
            return Some(name.value);
        }
        if self.models.is_empty() {
            reader.refuse(field, format!("no {what} `{}`: this run offers none", name.value), help);
        } else {
            reader.diagnostics().unknown_name(&name.span, what, &name.value, &self.models);
        }
        None
    }

    /// Like [`Scope::signal`] for a signal of one column.
    pub fn scalar(&self, reader: &mut Reader<'_>, field: &str) -> Option<SignalRef> {
        let signal = self.signal(reader, field)?;
        if signal.width != 1 {
            let message = format!("`{}` has {} columns, one is needed", signal.name, signal.width);
            reader.refuse(field, message, format!("write `{}.x`", signal.name));
            return None;
        }
        Some(signal)
    }

    /// A signal by name, or one axis of it by `name.x`.
    pub fn resolve(&self, name: &str) -> Option<SignalRef> {
        let (base, axis) = match name.rsplit_once('.') {
            Some((base, axis)) => (base, Some("xyzw".find(axis).filter(|_| axis.len() == 1)?)),
            None => (name, None),
        };
        let (id, spec) = self.catalog.find(base)?;
        let width = spec.kind.width();
        if axis.is_some_and(|a| a >= width || width == 1) {
            return None;
        }
        Some(SignalRef {
            name: name.to_string(),
            id: SignalId(id.0 + axis.unwrap_or(0)),
            width: if axis.is_some() { 1 } else { width },
            unit: spec.unit.clone(),
            range: spec.range,
            is_action: base == "action" || base.starts_with("action_"),
        })
    }
}

/// One kind of term.
pub trait Kind: Component + Clone + Debug + Send + Sync + 'static {
    /// Its page.
    const DOC: RuleDoc;

    /// Reads its parameters; every mistake is reported.
    fn read(reader: &mut Reader<'_>, scope: &Scope) -> Option<Self>;

    /// Signals that it reads.
    fn signals(&self) -> Vec<SignalRef>;

    /// True when it reads `now` alone, no flag and no truth: a function of the state.
    fn is_of_state(&self) -> bool;

    /// Writes one raw value per row: a pure function of the transition and the parameters.
    fn evaluate(&self, step: &Transition<'_>, raw: &mut [f32]);

    /// Name of the model that fills its column later, for deferred kinds.
    fn model(&self) -> Option<&str> {
        None
    }

    /// What it asks that model about pictures.
    fn asked(&self) -> Option<&Asked> {
        None
    }

    /// Values that it can have, and their unit, where that is known.
    fn reach(&self) -> Option<(Interval, &Unit)> {
        None
    }

    /// Parameters that a revision may change.
    fn params(&self) -> &[Param] {
        &[]
    }

    /// The same term with other values of its parameters.
    fn with_params(&self, _: &[f32]) -> Self {
        self.clone()
    }
}

/// A kind whose type is known only at run time.
pub trait AnyKind: Debug + Send + Sync {
    /// Its page.
    fn doc(&self) -> RuleDoc;
    /// See [`Kind::signals`].
    fn signals(&self) -> Vec<SignalRef>;
    /// See [`Kind::is_of_state`]; action signals are no state either.
    fn is_of_state(&self) -> bool;
    /// See [`Kind::evaluate`].
    fn evaluate(&self, step: &Transition<'_>, raw: &mut [f32]);
    /// See [`Kind::model`].
    fn model(&self) -> Option<&str>;
    /// See [`Kind::asked`].
    fn asked(&self) -> Option<&Asked>;
    /// See [`Kind::reach`].
    fn reach(&self) -> Option<(Interval, &Unit)>;
    /// See [`Kind::params`].
    fn params(&self) -> &[Param];
    /// See [`Kind::with_params`].
    fn with_params(&self, values: &[f32]) -> Arc<dyn AnyKind>;
    /// Puts the component on a term entity.
    fn insert(&self, term: &mut EntityWorldMut<'_>);
}

impl<K: Kind> AnyKind for K {
    fn doc(&self) -> RuleDoc {
        K::DOC
    }
    fn signals(&self) -> Vec<SignalRef> {
        Kind::signals(self)
    }
    fn is_of_state(&self) -> bool {
        Kind::is_of_state(self) && !Kind::signals(self).iter().any(|s| s.is_action)
    }
    fn evaluate(&self, step: &Transition<'_>, raw: &mut [f32]) {
        Kind::evaluate(self, step, raw);
    }
    fn model(&self) -> Option<&str> {
        Kind::model(self)
    }
    fn asked(&self) -> Option<&Asked> {
        Kind::asked(self)
    }
    fn reach(&self) -> Option<(Interval, &Unit)> {
        Kind::reach(self)
    }
    fn params(&self) -> &[Param] {
        Kind::params(self)
    }
    fn with_params(&self, values: &[f32]) -> Arc<dyn AnyKind> {
        Arc::new(Kind::with_params(self, values))
    }
    fn insert(&self, term: &mut EntityWorldMut<'_>) {
        term.insert(self.clone());
    }
}

/// Raw columns of a term: of s′, and of s where a potential needs it.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawSlots {
    /// Column of the value at s′.
    pub now: usize,
    /// Column of the value at s.
    pub before: Option<usize>,
}

/// The system of a kind: fills the raw columns of every term of that kind.
pub fn evaluate_terms<K: Kind>(
    terms: Query<(&K, &RawSlots)>,
    signals: Res<Signals>,
    ends: Res<Ends>,
    mut raw: ResMut<RawColumns>,
) {
    let step = Transition {
        before: signals.before(),
        now: signals.now(),
        terminated: &ends.terminated,
        truncated: &ends.truncated,
        cause: &ends.cause,
        success: &ends.success,
        score: &ends.score,
    };
    for (kind, slots) in &terms {
        kind.evaluate(&step, raw.get_mut(slots.now));
        if let Some(column) = slots.before {
            kind.evaluate(&Transition { now: step.before, ..step }, raw.get_mut(column));
        }
    }
}

/// Registration order is evaluation order.
#[derive(SystemSet, Debug, Clone, PartialEq, Eq, Hash)]
struct KindOrder(usize);

type ReadKind = fn(&mut Reader<'_>, &Scope) -> Option<Arc<dyn AnyKind>>;

/// One registered kind.
#[derive(Clone, Copy)]
struct Entry {
    doc: RuleDoc,
    read: ReadKind,
    add_system: fn(&mut App, usize),
}

/// The kinds that graphs may use.
#[derive(Clone, Default)]
pub struct KindRegistry(Vec<Entry>);

impl KindRegistry {
    /// Adds a kind.
    #[must_use]
    pub fn with<K: Kind>(mut self) -> Self {
        self.0.push(Entry {
            doc: K::DOC,
            read: |reader, scope| K::read(reader, scope).map(|kind| Arc::new(kind) as Arc<dyn AnyKind>),
            add_system: |app, order| {
                let system = evaluate_terms::<K>.in_set(KindOrder(order));
                match order {
                    0 => app.add_step_systems(StepSystems::Reward, system),
                    _ => app.add_step_systems(StepSystems::Reward, system.after(KindOrder(order - 1))),
                };
            },
        });
        self
    }

    /// Pages of all kinds.
    pub fn docs(&self) -> impl Iterator<Item = RuleDoc> + '_ {
        self.0.iter().map(|entry| entry.doc)
    }

    /// The reading function of a kind by name.
    pub(crate) fn find(&self, name: &str) -> Option<ReadKind> {
        self.0.iter().find(|entry| entry.doc.name == name).map(|entry| entry.read)
    }

    /// Adds the systems of the kinds that are used to a shard.
    pub(crate) fn add_systems(&self, app: &mut App, used: &[&str]) {
        let used = self.0.iter().filter(|entry| used.contains(&entry.doc.name));
        for (order, entry) in used.enumerate() {
            (entry.add_system)(app, order);
        }
    }
}
