//! What can go wrong in the app; each message is shown in the window as it stands.

use std::path::PathBuf;

use carrot_lab::LabError;
use carrot_learn::LearnError;
use carrot_record::RecordError;
use carrot_reward::RewardError;
use carrot_scene::Diagnostics;
use carrot_sim::SimError;

/// Errors of the app.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Mistakes in a scene or in an edit of it.
    #[error("{0}")]
    Scene(#[from] Diagnostics),
    /// The lab failed.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// Driving the batch failed.
    #[error(transparent)]
    Sim(#[from] SimError),
    /// Scoring failed.
    #[error(transparent)]
    Reward(#[from] RewardError),
    /// A policy failed.
    #[error(transparent)]
    Learn(#[from] LearnError),
    /// Reading or writing a run failed.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A file that cannot be read or written.
    #[error("{what}: {why}: {}", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        why: String,
        /// The file.
        path: PathBuf,
    },
    /// A request that makes no sense for what is there.
    #[error("{0}")]
    Refused(String),
}

impl AppError {
    /// An error of the file system at a path.
    pub fn file(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |error| Self::File { what, why: error.to_string(), path }
    }
}
