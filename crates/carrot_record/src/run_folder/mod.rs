//! A run's folder: who owns it, what lies in it, and how it goes back to a checkpoint.

mod lock;
mod paths;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

pub use paths::{RunName, RunPaths};

use crate::{
    CheckpointStore, DiskStorage, RecordError, RecordWarning, Storage,
    episode::EPISODE_SUFFIX,
    fault_storage::checkpoint_storage,
    lines::cut_back,
    storage::{replace_file, write_file},
};
use lock::RunLock;

const EPISODES: &str = "episodes";

/// What is true of a run from its beginning, kept in `meta.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunMeta {
    /// The task's id.
    pub task: String,
    /// The algorithm.
    pub algo: String,
    /// The run's seed.
    pub seed: u64,
    /// When the run was started.
    pub started: String,
    /// Hash of the resolved configuration, see [`content_hash`](crate::content_hash).
    pub config_hash: String,
    /// What else may matter one day: version, git revision, host, adapter, libtorch, threads.
    pub facts: BTreeMap<String, String>,
}

/// What a run is started with.
#[derive(Clone, Debug, Default)]
pub struct RunStart {
    /// The resolved configuration as RON.
    pub config: String,
    /// What the command line changed, one `key=value` each.
    pub overrides: Vec<String>,
    /// The command that started the run.
    pub command: String,
    /// Version, machine, seed.
    pub meta: RunMeta,
}

/// A run folder, owned by this value until it is dropped.
pub struct RunFolder {
    paths: RunPaths,
    checkpoint_storage: Arc<dyn Storage>,
    _lock: RunLock,
}

