//! Named tensors and states as the bytes of checkpoint parts, all checked before anything changes.

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::params::ParamSpec;
use crate::{LearnError, Parts};

/// A part by name.
pub(crate) fn find<'a>(parts: &'a Parts, name: &str) -> Result<&'a [u8], LearnError> {
    parts.get(name).map(Vec::as_slice).ok_or_else(|| LearnError::checkpoint(name, "is missing"))
}

/// Writes a small state.
pub(crate) fn write_state(part: &str, state: &impl Serialize) -> Result<Vec<u8>, LearnError> {
    postcard::to_stdvec(state).map_err(|error| LearnError::checkpoint(part, error))
}

/// Reads what [`write_state`] wrote.
pub(crate) fn read_state<T: DeserializeOwned>(part: &str, bytes: &[u8]) -> Result<T, LearnError> {
    postcard::from_bytes(bytes).map_err(|error| LearnError::checkpoint(part, error))
}

/// Writes flat values as named tensors, once per (prefix, values).
pub(crate) fn write_tensors(
    part: &str,
    specs: &[ParamSpec],
    groups: &[(&str, &[f32])],
) -> Result<Vec<u8>, LearnError> {
    let bytes = |values: &[f32]| values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let groups: Vec<_> = groups.iter().map(|(prefix, values)| (*prefix, bytes(values))).collect();
    serialize(part, specs, Dtype::F32, &groups)
}

/// Writes the bytes of flat values as named tensors of a type.
pub(crate) fn serialize(
    part: &str,
    specs: &[ParamSpec],
    dtype: Dtype,
    groups: &[(&str, Vec<u8>)],
) -> Result<Vec<u8>, LearnError> {
    let size = dtype.bitsize() / 8;
    let mut tensors = Vec::new();
    for (prefix, bytes) in groups {
        let mut start = 0;
        for spec in specs {
            let end = start + size * spec.len();
            let shape = spec.shape.iter().map(|&n| n as usize).collect();
            let view = TensorView::new(dtype, shape, &bytes[start..end])
                .map_err(|error| LearnError::checkpoint(part, error))?;
            tensors.push((format!("{prefix}{}", spec.name), view));
            start = end;
        }
    }
    safetensors::serialize(tensors, None).map_err(|error| LearnError::checkpoint(part, error))
}

/// Reads what [`write_tensors`] wrote, and refuses any other names, shapes, types or non-finite values.
pub(crate) fn read_tensors<const G: usize>(
    part: &str,
    bytes: &[u8],
    specs: &[ParamSpec],
    prefixes: [&str; G],
) -> Result<[Vec<f32>; G], LearnError> {
    let refuse = |message: String| LearnError::checkpoint(part, message);
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| refuse(error.to_string()))?;
    if tensors.len() != specs.len() * G {
        return Err(refuse(format!("holds {} tensors, expected {}", tensors.len(), specs.len() * G)));
    }
    let mut groups = [const { Vec::new() }; G];
    for (values, prefix) in groups.iter_mut().zip(prefixes) {
        for spec in specs {
            let name = format!("{prefix}{}", spec.name);
            let tensor = tensors.tensor(&name).map_err(|_| refuse(format!("has no tensor `{name}`")))?;
            let shape: Vec<i64> = tensor.shape().iter().map(|&n| n as i64).collect();
            if tensor.dtype() != Dtype::F32 || shape != spec.shape {
                let (dtype, expected) = (tensor.dtype(), &spec.shape);
                return Err(refuse(format!("`{name}` is {dtype:?} {shape:?}, expected F32 {expected:?}")));
            }
            let (quads, _) = tensor.data().as_chunks::<4>();
            values.extend(quads.iter().map(|quad| f32::from_le_bytes(*quad)));
        }
        if values.iter().any(|x| !x.is_finite()) {
            return Err(refuse("holds numbers that are not finite".into()));
        }
    }
    Ok(groups)
}
