//! The learning curve as text: one JSON object per update.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize, de, ser::SerializeMap};

use crate::{LineLog, RecordError, Storage, lines};

/// What one update reports.
///
/// On disk it is one flat object with sorted keys, `env_steps` and `update` among them. Numbers come back bit
/// for bit; one that is not finite is written as `null` and read as NaN.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricsRow {
    /// Environment steps summed over all envs, the x axis of every curve.
    pub env_steps: u64,
    /// Index of the update.
    pub update: u64,
    /// Values by tag, named as on TensorBoard: `rollout/ep_rew_mean`, `train/approx_kl`.
    pub values: BTreeMap<String, f64>,
}

const ENV_STEPS: &str = "env_steps";
const UPDATE: &str = "update";

#[derive(Deserialize)]
#[serde(untagged)]
enum Field {
    Count(u64),
    Number(f64),
    Missing(()),
}

impl Serialize for MetricsRow {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        enum Cell {
            Count(u64),
            Number(f64),
        }
        let mut cells: BTreeMap<&str, Cell> =
            self.values.iter().map(|(tag, value)| (tag.as_str(), Cell::Number(*value))).collect();
        cells.insert(ENV_STEPS, Cell::Count(self.env_steps));
        cells.insert(UPDATE, Cell::Count(self.update));
        let mut map = serializer.serialize_map(Some(cells.len()))?;
        for (tag, cell) in &cells {
            match cell {
                Cell::Count(count) => map.serialize_entry(tag, count)?,
                Cell::Number(number) => map.serialize_entry(tag, number)?,
            }
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for MetricsRow {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = BTreeMap::<String, Field>::deserialize(deserializer)?;
        let mut count = |key: &'static str| match fields.remove(key) {
            Some(Field::Count(count)) => Ok(count),
            Some(_) => Err(de::Error::custom(format!("`{key}` is not a count"))),
            None => Err(de::Error::missing_field(key)),
        };
        let (env_steps, update) = (count(ENV_STEPS)?, count(UPDATE)?);
        let number = |field| match field {
            Field::Count(count) => count as f64,
            Field::Number(number) => number,
            Field::Missing(()) => f64::NAN,
        };
        let values = fields.into_iter().map(|(tag, field)| (tag, number(field))).collect();
        Ok(Self { env_steps, update, values })
    }
}

/// Appends rows to `metrics.jsonl`.
pub struct MetricsWriter {
    log: LineLog,
}

impl MetricsWriter {
    /// Opens the metrics at their end, creating the file if need be.
    ///
    /// A run that is being resumed is first cut by [`RunFolder::rewind`](crate::RunFolder::rewind).
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn open(storage: &dyn Storage, path: &Path) -> Result<Self, RecordError> {
        Ok(Self { log: LineLog::open(storage, path)? })
    }

    /// Adds a row, in memory.
    ///
    /// # Errors
    /// [`RecordError::InvalidName`] for a value named `env_steps` or `update`.
    pub fn append(&mut self, row: &MetricsRow) -> Result<(), RecordError> {
        if let Some(tag) = [ENV_STEPS, UPDATE].into_iter().find(|tag| row.values.contains_key(*tag)) {
            let expected = "another name, this one is a field of every row";
            return Err(RecordError::InvalidName { what: "metric", name: tag.into(), expected });
        }
        self.log.append(row)
    }

    /// Hands all rows to the operating system.
    ///
    /// # Errors
    /// [`RecordError::Io`]; what was not written stays pending and is written by the next flush.
    pub fn flush(&mut self) -> Result<(), RecordError> {
        self.log.flush()
    }

    /// Flushes and forces the file onto the device; returns its length in bytes.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn sync(&mut self) -> Result<u64, RecordError> {
        self.log.sync()
    }

    /// Length of the file in bytes once all pending rows are written.
    pub fn offset(&self) -> u64 {
        self.log.offset()
    }

    /// Bytes that wait for [`MetricsWriter::flush`].
    pub fn pending_bytes(&self) -> usize {
        self.log.pending_bytes()
    }

    /// Forgets the rows that wait, for a disk that stays full, and returns their number.
    pub fn discard_pending(&mut self) -> usize {
        self.log.discard_pending()
    }
}

/// Reads all complete rows; a torn last line is left out, a missing file has no rows.
///
/// # Errors
/// [`RecordError::Corrupt`] for a complete line that is not a row, [`RecordError::Io`].
pub fn read_metrics(path: &Path) -> Result<Vec<MetricsRow>, RecordError> {
    lines::read_lines(path)
}
