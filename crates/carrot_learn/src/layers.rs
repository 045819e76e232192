//! What networks are built of: image encoders, stacks of linear layers, and a recurrent cell.
//!
//! A layer knows where its parameters stand; the values come with each call, so that a network and its target
//! share one description.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::LearnError;
use crate::cell::Cell;
use crate::dense::Dense;
use crate::features::{FeatureLayout, Features, ImageShape};
use crate::params::{Init, ParamSpec, Params};

/// From this side on an image is a camera picture rather than a grid.
const PICTURE_SIDE: i64 = 36;

/// Channels, kernel and stride of the three layers for grids (MiniGrid) and for pictures (Mnih et al. 2015).
const GRID: [(i64, i64, i64); 3] = [(16, 2, 1), (32, 2, 1), (64, 2, 1)];
const PICTURE: [(i64, i64, i64); 3] = [(32, 8, 4), (64, 4, 2), (64, 3, 1)];

/// How layers begin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Start {
    /// Orthogonal weights with a gain, biases 0.
    Orthogonal(f64),
    /// Weights and biases even within one over the root of the inputs, as PyTorch's own layers begin.
    Even,
}

/// What follows a hidden layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activation {
    /// The hyperbolic tangent.
    Tanh,
    /// What is above zero.
    Relu,
}

impl Activation {
    fn apply(self, mut x: Tensor) -> Result<Tensor, LearnError> {
        match self {
            Self::Tanh => tanh(x),
            Self::Relu => Ok(x.f_relu_()?),
        }
    }
}

/// tanh(x) = 2 sigmoid(2x) - 1, within 1e-7: libtorch's own takes 2.5 times as long, and most of a small
/// network's time.
pub(crate) fn tanh(mut x: Tensor) -> Result<Tensor, LearnError> {
    let mut doubled = x.f_mul_scalar_(2.0)?.f_sigmoid()?.f_mul_scalar(2.0)?;
    Ok(doubled.f_sub_scalar_(1.0)?)
}

/// Linear layers with an activation between two.
#[derive(Debug)]
pub(crate) struct Mlp {
    layers: Vec<usize>,
    activation: Activation,
}

impl Mlp {
    /// Hidden layers `NAME.0`, `NAME.2` and so on: an activation stands between two, hence the even numbers.
    pub(crate) fn new(
        specs: &mut Vec<ParamSpec>,
        name: &str,
        mut inputs: usize,
        hidden: &[usize],
        activation: Activation,
        start: Start,
    ) -> Self {
        let mut layers = Vec::new();
        for (i, &width) in hidden.iter().enumerate() {
            layers.push(push_linear(specs, &format!("{name}.{}", 2 * i), inputs, width, start));
            inputs = width;
        }
        Self { layers, activation }
    }

    /// Adds the last layer, which no activation follows.
    pub(crate) fn with_output(
        mut self,
        specs: &mut Vec<ParamSpec>,
        name: &str,
        inputs: usize,
        outputs: usize,
        start: Start,
    ) -> Self {
        self.layers.push(push_linear(specs, name, inputs, outputs, start));
        self
    }

    /// The same layers without libtorch.
    pub(crate) fn dense(&self, specs: &[ParamSpec]) -> Dense {
        let layers: Vec<_> = self.layers.iter().map(|&weight| (weight, weight + 1)).collect();
        Dense::new(specs, &layers, self.activation)
    }

    /// `[B, inputs]` to `[B, outputs]`.
    pub(crate) fn forward(&self, params: &Params, input: &Tensor) -> Result<Tensor, LearnError> {
        let mut x: Option<Tensor> = None;
        for (i, &layer) in self.layers.iter().enumerate() {
            let y = x.as_ref().unwrap_or(input).f_linear(params.get(layer), Some(params.get(layer + 1)))?;
            x = Some(if i + 1 < self.layers.len() { self.activation.apply(y)? } else { y });
        }
        x.ok_or_else(|| LearnError::Space("a network without layers".into()))
    }
}

/// A convolution: index of its weight, its stride.
#[derive(Debug)]
struct Convolution {
    weight: usize,
    stride: i64,
}

#[derive(Debug)]
struct Encoder {
    layers: Vec<Convolution>,
    scale: f64,
}

/// Makes one vector of an observation: images go through convolutions first.
#[derive(Debug)]
pub(crate) struct Encoders {
    images: Vec<Encoder>,
    /// Width of the vector.
    pub(crate) width: usize,
}

