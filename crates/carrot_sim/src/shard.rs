//! A shard: one Bevy `World` with a contiguous block of env rows, stepped by one thread.

use std::sync::Arc;

use bevy_app::{App, Plugin};
use bevy_ecs::prelude::*;

use crate::batch::{Observations, PartData, PartSliceMut, StepOut};
use crate::episode::{self, ActionSignals, Actions, EndedRows, Ends, FaultLog, Faults, MaxSteps, RawColumns};
use crate::error::SimError;
use crate::frame::{Drawing, Frame, Look, LookRule, Looks, Watch, draw, draw_row, record_frames, take_looks};
use crate::intervention::{Handle, Handles, Intervention, PendingEdits, intervene, make_edits, observe_rows};
use crate::rollout::EndRecord;
use crate::row::{ActiveRows, EnvId, Episode, RowEntities, RunSeed, StepCount};
use crate::signal::Signals;
use crate::snapshot::{RowCodecs, RowSnapshot};
use crate::space::{ActionSpace, ObsPart};
use crate::step::{BatchSystems, Observe, Prepare, Restart, Step, StepSystems, Vary, add_schedules};
use crate::task::{BatchApp, Task, TaskPlugin};

/// A block of rows with its world.
pub struct Shard {
    world: World,
    prepare: Option<Schedule>,
    is_prepared: bool,
    step: Schedule,
    restart: Schedule,
    vary: Option<Schedule>,
    space: ActionSpace,
    rows: Vec<Entity>,
    first_env: usize,
    part_sizes: Vec<usize>,
    keys: QueryState<(&'static Episode, &'static StepCount)>,
    pub(crate) ended: EndedOut,
}

/// What a step says of its ended rows, for the batch to collect in shard order.
#[derive(Debug, Default)]
pub(crate) struct EndedOut {
    pub(crate) ends: Vec<EndRecord>,
    pub(crate) final_obs: Vec<PartData>,
    pub(crate) fresh_signals: Vec<f32>,
    pub(crate) looks: Vec<Look>,
}

/// The part of the batch that every task shares.
struct SimPlugin {
    rows: usize,
    seed: u64,
    max_steps: u32,
}

impl Plugin for SimPlugin {
    fn build(&self, app: &mut App) {
        add_schedules(app);
        let world = app.world_mut();
        world.insert_resource(RunSeed(self.seed));
        world.insert_resource(MaxSteps(self.max_steps));
        world.insert_resource(Ends::new(self.rows));
        world.insert_resource(RawColumns::new(self.rows));
        world.insert_resource(ActiveRows::all(self.rows));
        world.init_resource::<RowCodecs>();
        world.init_resource::<Handles>();
        world.init_resource::<PendingEdits>();
        world.init_resource::<Faults>();
        world.init_resource::<FaultLog>();
        world.init_resource::<EndedRows>();
        world.init_resource::<Watch>();
        world.init_resource::<Looks>();
        // The first reset begins episode 0.
        app.add_row_state(EnvId(0)).add_row_state(Episode(u32::MAX)).add_row_state(StepCount(0));
        app.add_systems(Restart, episode::begin_episodes);
        app.add_systems(Observe, episode::clear_action_signals.in_set(BatchSystems::ClearActions));
        app.add_step_systems(StepSystems::Intervene, intervene);
        app.add_systems(
            Step,
            (
                episode::count_steps.in_set(BatchSystems::CountSteps),
                episode::limit_steps.in_set(BatchSystems::LimitSteps),
                (episode::contain_faults, episode::list_ended_rows).chain().in_set(BatchSystems::CloseStep),
                (record_frames, take_looks).chain().in_set(BatchSystems::KeepFrames),
            ),
        );
    }
}

