//! An arm of six turning joints with a gripper, from a robot's file, standing on a bench.
//!
//! The robot is one articulated body (reduced coordinates), its base fixed. Each joint has a velocity motor with the
//! file's largest torque; gravity pulls on every link, and the motors carry it. Commands are joint speeds, or the
//! velocity of the tool, which [damped least squares](Arm::drive_tool) turn into joint speeds. Either is integrated
//! into displacements that the joints follow, so that nothing sags or drifts while an arm stands.
//!
//! # Measured
//! A substep of 10 ms of `six_joint_arm` alone, CPU time on a 2-core virtual machine under load 8 to 10, and how far
//! the tool sinks in a second where joints are only told to stand still, gravity on all links:
//!
//! | joints | iterations x sweeps | substep | sinks |
//! |---|---|---|---|
//! | impulse | 1 x 4 | 19 us | 125 mm |
//! | impulse | 2 x 2 | 28 us | 119 mm |
//! | impulse | 4 x 4 | - | 128 mm |
//! | multibody | 1 x 1 | 28 us | 45 mm |
//! | multibody | 2 x 2 | 68 us | 7.7 mm |
//! | multibody | 1 x 4 | 37 us | 2.6 mm |
//! | multibody | 1 x 8 | 40 us | 0.2 mm |
//!
//! A chain of impulse joints is cheaper and does not hold itself; so it is a multibody, with 1 x 8, and the arm takes
//! back what is left: it stays within 1 mm, for good. With 1 x 4, fingers that the arm slams on the table are pushed
//! 12 mm past their limits. A control step of four substeps, commands included, takes 160 us, and 182 us with a cube
//! on the table (`examples/hand_speed.rs`): 6,300 and 5,500 a second. Two fifths of that are the multibody's own
//! dynamics, a seventh is its joints' rows.
//!
//! # What a file needs
//! - A link `tool`, whose z axis points out of the hand and whose origin lies between the fingertips.
//! - Six revolute or continuous joints with effort and velocity between the root and that link.
//! - Two more prismatic joints with effort, one per finger: they close as they grow, and meet at their upper limits.

mod chain;
mod damped;

use rapier3d::math::{Pose, Rotation, Vector};

use crate::bench::Bench;
use crate::convert::{array, rotation, vector};
use crate::error::{PhysicsError, finite};
use crate::hand::{FINGER_DRIVE, FINGER_STIFFNESS, Grip, HOLD};
use crate::row::PhysicsRow;
use crate::scene::{BodyId, ColliderId, MotorId, SiteId, WatchId};
use crate::spec::{Drive, Shape, SolverConfig};
use crate::urdf::{Joint, JointKind, RobotModel, Stance};
use chain::{Chain, rotation_vector, stack};
use damped::{JOINTS, Jacobian, manipulability, solve};

/// The link between the fingertips.
const TOOL: &str = "tool";
/// The tool points down, its y axis, along which fingers move, along the world's.
const DOWN: [f32; 4] = [0.0, 1.0, 0.0, 0.0];
/// Damping in a singular place, `lambda_0^2` (m^2).
const DAMPING: f32 = 4e-3;
/// Damping sets in where manipulability falls below this share of that at the start.
const SINGULAR: f32 = 0.2;
/// How fast a tool that is turned away is turned back (1/s).
const UPRIGHT_RATE: f32 = 5.0;
/// How fast a joint makes up for where it should be (1/s).
const FOLLOW_RATE: f32 = 10.0;
/// A joint that is held back makes up for no more than this (rad).
const SLACK: f32 = 0.02;

/// What an arm is made of.
#[derive(Debug, Clone)]
pub struct ArmSpec {
    /// The robot.
    pub robot: RobotModel,
    /// Where its root stands (m).
    pub base: [f32; 3],
    /// Where its tool starts, pointing down (m).
    pub start: [f32; 3],
    /// Whether the fingers move; where they do not they are held closed.
    pub grip: Grip,
}

