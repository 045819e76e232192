//! `PegInsert`: bring a held peg into a hole that is 2 mm wider on every side.

use bevy_ecs::prelude::*;
use carrot_physics::{
    Bench, BodyId, BoxSpec, ColliderSpec, Grip, HandSpec, PhysicsError, PhysicsRow, Shape, SiteId,
    SolverConfig, WatchId,
};
use carrot_sim::{
    ActiveRows, App, BatchApp, CAUSE_NONE, CAUSE_TASK, Column, ColumnMut, DefaultReward, Ends, RowKeys,
    Script, ScriptView, SignalId, SignalKind, SignalSpec, Signals, StepSystems, Stream, Task, TaskSpec,
};

use super::cube::{UPRIGHT, draw_place};
use super::goal::closeness;
use super::manipulator::{Manipulator, ManipulatorSpec};
use super::script::{move_at, move_by, on_table, vector};
use super::signals::{TOOL, ToolSignals, flag, norm, offset, write};
use super::tabletop::{CONTROL_DT, DECIMATION, Observed, PHYSICS_DT, Tabletop, observation};

/// Name of the task.
pub const NAME: &str = "PegInsert";
/// Steps after which an episode is truncated: three seconds.
pub const MAX_STEPS: u32 = 75;
/// Half the edge of the peg's square section, m.
pub const PEG_HALF: f32 = 0.01;
/// Room between the peg and each side of the hole, m.
pub const CLEARANCE: f32 = 0.002;
/// Depth from which on the peg counts as inserted, m.
pub const INSERTED: f32 = 0.03;
/// Where the tool starts, m.
const START: [f32; 3] = [0.0, 0.0, 0.2];
/// The peg's end below the tool, m.
const BELOW: f32 = 0.06;
/// Height of the block, through which the hole goes, m.
const BLOCK_HEIGHT: f32 = 0.05;

const PEG: usize = ToolSignals::END;
const HOLE: usize = PEG + 3;
const TO_HOLE: usize = HOLE + 3;
const DISTANCE: usize = TO_HOLE + 3;
const BESIDE: usize = DISTANCE + 1;
const DEPTH: usize = BESIDE + 1;
const CONTACT: usize = DEPTH + 1;

const OBSERVED: Observed =
    &[("observation", &["peg_position", "tool_velocity", "peg_to_hole", "insertion_depth", "block_contact"])];

/// The handles of peg and block, the same for every row.
#[derive(Resource, Debug, Clone, Copy)]
struct Parts {
    block: BodyId,
    peg: SiteId,
    contact: WatchId,
}

impl Parts {
    fn add_to(bench: &mut Bench, manipulator: &Manipulator) -> Result<Self, PhysicsError> {
        let (holder, [x, y, z]) = bench.scene.site_place(manipulator.tool());
        // Fixed to what carries the tool, from the tool point down: held as if the two were one.
        let half = [PEG_HALF, PEG_HALF, BELOW / 2.0];
        let part = bench.part(Shape::Cuboid { half_extents: half }, 0.05, Bench::MANIPULATOR);
        let part = ColliderSpec { offset: [x, y, z - BELOW / 2.0], ..part };
        let peg = bench.scene.collider(holder, part)?;
        let end = bench.scene.site("peg", holder, [x, y, z - BELOW])?;

        let (hole, high) = (PEG_HALF + CLEARANCE, BLOCK_HEIGHT / 2.0);
        let wall = 0.02;
        let along =
            |x: f32| BoxSpec { offset: [x, 0.0, high], half_extents: [wall, hole + 2.0 * wall, high] };
        let across = |y: f32| BoxSpec { offset: [0.0, y, high], half_extents: [hole, wall, high] };
        let at = hole + wall;
        let boxes = [along(-at), along(at), across(-at), across(at)];
        let block = bench.fixture("block", [0.0; 3], &boxes)?;
        let contact = bench.scene.watch("peg_block", &[peg], &block.colliders)?;
        Ok(Self { block: block.body, peg: end, contact })
    }
}

