//! What all tasks over a table share: commands, simulation, signals of the tool, observations and drawing.

use std::sync::Arc;

use bevy_ecs::prelude::*;
use bevy_ecs::system::ScheduleSystem;
use carrot_physics::{Bench, HandSpec, PhysicsError, PhysicsRow, SolverConfig, Template};
use carrot_sim::{
    Actions, ActiveRows, App, BatchApp, Body, Column, ColumnMut, Drawing, FaultSource, Faults, ObsPart,
    Observations, Observe, Shape, SignalCatalog, SignalSpec, Signals, Step, StepSystems, row_state,
};

use super::goal::{Goal, GoalJudge};
use super::manipulator::{JOINT_PREFIX, Manipulator, ManipulatorSpec};
use super::signals::{TOOL, write};
use crate::drawing::{draw_collider, draw_contacts};
use crate::knobs::add_physics_handles;

/// Substeps per control step.
pub const DECIMATION: u32 = HandSpec::DECIMATION;
/// Length of a substep, s.
pub const PHYSICS_DT: f32 = HandSpec::PHYSICS_DT;
/// Length of a control step: 40 ms, as in Fetch.
pub const CONTROL_DT: f32 = PHYSICS_DT * DECIMATION as f32;

/// Parts of an observation, each with the signals that fill it.
pub type Observed = &'static [(&'static str, &'static [&'static str])];

/// A built scene: a manipulator over a table with things on it.
#[derive(Clone)]
pub struct Tabletop {
    /// What rows are made from.
    pub template: Arc<Template>,
    /// What an agent moves.
    pub manipulator: Manipulator,
}

impl Tabletop {
    /// Builds a scene; `furnish` adds what stands on the table and gives its handles.
    ///
    /// # Errors
    /// Where a part of the scene cannot be built.
    pub fn build<T>(
        manipulator: ManipulatorSpec,
        config: SolverConfig,
        furnish: impl FnOnce(&mut Bench, &Manipulator) -> Result<T, PhysicsError>,
    ) -> Result<(Self, T), PhysicsError> {
        let mut bench = Bench::new(config, Bench::FRICTION)?;
        let manipulator = manipulator.add_to(&mut bench)?;
        let parts = furnish(&mut bench, &manipulator)?;
        Ok((Self { template: bench.build(), manipulator }, parts))
    }

    /// Adds the row's physics and the systems that every task has.
    ///
    /// `measure` adds the task's own signals to those of the tool; a task restarts its rows by itself.
    pub fn install<M, S>(&self, app: &mut App, signals: &[SignalSpec], observed: Observed, measure: S)
    where
        S: IntoScheduleConfigs<ScheduleSystem, M> + Copy,
    {
        let measured = || (measure_tool, measure).chain().in_set(StepSystems::Measure);
        app.add_systems(Step, measured()).add_systems(Observe, measured());
        let template = self.template.clone();
        add_physics_handles(app, &template);
        app.insert_resource(self.manipulator.clone())
            .insert_resource(Sensed::new(signals, observed))
            .insert_resource(JointColumns::new(signals, &self.manipulator))
            .add_own_row_state(
                move || template.row(),
                |row: &PhysicsRow| row.snapshot().map_err(|error| error.to_string()),
                |row, bytes| row.restore(bytes).map_err(|error| error.to_string()),
            )
            .add_step_systems(StepSystems::Act, drive)
            .add_step_systems(StepSystems::Simulate, simulate)
            .add_observing_systems(StepSystems::Sense, sense)
            .set_drawing(draw);
    }
}

fn drive(actions: Res<Actions>, manipulator: Res<Manipulator>, mut physics: ColumnMut<PhysicsRow>) {
    for (row, action) in physics.slice_mut().iter_mut().zip(actions.applied.chunks_exact(actions.width)) {
        manipulator.drive(row, action);
    }
}

fn simulate(mut physics: ColumnMut<PhysicsRow>, mut faults: ResMut<Faults>) {
    for (index, row) in physics.slice_mut().iter_mut().enumerate() {
        row.step(PHYSICS_DT, DECIMATION);
        if row.diverged() {
            faults.raise(index, FaultSource::State);
        }
    }
}

/// Measures the tool, [`TOOL`] says where, and the joints of an arm.
fn measure_tool(
    rows: Res<ActiveRows>,
    manipulator: Res<Manipulator>,
    joints: Res<JointColumns>,
    physics: Column<PhysicsRow>,
    mut signals: ResMut<Signals>,
) {
    let physics = physics.slice();
    rows.each(|row| {
        TOOL.measure(&mut signals, row, &physics[row], &manipulator);
        for (at, value) in manipulator.joints(&physics[row]).enumerate() {
            write(&mut signals, joints.0 + at, row, &[value]);
        }
    });
}

