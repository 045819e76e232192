//! Saving and loading: named parts of bytes, all checked before anything changes.
//!
//! | part | holds |
//! |---|---|
//! | `policy.safetensors` | the network's parameters by name, f32 |
//! | `optim.safetensors` | Adam's moments: `exp_avg.NAME` and `exp_avg_sq.NAME` |
//! | `state.postcard` | counters, the optimiser's steps, observation statistics |

use std::collections::BTreeMap;

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};

use crate::params::{ParamSpec, overwrite};
use crate::views::read_f32;
use crate::{Counters, LearnError, ObsNorm, Ppo};

const POLICY: &str = "policy.safetensors";
const OPTIM: &str = "optim.safetensors";
const STATE: &str = "state.postcard";

/// Raised when the layout of the state changes.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct State {
    version: u32,
    counters: Counters,
    adam_steps: u64,
    obs_norm: ObsNorm,
}

impl Ppo {
    /// Everything that training goes on from, as named parts; call it between two rollouts.
    ///
    /// # Errors
    /// When libtorch refuses a copy.
    pub fn save(&self) -> Result<BTreeMap<String, Vec<u8>>, LearnError> {
        let specs = self.net.params.specs();
        let (mut exp_avg, mut exp_avg_sq) =
            (vec![0.0; self.net.params.len()], vec![0.0; self.net.params.len()]);
        read_f32(&self.adam.exp_avg, &mut exp_avg)?;
        read_f32(&self.adam.exp_avg_sq, &mut exp_avg_sq)?;
        let state = State {
            version: VERSION,
            counters: self.counters,
            adam_steps: self.adam.step,
            obs_norm: self.obs_norm.clone(),
        };
        let state = postcard::to_stdvec(&state).map_err(|error| LearnError::checkpoint(STATE, error))?;
        let moments = [("exp_avg.", exp_avg.as_slice()), ("exp_avg_sq.", exp_avg_sq.as_slice())];
        Ok(BTreeMap::from([
            (POLICY.to_owned(), write_tensors(POLICY, specs, &[("", &self.net.params.values()?)])?),
            (OPTIM.to_owned(), write_tensors(OPTIM, specs, &moments)?),
            (STATE.to_owned(), state),
        ]))
    }

    /// Continues from saved parts; on the CPU, bit for bit.
    ///
    /// # Errors
    /// When a part is missing or does not fit this network; nothing is changed then.
    pub fn load(&mut self, parts: &BTreeMap<String, Vec<u8>>) -> Result<(), LearnError> {
        let part = |name: &str| parts.get(name).ok_or_else(|| LearnError::checkpoint(name, "is missing"));
        let specs = self.net.params.specs();
        let [policy] = read_tensors(POLICY, part(POLICY)?, specs, [""])?;
        let [exp_avg, exp_avg_sq] = read_tensors(OPTIM, part(OPTIM)?, specs, ["exp_avg.", "exp_avg_sq."])?;
        let state: State =
            postcard::from_bytes(part(STATE)?).map_err(|error| LearnError::checkpoint(STATE, error))?;
        if state.version != VERSION {
            let message = format!("has version {}, expected {VERSION}", state.version);
            return Err(LearnError::checkpoint(STATE, message));
        }
        if !state.obs_norm.is_valid(self.layout.floats) {
            let message = "holds statistics of another observation, or numbers that are not finite";
            return Err(LearnError::checkpoint(STATE, message));
        }
        self.net.params.set_values(&policy)?;
        overwrite(&mut self.adam.exp_avg, &exp_avg)?;
        overwrite(&mut self.adam.exp_avg_sq, &exp_avg_sq)?;
        self.adam.step = state.adam_steps;
        self.obs_norm = state.obs_norm;
        self.counters = state.counters;
        self.begin_rollout();
        Ok(())
    }
}

/// Writes flat values as named tensors, once per (prefix, values).
pub(crate) fn write_tensors(
    part: &str,
    specs: &[ParamSpec],
    groups: &[(&str, &[f32])],
) -> Result<Vec<u8>, LearnError> {
    let bytes: Vec<Vec<u8>> =
        groups.iter().map(|(_, values)| values.iter().flat_map(|x| x.to_le_bytes()).collect()).collect();
    let mut tensors = Vec::new();
    for ((prefix, _), bytes) in groups.iter().zip(&bytes) {
        let mut start = 0;
        for spec in specs {
            let end = start + 4 * spec.len();
            let shape = spec.shape.iter().map(|&n| n as usize).collect();
            let view = TensorView::new(Dtype::F32, shape, &bytes[start..end])
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
