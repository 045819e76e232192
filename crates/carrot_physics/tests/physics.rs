//! The physics that rewards will be paid for, each with a stated tolerance.
#![allow(clippy::unwrap_used, reason = "tests")]

use carrot_physics::{
    Bench, BodyId, BodySpec, ColliderSpec, Grip, Hand, HandSpec, Motion, PhysicsRow, SceneBuilder, Shape,
    WatchId,
};

const DT: f32 = HandSpec::PHYSICS_DT;
const DECIMATION: u32 = HandSpec::DECIMATION;
const CONTROL_DT: f32 = DT * DECIMATION as f32;
const G: f32 = 9.81;
const OPEN: f32 = 0.09;

/// A box of 5 cm and 0.1 kg with its underside `height` over a large table, solved as the hand's scene is.
fn box_over_table(height: f32, friction: f32) -> (PhysicsRow, BodyId, WatchId) {
    let mut scene = SceneBuilder::new(HandSpec::SOLVER).unwrap();
    let table = scene.body("table", BodySpec::at(Motion::Fixed, [0.0, 0.0, -0.5])).unwrap();
    let top = ColliderSpec::new(Shape::Cuboid { half_extents: [5.0, 5.0, 0.5] }, 1.0);
    let top = scene.collider(table, ColliderSpec { friction, ..top }).unwrap();
    let cube = scene.body("cube", BodySpec::at(Motion::Dynamic, [0.0, 0.0, 0.025 + height])).unwrap();
    let part = ColliderSpec::new(Shape::Cuboid { half_extents: [0.025; 3] }, 0.1);
    let part = scene.collider(cube, ColliderSpec { friction, ..part }).unwrap();
    let watch = scene.watch("cube_table", &[part], &[top]).unwrap();
    (scene.build().row(), cube, watch)
}

fn control_steps(row: &mut PhysicsRow, steps: usize) {
    for _ in 0..steps {
        row.step(DT, DECIMATION);
    }
    assert!(!row.diverged());
}

#[test]
fn a_free_body_falls_by_half_g_t_squared_within_one_percent() {
    let (mut row, cube, _) = box_over_table(10.0, 0.5);
    control_steps(&mut row, 30);
    let fallen = 10.025 - row.position(cube)[2];
    let t = 30.0 * CONTROL_DT;
    let expected = 0.5 * G * t * t;
    assert!((fallen / expected - 1.0).abs() < 0.01, "fell {fallen} m, expected {expected} m");
}

#[test]
fn a_sliding_box_stops_after_v_squared_over_two_mu_g_within_five_percent() {
    for (friction, speed) in [(0.2, 1.0_f32), (0.5, 1.0), (0.5, 2.0), (0.8, 1.5)] {
        let (mut row, cube, _) = box_over_table(0.0, friction);
        control_steps(&mut row, 10);
        let from = row.position(cube)[0];
        row.set_velocity(cube, [speed, 0.0, 0.0], [0.0; 3]);
        control_steps(&mut row, 60);
        let slid = row.position(cube)[0] - from;
        let expected = speed * speed / (2.0 * friction * G);
        assert!((slid / expected - 1.0).abs() < 0.05, "mu {friction}: slid {slid} m, expected {expected} m");
    }
}

#[test]
fn a_resting_box_sinks_less_than_a_millimetre_stays_and_is_carried() {
    let (mut row, cube, watch) = box_over_table(0.02, 0.5);
    let mut began = 0;
    for _ in 0..25 {
        row.step(DT, DECIMATION);
        began += row.contact(watch).began;
    }
    assert!(began >= 1, "landing is an event");
    let settled = row.position(cube);
    assert!((settled[2] - 0.025).abs() < 1e-3, "rests at {} m", settled[2]);
    control_steps(&mut row, 250);
    let later = row.position(cube);
    for axis in 0..3 {
        assert!((later[axis] - settled[axis]).abs() < 1e-4, "crept from {settled:?} to {later:?}");
    }
    let contact = row.contact(watch);
    let weight = 0.1 * G * CONTROL_DT;
    assert!((contact.impulse[2] / weight - 1.0).abs() < 0.01, "{contact:?}, weight {weight} N s");
    assert!(contact.touching && contact.substeps == 4 && contact.began == 0 && contact.ended == 0);

    row.set_velocity(cube, [0.0, 0.0, 1.0], [0.0; 3]);
    row.step(DT, DECIMATION);
    assert!(row.contact(watch).ended == 1 && !row.contact(watch).touching, "{:?}", row.contact(watch));
}

