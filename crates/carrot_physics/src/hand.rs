//! A Cartesian hand over a table: a palm on three motor-driven axes, two opposing fingers, perhaps a cube.
//!
//! The gantry is one joint with three sliding, motor-driven, limited axes between the world and the palm, without
//! bodies in between. Palm and fingers cannot turn, as guides that take any torque would have it, so that no joint
//! needs rows for rotations. Nothing floats: gravity pulls on every moving body, and the z motor carries the hand.
//! Links never collide with each other (collision groups), nothing sleeps.
//!
//! # Measured
//! CPU time of a 40 ms control step in 4 substeps, 256 rows in turn, every motor commanded anew at each step
//! (`examples/hand_speed.rs`; a 2-core virtual machine under load 6 to 8, best of three runs):
//!
//! | scene | iterations | control step | control steps/s |
//! |---|---|---|---|
//! | blocked fingers | 1 | 21 us (14 us on a quiet machine) | 49,000 (73,000) |
//! | driven fingers | 2 | 31 us | 32,000 |
//! | driven fingers, cube | 2 | 45 us | 22,000 |
//!
//! Chosen, from what was tried:
//! - Two iterations where fingers move. With one, fingers that the palm presses on the table with 90 N give way by a
//!   centimetre and report 70 N; a palm with blocked fingers is exact with one.
//! - Palm to finger 3 : 1 in mass. At 10 : 1 the palm bounces on its pressed fingers at 0.5 m/s.
//! - Fingers are springs. Two velocity motors saturate at equal forces, and nothing holds the cube in the middle.
//! - Friction also in the biased pass: without it a held cube creeps by millimetres a second and falls.
//! - Rapier's simplified friction: the model with friction per contact point slides 6 % too far.
//!
//! A known weakness: a pinched cube keeps its place to 0.2 mm over 10 s, but turns about the line between the
//! fingers by some 25 degrees in that time.

use std::sync::Arc;

use crate::error::{PhysicsError, positive};
use crate::row::PhysicsRow;
use crate::scene::{BodyId, MotorId, SceneBuilder, SiteId, Template, WatchId};
use crate::spec::{
    BodySpec, ColliderSpec, Drive, JointSpec, Motion, MotorSpec, Shape, SlideSpec, SolverConfig,
};

/// Whether the fingers move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grip {
    /// The fingers are part of the palm, closed: one moving body.
    Blocked,
    /// Each finger slides on its own motor.
    Driven,
}

/// A cube that lies on the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CubeSpec {
    /// Length of an edge (m).
    pub edge: f32,
    /// Mass (kg).
    pub mass: f32,
}

impl Default for CubeSpec {
    fn default() -> Self {
        Self { edge: 0.05, mass: 0.1 }
    }
}

/// What the hand's scene is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HandSpec {
    /// Whether the fingers move.
    pub grip: Grip,
    /// What lies on the table, if anything does.
    pub cube: Option<CubeSpec>,
    /// Least and greatest position of the point between the fingertips along x, y, z (m); the table's top is z = 0.
    pub workspace: [[f32; 2]; 3],
    /// Where that point starts (m).
    pub start: [f32; 3],
    /// The largest force of each of the palm's axes (N).
    pub max_force: f32,
    /// The largest force of each finger (N).
    pub grip_force: f32,
    /// Friction of every surface.
    pub friction: f32,
}

impl Default for HandSpec {
    fn default() -> Self {
        Self {
            grip: Grip::Driven,
            cube: None,
            workspace: [[-0.25, 0.25], [-0.25, 0.25], [0.0, 0.45]],
            start: [0.0, 0.0, 0.2],
            max_force: 40.0,
            grip_force: 10.0,
            friction: 0.8,
        }
    }
}

/// A built scene with the handles of its parts.
#[derive(Clone)]
pub struct Hand {
    /// What rows are made from.
    pub template: Arc<Template>,
    /// The axes x, y, z.
    pub axes: [MotorId; 3],
    /// The fingers on the sides -y and +y, displaced inwards; `None` where the grip is blocked.
    pub fingers: Option<[MotorId; 2]>,
    /// The point between the fingertips.
    pub tool: SiteId,
    /// The cube, where there is one.
    pub cube: Option<BodyId>,
    /// Contacts of palm and fingers with the table.
    pub table_contact: WatchId,
    /// Contacts of palm and fingers with the cube.
    pub cube_contact: Option<WatchId>,
}

const TABLE: u32 = 1;
const HAND: u32 = 2;
const CUBE: u32 = 4;

const PALM_HALF: [f32; 3] = [0.02, 0.065, 0.02];
const PALM_MASS: f32 = 0.6;
const FINGER_HALF: [f32; 3] = [0.01, 0.006, 0.03];
const FINGER_MASS: f32 = 0.2;
/// Springs rather than bare forces: two equal forces would let a held cube drift between the fingers.
const FINGER_DRIVE: Drive = Drive::Position { stiffness: 400.0, damping: 40.0 };
/// From the inner face of an open finger to the middle of the hand.
const OPEN: f32 = 0.045;
/// Depth of a fingertip below the tool point.
const TIP: f32 = 0.01;
/// The palm's centre above the tool point.
const PALM_ABOVE: f32 = 2.0 * FINGER_HALF[2] - TIP + PALM_HALF[2];

impl HandSpec {
    /// Length of a substep (s).
    pub const PHYSICS_DT: f32 = 0.01;
    /// Substeps per control step of 40 ms.
    pub const DECIMATION: u32 = 4;

