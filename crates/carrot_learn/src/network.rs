//! The actor and the critic: encoders for images, then two separate trunks.
//!
//! | parameter | shape | where |
//! |---|---|---|
//! | `features_extractor.extractors.PART.cnn.{0,2,4}.{weight,bias}` | `[out, in, k, k]` | an image part, shared by actor and critic |
//! | `mlp_extractor.policy_net.{0,2,..}.{weight,bias}` | `[out, in]` | trunk of the actor |
//! | `action_net.{weight,bias}` | `[A, hidden]` | logits, or the mean of a Gaussian |
//! | `log_std` | `[A]` | its logarithmic deviation, the same in every state |
//! | `mlp_extractor.value_net.{0,2,..}.{weight,bias}` | `[out, in]` | trunk of the critic |
//! | `value_net.{weight,bias}` | `[G, hidden]` | one value per reward group |
//!
//! Names are those of Stable-Baselines3. Weights begin orthogonal with the gains of CleanRL: √2 inside,
//! 0.01 for actions, 1 for values.

use carrot_sim::ActionSpace;
use tch::{Device, Kind, Tensor};

use crate::LearnError;
use crate::features::{FeatureLayout, Features, ImageShape};
use crate::params::{Init, ParamSpec, Params};

const LOG_TAU: f64 = 1.837_877_066_409_345_5;

/// From this side on an image is a camera picture rather than a grid.
const PICTURE_SIDE: i64 = 36;

/// Kernel and stride of the three layers for grids (MiniGrid) and for pictures (Mnih et al. 2015).
const GRID: [(i64, i64, i64); 3] = [(16, 2, 1), (32, 2, 1), (64, 2, 1)];
const PICTURE: [(i64, i64, i64); 3] = [(32, 8, 4), (64, 4, 2), (64, 3, 1)];

/// What a policy puts out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Head {
    /// A categorical over this many choices.
    Discrete(usize),
    /// A diagonal Gaussian over this many elements.
    Continuous(usize),
}

impl Head {
    pub(crate) fn of(space: &ActionSpace) -> Result<Self, LearnError> {
        let head = space.choices().map_or(Self::Continuous(space.width()), Self::Discrete);
        match head {
            Self::Discrete(0) | Self::Continuous(0) => {
                Err(LearnError::Space("an action space without choices or elements cannot be learned".into()))
            }
            _ => Ok(head),
        }
    }

    /// Numbers that the actor puts out per row.
    pub(crate) fn outputs(self) -> usize {
        match self {
            Self::Discrete(n) | Self::Continuous(n) => n,
        }
    }

    /// Numbers per action.
    pub(crate) fn action_width(self) -> usize {
        match self {
            Self::Discrete(_) => 1,
            Self::Continuous(n) => n,
        }
    }
}

/// A convolution over one axis pair: index of its weight, its stride.
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

/// An actor-critic network.
#[derive(Debug)]
pub(crate) struct ActorCritic {
    pub(crate) params: Params,
    head: Head,
    encoders: Vec<Encoder>,
    actor: Vec<usize>,
    critic: Vec<usize>,
    log_std: Option<usize>,
}

impl ActorCritic {
    pub(crate) fn new(
        layout: &FeatureLayout,
        head: Head,
        groups: usize,
        hidden: &[usize],
        log_std_init: f32,
        seed: u64,
        device: Device,
    ) -> Result<Self, LearnError> {
        let mut specs = Vec::new();
        let mut inputs = layout.vector;
        let mut encoders = Vec::new();
        for (name, image) in layout.images() {
            let (encoder, width) = push_encoder(&mut specs, name, image);
            encoders.push(encoder);
            inputs += width;
        }
        let mut actor = push_trunk(&mut specs, "mlp_extractor.policy_net", inputs, hidden);
        let last = hidden.last().copied().unwrap_or(inputs);
        actor.push(push_linear(&mut specs, "action_net", last, head.outputs(), 0.01));
        let log_std = matches!(head, Head::Continuous(_)).then(|| {
            let shape = vec![head.outputs() as i64];
            specs.push(ParamSpec { name: "log_std".into(), shape, init: Init::Constant(log_std_init) });
            specs.len() - 1
        });
        let mut critic = push_trunk(&mut specs, "mlp_extractor.value_net", inputs, hidden);
        critic.push(push_linear(&mut specs, "value_net", last, groups, 1.0));
        Ok(Self { params: Params::new(specs, seed, device)?, head, encoders, actor, critic, log_std })
    }

    /// What both trunks read, `[B, inputs]`.
    pub(crate) fn encode(&self, features: Features) -> Result<Tensor, LearnError> {
        let mut parts: Vec<Tensor> = features.vector.into_iter().collect();
        for (encoder, image) in self.encoders.iter().zip(&features.images) {
            let mut x = image.f_permute([0, 3, 1, 2])?.f_to_kind(Kind::Float)?.f_mul_scalar(encoder.scale)?;
            for layer in &encoder.layers {
                let (weight, bias) = (self.params.get(layer.weight), self.params.get(layer.weight + 1));
                let stride = [layer.stride, layer.stride];
                x = x.f_conv2d(weight, Some(bias), stride, [0, 0], [1, 1], 1)?.f_relu()?;
            }
            parts.push(x.f_flatten(1, -1)?);
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { Tensor::f_cat(&parts, 1)? })
    }

