//! A storage that fails on purpose, for tests of everything that writes.

use std::{
    io::{self, Write},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{DiskStorage, RecordError, Storage, StorageFile};

/// Environment variable that makes a process abort inside checkpoint writing: `checkpoint:K`, K from 1.
pub const FAILPOINT_VARIABLE: &str = "CARROT_FAILPOINT";

/// What happens instead of a call that changes the storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is done and an error of this kind returned.
    Fail(io::ErrorKind),
    /// A write takes only the first half of its bytes; any other call fails with `StorageFull`.
    ShortWrite,
    /// The process ends at once as if killed; a write has then put down half of its bytes.
    Abort,
}

/// Decides what happens at the k-th call (from 1).
pub type FaultPlan = Arc<dyn Fn(u64) -> Option<Fault> + Send + Sync>;

/// Counts the calls that change `inner` and lets a plan fail any of them.
///
/// Counted: creating, opening for appending, writing, syncing, renaming and removing. Not counted: reading.
pub struct FaultStorage<S> {
    inner: S,
    gate: Gate,
}

#[derive(Clone)]
struct Gate {
    calls: Arc<AtomicU64>,
    plan: FaultPlan,
}

struct FaultFile {
    inner: Box<dyn StorageFile>,
    gate: Gate,
}

impl<S: Storage> FaultStorage<S> {
    /// Wraps a storage.
    pub fn new(inner: S, plan: impl Fn(u64) -> Option<Fault> + Send + Sync + 'static) -> Self {
        Self { inner, gate: Gate { calls: Arc::default(), plan: Arc::new(plan) } }
    }

    /// How many counted calls were made.
    pub fn calls(&self) -> u64 {
        self.gate.calls.load(Ordering::SeqCst)
    }
}

impl Gate {
    fn fault(&self) -> Option<Fault> {
        (self.plan)(self.calls.fetch_add(1, Ordering::SeqCst) + 1)
    }

    fn pass(&self) -> io::Result<()> {
        match self.fault() {
            None => Ok(()),
            Some(Fault::Fail(kind)) => Err(kind.into()),
            Some(Fault::ShortWrite) => Err(io::ErrorKind::StorageFull.into()),
            Some(Fault::Abort) => std::process::abort(),
        }
    }

    fn guard(&self, inner: Box<dyn StorageFile>) -> Box<dyn StorageFile> {
        Box::new(FaultFile { inner, gate: self.clone() })
    }
}

impl Write for FaultFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.gate.fault() {
            None => self.inner.write(bytes),
            Some(Fault::Fail(kind)) => Err(kind.into()),
            Some(Fault::ShortWrite) => self.inner.write(&bytes[..bytes.len() / 2]),
            Some(Fault::Abort) => {
                // The result is of no interest to a process about to die.
                let _ = self.inner.write(&bytes[..bytes.len() / 2]);
                std::process::abort()
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl StorageFile for FaultFile {
    fn sync(&mut self) -> io::Result<()> {
        self.gate.pass()?;
        self.inner.sync()
    }
}

impl<S: Storage> Storage for FaultStorage<S> {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.gate.pass()?;
        self.inner.create_dir(path)
    }

    fn create_file(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        self.gate.pass()?;
        Ok(self.gate.guard(self.inner.create_file(path)?))
    }

    fn append_file(&self, path: &Path) -> io::Result<(Box<dyn StorageFile>, u64)> {
        self.gate.pass()?;
        let (file, length) = self.inner.append_file(path)?;
        Ok((self.gate.guard(file), length))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.gate.pass()?;
        self.inner.sync_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.gate.pass()?;
        self.inner.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.gate.pass()?;
        self.inner.remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.gate.pass()?;
        self.inner.remove_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.inner.list(path)
    }

    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        self.inner.read(path, limit)
    }
}

/// The storage that checkpoints use: the disk, unless [`FAILPOINT_VARIABLE`] asks for a death.
///
/// With `CARROT_FAILPOINT=checkpoint:3` the process aborts at the third call that changes the disk inside
/// checkpoint writing, counted over the life of the process. It is read once, when a run folder is opened.
pub(crate) fn checkpoint_storage() -> Result<Arc<dyn Storage>, RecordError> {
    let Some(value) = std::env::var_os(FAILPOINT_VARIABLE) else {
        return Ok(Arc::new(DiskStorage));
    };
    let value = value.to_string_lossy().into_owned();
    match value.strip_prefix("checkpoint:").and_then(|count| count.parse::<u64>().ok()) {
        Some(at) if at > 0 => {
            let plan = move |call| (call == at).then_some(Fault::Abort);
            Ok(Arc::new(FaultStorage::new(DiskStorage, plan)))
        }
        _ => Err(RecordError::InvalidFailpoint { value }),
    }
}
