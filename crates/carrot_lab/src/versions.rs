//! Published versions of learned rewards in a run's folder: `RUN/versions/NAME/000012.net`, one file each.
//!
//! A file is on the device before the revision that names it is written, so every recorded step can be scored again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use carrot_learn::Parts;
use carrot_record::{DiskStorage, replace_file};

use crate::error::LabError;

/// A version that rewards from the next rollout on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedVersion {
    /// Name of the model.
    pub model: String,
    /// Its number.
    pub version: u32,
    /// The model, as named parts.
    pub parts: Parts,
}

fn folder(run: &Path, model: &str) -> PathBuf {
    run.join("versions").join(model)
}

/// Writes a version into a run's folder.
pub(crate) fn write_version(run: &Path, published: &PublishedVersion) -> Result<(), LabError> {
    let folder = folder(run, &published.model);
    fs::create_dir_all(&folder).map_err(failed("cannot create the folder", &folder))?;
    write_parts(&published.parts, &folder.join(format!("{:06}.net", published.version)))
}

/// All versions of a model that a run has published, oldest first.
pub(crate) fn read_versions(run: &Path, model: &str) -> Result<Vec<Parts>, LabError> {
    let folder = folder(run, model);
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed("cannot list the folder", &folder))?,
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "net"))
        .collect();
    files.sort();
    files.iter().map(|file| read_parts(file)).collect()
}

/// Writes the parts of a model into one file.
pub(crate) fn write_parts(parts: &Parts, path: &Path) -> Result<(), LabError> {
    let bytes = postcard::to_stdvec(parts).map_err(|error| damaged(path, &error))?;
    replace_file(&DiskStorage, path, &bytes)?;
    Ok(())
}

/// Reads what [`write_parts`] wrote.
pub(crate) fn read_parts(path: &Path) -> Result<Parts, LabError> {
    let bytes = fs::read(path).map_err(failed("cannot read the reward model", path))?;
    postcard::from_bytes(&bytes).map_err(|error| damaged(path, &error))
}

fn damaged(path: &Path, error: &postcard::Error) -> LabError {
    LabError::Part { part: path.display().to_string(), why: error.to_string() }
}

/// Names the file in an error of the operating system.
pub(crate) fn failed(what: &'static str, path: &Path) -> impl Fn(io::Error) -> LabError {
    let path = path.to_path_buf();
    move |error| LabError::File { what, why: error.to_string(), path: path.clone() }
}
