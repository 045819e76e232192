//! Where colliders press on each other, for drawers: nothing that is simulated or paid reads it.

use crate::convert::array;
use crate::row::PhysicsRow;

/// A point at which two colliders press on each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ContactPoint {
    /// Where (m).
    pub position: [f32; 3],
    /// What the second collider gets there along the normal (N), in the last substep.
    pub force: [f32; 3],
}

impl PhysicsRow {
    /// All points at which colliders press on each other.
    pub fn contact_points(&self) -> Vec<ContactPoint> {
        let per_second = 1.0 / self.world.integration_parameters.dt;
        let mut points = Vec::new();
        for pair in self.world.narrow_phase.contact_pairs() {
            let Some(first) = self.world.colliders.get(pair.collider1) else { continue };
            for manifold in pair.manifolds() {
                for point in manifold.points.iter().filter(|point| point.data.impulse > 0.0) {
                    points.push(ContactPoint {
                        position: array(first.position().transform_point(point.local_p1)),
                        force: array(manifold.data.normal * (point.data.impulse * per_second)),
                    });
                }
            }
        }
        points
    }
}
