//! `Reacher`: bring the end of a two-joint arm to a random point in the plane, and hold it there.
//!
//! # Source
//! Gymnasium's MuJoCo `Reacher-v5` in size, observation and target; the arm's masses and motors are our own, so
//! numbers are not comparable.

use std::sync::Arc;

use bevy_ecs::prelude::*;
use carrot_physics::{
    Axis, BodyId, BodySpec, ColliderSpec, Drive, HingeSpec, Motion, MotorId, MotorSpec, PhysicsError,
    PhysicsRow, SceneBuilder, Shape, SiteId, SolverConfig, Template,
};
use carrot_sim::{
    ActionSpace, Actions, ActiveRows, App, BatchApp, Body, CAUSE_NONE, Camera, Column, ColumnMut,
    DefaultReward, Drawing, Ends, ObsPart, Observations, RowKeys, Script, ScriptView, SignalId, SignalKind,
    SignalSpec, Signals, StepSystems, Stream, Task, TaskSpec, row_state, set_row_state, unit_f32,
};
use serde::{Deserialize, Serialize};

use super::mechanism::{Substeps, add_physics, draw_shapes, nearness, write_signals};
use crate::math::{sin_cos, wrap_angle};

/// Name of the task.
pub const NAME: &str = "Reacher";
/// Steps after which an episode is truncated: two seconds.
pub const MAX_STEPS: u32 = 100;
/// Lengths of the links, m.
pub const LINKS: [f32; 2] = [0.1, 0.11];
/// Distance from the target within which it counts as reached, m.
pub const TOLERANCE: f32 = 0.02;
/// Speed below which the tip counts as resting, m/s.
pub const RESTING: f32 = 0.1;

const SUBSTEPS: Substeps = Substeps { physics_dt: 0.01, decimation: 2 };
const CONTROL_DT: f32 = 0.02;
const LINK_MASS: f32 = 0.2;
/// Torques that an action of 1 commands, N m.
const TORQUES: [f32; 2] = [0.1, 0.05];
/// Viscous friction of the joints, N m s/rad.
const FRICTION: f32 = 0.002;
/// Targets are uniform over this ring, m.
const TARGETS: [f32; 2] = [0.03, 0.2];
/// Joints start within this angle of a straight arm, rad.
const START_SPREAD: f32 = 0.1;
/// The elbow's limits, rad.
const ELBOW: f32 = 3.0;

const DISTANCE: SignalId = SignalId(10);
const SPEED: SignalId = SignalId(11);

/// Target of a row, m.
#[derive(Component, Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Target(pub [f32; 2]);

/// Handles of the arm, the same for every row.
#[derive(Resource, Clone)]
struct Arm {
    template: Arc<Template>,
    links: [BodyId; 2],
    motors: [MotorId; 2],
    tip: SiteId,
}

impl Arm {
    fn build() -> Result<Self, PhysicsError> {
        let mut scene = SceneBuilder::new(SolverConfig { iterations: 2, ..SolverConfig::default() })?;
        let base = scene.body("base", BodySpec::at(Motion::Fixed, [0.0; 3]))?;
        let motion = Motion::DynamicPlanar(Axis::Z);
        let upper = scene.body("upper_link", BodySpec::at(motion, [0.0; 3]))?;
        let lower = scene.body("lower_link", BodySpec::at(motion, [LINKS[0], 0.0, 0.0]))?;
        for (body, length) in [(upper, LINKS[0]), (lower, LINKS[1])] {
            let shape = Shape::Cuboid { half_extents: [length / 2.0, 0.01, 0.01] };
            let part = ColliderSpec::new(shape, LINK_MASS);
            scene.collider(
                body,
                ColliderSpec { offset: [length / 2.0, 0.0, 0.0], collides_with: 0, ..part },
            )?;
        }
        let joint = |name: &str, anchor, limits, max_force| HingeSpec {
            limits,
            motor: Some(MotorSpec {
                name: name.into(),
                drive: Drive::Force { damping: FRICTION },
                max_force,
            }),
            ..HingeSpec::new(anchor, [0.0, 0.0, 1.0])
        };
        scene.hinge(base, upper, joint("shoulder", [0.0; 3], None, TORQUES[0]))?;
        let elbow = joint("elbow", [LINKS[0], 0.0, 0.0], Some([-ELBOW, ELBOW]), TORQUES[1]);
        scene.hinge(upper, lower, elbow)?;
        let tip = scene.site("tip", lower, [LINKS[1], 0.0, 0.0])?;
        let template = scene.build();
        let motors = [template.motor("shoulder")?, template.motor("elbow")?];
        Ok(Self { template, links: [upper, lower], motors, tip })
    }

