//! Puts a checked robot into a scene, as one articulated body with motors.
//!
//! Rapier's multibodies hold joints exactly, whatever hangs on them; what a row of impulse joints costs less in time
//! it loses in stiffness (see [`Arm`](crate::Arm) for the figures).

use rapier3d::math::Pose;
use rapier3d::prelude::{Group, InteractionGroups, InteractionTestMode, JointAxis, RigidBodyType};
use rapier3d_urdf::UrdfMultibodyOptions;

use super::model::{Geometry, Joint, JointKind, RobotModel};
use super::{load, pose};
use crate::convert::{array, quaternion};
use crate::error::{PhysicsError, finite};
use crate::scene::{BodyId, ColliderId, MotorId, MotorJoint, SceneBuilder, drive_axis};
use crate::spec::{ColliderSpec, Drive, MotorSpec, PlacedShape, Shape};

/// The handles of a robot in a scene; mere frames have no body.
pub(crate) struct RobotParts {
    /// Per link of the model.
    pub(crate) bodies: Vec<Option<BodyId>>,
    /// Per link of the model.
    pub(crate) colliders: Vec<Vec<ColliderId>>,
    /// Per joint of the model; joints without effort have no motor.
    pub(crate) motors: Vec<Option<MotorId>>,
}

/// How a robot stands in a scene.
pub(crate) struct Stance<'s> {
    /// Where the root is (m).
    pub(crate) base: [f32; 3],
    /// Displacement of each joint of the model (rad or m).
    pub(crate) displacements: &'s [f32],
    /// Friction and groups of every collider.
    pub(crate) skin: &'s ColliderSpec,
    /// What each joint's motor is commanded to do.
    pub(crate) drive: fn(&Joint) -> Drive,
}

impl JointKind {
    /// The axis of rapier's joint that it moves along or about.
    fn axis(self) -> Option<JointAxis> {
        match self {
            Self::Fixed => None,
            Self::Revolute | Self::Continuous => Some(JointAxis::AngX),
            Self::Prismatic => Some(JointAxis::LinX),
        }
    }
}

impl SceneBuilder {
    /// Adds a robot, its root fixed; bodies have the names of links, motors those of joints.
    pub(crate) fn robot(
        &mut self,
        model: &RobotModel,
        stance: &Stance<'_>,
    ) -> Result<RobotParts, PhysicsError> {
        finite("a robot's base", &stance.base)?;
        finite("a robot's displacement", stance.displacements)?;
        let lost = |error| PhysicsError::NotAnArm { robot: model.name.clone(), why: format!("{error}") };
        let mut robot = load(model).map_err(lost)?;
        let groups = InteractionGroups::new(
            Group::from_bits_retain(stance.skin.groups),
            Group::from_bits_retain(stance.skin.collides_with),
            InteractionTestMode::And,
        );
        let base = Pose::from_translation(crate::convert::vector(stance.base));
        for link in &mut robot.links {
            let place = base * *link.body.position();
            link.body.set_position(place, false);
            // Rows are never idle long enough for sleep to pay, and waking depends on history.
            link.body.activation_mut().normalized_linear_threshold = -1.0;
            for part in &mut link.colliders {
                part.collider.set_friction(stance.skin.friction);
                part.collider.set_collision_groups(groups);
            }
        }
        for joint in &mut robot.joints {
            let spec = &model.joints[joint.urdf_joint_index];
            if let Some(axis) = spec.kind.axis()
                && spec.effort > 0.0
            {
                drive_axis(&mut joint.joint, axis, &motor(spec, stance.drive))?;
            }
        }
        let kept: Vec<_> = robot.links.iter().map(|link| link.urdf_link_index).collect();
        let sources: Vec<_> = robot.joints.iter().map(|joint| joint.urdf_joint_index).collect();

        let world = &mut self.template.world;
        let handles = robot.insert_using_multibody_joints(
            &mut world.bodies,
            &mut world.colliders,
            &mut world.multibody_joints,
            UrdfMultibodyOptions::DISABLE_SELF_CONTACTS,
        );
        let mut parts = RobotParts {
            bodies: vec![None; model.links.len()],
            colliders: vec![Vec::new(); model.links.len()],
            motors: vec![None; model.joints.len()],
        };
        for (link, handle) in kept.into_iter().zip(&handles.links) {
            let body = BodyId(handle.body);
            self.name_body(&model.links[link].name, body)?;
            if self.template.world.bodies[handle.body].body_type() != RigidBodyType::Fixed {
                self.template.dynamic.push(handle.body);
            }
            parts.bodies[link] = Some(body);
            parts.colliders[link] = handle.colliders.iter().map(|part| ColliderId(part.handle)).collect();
            let shapes = model.links[link].collisions.iter();
            let shapes =
                shapes.map(|shape| placed(body, &shape.geometry, pose(&shape.origin), stance.skin.groups));
            self.show(shapes);
        }
        for (source, handle) in sources.into_iter().zip(&handles.joints) {
            let spec = &model.joints[source];
            let (Some(axis), Some(handle)) = (spec.kind.axis(), handle.joint) else { continue };
            let set = &mut self.template.world.multibody_joints;
            if let Some((multibody, link)) = set.get_mut(handle) {
                if let Some(link) = multibody.link_mut(link) {
                    let displacement = stance.displacements[source];
                    link.joint.apply_displacement(&[displacement]);
                    link.joint.data.motors[axis as usize].target_pos = displacement;
                }
                multibody.forward_kinematics(&self.template.world.bodies, true);
                multibody.update_rigid_bodies(&mut self.template.world.bodies, false);
            }
            if spec.effort > 0.0 {
                let id = self.name_motor(MotorJoint::Multibody(handle), axis, &motor(spec, stance.drive))?;
                parts.motors[source] = Some(id);
            }
        }
        Ok(parts)
    }
}

fn motor(joint: &Joint, drive: fn(&Joint) -> Drive) -> MotorSpec {
    MotorSpec { name: joint.name.clone(), drive: drive(joint), max_force: joint.effort as f32 }
}

/// A shape as a drawer needs it; a hull is drawn as the box around it.
fn placed(body: BodyId, geometry: &Geometry, place: Pose, groups: u32) -> PlacedShape {
    let mut place = place;
    let shape = match geometry {
        Geometry::Box(size) => Shape::Cuboid { half_extents: size.map(|edge| edge as f32 / 2.0) },
        Geometry::Cylinder { radius, length } => {
            Shape::Cylinder { half_height: *length as f32 / 2.0, radius: *radius as f32 }
        }
        Geometry::Capsule { radius, length } => {
            Shape::Capsule { half_height: *length as f32 / 2.0, radius: *radius as f32 }
        }
        Geometry::Sphere { radius } => Shape::Ball { radius: *radius as f32 },
        Geometry::Mesh { hull, .. } => {
            let [low, high] = hull.bounds();
            let middle = [0, 1, 2].map(|axis| 0.5 * (low[axis] + high[axis]));
            place *= Pose::from_translation(crate::convert::vector(middle));
            Shape::Cuboid { half_extents: [0, 1, 2].map(|axis| 0.5 * (high[axis] - low[axis])) }
        }
    };
    PlacedShape {
        body,
        offset: array(place.translation),
        rotation: quaternion(&place.rotation),
        shape,
        groups,
    }
}
