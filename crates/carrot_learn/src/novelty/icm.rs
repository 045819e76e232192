//! Networks that foretell what an action will change: where they fail, something is to be learned.
//!
//! # Source
//! Pathak et al., "Curiosity-driven exploration by self-supervised prediction" (ICM, 2017), equations 2 to 7: states are
//! encoded so that the action between two of them can be told (inverse model); what is paid is how badly the code of s' is
//! foretold from that of s and the action (forward model). What differs: codes are of signals, and errors are paid in
//! deviations of all errors so far instead of times a fixed scale.
//!
//! # When it misleads
//! What an action causes by chance is never foretold, and pays for ever.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::Steps;
use super::rnd::with;
use crate::LearnError;
use crate::adam::AdamConfig;
use crate::dense::{Dense, Matrix};
use crate::device::use_threads;
use crate::layers::{Activation, Mlp, Start};
use crate::learner::Parts;
use crate::params::ParamSpec;
use crate::parts::{find, read_state, write_state};
use crate::trained::Trained;
use crate::views::View;

const PARTS: [&str; 2] = ["icm.safetensors", "icm_optim.safetensors"];
const STATE: &str = "icm.postcard";
/// Numbers of a code.
const CODE: usize = 16;
/// Rows of a mini-batch.
const BATCH: usize = 256;
/// Share of the forward model's loss.
const FORWARD: f64 = 0.2;

/// Widths of the networks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Shape {
    states: usize,
    hidden: usize,
    /// Numbers of an action.
    acts: usize,
}

/// The networks, as libtorch and as plain layers have them.
#[derive(Debug)]
struct Networks {
    encoder: Mlp,
    forward: Mlp,
    inverse: Mlp,
    plain: [Dense; 2],
}

impl Shape {
    fn networks(&self) -> (Networks, Vec<ParamSpec>) {
        let mut specs = Vec::new();
        let mut net = |name: &str, inputs: usize, outputs: usize| {
            let start = Start::Orthogonal(1.4);
            Mlp::new(&mut specs, name, inputs, &[self.hidden], Activation::Relu, start).with_output(
                &mut specs,
                &format!("{name}.output"),
                self.hidden,
                outputs,
                Start::Orthogonal(1.0),
            )
        };
        let encoder = net("encoder", self.states, CODE);
        let forward = net("forward", CODE + self.acts, CODE);
        let inverse = net("inverse", 2 * CODE, self.acts);
        let plain = [encoder.dense(&specs), forward.dense(&specs)];
        (Networks { encoder, forward, inverse, plain }, specs)
    }
}

/// Published networks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Icm {
    shape: Shape,
    values: Vec<f32>,
    /// What errors are divided by.
    deviation: f32,
}

impl Icm {
    /// The error of each step, in deviations.
    pub(super) fn pay(&self, steps: &Steps<'_>) -> Vec<f32> {
        let [encoder, forward] = self.shape.networks().0.plain;
        let rows = steps.now.len() / self.shape.states.max(1);
        let code = |states: &[f32]| {
            encoder.output(&self.values, &Matrix::gather(states, self.shape.states, 0..rows)).values()
        };
        let (before, now) = (code(steps.before), code(steps.now));
        let known = beside(&before, CODE, steps.acts, self.shape.acts);
        let foretold =
            forward.output(&self.values, &Matrix::gather(&known, CODE + self.shape.acts, 0..rows)).values();
        let error = |(a, b): (&[f32], &[f32])| {
            a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>() / (CODE as f32 * self.deviation)
        };
        foretold.chunks_exact(CODE).zip(now.chunks_exact(CODE)).map(error).collect()
    }
}

/// Rows of two tables side by side.
fn beside(a: &[f32], width_a: usize, b: &[f32], width_b: usize) -> Vec<f32> {
    let rows = a.chunks_exact(width_a).zip(b.chunks_exact(width_b));
    rows.flat_map(|(a, b)| a.iter().chain(b)).copied().collect()
}

/// The networks in training.
#[derive(Debug)]
pub(super) struct IcmTrainer {
    shape: Shape,
    nets: Networks,
    learning_rate: f64,
    weights: Trained,
    /// Count, mean and sum of squared distances from the mean, of errors.
    moments: (f64, f64, f64),
}

impl IcmTrainer {
    pub(super) fn new(
        [states, hidden, acts]: [usize; 3],
        learning_rate: f64,
        seed: u64,
    ) -> Result<Self, LearnError> {
        let shape = Shape { states, hidden, acts };
        let (nets, specs) = shape.networks();
        let weights = Trained::new(specs, AdamConfig::default(), PARTS, seed, tch::Device::Cpu)?;
        Ok(Self { shape, nets, learning_rate, weights, moments: (0.0, 0.0, 0.0) })
    }

    /// One pass over the steps, in their order.
    pub(super) fn learn(&mut self, steps: &Steps<'_>) -> Result<(), LearnError> {
        use_threads(1);
        let (states, acts) = (self.shape.states, self.shape.acts);
        let blocks = steps.before.chunks(BATCH * states).zip(steps.now.chunks(BATCH * states));
        for ((before, now), done) in blocks.zip(steps.acts.chunks(BATCH * acts)) {
            let table = |values: &[f32], width: usize| {
                View::f32(values, &[(values.len() / width) as i64, width as i64])?.copied(tch::Device::Cpu)
            };
            let (before, now, done) = (table(before, states)?, table(now, states)?, table(done, acts)?);
            let params = &self.weights.params;
            let (before, now) =
                (self.nets.encoder.forward(params, &before)?, self.nets.encoder.forward(params, &now)?);
            let known = Tensor::f_cat(&[&before, &done], 1)?;
            let foretold = self.nets.forward.forward(params, &known)?;
            let errors =
                foretold.f_sub(&now)?.f_square()?.f_mean_dim([1_i64].as_slice(), false, Kind::Float)?;
            let told = self.nets.inverse.forward(params, &Tensor::f_cat(&[&before, &now], 1)?)?;
            let inverse = told.f_sub(&done)?.f_square()?.f_mean(Kind::Float)?;
            let forward = errors.f_mean(Kind::Float)?.f_mul_scalar(FORWARD)?;
            let loss = forward.f_add(&inverse.f_mul_scalar(1.0 - FORWARD)?)?;
            let gradient = params.gradient(&loss)?;
            let norm = gradient.f_norm()?.f_double_value(&[])?;
            for error in Vec::<f32>::try_from(&errors)? {
                self.moments = with(self.moments, f64::from(error));
            }
            self.weights.apply(gradient, norm, 1.0, self.learning_rate)?;
        }
        Ok(())
    }

    pub(super) fn publish(&self) -> Result<Icm, LearnError> {
        let (count, _, squares) = self.moments;
        let deviation = if count > 1.0 { (squares / count).sqrt() } else { 1.0 };
        Ok(Icm {
            shape: self.shape.clone(),
            values: self.weights.params.values()?,
            deviation: (deviation as f32).max(1e-6),
        })
    }

    pub(super) fn save(&self, parts: &mut Parts) -> Result<(), LearnError> {
        self.weights.save(parts)?;
        parts.insert(STATE.into(), write_state(STATE, &(self.moments, self.weights.steps()))?);
        Ok(())
    }

    pub(super) fn load(&mut self, parts: &Parts) -> Result<(), LearnError> {
        let (moments, steps) = read_state(STATE, find(parts, STATE)?)?;
        let saved = self.weights.read(parts)?;
        self.weights.restore(&saved, steps)?;
        self.moments = moments;
        Ok(())
    }
}
