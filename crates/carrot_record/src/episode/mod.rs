//! Recorded episodes: everything that scoring one again under any reward needs, bit for bit.
//!
//! A file is Parquet, so pandas, DuckDB and Polars open it. Row `t` of an episode holds the signals at step `t` and
//! what happened between `t` and `t + 1`; its last row holds the final signals and nulls.
//!
//! | columns | type |
//! |---|---|
//! | `seed`, `env_id`, `episode`, `step` | u64, u32, u32, u32 |
//! | `signal/<name>` | f32 |
//! | `action/<name>` (given), `applied/<name>` | f32, null in the last row |
//! | `terminated`, `truncated`, `success`, `cause` | u8, null in the last row |
//! | `score`, `revision` | f32, u32, null in the last row |
//! | `raw/<term>`, `contribution/<term>`, `total/<group>` | f32, null in the last row |
//!
//! Units, names and the task stand as JSON under the key `carrot` of the file's metadata.

mod columns;
mod reader;
mod writer;

use serde::{Deserialize, Serialize};

pub use reader::{EpisodeReader, Episodes};
pub use writer::{EPISODE_SUFFIX, EpisodeWriter};

use crate::RecordError;

/// A column and its unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnLabel {
    /// Its name: `pole_angle`.
    pub name: String,
    /// Its unit: `rad`; empty for a bare number.
    pub unit: String,
}

/// What the columns of an episode file mean.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpisodeSchema {
    /// The task's id.
    pub task: String,
    /// The S signals.
    pub signals: Vec<ColumnLabel>,
    /// The A action components.
    pub actions: Vec<ColumnLabel>,
    /// What each value of `cause` stands for, from 0.
    pub causes: Vec<String>,
    /// The R terms with a raw value.
    pub raws: Vec<String>,
    /// The K terms with a contribution.
    pub contributions: Vec<String>,
    /// The G reward groups.
    pub groups: Vec<String>,
}

/// What identifies an episode: together with the configuration it determines everything in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EpisodeKey {
    /// The run's seed.
    pub seed: u64,
    /// Global env id.
    pub env_id: u32,
    /// Index of the episode in its env.
    pub episode: u32,
}

/// One recorded episode. Matrices are row by row, one row per step.
///
/// # Shapes
/// T steps, S signals, A action components, R raw terms, K contributions, G reward groups.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// Which episode.
    pub key: EpisodeKey,
    /// T, the number of steps.
    pub steps: usize,
    /// `[T + 1, S]`; the last row is the final state, before any reset.
    pub signals: Vec<f32>,
    /// `[T, A]` as the agent gave them.
    pub actions: Vec<f32>,
    /// `[T, A]` as the actuators took them.
    pub applied: Vec<f32>,
    /// `[T]`, 0 or 1.
    pub terminated: Vec<u8>,
    /// `[T]`, 0 or 1.
    pub truncated: Vec<u8>,
    /// `[T]`, 0 or 1.
    pub success: Vec<u8>,
    /// `[T]`, an index into [`EpisodeSchema::causes`].
    pub cause: Vec<u8>,
    /// `[T]`, 0 to 1.
    pub score: Vec<f32>,
    /// `[T]`, the revision the step was rewarded under.
    pub revision: Vec<u32>,
    /// `[T, R]` term values before stages and weights.
    pub raws: Vec<f32>,
    /// `[T, K]` shares of the reward.
    pub contributions: Vec<f32>,
    /// `[T, G]` the rewards that the learner got.
    pub totals: Vec<f32>,
}

impl Episode {
    /// Checks every column's length against the schema.
    ///
    /// # Errors
    /// [`RecordError::Shape`] for the first column that does not fit.
    pub fn check(&self, schema: &EpisodeSchema) -> Result<(), RecordError> {
        let steps = self.steps;
        let actions = schema.actions.len();
        let lengths = [
            ("signals", self.signals.len(), (steps + 1) * schema.signals.len()),
            ("actions", self.actions.len(), steps * actions),
            ("applied", self.applied.len(), steps * actions),
            ("terminated", self.terminated.len(), steps),
            ("truncated", self.truncated.len(), steps),
            ("success", self.success.len(), steps),
            ("cause", self.cause.len(), steps),
            ("score", self.score.len(), steps),
            ("revision", self.revision.len(), steps),
            ("raws", self.raws.len(), steps * schema.raws.len()),
            ("contributions", self.contributions.len(), steps * schema.contributions.len()),
            ("totals", self.totals.len(), steps * schema.groups.len()),
        ];
        match lengths.into_iter().find(|(_, found, expected)| found != expected) {
            Some((column, found, expected)) => Err(RecordError::Shape { column, expected, found }),
            None => Ok(()),
        }
    }
}
