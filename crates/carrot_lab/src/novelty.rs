//! Bonuses for what is new, beside a training: which signals tell states from another, and what is published.

use carrot_learn::Parts;
use carrot_learn::novelty::{EpisodicBonus, GlobalBonus, Novelty, NoveltyConfig, NoveltyTrainer};
use carrot_reward::{Graph, Ledger, RewardModel};
use carrot_scene::{Diagnostics, NodeRef, Reader};
use carrot_sim::{Rollout, Task};

use crate::error::LabError;
use crate::learned::{Inputs, LearnedReward, read_model};
use crate::versions::PublishedVersion;

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
    inputs: Inputs,
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
        let model = read_model(&mut reader, graphs);
        let episodic: Option<EpisodicBonus> = reader.optional("episodic", None);
        let global: Option<GlobalBonus> = reader.optional("global", None);
        let mut inputs = Inputs::read(&mut reader, task);
        reader.finish();
        let mut actions = Vec::new();
        if global.as_ref().is_some_and(GlobalBonus::compares) {
            actions = inputs.add_actions(task);
        }
        let (names, ranges) = (inputs.names.clone(), inputs.ranges.clone());
        let config = NoveltyConfig { inputs: names, ranges, actions, episodic, global };
        if diagnostics.len() == before
            && let Err(error) = config.check()
        {
            diagnostics.error(&node.head(), error.to_string(), "", "");
        }
        let spec = Self { model: model?, config, inputs };
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
}

impl LearnedReward for NoveltyReward {
    fn name(&self) -> &str {
        &self.spec.model
    }

    fn model(&self) -> Box<dyn RewardModel> {
        Box::new(Novelty::of(self.spec.config.clone(), self.trainer.as_ref()))
    }

    fn first_version(&self) -> Result<Option<PublishedVersion>, LabError> {
        let Some(trainer) = &self.trainer else { return Ok(None) };
        let (model, version) = (self.spec.model.clone(), trainer.version());
        Ok(Some(PublishedVersion { model, version, parts: trainer.published()? }))
    }

    fn after_rollout(
        &mut self,
        rollout: &Rollout,
        _ledger: &Ledger,
    ) -> Result<Option<PublishedVersion>, LabError> {
        let Some(trainer) = &mut self.trainer else { return Ok(None) };
        let (inputs, compares) = (&self.spec.inputs, self.spec.config.compares());
        let before = if compares { rollout.rows_before(&inputs.columns) } else { None };
        let parts = trainer.learn(&before.unwrap_or_default(), &inputs.rows(rollout))?;
        Ok(Some(PublishedVersion { model: self.spec.model.clone(), version: trainer.version(), parts }))
    }

    fn save(&self) -> Result<Parts, LabError> {
        Ok(self.trainer.as_ref().map_or_else(|| Ok(Parts::new()), NoveltyTrainer::save)?)
    }

    fn load(&mut self, parts: &Parts) -> Result<(), LabError> {
        Ok(self.trainer.as_mut().map_or(Ok(()), |trainer| trainer.load(parts))?)
    }
}
