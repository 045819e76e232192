//! From a camera to the matrix that the shaders want.

use carrot_sim::Camera;
use glam::{Mat4, Vec3};

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
