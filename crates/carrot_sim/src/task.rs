//! What a task is: its specification, and the verbs with which its plugin joins a batch.

use std::sync::Arc;

use bevy_app::{App, Plugin};
use bevy_ecs::component::Mutable;
use bevy_ecs::prelude::*;
use bevy_ecs::schedule::ScheduleConfigs;
use bevy_ecs::system::ScheduleSystem;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::episode::{CAUSE_FAULT, CAUSE_NONE, CAUSE_TASK, CAUSE_TIME_LIMIT, Cause};
use crate::error::SimError;
use crate::frame::{Camera, DrawRow, Drawing};
use crate::goal::GoalSpec;
use crate::intervention::{Handle, Handles};
use crate::mdp::{Mdp, MdpError};
use crate::pixels::Painter;
use crate::seed::{RowKey, Stream};
use crate::signal::{SignalCatalog, SignalKind, SignalSpec, SignalView};
use crate::snapshot::RowCodecs;
use crate::space::{ActionSpace, ObsPart};
use crate::step::{Observe, Restart, Step, StepSystems};

/// A reward that a task ships with, as the RON list of a scene's `reward` field.
#[derive(Debug, Clone, PartialEq)]
pub struct DefaultReward {
    /// Name by which scenes ask for it: `sparse`, `shaped`, `naive`, ...
    pub name: &'static str,
    /// One sentence: what it pays for.
    pub about: &'static str,
    /// RON text of the graph.
    pub ron: &'static str,
    /// Name of the script that farms it, when it can be farmed.
    pub farmed_by: Option<&'static str>,
}

/// What a scripted behaviour may look at: the signals of its row, its key, and the row's state where signals
/// say too little for a plan.
#[derive(Clone, Copy)]
pub struct ScriptView<'a> {
    /// Signals of s for the whole shard or batch.
    pub signals: SignalView<'a>,
    /// Names of those signals.
    pub catalog: &'a SignalCatalog,
    /// World of the shard, for [`crate::row_state`].
    pub world: &'a World,
    /// Row in `signals` and in `world`.
    pub row: usize,
    /// Steps taken in this episode.
    pub step: u32,
    /// Key of the row, for scripted noise.
    pub key: RowKey,
}

impl ScriptView<'_> {
    /// A scalar signal by name; 0 when the task has no such signal.
    pub fn get(&self, name: &str) -> f32 {
        self.axis(name, 0)
    }

    /// One axis of a signal by name.
    pub fn axis(&self, name: &str, axis: usize) -> f32 {
        self.catalog.find(name).map_or(0.0, |(id, _)| self.signals.get(id, axis)[self.row])
    }
}

/// A scripted behaviour writes one action from what it sees.
pub type ScriptFn = fn(&ScriptView<'_>, &mut [f32]);

/// A named scripted behaviour of a task.
#[derive(Debug, Clone, Copy)]
pub struct Script {
    /// `expert`, or the name of an exploit.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// The behaviour.
    pub act: ScriptFn,
}

/// Everything about a task but its systems.
#[derive(Debug, Clone)]
pub struct TaskSpec {
    /// Name with version, for example `CartPole-v1`.
    pub name: &'static str,
    /// `control`, `gridworld` or `manipulation`.
    pub family: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// Documentation in Gymnasium's sections, Markdown.
    pub docs: &'static str,
    /// Named parts of an observation.
    pub observation: Vec<ObsPart>,
    /// What an agent may do.
    pub action: ActionSpace,
    /// Signals of the task; the action signals are added by [`TaskSpec::catalog`].
    pub signals: Vec<SignalSpec>,
    /// Names of the task's own causes, from [`CAUSE_TASK`] on.
    pub causes: &'static [&'static str],
    /// Steps after which an episode is truncated; 0 for none.
    pub max_steps: u32,
    /// Seconds per step.
    pub control_dt: f32,
    /// Seconds per physics substep; `control_dt / decimation`.
    pub physics_dt: f32,
    /// Physics substeps per step.
    pub decimation: u32,
    /// Rewards that the task ships with.
    pub rewards: Vec<DefaultReward>,
    /// Scripted behaviours, the expert first.
    pub scripts: Vec<Script>,
}

