//! What manipulation rests on, each with a stated tolerance: grip, stack, push, drawer and button.
#![allow(clippy::unwrap_used, reason = "tests")]

use carrot_physics::{
    Bench, BodyId, BoxSpec, CubeSpec, Drive, Grip, Hand, HandSpec, PhysicsRow, SliderSpec, SolverConfig,
    WatchId,
};

const CONTROL_DT: f32 = HandSpec::PHYSICS_DT * HandSpec::DECIMATION as f32;
const G: f32 = 9.81;
const OPEN: f32 = 0.09;
const EDGE: f32 = 0.05;

/// A hand low over one cube or two.
struct Scene {
    hand: Hand,
    row: PhysicsRow,
    cubes: Vec<BodyId>,
    held: WatchId,
}

fn scene(grip: Grip, start: [f32; 3], cubes: &[[f32; 2]]) -> Scene {
    scene_solved_by(HandSpec::SOLVER, grip, start, cubes)
}

fn scene_solved_by(config: SolverConfig, grip: Grip, start: [f32; 3], cubes: &[[f32; 2]]) -> Scene {
    let mut bench = Bench::new(config, Bench::FRICTION).unwrap();
    let hand = HandSpec { grip, start, ..HandSpec::default() }.add_to(&mut bench).unwrap();
    let solids: Vec<_> = cubes
        .iter()
        .enumerate()
        .map(|(i, &at)| bench.cube(&format!("cube_{i}"), CubeSpec::default(), at).unwrap())
        .collect();
    let held = bench.scene.watch("held", &hand.parts, &solids[0].colliders).unwrap();
    Scene { hand, row: bench.build().row(), cubes: solids.iter().map(|solid| solid.body).collect(), held }
}

impl Scene {
    fn run(&mut self, velocity: [f32; 3], opening: f32, steps: usize) {
        for _ in 0..steps {
            self.hand.drive(&mut self.row, velocity, opening);
            self.row.step(HandSpec::PHYSICS_DT, HandSpec::DECIMATION);
        }
        assert!(!self.row.diverged());
    }

    /// The first cube's place between the pads, wherever the fingers stand.
    fn in_grip(&self) -> [f32; 3] {
        let (tool, cube) = (self.row.site(self.hand.tool), self.row.position(self.cubes[0]));
        let [left, right] = self.hand.fingers.unwrap();
        let middle = (self.row.motor_position(left) + self.row.motor_position(right)) / 2.0;
        [cube[0] - tool[0], cube[1] - tool[1] - middle, cube[2] - tool[2]]
    }

    /// The grasped scene: a cube is held 10 cm above the table, taken `off` its middle (m).
    fn grasped(off: f32) -> Self {
        let mut scene = scene(Grip::Driven, [0.0, 0.0, 0.1], &[[off, 0.003]]);
        scene.run([0.0, 0.0, -0.2], OPEN, 10);
        scene.run([0.0; 3], 0.0, 10);
        scene.run([0.0, 0.0, 0.2], 0.0, 13);
        scene
    }
}

fn gap(a: [f32; 3], b: [f32; 3]) -> f32 {
    (0..3).map(|i| (a[i] - b[i]) * (a[i] - b[i])).sum::<f32>().sqrt()
}

#[test]
fn a_gripped_cube_slips_under_two_millimetres_in_five_seconds_held_and_moved() {
    for off in [0.0, 0.01] {
        let mut held = Scene::grasped(off);
        assert!(held.row.position(held.cubes[0])[2] > 0.1, "lifted");
        let from = held.in_grip();
        held.run([0.0; 3], 0.0, 125);
        let slip = gap(held.in_grip(), from);
        assert!(slip < 1e-3, "slipped by {slip} m while held");

        // Reversed every half second, at the hand's full acceleration.
        let (mut moved, mut slip) = (Scene::grasped(off), 0.0_f32);
        let from = moved.in_grip();
        for step in 0..125 {
            let sign = if (step / 12) % 2 == 0 { 1.0 } else { -1.0 };
            moved.run([0.4 * sign, 0.4 * sign, 0.2 * sign], 0.0, 1);
            slip = slip.max(gap(moved.in_grip(), from));
        }
        assert!(slip < 2e-3, "slipped by {slip} m while moved");
    }
}

#[test]
fn fingers_squeeze_with_the_force_stated_and_sink_in_under_a_millimetre() {
    let mut scene = Scene::grasped(0.0);
    scene.run([0.0; 3], 0.0, 10);
    let squeeze = scene.row.contact(scene.held).impulse_magnitude / CONTROL_DT / 2.0;
    let stated = HandSpec::default().grip_force;
    assert!((squeeze / stated - 1.0).abs() < 0.1, "each finger presses with {squeeze} N of {stated} N");
    let sunk = EDGE - scene.hand.opening(&scene.row);
    assert!(sunk < 1e-3, "both fingers together sink {sunk} m into the cube");

    scene.run([0.0; 3], OPEN, 20);
    let height = scene.row.position(scene.cubes[0])[2];
    assert!((height - EDGE / 2.0).abs() < 1e-3, "an opened hand lets go: {height} m");
    assert!(scene.row.contact(scene.held).impulse_magnitude == 0.0);
}

