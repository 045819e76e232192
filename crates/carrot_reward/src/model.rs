//! The interface of learned rewards.

use std::collections::BTreeMap;

use carrot_sim::{Look, Rollout, SignalCatalog};

use crate::error::RewardError;
use crate::graph::Graph;
use crate::question::Question;
use crate::revision::Revision;

/// A published reward network. The network that is being trained is another object until it is published.
pub trait RewardModel: Send {
    /// Newest version of the published weights; it is recorded with every step that they score. 0 is for a network
    /// of which nothing is published yet: it leaves NaN, which counts as not scored.
    fn version(&self) -> u32;

    /// Scores under a published version from here on, or under the newest.
    ///
    /// # Errors
    /// A sentence for people when that version is not there.
    fn select(&mut self, version: Option<u32>) -> Result<(), String> {
        match version {
            Some(wanted) if wanted != self.version() => {
                Err(format!("version {wanted} is wanted, there is only {}", self.version()))
            }
            _ => Ok(()),
        }
    }

    /// Signal columns that it reads, by column name (`name` or `name.x`).
    fn inputs(&self) -> &[String];

    /// Scores rows: the same row gives the same bits in a batch of any size.
    ///
    /// # Shapes
    /// `features` `[M, F]` row-major, `out` `[M]`.
    ///
    /// # Errors
    /// A sentence for people when the network cannot be evaluated.
    fn score(&mut self, features: &[f32], out: &mut [f32]) -> Result<(), String>;

    /// Whether a step can be scored in its episode alone, by [`RewardModel::score_steps`].
    fn needs_episode(&self) -> bool {
        false
    }

    /// Whether it reads s beside s'.
    fn compares(&self) -> bool {
        false
    }

    /// Scores steps that have nothing to do with each other, each from a row of `before` to the same row of `now`.
    ///
    /// # Shapes
    /// `before` and `now` `[M, F]` row-major, `out` `[M]`; `before` is empty for a model that does not compare.
    ///
    /// # Errors
    /// Those of [`RewardModel::score`].
    fn score_between(&mut self, before: &[f32], now: &[f32], out: &mut [f32]) -> Result<(), String> {
        let _ = before;
        self.score(now, out)
    }

    /// Scores steps in their order, for models that remember what they have seen of an episode.
    ///
    /// # Shapes
    /// `out` `[T, N]`.
    ///
    /// # Errors
    /// Those of [`RewardModel::score`].
    fn score_steps(&mut self, steps: &StepRows<'_>, out: &mut [f32]) -> Result<(), String> {
        self.score_between(steps.before, steps.features, out)
    }

    /// Adds a published version; without `keep`, in place of all others.
    ///
    /// # Errors
    /// A sentence for people when the parts are not those of such a model.
    fn publish(&mut self, parts: &BTreeMap<String, Vec<u8>>, keep: bool) -> Result<(), String> {
        let _ = (parts, keep);
        Err("this model has one version for good".into())
    }

    /// What is remembered of the episodes under way, for a checkpoint; empty where nothing is.
    ///
    /// # Errors
    /// A sentence for people when it cannot be written.
    fn memory(&self) -> Result<Vec<u8>, String> {
        Ok(Vec::new())
    }

    /// Goes on from what [`RewardModel::memory`] gave.
    ///
    /// # Errors
    /// A sentence for people when it does not fit.
    fn restore(&mut self, memory: &[u8]) -> Result<(), String> {
        if memory.is_empty() { Ok(()) } else { Err("this model remembers nothing".into()) }
    }

    /// The same model as one that can be asked about pictures.
    fn pictures(&mut self) -> Option<&mut dyn PictureScorer> {
        None
    }
}

/// An image-text model that draws what was looked at and answers questions about it.
pub trait PictureScorer {
    /// Answers every question about every look: the same drawing gives the same bits in any company.
    ///
    /// # Shapes
    /// Q questions, L looks; the answers are `[Q, L]`.
    ///
    /// # Errors
    /// A sentence for people when pictures cannot be drawn or the model cannot be evaluated.
    fn answers(&mut self, questions: &[&Question], looks: &[&Look]) -> Result<Vec<f32>, String>;

