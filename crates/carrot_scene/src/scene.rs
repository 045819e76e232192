//! The top level of a scene file: what belongs to no one else is read here, the rest stays open.

use crate::{
    Diagnostic, Diagnostics, NodeRef, Reader, Shape, Source, Spanned, Syntax, overrides::apply_overrides,
};

/// The format that this crate reads.
const VERSION: u32 = 1;

/// The most envs in one batch.
const MAX_ENVS: u32 = 1 << 20;

/// The most steps of one rollout.
const MAX_STEPS: u32 = 1 << 16;

/// A scene, ready for the owners of its open parts.
///
/// ```ron
/// (
///     version: 1,
///     task: "MountainCar-v0",              // or Task(name: "Reach", params: (episode_steps: 50))
///     batch: (num_envs: 64, num_steps: 128),
///     obs: Pixels(size: 64),               // agents see pictures instead of numbers
///     reward: "shaped",                    // a name, a list of terms, or Graph(..)
///     shadows: {"truth": "sparse"},
///     preferences: (..),                   // a reward network that is fitted beside the agent
///     novelty: [..],                       // bonuses for what is new
///     imitation: (..),                     // a reward for what looks like a demonstration
///     decomposition: (..),                 // credit for steps out of the returns of episodes
///     cloning: (..),                       // a demonstration that the policy is shown first
///     learner: Ppo(gamma: 0.99, total_steps: 200_000),
///     evaluation: (episodes: 100, seed: 1000),
///     recording: (envs: 1),
/// )
/// ```
#[derive(Clone, Debug)]
pub struct SceneSpec {
    /// Which task, and its parameters.
    pub task: TaskSpec,
    /// How many envs, and how they are cut into rollouts and shards.
    pub batch: BatchSpec,
    /// What agents observe, if not the task's own numbers. Open: the owner of pictures reads it.
    pub obs: Option<NodeRef>,
    /// What is drawn anew in each episode. Open: the owner of randomisation reads it.
    pub randomisation: Option<NodeRef>,
    /// What happens to every row within an episode. Open: the owner of timelines reads it.
    pub perturbations: Option<NodeRef>,
    /// The reward that is trained on. Open: the reward graph's owner reads it.
    pub reward: NodeRef,
    /// Rewards that only watch, by name, in the order written. Open like `reward`.
    pub shadows: Vec<(Spanned<String>, NodeRef)>,
    /// Where a reward network gets preferences from. Open: the owner of preferences reads it.
    pub preferences: Option<NodeRef>,
    /// What is paid for being new. Open: the owner of novelty reads it.
    pub novelty: Option<NodeRef>,
    /// What is paid for being like a demonstration. Open: the owner of imitation reads it.
    pub imitation: Option<NodeRef>,
    /// How the return of an episode is given to its steps. Open: the owner of decomposition reads it.
    pub decomposition: Option<NodeRef>,
    /// What the policy is shown before it learns. Open: the owner of imitation reads it.
    pub cloning: Option<NodeRef>,
    /// Who learns and how. Open: the learner reads it.
    pub learner: Option<NodeRef>,
    /// How the trained policy is measured.
    pub evaluation: EvaluationSpec,
    /// Which episodes of the training are kept.
    pub recording: RecordingSpec,
    source: Source,
}

/// Which task, and its parameters.
#[derive(Clone, Debug)]
pub struct TaskSpec {
    /// The registered name.
    pub name: Spanned<String>,
    /// What the scene changes about it. Open: the task reads it.
    pub params: Option<NodeRef>,
}

/// The size of the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSpec {
    /// Envs that run side by side, 1 to 1,048,576.
    pub num_envs: u32,
    /// Steps of every env in one rollout, 1 to 65,536.
    pub num_steps: u32,
    /// Worlds that share the envs; without it, one per core.
    pub shards: Option<u32>,
    /// The seed of everything random.
    pub seed: u64,
}

/// How a policy is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvaluationSpec {
    /// Episodes to run, 1 to 1,048,576.
    pub episodes: u32,
    /// The seed of the first env of the evaluation.
    pub seed: u64,
}

/// Which episodes of a training are kept, step by step, to be replayed and scored again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordingSpec {
    /// The envs from 0 on whose episodes are kept; 0 keeps none.
    pub envs: u32,
}

impl Default for RecordingSpec {
    fn default() -> Self {
        Self { envs: 1 }
    }
}

impl Default for EvaluationSpec {
    fn default() -> Self {
        Self { episodes: 100, seed: 1000 }
    }
}

impl SceneSpec {
    /// Reads a scene with `key=value` overrides: see [`apply_overrides`].
    ///
    /// # Errors
    ///
    /// Everything that is wrong in the parts that a scene owns, and with the overrides.
    pub fn read<O: AsRef<str>>(source: &Source, overrides: &[O]) -> Result<Self, Diagnostics> {
        let source = apply_overrides(source, overrides)?;
        let root = Syntax::parse(&source)?.root();
        let mut diagnostics = Diagnostics::new();
        let scene = Self::read_root(&root, source, &mut diagnostics);
        diagnostics.into_result(scene)
    }

    /// The text of the scene with all overrides made, as a run keeps it.
    pub fn resolved_text(&self) -> &str {
        self.source.text()
    }

