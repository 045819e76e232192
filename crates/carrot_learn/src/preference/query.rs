//! Which pairs are worth a question.
//!
//! # Source
//! Lee et al., "PEBBLE" (2021), section 4.2, and B-Pref (2021), section 3.3: disagreement is the deviation of the
//! members' choices, entropy that of their mean choice.

use serde::{Deserialize, Serialize};

use super::{Draw, RewardNet, Segment, draws, win_chance};
use crate::LearnError;

/// How pairs are chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum QueryChoice {
    /// All alike.
    #[default]
    Uniform,
    /// Those on which the members of the ensemble differ most.
    ///
    /// # When it misleads
    /// Members differ most where there is least data, also where nothing can be learned; the labels are then a poor
    /// sample of what the agent does.
    Disagreement,
    /// Those whose outcome is most uncertain in the mean; often these are simply alike.
    Entropy,
}

/// Chooses `count` pairs of different segments, as indices; `round` keeps the draws of rounds apart. Without a network
/// every choice is uniform.
///
/// # Errors
/// When a segment does not fit the network.
pub fn choose_pairs(
    choice: QueryChoice,
    segments: &[&Segment],
    count: usize,
    candidates: usize,
    net: Option<&RewardNet>,
    seed: u64,
    round: u32,
) -> Result<Vec<(usize, usize)>, LearnError> {
    if segments.len() < 2 {
        return Ok(Vec::new());
    }
    let all = segments.len() as u32;
    let mut rng = draws(Draw::Pairs, seed, round, 0);
    let mut draw = || {
        let left = rng.below(all);
        // Never the same twice: the second is drawn from what is left.
        let right = (left + 1 + rng.below(all - 1)) % all;
        (left as usize, right as usize)
    };
    let (QueryChoice::Disagreement | QueryChoice::Entropy, Some(net)) = (choice, net) else {
        return Ok((0..count).map(|_| draw()).collect());
    };
    let returns: Vec<Vec<f64>> =
        segments.iter().map(|segment| net.member_returns(&segment.features)).collect::<Result<_, _>>()?;
    let worth = |(left, right): (usize, usize)| {
        let chances = || returns[left].iter().zip(&returns[right]).map(|(a, b)| win_chance(a - b));
        let members = returns[left].len() as f64;
        let mean = chances().sum::<f64>() / members;
        match choice {
            QueryChoice::Disagreement => chances().map(|p| (p - mean) * (p - mean)).sum::<f64>() / members,
            // Falls with the distance from one half as the entropy does.
            _ => -(mean - 0.5).abs(),
        }
    };
    let drawn: Vec<(usize, usize)> = (0..count * candidates.max(1)).map(|_| draw()).collect();
    let mut ranked: Vec<(f64, (usize, usize))> = drawn.into_iter().map(|pair| (worth(pair), pair)).collect();
    // Stable, so that equals stay in the order in which they were drawn.
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    Ok(ranked.into_iter().take(count).map(|(_, pair)| pair).collect())
}
