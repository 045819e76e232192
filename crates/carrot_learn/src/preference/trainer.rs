//! Fitting the reward network to answers; execution order is reading order.
//!
//! # Source
//! Christiano et al., "Deep reinforcement learning from human preferences" (2017), section 2.2: an ensemble of small
//! networks whose summed reward explains the answers. What differs: rewards are bounded by tanh as in PEBBLE (Lee et al.
//! 2021) instead of normalised afterwards, and members have all answers unless `bootstrap` draws theirs. Members may be Gaussians, as in PEARL (Liu et al. 2023): their variances add up
//! over a pair's steps and flatten its choice, by MacKay, "The evidence framework applied to classification networks"
//! (1992), equation 10, where PEARL draws samples.

use serde::{Deserialize, Serialize};

use super::net::{About, Head};
use super::{Answer, ChoiceModel, Combine, Draw, Pair, RewardNet, draws};
use crate::LearnError;
use crate::adam::AdamConfig;
use crate::config::{range, settings};
use crate::dense::{Dense, Matrix, tanh};
use crate::learner::Parts;
use crate::parts::{find, read_state, write_state};
use crate::standard::Standard;
use crate::trained::Trained;
use crate::views::View;

/// How much the variance of a margin flattens a choice.
const FLATTENING: f64 = std::f64::consts::PI / 8.0;
/// Parts of a checkpoint.
const PARTS: [&str; 2] = ["preference.safetensors", "preference_optim.safetensors"];
const STATE: &str = "preference_fit.postcard";

settings! {
    /// How the reward network is built and fitted.
    RewardNetConfig {
        /// Networks of the ensemble.
        members: usize = 3, 1..=32;
        /// Widths of the hidden layers.
        hidden: Vec<usize> = vec![32, 32], range::WIDTH;
        /// Learning rate of Adam.
        learning_rate: f64 = 2e-3, range::WEIGHT;
        /// Decoupled weight decay.
        weight_decay: f64 = 1e-3, range::RATE;
        /// Passes over all answers after new ones came in.
        epochs: usize = 20, range::COUNT;
        /// Pairs of a mini-batch.
        batch_size: usize = 16, range::COUNT;
        /// Mini-batches of one fit, of a pass at least. Passes that are left follow after the next rollouts, so that
        /// many answers never hold an agent up.
        batches: usize = 400, range::COUNT;
        /// How readily equals are called equal, as Davidson's model has it; without ties an equal answer counts half
        /// for either side.
        ties: f64 = 0.0, range::WEIGHT;
        /// Whether each member also says how sure it is of a step: a mean and a deviation, both by likelihood.
        gaussian: bool = false;
        /// Whether each member has answers of its own, drawn with replacement from all: members then disagree about what a
        /// few answers say, and not all of them believe a wrong one.
        bootstrap: bool = false;
        /// Share of answers that are taken to be blind, so that one mistake cannot pull without end.
        blind: f64 = 0.0, 0.0..=0.99;
    }
}

/// What a fit came to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FitReport {
    /// Mean loss per answer over the last pass.
    pub loss: f64,
    /// Share of the answers with a winner that the mean of the members gives the higher return.
    pub accuracy: f64,
    /// False when a number was not finite: the network is then what it was before the fit.
    pub kept: bool,
    /// Passes that it made over the answers.
    pub passes: usize,
}

/// A reward network in training.
#[derive(Debug)]
pub struct RewardTrainer {
    config: RewardNetConfig,
    about: About,
    members: Vec<Dense>,
    weights: Trained,
    standard: Standard,
    seed: u64,
    /// Fits begun; keeps the orders of fits apart.
    fits: u32,
}

impl RewardTrainer {
    /// A fresh network over these signals.
    ///
    /// # Errors
    /// When a setting is out of range or there is nothing to read.
    pub fn new(
        config: RewardNetConfig,
        inputs: Vec<String>,
        combine: Combine,
        seed: u64,
    ) -> Result<Self, LearnError> {
        config.check()?;
        if inputs.is_empty() {
            return Err(LearnError::Config { field: "inputs", message: "there is no signal to read".into() });
        }
        let (hidden, members) = (config.hidden.clone(), config.members);
        let head = if config.gaussian { Head::Gaussian } else { Head::Tanh };
        let about = About { version: 0, inputs, hidden, members, combine, head, shaping: None };
        let (members, specs) = about.networks();
        let adam = AdamConfig { weight_decay: config.weight_decay, ..AdamConfig::default() };
        let weights = Trained::new(specs, adam, PARTS, seed, tch::Device::Cpu)?;
        Ok(Self { config, about, members, weights, standard: Standard::default(), seed, fits: 0 })
    }

    /// Signal columns that it reads.
    pub fn inputs(&self) -> &[String] {
        &self.about.inputs
    }

