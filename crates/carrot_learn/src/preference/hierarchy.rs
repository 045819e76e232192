//! Comparing by a ranking of factors instead of a weighted sum.
//!
//! # Source
//! Bukharin et al., "Deep reinforcement learning from hierarchical weak preference feedback" (HERON, 2023), section 3:
//! the first factor that differs by more than its margin, a multiple of its standard deviation, decides. What differs:
//! where none does, the two are equal instead of left out.

use super::{Pair, Segment, Verdict};

/// Compares by factors, the most important first.
///
/// # When it misleads
/// A factor further down decides only between those that are alike in all before it: with a narrow margin the first
/// factor is all there is, and a factor that can be had for nothing hides those below it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Hierarchy {
    /// Differences that are too small to decide, one per factor, in its unit.
    pub margins: Vec<f32>,
}

impl Hierarchy {
    /// Margins as multiples of the standard deviations of the factors over some segments.
    pub fn new(multiple: f32, factors: usize, segments: &[&Segment]) -> Self {
        let count = segments.len().max(1) as f64;
        let margin = |k: usize| {
            let column =
                || segments.iter().filter_map(|segment| segment.factors.get(k)).map(|&x| f64::from(x));
            let mean = column().sum::<f64>() / count;
            let variance = column().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
            multiple * variance.sqrt() as f32
        };
        Self { margins: (0..factors).map(margin).collect() }
    }

    /// What it says of a pair.
    pub fn judge(&self, pair: &Pair) -> Verdict {
        let factors = pair.left.factors.iter().zip(&pair.right.factors);
        let decides = |((left, right), margin): ((&f32, &f32), &f32)| {
            let difference = left - right;
            let enough = difference.abs() > *margin;
            enough.then_some(if difference > 0.0 { Verdict::Left } else { Verdict::Right })
        };
        factors.zip(&self.margins).find_map(decides).unwrap_or(Verdict::Equal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(factors: &[f32]) -> Segment {
        Segment { factors: factors.to_vec(), ..Segment::default() }
    }

    fn says(hierarchy: &Hierarchy, left: &[f32], right: &[f32]) -> Verdict {
        hierarchy.judge(&Pair { id: 0, left: segment(left), right: segment(right) })
    }

    #[test]
    fn the_first_factor_that_differs_enough_decides() {
        let hierarchy = Hierarchy { margins: vec![1.0, 0.5] };
        assert_eq!(says(&hierarchy, &[3.0, 0.0], &[1.0, 9.0]), Verdict::Left);
        assert_eq!(says(&hierarchy, &[1.5, 0.0], &[1.0, 9.0]), Verdict::Right);
        assert_eq!(says(&hierarchy, &[1.5, 8.9], &[1.0, 9.0]), Verdict::Equal);
    }

    #[test]
    fn scaling_a_factor_changes_no_answer() {
        let table: Vec<[f32; 2]> = (0..40).map(|i| [(i * 7 % 11) as f32, (i * 5 % 13) as f32]).collect();
        let scaled =
            |by: f32| -> Vec<Segment> { table.iter().map(|[a, b]| segment(&[by * a, *b])).collect() };
        let answers = |segments: &[Segment]| -> Vec<Verdict> {
            let all: Vec<&Segment> = segments.iter().collect();
            let hierarchy = Hierarchy::new(0.5, 2, &all);
            all.windows(2).map(|pair| says(&hierarchy, &pair[0].factors, &pair[1].factors)).collect()
        };
        assert_eq!(answers(&scaled(1.0)), answers(&scaled(16.0)));
        assert!(
            answers(&scaled(1.0)).contains(&Verdict::Left) && answers(&scaled(1.0)).contains(&Verdict::Right)
        );
    }
}
