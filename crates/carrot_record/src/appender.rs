//! A file that only grows by whole records, and that a full disk cannot leave torn for good.

use std::{
    collections::VecDeque,
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::{RecordError, Storage, StorageFile};

/// Buffers records until [`Appender::flush`]; after a failed write the rest is kept and written next time.
pub(crate) struct Appender {
    file: Box<dyn StorageFile>,
    path: PathBuf,
    /// Bytes that the file has taken.
    written: u64,
    /// Where in the file its last whole record ends.
    boundary: u64,
    /// Bytes that it has not taken yet.
    pending: Vec<u8>,
    /// Where in the file each pending record will end.
    ends: VecDeque<u64>,
}

impl Appender {
    pub(crate) fn open(storage: &dyn Storage, path: &Path) -> Result<Self, RecordError> {
        let (file, length) = storage.append_file(path).map_err(RecordError::io("open", path))?;
        Ok(Self {
            file,
            path: path.to_owned(),
            written: length,
            boundary: length,
            pending: Vec::new(),
            ends: VecDeque::new(),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Length of the file once everything pending is written.
    pub(crate) fn offset(&self) -> u64 {
        self.written + self.pending.len() as u64
    }

    pub(crate) fn pending_bytes(&self) -> usize {
        self.pending.len()
    }

    pub(crate) fn push(&mut self, record: &[u8]) {
        self.pending.extend_from_slice(record);
        self.ends.push_back(self.offset());
    }

    pub(crate) fn flush(&mut self) -> Result<(), RecordError> {
        let mut taken = 0;
        let result = loop {
            if taken == self.pending.len() {
                break Ok(());
            }
            match self.file.write(&self.pending[taken..]) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => taken += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.pending.drain(..taken);
        self.written += taken as u64;
        while let Some(end) = self.ends.pop_front_if(|end| *end <= self.written) {
            self.boundary = end;
        }
        result.map_err(RecordError::io("write", &self.path))
    }

    pub(crate) fn sync(&mut self) -> Result<u64, RecordError> {
        self.flush()?;
        self.file.sync().map_err(RecordError::io("sync", &self.path))?;
        Ok(self.written)
    }

    /// Forgets the pending records, but for the rest of one that the file has a part of; returns how many.
    pub(crate) fn discard_pending(&mut self) -> usize {
        let torn = usize::from(self.written != self.boundary);
        let keep = if torn == 1 { self.ends[0] - self.written } else { 0 };
        let dropped = self.ends.len() - torn;
        self.pending.truncate(keep as usize);
        self.ends.truncate(torn);
        dropped
    }
}
