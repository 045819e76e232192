//! What all rewards have in common that are learned beside a training from its own rollouts.

use carrot_learn::Parts;
use carrot_reward::{Graph, RewardModel};
use carrot_scene::{Reader, nearest};
use carrot_sim::{Rollout, Task};

use crate::error::LabError;
use crate::versions::PublishedVersion;

/// A reward that learns from rollouts, and pays by the version that it published last.
pub(crate) trait LearnedReward: Send {
    /// Name of the model.
    fn name(&self) -> &str;

    /// The model in its present version, at the beginning of every episode.
    fn model(&self) -> Box<dyn RewardModel>;

    /// The version that pays in the first rollout, if something pays before anything is learned.
    fn first_version(&self) -> Result<Option<PublishedVersion>, LabError> {
        Ok(None)
    }

    /// Learns from a finished rollout; gives the version that pays from the next one on.
    fn after_rollout(&mut self, rollout: &Rollout) -> Result<Option<PublishedVersion>, LabError>;

    /// Numbers for `metrics.jsonl`.
    fn scalars(&self) -> Vec<(String, f64)> {
        Vec::new()
    }

    /// Everything to go on from, as named parts.
    fn save(&self) -> Result<Parts, LabError>;

    /// Goes on from saved parts, bit for bit.
    fn load(&mut self, parts: &Parts) -> Result<(), LabError>;
}

/// Signal columns that a learned reward reads.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Inputs {
    /// Their names.
    pub(crate) names: Vec<String>,
    /// Their numbers.
    pub(crate) columns: Vec<usize>,
    /// Lowest and highest value of each.
    pub(crate) ranges: Vec<(f32, f32)>,
}

impl Inputs {
    /// Reads `inputs`, by default all that the task measures, actions left out; unknown names are reported.
    pub(crate) fn read(reader: &mut Reader<'_>, task: &dyn Task) -> Self {
        let catalog = task.spec().catalog();
        let all = catalog.column_names();
        let names: Vec<String> = reader.optional("inputs", Vec::new());
        let names = if names.is_empty() { crate::fit::measured(&all) } else { names };
        let ranges: Vec<(f32, f32)> =
            catalog.iter().flat_map(|(_, spec)| vec![spec.range; spec.kind.width()]).collect();
        let mut inputs = Self::default();
        for name in names {
            match all.iter().position(|other| *other == name) {
                Some(column) => {
                    inputs.columns.push(column);
                    inputs.ranges.push(ranges[column]);
                }
                None => {
                    let near = nearest(&name, &all).map(|near| format!("did you mean `{near}`?"));
                    reader.refuse("inputs", format!("unknown signal `{name}`"), near.unwrap_or_default());
                }
            }
            inputs.names.push(name);
        }
        inputs
    }

    /// Their values in s' of every step, `[T N, F]`.
    pub(crate) fn rows(&self, rollout: &Rollout) -> Vec<f32> {
        let mut rows = Vec::with_capacity(rollout.filled * rollout.num_envs * self.columns.len());
        for t in 0..rollout.filled {
            let Some(view) = rollout.signals_now(t) else { continue };
            for row in 0..rollout.num_envs {
                rows.extend(self.columns.iter().map(|&column| view.column(column)[row]));
            }
        }
        rows
    }
}

/// Reads the name of a model, which must suit a folder and be read by a reward.
pub(crate) fn read_model(reader: &mut Reader<'_>, graphs: &[Graph]) -> Option<String> {
    let name: String = reader.required("model")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || !name.chars().all(plain) {
        let message = format!("`{name}` cannot be the name of a model that is kept with a run");
        reader.refuse("model", message, "use letters, digits, `_` and `-`");
    } else if !graphs.iter().flat_map(Graph::models).any(|(used, ..)| used == name) {
        let help = format!("add a term such as (name: \"{name}\", kind: Model(name: \"{name}\"))");
        reader.refuse("model", format!("no reward reads the model `{name}`"), help);
    }
    Some(name)
}
