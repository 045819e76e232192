//! A Cartesian hand over a table: a palm on three motor-driven axes with two opposing fingers.
//!
//! The gantry is one joint with three sliding, motor-driven, limited axes between the world and the palm, without
//! bodies in between. Palm and fingers cannot turn, as guides that take any torque would have it, so that no joint
//! needs rows for rotations. Nothing floats: gravity pulls on every moving body, and the z motor carries the hand.
//! Links never collide with each other (collision groups), nothing sleeps.
//!
//! The fingers act as the jaws of a parallel gripper. Each is a stiff spring, commanded to a place at most
//! `grip_force / stiffness` from where the opening is: so they close at a steady speed, squeeze with the grip's
//! force, and hold what they hold in the middle of the hand against several times that force.
//!
//! # Measured
//! CPU time of a 40 ms control step in 4 substeps, 256 rows in turn, every motor commanded anew at each step
//! (`examples/hand_speed.rs`; a 2-core virtual machine under load 6 to 8, best of three runs):
//!
//! | scene | iterations | control step | control steps/s |
//! |---|---|---|---|
//! | blocked fingers | 1 | 21 us (14 us on a quiet machine) | 49,000 (73,000) |
//! | blocked fingers, cube | 2 | 31 us | 32,000 |
//! | driven fingers | 2 | 31 us | 32,000 |
//! | driven fingers, cube | 2 | 45 us | 22,000 |
//!
//! Chosen, from what was tried:
//! - Two iterations where fingers move. With one, fingers that the palm presses on the table with 90 N give way by a
//!   centimetre and report 70 N; a palm with blocked fingers is exact with one.
//! - Palm to finger 3 : 1 in mass. At 10 : 1 the palm bounces on its pressed fingers at 0.5 m/s.
//! - Fingers are springs whose target follows the opening. Two velocity motors, or springs at their largest force,
//!   press equally wherever they are, and nothing holds the cube in the middle.
//! - Sideways forces of 16 N, 15 m/s^2. At 40 N a reversal of the hand throws its cube out of the fingers.
//! - Contacts of moving bodies at 120 Hz. At rapier's 30 Hz the fingers sink 1.3 mm into a cube on either side.
//! - Friction also in the biased pass: without it a held cube creeps by millimetres a second and falls.
//! - Recycled contacts: with fresh ones at every substep a held cube turns about the vertical until it stands askew.
//! - Rapier's simplified friction: the model with friction per contact point slides 6 % too far.
//!
//! A known weakness: a pinched cube keeps its place to a millimetre, also when it is swung about, but turns about the
//! line between the fingers by 2 to 4 degrees a second. Four iterations bring that to 0.7, two pads per finger do
//! only where they hold it in its middle; neither is worth its time.

use crate::bench::Bench;
use crate::error::{PhysicsError, positive};
use crate::row::PhysicsRow;
use crate::scene::{BodyId, ColliderId, MotorId, SiteId, WatchId};
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

/// What the hand is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HandSpec {
    /// Whether the fingers move.
    pub grip: Grip,
    /// Least and greatest position of the point between the fingertips along x, y, z (m); the table's top is z = 0.
    pub workspace: [[f32; 2]; 3],
    /// Where that point starts (m).
    pub start: [f32; 3],
    /// The largest force of the palm's axes x, y, z (N).
    pub max_force: [f32; 3],
    /// The force with which each finger squeezes (N).
    pub grip_force: f32,
}

impl Default for HandSpec {
    fn default() -> Self {
        Self {
            grip: Grip::Driven,
            workspace: [[-0.25, 0.25], [-0.25, 0.25], [0.0, 0.45]],
            start: [0.0, 0.0, 0.2],
            max_force: [16.0, 16.0, 32.0],
            grip_force: 10.0,
        }
    }
}

/// The handles of a hand's parts.
#[derive(Debug, Clone)]
pub struct Hand {
    /// The axes x, y, z.
    pub axes: [MotorId; 3],
    /// The fingers on the sides -y and +y, displaced inwards; `None` where the grip is blocked.
    pub fingers: Option<[MotorId; 2]>,
    /// The point between the fingertips.
    pub tool: SiteId,
    /// The palm.
    pub palm: BodyId,
    /// Palm and fingers, for watching their contacts.
    pub parts: Vec<ColliderId>,
    /// Contacts of palm and fingers with the table.
    pub table_contact: WatchId,
    /// How far from the opening its command may lie (m), which is what sets the force.
    reach: f32,
}

