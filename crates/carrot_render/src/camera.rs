//! From a camera to the matrix that the shaders want.

use carrot_sim::Camera;
use glam::{Affine3A, Mat4, Vec3, Vec3A};

/// What a camera in perspective sees of the height at its target, per distance: an angle of 40 degrees.
const SLOPE: f32 = 0.727_940_5;

/// Clip coordinates of a point of the world, for square pictures.
pub fn clip_from_world(camera: &Camera) -> Mat4 {
    let (eye, target) = (Vec3::from(camera.eye), Vec3::from(camera.target));
    let distance = (target - eye).length().max(1e-3);
    let forward = (target - eye) / distance;
    // Seen from straight above, what is far along y is at the top.
    let up = if forward.z.abs() > 0.999 { Vec3::Y } else { Vec3::Z };
    let view = Mat4::look_to_rh(eye, forward, up);
    let projection = match camera.height {
        Some(height) => {
            let half = 0.5 * height;
            Mat4::orthographic_rh(-half, half, -half, half, 0.01 * distance, 10.0 * distance)
        }
        None => Mat4::perspective_rh(2.0 * (0.5 * SLOPE).atan(), 1.0, 0.05 * distance, 50.0 * distance),
    };
    projection * view
}

/// How large a camera shows things.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sight {
    pub(crate) eye: Vec3A,
    /// What a metre takes: everywhere, or in perspective a metre away from the eye.
    pub(crate) pixels_per_metre: f32,
    pub(crate) is_perspective: bool,
}

impl Sight {
    /// That of a square picture of so many pixels.
    pub(crate) fn new(camera: &Camera, size: u32) -> Self {
        Self {
            eye: camera.eye.into(),
            pixels_per_metre: size as f32 / camera.height.unwrap_or(SLOPE),
            is_perspective: camera.height.is_none(),
        }
    }

    /// The radius across z of a unit mesh with this pose.
    pub(crate) fn radius_in_pixels(&self, pose: &Affine3A) -> f32 {
        let radius = pose.matrix3.x_axis.length().max(pose.matrix3.y_axis.length());
        let distance = if self.is_perspective { (pose.translation - self.eye).length() } else { 1.0 };
        radius * self.pixels_per_metre / distance.max(1e-3)
    }
}
