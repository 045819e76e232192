//! `Pendulum-v1`: swing a pendulum up with a motor that is too weak to lift it, and keep it there.
//!
//! # Source
//! Gymnasium's `pendulum.py`. Its f64 arithmetic is f32 here, and the angle is kept between -pi and pi instead of
//! counting turns; one step from any state agrees within 1e-5.

use bevy_ecs::prelude::*;
use carrot_sim::{
    ActionSpace, Actions, ActiveRows, App, BatchApp, Body, CAUSE_NONE, Camera, Column, ColumnMut,
    DefaultReward, Drawing, Ends, Faults, ObsPart, Observations, RowKeys, Script, ScriptView, Shape,
    SignalId, SignalSpec, Signals, StepSystems, Stream, Task, TaskSpec, row_state, set_row_state, unit_f32,
};
use multiversion::multiversion;

use super::{PendulumAngle, PendulumVelocity, UprightSteps, contain_state, floats, floats_mut};
use crate::math::{sin_cos, wrap_angle};

/// Name of the task.
pub const NAME: &str = "Pendulum-v1";
/// Steps after which an episode is truncated: ten seconds.
pub const MAX_STEPS: u32 = 200;
/// The largest angular velocity, in rad/s.
pub const TOP_SPEED: f32 = 8.0;
/// The largest torque, in N m.
pub const TOP_TORQUE: f32 = 2.0;
/// Within this angle the pendulum counts as upright, in radians.
pub const UPRIGHT: f32 = 0.2;

const CONTROL_DT: f32 = 0.05;
/// Torque of gravity per moment of inertia when level: 3 g / 2 l with g = 10, l = 1.
const GRAVITY: f32 = 15.0;
/// One over the moment of inertia of a rod of 1 kg and 1 m about its end.
const PER_INERTIA: f32 = 3.0;
/// Energy of the pendulum at rest upright, m g l / 2, in joules; hanging at rest it has as much below 0.
const UPRIGHT_ENERGY: f32 = 5.0;
/// Time upright at the end of an episode that makes it a success, in seconds.
const SUCCESS_SECS: f32 = 2.0;
/// Time upright at the end that is worth a score of 1, in seconds.
const SCORE_SECS: f32 = 5.0;

const ANGLE: SignalId = SignalId(0);
const VELOCITY: SignalId = SignalId(1);
const TIP_HEIGHT: SignalId = SignalId(2);
const TIP_SIDE: SignalId = SignalId(3);
const BALANCED: SignalId = SignalId(6);

/// The task.
pub struct Pendulum {
    spec: TaskSpec,
}

