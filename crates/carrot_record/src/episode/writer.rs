//! Writing episode files: a file has its name only once it is complete and on the device.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use parquet::{
    basic::{Compression, Encoding, ZstdLevel},
    data_type::{FloatType, Int32Type, Int64Type},
    errors::ParquetError,
    file::{
        metadata::KeyValue,
        properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr},
        writer::SerializedFileWriter,
    },
    schema::types::ColumnPath,
};

use super::{
    Episode, EpisodeSchema,
    columns::{EPISODE_FORMAT, FileNote, NOTE_KEY, Rows, Values},
};
use crate::{RecordError, Storage, StorageFile};

/// How the names of complete episode files end.
pub const EPISODE_SUFFIX: &str = ".parquet";

/// Rows that wait in memory before they become a row group: a few megabytes.
const ROW_GROUP_ROWS: usize = 32_768;

/// Writes episodes into one file; a training run starts a new one at each checkpoint.
///
/// The file is called `<name>.parquet.tmp` until [`EpisodeWriter::close`]; a writer that is dropped or killed
/// leaves only that, and [`RunFolder::rewind`](crate::RunFolder::rewind) removes it.
pub struct EpisodeWriter {
    file: SerializedFileWriter<Box<dyn StorageFile>>,
    schema: EpisodeSchema,
    rows: Rows,
    episodes: usize,
    storage: Arc<dyn Storage>,
    temporary: PathBuf,
    path: PathBuf,
}

impl EpisodeWriter {
    /// Starts the file `<name>.parquet` in an existing folder.
    ///
    /// # Errors
    /// [`RecordError::AlreadyExists`], [`RecordError::Io`],
    /// [`RecordError::InvalidName`] for an unsafe file name or two columns of one name.
    pub fn create(
        storage: Arc<dyn Storage>,
        folder: &Path,
        name: &str,
        schema: EpisodeSchema,
    ) -> Result<Self, RecordError> {
        crate::checkpoint::check_plain_name("episode file", name)?;
        schema.check_names()?;
        let path = folder.join(format!("{name}{EPISODE_SUFFIX}"));
        let temporary = folder.join(format!("{name}{EPISODE_SUFFIX}.tmp"));
        let names = storage.list(folder).map_err(RecordError::io("list", folder))?;
        if names.contains(&format!("{name}{EPISODE_SUFFIX}")) {
            return Err(RecordError::AlreadyExists { path });
        }
        let parquet_error = |error| from_parquet(&temporary, error);
        let properties =
            properties(&schema).map_err(|source| RecordError::Encode { path: path.clone(), source })?;
        let target = storage.create_file(&temporary).map_err(RecordError::io("create", &temporary))?;
        let columns = schema.parquet_schema().map_err(parquet_error)?;
        let file = SerializedFileWriter::new(target, columns, properties).map_err(parquet_error)?;
        Ok(Self { file, rows: Rows::new(&schema), schema, episodes: 0, storage, temporary, path })
    }

    /// Adds an episode.
    ///
    /// # Errors
    /// [`RecordError::Shape`] if it does not fit the schema; nothing is then added. [`RecordError::Io`]: the file
    /// cannot be completed any more, episodes since the last close are lost.
    pub fn write(&mut self, episode: &Episode) -> Result<(), RecordError> {
        episode.check(&self.schema)?;
        self.rows.push(episode);
        self.episodes += 1;
        if self.rows.len() >= ROW_GROUP_ROWS { self.write_row_group() } else { Ok(()) }
    }

    /// How many episodes were added.
    pub fn episodes(&self) -> usize {
        self.episodes
    }

    /// Completes the file, forces it onto the device and gives it its name, which is returned.
    ///
    /// A file without episodes is removed instead.
    ///
    /// # Errors
    /// [`RecordError::Io`]; there is then no file of that name.
    pub fn close(mut self) -> Result<Option<PathBuf>, RecordError> {
        let temporary = self.temporary.clone();
        if self.episodes == 0 {
            drop(self.file);
            self.storage.remove_file(&temporary).map_err(RecordError::io("remove", temporary))?;
            return Ok(None);
        }
        self.write_row_group()?;
        self.file.finish().map_err(|error| from_parquet(&temporary, error))?;
        self.file.inner_mut().sync().map_err(RecordError::io("sync", &temporary))?;
        self.storage.rename(&temporary, &self.path).map_err(RecordError::io("rename", temporary))?;
        let folder = self.path.parent().unwrap_or(Path::new("."));
        self.storage.sync_dir(folder).map_err(RecordError::io("sync", folder))?;
        Ok(Some(self.path))
    }

    fn write_row_group(&mut self) -> Result<(), RecordError> {
        if self.rows.len() == 0 {
            return Ok(());
        }
        let mut rows = std::mem::replace(&mut self.rows, Rows::new(&self.schema));
        write_rows(&mut self.file, &mut rows).map_err(|error| from_parquet(&self.temporary, error))
    }
}

fn write_rows(
    file: &mut SerializedFileWriter<Box<dyn StorageFile>>,
    rows: &mut Rows,
) -> Result<(), ParquetError> {
    let has_step = std::mem::take(&mut rows.has_step);
    let mut group = file.next_row_group()?;
    for values in rows.columns() {
        let Some(mut column) = group.next_column()? else { break };
        // Required columns ignore the definition levels.
        let levels = Some(has_step.as_slice());
        match values {
            Values::Long(values) => column.typed::<Int64Type>().write_batch(values, levels, None)?,
            Values::Int(values) => column.typed::<Int32Type>().write_batch(values, levels, None)?,
            Values::Float(values) => column.typed::<FloatType>().write_batch(values, levels, None)?,
        };
        column.close()?;
    }
    group.close()?;
    Ok(())
}

/// Floats are split by byte, which compresses well and keeps every bit; keys are run-length coded.
fn properties(schema: &EpisodeSchema) -> Result<WriterPropertiesPtr, serde_json::Error> {
    let note = FileNote { format_version: EPISODE_FORMAT, episodes: schema.clone() };
    let note = KeyValue::new(NOTE_KEY.to_owned(), serde_json::to_string(&note)?);
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        .set_key_value_metadata(Some(vec![note]));
    for column in schema.columns() {
        let path = ColumnPath::new(vec![column.name]);
        builder = if column.physical == parquet::basic::Type::FLOAT {
            builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::BYTE_STREAM_SPLIT)
        } else {
            builder.set_column_statistics_enabled(path, EnabledStatistics::Chunk)
        };
    }
    Ok(Arc::new(builder.build()))
}

/// Finds the operating system's error inside Parquet's.
fn from_parquet(path: &Path, error: ParquetError) -> RecordError {
    let source = match error {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(error) => *error,
            Err(other) => std::io::Error::other(other),
        },
        other => std::io::Error::other(other),
    };
    RecordError::io("write", path)(source)
}
