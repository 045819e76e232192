//! What a series of measurements says: windows, medians, and leads within turns.

use serde::{Deserialize, Serialize};

/// Work done in one window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Env steps.
    pub steps: u64,
    /// Seconds on the wall clock.
    pub secs: f64,
    /// Seconds of CPU time that the process got.
    pub cpu_secs: f64,
}

impl Window {
    /// Env steps per second.
    pub fn rate(&self) -> f64 {
        self.steps as f64 / self.secs.max(1e-9)
    }

    /// Env steps per second of CPU time.
    pub fn cpu_rate(&self) -> f64 {
        self.steps as f64 / self.cpu_secs.max(1e-9)
    }
}

/// Median and ends of a series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one, or the mean of the two in the middle.
    pub median: f64,
    /// The lowest.
    pub min: f64,
    /// The highest.
    pub max: f64,
}

impl Spread {
    /// Of a series; `None` of an empty one.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let n = values.len();
        let (min, max) = (*values.first()?, *values.last()?);
        Some(Self { median: (values[(n - 1) / 2] + values[n / 2]) / 2.0, min, max })
    }
}

/// How many times better Carrot did than a peer, turn by turn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Lead {
    /// By the wall clock.
    pub wall: Spread,
    /// By CPU time.
    pub cpu: Spread,
}

impl Lead {
    /// Of turns, each a ratio by the wall clock and one by CPU time; `None` where there are none.
    pub fn of(turns: &[(f64, f64)]) -> Option<Self> {
        let wall = Spread::of(turns.iter().map(|turn| turn.0))?;
        Some(Self { wall, cpu: Spread::of(turns.iter().map(|turn| turn.1))? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let spread = |values: &[f64]| Spread::of(values.iter().copied());
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[3.0, 1.0, 8.0]), Some(Spread { median: 3.0, min: 1.0, max: 8.0 }));
        assert_eq!(spread(&[4.0, 1.0, 8.0, 2.0]), Some(Spread { median: 3.0, min: 1.0, max: 8.0 }));
    }

    #[test]
    fn a_rate_counts_what_the_process_got() {
        let window = Window { steps: 300, secs: 3.0, cpu_secs: 1.5 };
        assert_eq!((window.rate(), window.cpu_rate()), (100.0, 200.0));
    }
}
