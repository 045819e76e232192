//! Named parameters of a network, kept in one flat tensor.
//!
//! Each named parameter is a leaf that shares the flat tensor's memory: the optimiser works on one tensor,
//! autograd sees the parts, and saving is a copy of one block.

use carrot_sim::{RowKey, Stream};
use rand::Rng;
use tch::{Device, Tensor};

use crate::LearnError;
use crate::noise::box_muller;
use crate::views::{View, floats, read_f32};

/// The episode half of the key under which initial values are drawn; shuffles never use it.
const INIT_EPISODE: u32 = u32::MAX;

/// How a parameter begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Init {
    /// Orthonormal rows or columns, times a gain.
    Orthogonal(f64),
    /// Draws spread evenly, up to this distance from zero.
    Even(f32),
    /// One value.
    Constant(f32),
}

/// Name, shape and beginning of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ParamSpec {
    /// Name, as PyTorch would call it.
    pub(crate) name: String,
    /// Shape.
    pub(crate) shape: Vec<i64>,
    /// Initial values.
    pub(crate) init: Init,
}

impl ParamSpec {
    /// Values of the parameter.
    pub(crate) fn len(&self) -> usize {
        self.shape.iter().product::<i64>() as usize
    }
}

/// The parameters of a network.
#[derive(Debug)]
pub(crate) struct Params {
    specs: Vec<ParamSpec>,
    flat: Tensor,
    leaves: Vec<Tensor>,
}

impl Params {
    /// Parameters with their initial values, keyed by (seed, index).
    pub(crate) fn new(specs: Vec<ParamSpec>, seed: u64, device: Device) -> Result<Self, LearnError> {
        let mut values = Vec::with_capacity(specs.iter().map(ParamSpec::len).sum());
        for (index, spec) in specs.iter().enumerate() {
            let key = RowKey { seed, env: index as u32, episode: INIT_EPISODE };
            match spec.init {
                Init::Constant(value) => values.resize(values.len() + spec.len(), value),
                Init::Even(bound) => {
                    let mut rng = key.rng(Stream::Learner);
                    values.extend((0..spec.len()).map(|_| rng.uniform(-bound, bound)));
                }
                Init::Orthogonal(gain) => {
                    let rows = spec.shape[0] as usize;
                    values.extend(orthogonal(rows, spec.len() / rows, gain, key));
                }
            }
        }
        Self::over(specs, View::f32(&values, &[values.len() as i64])?.copied(device)?)
    }

    /// Parameters with these values, in order.
    pub(crate) fn with_values(
        specs: Vec<ParamSpec>,
        values: &[f32],
        device: Device,
    ) -> Result<Self, LearnError> {
        LearnError::expect_len("the parameters", values.len(), specs.iter().map(ParamSpec::len).sum())?;
        Self::over(specs, View::f32(values, &[values.len() as i64])?.copied(device)?)
    }

    /// Named parts of a flat tensor.
    fn over(specs: Vec<ParamSpec>, flat: Tensor) -> Result<Self, LearnError> {
        let leaves = tch::no_grad(|| {
            let mut start = 0;
            let leaf = |spec: &ParamSpec| {
                let part = flat.f_narrow(0, start, spec.len() as i64)?.f_view(spec.shape.as_slice())?;
                start += spec.len() as i64;
                part.f_detach()?.f_set_requires_grad(true)
            };
            specs.iter().map(leaf).collect::<Result<Vec<_>, _>>()
        })?;
        Ok(Self { specs, flat, leaves })
    }

    /// A copy with a memory of its own, as a target network starts from.
    pub(crate) fn twin(&self) -> Result<Self, LearnError> {
        let mut flat = self.flat.f_empty_like()?;
        flat.f_copy_(&self.flat)?;
        Self::over(self.specs.clone(), flat)
    }

    /// The very same values, for another thread.
    pub(crate) fn shared(&self) -> Self {
        Self {
            specs: self.specs.clone(),
            flat: self.flat.shallow_clone(),
            leaves: self.leaves.iter().map(Tensor::shallow_clone).collect(),
        }
    }

    /// Names and shapes, in order.
    pub(crate) fn specs(&self) -> &[ParamSpec] {
        &self.specs
    }

    /// Number of values.
    pub(crate) fn len(&self) -> usize {
        self.flat.numel()
    }

    /// Parameter `index`.
    pub(crate) fn get(&self, index: usize) -> &Tensor {
        &self.leaves[index]
    }

    /// All values, to read in place; on the CPU alone.
    pub(crate) fn floats(&self) -> Result<&[f32], LearnError> {
        floats(&self.flat)
    }

    /// All values as one tensor that shares memory with the parts.
    pub(crate) fn flat_mut(&mut self) -> &mut Tensor {
        &mut self.flat
    }

