//! `Hopper`: a one-legged runner in a vertical plane goes forward without falling.
//!
//! # Source
//! The body is that of Raibert's planar hopper (M. H. Raibert, "Legged Robots That Balance", MIT Press 1986): a beam
//! with its centre of mass at the hip and a springy leg that changes its length; with an ankle and a flat foot, so
//! that it can stand as well. Masses and sizes are our own.

use std::sync::Arc;

use bevy_ecs::prelude::*;
use carrot_physics::{
    Axis, BodyId, BodySpec, ColliderSpec, Drive, HingeSpec, JointSpec, Motion, MotorId, MotorSpec,
    PhysicsError, PhysicsRow, SceneBuilder, Shape, SlideSpec, SolverConfig, Template, WatchId,
};
use carrot_sim::{
    ActionSpace, Actions, ActiveRows, App, BatchApp, Body, CAUSE_NONE, CAUSE_TASK, Camera, Cause, Column,
    ColumnMut, Drawing, Ends, MaxSteps, ObsPart, Observations, RowKeys, SignalId, SignalSpec, Signals,
    StepCount, StepSystems, Stream, Task, TaskSpec, row_state, unit_f32,
};

use super::hopper_scripts::{REWARDS, SCRIPTS};
use super::mechanism::{Substeps, add_physics, draw_shapes, write_signals};
use crate::drawing::draw_contacts;
use crate::math::sin_cos;

/// Name of the task.
pub const NAME: &str = "Hopper";
/// Steps after which an episode is truncated: ten seconds.
pub const MAX_STEPS: u32 = 500;
/// Distance that a success has to cover, m.
pub const SUCCESS_DISTANCE: f32 = 2.0;
/// Distance that is worth a score of 1, m.
pub const SCORE_DISTANCE: f32 = 20.0;
/// Below this height of the hip the runner has fallen, m.
pub const LOWEST_HIP: f32 = 0.3;
/// Beyond this angle of the torso the runner has fallen, rad.
pub const TOP_PITCH: f32 = 0.8;
/// Cause: hip or torso say that the runner fell.
pub const FELL: Cause = CAUSE_TASK;

const SUBSTEPS: Substeps = Substeps { physics_dt: 0.01, decimation: 2 };
const CONTROL_DT: f32 = 0.02;
/// What an action of 1 adds to the hip's angle (rad), the leg's length (m) and the ankle's angle (rad).
pub(super) const REACH: [f32; 3] = [0.8, 0.12, 0.8];
/// Servos of hip, leg and ankle: N m/rad and N m s/rad for the hinges, N/m and N s/m for the leg.
pub(super) const STIFFNESS: [f32; 3] = [60.0, 2000.0, 100.0];
pub(super) const DAMPING: [f32; 3] = [1.5, 40.0, 2.0];
/// N m, N and N m.
const STRENGTH: [f32; 3] = [60.0, 400.0, 30.0];
/// How far the leg's servo can move to either side, m.
const STROKE: f32 = 0.15;
/// From hip to ankle when an action of 0 is not under load, m.
pub(super) const LEG: f32 = 0.5;
/// The leg is shorter by this when it carries the resting runner, m.
const SAG: f32 = 0.041;
/// Height of the ankle over the sole, m.
const ANKLE: f32 = 0.04;
/// Torso and joints start within this angle, and the leg within a tenth of it in metres, of standing upright, rad.
const START_SPREAD: f32 = 0.02;
/// A foot that presses with less than this is in the air, N: near the ground the solver grips weakly.
const CONTACT_FORCE: f32 = 5.0;
/// Where the line lies that signals measure the way to, m: further than anything runs in an episode.
const FINISH: f32 = 100.0;

const GROUND: u32 = 1;
const RUNNER: u32 = 2;

const DISTANCE: SignalId = SignalId(12);
const FALLEN: SignalId = SignalId(14);

