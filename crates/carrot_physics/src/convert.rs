//! Plain arrays to rapier's math and back: the only place where the two meet.

use rapier3d::math::{Pose, Rotation, Vector};

pub(crate) fn vector([x, y, z]: [f32; 3]) -> Vector {
    Vector::new(x, y, z)
}

pub(crate) fn array(v: Vector) -> [f32; 3] {
    [v.x, v.y, v.z]
}

/// From a quaternion `[x, y, z, w]`; anything that cannot be normalised becomes the identity.
pub(crate) fn rotation([x, y, z, w]: [f32; 4]) -> Rotation {
    let norm = (x * x + y * y + z * z + w * w).sqrt();
    if norm.is_finite() && norm > 1e-6 {
        Rotation::from_xyzw(x / norm, y / norm, z / norm, w / norm)
    } else {
        Rotation::IDENTITY
    }
}

pub(crate) fn quaternion(r: &Rotation) -> [f32; 4] {
    [r.x, r.y, r.z, r.w]
}

pub(crate) fn pose(position: [f32; 3], orientation: [f32; 4]) -> Pose {
    Pose::from_parts(vector(position), rotation(orientation))
}