const PALM_HALF: [f32; 3] = [0.02, 0.065, 0.02];
const PALM_MASS: f32 = 0.6;
const FINGER_HALF: [f32; 3] = [0.01, 0.006, 0.03];
const FINGER_MASS: f32 = 0.2;
/// N/m
pub(crate) const FINGER_STIFFNESS: f32 = 1000.0;
pub(crate) const FINGER_DRIVE: Drive = Drive::Position { stiffness: FINGER_STIFFNESS, damping: 40.0 };
/// A finger's spring may give this many times the grip's force, to hold the middle.
pub(crate) const HOLD: f32 = 3.0;
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
    pub const SOLVER: SolverConfig = SolverConfig {
        gravity: [0.0, 0.0, -9.81],
        // Where fingers carry force to a cube or to the table one sweep does not carry all of it.
        iterations: 2,
        sweeps: 1,
        // The scene is made of parts of a few centimetres.
        length_unit: 0.1,
        contact_frequency: 120.0,
        recycle_contacts: true,
    };
    /// The same for things that lie on each other. With two to four iterations a cube on a cube trembles, at 9 to 1
    /// cm/s; with five it rests.
    pub const STACK_SOLVER: SolverConfig =
        SolverConfig { iterations: 5, contact_frequency: 60.0, ..Self::SOLVER };

    /// Hangs the hand over a table.
    ///
    /// # Errors
    /// [`PhysicsError::BadNumber`] for forces that are not above 0, or limits out of order.
    pub fn add_to(&self, bench: &mut Bench) -> Result<Hand, PhysicsError> {
        positive("the grip's force", self.grip_force)?;
        let [x, y, z] = self.start;
        let palm_start = [x, y, z + PALM_ABOVE];
        let palm = bench.scene.body("palm", BodySpec::at(Motion::DynamicUpright, palm_start))?;
        let palm_shape = Shape::Cuboid { half_extents: PALM_HALF };
        let mut parts =
            vec![bench.scene.collider(palm, bench.part(palm_shape, PALM_MASS, Bench::MANIPULATOR))?];
        let gantry = [("x", 0), ("y", 1), ("z", 2)].map(|(name, axis)| {
            let [min, max] = self.workspace[axis];
            let motor =
                MotorSpec { name: name.into(), drive: Drive::Velocity, max_force: self.max_force[axis] };
            Some(SlideSpec { limits: [min, max], motor: Some(motor) })
        });
        // The anchor puts the tool point at zero displacement on the origin of the table's top.
        let anchor = bench.anchor([0.0, 0.0, PALM_ABOVE]);
        bench.scene.joint(bench.table, palm, JointSpec { anchor, slides: gantry })?;
        let tool = bench.scene.site("tool", palm, [0.0, 0.0, -PALM_ABOVE])?;

        let below = -PALM_HALF[2] - FINGER_HALF[2];
        let finger_shape = Shape::Cuboid { half_extents: FINGER_HALF };
        for (name, side) in [("finger_left", -1.0), ("finger_right", 1.0)] {
            let part = bench.part(finger_shape, FINGER_MASS, Bench::MANIPULATOR);
            if self.grip == Grip::Blocked {
                let offset = [0.0, side * FINGER_HALF[1], below];
                parts.push(bench.scene.collider(palm, ColliderSpec { offset, ..part })?);
                continue;
            }
            let anchor = [0.0, side * (OPEN + FINGER_HALF[1]), below];
            let at = [x + anchor[0], y + anchor[1], palm_start[2] + anchor[2]];
            let finger = bench.scene.body(name, BodySpec::at(Motion::DynamicUpright, at))?;
            parts.push(bench.scene.collider(finger, part)?);
            let motor =
                MotorSpec { name: name.into(), drive: FINGER_DRIVE, max_force: HOLD * self.grip_force };
            let limits = if side < 0.0 { [0.0, OPEN] } else { [-OPEN, 0.0] };
            let slide = SlideSpec { limits, motor: Some(motor) };
            bench.scene.joint(palm, finger, JointSpec { anchor, slides: [None, Some(slide), None] })?;
        }
        let table_contact = bench.scene.watch("hand_table", &parts, &[bench.table_top])?;
        let fingers = match self.grip {
            Grip::Blocked => None,
            Grip::Driven => Some([bench.scene.motor("finger_left")?, bench.scene.motor("finger_right")?]),
        };
        let axes = [bench.scene.motor("x")?, bench.scene.motor("y")?, bench.scene.motor("z")?];
        let reach = 2.0 * self.grip_force / FINGER_STIFFNESS;
        Ok(Hand { axes, fingers, tool, palm, parts, table_contact, reach })
    }
}

impl Hand {
    /// Commands the velocity of the tool point (m/s) and the distance between the fingers (m), for one control step.
    ///
    /// A blocked grip has no fingers to move.
    pub fn drive(&self, row: &mut PhysicsRow, velocity: [f32; 3], opening: f32) {
        for (motor, velocity) in self.axes.into_iter().zip(velocity) {
            row.command(motor, velocity);
        }
        if let Some([left, right]) = self.fingers {
            let now = self.opening(row);
            // A command that is not finite stays so, for the row to notice.
            let opening =
                if opening.is_finite() { opening.clamp(now - self.reach, now + self.reach) } else { opening };
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
