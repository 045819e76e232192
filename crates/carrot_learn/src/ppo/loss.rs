//! What a share of a mini-batch says of the policy, and where it pulls.

use tch::{Kind, Tensor};

use super::minibatch::Share;
use super::network::ActorCritic;
use super::{METRICS, PpoConfig};
use crate::LearnError;
use crate::device::use_threads;
use crate::params::Params;
use crate::views::read_f32;

/// The gradient that a share adds to its mini-batch's, and what it adds to the metrics but for the gradient's norm.
pub(super) fn pull(
    net: &ActorCritic,
    params: &Params,
    config: &PpoConfig,
    groups: usize,
    (mean, deviation): (f64, f64),
    share: &Share,
) -> Result<(Tensor, [f64; METRICS]), LearnError> {
    use_threads(config.threads);
    let (samples, groups) = (&share.samples, groups as i64);
    let column = |i: i64| samples.f_select(1, i);
    let (mut advantages, old_log_probs) = (column(0)?, column(1)?);
    let returns = samples.f_narrow(1, 2, groups)?;
    let old_values = samples.f_narrow(1, 2 + groups, groups)?;
    let actions = samples.f_narrow(1, 2 + 2 * groups, samples.size()[1] - 2 - 2 * groups)?;

    let inputs = share.perceive(net, params)?;
    let (log_probs, entropy) = net.judge(params, &inputs, &actions)?;
    let values = net.values(params, &inputs)?;
    let log_ratio = log_probs.f_sub(&old_log_probs)?;
    let ratio = log_ratio.f_exp()?;

    // Policy loss; the deviation of a single row is not a number.
    if config.norm_adv && !deviation.is_nan() {
        advantages = advantages.f_sub_scalar(mean)?.f_div_scalar(deviation + 1e-8)?;
    }
    let loss = advantages.f_neg()?;
    let clipped = loss.f_mul(&ratio.f_clamp(1.0 - config.clip_coef, 1.0 + config.clip_coef)?)?;
    let policy_loss = loss.f_mul(&ratio)?.f_maximum(&clipped)?.f_mean(None)?;

    // Value loss, summed over the heads.
    let mut errors = values.f_sub(&returns)?.f_square()?;
    if config.clip_vloss {
        let moved = values.f_sub(&old_values)?.f_clamp(-config.clip_coef, config.clip_coef)?;
        errors = errors.f_maximum(&old_values.f_add(&moved)?.f_sub(&returns)?.f_square()?)?;
    }
    let value_loss = errors.f_mean(None)?.f_mul_scalar(0.5 * groups as f64)?;

    let loss = policy_loss
        .f_sub(&entropy.f_mul_scalar(config.ent_coef)?)?
        .f_add(&value_loss.f_mul_scalar(config.vf_coef)?)?;
    let gradient = params.gradient(&loss.f_mul_scalar(share.weight)?)?;

    let metrics = tch::no_grad(|| {
        let drift = ratio.f_sub_scalar(1.0)?;
        let approx_kl = drift.f_sub(&log_ratio)?.f_mean(None)?;
        let clipfrac = drift.f_abs()?.f_gt(config.clip_coef)?.f_mean(Kind::Float)?;
        let mut metrics = [0.0_f32; METRICS - 1];
        let all = [&loss, &policy_loss, &value_loss, &entropy, &approx_kl, &clipfrac];
        read_f32(&Tensor::f_stack(&all, 0)?, &mut metrics)?;
        let mut weighed = [0.0; METRICS];
        weighed.iter_mut().zip(metrics).for_each(|(slot, x)| *slot = f64::from(x) * share.weight);
        Ok::<_, LearnError>(weighed)
    })?;
    Ok((gradient, metrics))
}
