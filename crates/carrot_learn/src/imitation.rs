//! A reward from demonstrations: how much a state looks like the expert's, as a network tells the two apart.
//!
//! # Source
//! Ho and Ermon, "Generative adversarial imitation learning" (GAIL, 2016), algorithm 1, on states; the penalty that keeps
//! the reward locally Lipschitz after Blondé et al., "Lipschitzness is all you need to tame off-policy generative
//! adversarial imitation learning" (2020), equation 7, between expert and agent as in Gulrajani et al. (2017).
//! What differs: the network reads signals of s' alone, so demonstrations need no actions.
//!
//! # When it misleads
//! It pays for looking alike, not for success: an expert that dawdles is copied dawdling. `Softplus` pays at every step,
//! so it favours long episodes; without the penalty the network soon tells the two apart without doubt, and then says
//! nothing about what is nearer.

use serde::{Deserialize, Serialize};
use tch::{Reduction, Tensor};

use crate::LearnError;
use crate::adam::AdamConfig;
use crate::config::{range, settings};
use crate::device::use_threads;
use crate::layers::Mlp;
use crate::learner::Parts;
use crate::parts::{find, read_state, write_state};
use crate::preference::{About, Combine, Draw, Head, RewardNet, draws};
use crate::standard::Standard;
use crate::trained::Trained;
use crate::views::View;

/// Parts of a checkpoint.
const PARTS: [&str; 2] = ["adversary.safetensors", "adversary_optim.safetensors"];
const STATE: &str = "adversary.postcard";

settings! {
    /// How the network that tells expert from agent is built and fitted.
    AdversaryConfig {
        /// Widths of the hidden layers.
        hidden: Vec<usize> = vec![64, 64], range::WIDTH;
        /// Learning rate of Adam.
        learning_rate: f64 = 3e-4, range::RATE;
        /// Mini-batches per rollout.
        batches: usize = 20, range::COUNT;
        /// Rows of a mini-batch, of the expert and of the agent each.
        batch_size: usize = 128, range::COUNT;
        /// Weight of the squared distance of the slope's length from 1; 0 for no penalty.
        penalty: f64 = 10.0, range::WEIGHT;
    }
}

/// What the reward makes of the logarithmic odds that a state is the expert's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AdversaryReward {
    /// log(1 + exp(odds)), GAIL's -log(1 - D): never below 0.
    #[default]
    Softplus,
    /// The odds themselves, log D - log(1 - D) as in AIRL (Fu et al. 2018, equation 3): of either sign.
    Odds,
}

/// What a rollout's fit came to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AdversaryReport {
    /// Mean cross entropy.
    pub loss: f64,
    /// Share of rows that were told apart rightly.
    pub accuracy: f64,
    /// Mean length of the slope between expert and agent.
    pub slope: f64,
    /// False when a number was not finite: the network is then what it was before.
    pub kept: bool,
}

/// The network in training.
#[derive(Debug)]
pub struct AdversaryTrainer {
    config: AdversaryConfig,
    about: About,
    net: Mlp,
    weights: Trained,
    standard: Standard,
    /// The expert's states on the network's scale, `[rows, F]`.
    expert: Vec<f32>,
    seed: u64,
    rollouts: u32,
}

impl AdversaryTrainer {
    /// A fresh network over signals with these ranges.
    ///
    /// # Shapes
    /// `expert` is `[rows, F]` with F names in `inputs` and F ranges.
    ///
    /// # Errors
    /// When a setting is out of range, or there is no demonstration.
    pub fn new(
        config: AdversaryConfig,
        inputs: Vec<String>,
        ranges: &[(f32, f32)],
        expert: &[f32],
        reward: AdversaryReward,
        seed: u64,
    ) -> Result<Self, LearnError> {
        config.check()?;
        LearnError::expect_len("the ranges", ranges.len(), inputs.len())?;
        let width = inputs.len();
        if expert.is_empty() || width == 0 || !expert.iter().all(|x| x.is_finite()) {
            let message = "there are no demonstrations, or their numbers are not finite".into();
            return Err(LearnError::Config { field: "demonstrations", message });
        }
        LearnError::expect_len("the demonstrations", expert.len(), expert.len() / width * width)?;
        let (mean, factor) = ranges
            .iter()
            .map(|(low, high)| {
                let span = high - low;
                if span > 0.0 && span.is_finite() { (0.5 * (low + high), 2.0 / span) } else { (0.0, 1.0) }
            })
            .unzip();
        let standard = Standard { mean, factor };
        let head = match reward {
            AdversaryReward::Softplus => Head::Softplus,
            AdversaryReward::Odds => Head::Linear,
        };
        let hidden = config.hidden.clone();
        let about = About { version: 0, inputs, hidden, members: 1, combine: Combine::Mean, head };
        let (mut nets, specs) = about.layers();
        let net = nets.remove(0);
        let weights = Trained::new(specs, AdamConfig::default(), PARTS, seed, tch::Device::Cpu)?;
        let expert = standard.apply(expert);
        Ok(Self { config, about, net, weights, standard, expert, seed, rollouts: 0 })
    }

