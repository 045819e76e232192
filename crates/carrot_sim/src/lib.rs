//! The batch: rows in ECS tables, the step schedules, spaces, signals, episodes, shards and rollouts.
//!
//! Read [`step`] first: it is the one place that says what happens in which order.

pub mod batch;
pub mod check;
pub mod episode;
pub mod error;
pub mod frame;
pub mod goal;
pub mod intervention;
mod kernel;
pub mod mdp;
pub mod pixels;
pub mod rollout;
pub mod row;
pub mod seed;
pub mod shard;
pub mod signal;
pub mod snapshot;
pub mod space;
pub mod step;
pub mod task;
pub mod tile;
pub mod vec_env;

pub use batch::{Observations, PartData, PartSlice};
pub use bevy_app::{App, Plugin};
pub use check::{CheckConfig, CheckFinding, CheckReport, check_task};
pub use episode::{
    Actions, CAUSE_FAULT, CAUSE_NONE, CAUSE_TASK, CAUSE_TIME_LIMIT, Cause, Ends, Fault, FaultSource, Faults,
    MaxSteps, RawColumns,
};
pub use error::SimError;
pub use frame::{Body, Camera, Contact, Drawing, Frame, Look, LookRule, Shape, Tiles};
pub use goal::GoalSpec;
pub use intervention::{Handle, Intervention, PendingEdits};
pub use mdp::{Mdp, MdpError};
pub use pixels::{Painter, PixelSpec};
pub use rollout::{EndRecord, Rollout, SignalLog};
pub use row::{
    ActiveRows, Column, ColumnMut, EnvId, Episode, RowKeys, RunSeed, StepCount, edit_row_state, row_state,
    set_row_state,
};
pub use seed::{KeyedRng, RowKey, Stream, unit_f32};
pub use shard::Shard;
pub use signal::{SignalCatalog, SignalId, SignalKind, SignalSpec, SignalView, Signals};
pub use snapshot::RowSnapshot;
pub use space::{ActionSpace, Element, ObsPart};
pub use step::{Observe, Prepare, Restart, Step, StepSystems, Vary};
pub use task::{BatchApp, DefaultReward, Script, ScriptFn, ScriptView, Task, TaskSpec, random_action};
pub use vec_env::{BatchSnapshot, VecEnv, VecEnvConfig};