/// Handles of the runner, the same for every row.
#[derive(Resource, Clone)]
struct Runner {
    template: Arc<Template>,
    /// Torso, upper leg, lower leg, foot; each body's origin is its upper joint, the torso's is the hip.
    bodies: [BodyId; 4],
    /// Hip, leg, ankle; the leg's slides upwards.
    motors: [MotorId; 3],
    sole: WatchId,
}

impl Runner {
    fn build() -> Result<Self, PhysicsError> {
        let config = SolverConfig { sweeps: 2, length_unit: 0.3, ..SolverConfig::default() };
        let mut scene = SceneBuilder::new(config)?;
        let ground = scene.body("ground", BodySpec::at(Motion::Fixed, [0.0, 0.0, -0.5]))?;
        let floor = ColliderSpec {
            friction: 1.0,
            groups: GROUND,
            collides_with: RUNNER,
            ..ColliderSpec::new(Shape::Cuboid { half_extents: [2.0 * FINISH, 1.0, 0.5] }, 1.0)
        };
        let floor = scene.collider(ground, floor)?;
        let half = LEG / 2.0;
        let tube = |radius| Shape::Capsule { half_height: half / 2.0, radius };
        let block = |half_extents| Shape::Cuboid { half_extents };
        // The joints hold the leg in the torso's plane; locked to it a second time, a sliding joint bursts.
        let parts = [
            ("torso", block([0.4, 0.08, 0.06]), 8.0, [0.0; 3], Motion::DynamicPlanar(Axis::Y)),
            ("upper_leg", tube(0.03), 0.4, [0.0, 0.0, -half / 2.0], Motion::Dynamic),
            ("lower_leg", tube(0.02), 0.5, [0.0, 0.0, -half / 2.0], Motion::Dynamic),
            ("foot", block([0.1, 0.05, 0.02]), 0.3, [0.0, 0.0, 0.02 - ANKLE], Motion::Dynamic),
        ];
        let mut bodies = Vec::new();
        let mut foot = None;
        for ((name, shape, mass, offset, motion), (position, _)) in
            parts.into_iter().zip(joints_of(0.0, [0.0; 3]))
        {
            let body = scene.body(name, BodySpec::at(motion, position))?;
            // Only the foot meets the ground: whatever else comes near it has fallen.
            let collides_with = if name == "foot" { GROUND } else { 0 };
            let part = ColliderSpec {
                offset,
                friction: 1.0,
                groups: RUNNER,
                collides_with,
                ..ColliderSpec::new(shape, mass)
            };
            foot = Some(scene.collider(body, part)?);
            bodies.push(body);
        }
        let motor = |name: &str, joint: usize| {
            let drive = Drive::Position { stiffness: STIFFNESS[joint], damping: DAMPING[joint] };
            Some(MotorSpec { name: name.into(), drive, max_force: STRENGTH[joint] })
        };
        let hinge = |name, joint, anchor| HingeSpec {
            limits: Some([-1.0, 1.0]),
            motor: motor(name, joint),
            ..HingeSpec::new(anchor, [0.0, 1.0, 0.0])
        };
        let slide = SlideSpec { limits: [-STROKE, STROKE], motor: motor("leg", 1) };
        let leg = JointSpec { anchor: [0.0, 0.0, -half], slides: [None, None, Some(slide)] };
        scene.hinge(bodies[0], bodies[1], hinge("hip", 0, [0.0; 3]))?;
        scene.joint(bodies[1], bodies[2], leg)?;
        scene.hinge(bodies[2], bodies[3], hinge("ankle", 2, [0.0, 0.0, -half]))?;
        let sole = scene.watch("sole", &Vec::from_iter(foot), &[floor])?;
        let template = scene.build();
        let motors = [template.motor("hip")?, template.motor("leg")?, template.motor("ankle")?];
        Ok(Self { template, bodies: [bodies[0], bodies[1], bodies[2], bodies[3]], motors, sole })
    }

