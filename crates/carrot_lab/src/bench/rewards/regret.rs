//! Partial return against regret on random grids with known optima: which model gets a better policy out of the same
//! answers?
//!
//! # Source
//! Knox et al., "Models of human preference for learning reward functions" (2022), section 5: random delivery grids,
//! segments of three steps, one data set per kind of annotator. What differs: answers are without noise, values are
//! discounted by 0.99, and the regret model is solved exactly.

use carrot_learn::preference::exact::{LinearReward, Path, PreferenceModel};
use carrot_learn::preference::{Answer, Draw, draws};
use carrot_sim::mdp::evaluate_policy;
use carrot_sim::{KeyedRng, Mdp, MdpError};
use serde::Serialize;

use crate::bench::table::Table;

/// What a field is, what arriving on it is paid, and how often it comes in a hundred.
const FIELDS: [(f64, u32); 5] = [(-1.0, 62), (0.0, 14), (-2.0, 14), (50.0, 5), (-50.0, 5)];
/// Fields from here on end the episode.
const FIRST_END: usize = 3;
/// Side lengths.
const SIDES: [u32; 3] = [5, 6, 10];
const GAMMA: f64 = 0.99;
const SEGMENT_STEPS: usize = 3;
/// From this share of what can be gained over chance a policy counts as near the best.
const NEAR: f64 = 0.9;

/// What one grid showed, for an annotator and a model of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct GridResult {
    /// The annotator compares regret; otherwise partial return.
    pub regret_annotator: bool,
    /// The model explains by regret; otherwise by partial return.
    pub regret_model: bool,
    /// What the policy gains over chance, as a share of what can be gained.
    pub gain: f64,
}

