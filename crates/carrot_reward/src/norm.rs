//! Running statistics that do not depend on how rows are cut into shards.

use serde::{Deserialize, Serialize};

/// Rows per block of a reduction: fixed, so that sums are added in one order for ever.
pub const BLOCK: usize = 256;

/// Count, mean and sum of squared deviations.
///
/// # Source
/// Chan, Golub & LeVeque 1983, the pairwise update, merged block by block in a fixed order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct NormStats {
    /// Values seen.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
    /// Sum of squared deviations from the mean.
    pub m2: f64,
}

impl NormStats {
    /// Population variance.
    pub fn variance(&self) -> f64 {
        if self.count == 0 { 1.0 } else { self.m2 / self.count as f64 }
    }

    /// Adds one step's values `[N]` in blocks of 256 rows by global env id.
    pub fn add_step(&mut self, values: &[f32], keep: impl Fn(usize) -> bool) {
        for (index, block) in values.chunks(BLOCK).enumerate() {
            let (mut count, mut sum) = (0_u64, 0.0_f64);
            for (i, &x) in block.iter().enumerate() {
                if keep(index * BLOCK + i) {
                    count += 1;
                    sum += f64::from(x);
                }
            }
            if count == 0 {
                continue;
            }
            let mean = sum / count as f64;
            let mut m2 = 0.0_f64;
            for (i, &x) in block.iter().enumerate() {
                if keep(index * BLOCK + i) {
                    let d = f64::from(x) - mean;
                    m2 += d * d;
                }
            }
            self.merge(Self { count, mean, m2 });
        }
    }

    fn merge(&mut self, other: Self) {
        let count = self.count + other.count;
        let delta = other.mean - self.mean;
        let share = other.count as f64 / count as f64;
        self.mean += delta * share;
        self.m2 += other.m2 + delta * delta * self.count as f64 * share;
        self.count = count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_give_the_plain_mean_and_variance() {
        let values: Vec<f32> = (0..1000).map(|i| (i % 17) as f32 * 0.25 - 1.0).collect();
        let mut stats = NormStats::default();
        stats.add_step(&values[..600], |_| true);
        stats.add_step(&values[600..], |i| i != 3);
        let kept: Vec<f64> = (0..1000).filter(|&i| i != 603).map(|i| f64::from(values[i])).collect();
        let mean = kept.iter().sum::<f64>() / 999.0;
        let var = kept.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 999.0;
        assert_eq!(stats.count, 999);
        assert!((stats.mean - mean).abs() < 1e-12 && (stats.variance() - var).abs() < 1e-12);
    }
}
