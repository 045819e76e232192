//! A scenario file, read with every name resolved.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use carrot_learn::LearnerConfig;
use carrot_reward::{Graph, KindRegistry, Scope, Stage};
use carrot_scene::{Diagnostics, Location, NodeRef, Reader, SceneSpec, Source, Spanned, Syntax, TaskSpec};
use carrot_sim::{Shard, Task};

use super::expect::{Expectation, Expected};
use super::rollout::{Names, RolloutSpec};
use crate::randomisation::randomise;
use crate::setup::{default_name, folder_of, read_rewards};

/// The format that this program reads.
const VERSION: u32 = 1;
/// Discount of `discounted(..)` where neither the file nor its scene says another.
const GAMMA: f32 = 0.99;

/// A scenario file, ready to be run.
#[derive(Clone)]
pub struct ScenarioFile {
    /// Path as it was given.
    pub path: String,
    /// The task, with the machines that its rewards declare.
    pub task: Arc<dyn Task>,
    /// The rewards, in the order written.
    pub rewards: Vec<Graph>,
    /// Where each reward was read from: the list of its terms.
    pub reward_texts: Vec<Source>,
    /// A scene of the same task and rewards, the first of them trained.
    pub scene: Source,
    /// Discount of `discounted(..)`.
    pub gamma: f32,
    /// The rollouts, in the order written.
    pub rollouts: Vec<RolloutSpec>,
    /// The expectations, in the order written.
    pub expectations: Vec<Expectation>,
    /// Mutants that change nothing that counts.
    pub equivalent: Vec<Equivalent>,
}

/// A mutant of a reward that no expectation can notice.
#[derive(Debug, Clone)]
pub struct Equivalent {
    /// The reward.
    pub reward: Spanned<String>,
    /// The mutant, as the report of mutants names it.
    pub mutant: Spanned<String>,
    /// Why nothing tells them apart.
    pub why: String,
}

/// What a file or the scene that it builds on says of task and rewards.
struct Ground {
    task: TaskSpec,
    rewards: Vec<(String, NodeRef)>,
    randomisation: Option<NodeRef>,
    folder: PathBuf,
    gamma: f32,
}

impl ScenarioFile {
    /// Reads a scenario.
    ///
    /// # Errors
    /// Every mistake of the file at once.
    pub fn read(source: &Source) -> Result<Self, Diagnostics> {
        let root = Syntax::parse(source)?.root();
        let mut diagnostics = Diagnostics::new();
        let file = Self::read_root(&root, source, &mut diagnostics);
        diagnostics.into_result(file)
    }

    /// Scope of the task's own signals.
    pub fn scope(&self) -> Scope {
        Scope::new(self.task.spec(), &[])
    }

