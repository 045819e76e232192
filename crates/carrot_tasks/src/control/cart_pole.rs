//! `CartPole-v1`: keep a pole upright by pushing the cart below it.
//!
//! # Source
//! Gymnasium's `cartpole.py` (after A. Barto, R. Sutton and C. Anderson, 1983), explicit Euler steps. Its
//! f64 arithmetic is f32 here; one step from any state agrees within 1e-5.

use bevy_ecs::prelude::*;
use carrot_sim::{
    ActionSpace, Actions, ActiveRows, App, BatchApp, Body, CAUSE_NONE, CAUSE_TASK, Camera, Cause, Column,
    ColumnMut, DefaultReward, Drawing, Ends, Faults, MaxSteps, ObsPart, Observations, RowKeys, Script,
    ScriptView, Shape, SignalId, SignalSpec, Signals, StepCount, StepSystems, Stream, Task, TaskSpec,
    row_state, set_row_state, unit_f32,
};
use multiversion::multiversion;

use super::{CartPosition, CartVelocity, PoleAngle, PoleVelocity, contain_state, floats, floats_mut};
use crate::math::sin_cos;

/// Name of the task.
pub const NAME: &str = "CartPole-v1";
/// Steps of a whole episode.
pub const MAX_STEPS: u32 = 500;
/// The cart leaves the rail beyond this distance from its centre, in metres.
pub const RAIL_HALF_LENGTH: f32 = 2.4;
/// The pole has fallen beyond this angle, 12 degrees in radians.
pub const FALL_ANGLE: f32 = 0.209_439_51;
/// Cause: the pole passed [`FALL_ANGLE`].
pub const POLE_FELL: Cause = CAUSE_TASK;
/// Cause: the cart passed [`RAIL_HALF_LENGTH`].
pub const CART_LEFT_TRACK: Cause = CAUSE_TASK + 1;

const GRAVITY: f32 = 9.8;
const POLE_MASS: f32 = 0.1;
const PER_MASS: f32 = 1.0 / (1.0 + POLE_MASS);
const POLE_HALF_LENGTH: f32 = 0.5;
const POLE_MASS_LENGTH: f32 = POLE_MASS * POLE_HALF_LENGTH;
const PUSH: f32 = 10.0;
const CONTROL_DT: f32 = 0.02;
/// Initial states are uniform within this distance of zero.
const START_SPREAD: f32 = 0.05;

const CART_POSITION: SignalId = SignalId(0);
const POLE_ANGLE: SignalId = SignalId(2);

/// The task.
pub struct CartPole {
    spec: TaskSpec,
}

impl Default for CartPole {
    fn default() -> Self {
        let bounds = [2.0 * RAIL_HALF_LENGTH, f32::INFINITY, 2.0 * FALL_ANGLE, f32::INFINITY];
        let spec = TaskSpec {
            name: NAME,
            family: "control",
            about: "Keep a pole upright by pushing the cart below it.",
            docs: include_str!("cart_pole.md"),
            observation: vec![ObsPart::vector("state", &bounds.map(|b| -b), &bounds)],
            action: ActionSpace::discrete(&["push_left", "push_right"]),
            signals: signals(),
            causes: &["pole_fell", "cart_left_track"],
            max_steps: MAX_STEPS,
            control_dt: CONTROL_DT,
            physics_dt: CONTROL_DT,
            decimation: 1,
            rewards: REWARDS.to_vec(),
            scripts: SCRIPTS.to_vec(),
        };
        Self { spec }
    }
}

fn signals() -> Vec<SignalSpec> {
    vec![
        SignalSpec::scalar(
            "cart_position",
            "m",
            (-4.8, 4.8),
            "Position of the cart on its rail, 0 in the middle; beyond 2.4 the episode ends.",
        ),
        SignalSpec::scalar("cart_velocity", "m/s", (-20.0, 20.0), "Velocity of the cart."),
        SignalSpec::scalar(
            "pole_angle",
            "rad",
            (-std::f32::consts::PI, std::f32::consts::PI),
            "Angle of the pole from upright, positive to the right; beyond 0.2094 the episode ends.",
        ),
        SignalSpec::scalar("pole_velocity", "rad/s", (-30.0, 30.0), "Angular velocity of the pole."),
    ]
}

