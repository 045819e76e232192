//! Colliders as a drawer wants them.

use carrot_physics::{PhysicsRow, PlacedShape};
use carrot_sim::{Body, Contact, Shape};

/// A collider of a row, named and coloured.
pub(crate) fn draw_collider(physics: &PhysicsRow, placed: &PlacedShape, name: &str, color: [f32; 4]) -> Body {
    let (position, rotation) = physics.shape_pose(placed);
    Body { name: name.into(), shape: form(placed.shape), position, rotation, color }
}

/// Where the colliders of a row press on each other.
pub(crate) fn draw_contacts(physics: &PhysicsRow) -> Vec<Contact> {
    let points = physics.contact_points().into_iter();
    points.map(|point| Contact { position: point.position, force: point.force }).collect()
}

fn form(shape: carrot_physics::Shape) -> Shape {
    match shape {
        carrot_physics::Shape::Ball { radius } => Shape::Sphere(radius),
        carrot_physics::Shape::Cuboid { half_extents } => Shape::Cuboid(half_extents),
        carrot_physics::Shape::Cylinder { half_height, radius } => Shape::Cylinder(radius, half_height),
        carrot_physics::Shape::Capsule { half_height, radius } => Shape::Capsule(radius, half_height),
    }
}
