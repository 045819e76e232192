//! Hinges: joints that turn about one axis.
//!
//! # Measured
//! A rod of 0.5 m held at its end by a motor of 3 times its weight's moment, 5 ms steps, commanded to turn at 1 rad/s
//! through whole turns; the largest error of its speed (`tests/hinges.rs` holds the tolerances):
//!
//! | iterations | sweeps | error |
//! |---|---|---|
//! | 4 | 1 | 6.3 % |
//! | 2 | 2 | 4.5 % |
//! | 4 | 4 | 0.6 % |
//! | 1 | 8 | 0.6 % |
//!
//! A motor that gives a force is exact with any.

use rapier3d::math::{Pose, Rotation, Vector};
use rapier3d::prelude::{GenericJoint, JointAxesMask, JointAxis, JointLimits, LockedAxes, RigidBody};

use crate::convert::{rotation, vector};
use crate::error::{PhysicsError, finite, positive};
use crate::scene::{BodyId, MotorJoint, SceneBuilder, drive_axis};
use crate::spec::HingeSpec;

/// What holds a body in the plane across the x, y or z axis.
const PLANES: [LockedAxes; 3] = [
    LockedAxes::TRANSLATION_LOCKED_X
        .union(LockedAxes::ROTATION_LOCKED_Y)
        .union(LockedAxes::ROTATION_LOCKED_Z),
    LockedAxes::TRANSLATION_LOCKED_Y
        .union(LockedAxes::ROTATION_LOCKED_X)
        .union(LockedAxes::ROTATION_LOCKED_Z),
    LockedAxes::TRANSLATION_LOCKED_Z
        .union(LockedAxes::ROTATION_LOCKED_X)
        .union(LockedAxes::ROTATION_LOCKED_Y),
];
/// A joint turns about the x axis of its frames.
const AXIS: JointAxis = JointAxis::AngX;

impl SceneBuilder {
    /// Lets `second` turn about an axis fixed in `first`, and adds the axis' motor.
    ///
    /// Bodies are not moved: place them as the hinge holds them, or the first steps will pull them there.
    ///
    /// # Errors
    /// A motor's name that is taken, a force that is not above 0, an axis without a direction, limits out of
    /// order or a turn and more apart.
    pub fn hinge(&mut self, first: BodyId, second: BodyId, spec: HingeSpec) -> Result<(), PhysicsError> {
        finite("a hinge's anchor", &spec.anchor)?;
        finite("a hinge's anchor", &spec.second_anchor)?;
        finite("a hinge's rotation", &spec.rotation)?;
        finite("a hinge's axis", &spec.axis)?;
        let axis = vector(spec.axis);
        positive("the length of a hinge's axis", axis.length())?;
        let axis = axis.normalize();
        let turned = Rotation::from_rotation_arc(Vector::X, axis);
        let frame = rotation(spec.rotation);

        let mut joint = GenericJoint::new(self.hinge_rows(first, second, frame * axis));
        joint.local_frame1 = Pose::from_parts(vector(spec.anchor), frame * turned);
        joint.local_frame2 = Pose::from_parts(vector(spec.second_anchor), turned);
        if let Some([min, max]) = spec.limits {
            finite("a hinge's limit", &[min, max])?;
            positive("a hinge's range", max - min)?;
            positive("a full turn less a hinge's range", std::f32::consts::TAU - (max - min))?;
            joint.limit_axes |= JointAxesMask::from(AXIS);
            joint.limits[AXIS as usize] = JointLimits { min, max, impulse: 0.0 };
        }
        if let Some(motor) = &spec.motor {
            drive_axis(&mut joint, AXIS, motor)?;
        }
        let handle = self.template.world.insert_impulse_joint(first.0, second.0, joint);
        match &spec.motor {
            Some(motor) => self.name_motor(MotorJoint::Impulse(handle), AXIS, motor).map(|_| ()),
            None => Ok(()),
        }
    }

    /// The axes that the hinge has to hold itself: where neither body leaves the plane across its axis, the
    /// solver is spared three rows of five.
    fn hinge_rows(&self, first: BodyId, second: BodyId, axis: Vector) -> JointAxesMask {
        let bodies = &self.template.world.bodies;
        let in_plane = |id: BodyId| {
            bodies.get(id.0).is_some_and(|body| {
                let normal = (*body.rotation() * axis).to_array().map(|x| x.abs() > 1.0 - 1e-6);
                let locked = body.locked_axes();
                body.is_fixed() || PLANES.iter().zip(normal).any(|(&plane, across)| across && locked == plane)
            })
        };
        if in_plane(first) && in_plane(second) {
            JointAxesMask::LIN_Y | JointAxesMask::LIN_Z
        } else {
            JointAxesMask::LIN_AXES | JointAxesMask::ANG_Y | JointAxesMask::ANG_Z
        }
    }
}

/// Angle, from -pi to pi, and angular velocity of the second body about a hinge's axis.
pub(crate) fn angle(first: &RigidBody, second: &RigidBody, joint: &GenericJoint) -> (f32, f32) {
    let from = *first.rotation() * joint.local_frame1.rotation;
    let to = *second.rotation() * joint.local_frame2.rotation;
    let turn = from.inverse() * to;
    // A quaternion and its negative are the same turn.
    let sign = 1.0_f32.copysign(turn.w);
    let angle = 2.0 * libm::atan2f(sign * turn.x, sign * turn.w);
    (angle, (second.angvel() - first.angvel()).dot(from * Vector::X))
}
