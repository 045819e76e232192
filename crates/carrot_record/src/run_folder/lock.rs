//! One owner per run folder.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Write},
    path::Path,
};

use super::RunPaths;
use crate::RecordError;

/// Holds a run folder until dropped. The lock is the operating system's, so it dies with its process, however that
/// ends; the process id in the file only tells others whom to look for.
pub(super) struct RunLock {
    file: File,
}

impl RunLock {
    pub(super) fn acquire(paths: &RunPaths) -> Result<Self, RecordError> {
        let path = paths.lock();
        let mut file = open(&path).map_err(RecordError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                // The owner may be about to write it: an unreadable id is not worth failing for.
                let _ = file.read_to_string(&mut pid);
                return Err(RecordError::InUse {
                    path: paths.root().to_owned(),
                    pid: pid.trim().parse().ok(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(RecordError::io("lock", path)(error)),
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(RecordError::io("write", &path))?;
        Ok(Self { file })
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // An emptied file keeps a stale id from misleading anybody. Unlocked rather than only closed: a child process
        // that another thread is just starting holds a copy of the open file for a moment.
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}
