//! Bonuses for what is new, beside a training: which signals tell states from another, and what is published.

use carrot_learn::Parts;
use carrot_learn::novelty::{EpisodicBonus, GlobalBonus, Novelty, NoveltyConfig, NoveltyTrainer};
use carrot_reward::{Graph, RewardModel};
use carrot_scene::{Diagnostics, NodeRef, Reader, nearest};
use carrot_sim::{Rollout, Task};

use crate::error::LabError;
use crate::versions::{PublishedVersion, check_name};

/// A bonus that terms read as a model.
///
/// ```ron
/// reward: [
///     (name: "goal", kind: Event(signal: "at_goal")),
///     (name: "new", kind: Model(name: "new"), weight: 0.01, group: "novelty"),
/// ],
/// novelty: [(model: "new", inputs: ["agent_x", "agent_y", "has_key"], episodic: Counts(cells: 16), global: Rnd())],
/// learner: Ppo(gamma: 0.999, group_gammas: {"novelty": 0.99}),
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct NoveltySpec {
    /// Name of the model.
    pub model: String,
    /// What is paid for.
    pub config: NoveltyConfig,
    /// Numbers of its inputs' columns.
    columns: Vec<usize>,
}

/// Names of the models in a `novelty` part, which rewards must know before anything else is read.
pub(crate) fn model_names(node: &NodeRef) -> Vec<String> {
    node.items().unwrap_or_default().iter().filter_map(crate::preference::model_name).collect()
}

impl NoveltySpec {
    /// Reads the list; every mistake is reported.
    pub(crate) fn read_all(
        node: &NodeRef,
        task: &dyn Task,
        graphs: &[Graph],
        diagnostics: &mut Diagnostics,
    ) -> Vec<Self> {
        let Some(items) = node.items() else {
            let help = "write `[(model: \"new\", inputs: [\"..\"], episodic: Counts(cells: 16))]`";
            diagnostics.error(&node.head(), "expected a list of bonuses", "", help);
            return Vec::new();
        };
        items.iter().filter_map(|item| Self::read(item, task, graphs, diagnostics)).collect()
    }

    fn read(
        node: &NodeRef,
        task: &dyn Task,
        graphs: &[Graph],
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let before = diagnostics.len();
        let mut reader = Reader::open(node, diagnostics)?;
        let model: Option<String> = reader.required("model");
        if let Some(name) = &model {
            check_name(name, &mut reader);
        }
        let inputs: Option<Vec<String>> = reader.required("inputs");
        let episodic: Option<EpisodicBonus> = reader.optional("episodic", None);
        let global: Option<GlobalBonus> = reader.optional("global", None);
        let inputs = inputs.unwrap_or_default();
        let catalog = task.spec().catalog();
        let names = catalog.column_names();
        let all_ranges: Vec<(f32, f32)> =
            catalog.iter().flat_map(|(_, spec)| vec![spec.range; spec.kind.width()]).collect();
        let (mut columns, mut ranges) = (Vec::new(), Vec::new());
        for input in &inputs {
            match names.iter().position(|name| name == input) {
                Some(column) => {
                    columns.push(column);
                    ranges.push(all_ranges[column]);
                }
                None => {
                    let near = nearest(input, &names).map(|name| format!("did you mean `{name}`?"));
                    reader.refuse("inputs", format!("unknown signal `{input}`"), near.unwrap_or_default());
                }
            }
        }
        if let Some(name) = &model
            && !graphs.iter().flat_map(Graph::models).any(|(used, ..)| used == name)
        {
            let help = format!("add a term such as (name: \"{name}\", kind: Model(name: \"{name}\"))");
            reader.refuse("model", format!("no reward reads the bonus `{name}`"), help);
        }
        let config = NoveltyConfig { inputs, ranges, episodic, global };
        reader.finish();
        if diagnostics.len() == before
            && let Err(error) = config.check()
        {
            diagnostics.error(&node.head(), error.to_string(), "", "");
        }
        let spec = Self { model: model?, config, columns };
        (diagnostics.len() == before).then_some(spec)
    }
}

/// A bonus on its way.
pub(crate) struct NoveltyReward {
    spec: NoveltySpec,
    trainer: Option<NoveltyTrainer>,
}

impl NoveltyReward {
    /// Nothing seen.
    pub(crate) fn new(spec: NoveltySpec, seed: u64) -> Result<Self, LabError> {
        let trainer = NoveltyTrainer::new(spec.config.clone(), seed)?;
        Ok(Self { spec, trainer })
    }

    /// Name of the model.
    pub(crate) fn name(&self) -> &str {
        &self.spec.model
    }

    /// The model in its present version, at the beginning of every episode.
    pub(crate) fn model(&self) -> Box<dyn RewardModel> {
        Box::new(Novelty::of(self.spec.config.clone(), self.trainer.as_ref()))
    }

    /// Takes the states of a finished rollout in; gives the version that pays from the next one on.
    pub(crate) fn after_rollout(&mut self, rollout: &Rollout) -> Result<Option<PublishedVersion>, LabError> {
        let Some(trainer) = &mut self.trainer else { return Ok(None) };
        let mut features = Vec::new();
        for t in 0..rollout.filled {
            let Some(view) = rollout.signals_now(t) else { continue };
            for row in 0..rollout.num_envs {
                features.extend(self.spec.columns.iter().map(|&column| view.column(column)[row]));
            }
        }
        let parts = trainer.learn(&features)?;
        Ok(Some(PublishedVersion { model: self.spec.model.clone(), version: trainer.version(), parts }))
    }

    /// Adds what there is to go on from.
    pub(crate) fn save(&self, parts: &mut Parts) -> Result<(), LabError> {
        if let Some(trainer) = &self.trainer {
            let own = trainer.save()?.into_iter();
            parts.extend(own.map(|(part, bytes)| (format!("{}{part}", self.prefix()), bytes)));
        }
        Ok(())
    }

    /// Goes on from saved parts, bit for bit.
    pub(crate) fn load(&mut self, parts: &Parts) -> Result<(), LabError> {
        let prefix = self.prefix();
        if let Some(trainer) = &mut self.trainer {
            let own = parts.iter().filter_map(|(part, bytes)| Some((part.strip_prefix(&prefix)?, bytes)));
            trainer.load(&own.map(|(part, bytes)| (part.to_owned(), bytes.clone())).collect())?;
        }
        Ok(())
    }

    fn prefix(&self) -> String {
        format!("novelty.{}.", self.spec.model)
    }
}
