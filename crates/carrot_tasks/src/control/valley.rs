//! The valley of both mountain cars: dynamics, signals and drawing.
//!
//! # Source
//! Gymnasium's `mountain_car.py` and `continuous_mountain_car.py` (after A. Moore, 1990). Their f64 arithmetic is
//! f32 here; one step from any state agrees within 1e-5.

use bevy_ecs::prelude::*;
use carrot_sim::{
    Actions, ActiveRows, App, BatchApp, Body, CAUSE_NONE, CAUSE_TASK, Camera, Cause, Column, ColumnMut,
    Drawing, Ends, Faults, ObsPart, Observations, RowKeys, Shape, SignalId, SignalSpec, Signals, StepSystems,
    Stream, row_state, set_row_state, unit_f32,
};
use multiversion::multiversion;

/// From where the valley is looked at.
pub(super) const CAMERA: Camera = Camera::beside([-0.3, 0.0, 0.5], 2.0);

use super::{CarPosition, CarVelocity, contain_state, floats, floats_mut};
use crate::math::sin_cos;

/// Left wall, in metres.
pub const LEFT_WALL: f32 = -1.2;
/// Right end, in metres.
pub const RIGHT_END: f32 = 0.6;
/// The largest speed, in metres per step.
pub const TOP_SPEED: f32 = 0.07;
/// Cause: the car reached the flag.
pub const REACHED_GOAL: Cause = CAUSE_TASK;

const GRAVITY: f32 = 0.0025;

const POSITION: SignalId = SignalId(0);
const AT_GOAL: SignalId = SignalId(6);

/// What sets one car in the valley apart from another.
#[derive(Resource, Debug, Clone, Copy, PartialEq)]
pub struct Valley {
    /// The action that coasts.
    pub coast: f32,
    /// Change of velocity per unit of action, in metres per step.
    pub push: f32,
    /// The flag, in metres.
    pub goal: f32,
    /// Height that the car's energy must be worth to stand at the flag: sin(3 goal) / 3, in metres.
    pub goal_energy: f32,
}

impl Valley {
    /// What is seen: position and velocity.
    pub(crate) fn observation() -> Vec<ObsPart> {
        vec![ObsPart::vector("state", &[LEFT_WALL, -TOP_SPEED], &[RIGHT_END, TOP_SPEED])]
    }

    /// The signals.
    pub(crate) fn signals(self) -> Vec<SignalSpec> {
        let Self { goal, goal_energy, .. } = self;
        vec![
            SignalSpec::scalar(
                "position",
                "m",
                (LEFT_WALL, RIGHT_END),
                &format!("Position along the valley; the lowest point is at -0.52, the flag at {goal}."),
            ),
            SignalSpec::scalar(
                "velocity",
                "m/s",
                (-TOP_SPEED, TOP_SPEED),
                "Velocity; one step is one second.",
            ),
            SignalSpec::scalar(
                "height",
                "m",
                (0.1, 1.0),
                "Height of the drawn hill at the car, 0.45 sin(3 position) + 0.55.",
            ),
            SignalSpec::scalar(
                "mechanical_energy",
                "m",
                (-0.3334, 1.3134),
                &format!(
                    "Kinetic and potential energy per weight, sin(3 position) / 3 + velocity^2 / 0.005: coasting \
                 keeps it, and {goal_energy:.4} is just enough for the flag."
                ),
            ),
            SignalSpec::scalar(
                "energy_deficit",
                "m",
                (0.0, 0.6659),
                "Mechanical energy that is missing for the flag; 0 once there is enough.",
            ),
            SignalSpec::scalar("goal_distance", "m", (0.0, 1.7), "Distance to the flag; 0 beyond it."),
            SignalSpec::flag("at_goal", "The car is at the flag or beyond and does not roll back."),
        ]
    }

