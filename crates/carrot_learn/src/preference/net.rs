//! What rewards: an ensemble of small networks over signals, in the version that was published.
//!
//! A member that was fitted to preferences pays tanh of its output, so that a step is worth -1 to 1. It is scored row by row in one order of
//! addition: a row has the same bits in a batch of any size.

use std::collections::BTreeMap;

use carrot_reward::RewardModel;
use serde::{Deserialize, Serialize};

use crate::LearnError;
use crate::dense::{Dense, Matrix, tanh};
use crate::layers::{Activation, Mlp, Start};
use crate::learner::Parts;
use crate::params::{Init, ParamSpec};
use crate::parts::{find, read_state, read_tensors, write_state, write_tensors};
use crate::standard::Standard;

/// Parts of a saved network.
const WEIGHTS: &str = "reward_net.safetensors";
const ABOUT: &str = "reward_net.postcard";
/// Rows that are scored at a time.
const BLOCK: usize = 256;

/// What is paid where the members of an ensemble differ.
///
/// # Source
/// Coste et al., "Reward model ensembles help mitigate overoptimization" (2024): mean, worst case, and mean minus a
/// multiple of the deviation. There the multiple is of the variance. Members that are Gaussians add their own variance to
/// that between them: Lakshminarayanan et al., "Simple and scalable predictive uncertainty estimation using deep
/// ensembles" (2017), section 2.4.
///
/// # When it misleads
/// Members that are wrong together agree: no combination sees a mistake that all labels share.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub enum Combine {
    /// Their mean.
    #[default]
    Mean,
    /// The least that any of them says; of a Gaussian its mean less its deviation.
    Min,
    /// The mean less so many standard deviations.
    Cautious(f32),
}

impl Combine {
    /// Of the mean and the deviation that each member says.
    fn of(self, scores: impl Iterator<Item = (f32, f32)> + Clone) -> f32 {
        let count = scores.clone().count() as f32;
        let mean = scores.clone().map(|(x, _)| x).sum::<f32>() / count;
        match self {
            Self::Mean => mean,
            // Unlike `f32::min`, this lets NaN through to be seen.
            Self::Min => scores
                .map(|(x, own)| x - own)
                .fold(f32::INFINITY, |least, x| if x >= least { least } else { x }),
            Self::Cautious(k) => {
                let squares = scores.map(|(x, own)| (x - mean) * (x - mean) + own * own);
                mean - k * (squares.sum::<f32>() / count).sqrt()
            }
        }
    }
}

/// What a member pays for its output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Head {
    /// tanh: from -1 to 1.
    #[default]
    Tanh,
    /// log(1 + exp): never below 0.
    Softplus,
    /// The output itself.
    Linear,
    /// tanh of the first output, with a deviation that the second one says.
    Gaussian,
}

/// What is taken from the output that says a deviation, so that a fresh member is sure of itself.
const SURE: f32 = 3.0;

impl Head {
    /// Mean and deviation.
    pub(super) fn of(self, outputs: &[f32]) -> (f32, f32) {
        match self {
            Self::Tanh => (tanh(outputs[0]), 0.0),
            Self::Softplus => (softplus(outputs[0]), 0.0),
            Self::Linear => (outputs[0], 0.0),
            Self::Gaussian => (tanh(outputs[0]), softplus(outputs[1] - SURE)),
        }
    }

    /// Slope of the deviation by its output.
    pub(super) fn deviation_slope(self, outputs: &[f32]) -> f32 {
        1.0 / (1.0 + libm::expf(SURE - outputs[1]))
    }

    /// Outputs of a member.
    fn outputs(self) -> usize {
        if self == Self::Gaussian { 2 } else { 1 }
    }
}

fn softplus(x: f32) -> f32 {
    x.max(0.0) + libm::log1pf(libm::expf(-x.abs()))
}

/// What a network is, apart from its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct About {
    pub(crate) version: u32,
    pub(crate) inputs: Vec<String>,
    pub(crate) hidden: Vec<usize>,
    pub(crate) members: usize,
    pub(crate) combine: Combine,
    pub(crate) head: Head,
    /// Where it is given, there are two members g and h, and a step from s to s' is paid g(s') + gamma h(s') - h(s).
    pub(crate) shaping: Option<f32>,
}

impl About {
    /// The members without libtorch, and the parameters of all of them in one list.
    pub(crate) fn networks(&self) -> (Vec<Dense>, Vec<ParamSpec>) {
        let (members, specs) = self.layers();
        (members.iter().map(|mlp| mlp.dense(&specs)).collect(), specs)
    }

