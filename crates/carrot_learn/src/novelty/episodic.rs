//! What is new within an episode.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cell;

/// A bonus that begins anew with every episode.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum EpisodicBonus {
    /// One over the root of the visits to a cell, this one among them.
    ///
    /// # Source
    /// Strehl and Littman, "An analysis of model-based interval estimation" (2008), within one episode as Henaff et al.
    /// 2023, equation 2.
    Counts {
        /// Parts into which the range of each input is cut.
        cells: u32,
    },
    /// How far a state lies outside the ellipsoid of those seen: x C^-1 x with C = ridge I + sum of x x.
    ///
    /// # Source
    /// Henaff et al., "Exploration via elliptical episodic bonuses" (E3B, 2022), equation 2; x holds the inputs and 1.
    E3b {
        /// How much is taken to be seen beforehand.
        ridge: f32,
    },
    /// One over the root of how alike the nearest states of the episode are, each by 1 / (1 + 1000 times its squared
    /// distance).
    ///
    /// # Source
    /// Badia et al., "Never give up" (2020), equation 2 and algorithm 1. What differs: distances are on the scale of the
    /// inputs' ranges instead of relative to their running mean.
    Knn {
        /// States that are looked at.
        k: usize,
    },
}

impl EpisodicBonus {
    pub(super) fn is_sound(&self) -> bool {
        match self {
            Self::Counts { cells } => (1..=1_000_000).contains(cells),
            Self::E3b { ridge } => *ridge > 0.0 && ridge.is_finite(),
            Self::Knn { k } => (1..=1_000).contains(k),
        }
    }
}

/// What is remembered of an episode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Memory {
    Counts(BTreeMap<Vec<i32>, u32>),
    /// The inverse of C.
    E3b(Vec<f64>),
    /// Rows of inputs.
    Knn(Vec<f32>),
}

impl Memory {
    /// Nothing seen.
    pub(super) fn new(bonus: &EpisodicBonus, width: usize) -> Self {
        match bonus {
            EpisodicBonus::Counts { .. } => Self::Counts(BTreeMap::new()),
            EpisodicBonus::E3b { ridge } => Self::E3b(identity(width + 1, 1.0 / f64::from(*ridge))),
            EpisodicBonus::Knn { .. } => Self::Knn(Vec::new()),
        }
    }

    /// What a state is worth when it is met, and remembers it.
    pub(super) fn meet(&mut self, bonus: &EpisodicBonus, row: &[f32]) -> f32 {
        match (self, bonus) {
            (Self::Counts(visits), EpisodicBonus::Counts { cells }) => {
                let visits = visits.entry(cell(row, *cells)).or_default();
                *visits = visits.saturating_add(1);
                1.0 / (*visits as f32).sqrt()
            }
            (Self::E3b(inverse), EpisodicBonus::E3b { .. }) => stretch(inverse, row, true) as f32,
            (Self::Knn(seen), EpisodicBonus::Knn { k }) => {
                let worth = 1.0 / (nearness(seen, row, *k) + 1e-3).sqrt();
                seen.extend_from_slice(row);
                // An empty memory knows nothing that is alike: the most there is is 1.
                worth.min(1.0)
            }
            // A memory is made for its bonus.
            _ => f32::NAN,
        }
    }
}

/// Sum of how alike the nearest rows are.
fn nearness(seen: &[f32], row: &[f32], k: usize) -> f32 {
    let distance = |other: &[f32]| other.iter().zip(row).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
    let mut distances: Vec<f32> = seen.chunks_exact(row.len().max(1)).map(distance).collect();
    distances.sort_by(f32::total_cmp);
    distances.iter().take(k).map(|square| 1.0 / (1.0 + 1_000.0 * square)).sum()
}

/// A multiple of the identity, row by row.
pub(super) fn identity(width: usize, value: f64) -> Vec<f64> {
    (0..width * width).map(|i| if i % (width + 1) == 0 { value } else { 0.0 }).collect()
}

/// x C^-1 x of the inputs and 1; adds x x to C if it shall be remembered.
///
/// # Source
/// Sherman and Morrison, "Adjustment of an inverse matrix" (1950).
pub(super) fn stretch(inverse: &mut [f64], row: &[f32], remember: bool) -> f64 {
    let x: Vec<f64> = row.iter().map(|&x| f64::from(x)).chain([1.0]).collect();
    let along: Vec<f64> =
        inverse.chunks_exact(x.len()).map(|line| line.iter().zip(&x).map(|(a, b)| a * b).sum()).collect();
    let worth: f64 = along.iter().zip(&x).map(|(a, b)| a * b).sum();
    if remember {
        for (line, a) in inverse.chunks_exact_mut(x.len()).zip(&along) {
            line.iter_mut().zip(&along).for_each(|(cell, b)| *cell -= a * b / (1.0 + worth));
        }
    }
    worth
}
