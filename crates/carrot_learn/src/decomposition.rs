//! Credit for single steps out of returns of whole episodes.
//!
//! A network is fitted so that what it pays for the steps of an episode sums to what the episode paid. The term pays that
//! at every step, and with the last step it takes back what it paid before: over an episode it sums to nothing, so the
//! reward beside it keeps its return, and pays it earlier.
//!
//! # Source
//! Ren et al., "Learning long-term reward redistribution via randomized return decomposition" (2022), equation 5: the sum
//! is estimated from some steps of the episode, drawn anew each time. Taking back what was paid early follows
//! Arjona-Medina et al., "RUDDER" (2019), section 3, where redistributed rewards keep each episode's return.
//!
//! # When it misleads
//! It tells what went with good episodes, not what made them good. Where fewer steps are drawn than an episode has, the
//! noise of the draw flattens credit. It helps rewards that pay late; one that pays at every
//! step already is paid twice until the episode ends. A weight other than 1 moves that share of the credit.

use std::collections::VecDeque;

use carrot_reward::{RewardModel, StepRows};
use serde::{Deserialize, Serialize};

use crate::LearnError;
use crate::adam::AdamConfig;
use crate::config::{range, settings};
use crate::dense::{Dense, Matrix};
use crate::learner::Parts;
use crate::params::ParamSpec;
use crate::parts::{find, read_state, write_state};
use crate::preference::{About, Combine, Draw, Head, Published, RewardNet, draws};
use crate::standard::Standard;
use crate::trained::Trained;
use crate::views::View;

/// Parts of a checkpoint.
const PARTS: [&str; 2] = ["credit.safetensors", "credit_optim.safetensors"];
const STATE: &str = "credit.postcard";

settings! {
    /// How the network that gives credit is built and fitted.
    DecompositionConfig {
        /// Widths of the hidden layers.
        hidden: Vec<usize> = vec![64, 64], range::WIDTH;
        /// Learning rate of Adam.
        learning_rate: f64 = 1e-3, range::RATE;
        /// Mini-batches per rollout.
        batches: usize = 20, range::COUNT;
        /// Episodes of a mini-batch.
        batch_size: usize = 16, range::COUNT;
        /// Steps drawn of each.
        steps: usize = 64, range::COUNT;
        /// Episodes that are remembered, the newest.
        episodes: usize = 256, range::COUNT;
    }
}

/// An episode from its first step to its last.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PaidEpisode {
    /// Signals of s' of each step, `[T, F]`.
    pub features: Vec<f32>,
    /// What it paid in all.
    pub paid: f32,
}

/// What a rollout's fit came to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DecompositionReport {
    /// Root of the mean squared difference between an episode's return and the estimate of its sum, in the reward's units.
    pub error: f64,
    /// Deviation of the returns: the error of who knows their mean alone.
    pub deviation: f64,
    /// False when a number was not finite: the network is then what it was before.
    pub kept: bool,
}

/// The network in training.
#[derive(Debug)]
pub struct DecompositionTrainer {
    config: DecompositionConfig,
    about: About,
    net: Dense,
    weights: Trained,
    state: State,
    seed: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct State {
    episodes: VecDeque<PaidEpisode>,
    standard: Standard,
    /// Deviation of the returns, by which they are divided.
    scale: f32,
    rollouts: u32,
    version: u32,
}

impl DecompositionTrainer {
    /// A fresh network over these signals.
    ///
    /// # Errors
    /// When a setting is out of range or there is nothing to read.
    pub fn new(config: DecompositionConfig, inputs: Vec<String>, seed: u64) -> Result<Self, LearnError> {
        config.check()?;
        if inputs.is_empty() {
            return Err(LearnError::Config { field: "inputs", message: "there is no signal to read".into() });
        }
        let (hidden, combine, head) = (config.hidden.clone(), Combine::Mean, Head::Linear);
        let about = About { version: 0, inputs, hidden, members: 1, combine, head, shaping: None };
        let (mut nets, specs) = about.networks();
        let weights = Trained::new(specs, AdamConfig::default(), PARTS, seed, tch::Device::Cpu)?;
        let state = State { scale: 1.0, ..State::default() };
        Ok(Self { config, about, net: nets.remove(0), weights, state, seed })
    }

