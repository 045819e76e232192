//! `Acrobot-v1`: swing the lower end of two links above a line with a motor at the elbow.
//!
//! # Source
//! Gymnasium's `acrobot.py` with the equations of the book (R. Sutton and A. Barto, 2018, after Sutton 1996), one
//! Runge-Kutta step of fourth order. Its f64 arithmetic is f32 here; one step from any state agrees within 1e-5.

use bevy_ecs::prelude::*;
use carrot_sim::{
    ActionSpace, Actions, ActiveRows, App, BatchApp, Body, CAUSE_NONE, CAUSE_TASK, Camera, Cause, Column,
    ColumnMut, DefaultReward, Drawing, Ends, Faults, ObsPart, Observations, RowKeys, Script, Shape, SignalId,
    SignalSpec, Signals, StepSystems, Stream, Task, TaskSpec, row_state, set_row_state, unit_f32,
};
use multiversion::multiversion;

use super::{ElbowAngle, ElbowVelocity, ShoulderAngle, ShoulderVelocity, contain_state, floats, floats_mut};
use crate::math::{sin_cos, wrap_angle};

/// Name of the task.
pub const NAME: &str = "Acrobot-v1";
/// Steps after which an episode is truncated.
pub const MAX_STEPS: u32 = 500;
/// The largest angular velocity of the upper link, 4 pi rad/s.
pub const TOP_SHOULDER_VELOCITY: f32 = 4.0 * std::f32::consts::PI;
/// The largest angular velocity of the lower link, 9 pi rad/s.
pub const TOP_ELBOW_VELOCITY: f32 = 9.0 * std::f32::consts::PI;
/// Height over the shoulder that the tip has to pass, in metres.
pub const LINE: f32 = 1.0;
/// Cause: the tip passed the line.
pub const PASSED_LINE: Cause = CAUSE_TASK;

const CONTROL_DT: f32 = 0.2;
const GRAVITY: f32 = 9.8;
/// Initial states are uniform within this distance of zero.
const START_SPREAD: f32 = 0.1;
/// The least energy with which the tip can be on the line: at rest, the upper link level, in joules.
const LINE_ENERGY: f32 = 0.5 * GRAVITY;

const SHOULDER: SignalId = SignalId(0);
const ABOVE_LINE: SignalId = SignalId(7);

/// The task.
pub struct Acrobot {
    spec: TaskSpec,
}