    /// The picture that it sees of a look.
    ///
    /// # Errors
    /// A sentence for people when it cannot be drawn.
    fn picture(&mut self, look: &Look) -> Result<Picture, String> {
        Err(format!("it has no picture of step {}", look.step))
    }
}

/// A square picture.
///
/// # Shapes
/// `rgb` `[size, size, 3]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Picture {
    /// Pixels on a side.
    pub size: usize,
    /// Its bytes.
    pub rgb: Vec<u8>,
}

/// The steps of rows that stand beside each other, in their order.
///
/// # Shapes
/// T steps, N rows, F features.
#[derive(Debug, Clone, Copy)]
pub struct StepRows<'a> {
    /// Of s, `[T, N, F]`; empty for a model that does not compare.
    pub before: &'a [f32],
    /// Of s', `[T, N, F]`.
    pub features: &'a [f32],
    /// N.
    pub rows: usize,
    /// Whether the episode of a row ended with a step, `[T, N]`.
    pub ended: &'a [bool],
    /// Every row begins an episode with the first step; otherwise it goes on where the last call ended.
    pub fresh: bool,
}

/// Reward models by name.
pub type RewardModels = BTreeMap<String, Box<dyn RewardModel>>;

/// Fills the deferred raw columns of a rollout that signals are enough for, in one batched pass per model, each in the
/// version of the revision.
///
/// # Errors
/// When a model or one of its signals is missing, or the rollout kept no signals.
pub fn fill_deferred(
    graphs: &[Graph],
    revision: &Revision,
    models: &mut RewardModels,
    catalog: &SignalCatalog,
    rollout: &mut Rollout,
) -> Result<(), RewardError> {
    let mut wanted: BTreeMap<(&str, Option<u32>), Vec<usize>> = BTreeMap::new();
    for (graph, state) in graphs.iter().zip(&revision.graphs) {
        for (name, node, column) in graph.models() {
            wanted.entry((name, state.nodes[node].model)).or_default().push(column);
        }
    }
    for ((name, version), columns) in wanted {
        let model = find(models, name, version)?;
        let inputs = input_columns(model.as_ref(), catalog)?;
        let (n, steps) = (rollout.num_envs, rollout.filled);
        let features = rollout.rows_now(&inputs).ok_or(RewardError::NoSignals)?;
        let before = if model.compares() { rollout.rows_before(&inputs) } else { None }.unwrap_or_default();
        let mut scores = vec![0.0; steps * n];
        let cells = rollout.terminated.iter().zip(&rollout.truncated).take(steps * n);
        let ended: Vec<bool> = cells.map(|(terminated, truncated)| *terminated || *truncated).collect();
        let all = StepRows { before: &before, features: &features, rows: n, ended: &ended, fresh: false };
        model.score_steps(&all, &mut scores).map_err(|why| RewardError::Model { name: name.into(), why })?;
        for column in columns {
            for t in 0..steps {
                let at = (t * rollout.raw_columns + column) * n;
                rollout.raw[at..at + n].copy_from_slice(&scores[t * n..][..n]);
            }
        }
    }
    Ok(())
}

/// A model, about to score in a version.
pub(crate) fn find<'m>(
    models: &'m mut RewardModels,
    name: &str,
    version: Option<u32>,
) -> Result<&'m mut Box<dyn RewardModel>, RewardError> {
    let model = models.get_mut(name).ok_or_else(|| RewardError::NoModel(name.into()))?;
    model.select(version).map_err(|why| RewardError::Model { name: name.into(), why })?;
    Ok(model)
}

/// Column numbers of a model's inputs.
///
/// # Errors
/// When the task has no such signal.
pub fn input_columns(model: &dyn RewardModel, catalog: &SignalCatalog) -> Result<Vec<usize>, RewardError> {
    let names = catalog.column_names();
    let find = |input: &String| {
        names.iter().position(|n| n == input).ok_or_else(|| RewardError::NoSignal(input.clone()))
    };
    model.inputs().iter().map(find).collect()
}
