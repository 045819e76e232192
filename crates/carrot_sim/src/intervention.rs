//! Interventions: what a script or a hand may change in a row, by named handles of the task.

use std::fmt;
use std::sync::Arc;

use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};

use crate::row::ActiveRows;
use crate::signal::Signals;
use crate::step::Observe;

/// Sets a handle of one row.
pub(crate) type SetHandle = Arc<dyn Fn(&mut World, usize, &[f32]) + Send + Sync>;

/// Something of a row that may be set from outside.
#[derive(Clone)]
pub struct Handle {
    /// Name, often that of a signal.
    pub name: String,
    /// What it sets, with unit.
    pub about: String,
    /// Numbers it takes.
    pub width: usize,
    pub(crate) set: SetHandle,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({}, {})", self.name, self.width)
    }
}

/// The handles of a task.
#[derive(Resource, Debug, Clone, Default)]
pub struct Handles(pub Vec<Handle>);

/// One edit of one row, made at the start of the next step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intervention {
    /// Row within the shard, or global env id where a batch takes it.
    pub row: usize,
    /// Name of the handle.
    pub handle: String,
    /// New values.
    pub values: Vec<f32>,
}

/// Edits that wait for the next `Intervene`.
#[derive(Resource, Debug, Clone, Default)]
pub struct PendingEdits(pub(crate) Vec<Intervention>);

impl PendingEdits {
    /// Adds an edit, by a system that runs before `Intervene`. The handle must exist and the values be as many as it
    /// takes; any other edit changes nothing.
    pub fn push(&mut self, edit: Intervention) {
        self.0.push(edit);
    }
}

/// Makes the pending edits without measuring; gives the touched rows, each once.
pub(crate) fn make_edits(world: &mut World) -> Vec<u32> {
    let mut rows = Vec::new();
    for edit in std::mem::take(&mut world.resource_mut::<PendingEdits>().0) {
        let handles = &world.resource::<Handles>().0;
        let handle = handles.iter().find(|h| h.name == edit.handle && h.width == edit.values.len());
        if let Some(set) = handle.map(|handle| handle.set.clone()) {
            set(world, edit.row, &edit.values);
            rows.push(edit.row as u32);
        }
    }
    rows.sort_unstable();
    rows.dedup();
    rows
}

/// Makes the pending edits, then measures the touched rows into `before`.
pub(crate) fn intervene(world: &mut World) {
    if world.resource::<PendingEdits>().0.is_empty() {
        return;
    }
    let rows = make_edits(world);
    observe_rows(world, rows);
}

/// Measures and senses the listed rows into `before`.
pub(crate) fn observe_rows(world: &mut World, rows: Vec<u32>) {
    let total = world.resource::<ActiveRows>().total();
    world.resource_mut::<Signals>().measure_into_now(false);
    *world.resource_mut::<ActiveRows>() = ActiveRows::listed(total, rows);
    world.run_schedule(Observe);
    *world.resource_mut::<ActiveRows>() = ActiveRows::all(total);
    world.resource_mut::<Signals>().measure_into_now(true);
}
