//! `Reach`: move the point between a hand's fingertips to a random point above a table.

use bevy_ecs::prelude::*;
use carrot_physics::{Hand, HandSpec, PhysicsRow};
use carrot_sim::goal::distance;
use carrot_sim::{
    ActionSpace, Actions, ActiveRows, App, BatchApp, Body, CAUSE_NONE, Column, ColumnMut, DefaultReward,
    Drawing, Ends, FaultSource, Faults, GoalSpec, ObsPart, Observations, RowKeys, Script, ScriptView, Shape,
    SignalId, SignalKind, SignalSpec, Signals, StepSystems, Stream, Task, TaskSpec, row_state, set_row_state,
    unit_f32,
};
use serde::{Deserialize, Serialize};

/// Name of the task.
pub const NAME: &str = "Reach";
/// Steps after which an episode is truncated: two seconds.
pub const MAX_STEPS: u32 = 50;
/// Speed that an action of 1 commands, m/s.
pub const TOP_SPEED: f32 = 0.5;
/// Distance within which the goal counts as reached, m; that of Fetch.
pub const TOLERANCE: f32 = 0.05;
/// Goals are drawn from this box, m.
const GOALS: [[f32; 2]; 3] = [[-0.2, 0.2], [-0.2, 0.2], [0.05, 0.35]];
/// No goal is drawn nearer to the start than this, m.
const LEAST_DISTANCE: f32 = 0.12;
/// Widest opening of the fingers, m.
const OPENING: f32 = 0.08;

const POSITION: SignalId = SignalId(0);
const VELOCITY: SignalId = SignalId(3);
const GOAL: SignalId = SignalId(6);
const TO_GOAL: SignalId = SignalId(9);
const DISTANCE: SignalId = SignalId(12);
const SPEED: SignalId = SignalId(13);
const FINGERS: SignalId = SignalId(14);
const TOUCHING: SignalId = SignalId(15);

/// Goal of a row, m.
#[derive(Component, Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Goal(pub [f32; 3]);

/// The hand's handles, the same for every row.
#[derive(Resource, Clone)]
struct Parts(Hand);

/// The task.
pub struct Reach {
    spec: TaskSpec,
    hand: Hand,
    start: [f32; 3],
}

impl Default for Reach {
    /// The task with its standard hand.
    #[expect(clippy::expect_used, reason = "the scene is a constant, and a test builds it")]
    fn default() -> Self {
        let hand_spec = HandSpec::default();
        let hand = hand_spec.build().expect("the standard hand can be built");
        let decimation = HandSpec::DECIMATION;
        let spec = TaskSpec {
            name: NAME,
            family: "manipulation",
            about: "Move a hand's fingertips to a random point above a table.",
            docs: include_str!("reach.md"),
            observation: vec![
                ObsPart::vector(
                    "observation",
                    &[-0.3, -0.3, -0.05, -1.0, -1.0, -1.0, -0.02],
                    &[0.3, 0.3, 0.5, 1.0, 1.0, 1.0, 0.12],
                ),
                ObsPart::vector("achieved_goal", &[-0.3, -0.3, -0.05], &[0.3, 0.3, 0.5]),
                ObsPart::vector("desired_goal", &GOALS.map(|g| g[0]), &GOALS.map(|g| g[1])),
            ],
            action: ActionSpace::Continuous {
                names: ["vx", "vy", "vz", "grip"].map(String::from).to_vec(),
                units: ["0.5 m/s", "0.5 m/s", "0.5 m/s", ""].map(String::from).to_vec(),
                low: vec![-1.0; 4],
                high: vec![1.0; 4],
            },
            signals: signals(),
            causes: &[],
            max_steps: MAX_STEPS,
            control_dt: HandSpec::PHYSICS_DT * decimation as f32,
            physics_dt: HandSpec::PHYSICS_DT,
            decimation,
            rewards: REWARDS.to_vec(),
            scripts: SCRIPTS.to_vec(),
        };
        Self { spec, hand, start: hand_spec.start }
    }
}

fn signals() -> Vec<SignalSpec> {
    let vec3 = |name: &str, unit: &str, range, about: &str| {
        SignalSpec::new(name, SignalKind::Vec3, unit, range, about)
    };
    vec![
        vec3("tool_position", "m", (-0.3, 0.5), "Point between the fingertips; the table's top is z = 0."),
        vec3("tool_velocity", "m/s", (-1.0, 1.0), "Velocity of that point."),
        vec3("goal_position", "m", (-0.2, 0.35), "The goal, fixed for the episode."),
        vec3("tool_to_goal", "m", (-0.6, 0.6), "From the tool to the goal."),
        SignalSpec::scalar("goal_distance", "m", (0.0, 0.9), "Distance from the tool to the goal."),
        SignalSpec::scalar("tool_speed", "m/s", (0.0, 1.5), "Speed of the tool."),
        SignalSpec::scalar(
            "finger_opening",
            "m",
            (-0.02, 0.12),
            "Distance between the fingers' inner faces.",
        ),
        SignalSpec::flag("table_contact", "The hand touched the table in this step."),
    ]
}

