//! What came out of runs, for eyes: return beside truth, one self-contained page.
//!
//! Runs are grouped by task and trained reward; the seeds of a group are drawn as one band. Every reward gets a
//! [`Verdict`]: whether the agent learned the task, or was paid for something else.
//!
//! ```no_run
//! use carrot_lab::report;
//!
//! let runs = report::read_runs(&["runs/CartPole-v1/ppo/20260214_093000_s7".into()])?;
//! let summary = report::summarise(&runs);
//! let table = report::text_table(&summary);
//! let html = report::render_html(&runs, &summary, &[], "Balancing a pole")?;
//! # Ok::<(), report::ReportError>(())
//! ```

mod curve_page;
mod curves;
mod fooled;
pub mod map;
mod page;
mod plots;
mod reward_plots;
mod summary;
pub mod words;
mod words_page;

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
};

use carrot_record::RecordError;

pub(crate) use curve_page::curve_page;
pub use curves::RunCurves;
pub use fooled::{GOOD_SCORE, LOW_SCORE, SeedVerdict, Verdict};
pub use page::render_html;
pub use summary::{
    Evaluation, RewardSummary, SeedSummary, Spread, Summary, TaskSummary, summarise, text_table,
};

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A run folder could not be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A run's configuration could not be read.
    #[error("cannot read {path}")]
    Config {
        /// The `config.ron`.
        path: PathBuf,
        /// The reason given by the operating system.
        source: io::Error,
    },
    /// A plot could not be drawn.
    #[error("cannot draw the plot of `{plot}`: {reason}")]
    Plot {
        /// The quantity on its y axis.
        plot: String,
        /// The reason given by the plotting library.
        reason: String,
    },
    /// The page could not be put together.
    #[error("cannot render the report")]
    Page(#[from] minijinja::Error),
}

/// Reads run folders, in the order given; a folder named twice is read once.
///
/// # Errors
/// [`ReportError::Record`], [`ReportError::Config`]; both name the file.
pub fn read_runs(folders: &[PathBuf]) -> Result<Vec<RunCurves>, ReportError> {
    let mut seen = BTreeSet::<&Path>::new();
    folders.iter().filter(|folder| seen.insert(folder)).map(|folder| RunCurves::read(folder)).collect()
}

#[cfg(test)]
mod tests;
