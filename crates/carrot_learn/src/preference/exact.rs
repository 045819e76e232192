//! Preferences over paths of an exact model, explained by what the paths were paid or by what they missed.
//!
//! The reward is linear in features of transitions. Under partial return a path is as good as the sum of its rewards;
//! under regret, as good as its steps were near to the best ones: minus the sum of V*(s) - Q*(s, a). Both are linear in
//! the weights for a fixed optimal policy, and the optimal policy's own change adds nothing to the slope (the envelope
//! theorem), so the regret model is fitted by solving the model again before every step.
//!
//! # Source
//! Knox et al., "Models of human preference for learning reward functions" (2022), equations 3 to 6; in a deterministic
//! model the regret is V*(s0) minus the return and V* of the last state. What differs: successor features are those of the
//! exact optimum, where they take the best of a fixed set of policies; the fit begins with those of random
//! actions.
//!
//! # When it misleads
//! Partial return cannot tell a step towards the goal from one away from it, when both are paid the same. Regret needs
//! the optimum: where the model of the world is wrong, so is the reward. An annotator that in truth adds up what it sees
//! is explained worse by regret.

use carrot_sim::mdp::{Optimum, evaluate_policy, policy_iteration};
use carrot_sim::{Mdp, MdpError};

use super::{Answer, ChoiceModel};

/// What an annotator is taken to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreferenceModel {
    /// What the steps of a path were paid.
    PartialReturn,
    /// What they missed, as against the best steps.
    Regret,
}

/// States with the action that was taken in each.
pub type Path = Vec<(u32, u32)>;

/// An exact model with a reward that is linear in features.
///
/// # Shapes
/// S states, A actions, T transitions, F features.
#[derive(Debug, Clone, Copy)]
pub struct LinearReward<'m> {
    /// The model.
    pub mdp: &'m Mdp,
    /// Features of each transition, `[T, F]`.
    pub features: &'m [f64],
    /// F.
    pub width: usize,
    /// Discount, below 1.
    pub gamma: f64,
}

/// Steps of a fit.
const STEPS: usize = 150;
/// Step size of Adam, in units of a weight.
const RATE: f64 = 0.2;
/// Pull of every weight towards 0, so that answers without doubt do not drive them apart for ever.
const DECAY: f64 = 1e-3;
/// Values are solved to this.
const TOLERANCE: f64 = 1e-4;