    /// Moves towards another network of the same parts, by a share of the way.
    ///
    /// # Source
    /// Lillicrap et al., "Continuous control with deep reinforcement learning" (2016), algorithm 1.
    pub(crate) fn follow(&mut self, other: &Self, tau: f64) -> Result<(), LearnError> {
        tch::no_grad(|| {
            match tau {
                1.0 => self.flat.f_copy_(&other.flat)?,
                _ => drop(self.flat.f_lerp_(&other.flat, tau)?),
            }
            Ok(())
        })
    }

    /// The gradient of a loss, in the flat layout.
    pub(crate) fn gradient(&self, loss: &Tensor) -> Result<Tensor, LearnError> {
        let parts = Tensor::f_run_backward(&[loss], &self.leaves, false, false)?;
        let flat: Vec<Tensor> = parts.iter().map(|part| part.f_reshape([-1])).collect::<Result<_, _>>()?;
        Ok(Tensor::f_cat(&flat, 0)?)
    }

    /// All values, in order.
    pub(crate) fn values(&self) -> Result<Vec<f32>, LearnError> {
        let mut values = vec![0.0; self.len()];
        read_f32(&self.flat, &mut values)?;
        Ok(values)
    }

    /// Overwrites all values.
    pub(crate) fn set_values(&mut self, values: &[f32]) -> Result<(), LearnError> {
        overwrite(&mut self.flat, values)
    }
}

/// Overwrites a float tensor.
pub(crate) fn overwrite(tensor: &mut Tensor, values: &[f32]) -> Result<(), LearnError> {
    let source = View::f32(values, &tensor.size())?.copied(tensor.device())?;
    Ok(tch::no_grad(|| tensor.f_copy_(&source))?)
}

/// A matrix `[rows, columns]` whose rows, or columns where they are fewer, are orthonormal times `gain`.
///
/// # Source
/// Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks"
/// (2014), as `torch.nn.init.orthogonal_`; drawn here by Gram and Schmidt, twice, from keyed normals.
pub(crate) fn orthogonal(rows: usize, columns: usize, gain: f64, key: RowKey) -> Vec<f32> {
    let (count, length) = (rows.min(columns), rows.max(columns));
    let mut rng = key.rng(Stream::Learner);
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(count);
    for _ in 0..count {
        let mut vector: Vec<f64> = Vec::with_capacity(length + 1);
        while vector.len() < length {
            let (a, b) = box_muller(rng.next_u32(), rng.next_u32());
            vector.extend([f64::from(a), f64::from(b)]);
        }
        vector.truncate(length);
        // The second pass removes what rounding left of the first.
        for _ in 0..2 {
            for other in &basis {
                let along: f64 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
                vector.iter_mut().zip(other).for_each(|(a, b)| *a -= along * b);
            }
        }
        let norm = vector.iter().map(|a| a * a).sum::<f64>().sqrt();
        vector.iter_mut().for_each(|a| *a /= norm);
        basis.push(vector);
    }
    let at =
        |row: usize, column: usize| if rows <= columns { basis[row][column] } else { basis[column][row] };
    (0..rows * columns).map(|i| (gain * at(i / columns, i % columns)) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn specs() -> Vec<ParamSpec> {
        vec![
            ParamSpec { name: "weight".into(), shape: vec![2, 3], init: Init::Orthogonal(1.0) },
            ParamSpec { name: "bias".into(), shape: vec![2], init: Init::Constant(0.5) },
        ]
    }

    #[test]
    fn orthogonal_matrices_are() {
        let key = RowKey { seed: 4, env: 0, episode: INIT_EPISODE };
        for (rows, columns) in [(5, 12), (12, 5), (1, 7), (6, 6)] {
            let m = orthogonal(rows, columns, 2.0, key);
            let (count, length) = (rows.min(columns), rows.max(columns));
            let at = |v: usize, i: usize| {
                f64::from(if rows <= columns { m[v * columns + i] } else { m[i * columns + v] })
            };
            for (a, b) in (0..count).flat_map(|a| (0..count).map(move |b| (a, b))) {
                let dot: f64 = (0..length).map(|i| at(a, i) * at(b, i)).sum();
                assert!((dot - if a == b { 4.0 } else { 0.0 }).abs() < 1e-5, "{rows}x{columns}: {dot}");
            }
        }
    }

    #[test]
    fn parts_share_the_flat_memory_and_give_its_gradient() {
        let mut params = Params::new(specs(), 1, Device::Cpu).unwrap();
        assert_eq!(params.len(), 8);
        params.set_values(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]).unwrap();
        assert_eq!(params.get(0).double_value(&[1, 0]), 4.0);
        // loss = sum(weight²) + 3 sum(bias)
        let loss = params.get(0).square().sum(None) + params.get(1).sum(None) * 3.0;
        let gradient = params.gradient(&loss).unwrap();
        let mut values = [0.0; 8];
        read_f32(&gradient, &mut values).unwrap();
        assert_eq!(values, [2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 3.0, 3.0]);
    }

    #[test]
    fn initial_values_depend_on_the_seed_alone() {
        let draw = |seed| Params::new(specs(), seed, Device::Cpu).unwrap().values().unwrap();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert_eq!(draw(1)[6..], [0.5, 0.5]);
    }
}
