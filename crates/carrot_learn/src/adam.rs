//! Adam with decoupled weight decay over one flat tensor, with state that can be saved.
//!
//! # Source
//! Kingma and Ba, "Adam" (2015), algorithm 1; Loshchilov and Hutter, "Decoupled weight decay
//! regularization" (2019), algorithm 2. As in PyTorch, epsilon is added after the bias correction.

use multiversion::multiversion;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::LearnError;
use crate::views::{floats, floats_mut};

/// Settings of [`Adam`]; the learning rate comes with each step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct AdamConfig {
    /// Decay of the mean of gradients.
    pub(crate) beta1: f64,
    /// Decay of the mean of squared gradients.
    pub(crate) beta2: f64,
    /// Keeps the quotient finite.
    pub(crate) eps: f64,
    /// Share of a parameter removed per unit of learning rate; 0 is plain Adam.
    pub(crate) weight_decay: f64,
}

impl Default for AdamConfig {
    fn default() -> Self {
        // The epsilon of OpenAI's PPO and of CleanRL.
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-5, weight_decay: 0.0 }
    }
}

/// The optimiser's state.
#[derive(Debug)]
pub(crate) struct Adam {
    config: AdamConfig,
    /// Mean of gradients.
    pub(crate) exp_avg: Tensor,
    /// Mean of squared gradients.
    pub(crate) exp_avg_sq: Tensor,
    /// Steps taken.
    pub(crate) step: u64,
}

impl Adam {
    /// A fresh state for `len` values.
    pub(crate) fn new(config: AdamConfig, len: usize, device: Device) -> Result<Self, LearnError> {
        let zeros = || Tensor::f_zeros([len as i64], (Kind::Float, device));
        Ok(Self { config, exp_avg: zeros()?, exp_avg_sq: zeros()?, step: 0 })
    }

    /// Moves the parameters against a gradient.
    pub(crate) fn step(&mut self, params: &mut Tensor, gradient: &Tensor, lr: f64) -> Result<(), LearnError> {
        let AdamConfig { beta1, beta2, eps, weight_decay } = self.config;
        self.step += 1;
        let correction1 = 1.0 - libm::pow(beta1, self.step as f64);
        let correction2 = 1.0 - libm::pow(beta2, self.step as f64);
        if params.device() == Device::Cpu {
            let by = Step {
                mean: (1.0 - beta1) as f32,
                square: (1.0 - beta2) as f32,
                scale: (1.0 / correction2.sqrt()) as f32,
                eps: eps as f32,
                size: (-lr / correction1) as f32,
                keep: (1.0 - lr * weight_decay) as f32,
            };
            let (mean, square) = (floats_mut(&mut self.exp_avg)?, floats_mut(&mut self.exp_avg_sq)?);
            step(by, floats_mut(params)?, mean, square, floats(gradient)?);
            return Ok(());
        }
        tch::no_grad(|| {
            if weight_decay != 0.0 {
                let _ = params.f_mul_scalar_(1.0 - lr * weight_decay)?;
            }
            let _ = self.exp_avg.f_lerp_(gradient, 1.0 - beta1)?;
            let _ = self.exp_avg_sq.f_lerp_(&gradient.f_square()?, 1.0 - beta2)?;
            let mut denominator = self.exp_avg_sq.f_sqrt()?;
            let _ = denominator.f_mul_scalar_(1.0 / correction2.sqrt())?.f_add_scalar_(eps)?;
            let _ = params.f_addcdiv_(&self.exp_avg.f_mul_scalar(-lr / correction1)?, &denominator)?;
            Ok(())
        })
    }
}

/// One step in plain numbers: in one pass over the parameters, where libtorch makes ten.
#[derive(Clone, Copy)]
struct Step {
    /// 1 - beta1.
    mean: f32,
    /// 1 - beta2.
    square: f32,
    /// Corrects the root of the mean of squares.
    scale: f32,
    eps: f32,
    /// Minus the corrected learning rate.
    size: f32,
    /// What weight decay leaves of a parameter.
    keep: f32,
}

#[multiversion(targets("x86_64+avx2"))]
fn step(by: Step, params: &mut [f32], mean: &mut [f32], square: &mut [f32], gradient: &[f32]) {
    let moments = mean.iter_mut().zip(square.iter_mut());
    for ((p, (m, v)), g) in params.iter_mut().zip(moments).zip(gradient) {
        *m += (g - *m) * by.mean;
        *v += (g * g - *v) * by.square;
        *p = *p * by.keep + by.size * *m / (v.sqrt() * by.scale + by.eps);
    }
}

/// Scales a gradient of a known norm down to `max_norm`, as `torch.nn.utils.clip_grad_norm_` does.
pub(crate) fn clip_grad_norm(gradient: &mut Tensor, norm: f64, max_norm: f64) -> Result<(), LearnError> {
    let scale = max_norm / (norm + 1e-6);
    if scale < 1.0 {
        let _ = gradient.f_mul_scalar_(scale)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::read_f32;

    fn values<const N: usize>(tensor: &Tensor) -> [f32; N] {
        let mut out = [0.0; N];
        read_f32(tensor, &mut out).unwrap();
        out
    }

    /// Two steps by hand, lr 0.1, betas (0.9, 0.999), eps 1e-8, gradient 0.5 and then -1 from 1:
    /// m = 0.05, v = 0.00025: 1 - 0.1 * 0.5 / (0.5 + 1e-8)             = 0.9
    /// m = -0.055, v = 0.00124975: bias-corrected -0.2894737 and 0.6251876,
    /// 0.9 + 0.1 * 0.2894737 / (0.7906881 + 1e-8)                      = 0.9366104
    #[test]
    fn two_steps_agree_with_the_hand_computed_ones() {
        let config = AdamConfig { eps: 1e-8, ..AdamConfig::default() };
        let mut adam = Adam::new(config, 1, Device::Cpu).unwrap();
        let mut params = Tensor::from_slice(&[1.0_f32]);
        adam.step(&mut params, &Tensor::from_slice(&[0.5_f32]), 0.1).unwrap();
        assert!((values::<1>(&params)[0] - 0.9).abs() < 1e-6);
        adam.step(&mut params, &Tensor::from_slice(&[-1.0_f32]), 0.1).unwrap();
        assert!((values::<1>(&params)[0] - 0.936_610_4).abs() < 1e-6, "{params:?}");
        assert!((values::<1>(&adam.exp_avg)[0] + 0.055).abs() < 1e-7);
    }

    #[test]
    fn weight_decay_is_decoupled_from_the_moments() {
        let config = AdamConfig { weight_decay: 0.5, ..AdamConfig::default() };
        let mut adam = Adam::new(config, 1, Device::Cpu).unwrap();
        let mut params = Tensor::from_slice(&[2.0_f32]);
        adam.step(&mut params, &Tensor::from_slice(&[0.0_f32]), 0.1).unwrap();
        assert!((values::<1>(&params)[0] - 1.9).abs() < 1e-6);
    }

    #[test]
    fn only_long_gradients_are_clipped() {
        let mut gradient = Tensor::from_slice(&[3.0_f32, 4.0]);
        clip_grad_norm(&mut gradient, 5.0, 10.0).unwrap();
        assert_eq!(values::<2>(&gradient), [3.0, 4.0]);
        clip_grad_norm(&mut gradient, 5.0, 1.0).unwrap();
        let [a, b] = values::<2>(&gradient);
        assert!((a - 0.6).abs() < 1e-5 && (b - 0.8).abs() < 1e-5);
    }
}
