//! Where preferences come from, as a scene says it.

use std::ops::RangeInclusive;

use carrot_learn::preference::{Combine, Faults, Population, QueryChoice, RewardNetConfig};
use carrot_reward::{Body, Graph};
use carrot_scene::{Diagnostics, NodeRef, Reader};
use carrot_sim::Task;
use serde::Deserialize;

use crate::learned::{Inputs, read_model};

/// Who compares.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Annotator {
    /// People, in the terminal or the window, while the training goes on.
    People,
    /// One that is paid by a reward of the scene, with faults.
    Simulated {
        /// Name of the reward: `reward` or that of a shadow.
        gold: String,
        /// What is wrong with it.
        #[serde(default)]
        faults: Faults,
    },
    /// Several of them, each pair going to one by chance.
    Populations {
        /// Name of the reward.
        gold: String,
        /// The groups.
        of: Vec<Population>,
    },
    /// One that ranks the terms of a reward instead of weighing them.
    Hierarchy {
        /// Name of the reward.
        gold: String,
        /// Names of its terms, the most important first.
        factors: Vec<String>,
        /// Difference that decides, in standard deviations.
        #[serde(default = "one")]
        margin: f32,
    },
}

fn one() -> f32 {
    1.0
}

/// Which pairs are asked for, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryConfig {
    /// Pairs in all.
    pub labels: u64,
    /// Pairs after the first rollout.
    pub first: u64,
    /// Pairs of every later round.
    pub round: u64,
    /// Updates from round to round.
    pub every: u64,
    /// Steps of a segment.
    pub segment_steps: usize,
    /// How pairs are chosen.
    pub choice: QueryChoice,
    /// Pairs looked at for each one chosen.
    pub candidates: usize,
}

impl Default for QueryConfig {
    fn default() -> Self {
        Self {
            labels: 200,
            first: 40,
            round: 20,
            every: 4,
            segment_steps: 25,
            choice: QueryChoice::Uniform,
            candidates: 10,
        }
    }
}

/// A reward network that is fitted to preferences while an agent learns from it.
///
/// ```ron
/// reward: [(name: "preferred", kind: Model(name: "preferred"))],
/// shadows: {"gold": "sparse"},
/// preferences: (model: "preferred", annotator: Simulated(gold: "gold"), queries: (labels: 200)),
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct PreferenceConfig {
    /// Name of the network, as terms give it.
    pub model: String,
    /// Who compares.
    pub annotator: Annotator,
    /// Which pairs.
    pub queries: QueryConfig,
    /// What is paid where the members of the ensemble differ.
    pub combine: Combine,
    /// The network.
    pub network: RewardNetConfig,
    /// Signal columns that it reads.
    pub inputs: Vec<String>,
    /// Their numbers.
    pub(crate) columns: Vec<usize>,
    /// Number of the annotator's reward.
    pub(crate) gold: Option<usize>,
    /// Nodes of that reward by which a hierarchy compares.
    pub(crate) factors: Vec<usize>,
}

/// Name of the network in a `preferences` part, which rewards must know before anything else is read.
pub(crate) fn model_name(node: &NodeRef) -> Option<String> {
    let fields = node.fields()?;
    let (_, value) = fields.into_iter().find(|(name, _)| name.value == "model")?;
    value.string().map(|name| name.value)
}

impl PreferenceConfig {
    /// Reads the part; every mistake is reported.
    pub(crate) fn read(
        node: &NodeRef,
        task: &dyn Task,
        graphs: &[Graph],
        num_steps: usize,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let before = diagnostics.len();
        let mut reader = Reader::open(node, diagnostics)?;
        let model = read_model(&mut reader, graphs);
        let annotator: Option<Annotator> = reader.required("annotator");
        let combine = reader.optional("combine", Combine::default());
        let inputs = Inputs::read(&mut reader, task);
        let (queries, network) = (reader.node("queries"), reader.node("network"));
        let (gold, factors) = match &annotator {
            Some(annotator) => resolve(annotator, graphs, &mut reader),
            None => (None, Vec::new()),
        };
        reader.finish();
        let queries = match queries {
            Some(node) => QueryConfig::read(&node, num_steps, diagnostics),
            None => QueryConfig::default().checked(node, num_steps, diagnostics),
        };
        let network = match network {
            Some(node) => read_network(&node, diagnostics),
            None => Some(RewardNetConfig::default()),
        };
        let config = Self {
            model: model?,
            annotator: annotator?,
            queries: queries?,
            combine,
            network: network?,
            inputs: inputs.names,
            columns: inputs.columns,
            gold,
            factors,
        };
        (diagnostics.len() == before).then_some(config)
    }

