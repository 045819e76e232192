//! `Reach`: move the point between a hand's fingertips to a random point above a table.

use bevy_ecs::prelude::*;
use carrot_physics::{HandSpec, PhysicsError, PhysicsRow};
use carrot_sim::goal::distance;
use carrot_sim::{
    ActiveRows, App, BatchApp, Column, ColumnMut, DefaultReward, GoalSpec, RowKeys, Script, ScriptView,
    SignalSpec, Signals, Stream, Task, TaskSpec,
};

use super::goal::{Goal, add_goal, judge_by_goal, point_in};
use super::manipulator::{Manipulator, ManipulatorSpec, RobotChoice, TOP_SPEED, steer};
use super::signals::{GoalSignals, TOOL, ToolSignals};
use super::tabletop::{CONTROL_DT, DECIMATION, Observed, PHYSICS_DT, Tabletop, observation};

/// Name of the task.
pub const NAME: &str = "Reach";
/// Steps after which an episode is truncated: two seconds.
pub const MAX_STEPS: u32 = 50;
/// Distance within which the goal counts as reached, m; that of Fetch.
pub const TOLERANCE: f32 = 0.05;
/// Goals are drawn from this box, m.
const GOALS: [[f32; 2]; 3] = [[-0.2, 0.2], [-0.2, 0.2], [0.05, 0.35]];
/// No goal is drawn nearer to the start than this, m.
const LEAST_DISTANCE: f32 = 0.12;

const GOAL: GoalSignals = GoalSignals::new(
    GoalSpec {
        achieved: "achieved_goal",
        desired: "desired_goal",
        tolerance: TOLERANCE,
        goal: "goal_position",
        offset: "tool_to_goal",
        distance: "goal_distance",
    },
    ToolSignals::END,
    3,
);

const OBSERVED: Observed = &[
    ("observation", &["tool_position", "tool_velocity", "finger_opening"]),
    ("achieved_goal", &["tool_position"]),
    ("desired_goal", &["goal_position"]),
];

/// The task.
pub struct Reach {
    spec: TaskSpec,
    tabletop: Tabletop,
}

impl Default for Reach {
    /// The task with its standard hand.
    #[expect(clippy::expect_used, reason = "the scene is a constant, and a test builds it")]
    fn default() -> Self {
        Self::new(None).expect("the standard hand can be built")
    }
}

impl Reach {
    /// The task with its standard hand, or with an arm in its place.
    ///
    /// # Errors
    /// Where the robot is no arm, or does not reach the start.
    pub fn new(robot: Option<&RobotChoice>) -> Result<Self, PhysicsError> {
        let hand = HandSpec::default();
        let manipulator = ManipulatorSpec::choose(hand, robot);
        let (tabletop, ()) = Tabletop::build(manipulator.clone(), manipulator.solver(), |_, _| Ok(()))?;
        let signals = signals(&tabletop.manipulator);
        let spec = TaskSpec {
            name: NAME,
            family: "manipulation",
            about: "Move a hand's fingertips to a random point above a table.",
            docs: include_str!("reach.md"),
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
        Ok(Self { spec, tabletop })
    }
}

fn signals(manipulator: &Manipulator) -> Vec<SignalSpec> {
    let bounds = manipulator.bounds();
    [TOOL.specs_within(bounds), GOAL.specs("tool", bounds.range), manipulator.joint_signals()].concat()
}

impl Task for Reach {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn goal(&self) -> Option<GoalSpec> {
        Some(GOAL.spec)
    }

