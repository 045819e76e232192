//! Learned rewards, measured: how much of a reward a few answers tell, and what agents make of it.

pub mod gold;
pub mod imitation;
pub mod noise;
pub mod novelty;
pub mod over_optimisation;
pub mod preferences;
pub mod regret;
pub mod self_play;

use super::Spread;

/// Kendall's tau of two rankings, with ties: 1 where every pair is ordered alike, -1 where every pair is turned round.
/// `None` where one of them orders nothing.
///
/// # Source
/// Kendall, "The treatment of ties in ranking problems" (1945): tau-b.
pub fn kendall_tau(a: &[f64], b: &[f64]) -> Option<f64> {
    let (mut agree, mut in_a, mut in_b) = (0.0, 0.0, 0.0);
    let sign = |x: f64| if x > 0.0 { 1.0 } else { f64::from(u8::from(x == 0.0)) - 1.0 };
    for i in 0..a.len().min(b.len()) {
        for j in 0..i {
            let (x, y) = (sign(a[i] - a[j]), sign(b[i] - b[j]));
            agree += x * y;
            in_a += x * x;
            in_b += y * y;
        }
    }
    (in_a * in_b > 0.0).then(|| agree / (in_a * in_b).sqrt())
}

/// Median and ends of a series, as a cell.
pub(super) fn cell(values: impl IntoIterator<Item = f64>) -> String {
    Spread::of(values).map_or_else(
        || "-".into(),
        |s| {
            if s.min == s.max {
                format!("{:.3}", s.median)
            } else {
                format!("{:.3} ({:.3} to {:.3})", s.median, s.min, s.max)
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tau_counts_pairs() {
        let up = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(kendall_tau(&up, &[10.0, 20.0, 30.0, 40.0]), Some(1.0));
        assert_eq!(kendall_tau(&up, &[4.0, 3.0, 2.0, 1.0]), Some(-1.0));
        // One pair of six turned round.
        let tau = kendall_tau(&up, &[1.0, 2.0, 4.0, 3.0]).unwrap();
        assert!((tau - 4.0 / 6.0).abs() < 1e-12, "{tau}");
        // Five of six pairs ordered in b, all alike: 5 / sqrt(6 5).
        let tau = kendall_tau(&up, &[1.0, 2.0, 3.0, 3.0]).unwrap();
        assert!((tau - 5.0 / 30.0_f64.sqrt()).abs() < 1e-12, "{tau}");
        assert_eq!(kendall_tau(&up, &[1.0; 4]), None);
    }
}