    /// Fits the network to all answers, from where it stands, in so many passes or as many as one fit may make. A fit
    /// that leads to numbers that are not finite is taken back as a whole.
    ///
    /// # Errors
    /// When a segment does not fit the network, or libtorch refuses.
    pub fn fit(&mut self, answers: &[(&Pair, Answer)], passes: usize) -> Result<FitReport, LearnError> {
        let before = self.save()?;
        self.fits += 1;
        let batches = answers.len().div_ceil(self.config.batch_size).max(1);
        let report = self.passes(answers, passes.min((self.config.batches / batches).max(1)))?;
        if report.kept {
            return Ok(report);
        }
        let fits = self.fits;
        self.load(&before)?;
        self.fits = fits;
        Ok(report)
    }

    /// A copy of what is fitted so far, under the next version.
    ///
    /// # Errors
    /// When libtorch refuses the copy.
    pub fn publish(&mut self) -> Result<RewardNet, LearnError> {
        self.about.version += 1;
        Ok(RewardNet::new(self.about.clone(), self.standard.clone(), self.weights.params.values()?))
    }

    fn passes(&mut self, answers: &[(&Pair, Answer)], passes: usize) -> Result<FitReport, LearnError> {
        let table = Table::new(answers, self.about.inputs.len())?;
        self.standard = table.standard.clone();
        let (members, seed, batch_size) = (self.members.len(), self.seed, self.config.batch_size);
        let mut orders: Vec<Vec<usize>> = vec![(0..answers.len()).collect(); members];
        let mut loss = 0.0;
        for epoch in 0..passes {
            for (m, order) in orders.iter_mut().enumerate() {
                let minor = (epoch * members + m) as u32;
                draws(Draw::Order, seed, self.fits, minor).shuffle(order);
            }
            loss = 0.0;
            for start in (0..answers.len()).step_by(batch_size) {
                let mut gradient = vec![0.0; self.weights.params.len()];
                for (m, order) in orders.iter().enumerate() {
                    let batch = &order[start..(start + batch_size).min(order.len())];
                    loss += self.pull(m, &table, answers, batch, &mut gradient)?;
                }
                let norm = gradient.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
                let pull = View::f32(&gradient, &[gradient.len() as i64])?.copied(tch::Device::Cpu)?;
                self.weights.apply(pull, norm, f64::INFINITY, self.config.learning_rate)?;
            }
        }
        let count = (answers.len() * members).max(1) as f64;
        let (accuracy, finite) = self.accuracy(&table, answers)?;
        Ok(FitReport { loss: loss / count, accuracy, kept: finite && loss.is_finite(), passes })
    }

    /// Adds a mini-batch's gradient of one member; gives the sum of its losses.
    fn pull(
        &self,
        m: usize,
        table: &Table,
        answers: &[(&Pair, Answer)],
        batch: &[usize],
        gradient: &mut [f32],
    ) -> Result<f64, LearnError> {
        let (member, bootstrap) = (&self.members[m], self.config.bootstrap);
        let choice = ChoiceModel { ties: self.config.ties, blind: self.config.blind };
        let params = self.weights.params.floats()?;
        let rows: Vec<usize> = batch.iter().flat_map(|&pair| table.rows(pair)).collect();
        let input = Matrix::gather(&table.features, table.width, rows.iter().copied());
        let outputs = member.forward(params, &input);
        let Some(last) = outputs.last() else { return Ok(0.0) };
        let paid: Vec<(f32, f32)> = (0..rows.len()).map(|row| self.about.head.of(last.row(row))).collect();
        let mut slope = Matrix::zeros(rows.len(), last.columns);
        let (mut loss, mut row) = (0.0, 0);
        for &pair in batch {
            let [left, right] = table.steps(pair);
            let sum = |rows: std::ops::Range<usize>| paid[rows].iter().map(|x| f64::from(x.0)).sum::<f64>();
            let (middle, end) = (row + left, row + left + right);
            let margin = sum(row..middle) - sum(middle..end);
            let variance: f64 = paid[row..end].iter().map(|x| f64::from(x.1) * f64::from(x.1)).sum();
            let flat = (1.0 + FLATTENING * variance).sqrt();
            let (own, by_margin) = choice.loss(margin / flat, answers[pair].1);
            let times = if bootstrap { times(self.seed, m, answers[pair].0.id) } else { 1.0 };
            let (own, by_margin) = (times * own, times * by_margin);
            loss += own;
            let pull = (by_margin / flat / batch.len() as f64) as f32;
            let by_variance = -0.5 * FLATTENING * by_margin * margin / (flat * flat * flat);
            let spread = (by_variance / batch.len() as f64) as f32;
            for at in row..end {
                let side = if at < middle { pull } else { -pull };
                let (mean, deviation) = paid[at];
                let own = slope.row_mut(at);
                own[0] = side * (1.0 - mean * mean);
                if let Some(own) = own.get_mut(1) {
                    *own = spread * 2.0 * deviation * self.about.head.deviation_slope(last.row(at));
                }
            }
            row = end;
        }
        let _ = member.backward(params, &input, &outputs, slope, gradient);
        Ok(loss)
    }

