//! Where things lie in a run folder, for its owner and for readers alike.

use std::path::{Path, PathBuf};

use crate::{RecordError, checkpoint::check_plain_name};

/// The paths inside one run folder; knowing them takes no lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunPaths {
    root: PathBuf,
}

impl RunPaths {
    /// The paths of the run folder at `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The run folder itself; event files lie here.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The resolved configuration.
    pub fn config(&self) -> PathBuf {
        self.root.join("config.ron")
    }

    /// What the command line changed, one `key=value` per line.
    pub fn overrides(&self) -> PathBuf {
        self.root.join("overrides.txt")
    }

    /// The command that started the run.
    pub fn command(&self) -> PathBuf {
        self.root.join("command.txt")
    }

    /// Versions, machine, seed: a [`RunMeta`](crate::RunMeta).
    pub fn meta(&self) -> PathBuf {
        self.root.join("meta.json")
    }

    /// One line per update, see [`MetricsRow`](crate::MetricsRow).
    pub fn metrics(&self) -> PathBuf {
        self.root.join("metrics.jsonl")
    }

    /// One line per revision of rewards and observations.
    pub fn revisions(&self) -> PathBuf {
        self.root.join("revisions.jsonl")
    }

    /// One line per fault.
    pub fn faults(&self) -> PathBuf {
        self.root.join("faults.jsonl")
    }

    /// The folder of checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }

    /// The folder of recorded episodes.
    pub fn episodes(&self) -> PathBuf {
        self.root.join("episodes")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("run.lock")
    }
}

/// What names a run: `<task>/<algo>/<started>_s<seed>[_<name>]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunName {
    /// The task's id; a namespace such as `carrot/Hand-v0` gives one more folder.
    pub task: String,
    /// The algorithm: `ppo`.
    pub algo: String,
    /// When the run was started, `<date>_<time>`: `20260214_093000`. Given, because this crate reads no clock.
    pub started: String,
    /// The run's seed.
    pub seed: u64,
    /// A name given by a person.
    pub name: Option<String>,
}

impl RunName {
    /// The run's folder below `runs`.
    ///
    /// # Errors
    /// [`RecordError::InvalidName`] if a part is not plain letters, digits, `_`, `-` and `.`.
    pub fn folder(&self, runs: &Path) -> Result<PathBuf, RecordError> {
        let mut folder = runs.to_owned();
        for part in self.task.split('/') {
            check_plain_name("task", part)?;
            folder.push(part);
        }
        check_plain_name("algorithm", &self.algo)?;
        check_plain_name("start time", &self.started)?;
        let mut leaf = format!("{}_s{}", self.started, self.seed);
        if let Some(name) = &self.name {
            check_plain_name("run name", name)?;
            leaf.push('_');
            leaf.push_str(name);
        }
        folder.push(&self.algo);
        folder.push(leaf);
        Ok(folder)
    }
}
