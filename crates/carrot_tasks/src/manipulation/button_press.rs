//! `ButtonPress`: press a spring-loaded button down to the end of its travel.

use bevy_ecs::prelude::*;
use carrot_physics::{
    Bench, BodyId, BoxSpec, Drive, Grip, HandSpec, MotorId, PhysicsError, PhysicsRow, SliderSpec, WatchId,
};
use carrot_sim::{
    ActiveRows, App, BatchApp, CAUSE_NONE, CAUSE_TASK, Column, ColumnMut, DefaultReward, Ends, RowKeys,
    Script, ScriptView, SignalId, SignalKind, SignalSpec, Signals, StepSystems, Stream, Task, TaskSpec,
};

use super::cube::{UPRIGHT, draw_place};
use super::manipulator::{Manipulator, ManipulatorSpec};
use super::script::{move_at, move_by, on_table, vector};
use super::signals::{TOOL, ToolSignals, flag, norm, offset, write};
use super::tabletop::{CONTROL_DT, DECIMATION, Observed, PHYSICS_DT, Tabletop, observation};

/// Name of the task.
pub const NAME: &str = "ButtonPress";
/// Steps after which an episode is truncated: two seconds.
pub const MAX_STEPS: u32 = 50;
/// How far the button goes down, m.
pub const TRAVEL: f32 = 0.015;
/// Depth from which on it counts as pressed, m.
pub const PRESSED: f32 = 0.9 * TRAVEL;
/// Force of its spring per depth, N/m: 6 N at the end of the travel.
pub const STIFFNESS: f32 = 400.0;
/// Where the tool starts, m.
const START: [f32; 3] = [0.0, 0.0, 0.2];
/// Height of the box that the button is in, m.
const BOX_HEIGHT: f32 = 0.08;
/// How far the free button stands out of it, m.
const STANDS_OUT: f32 = 0.02;

const POSITION: usize = ToolSignals::END;
const TO_BUTTON: usize = POSITION + 3;
const DISTANCE: usize = TO_BUTTON + 3;
const DEPTH: usize = DISTANCE + 1;
const CONTACT: usize = DEPTH + 1;

const OBSERVED: Observed =
    &[("observation", &["tool_position", "tool_velocity", "tool_to_button", "button_depth"])];

/// The button's handles, the same for every row.
#[derive(Resource, Debug, Clone, Copy)]
struct Button {
    base: BodyId,
    cap: BodyId,
    motor: MotorId,
    contact: WatchId,
}

impl Button {
    fn add_to(bench: &mut Bench, manipulator: &Manipulator) -> Result<Self, PhysicsError> {
        let half = BOX_HEIGHT / 2.0;
        let housing = BoxSpec { offset: [0.0, 0.0, half], half_extents: [0.04, 0.04, half] };
        let base = bench.fixture("box", [0.0; 3], &[housing])?;
        // The cap's origin is the middle of its top.
        let cap = BoxSpec { offset: [0.0, 0.0, -STANDS_OUT], half_extents: [0.02, 0.02, STANDS_OUT] };
        let spec = SliderSpec {
            position: [0.0, 0.0, BOX_HEIGHT + STANDS_OUT],
            axis: 2,
            limits: [-TRAVEL, 0.0],
            hold: Drive::Position { stiffness: STIFFNESS, damping: 4.0 },
            max_force: 100.0,
            mass: 0.02,
            boxes: vec![cap],
        };
        let button = bench.slider("button", &base, &spec)?;
        let contact = bench.scene.watch("tool_button", manipulator.parts(), &button.solid.colliders)?;
        Ok(Self { base: base.body, cap: button.solid.body, motor: button.motor, contact })
    }
}

/// The task.
pub struct ButtonPress {
    spec: TaskSpec,
    tabletop: Tabletop,
    button: Button,
}

impl Default for ButtonPress {
    /// The task with its standard hand, whose fingers are blocked.
    #[expect(clippy::expect_used, reason = "the scene is a constant, and a test builds it")]
    fn default() -> Self {
        let hand = HandSpec { grip: Grip::Blocked, start: START, ..HandSpec::default() };
        let built = Tabletop::build(ManipulatorSpec::Hand(hand), HandSpec::SOLVER, Button::add_to);
        let (tabletop, button) = built.expect("the standard hand can be built");
        let signals = signals();
        let spec = TaskSpec {
            name: NAME,
            family: "manipulation",
            about: "Press a spring-loaded button down to the end of its travel.",
            docs: include_str!("button_press.md"),
            observation: observation(&signals, OBSERVED),
            action: tabletop.manipulator.action(),
            signals,
            causes: &["pressed"],
            max_steps: MAX_STEPS,
            control_dt: CONTROL_DT,
            physics_dt: PHYSICS_DT,
            decimation: DECIMATION,
            rewards: REWARDS.to_vec(),
            scripts: SCRIPTS.to_vec(),
        };
        Self { spec, tabletop, button }
    }
}

fn signals() -> Vec<SignalSpec> {
    let vec3 = SignalKind::Vec3;
    let own = vec![
        SignalSpec::new("button_position", vec3, "m", (-0.3, 0.3), "Middle of the button's top."),
        SignalSpec::new("tool_to_button", vec3, "m", (-0.6, 0.6), "From the tool to the button's top."),
        SignalSpec::scalar("tool_button_distance", "m", (0.0, 1.0), "Distance from the tool to it."),
        SignalSpec::scalar(
            "button_depth",
            "m",
            (-0.02, 0.03),
            "How far the button is down; let go, it springs past its rest.",
        ),
        SignalSpec::flag("button_contact", "The hand touches the button at the end of the step."),
    ];
    [TOOL.specs(), own].concat()
}