    /// How the hand's contacts and joints are solved.
    pub fn solver(&self) -> SolverConfig {
        SolverConfig {
            // Where fingers carry force to a cube or to the table one sweep does not carry all of it.
            iterations: if self.grip == Grip::Blocked && self.cube.is_none() { 1 } else { 2 },
            // The scene is made of parts of a few centimetres.
            length_unit: 0.1,
            ..SolverConfig::default()
        }
    }

    /// Builds the scene.
    ///
    /// # Errors
    /// [`PhysicsError::BadNumber`] for sizes, masses or forces that are not above 0, or limits out of order.
    pub fn build(&self) -> Result<Hand, PhysicsError> {
        let mut scene = SceneBuilder::new(self.solver())?;
        let solid = |shape, mass, groups, collides_with| ColliderSpec {
            friction: self.friction,
            groups,
            collides_with,
            ..ColliderSpec::new(shape, mass)
        };

        let table = scene.body("table", BodySpec::at(Motion::Fixed, [0.0, 0.0, -0.2]))?;
        let top = Shape::Cuboid { half_extents: [0.4, 0.4, 0.2] };
        let table_collider = scene.collider(table, solid(top, 1.0, TABLE, HAND | CUBE))?;

        let [x, y, z] = self.start;
        let palm_start = [x, y, z + PALM_ABOVE];
        let palm = scene.body("palm", BodySpec::at(Motion::DynamicUpright, palm_start))?;
        let palm_shape = Shape::Cuboid { half_extents: PALM_HALF };
        let mut parts = vec![scene.collider(palm, solid(palm_shape, PALM_MASS, HAND, TABLE | CUBE))?];
        let gantry = [("x", 0), ("y", 1), ("z", 2)].map(|(name, axis)| {
            let [min, max] = self.workspace[axis];
            let motor = MotorSpec { name: name.into(), drive: Drive::Velocity, max_force: self.max_force };
            Some(SlideSpec { limits: [min, max], motor: Some(motor) })
        });
        // The anchor puts the tool point at zero displacement on the origin of the table's top.
        scene.joint(table, palm, JointSpec { anchor: [0.0, 0.0, 0.2 + PALM_ABOVE], slides: gantry })?;
        let tool = scene.site("tool", palm, [0.0, 0.0, -PALM_ABOVE])?;

        let below = -PALM_HALF[2] - FINGER_HALF[2];
        let finger_shape = Shape::Cuboid { half_extents: FINGER_HALF };
        for (name, side) in [("finger_left", -1.0), ("finger_right", 1.0)] {
            let part = solid(finger_shape, FINGER_MASS, HAND, TABLE | CUBE);
            if self.grip == Grip::Blocked {
                let offset = [0.0, side * FINGER_HALF[1], below];
                parts.push(scene.collider(palm, ColliderSpec { offset, ..part })?);
                continue;
            }
            let anchor = [0.0, side * (OPEN + FINGER_HALF[1]), below];
            let at = [x + anchor[0], y + anchor[1], palm_start[2] + anchor[2]];
            let finger = scene.body(name, BodySpec::at(Motion::DynamicUpright, at))?;
            parts.push(scene.collider(finger, part)?);
            let motor = MotorSpec { name: name.into(), drive: FINGER_DRIVE, max_force: self.grip_force };
            let limits = if side < 0.0 { [0.0, OPEN] } else { [-OPEN, 0.0] };
            let slide = SlideSpec { limits, motor: Some(motor) };
            scene.joint(palm, finger, JointSpec { anchor, slides: [None, Some(slide), None] })?;
        }

        let mut cube_contact = None;
        let mut cube = None;
        if let Some(CubeSpec { edge, mass }) = self.cube {
            positive("a cube's edge", edge)?;
            let body = scene.body("cube", BodySpec::at(Motion::Dynamic, [0.0, 0.0, edge / 2.0]))?;
            let shape = Shape::Cuboid { half_extents: [edge / 2.0; 3] };
            let collider = scene.collider(body, solid(shape, mass, CUBE, TABLE | HAND))?;
            cube_contact = Some(scene.watch("hand_cube", &parts, &[collider])?);
            cube = Some(body);
        }
        let table_contact = scene.watch("hand_table", &parts, &[table_collider])?;

        let template = scene.build();
        let fingers = match self.grip {
            Grip::Blocked => None,
            Grip::Driven => Some([template.motor("finger_left")?, template.motor("finger_right")?]),
        };
        let axes = [template.motor("x")?, template.motor("y")?, template.motor("z")?];
        Ok(Hand { template, axes, fingers, tool, cube, table_contact, cube_contact })
    }
}

impl Hand {
    /// Commands the velocity of the tool point (m/s) and the distance between the fingers (m).
    ///
    /// A blocked grip has no fingers to move.
    pub fn drive(&self, row: &mut PhysicsRow, velocity: [f32; 3], opening: f32) {
        for (motor, velocity) in self.axes.into_iter().zip(velocity) {
            row.command(motor, velocity);
        }
        if let Some([left, right]) = self.fingers {
            let inwards = OPEN - opening / 2.0;
            row.command(left, inwards);
            row.command(right, -inwards);
        }
    }

    /// Distance between the inner faces of the fingers (m); 0 with a blocked grip.
    pub fn opening(&self, row: &PhysicsRow) -> f32 {
        match self.fingers {
            Some([left, right]) => 2.0 * OPEN - row.motor_position(left) + row.motor_position(right),
            None => 0.0,
        }
    }
}