/// The handles of an arm's parts.
#[derive(Debug, Clone)]
pub struct Arm {
    /// The joints, from base to hand.
    pub joints: [MotorId; JOINTS],
    /// The fingers, displaced inwards.
    pub fingers: [MotorId; 2],
    /// The point between the fingertips.
    pub tool: SiteId,
    /// The body that carries the fingers.
    pub hand: BodyId,
    /// Hand and fingers, for watching their contacts.
    pub parts: Vec<ColliderId>,
    /// Contacts of hand and fingers with the table.
    pub table_contact: WatchId,
    /// The fastest that each joint turns (rad/s).
    pub top_speeds: [f32; JOINTS],
    /// Displacements at the start (rad).
    pub home: [f32; JOINTS],
    /// Least and greatest displacements (rad).
    pub limits: [[f32; 2]; JOINTS],
    /// Whether the fingers move.
    pub grip: Grip,
    /// The tool is never farther than this from the first joint (m).
    pub radius: f32,
    links: [BodyId; JOINTS],
    axes: [Vector; JOINTS],
    /// How the tool is turned in the hand.
    tool_in_hand: Rotation,
    /// Manipulability below which motion is damped.
    singular: f32,
    /// Sum of the fingers' displacements at which they meet (m).
    closed: f32,
    /// How far from the opening its command may lie (m), which is what sets the force.
    reach: f32,
}

impl ArmSpec {
    /// Length of a control step (s).
    pub const CONTROL_DT: f32 = 0.04;
    /// How the arm's contacts and joints are solved.
    pub const SOLVER: SolverConfig = SolverConfig {
        gravity: [0.0, 0.0, -9.81],
        iterations: 1,
        sweeps: 8,
        length_unit: 0.1,
        contact_frequency: 120.0,
        recycle_contacts: true,
    };

    /// The robot at the edge of the table's middle, its tool 20 cm above it.
    pub fn new(robot: RobotModel) -> Self {
        Self { robot, base: [-0.5, 0.0, 0.0], start: [0.0, 0.0, 0.2], grip: Grip::Driven }
    }

    /// Sets the arm on a table.
    ///
    /// # Errors
    /// [`PhysicsError::NotAnArm`] for a robot without the parts that an arm needs, or one that cannot reach its start.
    pub fn add_to(&self, bench: &mut Bench) -> Result<Arm, PhysicsError> {
        finite("an arm's base", &self.base)?;
        finite("an arm's start", &self.start)?;
        let Anatomy { joints, fingers, path } = self.anatomy()?;
        let robot = &self.robot;
        let chain = Chain::new(robot, joints, &path);
        let base = Pose::from_translation(vector(self.base));
        let goal = Pose::from_parts(vector(self.start), rotation(DOWN));
        let home = chain
            .inverse(&base, &goal)
            .ok_or_else(|| self.refused(format!("its tool does not reach {:?} pointing down", self.start)))?;

        let mut displacements = vec![0.0_f32; robot.joints.len()];
        for (slot, joint) in displacements.iter_mut().zip(&robot.joints) {
            let [lower, upper] = joint.limits.map_or([0.0; 2], |limits| limits.map(|limit| limit as f32));
            *slot = slot.clamp(lower, upper);
            if self.grip == Grip::Blocked && joint.kind == JointKind::Prismatic {
                *slot = upper;
            }
        }
        for (&joint, &angle) in joints.iter().zip(&home) {
            displacements[joint] = angle;
        }
        let skin = bench.part(Shape::Ball { radius: 1.0 }, 1.0, Bench::MANIPULATOR);
        let stance = Stance { base: self.base, displacements: &displacements, skin: &skin, drive };
        let parts = bench.scene.robot(robot, &stance)?;
        let missing = || self.refused("a moving joint has no body or motor".into());
        let body_of = |joint: usize| parts.bodies[robot.joints[joint].child].ok_or_else(missing);
        let motor_of = |joint: usize| parts.motors[joint].ok_or_else(missing);

        let hand_link = robot.joints[joints[JOINTS - 1]].child;
        let hand = body_of(joints[JOINTS - 1])?;
        let tool = bench.scene.site(TOOL, hand, array(chain.tool.translation))?;
        let gripper = [hand_link, robot.joints[fingers[0]].child, robot.joints[fingers[1]].child];
        let touching: Vec<_> =
            gripper.iter().flat_map(|&link| parts.colliders[link].iter().copied()).collect();
        let table_contact = bench.scene.watch("arm_table", &touching, &[bench.table_top])?;

        let mut links = [hand; JOINTS];
        let mut motors = [motor_of(joints[0])?; JOINTS];
        for (index, &joint) in joints.iter().enumerate() {
            links[index] = body_of(joint)?;
            motors[index] = motor_of(joint)?;
        }
        let upper = |joint: usize| robot.joints[joint].limits.map_or(0.0, |[_, upper]| upper as f32);
        let grip_force = fingers.map(|joint| robot.joints[joint].effort as f32 / HOLD);
        let jacobian = chain.jacobian_at(&base, &home);
        Ok(Arm {
            joints: motors,
            fingers: [motor_of(fingers[0])?, motor_of(fingers[1])?],
            tool,
            hand,
            parts: touching,
            table_contact,
            top_speeds: joints.map(|joint| robot.joints[joint].velocity as f32),
            home,
            limits: [0, 1, 2, 3, 4, 5].map(|index| chain.turns[index].limits),
            links,
            axes: [0, 1, 2, 3, 4, 5].map(|index| chain.turns[index].axis),
            tool_in_hand: chain.tool.rotation,
            grip: self.grip,
            radius: robot.reach() as f32,
            singular: SINGULAR * manipulability(&jacobian),
            closed: upper(fingers[0]) + upper(fingers[1]),
            reach: 2.0 * grip_force[0].min(grip_force[1]) / FINGER_STIFFNESS,
        })
    }

