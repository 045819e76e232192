//! The arm over a table: it follows its commands, keeps its limits, does not drift, and holds a cube.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use carrot_physics::{Arm, ArmSpec, Bench, CubeSpec, PhysicsError, PhysicsRow, RobotModel, Solid, Template};

const DT: f32 = 0.01;
const DECIMATION: u32 = 4;
const CONTROL_DT: f32 = ArmSpec::CONTROL_DT;
const OPEN: f32 = 0.08;

struct Scene {
    template: Arc<Template>,
    arm: Arm,
    cube: Solid,
}

fn robot() -> RobotModel {
    RobotModel::built_in("six_joint_arm").unwrap().unwrap()
}

fn scene() -> Scene {
    let mut bench = Bench::new(ArmSpec::SOLVER, Bench::FRICTION).unwrap();
    let arm = ArmSpec::new(robot()).add_to(&mut bench).unwrap();
    let cube = bench.cube("cube", CubeSpec::default(), [0.0; 2]).unwrap();
    bench.scene.watch("arm_cube", &arm.parts, &cube.colliders).unwrap();
    Scene { template: bench.build(), arm, cube }
}

fn control_steps(row: &mut PhysicsRow, arm: &Arm, velocity: [f32; 3], opening: f32, steps: usize) {
    for _ in 0..steps {
        arm.drive_tool(row, velocity, opening);
        row.step(DT, DECIMATION);
    }
    assert!(!row.diverged());
}

fn norm(v: [f32; 3]) -> f32 {
    v.iter().map(|v| v * v).sum::<f32>().sqrt()
}

fn between(a: [f32; 3], b: [f32; 3]) -> f32 {
    norm([0, 1, 2].map(|axis| a[axis] - b[axis]))
}

/// How far the tool's axis is from pointing down (rad).
fn tilt(row: &PhysicsRow, arm: &Arm) -> f32 {
    let [x, y, z, w] = row.rotation(arm.hand);
    // The level part of the hand's z axis.
    let level = [2.0 * (x * z + w * y), 2.0 * (y * z - w * x), 0.0];
    norm(level).asin()
}

#[test]
fn the_arm_starts_where_it_is_asked_to() {
    let Scene { template, arm, .. } = scene();
    let row = template.row();
    assert!(between(row.site(arm.tool), [0.0, 0.0, 0.2]) < 1e-4, "{:?}", row.site(arm.tool));
    assert!(tilt(&row, &arm).abs() < 1e-3);
    for (joint, home) in arm.joints.iter().zip(arm.home) {
        assert!((row.motor_position(*joint) - home).abs() < 1e-5);
    }
    assert!((arm.opening(&row) - 0.09).abs() < 1e-5);
}

#[test]
fn it_neither_sags_nor_drifts_at_rest() {
    let Scene { template, arm, .. } = scene();
    let mut row = template.row();
    let start = row.site(arm.tool);
    let mut worst = 0.0_f32;
    for _ in 0..250 {
        control_steps(&mut row, &arm, [0.0; 3], OPEN, 1);
        worst = worst.max(between(row.site(arm.tool), start));
    }
    assert!(worst < 1e-3, "moved by {worst} m");
    let settled = row.site(arm.tool);
    control_steps(&mut row, &arm, [0.0; 3], OPEN, 250);
    let drift = between(row.site(arm.tool), settled);
    assert!(drift < 1e-4, "drifted by {drift} m in 10 s");
    assert!(tilt(&row, &arm).abs() < 2e-3, "{}", tilt(&row, &arm));
}

