//! `BallBalance`: roll a ball to a point of a tilting plate, and keep it there.

use std::sync::Arc;

use bevy_ecs::prelude::*;
use carrot_physics::{
    BodyId, BodySpec, ColliderSpec, Drive, HingeSpec, Motion, MotorId, MotorSpec, PhysicsError, PhysicsRow,
    SceneBuilder, Shape, SolverConfig, Template,
};
use carrot_sim::{
    ActionSpace, Actions, ActiveRows, App, BatchApp, Body, CAUSE_NONE, CAUSE_TASK, Camera, Cause, Column,
    ColumnMut, DefaultReward, Drawing, Ends, ObsPart, Observations, RowKeys, Script, ScriptView, SignalId,
    SignalKind, SignalSpec, Signals, StepSystems, Stream, Task, TaskSpec, row_state, set_row_state, unit_f32,
};
use serde::{Deserialize, Serialize};

use super::mechanism::{Substeps, add_physics, draw_shapes, nearness, turn, write_signals};
use crate::math::sin_cos;

/// Name of the task.
pub const NAME: &str = "BallBalance";
/// Steps after which an episode is truncated: five seconds.
pub const MAX_STEPS: u32 = 250;
/// Half the edge of the plate, m.
pub const PLATE_HALF: f32 = 0.15;
/// Tilt that an action of 1 commands, rad.
pub const TOP_TILT: f32 = 0.2;
/// Distance from the goal within which the ball counts as there, m.
pub const TOLERANCE: f32 = 0.02;
/// Speed below which the ball counts as resting, m/s.
pub const RESTING: f32 = 0.1;
/// Cause: the ball left the plate.
pub const BALL_FELL: Cause = CAUSE_TASK;

const SUBSTEPS: Substeps = Substeps { physics_dt: 0.01, decimation: 2 };
const CONTROL_DT: f32 = 0.02;
const PLATE_THICKNESS: f32 = 0.01;
const PLATE_MASS: f32 = 0.4;
const RING_MASS: f32 = 0.2;
const BALL_RADIUS: f32 = 0.02;
const BALL_MASS: f32 = 0.05;
/// The ball starts and goals lie within this distance of the plate's middle along each axis, m.
const SPREAD: f32 = 0.08;
/// Tilts as a servo holds them.
const SERVO: Drive = Drive::Position { stiffness: 10.0, damping: 0.4 };

const PLATE: u32 = 1;
const BALL: u32 = 2;

const DISTANCE: SignalId = SignalId(10);
const SPEED: SignalId = SignalId(11);
const ON_PLATE: SignalId = SignalId(12);

/// Goal of a row on the plate, m.
#[derive(Component, Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Goal(pub [f32; 2]);

/// Handles of the scene, the same for every row.
#[derive(Resource, Clone)]
struct Table {
    template: Arc<Template>,
    plate: BodyId,
    ball: BodyId,
    /// Tilts about the x axis and about the plate's own y axis.
    tilts: [MotorId; 2],
}

impl Table {
    fn build() -> Result<Self, PhysicsError> {
        let config = SolverConfig { iterations: 2, length_unit: 0.1, ..SolverConfig::default() };
        let mut scene = SceneBuilder::new(config)?;
        let base = scene.body("base", BodySpec::at(Motion::Fixed, [0.0; 3]))?;
        let ring = scene.body("ring", BodySpec::at(Motion::Dynamic, [0.0; 3]))?;
        let plate = scene.body("plate", BodySpec::at(Motion::Dynamic, [0.0; 3]))?;
        let square = |half: f32| Shape::Cuboid { half_extents: [half, half, PLATE_THICKNESS / 2.0] };
        let part = |shape, mass, groups, collides_with| ColliderSpec {
            groups,
            collides_with,
            ..ColliderSpec::new(shape, mass)
        };
        // The ring only carries the plate; nothing touches it.
        scene.collider(ring, part(square(PLATE_HALF), RING_MASS, PLATE, 0))?;
        scene.collider(plate, part(square(PLATE_HALF), PLATE_MASS, PLATE, BALL))?;
        let height = BALL_RADIUS + PLATE_THICKNESS / 2.0;
        let ball = scene.body("ball", BodySpec::at(Motion::Dynamic, [0.0, 0.0, height]))?;
        scene.collider(ball, part(Shape::Ball { radius: BALL_RADIUS }, BALL_MASS, BALL, PLATE))?;
        let joint = |name: &str, axis| HingeSpec {
            limits: Some([-1.5 * TOP_TILT, 1.5 * TOP_TILT]),
            motor: Some(MotorSpec { name: name.into(), drive: SERVO, max_force: 2.0 }),
            ..HingeSpec::new([0.0; 3], axis)
        };
        scene.hinge(base, ring, joint("tilt_x", [1.0, 0.0, 0.0]))?;
        scene.hinge(ring, plate, joint("tilt_y", [0.0, 1.0, 0.0]))?;
        let template = scene.build();
        let tilts = [template.motor("tilt_x")?, template.motor("tilt_y")?];
        Ok(Self { template, plate, ball, tilts })
    }