/// One random grid, both annotators, both models.
///
/// # Errors
/// When values do not settle.
pub fn measure(grid: u32, pairs: usize, seed: u64) -> Result<Vec<GridResult>, MdpError> {
    let mut rng = draws(Draw::Segments, seed, grid, u32::MAX);
    let (mdp, features) = random_grid(&mut rng);
    let reward = LinearReward { mdp: &mdp, features: &features, width: FIELDS.len(), gamma: GAMMA };
    let truth = FIELDS.map(|(paid, _)| paid);
    let compared: Vec<(Path, Path)> =
        (0..pairs).map(|_| (random_path(&mdp, &mut rng), random_path(&mdp, &mut rng))).collect();
    let best = mean(&reward.optimum(&truth)?.values);
    let chance = mean(&reward.random(&truth));
    let mut results = Vec::new();
    for annotator in [PreferenceModel::PartialReturn, PreferenceModel::Regret] {
        let standing = reward.standing(annotator, &truth)?;
        let answer = |(left, right): &(Path, Path)| {
            let difference = reward.difference(&standing, left, right);
            let margin: f64 = difference.iter().zip(truth).map(|(x, w)| x * w).sum();
            // Values are solved to about this.
            let verdict = if margin.abs() < 1e-2 {
                Answer::EQUAL
            } else if margin > 0.0 {
                Answer::LEFT
            } else {
                Answer::RIGHT
            };
            (left.clone(), right.clone(), verdict)
        };
        let answers: Vec<(Path, Path, Answer)> = compared.iter().map(answer).collect();
        for model in [PreferenceModel::PartialReturn, PreferenceModel::Regret] {
            let weights = reward.fit(model, &answers)?;
            let policy = reward.optimum(&weights)?.policy;
            let value = mean(&evaluate_policy(&mdp, &reward.rewards(&truth), &policy, GAMMA, 1e-4)?);
            results.push(GridResult {
                regret_annotator: annotator == PreferenceModel::Regret,
                regret_model: model == PreferenceModel::Regret,
                gain: (value - chance) / (best - chance),
            });
        }
    }
    Ok(results)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// A grid of random fields with at least one that is worth going to.
fn random_grid(rng: &mut KeyedRng) -> (Mdp, Vec<f64>) {
    let [width, height] = [0, 1].map(|_| SIDES[rng.below(SIDES.len() as u32) as usize]);
    let cells = width * height;
    let mut fields: Vec<usize> = (0..cells)
        .map(|_| {
            let mut left = rng.below(100);
            let drawn = FIELDS.iter().position(|(_, share)| {
                let here = left < *share;
                left = left.wrapping_sub(*share);
                here
            });
            drawn.unwrap_or(0)
        })
        .collect();
    fields[rng.below(cells) as usize] = FIRST_END;
    let (mut first, mut next, mut features) = (vec![0], Vec::new(), Vec::new());
    for cell in 0..cells {
        let (x, y) = (cell % width, cell / width);
        let steps = [
            (x > 0).then(|| cell - 1),
            (x + 1 < width).then_some(cell + 1),
            (y > 0).then(|| cell - width),
            (y + 1 < height).then_some(cell + width),
        ];
        for to in steps.map(|to| to.unwrap_or(cell)) {
            if fields[cell as usize] < FIRST_END {
                next.push(to);
                features.extend((0..FIELDS.len()).map(|k| f64::from(u8::from(fields[to as usize] == k))));
            }
            first.push(next.len() as u32);
        }
    }
    let ends: Vec<bool> = fields.iter().map(|&field| field >= FIRST_END).collect();
    let mdp = Mdp {
        num_actions: 4,
        prob: vec![1.0; next.len()],
        first,
        next,
        cause: ends.iter().map(|&ends| u8::from(ends)).collect(),
        success: fields.iter().map(|&field| field == FIRST_END).collect(),
        signals: Vec::new(),
        clocks: Vec::new(),
        start: vec![(0, 1.0)],
        max_steps: 0,
    };
    (mdp, features)
}

/// Random steps from a random state that is no end.
fn random_path(mdp: &Mdp, rng: &mut KeyedRng) -> Path {
    let mut state = 0;
    for _ in 0..1_000 {
        state = rng.below(mdp.num_states() as u32);
        if !mdp.is_terminal(state as usize) {
            break;
        }
    }
    let mut path = Path::new();
    while path.len() < SEGMENT_STEPS && !mdp.is_terminal(state as usize) {
        let action = rng.below(mdp.num_actions as u32);
        path.push((state, action));
        state = mdp.next[mdp.outcomes(state as usize, action as usize).start];
    }
    path
}

/// The table of all grids.
pub fn table(grids: &[Vec<GridResult>]) -> Table {
    let name = |regret: bool| if regret { "regret" } else { "partial return" };
    let headings = ["annotator", "model", "grids", "near the best", "mean gain over chance"];
    let row = |(regret_annotator, regret_model): (bool, bool)| {
        let own = |result: &&GridResult| {
            (result.regret_annotator, result.regret_model) == (regret_annotator, regret_model)
        };
        let gains: Vec<f64> = grids.iter().flatten().filter(own).map(|result| result.gain).collect();
        let near = gains.iter().filter(|gain| **gain >= NEAR).count();
        vec![
            name(regret_annotator).into(),
            name(regret_model).into(),
            gains.len().to_string(),
            format!("{:.0} %", 100.0 * near as f64 / gains.len().max(1) as f64),
            format!("{:.3}", mean(&gains)),
        ]
    };
    let all = [(true, true), (true, false), (false, true), (false, false)];
    Table { headings: headings.map(String::from).into(), rows: all.into_iter().map(row).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_are_whole_and_results_repeat() {
        for grid in 0..20 {
            let (mdp, features) = random_grid(&mut draws(Draw::Segments, 1, grid, u32::MAX));
            assert_eq!(features.len(), mdp.num_transitions() * FIELDS.len());
            assert_eq!(mdp.first.len(), mdp.num_states() * 4 + 1);
            assert!(mdp.success.contains(&true));
            let mut rng = draws(Draw::Pairs, 1, grid, 0);
            let path = random_path(&mdp, &mut rng);
            assert!(path.len() <= SEGMENT_STEPS);
        }
        let once = measure(3, 40, 1).unwrap();
        assert_eq!(once, measure(3, 40, 1).unwrap());
        assert_eq!(once.len(), 4);
        assert!(once.iter().all(|result| result.gain <= 1.0 + 1e-6), "{once:?}");
    }
}
