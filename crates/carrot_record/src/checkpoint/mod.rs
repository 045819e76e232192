//! Checkpoints that a crash at any moment leaves whole: the old one or the new one, never a mix.
//!
//! A checkpoint is a set of named byte blobs; what is in them is the business of whoever saves.
//!
//! 1. Each part is written into `step_N.tmp/` and synced,
//! 2. then `MANIFEST.json` with size and BLAKE3 hash of each part and of itself, synced,
//! 3. then the folder is synced,
//! 4. renamed to `step_N`,
//! 5. and its parent synced. From here on the checkpoint counts.
//! 6. `latest` is replaced in one step,
//! 7. and old checkpoints are removed, never one that `latest` or `best` names.
//!
//! Loading takes the newest folder whose manifest and parts verify; it trusts no pointer.

mod manifest;
mod name;
mod store;

use std::collections::BTreeMap;

pub use manifest::CHECKPOINT_FORMAT;
pub use name::CheckpointName;
pub(crate) use name::check_plain_name;
pub use store::CheckpointStore;

use crate::RecordWarning;

/// What a checkpoint says about itself, beside its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckpointHeader {
    /// Environment steps taken, summed over all envs.
    pub env_steps: u64,
    /// Index of the next update.
    pub update: u64,
    /// Hash of the resolved configuration, see [`content_hash`](crate::content_hash).
    pub config_hash: String,
    /// Length in bytes of each log and episode file at this moment, by path relative to the run folder.
    ///
    /// [`RunFolder::measure_logs`](crate::RunFolder::measure_logs) fills it,
    /// [`RunFolder::rewind`](crate::RunFolder::rewind) uses it.
    pub logs: BTreeMap<String, u64>,
}

/// A checkpoint that verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// What it says about itself.
    pub header: CheckpointHeader,
    /// Its contents by name.
    pub parts: BTreeMap<String, Vec<u8>>,
}

/// A checkpoint that is safe on the device.
#[derive(Debug)]
pub struct SavedCheckpoint {
    /// Its name.
    pub name: CheckpointName,
    /// Tidying up that failed.
    pub warnings: Vec<RecordWarning>,
}

/// What was found when looking for the newest checkpoint.
#[derive(Debug)]
pub struct NewestCheckpoint {
    /// The newest one that verifies; `None` if there is none.
    pub found: Option<(CheckpointName, Checkpoint)>,
    /// Newer ones that did not verify.
    pub warnings: Vec<RecordWarning>,
}
