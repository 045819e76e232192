//! The `checkpoints` folder of a run: saving, loading, setting aside, keeping few.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Checkpoint, CheckpointHeader, CheckpointName, NewestCheckpoint, SavedCheckpoint,
    manifest::{MANIFEST, Manifest},
    name::check_plain_name,
};
use crate::{
    RecordError, RecordWarning, Storage,
    storage::{replace_file, write_file},
};

const LATEST: &str = "latest";
const BEST: &str = "best";
/// A pointer file holds one name.
const POINTER_LIMIT: u64 = 128;

/// Saves and loads checkpoints in one folder.
///
/// Only the owner of the run folder may call methods that change it; anybody may call [`CheckpointStore::names`]
/// and [`CheckpointStore::load`].
#[derive(Clone)]
pub struct CheckpointStore {
    folder: PathBuf,
    keep: usize,
    storage: Arc<dyn Storage>,
}

impl CheckpointStore {
    /// A store in an existing folder that keeps the newest `keep` checkpoints (at least one).
    pub fn new(folder: impl Into<PathBuf>, keep: usize, storage: Arc<dyn Storage>) -> Self {
        Self { folder: folder.into(), keep: keep.max(1), storage }
    }

    /// Saves a checkpoint by the protocol of this module.
    ///
    /// # Errors
    /// [`RecordError::Io`]: all earlier checkpoints stand, and calling again is safe.
    /// [`RecordError::InvalidName`] for a part whose name is not a plain file name.
    pub fn save(
        &self,
        header: &CheckpointHeader,
        parts: &BTreeMap<String, Vec<u8>>,
    ) -> Result<SavedCheckpoint, RecordError> {
        for name in parts.keys() {
            check_plain_name("checkpoint part", name)?;
            if name == MANIFEST {
                let expected = "another name, this one is the checkpoint's own";
                return Err(RecordError::InvalidName {
                    what: "checkpoint part",
                    name: name.clone(),
                    expected,
                });
            }
        }
        let mut warnings = Vec::new();
        note(&mut warnings, self.sweep());

        let name = self.free_name(header.env_steps)?;
        let temporary = self.folder.join(format!("{name}.tmp"));
        if let Err(error) = self.write_folder(&temporary, &name, header, parts) {
            // On a full disk the space is needed; if this fails too the next save sweeps it.
            let _ = self.storage.remove_dir_all(&temporary);
            return Err(error);
        }
        let latest = self.point(LATEST, name);
        let latest_stands = latest.is_ok();
        note(&mut warnings, latest);
        if latest_stands {
            note(&mut warnings, self.prune());
        }
        Ok(SavedCheckpoint { name, warnings })
    }

    fn write_folder(
        &self,
        temporary: &Path,
        name: &CheckpointName,
        header: &CheckpointHeader,
        parts: &BTreeMap<String, Vec<u8>>,
    ) -> Result<(), RecordError> {
        let storage = &*self.storage;
        storage.create_dir(temporary).map_err(RecordError::io("create", temporary))?;
        for (part, bytes) in parts {
            write_file(storage, &temporary.join(part), bytes)?;
        }
        let manifest = Manifest::new(header, parts).to_bytes();
        write_file(storage, &temporary.join(MANIFEST), &manifest)?;
        storage.sync_dir(temporary).map_err(RecordError::io("sync", temporary))?;
        let target = self.folder.join(name.to_string());
        storage.rename(temporary, &target).map_err(RecordError::io("rename", temporary))?;
        self.sync_folder()
    }

