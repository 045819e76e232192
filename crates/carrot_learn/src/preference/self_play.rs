//! Preferences without a reward model: what a behaviour is worth is how often it beats the others.
//!
//! Where preferences go round in a circle no reward explains them, and the best there is is a mixture that nothing beats
//! more often than not, the minimax winner. Playing against oneself finds it.
//!
//! # Source
//! Swamy et al., "A minimaximalist approach to reinforcement learning from human feedback" (SPO, 2024), algorithm 1: the
//! reward of a trajectory is the share of those of the same policy that it is preferred to. The learner here is Hedge
//! over a list of behaviours (Freund and Schapire 1997), whose average policy is the answer.
//!
//! # When it misleads
//! A win rate is relative: it stays at one half while everything gets better, or worse.

use super::{Segment, Verdict};

/// Share of the others that each segment is preferred to; an equal counts half, and so does a pair that was skipped.
pub fn win_rates(segments: &[&Segment], mut judge: impl FnMut(&Segment, &Segment) -> Verdict) -> Vec<f64> {
    let mut wins = vec![0.0; segments.len()];
    for i in 0..segments.len() {
        for j in 0..i {
            let left = match judge(segments[i], segments[j]) {
                Verdict::Left => 1.0,
                Verdict::Right => 0.0,
                Verdict::Equal | Verdict::Skip => 0.5,
            };
            wins[i] += left;
            wins[j] += 1.0 - left;
        }
    }
    let others = segments.len().saturating_sub(1).max(1) as f64;
    wins.into_iter().map(|wins| wins / others).collect()
}

/// A policy over a list of behaviours that plays against itself.
#[derive(Debug, Clone, PartialEq)]
pub struct SelfPlay {
    logits: Vec<f64>,
    sum: Vec<f64>,
    rounds: f64,
}

impl SelfPlay {
    /// All alike.
    pub fn new(behaviours: usize) -> Self {
        Self { logits: vec![0.0; behaviours], sum: vec![0.0; behaviours], rounds: 0.0 }
    }

    /// How often each behaviour is chosen now.
    pub fn policy(&self) -> Vec<f64> {
        let highest = self.logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = self.logits.iter().map(|x| libm::exp(x - highest)).collect();
        let sum: f64 = weights.iter().sum();
        weights.into_iter().map(|weight| weight / sum).collect()
    }

    /// How often each was chosen over all rounds.
    pub fn average(&self) -> Vec<f64> {
        self.sum.iter().map(|sum| sum / self.rounds.max(1.0)).collect()
    }

    /// A round: behaviours as they were drawn, with the win rate of each draw.
    pub fn learn(&mut self, drawn: &[usize], rates: &[f64], step: f64) {
        let policy = self.policy();
        self.sum.iter_mut().zip(&policy).for_each(|(sum, p)| *sum += p);
        self.rounds += 1.0;
        let mut worth = vec![(0.0, 0.0); policy.len()];
        for (&behaviour, rate) in drawn.iter().zip(rates) {
            worth[behaviour].0 += rate;
            worth[behaviour].1 += 1.0;
        }
        for (logit, (sum, count)) in self.logits.iter_mut().zip(worth) {
            // What was not drawn is taken to win as often as it loses.
            *logit += step * (if count > 0.0 { sum / count } else { 0.5 });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(gold: f32) -> Segment {
        Segment { gold: vec![gold], ..Segment::default() }
    }

    #[test]
    fn win_rates_count_the_others() {
        let all = [segment(0.0), segment(2.0), segment(1.0), segment(1.0)];
        let all: Vec<&Segment> = all.iter().collect();
        let judge = |left: &Segment, right: &Segment| match left.gold[0].total_cmp(&right.gold[0]) {
            std::cmp::Ordering::Greater => Verdict::Left,
            std::cmp::Ordering::Less => Verdict::Right,
            std::cmp::Ordering::Equal => Verdict::Equal,
        };
        assert_eq!(win_rates(&all, judge), [0.0, 1.0, 0.5, 0.5]);
        assert_eq!(win_rates(&all[..1], judge), [0.0]);
    }

    #[test]
    fn where_one_is_best_it_is_found() {
        let mut play = SelfPlay::new(3);
        for _ in 0..300 {
            play.learn(&[0, 1, 2], &[0.0, 1.0, 0.5], 0.2);
        }
        assert!(play.policy()[1] > 0.999 && play.average()[1] > 0.9, "{:?}", play.average());
    }
}
