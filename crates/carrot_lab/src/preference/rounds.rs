//! Rounds of questions beside a training: segments, pairs, answers, a fit, and what is published of it.
//!
//! All of it happens between two rollouts, and depends on the rollouts, the answers and the seed alone.

use std::collections::{BTreeMap, VecDeque};

use carrot_learn::Parts;
use carrot_learn::preference::{
    Answer, FitReport, Hierarchy, Pair, RewardTrainer, Segment, Verdict, choose_pairs, judge_by_one_of,
};
use carrot_reward::{Ledger, RewardModel};
use carrot_sim::{Rollout, VecEnv};
use serde::{Deserialize, Serialize};

use super::config::{Annotator, PreferenceConfig};
use super::segments::sample;
use super::store::{Label, Says};
use super::takes::{PairTakes, Takes};
use crate::error::LabError;
use crate::learned::LastNet;
use crate::versions::PublishedVersion;

/// Part of a checkpoint.
const STATE: &str = "preference.postcard";
/// Only where people compare.
const TAKES: &str = "takes.postcard";
/// Segments drawn from a rollout, and segments that are remembered.
const DRAWN: usize = 64;
const REMEMBERED: usize = 512;

/// A reward network on its way: what was asked, what was answered, and what is fitted to it.
pub struct Preferences {
    config: PreferenceConfig,
    seed: u64,
    trainer: RewardTrainer,
    published: LastNet,
    state: State,
    takes: Takes,
}

/// What changes from update to update, beside the networks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct State {
    /// Segments to choose from, the newest last.
    pool: VecDeque<Segment>,
    /// Pairs without an answer.
    open: BTreeMap<u64, Pair>,
    answered: BTreeMap<u64, (Pair, Verdict)>,
    /// Pairs asked for so far; the number of the next one.
    asked: u64,
    rounds: u32,
    rollouts: u32,
    /// Passes that are due since an answer came or changed.
    passes: usize,
    last_fit: Option<FitReport>,
    refused_fits: u64,
    refused_segments: u64,
}

/// What a rollout led to.
#[derive(Debug, Default)]
pub struct News {
    /// Pairs that are asked for.
    pub asked: Vec<Pair>,
    /// What people need to see them again, by number of the pair.
    pub takes: Vec<(u64, PairTakes)>,
    /// Answers of simulated annotators.
    pub labels: Vec<Label>,
    /// The network that rewards from the next rollout on.
    pub published: Option<PublishedVersion>,
    /// What went wrong, and what was done about it.
    pub warning: Option<String>,
}

impl Preferences {
    /// Nothing asked yet.
    ///
    /// # Errors
    /// When the network cannot be built.
    pub(crate) fn new(config: PreferenceConfig, seed: u64) -> Result<Self, LabError> {
        let trainer =
            RewardTrainer::new(config.network.clone(), config.inputs.clone(), config.combine, seed)?;
        let (published, state, takes) = (LastNet::default(), State::default(), Takes::default());
        Ok(Self { config, seed, trainer, published, state, takes })
    }

    /// What was read of the scene.
    pub fn config(&self) -> &PreferenceConfig {
        &self.config
    }

    /// Pairs that wait for an answer, oldest first.
    pub fn open(&self) -> impl Iterator<Item = &Pair> {
        self.state.open.values()
    }

    /// Pairs with an answer.
    pub fn answered(&self) -> usize {
        self.state.answered.len()
    }

    /// The network that rewards, as a model.
    pub(crate) fn model(&self) -> Box<dyn RewardModel> {
        Box::new(self.published.model(&self.config.inputs))
    }

    /// Takes a person's answer; false when nobody was asked about such a pair.
    pub fn hear(&mut self, label: &Label) -> bool {
        let state = &mut self.state;
        let known = state.answered.remove(&label.pair);
        let before = known.as_ref().map(|(_, verdict)| *verdict);
        let Some(pair) = known.map(|(pair, _)| pair).or_else(|| state.open.remove(&label.pair)) else {
            return false;
        };
        let says = label.says.verdict();
        match says {
            Some(verdict) => drop(state.answered.insert(label.pair, (pair, verdict))),
            None => drop(state.open.insert(label.pair, pair)),
        }
        if before != says {
            state.passes = self.config.network.epochs;
        }
        true
    }