impl Task for CartPole {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn camera(&self) -> Camera {
        Camera::beside([0.0, 0.0, 0.6], 5.0)
    }

    fn build(&self, app: &mut App) {
        app.add_row_state(CartPosition(0.0))
            .add_row_state(CartVelocity(0.0))
            .add_row_state(PoleAngle(0.0))
            .add_row_state(PoleVelocity(0.0))
            .add_restart_systems(restart)
            .add_step_systems(StepSystems::Simulate, simulate)
            .add_observing_systems(StepSystems::Measure, measure)
            .add_step_systems(StepSystems::Terminate, judge)
            .add_observing_systems(StepSystems::Sense, sense)
            .set_drawing(draw)
            .add_handle("cart_position", "Position of the cart, m.", 1, |world, row, values| {
                set_row_state(world, row, CartPosition(values[0]));
            })
            .add_handle("cart_velocity", "Velocity of the cart, m/s.", 1, |world, row, values| {
                set_row_state(world, row, CartVelocity(values[0]));
            })
            .add_handle("pole_angle", "Angle of the pole from upright, rad.", 1, |world, row, values| {
                set_row_state(world, row, PoleAngle(values[0]));
            })
            .add_handle("pole_velocity", "Angular velocity of the pole, rad/s.", 1, |world, row, values| {
                set_row_state(world, row, PoleVelocity(values[0]));
            });
    }
}

fn restart(
    rows: Res<ActiveRows>,
    keys: RowKeys,
    mut position: ColumnMut<CartPosition>,
    mut velocity: ColumnMut<CartVelocity>,
    mut angle: ColumnMut<PoleAngle>,
    mut spin: ColumnMut<PoleVelocity>,
) {
    let (x, v) = (position.slice_mut(), velocity.slice_mut());
    let (a, w) = (angle.slice_mut(), spin.slice_mut());
    let keys = keys.columns();
    keys.draw(&rows, Stream::Reset, |row, draws| {
        let [x0, v0, a0, w0] = draws.map(|word| (2.0 * unit_f32(word) - 1.0) * START_SPREAD);
        (x[row].0, v[row].0, a[row].0, w[row].0) = (x0, v0, a0, w0);
    });
}

fn simulate(
    actions: Res<Actions>,
    mut faults: ResMut<Faults>,
    mut position: ColumnMut<CartPosition>,
    mut velocity: ColumnMut<CartVelocity>,
    mut angle: ColumnMut<PoleAngle>,
    mut spin: ColumnMut<PoleVelocity>,
) {
    let (x, v) = (floats_mut(position.slice_mut()), floats_mut(velocity.slice_mut()));
    let (a, w) = (floats_mut(angle.slice_mut()), floats_mut(spin.slice_mut()));
    if !step_rows(x, v, a, w, &actions.applied) {
        contain_state([x, v, a, w], &mut faults);
    }
}

/// One step of every row; false when a row stopped being finite.
///
/// # Shapes
/// `[N]` each; an action is 0 (left) or 1 (right).
#[multiversion(targets("x86_64+avx2"))]
pub fn step_rows(
    position: &mut [f32],
    velocity: &mut [f32],
    angle: &mut [f32],
    spin: &mut [f32],
    action: &[f32],
) -> bool {
    let rows = position.len();
    let (velocity, angle, spin, action) =
        (&mut velocity[..rows], &mut angle[..rows], &mut spin[..rows], &action[..rows]);
    // A word per row keeps the loop in full vectors, as a flag would not.
    let mut faults = 0_u32;
    for row in 0..rows {
        let (x, v, a, w) = (position[row], velocity[row], angle[row], spin[row]);
        let force = if action[row] >= 0.5 { PUSH } else { -PUSH };
        let (sin, cos) = sin_cos(a);
        let drive = (force + POLE_MASS_LENGTH * (w * w) * sin) * PER_MASS;
        let spin_rate = (GRAVITY * sin - cos * drive)
            / (POLE_HALF_LENGTH * (4.0 / 3.0 - POLE_MASS * PER_MASS * (cos * cos)));
        let acceleration = drive - POLE_MASS_LENGTH * PER_MASS * spin_rate * cos;
        position[row] = x + CONTROL_DT * v;
        velocity[row] = v + CONTROL_DT * acceleration;
        angle[row] = a + CONTROL_DT * w;
        spin[row] = w + CONTROL_DT * spin_rate;
        faults |= u32::from(!(position[row] + velocity[row] + angle[row] + spin[row]).is_finite());
    }
    faults == 0
}

