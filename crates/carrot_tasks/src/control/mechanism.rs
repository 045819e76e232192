//! What control tasks on rigid bodies share: a column of physics, its substeps, readings and drawings.

use std::sync::Arc;

use bevy_ecs::prelude::*;
use carrot_physics::{PhysicsRow, Template};
use carrot_sim::{App, BatchApp, Body, ColumnMut, FaultSource, Faults, SignalId, Signals, StepSystems};

use crate::drawing::draw_collider;
use crate::knobs::add_physics_handles;

/// How a step is divided.
#[derive(Resource, Debug, Clone, Copy)]
pub(super) struct Substeps {
    /// Seconds per substep.
    pub(super) physics_dt: f32,
    /// Substeps per step.
    pub(super) decimation: u32,
}

/// Adds a physics world to every row, and steps it.
pub(super) fn add_physics(app: &mut App, template: Arc<Template>, substeps: Substeps) {
    add_physics_handles(app, &template);
    app.insert_resource(substeps)
        .add_own_row_state(
            move || template.row(),
            |row: &PhysicsRow| row.snapshot().map_err(|error| error.to_string()),
            |row, bytes| row.restore(bytes).map_err(|error| error.to_string()),
        )
        .add_step_systems(StepSystems::Simulate, simulate);
}

fn simulate(substeps: Res<Substeps>, mut physics: ColumnMut<PhysicsRow>, mut faults: ResMut<Faults>) {
    for (index, row) in physics.slice_mut().iter_mut().enumerate() {
        row.step(substeps.physics_dt, substeps.decimation);
        if row.diverged() {
            faults.raise(index, FaultSource::State);
        }
    }
}

/// Writes the first signal columns of a row.
pub(super) fn write_signals(signals: &mut Signals, row: usize, values: &[f32]) {
    for (column, &value) in values.iter().enumerate() {
        signals.target(SignalId(column), 0)[row] = value;
    }
}

/// Bodies of a row as a drawer wants them: every collider of the scene, named and coloured in order of insertion.
pub(super) fn draw_shapes(physics: &PhysicsRow, looks: &[(&str, [f32; 4])]) -> Vec<Body> {
    let shapes = physics.template().shapes();
    shapes
        .iter()
        .zip(looks)
        .map(|(placed, &(name, color))| draw_collider(physics, placed, name, color))
        .collect()
}

/// A vector turned by a unit quaternion.
pub(super) fn turn([x, y, z, w]: [f32; 4], v: [f32; 3]) -> [f32; 3] {
    let cross = |a: [f32; 3], b: [f32; 3]| {
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    };
    let axis = [x, y, z];
    let twice = cross(axis, v).map(|c| 2.0 * c);
    let bent = cross(axis, twice);
    std::array::from_fn(|i| v[i] + w * twice[i] + bent[i])
}

/// 1 within a tolerance, falling to 0.1 at `margin` beyond it (a Gaussian, as in dm_control).
pub(super) fn nearness(distance: f32, tolerance: f32, margin: f32) -> f32 {
    let beyond = (distance - tolerance).max(0.0) / margin;
    libm::expf(-std::f32::consts::LN_10 * beyond * beyond)
}
