//! Rows are apart from each other, start alike, and continue from bytes.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use carrot_physics::{Bench, BodyId, CubeSpec, Hand, HandSpec, PhysicsError, PhysicsRow, Template};

/// A hand, perhaps over a cube.
struct Scene {
    template: Arc<Template>,
    hand: Hand,
    cube: Option<BodyId>,
}

impl Scene {
    fn new(spec: HandSpec, with_cube: bool) -> Self {
        let mut bench = Bench::new(HandSpec::SOLVER, Bench::FRICTION).unwrap();
        let hand = spec.add_to(&mut bench).unwrap();
        let cube = with_cube.then(|| bench.cube("cube", CubeSpec::default(), [0.0; 2]).unwrap().body);
        Self { template: bench.build(), hand, cube }
    }

    fn drive(&self, row: &mut PhysicsRow, velocity: [f32; 3], opening: f32) {
        self.hand.drive(row, velocity, opening);
    }
}

fn hand() -> Scene {
    Scene::new(HandSpec { start: [0.0, 0.0, 0.05], ..HandSpec::default() }, true)
}

/// A motion with grasps, collisions and limits in it, different for every `phase`.
fn drive(hand: &Scene, row: &mut PhysicsRow, step: usize, phase: usize) {
    let wave = |period: usize| ((step + phase) % period) as f32 / period as f32 - 0.5;
    let opening = if (step / 20 + phase).is_multiple_of(2) { 0.09 } else { 0.0 };
    hand.drive(row, [0.3 * wave(17), 0.2 * wave(29), wave(37) - 0.1], opening);
    row.step(HandSpec::PHYSICS_DT, HandSpec::DECIMATION);
}

fn run(hand: &Scene, row: &mut PhysicsRow, steps: std::ops::Range<usize>, phase: usize) -> Vec<Vec<u8>> {
    steps
        .map(|step| {
            drive(hand, row, step, phase);
            row.snapshot().unwrap()
        })
        .collect()
}

#[test]
fn two_rows_with_different_motors_equal_two_single_rows() {
    let hand = hand();
    let alone: Vec<_> = [0, 1].map(|phase| run(&hand, &mut hand.template.row(), 0..200, phase)).into();
    let mut rows = [hand.template.row(), hand.template.row()];
    assert_ne!(alone[0][199], alone[1][199]);
    for step in 0..200 {
        for (phase, row) in rows.iter_mut().enumerate() {
            drive(&hand, row, step, phase);
            assert!(row.snapshot().unwrap() == alone[phase][step], "row {phase} differs at step {step}");
        }
    }
}

#[test]
fn a_reset_row_continues_as_a_freshly_built_one_for_300_steps() {
    let used = hand();
    let mut row = used.template.row();
    run(&used, &mut row, 0..100, 3);
    row.reset();
    let fresh = hand();
    let expected = run(&fresh, &mut fresh.template.row(), 0..300, 5);
    assert!(run(&used, &mut row, 0..300, 5) == expected);
}

#[test]
fn an_episode_may_end_at_its_first_step() {
    let hand = hand();
    let first = hand.template.row().snapshot().unwrap();
    let expected = run(&hand, &mut hand.template.row(), 0..1, 0);
    let mut row = hand.template.row();
    for _ in 0..3 {
        row.reset();
        assert!(row.snapshot().unwrap() == first);
        assert!(run(&hand, &mut row, 0..1, 0) == expected);
    }
    row.reset();
    row.reset();
    assert!(row.snapshot().unwrap() == first);
}

#[test]
fn a_placed_cube_continues_the_same_after_a_reset_as_in_a_new_row() {
    let hand = hand();
    let cube = hand.cube.unwrap();
    let place =
        |row: &mut PhysicsRow| row.place(cube, [0.1, -0.05, 0.025], [0.0, 0.0, 0.38268343, 0.9238795]);
    let mut new = hand.template.row();
    place(&mut new);
    let mut used = hand.template.row();
    run(&hand, &mut used, 0..50, 2);
    used.reset();
    place(&mut used);
    assert_eq!(used.position(cube), [0.1, -0.05, 0.025]);
    assert!(run(&hand, &mut used, 0..100, 1) == run(&hand, &mut new, 0..100, 1));
}

