//! Forms as meshes: unit meshes that are scaled where a form allows it, and one mesh per form where not.

use std::collections::HashMap;

use bevy::prelude::*;

use crate::solid::Form;

/// What makes two forms share a mesh.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Cuboid,
    Sphere,
    Cylinder,
    Cone,
    Ring(u32, u32),
    Capsule(u32, u32),
    Line(Vec<[u32; 3]>, u32),
}

/// Meshes and materials that were made so far.
#[derive(Resource, Default)]
pub(super) struct Stock {
    meshes: HashMap<Key, Handle<Mesh>>,
    materials: HashMap<([u8; 4], bool), Handle<StandardMaterial>>,
}

impl Stock {
    /// The mesh of a form; [`scale`] says how it is stretched.
    pub(super) fn mesh(&mut self, form: &Form, assets: &mut Assets<Mesh>) -> Handle<Mesh> {
        self.meshes.entry(key(form)).or_insert_with(|| assets.add(make(form))).clone()
    }

    /// The material of a colour, linear RGB and opacity.
    pub(super) fn material(
        &mut self,
        color: [f32; 4],
        glows: bool,
        assets: &mut Assets<StandardMaterial>,
    ) -> Handle<StandardMaterial> {
        let bytes = color.map(|c| (c.clamp(0.0, 1.0) * 255.0).round() as u8);
        let make = || {
            let [r, g, b, a] = color;
            assets.add(StandardMaterial {
                base_color: Color::linear_rgba(r, g, b, a),
                emissive: if glows { LinearRgba::rgb(r, g, b) * 0.35 } else { LinearRgba::BLACK },
                perceptual_roughness: 0.62,
                reflectance: 0.28,
                alpha_mode: if a < 1.0 { AlphaMode::Blend } else { AlphaMode::Opaque },
                ..default()
            })
        };
        self.materials.entry((bytes, glows)).or_insert_with(make).clone()
    }
}

fn key(form: &Form) -> Key {
    match form {
        Form::Cuboid(_) => Key::Cuboid,
        Form::Sphere(_) => Key::Sphere,
        Form::Cylinder(..) => Key::Cylinder,
        Form::Cone(..) => Key::Cone,
        Form::Ring(radius, tube) => Key::Ring(radius.to_bits(), tube.to_bits()),
        Form::Capsule(radius, half) => Key::Capsule(radius.to_bits(), half.to_bits()),
        Form::Line(points, width) => {
            Key::Line(points.iter().map(|point| point.map(f32::to_bits)).collect(), width.to_bits())
        }
    }
}

/// How the mesh of a form is stretched, in the mesh's own axes.
pub(super) fn scale(form: &Form) -> Vec3 {
    match form {
        Form::Cuboid([x, y, z]) => 2.0 * Vec3::new(*x, *y, *z),
        Form::Sphere(radius) => Vec3::splat(*radius),
        Form::Cylinder(radius, half) | Form::Cone(radius, half) => Vec3::new(*radius, *half, *radius),
        Form::Ring(..) | Form::Capsule(..) | Form::Line(..) => Vec3::ONE,
    }
}

/// From a mesh's own axes to the form's: round meshes stand along y, round forms along z.
pub(super) fn stand(form: &Form) -> Quat {
    match form {
        Form::Cylinder(..) | Form::Cone(..) | Form::Ring(..) | Form::Capsule(..) => {
            Quat::from_rotation_x(std::f32::consts::FRAC_PI_2)
        }
        Form::Cuboid(_) | Form::Sphere(_) | Form::Line(..) => Quat::IDENTITY,
    }
}

fn make(form: &Form) -> Mesh {
    match form {
        Form::Cuboid(_) => Cuboid::new(1.0, 1.0, 1.0).into(),
        Form::Sphere(_) => Sphere::new(1.0).mesh().uv(32, 20),
        Form::Cylinder(..) => Cylinder::new(1.0, 2.0).mesh().resolution(40).into(),
        Form::Cone(..) => Cone::new(1.0, 2.0).mesh().resolution(32).into(),
        Form::Ring(radius, tube) => Torus { minor_radius: *tube, major_radius: *radius }.into(),
        Form::Capsule(radius, half) => Capsule3d::new(*radius, 2.0 * half).into(),
        Form::Line(points, width) => line(points, *width),
    }
}

/// A rounded tube along points.
fn line(points: &[[f32; 3]], width: f32) -> Mesh {
    let radius = 0.5 * width;
    let mut whole: Mesh = Sphere::new(radius).mesh().uv(8, 6);
    whole.translate_by(points.first().map_or(Vec3::ZERO, |point| Vec3::from(*point)));
    for pair in points.windows(2) {
        let (from, to) = (Vec3::from(pair[0]), Vec3::from(pair[1]));
        let along = to - from;
        if along.length() < 1e-6 {
            continue;
        }
        let turned = Quat::from_rotation_arc(Vec3::Y, along.normalize());
        let middle = Transform { translation: 0.5 * (from + to), rotation: turned, ..default() };
        let tube = Mesh::from(Cylinder::new(radius, along.length()).mesh().resolution(10));
        let mut joint: Mesh = Sphere::new(radius).mesh().uv(8, 6);
        joint.translate_by(to);
        for part in [tube.transformed_by(middle), joint] {
            // All parts come with the same attributes, so that merging them cannot fail.
            whole.merge(&part).ok();
        }
    }
    whole
}