    /// The signals of one row, in catalog order: the ball is seen in the plate's frame.
    fn read(&self, row: &PhysicsRow, goal: [f32; 2]) -> [f32; 13] {
        let [x, y, z, w] = row.rotation(self.plate);
        let seen = |v| turn([-x, -y, -z, w], v);
        let [x, y, z] = seen(row.position(self.ball));
        let [vx, vy, _] = seen(row.velocity(self.ball));
        let [tilt_x, tilt_y] = self.tilts.map(|motor| row.motor_position(motor));
        let [rate_x, rate_y] = self.tilts.map(|motor| row.motor_velocity(motor));
        let (dx, dy) = (goal[0] - x, goal[1] - y);
        let (distance, speed) = ((dx * dx + dy * dy).sqrt(), (vx * vx + vy * vy).sqrt());
        let on = x.abs() <= PLATE_HALF && y.abs() <= PLATE_HALF && z > 0.0;
        let on = f32::from(u8::from(on));
        [x, y, vx, vy, tilt_x, tilt_y, rate_x, rate_y, goal[0], goal[1], distance, speed, on]
    }
}

/// The task.
pub struct BallBalance {
    spec: TaskSpec,
    table: Table,
}

impl Default for BallBalance {
    #[expect(clippy::expect_used, reason = "the scene is a constant, and a test builds it")]
    fn default() -> Self {
        let high = [0.2, 0.2, 2.0, 2.0, 0.4, 0.4, 20.0, 20.0, SPREAD, SPREAD];
        let spec = TaskSpec {
            name: NAME,
            family: "control",
            about: "Roll a ball to a point of a tilting plate, and keep it there.",
            docs: include_str!("ball_balance.md"),
            observation: vec![ObsPart::vector("state", &high.map(|h: f32| -h), &high)],
            action: ActionSpace::Continuous {
                names: ["tilt_x", "tilt_y"].map(String::from).to_vec(),
                units: ["0.2 rad", "0.2 rad"].map(String::from).to_vec(),
                low: vec![-1.0; 2],
                high: vec![1.0; 2],
            },
            signals: signals(),
            causes: &["ball_fell"],
            max_steps: MAX_STEPS,
            control_dt: CONTROL_DT,
            physics_dt: SUBSTEPS.physics_dt,
            decimation: SUBSTEPS.decimation,
            rewards: REWARDS.to_vec(),
            scripts: SCRIPTS.to_vec(),
        };
        Self { spec, table: Table::build().expect("the table can be built") }
    }
}

fn signals() -> Vec<SignalSpec> {
    let pair = |name: &str, unit: &str, top: f32, about: &str| {
        SignalSpec::new(name, SignalKind::Vec2, unit, (-top, top), about)
    };
    vec![
        pair("ball_position", "m", 0.3, "The ball, along the plate's own axes."),
        pair("ball_velocity", "m/s", 5.0, "Velocity of the ball along the plate's axes."),
        pair("tilt", "rad", 0.4, "Tilt of the plate about the x axis and about its own y axis."),
        pair("tilt_velocity", "rad/s", 100.0, "Angular velocity of the two tilts."),
        pair("goal_position", "m", 0.15, "The goal on the plate, fixed for the episode."),
        SignalSpec::scalar("goal_distance", "m", (0.0, 0.5), "Distance of the ball to the goal."),
        SignalSpec::scalar("ball_speed", "m/s", (0.0, 5.0), "Speed of the ball along the plate."),
        SignalSpec::flag("on_plate", "The ball is on the plate."),
    ]
}

impl Task for BallBalance {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn camera(&self) -> Camera {
        Camera { eye: [0.0, -0.35, 0.35], target: [0.0, -0.01, 0.0], height: None }
    }

