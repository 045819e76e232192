//! Dense buffers at the border: observation parts, and what a step writes into a rollout.

use bevy_ecs::prelude::Resource;
use serde::{Deserialize, Serialize};

use crate::episode::Cause;
use crate::space::{Element, ObsPart};

/// One observation part of a batch, row-major `[N, size]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum PartData {
    /// Floats.
    F32(Vec<f32>),
    /// Bytes.
    U8(Vec<u8>),
}

impl PartData {
    /// Zeroes for `rows` rows of a part.
    pub fn new(part: &ObsPart, rows: usize) -> Self {
        match part.element {
            Element::F32 => Self::F32(vec![0.0; rows * part.size()]),
            Element::U8 => Self::U8(vec![0; rows * part.size()]),
        }
    }

    /// Floats, empty when the part holds bytes.
    pub fn f32(&self) -> &[f32] {
        if let Self::F32(data) = self { data } else { &[] }
    }

    /// Bytes, empty when the part holds floats.
    pub fn u8(&self) -> &[u8] {
        if let Self::U8(data) = self { data } else { &[] }
    }

    /// Elements `range` as a part of their own.
    pub fn slice(&self, range: std::ops::Range<usize>) -> PartSlice<'_> {
        match self {
            Self::F32(data) => PartSlice::F32(&data[range]),
            Self::U8(data) => PartSlice::U8(&data[range]),
        }
    }

    pub(crate) fn slice_mut(&mut self, range: std::ops::Range<usize>) -> PartSliceMut<'_> {
        match self {
            Self::F32(data) => PartSliceMut::F32(&mut data[range]),
            Self::U8(data) => PartSliceMut::U8(&mut data[range]),
        }
    }

    pub(crate) fn clear(&mut self) {
        match self {
            Self::F32(data) => data.clear(),
            Self::U8(data) => data.clear(),
        }
    }

    /// Appends elements; both sides hold the same element type.
    pub fn extend(&mut self, from: PartSlice<'_>) {
        match (self, from) {
            (Self::F32(data), PartSlice::F32(from)) => data.extend_from_slice(from),
            (Self::U8(data), PartSlice::U8(from)) => data.extend_from_slice(from),
            _ => {}
        }
    }
}

/// Part of a [`PartData`], to read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PartSlice<'a> {
    /// Floats.
    F32(&'a [f32]),
    /// Bytes.
    U8(&'a [u8]),
}

impl PartSlice<'_> {
    /// Elements `range` as a part of their own.
    #[must_use]
    pub fn slice(self, range: std::ops::Range<usize>) -> Self {
        match self {
            Self::F32(data) => Self::F32(&data[range]),
            Self::U8(data) => Self::U8(&data[range]),
        }
    }
}

/// Part of a [`PartData`], to write.
#[derive(Debug)]
pub(crate) enum PartSliceMut<'a> {
    F32(&'a mut [f32]),
    U8(&'a mut [u8]),
}

impl<'a> PartSliceMut<'a> {
    pub(crate) fn copy_from(&mut self, from: &PartData) {
        match (self, from) {
            (Self::F32(to), PartData::F32(from)) => to.copy_from_slice(from),
            (Self::U8(to), PartData::U8(from)) => to.copy_from_slice(from),
            _ => {}
        }
    }

    pub(crate) fn split_at(self, mid: usize) -> (Self, Self) {
        match self {
            Self::F32(data) => {
                let (a, b) = data.split_at_mut(mid);
                (Self::F32(a), Self::F32(b))
            }
            Self::U8(data) => {
                let (a, b) = data.split_at_mut(mid);
                (Self::U8(a), Self::U8(b))
            }
        }
    }
}

/// The observation rows of a shard, one buffer per part.
#[derive(Resource, Debug, Clone)]
pub struct Observations {
    pub(crate) parts: Vec<PartData>,
}

impl Observations {
    pub(crate) fn new(specs: &[ObsPart], rows: usize) -> Self {
        Self { parts: specs.iter().map(|part| PartData::new(part, rows)).collect() }
    }

    /// A float part, row-major.
    ///
    /// # Panics
    /// When part `index` holds bytes: a bug of the task.
    pub fn f32_mut(&mut self, index: usize) -> &mut [f32] {
        match &mut self.parts[index] {
            PartData::F32(data) => data,
            PartData::U8(_) => panic!("observation part {index} holds bytes"),
        }
    }

    /// A byte part, row-major.
    ///
    /// # Panics
    /// When part `index` holds floats: a bug of the task.
    pub fn u8_mut(&mut self, index: usize) -> &mut [u8] {
        match &mut self.parts[index] {
            PartData::U8(data) => data,
            PartData::F32(_) => panic!("observation part {index} holds floats"),
        }
    }
}

/// Where one shard writes one step of a rollout.
pub(crate) struct StepOut<'a> {
    pub(crate) obs: Vec<PartSliceMut<'a>>,
    pub(crate) actions: &'a mut [f32],
    pub(crate) raw: Vec<&'a mut [f32]>,
    pub(crate) signals: Vec<&'a mut [f32]>,
    pub(crate) terminated: &'a mut [bool],
    pub(crate) truncated: &'a mut [bool],
    pub(crate) success: &'a mut [bool],
    pub(crate) cause: &'a mut [Cause],
    pub(crate) score: &'a mut [f32],
}