#[test]
fn the_tool_follows_its_velocity_in_the_middle_of_the_workspace() {
    let Scene { template, arm, .. } = scene();
    for command in [
        [0.3, 0.0, 0.0],
        [-0.3, 0.0, 0.0],
        [0.0, 0.3, 0.0],
        [0.0, -0.3, 0.0],
        [0.0, 0.0, 0.3],
        [0.0, 0.0, -0.2],
        [0.2, 0.2, 0.1],
        [0.5, 0.0, 0.0],
        [0.0, 0.5, 0.0],
    ] {
        let mut row = template.row();
        control_steps(&mut row, &arm, command, OPEN, 3);
        let from = row.site(arm.tool);
        control_steps(&mut row, &arm, command, OPEN, 7);
        let to = row.site(arm.tool);
        let mean = [0, 1, 2].map(|axis| (to[axis] - from[axis]) / (7.0 * CONTROL_DT));
        assert!(between(mean, command) < 0.03 * norm(command), "{command:?} gave {mean:?}");
        assert!(tilt(&row, &arm).abs() < 0.03, "{command:?} tilts by {}", tilt(&row, &arm));
    }
}

#[test]
fn joints_follow_their_speeds_and_stop_at_their_limits() {
    // Far above the table, where nothing is in the way but the limits.
    let mut bench = Bench::new(ArmSpec::SOLVER, Bench::FRICTION).unwrap();
    let spec = ArmSpec { base: [0.0, 0.0, 2.0], start: [0.5, 0.0, 2.2], ..ArmSpec::new(robot()) };
    let (arm, template) = (spec.add_to(&mut bench).unwrap(), bench.build());
    let robot = robot();
    let revolute: Vec<_> = robot.joints.iter().filter(|joint| joint.kind.name() == "revolute").collect();
    for index in 0..Arm::JOINTS {
        for sign in [-1.0, 1.0] {
            let mut row = template.row();
            let mut speeds = [0.0; Arm::JOINTS];
            speeds[index] = 0.5 * sign;
            let step = |row: &mut PhysicsRow, steps: usize, speeds: [f32; 6]| {
                for _ in 0..steps {
                    arm.drive_joints(row, speeds, OPEN);
                    row.step(DT, DECIMATION);
                }
            };
            step(&mut row, 3, speeds);
            let from = row.motor_position(arm.joints[index]);
            step(&mut row, 5, speeds);
            let mean = (row.motor_position(arm.joints[index]) - from) / (5.0 * CONTROL_DT);
            assert!((mean - speeds[index]).abs() < 0.02, "joint {index}: {mean} rad/s");

            speeds[index] = arm.top_speeds[index] * sign;
            let mut free = template.row();
            step(&mut free, 75, speeds);
            let limits = revolute[index].limits.unwrap().map(|limit| limit as f32);
            let at = free.motor_position(arm.joints[index]);
            let limit = if sign < 0.0 { limits[0] } else { limits[1] };
            assert!((at - limit).abs() < 0.02, "joint {index} is at {at}, its limit is {limit}");
        }
    }
}

#[test]
fn beyond_its_reach_the_tool_stops_and_nothing_races() {
    let Scene { template, arm, .. } = scene();
    for command in [[0.5, 0.0, 0.0], [-0.5, 0.0, 0.1], [0.0, 0.5, 0.2], [0.0, 0.0, 0.5], [0.3, -0.4, 0.3]] {
        let mut row = template.row();
        let mut fastest = 0.0_f32;
        for _ in 0..150 {
            control_steps(&mut row, &arm, command, OPEN, 1);
            let speeds = arm.joints.iter().zip(arm.top_speeds);
            fastest =
                speeds.map(|(joint, top)| row.motor_velocity(*joint).abs() / top).fold(fastest, f32::max);
        }
        let from = row.site(arm.tool);
        control_steps(&mut row, &arm, command, OPEN, 25);
        let moved = between(row.site(arm.tool), from);
        assert!(fastest < 1.2, "{command:?}: a joint is at {fastest} of its top speed");
        assert!(moved < 0.25, "{command:?}: the tool still moves {moved} m in 1 s");
        // And it comes back.
        control_steps(&mut row, &arm, command.map(|v| -v), OPEN, 25);
        assert!(between(row.site(arm.tool), from) > 0.1, "{command:?}: stuck");
    }
}