    /// Log-probabilities of the choices, or means, `[B, outputs]`.
    pub(crate) fn act(&self, encoded: &Tensor) -> Result<Tensor, LearnError> {
        let outputs = self.mlp(encoded, &self.actor)?;
        match self.head {
            Head::Discrete(_) => Ok(outputs.f_log_softmax(-1, Kind::Float)?),
            Head::Continuous(_) => Ok(outputs),
        }
    }

    /// Logarithmic deviations of a Gaussian policy.
    pub(crate) fn log_std(&self) -> Option<&Tensor> {
        self.log_std.map(|index| self.params.get(index))
    }

    /// Values, `[B, G]`.
    pub(crate) fn values(&self, encoded: &Tensor) -> Result<Tensor, LearnError> {
        self.mlp(encoded, &self.critic)
    }

    /// Log-probability of actions `[B, A]`, as `[B]`, and the mean entropy.
    pub(crate) fn judge(&self, encoded: &Tensor, actions: &Tensor) -> Result<(Tensor, Tensor), LearnError> {
        let outputs = self.act(encoded)?;
        let Some(log_std) = self.log_std() else {
            let chosen = outputs.f_gather(1, &actions.f_to_kind(Kind::Int64)?, false)?.f_squeeze_dim(1)?;
            let entropies =
                outputs.f_exp()?.f_mul(&outputs)?.f_sum_dim_intlist([1_i64].as_slice(), false, None)?;
            return Ok((chosen, entropies.f_mean(None)?.f_neg()?));
        };
        let width = self.head.outputs() as f64;
        let z = actions.f_sub(&outputs)?.f_mul(&log_std.f_neg()?.f_exp()?)?;
        let squares = z.f_square()?.f_sum_dim_intlist([1_i64].as_slice(), false, None)?;
        let total = log_std.f_sum(None)?;
        let log_probs = squares.f_mul_scalar(-0.5)?.f_sub(&total)?.f_sub_scalar(0.5 * width * LOG_TAU)?;
        Ok((log_probs, total.f_add_scalar(0.5 * width * (1.0 + LOG_TAU))?))
    }

    fn mlp(&self, input: &Tensor, layers: &[usize]) -> Result<Tensor, LearnError> {
        let mut x: Option<Tensor> = None;
        for (i, &layer) in layers.iter().enumerate() {
            let (weight, bias) = (self.params.get(layer), self.params.get(layer + 1));
            let y = x.as_ref().unwrap_or(input).f_linear(weight, Some(bias))?;
            x = Some(if i + 1 < layers.len() { tanh(y)? } else { y });
        }
        x.ok_or_else(|| LearnError::Space("a network without layers".into()))
    }
}

/// tanh(x) = 2 sigmoid(2x) - 1, within 1e-7: libtorch's own takes 2.5 times as long, and most of a small
/// network's time.
fn tanh(mut x: Tensor) -> Result<Tensor, LearnError> {
    let mut doubled = x.f_mul_scalar_(2.0)?.f_sigmoid()?.f_mul_scalar(2.0)?;
    Ok(doubled.f_sub_scalar_(1.0)?)
}

/// The log-density of a Gaussian action, from its deviations in units of the standard deviation.
pub(crate) fn gaussian_log_prob(noise: &[f32], log_std: &[f32]) -> f32 {
    let terms = noise.iter().zip(log_std).map(|(z, log_std)| -0.5 * z * z - log_std - 0.5 * LOG_TAU as f32);
    terms.sum()
}

fn push_linear(specs: &mut Vec<ParamSpec>, name: &str, inputs: usize, outputs: usize, gain: f64) -> usize {
    push_layer(specs, name, vec![outputs as i64, inputs as i64], gain)
}

/// A weight and its bias; gives the index of the weight.
fn push_layer(specs: &mut Vec<ParamSpec>, name: &str, shape: Vec<i64>, gain: f64) -> usize {
    let outputs = shape[0];
    specs.push(ParamSpec { name: format!("{name}.weight"), shape, init: Init::Orthogonal(gain) });
    specs.push(ParamSpec { name: format!("{name}.bias"), shape: vec![outputs], init: Init::Constant(0.0) });
    specs.len() - 2
}

/// Hidden layers; an activation stands between two, hence the even numbers.
fn push_trunk(specs: &mut Vec<ParamSpec>, name: &str, mut inputs: usize, hidden: &[usize]) -> Vec<usize> {
    let mut layers = Vec::new();
    for (i, &width) in hidden.iter().enumerate() {
        let name = format!("{name}.{}", 2 * i);
        layers.push(push_linear(specs, &name, inputs, width, std::f64::consts::SQRT_2));
        inputs = width;
    }
    layers
}