impl Default for Pendulum {
    fn default() -> Self {
        let bounds = [1.0, 1.0, TOP_SPEED];
        let spec = TaskSpec {
            name: NAME,
            family: "control",
            about: "Swing a pendulum up with a weak motor, and keep it upright.",
            docs: include_str!("pendulum.md"),
            observation: vec![ObsPart::vector("state", &bounds.map(|b| -b), &bounds)],
            action: ActionSpace::Continuous {
                names: vec!["torque".into()],
                units: vec!["N m".into()],
                low: vec![-TOP_TORQUE],
                high: vec![TOP_TORQUE],
            },
            signals: signals(),
            causes: &[],
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
    vec![
        SignalSpec::scalar("angle", "rad", (-PI, PI), "Angle from upright, positive to the left."),
        SignalSpec::scalar("angular_velocity", "rad/s", (-TOP_SPEED, TOP_SPEED), "Angular velocity."),
        SignalSpec::scalar("tip_height", "m", (-1.0, 1.0), "Height of the tip over the joint, cos(angle)."),
        SignalSpec::scalar("tip_side", "m", (-1.0, 1.0), "Distance of the tip to the left, sin(angle)."),
        SignalSpec::scalar(
            "mechanical_energy",
            "J",
            (-5.0, 15.7),
            "Kinetic and potential energy, angular_velocity^2 / 6 + 5 cos(angle); 5 at rest upright.",
        ),
        SignalSpec::scalar(
            "energy_error",
            "J",
            (0.0, 10.7),
            "How far the energy is from that at rest upright, in either direction.",
        ),
        SignalSpec::scalar(
            "balanced_secs",
            "s",
            (0.0, 10.0),
            "For how long the angle has been within 0.2 rad without a break.",
        ),
    ]
}

impl Task for Pendulum {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn camera(&self) -> Camera {
        Camera::beside([0.0, 0.0, 0.0], 2.4)
    }

    fn build(&self, app: &mut App) {
        app.add_row_state(PendulumAngle(0.0))
            .add_row_state(PendulumVelocity(0.0))
            .add_row_state(UprightSteps(0.0))
            .add_restart_systems(restart)
            .add_step_systems(StepSystems::Simulate, simulate)
            .add_observing_systems(StepSystems::Measure, measure)
            .add_step_systems(StepSystems::Terminate, judge)
            .add_observing_systems(StepSystems::Sense, sense)
            .set_drawing(draw)
            .add_handle(
                "angle",
                "Angle from upright, rad; whole turns are taken off.",
                1,
                |world, row, values| {
                    set_row_state(world, row, PendulumAngle(wrap_angle(values[0])));
                },
            )
            .add_handle(
                "angular_velocity",
                "Angular velocity, kept within 8 rad/s.",
                1,
                |world, row, values| {
                    set_row_state(world, row, PendulumVelocity(values[0].clamp(-TOP_SPEED, TOP_SPEED)));
                },
            );
    }
}

fn restart(
    rows: Res<ActiveRows>,
    keys: RowKeys,
    mut angle: ColumnMut<PendulumAngle>,
    mut velocity: ColumnMut<PendulumVelocity>,
    mut upright: ColumnMut<UprightSteps>,
) {
    let (angle, velocity, upright) = (angle.slice_mut(), velocity.slice_mut(), upright.slice_mut());
    let keys = keys.columns();
    keys.draw(&rows, Stream::Reset, |row, [a, w, ..]| {
        angle[row].0 = (2.0 * unit_f32(a) - 1.0) * std::f32::consts::PI;
        velocity[row].0 = 2.0 * unit_f32(w) - 1.0;
        upright[row].0 = 0.0;
    });
}

fn simulate(
    actions: Res<Actions>,
    mut faults: ResMut<Faults>,
    mut angle: ColumnMut<PendulumAngle>,
    mut velocity: ColumnMut<PendulumVelocity>,
    mut upright: ColumnMut<UprightSteps>,
) {
    let (a, w) = (floats_mut(angle.slice_mut()), floats_mut(velocity.slice_mut()));
    let upright = floats_mut(upright.slice_mut());
    if !step_rows(a, w, upright, &actions.applied) {
        contain_state([a, w], &mut faults);
    }
}

/// One step of every row; false when a row stopped being finite.
///
/// # Shapes
/// `[N]` each; an action is a torque within bounds.
#[multiversion(targets("x86_64+avx2"))]
pub fn step_rows(angle: &mut [f32], velocity: &mut [f32], upright: &mut [f32], torque: &[f32]) -> bool {
    let rows = angle.len();
    let (velocity, upright, torque) = (&mut velocity[..rows], &mut upright[..rows], &torque[..rows]);
    // A word per row keeps the loop in full vectors, as a flag would not.
    let mut faults = 0_u32;
    for row in 0..rows {
        let (sin, _) = sin_cos(angle[row]);
        let w = velocity[row] + (GRAVITY * sin + PER_INERTIA * torque[row]) * CONTROL_DT;
        let w = w.clamp(-TOP_SPEED, TOP_SPEED);
        let a = wrap_angle(angle[row] + w * CONTROL_DT);
        angle[row] = a;
        velocity[row] = w;
        upright[row] = if a.abs() <= UPRIGHT { upright[row] + 1.0 } else { 0.0 };
        faults |= u32::from(!(a + w).is_finite());
    }
    faults == 0
}

/// The signals of one row, in catalog order.
#[inline(always)]
fn signals_of(a: f32, w: f32, upright: f32) -> [f32; 7] {
    let (sin, cos) = sin_cos(a);
    let energy = w * w * (1.0 / 6.0) + UPRIGHT_ENERGY * cos;
    [a, w, cos, sin, energy, (energy - UPRIGHT_ENERGY).abs(), upright * CONTROL_DT]
}

fn measure(
    rows: Res<ActiveRows>,
    angle: Column<PendulumAngle>,
    velocity: Column<PendulumVelocity>,
    upright: Column<UprightSteps>,
    mut signals: ResMut<Signals>,
) {
    let (a, w, upright) = (floats(angle.slice()), floats(velocity.slice()), floats(upright.slice()));
    let mut columns = signals.targets::<7>(ANGLE);
    if rows.is_all() {
        measure_rows(a, w, upright, columns);
    } else {
        rows.each(|row| {
            for (column, value) in columns.iter_mut().zip(signals_of(a[row], w[row], upright[row])) {
                column[row] = value;
            }
        });
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn measure_rows(a: &[f32], w: &[f32], upright: &[f32], columns: [&mut [f32]; 7]) {
    let rows = a.len();
    let (w, upright) = (&w[..rows], &upright[..rows]);
    let [c0, c1, c2, c3, c4, c5, c6] = columns.map(|column| &mut column[..rows]);
    for row in 0..rows {
        let values = signals_of(a[row], w[row], upright[row]);
        (c0[row], c1[row], c2[row], c3[row]) = (values[0], values[1], values[2], values[3]);
        (c4[row], c5[row], c6[row]) = (values[4], values[5], values[6]);
    }
}

fn judge(signals: Res<Signals>, mut ends: ResMut<Ends>) {
    judge_rows(signals.now().get(BALANCED, 0), &mut ends);
}

/// Nothing ends an episode but time; the truth is for how long the pendulum has been upright by now.
#[multiversion(targets("x86_64+avx2"))]
fn judge_rows(balanced: &[f32], ends: &mut Ends) {
    let rows = balanced.len();
    ends.terminated.fill(false);
    ends.cause.fill(CAUSE_NONE);
    let (success, score) = (&mut ends.success[..rows], &mut ends.score[..rows]);
    for row in 0..rows {
        success[row] = balanced[row] >= SUCCESS_SECS;
    }
    for row in 0..rows {
        score[row] = (balanced[row] * (1.0 / SCORE_SECS)).min(1.0);
    }
}

fn sense(rows: Res<ActiveRows>, signals: Res<Signals>, mut observations: ResMut<Observations>) {
    let view = signals.measured();
    let [cos, sin, w] = [TIP_HEIGHT, TIP_SIDE, VELOCITY].map(|id| view.get(id, 0));
    let (out, _) = observations.f32_mut(0).as_chunks_mut::<3>();
    if rows.is_all() {
        for (out, ((&cos, &sin), &w)) in out.iter_mut().zip(cos.iter().zip(sin).zip(w)) {
            *out = [cos, sin, w];
        }
    } else {
        rows.each(|row| out[row] = [cos[row], sin[row], w[row]]);
    }
}

const SCRIPTS: [Script; 2] = [
    Script {
        name: "expert",
        about: "Pumps energy until there is enough to stand, then holds the pendulum up by linear feedback.",
        act: |view, action| action[0] = swing_up(view).clamp(-TOP_TORQUE, TOP_TORQUE),
    },
    Script {
        name: "spin",
        about: "Turns the way the pendulum already turns, as fast as it can.",
        act: |view, action| {
            action[0] = if view.get("angular_velocity") < 0.0 { -TOP_TORQUE } else { TOP_TORQUE };
        },
    },
];

fn swing_up(view: &ScriptView<'_>) -> f32 {
    let (angle, velocity) = (view.get("angle"), view.get("angular_velocity"));
    if view.get("tip_height") > 0.9 {
        return -15.0 * angle - 3.0 * velocity;
    }
    let missing = UPRIGHT_ENERGY - view.get("mechanical_energy");
    10.0 * missing * if velocity < 0.0 { -1.0 } else { 1.0 }
}

const REWARDS: [DefaultReward; 4] = [
    DefaultReward {
        name: "sparse",
        about: "Gymnasium's reward, dense in spite of the name: minus a cost of angle, speed and torque.",
        ron: r#"[
    (name: "angle_cost", kind: StateCost(signal: "angle"), weight: -1.0),
    (name: "speed_cost", kind: StateCost(signal: "angular_velocity"), weight: -0.1),
    (name: "torque_cost", kind: Effort(), weight: -0.001),
]"#,
        farmed_by: None,
    },
    DefaultReward {
        name: "shaped",
        about: "Gymnasium's reward and a potential that rises as the energy nears that of standing.",
        ron: r#"[
    (name: "angle_cost", kind: StateCost(signal: "angle"), weight: -1.0),
    (name: "speed_cost", kind: StateCost(signal: "angular_velocity"), weight: -0.1),
    (name: "torque_cost", kind: Effort(), weight: -0.001),
    (name: "energy_potential", kind: Distance(signal: "energy_error"), weight: -2.0, stages: [Potential(gamma: 0.99)]),
]"#,
        farmed_by: None,
    },
    DefaultReward {
        name: "naive",
        about: "Pay for speed, because a weak motor has to gather momentum.",
        ron: r#"[
    (name: "momentum", kind: Distance(signal: "angular_velocity"), weight: 1.0),
]"#,
        farmed_by: Some("spin"),
    },
    DefaultReward {
        name: "mixed",
        about: "All of them: Gymnasium's reward, the potential and the pay for speed.",
        ron: r#"[
    (name: "angle_cost", kind: StateCost(signal: "angle"), weight: -1.0),
    (name: "speed_cost", kind: StateCost(signal: "angular_velocity"), weight: -0.1),
    (name: "torque_cost", kind: Effort(), weight: -0.001),
    (name: "energy_potential", kind: Distance(signal: "energy_error"), weight: -2.0, stages: [Potential(gamma: 0.99)]),
    (name: "momentum", kind: Distance(signal: "angular_velocity"), weight: 1.0),
]"#,
        farmed_by: None,
    },
];