    /// Remembers episodes; one that is empty or not finite is left out.
    pub fn remember(&mut self, episodes: impl IntoIterator<Item = PaidEpisode>) {
        let sound = |own: &PaidEpisode| {
            !own.features.is_empty() && own.paid.is_finite() && own.features.iter().all(|x| x.is_finite())
        };
        self.state.episodes.extend(episodes.into_iter().filter(sound));
        let extra = self.state.episodes.len().saturating_sub(self.config.episodes);
        self.state.episodes.drain(..extra);
    }

    /// Fits the network to what is remembered; nothing happens while that is nothing. A fit that leads to numbers that are
    /// not finite is taken back.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn learn(&mut self) -> Result<Option<DecompositionReport>, LearnError> {
        if self.state.episodes.is_empty() {
            return Ok(None);
        }
        let before = self.save()?;
        self.state.rollouts += 1;
        self.measure();
        let mut square = 0.0;
        for batch in 0..self.config.batches {
            square += self.step(batch as u32)?;
        }
        let error = (square / self.config.batches as f64).sqrt() * f64::from(self.state.scale);
        let kept = error.is_finite() && self.weights.params.floats()?.iter().all(|x| x.is_finite());
        let report = DecompositionReport { error, deviation: f64::from(self.state.scale), kept };
        if !kept {
            let rollouts = self.state.rollouts;
            self.load(&before)?;
            self.state.rollouts = rollouts;
        }
        Ok(Some(report))
    }

    /// Takes the scales of inputs and returns from what is remembered.
    fn measure(&mut self) {
        let state = &mut self.state;
        let all: Vec<f32> = state.episodes.iter().flat_map(|own| &own.features).copied().collect();
        state.standard = Standard::of(&all, self.about.inputs.len());
        let count = state.episodes.len() as f64;
        let mean = state.episodes.iter().map(|own| f64::from(own.paid)).sum::<f64>() / count;
        let squares = state.episodes.iter().map(|own| (f64::from(own.paid) - mean).powi(2)).sum::<f64>();
        let deviation = (squares / count).sqrt() as f32;
        state.scale = if deviation > 1e-6 { deviation } else { 1.0 };
    }

    /// One mini-batch; gives the mean squared error in deviations.
    fn step(&mut self, batch: u32) -> Result<f64, LearnError> {
        let (width, state) = (self.about.inputs.len(), &self.state);
        let mut rng = draws(Draw::Order, self.seed, state.rollouts, batch);
        let mut rows = Vec::new();
        let mut drawn: Vec<(usize, f32, f32)> = Vec::with_capacity(self.config.batch_size);
        for _ in 0..self.config.batch_size {
            let own = &state.episodes[rng.below(state.episodes.len() as u32) as usize];
            let length = own.features.len() / width;
            let count = length.min(self.config.steps);
            for step in 0..count {
                // All of them where they are few.
                let step = if count == length { step } else { rng.below(length as u32) as usize };
                rows.extend(state.standard.row(&own.features[step * width..][..width]));
            }
            drawn.push((count, length as f32 / count as f32, own.paid / state.scale));
        }
        let params = self.weights.params.floats()?;
        let input = Matrix::gather(&rows, width, 0..rows.len() / width);
        let outputs = self.net.forward(params, &input);
        let Some(paid) = outputs.last() else { return Ok(0.0) };
        let mut slope = Matrix::zeros(input.rows, 1);
        let (mut row, mut square) = (0, 0.0);
        for (count, factor, wanted) in drawn {
            let sum: f32 = (row..row + count).map(|row| paid.row(row)[0]).sum();
            let off = factor * sum - wanted;
            square += f64::from(off) * f64::from(off) / self.config.batch_size as f64;
            let pull = 2.0 * off * factor / self.config.batch_size as f32;
            (row..row + count).for_each(|row| slope.row_mut(row)[0] = pull);
            row += count;
        }
        let mut gradient = vec![0.0; params.len()];
        let _ = self.net.backward(params, &input, &outputs, slope, &mut gradient);
        let norm = gradient.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
        let pull = View::f32(&gradient, &[gradient.len() as i64])?.copied(tch::Device::Cpu)?;
        self.weights.apply(pull, norm, f64::INFINITY, self.config.learning_rate)?;
        Ok(square)
    }