/// The first column of an arm's joints, behind all other signals of a task.
#[derive(Resource, Clone, Copy)]
struct JointColumns(usize);

impl JointColumns {
    fn new(signals: &[SignalSpec], manipulator: &Manipulator) -> Self {
        let width = signals.iter().map(|spec| spec.kind.width()).sum::<usize>();
        Self(width - manipulator.joint_signals().len())
    }
}

/// The signal columns of each observation part.
#[derive(Resource, Clone)]
struct Sensed(Vec<Vec<usize>>);

impl Sensed {
    fn new(signals: &[SignalSpec], observed: Observed) -> Self {
        let catalog = SignalCatalog::new(signals.to_vec());
        let columns = |name: &&str| {
            let found = catalog.find(name).map(|(id, spec)| id.0..id.0 + spec.kind.width());
            found.unwrap_or_default()
        };
        Self(
            parts(signals, observed)
                .iter()
                .map(|(_, names)| names.iter().flat_map(columns).collect())
                .collect(),
        )
    }
}

/// The parts of an observation: those of the task, and the joints of an arm where its signals are among them.
fn parts(signals: &[SignalSpec], observed: Observed) -> Vec<(&str, Vec<&str>)> {
    let mut parts: Vec<_> = observed.iter().map(|(part, names)| (*part, names.to_vec())).collect();
    let joints: Vec<_> =
        signals.iter().map(|spec| spec.name.as_str()).filter(|name| name.starts_with(JOINT_PREFIX)).collect();
    if !joints.is_empty() {
        parts.push(("joints", joints));
    }
    parts
}

/// The declared parts of an observation; a signal's range bounds each of its columns.
pub fn observation(signals: &[SignalSpec], observed: Observed) -> Vec<ObsPart> {
    let ranges = |name: &&str| {
        let spec = signals.iter().find(|spec| spec.name == **name);
        spec.map(|spec| vec![spec.range; spec.kind.width()]).unwrap_or_default()
    };
    let part = |(name, names): &(&str, Vec<&str>)| {
        let (low, high): (Vec<f32>, Vec<f32>) = names.iter().flat_map(ranges).unzip();
        ObsPart::vector(name, &low, &high)
    };
    parts(signals, observed).iter().map(part).collect()
}

fn sense(
    rows: Res<ActiveRows>,
    sensed: Res<Sensed>,
    signals: Res<Signals>,
    mut observations: ResMut<Observations>,
) {
    let view = signals.measured();
    for (part, columns) in sensed.0.iter().enumerate() {
        let to = observations.f32_mut(part);
        for (at, &column) in columns.iter().enumerate() {
            let from = view.column(column);
            rows.each(|row| to[row * columns.len() + at] = from[row]);
        }
    }
}

/// Every collider of the scene, and the column that the palm hangs on.
fn draw(world: &World, row: usize) -> Drawing {
    let Some(physics) = row_state::<PhysicsRow>(world, row) else { return Drawing::default() };
    let template = physics.template();
    let mut objects = 0;
    let mut bodies: Vec<Body> = Vec::new();
    for shape in template.shapes() {
        let color = match shape.groups {
            Bench::FIXED => [0.5, 0.38, 0.27, 1.0],
            Bench::MANIPULATOR => [0.6, 0.62, 0.65, 1.0],
            Bench::SLIDER => [0.75, 0.6, 0.2, 1.0],
            _ => {
                objects += 1;
                if objects == 1 { [0.8, 0.2, 0.15, 1.0] } else { [0.2, 0.35, 0.8, 1.0] }
            }
        };
        let name = template.body_name(shape.body);
        // A body of several parts names them by number.
        let parts = bodies.iter().filter(|body| body.name.split('#').next() == Some(name)).count();
        let name = if parts == 0 { name.to_string() } else { format!("{name}#{parts}") };
        bodies.push(draw_collider(physics, shape, &name, color));
    }
    if let (Some(goal), Some(judge)) = (row_state::<Goal>(world, row), world.get_resource::<GoalJudge>()) {
        let ball = Shape::Sphere(judge.spec.tolerance);
        bodies.push(Body::at("goal", ball, goal.0, [0.1, 0.7, 0.3, 0.5]));
    }
    Drawing { contacts: draw_contacts(physics), ..Drawing::of(bodies) }
}
