//! Everything that can go wrong while recording, and what may go on with a warning.

use std::{io, path::PathBuf};

/// Why something could not be recorded or read back.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The operating system refused; a full disk is of this kind.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried, as a verb: `read`, `write`, `rename`.
        action: &'static str,
        /// The file or folder it was tried on.
        path: PathBuf,
        /// The reason given by the operating system.
        source: io::Error,
    },
    /// Another process holds the run folder.
    #[error("run folder {path} is in use by {}", owner(.pid))]
    InUse {
        /// The run folder.
        path: PathBuf,
        /// The owner's process id, if it could be read.
        pid: Option<u32>,
    },
    /// A new run, checkpoint or episode file would replace an old one.
    #[error("{path} exists already")]
    AlreadyExists {
        /// The file or folder in the way.
        path: PathBuf,
    },
    /// The folder lacks what every run has.
    #[error("{path} is not a run folder: it has no {missing}")]
    NotARun {
        /// The folder.
        path: PathBuf,
        /// The file that was looked for.
        missing: &'static str,
    },
    /// A file is not what was written.
    #[error("{path} is damaged: {what}")]
    Corrupt {
        /// The damaged file or folder.
        path: PathBuf,
        /// What was found, and what was expected.
        what: String,
    },
    /// A file was written by another version of the format.
    #[error("{path} has format version {found}, this build reads version {supported}")]
    UnsupportedFormat {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The version that this build reads and writes.
        supported: u32,
    },
    /// A name that would not be safe or unique as a file, column or key.
    #[error("{what} `{name}` is not allowed: expected {expected}")]
    InvalidName {
        /// What is named: `task`, `checkpoint part`, `episode column`.
        what: &'static str,
        /// The name.
        name: String,
        /// What would be allowed.
        expected: &'static str,
    },
    /// An episode's column has the wrong number of values.
    #[error("episode column `{column}` has {found} values, expected {expected}")]
    Shape {
        /// The column.
        column: &'static str,
        /// Values that its steps and the schema ask for.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// A value that cannot be written as JSON.
    #[error("cannot write a line to {path}")]
    Encode {
        /// The log.
        path: PathBuf,
        /// The reason given by the serialiser.
        source: serde_json::Error,
    },
    /// The environment variable `CARROT_FAILPOINT` does not say what to do.
    #[error("CARROT_FAILPOINT is `{value}`: expected `checkpoint:K` with K = 1, 2, ...")]
    InvalidFailpoint {
        /// Its value.
        value: String,
    },
}

impl RecordError {
    /// The process exit code for this error: 6 for the disk, 8 for a run folder in use, 2 for bad input.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Io { .. } => 6,
            Self::InUse { .. } => 8,
            Self::AlreadyExists { .. }
            | Self::NotARun { .. }
            | Self::Corrupt { .. }
            | Self::UnsupportedFormat { .. }
            | Self::InvalidName { .. }
            | Self::Shape { .. }
            | Self::Encode { .. }
            | Self::InvalidFailpoint { .. } => 2,
        }
    }

    /// Whether the disk or the quota is full, so that freeing space and trying again can help.
    pub fn is_disk_full(&self) -> bool {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull, WriteZero};
        matches!(self, Self::Io { source, .. }
            if matches!(source.kind(), StorageFull | QuotaExceeded | FileTooLarge | WriteZero))
    }

    /// An adapter for `map_err` that says what was tried on which path.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn corrupt(path: impl Into<PathBuf>, what: impl Into<String>) -> Self {
        Self::Corrupt { path: path.into(), what: what.into() }
    }
}

fn owner(pid: &Option<u32>) -> String {
    pid.map_or_else(|| "another process".into(), |pid| format!("process {pid}"))
}

/// Something a person should hear about although the call did what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum RecordWarning {
    /// A damaged checkpoint was renamed out of the way and an older one taken.
    #[error("checkpoint {name} was set aside as {set_aside}: {reason}")]
    Quarantined {
        /// The checkpoint.
        name: String,
        /// Its new name.
        set_aside: String,
        /// Why it did not verify.
        reason: RecordError,
    },
    /// A damaged checkpoint was skipped, and could not be renamed either.
    #[error("checkpoint {name} was skipped, and stays where it is ({rename}): {reason}")]
    Skipped {
        /// The checkpoint.
        name: String,
        /// Why it did not verify.
        reason: RecordError,
        /// Why it could not be renamed.
        rename: RecordError,
    },
    /// The checkpoint is safe, but work around it (the `latest` pointer, old checkpoints) failed.
    #[error("the checkpoint is safe, but tidying up after it failed")]
    Housekeeping {
        /// What failed.
        source: RecordError,
    },
    /// A log ends before the place where the checkpoint saw it end.
    #[error("{path} has {found} bytes, the checkpoint expected {expected}: lines were lost")]
    LogShorter {
        /// The log.
        path: PathBuf,
        /// Its length in bytes.
        found: u64,
        /// Its length in bytes when the checkpoint was written.
        expected: u64,
    },
    /// An episode file that the checkpoint counts on is gone.
    #[error("episode file {path} is missing")]
    EpisodesMissing {
        /// The file.
        path: PathBuf,
    },
}