impl Encoders {
    pub(crate) fn new(specs: &mut Vec<ParamSpec>, layout: &FeatureLayout, start: Start) -> Self {
        let (mut images, mut width) = (Vec::new(), layout.vector);
        for (part, image) in layout.images() {
            let (encoder, outputs) = push_encoder(specs, part, image, start);
            images.push(encoder);
            width += outputs;
        }
        Self { images, width }
    }

    /// Whether there is nothing to encode: the vector is what trunks read.
    pub(crate) fn are_plain(&self) -> bool {
        self.images.is_empty()
    }

    /// What trunks read, `[B, width]`.
    pub(crate) fn forward(&self, params: &Params, features: Features) -> Result<Tensor, LearnError> {
        let mut parts: Vec<Tensor> = features.vector.into_iter().collect();
        for (encoder, image) in self.images.iter().zip(&features.images) {
            let mut x = image.f_permute([0, 3, 1, 2])?.f_to_kind(Kind::Float)?.f_mul_scalar(encoder.scale)?;
            for layer in &encoder.layers {
                let (weight, bias) = (params.get(layer.weight), params.get(layer.weight + 1));
                let stride = [layer.stride, layer.stride];
                x = x.f_conv2d(weight, Some(bias), stride, [0, 0], [1, 1], 1)?.f_relu()?;
            }
            parts.push(x.f_flatten(1, -1)?);
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { Tensor::f_cat(&parts, 1)? })
    }
}

/// A gated recurrent unit.
///
/// # Source
/// Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014), in the form of
/// `torch.nn.GRUCell`: the reset gate acts after the recurrent weights, so that they are one product.
#[derive(Debug)]
pub(crate) struct Gru {
    /// Index of `weight_ih`; `weight_hh`, `bias_ih` and `bias_hh` follow.
    first: usize,
    /// H.
    pub(crate) width: usize,
}

impl Gru {
    pub(crate) fn new(specs: &mut Vec<ParamSpec>, name: &str, inputs: usize, width: usize) -> Self {
        let rows = 3 * width as i64;
        let first = specs.len();
        for (part, inputs) in [("ih", inputs), ("hh", width)] {
            let shape = vec![rows, inputs as i64];
            let init = Init::Orthogonal(1.0);
            specs.push(ParamSpec { name: format!("{name}.weight_{part}"), shape, init });
        }
        for part in ["ih", "hh"] {
            let (name, shape) = (format!("{name}.bias_{part}"), vec![rows]);
            specs.push(ParamSpec { name, shape, init: Init::Constant(0.0) });
        }
        Self { first, width }
    }

    /// The same cell without libtorch.
    pub(crate) fn dense(&self, specs: &[ParamSpec]) -> Cell {
        let part = |i: usize| Dense::new(specs, &[(self.first + i, self.first + i + 2)], Activation::Tanh);
        Cell { input: part(0), state: part(1), width: self.width }
    }

    /// One step of rows `[B, inputs]` with their states `[B, H]`.
    pub(crate) fn step(&self, params: &Params, input: &Tensor, state: &Tensor) -> Result<Tensor, LearnError> {
        self.gate(params, &self.project(params, input)?, state)
    }

    /// Whole sequences, `[T * B, inputs]` in step order, from the states `[B, H]` at their first step;
    /// `keep`, `[T, B, 1]`, is 0 where a new episode begins. Gives the states after each step, `[T * B, H]`.
    pub(crate) fn unroll(
        &self,
        params: &Params,
        input: &Tensor,
        first: &Tensor,
        keep: &Tensor,
    ) -> Result<Tensor, LearnError> {
        let (steps, rows) = (keep.size()[0], keep.size()[1]);
        let projected = self.project(params, input)?;
        let mut states: Vec<Tensor> = Vec::with_capacity(steps as usize);
        for t in 0..steps {
            let before = states.last().unwrap_or(first).f_mul(&keep.f_select(0, t)?)?;
            states.push(self.gate(params, &projected.f_narrow(0, t * rows, rows)?, &before)?);
        }
        Ok(Tensor::f_cat(&states, 0)?)
    }

    fn project(&self, params: &Params, input: &Tensor) -> Result<Tensor, LearnError> {
        Ok(input.f_linear(params.get(self.first), Some(params.get(self.first + 2)))?)
    }

    fn gate(&self, params: &Params, projected: &Tensor, state: &Tensor) -> Result<Tensor, LearnError> {
        let width = self.width as i64;
        let own = state.f_linear(params.get(self.first + 1), Some(params.get(self.first + 3)))?;
        let gates = projected.f_narrow(1, 0, 2 * width)?.f_add(&own.f_narrow(1, 0, 2 * width)?)?;
        let gates = gates.f_sigmoid()?;
        let (reset, update) = (gates.f_narrow(1, 0, width)?, gates.f_narrow(1, width, width)?);
        let fresh = own.f_narrow(1, 2 * width, width)?.f_mul(&reset)?;
        let fresh = tanh(projected.f_narrow(1, 2 * width, width)?.f_add(&fresh)?)?;
        Ok(state.f_sub(&fresh)?.f_mul(&update)?.f_add(&fresh)?)
    }
}