fn measure(
    rows: Res<ActiveRows>,
    position: Column<CartPosition>,
    velocity: Column<CartVelocity>,
    angle: Column<PoleAngle>,
    spin: Column<PoleVelocity>,
    mut signals: ResMut<Signals>,
) {
    let [x, v, a, w] = signals.targets::<4>(CART_POSITION);
    rows.copy(floats(position.slice()), x);
    rows.copy(floats(velocity.slice()), v);
    rows.copy(floats(angle.slice()), a);
    rows.copy(floats(spin.slice()), w);
}

fn judge(signals: Res<Signals>, steps: Column<StepCount>, limit: Res<MaxSteps>, mut ends: ResMut<Ends>) {
    let now = signals.now();
    judge_rows(now.get(CART_POSITION, 0), now.get(POLE_ANGLE, 0), steps.slice(), limit.0, &mut ends);
}

/// Ends and truth: the episode is a success when the pole still stands at the last step, and every step
/// that it stands adds the same share to the score.
#[multiversion(targets("x86_64+avx2"))]
fn judge_rows(position: &[f32], angle: &[f32], steps: &[StepCount], limit: u32, ends: &mut Ends) {
    let rows = position.len();
    let (angle, steps) = (&angle[..rows], &steps[..rows]);
    let (terminated, cause) = (&mut ends.terminated[..rows], &mut ends.cause[..rows]);
    let (success, score) = (&mut ends.success[..rows], &mut ends.score[..rows]);
    for row in 0..rows {
        let fell = angle[row].abs() > FALL_ANGLE;
        let left = position[row].abs() > RAIL_HALF_LENGTH;
        terminated[row] = fell | left;
        cause[row] = if fell {
            POLE_FELL
        } else if left {
            CART_LEFT_TRACK
        } else {
            CAUSE_NONE
        };
        success[row] = !(fell | left) & (steps[row].0 >= limit);
    }
    for row in 0..rows {
        score[row] = (steps[row].0 as f32 / limit as f32).min(1.0);
    }
}

