//! Hinges against the textbook: periods, motors, limits, energy, each with a stated tolerance.
#![allow(clippy::unwrap_used, reason = "tests")]

use carrot_physics::{
    Axis, BodyId, BodySpec, ColliderSpec, Drive, HingeSpec, Motion, MotorId, MotorSpec, PhysicsError,
    PhysicsRow, SceneBuilder, Shape, SolverConfig,
};

const G: f32 = 9.81;
const DT: f32 = 0.005;
/// Half the length of the rod (m) and its mass (kg).
const HALF: f32 = 0.25;
const MASS: f32 = 0.4;
const RADIUS: f32 = 0.02;

/// Four sweeps: a motor that answers to speed has to hear of the weight beside its axis.
fn solver() -> SolverConfig {
    SolverConfig { sweeps: 4, ..SolverConfig::default() }
}

/// A rod that hangs from a hinge about the y axis, its origin at the hinge, in the plane or held by the joint.
fn rod(motion: Motion, limits: Option<[f32; 2]>, drive: Option<(Drive, f32)>) -> (PhysicsRow, BodyId) {
    let mut scene = SceneBuilder::new(solver()).unwrap();
    let wall = scene.body("wall", BodySpec::at(Motion::Fixed, [0.0, 0.0, 1.0])).unwrap();
    let rod = scene.body("rod", BodySpec::at(motion, [0.1, 0.2, 1.3])).unwrap();
    let shape = Shape::Cuboid { half_extents: [RADIUS, RADIUS, HALF] };
    let part = ColliderSpec { offset: [0.0, 0.0, -HALF], collides_with: 0, ..ColliderSpec::new(shape, MASS) };
    scene.collider(rod, part).unwrap();
    let motor = drive.map(|(drive, max_force)| MotorSpec { name: "hinge".into(), drive, max_force });
    let hinge = HingeSpec { limits, motor, ..HingeSpec::new([0.1, 0.2, 0.3], [0.0, 1.0, 0.0]) };
    scene.hinge(wall, rod, hinge).unwrap();
    (scene.build().row(), rod)
}

/// Moment of inertia about the hinge, and that of gravity at an angle of one radian (small angles).
fn inertia() -> f32 {
    MASS * ((4.0 * HALF * HALF + 4.0 * RADIUS * RADIUS) / 12.0 + HALF * HALF)
}

fn turned(angle: f32) -> [f32; 4] {
    [0.0, (angle / 2.0).sin(), 0.0, (angle / 2.0).cos()]
}

fn angle(row: &PhysicsRow, rod: BodyId) -> f32 {
    let [_, y, _, w] = row.rotation(rod);
    2.0 * y.atan2(w)
}

fn energy(row: &PhysicsRow, rod: BodyId) -> f32 {
    let spin = row.angular_velocity(rod)[1];
    MASS * G * HALF * (1.0 - angle(row, rod).cos()) + 0.5 * inertia() * spin * spin
}

#[test]
fn a_pendulum_has_the_period_of_theory_within_half_a_percent() {
    let expected = std::f32::consts::TAU * (inertia() / (MASS * G * HALF)).sqrt();
    for motion in [Motion::DynamicPlanar(Axis::Y), Motion::Dynamic] {
        let (mut row, rod) = rod(motion, None, None);
        row.place(rod, [0.1, 0.2, 1.3], turned(0.05));
        let (mut crossings, mut before) = (Vec::new(), angle(&row, rod));
        for step in 1..4_000 {
            row.step(DT, 1);
            let now = angle(&row, rod);
            if before > 0.0 && now <= 0.0 {
                crossings.push((step as f32 - now / (now - before)) * DT);
            }
            before = now;
        }
        let period = (crossings[10] - crossings[0]) / 10.0;
        assert!((period / expected - 1.0).abs() < 0.005, "{motion:?}: {period} s, expected {expected} s");
        assert!(!row.diverged());
    }
}

#[test]
fn a_free_pendulum_gains_no_energy_and_its_hinge_does_not_drift() {
    for motion in [Motion::DynamicPlanar(Axis::Y), Motion::Dynamic] {
        for start in [0.5, 1.5, 3.0] {
            let (mut row, rod) = rod(motion, None, None);
            row.place(rod, [0.1, 0.2, 1.3], turned(start));
            let first = energy(&row, rod);
            let mut most = first;
            for _ in 0..4_000 {
                row.step(DT, 1);
                most = most.max(energy(&row, rod));
                let at = row.position(rod);
                let off = [at[0] - 0.1, at[1] - 0.2, at[2] - 1.3];
                assert!(off.iter().all(|x| x.abs() < 1e-3), "{motion:?}: the hinge is off by {off:?}");
            }
            assert!(most <= 1.01 * first, "{motion:?} from {start}: {first} J became {most} J");
        }
    }
}