/// Three convolutions over an image part, and the width of what they put out.
fn push_encoder(specs: &mut Vec<ParamSpec>, part: &str, image: ImageShape) -> (Encoder, usize) {
    let (mut height, mut width, mut channels) = (image.height, image.width, image.channels);
    let table = if height.min(width) >= PICTURE_SIDE { PICTURE } else { GRID };
    let mut layers = Vec::new();
    for (i, (outputs, kernel, stride)) in table.into_iter().enumerate() {
        // A grid of fewer cells than a kernel is read whole.
        let (kernel_height, kernel_width) = (kernel.min(height), kernel.min(width));
        let name = format!("features_extractor.extractors.{part}.cnn.{}", 2 * i);
        let shape = vec![outputs, channels, kernel_height, kernel_width];
        layers
            .push(Convolution { weight: push_layer(specs, &name, shape, std::f64::consts::SQRT_2), stride });
        (height, width) = ((height - kernel_height) / stride + 1, (width - kernel_width) / stride + 1);
        channels = outputs;
    }
    (Encoder { layers, scale: 1.0 / image.high }, (height * width * channels) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::obs_norm::ObsNorm;
    use crate::views::read_f32;
    use carrot_sim::{ObsPart, PartSlice};

    fn network(parts: &[ObsPart], head: Head) -> (FeatureLayout, ActorCritic) {
        let layout = FeatureLayout::new(parts).unwrap();
        let net = ActorCritic::new(&layout, head, 2, &[64, 64], -0.5, 3, Device::Cpu).unwrap();
        (layout, net)
    }

    fn features(layout: &FeatureLayout, obs: &[PartSlice<'_>], rows: usize) -> Features {
        let mut vectors = Vec::new();
        layout.fill_vectors(obs, rows, &ObsNorm::identity(layout.floats), &mut vectors);
        layout.table(obs, &vectors, rows, Device::Cpu).unwrap().copied(Device::Cpu).unwrap()
    }

    #[test]
    fn images_of_any_size_reach_both_trunks() {
        for shape in [[7, 7, 3], [1, 2, 1], [40, 48, 3]] {
            let parts = [ObsPart::bytes("view", &shape, 10), ObsPart::vector("x", &[0.0], &[1.0])];
            let (layout, net) = network(&parts, Head::Discrete(5));
            let bytes = vec![3_u8; 2 * parts[0].size()];
            let obs = [PartSlice::U8(&bytes), PartSlice::F32(&[0.5, -0.5])];
            let encoded = net.encode(features(&layout, &obs, 2)).unwrap();
            assert_eq!(net.act(&encoded).unwrap().size(), [2, 5]);
            assert_eq!(net.values(&encoded).unwrap().size(), [2, 2]);
            assert_eq!(net.params.specs()[0].name, "features_extractor.extractors.view.cnn.0.weight");
        }
    }

    #[test]
    fn densities_agree_between_acting_and_judging() {
        let parts = [ObsPart::vector("x", &[0.0; 3], &[1.0; 3])];
        let (layout, net) = network(&parts, Head::Continuous(2));
        let encoded = net.encode(features(&layout, &[PartSlice::F32(&[0.3, -0.2, 1.0])], 1)).unwrap();
        let mut mean = [0.0; 2];
        read_f32(&net.act(&encoded).unwrap(), &mut mean).unwrap();
        let (noise, std) = ([0.7_f32, -1.1], (-0.5_f32).exp());
        let action = Tensor::from_slice(&[mean[0] + std * noise[0], mean[1] + std * noise[1]]).view([1, 2]);
        let (log_prob, entropy) = net.judge(&encoded, &action).unwrap();
        let expected = gaussian_log_prob(&noise, &[-0.5, -0.5]);
        assert!((log_prob.double_value(&[0]) - f64::from(expected)).abs() < 1e-5);
        // Entropy of a Gaussian: log(std) + (1 + log 2 pi) / 2 for each element.
        assert!((entropy.double_value(&[]) - (-1.0 + 1.0 + LOG_TAU)).abs() < 1e-6);
    }

    #[test]
    fn tanh_and_its_slope_are_those_of_libtorch() {
        let x = Tensor::linspace(-12.0, 12.0, 1_001, (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let slope = |y: Tensor| Tensor::run_backward(&[y.sum(None)], &[&x], false, false).remove(0);
        let (own, theirs) = (tanh(&x * 1.0).unwrap(), x.tanh());
        assert!((&own - &theirs).abs().max().double_value(&[]) < 3e-7);
        assert!((slope(own) - slope(theirs)).abs().max().double_value(&[]) < 1e-6);
    }

    #[test]
    fn a_fresh_categorical_is_near_uniform() {
        let (layout, net) = network(&[ObsPart::bytes("cell", &[1], 15)], Head::Discrete(4));
        let encoded = net.encode(features(&layout, &[PartSlice::U8(&[9])], 1)).unwrap();
        let (log_prob, entropy) = net.judge(&encoded, &Tensor::from_slice(&[2.0_f32]).view([1, 1])).unwrap();
        assert!((log_prob.double_value(&[0]) - 0.25_f64.ln()).abs() < 0.05);
        assert!((entropy.double_value(&[]) - 4_f64.ln()).abs() < 1e-3);
    }
}
