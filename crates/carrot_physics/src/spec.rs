//! What a scene consists of, in plain numbers.

use crate::scene::BodyId;

/// How finely contacts and joints are solved. The step's length is given to [`PhysicsRow::step`](crate::PhysicsRow::step).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SolverConfig {
    /// Gravity (m/s^2).
    pub gravity: [f32; 3],
    /// Solver iterations per physics step; each integrates a part of it.
    pub iterations: usize,
    /// Sweeps over all joints and contacts in each of an iteration's two passes. One is enough for sliding
    /// joints; a velocity or position motor on a hinge that carries weight beside its axis wants about four.
    pub sweeps: usize,
    /// The size of a typical small object (m); contact margins and tolerances scale with it.
    pub length_unit: f32,
    /// How fast a contact between two moving bodies pushes them apart (Hz); the higher, the less they sink into
    /// each other. Contacts with fixed bodies are at 60 Hz.
    pub contact_frequency: f32,
    /// Whether two things that moved against each other by less than 5 % of `length_unit` keep their contacts as they
    /// were. That is faster, and steadies a grip, but a part that slips past an edge stays caught on it.
    pub recycle_contacts: bool,
}

impl Default for SolverConfig {
    fn default() -> Self {
        Self {
            gravity: [0.0, 0.0, -9.81],
            iterations: 4,
            sweeps: 1,
            length_unit: 1.0,
            contact_frequency: 30.0,
            recycle_contacts: true,
        }
    }
}

/// Whether a body moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motion {
    /// Never moves.
    Fixed,
    /// Moves and turns under forces.
    Dynamic,
    /// Moves under forces, never turns: held by guides that take any torque.
    DynamicUpright,
    /// Moves across a world axis and turns about it, never along or about another: a mechanism in a plane.
    DynamicPlanar(Axis),
}

/// One of the world's axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// The x axis.
    X,
    /// The y axis.
    Y,
    /// The z axis.
    Z,
}

/// A rigid body.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BodySpec {
    /// Whether it moves.
    pub motion: Motion,
    /// Where its origin starts (m).
    pub position: [f32; 3],
    /// How it starts turned, a quaternion `[x, y, z, w]`.
    pub rotation: [f32; 4],
}

impl BodySpec {
    /// A body at `position`, not turned.
    pub fn at(motion: Motion, position: [f32; 3]) -> Self {
        Self { motion, position, rotation: [0.0, 0.0, 0.0, 1.0] }
    }
}

/// The form of a collider.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// A ball.
    Ball {
        /// Radius (m).
        radius: f32,
    },
    /// A box.
    Cuboid {
        /// Half of each edge (m).
        half_extents: [f32; 3],
    },
    /// A cylinder along z.
    Cylinder {
        /// Half the length (m).
        half_height: f32,
        /// Radius (m).
        radius: f32,
    },
    /// A cylinder along z with round ends.
    Capsule {
        /// Half the length of the straight part (m).
        half_height: f32,
        /// Radius (m).
        radius: f32,
    },
}

/// A solid part of a body.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ColliderSpec {
    /// Its form.
    pub shape: Shape,
    /// Its centre in the body's frame (m).
    pub offset: [f32; 3],
    /// Its mass (kg).
    pub mass: f32,
    /// Coulomb friction; two touching colliders use the mean.
    pub friction: f32,
    /// Groups that it belongs to, one bit each.
    pub groups: u32,
    /// Groups that it collides with; both sides must agree.
    pub collides_with: u32,
}

impl ColliderSpec {
    /// A collider at the body's origin that meets everything, with friction 0.5.
    pub fn new(shape: Shape, mass: f32) -> Self {
        Self { shape, offset: [0.0; 3], mass, friction: 0.5, groups: 1, collides_with: u32::MAX }
    }
}

/// What a motor is commanded to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Drive {
    /// To move at a velocity (m/s or rad/s); nearly rigid up to its largest force.
    Velocity,
    /// To hold a displacement (m or rad) like a spring with a damper.
    Position {
        /// Force per displacement (N/m or N m/rad).
        stiffness: f32,
        /// Force per velocity (N s/m or N m s/rad).
        damping: f32,
    },
    /// To give a force (N or N m), cut to its largest, against the axis' own viscous friction.
    ///
    /// The friction is solved with the joint, so it stays stable however large it is; what the motor's
    /// [totals](crate::MotorTotals) say includes it.
    Force {
        /// Friction per velocity (N s/m or N m s/rad); 0 for none.
        damping: f32,
    },
}

/// Drives one axis of a joint, a sliding one with a limited force, a turning one with a limited torque.
#[derive(Debug, Clone, PartialEq)]
pub struct MotorSpec {
    /// Its name.
    pub name: String,
    /// What its commands mean.
    pub drive: Drive,
    /// The largest force it can give (N or N m).
    pub max_force: f32,
}

/// One sliding axis of a joint.
#[derive(Debug, Clone, PartialEq)]
pub struct SlideSpec {
    /// Least and greatest displacement (m).
    pub limits: [f32; 2],
    /// What drives it, if anything does.
    pub motor: Option<MotorSpec>,
}

/// A joint whose axes either slide or are locked; it never turns.
///
/// Three sliding axes make one gantry of three prismatic axes without bodies in between.
#[derive(Debug, Clone, PartialEq)]
pub struct JointSpec {
    /// Where displacement is zero, in the frame of the first body (m).
    pub anchor: [f32; 3],
    /// The axes x, y, z: `None` is locked.
    pub slides: [Option<SlideSpec>; 3],
}

/// A joint that turns about one axis, with or without limits and a motor.
///
/// The joint's frame sits at `anchor`, turned by `rotation`, in the first body. At angle 0 the second body's axes
/// are parallel to it; that is how URDF places a child link.
#[derive(Debug, Clone, PartialEq)]
pub struct HingeSpec {
    /// A point of the axis in the frame of the first body (m).
    pub anchor: [f32; 3],
    /// How the joint's frame is turned in the first body, a quaternion `[x, y, z, w]`.
    pub rotation: [f32; 4],
    /// The same point of the axis in the frame of the second body (m).
    pub second_anchor: [f32; 3],
    /// Direction of the axis in the joint's frame; positive angles turn right-handed about it.
    pub axis: [f32; 3],
    /// Least and greatest angle (rad), less than a turn apart; `None` turns freely.
    pub limits: Option<[f32; 2]>,
    /// What drives it, if anything does.
    pub motor: Option<MotorSpec>,
}

impl HingeSpec {
    /// A free hinge about `axis` through `anchor` of the first body and the origin of the second, not turned.
    pub fn new(anchor: [f32; 3], axis: [f32; 3]) -> Self {
        Self {
            anchor,
            rotation: [0.0, 0.0, 0.0, 1.0],
            second_anchor: [0.0; 3],
            axis,
            limits: None,
            motor: None,
        }
    }
}

/// A collider as a drawer needs it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlacedShape {
    /// The body it moves with.
    pub body: BodyId,
    /// Its centre in the body's frame (m).
    pub offset: [f32; 3],
    /// How it is turned in the body's frame, a quaternion `[x, y, z, w]`.
    pub rotation: [f32; 4],
    /// Its form.
    pub shape: Shape,
    /// Groups that it belongs to, one bit each.
    pub groups: u32,
}
