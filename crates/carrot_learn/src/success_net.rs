//! A reward network: the probability of success, fitted to recorded signals and labels.
//!
//! libtorch fits it; it is scored by a loop of our own, row by row and in one order of addition. So a row
//! has the same bits in a batch of any size, with any number of threads and on any processor, and a
//! recorded episode scores again what it scored live.

use std::collections::BTreeMap;

use carrot_sim::{RowKey, Stream};
use serde::{Deserialize, Serialize};
use tch::{Device, Reduction, Tensor};

use crate::LearnError;
use crate::adam::{Adam, AdamConfig};
use crate::device::use_threads;
use crate::params::{Init, ParamSpec, Params};
use crate::parts::{read_tensors, write_tensors};
use crate::standard::Standard;
use crate::views::View;

const WEIGHTS: &str = "success_net.safetensors";
const ABOUT: &str = "success_net.postcard";

/// What a score is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SuccessNetOutput {
    /// The probability, from 0 to 1.
    #[default]
    Probability,
    /// Its logarithmic odds.
    Logit,
}

/// How a [`SuccessNet`] is fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SuccessNetConfig {
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// Passes over the data.
    pub epochs: usize,
    /// Rows of a mini-batch.
    pub batch_size: usize,
    /// Learning rate of AdamW.
    pub learning_rate: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// What a score is.
    pub output: SuccessNetOutput,
    /// Threads of libtorch's operators while fitting.
    pub threads: usize,
}

impl Default for SuccessNetConfig {
    fn default() -> Self {
        Self {
            hidden: vec![64, 64],
            epochs: 20,
            batch_size: 256,
            learning_rate: 1e-3,
            weight_decay: 1e-3,
            output: SuccessNetOutput::Probability,
            threads: 1,
        }
    }
}

