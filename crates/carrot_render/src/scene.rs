//! From a drawing to instances of meshes.

use std::f32::consts::FRAC_PI_2;

use bytemuck::{Pod, Zeroable};
use carrot_sim::{Body, Drawing, Shape};
use glam::{Affine3A, Mat3A, Quat, Vec3, Vec3A};

use crate::mesh::Mesh;
use crate::tiles::draw_tiles;

/// One mesh in one picture.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Instance {
    /// Rows of the matrix from the unit mesh to the world.
    pub(crate) rows: [[f32; 4]; 3],
    /// Linear RGB and opacity.
    pub(crate) color: [f32; 4],
    /// The picture that it is in.
    pub(crate) tile: u32,
}

/// Instances by what is drawn together: opaque ones by mesh, then translucent ones by mesh.
#[derive(Debug, Default)]
pub(crate) struct Instances {
    batches: [Vec<Instance>; 2 * Mesh::ALL.len()],
}

impl Instances {
    pub(crate) fn clear(&mut self) {
        self.batches.iter_mut().for_each(Vec::clear);
    }

    /// Batches in the order of drawing: mesh, whether it is translucent, instances.
    pub(crate) fn batches(&self) -> impl Iterator<Item = (Mesh, bool, &[Instance])> {
        let meshes = [false, true].into_iter().flat_map(|translucent| Mesh::ALL.map(|m| (m, translucent)));
        meshes.zip(&self.batches).map(|((mesh, translucent), batch)| (mesh, translucent, batch.as_slice()))
    }

    pub(crate) fn push(&mut self, mesh: Mesh, pose: Affine3A, color: [f32; 4], tile: u32) {
        let (m, t) = (pose.matrix3.transpose(), pose.translation);
        let row = |row: Vec3A, offset: f32| [row.x, row.y, row.z, offset];
        let rows = [row(m.x_axis, t.x), row(m.y_axis, t.y), row(m.z_axis, t.z)];
        let translucent = usize::from(color[3] < 1.0);
        let batch = translucent * Mesh::ALL.len() + mesh as usize;
        self.batches[batch].push(Instance { rows, color, tile });
    }

    /// Adds all that a drawing shows.
    pub(crate) fn draw(&mut self, drawing: &Drawing, tile: u32) {
        if let Some(tiles) = &drawing.tiles {
            draw_tiles(self, tiles, tile);
        }
        for body in &drawing.bodies {
            self.draw_body(body, tile);
        }
    }

    fn draw_body(&mut self, body: &Body, tile: u32) {
        let (at, turn) = (Vec3::from(body.position), Quat::from_array(body.rotation));
        let mut add = |mesh, scale: Vec3, turn: Quat, at: Vec3| {
            self.push(mesh, Affine3A::from_scale_rotation_translation(scale, turn, at), body.color, tile);
        };
        match &body.shape {
            Shape::Cuboid(half) => add(Mesh::Cuboid, Vec3::from(*half), turn, at),
            Shape::Sphere(radius) => add(Mesh::Sphere, Vec3::splat(*radius), turn, at),
            Shape::Cylinder(radius, half) => {
                add(Mesh::Cylinder, Vec3::new(*radius, *radius, *half), turn, at)
            }
            Shape::Capsule(radius, half) => {
                add(Mesh::Cylinder, Vec3::new(*radius, *radius, *half), turn, at);
                let end = turn * Vec3::new(0.0, 0.0, *half);
                add(Mesh::Sphere, Vec3::splat(*radius), turn, at + end);
                add(Mesh::Sphere, Vec3::splat(*radius), turn, at - end);
            }
            Shape::Line(points, width) => {
                let radius = 0.5 * width;
                for pair in points.windows(2) {
                    let [from, to] = [pair[0], pair[1]].map(|point| turn * Vec3::from(point) + at);
                    let along = to - from;
                    let length = along.length();
                    if length > 0.0 {
                        let turn = Quat::from_rotation_arc(Vec3::Z, along / length);
                        // Segments overlap by a radius, so that corners have no gaps.
                        let scale = Vec3::new(radius, radius, 0.5 * length + 0.5 * radius);
                        add(Mesh::Cuboid, scale, turn, 0.5 * (from + to));
                    }
                }
            }
        }
    }
}

/// A pose without a turn.
pub(crate) fn placed(scale: [f32; 3], at: [f32; 3]) -> Affine3A {
    Affine3A::from_scale_rotation_translation(scale.into(), Quat::IDENTITY, at.into())
}

/// A pose turned about z by quarters of a circle.
pub(crate) fn turned(scale: [f32; 3], quarters: u8, at: [f32; 3]) -> Affine3A {
    let turn = Mat3A::from_rotation_z(FRAC_PI_2 * f32::from(quarters));
    Affine3A { matrix3: turn * Mat3A::from_diagonal(scale.into()), translation: at.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_where_its_body_is() {
        let color = [0.1, 0.2, 0.3, 1.0];
        let shapes = [
            (Shape::Cuboid([1.0, 2.0, 3.0]), 1),
            (Shape::Sphere(2.0), 1),
            (Shape::Cylinder(1.0, 2.0), 1),
            (Shape::Capsule(0.5, 2.0), 3),
            (Shape::Line(vec![[0.0; 3], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [1.0, 0.0, 1.0]], 0.1), 2),
        ];
        for (shape, count) in shapes {
            let mut instances = Instances::default();
            let bodies = vec![Body::at("body", shape, [5.0, 6.0, 7.0], color)];
            instances.draw(&Drawing::of(bodies), 3);
            let all: Vec<Instance> = instances.batches().flat_map(|(_, _, batch)| batch.to_vec()).collect();
            assert_eq!(all.len(), count);
            assert!(all.iter().all(|instance| instance.tile == 3 && instance.color == color));
            let middle = |axis: usize| all.iter().map(|i| i.rows[axis][3]).sum::<f32>() / count as f32;
            assert!((middle(0) - 5.0).abs() < 0.6 && (middle(1) - 6.0).abs() < 1e-5, "{all:?}");
        }
    }

    #[test]
    fn what_is_translucent_comes_last() {
        let mut instances = Instances::default();
        let ball = |alpha| Body::at("ball", Shape::Sphere(1.0), [0.0; 3], [1.0, 1.0, 1.0, alpha]);
        instances.draw(&Drawing::of(vec![ball(0.5), ball(1.0)]), 0);
        let order: Vec<bool> =
            instances.batches().filter(|(_, _, batch)| !batch.is_empty()).map(|(_, t, _)| t).collect();
        assert_eq!(order, [false, true]);
    }
}
