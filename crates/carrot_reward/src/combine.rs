//! Combinators: how a node's children become one number.

use serde::{Deserialize, Serialize};

use crate::kind::RuleDoc;

/// How children are combined; each child comes with its stages and weight applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Combinator {
    /// x1 + x2 + ..., from +0.0, in order.
    Sum,
    /// x1 * x2 * ...
    Product,
    /// The second child where the first is above 0, else 0.
    Gate,
    /// The smallest child.
    Min,
    /// The largest child.
    Max,
    /// sign(product) * |product|^(1/n).
    GeometricMean,
}

/// Pages of all combinators.
pub const COMBINATOR_DOCS: [RuleDoc; 6] = [
    RuleDoc {
        name: "Sum",
        rewards: "All children at once; the root of every graph is a Sum.",
        formula: "y = ((0 + x1) + x2) + ...",
        range: "the sum of the ranges",
        parameters: &[],
        misleads: "Children trade against each other: plenty of one buys off none of another.",
        source: "-",
    },
    RuleDoc {
        name: "Product",
        rewards: "All children together: any one near 0 spoils the rest.",
        formula: "y = x1 * x2 * ...",
        range: "the product of the ranges",
        parameters: &[],
        misleads: "Far from all goals every factor is small and no slope is left; two negative factors make a reward.",
        source: "dm_control's suite multiplies tolerances.",
    },
    RuleDoc {
        name: "Gate",
        rewards: "The second child, while the first is above 0.",
        formula: "y = x2 if x1 > 0 else 0",
        range: "0 and the range of the second child",
        parameters: &[("gate", "first child"), ("of", "second child")],
        misleads: "Holding the gate open becomes a goal of its own, and closing it on purpose avoids any penalty behind it.",
        source: "-",
    },
    RuleDoc {
        name: "Min",
        rewards: "The worst child.",
        formula: "y = min(x1, x2, ...)",
        range: "from the lowest to the smallest upper bound",
        parameters: &[],
        misleads: "Only one child has a slope at a time; progress on the others is invisible.",
        source: "The robust reading of conjunctions in signal temporal logic.",
    },
    RuleDoc {
        name: "Max",
        rewards: "The best child.",
        formula: "y = max(x1, x2, ...)",
        range: "from the largest lower bound to the highest",
        parameters: &[],
        misleads: "The easiest child is all the agent ever does.",
        source: "The robust reading of disjunctions in signal temporal logic.",
    },
    RuleDoc {
        name: "GeometricMean",
        rewards: "All children together, on the scale of one.",
        formula: "y = sign(x1 x2 ...) |x1 x2 ...|^(1/n)",
        range: "that of the children, if they share one",
        parameters: &[],
        misleads: "As a Product; at 0 its slope is infinite, so tiny values are overrated.",
        source: "Signed so that a negative child shows; the unsigned form is common.",
    },
];

impl Combinator {
    /// A combinator by its RON name.
    pub fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "Sum" => Self::Sum,
            "Product" => Self::Product,
            "Gate" => Self::Gate,
            "Min" => Self::Min,
            "Max" => Self::Max,
            "GeometricMean" => Self::GeometricMean,
            _ => return None,
        })
    }

    /// Folds one more child into the accumulator; `None` starts it.
    pub(crate) fn start(self, out: &mut [f32], first: &[f32]) {
        match self {
            // From +0.0, so that the bits equal those of a plain sum.
            Self::Sum => out.iter_mut().zip(first).for_each(|(o, x)| *o = 0.0 + *x),
            _ => out.copy_from_slice(first),
        }
    }

    /// Folds one more child into the accumulator.
    pub(crate) fn fold(self, out: &mut [f32], next: &[f32]) {
        let pairs = out.iter_mut().zip(next);
        match self {
            Self::Sum => pairs.for_each(|(o, x)| *o += *x),
            Self::Product | Self::GeometricMean => pairs.for_each(|(o, x)| *o *= *x),
            Self::Gate => pairs.for_each(|(o, x)| *o = if *o > 0.0 { *x } else { 0.0 }),
            Self::Min => pairs.for_each(|(o, x)| *o = if *x < *o { *x } else { *o }),
            Self::Max => pairs.for_each(|(o, x)| *o = if *x > *o { *x } else { *o }),
        }
    }

    /// Closes the accumulator over `n` children.
    pub(crate) fn finish(self, out: &mut [f32], n: usize) {
        if self == Self::GeometricMean {
            for o in out {
                let magnitude = if n == 2 { o.abs().sqrt() } else { libm::powf(o.abs(), 1.0 / n as f32) };
                *o = if *o == 0.0 { 0.0 } else { magnitude.copysign(*o) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_combinator_does_what_its_page_says() {
        let fold = |c: Combinator, xs: &[f32]| {
            let mut out = [f32::NAN];
            c.start(&mut out, &xs[..1]);
            xs[1..].iter().for_each(|x| c.fold(&mut out, &[*x]));
            c.finish(&mut out, xs.len());
            out[0]
        };
        assert_eq!(fold(Combinator::Sum, &[1.0, 2.0, -4.0]), -1.0);
        assert_eq!(fold(Combinator::Sum, &[-0.0]).to_bits(), 0.0_f32.to_bits());
        assert_eq!(fold(Combinator::Product, &[2.0, -3.0]), -6.0);
        assert_eq!((fold(Combinator::Gate, &[0.5, 7.0]), fold(Combinator::Gate, &[0.0, 7.0])), (7.0, 0.0));
        assert_eq!((fold(Combinator::Min, &[2.0, -3.0]), fold(Combinator::Max, &[2.0, -3.0])), (-3.0, 2.0));
        assert_eq!(fold(Combinator::GeometricMean, &[4.0, 9.0]), 6.0);
        assert_eq!(fold(Combinator::GeometricMean, &[-4.0, 9.0]), -6.0);
        assert!((fold(Combinator::GeometricMean, &[1.0, 8.0, 27.0]) - 6.0).abs() < 1e-5);
        assert_eq!(fold(Combinator::GeometricMean, &[0.0, 9.0]), 0.0);
    }
}
