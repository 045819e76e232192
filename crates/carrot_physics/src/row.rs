//! One running copy of a scene: commands in, steps, readings out.

use std::sync::Arc;

use bevy_ecs::component::Component;
use rapier3d::prelude::{
    CCDSolver, CollisionPipeline, JointMotor, MultibodyJointHandle, PhysicsPipeline, PhysicsWorld, RigidBody,
    RigidBodyHandle,
};

use crate::convert::{array, pose, quaternion, rotation, vector};
use crate::hinge;
use crate::scene::{BodyId, Motor, MotorId, MotorJoint, SiteId, Template, WatchId};
use crate::spec::{Drive, PlacedShape};
use crate::totals::{ContactTotals, MotorTotals};

/// A velocity beyond anything that moves (m/s or rad/s).
const UNREACHABLE: f32 = 1e6;

/// The physics of one env row.
///
/// Each row owns its pipeline and CCD solver: rapier's pipeline keeps joint constraints between calls, so that
/// rows that shared one would drive each other's motors.
#[derive(Component)]
pub struct PhysicsRow {
    pub(crate) template: Arc<Template>,
    pub(crate) world: PhysicsWorld,
    pub(crate) contacts: Vec<ContactTotals>,
    pub(crate) motors: Vec<MotorTotals>,
    pub(crate) diverged: bool,
    /// Share of its greatest force that each motor has.
    pub(crate) strength: f32,
    /// Velocity of each motor before the running substep.
    velocities: Vec<f32>,
}

impl PhysicsRow {
    pub(crate) fn new(template: Arc<Template>) -> Self {
        Self {
            world: clone_world(&template.world),
            contacts: vec![ContactTotals::default(); template.watches.len()],
            motors: vec![MotorTotals::default(); template.motors.len()],
            diverged: false,
            strength: 1.0,
            velocities: vec![0.0; template.motors.len()],
            template,
        }
    }

    /// What the row is a copy of.
    pub fn template(&self) -> &Arc<Template> {
        &self.template
    }

    /// Back to the scene's first state, bit for bit that of a new row.
    pub fn reset(&mut self) {
        self.world = clone_world(&self.template.world);
        self.contacts.fill(ContactTotals::default());
        self.motors.fill(MotorTotals::default());
        self.diverged = false;
        self.strength = 1.0;
    }

    /// Advances by `decimation` substeps of `physics_dt` seconds, and accumulates contacts and work over them.
    ///
    /// A row whose state stops being finite, or that was given a number that is not, marks itself as
    /// [diverged](Self::diverged) and stands still until it is reset.
    pub fn step(&mut self, physics_dt: f32, decimation: u32) {
        self.contacts.iter_mut().for_each(ContactTotals::begin_step);
        self.motors.fill(MotorTotals::default());
        self.diverged |= !(physics_dt.is_finite() && physics_dt > 0.0);
        if self.diverged {
            return;
        }
        self.world.integration_parameters.dt = physics_dt;
        for (velocity, &motor) in self.velocities.iter_mut().zip(&self.template.motors) {
            *velocity = displacement(&self.world, motor).1;
        }
        for _ in 0..decimation {
            self.world.step();
            self.diverged = !self.world.quarantine().is_empty() || !self.is_finite();
            if self.diverged {
                return;
            }
            self.add_motors();
            self.add_contacts();
        }
    }

    /// Whether the state stopped being finite since the last reset.
    pub fn diverged(&self) -> bool {
        self.diverged
    }

    fn is_finite(&self) -> bool {
        self.template.dynamic.iter().all(|&handle| {
            let body = &self.world.bodies[handle];
            body.translation().is_finite() && body.linvel().is_finite() && body.angvel().is_finite()
        })
    }

    fn add_motors(&mut self) {
        let iterations = self.world.integration_parameters.num_solver_iterations as f32;
        for (at, &motor) in self.template.motors.iter().enumerate() {
            // Rapier writes back what the last iteration applied; the others differ little from it.
            let impulse = joint_motor_impulse(&self.world, motor) * iterations;
            let after = displacement(&self.world, motor).1;
            self.motors[at].add(impulse, self.velocities[at], after);
            self.velocities[at] = after;
        }
    }

    fn add_contacts(&mut self) {
        for (watch, totals) in self.template.watches.iter().zip(&mut self.contacts) {
            let mut impulse = [0.0; 3];
            let mut magnitude = 0.0;
            for &first in &watch.first {
                for &second in &watch.second {
                    let Some(pair) = self.world.narrow_phase.contact_pair(first, second) else { continue };
                    // The pair's own order of colliders is rapier's choice.
                    let sign = if pair.collider1 == first { -1.0 } else { 1.0 };
                    let normal = array(pair.total_impulse());
                    for axis in 0..3 {
                        impulse[axis] += sign * normal[axis];
                    }
                    magnitude += pair.total_impulse_magnitude();
                }
            }
            totals.add(impulse, magnitude, magnitude > 0.0);
        }
    }

