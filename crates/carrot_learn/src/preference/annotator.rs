//! Simulated annotators: who is paid by a true reward, and has faults.
//!
//! # Source
//! Lee et al., "B-Pref: benchmarking preference-based reinforcement learning" (2021), section 3.2: stochastic,
//! myopic, skipping, equal and mistaken annotators. What differs: thresholds are in units of the true reward, not
//! adapted to the agent's mean return. The bias, the circle and several populations are additions.

use carrot_sim::KeyedRng;
use serde::{Deserialize, Serialize};

use super::{Draw, Pair, Segment, Verdict, draws, win_chance};

/// One simulated annotator; without faults as written here.
///
/// # When it misleads
/// A person's mistakes are not independent of what is seen: a reward that stands the test of all these faults can still
/// fail with people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Discount per step back from the last one: below 1 the beginning of a segment is forgotten (myopic).
    pub discount: f32,
    /// Slope of the logistic choice; without a limit the better segment always wins (noisy).
    pub rationality: f32,
    /// Pairs of which neither return reaches this are skipped (skipping).
    pub skip_below: f32,
    /// Returns that are so near each other are called equal (equal).
    pub equal_within: f32,
    /// Share of answers that are turned round (mistaken).
    pub mistake: f32,
    /// Share of pairs of which the left one is taken unseen, or, below 0, the right one (biased).
    pub bias: f32,
    /// Returns lie on a circle of this circumference: each is beaten by the half circle before it, so that no return
    /// explains the answers (intransitive). 0 for a line.
    pub circle: f32,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            discount: 1.0,
            rationality: f32::INFINITY,
            skip_below: f32::NEG_INFINITY,
            equal_within: 0.0,
            mistake: 0.0,
            bias: 0.0,
            circle: 0.0,
        }
    }
}

impl Faults {
    /// The first fault out of its range, if there is one.
    pub fn mistake_in(&self) -> Option<&'static str> {
        let share = |x: f32| (0.0..=1.0).contains(&x);
        let checks = [
            (share(self.discount), "`discount` lies from 0 to 1"),
            (self.rationality >= 0.0, "`rationality` is not below 0"),
            (!self.skip_below.is_nan(), "`skip_below` is a number"),
            (self.equal_within >= 0.0, "`equal_within` is not below 0"),
            (share(self.mistake), "`mistake` lies from 0 to 1"),
            ((-1.0..=1.0).contains(&self.bias), "`bias` lies from -1 to 1"),
            (self.circle >= 0.0 && self.circle.is_finite(), "`circle` is a length"),
        ];
        checks.into_iter().find(|(holds, _)| !holds).map(|(_, message)| message)
    }

    /// What this annotator says of a pair; the same every time it is asked.
    pub fn judge(&self, pair: &Pair, seed: u64) -> Verdict {
        let mut rng = draws_of(Draw::Verdict, pair, seed);
        let (left, right) = (self.seen(&pair.left), self.seen(&pair.right));
        let verdict = self.compare(left, right, &mut rng);
        let (slip, unseen) = (rng.uniform(0.0, 1.0), rng.uniform(0.0, 1.0));
        if unseen < self.bias.abs() {
            return if self.bias > 0.0 { Verdict::Left } else { Verdict::Right };
        }
        if slip < self.mistake { verdict.mirrored() } else { verdict }
    }

    fn compare(&self, left: f64, right: f64, rng: &mut KeyedRng) -> Verdict {
        let chance = f64::from(rng.uniform(0.0, 1.0));
        if left.max(right) < f64::from(self.skip_below) {
            return Verdict::Skip;
        }
        let mut margin = left - right;
        if self.circle > 0.0 {
            let circle = f64::from(self.circle);
            margin -= circle * libm::round(margin / circle);
        }
        // Not a number is no ground to prefer anything.
        if margin.is_nan() || margin.abs() <= f64::from(self.equal_within) {
            return Verdict::Equal;
        }
        let left_wins = match self.rationality.is_infinite() {
            true => margin > 0.0,
            false => chance < win_chance(f64::from(self.rationality) * margin),
        };
        if left_wins { Verdict::Left } else { Verdict::Right }
    }

    /// The return as it is remembered at the end.
    fn seen(&self, segment: &Segment) -> f64 {
        let discount = f64::from(self.discount);
        segment.gold.iter().fold(0.0, |sum, &paid| sum * discount + f64::from(paid))
    }
}

/// One of several annotators that answer in turn, by chance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Population {
    /// How often they answer, beside the others.
    pub share: f32,
    /// What is wrong with them.
    pub faults: Faults,
}

impl Default for Population {
    fn default() -> Self {
        Self { share: 1.0, faults: Faults::default() }
    }
}

/// What one of several annotators says of a pair, and which one it was.
pub fn judge_by_one_of(populations: &[Population], pair: &Pair, seed: u64) -> Option<(usize, Verdict)> {
    let all: f32 = populations.iter().map(|population| population.share).sum();
    let mut left = draws_of(Draw::Annotator, pair, seed).uniform(0.0, all);
    let asked = populations.iter().position(|population| {
        left -= population.share;
        left < 0.0
    });
    // Rounding may leave a little of the last share.
    let asked = asked.unwrap_or(populations.len().checked_sub(1)?);
    Some((asked, populations[asked].faults.judge(pair, seed)))
}