#[test]
fn it_holds_a_cube_and_lifts_it() {
    let Scene { template, arm, cube } = scene();
    let mut row = template.row();
    let watch = template.watch("arm_cube").unwrap();
    control_steps(&mut row, &arm, [0.0, 0.0, -0.2], OPEN, 22);
    control_steps(&mut row, &arm, [0.0; 3], 0.0, 20);
    assert!(row.contact(watch).touching);
    control_steps(&mut row, &arm, [0.0, 0.0, 0.1], 0.0, 25);
    control_steps(&mut row, &arm, [0.0; 3], 0.0, 10);
    let relative = |row: &PhysicsRow| {
        let (cube, tool) = (row.position(cube.body), row.site(arm.tool));
        [0, 1, 2].map(|axis| cube[axis] - tool[axis])
    };
    assert!(row.position(cube.body)[2] > 0.1, "{:?}", row.position(cube.body));
    let held = relative(&row);
    let (height, tool) = (row.position(cube.body), row.site(arm.tool));
    control_steps(&mut row, &arm, [0.0; 3], 0.0, 125);
    let slip = between(relative(&row), held);
    assert!(slip < 2e-3, "slips by {slip} m in 5 s");
    let sag = between(row.site(arm.tool), tool);
    assert!(sag < 1e-3, "sags by {sag} m under the cube; {height:?}");
    control_steps(&mut row, &arm, [0.0; 3], OPEN, 25);
    assert!((row.position(cube.body)[2] - 0.025).abs() < 2e-3, "an opened hand lets go");
}

#[test]
fn a_hand_pressed_on_the_table_does_not_go_through() {
    let Scene { template, arm, .. } = scene();
    let mut row = template.row();
    control_steps(&mut row, &arm, [0.3, 0.2, 0.0], 0.0, 15);
    control_steps(&mut row, &arm, [0.0, 0.0, -0.3], 0.0, 60);
    assert!(row.contact(arm.table_contact).touching);
    let height = row.site(arm.tool)[2];
    assert!((0.005..0.02).contains(&height), "the tool is {height} m high");
}

/// A motion with grasps, contacts and limits in it, different for every `phase`.
fn drive(scene: &Scene, row: &mut PhysicsRow, step: usize, phase: usize) {
    let wave = |period: usize| ((step + phase) % period) as f32 / period as f32 - 0.5;
    let opening = if (step / 20 + phase).is_multiple_of(2) { OPEN } else { 0.0 };
    if (step / 60).is_multiple_of(2) {
        scene.arm.drive_tool(row, [0.3 * wave(17), 0.2 * wave(29), wave(37) - 0.15], opening);
    } else {
        let speeds = [wave(13), 0.5 * wave(17), wave(19), wave(23), wave(29), 2.0 * wave(31)];
        scene.arm.drive_joints(row, speeds, opening);
    }
    row.step(DT, DECIMATION);
}

fn run(scene: &Scene, row: &mut PhysicsRow, steps: std::ops::Range<usize>, phase: usize) -> Vec<Vec<u8>> {
    steps
        .map(|step| {
            drive(scene, row, step, phase);
            row.snapshot().unwrap()
        })
        .collect()
}

#[test]
fn two_rows_equal_two_single_rows_bit_for_bit() {
    let scene = scene();
    let alone: Vec<_> = [0, 7].map(|phase| run(&scene, &mut scene.template.row(), 0..150, phase)).into();
    let mut rows = [scene.template.row(), scene.template.row()];
    assert_ne!(alone[0][149], alone[1][149]);
    for step in 0..150 {
        for (index, phase) in [0, 7].into_iter().enumerate() {
            drive(&scene, &mut rows[index], step, phase);
            assert!(
                rows[index].snapshot().unwrap() == alone[index][step],
                "row {index} differs at step {step}"
            );
        }
    }
}

