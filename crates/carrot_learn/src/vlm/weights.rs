//! Weights from and to safetensors: everything is checked against the header before anything is read.

use std::path::Path;

use safetensors::{Dtype, SafeTensors};

use super::VlmError;
use crate::LearnError;
use crate::params::ParamSpec;
use crate::parts::serialize;

/// Values of all parameters in order, as `f32`.
///
/// Tensors that no parameter names, such as buffers of position ids, are left out.
pub(super) fn read(path: &Path, bytes: &[u8], specs: &[ParamSpec]) -> Result<Vec<f32>, VlmError> {
    let refuse = |message: String| VlmError::file(path, message);
    let tensors = SafeTensors::deserialize(bytes)
        .map_err(|error| refuse(format!("is no safetensors file ({error}); download it again")))?;
    let mut found = Vec::with_capacity(specs.len());
    for spec in specs {
        let tensor = tensors.tensor(&spec.name).map_err(|_| {
            refuse(format!("has no tensor `{}`; `config.json` describes another model", spec.name))
        })?;
        let shape: Vec<i64> = tensor.shape().iter().map(|&n| n as i64).collect();
        let scalar = shape.is_empty() && spec.shape == [1];
        if shape != spec.shape && !scalar {
            let (name, expected) = (&spec.name, &spec.shape);
            return Err(refuse(format!(
                "`{name}` has the shape {shape:?}, `config.json` asks for {expected:?}"
            )));
        }
        if !matches!(tensor.dtype(), Dtype::F32 | Dtype::F16 | Dtype::BF16) {
            return Err(refuse(format!(
                "`{}` is {:?}, expected F32, F16 or BF16",
                spec.name,
                tensor.dtype()
            )));
        }
        found.push(tensor);
    }
    let mut values = Vec::with_capacity(specs.iter().map(ParamSpec::len).sum());
    for (spec, tensor) in specs.iter().zip(&found) {
        let first = values.len();
        match tensor.dtype() {
            Dtype::F32 => {
                values.extend(tensor.data().as_chunks::<4>().0.iter().map(|quad| f32::from_le_bytes(*quad)));
            }
            Dtype::F16 => values.extend(pairs(tensor.data()).map(|bits| half::f16::from_bits(bits).to_f32())),
            _ => values.extend(pairs(tensor.data()).map(|bits| half::bf16::from_bits(bits).to_f32())),
        }
        if values[first..].iter().any(|x| !x.is_finite()) {
            return Err(refuse(format!("`{}` holds numbers that are not finite", spec.name)));
        }
    }
    Ok(values)
}

/// Writes parameters in half precision, under their names.
pub(super) fn write(specs: &[ParamSpec], values: &[f32]) -> Result<Vec<u8>, LearnError> {
    let bytes = values.iter().flat_map(|x| half::f16::from_f32(*x).to_le_bytes()).collect();
    serialize("model.safetensors", specs, Dtype::F16, &[("", bytes)])
}

fn pairs(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair))
}
