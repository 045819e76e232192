//! How likely a preference is under two returns: Bradley and Terry with ties, soft labels and a share of blind answers.
//!
//! # Source
//! Bradley and Terry, "Rank analysis of incomplete block designs" (1952), as Christiano et al., "Deep reinforcement
//! learning from human preferences" (2017), equation 1, use it for segments; ties after Davidson, "On extending the
//! Bradley-Terry model to accommodate ties" (1970), equation 2.2; the share of blind answers is the 10 % of Christiano
//! et al., section 2.2.3. What differs: an equal answer without a tie parameter counts half for either side.

use serde::{Deserialize, Serialize};

/// Shares of an answer: left is better, right is better, they are equal. They sum to 1; an answer that is certain has
/// one share of 1, a soft one has several.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Left is better.
    pub left: f32,
    /// Right is better.
    pub right: f32,
    /// They are equal.
    pub equal: f32,
}

impl Answer {
    /// Left is better.
    pub const LEFT: Self = Self { left: 1.0, right: 0.0, equal: 0.0 };
    /// Right is better.
    pub const RIGHT: Self = Self { left: 0.0, right: 1.0, equal: 0.0 };
    /// They are equal.
    pub const EQUAL: Self = Self { left: 0.0, right: 0.0, equal: 1.0 };
}

/// The likelihood of answers.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ChoiceModel {
    /// How readily equals are called equal; 0 knows no ties.
    pub ties: f64,
    /// Share of answers that are taken to be blind.
    pub blind: f64,
}

impl ChoiceModel {
    /// Minus the logarithm of an answer's likelihood, and its slope by the margin, which is the return of the left
    /// segment minus that of the right one.
    pub fn loss(&self, margin: f64, answer: Answer) -> (f64, f64) {
        let (mut left, mut right, mut equal) =
            (f64::from(answer.left), f64::from(answer.right), f64::from(answer.equal));
        if self.ties == 0.0 {
            (left, right, equal) = (left + 0.5 * equal, right + 0.5 * equal, 0.0);
        }
        // Everything over exp(|margin| / 2), so that nothing overflows.
        let half = 0.5 * margin.abs();
        let (a, b) = (libm::exp(0.5 * margin - half), libm::exp(-0.5 * margin - half));
        let tie = self.ties * libm::exp(-half);
        let sum = a + b + tie;
        let log_sum = libm::log(sum) + half;
        let tilt = 0.5 * (a - b) / sum;
        let kinds = if self.ties > 0.0 { 3.0 } else { 2.0 };
        let (mut loss, mut slope) = (0.0, 0.0);
        let classes = [
            (left, 0.5 * margin - log_sum, 0.5 - tilt),
            (right, -0.5 * margin - log_sum, -0.5 - tilt),
            (equal, libm::log(self.ties) - log_sum, -tilt),
        ];
        for (share, log_likelihood, own_slope) in classes.into_iter().filter(|class| class.0 > 0.0) {
            if self.blind == 0.0 {
                loss -= share * log_likelihood;
                slope -= share * own_slope;
            } else {
                let seen = (1.0 - self.blind) * libm::exp(log_likelihood);
                let all = seen + self.blind / kinds;
                loss -= share * libm::log(all);
                slope -= share * seen / all * own_slope;
            }
        }
        (loss, slope)
    }
}

/// The chance that left is called better where one of the two is: the logistic function of the margin.
pub fn win_chance(margin: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-margin))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOFT: Answer = Answer { left: 0.5, right: 0.2, equal: 0.3 };

    #[test]
    fn without_ties_it_is_the_cross_entropy_of_the_logistic_function() {
        let plain = ChoiceModel::default();
        for margin in [-30.0, -2.0, -0.1, 0.0, 0.7, 5.0, 30.0] {
            let chance = win_chance(margin);
            assert!((plain.loss(margin, Answer::LEFT).0 + chance.ln()).abs() < 1e-9, "{margin}");
            let equal = plain.loss(margin, Answer::EQUAL).0;
            assert!((equal + 0.5 * chance.ln() + 0.5 * win_chance(-margin).ln()).abs() < 1e-9);
        }
    }

    #[test]
    fn likelihoods_sum_to_one_and_slopes_are_those_of_differences() {
        for (ties, blind) in [(0.0, 0.0), (0.8, 0.0), (0.0, 0.1), (2.0, 0.25)] {
            let model = ChoiceModel { ties, blind };
            for margin in [-4.0, -0.3, 0.0, 1.0, 6.0] {
                let mut answers = vec![Answer::LEFT, Answer::RIGHT];
                if ties > 0.0 {
                    answers.push(Answer::EQUAL);
                }
                let sum: f64 = answers.iter().map(|&answer| (-model.loss(margin, answer).0).exp()).sum();
                assert!((sum - 1.0).abs() < 1e-12, "{model:?} {margin}: {sum}");
                for answer in [Answer::LEFT, Answer::RIGHT, Answer::EQUAL, SOFT] {
                    let step = 1e-6;
                    let (above, below) =
                        (model.loss(margin + step, answer), model.loss(margin - step, answer));
                    let slope = (above.0 - below.0) / (2.0 * step);
                    assert!(
                        (model.loss(margin, answer).1 - slope).abs() < 1e-6,
                        "{model:?} {margin} {answer:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_hopeless_margin_has_a_finite_loss() {
        for model in [ChoiceModel::default(), ChoiceModel { ties: 1.0, blind: 0.1 }] {
            let (loss, slope) = model.loss(2_000.0, Answer::RIGHT);
            assert!(loss.is_finite() && slope.is_finite() && loss > 2.0, "{model:?}: {loss} {slope}");
        }
    }
}