    /// Puts torso and joints at their angles and lengths, at rest with the foot over the ground.
    fn pose(&self, row: &mut PhysicsRow, pitch: f32, joints: [f32; 3]) {
        for (body, (position, angle)) in self.bodies.into_iter().zip(joints_of(pitch, joints)) {
            let (sin, cos) = sin_cos(0.5 * angle);
            row.place(body, position, [0.0, sin, 0.0, cos]);
        }
    }

    /// Commands the angle of the hip, what the leg is longer, and the angle of the ankle.
    fn command(&self, row: &mut PhysicsRow, [hip, longer, ankle]: [f32; 3]) {
        for (motor, target) in self.motors.into_iter().zip([hip, -longer, ankle]) {
            row.command(motor, target);
        }
    }

    /// The signals of one row, in catalog order.
    fn read(&self, row: &PhysicsRow) -> [f32; 15] {
        let [x, _, z] = row.position(self.bodies[0]);
        let [_, y, _, w] = row.rotation(self.bodies[0]);
        let pitch = 2.0 * libm::atan2f(y, w);
        let [vx, _, vz] = row.velocity(self.bodies[0]);
        let rate = row.angular_velocity(self.bodies[0])[1];
        let [hip, shorter, ankle] = self.motors.map(|motor| row.motor_position(motor));
        let [hip_rate, shortening, ankle_rate] = self.motors.map(|motor| row.motor_velocity(motor));
        let (leg, leg_rate) = (LEG - shorter, -shortening);
        let flag = |on| f32::from(u8::from(on));
        let stands = flag(row.contact(self.sole).impulse[2] > CONTACT_FORCE * CONTROL_DT);
        let fallen = flag(z < LOWEST_HIP || pitch.abs() > TOP_PITCH);
        let ahead = (FINISH - x).max(0.0);
        [z, pitch, hip, leg, ankle, vx, vz, rate, hip_rate, leg_rate, ankle_rate, stands, x, ahead, fallen]
    }
}

/// Position of each body's origin and its angle about the y axis, with the ankle at the height of a flat foot at x = 0.
/// Joints are the hip's angle, what the leg is longer, and the ankle's angle.
fn joints_of(pitch: f32, [hip, longer, ankle]: [f32; 3]) -> [([f32; 3], f32); 4] {
    let leg = pitch + hip;
    let (sin, cos) = sin_cos(leg);
    // A turn about y carries what points down towards -x.
    let up = |length: f32| [length * sin, 0.0, ANKLE + length * cos];
    let hip = up(LEG + longer);
    [(hip, pitch), (hip, leg), (up(LEG / 2.0), leg), (up(0.0), leg + ankle)]
}

/// The task.
pub struct Hopper {
    spec: TaskSpec,
    runner: Runner,
}

impl Default for Hopper {
    #[expect(clippy::expect_used, reason = "the scene is a constant, and a test builds it")]
    fn default() -> Self {
        let high = [2.0, 3.2, 1.1, 0.7, 1.1, 5.0, 5.0, 20.0, 50.0, 10.0, 100.0, 1.0];
        let spec = TaskSpec {
            name: NAME,
            family: "control",
            about: "Go forward on one leg without falling.",
            docs: include_str!("hopper.md"),
            observation: vec![ObsPart::vector("state", &high.map(|h: f32| -h), &high)],
            action: ActionSpace::Continuous {
                names: ["hip", "leg", "ankle"].map(String::from).to_vec(),
                units: ["0.8 rad", "0.12 m", "0.8 rad"].map(String::from).to_vec(),
                low: vec![-1.0; 3],
                high: vec![1.0; 3],
            },
            signals: signals(),
            causes: &["fell"],
            max_steps: MAX_STEPS,
            control_dt: CONTROL_DT,
            physics_dt: SUBSTEPS.physics_dt,
            decimation: SUBSTEPS.decimation,
            rewards: REWARDS.to_vec(),
            scripts: SCRIPTS.to_vec(),
        };
        Self { spec, runner: Runner::build().expect("the runner can be built") }
    }
}

