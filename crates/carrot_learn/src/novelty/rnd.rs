//! A network that learns to foretell a random one: where it fails, it has not been.

use serde::{Deserialize, Serialize};

use crate::LearnError;
use crate::adam::AdamConfig;
use crate::dense::{Dense, Matrix};
use crate::layers::{Activation, Mlp, Start};
use crate::learner::Parts;
use crate::params::{ParamSpec, Params};
use crate::parts::{find, read_state, write_state};
use crate::trained::Trained;
use crate::views::View;

const PARTS: [&str; 2] = ["rnd.safetensors", "rnd_optim.safetensors"];
const STATE: &str = "rnd.postcard";
/// Numbers that are foretold.
const OUTPUTS: usize = 16;
/// Rows of a mini-batch.
const BATCH: usize = 256;

/// A published pair of networks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Rnd {
    width: usize,
    hidden: usize,
    target: Vec<f32>,
    predictor: Vec<f32>,
    /// What errors are divided by.
    deviation: f32,
}

impl Rnd {
    /// The error of each row, in deviations.
    pub(super) fn pay<'a>(&self, rows: impl Iterator<Item = &'a [f32]>) -> Vec<f32> {
        let (dense, _) = network(self.width, self.hidden);
        let rows: Vec<f32> = rows.flatten().copied().collect();
        let count = rows.len() / self.width.max(1);
        let input = Matrix::gather(&rows, self.width, 0..count);
        let (wanted, given) = (dense.output(&self.target, &input), dense.output(&self.predictor, &input));
        (0..count).map(|row| error(wanted.row(row), given.row(row)) / self.deviation).collect()
    }
}

/// Mean squared difference.
fn error(wanted: &[f32], given: &[f32]) -> f32 {
    wanted.iter().zip(given).map(|(a, b)| (a - b) * (a - b)).sum::<f32>() / OUTPUTS as f32
}

fn network(width: usize, hidden: usize) -> (Dense, Vec<ParamSpec>) {
    let mut specs = Vec::new();
    let mlp =
        Mlp::new(&mut specs, "net", width, &[hidden, OUTPUTS], Activation::Relu, Start::Orthogonal(1.4));
    (mlp.dense(&specs), specs)
}

/// The predictor in training.
#[derive(Debug)]
pub(super) struct RndTrainer {
    width: usize,
    hidden: usize,
    learning_rate: f64,
    dense: Dense,
    target: Vec<f32>,
    predictor: Trained,
    /// Count, mean and sum of squared distances from the mean, of errors.
    moments: (f64, f64, f64),
}

impl RndTrainer {
    pub(super) fn new(
        width: usize,
        hidden: usize,
        learning_rate: f64,
        seed: u64,
    ) -> Result<Self, LearnError> {
        let (dense, specs) = network(width, hidden);
        // Any other seed will do: what counts is that the two differ.
        let target = Params::new(specs.clone(), !seed, tch::Device::Cpu)?.values()?;
        let predictor = Trained::new(specs, AdamConfig::default(), PARTS, seed, tch::Device::Cpu)?;
        Ok(Self { width, hidden, learning_rate, dense, target, predictor, moments: (0.0, 0.0, 0.0) })
    }

    /// One pass over the rows, in their order.
    pub(super) fn learn(&mut self, rows: &[f32]) -> Result<(), LearnError> {
        for block in rows.chunks(BATCH * self.width) {
            let count = block.len() / self.width;
            let input = Matrix::gather(block, self.width, 0..count);
            let wanted = self.dense.output(&self.target, &input);
            let params = self.predictor.params.floats()?;
            let outputs = self.dense.forward(params, &input);
            let Some(given) = outputs.last() else { continue };
            let mut slope = Matrix::zeros(count, OUTPUTS);
            for row in 0..count {
                self.moments = with(self.moments, f64::from(error(wanted.row(row), given.row(row))));
                let pairs = given.row(row).iter().zip(wanted.row(row));
                let scale = 2.0 / (OUTPUTS * count) as f32;
                slope.row_mut(row).iter_mut().zip(pairs).for_each(|(x, (a, b))| *x = scale * (a - b));
            }
            let mut gradient = vec![0.0; params.len()];
            let _ = self.dense.backward(params, &input, &outputs, slope, &mut gradient);
            let norm = gradient.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
            let pull = View::f32(&gradient, &[gradient.len() as i64])?.copied(tch::Device::Cpu)?;
            self.predictor.apply(pull, norm, f64::INFINITY, self.learning_rate)?;
        }
        Ok(())
    }

    pub(super) fn publish(&self) -> Result<Rnd, LearnError> {
        let (count, _, squares) = self.moments;
        let deviation = if count > 1.0 { (squares / count).sqrt() } else { 1.0 };
        Ok(Rnd {
            width: self.width,
            hidden: self.hidden,
            target: self.target.clone(),
            predictor: self.predictor.params.values()?,
            deviation: (deviation as f32).max(1e-6),
        })
    }

    pub(super) fn save(&self, parts: &mut Parts) -> Result<(), LearnError> {
        self.predictor.save(parts)?;
        parts.insert(STATE.into(), write_state(STATE, &(self.moments, self.predictor.steps()))?);
        Ok(())
    }

    pub(super) fn load(&mut self, parts: &Parts) -> Result<(), LearnError> {
        let (moments, steps) = read_state(STATE, find(parts, STATE)?)?;
        let saved = self.predictor.read(parts)?;
        self.predictor.restore(&saved, steps)?;
        self.moments = moments;
        Ok(())
    }
}

/// Moments with one more value.
///
/// # Source
/// Welford, "Note on a method for calculating corrected sums of squares and products" (1962).
pub(super) fn with((count, mean, squares): (f64, f64, f64), value: f64) -> (f64, f64, f64) {
    let count = count + 1.0;
    let off = value - mean;
    let mean = mean + off / count;
    (count, mean, squares + off * (value - mean))
}