    fn build(&self, app: &mut App) {
        add_physics(app, self.table.template.clone(), SUBSTEPS);
        app.insert_resource(self.table.clone())
            .add_row_state(Goal::default())
            .add_restart_systems(restart)
            .add_step_systems(StepSystems::Act, drive)
            .add_observing_systems(StepSystems::Measure, measure)
            .add_step_systems(StepSystems::Terminate, judge)
            .add_observing_systems(StepSystems::Sense, sense)
            .set_drawing(draw)
            .add_handle("goal_position", "The goal on the plate, m.", 2, |world, row, values| {
                set_row_state(world, row, Goal([values[0], values[1]]));
            });
    }
}

fn restart(
    rows: Res<ActiveRows>,
    keys: RowKeys,
    table: Res<Table>,
    mut goals: ColumnMut<Goal>,
    mut physics: ColumnMut<PhysicsRow>,
) {
    let (goals, physics, keys) = (goals.slice_mut(), physics.slice_mut(), keys.columns());
    keys.draw(&rows, Stream::Reset, |row, words| {
        let [ball_x, ball_y, goal_x, goal_y] = words.map(|word| (2.0 * unit_f32(word) - 1.0) * SPREAD);
        physics[row].reset();
        let height = BALL_RADIUS + PLATE_THICKNESS / 2.0;
        physics[row].place(table.ball, [ball_x, ball_y, height], [0.0, 0.0, 0.0, 1.0]);
        goals[row] = Goal([goal_x, goal_y]);
    });
}

fn drive(actions: Res<Actions>, table: Res<Table>, mut physics: ColumnMut<PhysicsRow>) {
    for (row, action) in physics.slice_mut().iter_mut().zip(actions.applied.as_chunks::<2>().0) {
        for tilt in 0..2 {
            row.command(table.tilts[tilt], action[tilt] * TOP_TILT);
        }
    }
}

fn measure(
    rows: Res<ActiveRows>,
    table: Res<Table>,
    goals: Column<Goal>,
    physics: Column<PhysicsRow>,
    mut signals: ResMut<Signals>,
) {
    let (goals, physics) = (goals.slice(), physics.slice());
    rows.each(|row| write_signals(&mut signals, row, &table.read(&physics[row], goals[row].0)));
}

fn judge(signals: Res<Signals>, mut ends: ResMut<Ends>) {
    let (ends, now) = (&mut *ends, signals.now());
    let columns = now.get(DISTANCE, 0).iter().zip(now.get(SPEED, 0)).zip(now.get(ON_PLATE, 0));
    for (row, ((&d, &v), &on)) in columns.enumerate() {
        let fell = on < 0.5;
        ends.terminated[row] = fell;
        ends.cause[row] = if fell { BALL_FELL } else { CAUSE_NONE };
        ends.success[row] = !fell && d <= TOLERANCE && v <= RESTING;
        ends.score[row] = if fell { 0.0 } else { nearness(d, TOLERANCE, 0.1) };
    }
}

fn sense(rows: Res<ActiveRows>, signals: Res<Signals>, mut observations: ResMut<Observations>) {
    let view = signals.measured();
    let (out, _) = observations.f32_mut(0).as_chunks_mut::<10>();
    rows.each(|row| out[row] = std::array::from_fn(|at| view.get(SignalId(at), 0)[row]));
}

const SCRIPTS: [Script; 2] = [
    Script {
        name: "expert",
        about: "Tilts by proportional and derivative feedback on the ball, as if it were critically damped.",
        act: |view, action| roll(view, [0.0; 2], action),
    },
    Script {
        name: "rock",
        about: "Rolls the ball to and fro over the goal: coming near pays, leaving costs nothing.",
        act: |view, action| {
            let (sin, _) = sin_cos(view.step as f32 * (std::f32::consts::TAU / 50.0));
            // Towards the middle of the plate, so that the ball stays on it.
            let side = if view.axis("goal_position", 0) > 0.0 { -1.0 } else { 1.0 };
            roll(view, [side * (0.07 + 0.13 * sin), 0.0], action);
        },
    },
];

/// Rolls the ball to a point beside the goal.
fn roll(view: &ScriptView<'_>, beside: [f32; 2], action: &mut [f32]) {
    let push: [f32; 2] = std::array::from_fn(|axis| {
        let to_goal = view.axis("goal_position", axis) + beside[axis] - view.axis("ball_position", axis);
        // A solid ball rolls down a slope with 5/7 of gravity.
        (8.0 * to_goal - 5.0 * view.axis("ball_velocity", axis)) / (9.81 * 5.0 / 7.0)
    });
    // A turn about y lowers the side of +x, a turn about x raises that of +y.
    action[0] = (-push[1] / TOP_TILT).clamp(-1.0, 1.0);
    action[1] = (push[0] / TOP_TILT).clamp(-1.0, 1.0);
}

