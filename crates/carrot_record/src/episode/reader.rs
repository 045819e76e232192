//! Reading episode files back, one row group at a time.

use std::{
    collections::VecDeque,
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use parquet::{
    column::reader::{ColumnReader, ColumnReaderImpl, get_typed_column_reader},
    data_type::{DataType, FloatType, Int32Type, Int64Type},
    errors::ParquetError,
    file::{
        reader::{FileReader, RowGroupReader},
        serialized_reader::SerializedFileReader,
    },
};

use super::{
    Episode, EpisodeSchema,
    columns::{EPISODE_FORMAT, FileNote, NOTE_KEY, Rows, Values},
};
use crate::RecordError;

/// No honest row group is larger: an episode of 16 million steps. Guards against forged counts.
const ROW_GROUP_LIMIT: i64 = 1 << 24;

/// Reads a complete episode file.
pub struct EpisodeReader {
    file: SerializedFileReader<File>,
    schema: EpisodeSchema,
    path: PathBuf,
}

impl EpisodeReader {
    /// Opens a file and checks that its columns are those that its metadata names.
    ///
    /// # Errors
    /// [`RecordError::Corrupt`], [`RecordError::UnsupportedFormat`], [`RecordError::Io`].
    pub fn open(path: &Path) -> Result<Self, RecordError> {
        let corrupt = |what: String| RecordError::corrupt(path, what);
        let file = File::open(path).map_err(RecordError::io("open", path))?;
        let file = guarded(|| SerializedFileReader::new(file)).map_err(corrupt)?;
        let metadata = file.metadata().file_metadata();
        let note = metadata
            .key_value_metadata()
            .and_then(|pairs| pairs.iter().find(|pair| pair.key == NOTE_KEY)?.value.as_deref())
            .ok_or_else(|| corrupt("it is not an episode file: its metadata has no `carrot`".into()))?;
        let note: FileNote = serde_json::from_str(note).map_err(|error| corrupt(error.to_string()))?;
        if note.format_version != EPISODE_FORMAT {
            let (found, supported) = (note.format_version, EPISODE_FORMAT);
            return Err(RecordError::UnsupportedFormat { path: path.to_owned(), found, supported });
        }
        let columns = note.episodes.columns();
        let found = metadata.schema_descr().columns();
        let same = found.len() == columns.len()
            && found.iter().zip(&columns).all(|(found, column)| {
                found.name() == column.name
                    && found.physical_type() == column.physical
                    && found.max_def_level() == i16::from(column.optional)
                    && found.max_rep_level() == 0
            });
        if !same {
            return Err(corrupt("its columns are not those that its metadata names".into()));
        }
        Ok(Self { file, schema: note.episodes, path: path.to_owned() })
    }

    /// What the columns mean.
    pub fn schema(&self) -> &EpisodeSchema {
        &self.schema
    }

    /// All episodes in the order of writing; one row group is in memory at a time.
    pub fn episodes(&self) -> Episodes<'_> {
        Episodes { reader: self, next_group: 0, ready: VecDeque::new() }
    }

    fn read_group(&self, index: usize) -> Result<VecDeque<Episode>, RecordError> {
        let corrupt = |what: String| RecordError::corrupt(&self.path, format!("row group {index}: {what}"));
        let rows = guarded(|| self.read_rows(index)).map_err(corrupt)?;
        rows.split().map_err(corrupt)
    }

    fn read_rows(&self, index: usize) -> Result<Rows, ParquetError> {
        let group = self.file.get_row_group(index)?;
        let count = group.metadata().num_rows();
        if !(0..=ROW_GROUP_LIMIT).contains(&count) {
            return Err(ParquetError::General(format!(
                "{count} rows, at most {ROW_GROUP_LIMIT} are allowed"
            )));
        }
        let count = count as usize;
        let mut rows = Rows::new(&self.schema);
        let mut has_step: Option<Vec<i16>> = None;
        for (position, (values, column)) in rows.columns().zip(self.schema.columns()).enumerate() {
            let levels = read_column(&*group, position, values, count, column.optional)?;
            let Some(levels) = levels else { continue };
            if has_step.get_or_insert_with(|| levels.clone()) != &levels {
                let what = format!("column `{}` has nulls where others have none", column.name);
                return Err(ParquetError::General(what));
            }
        }
        rows.has_step = has_step.unwrap_or_default();
        Ok(rows)
    }
}

/// Runs Parquet's code and makes its panics errors: its decoders index damaged pages without asking.
fn guarded<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err("a page does not decode".into()),
    }
}

fn read_column(
    group: &dyn RowGroupReader,
    position: usize,
    values: Values<'_>,
    count: usize,
    optional: bool,
) -> Result<Option<Vec<i16>>, ParquetError> {
    let column = group.get_column_reader(position)?;
    match values {
        Values::Long(values) => read_values::<Int64Type>(column, values, count, optional),
        Values::Int(values) => read_values::<Int32Type>(column, values, count, optional),
        Values::Float(values) => read_values::<FloatType>(column, values, count, optional),
    }
}

/// Reads exactly `count` rows; returns which of them have a value if the column may have nulls.
fn read_values<T: DataType>(
    column: ColumnReader,
    values: &mut Vec<T::T>,
    count: usize,
    optional: bool,
) -> Result<Option<Vec<i16>>, ParquetError> {
    let mut column: ColumnReaderImpl<T> = get_typed_column_reader(column);
    let mut levels = optional.then(Vec::new);
    let mut read = 0;
    while read < count {
        let (records, _, _) = column.read_records(count - read, levels.as_mut(), None, values)?;
        if records == 0 {
            return Err(ParquetError::General(format!("{read} rows where {count} were expected")));
        }
        read += records;
    }
    Ok(levels)
}

/// Iterates over the episodes of a file.
pub struct Episodes<'a> {
    reader: &'a EpisodeReader,
    next_group: usize,
    ready: VecDeque<Episode>,
}

impl Iterator for Episodes<'_> {
    type Item = Result<Episode, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(episode) = self.ready.pop_front() {
                return Some(Ok(episode));
            }
            if self.next_group == self.reader.file.num_row_groups() {
                return None;
            }
            self.next_group += 1;
            match self.reader.read_group(self.next_group - 1) {
                Ok(episodes) => self.ready = episodes,
                Err(error) => {
                    // Nothing behind a damaged row group is trusted.
                    self.next_group = self.reader.file.num_row_groups();
                    return Some(Err(error));
                }
            }
        }
    }
}
