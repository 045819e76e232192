//! Logs of one JSON object per line, which can be cut back to the place that a checkpoint saw.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use serde::{Serialize, de::DeserializeOwned};

use crate::{RecordError, RecordWarning, Storage, appender::Appender};

/// Appends JSON lines, as `revisions.jsonl` and `faults.jsonl` hold them.
///
/// Lines wait in memory until [`LineLog::flush`]. When that fails nothing is lost: the next flush goes on
/// where it stopped, in the middle of a line if need be.
pub struct LineLog {
    appender: Appender,
}

/// Values read from a log.
#[derive(Clone, Debug, PartialEq)]
pub struct Lines<T> {
    /// One value per complete line.
    pub values: Vec<T>,
    /// Offset in bytes behind the last complete line: where a follower reads on.
    pub end: u64,
}

impl LineLog {
    /// Opens a log at its end, creating it if need be.
    ///
    /// A log that is being resumed is first cut by [`RunFolder::rewind`](crate::RunFolder::rewind).
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn open(storage: &dyn Storage, path: &Path) -> Result<Self, RecordError> {
        Ok(Self { appender: Appender::open(storage, path)? })
    }

    /// Adds a line, in memory.
    ///
    /// # Errors
    /// [`RecordError::Encode`] if the value has no JSON form.
    pub fn append<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), RecordError> {
        let mut line = serde_json::to_vec(value)
            .map_err(|source| RecordError::Encode { path: self.appender.path().to_owned(), source })?;
        line.push(b'\n');
        self.appender.push(&line);
        Ok(())
    }

    /// Hands all lines to the operating system: they survive the death of this process.
    ///
    /// # Errors
    /// [`RecordError::Io`]; what was not written stays pending.
    pub fn flush(&mut self) -> Result<(), RecordError> {
        self.appender.flush()
    }

    /// Flushes and forces the file onto the device; returns its length in bytes.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn sync(&mut self) -> Result<u64, RecordError> {
        self.appender.sync()
    }

    /// Length of the file in bytes once all pending lines are written.
    pub fn offset(&self) -> u64 {
        self.appender.offset()
    }

    /// Bytes that wait for [`LineLog::flush`].
    pub fn pending_bytes(&self) -> usize {
        self.appender.pending_bytes()
    }

    /// Forgets the lines that wait, for a disk that stays full, and returns their number.
    ///
    /// The rest of a line that the file has a part of is kept, so that no later line is glued to it.
    pub fn discard_pending(&mut self) -> usize {
        self.appender.discard_pending()
    }
}

/// Reads the complete lines of a log; a torn last line is left out, a missing file is an empty log.
///
/// # Errors
/// [`RecordError::Corrupt`] for a complete line that does not parse, [`RecordError::Io`].
pub fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, RecordError> {
    Ok(read_lines_from(path, 0)?.values)
}

/// Like [`read_lines`], from an offset that an earlier call returned: how a viewer follows a live run.
///
/// # Errors
/// As [`read_lines`]. If the log was cut back behind `offset` meanwhile, nothing is read and `end` is less.
pub fn read_lines_from<T: DeserializeOwned>(path: &Path, offset: u64) -> Result<Lines<T>, RecordError> {
    let mut file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Lines { values: Vec::new(), end: 0 });
        }
        Err(error) => return Err(RecordError::io("open", path)(error)),
    };
    let length = file.metadata().map_err(RecordError::io("read", path))?.len();
    if length < offset {
        return Ok(Lines { values: Vec::new(), end: length });
    }
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(offset))
        .and_then(|_| file.read_to_end(&mut bytes))
        .map_err(RecordError::io("read", path))?;

    let complete = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    let mut values = Vec::new();
    let mut start = offset;
    for line in bytes[..complete].split_inclusive(|byte| *byte == b'\n') {
        let value = serde_json::from_slice(line)
            .map_err(|error| RecordError::corrupt(path, format!("line at byte {start}: {error}")))?;
        values.push(value);
        start += line.len() as u64;
    }
    Ok(Lines { values, end: start })
}

/// Cuts a log back to `length` bytes; a log that is too short is left alone and warned about.
pub(crate) fn cut_back(path: &Path, length: u64) -> Result<Option<RecordWarning>, RecordError> {
    let found = match fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(RecordError::io("read", path)(error)),
    };
    if found < length {
        return Ok(Some(RecordWarning::LogShorter { path: path.to_owned(), found, expected: length }));
    }
    if found > length {
        let file = OpenOptions::new().write(true).open(path).map_err(RecordError::io("open", path))?;
        file.set_len(length).and_then(|()| file.sync_all()).map_err(RecordError::io("cut", path))?;
    }
    Ok(None)
}