#[test]
fn a_restored_row_gives_the_same_bytes_for_500_steps() {
    let hand = hand();
    for taken_at in [0, 1, 30, 73] {
        let mut row = hand.template.row();
        run(&hand, &mut row, 0..taken_at, 4);
        let bytes = row.snapshot().unwrap();
        assert!(bytes.len() < 16 * 1024, "a snapshot takes {} bytes", bytes.len());
        let mut other = hand.template.row();
        run(&hand, &mut other, 0..20, 9);
        other.restore(&bytes).unwrap();
        assert!(other.snapshot().unwrap() == bytes, "bytes change by being restored");
        for step in taken_at..taken_at + 500 {
            drive(&hand, &mut row, step, 4);
            drive(&hand, &mut other, step, 4);
            assert!(
                row.snapshot().unwrap() == other.snapshot().unwrap(),
                "taken at {taken_at}, differs at {step}"
            );
        }
    }
}

#[test]
fn bytes_of_something_else_are_refused_and_change_nothing() {
    let hand = hand();
    let mut row = hand.template.row();
    let before = row.snapshot().unwrap();
    let other_scene = Scene::new(HandSpec::default(), false).template.row().snapshot().unwrap();
    let mut longer = before.clone();
    longer.push(0);
    for bytes in [&[][..], &before[..before.len() / 2], &longer, &other_scene] {
        assert!(matches!(row.restore(bytes), Err(PhysicsError::BadSnapshot(_))));
        assert!(row.snapshot().unwrap() == before);
    }
}

#[test]
fn numbers_that_are_not_finite_stop_one_row_and_no_other() {
    let hand = hand();
    let cube = hand.cube.unwrap();
    let expected = run(&hand, &mut hand.template.row(), 0..30, 0);
    let attacks: [&dyn Fn(&mut PhysicsRow); 5] = [
        &|row| hand.drive(row, [f32::NAN, 0.0, 0.0], 0.0),
        &|row| hand.drive(row, [0.0; 3], f32::INFINITY),
        &|row| row.set_velocity(cube, [0.0, f32::NAN, 0.0], [0.0; 3]),
        &|row| row.place(cube, [0.0, 0.0, f32::INFINITY], [0.0, 0.0, 0.0, 1.0]),
        &|row| row.step(f32::NAN, 1),
    ];
    for attack in attacks {
        let mut rows = [hand.template.row(), hand.template.row()];
        attack(&mut rows[0]);
        for row in &mut rows {
            run(&hand, row, 0..30, 0);
        }
        assert!(rows[0].diverged() && !rows[1].diverged());
        assert!(rows[1].snapshot().unwrap() == expected[29]);
        let reading = [rows[0].position(cube), rows[0].velocity(cube), rows[0].site(hand.hand.tool)];
        assert!(reading.iter().flatten().all(|value| value.is_finite()));
        rows[0].reset();
        assert!(!rows[0].diverged());
        assert!(run(&hand, &mut rows[0], 0..30, 0) == expected, "a reset row is as new");
    }
}

#[test]
fn names_are_found_or_named_in_the_error() {
    let hand = hand();
    assert_eq!(hand.template.body("cube").unwrap(), hand.cube.unwrap());
    assert_eq!(hand.template.motor("z").unwrap(), hand.hand.axes[2]);
    assert_eq!(hand.template.site("tool").unwrap(), hand.hand.tool);
    assert_eq!(hand.template.watch("hand_table").unwrap(), hand.hand.table_contact);
    let error = hand.template.body("sphere").unwrap_err().to_string();
    assert_eq!(error, "no body is named `sphere`; known: table, palm, finger_left, finger_right, cube");
    let bad = HandSpec { max_force: [f32::NAN, 1.0, 1.0], ..HandSpec::default() };
    let mut bench = Bench::new(HandSpec::SOLVER, Bench::FRICTION).unwrap();
    assert!(matches!(bad.add_to(&mut bench), Err(PhysicsError::BadNumber { .. })));
}
