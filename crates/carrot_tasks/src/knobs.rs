//! What scripts may change about the physics of any task on rigid bodies.

use bevy_ecs::prelude::*;
use carrot_physics::{PhysicsRow, Template};
use carrot_sim::{App, BatchApp, edit_row_state};

/// Names gravity, friction, motors, and the mass of and a force on each moving body; every reset undoes them.
pub(crate) fn add_physics_handles(app: &mut App, template: &Template) {
    app.add_handle("gravity", "Gravity along z, m/s^2; -9.81 at first.", 1, |world, row, values| {
        edit(world, row, |physics| physics.set_gravity(values[0]));
    })
    .add_handle("friction", "Share of its first friction that everything has.", 1, |world, row, values| {
        edit(world, row, |physics| physics.set_friction(values[0]));
    })
    .add_handle(
        "motor_strength",
        "Share of its greatest force that each motor has.",
        1,
        |world, row, values| {
            edit(world, row, |physics| physics.set_motor_strength(values[0]));
        },
    );
    for (body, name) in template.moving() {
        let about = format!("Share of its first mass that the body `{name}` has.");
        app.add_handle(&format!("{name}_mass"), &about, 1, move |world, row, values| {
            edit(world, row, |physics| physics.set_mass(body, values[0]));
        });
        let about = format!("Force on the body `{name}` from now on, N; zeros end it.");
        app.add_handle(&format!("{name}_force"), &about, 3, move |world, row, values| {
            edit(world, row, |physics| physics.set_force(body, [values[0], values[1], values[2]]));
        });
    }
}

fn edit(world: &mut World, row: usize, change: impl FnOnce(&mut PhysicsRow)) {
    edit_row_state(world, row, change);
}
