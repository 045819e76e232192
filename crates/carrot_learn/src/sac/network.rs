//! The squashed Gaussian actor and the two critics.
//!
//! | part | parameter | shape | where |
//! |---|---|---|---|
//! | `actor.safetensors` | `features_extractor...` | `[out, in, k, k]` | an image part, as the actor reads it |
//! | | `latent_pi.{0,2,..}.{weight,bias}` | `[out, in]` | trunk and, last, mean and logarithmic deviation `[2 A]` |
//! | `critic.safetensors` | `features_extractor...` | `[out, in, k, k]` | an image part, as the critics read it |
//! | | `qf0.{0,2,..}`, `qf1.{0,2,..}` | `[out, in]` | the critics, of state and action |
//! | `ent_coef.safetensors` | `log_ent_coef` | `[]` | logarithm of the entropy's weight |
//!
//! Layers begin as PyTorch's do. Inside, actions lie between -1 and 1.

use carrot_sim::ActionSpace;
use tch::Tensor;

use crate::LearnError;
use crate::features::{FeatureLayout, Features};
use crate::layers::{Activation, Encoders, Mlp, Start};
use crate::params::{ParamSpec, Params};

/// Bounds of the logarithmic deviation, those of the authors' code.
const LOG_STD: (f64, f64) = (-20.0, 2.0);

const LOG_TAU: f64 = 1.837_877_066_409_345_5;

/// How an action inside fits the space: `middle + half * action`.
#[derive(Debug, Clone)]
pub(super) struct Scaling {
    middle: Vec<f32>,
    half: Vec<f32>,
}

impl Scaling {
    /// # Errors
    /// For a space other than one of bounded floats.
    pub(super) fn of(space: &ActionSpace) -> Result<Self, LearnError> {
        let refuse = || LearnError::Space("Sac learns tasks with continuous, bounded actions".into());
        let ActionSpace::Continuous { low, high, .. } = space else { return Err(refuse()) };
        let bounded = |(low, high): (&f32, &f32)| low < high && low.is_finite() && high.is_finite();
        if low.is_empty() || !low.iter().zip(high).all(bounded) {
            return Err(refuse());
        }
        let pairs = || low.iter().zip(high);
        Ok(Self {
            middle: pairs().map(|(low, high)| 0.5 * (low + high)).collect(),
            half: pairs().map(|(low, high)| 0.5 * (high - low)).collect(),
        })
    }

    /// A.
    pub(super) fn width(&self) -> usize {
        self.half.len()
    }

    /// From inside to the space, row by row.
    pub(super) fn outwards(&self, actions: &mut [f32]) {
        for row in actions.chunks_exact_mut(self.width()) {
            for ((x, middle), half) in row.iter_mut().zip(&self.middle).zip(&self.half) {
                *x = middle + half * *x;
            }
        }
    }

    /// From the space to inside, row by row.
    pub(super) fn inwards(&self, actions: &mut [f32]) {
        for row in actions.chunks_exact_mut(self.width()) {
            for ((x, middle), half) in row.iter_mut().zip(&self.middle).zip(&self.half) {
                *x = ((*x - middle) / half).clamp(-1.0, 1.0);
            }
        }
    }
}

/// The policy.
#[derive(Debug)]
pub(super) struct Actor {
    encoders: Encoders,
    trunk: Mlp,
    width: i64,
}

impl Actor {
    pub(super) fn new(layout: &FeatureLayout, width: usize, hidden: &[usize]) -> (Self, Vec<ParamSpec>) {
        let mut specs = Vec::new();
        let encoders = Encoders::new(&mut specs, layout, Start::Even);
        let widths = [hidden, &[2 * width]].concat();
        let trunk = Mlp::new(&mut specs, "latent_pi", encoders.width, &widths, Activation::Relu, Start::Even);
        (Self { encoders, trunk, width: width as i64 }, specs)
    }

    /// Mean and logarithmic deviation before squashing, `[B, A]` each.
    pub(super) fn gaussian(
        &self,
        params: &Params,
        features: Features,
    ) -> Result<(Tensor, Tensor), LearnError> {
        let both = self.trunk.forward(params, &self.encoders.forward(params, features)?)?;
        let log_std = both.f_narrow(1, self.width, self.width)?.f_clamp(LOG_STD.0, LOG_STD.1)?;
        Ok((both.f_narrow(1, 0, self.width)?, log_std))
    }

