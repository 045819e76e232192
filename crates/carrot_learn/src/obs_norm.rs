//! Observation normalisation by revision: statistics change between rollouts only.

use carrot_sim::{PartData, Rollout};
use serde::{Deserialize, Serialize};

/// Rows reduced at a time; the same for every shard and rank count.
const BLOCK: usize = 256;

/// Normalised values stay within this distance of zero.
const LIMIT: f32 = 10.0;

/// Statistics of the float elements of an observation; without any it is the identity.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ObsNorm {
    count: f64,
    mean: Vec<f64>,
    var: Vec<f64>,
}

impl ObsNorm {
    /// The identity over `width` float elements.
    pub fn identity(width: usize) -> Self {
        Self { count: 0.0, mean: vec![0.0; width], var: vec![1.0; width] }
    }

    /// Float elements of an observation.
    pub fn width(&self) -> usize {
        self.mean.len()
    }

    /// Rows seen.
    pub fn count(&self) -> f64 {
        self.count
    }

    /// Mean of each element.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Variance of each element, over the rows seen.
    pub fn var(&self) -> &[f64] {
        &self.var
    }

    /// Whether the statistics can be of an observation with `width` float elements.
    pub(crate) fn is_valid(&self, width: usize) -> bool {
        let numbers = || self.mean.iter().chain(&self.var).chain([&self.count]);
        self.mean.len() == width
            && self.var.len() == width
            && numbers().all(|x| x.is_finite())
            && self.var.iter().chain([&self.count]).all(|&x| x >= 0.0)
    }

    /// The statistics with a finished rollout added, reduced in (step, global env id) order in f64 and in
    /// fixed blocks, so that the number of shards never matters. Rows with a non-finite element are left out.
    pub fn updated(&self, rollout: &Rollout) -> Self {
        let parts = rollout.obs.iter().zip(rollout.part_sizes());
        let floats: Vec<(&[f32], usize)> = parts
            .filter(|(part, _)| matches!(part, PartData::F32(_)))
            .map(|(part, &size)| (part.f32(), size))
            .collect();
        self.with_rows(&floats, rollout.filled * rollout.num_envs)
    }

    /// Adds the first `rows` rows of float parts, each a buffer and its elements per row.
    pub(crate) fn with_rows(&self, parts: &[(&[f32], usize)], rows: usize) -> Self {
        let mut next = self.clone();
        let mut block = Vec::with_capacity(BLOCK * self.width());
        for start in (0..rows).step_by(BLOCK) {
            block.clear();
            for row in start..(start + BLOCK).min(rows) {
                let begin = block.len();
                for (data, size) in parts {
                    block.extend(data[row * size..][..*size].iter().map(|&x| f64::from(x)));
                }
                if block[begin..].iter().any(|x| !x.is_finite()) {
                    block.truncate(begin);
                }
            }
            next.add_block(&block);
        }
        next
    }

    /// Merges a block of whole rows.
    ///
    /// # Source
    /// Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm" (1979), equation 2.1.
    fn add_block(&mut self, block: &[f64]) {
        let width = self.width();
        if block.is_empty() {
            return;
        }
        let count = (block.len() / width) as f64;
        let total = self.count + count;
        for i in 0..width {
            let column = || block[i..].iter().step_by(width);
            let mean = column().sum::<f64>() / count;
            let squares: f64 = column().map(|x| (x - mean) * (x - mean)).sum();
            let delta = mean - self.mean[i];
            let merged = self.var[i] * self.count + squares + delta * delta * self.count * count / total;
            self.mean[i] += delta * count / total;
            self.var[i] = merged / total;
        }
        self.count = total;
    }

    /// Mean and scale of each element as the policy applies them; `None` for the identity.
    pub(crate) fn scales(&self) -> Option<Vec<Scale>> {
        let scale = |(mean, var): (&f64, &f64)| Scale {
            mean: *mean as f32,
            factor: (1.0 / (var + 1e-8).sqrt()) as f32,
        };
        (self.count > 0.0).then(|| self.mean.iter().zip(&self.var).map(scale).collect())
    }
}

/// How one element is normalised.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    mean: f32,
    factor: f32,
}

impl Scale {
    pub(crate) fn apply(self, x: f32) -> f32 {
        ((x - self.mean) * self.factor).clamp(-LIMIT, LIMIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carrot_sim::{RowKey, Stream};

    fn draws(rows: usize) -> Vec<f32> {
        let mut rng = RowKey { seed: 8, env: 0, episode: 0 }.rng(Stream::Script);
        (0..rows * 2).map(|i| 100.0 * (i % 2) as f32 + rng.uniform(-1.0, 1.0)).collect()
    }

    #[test]
    fn blocks_agree_with_the_plain_moments() {
        let (rows, data) = (1_000, draws(1_000));
        let norm = ObsNorm::identity(2).with_rows(&[(&data, 2)], rows);
        for i in 0..2 {
            let column: Vec<f64> = data[i..].iter().step_by(2).map(|&x| f64::from(x)).collect();
            let mean = column.iter().sum::<f64>() / rows as f64;
            let var = column.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / rows as f64;
            assert!((norm.mean()[i] - mean).abs() < 1e-10 && (norm.var()[i] - var).abs() < 1e-10);
        }
        assert_eq!(norm.count(), 1_000.0);
    }

    #[test]
    fn parts_are_normalised_and_limited() {
        let (left, right) = ([1.0, 3.0, f32::NAN], [0.0, 0.0, 5.0]);
        let norm = ObsNorm::identity(2).with_rows(&[(&left, 1), (&right, 1)], 3);
        assert_eq!((norm.count(), norm.mean(), norm.var()), (2.0, &[2.0, 0.0][..], &[1.0, 0.0][..]));
        let scales = norm.scales().unwrap();
        assert!((scales[0].apply(2.5) - 0.5).abs() < 1e-6);
        assert_eq!((scales[0].apply(1e9), scales[1].apply(-0.1)), (10.0, -10.0));
    }

    #[test]
    fn without_statistics_it_is_the_identity() {
        assert!(ObsNorm::identity(3).scales().is_none());
        assert!(ObsNorm::identity(3).is_valid(3) && !ObsNorm::identity(3).is_valid(2));
    }
}
