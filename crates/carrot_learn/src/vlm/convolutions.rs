//! A tower that sees by convolutions: small, and quick to learn from few pictures.

use tch::Tensor;

use super::config::CONVOLUTIONS;
use super::transformer::linear;
use crate::LearnError;
use crate::params::{Init, ParamSpec, Params};

/// Side of a kernel; strides are half of it.
const KERNEL: usize = 4;

/// Convolutions as places in a list of parameters, each of which halves the side, and a linear layer.
#[derive(Debug)]
pub(super) struct ConvolutionTower {
    layers: [usize; CONVOLUTIONS],
    head: usize,
}

impl ConvolutionTower {
    pub(super) fn new(
        specs: &mut Vec<ParamSpec>,
        channels: [usize; CONVOLUTIONS],
        image: usize,
        embedding: usize,
    ) -> Self {
        let (mut inputs, mut layers) = (3, [0; CONVOLUTIONS]);
        for (i, outputs) in channels.into_iter().enumerate() {
            let shape = [outputs, inputs, KERNEL, KERNEL];
            layers[i] = push(specs, &format!("vision_model.convolutions.{i}"), &shape, 6.0);
            inputs = outputs;
        }
        let side = image >> CONVOLUTIONS;
        let head = push(specs, "vision_model.head", &[embedding, inputs * side * side], 3.0);
        Self { layers, head }
    }

    /// Pictures `[B, 3, S, S]`, normalised, to `[B, E]`.
    pub(super) fn forward(&self, params: &Params, pixels: &Tensor) -> Result<Tensor, LearnError> {
        let mut x = pixels.shallow_clone();
        for &layer in &self.layers {
            let (weight, bias) = (params.get(layer), params.get(layer + 1));
            x = x.f_conv2d(weight, Some(bias), [2, 2], [1, 1], [1, 1], 1)?.f_relu()?;
        }
        linear(params, self.head, &x.f_flatten(1, -1)?)
    }
}

/// A weight that keeps the size of what flows through it (He et al. 2015: `gain` 6 before a rectifier), and its bias.
fn push(specs: &mut Vec<ParamSpec>, name: &str, shape: &[usize], gain: f32) -> usize {
    let inputs: usize = shape[1..].iter().product();
    let sizes = shape.iter().map(|&n| n as i64).collect();
    let init = Init::Even((gain / inputs as f32).sqrt());
    specs.push(ParamSpec { name: format!("{name}.weight"), shape: sizes, init });
    let shape = vec![shape[0] as i64];
    specs.push(ParamSpec { name: format!("{name}.bias"), shape, init: Init::Constant(0.0) });
    specs.len() - 2
}