#[test]
fn a_reset_row_continues_as_a_freshly_built_one() {
    let used = scene();
    let mut row = used.template.row();
    run(&used, &mut row, 0..70, 3);
    row.reset();
    let fresh = scene();
    let expected = run(&fresh, &mut fresh.template.row(), 0..150, 5);
    assert!(run(&used, &mut row, 0..150, 5) == expected);
}

#[test]
fn a_restored_row_gives_the_same_bytes_for_500_steps() {
    let scene = scene();
    for taken_at in [0, 1, 30, 73] {
        let mut row = scene.template.row();
        run(&scene, &mut row, 0..taken_at, 4);
        let bytes = row.snapshot().unwrap();
        let mut other = scene.template.row();
        run(&scene, &mut other, 0..20, 9);
        other.restore(&bytes).unwrap();
        assert!(other.snapshot().unwrap() == bytes, "bytes change by being restored");
        for step in taken_at..taken_at + 500 {
            drive(&scene, &mut row, step, 4);
            drive(&scene, &mut other, step, 4);
            let same = row.snapshot().unwrap() == other.snapshot().unwrap();
            assert!(same, "taken at {taken_at}, differs at {step}");
        }
    }
}

#[test]
fn numbers_that_are_not_finite_stop_one_row() {
    let Scene { template, arm, .. } = scene();
    let attacks: [&dyn Fn(&mut PhysicsRow); 4] = [
        &|row| arm.drive_tool(row, [f32::NAN, 0.0, 0.0], OPEN),
        &|row| arm.drive_tool(row, [0.0; 3], f32::INFINITY),
        &|row| arm.drive_joints(row, [f32::INFINITY; 6], OPEN),
        &|row| arm.drive_joints(row, [0.0; 6], f32::NAN),
    ];
    for attack in attacks {
        let mut row = template.row();
        attack(&mut row);
        row.step(DT, DECIMATION);
        assert!(row.diverged() && row.site(arm.tool).iter().all(|v| v.is_finite()));
        row.reset();
        control_steps(&mut row, &arm, [0.0; 3], OPEN, 5);
    }
}

#[test]
fn robots_that_are_no_arms_are_refused_with_a_reason() {
    let text = include_str!("../../../assets/robots/six_joint_arm.urdf");
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("six_joint_arm")).unwrap();
    let palm = include_bytes!("../../../assets/robots/six_joint_arm/palm.stl");
    std::fs::write(folder.path().join("six_joint_arm/palm.stl"), palm).unwrap();
    let refusal = |text: &str, spec: &dyn Fn(&mut ArmSpec)| {
        std::fs::write(folder.path().join("robot.urdf"), text).unwrap();
        let mut arm = ArmSpec::new(RobotModel::read(&folder.path().join("robot.urdf")).unwrap());
        spec(&mut arm);
        let mut bench = Bench::new(ArmSpec::SOLVER, Bench::FRICTION).unwrap();
        match arm.add_to(&mut bench) {
            Err(error @ PhysicsError::NotAnArm { .. }) => error.to_string(),
            other => panic!("{other:?}"),
        }
    };
    let as_it_is = |_: &mut ArmSpec| {};
    let six = text.replace("name=\"elbow_pitch\" type=\"revolute\"", "name=\"elbow_pitch\" type=\"fixed\"");
    for (text, why) in [
        (text.replace("\"tool\"", "\"tip\""), "it has no link `tool`"),
        (six, "5 joints move its tool"),
        (
            text.replace("finger_left_slide\" type=\"prismatic", "finger_left_slide\" type=\"fixed"),
            "1 other joints move",
        ),
        (
            text.replace("base_yaw\" type=\"revolute", "base_yaw\" type=\"prismatic"),
            "joint `base_yaw` is prismatic",
        ),
        (text.replace("effort=\"120\"", "effort=\"0\""), "no effort"),
    ] {
        let told = refusal(&text, &as_it_is);
        assert!(told.contains(why), "expected {why}: {told}");
    }
    let far = refusal(text, &|arm| arm.start = [2.0, 0.0, 0.2]);
    assert!(far.contains("does not reach"), "{far}");
}