/// A fitted network.
#[derive(Debug, Clone, PartialEq)]
pub struct SuccessNet {
    about: About,
    standard: Standard,
    layers: Vec<Dense>,
    scratch: [Vec<f32>; 2],
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct About {
    name: String,
    version: u32,
    inputs: Vec<String>,
    hidden: Vec<usize>,
    output: SuccessNetOutput,
}

/// One layer, its weights input by input so that the outputs lie side by side.
#[derive(Debug, Clone, PartialEq)]
struct Dense {
    /// `[in, out]`.
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl SuccessNet {
    /// Fits a network to recorded rows by binary cross entropy, and gives it with the loss of each pass.
    /// Rows of one episode are alike: keep whole episodes apart for [`auc`].
    ///
    /// # Shapes
    /// `features` is `[M, F]` with F names in `inputs`, `labels` is `[M]`.
    ///
    /// # Errors
    /// When shapes do not fit, there are no rows, or a feature is not finite.
    pub fn fit(
        name: &str,
        version: u32,
        inputs: &[String],
        features: &[f32],
        labels: &[bool],
        config: &SuccessNetConfig,
        seed: u64,
    ) -> Result<(Self, Vec<f64>), LearnError> {
        let (rows, width) = (labels.len(), inputs.len());
        LearnError::expect_len("the features", features.len(), rows * width)?;
        check("inputs", !features.is_empty(), "there is nothing to fit")?;
        check("inputs", features.iter().all(|x| x.is_finite()), "a feature is not finite")?;
        check("batch_size", config.batch_size > 0, "expected at least 1")?;
        check("hidden", config.hidden.iter().all(|width| (1..=4_096).contains(width)), "expected 1 to 4096")?;
        check("threads", (1..=256).contains(&config.threads), "expected 1 to 256")?;
        use_threads(config.threads);
        let about = About {
            name: name.into(),
            version,
            inputs: inputs.to_vec(),
            hidden: config.hidden.clone(),
            output: config.output,
        };
        let inputs = Standard::of(features, width);
        let standard = inputs.apply(features);
        let targets: Vec<f32> = labels.iter().map(|&label| f32::from(u8::from(label))).collect();
        let table = View::f32(&standard, &[rows as i64, width as i64])?;
        let targets = View::f32(&targets, &[rows as i64])?;

        let mut params = Params::new(about.layer_specs(), seed, Device::Cpu)?;
        let adam = AdamConfig { weight_decay: config.weight_decay, ..AdamConfig::default() };
        let mut adam = Adam::new(adam, params.len(), Device::Cpu)?;
        let mut order: Vec<i64> = (0..rows as i64).collect();
        let mut losses = Vec::with_capacity(config.epochs);
        for epoch in 0..config.epochs {
            RowKey { seed, env: epoch as u32, episode: version }.rng(Stream::Learner).shuffle(&mut order);
            let mut sum = 0.0;
            for rows in order.chunks(config.batch_size) {
                let index = View::i64(rows, &[rows.len() as i64])?.copied(Device::Cpu)?;
                let logits = forward(&params, table.gather(&index)?)?;
                let targets = targets.gather(&index)?;
                let none: Option<Tensor> = None;
                let loss = logits.f_binary_cross_entropy_with_logits(
                    &targets,
                    none.as_ref(),
                    none.as_ref(),
                    Reduction::Mean,
                )?;
                let gradient = params.gradient(&loss)?;
                adam.step(params.flat_mut(), &gradient, config.learning_rate)?;
                sum += loss.f_double_value(&[])? * rows.len() as f64;
            }
            losses.push(sum / rows as f64);
        }
        Ok((Self::assemble(about, inputs, &params.values()?), losses))
    }

    /// Name of the network.
    pub fn name(&self) -> &str {
        &self.about.name
    }

    /// Version of the network, raised with every fit.
    pub fn version(&self) -> u32 {
        self.about.version
    }

    /// Names of the signal columns it reads.
    pub fn inputs(&self) -> &[String] {
        &self.about.inputs
    }

    /// Scores rows.
    ///
    /// # Shapes
    /// `features` is `[M, F]`, `out` is `[M]`; rows that the features do not cover stay as they are.
    pub fn score(&mut self, features: &[f32], out: &mut [f32]) {
        let [x, y] = &mut self.scratch;
        for (row, out) in features.chunks_exact(self.about.inputs.len()).zip(out) {
            x.clear();
            x.extend(self.standard.row(row));
            for (i, layer) in self.layers.iter().enumerate() {
                layer.apply(x, y);
                if i + 1 < self.layers.len() {
                    // Unlike `max`, this lets NaN through to be seen.
                    y.iter_mut().for_each(|y| *y = if *y < 0.0 { 0.0 } else { *y });
                }
                std::mem::swap(x, y);
            }
            *out = match self.about.output {
                SuccessNetOutput::Logit => x[0],
                SuccessNetOutput::Probability => 1.0 / (1.0 + libm::expf(-x[0])),
            };
        }
    }

    /// The network as named parts.
    ///
    /// # Errors
    /// When the parts cannot be written.
    pub fn save(&self) -> Result<BTreeMap<String, Vec<u8>>, LearnError> {
        let about = postcard::to_stdvec(&self.about).map_err(|error| LearnError::checkpoint(ABOUT, error))?;
        let mut values = [self.standard.mean.as_slice(), &self.standard.factor].concat();
        for layer in &self.layers {
            values.extend(transposed(&layer.weights, layer.bias.len()));
            values.extend_from_slice(&layer.bias);
        }
        let weights = write_tensors(WEIGHTS, &self.about.specs(), &[("", &values)])?;
        Ok(BTreeMap::from([(WEIGHTS.to_owned(), weights), (ABOUT.to_owned(), about)]))
    }

    /// A network from saved parts.
    ///
    /// # Errors
    /// When a part is missing or the parts do not fit each other.
    pub fn load(parts: &BTreeMap<String, Vec<u8>>) -> Result<Self, LearnError> {
        let part = |name: &str| parts.get(name).ok_or_else(|| LearnError::checkpoint(name, "is missing"));
        let about: About =
            postcard::from_bytes(part(ABOUT)?).map_err(|error| LearnError::checkpoint(ABOUT, error))?;
        if about.inputs.is_empty()
            || about.hidden.contains(&0)
            || about.hidden.iter().any(|&width| width > 4_096)
        {
            return Err(LearnError::checkpoint(ABOUT, "names a network that cannot be"));
        }
        let [values] = read_tensors(WEIGHTS, part(WEIGHTS)?, &about.specs(), [""])?;
        let (mean, rest) = values.split_at(about.inputs.len());
        let (factor, params) = rest.split_at(about.inputs.len());
        let standard = Standard { mean: mean.to_vec(), factor: factor.to_vec() };
        Ok(Self::assemble(about.clone(), standard, params))
    }

    /// From flat parameters in PyTorch's layout.
    fn assemble(about: About, standard: Standard, mut params: &[f32]) -> Self {
        let mut layers = Vec::new();
        for (inputs, outputs) in about.widths() {
            let (weights, rest) = params.split_at(inputs * outputs);
            let (bias, rest) = rest.split_at(outputs);
            layers.push(Dense { weights: transposed(weights, inputs), bias: bias.to_vec() });
            params = rest;
        }
        Self { about, standard, layers, scratch: [Vec::new(), Vec::new()] }
    }
}

impl About {
    /// Inputs and outputs of each layer.
    fn widths(&self) -> Vec<(usize, usize)> {
        let ends: Vec<usize> =
            [self.inputs.len()].into_iter().chain(self.hidden.iter().copied()).chain([1]).collect();
        ends.windows(2).map(|pair| (pair[0], pair[1])).collect()
    }