    /// The text and where each part of it came from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    fn read_root(root: &NodeRef, source: Source, diagnostics: &mut Diagnostics) -> Option<Self> {
        let mut reader = Reader::open(root, diagnostics)?;
        read_version(&mut reader);
        let task = reader.required_node("task");
        let batch = reader.required_node("batch");
        let obs = reader.node("obs");
        let randomisation = reader.node("randomisation");
        let perturbations = reader.node("perturbations");
        let reward = reader.required_node("reward");
        let shadows = reader.node("shadows");
        let preferences = reader.node("preferences");
        let novelty = reader.node("novelty");
        let imitation = reader.node("imitation");
        let decomposition = reader.node("decomposition");
        let cloning = reader.node("cloning");
        let learner = reader.node("learner");
        let evaluation = reader.node("evaluation");
        let recording = reader.node("recording");
        reader.finish();

        // Every part is read before any is missed, so that all mistakes show at once.
        let task = task.and_then(|node| TaskSpec::read(&node, diagnostics));
        let batch = batch.and_then(|node| BatchSpec::read(&node, diagnostics));
        let shadows = shadows.map_or_else(|| Some(Vec::new()), |node| read_shadows(&node, diagnostics));
        let evaluation = match evaluation {
            Some(node) => EvaluationSpec::read(&node, diagnostics),
            None => Some(EvaluationSpec::default()),
        };
        let recording = match recording {
            Some(node) => RecordingSpec::read(&node, diagnostics),
            None => Some(RecordingSpec::default()),
        };
        Some(Self {
            task: task?,
            batch: batch?,
            obs,
            randomisation,
            perturbations,
            reward: reward?,
            shadows: shadows?,
            preferences,
            novelty,
            imitation,
            decomposition,
            cloning,
            learner,
            evaluation: evaluation?,
            recording: recording?,
            source,
        })
    }
}

fn read_version(reader: &mut Reader<'_>) {
    if !reader.has("version") {
        let head = reader.head();
        reader.diagnostics().push(
            Diagnostic::new("missing_field", &head, "the scene does not say its version")
                .with_label("no `version`")
                .with_help(format!("write `version: {VERSION},` as its first line")),
        );
    } else if let Some(version) = reader.required::<u32>("version")
        && version != VERSION
    {
        let message = format!("this scene has version {version}, this program reads version {VERSION}");
        reader.refuse("version", message, format!("write `version: {VERSION}` and see what is refused"));
    }
}

fn read_shadows(node: &NodeRef, diagnostics: &mut Diagnostics) -> Option<Vec<(Spanned<String>, NodeRef)>> {
    let Some(entries) = node.map_entries() else {
        diagnostics.error(&node.head(), "`shadows` is a map", "expected {\"name\": reward, ..}", "");
        return None;
    };
    entries
        .into_iter()
        .map(|(key, value)| {
            let name = key.string();
            if name.is_none() {
                diagnostics.error(&key.span(), "the name of a shadow is a string", "expected \"name\"", "");
            }
            name.map(|name| (name, value))
        })
        // Not straight into an Option: every key is looked at.
        .collect::<Vec<_>>()
        .into_iter()
        .collect()
}

impl TaskSpec {
    /// Reads a name, or `Task(name: "..", params: (..))`.
    pub fn read(node: &NodeRef, diagnostics: &mut Diagnostics) -> Option<Self> {
        if let Some(name) = node.string() {
            return Some(Self { name, params: None });
        }
        match node.variant() {
            Some((name, _)) if name.value == "Task" => {
                let mut reader = Reader::open(node, diagnostics)?;
                let name = reader.spanned("name");
                let params = reader.node("params");
                reader.finish();
                Some(Self { name: name?, params })
            }
            // `task=Reach` on the command line, in place of `Task(..)`.
            Some((name, arguments)) if arguments.shape() == Shape::Unit => Some(Self { name, params: None }),
            Some((name, _)) => {
                diagnostics.unknown_name(&name.span, "kind of task", &name.value, &["Task"]);
                None
            }
            None => {
                let help = "write a name in quotes, or Task(name: \"..\", params: (..))";
                diagnostics.error(&node.head(), "`task` is neither a name nor Task(..)", "", help);
                None
            }
        }
    }
}

impl BatchSpec {
    fn read(node: &NodeRef, diagnostics: &mut Diagnostics) -> Option<Self> {
        let mut reader = Reader::open(node, diagnostics)?;
        let num_envs = reader.required_in("num_envs", 1..=MAX_ENVS);
        let num_steps = reader.required_in("num_steps", 1..=MAX_STEPS);
        let shards = reader.optional("shards", None);
        let seed = reader.optional("seed", 1);
        if let (Some(shards), Some(num_envs)) = (shards, num_envs)
            && !(1..=num_envs).contains(&shards)
        {
            let message = format!("`shards` is {shards}, outside of 1 to {num_envs}");
            reader.refuse("shards", message, "every shard holds at least one env");
        }
        reader.finish();
        Some(Self { num_envs: num_envs?, num_steps: num_steps?, shards, seed })
    }
}

impl RecordingSpec {
    fn read(node: &NodeRef, diagnostics: &mut Diagnostics) -> Option<Self> {
        let mut reader = Reader::open(node, diagnostics)?;
        let envs = reader.optional_in("envs", Self::default().envs, 0..=MAX_ENVS);
        reader.finish();
        Some(Self { envs })
    }
}

impl EvaluationSpec {
    fn read(node: &NodeRef, diagnostics: &mut Diagnostics) -> Option<Self> {
        let default = Self::default();
        let mut reader = Reader::open(node, diagnostics)?;
        let episodes = reader.optional_in("episodes", default.episodes, 1..=MAX_ENVS);
        let seed = reader.optional("seed", default.seed);
        reader.finish();
        Some(Self { episodes, seed })
    }
}
