//! `Stack`: put one cube on another, let go, and leave both at rest.

use bevy_ecs::prelude::*;
use carrot_physics::{Bench, BodyId, CubeSpec, HandSpec, PhysicsError, PhysicsRow, WatchId};
use carrot_sim::{
    ActiveRows, App, BatchApp, CAUSE_NONE, Column, ColumnMut, DefaultReward, Ends, RowKeys, Script,
    ScriptView, SignalId, SignalKind, SignalSpec, Signals, StepSystems, Stream, Task, TaskSpec,
};

use super::cube::{HALF, LEAST_DISTANCE, UPRIGHT, draw_place};
use super::goal::closeness;
use super::manipulator::{Manipulator, ManipulatorSpec, OPENING};
use super::script::{grasp, grip, move_at, move_by, on_table, vector};
use super::signals::{TOOL, ThingSignals, ToolSignals, flag, norm, offset, write};
use super::tabletop::{CONTROL_DT, DECIMATION, Observed, PHYSICS_DT, Tabletop, observation};

/// Name of the task.
pub const NAME: &str = "Stack";
/// Steps after which an episode is truncated: four seconds.
pub const MAX_STEPS: u32 = 100;
/// How far the upper cube's middle may be beside that of the lower one, m.
pub const BESIDE: f32 = 0.02;
/// How far its height may be from that of a cube that lies flat on the lower one, m.
pub const HEIGHT: f32 = 0.005;
/// Slower than this is at rest, m/s.
pub const REST: f32 = 0.02;
/// Where the tool starts, m.
const START: [f32; 3] = [0.0, 0.0, 0.15];

const CUBE: ThingSignals = ThingSignals::new("cube", ToolSignals::END);
const BASE: ThingSignals = ThingSignals::new("base", CUBE.end());
const TO_TOP: usize = BASE.end();
const DISTANCE: usize = TO_TOP + 3;
const STACKED: usize = DISTANCE + 1;

const OBSERVED: Observed = &[(
    "observation",
    &[
        "tool_position",
        "tool_velocity",
        "finger_opening",
        "tool_to_cube",
        "cube_rotation",
        "cube_velocity",
        "cube_turning",
        "cube_to_top",
        "base_rotation",
        "base_velocity",
    ],
)];

/// The cubes' handles, the same for every row.
#[derive(Resource, Debug, Clone, Copy)]
struct Cubes {
    cube: BodyId,
    base: BodyId,
    cube_contact: WatchId,
    base_contact: WatchId,
}

impl Cubes {
    fn add_to(bench: &mut Bench, manipulator: &Manipulator) -> Result<Self, PhysicsError> {
        let cube = bench.cube("cube", CubeSpec::default(), [0.2, 0.0])?;
        let base = bench.cube("base", CubeSpec::default(), [-0.2, 0.0])?;
        let cube_contact = bench.scene.watch("tool_cube", manipulator.parts(), &cube.colliders)?;
        let base_contact = bench.scene.watch("tool_base", manipulator.parts(), &base.colliders)?;
        Ok(Self { cube: cube.body, base: base.body, cube_contact, base_contact })
    }
}

/// The task.
pub struct Stack {
    spec: TaskSpec,
    tabletop: Tabletop,
    cubes: Cubes,
}

impl Default for Stack {
    /// The task with its standard hand.
    #[expect(clippy::expect_used, reason = "the scene is a constant, and a test builds it")]
    fn default() -> Self {
        let hand = HandSpec { start: START, ..HandSpec::default() };
        let built = Tabletop::build(ManipulatorSpec::Hand(hand), HandSpec::STACK_SOLVER, Cubes::add_to);
        let (tabletop, cubes) = built.expect("the standard hand can be built");
        let signals = signals();
        let spec = TaskSpec {
            name: NAME,
            family: "manipulation",
            about: "Put one cube on another, let go, and leave both at rest.",
            docs: include_str!("stack.md"),
            observation: observation(&signals, OBSERVED),
            action: tabletop.manipulator.action(),
            signals,
            causes: &[],
            max_steps: MAX_STEPS,
            control_dt: CONTROL_DT,
            physics_dt: PHYSICS_DT,
            decimation: DECIMATION,
            rewards: REWARDS.to_vec(),
            scripts: SCRIPTS.to_vec(),
        };
        Self { spec, tabletop, cubes }
    }
}

fn signals() -> Vec<SignalSpec> {
    let own = vec![
        SignalSpec::new(
            "cube_to_top",
            SignalKind::Vec3,
            "m",
            (-2.2, 2.2),
            "From the cube to its place on top of the base.",
        ),
        SignalSpec::scalar("top_distance", "m", (0.0, 3.8), "Distance from the cube to that place."),
        SignalSpec::flag("stacked", "The cube lies on the base, let go of, and both are at rest."),
    ];
    [TOOL.specs(), CUBE.specs(), BASE.specs(), own].concat()
}

impl Task for Stack {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn build(&self, app: &mut App) {
        self.tabletop.install(app, &self.spec.signals, OBSERVED, measure);
        app.insert_resource(self.cubes)
            .add_restart_systems(restart)
            .add_step_systems(StepSystems::Terminate, judge);
    }
}

fn restart(rows: Res<ActiveRows>, keys: RowKeys, cubes: Res<Cubes>, mut physics: ColumnMut<PhysicsRow>) {
    let (physics, keys) = (physics.slice_mut(), keys.columns());
    rows.each(|row| {
        physics[row].reset();
        let mut rng = keys.key(row).rng(Stream::Reset);
        let cube = draw_place(&mut rng, HALF, [0.0; 3], 0.0);
        physics[row].place(cubes.cube, cube, UPRIGHT);
        physics[row].place(cubes.base, draw_place(&mut rng, HALF, cube, LEAST_DISTANCE), UPRIGHT);
    });
}