fn draw(world: &World, row: usize) -> Drawing {
    let angle = row_state::<PendulumAngle>(world, row).map_or(0.0, |c| c.0);
    let (sin, cos) = sin_cos(angle);
    let steel = [0.55, 0.57, 0.6, 1.0];
    let rod =
        Body::at("rod", Shape::Capsule(0.06, 0.5), [-0.5 * sin, 0.0, 0.5 * cos], [0.75, 0.25, 0.2, 1.0]);
    Drawing::of(vec![
        Body::at("base", Shape::Cuboid([0.1, 0.1, 0.02]), [0.0, 0.15, 0.0], steel),
        rod.turned_about_y(-angle),
        Body::at("joint", Shape::Sphere(0.07), [0.0; 3], steel),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use carrot_sim::SignalCatalog;

    #[test]
    fn signal_columns_are_where_the_constants_say() {
        let catalog = SignalCatalog::new(signals());
        for (name, id) in [
            ("angle", ANGLE),
            ("angular_velocity", VELOCITY),
            ("tip_height", TIP_HEIGHT),
            ("tip_side", TIP_SIDE),
            ("balanced_secs", BALANCED),
        ] {
            assert_eq!(catalog.find(name).map(|(id, _)| id), Some(id), "{name}");
        }
    }
}