#[test]
fn a_velocity_motor_holds_its_speed_under_load_within_one_percent() {
    let gravity = MASS * G * HALF;
    for motion in [Motion::DynamicPlanar(Axis::Y), Motion::Dynamic] {
        let (mut row, _) = rod(motion, None, Some((Drive::Velocity, 3.0 * gravity)));
        let motor = row.template().motor("hinge").unwrap();
        row.command(motor, 2.0);
        (0..20).for_each(|_| row.step(DT, 1));
        // More than a turn, against gravity on the way up and with it on the way down.
        for step in 0..800 {
            row.step(DT, 1);
            let speed = row.motor_velocity(motor);
            assert!((speed - 2.0).abs() < 0.02, "{motion:?} step {step}: {speed} rad/s");
        }
    }
}

#[test]
fn a_weak_velocity_motor_swings_about_where_gravity_equals_its_torque() {
    let gravity = MASS * G * HALF;
    let (mut row, rod) = rod(Motion::DynamicPlanar(Axis::Y), None, Some((Drive::Velocity, 0.5 * gravity)));
    let motor = row.template().motor("hinge").unwrap();
    row.command(motor, 0.2);
    // Below its speed the motor is a constant torque, so what is left is a small swing.
    (0..1_000).for_each(|_| row.step(DT, 1));
    let mut mean = 0.0;
    for _ in 0..2_000 {
        row.step(DT, 1);
        mean += angle(&row, rod) / 2_000.0;
        assert!((row.motor_position(motor) - angle(&row, rod)).abs() < 1e-5);
    }
    assert!((mean - 0.5_f32.asin()).abs() < 0.005, "swings about {mean} rad");
}

#[test]
fn a_force_motor_accelerates_as_its_torque_says_within_one_percent() {
    let mut scene = SceneBuilder::new(SolverConfig { gravity: [0.0; 3], ..solver() }).unwrap();
    let wall = scene.body("wall", BodySpec::at(Motion::Fixed, [0.0; 3])).unwrap();
    let mut motors: Vec<MotorId> = Vec::new();
    let shape = Shape::Cuboid { half_extents: [RADIUS, RADIUS, HALF] };
    for (name, damping) in [("free", 0.0), ("damped", 0.05)] {
        let rod = scene.body(name, BodySpec::at(Motion::DynamicPlanar(Axis::Y), [0.0; 3])).unwrap();
        let part =
            ColliderSpec { offset: [0.0, 0.0, HALF], collides_with: 0, ..ColliderSpec::new(shape, MASS) };
        scene.collider(rod, part).unwrap();
        let motor = MotorSpec { name: name.into(), drive: Drive::Force { damping }, max_force: 0.1 };
        let spec = HingeSpec { motor: Some(motor), ..HingeSpec::new([0.0; 3], [0.0, 1.0, 0.0]) };
        scene.hinge(wall, rod, spec).unwrap();
    }
    let template = scene.build();
    motors.extend(["free", "damped"].map(|name| template.motor(name).unwrap()));
    let mut row = template.row();
    // A command beyond the motor's limit is cut to it.
    motors.iter().for_each(|&motor| row.command(motor, -0.4));
    (0..100).for_each(|_| row.step(DT, 1));
    let (free, rate) = (row.motor_velocity(motors[0]), 0.1 / inertia());
    assert!((free / (-rate * 0.5) - 1.0).abs() < 0.01, "{free} rad/s, expected {} rad/s", -rate * 0.5);
    assert!((row.motor(motors[0]).impulse / (-0.1 * DT) - 1.0).abs() < 0.01);
    // Against friction the speed nears torque / damping with the time constant inertia / damping.
    let expected = -0.1 / 0.05 * (1.0 - (-0.5 * 0.05 / inertia()).exp());
    let damped = row.motor_velocity(motors[1]);
    assert!((damped / expected - 1.0).abs() < 0.01, "{damped} rad/s, expected {expected} rad/s");
    row.command(motors[0], 0.0);
    (0..100).for_each(|_| row.step(DT, 1));
    let coasted = row.motor_velocity(motors[0]) / free;
    assert!((0.99..=1.0).contains(&coasted), "without a command it coasts: {coasted}");
}

#[test]
fn a_position_motor_sags_by_load_over_stiffness() {
    let gravity = MASS * G * HALF;
    let drive = Drive::Position { stiffness: 20.0, damping: 2.0 };
    let (mut row, rod) = rod(Motion::Dynamic, None, Some((drive, 10.0)));
    let motor = row.template().motor("hinge").unwrap();
    row.command(motor, 1.0);
    (0..2_000).for_each(|_| row.step(DT, 1));
    let held = angle(&row, rod);
    let residual = 20.0 * (1.0 - held) - gravity * held.sin();
    assert!(residual.abs() < 0.02 * gravity, "held at {held} rad");
}

