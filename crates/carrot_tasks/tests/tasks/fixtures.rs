//! Reads what Gymnasium and MiniGrid recorded; layouts are described in `tests/generators/README.md`.

use std::io::Read;
use std::path::PathBuf;

fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "..", "tests", "fixtures", name].iter().collect()
}

/// Rows of `F` floats.
pub(crate) fn rows<const F: usize>(name: &str) -> Vec<[f32; F]> {
    let bytes = std::fs::read(path(name)).unwrap();
    let floats: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect();
    assert!(bytes.len().is_multiple_of(4 * F));
    floats.as_chunks::<F>().0.to_vec()
}

/// The description beside a binary.
pub(crate) fn json(name: &str) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(path(name)).unwrap()).unwrap()
}

/// An unpacked file, read from the front.
pub(crate) struct Unpacked {
    bytes: Vec<u8>,
    at: usize,
}

impl Unpacked {
    pub(crate) fn open(name: &str) -> Self {
        let packed = std::fs::read(path(name)).unwrap();
        let mut bytes = Vec::new();
        flate2::read::ZlibDecoder::new(packed.as_slice()).read_to_end(&mut bytes).unwrap();
        Self { bytes, at: 0 }
    }

    pub(crate) fn u8(&mut self, count: usize) -> Vec<u8> {
        self.at += count;
        self.bytes[self.at - count..self.at].to_vec()
    }

    pub(crate) fn u16(&mut self, count: usize) -> Vec<usize> {
        self.u8(2 * count).as_chunks().0.iter().map(|b| u16::from_le_bytes(*b).into()).collect()
    }

    pub(crate) fn u32(&mut self, count: usize) -> Vec<usize> {
        self.u8(4 * count).as_chunks().0.iter().map(|b| u32::from_le_bytes(*b) as usize).collect()
    }

    pub(crate) fn f32(&mut self, count: usize) -> Vec<f32> {
        self.u8(4 * count).as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
    }

    pub(crate) fn f64(&mut self, count: usize) -> Vec<f64> {
        self.u8(8 * count).as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect()
    }

    /// Nothing is left to read.
    pub(crate) fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }
}
