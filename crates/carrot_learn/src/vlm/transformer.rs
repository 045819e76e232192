//! Pre-norm transformer blocks on named parameters.
//!
//! # Source
//! Vaswani et al., "Attention is all you need" (2017), equation 1; normalisation stands before each part, as in
//! Radford et al. (2019).

use tch::Tensor;

use super::config::{Gelu, Stack};
use crate::LearnError;
use crate::layers::{Start, push_linear};
use crate::params::{Init, ParamSpec, Params};

/// Weight and bias of a normalisation over the last axis.
#[derive(Debug)]
pub(super) struct Norm {
    weight: usize,
    width: i64,
    eps: f64,
}

impl Norm {
    pub(super) fn new(specs: &mut Vec<ParamSpec>, name: &str, width: usize, eps: f64) -> Self {
        let weight = specs.len();
        for (part, value) in [("weight", 1.0), ("bias", 0.0)] {
            let (name, shape) = (format!("{name}.{part}"), vec![width as i64]);
            specs.push(ParamSpec { name, shape, init: Init::Constant(value) });
        }
        Self { weight, width: width as i64, eps }
    }

    pub(super) fn forward(&self, params: &Params, x: &Tensor) -> Result<Tensor, LearnError> {
        let (weight, bias) = (params.get(self.weight), params.get(self.weight + 1));
        Ok(x.f_layer_norm([self.width], Some(weight), Some(bias), self.eps, true)?)
    }
}

/// A linear layer by the index of its weight.
pub(super) fn linear(params: &Params, weight: usize, x: &Tensor) -> Result<Tensor, LearnError> {
    Ok(x.f_linear(params.get(weight), Some(params.get(weight + 1)))?)
}

/// Two linear layers with a GELU between.
#[derive(Debug)]
pub(super) struct Perceptron {
    layers: [usize; 2],
    activation: Gelu,
}

impl Perceptron {
    pub(super) fn new(specs: &mut Vec<ParamSpec>, name: &str, stack: &Stack) -> Self {
        let first = push_linear(specs, &format!("{name}.fc1"), stack.width, stack.inner, Start::Even);
        let second = push_linear(specs, &format!("{name}.fc2"), stack.inner, stack.width, Start::Even);
        Self { layers: [first, second], activation: stack.activation }
    }

    pub(super) fn forward(&self, params: &Params, x: &Tensor) -> Result<Tensor, LearnError> {
        let inside = linear(params, self.layers[0], x)?;
        let inside = match self.activation {
            Gelu::Quick => inside.f_mul_scalar(1.702)?.f_sigmoid()?.f_mul(&inside)?,
            Gelu::Exact => inside.f_gelu("none")?,
            Gelu::Tanh => inside.f_gelu("tanh")?,
        };
        linear(params, self.layers[1], &inside)
    }
}

/// Attention of queries `[B, Q, D]` over keys and values of the same width.
pub(super) fn attend(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    heads: usize,
    causal: bool,
) -> Result<Tensor, LearnError> {
    let split = |x: &Tensor| {
        let (rows, len, width) = x.size3()?;
        x.f_view([rows, len, heads as i64, width / heads as i64])?.f_transpose(1, 2)
    };
    let none = None::<&Tensor>;
    let mixed = Tensor::f_scaled_dot_product_attention(
        &split(q)?,
        &split(k)?,
        &split(v)?,
        none,
        0.0,
        causal,
        None,
        false,
    )?;
    Ok(mixed.f_transpose(1, 2)?.f_reshape(q.size().as_slice())?)
}

/// One block.
#[derive(Debug)]
struct Block {
    norms: [Norm; 2],
    /// Keys, values, queries, output.
    projections: [usize; 4],
    perceptron: Perceptron,
}

/// A stack of blocks.
#[derive(Debug)]
pub(super) struct Encoder {
    blocks: Vec<Block>,
    heads: usize,
    causal: bool,
}

impl Encoder {
    pub(super) fn new(specs: &mut Vec<ParamSpec>, name: &str, stack: &Stack, causal: bool) -> Self {
        let block = |i: usize| {
            let name = format!("{name}.encoder.layers.{i}");
            let (width, eps) = (stack.width, stack.eps);
            let projections = ["k_proj", "v_proj", "q_proj", "out_proj"].map(|part| {
                push_linear(specs, &format!("{name}.self_attn.{part}"), width, width, Start::Even)
            });
            let norms = [1, 2].map(|n| Norm::new(specs, &format!("{name}.layer_norm{n}"), width, eps));
            Block { norms, projections, perceptron: Perceptron::new(specs, &format!("{name}.mlp"), stack) }
        };
        Self { blocks: (0..stack.layers).map(block).collect(), heads: stack.heads, causal }
    }

    /// `[B, L, D]` to `[B, L, D]`.
    pub(super) fn forward(&self, params: &Params, mut x: Tensor) -> Result<Tensor, LearnError> {
        for Block { norms, projections: [k, v, q, out], perceptron } in &self.blocks {
            let normed = norms[0].forward(params, &x)?;
            let [k, v, q] = [k, v, q].map(|&index| linear(params, index, &normed));
            let mixed = attend(&q?, &k?, &v?, self.heads, self.causal)?;
            x = x.f_add(&linear(params, *out, &mixed)?)?;
            x = x.f_add(&perceptron.forward(params, &norms[1].forward(params, &x)?)?)?;
        }
        Ok(x)
    }
}