    fn refused(&self, why: String) -> PhysicsError {
        PhysicsError::NotAnArm { robot: self.robot.name.clone(), why }
    }

    fn anatomy(&self) -> Result<Anatomy, PhysicsError> {
        let robot = &self.robot;
        let tool = robot.links.iter().position(|link| link.name == TOOL);
        let tool = tool.ok_or_else(|| self.refused(format!("it has no link `{TOOL}`")))?;
        let path = robot.chain(tool);
        let moving = |&joint: &usize| robot.joints[joint].kind != JointKind::Fixed;
        let arm: Vec<_> = path.iter().copied().filter(moving).collect();
        let others: Vec<_> =
            (0..robot.joints.len()).filter(moving).filter(|joint| !arm.contains(joint)).collect();
        let joints = <[usize; JOINTS]>::try_from(arm)
            .map_err(|arm| self.refused(format!("{} joints move its tool", arm.len())))?;
        let fingers = <[usize; 2]>::try_from(others)
            .map_err(|others| self.refused(format!("{} other joints move, not two fingers", others.len())))?;
        for (joint, slides) in joints.into_iter().map(|j| (j, false)).chain(fingers.map(|j| (j, true))) {
            let Joint { name, kind, effort, velocity, .. } = &robot.joints[joint];
            if (*kind == JointKind::Prismatic) != slides {
                return Err(self.refused(format!("joint `{name}` is {}", kind.name())));
            }
            if *effort <= 0.0 || *velocity <= 0.0 {
                return Err(self.refused(format!("joint `{name}` has no effort or no velocity")));
            }
        }
        Ok(Anatomy { joints, fingers, path })
    }
}

/// Which joints of a robot do what.
struct Anatomy {
    joints: [usize; JOINTS],
    fingers: [usize; 2],
    /// From the root to the tool.
    path: Vec<usize>,
}

fn drive(joint: &Joint) -> Drive {
    match joint.kind {
        JointKind::Prismatic => FINGER_DRIVE,
        _ => Drive::Velocity,
    }
}

impl Arm {
    /// Number of joints between base and hand.
    pub const JOINTS: usize = JOINTS;

    /// Commands the speeds of the joints (rad/s) and the distance between the fingers (m), for one control step.
    ///
    /// Speeds are cut to what a joint can do. A joint stops at its limits, whatever is asked.
    pub fn drive_joints(&self, row: &mut PhysicsRow, speeds: [f32; JOINTS], opening: f32) {
        let angles = self.angles(row);
        let mut speeds = speeds;
        for (index, speed) in speeds.iter_mut().enumerate() {
            let (least, most) = self.room(index, angles[index]);
            let top = self.top_speeds[index];
            // A command that is not finite stays so, for the row to notice.
            if speed.is_finite() {
                *speed = speed.clamp(-top, top).clamp(least, most);
            }
        }
        self.command(row, &angles, &speeds, opening);
    }

    /// Commands the velocity of the tool (m/s) and the distance between the fingers (m), for one control step.
    ///
    /// The tool keeps pointing down and does not turn about its axis; where it is turned away it is turned back.
    /// Joint speeds are `J^T (J J^T + lambda^2 I)^-1 v`, with rotations weighted by 0.25 m. Far from singular places
    /// `lambda` is 0 and the velocity is met. Where the manipulability `w` falls below a fifth of that at the start,
    /// `w_0`, `lambda^2 = lambda_0^2 (1 - w / w_0)^2`: the tool slows down in the directions that it is losing, and
    /// joint speeds stay bounded. A joint that would pass its limit within the step is let go to the limit, and the
    /// others share what is left. Where a joint would be too fast all are slowed down alike, which keeps the
    /// direction.
    ///
    /// # Source
    /// Damped least squares: Wampler, "Manipulator inverse kinematic solutions based on vector formulations and damped
    /// least-squares methods", IEEE Transactions on Systems, Man, and Cybernetics 16(1), 1986. The damping factor:
    /// Nakamura and Hanafusa, "Inverse kinematic solutions with singularity robustness for robot manipulator control",
    /// Journal of Dynamic Systems, Measurement, and Control 108(3), 1986. Manipulability: Yoshikawa, "Manipulability
    /// of robotic mechanisms", International Journal of Robotics Research 4(2), 1985.
    pub fn drive_tool(&self, row: &mut PhysicsRow, velocity: [f32; 3], opening: f32) {
        let (angles, speeds) = (self.angles(row), self.tool_speeds(row, velocity));
        self.command(row, &angles, &speeds, opening);
    }

