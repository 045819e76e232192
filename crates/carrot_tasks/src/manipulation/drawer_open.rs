//! `DrawerOpen`: pull a drawer by its handle to a wanted opening.

use bevy_ecs::prelude::*;
use carrot_physics::{
    Bench, BodyId, BoxSpec, Drive, HandSpec, MotorId, PhysicsError, PhysicsRow, SiteId, SliderSpec, WatchId,
};
use carrot_sim::{
    ActiveRows, App, BatchApp, Column, ColumnMut, DefaultReward, GoalSpec, RowKeys, Script, ScriptView,
    SignalKind, SignalSpec, Signals, Stream, Task, TaskSpec, set_row_state,
};
use serde::{Deserialize, Serialize};

use super::cube::UPRIGHT;
use super::goal::judge_by_goal;
use super::manipulator::{Manipulator, ManipulatorSpec};
use super::script::{grasp, move_at, vector};
use super::signals::{GoalSignals, TOOL, ToolSignals, flag, norm, offset, write};
use super::tabletop::{CONTROL_DT, DECIMATION, Observed, PHYSICS_DT, Tabletop, observation};

/// Name of the task.
pub const NAME: &str = "DrawerOpen";
/// Steps after which an episode is truncated: three seconds.
pub const MAX_STEPS: u32 = 75;
/// How far the opening may be from the wanted one, m.
pub const TOLERANCE: f32 = 0.01;
/// How far the drawer comes out, m.
pub const TRAVEL: f32 = 0.15;
/// Dry friction of its rails, N.
pub const FRICTION: f32 = 2.0;
/// Wanted openings, m.
const WANTED: [f32; 2] = [0.05, 0.13];
/// Where the cabinet's front may stand, m.
const PLACES: [[f32; 2]; 2] = [[0.1, 0.2], [-0.1, 0.1]];
/// Where the tool starts, m.
const START: [f32; 3] = [-0.1, 0.0, 0.15];
/// Half the handle's width, m.
const HANDLE_HALF: f32 = 0.01;

const HANDLE: usize = ToolSignals::END;
const TO_HANDLE: usize = HANDLE + 3;
const DISTANCE: usize = TO_HANDLE + 3;
const OPENING: usize = DISTANCE + 1;
const SPEED: usize = OPENING + 1;
const CONTACT: usize = SPEED + 1;
const GOAL: GoalSignals = GoalSignals::new(
    GoalSpec {
        achieved: "achieved_goal",
        desired: "desired_goal",
        tolerance: TOLERANCE,
        goal: "wanted_opening",
        offset: "opening_to_wanted",
        distance: "goal_distance",
    },
    CONTACT + 1,
    1,
);

const OBSERVED: Observed = &[
    ("observation", &["tool_position", "tool_velocity", "finger_opening", "tool_to_handle", "drawer_speed"]),
    ("achieved_goal", &["drawer_opening"]),
    ("desired_goal", &["wanted_opening"]),
];

/// Wanted opening of a row, m.
#[derive(Component, Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct WantedOpening(pub f32);

/// The drawer's handles, the same for every row.
#[derive(Resource, Debug, Clone, Copy)]
struct Drawer {
    cabinet: BodyId,
    body: BodyId,
    motor: MotorId,
    handle: SiteId,
    contact: WatchId,
}

/// Where the drawer is within the cabinet, whose origin is on the table under the middle of its front, m.
const IN_CABINET: [f32; 3] = [0.0, 0.0, 0.06];