    /// Learns to tell a rollout's states from the expert's. A fit that leads to numbers that are not finite is taken
    /// back.
    ///
    /// # Shapes
    /// `features` is `[rows, F]`.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn learn(&mut self, features: &[f32]) -> Result<AdversaryReport, LearnError> {
        use_threads(1);
        let before = self.save()?;
        let width = self.about.inputs.len();
        let agent: Vec<f32> = features
            .chunks_exact(width)
            .filter(|row| row.iter().all(|x| x.is_finite()))
            .flat_map(|row| self.standard.row(row))
            .collect();
        self.rollouts += 1;
        let mut sums = [0.0; 3];
        let agents = (agent.len() / width) as u32;
        if agents == 0 {
            return Ok(AdversaryReport { loss: 0.0, accuracy: 0.0, slope: 0.0, kept: false });
        }
        for batch in 0..self.config.batches {
            let found = self.step(&agent, agents, batch as u32)?;
            sums.iter_mut().zip(found).for_each(|(sum, x)| *sum += x / self.config.batches as f64);
        }
        let [loss, accuracy, slope] = sums;
        let finite = self.weights.params.floats()?.iter().all(|x| x.is_finite());
        let kept = finite && loss.is_finite() && slope.is_finite();
        if !kept {
            let rollouts = self.rollouts;
            self.load(&before)?;
            self.rollouts = rollouts;
        }
        Ok(AdversaryReport { loss, accuracy, slope, kept })
    }

    /// One mini-batch: cross entropy, share told apart, length of the slope.
    fn step(&mut self, agent: &[f32], agents: u32, batch: u32) -> Result<[f64; 3], LearnError> {
        let width = self.about.inputs.len();
        let rows = self.config.batch_size;
        let mut rng = draws(Draw::Order, self.seed, self.rollouts, batch);
        let experts = (self.expert.len() / width) as u32;
        let mut draw = |from: &[f32], count: u32| -> Result<Tensor, LearnError> {
            let pick = |_| rng.below(count) as usize * width;
            let picked: Vec<f32> =
                (0..rows).map(pick).flat_map(|start| from[start..start + width].to_vec()).collect();
            View::f32(&picked, &[rows as i64, width as i64])?.copied(tch::Device::Cpu)
        };
        let (theirs, own) = (draw(&self.expert, experts)?, draw(agent, agents)?);
        let share: Vec<f32> = (0..rows).map(|_| rng.uniform(0.0, 1.0)).collect();
        let share = View::f32(&share, &[rows as i64, 1])?.copied(tch::Device::Cpu)?;

        let params = &self.weights.params;
        let (expert_odds, agent_odds) = (self.net.forward(params, &theirs)?, self.net.forward(params, &own)?);
        let odds = Tensor::f_cat(&[&expert_odds, &agent_odds], 0)?;
        let wanted = Tensor::f_cat(&[expert_odds.f_ones_like()?, agent_odds.f_zeros_like()?], 0)?;
        let none: Option<Tensor> = None;
        let entropy =
            odds.f_binary_cross_entropy_with_logits(&wanted, none.as_ref(), none.as_ref(), Reduction::Mean)?;
        let right = odds.f_gt(0.0)?.f_eq_tensor(&wanted.f_gt(0.5)?)?.f_to_kind(tch::Kind::Float)?;

        // The slope of the odds by the state, somewhere between expert and agent.
        let between = own.f_lerp_tensor(&theirs, &share)?.f_set_requires_grad(true)?;
        let sum = self.net.forward(params, &between)?.f_sum(tch::Kind::Float)?;
        let slopes = Tensor::f_run_backward(&[&sum], &[&between], true, true)?;
        let squares = slopes[0].f_square()?.f_sum_dim_intlist([1_i64].as_slice(), false, tch::Kind::Float)?;
        let lengths = squares.f_add_scalar(1e-12)?.f_sqrt()?;
        let penalty = lengths.f_sub_scalar(1.0)?.f_square()?.f_mean(tch::Kind::Float)?;
        let loss = entropy.f_add(&penalty.f_mul_scalar(self.config.penalty)?)?;

        let gradient = params.gradient(&loss)?;
        let norm = gradient.f_norm()?.f_double_value(&[])?;
        let found = [
            entropy.f_double_value(&[])?,
            right.f_mean(tch::Kind::Float)?.f_double_value(&[])?,
            lengths.f_mean(tch::Kind::Float)?.f_double_value(&[])?,
        ];
        self.weights.apply(gradient, norm, f64::INFINITY, self.config.learning_rate)?;
        Ok(found)
    }

    /// A copy of what is fitted so far, under the next version.
    ///
    /// # Errors
    /// When libtorch refuses the copy.
    pub fn publish(&mut self) -> Result<RewardNet, LearnError> {
        self.about.version += 1;
        Ok(RewardNet::new(self.about.clone(), self.standard.clone(), self.weights.params.values()?))
    }

    /// Everything that fitting goes on from, as named parts.
    ///
    /// # Errors
    /// When libtorch refuses a copy.
    pub fn save(&self) -> Result<Parts, LearnError> {
        let mut parts = Parts::new();
        self.weights.save(&mut parts)?;
        let state = (self.rollouts, self.about.version, self.weights.steps());
        parts.insert(STATE.into(), write_state(STATE, &state)?);
        Ok(parts)
    }

    /// Continues from saved parts, bit for bit.
    ///
    /// # Errors
    /// When a part is missing or does not fit; nothing is changed then.
    pub fn load(&mut self, parts: &Parts) -> Result<(), LearnError> {
        let (rollouts, version, steps): (u32, u32, u64) = read_state(STATE, find(parts, STATE)?)?;
        let weights = self.weights.read(parts)?;
        self.weights.restore(&weights, steps)?;
        (self.rollouts, self.about.version) = (rollouts, version);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carrot_sim::{RowKey, Stream};

    /// The expert stays where x is high, the agent where it is low; y says nothing.
    fn states(low: f32, high: f32, seed: u64) -> Vec<f32> {
        let mut rng = RowKey { seed, env: 0, episode: 0 }.rng(Stream::Script);
        (0..400).flat_map(|_| [rng.uniform(low, high), rng.uniform(-1.0, 1.0)]).collect()
    }

    fn trainer(penalty: f64, reward: AdversaryReward) -> AdversaryTrainer {
        let config =
            AdversaryConfig { penalty, hidden: vec![32], learning_rate: 3e-3, ..AdversaryConfig::default() };
        let inputs = vec!["x".into(), "y".into()];
        let ranges = [(-1.0, 1.0), (-1.0, 1.0)];
        AdversaryTrainer::new(config, inputs, &ranges, &states(0.5, 1.0, 1), reward, 2).unwrap()
    }

    fn fitted(penalty: f64, reward: AdversaryReward) -> (AdversaryTrainer, AdversaryReport) {
        let mut adversary = trainer(penalty, reward);
        let agent = states(-1.0, -0.5, 3);
        let mut report = adversary.learn(&agent).unwrap();
        for _ in 0..29 {
            report = adversary.learn(&agent).unwrap();
        }
        (adversary, report)
    }

    #[test]
    fn the_penalty_keeps_the_slope_near_one_and_leaves_a_way_to_climb() {
        let (mut with, report) = fitted(10.0, AdversaryReward::Odds);
        assert!(report.kept && (report.slope - 1.0).abs() < 0.3, "{report:?}");
        let (mut without, loose) = fitted(0.0, AdversaryReward::Odds);
        assert!(loose.slope > 2.0 * report.slope, "{loose:?}");
        assert!(report.accuracy > 0.95 && loose.accuracy > 0.99);
        for adversary in [&mut with, &mut without] {
            let net = adversary.publish().unwrap();
            let mut paid = [0.0; 3];
            net.score(&[-0.8, 0.3, 0.0, 0.3, 0.8, 0.3], &mut paid).unwrap();
            assert!(paid[0] < paid[1] && paid[1] < paid[2], "{paid:?}");
        }
    }

    #[test]
    fn gails_reward_is_never_below_nothing() {
        let (mut adversary, _) = fitted(10.0, AdversaryReward::Softplus);
        let mut paid = [0.0; 2];
        adversary.publish().unwrap().score(&[-1.0, 0.0, 1.0, 0.0], &mut paid).unwrap();
        assert!(paid[0] > 0.0 && paid[0] < paid[1], "{paid:?}");
    }

    #[test]
    fn it_goes_on_bit_for_bit_and_refuses_what_is_not_finite() {
        let (adversary, _) = fitted(10.0, AdversaryReward::Softplus);
        let parts = adversary.save().unwrap();
        let mut all = [adversary, trainer(10.0, AdversaryReward::Softplus)];
        all[1].load(&parts).unwrap();
        let next = all.each_mut().map(|own| {
            own.learn(&states(-1.0, 0.0, 5)).unwrap();
            own.save().unwrap()
        });
        assert_eq!(next[0], next[1]);
        assert!(!all[0].learn(&[f32::NAN, 0.0]).unwrap().kept);
        let config = AdversaryConfig::default();
        assert!(
            AdversaryTrainer::new(config, vec!["x".into()], &[(0.0, 1.0)], &[], AdversaryReward::Odds, 0)
                .is_err()
        );
    }
}