fn measure(
    rows: Res<ActiveRows>,
    manipulator: Res<Manipulator>,
    cubes: Res<Cubes>,
    physics: Column<PhysicsRow>,
    mut signals: ResMut<Signals>,
) {
    let (physics, signals) = (physics.slice(), &mut *signals);
    rows.each(|row| {
        let physics = &physics[row];
        let tool = physics.site(manipulator.tool());
        CUBE.measure(signals, row, physics, cubes.cube, tool, cubes.cube_contact);
        BASE.measure(signals, row, physics, cubes.base, tool, cubes.base_contact);
        let [x, y, z] = physics.position(cubes.base);
        let to_top = offset(physics.position(cubes.cube), [x, y, z + 2.0 * HALF]);
        let lies = on_table(to_top) <= BESIDE && to_top[2].abs() <= HEIGHT;
        let rests = norm(physics.velocity(cubes.cube)) <= REST && norm(physics.velocity(cubes.base)) <= REST;
        let held = physics.contact(cubes.cube_contact).touching;
        write(signals, TO_TOP, row, &to_top);
        write(signals, DISTANCE, row, &[norm(to_top)]);
        write(signals, STACKED, row, &[flag(lies && rests && !held)]);
    });
}

/// A stack counts 1; on the way there the distance to the place on top counts up to one half.
fn judge(signals: Res<Signals>, mut ends: ResMut<Ends>) {
    let ends = &mut *ends;
    ends.terminated.fill(false);
    ends.cause.fill(CAUSE_NONE);
    let distance = signals.now().get(SignalId(DISTANCE), 0);
    for (row, &stacked) in signals.now().get(SignalId(STACKED), 0).iter().enumerate() {
        ends.success[row] = stacked > 0.5;
        ends.score[row] = if stacked > 0.5 { 1.0 } else { 0.5 * closeness(distance[row] - BESIDE, 0.1) };
    }
}

const SCRIPTS: [Script; 2] = [
    Script { name: "expert", about: "Puts the cube on the base, lets go and goes up.", act: stack },
    Script { name: "hoist", about: "Grasps the cube and lifts it as high as it can.", act: hoist },
];

/// How far above a cube's middle the tool passes over it, and a held cube over the base, m.
const CLEARANCE: f32 = 0.06;

fn stack(view: &ScriptView<'_>, action: &mut [f32]) {
    let to_top = vector(view, "cube_to_top");
    let beside = on_table(to_top);
    // It stands: let go, then leave.
    if beside < 0.5 * BESIDE && to_top[2].abs() < 0.6 * HEIGHT {
        grip(action, OPENING);
        let speed = if view.get("finger_opening") > 2.0 * HALF + 0.015 { 0.3 } else { 0.0 };
        return move_at(action, [0.0, 0.0, speed]);
    }
    if !grasp(view, action, vector(view, "tool_to_cube"), CLEARANCE, 2.0 * HALF) {
        return;
    }
    if beside < 0.004 {
        // Slowly, so that it is set down and not thrown.
        move_at(action, [8.0 * to_top[0], 8.0 * to_top[1], (8.0 * to_top[2]).clamp(-0.2, 0.2)]);
    } else {
        let up = to_top[2] + CLEARANCE - HALF;
        // Up first where the base is in the way.
        let across = if up > 0.015 && beside < 3.0 * HALF { 0.0 } else { 1.0 };
        move_by(action, [across * to_top[0], across * to_top[1], up]);
    }
}

fn hoist(view: &ScriptView<'_>, action: &mut [f32]) {
    if grasp(view, action, vector(view, "tool_to_cube"), CLEARANCE, 2.0 * HALF) {
        move_at(action, [0.0, 0.0, 0.5]);
    }
}

const REWARDS: [DefaultReward; 4] = [
    DefaultReward {
        name: "sparse",
        about: "-1 for every step without a stack.",
        ron: r#"[
    (name: "apart", kind: Threshold(signal: "stacked", below: 0.5), weight: -1.0, source: Sparse),
]"#,
        farmed_by: None,
    },
    DefaultReward {
        name: "shaped",
        about: "The sparse reward, and two distances as potentials: cube to its place and tool to cube.",
        ron: r#"[
    (name: "apart", kind: Threshold(signal: "stacked", below: 0.5), weight: -1.0, source: Sparse),
    (name: "placing", kind: Distance(signal: "top_distance"), weight: -40.0, stages: [Potential(gamma: 0.99)]),
    (name: "reaching", kind: Distance(signal: "tool_cube_distance"), weight: -10.0, stages: [Potential(gamma: 0.99)]),
]"#,
        farmed_by: None,
    },
    DefaultReward {
        name: "naive",
        about: "Pay for the cube's height: who stacks it must lift it.",
        ron: r#"[
    (name: "lifting", kind: Distance(signal: "cube_position.z"), weight: 5.0),
]"#,
        farmed_by: Some("hoist"),
    },
    DefaultReward {
        name: "mixed",
        about: "All of them: the sparse reward, the potentials and the pay for height.",
        ron: r#"[
    (name: "apart", kind: Threshold(signal: "stacked", below: 0.5), weight: -1.0, source: Sparse),
    (name: "placing", kind: Distance(signal: "top_distance"), weight: -40.0, stages: [Potential(gamma: 0.99)]),
    (name: "reaching", kind: Distance(signal: "tool_cube_distance"), weight: -10.0, stages: [Potential(gamma: 0.99)]),
    (name: "lifting", kind: Distance(signal: "cube_position.z"), weight: 5.0),
]"#,
        farmed_by: None,
    },
];