impl Drawer {
    fn add_to(bench: &mut Bench, manipulator: &Manipulator) -> Result<Self, PhysicsError> {
        let wall = |y: f32| BoxSpec { offset: [0.08, y, 0.055], half_extents: [0.08, 0.005, 0.055] };
        let top = BoxSpec { offset: [0.08, 0.0, 0.105], half_extents: [0.08, 0.065, 0.005] };
        let back = BoxSpec { offset: [0.165, 0.0, 0.055], half_extents: [0.005, 0.075, 0.055] };
        let cabinet = bench.fixture("cabinet", [0.2, 0.0, 0.0], &[wall(-0.07), wall(0.07), top, back])?;
        let front = BoxSpec { offset: [-0.005, 0.0, 0.0], half_extents: [0.005, 0.06, 0.035] };
        let floor = BoxSpec { offset: [0.07, 0.0, -0.03], half_extents: [0.07, 0.055, 0.004] };
        let handle = [-0.04, 0.0, 0.0];
        let bar = BoxSpec { offset: handle, half_extents: [0.03, HANDLE_HALF, 0.015] };
        let spec = SliderSpec {
            position: IN_CABINET,
            axis: 0,
            limits: [-TRAVEL, 0.0],
            hold: Drive::Velocity,
            max_force: FRICTION,
            mass: 0.5,
            boxes: vec![front, floor, bar],
        };
        let drawer = bench.slider("drawer", &cabinet, &spec)?;
        let body = drawer.solid.body;
        let contact = bench.scene.watch("tool_handle", manipulator.parts(), &drawer.solid.colliders[2..])?;
        let handle = bench.scene.site("handle", body, handle)?;
        Ok(Self { cabinet: cabinet.body, body, motor: drawer.motor, handle, contact })
    }
}

/// The task.
pub struct DrawerOpen {
    spec: TaskSpec,
    tabletop: Tabletop,
    drawer: Drawer,
}

impl Default for DrawerOpen {
    /// The task with its standard hand.
    #[expect(clippy::expect_used, reason = "the scene is a constant, and a test builds it")]
    fn default() -> Self {
        let hand = HandSpec { start: START, ..HandSpec::default() };
        let built = Tabletop::build(ManipulatorSpec::Hand(hand), HandSpec::SOLVER, Drawer::add_to);
        let (tabletop, drawer) = built.expect("the standard hand can be built");
        let signals = signals();
        let spec = TaskSpec {
            name: NAME,
            family: "manipulation",
            about: "Pull a drawer by its handle to a wanted opening.",
            docs: include_str!("drawer_open.md"),
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
        Self { spec, tabletop, drawer }
    }
}

fn signals() -> Vec<SignalSpec> {
    let vec3 = SignalKind::Vec3;
    let own = vec![
        SignalSpec::new("handle_position", vec3, "m", (-0.3, 0.3), "Middle of the drawer's handle."),
        SignalSpec::new("tool_to_handle", vec3, "m", (-0.6, 0.6), "From the tool to the handle."),
        SignalSpec::scalar("tool_handle_distance", "m", (0.0, 1.0), "Distance from the tool to it."),
        SignalSpec::scalar("drawer_opening", "m", (-0.02, 0.17), "How far the drawer is out."),
        SignalSpec::scalar("drawer_speed", "m/s", (-2.0, 2.0), "Speed of the drawer, outwards."),
        SignalSpec::flag("handle_contact", "The hand touches the handle at the end of the step."),
    ];
    [TOOL.specs(), own, GOAL.specs("opening", (-0.02, 0.17))].concat()
}

impl Task for DrawerOpen {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn goal(&self) -> Option<GoalSpec> {
        Some(GOAL.spec)
    }