    fn read_root(root: &NodeRef, source: &Source, diagnostics: &mut Diagnostics) -> Option<Self> {
        let mut reader = Reader::open(root, diagnostics)?;
        if let Some(version) = reader.required::<u32>("version")
            && version != VERSION
        {
            let message =
                format!("this scenario has version {version}, this program reads version {VERSION}");
            reader.refuse("version", message, format!("write `version: {VERSION}`"));
        }
        let (task, scene) = (reader.node("task"), reader.node("scene"));
        let randomisation = reader.node("randomisation");
        let rewards = reader.node("rewards");
        let gamma = reader.optional_in::<f32>("gamma", GAMMA, 0.0..=1.0);
        let has_gamma = reader.has("gamma");
        let rollouts = reader.required_node("rollouts");
        let expect = reader.required_node("expect");
        let equivalent = reader.node("equivalent");
        let head = reader.head();
        reader.finish();

        let ground = match (task, scene) {
            (Some(task), None) => Ground {
                task: TaskSpec::read(&task, diagnostics)?,
                rewards: Vec::new(),
                randomisation: None,
                folder: folder_of(source),
                gamma: GAMMA,
            },
            (None, Some(scene)) => read_scene(&scene, &folder_of(source), diagnostics)?,
            _ => {
                let help = "write `task: \"CartPole-v1\"` or `scene: \"../cart_pole.ron\"`";
                diagnostics.error(&head, "a scenario names its task or a scene", "", help);
                return None;
            }
        };
        let task = carrot_tasks::read_task(&ground.task, &ground.folder, diagnostics)?.task;
        let randomisation = randomisation.as_ref().or(ground.randomisation.as_ref());
        let task = match randomisation {
            Some(node) => randomise(task, node, diagnostics),
            None => task,
        };
        let mistakes = diagnostics.len();
        let written = match &rewards {
            Some(node) => read_named(node, diagnostics),
            None if ground.rewards.is_empty() => default_rewards(task.as_ref(), diagnostics),
            None => ground.rewards.clone(),
        };
        let (task, rewards) = read_rewards(task, &written, &[], &KindRegistry::standard(), diagnostics);
        if diagnostics.len() > mistakes || rewards.is_empty() {
            return None;
        }
        let scope = Scope::new(task.spec(), &[]);
        let handles = Shard::new(&task, &|_| {}, 1, 0, 1).handles().to_vec();
        let folder = folder_of(source);
        let names =
            Names { task: task.spec(), scope: &scope, handles: &handles, rewards: &rewards, folder: &folder };
        let mistakes = diagnostics.len();
        let rollouts = rollouts.map(|node| read_named(&node, diagnostics)).unwrap_or_default();
        let rollouts: Vec<RolloutSpec> = rollouts
            .iter()
            .filter_map(|(name, node)| RolloutSpec::read(name, node, &names, diagnostics))
            .collect();
        // With a rollout missing, expectations would complain about its name once more.
        let all_there = !rollouts.is_empty() && diagnostics.len() == mistakes;
        let expectations = match expect.filter(|_| all_there) {
            None => Vec::new(),
            Some(node) => {
                let expected = Expected { scope: &scope, rewards: &rewards, rollouts: &rollouts };
                let items = list(&node, "expectations", diagnostics);
                items.iter().filter_map(|item| Expectation::read(item, &expected, diagnostics)).collect()
            }
        };
        let equivalent = equivalent.map(|node| list(&node, "mutants", diagnostics)).unwrap_or_default();
        let equivalent = equivalent.iter().filter_map(|item| Equivalent::read(item, diagnostics)).collect();
        let gamma = if has_gamma { gamma } else { ground.gamma };
        let scene = scene_text(&ground, randomisation, &written, learned_gamma(&rewards[0]).unwrap_or(gamma));
        let scene = Source::new(ground.folder.join("scenario.ron").to_string_lossy(), scene);
        let reward_texts = written.iter().map(|(_, node)| reward_text(task.as_ref(), node)).collect();
        Some(Self {
            path: source.name().to_string(),
            task,
            rewards,
            reward_texts,
            scene,
            gamma,
            rollouts,
            expectations,
            equivalent,
        })
    }
}

impl Equivalent {
    fn read(node: &NodeRef, diagnostics: &mut Diagnostics) -> Option<Self> {
        let mut reader = Reader::open(node, diagnostics)?;
        let reward = reader.spanned("reward");
        let mutant = reader.spanned("mutant");
        let why = reader.required("why");
        reader.finish();
        Some(Self { reward: reward?, mutant: mutant?, why: why? })
    }

    /// Where it stands.
    pub fn location(&self) -> Location {
        self.mutant.span.location()
    }
}

/// The discount that a learner under a reward must have: that of its potentials.
fn learned_gamma(graph: &Graph) -> Option<f32> {
    graph.nodes.iter().flat_map(|node| &node.stages).find_map(|stage| match stage {
        Stage::Potential { gamma, .. } => Some(*gamma),
        _ => None,
    })
}