    /// A copy of what is fitted so far, under the next version, in the reward's units.
    ///
    /// # Errors
    /// When libtorch refuses the copy.
    pub fn publish(&mut self) -> Result<RewardNet, LearnError> {
        self.state.version += 1;
        let mut values = self.weights.params.values()?;
        // The last layer, weight and bias, stands at the end.
        let last: usize = self.weights.params.specs().iter().rev().take(2).map(ParamSpec::len).sum();
        let first = values.len() - last;
        values[first..].iter_mut().for_each(|x| *x *= self.state.scale);
        let about = About { version: self.state.version, ..self.about.clone() };
        Ok(RewardNet::new(about, self.state.standard.clone(), values))
    }

    /// Everything that fitting goes on from, as named parts.
    ///
    /// # Errors
    /// When libtorch refuses a copy.
    pub fn save(&self) -> Result<Parts, LearnError> {
        let mut parts = Parts::new();
        self.weights.save(&mut parts)?;
        parts.insert(STATE.into(), write_state(STATE, &(&self.state, self.weights.steps()))?);
        Ok(parts)
    }

    /// Continues from saved parts, bit for bit.
    ///
    /// # Errors
    /// When a part is missing or does not fit; nothing is changed then.
    pub fn load(&mut self, parts: &Parts) -> Result<(), LearnError> {
        let (state, steps): (State, u64) = read_state(STATE, find(parts, STATE)?)?;
        let weights = self.weights.read(parts)?;
        self.weights.restore(&weights, steps)?;
        self.state = state;
        Ok(())
    }
}

/// The credit as a reward: what the network says at every step, and with the last one all of it back.
#[derive(Debug, Clone)]
pub struct Credit {
    net: Published,
    /// What each row was paid in its episode.
    paid: Vec<f32>,
}

impl Credit {
    /// By the published versions of a network.
    pub fn new(net: Published) -> Self {
        Self { net, paid: Vec::new() }
    }
}

impl RewardModel for Credit {
    fn version(&self) -> u32 {
        self.net.version()
    }

    fn select(&mut self, version: Option<u32>) -> Result<(), String> {
        self.net.select(version)
    }

    fn inputs(&self) -> &[String] {
        self.net.inputs()
    }

    fn needs_episode(&self) -> bool {
        true
    }

    fn score(&mut self, _features: &[f32], _out: &mut [f32]) -> Result<(), String> {
        Err("what is taken back with the last step is known from the whole episode only".into())
    }

    fn score_steps(&mut self, steps: &StepRows<'_>, out: &mut [f32]) -> Result<(), String> {
        if steps.fresh || self.paid.len() != steps.rows {
            self.paid = vec![0.0; steps.rows];
        }
        self.net.score(steps.features, out)?;
        for (cell, out) in out.iter_mut().enumerate() {
            let paid = &mut self.paid[cell % steps.rows];
            if steps.ended[cell] {
                // What no version scored stays so.
                *out = if out.is_nan() { *out } else { -std::mem::take(paid) };
                *paid = 0.0;
            } else if out.is_finite() {
                *paid += *out;
            }
        }
        Ok(())
    }

    fn publish(&mut self, parts: &Parts, keep: bool) -> Result<(), String> {
        self.net.publish(parts, keep)
    }

    fn memory(&self) -> Result<Vec<u8>, String> {
        write_state("memory", &self.paid).map_err(|error| error.to_string())
    }