impl Task for ButtonPress {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn build(&self, app: &mut App) {
        self.tabletop.install(app, &self.spec.signals, OBSERVED, measure);
        app.insert_resource(self.button)
            .add_restart_systems(restart)
            .add_step_systems(StepSystems::Terminate, judge);
    }
}

fn restart(rows: Res<ActiveRows>, keys: RowKeys, button: Res<Button>, mut physics: ColumnMut<PhysicsRow>) {
    let (physics, keys) = (physics.slice_mut(), keys.columns());
    rows.each(|row| {
        physics[row].reset();
        let at = draw_place(&mut keys.key(row).rng(Stream::Reset), 0.0, [0.0; 3], 0.0);
        physics[row].place(button.base, at, UPRIGHT);
        physics[row].place(button.cap, [at[0], at[1], BOX_HEIGHT + STANDS_OUT], UPRIGHT);
    });
}

fn measure(
    rows: Res<ActiveRows>,
    manipulator: Res<Manipulator>,
    button: Res<Button>,
    physics: Column<PhysicsRow>,
    mut signals: ResMut<Signals>,
) {
    let (physics, signals) = (physics.slice(), &mut *signals);
    rows.each(|row| {
        let physics = &physics[row];
        let top = physics.position(button.cap);
        let to_button = offset(physics.site(manipulator.tool()), top);
        write(signals, POSITION, row, &top);
        write(signals, TO_BUTTON, row, &to_button);
        write(signals, DISTANCE, row, &[norm(to_button)]);
        write(signals, DEPTH, row, &[-physics.motor_position(button.motor)]);
        write(signals, CONTACT, row, &[flag(physics.contact(button.contact).touching)]);
    });
}

fn judge(signals: Res<Signals>, mut ends: ResMut<Ends>) {
    let ends = &mut *ends;
    for (row, &depth) in signals.now().get(SignalId(DEPTH), 0).iter().enumerate() {
        let pressed = depth >= PRESSED;
        ends.success[row] = pressed;
        ends.score[row] = (depth / PRESSED).clamp(0.0, 1.0);
        ends.terminated[row] = pressed;
        ends.cause[row] = if pressed { CAUSE_TASK } else { CAUSE_NONE };
    }
}

const SCRIPTS: [Script; 2] = [
    Script { name: "expert", about: "Goes over the button and presses it.", act: press },
    Script { name: "hover", about: "Waits one centimetre above the button.", act: hover },
];

/// Height of the tool over the button's top at which the fingertips touch it, m.
const TOUCH: f32 = 0.01;

fn press(view: &ScriptView<'_>, action: &mut [f32]) {
    let [x, y, z] = vector(view, "tool_to_button");
    if on_table([x, y, z]) < 0.015 {
        move_at(action, [8.0 * x, 8.0 * y, -0.3]);
    } else {
        move_by(action, [x, y, z + 5.0 * TOUCH]);
    }
}

fn hover(view: &ScriptView<'_>, action: &mut [f32]) {
    let [x, y, z] = vector(view, "tool_to_button");
    // Down only where it is over the button: the box's edge is no lower than the fingertips should be.
    let above = if on_table([x, y, z]) < 0.015 { 2.0 } else { 5.0 };
    move_by(action, [x, y, z + above * TOUCH]);
}

const REWARDS: [DefaultReward; 4] = [
    DefaultReward {
        name: "sparse",
        about: "10 when the button is pressed.",
        ron: r#"[
    (name: "pressed", kind: Event(cause: "pressed"), weight: 10.0, source: Sparse),
]"#,
        farmed_by: None,
    },
    DefaultReward {
        name: "shaped",
        about: "The sparse reward, and two potentials: distance to the button and its depth.",
        ron: r#"[
    (name: "pressed", kind: Event(cause: "pressed"), weight: 10.0, source: Sparse),
    (name: "nearing", kind: Distance(signal: "tool_button_distance"), weight: -10.0, stages: [Potential(gamma: 0.99)]),
    (name: "pressing", kind: Distance(signal: "button_depth"), weight: 100.0, stages: [Potential(gamma: 0.99)]),
]"#,
        farmed_by: None,
    },
    DefaultReward {
        name: "naive",
        about: "Pay for every step near the button: who presses it must be near.",
        ron: r#"[
    (name: "near", kind: Tolerance(signal: "tool_button_distance", bounds: (0.0, 0.02), margin: 0.1)),
]"#,
        farmed_by: Some("hover"),
    },
    DefaultReward {
        name: "mixed",
        about: "All of them: the event, the potentials and the pay for being near.",
        ron: r#"[
    (name: "pressed", kind: Event(cause: "pressed"), weight: 10.0, source: Sparse),
    (name: "nearing", kind: Distance(signal: "tool_button_distance"), weight: -10.0, stages: [Potential(gamma: 0.99)]),
    (name: "pressing", kind: Distance(signal: "button_depth"), weight: 100.0, stages: [Potential(gamma: 0.99)]),
    (name: "near", kind: Tolerance(signal: "tool_button_distance", bounds: (0.0, 0.02), margin: 0.1)),
]"#,
        farmed_by: None,
    },
];
