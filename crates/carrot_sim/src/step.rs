//! One step: the schedules, their sets, and what each set may read and write.
//!
//! ```text
//! Prepare: perturbations queue edits of the present state
//! Step:   Intervene -> Act -> Simulate -> Measure -> Track -> Terminate -> Reward -> Record -> Sense
//! Restart: fresh state of the listed rows
//! Vary:    edits of that state, before anybody looks
//! Observe: Measure -> Track -> Sense of the listed rows, into `before`
//! ```
//!
//! A shard runs `Step`, hands the ended rows' observations out as final observations, then runs `Restart`
//! and `Observe` for those rows (same-step autoreset). A caller-driven reset is the same two schedules
//! under another list of rows, so no second design is needed for it.
//!
//! Every schedule uses the single-threaded executor (threads run shards, not systems) and refuses
//! ambiguous systems, so the order of writes is always spelled out.

use bevy_app::App;
use bevy_ecs::prelude::*;
use bevy_ecs::schedule::{LogLevel, ScheduleBuildSettings, ScheduleLabel, SingleThreadedExecutor};

/// Before a step: systems that queue edits of the present state, which are made at once, so that whoever acts next
/// sees them. Runs once per step, at its beginning or when [`crate::VecEnv::prepare`] asks for it.
#[derive(ScheduleLabel, Debug, Clone, PartialEq, Eq, Hash)]
pub struct Prepare;

/// One control step of every row.
#[derive(ScheduleLabel, Debug, Clone, PartialEq, Eq, Hash)]
pub struct Step;

/// Fresh state for the rows of [`crate::ActiveRows`]: a new episode of each.
#[derive(ScheduleLabel, Debug, Clone, PartialEq, Eq, Hash)]
pub struct Restart;

/// Queues edits of the fresh state of the rows of [`crate::ActiveRows`], which are made before it is measured: what is
/// drawn anew in each episode.
#[derive(ScheduleLabel, Debug, Clone, PartialEq, Eq, Hash)]
pub struct Vary;

/// Measures and senses the rows of [`crate::ActiveRows`] into the `before` buffer.
#[derive(ScheduleLabel, Debug, Clone, PartialEq, Eq, Hash)]
pub struct Observe;

/// The sets of [`Step`] in order; `Measure`, `Track` and `Sense` also exist in [`Observe`].
#[derive(SystemSet, Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StepSystems {
    /// Scripted or hand edits -> state. Edits re-measure into `before`, so a reward never pays for a
    /// teleport. Not for actions.
    Intervene,
    /// Action batch, already clipped to the space -> actuators. Not for dynamics.
    Act,
    /// Actuators and state -> state; `decimation` substeps of `physics_dt`. A row whose state stops being
    /// finite raises a fault here and never spreads. Not for measuring or ending.
    Simulate,
    /// State -> signals of s′, before any reset. A pure function of state.
    Measure,
    /// Signals -> state of reward machines and stages. Reads signals only.
    Track,
    /// Signals -> `terminated`, `truncated`, cause, `success`, `score`. Never reads a reward.
    Terminate,
    /// Signals and end flags -> raw term columns. Kinds only; nothing is summed here.
    Reward,
    /// Reads everything, writes only records: frames of watched rows, the list of ended rows.
    Record,
    /// State and signals -> observation rows. Noise, delay and stacking live here, so that no reward can
    /// ever read them.
    Sense,
}

/// The batch's own systems stand between the public sets, so that a task never has to order against them.
#[derive(SystemSet, Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum BatchSystems {
    /// Counts the step, before `Act`.
    CountSteps,
    /// Zeroes the action signals of fresh rows, before `Measure` of `Observe`.
    ClearActions,
    /// Truncates at the step limit, after the task's own `Terminate`.
    LimitSteps,
    /// Contains faults and lists ended rows, after `Reward`.
    CloseStep,
    /// Keeps frames of watched rows, after `Record`.
    KeepFrames,
}

/// Registers the three schedules on an app.
pub(crate) fn add_schedules(app: &mut App) {
    use BatchSystems::*;
    use StepSystems::*;
    let mut step = strict(Step);
    step.configure_sets(
        (
            (Intervene, CountSteps, Act, Simulate, Measure, Track).chain(),
            (Terminate, LimitSteps, Reward, CloseStep, Record, KeepFrames, Sense).chain(),
        )
            .chain(),
    );
    let mut observe = strict(Observe);
    observe.configure_sets((ClearActions, Measure, Track, Sense).chain());
    app.add_schedule(strict(Prepare))
        .add_schedule(strict(Vary))
        .add_schedule(step)
        .add_schedule(strict(Restart))
        .add_schedule(observe);
}

fn strict(label: impl ScheduleLabel) -> Schedule {
    let mut schedule = Schedule::new(label);
    schedule.set_executor(SingleThreadedExecutor::new());
    schedule.set_build_settings(ScheduleBuildSettings {
        ambiguity_detection: LogLevel::Error,
        ..ScheduleBuildSettings::default()
    });
    schedule
}
