//! How well answers about pictures agree with the truth.

use std::collections::BTreeMap;

use carrot_learn::auc;
use carrot_reward::{Body, Graph};
use carrot_sim::Rollout;
use serde::Serialize;

/// How a number per step goes with the truth of the same steps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Agreement {
    /// The chance that a step with success is valued above one without; none where one of the two is missing.
    pub auc: Option<f64>,
    /// Spearman's rank correlation with the score; none where either is constant.
    pub rank: Option<f64>,
}

impl Agreement {
    /// Of values with the success and the score of the same steps.
    pub fn of(values: &[f32], success: &[bool], score: &[f32]) -> Self {
        Self { auc: auc(values, success), rank: rank_correlation(values, score) }
    }
}

/// Puts pictures asked about in a rollout, and their agreement with the truth, among its metrics.
pub(crate) fn collect(graph: &Graph, rollout: &Rollout, values: &mut BTreeMap<String, f64>) {
    let n = rollout.num_envs;
    for node in &graph.nodes {
        let Body::Term(kind, slots) = &node.body else { continue };
        if kind.asked().is_none() {
            continue;
        }
        let (mut answers, mut success, mut score) = (Vec::new(), Vec::new(), Vec::new());
        for cell in 0..rollout.filled * n {
            let (t, row) = (cell / n, cell % n);
            let answer = rollout.raw[(t * rollout.raw_columns + slots.now) * n + row];
            if answer.is_finite() {
                answers.push(answer);
                success.push(rollout.success[cell]);
                score.push(rollout.score[cell]);
            }
        }
        let Agreement { auc, rank } = Agreement::of(&answers, &success, &score);
        let mut put = |what: &str, value: f64| values.insert(format!("vlm/{}/{what}", node.name), value);
        put("pictures", answers.len() as f64);
        auc.map(|auc| put("auc", auc));
        rank.map(|rank| put("rank", rank));
    }
}

/// Spearman's rank correlation; equal values share the mean of their ranks. None where a side is constant or holds
/// what is not a number.
pub fn rank_correlation(a: &[f32], b: &[f32]) -> Option<f64> {
    if a.len() != b.len() || a.iter().chain(b).any(|x| x.is_nan()) {
        return None;
    }
    let (a, b) = (ranks(a), ranks(b));
    let mean = (a.len() as f64 - 1.0) / 2.0;
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| (x - mean) * (y - mean)).sum::<f64>();
    let spread = (product(&a, &a) * product(&b, &b)).sqrt();
    (spread > 0.0).then(|| product(&a, &b) / spread)
}

/// The place of each value in their order, from 0; equal values share the mean of their places.
pub(crate) fn ranks(values: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for equal in order.chunk_by(|&i, &j| values[i] == values[j]) {
        let shared = first as f64 + (equal.len() as f64 - 1.0) / 2.0;
        equal.iter().for_each(|&i| ranks[i] = shared);
        first += equal.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_correlate_whatever_the_scale() {
        let a = [1.0, 2.0, 30.0, 4.0];
        assert_eq!(rank_correlation(&a, &[0.1, 0.2, 0.4, 0.3]), Some(1.0));
        assert_eq!(rank_correlation(&a, &[4.0, 3.0, 1.0, 2.0]), Some(-1.0));
        assert_eq!(rank_correlation(&a, &[1.0; 4]), None);
        // Ties share their rank: 0.5, 0.5, 2, 3 against 0, 1, 3, 2.
        let tied = rank_correlation(&[1.0, 1.0, 2.0, 3.0], &[1.0, 2.0, 4.0, 3.0]);
        assert!((tied.unwrap_or(0.0) - 3.5 / (4.5_f64 * 5.0).sqrt()).abs() < 1e-12, "{tied:?}");
    }
}
