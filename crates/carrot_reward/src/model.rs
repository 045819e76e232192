//! The interface of learned rewards.

use std::collections::BTreeMap;

use carrot_sim::{Look, Rollout, SignalCatalog};

use crate::error::RewardError;
use crate::graph::Graph;
use crate::question::Question;

/// A published reward network. The network that is being trained is another object until it is published.
pub trait RewardModel: Send {
    /// Version of the published weights; it is recorded with every step that they score.
    fn version(&self) -> u32;

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
}

/// Reward models by name.
pub type RewardModels = BTreeMap<String, Box<dyn RewardModel>>;

/// Fills the deferred raw columns of a rollout that signals are enough for, in one batched pass per model.
///
/// # Errors
/// When a model or one of its signals is missing, or the rollout kept no signals.
pub fn fill_deferred(
    graphs: &[Graph],
    models: &mut RewardModels,
    catalog: &SignalCatalog,
    rollout: &mut Rollout,
) -> Result<(), RewardError> {
    let mut wanted: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (name, column) in graphs.iter().flat_map(Graph::models) {
        wanted.entry(name).or_default().push(column);
    }
    for (name, columns) in wanted {
        let model = models.get_mut(name).ok_or_else(|| RewardError::NoModel(name.into()))?;
        let inputs = input_columns(model.as_ref(), catalog)?;
        let (n, steps) = (rollout.num_envs, rollout.filled);
        let mut features = Vec::with_capacity(steps * n * inputs.len());
        for t in 0..steps {
            let view = rollout.signals_now(t).ok_or(RewardError::NoSignals)?;
            for row in 0..n {
                features.extend(inputs.iter().map(|&c| view.column(c)[row]));
            }
        }
        let mut scores = vec![0.0; steps * n];
        model.score(&features, &mut scores).map_err(|why| RewardError::Model { name: name.into(), why })?;
        for column in columns {
            for t in 0..steps {
                let at = (t * rollout.raw_columns + column) * n;
                rollout.raw[at..at + n].copy_from_slice(&scores[t * n..][..n]);
            }
        }
    }
    Ok(())
}

/// Column numbers of a model's inputs.
pub(crate) fn input_columns(
    model: &dyn RewardModel,
    catalog: &SignalCatalog,
) -> Result<Vec<usize>, RewardError> {
    let names = catalog.column_names();
    let find = |input: &String| {
        names.iter().position(|n| n == input).ok_or_else(|| RewardError::NoSignal(input.clone()))
    };
    model.inputs().iter().map(find).collect()
}
