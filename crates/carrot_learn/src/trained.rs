//! Parameters with their optimiser: one step, saving and loading.

use tch::{Device, Tensor};

use crate::LearnError;
use crate::adam::{Adam, AdamConfig, clip_grad_norm};
use crate::learner::Parts;
use crate::params::{ParamSpec, Params, overwrite};
use crate::parts::{find, read_tensors, write_tensors};
use crate::views::read_f32;

/// Prefixes of the moments in a part.
const MOMENTS: [&str; 2] = ["exp_avg.", "exp_avg_sq."];

/// Parameters that are trained.
#[derive(Debug)]
pub(crate) struct Trained {
    pub(crate) params: Params,
    adam: Adam,
    /// Parts of a checkpoint: of the values, and of the optimiser's moments.
    parts: [&'static str; 2],
}

/// What [`Trained::read`] found, checked.
pub(crate) struct SavedWeights {
    values: Vec<f32>,
    moments: [Vec<f32>; 2],
}

impl Trained {
    pub(crate) fn new(
        specs: Vec<ParamSpec>,
        adam: AdamConfig,
        parts: [&'static str; 2],
        seed: u64,
        device: Device,
    ) -> Result<Self, LearnError> {
        let params = Params::new(specs, seed, device)?;
        Ok(Self { adam: Adam::new(adam, params.len(), device)?, params, parts })
    }

    /// Steps that the optimiser has taken.
    pub(crate) fn steps(&self) -> u64 {
        self.adam.step
    }

    /// Moves against a gradient of a known length, which is clipped to `max_norm`.
    pub(crate) fn apply(
        &mut self,
        mut gradient: Tensor,
        norm: f64,
        max_norm: f64,
        lr: f64,
    ) -> Result<(), LearnError> {
        clip_grad_norm(&mut gradient, norm, max_norm)?;
        self.adam.step(self.params.flat_mut(), &gradient, lr)
    }

    /// Writes its parts.
    pub(crate) fn save(&self, parts: &mut Parts) -> Result<(), LearnError> {
        let (specs, len) = (self.params.specs(), self.params.len());
        let mut moments = [vec![0.0; len], vec![0.0; len]];
        read_f32(&self.adam.exp_avg, &mut moments[0])?;
        read_f32(&self.adam.exp_avg_sq, &mut moments[1])?;
        let [values, optim] = self.parts;
        let groups = [(MOMENTS[0], moments[0].as_slice()), (MOMENTS[1], moments[1].as_slice())];
        parts.insert(values.into(), write_tensors(values, specs, &[("", &self.params.values()?)])?);
        parts.insert(optim.into(), write_tensors(optim, specs, &groups)?);
        Ok(())
    }

    /// Reads its parts and changes nothing yet.
    pub(crate) fn read(&self, parts: &Parts) -> Result<SavedWeights, LearnError> {
        let (specs, [values, optim]) = (self.params.specs(), self.parts);
        let [read] = read_tensors(values, find(parts, values)?, specs, [""])?;
        Ok(SavedWeights { values: read, moments: read_tensors(optim, find(parts, optim)?, specs, MOMENTS)? })
    }

    /// Takes over what was read.
    pub(crate) fn restore(&mut self, saved: &SavedWeights, steps: u64) -> Result<(), LearnError> {
        self.params.set_values(&saved.values)?;
        overwrite(&mut self.adam.exp_avg, &saved.moments[0])?;
        overwrite(&mut self.adam.exp_avg_sq, &saved.moments[1])?;
        self.adam.step = steps;
        Ok(())
    }
}