    // Commands.

    /// Commands a motor: a velocity (m/s, rad/s), a displacement (m, rad) or a force (N, N m), as its [`Drive`] says.
    ///
    /// The command holds until the next one. A number that is not finite marks the row as diverged.
    pub fn command(&mut self, motor: MotorId, target: f32) {
        if !target.is_finite() {
            self.diverged = true;
            return;
        }
        let Motor { joint, axis, drive, max_force } = self.template.motors[motor.0];
        let max_force = max_force * self.strength;
        let set = |motor: &mut JointMotor| match drive {
            Drive::Velocity => (motor.target_vel, motor.max_force) = (target, max_force),
            Drive::Position { .. } => (motor.target_pos, motor.max_force) = (target, max_force),
            Drive::Force { damping: 0.0 } => {
                // A velocity that is never reached takes all of the force there is.
                motor.target_vel = UNREACHABLE.copysign(target);
                motor.max_force = target.abs().min(max_force);
            }
            Drive::Force { damping } => motor.target_vel = target.clamp(-max_force, max_force) / damping,
        };
        let joint = match joint {
            MotorJoint::Impulse(joint) => joint,
            MotorJoint::Multibody(joint) => {
                if let Some((multibody, link)) = self.world.multibody_joints.get_mut(joint)
                    && let Some(link) = multibody.link_mut(link)
                {
                    set(&mut link.joint.data.motors[axis]);
                }
                return;
            }
        };
        let joints = &mut self.world.impulse_joints;
        // Looking at a joint mutably makes rapier rebuild its constraints, so look first.
        let same = joints.get(joint).is_some_and(|joint| {
            let current = joint.data.motors[axis];
            let mut commanded = current;
            set(&mut commanded);
            commanded == current
        });
        if same {
            return;
        }
        if let Some(joint) = joints.get_mut(joint, false) {
            set(&mut joint.data.motors[axis]);
        }
    }

    /// Where a velocity motor within an articulated body is to be, as its driver last said.
    ///
    /// It is kept in the place of the motor's target, which has no stiffness, so that it is part of every snapshot.
    pub(crate) fn reference(&self, motor: MotorId) -> f32 {
        let Motor { joint, axis, .. } = self.template.motors[motor.0];
        let MotorJoint::Multibody(joint) = joint else { return 0.0 };
        let found = self.world.multibody_joints.get(joint);
        found
            .and_then(|(body, link)| body.link(link))
            .map_or(0.0, |link| link.joint.data.motors[axis].target_pos)
    }

    /// Says where a velocity motor within an articulated body is to be.
    pub(crate) fn set_reference(&mut self, motor: MotorId, displacement: f32) {
        let Motor { joint, axis, .. } = self.template.motors[motor.0];
        let MotorJoint::Multibody(joint) = joint else { return };
        if let Some((multibody, link)) = self.world.multibody_joints.get_mut(joint)
            && let Some(link) = multibody.link_mut(link)
            && displacement.is_finite()
        {
            link.joint.data.motors[axis].target_pos = displacement;
        }
    }

    // Changes of the scene itself, until the next reset.

    /// Sets gravity along z (m/s^2), negative downwards.
    ///
    /// A number that is not finite marks the row as diverged; so below.
    pub fn set_gravity(&mut self, gravity: f32) {
        self.diverged |= !gravity.is_finite();
        if gravity.is_finite() {
            self.world.gravity = vector([0.0, 0.0, gravity]);
        }
    }

    /// Gives every motor this share of its greatest force, from its next command on.
    pub fn set_motor_strength(&mut self, share: f32) {
        self.diverged |= !share.is_finite();
        if share.is_finite() {
            self.strength = share.max(0.0);
        }
    }

    /// Gives every solid part this share of its first friction.
    pub fn set_friction(&mut self, share: f32) {
        self.diverged |= !share.is_finite();
        if share.is_finite() {
            for (handle, first) in self.template.world.colliders.iter() {
                if let Some(collider) = self.world.colliders.get_mut(handle) {
                    collider.set_friction(first.friction() * share.max(0.0));
                }
            }
        }
    }

