//! What can go wrong when a batch is built, driven or restored.

/// Errors of the batch.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The action batch does not fit the batch.
    #[error("actions hold {given} numbers, expected {expected} ({rows} rows of {width})")]
    ActionShape {
        /// Numbers given.
        given: usize,
        /// Numbers expected.
        expected: usize,
        /// Rows of the batch.
        rows: usize,
        /// Numbers per row.
        width: usize,
    },
    /// A reset mask does not have one flag per row.
    #[error("the mask has {given} flags, expected {expected}, one per row")]
    MaskShape {
        /// Flags given.
        given: usize,
        /// Rows of the batch.
        expected: usize,
    },
    /// More steps were taken than the rollout holds.
    #[error("the rollout is full after {0} steps; begin a new one first")]
    RolloutFull(usize),
    /// Buffers that do not fit in memory.
    #[error(
        "a rollout of {rows} rows and {steps} steps takes {} MiB, more than there is; lower num_envs or num_steps",
        bytes >> 20
    )]
    OutOfMemory {
        /// Rows of the batch.
        rows: usize,
        /// Steps of a rollout.
        steps: usize,
        /// Bytes of its buffers.
        bytes: usize,
    },
    /// A row that does not exist.
    #[error("row {row} does not exist, the batch has {rows}")]
    NoSuchRow {
        /// The row asked for.
        row: usize,
        /// Rows of the batch.
        rows: usize,
    },
    /// A handle that does not exist.
    #[error("unknown handle `{given}`, the task has: {known}")]
    NoSuchHandle {
        /// The handle asked for.
        given: String,
        /// Handles of the task.
        known: String,
    },
    /// A handle was given the wrong number of values, or a value that is not finite.
    #[error("handle `{handle}` takes {expected} finite numbers, got {given:?}")]
    HandleValues {
        /// The handle.
        handle: String,
        /// Numbers it takes.
        expected: usize,
        /// What was given.
        given: Vec<f32>,
    },
    /// A snapshot of another task or version.
    #[error("the snapshot does not have this task's columns")]
    SnapshotColumns,
    /// Snapshot bytes that cannot be read.
    #[error("the snapshot cannot be read: {0}")]
    Snapshot(#[from] postcard::Error),
    /// A column that saves itself could not.
    #[error("a row's state cannot be saved or restored: {0}")]
    RowState(String),
    /// A batch without rows or shards.
    #[error("a batch needs at least one row and one shard, got {rows} rows and {shards} shards")]
    EmptyBatch {
        /// Rows asked for.
        rows: usize,
        /// Shards asked for.
        shards: usize,
    },
    /// The worker threads could not be started.
    #[error("worker threads could not be started: {0}")]
    Threads(String),
    /// What agents see could not be drawn.
    #[error("observations cannot be drawn: {0}")]
    Painter(String),
    /// A system of the step panicked: a bug, contained so that the caller can save its work.
    #[error("a system panicked in shard {shard}: {message}")]
    Panicked {
        /// Shard in which it happened.
        shard: usize,
        /// Panic message.
        message: String,
    },
}