    fn build(&self, app: &mut App) {
        self.tabletop.install(app, &self.spec.signals, OBSERVED, measure);
        judge_by_goal(app, GOAL, 0.05);
        app.insert_resource(self.drawer)
            .add_row_state(WantedOpening::default())
            .add_restart_systems(restart)
            .add_handle("wanted_opening", "The wanted opening, m.", 1, |world, row, values| {
                set_row_state(world, row, WantedOpening(values[0]));
            });
    }
}

fn restart(
    rows: Res<ActiveRows>,
    keys: RowKeys,
    drawer: Res<Drawer>,
    mut wanted: ColumnMut<WantedOpening>,
    mut physics: ColumnMut<PhysicsRow>,
) {
    let (wanted, physics, keys) = (wanted.slice_mut(), physics.slice_mut(), keys.columns());
    rows.each(|row| {
        physics[row].reset();
        let mut rng = keys.key(row).rng(Stream::Reset);
        let [x, y] = PLACES.map(|[low, high]| rng.uniform(low, high));
        physics[row].place(drawer.cabinet, [x, y, 0.0], UPRIGHT);
        physics[row].place(drawer.body, [x + IN_CABINET[0], y + IN_CABINET[1], IN_CABINET[2]], UPRIGHT);
        wanted[row] = WantedOpening(rng.uniform(WANTED[0], WANTED[1]));
    });
}

fn measure(
    rows: Res<ActiveRows>,
    manipulator: Res<Manipulator>,
    drawer: Res<Drawer>,
    wanted: Column<WantedOpening>,
    physics: Column<PhysicsRow>,
    mut signals: ResMut<Signals>,
) {
    let (physics, wanted, signals) = (physics.slice(), wanted.slice(), &mut *signals);
    rows.each(|row| {
        let physics = &physics[row];
        let handle = physics.site(drawer.handle);
        let to_handle = offset(physics.site(manipulator.tool()), handle);
        let opening = -physics.motor_position(drawer.motor);
        write(signals, HANDLE, row, &handle);
        write(signals, TO_HANDLE, row, &to_handle);
        write(signals, DISTANCE, row, &[norm(to_handle)]);
        write(signals, OPENING, row, &[opening]);
        write(signals, SPEED, row, &[-physics.motor_velocity(drawer.motor)]);
        write(signals, CONTACT, row, &[flag(physics.contact(drawer.contact).touching)]);
        GOAL.measure(signals, row, &[opening], &[wanted[row].0]);
    });
}

const SCRIPTS: [Script; 2] = [
    Script { name: "expert", about: "Grasps the handle and pulls to the wanted opening.", act: pull },
    Script {
        name: "pump",
        about: "Pulls the drawer out and pushes it in again: coming near pays, leaving costs nothing.",
        act: pump,
    },
];

/// How far above the handle's middle the tool passes over it, m.
const CLEARANCE: f32 = 0.05;

/// Holds the handle and moves it along the rails, m/s outwards.
fn slide(view: &ScriptView<'_>, action: &mut [f32], speed: f32) {
    let to_handle = vector(view, "tool_to_handle");
    if grasp(view, action, to_handle, CLEARANCE, 2.0 * HANDLE_HALF) {
        move_at(action, [-speed, 8.0 * to_handle[1], 8.0 * to_handle[2]]);
    }
}

fn pull(view: &ScriptView<'_>, action: &mut [f32]) {
    slide(view, action, (8.0 * view.get("opening_to_wanted")).clamp(-0.3, 0.3));
}

/// To and fro between the wanted opening and closed, ten steps each.
fn pump(view: &ScriptView<'_>, action: &mut [f32]) {
    let is_out = view.step % 20 >= 10;
    slide(view, action, if is_out { -0.3 } else { (8.0 * view.get("opening_to_wanted")).clamp(-0.3, 0.3) });
}

const REWARDS: [DefaultReward; 4] = [
    DefaultReward {
        name: "sparse",
        about: "-1 for every step outside of the tolerance.",
        ron: r#"[
    (name: "outside", kind: Threshold(signal: "goal_distance", above: 0.01), weight: -1.0, source: Sparse),
]"#,
        farmed_by: None,
    },
    DefaultReward {
        name: "shaped",
        about: "The sparse reward, and two distances as potentials: opening to wanted and tool to handle.",
        ron: r#"[
    (name: "outside", kind: Threshold(signal: "goal_distance", above: 0.01), weight: -1.0, source: Sparse),
    (name: "opening", kind: Distance(signal: "goal_distance"), weight: -100.0, stages: [Potential(gamma: 0.99)]),
    (name: "reaching", kind: Distance(signal: "tool_handle_distance"), weight: -10.0, stages: [Potential(gamma: 0.99)]),
]"#,
        farmed_by: None,
    },
    DefaultReward {
        name: "naive",
        about: "Pay for every millimetre of approach to the wanted opening, and forget to charge for going back.",
        ron: r#"[
    (name: "approach", kind: Progress(signal: "goal_distance"), weight: 100.0, stages: [Clip(low: 0.0)]),
]"#,
        farmed_by: Some("pump"),
    },
    DefaultReward {
        name: "mixed",
        about: "All of them: the sparse reward, the potentials and the pay for approaching.",
        ron: r#"[
    (name: "outside", kind: Threshold(signal: "goal_distance", above: 0.01), weight: -1.0, source: Sparse),
    (name: "opening", kind: Distance(signal: "goal_distance"), weight: -100.0, stages: [Potential(gamma: 0.99)]),
    (name: "reaching", kind: Distance(signal: "tool_handle_distance"), weight: -10.0, stages: [Potential(gamma: 0.99)]),
    (name: "approach", kind: Progress(signal: "goal_distance"), weight: 100.0, stages: [Clip(low: 0.0)]),
]"#,
        farmed_by: None,
    },
];
