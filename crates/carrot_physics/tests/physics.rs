//! The physics that rewards will be paid for, each with a stated tolerance.
#![allow(clippy::unwrap_used, reason = "tests")]

use carrot_physics::{
    BodyId, BodySpec, ColliderSpec, CubeSpec, Grip, Hand, HandSpec, Motion, PhysicsRow, SceneBuilder, Shape,
};

const DT: f32 = HandSpec::PHYSICS_DT;
const DECIMATION: u32 = HandSpec::DECIMATION;
const CONTROL_DT: f32 = DT * DECIMATION as f32;
const G: f32 = 9.81;

/// A box of 5 cm and 0.1 kg over a large table with the hand's solver settings, its underside at `height`.
fn box_over_table(height: f32, friction: f32) -> (PhysicsRow, BodyId) {
    let mut scene = SceneBuilder::new(HandSpec::default().solver()).unwrap();
    let table = scene.body("table", BodySpec::at(Motion::Fixed, [0.0, 0.0, -0.5])).unwrap();
    let top = ColliderSpec::new(Shape::Cuboid { half_extents: [5.0, 5.0, 0.5] }, 1.0);
    scene.collider(table, ColliderSpec { friction, ..top }).unwrap();
    let cube = scene.body("cube", BodySpec::at(Motion::Dynamic, [0.0, 0.0, 0.025 + height])).unwrap();
    let part = ColliderSpec::new(Shape::Cuboid { half_extents: [0.025; 3] }, 0.1);
    scene.collider(cube, ColliderSpec { friction, ..part }).unwrap();
    (scene.build().row(), cube)
}

fn control_steps(row: &mut PhysicsRow, steps: usize) {
    for _ in 0..steps {
        row.step(DT, DECIMATION);
    }
    assert!(!row.diverged());
}

#[test]
fn a_free_body_falls_by_half_g_t_squared_within_one_percent() {
    let (mut row, cube) = box_over_table(10.0, 0.5);
    control_steps(&mut row, 30);
    let fallen = 10.025 - row.position(cube)[2];
    let t = 30.0 * CONTROL_DT;
    let expected = 0.5 * G * t * t;
    assert!((fallen / expected - 1.0).abs() < 0.01, "fell {fallen} m, expected {expected} m");
}

#[test]
fn a_sliding_box_stops_after_v_squared_over_two_mu_g_within_five_percent() {
    for (friction, speed) in [(0.2, 1.0_f32), (0.5, 1.0), (0.5, 2.0), (0.8, 1.5)] {
        let (mut row, cube) = box_over_table(0.0, friction);
        control_steps(&mut row, 10);
        let from = row.position(cube)[0];
        row.set_velocity(cube, [speed, 0.0, 0.0], [0.0; 3]);
        control_steps(&mut row, 60);
        let slid = row.position(cube)[0] - from;
        let expected = speed * speed / (2.0 * friction * G);
        println!("mu {friction} v {speed}: slid {slid} expected {expected} ratio {}", slid/expected);
        assert!((slid / expected - 1.0).abs() < 0.05, "mu {friction}: slid {slid} m, expected {expected} m");
    }
}

#[test]
fn a_resting_box_sinks_less_than_a_millimetre_and_stays() {
    let (mut row, cube) = box_over_table(0.02, 0.5);
    control_steps(&mut row, 25);
    let settled = row.position(cube);
    println!("settled {settled:?}");
    assert!((settled[2] - 0.025).abs() < 1e-3, "rests at {} m", settled[2]);
    control_steps(&mut row, 250);
    let later = row.position(cube);
    println!("later {later:?}");
    for axis in 0..3 {
        assert!((later[axis] - settled[axis]).abs() < 1e-3, "crept from {settled:?} to {later:?}");
    }
}

/// Drives the hand at `velocity` for two control steps to get going and then for five more; the mean speed of
/// the tool point and its velocity at the end.
fn drive(hand: &Hand, row: &mut PhysicsRow, velocity: [f32; 3]) -> ([f32; 3], [f32; 3]) {
    hand.drive(row, velocity, 0.0);
    control_steps(row, 2);
    let from = row.site(hand.tool);
    control_steps(row, 5);
    let to = row.site(hand.tool);
    let mean = [0, 1, 2].map(|axis| (to[axis] - from[axis]) / (5.0 * CONTROL_DT));
    (mean, row.site_velocity(hand.tool))
}