    /// Gives a body this share of its first mass; no less than a thousandth, which physics can still work with.
    pub fn set_mass(&mut self, body: BodyId, share: f32) {
        self.diverged |= !share.is_finite();
        let first = &self.template.world;
        let Some(parts) = first.bodies.get(body.0).filter(|_| share.is_finite()) else { return };
        for &handle in parts.colliders() {
            if let (Some(first), Some(own)) =
                (first.colliders.get(handle), self.world.colliders.get_mut(handle))
            {
                own.set_mass(first.mass() * share.max(1e-3));
            }
        }
    }

    /// Pushes a body's centre of mass with a force (N) from now on, in place of any other; none with zero.
    pub fn set_force(&mut self, body: BodyId, force: [f32; 3]) {
        let is_finite = force.iter().all(|value| value.is_finite());
        self.diverged |= !is_finite;
        if let Some(body) = self.world.bodies.get_mut(body.0).filter(|_| is_finite) {
            body.reset_forces(true);
            body.add_force(vector(force), true);
        }
    }

    /// Puts a body somewhere else, at rest.
    ///
    /// Numbers that are not finite mark the row as diverged.
    pub fn place(&mut self, body: BodyId, position: [f32; 3], rotation: [f32; 4]) {
        if !position.iter().chain(&rotation).all(|value| value.is_finite()) {
            self.diverged = true;
            return;
        }
        if let Some(body) = self.world.bodies.get_mut(body.0) {
            body.set_position(pose(position, rotation), false);
        }
        self.set_velocity(body, [0.0; 3], [0.0; 3]);
    }

    /// Sets a body's velocity (m/s) and angular velocity (rad/s).
    ///
    /// Numbers that are not finite mark the row as diverged.
    pub fn set_velocity(&mut self, body: BodyId, linear: [f32; 3], angular: [f32; 3]) {
        if !linear.iter().chain(&angular).all(|value| value.is_finite()) {
            self.diverged = true;
            return;
        }
        if let Some(body) = self.world.bodies.get_mut(body.0) {
            body.set_linvel(vector(linear), false);
            body.set_angvel(vector(angular), false);
        }
    }

    // Readings.

    fn body(&self, handle: RigidBodyHandle) -> &RigidBody {
        &self.world.bodies[handle]
    }

    /// Where a body's origin is (m).
    pub fn position(&self, body: BodyId) -> [f32; 3] {
        array(self.body(body.0).translation())
    }

    /// How a body is turned, a unit quaternion `[x, y, z, w]`.
    pub fn rotation(&self, body: BodyId) -> [f32; 4] {
        quaternion(self.body(body.0).rotation())
    }

    /// How fast a body's centre of mass moves (m/s).
    pub fn velocity(&self, body: BodyId) -> [f32; 3] {
        array(self.body(body.0).linvel())
    }

    /// How fast a body turns (rad/s).
    pub fn angular_velocity(&self, body: BodyId) -> [f32; 3] {
        array(self.body(body.0).angvel())
    }

    /// Where a site is (m).
    pub fn site(&self, site: SiteId) -> [f32; 3] {
        let site = self.template.sites[site.0];
        array(self.body(site.body).position().transform_point(vector(site.offset)))
    }

    /// How fast a site moves (m/s).
    pub fn site_velocity(&self, site: SiteId) -> [f32; 3] {
        let site = self.template.sites[site.0];
        let body = self.body(site.body);
        array(body.velocity_at_point(body.position().transform_point(vector(site.offset))))
    }

    /// Where a collider is (m) and how it is turned, a unit quaternion `[x, y, z, w]`.
    pub fn shape_pose(&self, shape: &PlacedShape) -> ([f32; 3], [f32; 4]) {
        let pose = self.body(shape.body.0).position();
        let rotation = pose.rotation * rotation(shape.rotation);
        (array(pose.transform_point(vector(shape.offset))), quaternion(&rotation))
    }

    /// How far a motor's axis is displaced (m), or its angle from -pi to pi (rad).
    pub fn motor_position(&self, motor: MotorId) -> f32 {
        displacement(&self.world, self.template.motors[motor.0]).0
    }

    /// How fast a motor's axis moves (m/s or rad/s).
    pub fn motor_velocity(&self, motor: MotorId) -> f32 {
        displacement(&self.world, self.template.motors[motor.0]).1
    }

    /// What a motor did during the last step; nothing within an articulated body, whose impulses rapier keeps to itself.
    pub fn motor(&self, motor: MotorId) -> MotorTotals {
        self.motors[motor.0]
    }

    /// What happened at a watched pair during the last step.
    pub fn contact(&self, watch: WatchId) -> ContactTotals {
        self.contacts[watch.0]
    }
}