    fn layer_specs(&self) -> Vec<ParamSpec> {
        let layers = self.widths();
        let last = layers.len() - 1;
        let spec = |(i, (inputs, outputs)): (usize, &(usize, usize))| {
            let gain = if i < last { std::f64::consts::SQRT_2 } else { 1.0 };
            let (inputs, outputs) = (*inputs as i64, *outputs as i64);
            let (weight, bias) = (format!("net.{}.weight", 2 * i), format!("net.{}.bias", 2 * i));
            [
                ParamSpec { name: weight, shape: vec![outputs, inputs], init: Init::Orthogonal(gain) },
                ParamSpec { name: bias, shape: vec![outputs], init: Init::Constant(0.0) },
            ]
        };
        layers.iter().enumerate().flat_map(spec).collect()
    }

    /// Everything that is saved, in order.
    fn specs(&self) -> Vec<ParamSpec> {
        let column = |name: &str| {
            let shape = vec![self.inputs.len() as i64];
            ParamSpec { name: name.into(), shape, init: Init::Constant(0.0) }
        };
        let mut specs = vec![column("input_mean"), column("input_factor")];
        specs.extend(self.layer_specs());
        specs
    }
}

impl Dense {
    /// `y = b + W x`, the inputs added one by one in order.
    fn apply(&self, x: &[f32], y: &mut Vec<f32>) {
        y.clear();
        y.extend_from_slice(&self.bias);
        for (x, weights) in x.iter().zip(self.weights.chunks_exact(self.bias.len())) {
            for (y, weight) in y.iter_mut().zip(weights) {
                *y += x * weight;
            }
        }
    }
}

/// Area under the ROC curve: the chance that a success scores above a failure, ties counting half. `None`
/// when one of the two is missing or a score is not a number.
pub fn auc(scores: &[f32], labels: &[bool]) -> Option<f64> {
    if scores.len() != labels.len() || scores.iter().any(|score| score.is_nan()) {
        return None;
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let (mut successes, mut failures, mut wins) = (0.0, 0.0, 0.0);
    for equal in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let own_successes = equal.iter().filter(|&&i| labels[i]).count() as f64;
        let own_failures = equal.len() as f64 - own_successes;
        wins += own_successes * (failures + 0.5 * own_failures);
        (successes, failures) = (successes + own_successes, failures + own_failures);
    }
    (successes * failures > 0.0).then(|| wins / (successes * failures))
}

/// Logits of rows, `[B]`.
fn forward(params: &Params, mut x: Tensor) -> Result<Tensor, LearnError> {
    let layers = params.specs().len() / 2;
    for layer in 0..layers {
        x = x.f_linear(params.get(2 * layer), Some(params.get(2 * layer + 1)))?;
        if layer + 1 < layers {
            x = x.f_relu()?;
        }
    }
    Ok(x.f_squeeze_dim(1)?)
}

/// A row-major matrix of `columns` columns, transposed.
fn transposed(matrix: &[f32], columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| matrix[column..].iter().step_by(columns).copied()).collect()
}

fn check(field: &'static str, holds: bool, message: &str) -> Result<(), LearnError> {
    if holds { Ok(()) } else { Err(LearnError::Config { field, message: message.into() }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::read_f32;

    const INPUTS: usize = 5;

    /// Success is where the second signal is far from the first; the others are noise, the last constant.
    fn data(rows: usize, seed: u64) -> (Vec<f32>, Vec<bool>) {
        let mut rng = RowKey { seed, env: 0, episode: 0 }.rng(Stream::Script);
        let (mut features, mut labels) = (Vec::new(), Vec::new());
        for _ in 0..rows {
            let row = [
                rng.uniform(-1.0, 1.0),
                rng.uniform(-1.0, 1.0),
                rng.uniform(0.0, 300.0),
                rng.uniform(0.0, 1e-3),
            ];
            labels.push((row[0] - row[1]).abs() > 0.6);
            features.extend(row);
            features.push(0.25);
        }
        (features, labels)
    }

    fn fitted(output: SuccessNetOutput) -> (SuccessNet, Vec<f64>) {
        let (features, labels) = data(2_000, 1);
        let inputs: Vec<String> = (0..INPUTS).map(|i| format!("signal_{i}")).collect();
        let config = SuccessNetConfig { output, ..SuccessNetConfig::default() };
        SuccessNet::fit("reach", 3, &inputs, &features, &labels, &config, 7).unwrap()
    }

    #[test]
    fn it_learns_and_generalises() {
        let (mut net, losses) = fitted(SuccessNetOutput::Probability);
        assert!(losses[19] < 0.5 * losses[0], "{losses:?}");
        let (features, labels) = data(1_000, 2);
        let mut scores = vec![0.0; 1_000];
        net.score(&features, &mut scores);
        assert!(auc(&scores, &labels).unwrap() > 0.97);
        assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)));
    }