/// A hand over an empty table.
fn hand_row(spec: HandSpec) -> (Hand, PhysicsRow) {
    let mut bench = Bench::new(HandSpec::SOLVER, Bench::FRICTION).unwrap();
    let hand = spec.add_to(&mut bench).unwrap();
    (hand, bench.build().row())
}

/// Mean velocity of the tool point over five control steps, after two to get going.
fn tracked(hand: &Hand, row: &mut PhysicsRow, velocity: [f32; 3]) -> [f32; 3] {
    hand.drive(row, velocity, OPEN);
    control_steps(row, 2);
    let from = row.site(hand.tool);
    control_steps(row, 5);
    let to = row.site(hand.tool);
    [0, 1, 2].map(|axis| (to[axis] - from[axis]) / (5.0 * CONTROL_DT))
}

#[test]
fn the_hand_tracks_its_velocity_within_one_percent_after_two_control_steps() {
    for grip in [Grip::Driven, Grip::Blocked] {
        let spec = HandSpec { grip, ..HandSpec::default() };
        for command in [[0.5, 0.0, 0.0], [0.0, -0.5, 0.0], [0.0, 0.0, 0.5], [0.0, 0.0, -0.5], [0.3, 0.3, 0.3]]
        {
            let (hand, mut row) = hand_row(spec);
            let mean = tracked(&hand, &mut row, command);
            for axis in 0..3 {
                assert!((mean[axis] - command[axis]).abs() < 0.005, "{grip:?}: {command:?} gave {mean:?}");
            }
        }
        let (hand, mut row) = hand_row(spec);
        let start = row.site(hand.tool);
        hand.drive(&mut row, [0.0; 3], OPEN);
        control_steps(&mut row, 250);
        let sag = start[2] - row.site(hand.tool)[2];
        assert!(sag.abs() < 5e-4, "sags by {sag} m in 10 s");
    }
}

#[test]
fn the_hand_stops_at_the_limits_of_its_workspace_and_at_the_table() {
    for grip in [Grip::Driven, Grip::Blocked] {
        let spec = HandSpec { grip, ..HandSpec::default() };
        for axis in 0..3 {
            for (side, sign) in [(0, -1.0), (1, 1.0)] {
                let (hand, mut row) = hand_row(spec);
                let mut velocity = [0.0; 3];
                velocity[axis] = 0.5 * sign;
                hand.drive(&mut row, velocity, OPEN);
                control_steps(&mut row, 60);
                let contact = row.contact(hand.table_contact);
                let at = row.site(hand.tool)[axis];
                if axis == 2 && sign < 0.0 {
                    // The motor's force and the weight of 1 kg rest on the fingertips.
                    let force = contact.impulse[2] / CONTROL_DT;
                    assert!((force / (spec.max_force[2] + G) - 1.0).abs() < 0.01, "{grip:?}: {force} N");
                    assert!((at - 0.01).abs() < 0.003, "{grip:?}: the tool point is {at} m high");
                } else {
                    assert!((at - spec.workspace[axis][side]).abs() < 1e-3, "{grip:?} axis {axis}: {at} m");
                    assert!(!contact.touching);
                }
            }
        }
    }
}

#[test]
fn lifting_the_hand_takes_its_weight_times_its_height_in_work_within_one_percent() {
    let (hand, mut row) = hand_row(HandSpec::default());
    hand.drive(&mut row, [0.0, 0.0, 0.2], OPEN);
    control_steps(&mut row, 2);
    let from = row.site(hand.tool)[2];
    let mut work = 0.0;
    for _ in 0..10 {
        row.step(DT, DECIMATION);
        work += row.motor(hand.axes[2]).work;
    }
    let expected = 1.0 * G * (row.site(hand.tool)[2] - from);
    assert!((work / expected - 1.0).abs() < 0.01, "{work} J, expected {expected} J");
}
