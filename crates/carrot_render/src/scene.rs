//! From a drawing to instances of meshes.

use std::f32::consts::{FRAC_PI_2, PI};

use bytemuck::{Pod, Zeroable};
use carrot_sim::{Body, Drawing, Shape};
use glam::{Affine3A, Mat3A, Quat, Vec3, Vec3A};

use crate::camera::Sight;
use crate::mesh::{Detail, Mesh};
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

/// What is drawn after what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// What can be seen.
    Opaque,
    /// What lies in the shadow of a body. It hides, so that a place below two bodies is darkened once.
    Shadow,
    /// What can be seen through.
    Translucent,
}

impl Layer {
    pub(crate) const ALL: [Self; 3] = [Self::Opaque, Self::Shadow, Self::Translucent];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Opaque => "opaque",
            Self::Shadow => "shadow",
            Self::Translucent => "translucent",
        }
    }

    /// Whether what comes later and lies behind is left out.
    pub(crate) const fn hides(self) -> bool {
        !matches!(self, Self::Translucent)
    }

    /// Whether what came earlier shines through.
    pub(crate) const fn blends(self) -> bool {
        !matches!(self, Self::Opaque)
    }
}

/// How dark shadows of bodies are, and how strong those of marks, which have their own colour.
const DARK: [f32; 4] = [0.02, 0.02, 0.03, 0.5];
const TINT: f32 = 0.6;
/// Heights of shadows over the floor in metres: those of marks lie over those of bodies.
const FLOOR: [f32; 2] = [1e-3, 2e-3];

/// Instances that are drawn together: of one mesh, on one layer.
type Batch<T> = (Mesh, Detail, Layer, T);

/// Instances by what is drawn together: layer by layer, and mesh by mesh.
#[derive(Debug, Default)]
pub(crate) struct Instances {
    batches: [[[Vec<Instance>; Detail::ALL.len()]; Mesh::ALL.len()]; Layer::ALL.len()],
    /// How the picture is seen that is being filled.
    sight: Sight,
}

impl Instances {
    pub(crate) fn clear(&mut self) {
        self.batches.as_flattened_mut().as_flattened_mut().iter_mut().for_each(Vec::clear);
    }

    /// Batches in the order of drawing.
    pub(crate) fn batches(&self) -> impl Iterator<Item = Batch<&[Instance]>> {
        let meshes = || Mesh::ALL.into_iter().flat_map(|mesh| Detail::ALL.map(|detail| (mesh, detail)));
        let kinds = Layer::ALL.into_iter().flat_map(move |layer| meshes().map(move |kind| (kind, layer)));
        let filled =
            kinds.zip(self.batches.as_flattened().as_flattened()).filter(|(_, batch)| !batch.is_empty());
        filled.map(|(((mesh, detail), layer), batch)| (mesh, detail, layer, batch.as_slice()))
    }

    pub(crate) fn push(&mut self, mesh: Mesh, pose: Affine3A, color: [f32; 4], tile: u32) {
        let layer = if color[3] < 1.0 { Layer::Translucent } else { Layer::Opaque };
        self.push_on(layer, mesh, pose, color, tile);
    }

    fn push_on(&mut self, layer: Layer, mesh: Mesh, pose: Affine3A, color: [f32; 4], tile: u32) {
        let (m, t) = (pose.matrix3.transpose(), pose.translation);
        let row = |row: Vec3A, offset: f32| [row.x, row.y, row.z, offset];
        let rows = [row(m.x_axis, t.x), row(m.y_axis, t.y), row(m.z_axis, t.z)];
        let detail = Detail::of(mesh, self.sight.radius_in_pixels(&pose));
        self.batches[layer as usize][mesh as usize][detail as usize].push(Instance { rows, color, tile });
    }

    /// Adds all that a drawing shows. A picture in perspective shows a room with a floor, at z = 0, and what is over it
    /// casts a shadow straight down: in a single picture nothing else tells how far away it is.
    pub(crate) fn draw(&mut self, drawing: &Drawing, sight: Sight, tile: u32) {
        self.sight = sight;
        if let Some(tiles) = &drawing.tiles {
            draw_tiles(self, tiles, tile);
        }
        for body in &drawing.bodies {
            let casts_shadow = sight.is_perspective && body.position[2] >= 0.0;
            meshes(body, |mesh, pose| {
                self.push(mesh, pose, body.color, tile);
                if casts_shadow {
                    self.shadow(mesh, pose, body.color, tile);
                }
            });
        }
    }

    /// What a mesh leaves on the floor: itself, pressed flat.
    fn shadow(&mut self, mesh: Mesh, pose: Affine3A, [r, g, b, alpha]: [f32; 4], tile: u32) {
        let is_mark = alpha < 1.0;
        let color = if is_mark { [0.5 * r, 0.5 * g, 0.5 * b, TINT] } else { DARK };
        // A disc is what is left of a ball, however it is turned, with a tenth of the corners.
        let (mesh, matrix3) = match mesh {
            Mesh::Sphere => (Mesh::Disc, Mat3A::from_diagonal(Vec3::splat(pose.matrix3.x_axis.length()))),
            mesh => (mesh, pose.matrix3),
        };
        let matrix3 = Mat3A::from_diagonal(Vec3::new(1.0, 1.0, 0.0)) * matrix3;
        let translation = pose.translation.with_z(FLOOR[usize::from(is_mark)]);
        self.push_on(Layer::Shadow, mesh, Affine3A { matrix3, translation }, color, tile);
    }
}