    /// Puts the joints at angles, at rest.
    fn pose(&self, row: &mut PhysicsRow, [shoulder, elbow]: [f32; 2]) {
        let turned = |angle: f32| {
            let (sin, cos) = sin_cos(0.5 * angle);
            [0.0, 0.0, sin, cos]
        };
        let (sin, cos) = sin_cos(shoulder);
        row.place(self.links[0], [0.0; 3], turned(shoulder));
        row.place(self.links[1], [LINKS[0] * cos, LINKS[0] * sin, 0.0], turned(shoulder + elbow));
    }

    /// The signals of one row, in catalog order.
    fn read(&self, row: &PhysicsRow, target: [f32; 2]) -> [f32; 12] {
        let [shoulder, elbow] = self.motors.map(|motor| row.motor_position(motor));
        let [shoulder_velocity, elbow_velocity] = self.motors.map(|motor| row.motor_velocity(motor));
        let ([x, y, _], [vx, vy, _]) = (row.site(self.tip), row.site_velocity(self.tip));
        let (dx, dy) = (target[0] - x, target[1] - y);
        let (distance, speed) = ((dx * dx + dy * dy).sqrt(), (vx * vx + vy * vy).sqrt());
        let angles = [shoulder, elbow, shoulder_velocity, elbow_velocity];
        let [shoulder, elbow, v, w] = angles;
        [shoulder, elbow, v, w, x, y, target[0], target[1], dx, dy, distance, speed]
    }
}

/// The task.
pub struct Reacher {
    spec: TaskSpec,
    arm: Arm,
}

impl Default for Reacher {
    #[expect(clippy::expect_used, reason = "the scene is a constant, and a test builds it")]
    fn default() -> Self {
        let high = [1.0, 1.0, 1.0, 1.0, 0.2, 0.2, 100.0, 100.0, 0.42, 0.42];
        let spec = TaskSpec {
            name: NAME,
            family: "control",
            about: "Bring the end of a two-joint arm to a random point, and hold it there.",
            docs: include_str!("reacher.md"),
            observation: vec![ObsPart::vector("state", &high.map(|h: f32| -h), &high)],
            action: ActionSpace::Continuous {
                names: ["shoulder", "elbow"].map(String::from).to_vec(),
                units: ["0.1 N m", "0.05 N m"].map(String::from).to_vec(),
                low: vec![-1.0; 2],
                high: vec![1.0; 2],
            },
            signals: signals(),
            causes: &[],
            max_steps: MAX_STEPS,
            control_dt: CONTROL_DT,
            physics_dt: SUBSTEPS.physics_dt,
            decimation: SUBSTEPS.decimation,
            rewards: REWARDS.to_vec(),
            scripts: SCRIPTS.to_vec(),
        };
        Self { spec, arm: Arm::build().expect("the arm can be built") }
    }
}

fn signals() -> Vec<SignalSpec> {
    use std::f32::consts::PI;
    let plane = |name: &str, range, about: &str| SignalSpec::new(name, SignalKind::Vec2, "m", range, about);
    vec![
        SignalSpec::scalar("shoulder_angle", "rad", (-PI, PI), "Angle of the upper link from the x axis."),
        SignalSpec::scalar("elbow_angle", "rad", (-PI, PI), "Angle of the lower link from the upper one."),
        SignalSpec::scalar("shoulder_velocity", "rad/s", (-100.0, 100.0), "Velocity of the shoulder."),
        SignalSpec::scalar("elbow_velocity", "rad/s", (-100.0, 100.0), "Velocity of the elbow."),
        plane("tip_position", (-0.22, 0.22), "The arm's end."),
        plane("target_position", (-0.2, 0.2), "The target, fixed for the episode."),
        plane("tip_to_target", (-0.42, 0.42), "From the arm's end to the target."),
        SignalSpec::scalar("target_distance", "m", (0.0, 0.42), "Distance from the end to the target."),
        SignalSpec::scalar("tip_speed", "m/s", (0.0, 20.0), "Speed of the arm's end."),
    ]
}

impl Task for Reacher {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn camera(&self) -> Camera {
        Camera::above([0.0, 0.0, 0.0], 0.5)
    }

    fn build(&self, app: &mut App) {
        add_physics(app, self.arm.template.clone(), SUBSTEPS);
        app.insert_resource(self.arm.clone())
            .add_row_state(Target::default())
            .add_restart_systems(restart)
            .add_step_systems(StepSystems::Act, drive)
            .add_observing_systems(StepSystems::Measure, measure)
            .add_step_systems(StepSystems::Terminate, judge)
            .add_observing_systems(StepSystems::Sense, sense)
            .set_drawing(draw)
            .add_handle("target_position", "The target, m.", 2, |world, row, values| {
                set_row_state(world, row, Target([values[0], values[1]]));
            });
    }
}

