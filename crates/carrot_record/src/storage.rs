//! The few file operations that durable records need, behind a trait so that tests can fail any of them.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::Path,
};

use crate::RecordError;

/// A file open for writing.
pub trait StorageFile: Write + Send {
    /// Forces everything written so far onto the device.
    ///
    /// # Errors
    /// Whatever the device reports, also for earlier writes.
    fn sync(&mut self) -> io::Result<()>;
}

/// Where files lie: the disk, or a test's idea of one.
pub trait Storage: Send + Sync {
    /// Creates one folder, which must not exist.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Creates a file, or empties the one that is there.
    fn create_file(&self, path: &Path) -> io::Result<Box<dyn StorageFile>>;
    /// Opens a file for appending, creating it if need be; also returns its length in bytes.
    fn append_file(&self, path: &Path) -> io::Result<(Box<dyn StorageFile>, u64)>;
    /// Forces a folder's list of names onto the device.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Renames a file or folder; a file in the way is replaced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes a folder and what is in it.
    fn remove_dir_all(&self, path: &Path) -> io::Result<()>;
    /// The names in a folder, sorted; names that are not Unicode are left out, we never write such.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
    /// The contents of a regular file of at most `limit` bytes.
    ///
    /// # Errors
    /// `InvalidData` for a longer file and for anything that is not a regular file.
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>>;
}

/// The file system of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiskStorage;

impl StorageFile for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

impl Storage for DiskStorage {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn create_file(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        Ok(Box::new(File::create(path)?))
    }

    fn append_file(&self, path: &Path) -> io::Result<(Box<dyn StorageFile>, u64)> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let length = file.metadata()?.len();
        Ok((Box::new(file), length))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        // Only Unix can open a folder; elsewhere the file system orders renames by itself.
        if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(path)? {
            names.extend(entry?.file_name().into_string());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let refuse = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidData, what));
        // Asked before opening: opening a pipe would wait for ever.
        let metadata = fs::symlink_metadata(path)?;
        if !metadata.is_file() {
            return refuse("not a regular file");
        }
        if metadata.len() > limit {
            return refuse("longer than expected");
        }
        let mut bytes = Vec::with_capacity(metadata.len() as usize);
        File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit { refuse("longer than expected") } else { Ok(bytes) }
    }
}

/// Writes a whole file and forces it onto the device; its name is durable only once the folder is synced.
pub(crate) fn write_file(storage: &dyn Storage, path: &Path, bytes: &[u8]) -> Result<(), RecordError> {
    let mut file = storage.create_file(path).map_err(RecordError::io("create", path))?;
    file.write_all(bytes).map_err(RecordError::io("write", path))?;
    file.sync().map_err(RecordError::io("sync", path))
}

/// Replaces a small file in one step: after a crash it holds its old or its new contents, never a mix.
///
/// # Errors
/// [`RecordError::Io`]; the old contents then stand, or the new ones do.
pub fn replace_file(storage: &dyn Storage, path: &Path, bytes: &[u8]) -> Result<(), RecordError> {
    // The parent of a bare file name is empty.
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = Path::new(&temporary);
    write_file(storage, temporary, bytes)?;
    storage.rename(temporary, path).map_err(RecordError::io("rename", temporary))?;
    storage.sync_dir(folder).map_err(RecordError::io("sync", folder))
}

/// The BLAKE3 hash of some bytes as 64 hexadecimal digits, as it stands in manifests.
pub fn content_hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}