    /// Whether people compare.
    pub fn asks_people(&self) -> bool {
        self.annotator == Annotator::People
    }
}

/// The reward that an annotator is paid by, and the terms that it ranks.
fn resolve(annotator: &Annotator, graphs: &[Graph], reader: &mut Reader<'_>) -> (Option<usize>, Vec<usize>) {
    let mut refuse = |message: String, help: String| reader.refuse("annotator", message, help);
    let gold = match annotator {
        Annotator::People => return (None, Vec::new()),
        Annotator::Simulated { gold, .. }
        | Annotator::Populations { gold, .. }
        | Annotator::Hierarchy { gold, .. } => gold,
    };
    let faults: Vec<&Faults> = match annotator {
        Annotator::Simulated { faults, .. } => vec![faults],
        Annotator::Populations { of, .. } => of.iter().map(|population| &population.faults).collect(),
        Annotator::People | Annotator::Hierarchy { .. } => Vec::new(),
    };
    if let Some(mistake) = faults.into_iter().find_map(Faults::mistake_in) {
        refuse(mistake.into(), "leave it out for none of it".into());
    }
    if let Annotator::Populations { of, .. } = annotator
        && !(of.iter().all(|p| p.share >= 0.0) && of.iter().map(|p| p.share).sum::<f32>() > 0.0)
    {
        refuse("nobody is left to answer".into(), "give at least one population a share above 0".into());
    }
    let Some(index) = graphs.iter().position(|graph| graph.name == *gold) else {
        let names: Vec<&str> = graphs.iter().map(|graph| graph.name.as_str()).collect();
        refuse(format!("the scene has no reward `{gold}`"), format!("it has {}", names.join(", ")));
        return (None, Vec::new());
    };
    let Annotator::Hierarchy { factors, margin, .. } = annotator else { return (Some(index), Vec::new()) };
    if factors.is_empty() || margin.is_nan() || *margin < 0.0 {
        refuse("a hierarchy needs factors and a margin from 0".into(), String::new());
    }
    let nodes = &graphs[index].nodes;
    let find = |name: &String| nodes.iter().position(|n| n.name == *name && matches!(n.body, Body::Term(..)));
    let found: Vec<usize> = factors.iter().filter_map(find).collect();
    if let Some(unknown) = factors.iter().find(|name| find(name).is_none()) {
        let names: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
        refuse(
            format!("the reward `{gold}` has no term `{unknown}`"),
            format!("it has {}", names.join(", ")),
        );
    }
    (Some(index), found)
}

fn read_network(node: &NodeRef, diagnostics: &mut Diagnostics) -> Option<RewardNetConfig> {
    let mut reader = Reader::open(node, diagnostics)?;
    let network = RewardNetConfig::read(&mut reader);
    reader.finish();
    network
}

impl QueryConfig {
    fn read(node: &NodeRef, num_steps: usize, diagnostics: &mut Diagnostics) -> Option<Self> {
        const COUNT: RangeInclusive<u64> = 1..=1_000_000;
        let before = diagnostics.len();
        let mut reader = Reader::open(node, diagnostics)?;
        let default = Self::default();
        let config = Self {
            labels: reader.optional_in("labels", default.labels, COUNT),
            first: reader.optional_in("first", default.first, COUNT),
            round: reader.optional_in("round", default.round, COUNT),
            every: reader.optional_in("every", default.every, COUNT),
            segment_steps: reader.optional_in("segment_steps", default.segment_steps, 1..=10_000),
            choice: reader.optional("choice", default.choice),
            candidates: reader.optional_in("candidates", default.candidates, 1..=1_000),
        };
        reader.finish();
        if diagnostics.len() > before {
            return None;
        }
        config.checked(node, num_steps, diagnostics)
    }

    /// Refuses segments that no rollout can hold.
    fn checked(self, node: &NodeRef, num_steps: usize, diagnostics: &mut Diagnostics) -> Option<Self> {
        if self.segment_steps <= num_steps {
            return Some(self);
        }
        let message =
            format!("segments of {} steps do not fit into rollouts of {num_steps}", self.segment_steps);
        diagnostics.error(&node.head(), message, "", "lower `segment_steps` or raise `batch.num_steps`");
        None
    }
}
