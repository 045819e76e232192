//! Segments out of a finished rollout.

use carrot_learn::preference::{Draw, Place, Segment, draws};
use carrot_reward::GraphLedger;
use carrot_sim::{CAUSE_FAULT, Rollout};

use super::config::PreferenceConfig;

/// Segments found, and those left out because a number in them was not finite or a step was void.
pub(super) struct Found {
    pub(super) segments: Vec<Segment>,
    pub(super) refused: u64,
}

/// Draws up to `count` segments; `round` keeps rollouts apart.
///
/// A segment ends before its time only where the task ended the episode. One that time or the end of the rollout cut
/// short would pay less for no reason that can be seen, and is drawn again.
pub(super) fn sample(
    config: &PreferenceConfig,
    rollout: &Rollout,
    gold: Option<&GraphLedger>,
    count: usize,
    place: (u64, u64, u32),
) -> Found {
    const TRIES: usize = 8;
    let (seed, env_steps, round) = place;
    let mut rng = draws(Draw::Segments, seed, round, 0);
    let mut found = Found { segments: Vec::with_capacity(count), refused: 0 };
    for _ in 0..count * TRIES {
        if found.segments.len() == count || rollout.filled == 0 {
            break;
        }
        let env = rng.below(rollout.num_envs as u32) as usize;
        let step = rng.below(rollout.filled as u32) as usize;
        let Some(steps) = length(rollout, env, step, config.queries.segment_steps) else { continue };
        let place = Place { env_steps, env: env as u32, step: step as u32 };
        match cut(config, rollout, gold, place, step..step + steps) {
            Some(segment) => found.segments.push(segment),
            None => found.refused += 1,
        }
    }
    found
}

/// Steps of a segment that begins here, if there are enough or the task ended it.
fn length(rollout: &Rollout, env: usize, step: usize, wanted: usize) -> Option<usize> {
    for steps in 1..=wanted.min(rollout.filled - step) {
        let cell = (step + steps - 1) * rollout.num_envs + env;
        if steps == wanted || rollout.terminated[cell] {
            return Some(steps);
        }
        if rollout.truncated[cell] {
            return None;
        }
    }
    None
}

/// The segment, or nothing where it holds a void step or a number that is not finite.
fn cut(
    config: &PreferenceConfig,
    rollout: &Rollout,
    gold: Option<&GraphLedger>,
    place: Place,
    steps: std::ops::Range<usize>,
) -> Option<Segment> {
    let env = place.env as usize;
    let mut segment = Segment { place, factors: vec![0.0; config.factors.len()], ..Segment::default() };
    for t in steps {
        if rollout.cause[t * rollout.num_envs + env] == CAUSE_FAULT {
            return None;
        }
        let view = rollout.signals_now(t)?;
        segment.features.extend(config.columns.iter().map(|&column| view.column(column)[env]));
        if let Some(gold) = gold {
            let paid: f32 = (0..gold.totals.len()).map(|group| gold.total(t, group)[env]).sum();
            segment.gold.push(paid);
            for (sum, &node) in segment.factors.iter_mut().zip(&config.factors) {
                *sum += gold.output(t, node)[env];
            }
        }
    }
    segment.features.iter().all(|x| x.is_finite()).then_some(segment)
}