/// A scene with what a scenario says of its batch, the rollouts aside.
fn scene_text(
    ground: &Ground,
    randomisation: Option<&NodeRef>,
    rewards: &[(String, NodeRef)],
    gamma: f32,
) -> String {
    let name = &ground.task.name.value;
    let task = match &ground.task.params {
        None => format!("\"{name}\""),
        Some(params) => format!("Task(name: \"{name}\", params: {})", params.text()),
    };
    let randomisation =
        randomisation.map_or_else(String::new, |node| format!("    randomisation: {},\n", node.text()));
    let shadows: Vec<String> =
        rewards[1..].iter().map(|(name, node)| format!("\"{name}\": {}", node.text())).collect();
    format!(
        "(\n    version: 1,\n    task: {task},\n    batch: (num_envs: 1, num_steps: 1),\n{randomisation}    reward: {},\n    shadows: {{{}}},\n    learner: Ppo(gamma: {gamma:?}),\n)\n",
        rewards[0].1.text(),
        shadows.join(", "),
    )
}

/// The text of a reward by name or written out.
fn reward_text(task: &dyn Task, node: &NodeRef) -> Source {
    let default = default_name(node)
        .and_then(|name| task.spec().rewards.iter().find(|reward| reward.name == name.value).cloned());
    match default {
        Some(reward) => Source::new(format!("{}:{}", task.spec().name, reward.name), reward.ron),
        None => Source::new(node.source().name(), node.text()),
    }
}

/// All rewards that the task ships with, as if the file had named them.
fn default_rewards(task: &dyn Task, diagnostics: &mut Diagnostics) -> Vec<(String, NodeRef)> {
    let names = task.spec().rewards.iter().map(|reward| format!("\"{0}\": \"{0}\"", reward.name));
    let text = format!("{{{}}}", names.collect::<Vec<_>>().join(", "));
    let parsed = Syntax::parse(&Source::new(task.spec().name, text));
    diagnostics.collect(parsed).map_or_else(Vec::new, |syntax| read_named(&syntax.root(), diagnostics))
}

/// A map from names to parts.
fn read_named(node: &NodeRef, diagnostics: &mut Diagnostics) -> Vec<(String, NodeRef)> {
    let Some(entries) = node.map_entries().filter(|entries| !entries.is_empty()) else {
        let help = "write `{\"expert\": (policy: \"expert\")}`";
        diagnostics.error(&node.head(), "expected a map with a name for each part", "", help);
        return Vec::new();
    };
    let mut named = Vec::new();
    for (key, value) in entries {
        let name = key.string().filter(|name| is_name(&name.value));
        match name {
            Some(name) => named.push((name.value, value)),
            None => {
                let help = "letters, digits and `_`, in quotes: expressions speak of it as `return(expert)`";
                diagnostics.error(&key.span(), "this cannot be a name here", "", help);
            }
        }
    }
    named
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn list(node: &NodeRef, what: &str, diagnostics: &mut Diagnostics) -> Vec<NodeRef> {
    let items = node.items();
    if items.is_none() {
        diagnostics.error(&node.head(), format!("expected a list of {what}"), "", "write `[(..), (..)]`");
    }
    items.unwrap_or_default()
}

/// Task, rewards and discount of the scene that a file builds on.
fn read_scene(node: &NodeRef, folder: &Path, diagnostics: &mut Diagnostics) -> Option<Ground> {
    let path: String = diagnostics.collect(node.parse())?;
    let path = folder.join(path);
    if !path.is_file() {
        let message = format!("there is no scene {}", path.display());
        diagnostics.error(&node.span(), message, "", "the path begins where this file lies");
        return None;
    }
    let source = diagnostics.collect(Source::read(&path))?;
    let scene = diagnostics.collect(SceneSpec::read::<&str>(&source, &[]))?;
    let gamma = match &scene.learner {
        None => GAMMA,
        Some(node) => LearnerConfig::read(node, diagnostics)?.gamma(),
    };
    let shadows = scene.shadows.iter().map(|(name, node)| (name.value.clone(), node.clone()));
    let rewards = std::iter::once(("reward".to_string(), scene.reward.clone())).chain(shadows).collect();
    let randomisation = scene.randomisation.clone();
    Some(Ground { task: scene.task, rewards, randomisation, folder: folder_of(&source), gamma })
}