    /// Adds the car's columns and systems.
    pub(crate) fn join(self, app: &mut App) {
        app.insert_resource(self)
            .add_row_state(CarPosition(0.0))
            .add_row_state(CarVelocity(0.0))
            .add_restart_systems(restart)
            .add_step_systems(StepSystems::Simulate, simulate)
            .add_observing_systems(StepSystems::Measure, measure)
            .add_step_systems(StepSystems::Terminate, judge)
            .add_observing_systems(StepSystems::Sense, sense)
            .set_drawing(draw)
            .add_handle(
                "position",
                "Position of the car, kept within the valley, m.",
                1,
                |world, row, values| {
                    set_row_state(world, row, CarPosition(values[0].clamp(LEFT_WALL, RIGHT_END)));
                },
            )
            .add_handle(
                "velocity",
                "Velocity of the car, kept within its top speed, m/s.",
                1,
                |world, row, values| {
                    set_row_state(world, row, CarVelocity(values[0].clamp(-TOP_SPEED, TOP_SPEED)));
                },
            );
    }
}

fn restart(
    rows: Res<ActiveRows>,
    keys: RowKeys,
    mut position: ColumnMut<CarPosition>,
    mut velocity: ColumnMut<CarVelocity>,
) {
    let (position, velocity) = (position.slice_mut(), velocity.slice_mut());
    let keys = keys.columns();
    keys.draw(&rows, Stream::Reset, |row, [draw, ..]| {
        position[row].0 = -0.6 + 0.2 * unit_f32(draw);
        velocity[row].0 = 0.0;
    });
}

fn simulate(
    valley: Res<Valley>,
    actions: Res<Actions>,
    mut faults: ResMut<Faults>,
    mut position: ColumnMut<CarPosition>,
    mut velocity: ColumnMut<CarVelocity>,
) {
    let (x, v) = (floats_mut(position.slice_mut()), floats_mut(velocity.slice_mut()));
    if !step_rows(x, v, &actions.applied, &valley) {
        contain_state([x, v], &mut faults);
    }
}

/// One step of every row; false when a row stopped being finite.
///
/// # Shapes
/// `[N]` each; an action is 0 (left), 1 (coast) or 2 (right).
#[multiversion(targets("x86_64+avx2"))]
pub fn step_rows(position: &mut [f32], velocity: &mut [f32], action: &[f32], valley: &Valley) -> bool {
    let Valley { coast, push, .. } = *valley;
    let rows = position.len();
    let (velocity, action) = (&mut velocity[..rows], &action[..rows]);
    // A word per row keeps the loop in full vectors, as a flag would not.
    let mut faults = 0_u32;
    for row in 0..rows {
        let x = position[row];
        let (_, cos) = sin_cos(3.0 * x);
        let v = velocity[row] + ((action[row] - coast) * push - cos * GRAVITY);
        let v = v.clamp(-TOP_SPEED, TOP_SPEED);
        let x = (x + v).clamp(LEFT_WALL, RIGHT_END);
        // The wall takes all speed, the right end none.
        let stopped = (x == LEFT_WALL) & (v < 0.0);
        position[row] = x;
        velocity[row] = if stopped { 0.0 } else { v };
        faults |= u32::from(!(x + v).is_finite());
    }
    faults == 0
}

/// The signals of one row, in catalog order.
#[inline(always)]
fn signals_of(x: f32, v: f32, valley: &Valley) -> [f32; 7] {
    let Valley { goal, goal_energy, .. } = *valley;
    let (sin, _) = sin_cos(3.0 * x);
    let energy = sin * (1.0 / 3.0) + v * v * (0.5 / GRAVITY);
    let at_goal = (x >= goal) & (v >= 0.0);
    let deficit = (goal_energy - energy).max(0.0);
    [x, v, 0.45 * sin + 0.55, energy, deficit, (goal - x).max(0.0), f32::from(u8::from(at_goal))]
}

