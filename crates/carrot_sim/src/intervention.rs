//! Interventions: what a script or a hand may change in a row, by named handles of the task.

use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};

use crate::row::ActiveRows;
use crate::signal::Signals;
use crate::step::Observe;

/// Sets a handle of one row.
pub type SetHandle = fn(&mut World, usize, &[f32]);

/// Something of a row that may be set from outside.
#[derive(Debug, Clone, Copy)]
pub struct Handle {
    /// Name, often that of a signal.
    pub name: &'static str,
    /// What it sets, with unit.
    pub about: &'static str,
    /// Numbers it takes.
    pub width: usize,
    pub(crate) set: SetHandle,
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

/// Edits that wait for the next step.
#[derive(Resource, Debug, Clone, Default)]
pub(crate) struct Pending(pub(crate) Vec<Intervention>);

/// Makes the pending edits, then measures the touched rows into `before`.
pub(crate) fn intervene(world: &mut World) {
    let pending = std::mem::take(&mut world.resource_mut::<Pending>().0);
    if pending.is_empty() {
        return;
    }
    let mut rows = Vec::new();
    for edit in pending {
        let handle = world.resource::<Handles>().0.iter().find(|h| h.name == edit.handle).copied();
        if let Some(handle) = handle {
            (handle.set)(world, edit.row, &edit.values);
            rows.push(edit.row as u32);
        }
    }
    rows.sort_unstable();
    rows.dedup();
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