#[test]
fn a_pushed_cube_takes_its_friction_in_work_and_stops_within_its_sliding_distance() {
    let mut scene = scene(Grip::Blocked, [-0.1, 0.0, 0.02], &[[0.0, 0.0]]);
    scene.run([0.3, 0.0, 0.0], 0.0, 12);
    let from = scene.row.position(scene.cubes[0]);
    let mut pushed = 0.0;
    for _ in 0..10 {
        scene.run([0.3, 0.0, 0.0], 0.0, 1);
        pushed += scene.row.contact(scene.held).impulse[0].abs();
    }
    let to = scene.row.position(scene.cubes[0]);
    assert!((to[0] - from[0] - 0.3 * 10.0 * CONTROL_DT).abs() < 2e-3, "the cube keeps up with the hand");
    let (force, expected) = (pushed / (10.0 * CONTROL_DT), Bench::FRICTION * 0.1 * G);
    assert!((force / expected - 1.0).abs() < 0.1, "pushed with {force} N, friction is {expected} N");
    scene.run([-0.3, 0.0, 0.0], 0.0, 10);
    let slid = scene.row.position(scene.cubes[0])[0] - to[0];
    let expected = 0.3 * 0.3 / (2.0 * Bench::FRICTION * G);
    assert!((slid - expected).abs() < 2e-3, "slid {slid} m, expected {expected} m");
}

#[test]
fn a_stack_of_two_cubes_stands_still() {
    let two = &[[0.15, 0.0], [0.15, 0.0]];
    let mut scene = scene_solved_by(HandSpec::STACK_SOLVER, Grip::Driven, [0.0, 0.0, 0.3], two);
    scene.row.place(scene.cubes[1], [0.16, 0.005, 1.5 * EDGE + 0.002], [0.0, 0.0, 0.0, 1.0]);
    scene.run([0.0; 3], OPEN, 12);
    let from = [0, 1].map(|i| scene.row.position(scene.cubes[i]));
    assert!((from[1][2] - 1.5 * EDGE).abs() < 1e-3, "it rests on the lower one: {from:?}");
    let mut speed = 0.0_f32;
    for _ in 0..250 {
        scene.run([0.0; 3], OPEN, 1);
        speed = speed.max(gap(scene.row.velocity(scene.cubes[1]), [0.0; 3]));
    }
    assert!(speed < 1e-3, "it trembles at {speed} m/s");
    for (cube, from) in scene.cubes.iter().zip(from) {
        let moved = gap(scene.row.position(*cube), from);
        assert!(moved < 2e-4, "crept by {moved} m in 10 s");
    }
}

#[test]
fn a_slider_has_the_travel_the_friction_and_the_spring_stated() {
    let mut bench = Bench::new(HandSpec::SOLVER, Bench::FRICTION).unwrap();
    let boxes = vec![BoxSpec { offset: [0.0; 3], half_extents: [0.03, 0.03, 0.03] }];
    let start = HandSpec { grip: Grip::Blocked, start: [0.0, 0.0, 0.12], ..HandSpec::default() };
    let hand = start.add_to(&mut bench).unwrap();
    let spring = Drive::Position { stiffness: 400.0, damping: 4.0 };
    let button = SliderSpec {
        position: [0.0, 0.0, 0.05],
        axis: 2,
        limits: [-0.015, 0.0],
        hold: spring,
        max_force: 100.0,
        mass: 0.05,
        boxes: boxes.clone(),
    };
    let drawer = SliderSpec {
        position: [0.5, 0.0, 0.1],
        axis: 0,
        limits: [-0.15, 0.0],
        hold: Drive::Velocity,
        max_force: 2.0,
        mass: 0.5,
        boxes,
    };
    let far = BoxSpec { offset: [0.0; 3], half_extents: [0.01; 3] };
    let base = bench.fixture("base", [0.0, 0.0, 0.0], &[BoxSpec { offset: [0.5, 0.5, 0.0], ..far }]).unwrap();
    let button = bench.slider("button", &base, &button).unwrap();
    let drawer = bench.slider("drawer", &base, &drawer).unwrap();
    let pressed = bench.scene.watch("pressed", &hand.parts, &button.solid.colliders).unwrap();
    let mut row = bench.build().row();
    let step = |row: &mut PhysicsRow, speed: f32, steps: usize| {
        for _ in 0..steps {
            hand.drive(row, [0.0, 0.0, speed], 0.0);
            row.step(HandSpec::PHYSICS_DT, HandSpec::DECIMATION);
        }
    };
    step(&mut row, 0.0, 10);
    let sag = 0.05 * G / 400.0;
    assert!((row.motor_position(button.motor) + sag).abs() < 5e-4, "a free button sags by its weight");
    // Down to some way into the travel, where the spring's force is its stiffness times that way.
    while row.motor_position(button.motor) > -0.009 {
        step(&mut row, -0.05, 1);
    }
    step(&mut row, 0.0, 10);
    let at = -row.motor_position(button.motor);
    let force = row.contact(pressed).impulse[2] / CONTROL_DT;
    assert!((force - (400.0 * at - 0.05 * G)).abs() < 0.3, "{force} N at {at} m");
    step(&mut row, -0.2, 20);
    assert!((row.motor_position(button.motor) + 0.015).abs() < 1e-3, "it ends with its travel");
    step(&mut row, 0.2, 20);
    assert!(row.motor_position(button.motor) > -0.003, "it comes back");

    // A drawer at 0.6 m/s loses that to 2 N of friction over m v^2 / 2 F.
    row.set_velocity(drawer.solid.body, [-0.6, 0.0, 0.0], [0.0; 3]);
    step(&mut row, 0.0, 50);
    let (slid, expected) = (-row.motor_position(drawer.motor), 0.5 * 0.36 / 4.0);
    assert!((slid / expected - 1.0).abs() < 0.05, "slid {slid} m, expected {expected} m");
    row.set_velocity(drawer.solid.body, [-1.0, 0.0, 0.0], [0.0; 3]);
    step(&mut row, 0.0, 50);
    let end = row.motor_position(drawer.motor);
    assert!((end + 0.15).abs() < 1e-3, "it ends with its travel, at {end} m");
}