impl TaskSpec {
    /// Task signals, then the applied actions, then the given ones.
    pub fn catalog(&self) -> SignalCatalog {
        let mut catalog = SignalCatalog::new(self.signals.clone());
        for given in [false, true] {
            for (i, element) in self.action.element_names().iter().enumerate() {
                let (prefix, what) = if given {
                    ("action_given", "as given")
                } else {
                    ("action", "as applied, after clipping")
                };
                let (name, kind, unit) = match &self.action {
                    ActionSpace::Discrete { .. } => (prefix.to_string(), SignalKind::Category, ""),
                    ActionSpace::MultiDiscrete { .. } => {
                        (format!("{prefix}_{element}"), SignalKind::Category, "")
                    }
                    ActionSpace::Continuous { units, .. } => {
                        (format!("{prefix}_{element}"), SignalKind::Scalar, units[i].as_str())
                    }
                };
                let about = format!("Action {element} of the last step, {what}; 0 in a fresh row.");
                catalog.push(SignalSpec::new(&name, kind, unit, self.action.bounds(i), &about));
            }
        }
        catalog
    }

    /// Name of a cause.
    pub fn cause_name(&self, cause: Cause) -> &'static str {
        match cause {
            CAUSE_NONE => "none",
            CAUSE_TIME_LIMIT => "time_limit",
            CAUSE_FAULT => "fault",
            own => self.causes.get((own - CAUSE_TASK) as usize).copied().unwrap_or("unknown"),
        }
    }

    /// A cause by name.
    pub fn find_cause(&self, name: &str) -> Option<Cause> {
        (0..CAUSE_TASK + self.causes.len() as u8).find(|&c| self.cause_name(c) == name)
    }

    /// A script by name.
    pub fn script(&self, name: &str) -> Option<Script> {
        self.scripts.iter().copied().find(|s| s.name == name)
    }
}

/// A task: a specification and the plugin that adds its columns and systems to a shard.
pub trait Task: Send + Sync + 'static {
    /// The specification; the same on every call.
    fn spec(&self) -> &TaskSpec;

    /// Adds row state and systems to the app of one shard.
    fn build(&self, app: &mut App);

    /// From where the task is looked at.
    fn camera(&self) -> Camera {
        Camera::TABLE
    }

    /// What agents observe: the parts of the specification, unless pictures stand in for them.
    fn observation(&self) -> &[ObsPart] {
        &self.spec().observation
    }

    /// Who draws those pictures, for a new batch; `None` where agents observe the parts.
    ///
    /// # Errors
    /// When there is no device that draws.
    fn painter(&self) -> Result<Option<Box<dyn Painter>>, SimError> {
        Ok(None)
    }

    /// What a goal task counts as reached; `None` where episodes have no goal of their own.
    fn goal(&self) -> Option<GoalSpec> {
        None
    }

    /// The task as an exact model, with the layout that the key draws where layouts differ.
    ///
    /// # Errors
    /// When the task's states cannot be listed, or are too many.
    fn mdp(&self, _layout: RowKey) -> Result<Mdp, MdpError> {
        Err(MdpError::NotListed(self.spec().name))
    }
}

/// An action drawn uniformly from the space: the `random` behaviour of every task.
pub fn random_action(space: &ActionSpace, key: RowKey, step: u32, action: &mut [f32]) {
    // Sixteen blocks a step leave room for wide actions and for rejected draws.
    let mut rng = key.rng_at(Stream::Script, step.wrapping_mul(16));
    for (i, slot) in action.iter_mut().enumerate() {
        *slot = match space.choices(i) {
            Some(n) => rng.below(n as u32) as f32,
            None => {
                let (low, high) = space.bounds(i);
                rng.uniform(low, high)
            }
        };
    }
}

/// The verbs with which plugins join a batch.
pub trait BatchApp {
    /// Adds a component column, with its value before the first reset; it is part of every snapshot.
    fn add_row_state<T>(&mut self, initial: T) -> &mut Self
    where
        T: Component<Mutability = Mutable> + Clone + Serialize + DeserializeOwned;

