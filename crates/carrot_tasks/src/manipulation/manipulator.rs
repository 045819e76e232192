//! What moves over the table at an agent's command; tasks know nothing else of it.

use bevy_ecs::prelude::Resource;
use carrot_physics::{
    Arm, ArmSpec, Bench, ColliderId, Grip, Hand, HandSpec, PhysicsError, PhysicsRow, RobotModel, SiteId,
    SolverConfig,
};
use carrot_sim::{ActionSpace, ScriptFn, ScriptView, SignalSpec, row_state};

/// Speed of the tool that an action of 1 commands, m/s.
pub const TOP_SPEED: f32 = 0.5;
/// Speed of a joint that an action of 1 commands, rad/s.
pub const TOP_TURN: f32 = 1.5;
/// Opening of the fingers that an action of 1 commands, m.
pub const OPENING: f32 = 0.08;

/// Signals of an arm's joints begin with this.
pub const JOINT_PREFIX: &str = "joint_";

/// What an agent commands of an arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// The speed of each joint.
    JointVelocity,
    /// The velocity of the tool, which keeps pointing down.
    HandVelocity,
}

/// An arm in place of the Cartesian hand, as a scene asks for it.
#[derive(Debug, Clone)]
pub struct RobotChoice {
    /// The robot.
    pub robot: RobotModel,
    /// What an agent commands.
    pub control: Control,
}

/// Which manipulator a scene is built with.
#[derive(Debug, Clone)]
pub enum ManipulatorSpec {
    /// The Cartesian hand.
    Hand(HandSpec),
    /// An arm with a gripper.
    Arm(ArmSpec, Control),
}

/// A manipulator in a built scene, the same for every row.
#[derive(Resource, Debug, Clone)]
pub enum Manipulator {
    /// The Cartesian hand.
    Hand(Hand),
    /// An arm with a gripper.
    Arm(Box<Arm>, Control),
}

/// What a tool can do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ToolBounds {
    /// Where it may be along any axis, m.
    pub range: (f32, f32),
    /// How fast it may be along any axis, m/s.
    pub speed: f32,
    /// How far apart the fingers' inner faces may be, m; below 0 where they press into each other.
    pub opening: (f32, f32),
}

impl ToolBounds {
    /// Those of the Cartesian hand.
    pub const HAND: Self = Self { range: (-0.5, 0.6), speed: 1.5, opening: (-0.02, 0.12) };
}

impl ManipulatorSpec {
    /// The standard hand, or in its place an arm with the same start and grip.
    pub fn choose(hand: HandSpec, robot: Option<&RobotChoice>) -> Self {
        match robot {
            None => Self::Hand(hand),
            Some(RobotChoice { robot, control }) => {
                let arm = ArmSpec { start: hand.start, grip: hand.grip, ..ArmSpec::new(robot.clone()) };
                Self::Arm(arm, *control)
            }
        }
    }

    /// How contacts and joints are solved for it.
    pub fn solver(&self) -> SolverConfig {
        match self {
            Self::Hand(_) => HandSpec::SOLVER,
            Self::Arm(..) => ArmSpec::SOLVER,
        }
    }

    /// Adds the manipulator to a scene.
    ///
    /// # Errors
    /// Where its numbers are none that physics can work with, or a robot is no arm.
    pub fn add_to(&self, bench: &mut Bench) -> Result<Manipulator, PhysicsError> {
        match self {
            Self::Hand(spec) => spec.add_to(bench).map(Manipulator::Hand),
            Self::Arm(spec, control) => {
                spec.add_to(bench).map(|arm| Manipulator::Arm(Box::new(arm), *control))
            }
        }
    }
}

impl Manipulator {
    /// What an agent may command; blocked fingers take no command.
    pub fn action(&self) -> ActionSpace {
        let (mut names, unit): (Vec<String>, _) = match self {
            Self::Hand(_) | Self::Arm(_, Control::HandVelocity) => {
                (["vx", "vy", "vz"].map(String::from).to_vec(), format!("{TOP_SPEED} m/s"))
            }
            Self::Arm(_, Control::JointVelocity) => (
                (1..=Arm::JOINTS).map(|joint| format!("{JOINT_PREFIX}{joint}")).collect(),
                format!("{TOP_TURN} rad/s"),
            ),
        };
        let mut units = vec![unit; names.len()];
        if self.grip() == Grip::Driven {
            names.push("grip".into());
            units.push(String::new());
        }
        let width = names.len();
        ActionSpace::Continuous { names, units, low: vec![-1.0; width], high: vec![1.0; width] }
    }

    /// Whether the fingers move.
    fn grip(&self) -> Grip {
        match self {
            Self::Hand(hand) if hand.fingers.is_none() => Grip::Blocked,
            Self::Hand(_) => Grip::Driven,
            Self::Arm(arm, _) => arm.grip,
        }
    }