/// A linear layer; gives the index of its weight.
pub(crate) fn push_linear(
    specs: &mut Vec<ParamSpec>,
    name: &str,
    inputs: usize,
    outputs: usize,
    start: Start,
) -> usize {
    push_layer(specs, name, vec![outputs as i64, inputs as i64], start)
}

/// A weight and its bias; gives the index of the weight.
fn push_layer(specs: &mut Vec<ParamSpec>, name: &str, shape: Vec<i64>, start: Start) -> usize {
    let outputs = shape[0];
    let inputs: i64 = shape[1..].iter().product();
    let (weight, bias) = match start {
        Start::Orthogonal(gain) => (Init::Orthogonal(gain), Init::Constant(0.0)),
        Start::Even => {
            let bound = 1.0 / (inputs.max(1) as f32).sqrt();
            (Init::Even(bound), Init::Even(bound))
        }
    };
    specs.push(ParamSpec { name: format!("{name}.weight"), shape, init: weight });
    specs.push(ParamSpec { name: format!("{name}.bias"), shape: vec![outputs], init: bias });
    specs.len() - 2
}

/// Three convolutions over an image part, and the width of what they put out.
fn push_encoder(specs: &mut Vec<ParamSpec>, part: &str, image: ImageShape, start: Start) -> (Encoder, usize) {
    let (mut height, mut width, mut channels) = (image.height, image.width, image.channels);
    let table = if height.min(width) >= PICTURE_SIDE { PICTURE } else { GRID };
    let mut layers = Vec::new();
    for (i, (outputs, kernel, stride)) in table.into_iter().enumerate() {
        // A grid of fewer cells than a kernel is read whole.
        let (kernel_height, kernel_width) = (kernel.min(height), kernel.min(width));
        let name = format!("features_extractor.extractors.{part}.cnn.{}", 2 * i);
        let shape = vec![outputs, channels, kernel_height, kernel_width];
        layers.push(Convolution { weight: push_layer(specs, &name, shape, start), stride });
        (height, width) = ((height - kernel_height) / stride + 1, (width - kernel_width) / stride + 1);
        channels = outputs;
    }
    (Encoder { layers, scale: 1.0 / image.high }, (height * width * channels) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn tanh_and_its_slope_are_those_of_libtorch() {
        let x = Tensor::linspace(-12.0, 12.0, 1_001, (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let slope = |y: Tensor| Tensor::run_backward(&[y.sum(None)], &[&x], false, false).remove(0);
        let (own, theirs) = (tanh(&x * 1.0).unwrap(), x.tanh());
        assert!((&own - &theirs).abs().max().double_value(&[]) < 3e-7);
        assert!((slope(own) - slope(theirs)).abs().max().double_value(&[]) < 1e-6);
    }

    #[test]
    fn the_recurrent_cell_is_that_of_libtorch_and_sequences_are_its_steps() {
        let mut specs = Vec::new();
        let gru = Gru::new(&mut specs, "gru", 3, 5);
        let params = Params::new(specs, 4, Device::Cpu).unwrap();
        let input = Tensor::linspace(-2.0, 2.0, 2 * 2 * 3, (Kind::Float, Device::Cpu)).view([4, 3]);
        let first = Tensor::linspace(-1.0, 1.0, 10, (Kind::Float, Device::Cpu)).view([2, 5]);
        let theirs = |x: &Tensor, h: &Tensor| {
            x.gru_cell(h, params.get(0), params.get(1), Some(params.get(2)), Some(params.get(3)))
        };
        let (a, b) = (input.narrow(0, 0, 2), input.narrow(0, 2, 2));
        let one = gru.step(&params, &a, &first).unwrap();
        assert!((&one - theirs(&a, &first)).abs().max().double_value(&[]) < 1e-6);
        // The second row begins a new episode before the second step.
        let keep = Tensor::from_slice(&[1.0_f32, 1.0, 1.0, 0.0]).view([2, 2, 1]);
        let both = gru.unroll(&params, &input, &first, &keep).unwrap();
        let two = theirs(&b, &(&one * Tensor::from_slice(&[1.0_f32, 0.0]).view([2, 1])));
        assert!((both - Tensor::cat(&[one, two], 0)).abs().max().double_value(&[]) < 1e-6);
    }
}