/// The tool within [`TOLERANCE`] of the goal.
const GOAL_SPEC: GoalSpec = GoalSpec {
    achieved: "achieved_goal",
    desired: "desired_goal",
    tolerance: TOLERANCE,
    goal: "goal_position",
    offset: "tool_to_goal",
    distance: "goal_distance",
};

impl Task for Reach {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn goal(&self) -> Option<GoalSpec> {
        Some(GOAL_SPEC)
    }

    fn build(&self, app: &mut App) {
        let template = self.hand.template.clone();
        app.insert_resource(Parts(self.hand.clone()))
            .insert_resource(Start(self.start))
            .add_row_state(Goal::default())
            .add_own_row_state(
                move || template.row(),
                |row: &PhysicsRow| row.snapshot().map_err(|error| error.to_string()),
                |row, bytes| row.restore(bytes).map_err(|error| error.to_string()),
            )
            .add_restart_systems(restart)
            .add_step_systems(StepSystems::Act, drive)
            .add_step_systems(StepSystems::Simulate, simulate)
            .add_observing_systems(StepSystems::Measure, measure)
            .add_step_systems(StepSystems::Terminate, judge)
            .add_observing_systems(StepSystems::Sense, sense)
            .set_drawing(draw)
            .add_handle("goal_position", "The goal, m.", 3, |world, row, values| {
                set_row_state(world, row, Goal([values[0], values[1], values[2]]));
            });
    }
}

/// Where the tool starts, m.
#[derive(Resource, Clone, Copy)]
struct Start([f32; 3]);

fn restart(
    rows: Res<ActiveRows>,
    keys: RowKeys,
    start: Res<Start>,
    mut goals: ColumnMut<Goal>,
    mut physics: ColumnMut<PhysicsRow>,
) {
    let (goals, physics, keys) = (goals.slice_mut(), physics.slice_mut(), keys.columns());
    rows.each(|row| {
        physics[row].reset();
        goals[row] = Goal(draw_goal(start.0, |block| keys.key(row).words(Stream::Reset, block)));
    });
}

/// A goal at least [`LEAST_DISTANCE`] from the start, from as many blocks of words as that takes.
fn draw_goal(start: [f32; 3], words: impl Fn(u32) -> [u32; 4]) -> [f32; 3] {
    let mut goal = start;
    // A miss has a chance of under one in ten; sixteen in a row leave the last draw as it is.
    for block in 0..16 {
        let words = words(block);
        goal = std::array::from_fn(|i| GOALS[i][0] + (GOALS[i][1] - GOALS[i][0]) * unit_f32(words[i]));
        if norm(difference(goal, start)) >= LEAST_DISTANCE {
            break;
        }
    }
    goal
}

fn drive(actions: Res<Actions>, hand: Res<Parts>, mut physics: ColumnMut<PhysicsRow>) {
    for (row, action) in physics.slice_mut().iter_mut().zip(actions.applied.chunks_exact(4)) {
        let velocity = [action[0], action[1], action[2]].map(|a| a * TOP_SPEED);
        hand.0.drive(row, velocity, (action[3] + 1.0) * 0.5 * OPENING);
    }
}

fn simulate(mut physics: ColumnMut<PhysicsRow>, mut faults: ResMut<Faults>) {
    for (index, row) in physics.slice_mut().iter_mut().enumerate() {
        row.step(HandSpec::PHYSICS_DT, HandSpec::DECIMATION);
        if row.diverged() {
            faults.raise(index, FaultSource::State);
        }
    }
}

fn measure(
    rows: Res<ActiveRows>,
    hand: Res<Parts>,
    goals: Column<Goal>,
    physics: Column<PhysicsRow>,
    mut signals: ResMut<Signals>,
) {
    let (goals, physics, hand) = (goals.slice(), physics.slice(), &hand.0);
    rows.each(|row| {
        let body = &physics[row];
        let (position, velocity, goal) = (body.site(hand.tool), body.site_velocity(hand.tool), goals[row].0);
        let to_goal = difference(goal, position);
        for axis in 0..3 {
            signals.target(POSITION, axis)[row] = position[axis];
            signals.target(VELOCITY, axis)[row] = velocity[axis];
            signals.target(GOAL, axis)[row] = goal[axis];
            signals.target(TO_GOAL, axis)[row] = to_goal[axis];
        }
        signals.target(DISTANCE, 0)[row] = distance(&position, &goal);
        signals.target(SPEED, 0)[row] = norm(velocity);
        signals.target(FINGERS, 0)[row] = hand.opening(body);
        signals.target(TOUCHING, 0)[row] = f32::from(u8::from(body.contact(hand.table_contact).touching));
    });
}

