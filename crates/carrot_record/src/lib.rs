//! What happened in a run, without loss: run folders, metrics, episodes and checkpoints.
//!
//! Nothing here decides anything, reads a clock or prints. Whatever is written survives a kill at any moment:
//! logs grow by whole lines and are cut back to the last checkpoint on resume, other files get their name only
//! once they are complete and on the device.
//!
//! A run's life, from its folder to its resumption:
//!
//! ```
//! # use std::{collections::BTreeMap, sync::Arc};
//! # use carrot_record::*;
//! # let runs = tempfile::tempdir()?;
//! # let runs = runs.path();
//! let name = RunName {
//!     task: "CartPole-v1".into(),
//!     algo: "ppo".into(),
//!     started: "20260214_093000".into(),
//!     seed: 7,
//!     name: None,
//! };
//! let run = RunFolder::create(&name.folder(runs)?, &RunStart::default())?;
//! let mut metrics = MetricsWriter::open(&DiskStorage, &run.paths().metrics())?;
//! metrics.append(&MetricsRow { env_steps: 512, update: 1, values: BTreeMap::new() })?;
//! metrics.sync()?;
//!
//! let header = CheckpointHeader { env_steps: 512, logs: run.measure_logs()?, ..Default::default() };
//! let parts = BTreeMap::from([("policy.safetensors".to_owned(), vec![1, 2, 3])]);
//! run.checkpoints(3).save(&header, &parts)?;
//! drop(run);
//!
//! let run = RunFolder::open(&name.folder(runs)?)?;
//! let newest = run.checkpoints(3).load_newest()?;
//! if let Some((name, checkpoint)) = newest.found {
//!     assert_eq!(name.to_string(), "step_000000000512");
//!     assert_eq!(checkpoint.parts, parts);
//!     assert!(run.rewind(&checkpoint.header.logs)?.is_empty());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod animation;
mod appender;
mod checkpoint;
mod episode;
mod error;
mod fault_storage;
mod lines;
mod metrics;
mod run_folder;
mod storage;
mod tensorboard;

pub use animation::Animation;
pub use checkpoint::{
    CHECKPOINT_FORMAT, Checkpoint, CheckpointHeader, CheckpointName, CheckpointStore, NewestCheckpoint,
    SavedCheckpoint,
};
pub use episode::{
    ColumnLabel, EPISODE_SUFFIX, Episode, EpisodeKey, EpisodeReader, EpisodeSchema, EpisodeWriter, Episodes,
};
pub use error::{RecordError, RecordWarning};
pub use fault_storage::{FAILPOINT_VARIABLE, Fault, FaultPlan, FaultStorage};
pub use lines::{LineLog, Lines, read_lines, read_lines_from};
pub use metrics::{MetricsRow, MetricsWriter, read_metrics};
pub use run_folder::{RunFolder, RunMeta, RunName, RunPaths, RunStart, read_meta};
pub use storage::{DiskStorage, Storage, StorageFile, content_hash, replace_file};
pub use tensorboard::{EventContent, EventRecord, EventWriter, event_files, read_events};
