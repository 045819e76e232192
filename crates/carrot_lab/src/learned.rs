//! What all rewards have in common that are learned beside a training from its own rollouts.

use carrot_learn::Parts;
use carrot_learn::preference::{Published, RewardNet};
use carrot_reward::{Graph, Ledger, RewardModel};
use carrot_scene::{Diagnostics, NodeRef, Reader, nearest};
use carrot_sim::{Rollout, Task};
use serde::Serialize;
use serde::de::DeserializeOwned;

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
    fn after_rollout(
        &mut self,
        rollout: &Rollout,
        ledger: &Ledger,
    ) -> Result<Option<PublishedVersion>, LabError>;

    /// What was wrong with the last rollout's fit, if it was taken back.
    fn warning(&self) -> Option<String> {
        None
    }

    /// The discount of its group from the next update on, if it is scheduled.
    fn discount(&self) -> Option<f32> {
        None
    }

    /// Numbers for `metrics.jsonl`.
    fn scalars(&self) -> Vec<(String, f64)> {
        Vec::new()
    }

    /// Everything to go on from, as named parts.
    fn save(&self) -> Result<Parts, LabError>;

    /// Goes on from saved parts, bit for bit.
    fn load(&mut self, parts: &Parts) -> Result<(), LabError>;
}

/// The network that a learned reward published last, if it has.
#[derive(Debug, Default)]
pub(crate) struct LastNet(pub(crate) Option<RewardNet>);

impl LastNet {
    /// Takes a network over, and gives the version that it is.
    pub(crate) fn publish(&mut self, model: &str, net: RewardNet) -> Result<PublishedVersion, LabError> {
        let (model, version, parts) = (model.to_owned(), net.version(), net.save()?);
        self.0 = Some(net);
        Ok(PublishedVersion { model, version, parts })
    }

    /// It as a model; it pays nothing before there is one.
    pub(crate) fn model(&self, inputs: &[String]) -> Published {
        match &self.0 {
            Some(net) => Published::only(net.clone()),
            None => Published::nothing(inputs.to_vec()),
        }
    }

    /// What is said of a fit that was taken back: `after` tells what it was a fit to.
    pub(crate) fn taken_back(&self, model: &str, after: &str) -> String {
        let rewards = match &self.0 {
            Some(net) => format!("version {} keeps rewarding", net.version()),
            None => "nothing is published yet".into(),
        };
        format!(
            "the reward network `{model}` came to numbers that are not finite after {after}; the fit was taken back, {rewards}"
        )
    }

    /// Adds it to the parts of a checkpoint.
    pub(crate) fn save(&self, parts: &mut Parts) -> Result<(), LabError> {
        if let Some(net) = &self.0 {
            parts.extend(net.save()?);
        }
        Ok(())
    }

    /// Reads what [`LastNet::save`] added.
    pub(crate) fn load(parts: &Parts) -> Result<Self, LabError> {
        Ok(Self(if RewardNet::is_in(parts) { Some(RewardNet::load(parts)?) } else { None }))
    }
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

    /// Adds the columns of the action; gives the choices of each of its elements, 0 for a continuous one.
    pub(crate) fn add_actions(&mut self, task: &dyn Task) -> Vec<usize> {
        let (spec, catalog) = (task.spec(), task.spec().catalog());
        let names = catalog.column_names();
        let width = spec.action.width();
        // Actions as applied stand before those as given, which are the last columns of all.
        let first = names.len() - 2 * width;
        for (element, name) in names[first..first + width].iter().enumerate() {
            self.names.push(name.clone());
            self.columns.push(first + element);
            self.ranges.push(spec.action.bounds(element));
        }
        (0..width).map(|element| spec.action.choices(element).unwrap_or(0)).collect()
    }

    /// Their values in s' of every step, `[T N, F]`.
    pub(crate) fn rows(&self, rollout: &Rollout) -> Vec<f32> {
        rollout.rows_now(&self.columns).unwrap_or_default()
    }

    /// Their values in s, then in s' of every step, `[T N, 2 F]`.
    pub(crate) fn steps(&self, rollout: &Rollout) -> Vec<f32> {
        let before = rollout.rows_before(&self.columns).unwrap_or_default();
        let (now, width) = (self.rows(rollout), self.columns.len().max(1));
        let both = before.chunks_exact(width).zip(now.chunks_exact(width));
        both.flat_map(|(before, now)| before.iter().chain(now)).copied().collect()
    }
}

/// Reads the settings of a part; every mistake is reported.
pub(crate) fn read_settings<T>(
    node: &NodeRef,
    read: impl FnOnce(&mut Reader<'_>) -> Option<T>,
    diagnostics: &mut Diagnostics,
) -> Option<T> {
    let mut reader = Reader::open(node, diagnostics)?;
    let settings = read(&mut reader);
    reader.finish();
    settings
}

/// A state as the one part of a checkpoint.
pub(crate) fn learned_state(name: &str, state: &impl Serialize) -> Result<Parts, LabError> {
    let failed = |error: postcard::Error| LabError::Part { part: name.into(), why: error.to_string() };
    Ok(Parts::from([(name.to_owned(), postcard::to_stdvec(state).map_err(failed)?)]))
}

/// Reads what [`learned_state`] wrote.
pub(crate) fn read_learned_state<T: DeserializeOwned>(name: &str, parts: &Parts) -> Result<T, LabError> {
    let refuse = |why: String| LabError::Part { part: name.into(), why };
    let bytes = parts.get(name).ok_or_else(|| refuse("it is missing".into()))?;
    postcard::from_bytes(bytes).map_err(|error| refuse(error.to_string()))
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
