//! A reward from demonstrations: how much a state looks like the expert's, as a network tells the two apart.
//!
//! # Source
//! Ho and Ermon, "Generative adversarial imitation learning" (GAIL, 2016), algorithm 1, on states; the penalty that keeps
//! the reward locally Lipschitz after Blondé et al., "Lipschitzness is all you need to tame off-policy generative
//! adversarial imitation learning" (2020), equation 7, between expert and agent as in Gulrajani et al. (2017); the shaped
//! form after Fu, Luo and Levine, "Learning robust rewards with adversarial inverse reinforcement learning" (AIRL, 2018),
//! equation 4.
//! What differs: networks read signals of states alone, so demonstrations need no actions; AIRL's own odds hold the chance
//! of the agent's action, too, which is left out here, so that what is fitted also pays for the policy's certainty.
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum AdversaryReward {
    /// log(1 + exp(odds)), GAIL's -log(1 - D): never below 0.
    #[default]
    Softplus,
    /// The odds themselves, log D - log(1 - D) as in AIRL (Fu et al. 2018, equation 3): of either sign.
    Odds,
    /// The odds of a step from s to s', as AIRL takes them apart: g(s') + gamma h(s') - h(s). What is left of g when the
    /// potential h is taken off hangs less on how the expert's world moves.
    ///
    /// # When it misleads
    /// The gamma must be the learner's: with another one h is no potential, and changes what is best.
    Shaped {
        /// Discount of the potential.
        gamma: f32,
    },
}

impl AdversaryReward {
    fn shaping(self) -> Option<f32> {
        match self {
            Self::Shaped { gamma } => Some(gamma),
            Self::Softplus | Self::Odds => None,
        }
    }

    /// Whether steps are told apart, not states.
    pub fn compares(self) -> bool {
        self.shaping().is_some()
    }
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
    /// One network, or g and h.
    nets: Vec<Mlp>,
    weights: Trained,
    standard: Standard,
    /// The expert's states on the network's scale, `[rows, F]`, or steps, `[rows, 2 F]`.
    expert: Vec<f32>,
    seed: u64,
    rollouts: u32,
}