    #[test]
    fn a_row_has_the_same_bits_in_any_batch() {
        let (mut net, _) = fitted(SuccessNetOutput::Logit);
        let (features, _) = data(4_096, 3);
        let mut whole = vec![0.0; 4_096];
        net.score(&features, &mut whole);
        for size in [1, 255, 257] {
            let mut parts = vec![0.0; 4_096];
            for (features, out) in features.chunks(size * INPUTS).zip(parts.chunks_mut(size)) {
                net.score(features, out);
            }
            assert!(whole.iter().zip(&parts).all(|(a, b)| a.to_bits() == b.to_bits()), "batches of {size}");
        }
    }

    #[test]
    fn scores_agree_with_libtorch() {
        let (mut net, _) = fitted(SuccessNetOutput::Logit);
        let (features, _) = data(64, 4);
        let mut scores = vec![0.0; 64];
        net.score(&features, &mut scores);
        let specs = net.about.layer_specs();
        let [values] =
            read_tensors(WEIGHTS, &net.save().unwrap()[WEIGHTS], &net.about.specs(), [""]).unwrap();
        let mut params = Params::new(specs, 0, Device::Cpu).unwrap();
        params.set_values(&values[2 * INPUTS..]).unwrap();
        let standard = net.standard.apply(&features);
        let input = View::f32(&standard, &[64, INPUTS as i64]).unwrap().copied(Device::Cpu).unwrap();
        let mut expected = vec![0.0; 64];
        read_f32(&forward(&params, input).unwrap(), &mut expected).unwrap();
        assert!(scores.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-4 * (1.0 + b.abs())));
    }

    #[test]
    fn saved_and_loaded_it_is_the_same_and_fits_are_repeatable() {
        let (mut net, _) = fitted(SuccessNetOutput::Probability);
        net.scratch = [Vec::new(), Vec::new()];
        let parts = net.save().unwrap();
        assert_eq!(SuccessNet::load(&parts).unwrap(), net);
        assert_eq!((net.name(), net.version(), net.inputs().len()), ("reach", 3, INPUTS));
        assert_eq!(fitted(SuccessNetOutput::Probability).0.save().unwrap(), parts);
        let mut torn = parts.clone();
        torn.get_mut(WEIGHTS).unwrap().pop();
        assert!(matches!(SuccessNet::load(&torn), Err(LearnError::Checkpoint { .. })));
    }

    #[test]
    fn not_a_number_is_seen_and_not_fitted_to() {
        let (mut net, _) = fitted(SuccessNetOutput::Probability);
        let mut out = [0.0];
        net.score(&[f32::NAN, 0.0, 0.0, 0.0, 0.0], &mut out);
        assert!(out[0].is_nan());
        let (config, inputs) = (SuccessNetConfig::default(), ["a".to_owned()]);
        assert!(SuccessNet::fit("x", 0, &inputs, &[f32::NAN], &[true], &config, 0).is_err());
        assert!(SuccessNet::fit("x", 0, &inputs, &[], &[], &config, 0).is_err());
    }

    #[test]
    fn auc_counts_pairs() {
        let labels = [true, true, false, false];
        assert_eq!(auc(&[0.9, 0.8, 0.2, 0.1], &labels), Some(1.0));
        assert_eq!(auc(&[0.1, 0.8, 0.8, 0.2], &labels), Some(0.375));
        assert_eq!(auc(&[0.5; 4], &labels), Some(0.5));
        assert_eq!(auc(&[0.5; 4], &[true; 4]), None);
        assert_eq!(auc(&[f32::NAN, 0.0, 0.0, 0.0], &labels), None);
    }
}
