//! The actor and the critic: encoders for images, perhaps a memory, then two separate trunks.
//!
//! | parameter | shape | where |
//! |---|---|---|
//! | `features_extractor.extractors.PART.cnn.{0,2,4}.{weight,bias}` | `[out, in, k, k]` | an image part, shared by actor and critic |
//! | `gru.{weight,bias}_{ih,hh}` | `[3 H, in]` | a recurrent policy's memory, shared by actor and critic |
//! | `mlp_extractor.policy_net.{0,2,..}.{weight,bias}` | `[out, in]` | trunk of the actor |
//! | `action_net.{weight,bias}` | `[A, hidden]` | logits, or the mean of a Gaussian |
//! | `log_std` | `[A]` | its logarithmic deviation, the same in every state |
//! | `mlp_extractor.value_net.{0,2,..}.{weight,bias}` | `[out, in]` | trunk of the critic |
//! | `value_net.{weight,bias}` | `[G, hidden]` | one value per reward group |
//!
//! Names are those of Stable-Baselines3. Weights begin orthogonal with the gains of CleanRL: √2 inside,
//! 0.01 for actions, 1 for values and for the memory.

use carrot_sim::ActionSpace;
use tch::{Kind, Tensor};

use crate::LearnError;
use crate::features::{FeatureLayout, Features};
use crate::layers::{Activation, Encoders, Gru, Mlp, Start};
use crate::params::{Init, ParamSpec, Params};
use crate::ppo::Recurrent;
use crate::ppo::native::Native;
use crate::views::View;

pub(super) const LOG_TAU: f64 = 1.837_877_066_409_345_5;

/// What a policy puts out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Head {
    /// A categorical for each element, over this many choices.
    Discrete(Vec<usize>),
    /// A diagonal Gaussian over this many elements.
    Continuous(usize),
}

impl Head {
    pub(crate) fn of(space: &ActionSpace) -> Result<Self, LearnError> {
        let width = space.width();
        let choices: Option<Vec<usize>> = (0..width).map(|i| space.choices(i)).collect();
        if width == 0 || choices.as_ref().is_some_and(|choices| choices.contains(&0)) {
            let message = "an action space without choices or elements cannot be learned";
            return Err(LearnError::Space(message.into()));
        }
        Ok(choices.map_or(Self::Continuous(width), Self::Discrete))
    }

    /// Numbers that the actor puts out per row.
    pub(crate) fn outputs(&self) -> usize {
        match self {
            Self::Discrete(choices) => choices.iter().sum(),
            Self::Continuous(n) => *n,
        }
    }

    /// Numbers per action.
    pub(crate) fn action_width(&self) -> usize {
        match self {
            Self::Discrete(choices) => choices.len(),
            Self::Continuous(n) => *n,
        }
    }
}

/// An actor-critic network.
#[derive(Debug)]
pub(crate) struct ActorCritic {
    head: Head,
    encoders: Encoders,
    gru: Option<Gru>,
    actor: Mlp,
    critic: Mlp,
    log_std: Option<usize>,
}

/// The shape of an [`ActorCritic`].
pub(crate) struct Shape<'a> {
    pub(crate) head: Head,
    pub(crate) groups: usize,
    pub(crate) hidden: &'a [usize],
    pub(crate) activation: Activation,
    pub(crate) recurrent: Recurrent,
    pub(crate) log_std_init: f32,
}

impl ActorCritic {
    pub(crate) fn new(layout: &FeatureLayout, shape: Shape<'_>) -> (Self, Vec<ParamSpec>) {
        let Shape { head, groups, hidden, activation, recurrent, log_std_init } = shape;
        let (specs, inside) = (&mut Vec::new(), Start::Orthogonal(std::f64::consts::SQRT_2));
        let encoders = Encoders::new(specs, layout, inside);
        let gru = match recurrent {
            Recurrent::Off => None,
            Recurrent::Gru { hidden } => Some(Gru::new(specs, "gru", encoders.width, hidden)),
        };
        let inputs = gru.as_ref().map_or(encoders.width, |gru| gru.width);
        let last = hidden.last().copied().unwrap_or(inputs);
        let trunk = |specs: &mut Vec<ParamSpec>, name: &str, output: &str, outputs: usize, gain: f64| {
            Mlp::new(specs, name, inputs, hidden, activation, inside).with_output(
                specs,
                output,
                last,
                outputs,
                Start::Orthogonal(gain),
            )
        };
        let actor = trunk(specs, "mlp_extractor.policy_net", "action_net", head.outputs(), 0.01);
        let log_std = matches!(head, Head::Continuous(_)).then(|| {
            let shape = vec![head.outputs() as i64];
            specs.push(ParamSpec { name: "log_std".into(), shape, init: Init::Constant(log_std_init) });
            specs.len() - 1
        });
        let critic = trunk(specs, "mlp_extractor.value_net", "value_net", groups, 1.0);
        (Self { head, encoders, gru, actor, critic, log_std }, std::mem::take(specs))
    }

