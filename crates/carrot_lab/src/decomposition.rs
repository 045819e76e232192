//! Credit for single steps out of the returns of whole episodes, beside a training.

use carrot_learn::Parts;
use carrot_learn::decomposition::{
    Credit, DecompositionConfig, DecompositionReport, DecompositionTrainer, PaidEpisode,
};
use carrot_learn::preference::Published;
use carrot_reward::{Graph, Ledger, RewardModel};
use carrot_scene::{Diagnostics, NodeRef, Reader};
use carrot_sim::{Rollout, Task};

use crate::error::LabError;
use crate::learned::{
    Inputs, LastNet, LearnedReward, learned_state, read_learned_state, read_model, read_settings,
};
use crate::versions::PublishedVersion;

const STATE: &str = "episodes.postcard";

/// Credit that terms read as a model; what it sums up is the trained reward itself, to whose return it adds nothing.
///
/// ```ron
/// reward: [
///     (name: "goal", kind: Event(signal: "at_goal")),
///     (name: "credit", kind: Model(name: "credit")),
/// ],
/// decomposition: (model: "credit", network: (steps: 64)),
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct DecompositionSpec {
    /// Name of the model.
    pub model: String,
    /// How it is fitted.
    pub config: DecompositionConfig,
    inputs: Inputs,
}

impl DecompositionSpec {
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
        let inputs = Inputs::read(&mut reader, task);
        let network = reader.node("network");
        reader.finish();
        let config = match network {
            Some(node) => read_settings(&node, DecompositionConfig::read, diagnostics)?,
            None => DecompositionConfig::default(),
        };
        let spec = Self { model: model?, config, inputs };
        (diagnostics.len() == before).then_some(spec)
    }

    /// The model before anything is published.
    pub(crate) fn nothing(&self) -> Credit {
        Credit::new(Published::nothing(self.inputs.names.clone()))
    }
}

/// Credit on its way.
pub(crate) struct Decomposition {
    spec: DecompositionSpec,
    trainer: DecompositionTrainer,
    published: LastNet,
    report: Option<DecompositionReport>,
    /// The episodes under way, one per row.
    open: Vec<PaidEpisode>,
}

impl Decomposition {
    /// Nothing seen.
    pub(crate) fn new(spec: DecompositionSpec, num_envs: usize, seed: u64) -> Result<Self, LabError> {
        let trainer = DecompositionTrainer::new(spec.config.clone(), spec.inputs.names.clone(), seed)?;
        Ok(Self {
            spec,
            trainer,
            published: LastNet::default(),
            report: None,
            open: vec![PaidEpisode::default(); num_envs],
        })
    }

    /// Goes on with the episodes under way; gives those that ended.
    fn follow(&mut self, rollout: &Rollout, ledger: &Ledger) -> Vec<PaidEpisode> {
        let (n, width) = (rollout.num_envs, self.spec.inputs.columns.len());
        let rows = self.spec.inputs.rows(rollout);
        let mut ended = Vec::new();
        let Some(own) = ledger.graphs.first() else { return ended };
        for (cell, row) in rows.chunks_exact(width.max(1)).enumerate() {
            let (t, env) = (cell / n, cell % n);
            let open = &mut self.open[env];
            open.features.extend_from_slice(row);
            open.paid += (0..own.totals.len()).map(|group| own.total(t, group)[env]).sum::<f32>();
            if rollout.terminated[cell] || rollout.truncated[cell] {
                ended.push(std::mem::take(open));
            }
        }
        ended
    }
}

impl LearnedReward for Decomposition {
    fn name(&self) -> &str {
        &self.spec.model
    }

    fn model(&self) -> Box<dyn RewardModel> {
        Box::new(Credit::new(self.published.model(&self.spec.inputs.names)))
    }

    fn after_rollout(
        &mut self,
        rollout: &Rollout,
        ledger: &Ledger,
    ) -> Result<Option<PublishedVersion>, LabError> {
        let ended = self.follow(rollout, ledger);
        self.trainer.remember(ended);
        self.report = self.trainer.learn()?;
        if !self.report.is_some_and(|report| report.kept) {
            return Ok(None);
        }
        let net = self.trainer.publish()?;
        self.published.publish(&self.spec.model, net).map(Some)
    }

    fn warning(&self) -> Option<String> {
        let refused = self.report.filter(|report| !report.kept);
        refused.map(|_| self.published.taken_back(&self.spec.model, "a rollout"))
    }

    fn scalars(&self) -> Vec<(String, f64)> {
        let Some(report) = self.report else { return Vec::new() };
        let kept = f64::from(u8::from(report.kept));
        let values = [("error", report.error), ("deviation", report.deviation), ("kept", kept)];
        values.into_iter().map(|(tag, value)| (format!("decomposition/{tag}"), value)).collect()
    }

    fn save(&self) -> Result<Parts, LabError> {
        let mut parts = self.trainer.save()?;
        self.published.save(&mut parts)?;
        parts.extend(learned_state(STATE, &self.open)?);
        Ok(parts)
    }

    fn load(&mut self, parts: &Parts) -> Result<(), LabError> {
        let open = read_learned_state(STATE, parts)?;
        let published = LastNet::load(parts)?;
        self.trainer.load(parts)?;
        (self.open, self.published) = (open, published);
        Ok(())
    }
}