/// Hands over every mesh of a body and its pose.
fn meshes(body: &Body, mut add: impl FnMut(Mesh, Affine3A)) {
    let (at, turn) = (Vec3::from(body.position), Quat::from_array(body.rotation));
    let mut add = |mesh, scale: Vec3, turn: Quat, at: Vec3| {
        add(mesh, Affine3A::from_scale_rotation_translation(scale, turn, at));
    };
    match &body.shape {
        Shape::Cuboid(half) => add(Mesh::Cuboid, Vec3::from(*half), turn, at),
        Shape::Sphere(radius) => add(Mesh::Sphere, Vec3::splat(*radius), turn, at),
        Shape::Cylinder(radius, half) => add(Mesh::Cylinder, Vec3::new(*radius, *radius, *half), turn, at),
        Shape::Capsule(radius, half) => {
            add(Mesh::Tube, Vec3::new(*radius, *radius, *half), turn, at);
            let end = turn * Vec3::new(0.0, 0.0, *half);
            add(Mesh::Dome, Vec3::splat(*radius), turn, at + end);
            add(Mesh::Dome, Vec3::splat(*radius), turn * Quat::from_rotation_x(PI), at - end);
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

    const FLAT: Sight = Sight { eye: Vec3A::ZERO, pixels_per_metre: 1.0, is_perspective: false };

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
            instances.draw(&Drawing::of(bodies), FLAT, 3);
            let all: Vec<Instance> =
                instances.batches().flat_map(|(_, _, _, batch)| batch.to_vec()).collect();
            assert_eq!(all.len(), count);
            assert!(all.iter().all(|instance| instance.tile == 3 && instance.color == color));
            let middle = |axis: usize| all.iter().map(|i| i.rows[axis][3]).sum::<f32>() / count as f32;
            assert!((middle(0) - 5.0).abs() < 0.6 && (middle(1) - 6.0).abs() < 1e-5, "{all:?}");
        }
    }

    #[test]
    fn what_is_near_has_more_corners() {
        let mut instances = Instances::default();
        let at = |y| Body::at("ball", Shape::Sphere(1.0), [0.0, y, -2.0], [1.0; 4]);
        let sight = Sight { pixels_per_metre: 64.0, is_perspective: true, ..FLAT };
        instances.draw(&Drawing::of(vec![at(40.0), at(10.0), at(2.0)]), sight, 0);
        let found: Vec<Detail> = instances.batches().map(|(_, detail, _, _)| detail).collect();
        assert_eq!(found, Detail::ALL);
    }

    #[test]
    fn what_is_translucent_comes_last() {
        let mut instances = Instances::default();
        let ball = |alpha| Body::at("ball", Shape::Sphere(1.0), [0.0; 3], [1.0, 1.0, 1.0, alpha]);
        instances.draw(&Drawing::of(vec![ball(0.5), ball(1.0)]), FLAT, 0);
        assert_eq!(layers(&instances), [Layer::Opaque, Layer::Translucent]);
    }

    #[test]
    fn what_is_over_a_floor_casts_a_shadow_on_it() {
        let mut instances = Instances::default();
        let ball = |z| Body::at("ball", Shape::Sphere(0.1), [3.0, 4.0, z], [1.0; 4]).turned_about_y(1.5);
        let drawing = Drawing::of(vec![ball(0.5), ball(-0.5)]);
        instances.draw(&drawing, FLAT, 0);
        assert_eq!(layers(&instances), [Layer::Opaque]);
        instances.clear();
        instances.draw(&drawing, Sight { is_perspective: true, ..FLAT }, 0);
        assert_eq!(layers(&instances), [Layer::Opaque, Layer::Shadow]);
        let shadows: Vec<&Instance> = instances
            .batches()
            .filter(|(_, _, l, _)| *l == Layer::Shadow)
            .flat_map(|(_, _, _, b)| b)
            .collect();
        let [shadow] = shadows[..] else { panic!("{shadows:?}") };
        assert_eq!(shadow.rows.map(|row| row[3]), [3.0, 4.0, FLOOR[0]]);
        assert_eq!(shadow.rows[2][..3], [0.0; 3], "it is flat");
        assert!(
            (shadow.rows[0][0] - 0.1).abs() < 1e-6 && (shadow.rows[1][1] - 0.1).abs() < 1e-6,
            "it is round"
        );
    }

    /// Layers that have something on them.
    fn layers(instances: &Instances) -> Vec<Layer> {
        let mut layers: Vec<Layer> = instances.batches().map(|(_, _, layer, _)| layer).collect();
        layers.dedup();
        layers
    }
}