const REWARDS: [DefaultReward; 4] = [
    DefaultReward {
        name: "sparse",
        about: "1 for every step with the ball at the goal.",
        ron: r#"[
    (name: "there", kind: Threshold(signal: "goal_distance", below: 0.02), weight: 1.0, source: Sparse),
]"#,
        farmed_by: None,
    },
    DefaultReward {
        name: "shaped",
        about: "The sparse reward and a potential that rises as the ball nears the goal.",
        ron: r#"[
    (name: "there", kind: Threshold(signal: "goal_distance", below: 0.02), weight: 1.0, source: Sparse),
    (
        name: "nearing",
        kind: Tolerance(signal: "goal_distance", bounds: (0.0, 0.0), margin: 0.4, sigmoid: Linear, value_at_margin: 0.0),
        weight: 20.0,
        stages: [Potential(gamma: 0.99)],
    ),
]"#,
        farmed_by: None,
    },
    DefaultReward {
        name: "naive",
        about: "Pay for every centimetre that the ball nears the goal, and forget to charge for leaving.",
        ron: r#"[
    (name: "approach", kind: Progress(signal: "goal_distance"), weight: 50.0, stages: [Clip(low: 0.0)]),
]"#,
        farmed_by: Some("rock"),
    },
    DefaultReward {
        name: "mixed",
        about: "All of them: the sparse reward, the potential and the pay for approaching.",
        ron: r#"[
    (name: "there", kind: Threshold(signal: "goal_distance", below: 0.02), weight: 1.0, source: Sparse),
    (
        name: "nearing",
        kind: Tolerance(signal: "goal_distance", bounds: (0.0, 0.0), margin: 0.4, sigmoid: Linear, value_at_margin: 0.0),
        weight: 20.0,
        stages: [Potential(gamma: 0.99)],
    ),
    (name: "approach", kind: Progress(signal: "goal_distance"), weight: 50.0, stages: [Clip(low: 0.0)]),
]"#,
        farmed_by: None,
    },
];

fn draw(world: &World, row: usize) -> Drawing {
    let Some(physics) = row_state::<PhysicsRow>(world, row) else { return Drawing::default() };
    let [x, y] = row_state::<Goal>(world, row).copied().unwrap_or_default().0;
    let (wood, steel) = ([0.5, 0.38, 0.27, 1.0], [0.7, 0.72, 0.75, 1.0]);
    let mut bodies = draw_shapes(physics, &[("ring", [0.0; 4]), ("plate", wood), ("ball", steel)]);
    // The ring has no form of its own.
    bodies.remove(0);
    let rotation = physics.rotation(world.resource::<Table>().plate);
    let mark = turn(rotation, [x, y, PLATE_THICKNESS / 2.0]);
    let goal = Body::at("goal", carrot_sim::Shape::Cylinder(TOLERANCE, 0.001), mark, [0.1, 0.7, 0.3, 0.6]);
    bodies.push(Body { rotation, ..goal });
    Drawing::of(bodies)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use carrot_sim::SignalCatalog;

    #[test]
    fn signal_columns_are_where_the_constants_say() {
        let catalog = SignalCatalog::new(signals());
        for (name, id) in [("goal_distance", DISTANCE), ("ball_speed", SPEED), ("on_plate", ON_PLATE)] {
            assert_eq!(catalog.find(name).map(|(id, _)| id), Some(id), "{name}");
        }
    }

    #[test]
    fn a_ball_rolls_down_the_plate_with_five_sevenths_of_gravity() {
        let table = Table::build().unwrap();
        for (axis, sign) in [(0, -1.0), (1, 1.0)] {
            let mut row = table.template.row();
            row.command(table.tilts[axis], 0.1);
            (0..20).for_each(|_| row.step(SUBSTEPS.physics_dt, SUBSTEPS.decimation));
            let rolling = 1 - axis;
            let from = table.read(&row, [0.0; 2])[2 + rolling];
            (0..10).for_each(|_| row.step(SUBSTEPS.physics_dt, SUBSTEPS.decimation));
            let signals = table.read(&row, [0.0; 2]);
            let rate = (signals[2 + rolling] - from) / (10.0 * CONTROL_DT);
            let expected = sign * 5.0 / 7.0 * 9.81 * 0.1_f32.sin();
            assert!((rate / expected - 1.0).abs() < 0.05, "axis {axis}: {rate} m/s^2, expected {expected}");
            assert!((signals[4 + axis] - 0.1).abs() < 0.02, "tilted by {}", signals[4 + axis]);
        }
    }
}
