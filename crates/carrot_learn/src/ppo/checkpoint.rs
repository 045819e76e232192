//! Saving and loading: named parts of bytes, all checked before anything changes.
//!
//! | part | holds |
//! |---|---|
//! | `policy.safetensors` | the network's parameters by name, f32 |
//! | `optim.safetensors` | Adam's moments: `exp_avg.NAME` and `exp_avg_sq.NAME` |
//! | `state.postcard` | counters, the optimiser's steps, observation statistics, what a recurrent policy remembers |

use serde::{Deserialize, Serialize};

use super::{Ppo, Recurrent};
use crate::parts::{find, read_state, write_state};
use crate::{Counters, LearnError, Memory, ObsNorm, Parts};

const STATE: &str = "state.postcard";

/// Raised when the layout of the state changes.
const VERSION: u32 = 2;

#[derive(Serialize, Deserialize)]
struct State {
    version: u32,
    counters: Counters,
    adam_steps: u64,
    obs_norm: ObsNorm,
    /// `[N, H]`; nothing for a policy without memory.
    memory: Vec<f32>,
}

impl Ppo {
    /// Everything that training goes on from, as named parts; call it between two rollouts.
    ///
    /// # Errors
    /// When libtorch refuses a copy.
    pub fn save(&self) -> Result<Parts, LearnError> {
        let mut parts = Parts::new();
        self.weights.save(&mut parts)?;
        let state = State {
            version: VERSION,
            counters: self.counters,
            adam_steps: self.weights.steps(),
            obs_norm: self.obs_norm.clone(),
            memory: self.memory.values()?,
        };
        parts.insert(STATE.into(), write_state(STATE, &state)?);
        Ok(parts)
    }

    /// Continues from saved parts; on the CPU, bit for bit.
    ///
    /// # Errors
    /// When a part is missing or does not fit this network; nothing is changed then.
    pub fn load(&mut self, parts: &Parts) -> Result<(), LearnError> {
        let refuse = |message: String| Err(LearnError::checkpoint(STATE, message));
        let weights = self.weights.read(parts)?;
        let state: State = read_state(STATE, find(parts, STATE)?)?;
        if state.version != VERSION {
            return refuse(format!("has version {}, expected {VERSION}", state.version));
        }
        if !state.obs_norm.is_valid(self.layout.floats) {
            return refuse("holds statistics of another observation, or numbers that are not finite".into());
        }
        let width = match self.config.recurrent {
            Recurrent::Off => 0,
            Recurrent::Gru { hidden } => hidden,
        };
        let fits = state.memory.len().checked_rem(width).unwrap_or(state.memory.len()) == 0;
        if !fits || !state.memory.iter().all(|x| x.is_finite()) {
            return refuse("holds memories of another policy, or numbers that are not finite".into());
        }
        self.memory = Memory::from_values(&state.memory, width, self.device)?;
        self.weights.restore(&weights, state.adam_steps)?;
        self.obs_norm = state.obs_norm;
        self.counters = state.counters;
        self.begin_rollout();
        Ok(())
    }
}