    /// Loads the newest checkpoint that verifies, and renames newer ones that do not.
    ///
    /// # Errors
    /// [`RecordError::Io`] if the device fails, [`RecordError::UnsupportedFormat`] if the newest checkpoint was
    /// written by another version: neither is a reason to set a checkpoint aside.
    pub fn load_newest(&self) -> Result<NewestCheckpoint, RecordError> {
        let mut warnings = Vec::new();
        for name in self.names()?.into_iter().rev() {
            match self.load(name) {
                Ok(checkpoint) => return Ok(NewestCheckpoint { found: Some((name, checkpoint)), warnings }),
                Err(reason @ (RecordError::Corrupt { .. } | RecordError::InvalidName { .. })) => {
                    warnings.push(match self.set_aside(name) {
                        Ok(set_aside) => {
                            RecordWarning::Quarantined { name: name.to_string(), set_aside, reason }
                        }
                        Err(rename) => RecordWarning::Skipped { name: name.to_string(), reason, rename },
                    });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(NewestCheckpoint { found: None, warnings })
    }

    /// Loads one checkpoint and verifies it; changes nothing.
    ///
    /// # Errors
    /// [`RecordError::Corrupt`], [`RecordError::UnsupportedFormat`], [`RecordError::Io`].
    pub fn load(&self, name: CheckpointName) -> Result<Checkpoint, RecordError> {
        let folder = self.folder.join(name.to_string());
        let manifest = Manifest::read(&*self.storage, &folder)?;
        if manifest.env_steps != name.env_steps {
            let what = format!("its manifest is of step {}", manifest.env_steps);
            return Err(RecordError::corrupt(folder, what));
        }
        manifest.read_parts(&*self.storage, &folder)
    }

    /// The names of all checkpoints, oldest first, verified or not.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn names(&self) -> Result<Vec<CheckpointName>, RecordError> {
        let mut names: Vec<CheckpointName> =
            self.list()?.iter().filter_map(|name| name.parse().ok()).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Lets `best` name a checkpoint, which is then never removed while it does.
    ///
    /// # Errors
    /// [`RecordError::Io`]; the pointer then names what it named before, or this one.
    pub fn mark_best(&self, name: CheckpointName) -> Result<(), RecordError> {
        self.point(BEST, name)
    }

    /// The checkpoint that `latest` names, for people and scripts; loading does not rely on it.
    ///
    /// # Errors
    /// [`RecordError::Io`], [`RecordError::InvalidName`] if the file holds something else.
    pub fn latest(&self) -> Result<Option<CheckpointName>, RecordError> {
        self.pointed(LATEST)
    }

    /// The checkpoint that [`CheckpointStore::mark_best`] named last.
    ///
    /// # Errors
    /// [`RecordError::Io`], [`RecordError::InvalidName`] if the file holds something else.
    pub fn best(&self) -> Result<Option<CheckpointName>, RecordError> {
        self.pointed(BEST)
    }

    fn list(&self) -> Result<Vec<String>, RecordError> {
        self.storage.list(&self.folder).map_err(RecordError::io("list", &self.folder))
    }

    fn sync_folder(&self) -> Result<(), RecordError> {
        self.storage.sync_dir(&self.folder).map_err(RecordError::io("sync", &self.folder))
    }

    /// A second checkpoint at one step gets a name of its own: replacing a folder is not one step on disk.
    fn free_name(&self, env_steps: u64) -> Result<CheckpointName, RecordError> {
        let taken = self.names()?.into_iter().rfind(|name| name.env_steps == env_steps);
        Ok(CheckpointName { env_steps, repeat: taken.map_or(0, |name| name.repeat + 1) })
    }

    fn point(&self, pointer: &str, name: CheckpointName) -> Result<(), RecordError> {
        replace_file(&*self.storage, &self.folder.join(pointer), format!("{name}\n").as_bytes())
    }

    fn pointed(&self, pointer: &str) -> Result<Option<CheckpointName>, RecordError> {
        let path = self.folder.join(pointer);
        match self.storage.read(&path, POINTER_LIMIT) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).trim_end().parse().map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(RecordError::io("read", path)(error)),
        }
    }

    /// Removes what a crash left half written or half removed.
    fn sweep(&self) -> Result<(), RecordError> {
        for name in self.list()? {
            let path = self.folder.join(&name);
            let of_checkpoint = name.starts_with("step_");
            if of_checkpoint && (name.ends_with(".tmp") || name.ends_with(".old")) {
                self.storage.remove_dir_all(&path).map_err(RecordError::io("remove", &path))?;
            }
        }
        Ok(())
    }

    fn prune(&self) -> Result<(), RecordError> {
        let protected = [self.latest()?, self.best()?];
        let names = self.names()?;
        let old_names = names[..names.len().saturating_sub(self.keep)].iter();
        let removed: Vec<_> = old_names.filter(|name| !protected.contains(&Some(**name))).collect();
        if removed.is_empty() {
            return Ok(());
        }
        // Renamed for good before anything in them goes: no crash leaves what looks like a damaged checkpoint.
        let old = |name: &CheckpointName| self.folder.join(format!("{name}.old"));
        for name in &removed {
            let path = self.folder.join(name.to_string());
            self.storage.rename(&path, &old(name)).map_err(RecordError::io("rename", path))?;
        }
        self.sync_folder()?;
        for name in removed {
            self.storage.remove_dir_all(&old(name)).map_err(RecordError::io("remove", old(name)))?;
        }
        Ok(())
    }

    fn set_aside(&self, name: CheckpointName) -> Result<String, RecordError> {
        let taken = self.list()?;
        let mut set_aside = format!("{name}.bad");
        let mut count = 1;
        while taken.contains(&set_aside) {
            set_aside = format!("{name}.bad{count}");
            count += 1;
        }
        let path = self.folder.join(name.to_string());
        self.storage.rename(&path, &self.folder.join(&set_aside)).map_err(RecordError::io("rename", path))?;
        self.sync_folder()?;
        Ok(set_aside)
    }
}

fn note(warnings: &mut Vec<RecordWarning>, result: Result<(), RecordError>) {
    if let Err(source) = result {
        warnings.push(RecordWarning::Housekeeping { source });
    }
}