    /// Share of winners that are recognised, and whether all members pay finite rewards.
    fn accuracy(&self, table: &Table, answers: &[(&Pair, Answer)]) -> Result<(f64, bool), LearnError> {
        let params = self.weights.params.floats()?;
        let input = Matrix::gather(&table.features, table.width, 0..table.features.len() / table.width);
        let mut paid = vec![0.0_f64; input.rows];
        for member in &self.members {
            let output = member.output(params, &input);
            paid.iter_mut().enumerate().for_each(|(row, sum)| *sum += f64::from(tanh(output.row(row)[0])));
        }
        let finite = params.iter().all(|x| x.is_finite()) && paid.iter().all(|x| x.is_finite());
        let (mut known, mut right) = (0_u32, 0_u32);
        for (pair, (_, answer)) in
            answers.iter().enumerate().filter(|(_, (_, answer))| answer.left != answer.right)
        {
            let (rows, [left, _]) = (table.rows(pair), table.steps(pair));
            let margin: f64 =
                rows.enumerate().map(|(i, row)| if i < left { paid[row] } else { -paid[row] }).sum();
            known += 1;
            right += u32::from((margin > 0.0) == (answer.left > answer.right));
        }
        Ok((if known == 0 { 1.0 } else { f64::from(right) / f64::from(known) }, finite))
    }

    /// Everything that fitting goes on from, as named parts.
    ///
    /// # Errors
    /// When libtorch refuses a copy.
    pub fn save(&self) -> Result<Parts, LearnError> {
        let mut parts = Parts::new();
        self.weights.save(&mut parts)?;
        let state = (&self.standard, self.fits, self.about.version, self.weights.steps());
        parts.insert(STATE.into(), write_state(STATE, &state)?);
        Ok(parts)
    }

    /// Continues from saved parts, bit for bit.
    ///
    /// # Errors
    /// When a part is missing or does not fit; nothing is changed then.
    pub fn load(&mut self, parts: &Parts) -> Result<(), LearnError> {
        let (standard, fits, version, steps): (Standard, u32, u32, u64) =
            read_state(STATE, find(parts, STATE)?)?;
        let weights = self.weights.read(parts)?;
        self.weights.restore(&weights, steps)?;
        (self.standard, self.fits, self.about.version) = (standard, fits, version);
        Ok(())
    }
}

/// How often a member has an answer where as many are drawn with replacement as there are: Poisson with mean 1. It
/// keeps its share when others come in.
fn times(seed: u64, member: usize, pair: u64) -> f64 {
    let mut rng = draws(Draw::Bootstrap, seed ^ pair.rotate_left(32), member as u32, pair as u32);
    let mut left = f64::from(rng.uniform(0.0, 1.0));
    let mut chance = libm::exp(-1.0);
    let mut times = 0.0;
    while left > chance && times < 8.0 {
        left -= chance;
        times += 1.0;
        chance /= times;
    }
    times
}

/// All segments of all answers as one table of standardised rows.
struct Table {
    features: Vec<f32>,
    width: usize,
    standard: Standard,
    /// First row of each pair, and the end; the left segment comes first.
    first: Vec<usize>,
    /// Steps of either segment.
    steps: Vec<[usize; 2]>,
}

impl Table {
    fn new(answers: &[(&Pair, Answer)], width: usize) -> Result<Self, LearnError> {
        let (mut features, mut first, mut steps) = (Vec::new(), vec![0], Vec::new());
        for (pair, _) in answers {
            for segment in [&pair.left, &pair.right] {
                let rows = segment.features.len() / width;
                LearnError::expect_len(
                    "the features of a segment",
                    segment.features.len(),
                    rows.max(1) * width,
                )?;
                features.extend_from_slice(&segment.features);
            }
            steps.push([pair.left.features.len() / width, pair.right.features.len() / width]);
            first.push(features.len() / width);
        }
        let standard = Standard::of(&features, width);
        Ok(Self { features: standard.apply(&features), width, standard, first, steps })
    }

    fn rows(&self, pair: usize) -> std::ops::Range<usize> {
        self.first[pair]..self.first[pair + 1]
    }

    fn steps(&self, pair: usize) -> [usize; 2] {
        self.steps[pair]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawing_with_replacement_has_a_mean_of_one_and_differs_between_members() {
        let of = |member| (0..4_000).map(|pair| times(5, member, pair)).collect::<Vec<f64>>();
        let (first, second) = (of(0), of(1));
        let mean = first.iter().sum::<f64>() / 4_000.0;
        assert!((mean - 1.0).abs() < 0.05, "{mean}");
        let none = first.iter().filter(|times| **times == 0.0).count();
        assert!((1_370..1_570).contains(&none), "a share of 1/e has none: {none}");
        let same = first.iter().zip(&second).filter(|(a, b)| a == b).count();
        // Two independent draws are equal with a chance of 0.31.
        assert!((1_100..1_400).contains(&same), "{same}");
    }
}