    /// The members' layers, and the parameters of all of them in one list.
    pub(crate) fn layers(&self) -> (Vec<Mlp>, Vec<ParamSpec>) {
        let mut specs = Vec::new();
        let inputs = self.inputs.len();
        let last = self.hidden.last().copied().unwrap_or(inputs);
        let member = |m: usize| {
            let name = format!("member.{m}");
            Mlp::new(&mut specs, &name, inputs, &self.hidden, Activation::Tanh, Start::Even).with_output(
                &mut specs,
                &format!("{name}.output"),
                last,
                self.head.outputs(),
                Start::Even,
            )
        };
        let members = (0..self.members).map(member).collect();
        (members, specs)
    }

    fn check(&self) -> Result<(), LearnError> {
        let widths = self.hidden.iter().all(|width| (1..=4_096).contains(width));
        let members = self.shaping.map_or(1..=32, |_| 2..=2).contains(&self.members);
        if self.inputs.is_empty() || !widths || !members {
            return Err(LearnError::checkpoint(ABOUT, "names a network that cannot be"));
        }
        Ok(())
    }
}

/// A published ensemble.
#[derive(Debug, Clone)]
pub struct RewardNet {
    pub(super) about: About,
    pub(super) standard: Standard,
    pub(super) values: Vec<f32>,
    members: Vec<Dense>,
}

impl RewardNet {
    pub(crate) fn new(about: About, standard: Standard, values: Vec<f32>) -> Self {
        let (members, _) = about.networks();
        Self { about, standard, values, members }
    }

    /// Its number, from 1.
    pub fn version(&self) -> u32 {
        self.about.version
    }

    /// Signal columns that it reads.
    pub fn inputs(&self) -> &[String] {
        &self.about.inputs
    }

    /// What every member pays for every row, and its deviation, `[M, rows]`.
    ///
    /// # Errors
    /// When the features are no whole rows.
    pub fn member_outputs(&self, features: &[f32]) -> Result<Vec<Vec<(f32, f32)>>, LearnError> {
        let width = self.inputs().len();
        let rows = features.len() / width;
        LearnError::expect_len("the features", features.len(), rows * width)?;
        let mut scores = vec![Vec::with_capacity(rows); self.members.len()];
        for block in features.chunks(BLOCK * width) {
            let rows = block.len() / width;
            let input = Matrix::gather(&self.standard.apply(block), width, 0..rows);
            for (member, scores) in self.members.iter().zip(&mut scores) {
                let output = member.output(&self.values, &input);
                scores.extend((0..rows).map(|row| self.about.head.of(output.row(row))));
            }
        }
        Ok(scores)
    }

    /// What every member pays for all rows together.
    ///
    /// # Errors
    /// When the features are no whole rows.
    pub fn member_returns(&self, features: &[f32]) -> Result<Vec<f64>, LearnError> {
        let total = |scores: Vec<(f32, f32)>| scores.into_iter().map(|(x, _)| f64::from(x)).sum();
        Ok(self.member_outputs(features)?.into_iter().map(total).collect())
    }

    /// Whether it compares s' with s.
    pub fn compares(&self) -> bool {
        self.about.shaping.is_some()
    }