fn signals() -> Vec<SignalSpec> {
    let scalar = |name, unit, low, high, about| SignalSpec::scalar(name, unit, (low, high), about);
    vec![
        scalar("hip_height", "m", 0.0, 2.0, "Height of the hip over the ground."),
        scalar("torso_pitch", "rad", -3.2, 3.2, "Angle of the torso, positive when it leans forward."),
        scalar(
            "hip_angle",
            "rad",
            -1.1,
            1.1,
            "Angle of the leg from the torso, positive with the foot behind.",
        ),
        scalar("leg_length", "m", 0.3, 0.7, "From the hip to the ankle."),
        scalar(
            "ankle_angle",
            "rad",
            -1.1,
            1.1,
            "Angle of the foot from the leg, positive with the toe down.",
        ),
        scalar("forward_velocity", "m/s", -20.0, 20.0, "Velocity of the hip along the ground."),
        scalar("upward_velocity", "m/s", -20.0, 20.0, "Velocity of the hip upwards."),
        scalar("pitch_velocity", "rad/s", -100.0, 100.0, "Angular velocity of the torso."),
        scalar("hip_velocity", "rad/s", -200.0, 200.0, "Angular velocity of the hip's joint."),
        scalar("leg_velocity", "m/s", -20.0, 20.0, "How fast the leg grows longer."),
        scalar("ankle_velocity", "rad/s", -200.0, 200.0, "Angular velocity of the ankle's joint."),
        SignalSpec::flag("sole_contact", "The foot presses on the ground with more than 5 N."),
        scalar("distance", "m", -100.0, 100.0, "How far the hip is from where the foot started, forward."),
        scalar("finish_distance", "m", 0.0, 200.0, "How far the hip is from a line 100 m ahead."),
        SignalSpec::flag("fallen", "The hip is below 0.3 m, or the torso leans by more than 0.8 rad."),
    ]
}

impl Task for Hopper {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn camera(&self) -> Camera {
        Camera::beside([0.0, 0.0, 0.7], 2.4)
    }

    fn build(&self, app: &mut App) {
        add_physics(app, self.runner.template.clone(), SUBSTEPS);
        app.insert_resource(self.runner.clone())
            .add_restart_systems(restart)
            .add_step_systems(StepSystems::Act, drive)
            .add_observing_systems(StepSystems::Measure, measure)
            .add_step_systems(StepSystems::Terminate, judge)
            .add_observing_systems(StepSystems::Sense, sense)
            .set_drawing(draw);
    }
}

fn restart(rows: Res<ActiveRows>, keys: RowKeys, runner: Res<Runner>, mut physics: ColumnMut<PhysicsRow>) {
    let (physics, keys) = (physics.slice_mut(), keys.columns());
    keys.draw(&rows, Stream::Reset, |row, words| {
        let [pitch, hip, leg, ankle] = words.map(|word| (2.0 * unit_f32(word) - 1.0) * START_SPREAD);
        physics[row].reset();
        runner.pose(&mut physics[row], pitch, [hip, 0.1 * leg - SAG, ankle]);
    });
}

fn drive(actions: Res<Actions>, runner: Res<Runner>, mut physics: ColumnMut<PhysicsRow>) {
    for (row, action) in physics.slice_mut().iter_mut().zip(actions.applied.as_chunks::<3>().0) {
        runner.command(row, std::array::from_fn(|joint| action[joint] * REACH[joint]));
    }
}

fn measure(
    rows: Res<ActiveRows>,
    runner: Res<Runner>,
    physics: Column<PhysicsRow>,
    mut signals: ResMut<Signals>,
) {
    let physics = physics.slice();
    rows.each(|row| write_signals(&mut signals, row, &runner.read(&physics[row])));
}

fn judge(signals: Res<Signals>, steps: Column<StepCount>, limit: Res<MaxSteps>, mut ends: ResMut<Ends>) {
    let (ends, now, steps) = (&mut *ends, signals.now(), steps.slice());
    for (row, (&x, &fallen)) in now.get(DISTANCE, 0).iter().zip(now.get(FALLEN, 0)).enumerate() {
        let fell = fallen > 0.5;
        ends.terminated[row] = fell;
        ends.cause[row] = if fell { FELL } else { CAUSE_NONE };
        ends.success[row] = !fell && steps[row].0 >= limit.0 && x >= SUCCESS_DISTANCE;
        ends.score[row] = (x / SCORE_DISTANCE).clamp(0.0, 1.0);
    }
}