    /// The joint speeds with which [`drive_tool`](Self::drive_tool) moves the tool (rad/s).
    pub fn tool_speeds(&self, row: &PhysicsRow, velocity: [f32; 3]) -> [f32; JOINTS] {
        let angles = self.angles(row);
        let tool = vector(row.site(self.tool));
        let turned = rotation(row.rotation(self.hand)) * self.tool_in_hand;
        let mut jacobian = chain::jacobian(tool, |index| {
            let link = self.links[index];
            (rotation(row.rotation(link)) * self.axes[index], vector(row.position(link)))
        });
        let upright = rotation_vector(&rotation(DOWN), &turned) * UPRIGHT_RATE;
        let task = stack(vector(velocity), upright);
        // A command that is not finite stays so, for the row to notice.
        if task.iter().all(|v| v.is_finite()) {
            self.joint_speeds(&mut jacobian, task, &angles)
        } else {
            [f32::NAN; JOINTS]
        }
    }

    /// Displacements of the joints (rad).
    fn angles(&self, row: &PhysicsRow) -> [f32; JOINTS] {
        self.joints.map(|joint| row.motor_position(joint))
    }

    /// Joint speeds for a velocity of the tool, within limits.
    fn joint_speeds(&self, jacobian: &mut Jacobian, task: [f32; 6], angles: &[f32; JOINTS]) -> [f32; JOINTS] {
        let measure = manipulability(jacobian);
        let lack = (1.0 - measure / self.singular).max(0.0);
        let damping = DAMPING * lack * lack;
        let mut task = task;
        let mut speeds = [0.0; JOINTS];
        let mut held = [false; JOINTS];
        // Each round lets at least one more joint go to its limit, or is the last.
        for _ in 0..=JOINTS {
            let damping = if held.contains(&true) { damping.max(DAMPING) } else { damping };
            let free = solve(jacobian, &task, damping);
            let mut is_final = true;
            for index in 0..JOINTS {
                if held[index] {
                    continue;
                }
                let (least, most) = self.room(index, angles[index]);
                speeds[index] = free[index].clamp(least, most);
                if speeds[index] == free[index] {
                    continue;
                }
                held[index] = true;
                is_final = false;
                for row in 0..6 {
                    task[row] -= jacobian[row][index] * speeds[index];
                    jacobian[row][index] = 0.0;
                }
            }
            if is_final {
                break;
            }
        }
        let over = (0..JOINTS).map(|index| speeds[index].abs() / self.top_speeds[index]).fold(1.0, f32::max);
        speeds.map(|speed| speed / over)
    }

    /// The speeds that keep a joint within its limits for a control step (rad/s).
    fn room(&self, joint: usize, angle: f32) -> (f32, f32) {
        let [lower, upper] = self.limits[joint];
        ((lower - angle).min(0.0) / ArmSpec::CONTROL_DT, (upper - angle).max(0.0) / ArmSpec::CONTROL_DT)
    }

    fn command(&self, row: &mut PhysicsRow, angles: &[f32; JOINTS], speeds: &[f32; JOINTS], opening: f32) {
        for index in 0..JOINTS {
            let (joint, speed) = (self.joints[index], speeds[index]);
            let lag = (row.reference(joint) - angles[index]).clamp(-SLACK, SLACK);
            row.set_reference(joint, angles[index] + lag + speed * ArmSpec::CONTROL_DT);
            row.command(joint, speed + FOLLOW_RATE * lag);
        }
        let now = self.opening(row);
        let opening =
            if opening.is_finite() { opening.clamp(now - self.reach, now + self.reach) } else { opening };
        for finger in self.fingers {
            row.command(finger, 0.5 * (self.closed - opening));
        }
    }

    /// Distance between the inner faces of the fingers (m).
    pub fn opening(&self, row: &PhysicsRow) -> f32 {
        self.closed - row.motor_position(self.fingers[0]) - row.motor_position(self.fingers[1])
    }
}
