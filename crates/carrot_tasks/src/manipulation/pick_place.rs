//! `PickPlace`: grasp a cube and carry it to a goal, on the table or in the air.

use carrot_physics::{HandSpec, PhysicsError};
use carrot_sim::{App, DefaultReward, GoalSpec, KeyedRng, Script, ScriptView, Task, TaskSpec};

use super::cube::{Cube, GOAL, HALF, LEAST_DISTANCE, draw_place, install, signals};
use super::manipulator::{ManipulatorSpec, RobotChoice, steer};
use super::script::{grasp, move_at, move_by, vector};
use super::tabletop::{CONTROL_DT, DECIMATION, Observed, PHYSICS_DT, Tabletop, observation};

/// Name of the task.
pub const NAME: &str = "PickPlace";
/// Steps after which an episode is truncated: two seconds.
pub const MAX_STEPS: u32 = 50;
/// Where the tool starts, m.
const START: [f32; 3] = [0.0, 0.0, 0.1];
/// Goals in the air are between these heights, m.
const HEIGHTS: [f32; 2] = [0.1, 0.3];

const OBSERVED: Observed = &[
    (
        "observation",
        &[
            "tool_position",
            "tool_velocity",
            "finger_opening",
            "tool_to_cube",
            "cube_rotation",
            "cube_velocity",
            "cube_turning",
        ],
    ),
    ("achieved_goal", &["cube_position"]),
    ("desired_goal", &["goal_position"]),
];

/// The task.
pub struct PickPlace {
    spec: TaskSpec,
    tabletop: Tabletop,
    cube: Cube,
}

impl Default for PickPlace {
    /// The task with its standard hand.
    #[expect(clippy::expect_used, reason = "the scene is a constant, and a test builds it")]
    fn default() -> Self {
        Self::new(None).expect("the standard hand can be built")
    }
}

impl PickPlace {
    /// The task with its standard hand, or with an arm in its place.
    ///
    /// # Errors
    /// Where the robot is no arm, or does not reach the start.
    pub fn new(robot: Option<&RobotChoice>) -> Result<Self, PhysicsError> {
        let hand = HandSpec { start: START, ..HandSpec::default() };
        let manipulator = ManipulatorSpec::choose(hand, robot);
        let (tabletop, cube) = Tabletop::build(manipulator.clone(), manipulator.solver(), Cube::add_to)?;
        let signals = signals(&tabletop.manipulator);
        let spec = TaskSpec {
            name: NAME,
            family: "manipulation",
            about: "Grasp a cube and carry it to a random goal, on the table or in the air.",
            docs: include_str!("pick_place.md"),
            observation: observation(&signals, OBSERVED),
            action: tabletop.manipulator.action(),
            signals,
            causes: &[],
            max_steps: MAX_STEPS,
            control_dt: CONTROL_DT,
            physics_dt: PHYSICS_DT,
            decimation: DECIMATION,
            rewards: REWARDS.to_vec(),
            scripts: SCRIPTS.to_vec(),
        };
        Ok(Self { spec, tabletop, cube })
    }
}

impl Task for PickPlace {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn goal(&self) -> Option<GoalSpec> {
        Some(GOAL.spec)
    }

    fn build(&self, app: &mut App) {
        install(app, &self.tabletop, self.cube, &self.spec.signals, OBSERVED, draw_goal);
    }
}

/// A goal away from the cube; half of them are in the air.
fn draw_goal(cube: [f32; 3], rng: &mut KeyedRng) -> [f32; 3] {
    let height = if rng.below(2) == 0 { HALF } else { rng.uniform(HEIGHTS[0], HEIGHTS[1]) };
    draw_place(rng, height, cube, if height > HALF { 0.0 } else { LEAST_DISTANCE })
}

const SCRIPTS: [Script; 2] = [
    Script {
        name: "expert",
        about: "Grasps the cube from above and carries it to the goal.",
        act: |view, action| steer(view, action, carry),
    },
    Script {
        name: "hoist",
        about: "Grasps the cube and lifts it as high as it can, wherever the goal is.",
        act: |view, action| steer(view, action, hoist),
    },
];

/// How far above the cube's middle the tool passes over it, m.
const CLEARANCE: f32 = 0.055;

fn carry(view: &ScriptView<'_>, action: &mut [f32]) {
    if grasp(view, action, vector(view, "tool_to_cube"), CLEARANCE, 2.0 * HALF) {
        move_by(action, vector(view, "cube_to_goal"));
    }
}

fn hoist(view: &ScriptView<'_>, action: &mut [f32]) {
    if grasp(view, action, vector(view, "tool_to_cube"), CLEARANCE, 2.0 * HALF) {
        move_at(action, [0.0, 0.0, 0.5]);
    }
}

const REWARDS: [DefaultReward; 4] = [
    DefaultReward {
        name: "sparse",
        about: "Fetch's reward: -1 for every step outside of the tolerance.",
        ron: r#"[
    (name: "outside", kind: Threshold(signal: "goal_distance", above: 0.05), weight: -1.0, source: Sparse),
]"#,
        farmed_by: None,
    },
    DefaultReward {
        name: "shaped",
        about: "The sparse reward, and two distances as potentials: cube to goal and tool to cube.",
        ron: r#"[
    (name: "outside", kind: Threshold(signal: "goal_distance", above: 0.05), weight: -1.0, source: Sparse),
    (name: "carrying", kind: Distance(signal: "goal_distance"), weight: -40.0, stages: [Potential(gamma: 0.99)]),
    (name: "reaching", kind: Distance(signal: "tool_cube_distance"), weight: -10.0, stages: [Potential(gamma: 0.99)]),
]"#,
        farmed_by: None,
    },
    DefaultReward {
        name: "naive",
        about: "Pay for the cube's height: who carries it must lift it.",
        ron: r#"[
    (name: "lifting", kind: Distance(signal: "cube_position.z"), weight: 5.0),
]"#,
        farmed_by: Some("hoist"),
    },
    DefaultReward {
        name: "mixed",
        about: "All of them: the sparse reward, the potentials and the pay for height.",
        ron: r#"[
    (name: "outside", kind: Threshold(signal: "goal_distance", above: 0.05), weight: -1.0, source: Sparse),
    (name: "carrying", kind: Distance(signal: "goal_distance"), weight: -40.0, stages: [Potential(gamma: 0.99)]),
    (name: "reaching", kind: Distance(signal: "tool_cube_distance"), weight: -10.0, stages: [Potential(gamma: 0.99)]),
    (name: "lifting", kind: Distance(signal: "cube_position.z"), weight: 5.0),
]"#,
        farmed_by: None,
    },
];