/// The task.
pub struct PegInsert {
    spec: TaskSpec,
    tabletop: Tabletop,
    parts: Parts,
}

impl Default for PegInsert {
    /// The task with its standard hand, whose fingers are blocked.
    #[expect(clippy::expect_used, reason = "the scene is a constant, and a test builds it")]
    fn default() -> Self {
        let hand = HandSpec { grip: Grip::Blocked, start: START, ..HandSpec::default() };
        // The peg passes edges at less than a millimetre.
        let solver = SolverConfig { recycle_contacts: false, ..HandSpec::SOLVER };
        let built = Tabletop::build(ManipulatorSpec::Hand(hand), solver, Parts::add_to);
        let (tabletop, parts) = built.expect("the standard hand can be built");
        let signals = signals();
        let spec = TaskSpec {
            name: NAME,
            family: "manipulation",
            about: "Bring a held peg into a hole that is 2 mm wider on every side.",
            docs: include_str!("peg_insert.md"),
            observation: observation(&signals, OBSERVED),
            action: tabletop.manipulator.action(),
            signals,
            causes: &["inserted"],
            max_steps: MAX_STEPS,
            control_dt: CONTROL_DT,
            physics_dt: PHYSICS_DT,
            decimation: DECIMATION,
            rewards: REWARDS.to_vec(),
            scripts: SCRIPTS.to_vec(),
        };
        Self { spec, tabletop, parts }
    }
}

fn signals() -> Vec<SignalSpec> {
    let vec3 = SignalKind::Vec3;
    let own = vec![
        SignalSpec::new("peg_position", vec3, "m", (-0.5, 0.6), "Middle of the peg's lower end."),
        SignalSpec::new("hole_position", vec3, "m", (-0.2, 0.2), "Middle of the hole's mouth."),
        SignalSpec::new("peg_to_hole", vec3, "m", (-0.7, 0.7), "From the peg's end to the hole's mouth."),
        SignalSpec::scalar("peg_hole_distance", "m", (0.0, 1.0), "Distance from the one to the other."),
        SignalSpec::scalar("peg_beside", "m", (0.0, 0.9), "That distance along the table."),
        SignalSpec::scalar("insertion_depth", "m", (0.0, 0.06), "How far the peg is in the hole."),
        SignalSpec::flag("block_contact", "The peg touches the block at the end of the step."),
    ];
    [TOOL.specs(), own].concat()
}

impl Task for PegInsert {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn build(&self, app: &mut App) {
        self.tabletop.install(app, &self.spec.signals, OBSERVED, measure);
        app.insert_resource(self.parts)
            .add_restart_systems(restart)
            .add_step_systems(StepSystems::Terminate, judge);
    }
}

fn restart(rows: Res<ActiveRows>, keys: RowKeys, parts: Res<Parts>, mut physics: ColumnMut<PhysicsRow>) {
    let (physics, keys) = (physics.slice_mut(), keys.columns());
    rows.each(|row| {
        physics[row].reset();
        let at = draw_place(&mut keys.key(row).rng(Stream::Reset), 0.0, [0.0; 3], 0.0);
        physics[row].place(parts.block, at, UPRIGHT);
    });
}

fn measure(
    rows: Res<ActiveRows>,
    parts: Res<Parts>,
    physics: Column<PhysicsRow>,
    mut signals: ResMut<Signals>,
) {
    let (physics, signals) = (physics.slice(), &mut *signals);
    rows.each(|row| {
        let physics = &physics[row];
        let [x, y, _] = physics.position(parts.block);
        let (peg, hole) = (physics.site(parts.peg), [x, y, BLOCK_HEIGHT]);
        let to_hole = offset(peg, hole);
        // A peg that stands beside the block is lower than the mouth as well, but in no hole.
        let is_in = to_hole[0].abs().max(to_hole[1].abs()) < PEG_HALF;
        let depth = if is_in { to_hole[2].max(0.0) } else { 0.0 };
        write(signals, PEG, row, &peg);
        write(signals, HOLE, row, &hole);
        write(signals, TO_HOLE, row, &to_hole);
        write(signals, DISTANCE, row, &[norm(to_hole)]);
        write(signals, BESIDE, row, &[on_table(to_hole)]);
        write(signals, DEPTH, row, &[depth]);
        write(signals, CONTACT, row, &[flag(physics.contact(parts.contact).touching)]);
    });
}