fn sense(rows: Res<ActiveRows>, signals: Res<Signals>, mut observations: ResMut<Observations>) {
    let view = signals.measured();
    let (out, _) = observations.f32_mut(0).as_chunks_mut::<12>();
    rows.each(|row| out[row] = std::array::from_fn(|at| view.get(SignalId(at), 0)[row]));
}

fn draw(world: &World, row: usize) -> Drawing {
    let Some(physics) = row_state::<PhysicsRow>(world, row) else { return Drawing::default() };
    let (orange, steel, dark) = ([0.85, 0.5, 0.2, 1.0], [0.7, 0.72, 0.75, 1.0], [0.3, 0.3, 0.33, 1.0]);
    let grass = [0.35, 0.45, 0.3, 1.0];
    let looks =
        [("ground", grass), ("torso", orange), ("upper_leg", dark), ("lower_leg", steel), ("foot", dark)];
    let mut bodies = draw_shapes(physics, &looks);
    // Marks on every metre of the ground around show that it passes by.
    let [x, ..] = physics.position(world.resource::<Runner>().bodies[0]);
    bodies.extend((-5..=5).map(|mark| {
        let at = [libm::floorf(x) + mark as f32, 0.0, 0.001];
        let stripe = carrot_sim::Shape::Cuboid([0.01, 0.5, 0.001]);
        Body::at(&format!("mark_{mark}"), stripe, at, [0.9, 0.9, 0.9, 1.0])
    }));
    Drawing { contacts: draw_contacts(physics), focus: Some([x, 0.0, 0.0]), ..Drawing::of(bodies) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use carrot_sim::SignalCatalog;

    #[test]
    fn signal_columns_are_where_the_constants_say() {
        let catalog = SignalCatalog::new(signals());
        for (name, id) in [("distance", DISTANCE), ("fallen", FALLEN)] {
            assert_eq!(catalog.find(name).map(|(id, _)| id), Some(id), "{name}");
        }
        assert_eq!(catalog.width(), 15);
    }

    #[test]
    fn a_posed_runner_is_where_its_joints_say() {
        let runner = Runner::build().unwrap();
        let mut row = runner.template.row();
        runner.pose(&mut row, 0.1, [-0.3, 0.05, 0.2]);
        let [z, pitch, hip, leg, ankle, .., x, _, _] = runner.read(&row);
        let expected = [ANKLE + 0.55 * 0.2_f32.cos(), 0.1, -0.3, 0.55, 0.2, -0.55 * 0.2_f32.sin()];
        for (is, wanted) in [z, pitch, hip, leg, ankle, x].into_iter().zip(expected) {
            assert!((is - wanted).abs() < 1e-4, "{is}, expected {wanted}");
        }
    }

    #[test]
    fn a_standing_runner_rests_on_its_sole_with_its_weight() {
        let runner = Runner::build().unwrap();
        let mut row = runner.template.row();
        runner.pose(&mut row, 0.0, [0.0, -SAG, 0.0]);
        let first = runner.read(&row);
        runner.command(&mut row, [0.0; 3]);
        (0..100).for_each(|_| row.step(SUBSTEPS.physics_dt, SUBSTEPS.decimation));
        let standing = runner.read(&row);
        assert_eq!((standing[11], standing[14]), (1.0, 0.0), "{standing:?}");
        assert!((standing[0] - first[0]).abs() < 0.01, "sagged from {} to {} m", first[0], standing[0]);
        let force = row.contact(runner.sole).impulse[2] / CONTROL_DT;
        assert!((force / (9.2 * 9.81) - 1.0).abs() < 0.05, "{force} N");
    }
}