    /// Actions for standard normal noise `[B, A]`, and their log-probabilities `[B]`.
    ///
    /// # Source
    /// SAC, appendix C, equation 26; log(1 - tanh(u)^2) as 2 (log 2 - u - softplus(-2 u)), which stays finite.
    pub(super) fn sample(
        &self,
        params: &Params,
        features: Features,
        noise: &Tensor,
    ) -> Result<(Tensor, Tensor), LearnError> {
        let (mean, log_std) = self.gaussian(params, features)?;
        let before = noise.f_mul(&log_std.f_exp()?)?.f_add(&mean)?;
        let squash = before
            .f_add(&before.f_mul_scalar(-2.0)?.f_softplus()?)?
            .f_sub_scalar(std::f64::consts::LN_2)?
            .f_mul_scalar(2.0)?;
        let terms = squash.f_sub(&log_std)?.f_sub(&noise.f_square()?.f_mul_scalar(0.5)?)?;
        let log_probs = terms.f_sum_dim_intlist([1_i64].as_slice(), false, None)?;
        Ok((before.f_tanh()?, log_probs.f_sub_scalar(0.5 * LOG_TAU * self.width as f64)?))
    }
}

/// Two critics of state and action.
#[derive(Debug)]
pub(super) struct Critics {
    encoders: Encoders,
    pair: [Mlp; 2],
}

impl Critics {
    pub(super) fn new(layout: &FeatureLayout, width: usize, hidden: &[usize]) -> (Self, Vec<ParamSpec>) {
        let mut specs = Vec::new();
        let encoders = Encoders::new(&mut specs, layout, Start::Even);
        let widths = [hidden, &[1]].concat();
        let inputs = encoders.width + width;
        let pair = ["qf0", "qf1"]
            .map(|name| Mlp::new(&mut specs, name, inputs, &widths, Activation::Relu, Start::Even));
        (Self { encoders, pair }, specs)
    }

    /// Values by both critics, `[B]` each.
    pub(super) fn values(
        &self,
        params: &Params,
        features: Features,
        actions: &Tensor,
    ) -> Result<[Tensor; 2], LearnError> {
        let input = Tensor::f_cat(&[&self.encoders.forward(params, features)?, actions], 1)?;
        let one = |critic: &Mlp| Ok::<_, LearnError>(critic.forward(params, &input)?.f_squeeze_dim(1)?);
        Ok([one(&self.pair[0])?, one(&self.pair[1])?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Images;
    use crate::obs_norm::ObsNorm;
    use carrot_sim::{ObsPart, PartSlice};
    use tch::Device;

    #[test]
    fn a_squashed_density_is_the_gaussian_ones_over_the_slope() {
        let layout =
            FeatureLayout::new(&[ObsPart::vector("x", &[0.0; 2], &[1.0; 2])], Images::Convolved).unwrap();
        let (actor, specs) = Actor::new(&layout, 2, &[8]);
        let params = Params::new(specs, 5, Device::Cpu).unwrap();
        let obs = [PartSlice::F32(&[0.4, -0.9])];
        let features = || {
            let mut vectors = Vec::new();
            layout.fill_vectors(&obs, 1, &ObsNorm::identity(2), &mut vectors);
            layout.table(&obs, &vectors, 1, Device::Cpu).unwrap().copied(Device::Cpu).unwrap()
        };
        let (mean, log_std) = actor.gaussian(&params, features()).unwrap();
        let noise = [0.8_f64, -1.3];
        let tensor = Tensor::from_slice(&noise.map(|x| x as f32)).view([1, 2]);
        let (action, log_prob) = actor.sample(&params, features(), &tensor).unwrap();
        let mut expected = 0.0;
        for (i, z) in noise.into_iter().enumerate() {
            let at = [0, i as i64];
            let (mean, log_std) = (mean.double_value(&at), log_std.double_value(&at));
            let u = mean + log_std.exp() * z;
            assert!((action.double_value(&at) - u.tanh()).abs() < 1e-6);
            expected += -0.5 * z * z - log_std - 0.5 * LOG_TAU - (1.0 - u.tanh().powi(2)).ln();
        }
        assert!((log_prob.double_value(&[0]) - expected).abs() < 1e-5);
    }

    #[test]
    fn scaling_goes_there_and_back() {
        let space = ActionSpace::Continuous {
            names: vec!["a".into(), "b".into()],
            units: vec![String::new(); 2],
            low: vec![-2.0, 0.0],
            high: vec![2.0, 10.0],
        };
        let scaling = Scaling::of(&space).unwrap();
        let mut actions = [-1.0, 1.0, 0.5, 0.0];
        scaling.outwards(&mut actions);
        assert_eq!(actions, [-2.0, 10.0, 1.0, 5.0]);
        scaling.inwards(&mut actions);
        assert_eq!(actions, [-1.0, 1.0, 0.5, 0.0]);
        assert!(Scaling::of(&ActionSpace::discrete(&["a"])).is_err());
    }
}