    /// The same policy without libtorch, where it reads plain vectors.
    pub(super) fn native(&self, specs: &[ParamSpec]) -> Option<Native> {
        let log_std = self.log_std.map(|index| {
            let start: usize = specs[..index].iter().map(ParamSpec::len).sum();
            start..start + specs[index].len()
        });
        self.encoders.are_plain().then(|| Native {
            memory: self.gru.as_ref().map(|gru| gru.dense(specs)),
            actor: self.actor.dense(specs),
            critic: self.critic.dense(specs),
            log_std,
            head: self.head.clone(),
            inputs: self.encoders.width,
        })
    }

    /// What both trunks read of single steps, `[B, inputs]`; `state` is what is remembered of each row.
    pub(crate) fn perceive(
        &self,
        params: &Params,
        features: Features,
        state: Option<&Tensor>,
    ) -> Result<Tensor, LearnError> {
        let encoded = self.encoders.forward(params, features)?;
        match (&self.gru, state) {
            (Some(gru), Some(state)) => gru.step(params, &encoded, state),
            _ => Ok(encoded),
        }
    }

    /// What both trunks read of whole sequences, see [`Gru::unroll`].
    pub(crate) fn perceive_sequences(
        &self,
        params: &Params,
        features: Features,
        first: &Tensor,
        keep: &Tensor,
    ) -> Result<Tensor, LearnError> {
        let encoded = self.encoders.forward(params, features)?;
        match &self.gru {
            Some(gru) => gru.unroll(params, &encoded, first, keep),
            None => Ok(encoded),
        }
    }

    /// Log-probabilities of the choices, element after element, or means, `[B, outputs]`.
    pub(crate) fn act(&self, params: &Params, inputs: &Tensor) -> Result<Tensor, LearnError> {
        let outputs = self.actor.forward(params, inputs)?;
        match &self.head {
            Head::Continuous(_) => Ok(outputs),
            Head::Discrete(choices) if choices.len() == 1 => Ok(outputs.f_log_softmax(-1, Kind::Float)?),
            Head::Discrete(choices) => {
                let own = outputs.f_split_with_sizes(sizes(choices), 1)?;
                let own = own.iter().map(|own| own.f_log_softmax(-1, Kind::Float));
                Ok(Tensor::f_cat(&own.collect::<Result<Vec<_>, _>>()?, 1)?)
            }
        }
    }

    /// Logarithmic deviations of a Gaussian policy.
    pub(crate) fn log_std<'a>(&self, params: &'a Params) -> Option<&'a Tensor> {
        self.log_std.map(|index| params.get(index))
    }

    /// Values, `[B, G]`.
    pub(crate) fn values(&self, params: &Params, inputs: &Tensor) -> Result<Tensor, LearnError> {
        self.critic.forward(params, inputs)
    }

    /// Log-probability of actions `[B, A]`, as `[B]`, and the mean entropy.
    pub(crate) fn judge(
        &self,
        params: &Params,
        inputs: &Tensor,
        actions: &Tensor,
    ) -> Result<(Tensor, Tensor), LearnError> {
        let outputs = self.act(params, inputs)?;
        let row_sum = |x: Tensor| x.f_sum_dim_intlist([1_i64].as_slice(), false, None);
        if let Head::Discrete(choices) = &self.head {
            let chosen = match choices.len() {
                1 => outputs.f_gather(1, &actions.f_to_kind(Kind::Int64)?, false)?.f_squeeze_dim(1)?,
                _ => {
                    // The choices of all elements stand in one row, one element after the other.
                    let firsts = firsts(choices);
                    let firsts = View::i64(&firsts, &[1, choices.len() as i64])?.copied(outputs.device())?;
                    let at = actions.f_to_kind(Kind::Int64)?.f_add(&firsts)?;
                    row_sum(outputs.f_gather(1, &at, false)?)?
                }
            };
            let entropies = row_sum(outputs.f_exp()?.f_mul(&outputs)?)?;
            return Ok((chosen, entropies.f_mean(None)?.f_neg()?));
        }
        let log_std =
            self.log_std(params).ok_or_else(|| LearnError::Space("a policy without deviation".into()))?;
        let width = self.head.outputs() as f64;
        let z = actions.f_sub(&outputs)?.f_mul(&log_std.f_neg()?.f_exp()?)?;
        let squares = row_sum(z.f_square()?)?;
        let total = log_std.f_sum(None)?;
        let log_probs = squares.f_mul_scalar(-0.5)?.f_sub(&total)?.f_sub_scalar(0.5 * width * LOG_TAU)?;
        Ok((log_probs, total.f_add_scalar(0.5 * width * (1.0 + LOG_TAU))?))
    }
}

fn sizes(choices: &[usize]) -> Vec<i64> {
    choices.iter().map(|&n| n as i64).collect()
}

/// Where the choices of each element begin.
fn firsts(choices: &[usize]) -> Vec<i64> {
    let mut first = 0;
    let at = |&n: &usize| {
        first += n as i64;
        first - n as i64
    };
    choices.iter().map(at).collect()
}