impl Shard {
    /// Builds rows `first_env .. first_env + rows` of a task; `install` adds further plugins, such as
    /// rewards, after the task's own.
    pub fn new(
        task: &Arc<dyn Task>,
        install: &dyn Fn(&mut App),
        seed: u64,
        first_env: usize,
        rows: usize,
    ) -> Self {
        let spec = task.spec().clone();
        let catalog = spec.catalog();
        let mut app = App::empty();
        app.add_plugins(SimPlugin { rows, seed, max_steps: spec.max_steps });
        let world = app.world_mut();
        let width = spec.action.width();
        world.insert_resource(Signals::new(catalog.width(), rows));
        world.insert_resource(Observations::new(&spec.observation, rows));
        world.insert_resource(Actions { width, applied: vec![0.0; rows * width], clipped: 0 });
        let actions = catalog.width() - 2 * width;
        world.insert_resource(ActionSignals {
            applied: crate::SignalId(actions),
            given: crate::SignalId(actions + width),
        });
        app.add_plugins(TaskPlugin(task.clone()));
        install(&mut app);
        app.finish();
        app.cleanup();
        let mut world = std::mem::take(app.world_mut());
        let entities: Vec<Entity> = (0..rows).map(|_| world.spawn_empty().id()).collect();
        world.resource_scope(|world, codecs: Mut<RowCodecs>| codecs.spawn(world, &entities));
        world.insert_resource(RowEntities(entities.clone()));
        for (i, &row) in entities.iter().enumerate() {
            if let Some(mut env) = world.get_mut::<EnvId>(row) {
                env.0 = (first_env + i) as u32;
            }
        }
        let ended = EndedOut {
            final_obs: spec.observation.iter().map(|p| PartData::new(p, 0)).collect(),
            ..EndedOut::default()
        };
        let part_sizes = spec.observation.iter().map(ObsPart::size).collect();
        let keys = world.query();
        // Taking a schedule out of the world and putting it back at every step costs more than a system does.
        let mut schedules = world.resource_mut::<Schedules>();
        let prepare = schedules.remove(Prepare).filter(|schedule| schedule.systems_len() > 0);
        let vary = schedules.remove(Vary).filter(|schedule| schedule.systems_len() > 0);
        let step = schedules.remove(Step).unwrap_or_default();
        let restart = schedules.remove(Restart).unwrap_or_default();
        Self {
            world,
            prepare,
            is_prepared: false,
            step,
            restart,
            vary,
            space: spec.action.clone(),
            rows: entities,
            first_env,
            part_sizes,
            keys,
            ended,
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Global id of the first row.
    pub fn first_env(&self) -> usize {
        self.first_env
    }

    /// The world, to read.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The world, for plugins that project something into it between rollouts.
    pub fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    /// Begins a new episode in the listed rows, or in all; gives the list back.
    pub(crate) fn reset(&mut self, rows: Option<Vec<u32>>) -> Vec<u32> {
        let total = self.rows.len();
        self.world.resource_mut::<Signals>().measure_into_now(false);
        *self.world.resource_mut::<ActiveRows>() = match rows {
            Some(list) => ActiveRows::listed(total, list),
            None => ActiveRows::all(total),
        };
        self.restart.run(&mut self.world);
        if let Some(vary) = &mut self.vary {
            vary.run(&mut self.world);
            make_edits(&mut self.world);
        }
        self.world.run_schedule(Observe);
        self.world.resource_mut::<Signals>().measure_into_now(true);
        self.world.resource_mut::<ActiveRows>().take_list().unwrap_or_default()
    }

    /// Runs [`Prepare`] and makes the edits that wait, unless that has been done for the next step; says whether there
    /// was anything to do.
    pub(crate) fn prepare(&mut self) -> bool {
        if !std::mem::replace(&mut self.is_prepared, true)
            && let Some(prepare) = &mut self.prepare
        {
            prepare.run(&mut self.world);
        }
        let has_edits = !self.world.resource::<PendingEdits>().0.is_empty();
        if has_edits {
            intervene(&mut self.world);
        }
        has_edits
    }

    /// One step of every row; ended rows begin a new episode when `autoreset` is set.
    pub(crate) fn step(&mut self, t: u32, actions: &[f32], autoreset: bool, out: &mut StepOut<'_>) {
        out.actions.copy_from_slice(actions);
        if self.prepare.is_some() {
            self.prepare();
        }
        self.is_prepared = false;
        self.take_actions(actions);
        self.step.run(&mut self.world);
        self.write_step(out);
        let ended = std::mem::take(&mut self.world.resource_mut::<EndedRows>().0);
        self.collect_ended(t, &ended);
        self.world.resource_mut::<Signals>().advance();
        if autoreset && !ended.is_empty() {
            // The list comes back, so that no step allocates.
            let list = self.reset(Some(ended));
            if !out.signals.is_empty() {
                let signals = self.world.resource::<Signals>();
                for &row in &list {
                    self.ended.fresh_signals.extend(signals.row_before(row as usize));
                }
            }
            self.world.resource_mut::<EndedRows>().0 = list;
        } else {
            self.world.resource_mut::<EndedRows>().0 = ended;
        }
        self.write_observations(&mut out.obs);
    }

    fn take_actions(&mut self, given: &[f32]) {
        let space = &self.space;
        self.world.resource_scope(|world, mut actions: Mut<Actions>| {
            world.resource_scope(|world, mut signals: Mut<Signals>| {
                let ids = *world.resource::<ActionSignals>();
                let mut faults = world.resource_mut::<Faults>();
                episode::take_actions(given, space, ids, &mut actions, &mut signals, &mut faults);
            });
        });
    }

    fn write_step(&mut self, out: &mut StepOut<'_>) {
        let ends = self.world.resource::<Ends>();
        out.terminated.copy_from_slice(&ends.terminated);
        out.truncated.copy_from_slice(&ends.truncated);
        out.success.copy_from_slice(&ends.success);
        out.cause.copy_from_slice(&ends.cause);
        out.score.copy_from_slice(&ends.score);
        let raw = self.world.resource::<RawColumns>();
        for (column, to) in out.raw.iter_mut().enumerate() {
            to.copy_from_slice(raw.get(column));
        }
        let now = self.world.resource::<Signals>().now();
        for (column, to) in out.signals.iter_mut().enumerate() {
            to.copy_from_slice(now.column(column));
        }
    }

    fn collect_ended(&mut self, t: u32, ended: &[u32]) {
        let out = &mut self.ended;
        out.ends.clear();
        out.fresh_signals.clear();
        out.final_obs.iter_mut().for_each(PartData::clear);
        out.looks = std::mem::take(&mut self.world.resource_mut::<Looks>().taken);
        for look in &mut out.looks {
            look.t = t;
            look.row += self.first_env as u32;
        }
        if ended.is_empty() {
            return;
        }
        let Some((episodes, steps)) =
            self.keys.contiguous_iter(&self.world).ok().and_then(|mut tables| tables.next())
        else {
            return;
        };
        let obs = &self.world.resource::<Observations>().parts;
        for &row in ended {
            let i = row as usize;
            let (env, episode, length) = ((self.first_env + i) as u32, episodes[i].0, steps[i].0);
            out.ends.push(EndRecord { step: t, env, episode, length });
            for ((to, from), &size) in out.final_obs.iter_mut().zip(obs).zip(&self.part_sizes) {
                to.extend(from.slice(i * size..(i + 1) * size));
            }
        }
    }

    pub(crate) fn write_observations(&self, to: &mut [PartSliceMut<'_>]) {
        for (to, from) in to.iter_mut().zip(&self.world.resource::<Observations>().parts) {
            to.copy_from(from);
        }
    }

    /// Saves a row between two steps.
    pub fn snapshot(&self, row: usize) -> Result<RowSnapshot, SimError> {
        let entity = self.entity(row)?;
        let state = self.world.resource::<RowCodecs>().save(&self.world, entity)?;
        Ok(RowSnapshot { state, before: self.world.resource::<Signals>().row_before(row) })
    }

    /// Restores a row; every later step gives the same bytes as it would have given there.
    pub fn restore(&mut self, row: usize, snapshot: &RowSnapshot) -> Result<(), SimError> {
        let entity = self.entity(row)?;
        self.world
            .resource_scope(|world, codecs: Mut<RowCodecs>| codecs.load(world, entity, &snapshot.state))?;
        observe_rows(&mut self.world, vec![row as u32]);
        // What was measured when the snapshot was taken wins: actions are not part of a row's state.
        self.world.resource_mut::<Signals>().set_row_before(row, &snapshot.before);
        Ok(())
    }

    /// What may be set in a row, by name.
    pub fn handles(&self) -> &[Handle] {
        &self.world.resource::<Handles>().0
    }

    /// Queues an edit for the start of the next step.
    pub fn intervene(&mut self, edit: Intervention) -> Result<(), SimError> {
        self.entity(edit.row)?;
        let handles = self.handles();
        let Some(handle) = handles.iter().find(|h| h.name == edit.handle) else {
            let known: Vec<_> = handles.iter().map(|h| h.name.as_str()).collect();
            return Err(SimError::NoSuchHandle { given: edit.handle, known: known.join(", ") });
        };
        if edit.values.len() != handle.width || edit.values.iter().any(|v| !v.is_finite()) {
            return Err(SimError::HandleValues {
                handle: edit.handle,
                expected: handle.width,
                given: edit.values,
            });
        }
        self.world.resource_mut::<PendingEdits>().0.push(edit);
        Ok(())
    }

    /// Keeps frames of these rows from the next step on.
    pub fn watch(&mut self, rows: Vec<usize>) {
        let total = self.rows.len();
        let mut watch = self.world.resource_mut::<Watch>();
        watch.rows = rows.into_iter().filter(|&row| row < total).collect();
        watch.frames.clear();
    }

    /// Draws all rows by these rules from the next step on, for rewards that score pictures.
    pub(crate) fn look(&mut self, rules: &[LookRule]) {
        self.world.resource_mut::<Looks>().rules = rules.to_vec();
    }

    /// Frames of the watched rows at the last step.
    pub fn frames(&self) -> &[Frame] {
        &self.world.resource::<Watch>().frames
    }

    /// A frame of a row as it is now, between steps.
    pub fn frame(&mut self, row: usize) -> Result<Frame, SimError> {
        self.entity(row)?;
        let mut frame = draw_row(&mut self.world, row);
        frame.signals = self.world.resource::<Signals>().row_before(row);
        Ok(frame)
    }

    /// What all rows look like now, between steps.
    pub(crate) fn drawings(&self) -> impl Iterator<Item = Drawing> {
        (0..self.rows.len()).map(|row| draw(&self.world, row))
    }

    fn entity(&self, row: usize) -> Result<Entity, SimError> {
        self.rows.get(row).copied().ok_or(SimError::NoSuchRow { row, rows: self.rows.len() })
    }

    /// Number of archetypes that hold rows: 1, from the first step to the last.
    pub fn row_archetypes(&self) -> usize {
        self.world
            .archetypes()
            .iter()
            .filter(|a| a.entities().iter().any(|e| self.rows.contains(&e.id())))
            .count()
    }
}