impl AdversaryTrainer {
    /// A fresh network over signals with these ranges.
    ///
    /// # Shapes
    /// `expert` is `[rows, F]` with F names in `inputs` and F ranges; for a reward that compares `[rows, 2 F]`, s before s'.
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
        let row = if reward.compares() { 2 * width } else { width };
        LearnError::expect_len("the demonstrations", expert.len(), expert.len() / row * row)?;
        if reward.shaping().is_some_and(|gamma| !(0.0..=1.0).contains(&gamma)) {
            let message = "the discount of a shaped reward lies from 0 to 1".into();
            return Err(LearnError::Config { field: "reward", message });
        }
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
            AdversaryReward::Odds | AdversaryReward::Shaped { .. } => Head::Linear,
        };
        let (hidden, shaping) = (config.hidden.clone(), reward.shaping());
        let members = if shaping.is_some() { 2 } else { 1 };
        let about = About { version: 0, inputs, hidden, members, combine: Combine::Mean, head, shaping };
        let (nets, specs) = about.layers();
        let weights = Trained::new(specs, AdamConfig::default(), PARTS, seed, tch::Device::Cpu)?;
        let expert = standard.apply(expert);
        Ok(Self { config, about, nets, weights, standard, expert, seed, rollouts: 0 })
    }

    /// Numbers of a row that is told apart.
    fn width(&self) -> usize {
        self.about.inputs.len() * self.nets.len()
    }

    /// Logarithmic odds that rows are the expert's, `[B, 1]`.
    fn odds(&self, rows: &Tensor) -> Result<Tensor, LearnError> {
        let params = &self.weights.params;
        let (Some(gamma), [g, h]) = (self.about.shaping, self.nets.as_slice()) else {
            return self.nets[0].forward(params, rows);
        };
        let width = self.about.inputs.len() as i64;
        let (before, now) = (rows.f_narrow(1, 0, width)?, rows.f_narrow(1, width, width)?);
        let shaping = h.forward(params, &now)?.f_mul_scalar(f64::from(gamma))?;
        Ok(g.forward(params, &now)?.f_add(&shaping)?.f_sub(&h.forward(params, &before)?)?)
    }

    /// Learns to tell a rollout's states, or its steps, from the expert's. A fit that leads to numbers that are not finite
    /// is taken back.
    ///
    /// # Shapes
    /// `features` is `[rows, F]`, or `[rows, 2 F]` for a reward that compares.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn learn(&mut self, features: &[f32]) -> Result<AdversaryReport, LearnError> {
        use_threads(1);
        let before = self.save()?;
        let width = self.width();
        let agent: Vec<f32> = features
            .chunks_exact(width)
            .filter(|row| row.iter().all(|x| x.is_finite()))
            .flat_map(|row| self.standard.apply(row))
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
        let width = self.width();
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
        let (expert_odds, agent_odds) = (self.odds(&theirs)?, self.odds(&own)?);
        let odds = Tensor::f_cat(&[&expert_odds, &agent_odds], 0)?;
        let wanted = Tensor::f_cat(&[expert_odds.f_ones_like()?, agent_odds.f_zeros_like()?], 0)?;
        let none: Option<Tensor> = None;
        let entropy =
            odds.f_binary_cross_entropy_with_logits(&wanted, none.as_ref(), none.as_ref(), Reduction::Mean)?;
        let right = odds.f_gt(0.0)?.f_eq_tensor(&wanted.f_gt(0.5)?)?.f_to_kind(tch::Kind::Float)?;

        // The slope of the odds by the state, somewhere between expert and agent.
        let between = own.f_lerp_tensor(&theirs, &share)?.f_set_requires_grad(true)?;
        let sum = self.odds(&between)?.f_sum(tch::Kind::Float)?;
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
    fn the_shaped_form_pays_steps_towards_the_expert_and_a_potential_takes_none_of_it() {
        let config = AdversaryConfig { hidden: vec![32], learning_rate: 3e-3, ..AdversaryConfig::default() };
        // The expert walks up by 0.1 from anywhere, the agent walks down.
        let steps = |by: f32| -> Vec<f32> {
            let mut rng = RowKey { seed: 8, env: 0, episode: 0 }.rng(Stream::Script);
            (0..400)
                .flat_map(|_| {
                    let x = rng.uniform(-1.0, 1.0);
                    [x, x + by]
                })
                .collect()
        };
        let reward = AdversaryReward::Shaped { gamma: 0.9 };
        let new = |expert: &[f32], reward| {
            AdversaryTrainer::new(config.clone(), vec!["x".into()], &[(-1.0, 1.0)], expert, reward, 2)
        };
        let mut adversary = new(&steps(0.1), reward).unwrap();
        for _ in 0..40 {
            assert!(adversary.learn(&steps(-0.1)).unwrap().kept);
        }
        let net = adversary.publish().unwrap();
        assert!(net.compares());
        let pay = |before: &[f32], now: &[f32]| {
            let mut paid = vec![0.0; now.len()];
            net.score_between(before, now, &mut paid).unwrap();
            paid
        };
        let paid = pay(&[-0.5, 0.5, -0.5, 0.5], &[-0.4, 0.6, -0.6, 0.4]);
        assert!(paid[0] > paid[2] && paid[1] > paid[3], "{paid:?}");
        // f = g + gamma h' - h: around a circle of two states what h pays for there it takes back here, but for gamma.
        let (mut g, h) = (vec![0.0; 2], net.member_outputs(&[0.2, 0.7]).unwrap()[1].clone());
        net.score(&[0.2, 0.7], &mut g).unwrap();
        let round = pay(&[0.2, 0.7], &[0.7, 0.2]);
        let expected = g[0] + g[1] - 0.1 * (h[0].0 + h[1].0);
        assert!((round[0] + round[1] - expected).abs() < 1e-5, "{round:?} {expected}");
        assert!(new(&steps(0.1), AdversaryReward::Shaped { gamma: 1.5 }).is_err());
        assert!(new(&[0.5], reward).is_err(), "half a step");
        let again = RewardNet::load(&net.save().unwrap()).unwrap();
        assert!(again.compares());
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