#[test]
fn limits_hold_against_gravity_and_against_the_motor_within_ten_milliradians() {
    for motion in [Motion::DynamicPlanar(Axis::Y), Motion::Dynamic] {
        // Falling on a limit.
        let (mut row, rod) = rod(motion, Some([0.4, 2.0]), None);
        row.place(rod, [0.1, 0.2, 1.3], turned(1.0));
        for _ in 0..2_000 {
            row.step(DT, 1);
            assert!(angle(&row, rod) > 0.37, "{motion:?}: fell through to {}", angle(&row, rod));
        }
        assert!((angle(&row, rod) - 0.4).abs() < 0.01, "{motion:?}: {}", angle(&row, rod));
    }
    for side in [-1.0_f32, 1.0] {
        let (mut row, rod) = rod(Motion::Dynamic, Some([-0.7, 0.7]), Some((Drive::Velocity, 5.0)));
        let motor = row.template().motor("hinge").unwrap();
        row.command(motor, side);
        (0..1_000).for_each(|_| row.step(DT, 1));
        assert!((angle(&row, rod) - 0.7 * side).abs() < 0.01, "{}", angle(&row, rod));
    }
}

#[test]
fn a_frame_may_be_turned_and_the_axis_point_anywhere() {
    // The joint's frame is turned by a quarter about x, so that its z axis is the world's -y.
    let quarter = [std::f32::consts::FRAC_1_SQRT_2, 0.0, 0.0, std::f32::consts::FRAC_1_SQRT_2];
    let mut scene = SceneBuilder::new(solver()).unwrap();
    let wall = scene.body("wall", BodySpec::at(Motion::Fixed, [0.0; 3])).unwrap();
    let mut spec = BodySpec::at(Motion::Dynamic, [0.0; 3]);
    spec.rotation = quarter;
    let rod = scene.body("rod", spec).unwrap();
    // Along the rod's own y axis, which is the world's z.
    let shape = Shape::Cuboid { half_extents: [RADIUS, HALF, RADIUS] };
    let part = ColliderSpec { offset: [0.0, HALF, 0.0], ..ColliderSpec::new(shape, MASS) };
    scene.collider(rod, part).unwrap();
    let motor = MotorSpec { name: "hinge".into(), drive: Drive::Velocity, max_force: 10.0 };
    let hinge =
        HingeSpec { rotation: quarter, motor: Some(motor), ..HingeSpec::new([0.0; 3], [0.0, 0.0, 2.0]) };
    scene.hinge(wall, rod, hinge).unwrap();
    let template = scene.build();
    let motor = template.motor("hinge").unwrap();
    let mut row = template.row();
    assert!(row.motor_position(motor).abs() < 1e-6);
    row.command(motor, 1.0);
    (0..100).for_each(|_| row.step(DT, 1));
    assert!((row.motor_position(motor) - 0.5).abs() < 0.01, "{}", row.motor_position(motor));
    // Right-handed about -y: the upper end has gone towards -x.
    let omega = row.angular_velocity(rod);
    assert!((omega[1] + 1.0).abs() < 0.02 && omega[0].abs() < 0.01 && omega[2].abs() < 0.01, "{omega:?}");
    assert!(row.rotation(rod)[3].is_finite());
}

#[test]
fn hinges_that_make_no_sense_are_refused() {
    let mut scene = SceneBuilder::new(solver()).unwrap();
    let wall = scene.body("wall", BodySpec::at(Motion::Fixed, [0.0; 3])).unwrap();
    let rod = scene.body("rod", BodySpec::at(Motion::Dynamic, [0.0; 3])).unwrap();
    let good = HingeSpec::new([0.0; 3], [1.0, 0.0, 0.0]);
    let motor = |max_force, drive| Some(MotorSpec { name: "m".into(), drive, max_force });
    for bad in [
        HingeSpec { axis: [0.0; 3], ..good.clone() },
        HingeSpec { anchor: [f32::NAN, 0.0, 0.0], ..good.clone() },
        HingeSpec { limits: Some([1.0, -1.0]), ..good.clone() },
        HingeSpec { limits: Some([-4.0, 4.0]), ..good.clone() },
        HingeSpec { motor: motor(0.0, Drive::Velocity), ..good.clone() },
        HingeSpec { motor: motor(1.0, Drive::Force { damping: -1.0 }), ..good.clone() },
    ] {
        let refused = scene.hinge(wall, rod, bad.clone());
        assert!(matches!(refused, Err(PhysicsError::BadNumber { .. })), "{bad:?}");
    }
    scene.hinge(wall, rod, good).unwrap();
}
