//! Preferences that go round in a circle: playing against oneself, beside a Bradley-Terry reward.
//!
//! Three behaviours lie on a circle and each beats the next; a fourth is beaten by all three. One of the three is asked
//! about more often and more clearly than the others, so that Bradley and Terry give it the highest reward. What counts
//! is how often a policy wins against the behaviour that is worst for it: one half is the best there is.

use carrot_learn::preference::{
    Answer, ChoiceModel, Draw, Faults, Pair, Place, Segment, SelfPlay, Verdict, draws, win_rates,
};
use carrot_sim::KeyedRng;
use serde::Serialize;

use super::cell;
use crate::bench::table::Table;

/// Where behaviours lie: three on a circle of 3, unevenly, so that some win more often than others.
const PLACES: [f32; 3] = [0.0, 1.2, 2.1];
const BEHAVIOURS: usize = PLACES.len() + 1;
const ROUNDS: usize = 2_000;
const DRAWN: usize = 16;
const STEP: f64 = 0.05;

/// What one seed came to.
#[derive(Debug, Clone, Serialize)]
pub struct SelfPlayResult {
    /// The seed.
    pub seed: u64,
    /// How often each behaviour is chosen after self-play.
    pub self_play: Vec<f64>,
    /// The same for a policy that maximises a Bradley-Terry reward.
    pub bradley_terry: Vec<f64>,
    /// Chance to win against the worst opponent, after self-play.
    pub self_play_worst: f64,
    /// The same for the other.
    pub bradley_terry_worst: f64,
}

/// One seed: as many comparisons for either.
pub fn measure(seed: u64) -> SelfPlayResult {
    let behaviours: Vec<Segment> = (0..BEHAVIOURS).map(behaviour).collect();
    let mut asked = 0_u64;
    let mut ask = |left: &Segment, right: &Segment| {
        asked += 1;
        judge(left, right, asked, seed)
    };
    let mut rng = draws(Draw::Pairs, seed, 0, 1);

    let mut play = SelfPlay::new(BEHAVIOURS);
    for _ in 0..ROUNDS {
        let policy = play.policy();
        let drawn: Vec<usize> = (0..DRAWN).map(|_| draw(&policy, &mut rng)).collect();
        let segments: Vec<&Segment> = drawn.iter().map(|&i| &behaviours[i]).collect();
        let rates = win_rates(&segments, &mut ask);
        play.learn(&drawn, &rates, STEP);
    }

    // Bradley and Terry: one reward per behaviour, from pairs drawn evenly.
    let mut rewards = [0.0_f64; BEHAVIOURS];
    let choice = ChoiceModel::default();
    let pairs = ROUNDS * DRAWN * (DRAWN - 1) / 2;
    for n in 0..pairs {
        let left = rng.below(BEHAVIOURS as u32) as usize;
        let right = (left + 1 + rng.below(BEHAVIOURS as u32 - 1) as usize) % BEHAVIOURS;
        let answer = ask(&behaviours[left], &behaviours[right]).answer().unwrap_or(Answer::EQUAL);
        let (_, slope) = choice.loss(rewards[left] - rewards[right], answer);
        let rate = 1.0 / (1.0 + n as f64).sqrt();
        rewards[left] -= rate * slope;
        rewards[right] += rate * slope;
    }
    let best = (0..BEHAVIOURS).fold(0, |best, i| if rewards[i] > rewards[best] { i } else { best });
    let bradley_terry: Vec<f64> = (0..BEHAVIOURS).map(|i| f64::from(u8::from(i == best))).collect();

    let self_play = play.average();
    SelfPlayResult {
        seed,
        self_play_worst: worst(&self_play, &behaviours, seed),
        bradley_terry_worst: worst(&bradley_terry, &behaviours, seed),
        self_play,
        bradley_terry,
    }
}

fn behaviour(index: usize) -> Segment {
    let gold = PLACES.get(index).copied();
    // The last one is known by its factor: it is worse than all others.
    let place = Place { env: index as u32, ..Place::default() };
    Segment {
        place,
        gold: vec![gold.unwrap_or_default()],
        factors: vec![f32::from(u8::from(gold.is_some()))],
        ..Segment::default()
    }
}

/// The annotator: intransitive among the three, and right about the fourth; wrong in one of ten answers.
fn judge(left: &Segment, right: &Segment, id: u64, seed: u64) -> Verdict {
    let faults = Faults { circle: 3.0, mistake: 0.1, ..Faults::default() };
    match left.factors[0].total_cmp(&right.factors[0]) {
        std::cmp::Ordering::Greater => Verdict::Left,
        std::cmp::Ordering::Less => Verdict::Right,
        std::cmp::Ordering::Equal => {
            faults.judge(&Pair { id, left: left.clone(), right: right.clone() }, seed)
        }
    }
}

/// The least that a policy wins against any behaviour, over many comparisons.
fn worst(policy: &[f64], behaviours: &[Segment], seed: u64) -> f64 {
    const ASKED: u64 = 2_000;
    let against = |opponent: &Segment| -> f64 {
        let won = |own: &Segment| -> f64 {
            let win = |id| match judge(own, opponent, u64::MAX / 2 + id, seed) {
                Verdict::Left => 1.0,
                Verdict::Right => 0.0,
                _ => 0.5,
            };
            (0..ASKED).map(win).sum::<f64>() / ASKED as f64
        };
        policy.iter().zip(behaviours).filter(|(p, _)| **p > 0.0).map(|(p, own)| p * won(own)).sum()
    };
    behaviours.iter().map(against).fold(f64::INFINITY, f64::min)
}

fn draw(policy: &[f64], rng: &mut KeyedRng) -> usize {
    let mut left = f64::from(rng.uniform(0.0, 1.0));
    let found = policy.iter().position(|p| {
        left -= p;
        left < 0.0
    });
    found.unwrap_or(policy.len() - 1)
}

/// The table of all seeds.
pub fn table(seeds: &[SelfPlayResult]) -> Table {
    let headings = ["learner", "seeds", "wins against the worst opponent", "shares of the behaviours"];
    let shares = |of: fn(&SelfPlayResult) -> &Vec<f64>| {
        let mean = |i: usize| seeds.iter().map(|seed| of(seed)[i]).sum::<f64>() / seeds.len().max(1) as f64;
        (0..BEHAVIOURS).map(|i| format!("{:.2}", mean(i))).collect::<Vec<_>>().join(" ")
    };
    let row = |name: &str, worst: fn(&SelfPlayResult) -> f64, of: fn(&SelfPlayResult) -> &Vec<f64>| {
        vec![name.into(), seeds.len().to_string(), cell(seeds.iter().map(worst)), shares(of)]
    };
    let rows = vec![
        row("self-play", |seed| seed.self_play_worst, |seed| &seed.self_play),
        row("Bradley-Terry", |seed| seed.bradley_terry_worst, |seed| &seed.bradley_terry),
    ];
    Table { headings: headings.map(String::from).into(), rows }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn self_play_is_beaten_by_nobody_and_a_reward_is() {
        let result = measure(1);
        assert!(result.self_play_worst > 0.45, "{result:?}");
        assert!(result.bradley_terry_worst < 0.2, "{result:?}");
        assert!(result.self_play[..3].iter().all(|share| *share > 0.15), "{result:?}");
        assert!(result.self_play[3] < 0.02, "{result:?}");
    }
}
