//! `Push`: push a cube over the table to a goal with closed fingers.

use carrot_physics::{Grip, HandSpec, PhysicsError};
use carrot_sim::{App, DefaultReward, GoalSpec, KeyedRng, Script, ScriptView, Task, TaskSpec};

use super::cube::{Cube, GOAL, HALF, LEAST_DISTANCE, draw_place, install, signals};
use super::manipulator::{ManipulatorSpec, RobotChoice, steer};
use super::script::{move_at, move_by, on_table, vector};
use super::tabletop::{CONTROL_DT, DECIMATION, Observed, PHYSICS_DT, Tabletop, observation};

/// Name of the task.
pub const NAME: &str = "Push";
/// Steps after which an episode is truncated: two seconds.
pub const MAX_STEPS: u32 = 50;
/// Where the tool starts, m: at half the cube's height above the table's middle.
const START: [f32; 3] = [0.0, 0.0, 0.03];

const OBSERVED: Observed = &[
    (
        "observation",
        &["tool_position", "tool_velocity", "tool_to_cube", "cube_rotation", "cube_velocity", "cube_turning"],
    ),
    ("achieved_goal", &["cube_position"]),
    ("desired_goal", &["goal_position"]),
];

/// The task.
pub struct Push {
    spec: TaskSpec,
    tabletop: Tabletop,
    cube: Cube,
}

impl Default for Push {
    /// The task with its standard hand, whose fingers are blocked.
    #[expect(clippy::expect_used, reason = "the scene is a constant, and a test builds it")]
    fn default() -> Self {
        Self::new(None).expect("the standard hand can be built")
    }
}

impl Push {
    /// The task with its standard hand, whose fingers are blocked, or with an arm in its place.
    ///
    /// # Errors
    /// Where the robot is no arm, or does not reach the start.
    pub fn new(robot: Option<&RobotChoice>) -> Result<Self, PhysicsError> {
        let hand = HandSpec { grip: Grip::Blocked, start: START, ..HandSpec::default() };
        let manipulator = ManipulatorSpec::choose(hand, robot);
        let (tabletop, cube) = Tabletop::build(manipulator.clone(), manipulator.solver(), Cube::add_to)?;
        let signals = signals(&tabletop.manipulator);
        let spec = TaskSpec {
            name: NAME,
            family: "manipulation",
            about: "Push a cube over a table to a random goal.",
            docs: include_str!("push.md"),
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

impl Task for Push {
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

/// A goal on the table, away from the cube.
fn draw_goal(cube: [f32; 3], rng: &mut KeyedRng) -> [f32; 3] {
    draw_place(rng, HALF, cube, LEAST_DISTANCE)
}

const SCRIPTS: [Script; 2] = [
    Script {
        name: "expert",
        about: "Goes behind the cube and pushes it to the goal.",
        act: |view, action| steer(view, action, push_to_goal),
    },
    Script {
        name: "cling",
        about: "Presses on the cube from above, and stays.",
        act: |view, action| steer(view, action, cling),
    },
];

/// Height of the tool at which the fingertips pass over the cube, m.
const OVER: f32 = 0.075;
/// Height of the tool at which it pushes, m.
const LOW: f32 = 0.02;
/// The tool stands so far behind the cube's middle before it pushes, m.
const BEHIND: f32 = 0.06;

fn push_to_goal(view: &ScriptView<'_>, action: &mut [f32]) {
    let (to_cube, to_goal) = (vector(view, "tool_to_cube"), vector(view, "cube_to_goal"));
    let (height, left) = (view.axis("tool_position", 2), on_table(to_goal));
    if left < 0.01 {
        return move_at(action, [0.0; 3]);
    }
    let ahead = [to_goal[0] / left, to_goal[1] / left];
    // The cube's middle as seen from the tool: along the push, and to its side.
    let along = to_cube[0] * ahead[0] + to_cube[1] * ahead[1];
    let side = [to_cube[0] - along * ahead[0], to_cube[1] - along * ahead[1]];
    let astray = on_table([side[0], side[1], 0.0]);
    let is_high = height > 0.045;
    // Over the cube it goes on until it can come down behind it.
    let least = if is_high { 0.045 } else { 0.02 };
    if (least..0.09).contains(&along) && astray < 0.02 {
        let speed = if is_high { 0.0 } else { (6.0 * left).clamp(0.1, 0.45) };
        let velocity = |axis: usize| speed * ahead[axis] + 8.0 * side[axis];
        return move_at(action, [velocity(0), velocity(1), 8.0 * (LOW - height)]);
    }
    let (x, y) = (to_cube[0] - BEHIND * ahead[0], to_cube[1] - BEHIND * ahead[1]);
    let far = on_table([x, y, 0.0]);
    let near_cube = on_table(to_cube) < 0.07;
    let up = if far > 0.02 { OVER - height } else { LOW - height };
    // Beside the cube and low: first up.
    let across = if near_cube && far > 0.02 && height < OVER - 0.02 { 0.0 } else { 1.0 };
    move_by(action, [across * x, across * y, up]);
}

fn cling(view: &ScriptView<'_>, action: &mut [f32]) {
    let to_cube = vector(view, "tool_to_cube");
    let height = view.axis("tool_position", 2);
    if on_table(to_cube) > 0.01 {
        let across = if on_table(to_cube) < 0.07 && height < OVER - 0.02 { 0.0 } else { 1.0 };
        move_by(action, [across * to_cube[0], across * to_cube[1], OVER - height]);
    } else {
        move_at(action, [0.0, 0.0, -0.1]);
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
    (name: "pushing", kind: Distance(signal: "goal_distance"), weight: -40.0, stages: [Potential(gamma: 0.99)]),
    (name: "reaching", kind: Distance(signal: "tool_cube_distance"), weight: -10.0, stages: [Potential(gamma: 0.99)]),
]"#,
        farmed_by: None,
    },
    DefaultReward {
        name: "naive",
        about: "Pay for every step in which the hand touches the cube: who pushes it must touch it.",
        ron: r#"[
    (name: "touching", kind: Threshold(signal: "cube_contact", above: 0.5)),
]"#,
        farmed_by: Some("cling"),
    },
    DefaultReward {
        name: "mixed",
        about: "All of them: the sparse reward, the potentials and the pay for touching.",
        ron: r#"[
    (name: "outside", kind: Threshold(signal: "goal_distance", above: 0.05), weight: -1.0, source: Sparse),
    (name: "pushing", kind: Distance(signal: "goal_distance"), weight: -40.0, stages: [Potential(gamma: 0.99)]),
    (name: "reaching", kind: Distance(signal: "tool_cube_distance"), weight: -10.0, stages: [Potential(gamma: 0.99)]),
    (name: "touching", kind: Threshold(signal: "cube_contact", above: 0.5)),
]"#,
        farmed_by: None,
    },
];
