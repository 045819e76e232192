//! `MANIFEST.json`: what a checkpoint consists of, with the hash of every part and of itself.

use std::{collections::BTreeMap, io, path::Path};

use serde::{Deserialize, Serialize};

use super::{Checkpoint, CheckpointHeader, name::check_plain_name};
use crate::{RecordError, Storage, content_hash};

pub(super) const MANIFEST: &str = "MANIFEST.json";

/// Version of the checkpoint format that this build writes and reads.
pub const CHECKPOINT_FORMAT: u32 = 1;

/// Far above any real manifest, far below what would hurt to read.
const MANIFEST_LIMIT: u64 = 16 << 20;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    format_version: u32,
    config_hash: String,
    pub(super) env_steps: u64,
    update: u64,
    logs: BTreeMap<String, u64>,
    parts: BTreeMap<String, Part>,
    /// Hash of this manifest with this field empty.
    blake3: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    bytes: u64,
    blake3: String,
}

#[derive(Deserialize)]
struct Version {
    format_version: u32,
}

impl Manifest {
    pub(super) fn new(header: &CheckpointHeader, parts: &BTreeMap<String, Vec<u8>>) -> Self {
        let part = |bytes: &Vec<u8>| Part { bytes: bytes.len() as u64, blake3: content_hash(bytes) };
        let mut manifest = Self {
            format_version: CHECKPOINT_FORMAT,
            config_hash: header.config_hash.clone(),
            env_steps: header.env_steps,
            update: header.update,
            logs: header.logs.clone(),
            parts: parts.iter().map(|(name, bytes)| (name.clone(), part(bytes))).collect(),
            blake3: String::new(),
        };
        manifest.blake3 = content_hash(&manifest.to_bytes());
        manifest
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        // Strings, counts and sorted maps always have a JSON form.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    pub(super) fn read(storage: &dyn Storage, folder: &Path) -> Result<Self, RecordError> {
        let path = folder.join(MANIFEST);
        let bytes = read(storage, &path, MANIFEST_LIMIT)?;
        let parse_error = |error: serde_json::Error| RecordError::corrupt(&path, error.to_string());
        // The version first: a manifest of another version may have other fields.
        let version: Version = serde_json::from_slice(&bytes).map_err(parse_error)?;
        if version.format_version != CHECKPOINT_FORMAT {
            let (found, supported) = (version.format_version, CHECKPOINT_FORMAT);
            return Err(RecordError::UnsupportedFormat { path, found, supported });
        }
        let mut manifest: Self = serde_json::from_slice(&bytes).map_err(parse_error)?;
        let exact = manifest.to_bytes() == bytes;
        let stated = std::mem::take(&mut manifest.blake3);
        if !exact || content_hash(&manifest.to_bytes()) != stated {
            return Err(RecordError::corrupt(path, "the manifest does not match its own hash"));
        }
        Ok(manifest)
    }

    pub(super) fn read_parts(self, storage: &dyn Storage, folder: &Path) -> Result<Checkpoint, RecordError> {
        let mut parts = BTreeMap::new();
        for (name, part) in self.parts {
            check_plain_name("checkpoint part", &name)?;
            let path = folder.join(&name);
            let bytes = read(storage, &path, part.bytes)?;
            if bytes.len() as u64 != part.bytes {
                let what = format!("{} bytes, the manifest says {}", bytes.len(), part.bytes);
                return Err(RecordError::corrupt(path, what));
            }
            if content_hash(&bytes) != part.blake3 {
                return Err(RecordError::corrupt(path, "its hash is not the one in the manifest"));
            }
            parts.insert(name, bytes);
        }
        let header = CheckpointHeader {
            env_steps: self.env_steps,
            update: self.update,
            config_hash: self.config_hash,
            logs: self.logs,
        };
        Ok(Checkpoint { header, parts })
    }
}

/// Reads a file that must be there: its absence or a wrong kind or size is damage, not a failure of the disk.
fn read(storage: &dyn Storage, path: &Path, limit: u64) -> Result<Vec<u8>, RecordError> {
    storage.read(path, limit).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => RecordError::corrupt(path, "missing"),
        io::ErrorKind::InvalidData => RecordError::corrupt(path, error.to_string()),
        _ => RecordError::io("read", path)(error),
    })
}