/// Draws that belong to a pair.
fn draws_of(what: Draw, pair: &Pair, seed: u64) -> KeyedRng {
    draws(what, seed, pair.id as u32, (pair.id >> 32) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(id: u64, left: &[f32], right: &[f32]) -> Pair {
        let segment = |gold: &[f32]| Segment { gold: gold.to_vec(), ..Segment::default() };
        Pair { id, left: segment(left), right: segment(right) }
    }

    fn share(faults: &Faults, left: &[f32], right: &[f32], verdict: Verdict) -> f64 {
        let hits = (0..4_000).filter(|&id| faults.judge(&pair(id, left, right), 3) == verdict).count();
        hits as f64 / 4_000.0
    }

    #[test]
    fn without_faults_the_better_one_wins() {
        let plain = Faults::default();
        assert_eq!(plain.judge(&pair(0, &[1.0, 2.0], &[2.5]), 0), Verdict::Left);
        assert_eq!(plain.judge(&pair(1, &[1.0], &[2.5]), 0), Verdict::Right);
        assert_eq!(plain.judge(&pair(2, &[1.0, 1.5], &[2.5]), 0), Verdict::Equal);
        assert_eq!(plain.judge(&pair(2, &[f32::NAN], &[2.5]), 0), Verdict::Equal);
    }

    #[test]
    fn a_myopic_one_forgets_the_beginning() {
        let myopic = Faults { discount: 0.5, ..Faults::default() };
        // 8 / 8 + 0 against 0 + 2.
        assert_eq!(myopic.judge(&pair(0, &[8.0, 0.0, 0.0, 0.0], &[0.0, 0.0, 0.0, 2.0]), 0), Verdict::Right);
    }

    #[test]
    fn a_noisy_one_is_right_as_often_as_the_logistic_function_says() {
        let noisy = Faults { rationality: 2.0, ..Faults::default() };
        let share = share(&noisy, &[0.5], &[0.0], Verdict::Left);
        assert!((share - win_chance(1.0)).abs() < 0.03, "{share}");
    }

    #[test]
    fn some_skip_and_some_see_no_difference() {
        let bored = Faults { skip_below: 1.0, ..Faults::default() };
        assert_eq!(bored.judge(&pair(0, &[0.9], &[0.2]), 0), Verdict::Skip);
        assert_eq!(bored.judge(&pair(0, &[1.1], &[0.2]), 0), Verdict::Left);
        let blunt = Faults { equal_within: 0.5, ..Faults::default() };
        assert_eq!(blunt.judge(&pair(0, &[0.9], &[0.5]), 0), Verdict::Equal);
        assert_eq!(blunt.judge(&pair(0, &[1.1], &[0.5]), 0), Verdict::Left);
    }

    #[test]
    fn mistakes_and_bias_come_as_often_as_asked_for() {
        let mistaken = Faults { mistake: 0.25, ..Faults::default() };
        assert!((share(&mistaken, &[1.0], &[0.0], Verdict::Right) - 0.25).abs() < 0.03);
        let biased = Faults { bias: -0.4, ..Faults::default() };
        assert!((share(&biased, &[1.0], &[0.0], Verdict::Right) - 0.4).abs() < 0.03);
    }

    #[test]
    fn on_a_circle_everybody_is_beaten() {
        let circle = Faults { circle: 3.0, ..Faults::default() };
        let says = |left: f32, right: f32| circle.judge(&pair(0, &[left], &[right]), 0);
        assert_eq!([says(1.0, 0.0), says(2.0, 1.0), says(0.0, 2.0)], [Verdict::Left; 3]);
    }

    #[test]
    fn populations_answer_by_their_shares() {
        let loud = Population { share: 3.0, faults: Faults::default() };
        let other = Population { share: 1.0, faults: Faults { bias: -1.0, ..Faults::default() } };
        let all = [loud, other];
        let asked = |id| judge_by_one_of(&all, &pair(id, &[1.0], &[0.0]), 5).unwrap();
        let answers: Vec<_> = (0..4_000).map(asked).collect();
        let second = answers.iter().filter(|(who, _)| *who == 1).count();
        assert!((850..1_150).contains(&second), "{second}");
        let told = |(who, verdict): &(usize, Verdict)| *verdict == [Verdict::Left, Verdict::Right][*who];
        assert!(answers.iter().all(told));
        assert_eq!(judge_by_one_of(&[], &pair(0, &[], &[]), 0), None);
    }

    #[test]
    fn faults_out_of_range_are_named() {
        assert_eq!(Faults::default().mistake_in(), None);
        assert!(Faults { mistake: 1.5, ..Faults::default() }.mistake_in().unwrap().contains("mistake"));
        assert!(Faults { rationality: f32::NAN, ..Faults::default() }.mistake_in().is_some());
    }
}