impl LinearReward<'_> {
    /// Rewards of all transitions, `[T]`.
    pub fn rewards(&self, weights: &[f64]) -> Vec<f64> {
        self.features.chunks(self.width).map(|row| dot(row, weights)).collect()
    }

    /// The best there is under some weights.
    ///
    /// # Errors
    /// When the values do not settle.
    pub fn optimum(&self, weights: &[f64]) -> Result<Optimum, MdpError> {
        policy_iteration(self.mdp, &self.rewards(weights), self.gamma, TOLERANCE)
    }

    /// How good each (state, action) is by each feature, `[S A, F]`; times the weights it is what a step adds to a
    /// path's standing.
    ///
    /// # Errors
    /// When the values do not settle.
    pub fn standing(&self, model: PreferenceModel, weights: &[f64]) -> Result<Vec<f64>, MdpError> {
        match model {
            PreferenceModel::PartialReturn => Ok(self.advantages(&[])),
            PreferenceModel::Regret => {
                let policy = self.optimum(weights)?.policy;
                let value = |k| evaluate_policy(self.mdp, &self.column(k), &policy, self.gamma, TOLERANCE);
                let values: Vec<Vec<f64>> = (0..self.width).map(value).collect::<Result<_, _>>()?;
                Ok(self.advantages(&values))
            }
        }
    }

    fn column(&self, k: usize) -> Vec<f64> {
        self.features.iter().skip(k).step_by(self.width).copied().collect()
    }

    /// Values under random actions, `[S]`.
    pub fn random(&self, weights: &[f64]) -> Vec<f64> {
        self.random_values(&self.rewards(weights))
    }

    /// Values of rewards of transitions under random actions.
    fn random_values(&self, column: &[f64]) -> Vec<f64> {
        let mdp = self.mdp;
        let mut values = vec![0.0; mdp.num_states()];
        let mut change = f64::INFINITY;
        while change > TOLERANCE {
            change = 0.0;
            for state in (0..mdp.num_states()).filter(|&state| !mdp.is_terminal(state)) {
                let outcomes = (0..mdp.num_actions).flat_map(|action| mdp.outcomes(state, action));
                let worth = |o: usize| mdp.prob[o] * (column[o] + self.gamma * values[mdp.next[o] as usize]);
                let mean = outcomes.map(worth).sum::<f64>() / mdp.num_actions as f64;
                change = f64::max(change, (mean - values[state]).abs());
                values[state] = mean;
            }
        }
        values
    }

    /// What each (state, action) adds to values of states, feature by feature; without values, what it is paid.
    fn advantages(&self, values: &[Vec<f64>]) -> Vec<f64> {
        let (mdp, width) = (self.mdp, self.width);
        let mut standing = vec![0.0; mdp.num_states() * mdp.num_actions * width];
        for (cell, row) in standing.chunks_mut(width).enumerate() {
            let state = cell / mdp.num_actions;
            for outcome in mdp.outcomes(state, cell % mdp.num_actions) {
                let (prob, next) = (mdp.prob[outcome], mdp.next[outcome] as usize);
                for (k, x) in row.iter_mut().enumerate() {
                    let later = values.get(k).map_or(0.0, |values| self.gamma * values[next]);
                    *x += prob * (self.features[outcome * width + k] + later);
                }
            }
            for (x, values) in row.iter_mut().zip(values) {
                *x -= values[state];
            }
        }
        standing
    }

    /// What two paths differ by, feature by feature.
    pub fn difference(&self, standing: &[f64], left: &Path, right: &Path) -> Vec<f64> {
        let mut sum = vec![0.0; self.width];
        for (path, sign) in [(left, 1.0), (right, -1.0)] {
            let mut discount = sign;
            for &(state, action) in path {
                let cell = state as usize * self.mdp.num_actions + action as usize;
                let row = &standing[cell * self.width..][..self.width];
                sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += discount * x);
                discount *= self.gamma;
            }
        }
        sum
    }

    /// Weights that explain the answers.
    ///
    /// # Errors
    /// When the values do not settle.
    pub fn fit(
        &self,
        model: PreferenceModel,
        answers: &[(Path, Path, Answer)],
    ) -> Result<Vec<f64>, MdpError> {
        let nothing = vec![0.0; self.width];
        if model == PreferenceModel::PartialReturn {
            return self.climb(answers, nothing, |_| Ok(self.advantages(&[])));
        }
        // Where the optimum is that of weights that say nothing, no step leads on. What random actions would come to
        // explains the answers roughly, and without traps.
        let random: Vec<Vec<f64>> = (0..self.width).map(|k| self.random_values(&self.column(k))).collect();
        let start = self.climb(answers, nothing, |_| Ok(self.advantages(&random)))?;
        self.climb(answers, start, |weights| self.standing(model, weights))
    }

    fn climb(
        &self,
        answers: &[(Path, Path, Answer)],
        mut weights: Vec<f64>,
        standing: impl Fn(&[f64]) -> Result<Vec<f64>, MdpError>,
    ) -> Result<Vec<f64>, MdpError> {
        let (choice, count) = (ChoiceModel::default(), answers.len().max(1) as f64);
        let (mut mean, mut square) = (vec![0.0; self.width], vec![0.0; self.width]);
        for step in 1..=STEPS {
            let standing = standing(&weights)?;
            let mut gradient: Vec<f64> = weights.iter().map(|w| DECAY * w).collect();
            for (left, right, answer) in answers {
                let difference = self.difference(&standing, left, right);
                let (_, slope) = choice.loss(dot(&difference, &weights), *answer);
                gradient.iter_mut().zip(difference).for_each(|(sum, x)| *sum += slope * x / count);
            }
            // Adam, with a step that falls to nothing.
            let rate = RATE * (1.0 - (step - 1) as f64 / STEPS as f64);
            let (early, late) = (1.0 - libm::pow(0.9, step as f64), 1.0 - libm::pow(0.999, step as f64));
            for (k, g) in gradient.into_iter().enumerate() {
                mean[k] += 0.1 * (g - mean[k]);
                square[k] += 0.001 * (g * g - square[k]);
                weights[k] -= rate * (mean[k] / early) / ((square[k] / late).sqrt() + 1e-8);
            }
        }
        Ok(weights)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A corridor of five states with the goal on the right; every step costs one, the goal pays ten.
    fn corridor() -> (Mdp, Vec<f64>) {
        let (mut first, mut next, mut features) = (vec![0], Vec::new(), Vec::new());
        for state in 0..5_u32 {
            for action in 0..2_u32 {
                if state < 4 {
                    let to = if action == 1 { state + 1 } else { state.saturating_sub(1) };
                    next.push(to);
                    features.extend([1.0, f64::from(u8::from(to == 4))]);
                }
                first.push(next.len() as u32);
            }
        }
        let mdp = Mdp {
            num_actions: 2,
            prob: vec![1.0; next.len()],
            first,
            next,
            cause: vec![0, 0, 0, 0, 1],
            success: vec![false, false, false, false, true],
            signals: Vec::new(),
            clocks: Vec::new(),
            start: vec![(0, 1.0)],
            max_steps: 0,
        };
        (mdp, features)
    }

    #[test]
    fn regret_is_nothing_for_the_best_steps_and_two_steps_for_a_step_back() {
        let (mdp, features) = corridor();
        let reward = LinearReward { mdp: &mdp, features: &features, width: 2, gamma: 0.999 };
        let weights = [-1.0, 10.0];
        let standing = reward.standing(PreferenceModel::Regret, &weights).unwrap();
        let missed = |state: u32, action: u32| {
            dot(&reward.difference(&standing, &vec![(state, action)], &Vec::new()), &weights)
        };
        assert!((0..4).all(|state| missed(state, 1).abs() < 1e-2));
        // There and back costs two steps; at the wall it costs one.
        assert!((missed(2, 0) + 2.0).abs() < 0.05, "{}", missed(2, 0));
        assert!((missed(0, 0) + 1.0).abs() < 0.05, "{}", missed(0, 0));
    }

    #[test]
    fn only_regret_learns_from_steps_that_are_paid_alike() {
        let (mdp, features) = corridor();
        let reward = LinearReward { mdp: &mdp, features: &features, width: 2, gamma: 0.99 };
        // Towards the goal is better than away from it, and nobody has seen the goal.
        let answers: Vec<(Path, Path, Answer)> =
            (1..3).map(|state| (vec![(state, 1)], vec![(state, 0)], Answer::LEFT)).collect();
        let right = |model| {
            let weights = reward.fit(model, &answers).unwrap();
            reward.optimum(&weights).unwrap().policy[..3].iter().filter(|&&action| action == 1).count()
        };
        assert_eq!(right(PreferenceModel::Regret), 3);
        assert_eq!(right(PreferenceModel::PartialReturn), 0);
    }
}
