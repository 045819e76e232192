//! Inputs with mean 0 and deviation 1, as reward networks read them.

use serde::{Deserialize, Serialize};

/// Mean of each input, and what its distance from the mean is multiplied with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Standard {
    pub(crate) mean: Vec<f32>,
    pub(crate) factor: Vec<f32>,
}

impl Standard {
    /// That of some rows; a column that never varies can say nothing and is left out.
    ///
    /// # Shapes
    /// `features` is `[rows, width]`.
    pub(crate) fn of(features: &[f32], width: usize) -> Self {
        let rows = (features.len() / width).max(1) as f64;
        let moments = |i: usize| {
            let column = || features.iter().skip(i).step_by(width).map(|&x| f64::from(x));
            let mean = column().sum::<f64>() / rows;
            let std = (column().map(|x| (x - mean) * (x - mean)).sum::<f64>() / rows).sqrt();
            let factor = (1.0 / std) as f32;
            (mean as f32, if factor.is_finite() { factor } else { 0.0 })
        };
        let (mean, factor) = (0..width).map(moments).unzip();
        Self { mean, factor }
    }

    /// One row.
    pub(crate) fn row<'a>(&'a self, row: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
        row.iter().zip(&self.mean).zip(&self.factor).map(|((x, mean), factor)| (x - mean) * factor)
    }

    /// All rows.
    pub(crate) fn apply(&self, features: &[f32]) -> Vec<f32> {
        features.chunks_exact(self.mean.len().max(1)).flat_map(|row| self.row(row)).collect()
    }
}