fn restart(
    rows: Res<ActiveRows>,
    keys: RowKeys,
    arm: Res<Arm>,
    mut targets: ColumnMut<Target>,
    mut physics: ColumnMut<PhysicsRow>,
) {
    let (targets, physics, keys) = (targets.slice_mut(), physics.slice_mut(), keys.columns());
    keys.draw(&rows, Stream::Reset, |row, words| {
        let [u, turn, shoulder, elbow] = words.map(unit_f32);
        physics[row].reset();
        arm.pose(&mut physics[row], [shoulder, elbow].map(|u| (2.0 * u - 1.0) * START_SPREAD));
        // Uniform over the ring's area.
        let [inner, outer] = TARGETS.map(|radius| radius * radius);
        let radius = (inner + (outer - inner) * u).sqrt();
        let (sin, cos) = sin_cos(turn * std::f32::consts::TAU);
        targets[row] = Target([radius * cos, radius * sin]);
    });
}

fn drive(actions: Res<Actions>, arm: Res<Arm>, mut physics: ColumnMut<PhysicsRow>) {
    for (row, action) in physics.slice_mut().iter_mut().zip(actions.applied.as_chunks::<2>().0) {
        for joint in 0..2 {
            row.command(arm.motors[joint], action[joint] * TORQUES[joint]);
        }
    }
}

fn measure(
    rows: Res<ActiveRows>,
    arm: Res<Arm>,
    targets: Column<Target>,
    physics: Column<PhysicsRow>,
    mut signals: ResMut<Signals>,
) {
    let (targets, physics) = (targets.slice(), physics.slice());
    rows.each(|row| write_signals(&mut signals, row, &arm.read(&physics[row], targets[row].0)));
}

fn judge(signals: Res<Signals>, mut ends: ResMut<Ends>) {
    let (ends, now) = (&mut *ends, signals.now());
    ends.terminated.fill(false);
    ends.cause.fill(CAUSE_NONE);
    for (row, (&d, &v)) in now.get(DISTANCE, 0).iter().zip(now.get(SPEED, 0)).enumerate() {
        ends.success[row] = d <= TOLERANCE && v <= RESTING;
        ends.score[row] = nearness(d, TOLERANCE, 0.1);
    }
}

fn sense(rows: Res<ActiveRows>, signals: Res<Signals>, mut observations: ResMut<Observations>) {
    let view = signals.measured();
    let column = |at: usize| view.get(SignalId(at), 0);
    let (out, _) = observations.f32_mut(0).as_chunks_mut::<10>();
    rows.each(|row| {
        let [a, b, v, w, _, _, x, y, dx, dy] = std::array::from_fn(|at| column(at)[row]);
        let ((sin_a, cos_a), (sin_b, cos_b)) = (sin_cos(a), sin_cos(b));
        // MuJoCo's order; its difference is tip less target.
        out[row] = [cos_a, cos_b, sin_a, sin_b, x, y, v, w, -dx, -dy];
    });
}

const SCRIPTS: [Script; 2] = [
    Script {
        name: "expert",
        about: "Solves for the joint angles of the target, and holds them by proportional and derivative torques.",
        act: |view, action| hold(view, solve(view), action),
    },
    Script {
        name: "spin",
        about: "Turns the shoulder as fast as it can: every turn comes near the target again, and leaving costs nothing.",
        act: |_, action| action.copy_from_slice(&[1.0, 0.0]),
    },
];

/// Joint angles that put the tip on the target, the elbow bent the way it already is.
fn solve(view: &ScriptView<'_>) -> [f32; 2] {
    let bend = if view.get("elbow_angle") < 0.0 { -1.0 } else { 1.0 };
    let (x, y) = (view.axis("target_position", 0), view.axis("target_position", 1));
    let [l1, l2] = LINKS;
    let cos = ((x * x + y * y - l1 * l1 - l2 * l2) / (2.0 * l1 * l2)).clamp(-1.0, 1.0);
    let elbow = libm::acosf(cos) * bend;
    let (sin, cos) = sin_cos(elbow);
    [libm::atan2f(y, x) - libm::atan2f(l2 * sin, l1 + l2 * cos), elbow]
}