impl Default for Acrobot {
    fn default() -> Self {
        let bounds = [1.0, 1.0, 1.0, 1.0, TOP_SHOULDER_VELOCITY, TOP_ELBOW_VELOCITY];
        let spec = TaskSpec {
            name: NAME,
            family: "control",
            about: "Swing the end of two links above a line with a motor at the elbow.",
            docs: include_str!("acrobot.md"),
            observation: vec![ObsPart::vector("state", &bounds.map(|b| -b), &bounds)],
            action: ActionSpace::discrete(&["torque_negative", "torque_none", "torque_positive"]),
            signals: signals(),
            causes: &["passed_line"],
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
    use std::f32::consts::PI;
    let velocity = |name: &str, top: f32, about: &str| SignalSpec::scalar(name, "rad/s", (-top, top), about);
    vec![
        SignalSpec::scalar("shoulder_angle", "rad", (-PI, PI), "Angle of the upper link from hanging."),
        SignalSpec::scalar(
            "elbow_angle",
            "rad",
            (-PI, PI),
            "Angle of the lower link from the upper one's line.",
        ),
        velocity("shoulder_velocity", TOP_SHOULDER_VELOCITY, "Angular velocity of the upper link."),
        velocity("elbow_velocity", TOP_ELBOW_VELOCITY, "Angular velocity of the elbow."),
        SignalSpec::scalar(
            "tip_height",
            "m",
            (-2.0, 2.0),
            "Height of the lower link's end over the shoulder; above 1 the episode ends.",
        ),
        SignalSpec::scalar(
            "mechanical_energy",
            "J",
            (-19.7, 1500.0),
            "Kinetic and potential energy; -19.6 at rest hanging.",
        ),
        SignalSpec::scalar(
            "energy_deficit",
            "J",
            (0.0, 24.6),
            "Energy that is missing to reach the line at all (4.9 J); 0 once there is enough.",
        ),
        SignalSpec::flag("above_line", "The tip is above the line."),
    ]
}

impl Task for Acrobot {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn camera(&self) -> Camera {
        Camera::beside([0.0, 0.0, 0.0], 4.8)
    }

    fn build(&self, app: &mut App) {
        app.add_row_state(ShoulderAngle(0.0))
            .add_row_state(ElbowAngle(0.0))
            .add_row_state(ShoulderVelocity(0.0))
            .add_row_state(ElbowVelocity(0.0))
            .add_restart_systems(restart)
            .add_step_systems(StepSystems::Simulate, simulate)
            .add_observing_systems(StepSystems::Measure, measure)
            .add_step_systems(StepSystems::Terminate, judge)
            .add_observing_systems(StepSystems::Sense, sense)
            .set_drawing(draw)
            .add_handle("shoulder_angle", "Angle of the upper link, rad.", 1, |world, row, values| {
                set_row_state(world, row, ShoulderAngle(wrap_angle(values[0])));
            })
            .add_handle("elbow_angle", "Angle of the elbow, rad.", 1, |world, row, values| {
                set_row_state(world, row, ElbowAngle(wrap_angle(values[0])));
            })
            .add_handle("shoulder_velocity", "Within 4 pi rad/s.", 1, |world, row, values| {
                let velocity = values[0].clamp(-TOP_SHOULDER_VELOCITY, TOP_SHOULDER_VELOCITY);
                set_row_state(world, row, ShoulderVelocity(velocity));
            })
            .add_handle("elbow_velocity", "Within 9 pi rad/s.", 1, |world, row, values| {
                let velocity = values[0].clamp(-TOP_ELBOW_VELOCITY, TOP_ELBOW_VELOCITY);
                set_row_state(world, row, ElbowVelocity(velocity));
            });
    }
}

fn restart(
    rows: Res<ActiveRows>,
    keys: RowKeys,
    mut shoulder: ColumnMut<ShoulderAngle>,
    mut elbow: ColumnMut<ElbowAngle>,
    mut shoulder_velocity: ColumnMut<ShoulderVelocity>,
    mut elbow_velocity: ColumnMut<ElbowVelocity>,
) {
    let (a, b) = (shoulder.slice_mut(), elbow.slice_mut());
    let (v, w) = (shoulder_velocity.slice_mut(), elbow_velocity.slice_mut());
    let keys = keys.columns();
    keys.draw(&rows, Stream::Reset, |row, draws| {
        let fresh = draws.map(|word| (2.0 * unit_f32(word) - 1.0) * START_SPREAD);
        [a[row].0, b[row].0, v[row].0, w[row].0] = fresh;
    });
}

fn simulate(
    actions: Res<Actions>,
    mut faults: ResMut<Faults>,
    mut shoulder: ColumnMut<ShoulderAngle>,
    mut elbow: ColumnMut<ElbowAngle>,
    mut shoulder_velocity: ColumnMut<ShoulderVelocity>,
    mut elbow_velocity: ColumnMut<ElbowVelocity>,
) {
    let (a, b) = (floats_mut(shoulder.slice_mut()), floats_mut(elbow.slice_mut()));
    let (v, w) = (floats_mut(shoulder_velocity.slice_mut()), floats_mut(elbow_velocity.slice_mut()));
    if !step_rows(a, b, v, w, &actions.applied) {
        contain_state([a, b, v, w], &mut faults);
    }
}

/// Angular accelerations of shoulder and elbow under a torque at the elbow.
///
/// Both links have mass 1, length 1, their centre in the middle and a moment of inertia of 1 about it; the numbers
/// below are Gymnasium's formulas with these put in.
#[inline(always)]
fn accelerations(a: f32, b: f32, v: f32, w: f32, torque: f32) -> (f32, f32) {
    let ((sin_a, cos_a), (sin_b, cos_b)) = (sin_cos(a), sin_cos(b));
    let d1 = 3.5 + cos_b;
    let d2 = 1.25 + 0.5 * cos_b;
    // The moments of gravity: cos(x - pi/2) is sin(x).
    let phi2 = 0.5 * GRAVITY * (sin_a * cos_b + cos_a * sin_b);
    let phi1 = phi2 + 1.5 * GRAVITY * sin_a - sin_b * (0.5 * w * w + w * v);
    let ratio = d2 / d1;
    let elbow = (torque + ratio * phi1 - 0.5 * v * v * sin_b - phi2) / (1.25 - d2 * ratio);
    let shoulder = -(d2 * elbow + phi1) / d1;
    (shoulder, elbow)
}

/// One step of every row; false when a row stopped being finite.
///
/// # Shapes
/// `[N]` each; an action is 0, 1 or 2 for a torque of -1, 0 or 1 N m.
#[multiversion(targets("x86_64+avx2"))]
pub fn step_rows(
    shoulder: &mut [f32],
    elbow: &mut [f32],
    shoulder_velocity: &mut [f32],
    elbow_velocity: &mut [f32],
    action: &[f32],
) -> bool {
    const H: f32 = CONTROL_DT;
    let rows = shoulder.len();
    let (elbow, action) = (&mut elbow[..rows], &action[..rows]);
    let (shoulder_velocity, elbow_velocity) = (&mut shoulder_velocity[..rows], &mut elbow_velocity[..rows]);
    // A word per row keeps the loop in full vectors, as a flag would not.
    let mut faults = 0_u32;
    for row in 0..rows {
        let (a, b, v, w) = (shoulder[row], elbow[row], shoulder_velocity[row], elbow_velocity[row]);
        let torque = action[row] - 1.0;
        let (v1, w1) = (v, w);
        let (dv1, dw1) = accelerations(a, b, v1, w1, torque);
        let (v2, w2) = (v + 0.5 * H * dv1, w + 0.5 * H * dw1);
        let (dv2, dw2) = accelerations(a + 0.5 * H * v1, b + 0.5 * H * w1, v2, w2, torque);
        let (v3, w3) = (v + 0.5 * H * dv2, w + 0.5 * H * dw2);
        let (dv3, dw3) = accelerations(a + 0.5 * H * v2, b + 0.5 * H * w2, v3, w3, torque);
        let (v4, w4) = (v + H * dv3, w + H * dw3);
        let (dv4, dw4) = accelerations(a + H * v3, b + H * w3, v4, w4, torque);
        let mean = |k1: f32, k2: f32, k3: f32, k4: f32| (H / 6.0) * (k1 + 2.0 * k2 + 2.0 * k3 + k4);
        let a = wrap_angle(a + mean(v1, v2, v3, v4));
        let b = wrap_angle(b + mean(w1, w2, w3, w4));
        let v = (v + mean(dv1, dv2, dv3, dv4)).clamp(-TOP_SHOULDER_VELOCITY, TOP_SHOULDER_VELOCITY);
        let w = (w + mean(dw1, dw2, dw3, dw4)).clamp(-TOP_ELBOW_VELOCITY, TOP_ELBOW_VELOCITY);
        (shoulder[row], elbow[row], shoulder_velocity[row], elbow_velocity[row]) = (a, b, v, w);
        faults |= u32::from(!(a + b + v + w).is_finite());
    }
    faults == 0
}

/// The signals of one row, in catalog order.
#[inline(always)]
fn signals_of(a: f32, b: f32, v: f32, w: f32) -> [f32; 8] {
    let ((sin_a, cos_a), (sin_b, cos_b)) = (sin_cos(a), sin_cos(b));
    let cos_both = cos_a * cos_b - sin_a * sin_b;
    let height = -cos_a - cos_both;
    let kinetic = 0.5 * (3.5 + cos_b) * v * v + 0.625 * w * w + (1.25 + 0.5 * cos_b) * v * w;
    let energy = kinetic - GRAVITY * (1.5 * cos_a + 0.5 * cos_both);
    let above = f32::from(u8::from(height > LINE));
    [a, b, v, w, height, energy, (LINE_ENERGY - energy).max(0.0), above]
}

fn measure(
    rows: Res<ActiveRows>,
    shoulder: Column<ShoulderAngle>,
    elbow: Column<ElbowAngle>,
    shoulder_velocity: Column<ShoulderVelocity>,
    elbow_velocity: Column<ElbowVelocity>,
    mut signals: ResMut<Signals>,
) {
    let (a, b) = (floats(shoulder.slice()), floats(elbow.slice()));
    let (v, w) = (floats(shoulder_velocity.slice()), floats(elbow_velocity.slice()));
    let mut columns = signals.targets::<8>(SHOULDER);
    if rows.is_all() {
        measure_rows(a, b, v, w, columns);
    } else {
        rows.each(|row| {
            for (column, value) in columns.iter_mut().zip(signals_of(a[row], b[row], v[row], w[row])) {
                column[row] = value;
            }
        });
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn measure_rows(a: &[f32], b: &[f32], v: &[f32], w: &[f32], columns: [&mut [f32]; 8]) {
    let rows = a.len();
    let (b, v, w) = (&b[..rows], &v[..rows], &w[..rows]);
    let [c0, c1, c2, c3, c4, c5, c6, c7] = columns.map(|column| &mut column[..rows]);
    for row in 0..rows {
        let values = signals_of(a[row], b[row], v[row], w[row]);
        (c0[row], c1[row], c2[row], c3[row]) = (values[0], values[1], values[2], values[3]);
        (c4[row], c5[row], c6[row], c7[row]) = (values[4], values[5], values[6], values[7]);
    }
}

fn judge(signals: Res<Signals>, mut ends: ResMut<Ends>) {
    judge_rows(signals.now().get(ABOVE_LINE, 0), &mut ends);
}

#[multiversion(targets("x86_64+avx2"))]
fn judge_rows(above: &[f32], ends: &mut Ends) {
    let rows = above.len();
    let (terminated, cause) = (&mut ends.terminated[..rows], &mut ends.cause[..rows]);
    let (success, score) = (&mut ends.success[..rows], &mut ends.score[..rows]);
    for row in 0..rows {
        let passed = above[row] > 0.5;
        terminated[row] = passed;
        success[row] = passed;
        cause[row] = if passed { PASSED_LINE } else { CAUSE_NONE };
    }
    score.copy_from_slice(above);
}

fn sense(
    rows: Res<ActiveRows>,
    shoulder: Column<ShoulderAngle>,
    elbow: Column<ElbowAngle>,
    shoulder_velocity: Column<ShoulderVelocity>,
    elbow_velocity: Column<ElbowVelocity>,
    mut observations: ResMut<Observations>,
) {
    let (a, b) = (floats(shoulder.slice()), floats(elbow.slice()));
    let (v, w) = (floats(shoulder_velocity.slice()), floats(elbow_velocity.slice()));
    let (out, _) = observations.f32_mut(0).as_chunks_mut::<6>();
    if rows.is_all() {
        observe_rows(a, b, v, w, out);
    } else {
        rows.each(|row| {
            let ((sin_a, cos_a), (sin_b, cos_b)) = (sin_cos(a[row]), sin_cos(b[row]));
            out[row] = [cos_a, sin_a, cos_b, sin_b, v[row], w[row]];
        });
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn observe_rows(a: &[f32], b: &[f32], v: &[f32], w: &[f32], out: &mut [[f32; 6]]) {
    /// Rows at a time: sines in vectors first, then in the order of the observation.
    const LANES: usize = 64;
    let rows = out.len();
    let (a, b, v, w) = (&a[..rows], &b[..rows], &v[..rows], &w[..rows]);
    let (mut cos_a, mut sin_a, mut cos_b, mut sin_b) =
        ([0.0; LANES], [0.0; LANES], [0.0; LANES], [0.0; LANES]);
    let columns = a.chunks(LANES).zip(b.chunks(LANES)).zip(v.chunks(LANES).zip(w.chunks(LANES)));
    for (((a, b), (v, w)), out) in columns.zip(out.chunks_mut(LANES)) {
        for (&a, (sin, cos)) in a.iter().zip(sin_a.iter_mut().zip(&mut cos_a)) {
            (*sin, *cos) = sin_cos(a);
        }
        for (&b, (sin, cos)) in b.iter().zip(sin_b.iter_mut().zip(&mut cos_b)) {
            (*sin, *cos) = sin_cos(b);
        }
        let sines = cos_a.iter().zip(&sin_a).zip(cos_b.iter().zip(&sin_b));
        for ((out, ((&ca, &sa), (&cb, &sb))), (&v, &w)) in out.iter_mut().zip(sines).zip(v.iter().zip(w)) {
            *out = [ca, sa, cb, sb, v, w];
        }
    }
}

/// The exploit stops pumping at this energy, in joules: the line needs 4.9, and a step adds less than 2.
const SWING_ENERGY: f32 = 0.0;

const SCRIPTS: [Script; 2] = [
    Script {
        name: "expert",
        about: "Turns the elbow against the shoulder's motion, which adds energy until the tip passes the line.",
        act: |view, action| action[0] = if view.get("shoulder_velocity") < 0.0 { 2.0 } else { 0.0 },
    },
    Script {
        name: "swing_below",
        about: "Keeps the elbow swinging with just too little energy for the line.",
        act: |view, action| {
            let backwards = view.get("elbow_velocity") < 0.0;
            let gain = view.get("mechanical_energy") < SWING_ENERGY;
            action[0] = if backwards == gain { 0.0 } else { 2.0 };
        },
    },
];

const REWARDS: [DefaultReward; 4] = [
    DefaultReward {
        name: "sparse",
        about: "Gymnasium's reward: -1 for every step but the one that passes the line.",
        ron: r#"[
    (name: "time_penalty", kind: TimePenalty()),
    (name: "line", kind: Event(cause: "passed_line"), weight: 1.0),
]"#,
        farmed_by: None,
    },
    DefaultReward {
        name: "shaped",
        about: "Gymnasium's reward and a potential that rises as the missing energy shrinks.",
        ron: r#"[
    (name: "time_penalty", kind: TimePenalty()),
    (name: "line", kind: Event(cause: "passed_line"), weight: 1.0),
    (name: "energy_potential", kind: Distance(signal: "energy_deficit"), weight: -2.0, stages: [Potential(gamma: 0.99)]),
]"#,
        farmed_by: None,
    },
    DefaultReward {
        name: "naive",
        about: "Pay for a fast elbow, because passing the line needs a swing.",
        ron: r#"[
    (name: "swing", kind: Distance(signal: "elbow_velocity"), weight: 0.5),
]"#,
        farmed_by: Some("swing_below"),
    },
    DefaultReward {
        name: "mixed",
        about: "All of them: Gymnasium's reward, the potential and the pay for swinging.",
        ron: r#"[
    (name: "time_penalty", kind: TimePenalty()),
    (name: "line", kind: Event(cause: "passed_line"), weight: 1.0),
    (name: "energy_potential", kind: Distance(signal: "energy_deficit"), weight: -2.0, stages: [Potential(gamma: 0.99)]),
    (name: "swing", kind: Distance(signal: "elbow_velocity"), weight: 0.5),
]"#,
        farmed_by: None,
    },
];

fn draw(world: &World, row: usize) -> Drawing {
    let a = row_state::<ShoulderAngle>(world, row).map_or(0.0, |c| c.0);
    let both = a + row_state::<ElbowAngle>(world, row).map_or(0.0, |c| c.0);
    let ((sin_a, cos_a), (sin_both, cos_both)) = (sin_cos(a), sin_cos(both));
    let (joint, link) = ([0.55, 0.57, 0.6, 1.0], [0.15, 0.45, 0.6, 1.0]);
    let elbow = [sin_a, 0.0, -cos_a];
    let lower = [elbow[0] + 0.5 * sin_both, 0.0, elbow[2] - 0.5 * cos_both];
    let line = vec![[-2.2, 0.0, LINE], [2.2, 0.0, LINE]];
    Drawing::of(vec![
        Body::at("line", Shape::Line(line, 0.02), [0.0; 3], [0.3, 0.3, 0.33, 1.0]),
        Body::at("upper_link", Shape::Capsule(0.07, 0.5), [0.5 * sin_a, 0.0, -0.5 * cos_a], link)
            .turned_about_y(-a),
        Body::at("lower_link", Shape::Capsule(0.06, 0.5), lower, link).turned_about_y(-both),
        Body::at("shoulder", Shape::Sphere(0.09), [0.0; 3], joint),
        Body::at("elbow", Shape::Sphere(0.08), elbow, joint),
    ])
}