/// The log-density of a Gaussian action, from its deviations in units of the standard deviation.
pub(crate) fn gaussian_log_prob(noise: &[f32], log_std: &[f32]) -> f32 {
    let terms = noise.iter().zip(log_std).map(|(z, log_std)| -0.5 * z * z - log_std - 0.5 * LOG_TAU as f32);
    terms.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Images;
    use crate::obs_norm::ObsNorm;
    use crate::views::read_f32;
    use carrot_sim::{ObsPart, PartSlice};
    use tch::Device;

    fn network(parts: &[ObsPart], head: Head) -> (FeatureLayout, ActorCritic, Params) {
        let layout = FeatureLayout::new(parts, Images::Convolved).unwrap();
        let shape = Shape {
            head,
            groups: 2,
            hidden: &[64, 64],
            activation: Activation::Tanh,
            recurrent: Recurrent::Off,
            log_std_init: -0.5,
        };
        let (net, specs) = ActorCritic::new(&layout, shape);
        (layout, net, Params::new(specs, 3, Device::Cpu).unwrap())
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
            let (layout, net, params) = network(&parts, Head::Discrete(vec![5]));
            let bytes = vec![3_u8; 2 * parts[0].size()];
            let obs = [PartSlice::U8(&bytes), PartSlice::F32(&[0.5, -0.5])];
            let encoded = net.perceive(&params, features(&layout, &obs, 2), None).unwrap();
            assert_eq!(net.act(&params, &encoded).unwrap().size(), [2, 5]);
            assert_eq!(net.values(&params, &encoded).unwrap().size(), [2, 2]);
            assert_eq!(params.specs()[0].name, "features_extractor.extractors.view.cnn.0.weight");
        }
    }

    #[test]
    fn densities_agree_between_acting_and_judging() {
        let parts = [ObsPart::vector("x", &[0.0; 3], &[1.0; 3])];
        let (layout, net, params) = network(&parts, Head::Continuous(2));
        let encoded =
            net.perceive(&params, features(&layout, &[PartSlice::F32(&[0.3, -0.2, 1.0])], 1), None).unwrap();
        let mut mean = [0.0; 2];
        read_f32(&net.act(&params, &encoded).unwrap(), &mut mean).unwrap();
        let (noise, std) = ([0.7_f32, -1.1], (-0.5_f32).exp());
        let action = Tensor::from_slice(&[mean[0] + std * noise[0], mean[1] + std * noise[1]]).view([1, 2]);
        let (log_prob, entropy) = net.judge(&params, &encoded, &action).unwrap();
        let expected = gaussian_log_prob(&noise, &[-0.5, -0.5]);
        assert!((log_prob.double_value(&[0]) - f64::from(expected)).abs() < 1e-5);
        // Entropy of a Gaussian: log(std) + (1 + log 2 pi) / 2 for each element.
        assert!((entropy.double_value(&[]) - (-1.0 + 1.0 + LOG_TAU)).abs() < 1e-6);
    }

    #[test]
    fn a_fresh_categorical_is_near_uniform() {
        let (layout, net, params) = network(&[ObsPart::bytes("cell", &[1], 15)], Head::Discrete(vec![4]));
        let encoded = net.perceive(&params, features(&layout, &[PartSlice::U8(&[9])], 1), None).unwrap();
        let (log_prob, entropy) =
            net.judge(&params, &encoded, &Tensor::from_slice(&[2.0_f32]).view([1, 1])).unwrap();
        assert!((log_prob.double_value(&[0]) - 0.25_f64.ln()).abs() < 0.05);
        assert!((entropy.double_value(&[]) - 4_f64.ln()).abs() < 1e-3);
    }

    #[test]
    fn elements_of_a_multi_discrete_action_are_independent() {
        let parts = [ObsPart::vector("x", &[0.0], &[1.0])];
        let (layout, net, params) = network(&parts, Head::Discrete(vec![2, 3]));
        let inputs = net.perceive(&params, features(&layout, &[PartSlice::F32(&[0.7])], 1), None).unwrap();
        let mut log_probs = [0.0; 5];
        read_f32(&net.act(&params, &inputs).unwrap(), &mut log_probs).unwrap();
        let mass = |own: &[f32]| own.iter().map(|x| x.exp()).sum::<f32>();
        assert!((mass(&log_probs[..2]) - 1.0).abs() < 1e-6 && (mass(&log_probs[2..]) - 1.0).abs() < 1e-6);
        let (log_prob, entropy) =
            net.judge(&params, &inputs, &Tensor::from_slice(&[1.0_f32, 2.0]).view([1, 2])).unwrap();
        let expected = f64::from(log_probs[1]) + f64::from(log_probs[4]);
        assert!((log_prob.double_value(&[0]) - expected).abs() < 1e-6);
        assert!((entropy.double_value(&[]) - (2_f64.ln() + 3_f64.ln())).abs() < 1e-3);
    }
}