/// Torques towards joint angles, critically damped at 10 rad/s.
fn hold(view: &ScriptView<'_>, [shoulder, elbow]: [f32; 2], action: &mut [f32]) {
    let (_, cos) = sin_cos(view.get("elbow_angle"));
    let [l1, l2] = LINKS;
    // The mass matrix of two thin rods: without it the light lower link trembles when the arm is folded.
    let lower = LINK_MASS * l2 * l2 / 3.0;
    let across = lower + LINK_MASS * l1 * l2 * cos / 2.0;
    let whole = LINK_MASS * (l1 * l1 / 3.0 + l1 * l1 + l1 * l2 * cos) + lower;
    let want = |error: f32, velocity: f32| 100.0 * error - 20.0 * velocity;
    let shoulder = want(wrap_angle(shoulder - view.get("shoulder_angle")), view.get("shoulder_velocity"));
    let elbow = want(elbow - view.get("elbow_angle"), view.get("elbow_velocity"));
    let torques = [whole * shoulder + across * elbow, across * shoulder + lower * elbow];
    for joint in 0..2 {
        action[joint] = (torques[joint] / TORQUES[joint]).clamp(-1.0, 1.0);
    }
}

const REWARDS: [DefaultReward; 4] = [
    DefaultReward {
        name: "sparse",
        about: "-1 for every step outside of the tolerance.",
        ron: r#"[
    (name: "outside", kind: Threshold(signal: "target_distance", above: 0.02), weight: -1.0, source: Sparse),
]"#,
        farmed_by: None,
    },
    DefaultReward {
        name: "shaped",
        about: "The sparse reward and the distance as a potential.",
        ron: r#"[
    (name: "outside", kind: Threshold(signal: "target_distance", above: 0.02), weight: -1.0, source: Sparse),
    (name: "nearing", kind: Distance(signal: "target_distance"), weight: -50.0, stages: [Potential(gamma: 0.99)]),
]"#,
        farmed_by: None,
    },
    DefaultReward {
        name: "naive",
        about: "Pay for every centimetre of approach, and forget to charge for going back.",
        ron: r#"[
    (name: "approach", kind: Progress(signal: "target_distance"), weight: 50.0, stages: [Clip(low: 0.0)]),
]"#,
        farmed_by: Some("spin"),
    },
    DefaultReward {
        name: "mixed",
        about: "All of them: the sparse reward, the potential and the pay for approaching.",
        ron: r#"[
    (name: "outside", kind: Threshold(signal: "target_distance", above: 0.02), weight: -1.0, source: Sparse),
    (name: "nearing", kind: Distance(signal: "target_distance"), weight: -50.0, stages: [Potential(gamma: 0.99)]),
    (name: "approach", kind: Progress(signal: "target_distance"), weight: 50.0, stages: [Clip(low: 0.0)]),
]"#,
        farmed_by: None,
    },
];

fn draw(world: &World, row: usize) -> Drawing {
    let Some(physics) = row_state::<PhysicsRow>(world, row) else { return Drawing::default() };
    let [x, y] = row_state::<Target>(world, row).copied().unwrap_or_default().0;
    let tip = physics.site(world.resource::<Arm>().tip);
    let steel = [0.35, 0.45, 0.6, 1.0];
    let mut bodies = draw_shapes(physics, &[("upper_link", steel), ("lower_link", steel)]);
    bodies.push(Body::at("tip", carrot_sim::Shape::Sphere(0.01), tip, [0.1, 0.3, 0.7, 1.0]));
    bodies.push(Body::at("target", carrot_sim::Shape::Sphere(TOLERANCE), [x, y, 0.0], [0.8, 0.2, 0.2, 0.6]));
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
        for (name, id) in [("target_distance", DISTANCE), ("tip_speed", SPEED)] {
            assert_eq!(catalog.find(name).map(|(id, _)| id), Some(id), "{name}");
        }
        assert_eq!(catalog.width(), 12);
    }

    #[test]
    fn a_posed_arm_is_where_its_angles_say_and_stays_without_torque() {
        let arm = Arm::build().unwrap();
        let mut row = arm.template.row();
        arm.pose(&mut row, [0.7, -1.1]);
        for _ in 0..50 {
            let [a, b, v, w, x, y, ..] = arm.read(&row, [0.0; 2]);
            assert!((a - 0.7).abs() < 1e-4 && (b + 1.1).abs() < 1e-4 && v.abs() + w.abs() < 1e-3);
            let tip =
                [0.1 * 0.7_f32.cos() + 0.11 * 0.4_f32.cos(), 0.1 * 0.7_f32.sin() - 0.11 * 0.4_f32.sin()];
            assert!((x - tip[0]).abs() < 1e-4 && (y - tip[1]).abs() < 1e-4, "{x} {y} {tip:?}");
            row.step(SUBSTEPS.physics_dt, SUBSTEPS.decimation);
        }
    }
}
