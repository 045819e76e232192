//! A reward from demonstrations, beside a training: who shows it, and what is published.

use std::path::PathBuf;

use carrot_learn::Parts;
use carrot_learn::imitation::{AdversaryConfig, AdversaryReport, AdversaryReward, AdversaryTrainer};
use carrot_learn::preference::{Published, RewardNet};
use carrot_record::Episode;
use carrot_reward::{Graph, Revision, RewardModel};
use carrot_scene::{Diagnostics, NodeRef, Reader};
use carrot_sim::{Rollout, Task};
use serde::Deserialize;

use crate::error::LabError;
use crate::evaluate::{Actor, record_episodes};
use crate::learned::{Inputs, LearnedReward, read_model};
use crate::setup::Setup;
use crate::versions::PublishedVersion;

/// Seed of demonstrations, apart from those of trainings and evaluations.
const SEED: u64 = 30_000;

/// Who shows how it is done.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Demonstrations {
    /// A script of the task.
    Script {
        /// Its name.
        #[serde(default = "expert")]
        name: String,
        /// Episodes.
        episodes: usize,
    },
    /// The recorded episodes of a run, best first.
    Run {
        /// Its folder.
        path: PathBuf,
        /// Episodes.
        episodes: usize,
    },
}

fn expert() -> String {
    "expert".into()
}

/// A reward that terms read as a model.
///
/// ```ron
/// reward: [(name: "alike", kind: Model(name: "alike"))],
/// imitation: (model: "alike", demonstrations: Script(episodes: 10), network: (penalty: 10.0)),
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ImitationSpec {
    /// Name of the model.
    pub model: String,
    /// Who shows it.
    pub demonstrations: Demonstrations,
    /// What is paid.
    pub reward: AdversaryReward,
    /// The network that tells expert from agent.
    pub network: AdversaryConfig,
    inputs: Inputs,
}

impl ImitationSpec {
    /// Reads the part; every mistake is reported.
    pub(crate) fn read(
        node: &NodeRef,
        task: &dyn Task,
        graphs: &[Graph],
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let before = diagnostics.len();
        let mut reader = Reader::open(node, diagnostics)?;
        let model = read_model(&mut reader, graphs);
        let demonstrations: Option<Demonstrations> = reader.required("demonstrations");
        let inputs = Inputs::read(&mut reader, task);
        let reward = reader.optional("reward", AdversaryReward::default());
        let network = reader.node("network");
        if let Some(Demonstrations::Script { name, .. }) = &demonstrations
            && task.spec().script(name).is_none()
        {
            let names: Vec<&str> = task.spec().scripts.iter().map(|script| script.name).collect();
            let help = format!("it has {}", names.join(", "));
            reader.refuse("demonstrations", format!("the task has no script `{name}`"), help);
        }
        reader.finish();
        let network = match network {
            None => AdversaryConfig::default(),
            Some(node) => {
                let mut reader = Reader::open(&node, diagnostics)?;
                let network = AdversaryConfig::read(&mut reader);
                reader.finish();
                network?
            }
        };
        let spec = Self { model: model?, demonstrations: demonstrations?, reward, network, inputs };
        (diagnostics.len() == before).then_some(spec)
    }

    /// Names of the signals that it reads.
    pub fn inputs(&self) -> &[String] {
        &self.inputs.names
    }
}

/// States of the demonstrations, `[rows, F]`.
fn demonstrated(spec: &ImitationSpec, setup: &Setup) -> Result<Vec<f32>, LabError> {
    let episodes: Vec<Episode> = match &spec.demonstrations {
        Demonstrations::Script { name, episodes } => {
            let missing = || LabError::Refused(format!("the task has no script `{name}`"));
            let script = setup.task.spec().script(name).ok_or_else(missing)?;
            let mut models = crate::models::load_models(setup)?;
            let revision = Revision::initial(&setup.graphs);
            record_episodes(setup, &revision, &mut models, &Actor::Script(script), *episodes, SEED)?.1
        }
        Demonstrations::Run { path, episodes } => {
            let mut all = crate::rescore::read_episodes(path)?;
            let last = |episode: &Episode| episode.score.last().copied().unwrap_or(0.0);
            // Stable: equals stay in the order in which they were played.
            all.sort_by(|a, b| last(b).total_cmp(&last(a)));
            all.truncate(*episodes);
            all
        }
    };
    let width = setup.task.spec().catalog().width();
    let mut rows = Vec::new();
    for episode in &episodes {
        if episode.signals.len() != (episode.steps + 1) * width {
            let message = "the demonstrations do not have the signals of this task";
            return Err(LabError::Refused(message.into()));
        }
        for row in episode.signals.chunks_exact(width).skip(1) {
            rows.extend(spec.inputs.columns.iter().map(|&column| row[column]));
        }
    }
    Ok(rows)
}

/// The reward on its way.
pub(crate) struct Imitation {
    spec: ImitationSpec,
    trainer: AdversaryTrainer,
    published: Option<RewardNet>,
    report: Option<AdversaryReport>,
}

impl Imitation {
    /// Watches the demonstrations.
    pub(crate) fn new(spec: ImitationSpec, setup: &Setup, seed: u64) -> Result<Self, LabError> {
        let expert = demonstrated(&spec, setup)?;
        let (inputs, ranges) = (spec.inputs.names.clone(), &spec.inputs.ranges);
        let trainer =
            AdversaryTrainer::new(spec.network.clone(), inputs, ranges, &expert, spec.reward, seed)?;
        Ok(Self { spec, trainer, published: None, report: None })
    }
}

impl LearnedReward for Imitation {
    fn name(&self) -> &str {
        &self.spec.model
    }

    fn model(&self) -> Box<dyn RewardModel> {
        Box::new(match &self.published {
            Some(net) => Published::only(net.clone()),
            None => Published::nothing(self.spec.inputs.names.clone()),
        })
    }

    fn after_rollout(&mut self, rollout: &Rollout) -> Result<Option<PublishedVersion>, LabError> {
        let report = self.trainer.learn(&self.spec.inputs.rows(rollout))?;
        self.report = Some(report);
        if !report.kept {
            return Ok(None);
        }
        let net = self.trainer.publish()?;
        let (model, version, parts) = (self.spec.model.clone(), net.version(), net.save()?);
        self.published = Some(net);
        Ok(Some(PublishedVersion { model, version, parts }))
    }

    fn scalars(&self) -> Vec<(String, f64)> {
        let Some(report) = self.report else { return Vec::new() };
        let kept = f64::from(u8::from(report.kept));
        let values =
            [("loss", report.loss), ("accuracy", report.accuracy), ("slope", report.slope), ("kept", kept)];
        values.into_iter().map(|(tag, value)| (format!("imitation/{tag}"), value)).collect()
    }

    fn save(&self) -> Result<Parts, LabError> {
        let mut parts = self.trainer.save()?;
        if let Some(net) = &self.published {
            parts.extend(net.save()?);
        }
        Ok(parts)
    }

    fn load(&mut self, parts: &Parts) -> Result<(), LabError> {
        self.trainer.load(parts)?;
        self.published = if RewardNet::is_in(parts) { Some(RewardNet::load(parts)?) } else { None };
        Ok(())
    }
}