    fn build(&self, app: &mut App) {
        self.tabletop.install(app, &self.spec.signals, OBSERVED, measure);
        add_goal(app);
        judge_by_goal(app, GOAL, 0.1);
        app.add_restart_systems(restart);
    }
}

fn restart(
    rows: Res<ActiveRows>,
    keys: RowKeys,
    manipulator: Res<Manipulator>,
    mut goals: ColumnMut<Goal>,
    mut physics: ColumnMut<PhysicsRow>,
) {
    let (goals, physics, keys) = (goals.slice_mut(), physics.slice_mut(), keys.columns());
    rows.each(|row| {
        physics[row].reset();
        let start = physics[row].site(manipulator.tool());
        goals[row] = Goal(draw_goal(start, |block| keys.key(row).words(Stream::Reset, block)));
    });
}

/// A goal at least [`LEAST_DISTANCE`] from the start, from as many blocks of words as that takes.
fn draw_goal(start: [f32; 3], words: impl Fn(u32) -> [u32; 4]) -> [f32; 3] {
    let mut goal = start;
    // A miss has a chance of under one in ten; sixteen in a row leave the last draw as it is.
    for block in 0..16 {
        goal = point_in(&GOALS, words(block));
        if distance(&goal, &start) >= LEAST_DISTANCE {
            break;
        }
    }
    goal
}

fn measure(
    rows: Res<ActiveRows>,
    manipulator: Res<Manipulator>,
    goals: Column<Goal>,
    physics: Column<PhysicsRow>,
    mut signals: ResMut<Signals>,
) {
    let (goals, physics, tool) = (goals.slice(), physics.slice(), manipulator.tool());
    rows.each(|row| GOAL.measure(&mut signals, row, &physics[row].site(tool), &goals[row].0));
}

const SCRIPTS: [Script; 2] = [
    Script {
        name: "expert",
        about: "Moves straight to the goal and slows down there.",
        act: |view, action| steer(view, action, move_to_goal),
    },
    Script {
        name: "pump",
        about: "Runs to and fro beside the goal: coming near pays, leaving costs nothing.",
        act: |view, action| steer(view, action, pump),
    },
];

fn move_to_goal(view: &ScriptView<'_>, action: &mut [f32]) {
    for (axis, slot) in action.iter_mut().take(3).enumerate() {
        // 8 per second: a distance of 6 cm is met at top speed.
        *slot = (view.axis("tool_to_goal", axis) * 8.0 / TOP_SPEED).clamp(-1.0, 1.0);
    }
    action[3] = -1.0;
}

/// Eight steps away from the goal, eight steps back, along the straight line through it.
fn pump(view: &ScriptView<'_>, action: &mut [f32]) {
    let sign = if view.step % 16 < 8 { -1.0 } else { 1.0 };
    let distance = view.get("goal_distance").max(1e-3);
    for (axis, slot) in action.iter_mut().take(3).enumerate() {
        *slot = (sign * 1.8 * view.axis("tool_to_goal", axis) / distance).clamp(-1.0, 1.0);
    }
    action[3] = -1.0;
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
        about: "The sparse reward and the distance as a potential.",
        ron: r#"[
    (name: "outside", kind: Threshold(signal: "goal_distance", above: 0.05), weight: -1.0, source: Sparse),
    (name: "nearing", kind: Distance(signal: "goal_distance"), weight: -20.0, stages: [Potential(gamma: 0.99)]),
]"#,
        farmed_by: None,
    },
    DefaultReward {
        name: "naive",
        about: "Pay for every centimetre of approach, and forget to charge for going back.",
        ron: r#"[
    (name: "approach", kind: Progress(signal: "goal_distance"), weight: 20.0, stages: [Clip(low: 0.0)]),
]"#,
        farmed_by: Some("pump"),
    },
    DefaultReward {
        name: "mixed",
        about: "All of them: the sparse reward, the potential and the pay for approaching.",
        ron: r#"[
    (name: "outside", kind: Threshold(signal: "goal_distance", above: 0.05), weight: -1.0, source: Sparse),
    (name: "nearing", kind: Distance(signal: "goal_distance"), weight: -20.0, stages: [Potential(gamma: 0.99)]),
    (name: "approach", kind: Progress(signal: "goal_distance"), weight: 20.0, stages: [Clip(low: 0.0)]),
]"#,
        farmed_by: None,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_keep_their_distance_from_the_start() {
        let key = |env| carrot_sim::RowKey { seed: 3, env, episode: 0 };
        for env in 0..2_000 {
            let goal = draw_goal([0.0, 0.0, 0.2], |block| key(env).words(Stream::Reset, block));
            assert!(distance(&goal, &[0.0, 0.0, 0.2]) >= LEAST_DISTANCE);
            assert!((0..3).all(|i| (GOALS[i][0]..=GOALS[i][1]).contains(&goal[i])));
        }
    }
}