impl RunFolder {
    /// Creates the folder of a new run and writes down how it started.
    ///
    /// # Errors
    /// [`RecordError::AlreadyExists`], [`RecordError::Io`], [`RecordError::InvalidFailpoint`].
    pub fn create(folder: &Path, start: &RunStart) -> Result<Self, RecordError> {
        let checkpoint_storage = checkpoint_storage()?;
        if let Some(parent) = folder.parent() {
            fs::create_dir_all(parent).map_err(RecordError::io("create", parent))?;
        }
        fs::create_dir(folder).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => RecordError::AlreadyExists { path: folder.to_owned() },
            _ => RecordError::io("create", folder)(error),
        })?;
        let paths = RunPaths::new(folder);
        let lock = RunLock::acquire(&paths)?;
        for sub in [paths.checkpoints(), paths.episodes()] {
            fs::create_dir(&sub).map_err(RecordError::io("create", sub))?;
        }
        let overrides: String = start.overrides.iter().map(|line| format!("{line}\n")).collect();
        write_file(&DiskStorage, &paths.config(), start.config.as_bytes())?;
        write_file(&DiskStorage, &paths.overrides(), overrides.as_bytes())?;
        write_file(&DiskStorage, &paths.command(), format!("{}\n", start.command).as_bytes())?;
        let mut meta = serde_json::to_vec_pretty(&start.meta)
            .map_err(|source| RecordError::Encode { path: paths.meta(), source })?;
        meta.push(b'\n');
        // Last, and in one step: a folder that has it is complete.
        replace_file(&DiskStorage, &paths.meta(), &meta)?;
        Ok(Self { paths, checkpoint_storage, _lock: lock })
    }

    /// Takes over an existing run, to resume it.
    ///
    /// The lock of an owner that was killed needs no care, it died with its process.
    ///
    /// # Errors
    /// [`RecordError::NotARun`], [`RecordError::InUse`], [`RecordError::Io`], [`RecordError::InvalidFailpoint`].
    pub fn open(folder: &Path) -> Result<Self, RecordError> {
        let checkpoint_storage = checkpoint_storage()?;
        let paths = RunPaths::new(folder);
        // Asked before locking: a folder that is not ours gets no lock file.
        if !paths.meta().is_file() {
            return Err(RecordError::NotARun { path: folder.to_owned(), missing: "meta.json" });
        }
        let lock = RunLock::acquire(&paths)?;
        Ok(Self { paths, checkpoint_storage, _lock: lock })
    }

    /// Where things lie.
    pub fn paths(&self) -> &RunPaths {
        &self.paths
    }

    /// The run's checkpoints, of which the newest `keep` are kept.
    pub fn checkpoints(&self, keep: usize) -> CheckpointStore {
        CheckpointStore::new(self.paths.checkpoints(), keep, self.checkpoint_storage.clone())
    }

    /// How long each log and each closed episode file is now, for
    /// [`CheckpointHeader::logs`](crate::CheckpointHeader::logs).
    ///
    /// Call it with all logs synced and the episode file closed.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn measure_logs(&self) -> Result<BTreeMap<String, u64>, RecordError> {
        let mut lengths = BTreeMap::new();
        for (name, path) in self.logs().into_iter().chain(self.episode_files()?) {
            let length = match fs::metadata(&path) {
                Ok(metadata) => metadata.len(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
                Err(error) => return Err(RecordError::io("measure", path)(error)),
            };
            lengths.insert(name, length);
        }
        Ok(lengths)
    }

    /// Takes logs and episodes back to the moment of a checkpoint; with no lengths, to the start of the run.
    ///
    /// Lines behind a log's length are cut off, episode files written later are removed. Event files stay:
    /// [`EventWriter::create`](crate::EventWriter::create) with a resume step makes TensorBoard forget the overlap.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn rewind(&self, lengths: &BTreeMap<String, u64>) -> Result<Vec<RecordWarning>, RecordError> {
        let mut warnings = Vec::new();
        for (name, path) in self.logs() {
            warnings.extend(cut_back(&path, lengths.get(&name).copied().unwrap_or(0))?);
        }
        let folder = self.paths.episodes();
        for name in DiskStorage.list(&folder).map_err(RecordError::io("list", &folder))? {
            if !lengths.contains_key(&format!("{EPISODES}/{name}")) {
                let path = folder.join(name);
                fs::remove_file(&path).map_err(RecordError::io("remove", path))?;
            }
        }
        let present = self.measure_logs()?;
        for name in lengths.keys().filter(|name| !present.contains_key(*name)) {
            warnings.push(RecordWarning::EpisodesMissing { path: self.paths.root().join(name) });
        }
        Ok(warnings)
    }

    /// Reads `meta.json`.
    ///
    /// # Errors
    /// [`RecordError::Corrupt`], [`RecordError::Io`].
    pub fn meta(&self) -> Result<RunMeta, RecordError> {
        read_meta(&self.paths)
    }

    fn logs(&self) -> [(String, PathBuf); 3] {
        [self.paths.metrics(), self.paths.revisions(), self.paths.faults()].map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (name, path)
        })
    }

    fn episode_files(&self) -> Result<Vec<(String, PathBuf)>, RecordError> {
        let folder = self.paths.episodes();
        let names = DiskStorage.list(&folder).map_err(RecordError::io("list", &folder))?;
        let closed = names.into_iter().filter(|name| name.ends_with(EPISODE_SUFFIX));
        Ok(closed.map(|name| (format!("{EPISODES}/{name}"), folder.join(name))).collect())
    }
}

/// Reads the `meta.json` of a run without owning it.
///
/// # Errors
/// [`RecordError::NotARun`], [`RecordError::Corrupt`], [`RecordError::Io`].
pub fn read_meta(paths: &RunPaths) -> Result<RunMeta, RecordError> {
    const LIMIT: u64 = 1 << 20;
    let path = paths.meta();
    let bytes = DiskStorage.read(&path, LIMIT).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            RecordError::NotARun { path: paths.root().to_owned(), missing: "meta.json" }
        }
        _ => RecordError::io("read", &path)(error),
    })?;
    serde_json::from_slice(&bytes).map_err(|error| RecordError::corrupt(path, error.to_string()))
}