    /// Takes over pairs that an earlier process asked for after the checkpoint from which this one goes on. Segments that
    /// the network cannot read are counted and left out with their pair.
    pub(crate) fn adopt(&mut self, pairs: Vec<Pair>) {
        let width = self.config.inputs.len();
        let fits = |own: &Segment| {
            !own.features.is_empty()
                && own.features.len().is_multiple_of(width)
                && own.features.iter().all(|x| x.is_finite())
        };
        let first = self.state.asked;
        for pair in pairs.into_iter().filter(|pair| pair.id >= first) {
            self.state.asked = pair.id + 1;
            if fits(&pair.left) && fits(&pair.right) {
                self.state.open.insert(pair.id, pair);
            } else {
                self.state.refused_segments += 1;
            }
        }
    }

    /// Looks at the batch before a rollout, so that people can be shown what happens in it.
    ///
    /// # Errors
    /// When a row's state cannot be written.
    pub(crate) fn before_rollout(&mut self, env: &VecEnv) -> Result<(), LabError> {
        if self.config.asks_people() {
            self.takes.begin(env)?;
        }
        Ok(())
    }

    /// Looks at a finalised rollout: may ask, be answered, fit and publish.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub(crate) fn after_rollout(
        &mut self,
        rollout: &Rollout,
        ledger: &Ledger,
        env_steps: u64,
    ) -> Result<News, LabError> {
        let gold = self.config.gold.map(|graph| &ledger.graphs[graph]);
        let found = sample(&self.config, rollout, gold, DRAWN, (self.seed, env_steps, self.state.rollouts));
        self.state.refused_segments += found.refused;
        self.takes.keep(&found.segments, rollout);
        self.state.pool.extend(found.segments);
        let extra = self.state.pool.len().saturating_sub(REMEMBERED);
        self.state.pool.drain(..extra);
        self.takes.forget(&self.state.pool);

        let mut news = News { asked: self.ask()?, ..News::default() };
        if self.config.asks_people() {
            let takes = |pair: &Pair| (pair.id, self.takes.of(pair, self.config.inputs.len()));
            news.takes = news.asked.iter().map(takes).collect();
        }
        news.labels = self.answer();
        self.state.rollouts += 1;
        if self.state.passes > 0 {
            self.fit(&mut news)?;
        }
        Ok(news)
    }

    /// Asks for the pairs that are due.
    fn ask(&mut self) -> Result<Vec<Pair>, LabError> {
        let (queries, state) = (&self.config.queries, &mut self.state);
        let due = match state.rounds {
            0 => queries.first,
            _ if u64::from(state.rollouts).is_multiple_of(queries.every) => queries.round,
            _ => 0,
        };
        // People have their own pace: no more is asked than they are behind by.
        let room = queries.first.max(queries.round).saturating_sub(state.open.len() as u64);
        let count = due.min(queries.labels.saturating_sub(state.asked)).min(room) as usize;
        if count == 0 {
            return Ok(Vec::new());
        }
        let pool: Vec<&Segment> = state.pool.iter().collect();
        let (net, seed) = (self.published.0.as_ref(), self.seed);
        let chosen = choose_pairs(queries.choice, &pool, count, queries.candidates, net, seed, state.rounds)?;
        let pair = |(i, (left, right)): (usize, &(usize, usize))| Pair {
            id: state.asked + i as u64,
            left: pool[*left].clone(),
            right: pool[*right].clone(),
        };
        let asked: Vec<Pair> = chosen.iter().enumerate().map(pair).collect();
        if !asked.is_empty() {
            state.rounds += 1;
        }
        state.asked += asked.len() as u64;
        state.open.extend(asked.iter().map(|pair| (pair.id, pair.clone())));
        Ok(asked)
    }

    /// Lets a simulated annotator answer everything that is open.
    fn answer(&mut self) -> Vec<Label> {
        let hierarchy = match &self.config.annotator {
            Annotator::People => return Vec::new(),
            Annotator::Hierarchy { factors, margin, .. } => {
                let pool: Vec<&Segment> = self.state.pool.iter().collect();
                Hierarchy::new(*margin, factors.len(), &pool)
            }
            Annotator::Simulated { .. } | Annotator::Populations { .. } => Hierarchy::default(),
        };
        let judge = |pair: &Pair| match &self.config.annotator {
            Annotator::People => None,
            Annotator::Simulated { faults, .. } => {
                Some(("simulated".to_string(), faults.judge(pair, self.seed)))
            }
            Annotator::Hierarchy { .. } => Some(("hierarchy".to_string(), hierarchy.judge(pair))),
            Annotator::Populations { of, .. } => judge_by_one_of(of, pair, self.seed)
                .map(|(who, verdict)| (format!("population {who}"), verdict)),
        };
        let label = |pair: &Pair| {
            let (by, verdict) = judge(pair)?;
            Some(Label::new(pair.id, verdict.into(), &by, ""))
        };
        let labels: Vec<Label> = self.state.open.values().filter_map(label).collect();
        for label in &labels {
            self.hear(label);
        }
        labels
    }

    /// Fits the network to all answers, and publishes it if its numbers are sound.
    fn fit(&mut self, news: &mut News) -> Result<(), LabError> {
        let due = std::mem::take(&mut self.state.passes);
        let answers: Vec<(&Pair, Answer)> = self
            .state
            .answered
            .values()
            .filter_map(|(pair, verdict)| Some((pair, verdict.answer()?)))
            .collect();
        if answers.is_empty() {
            return Ok(());
        }
        let report = self.trainer.fit(&answers, due)?;
        self.state.last_fit = Some(report);
        if report.kept {
            self.state.passes = due.saturating_sub(report.passes);
            let net = self.trainer.publish()?;
            news.published = Some(self.published.publish(&self.config.model, net)?);
            return Ok(());
        }
        self.state.refused_fits += 1;
        let after = format!("{} answers", answers.len());
        news.warning = Some(self.published.taken_back(&self.config.model, &after));
        Ok(())
    }

    /// Numbers under the tags of `metrics.jsonl`.
    pub(crate) fn scalars(&self) -> Vec<(&'static str, f64)> {
        let state = &self.state;
        let mut scalars = vec![
            ("preference/asked", state.asked as f64),
            ("preference/labels", state.answered.len() as f64),
            ("preference/version", self.published.0.as_ref().map_or(0.0, |net| f64::from(net.version()))),
            ("preference/refused_fits", state.refused_fits as f64),
            ("preference/refused_segments", state.refused_segments as f64),
        ];
        if let Some(fit) = state.last_fit.filter(|fit| fit.kept) {
            scalars.extend([("preference/loss", fit.loss), ("preference/accuracy", fit.accuracy)]);
        }
        scalars
    }

    /// Everything to go on from, as named parts.
    pub(crate) fn save(&self, parts: &mut Parts) -> Result<(), LabError> {
        parts.extend(self.trainer.save()?);
        self.published.save(parts)?;
        parts.insert(STATE.into(), postcard::to_stdvec(&self.state).map_err(part_error)?);
        if self.config.asks_people() {
            parts.insert(TAKES.into(), postcard::to_stdvec(&self.takes).map_err(part_error)?);
        }
        Ok(())
    }

    /// Goes on from saved parts, bit for bit.
    pub(crate) fn load(&mut self, parts: &Parts) -> Result<(), LabError> {
        let missing = || LabError::Part { part: STATE.into(), why: "it is missing".into() };
        let state = postcard::from_bytes(parts.get(STATE).ok_or_else(missing)?).map_err(part_error)?;
        let published = LastNet::load(parts)?;
        self.trainer.load(parts)?;
        if let Some(takes) = parts.get(TAKES) {
            self.takes = postcard::from_bytes(takes).map_err(part_error)?;
        }
        (self.state, self.published) = (state, published);
        Ok(())
    }
}

impl From<Verdict> for Says {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Left => Self::Left,
            Verdict::Right => Self::Right,
            Verdict::Equal => Self::Equal,
            Verdict::Skip => Self::Skip,
        }
    }
}

fn part_error(error: postcard::Error) -> LabError {
    LabError::Part { part: STATE.into(), why: error.to_string() }
}