    /// Adds a component column that makes, saves and loads itself, such as a physics world.
    fn add_own_row_state<T>(
        &mut self,
        make: impl Fn() -> T + Send + Sync + 'static,
        save: fn(&T) -> Result<Vec<u8>, String>,
        load: fn(&mut T, &[u8]) -> Result<(), String>,
    ) -> &mut Self
    where
        T: Component<Mutability = Mutable>;

    /// Adds systems to one set of the step.
    fn add_step_systems<M>(
        &mut self,
        set: StepSystems,
        systems: impl IntoScheduleConfigs<ScheduleSystem, M>,
    ) -> &mut Self;

    /// Adds systems that give the active rows fresh state.
    fn add_restart_systems<M>(&mut self, systems: impl IntoScheduleConfigs<ScheduleSystem, M>) -> &mut Self;

    /// Adds systems to `Measure`, `Track` or `Sense`, which run in [`Step`] for all rows and in [`Observe`]
    /// for the active ones.
    fn add_observing_systems<M, S>(&mut self, set: StepSystems, systems: S) -> &mut Self
    where
        S: IntoScheduleConfigs<ScheduleSystem, M> + Clone;

    /// Says how one row is drawn.
    fn set_drawing(&mut self, draw: fn(&World, usize) -> Drawing) -> &mut Self;

    /// Names something that scripts and hands may set.
    fn add_handle(
        &mut self,
        name: &str,
        about: &str,
        width: usize,
        set: impl Fn(&mut World, usize, &[f32]) + Send + Sync + 'static,
    ) -> &mut Self;
}

impl BatchApp for App {
    fn add_row_state<T>(&mut self, initial: T) -> &mut Self
    where
        T: Component<Mutability = Mutable> + Clone + Serialize + DeserializeOwned,
    {
        self.world_mut().get_resource_or_init::<RowCodecs>().add(initial);
        self
    }

    fn add_own_row_state<T>(
        &mut self,
        make: impl Fn() -> T + Send + Sync + 'static,
        save: fn(&T) -> Result<Vec<u8>, String>,
        load: fn(&mut T, &[u8]) -> Result<(), String>,
    ) -> &mut Self
    where
        T: Component<Mutability = Mutable>,
    {
        self.world_mut().get_resource_or_init::<RowCodecs>().add_own(make, save, load);
        self
    }

    fn add_step_systems<M>(
        &mut self,
        set: StepSystems,
        systems: impl IntoScheduleConfigs<ScheduleSystem, M>,
    ) -> &mut Self {
        let systems: ScheduleConfigs<ScheduleSystem> = systems.into_configs().in_set(set);
        self.add_systems(Step, systems)
    }

    fn add_restart_systems<M>(&mut self, systems: impl IntoScheduleConfigs<ScheduleSystem, M>) -> &mut Self {
        self.add_systems(Restart, systems.into_configs().after(crate::episode::begin_episodes))
    }

    fn add_observing_systems<M, S>(&mut self, set: StepSystems, systems: S) -> &mut Self
    where
        S: IntoScheduleConfigs<ScheduleSystem, M> + Clone,
    {
        self.add_systems(Step, systems.clone().into_configs().in_set(set));
        self.add_systems(Observe, systems.into_configs().in_set(set))
    }

    fn set_drawing(&mut self, draw: fn(&World, usize) -> Drawing) -> &mut Self {
        self.insert_resource(DrawRow(draw))
    }

    fn add_handle(
        &mut self,
        name: &str,
        about: &str,
        width: usize,
        set: impl Fn(&mut World, usize, &[f32]) + Send + Sync + 'static,
    ) -> &mut Self {
        let handle = Handle { name: name.into(), about: about.into(), width, set: Arc::new(set) };
        self.world_mut().get_resource_or_init::<Handles>().0.push(handle);
        self
    }
}

/// The task's side of a shard, as a Bevy plugin.
pub(crate) struct TaskPlugin(pub(crate) Arc<dyn Task>);

impl Plugin for TaskPlugin {
    fn build(&self, app: &mut App) {
        self.0.build(app);
    }
}