fn measure(
    valley: Res<Valley>,
    rows: Res<ActiveRows>,
    position: Column<CarPosition>,
    velocity: Column<CarVelocity>,
    mut signals: ResMut<Signals>,
) {
    let (x, v) = (floats(position.slice()), floats(velocity.slice()));
    let valley = &*valley;
    let columns = signals.targets::<7>(POSITION);
    if rows.is_all() {
        measure_rows(x, v, columns, valley);
    } else {
        let mut columns = columns;
        rows.each(|row| {
            for (column, value) in columns.iter_mut().zip(signals_of(x[row], v[row], valley)) {
                column[row] = value;
            }
        });
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn measure_rows(x: &[f32], v: &[f32], columns: [&mut [f32]; 7], valley: &Valley) {
    let rows = x.len();
    let v = &v[..rows];
    let [c0, c1, c2, c3, c4, c5, c6] = columns.map(|column| &mut column[..rows]);
    for row in 0..rows {
        let values = signals_of(x[row], v[row], valley);
        (c0[row], c1[row], c2[row], c3[row]) = (values[0], values[1], values[2], values[3]);
        (c4[row], c5[row], c6[row]) = (values[4], values[5], values[6]);
    }
}

fn judge(signals: Res<Signals>, mut ends: ResMut<Ends>) {
    judge_rows(signals.now().get(AT_GOAL, 0), &mut ends);
}

#[multiversion(targets("x86_64+avx2"))]
fn judge_rows(at_goal: &[f32], ends: &mut Ends) {
    let rows = at_goal.len();
    let (terminated, cause) = (&mut ends.terminated[..rows], &mut ends.cause[..rows]);
    let (success, score) = (&mut ends.success[..rows], &mut ends.score[..rows]);
    for row in 0..rows {
        let reached = at_goal[row] > 0.5;
        terminated[row] = reached;
        success[row] = reached;
        cause[row] = if reached { REACHED_GOAL } else { CAUSE_NONE };
    }
    score.copy_from_slice(at_goal);
}

fn sense(
    rows: Res<ActiveRows>,
    position: Column<CarPosition>,
    velocity: Column<CarVelocity>,
    mut observations: ResMut<Observations>,
) {
    let (x, v) = (floats(position.slice()), floats(velocity.slice()));
    let (out, _) = observations.f32_mut(0).as_chunks_mut::<2>();
    if rows.is_all() {
        for (out, (&x, &v)) in out.iter_mut().zip(x.iter().zip(v)) {
            *out = [x, v];
        }
    } else {
        rows.each(|row| out[row] = [x[row], v[row]]);
    }
}

/// Height of the drawn hill and its slope.
fn hill(x: f32) -> (f32, f32) {
    let (sin, cos) = sin_cos(3.0 * x);
    (0.45 * sin + 0.55, 1.35 * cos)
}

fn draw(world: &World, row: usize) -> Drawing {
    let goal = world.resource::<Valley>().goal;
    let x = row_state::<CarPosition>(world, row).map_or(0.0, |c| c.0);
    let points = (0..=72).map(|i| {
        let x = LEFT_WALL + i as f32 * 0.025;
        [x, 0.0, hill(x).0]
    });
    let (height, slope) = hill(x);
    let (goal_height, _) = hill(goal);
    let length = (1.0 + slope * slope).sqrt();
    // The car stands on the hill, half its height along the normal.
    let (normal_x, normal_z) = (-slope / length, 1.0 / length);
    let seat = [x + 0.03 * normal_x, 0.0, height + 0.03 * normal_z];
    let pole = vec![[goal, 0.0, goal_height], [goal, 0.0, goal_height + 0.2]];
    Drawing::of(vec![
        Body::at("hill", Shape::Line(points.collect(), 0.01), [0.0; 3], [0.35, 0.45, 0.3, 1.0]),
        Body::at("flag_pole", Shape::Line(pole, 0.008), [0.0; 3], [0.2, 0.2, 0.2, 1.0]),
        Body::at(
            "flag",
            Shape::Cuboid([0.035, 0.004, 0.025]),
            [goal + 0.035, 0.0, goal_height + 0.175],
            [0.85, 0.65, 0.1, 1.0],
        ),
        Body::at("car", Shape::Cuboid([0.06, 0.03, 0.02]), seat, [0.6, 0.15, 0.15, 1.0])
            .turned_about_y(-f64::from(slope).atan() as f32),
    ])
}