fn sense(
    rows: Res<ActiveRows>,
    position: Column<CartPosition>,
    velocity: Column<CartVelocity>,
    angle: Column<PoleAngle>,
    spin: Column<PoleVelocity>,
    mut observations: ResMut<Observations>,
) {
    let (x, v) = (floats(position.slice()), floats(velocity.slice()));
    let (a, w) = (floats(angle.slice()), floats(spin.slice()));
    let (out, _) = observations.f32_mut(0).as_chunks_mut::<4>();
    if rows.is_all() {
        interleave(x, v, a, w, out);
    } else {
        rows.each(|row| out[row] = [x[row], v[row], a[row], w[row]]);
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn interleave(x: &[f32], v: &[f32], a: &[f32], w: &[f32], out: &mut [[f32; 4]]) {
    let columns = x.iter().zip(v).zip(a.iter().zip(w));
    for (out, ((&x, &v), (&a, &w))) in out.iter_mut().zip(columns) {
        *out = [x, v, a, w];
    }
}

const SCRIPTS: [Script; 2] = [
    Script {
        name: "expert",
        about: "Linear feedback on all four state variables; stands for the whole episode.",
        act: |view, action| action[0] = if feedback(view) > 0.0 { 1.0 } else { 0.0 },
    },
    Script {
        name: "end_early",
        about: "Pushes the pole over as fast as it can, so that a penalty per step stops sooner.",
        act: |view, action| {
            // A push to the left throws the pole to the right.
            let falling_right = view.get("pole_angle") + 0.2 * view.get("pole_velocity") > 0.0;
            action[0] = if falling_right { 0.0 } else { 1.0 };
        },
    },
];

fn feedback(view: &ScriptView<'_>) -> f32 {
    0.1 * view.get("cart_position")
        + 0.2 * view.get("cart_velocity")
        + view.get("pole_angle")
        + 0.3 * view.get("pole_velocity")
}

const REWARDS: [DefaultReward; 4] = [
    DefaultReward {
        name: "sparse",
        about: "Gymnasium's reward: 1 for every step.",
        ron: r#"[
    (name: "alive", kind: Alive(), weight: 1.0),
]"#,
        farmed_by: None,
    },
    DefaultReward {
        name: "shaped",
        about: "Gymnasium's reward and a potential that is high while the pole is upright.",
        ron: r#"[
    (name: "alive", kind: Alive(), weight: 1.0),
    (
        name: "upright_potential",
        kind: Tolerance(signal: "pole_angle", bounds: (0.0, 0.0), margin: 0.2094, sigmoid: Linear, value_at_margin: 0.0),
        weight: 10.0,
        stages: [Potential(gamma: 0.99)],
    ),
]"#,
        farmed_by: None,
    },
    DefaultReward {
        name: "naive",
        about: "Costs alone, for the pole's angle and for time: the sooner the episode ends, the less it costs.",
        ron: r#"[
    (name: "angle_penalty", kind: Distance(signal: "pole_angle"), weight: -1.0),
    (name: "time_penalty", kind: TimePenalty(), weight: 0.1),
]"#,
        farmed_by: Some("end_early"),
    },
    DefaultReward {
        name: "mixed",
        about: "All of them: Gymnasium's reward, the potential and the costs.",
        ron: r#"[
    (name: "alive", kind: Alive(), weight: 1.0),
    (
        name: "upright_potential",
        kind: Tolerance(signal: "pole_angle", bounds: (0.0, 0.0), margin: 0.2094, sigmoid: Linear, value_at_margin: 0.0),
        weight: 10.0,
        stages: [Potential(gamma: 0.99)],
    ),
    (name: "angle_penalty", kind: Distance(signal: "pole_angle"), weight: -1.0),
    (name: "time_penalty", kind: TimePenalty(), weight: 0.1),
]"#,
        farmed_by: None,
    },
];

fn draw(world: &World, row: usize) -> Drawing {
    let x = row_state::<CartPosition>(world, row).map_or(0.0, |c| c.0);
    let angle = row_state::<PoleAngle>(world, row).map_or(0.0, |c| c.0);
    let (sin, cos) = sin_cos(angle);
    let (cart_height, axle) = (0.3, 0.3);
    let rail = vec![[-RAIL_HALF_LENGTH, 0.0, 0.0], [RAIL_HALF_LENGTH, 0.0, 0.0]];
    let middle = [x + POLE_HALF_LENGTH * sin, 0.0, axle + POLE_HALF_LENGTH * cos];
    let stop =
        |name, x| Body::at(name, Shape::Cuboid([0.02, 0.1, 0.15]), [x, 0.0, 0.1], [0.55, 0.2, 0.15, 1.0]);
    Drawing::of(vec![
        Body::at("rail", Shape::Line(rail, 0.03), [0.0; 3], [0.3, 0.3, 0.33, 1.0]),
        stop("left_stop", -RAIL_HALF_LENGTH),
        stop("right_stop", RAIL_HALF_LENGTH),
        Body::at(
            "cart",
            Shape::Cuboid([0.25, 0.15, 0.5 * cart_height]),
            [x, 0.0, 0.5 * cart_height],
            [0.1, 0.25, 0.5, 1.0],
        ),
        Body::at("pole", Shape::Capsule(0.04, POLE_HALF_LENGTH), middle, [0.8, 0.5, 0.2, 1.0])
            .turned_about_y(angle),
        Body::at("axle", Shape::Sphere(0.06), [x, 0.0, axle], [0.5, 0.5, 0.8, 1.0]),
    ])
}