    /// Commands one row for one step; `action` is within the space.
    #[inline]
    pub fn drive(&self, row: &mut PhysicsRow, action: &[f32]) {
        let velocity = || [action[0], action[1], action[2]].map(|a| a * TOP_SPEED);
        let opening = |at: usize| action.get(at).map_or(0.0, |grip| (grip + 1.0) * 0.5 * OPENING);
        match self {
            Self::Hand(hand) => hand.drive(row, velocity(), opening(3)),
            Self::Arm(arm, Control::HandVelocity) => arm.drive_tool(row, velocity(), opening(3)),
            Self::Arm(arm, Control::JointVelocity) => {
                let speeds = std::array::from_fn(|joint| action[joint] * TOP_TURN);
                arm.drive_joints(row, speeds, opening(Arm::JOINTS));
            }
        }
    }

    /// The point between the fingertips.
    pub fn tool(&self) -> SiteId {
        match self {
            Self::Hand(hand) => hand.tool,
            Self::Arm(arm, _) => arm.tool,
        }
    }

    /// Distance between the fingers' inner faces, m.
    pub fn opening(&self, row: &PhysicsRow) -> f32 {
        match self {
            Self::Hand(hand) => hand.opening(row),
            Self::Arm(arm, _) => arm.opening(row),
        }
    }

    /// Whether any part touches the table.
    pub fn touches_table(&self, row: &PhysicsRow) -> bool {
        let contact = match self {
            Self::Hand(hand) => hand.table_contact,
            Self::Arm(arm, _) => arm.table_contact,
        };
        row.contact(contact).touching
    }

    /// The parts that may touch things, to watch their contacts.
    pub fn parts(&self) -> &[ColliderId] {
        match self {
            Self::Hand(hand) => &hand.parts,
            Self::Arm(arm, _) => &arm.parts,
        }
    }

    /// What the tool can do.
    pub fn bounds(&self) -> ToolBounds {
        match self {
            Self::Hand(_) => ToolBounds::HAND,
            Self::Arm(arm, _) => {
                let far = arm.radius + 1.0;
                let speed = 2.0 * arm.radius * arm.top_speeds.iter().copied().fold(0.0, f32::max);
                // Fingers that an arm slams on the table give way.
                ToolBounds { range: (-far, far), speed, opening: (-0.04, 0.14) }
            }
        }
    }

    /// The signals of an arm's joints, angles first; a hand has none.
    pub fn joint_signals(&self) -> Vec<SignalSpec> {
        let Self::Arm(arm, _) = self else { return Vec::new() };
        let angle = |joint: usize| {
            let [low, high] = arm.limits[joint];
            let about = format!("Angle of joint {}, counted from the base.", joint + 1);
            // A limit gives a little under a load.
            SignalSpec::scalar(
                &format!("{JOINT_PREFIX}{}_angle", joint + 1),
                "rad",
                (low - 0.2, high + 0.2),
                &about,
            )
        };
        let speed = |joint: usize| {
            let top = 3.0 * arm.top_speeds[joint];
            let about = format!("Speed of joint {}.", joint + 1);
            SignalSpec::scalar(&format!("{JOINT_PREFIX}{}_speed", joint + 1), "rad/s", (-top, top), &about)
        };
        (0..Arm::JOINTS).map(angle).chain((0..Arm::JOINTS).map(speed)).collect()
    }

    /// Angles, then speeds of an arm's joints.
    pub fn joints(&self, row: &PhysicsRow) -> impl Iterator<Item = f32> {
        let joints = match self {
            Self::Hand(_) => &[][..],
            Self::Arm(arm, _) => &arm.joints,
        };
        let angles = joints.iter().map(|&joint| row.motor_position(joint));
        angles.chain(joints.iter().map(|&joint| row.motor_velocity(joint)))
    }
}

/// Lets a script that commands the tool's velocity act through whatever an agent commands here.
pub fn steer(view: &ScriptView<'_>, action: &mut [f32], script: ScriptFn) {
    let manipulator = view.world.get_resource::<Manipulator>();
    let Some(Manipulator::Arm(arm, Control::JointVelocity)) = manipulator else {
        return script(view, action);
    };
    let mut wanted = [0.0; 4];
    script(view, &mut wanted);
    let velocity = [wanted[0], wanted[1], wanted[2]].map(|a| a * TOP_SPEED);
    let Some(row) = row_state::<PhysicsRow>(view.world, view.row) else { return };
    for (slot, speed) in action.iter_mut().zip(arm.tool_speeds(row, velocity)) {
        *slot = (speed / TOP_TURN).clamp(-1.0, 1.0);
    }
    if let Some(grip) = action.get_mut(Arm::JOINTS) {
        *grip = wanted[3];
    }
}
