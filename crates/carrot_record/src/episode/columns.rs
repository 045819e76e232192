//! The columns of an episode file: their order and types, and the rows of one row group in memory.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use parquet::{
    basic::{LogicalType, Repetition, Type as PhysicalType},
    errors::ParquetError,
    schema::types::{Type, TypePtr},
};
use serde::{Deserialize, Serialize};

use super::{Episode, EpisodeKey, EpisodeSchema};
use crate::RecordError;

/// Version of the episode format that this build writes and reads.
pub(super) const EPISODE_FORMAT: u32 = 1;
/// Key of the file's metadata under which [`FileNote`] stands.
pub(super) const NOTE_KEY: &str = "carrot";

/// What the file's metadata says, as JSON.
#[derive(Serialize, Deserialize)]
pub(super) struct FileNote {
    pub(super) format_version: u32,
    pub(super) episodes: EpisodeSchema,
}

/// A column's values; null rows have none.
pub(super) enum Values<'a> {
    Long(&'a mut Vec<i64>),
    Int(&'a mut Vec<i32>),
    Float(&'a mut Vec<f32>),
}

/// One column as Parquet sees it.
pub(super) struct ColumnSpec {
    pub(super) name: String,
    pub(super) physical: PhysicalType,
    /// Bits of an unsigned integer, 0 for a float.
    unsigned_bits: i8,
    /// Whether the last row of each episode is null.
    pub(super) optional: bool,
}

impl EpisodeSchema {
    /// All columns in file order; [`Rows::columns`] has the same order.
    pub(super) fn columns(&self) -> Vec<ColumnSpec> {
        let int = |name: &str, unsigned_bits, optional| {
            let physical = if unsigned_bits == 64 { PhysicalType::INT64 } else { PhysicalType::INT32 };
            ColumnSpec { name: name.into(), physical, unsigned_bits, optional }
        };
        let float = |name: String, optional| ColumnSpec {
            name,
            physical: PhysicalType::FLOAT,
            unsigned_bits: 0,
            optional,
        };
        let mut columns = vec![
            int("seed", 64, false),
            int("env_id", 32, false),
            int("episode", 32, false),
            int("step", 32, false),
        ];
        let labels = |prefix: &str, labels: &[super::ColumnLabel]| {
            labels.iter().map(|label| format!("{prefix}/{}", label.name)).collect::<Vec<_>>()
        };
        let names = |prefix: &str, names: &[String]| {
            names.iter().map(|name| format!("{prefix}/{name}")).collect::<Vec<_>>()
        };

        columns.extend(labels("signal", &self.signals).into_iter().map(|name| float(name, false)));
        let actions = labels("action", &self.actions).into_iter().chain(labels("applied", &self.actions));
        columns.extend(actions.map(|name| float(name, true)));
        columns.extend(["terminated", "truncated", "success", "cause"].map(|name| int(name, 8, true)));
        columns.push(int("revision", 32, true));
        columns.push(float("score".into(), true));
        let terms = names("raw", &self.raws)
            .into_iter()
            .chain(names("contribution", &self.contributions))
            .chain(names("total", &self.groups));
        columns.extend(terms.map(|name| float(name, true)));
        columns
    }

    pub(super) fn check_names(&self) -> Result<(), RecordError> {
        let mut seen = BTreeSet::new();
        for column in self.columns() {
            if !seen.insert(column.name.clone()) {
                let expected = "names that differ";
                return Err(RecordError::InvalidName { what: "episode column", name: column.name, expected });
            }
        }
        Ok(())
    }

    pub(super) fn parquet_schema(&self) -> Result<TypePtr, ParquetError> {
        let fields = self.columns().iter().map(ColumnSpec::parquet_type).collect::<Result<_, _>>()?;
        Ok(Arc::new(Type::group_type_builder("episodes").with_fields(fields).build()?))
    }
}

impl ColumnSpec {
    fn parquet_type(&self) -> Result<TypePtr, ParquetError> {
        let repetition = if self.optional { Repetition::OPTIONAL } else { Repetition::REQUIRED };
        let logical = (self.unsigned_bits > 0).then(|| LogicalType::integer(self.unsigned_bits, false));
        let builder = Type::primitive_type_builder(&self.name, self.physical);
        Ok(Arc::new(builder.with_repetition(repetition).with_logical_type(logical).build()?))
    }
}

/// The rows of one row group, column by column.
#[derive(Default)]
pub(super) struct Rows {
    seed: Vec<i64>,
    env_id: Vec<i32>,
    episode: Vec<i32>,
    step: Vec<i32>,
    /// One per row: 1 where the row has a step, 0 in the last row of an episode.
    pub(super) has_step: Vec<i16>,
    signals: Vec<Vec<f32>>,
    actions: Vec<Vec<f32>>,
    applied: Vec<Vec<f32>>,
    /// `terminated`, `truncated`, `success`, `cause`.
    flags: [Vec<i32>; 4],
    revision: Vec<i32>,
    score: Vec<f32>,
    raws: Vec<Vec<f32>>,
    contributions: Vec<Vec<f32>>,
    totals: Vec<Vec<f32>>,
}

impl Rows {
    pub(super) fn new(schema: &EpisodeSchema) -> Self {
        let columns = |count| vec![Vec::new(); count];
        Self {
            signals: columns(schema.signals.len()),
            actions: columns(schema.actions.len()),
            applied: columns(schema.actions.len()),
            raws: columns(schema.raws.len()),
            contributions: columns(schema.contributions.len()),
            totals: columns(schema.groups.len()),
            ..Self::default()
        }
    }

    pub(super) fn len(&self) -> usize {
        self.step.len()
    }

    /// Every column's values in file order.
    pub(super) fn columns(&mut self) -> impl Iterator<Item = Values<'_>> {
        let Self { seed, env_id, episode, step, revision, score, .. } = self;
        let floats = |columns| Iterator::map(<[Vec<f32>]>::iter_mut(columns), Values::Float);
        [Values::Long(seed), Values::Int(env_id), Values::Int(episode), Values::Int(step)]
            .into_iter()
            .chain(floats(&mut self.signals))
            .chain(floats(&mut self.actions))
            .chain(floats(&mut self.applied))
            .chain(self.flags.iter_mut().map(Values::Int))
            .chain([Values::Int(revision), Values::Float(score)])
            .chain(floats(&mut self.raws))
            .chain(floats(&mut self.contributions))
            .chain(floats(&mut self.totals))
    }

    /// Adds an episode that fits the schema.
    pub(super) fn push(&mut self, episode: &Episode) {
        let rows = episode.steps + 1;
        self.seed.extend(std::iter::repeat_n(episode.key.seed as i64, rows));
        self.env_id.extend(std::iter::repeat_n(episode.key.env_id as i32, rows));
        self.episode.extend(std::iter::repeat_n(episode.key.episode as i32, rows));
        self.step.extend((0..rows).map(|step| step as i32));
        self.has_step.extend(std::iter::repeat_n(1, episode.steps).chain([0]));
        spread(&mut self.signals, &episode.signals);
        spread(&mut self.actions, &episode.actions);
        spread(&mut self.applied, &episode.applied);
        let flags = [&episode.terminated, &episode.truncated, &episode.success, &episode.cause];
        for (column, flag) in self.flags.iter_mut().zip(flags) {
            column.extend(flag.iter().map(|value| i32::from(*value)));
        }
        self.revision.extend(episode.revision.iter().map(|revision| *revision as i32));
        self.score.extend_from_slice(&episode.score);
        spread(&mut self.raws, &episode.raws);
        spread(&mut self.contributions, &episode.contributions);
        spread(&mut self.totals, &episode.totals);
    }

    /// Cuts the rows into episodes; `Err` says what does not add up.
    pub(super) fn split(&self) -> Result<VecDeque<Episode>, String> {
        let mut episodes = VecDeque::new();
        let (mut row, mut step_row) = (0, 0);
        while row < self.len() {
            let steps = self.has_step[row..].iter().take_while(|has_step| **has_step == 1).count();
            let (rows, step_rows) = (row..row + steps + 1, step_row..step_row + steps);
            if rows.end > self.len() {
                return Err(format!("the episode at row {row} has no final row"));
            }
            if self.step[rows.clone()].iter().enumerate().any(|(expected, step)| *step as usize != expected) {
                return Err(format!("the steps of the episode at row {row} do not count up from 0"));
            }
            let flag = |index: usize| {
                let values = self.flags[index][step_rows.clone()].iter().map(|value| u8::try_from(*value));
                values.collect::<Result<Vec<u8>, _>>().map_err(|_| format!("a flag after row {row} is no u8"))
            };
            episodes.push_back(Episode {
                key: EpisodeKey {
                    seed: self.seed[row] as u64,
                    env_id: self.env_id[row] as u32,
                    episode: self.episode[row] as u32,
                },
                steps,
                signals: gather(&self.signals, rows.clone()),
                actions: gather(&self.actions, step_rows.clone()),
                applied: gather(&self.applied, step_rows.clone()),
                terminated: flag(0)?,
                truncated: flag(1)?,
                success: flag(2)?,
                cause: flag(3)?,
                score: self.score[step_rows.clone()].to_vec(),
                revision: self.revision[step_rows.clone()].iter().map(|revision| *revision as u32).collect(),
                raws: gather(&self.raws, step_rows.clone()),
                contributions: gather(&self.contributions, step_rows.clone()),
                totals: gather(&self.totals, step_rows.clone()),
            });
            (row, step_row) = (rows.end, step_rows.end);
        }
        Ok(episodes)
    }
}

/// Appends a matrix, row by row, to its columns.
fn spread(columns: &mut [Vec<f32>], matrix: &[f32]) {
    let width = columns.len();
    for (index, column) in columns.iter_mut().enumerate() {
        column.extend(matrix.iter().skip(index).step_by(width));
    }
}

/// The matrix, row by row, of some rows of its columns.
fn gather(columns: &[Vec<f32>], rows: std::ops::Range<usize>) -> Vec<f32> {
    rows.flat_map(|row| columns.iter().map(move |column| column[row])).collect()
}