    fn restore(&mut self, memory: &[u8]) -> Result<(), String> {
        self.paid = read_state("memory", memory).map_err(|error| error.to_string())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carrot_sim::{RowKey, Stream};

    /// Episodes of some steps that are paid at their end for how often x was high; y says nothing.
    fn episodes(count: usize, seed: u64) -> Vec<PaidEpisode> {
        let mut rng = RowKey { seed, env: 0, episode: 0 }.rng(Stream::Script);
        let mut episode = |_| {
            let length = 10 + rng.below(30) as usize;
            let features: Vec<f32> =
                (0..length).flat_map(|_| [rng.uniform(-1.0, 1.0), rng.uniform(0.0, 9.0)]).collect();
            let paid = features.chunks(2).filter(|row| row[0] > 0.5).count() as f32 * 20.0;
            PaidEpisode { features, paid }
        };
        (0..count).map(&mut episode).collect()
    }

    fn trainer(config: DecompositionConfig) -> DecompositionTrainer {
        DecompositionTrainer::new(config, vec!["x".into(), "y".into()], 5).unwrap()
    }

    #[test]
    fn credit_goes_to_the_steps_that_the_return_came_from() {
        let mut own = trainer(DecompositionConfig::default());
        assert_eq!(own.learn().unwrap(), None);
        let (high, low) = credit(&mut own);
        assert!((high - 20.0).abs() < 6.0 && low.abs() < 4.0, "{high} {low}");
        // From fewer steps than most episodes have: flatter, and still the right way round.
        let (high, low) =
            credit(&mut trainer(DecompositionConfig { steps: 16, ..DecompositionConfig::default() }));
        assert!(high > 1.5 * low && high < 15.0, "{high} {low}");
    }

    /// Mean credit of unseen steps that were paid for 20, and of those that were not.
    fn credit(own: &mut DecompositionTrainer) -> (f32, f32) {
        own.remember(episodes(200, 1));
        let first = own.learn().unwrap().unwrap();
        let mut last = first;
        for _ in 0..40 {
            last = own.learn().unwrap().unwrap();
        }
        assert!(last.kept && last.error < 0.8 * first.error, "{first:?} {last:?}");
        let net = own.publish().unwrap();
        let unseen: Vec<f32> = episodes(50, 2).into_iter().flat_map(|own| own.features).collect();
        let mut credit = vec![0.0; unseen.len() / 2];
        net.score(&unseen, &mut credit).unwrap();
        let mean = |paid: bool| {
            let own = credit.iter().zip(unseen.chunks(2)).filter(|(_, row)| (row[0] > 0.5) == paid);
            let own: Vec<f32> = own.map(|(credit, _)| *credit).collect();
            own.iter().sum::<f32>() / own.len() as f32
        };
        (mean(true), mean(false))
    }

    #[test]
    fn over_an_episode_credit_sums_to_nothing_in_whatever_pieces_and_versions() {
        let mut own = trainer(DecompositionConfig::default());
        own.remember(episodes(20, 3));
        let mut credit = Credit::new(Published::nothing(vec!["x".into(), "y".into()]));
        let features = episodes(1, 4).remove(0).features;
        let length = features.len() / 2;
        let mut paid = Vec::new();
        for start in (0..length).step_by(4) {
            // Nothing is published at first, then every piece comes under another version.
            if start > 0 {
                own.learn().unwrap();
                credit.publish(&own.publish().unwrap().save().unwrap(), false).unwrap();
            }
            let end = (start + 4).min(length);
            let flags: Vec<bool> = (start..end).map(|t| t + 1 == length).collect();
            let mut out = vec![0.0; end - start];
            let piece = &features[2 * start..2 * end];
            let steps = StepRows { before: &[], features: piece, rows: 1, ended: &flags, fresh: start == 0 };
            let mut resumed = credit.clone();
            resumed.restore(&credit.memory().unwrap()).unwrap();
            credit.score_steps(&steps, &mut out).unwrap();
            let mut again = vec![0.0; end - start];
            resumed.score_steps(&steps, &mut again).unwrap();
            assert_eq!(
                out.iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
                again.iter().map(|x| x.to_bits()).collect::<Vec<_>>()
            );
            paid.extend(out);
        }
        assert!(paid[..4].iter().all(|x| x.is_nan()) && paid[4..].iter().any(|x| x.abs() > 1e-3));
        let sum = paid[4..].iter().fold(0.0_f32, |sum, x| sum + x);
        assert_eq!(sum, 0.0, "{paid:?}");
        assert!(credit.score(&[0.0, 0.0], &mut [0.0]).is_err());
    }

    #[test]
    fn it_goes_on_bit_for_bit_and_leaves_out_what_is_not_finite() {
        let mut own = trainer(DecompositionConfig::default());
        own.remember(episodes(30, 6));
        own.learn().unwrap();
        let mut resumed = trainer(DecompositionConfig::default());
        resumed.load(&own.save().unwrap()).unwrap();
        for own in [&mut own, &mut resumed] {
            let odd = |features, paid| PaidEpisode { features, paid };
            own.remember([odd(vec![], 1.0), odd(vec![f32::NAN, 0.0], 1.0), odd(vec![0.0; 2], f32::INFINITY)]);
            own.learn().unwrap();
        }
        assert_eq!(own.save().unwrap(), resumed.save().unwrap());
        assert_eq!(own.state.episodes.len(), 30);
    }
}
