//! Files beside a robot: read by relative paths that cannot leave the folder.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::error::UrdfError;

/// Longest path that a robot may write, in bytes.
const MAX_PATH: usize = 512;
/// Names looked at for the one that was meant.
const MAX_LISTED: usize = 1000;

/// Where a robot's files are.
#[derive(Debug)]
enum Place {
    /// A folder on disk.
    Disk(PathBuf),
    /// Files that are part of the program, by path.
    Embedded(&'static [(&'static str, &'static [u8])]),
}

/// A robot's folder, and what was read in it.
#[derive(Debug)]
pub(super) struct Folder {
    place: Place,
    read: RefCell<BTreeMap<String, Vec<u8>>>,
}

impl Folder {
    /// A folder on disk.
    pub(super) fn on_disk(root: &Path) -> Self {
        Self { place: Place::Disk(root.to_owned()), read: RefCell::default() }
    }

    /// Files that are part of the program, by path.
    pub(super) fn embedded(files: &'static [(&'static str, &'static [u8])]) -> Self {
        Self { place: Place::Embedded(files), read: RefCell::default() }
    }

    /// The files on disk that were read, by their paths without detours.
    pub(super) fn into_files(self) -> BTreeMap<String, Vec<u8>> {
        self.read.into_inner()
    }

    /// The bytes of a file, of which there are at most `limit`.
    pub(super) fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, UrdfError> {
        let parts = parts(path).map_err(|why| UrdfError::PathEscape { path: path.into(), why })?;
        let missing = || UrdfError::MissingMesh { path: path.into() };
        let bytes = match &self.place {
            Place::Embedded(files) => {
                let found = files.iter().find(|(name, _)| *name == parts.join("/"));
                found.ok_or_else(missing)?.1.to_vec()
            }
            Place::Disk(root) => {
                let file = regular_file(root, &parts, path)?.ok_or_else(missing)?;
                let bad =
                    |error: std::io::Error| UrdfError::BadMesh { path: path.into(), why: error.to_string() };
                let mut bytes = Vec::new();
                File::open(file)
                    .and_then(|file| file.take(limit as u64 + 1).read_to_end(&mut bytes))
                    .map_err(bad)?;
                bytes
            }
        };
        if bytes.len() > limit {
            let why = format!("it is longer than {limit} bytes");
            return Err(UrdfError::BadMesh { path: path.into(), why });
        }
        if matches!(self.place, Place::Disk(_)) {
            self.read.borrow_mut().insert(parts.join("/"), bytes.clone());
        }
        Ok(bytes)
    }

    /// Where a file on disk is; every step on the way there is an own folder of this one.
    pub(super) fn locate(&self, path: &str) -> Result<PathBuf, UrdfError> {
        let parts = parts(path).map_err(|why| UrdfError::PathEscape { path: path.into(), why })?;
        let found = match &self.place {
            Place::Embedded(_) => None,
            Place::Disk(root) => regular_file(root, &parts, path)?,
        };
        found.ok_or_else(|| UrdfError::MissingMesh { path: path.into() })
    }

    /// Paths of files in the folder that `path` speaks of.
    pub(super) fn neighbours(&self, path: &str) -> Vec<String> {
        let Ok(parts) = parts(path) else { return Vec::new() };
        let before = parts[..parts.len() - 1].iter().map(|part| format!("{part}/")).collect::<String>();
        match &self.place {
            Place::Embedded(files) => files.iter().map(|(name, _)| (*name).to_owned()).collect(),
            Place::Disk(root) => {
                let Ok(entries) = fs::read_dir(root.join(&before)) else { return Vec::new() };
                let names =
                    entries.take(MAX_LISTED).filter_map(|entry| entry.ok()?.file_name().into_string().ok());
                let mut names: Vec<_> = names.map(|name| format!("{before}{name}")).collect();
                names.sort();
                names
            }
        }
    }
}

/// The steps of a relative path that stays where it is.
fn parts(path: &str) -> Result<Vec<&str>, &'static str> {
    if path.is_empty() || path.len() > MAX_PATH {
        return Err("it is empty or too long");
    }
    if path.chars().any(char::is_control) {
        return Err("it holds control characters");
    }
    if path.contains(':') {
        return Err("it is an address or names a drive; nothing is fetched, no package is looked up");
    }
    if path.contains('\\') {
        return Err("it holds a backslash");
    }
    if path.starts_with('/') {
        return Err("it is absolute");
    }
    if path.starts_with('~') || path.contains('$') {
        return Err("nothing is expanded");
    }
    let parts: Vec<_> = path.split('/').filter(|part| *part != ".").collect();
    if parts.contains(&"..") {
        return Err("it leaves the folder");
    }
    if parts.is_empty() || parts.contains(&"") {
        return Err("it names no file");
    }
    Ok(parts)
}

/// The regular file at `parts` below `root`; `None` where there is nothing. Links are never followed.
fn regular_file(root: &Path, parts: &[&str], path: &str) -> Result<Option<PathBuf>, UrdfError> {
    let refuse = |why| Err(UrdfError::PathEscape { path: path.into(), why });
    let mut place = root.to_path_buf();
    for (index, part) in parts.iter().enumerate() {
        place.push(part);
        let Ok(found) = fs::symlink_metadata(&place) else { return Ok(None) };
        let is_last = index + 1 == parts.len();
        if found.is_symlink() {
            return refuse("it goes through a link");
        }
        if is_last && !found.is_file() {
            return refuse("it is no regular file");
        }
    }
    Ok(Some(place))
}
