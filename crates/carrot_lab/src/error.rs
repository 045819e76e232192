//! What can go wrong in the lab, and the exit code of each.

use std::path::PathBuf;

use carrot_learn::LearnError;
use carrot_learn::vlm::VlmError;
use carrot_record::{RecordError, RecordWarning};
use carrot_render::RenderError;
use carrot_reward::RewardError;
use carrot_scene::Diagnostics;
use carrot_sim::{MdpError, SimError};

use crate::preference::BadLine;
use crate::report::ReportError;

/// Errors of the lab.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// Mistakes in a scene, a reward file or overrides.
    #[error("{0}")]
    Scene(#[from] Diagnostics),
    /// Driving the batch failed.
    #[error(transparent)]
    Sim(#[from] SimError),
    /// The task has no exact model, or it has no optimum.
    #[error(transparent)]
    Mdp(#[from] MdpError),
    /// Scoring failed.
    #[error(transparent)]
    Reward(#[from] RewardError),
    /// Reading or writing a run failed.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The learner failed.
    #[error(transparent)]
    Learn(#[from] LearnError),
    /// An image-text model failed.
    #[error(transparent)]
    Vlm(#[from] VlmError),
    /// Pictures could not be drawn.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// A report could not be made.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// A checkpoint part that cannot be read.
    #[error("the checkpoint part `{part}` cannot be read: {why}")]
    Part {
        /// Its name.
        part: String,
        /// Why.
        why: String,
    },
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
    /// More contained faults than a run may have.
    #[error("{faults} faults in {env_steps} env steps, more than {allowed} per million: stopped; see {}", log.display())]
    TooManyFaults {
        /// Faults so far.
        faults: u64,
        /// Env steps so far.
        env_steps: u64,
        /// Faults allowed per million env steps.
        allowed: u64,
        /// Where they are listed.
        log: PathBuf,
    },
}

/// What went wrong without stopping a run.
#[derive(Debug, thiserror::Error)]
pub enum RunWarning {
    /// With its folder.
    #[error(transparent)]
    Record(#[from] RecordWarning),
    /// With a line of labels.
    #[error(transparent)]
    Label(#[from] BadLine),
    /// An answer about a pair that nobody was asked about.
    #[error("an answer about pair {0}, which the training never asked for; it is left out")]
    UnknownPair(u64),
    /// With a reward network.
    #[error("{0}")]
    RewardNetwork(String),
}

impl LabError {
    /// An error of the file system at a path.
    pub fn file(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |error| Self::File { what, why: error.to_string(), path }
    }

    /// Exit code of a command that ends with this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Scene(_) | Self::Refused(_) | Self::Part { .. } => 2,
            Self::Mdp(_) | Self::Reward(_) | Self::Report(_) => 2,
            Self::Learn(LearnError::NoCuda(_)) => 3,
            Self::Sim(SimError::OutOfMemory { .. }) => 5,
            Self::Learn(error) if error.is_out_of_memory() => 5,
            Self::Vlm(VlmError::Learn(error)) if error.is_out_of_memory() => 5,
            Self::Vlm(VlmError::Learn(LearnError::NoCuda(_))) | Self::Render(_) => 3,
            Self::Vlm(VlmError::Learn(_)) => 4,
            Self::Vlm(_) => 2,
            Self::Sim(_) | Self::Learn(_) | Self::TooManyFaults { .. } => 4,
            Self::Record(error) => error.exit_code(),
            Self::File { .. } => 6,
        }
    }
}