/// The depth counts, and up to a quarter the way to the mouth.
fn judge(signals: Res<Signals>, mut ends: ResMut<Ends>) {
    let ends = &mut *ends;
    let distance = signals.now().get(SignalId(DISTANCE), 0);
    for (row, &depth) in signals.now().get(SignalId(DEPTH), 0).iter().enumerate() {
        let inserted = depth >= INSERTED;
        ends.success[row] = inserted;
        ends.score[row] = if depth > 0.0 {
            0.25 + 0.75 * (depth / INSERTED).min(1.0)
        } else {
            0.25 * closeness(distance[row], 0.1)
        };
        ends.terminated[row] = inserted;
        ends.cause[row] = if inserted { CAUSE_TASK } else { CAUSE_NONE };
    }
}

const SCRIPTS: [Script; 2] = [
    Script { name: "expert", about: "Stops over the hole, then lowers the peg into it.", act: insert },
    Script { name: "hover", about: "Holds the peg a centimetre over the hole.", act: hover },
];

fn insert(view: &ScriptView<'_>, action: &mut [f32]) {
    let [x, y, z] = vector(view, "peg_to_hole");
    if on_table([x, y, z]) < 0.5 * CLEARANCE {
        move_at(action, [8.0 * x, 8.0 * y, -0.2]);
    } else if z > 0.0 && on_table([x, y, z]) < 2.0 * CLEARANCE {
        // Within the hole: only to the side.
        move_at(action, [8.0 * x, 8.0 * y, 0.0]);
    } else {
        move_by(action, [x, y, z + 0.02]);
    }
}

fn hover(view: &ScriptView<'_>, action: &mut [f32]) {
    let [x, y, z] = vector(view, "peg_to_hole");
    move_by(action, [x, y, z + 0.01]);
}

const REWARDS: [DefaultReward; 4] = [
    DefaultReward {
        name: "sparse",
        about: "10 when the peg is inserted.",
        ron: r#"[
    (name: "inserted", kind: Event(cause: "inserted"), weight: 10.0, source: Sparse),
]"#,
        farmed_by: None,
    },
    DefaultReward {
        name: "shaped",
        about: "The sparse reward, and two potentials: distance to the side of the hole and depth in it.",
        ron: r#"[
    (name: "inserted", kind: Event(cause: "inserted"), weight: 10.0, source: Sparse),
    (name: "aligning", kind: Distance(signal: "peg_beside"), weight: -20.0, stages: [Potential(gamma: 0.99)]),
    (name: "lowering", kind: Distance(signal: "insertion_depth"), weight: 100.0, stages: [Potential(gamma: 0.99)]),
]"#,
        farmed_by: None,
    },
    DefaultReward {
        name: "naive",
        about: "Pay for every step with the peg at the hole's mouth: who inserts it must bring it there.",
        ron: r#"[
    (name: "near", kind: Tolerance(signal: "peg_hole_distance", bounds: (0.0, 0.015), margin: 0.1)),
]"#,
        farmed_by: Some("hover"),
    },
    DefaultReward {
        name: "mixed",
        about: "All of them: the event, the potentials and the pay for being near.",
        ron: r#"[
    (name: "inserted", kind: Event(cause: "inserted"), weight: 10.0, source: Sparse),
    (name: "aligning", kind: Distance(signal: "peg_beside"), weight: -20.0, stages: [Potential(gamma: 0.99)]),
    (name: "lowering", kind: Distance(signal: "insertion_depth"), weight: 100.0, stages: [Potential(gamma: 0.99)]),
    (name: "near", kind: Tolerance(signal: "peg_hole_distance", bounds: (0.0, 0.015), margin: 0.1)),
]"#,
        farmed_by: None,
    },
];