/// A copy of the sets with fresh workspaces; the sets hold all that the next step depends on.
pub(crate) fn clone_world(world: &PhysicsWorld) -> PhysicsWorld {
    PhysicsWorld {
        gravity: world.gravity,
        integration_parameters: world.integration_parameters,
        physics_pipeline: PhysicsPipeline::new(),
        collision_pipeline: CollisionPipeline::new(),
        islands: world.islands.clone(),
        broad_phase: world.broad_phase.clone(),
        narrow_phase: world.narrow_phase.clone(),
        bodies: world.bodies.clone(),
        colliders: world.colliders.clone(),
        impulse_joints: world.impulse_joints.clone(),
        multibody_joints: world.multibody_joints.clone(),
        soft_bodies: world.soft_bodies.clone(),
        ccd_solver: CCDSolver::new(),
    }
}

/// Displacement and velocity of the second body along one axis of the joint's frame in the first.
fn displacement(world: &PhysicsWorld, motor: Motor) -> (f32, f32) {
    let joint = match motor.joint {
        MotorJoint::Impulse(joint) => joint,
        MotorJoint::Multibody(joint) => return articulated_displacement(world, joint, motor.axis),
    };
    let Some(joint) = world.impulse_joints.get(joint) else { return (0.0, 0.0) };
    let (first, second) = (&world.bodies[joint.body1()], &world.bodies[joint.body2()]);
    if motor.axis >= 3 {
        return hinge::angle(first, second, &joint.data);
    }
    let mut unit = [0.0; 3];
    unit[motor.axis] = 1.0;
    let axis = *first.rotation() * vector(unit);
    let anchor = first.position().transform_point(joint.data.local_frame1.translation);
    let origin = second.translation();
    let velocity = second.velocity_at_point(origin) - first.velocity_at_point(origin);
    ((origin - anchor).dot(axis), velocity.dot(axis))
}

/// Displacement and velocity of a joint with one axis within an articulated body; angles are not cut at half a turn.
fn articulated_displacement(world: &PhysicsWorld, joint: MultibodyJointHandle, axis: usize) -> (f32, f32) {
    let found = world.multibody_joints.get(joint);
    let Some((multibody, link)) = found.and_then(|(body, link)| Some((body, body.link(link)?))) else {
        return (0.0, 0.0);
    };
    let velocity = multibody.joint_velocity(link);
    (link.joint.coords()[axis], velocity.iter().next().copied().unwrap_or_default())
}

/// Impulse on the second body along one axis; rapier's own sign is that of the first.
fn joint_motor_impulse(world: &PhysicsWorld, motor: Motor) -> f32 {
    let MotorJoint::Impulse(joint) = motor.joint else { return 0.0 };
    world.impulse_joints.get(joint).map_or(0.0, |joint| -joint.data.motors[motor.axis].impulse)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::MotorJoint;
    use crate::{Bench, CubeSpec, HandSpec};
    use rapier3d::prelude::Vector;

    #[test]
    fn state_that_stops_being_finite_inside_rapier_is_detected_within_its_step() {
        let mut bench = Bench::new(HandSpec::SOLVER, Bench::FRICTION).unwrap();
        let hand = HandSpec::default().add_to(&mut bench).unwrap();
        let cube = bench.cube("cube", CubeSpec::default(), [0.0; 2]).unwrap().body;
        let template = bench.build();
        let force = Vector::new(f32::NAN, 0.0, 0.0);
        for inject in [0, 1, 2] {
            let mut row = template.row();
            row.step(HandSpec::PHYSICS_DT, HandSpec::DECIMATION);
            match inject {
                0 => row.world.bodies.get_mut(cube.0).unwrap().set_linvel(force, false),
                1 => row.world.bodies.get_mut(cube.0).unwrap().add_force(force, false),
                _ => {
                    let MotorJoint::Impulse(joint) = row.template.motors[0].joint else { unreachable!() };
                    row.world.impulse_joints.get_mut(joint, false).unwrap().data.motors[0].target_vel =
                        f32::NAN;
                }
            }
            row.step(HandSpec::PHYSICS_DT, HandSpec::DECIMATION);
            assert!(row.diverged(), "injection {inject}");
            let readings = [row.position(cube), row.velocity(cube), row.site(hand.tool)];
            assert!(
                readings.iter().flatten().all(|value| value.is_finite()),
                "injection {inject}: {readings:?}"
            );
            let totals =
                row.contact(hand.table_contact).impulse.into_iter().chain([row.motor(hand.axes[0]).work]);
            assert!(totals.into_iter().all(f32::is_finite));
            let stopped = row.snapshot().unwrap();
            row.step(HandSpec::PHYSICS_DT, HandSpec::DECIMATION);
            assert!(row.snapshot().unwrap() == stopped, "a diverged row stands still");
        }
    }
}