    /// What is paid for each step from a row of `before` to the same row of `now`.
    ///
    /// # Shapes
    /// `before` and `now` are `[rows, F]`, `out` `[rows]`; `before` is read by networks that compare.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn score_between(&self, before: &[f32], now: &[f32], out: &mut [f32]) -> Result<(), LearnError> {
        let Some(gamma) = self.about.shaping else { return self.score(now, out) };
        LearnError::expect_len("the features of s", before.len(), now.len())?;
        let (before, now) = (self.member_outputs(before)?, self.member_outputs(now)?);
        LearnError::expect_len("the scores", out.len(), now[0].len())?;
        for (row, out) in out.iter_mut().enumerate() {
            *out = now[0][row].0 + (gamma * now[1][row].0 - before[1][row].0);
        }
        Ok(())
    }

    /// What is paid for each row; of a network that compares, g alone.
    ///
    /// # Shapes
    /// `features` is `[rows, F]`, `out` `[rows]`.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn score(&self, features: &[f32], out: &mut [f32]) -> Result<(), LearnError> {
        let mut scores = self.member_outputs(features)?;
        scores.truncate(if self.compares() { 1 } else { scores.len() });
        LearnError::expect_len("the scores", out.len(), scores[0].len())?;
        for (row, out) in out.iter_mut().enumerate() {
            *out = self.about.combine.of(scores.iter().map(|member| member[row]));
        }
        Ok(())
    }

    /// The network as named parts.
    ///
    /// # Errors
    /// When the parts cannot be written.
    pub fn save(&self) -> Result<Parts, LearnError> {
        let values = [self.standard.mean.as_slice(), &self.standard.factor, &self.values].concat();
        let weights = write_tensors(WEIGHTS, &saved_specs(&self.about), &[("", &values)])?;
        let about = write_state(ABOUT, &self.about)?;
        Ok(Parts::from([(WEIGHTS.to_owned(), weights), (ABOUT.to_owned(), about)]))
    }

    /// Whether these are the parts of such a network.
    pub fn is_in(parts: &Parts) -> bool {
        parts.contains_key(ABOUT)
    }

    /// A network from saved parts.
    ///
    /// # Errors
    /// When a part is missing or the parts do not fit each other.
    pub fn load(parts: &Parts) -> Result<Self, LearnError> {
        let about: About = read_state(ABOUT, find(parts, ABOUT)?)?;
        about.check()?;
        let [values] = read_tensors(WEIGHTS, find(parts, WEIGHTS)?, &saved_specs(&about), [""])?;
        let (mean, rest) = values.split_at(about.inputs.len());
        let (factor, values) = rest.split_at(about.inputs.len());
        let standard = Standard { mean: mean.to_vec(), factor: factor.to_vec() };
        Ok(Self::new(about, standard, values.to_vec()))
    }
}

/// Everything that is saved, in order.
fn saved_specs(about: &About) -> Vec<ParamSpec> {
    let column = |name: &str| {
        let shape = vec![about.inputs.len() as i64];
        ParamSpec { name: name.into(), shape, init: Init::Constant(0.0) }
    };
    let mut specs = vec![column("input_mean"), column("input_factor")];
    specs.extend(about.networks().1);
    specs
}

/// The published versions of one reward network.
#[derive(Debug, Clone)]
pub struct Published {
    inputs: Vec<String>,
    versions: BTreeMap<u32, RewardNet>,
    /// The version to score under; the newest without one.
    selected: Option<u32>,
}

impl Published {
    /// Of a network that reads these signals nothing is published yet.
    pub fn nothing(inputs: Vec<String>) -> Self {
        Self { inputs, versions: BTreeMap::new(), selected: None }
    }

    /// One version.
    pub fn only(net: RewardNet) -> Self {
        let mut published = Self::nothing(net.inputs().to_vec());
        published.add(net);
        published
    }

    /// Adds a version, or replaces it.
    pub fn add(&mut self, net: RewardNet) {
        self.versions.insert(net.version(), net);
    }

    /// The newest version.
    pub fn newest(&self) -> Option<&RewardNet> {
        self.versions.values().next_back()
    }

    /// Pays by the version that is selected; nothing is scored where there is none.
    fn pay(
        &self,
        out: &mut [f32],
        score: impl FnOnce(&RewardNet, &mut [f32]) -> Result<(), LearnError>,
    ) -> Result<(), String> {
        let version = self.selected.unwrap_or_else(|| self.version());
        match self.versions.get(&version) {
            Some(net) => score(net, out).map_err(|error| error.to_string()),
            None => {
                out.fill(f32::NAN);
                Ok(())
            }
        }
    }
}

impl RewardModel for Published {
    fn version(&self) -> u32 {
        self.newest().map_or(0, RewardNet::version)
    }

    fn inputs(&self) -> &[String] {
        &self.inputs
    }

    fn select(&mut self, version: Option<u32>) -> Result<(), String> {
        if let Some(wanted) = version.filter(|version| *version > 0 && !self.versions.contains_key(version)) {
            return Err(format!("version {wanted} is wanted and not among the {} kept", self.versions.len()));
        }
        self.selected = version;
        Ok(())
    }

    fn publish(&mut self, parts: &Parts, keep: bool) -> Result<(), String> {
        let net = RewardNet::load(parts).map_err(|error| error.to_string())?;
        if !keep {
            self.versions.clear();
        }
        self.add(net);
        Ok(())
    }

    fn compares(&self) -> bool {
        self.newest().is_some_and(RewardNet::compares)
    }

    fn score(&mut self, features: &[f32], out: &mut [f32]) -> Result<(), String> {
        self.pay(out, |net, out| net.score(features, out))
    }

    fn score_between(&mut self, before: &[f32], now: &[f32], out: &mut [f32]) -> Result<(), String> {
        self.pay(out, |net, out| net.score_between(before, now, out))
    }
}