fn judge(signals: Res<Signals>, mut ends: ResMut<Ends>) {
    let ends = &mut *ends;
    let distance = signals.now().get(DISTANCE, 0);
    ends.terminated.fill(false);
    ends.cause.fill(CAUSE_NONE);
    for (row, &d) in distance.iter().enumerate() {
        ends.success[row] = GOAL_SPEC.is_reached(d);
        ends.score[row] = score(d);
    }
}

/// 1 within the tolerance, falling to 0.1 at 10 cm beyond it (a Gaussian, as in dm_control).
fn score(distance: f32) -> f32 {
    let beyond = (distance - TOLERANCE).max(0.0) / 0.1;
    libm::expf(-std::f32::consts::LN_10 * beyond * beyond)
}

fn sense(rows: Res<ActiveRows>, signals: Res<Signals>, mut observations: ResMut<Observations>) {
    let view = signals.measured();
    let copy = |row: usize, ids: &[(SignalId, usize)], to: &mut [f32]| {
        let values = ids.iter().flat_map(|&(id, width)| (0..width).map(move |axis| (id, axis)));
        for (slot, (id, axis)) in to[row * ids.iter().map(|i| i.1).sum::<usize>()..].iter_mut().zip(values) {
            *slot = view.get(id, axis)[row];
        }
    };
    rows.each(|row| {
        copy(row, &[(POSITION, 3), (VELOCITY, 3), (FINGERS, 1)], observations.f32_mut(0));
        copy(row, &[(POSITION, 3)], observations.f32_mut(1));
        copy(row, &[(GOAL, 3)], observations.f32_mut(2));
    });
}

fn difference(a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    std::array::from_fn(|i| a[i] - b[i])
}

fn norm(v: [f32; 3]) -> f32 {
    (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]).sqrt()
}

const SCRIPTS: [Script; 2] = [
    Script { name: "expert", about: "Moves straight to the goal and slows down there.", act: move_to_goal },
    Script {
        name: "pump",
        about: "Runs to and fro beside the goal: coming near pays, leaving costs nothing.",
        act: pump,
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

fn draw(world: &World, row: usize) -> Drawing {
    let Some(physics) = row_state::<PhysicsRow>(world, row) else { return Drawing::default() };
    let goal = row_state::<Goal>(world, row).copied().unwrap_or_default();
    let hand = &world.resource::<Parts>().0;
    let [x, y, z] = physics.site(hand.tool);
    let half = hand.opening(physics) * 0.5;
    let (steel, dark) = ([0.6, 0.62, 0.65, 1.0], [0.2, 0.2, 0.22, 1.0]);
    let finger = Shape::Cuboid([0.01, 0.006, 0.03]);
    let rail = vec![[x, y, z + 0.09], [x, y, 0.7]];
    Drawing {
        bodies: vec![
            Body::at("table", Shape::Cuboid([0.4, 0.4, 0.02]), [0.0, 0.0, -0.02], [0.5, 0.38, 0.27, 1.0]),
            Body::at("rail", Shape::Line(rail, 0.015), [0.0; 3], dark),
            Body::at("palm", Shape::Cuboid([0.02, 0.065, 0.02]), [x, y, z + 0.07], steel),
            Body::at("left_finger", finger.clone(), [x, y - half - 0.006, z + 0.02], steel),
            Body::at("right_finger", finger, [x, y + half + 0.006, z + 0.02], steel),
            Body::at("goal", Shape::Sphere(TOLERANCE), goal.0, [0.1, 0.7, 0.3, 0.5]),
        ],
        tiles: None,
    }
}

/// The catalog's columns, to hold the constants above against.
#[cfg(test)]
mod tests {
    use super::*;
    use carrot_sim::SignalCatalog;

    #[test]
    fn signal_columns_are_where_the_constants_say() {
        let catalog = SignalCatalog::new(signals());
        for (name, id) in [
            ("tool_position", POSITION),
            ("tool_velocity", VELOCITY),
            ("goal_position", GOAL),
            ("tool_to_goal", TO_GOAL),
            ("goal_distance", DISTANCE),
            ("tool_speed", SPEED),
            ("finger_opening", FINGERS),
            ("table_contact", TOUCHING),
        ] {
            assert_eq!(catalog.find(name).map(|(id, _)| id), Some(id), "{name}");
        }
    }

    #[test]
    fn goals_keep_their_distance_from_the_start() {
        let key = |env| carrot_sim::RowKey { seed: 3, env, episode: 0 };
        for env in 0..2_000 {
            let goal = draw_goal([0.0, 0.0, 0.2], |block| key(env).words(Stream::Reset, block));
            assert!(norm(difference(goal, [0.0, 0.0, 0.2])) >= LEAST_DISTANCE);
            assert!((0..3).all(|i| (GOALS[i][0]..=GOALS[i][1]).contains(&goal[i])));
        }
    }
}
