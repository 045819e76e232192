//! What an update of PPO reports.

use serde::{Deserialize, Serialize};

use crate::Scalars;

/// What an update did, averaged over the mini-batches that counted.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct UpdateMetrics {
    /// The whole loss.
    pub loss: f64,
    /// Its clipped policy part.
    pub policy_gradient_loss: f64,
    /// Its value part, before `vf_coef`.
    pub value_loss: f64,
    /// Entropy of the policy.
    pub entropy: f64,
    /// How far the policy moved from the one that acted (Schulman's third estimator).
    pub approx_kl: f64,
    /// Share of actions whose ratio was clipped.
    pub clipfrac: f64,
    /// Share of the returns' variance that the values explained before the update.
    pub explained_variance: f64,
    /// Learning rate of the update.
    pub learning_rate: f64,
    /// Length of the gradient before clipping.
    pub grad_norm: f64,
    /// Mini-batches skipped in this update.
    pub skipped_updates: u64,
    /// Passes made over the rollout.
    pub epochs: usize,
}

impl UpdateMetrics {
    /// The numbers under the tags of Stable-Baselines3.
    pub(crate) fn scalars(&self) -> Scalars {
        vec![
            ("train/loss", self.loss),
            ("train/policy_gradient_loss", self.policy_gradient_loss),
            ("train/value_loss", self.value_loss),
            ("train/entropy", self.entropy),
            ("train/entropy_loss", -self.entropy),
            ("train/approx_kl", self.approx_kl),
            ("train/clip_fraction", self.clipfrac),
            ("train/explained_variance", self.explained_variance),
            ("train/learning_rate", self.learning_rate),
            ("train/grad_norm", self.grad_norm),
            ("train/skipped_updates", self.skipped_updates as f64),
        ]
    }
}

/// 1 - var(returns - values) / var(returns) over some cells, of the groups' sums; 0 where returns do not vary.
///
/// # Shapes
/// `values` and `returns` are `G x [T, N]`.
pub(crate) fn explained_variance(
    cells: impl Iterator<Item = usize> + Clone,
    values: &[Vec<f32>],
    returns: &[Vec<f32>],
) -> f64 {
    let sum = |groups: &[Vec<f32>], cell: usize| groups.iter().map(|g| f64::from(g[cell])).sum::<f64>();
    let residual = variance(cells.clone().map(|cell| sum(returns, cell) - sum(values, cell)));
    match variance(cells.map(|cell| sum(returns, cell))) {
        total if total > 0.0 => 1.0 - residual / total,
        _ => 0.0,
    }
}

fn variance(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let (count, sum) = values.clone().fold((0.0, 0.0), |(n, sum), x| (n + 1.0, sum + x));
    if count == 0.0 {
        return 0.0;
    }
    let mean = sum / count;
    values.map(|x| (x - mean) * (x - mean)).sum::<f64>() / count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn explained_variance_is_one_at_best_and_leaves_other_cells_out() {
        let returns = [vec![1.0, 2.0, 3.0, 1e9], vec![0.5; 4]];
        assert_eq!(explained_variance(0..3, &returns, &returns), 1.0);
        assert_eq!(explained_variance(0..3, &[vec![7.0; 4], vec![0.0; 4]], &returns), 0.0);
        assert_eq!(explained_variance(0..1, &returns, &returns), 0.0);
    }
}
