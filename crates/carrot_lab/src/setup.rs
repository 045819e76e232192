//! A scene with every name resolved: task, graphs, learner and batch.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use carrot_learn::LearnerConfig;
use carrot_reward::kinds::SHIPPED;
use carrot_reward::{Graph, KindRegistry, Revision, RewardPlugin, Scope};
use carrot_scene::{Diagnostics, NodeRef, SceneSpec, Shape, Source, Spanned};
use carrot_sim::{SimError, Task, VecEnv, VecEnvConfig};
use carrot_tasks::BuiltTask;

use crate::decomposition::DecompositionSpec;
use crate::error::LabError;
use crate::imitation::{CloningSpec, ImitationSpec};
use crate::novelty::{NoveltySpec, model_names};
use crate::preference::{PreferenceConfig, model_name};
use crate::randomisation::randomise;
use crate::scenario::{Perturbations, RolloutSpec, Timeline, read_perturbations};
use crate::seen::seen;

/// Reward models that a run offers: name and file.
pub type ModelFiles = BTreeMap<String, PathBuf>;

/// Everything that a scene says, ready to run.
#[derive(Clone)]
pub struct Setup {
    /// The scene.
    pub scene: SceneSpec,
    /// The task.
    pub task: Arc<dyn Task>,
    /// The trained graph, then the shadows.
    pub graphs: Vec<Graph>,
    /// The kinds that graphs may use.
    pub kinds: KindRegistry,
    /// The learner.
    pub learner: LearnerConfig,
    /// Name of the trained reward: that of a default reward, or `own`.
    pub reward: String,
    /// The script that farms the trained reward, if the task knows one.
    pub farmed_by: Option<&'static str>,
    /// Reward models by name.
    pub models: ModelFiles,
    /// A reward network that is fitted to preferences beside the training.
    pub preferences: Option<PreferenceConfig>,
    /// Bonuses for what is new.
    pub novelty: Vec<NoveltySpec>,
    /// A reward from demonstrations.
    pub imitation: Option<ImitationSpec>,
    /// Credit for steps out of the returns of episodes.
    pub decomposition: Option<DecompositionSpec>,
    /// What the policy is shown before it learns.
    pub cloning: Option<CloningSpec>,
    /// The run that the scene lies in, if it is one's.
    pub run: Option<PathBuf>,
    /// Files beside the scene that the task was built from, by path.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What happens to every row within an episode.
    pub(crate) perturbations: Timeline,
}

/// Folder of a scene's files inside a run.
const FILES: &str = "files";

/// Where the files that a scene names lie: beside it, and in a run in a folder of their own.
pub(crate) fn folder_of(scene: &Source) -> PathBuf {
    run_of(scene).map_or_else(|| beside(scene).to_owned(), |run| run.join(FILES))
}

/// The run that a scene lies in.
fn run_of(scene: &Source) -> Option<PathBuf> {
    let folder = beside(scene);
    folder.join("meta.json").is_file().then(|| folder.to_owned())
}

fn beside(scene: &Source) -> &Path {
    Path::new(scene.name()).parent().unwrap_or(Path::new(""))
}

impl Setup {
    /// Reads a scene and resolves it.
    ///
    /// # Errors
    /// Every mistake of the scene and of the overrides at once.
    pub fn read<O: AsRef<str>>(
        source: &Source,
        overrides: &[O],
        models: ModelFiles,
    ) -> Result<Self, Diagnostics> {
        let scene = SceneSpec::read(source, overrides)?;
        let mut diagnostics = Diagnostics::new();
        let learner = match &scene.learner {
            None => Some(LearnerConfig::default()),
            Some(node) => LearnerConfig::read(node, &mut diagnostics),
        };
        let name = &scene.task.name;
        let Some(built) = carrot_tasks::read_task(&scene.task, &folder_of(source), &mut diagnostics) else {
            return diagnostics.into_result(None);
        };
        let BuiltTask { task, files } = built;
        let task = match &scene.randomisation {
            Some(node) => randomise(task, node, &mut diagnostics),
            None => task,
        };
        let parts = [&scene.preferences, &scene.imitation, &scene.decomposition];
        let learned = parts.into_iter().flatten().filter_map(model_name);
        let new = scene.novelty.as_ref().map(model_names).unwrap_or_default();
        let names: Vec<String> = models.keys().cloned().chain(learned).chain(new).collect();
        let trained = Some(("reward".to_string(), scene.reward.clone()));
        let shadows = scene.shadows.iter().map(|(name, node)| (name.value.clone(), node.clone()));
        let rewards: Vec<(String, NodeRef)> = trained.into_iter().chain(shadows).collect();
        let kinds = KindRegistry::standard();
        let (task, graphs) = read_rewards(task, &rewards, &names, &kinds, &mut diagnostics);
        let task = match &scene.obs {
            Some(node) => seen(task, node, &mut diagnostics),
            None => task,
        };
        let reward = reward_name(&scene.reward);
        let twice = names.iter().enumerate().find(|(i, name)| names[..*i].contains(name));
        let parts = parts.into_iter().chain([&scene.novelty]);
        if let (Some((_, name)), Some(node)) = (twice, parts.flatten().next()) {
            let message = format!("there are two reward models `{name}`");
            diagnostics.error(&node.head(), message, "", "give one of them another name");
        }
        let novelty = scene.novelty.as_ref().map_or_else(Vec::new, |node| {
            NoveltySpec::read_all(node, task.as_ref(), &graphs, &mut diagnostics)
        });
        let imitation = scene
            .imitation
            .as_ref()
            .and_then(|node| ImitationSpec::read(node, task.as_ref(), &graphs, &mut diagnostics));
        let decomposition = scene
            .decomposition
            .as_ref()
            .and_then(|node| DecompositionSpec::read(node, task.as_ref(), &graphs, &mut diagnostics));
        let cloning =
            scene.cloning.as_ref().and_then(|node| CloningSpec::read(node, task.as_ref(), &mut diagnostics));
        if let (Some(learner), Some(graph)) = (&learner, graphs.first()) {
            if let (Some(spec), Some(node)) = (&imitation, &scene.imitation) {
                spec.check_learner(learner, graph, node, &mut diagnostics);
            }
            if let Some(node) = scene.cloning.as_ref().filter(|_| !matches!(learner, LearnerConfig::Ppo(_))) {
                let help = "leave `cloning` out, or learn with Ppo";
                diagnostics.error(&node.head(), "only Ppo can be shown what to do", "", help);
            }
        }
        let preferences = scene.preferences.as_ref().and_then(|node| {
            let num_steps = scene.batch.num_steps as usize;
            PreferenceConfig::read(node, task.as_ref(), &graphs, num_steps, &mut diagnostics)
        });
        if let (Some(learner), Some(graph)) = (&learner, graphs.first()) {
            graph.check_gamma(|group| learner.gamma_of(group), &mut diagnostics);
            if let Err(error) = learner.check_task(task.as_ref(), graph) {
                let place = scene.learner.as_ref().map_or_else(|| name.span.clone(), NodeRef::head);
                diagnostics.error(&place, error.to_string(), "", "choose another learner, or another task");
            }
        }
        let perturbations = match &scene.perturbations {
            None => Timeline::default(),
            Some(node) => {
                // An edit stands between s' of one step and s of the next, where a recording has one row for both.
                let keeps_steps = scene.recording.envs > 0
                    || learner.as_ref().zip(graphs.first()).is_some_and(|(l, g)| l.keeps_signals(g));
                if keeps_steps {
                    let help =
                        "write `recording: (envs: 0)`, and learn with Ppo or Dqn without rewards from models";
                    let message = "episodes that are perturbed cannot be scored again from a recording";
                    diagnostics.error(&node.head(), message, "", help);
                }
                read_perturbations(node, &task, &graphs, &mut diagnostics)
            }
        };
        let farmed_by = task.spec().rewards.iter().find(|r| r.name == reward).and_then(|r| r.farmed_by);
        let setup = learner.map(|learner| Self {
            scene: scene.clone(),
            task,
            graphs,
            kinds,
            learner,
            reward,
            farmed_by,
            models,
            preferences,
            novelty,
            imitation,
            decomposition,
            cloning,
            run: run_of(source),
            files,
            perturbations,
        });
        diagnostics.into_result(setup)
    }

    /// The layout of the training batch.
    pub fn batch(&self) -> VecEnvConfig {
        let batch = &self.scene.batch;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let recorded = self.scene.recording.envs > 0;
        let replayed = self.graphs.first().is_some_and(|reward| self.learner.keeps_signals(reward));
        VecEnvConfig {
            num_envs: batch.num_envs as usize,
            num_steps: batch.num_steps as usize,
            shards: batch.shards.map_or(cores, |s| s as usize).min(batch.num_envs as usize),
            seed: batch.seed,
            keep_signals: recorded || self.has_models() || replayed,
            autoreset: true,
        }
    }

    /// Whether rewards may read models.
    fn has_models(&self) -> bool {
        !self.model_names().is_empty()
    }

    /// Whether a reward asks the image-text model that comes with Carrot, and no other one bears its name.
    pub(crate) fn ships(&self) -> bool {
        let mut asked = self.graphs.iter().flat_map(Graph::asked);
        !self.models.contains_key(SHIPPED) && asked.any(|(asked, _)| asked.model == SHIPPED)
    }

    /// Names of the models that rewards may read.
    pub(crate) fn model_names(&self) -> Vec<String> {
        let fitted = self.preferences.iter().map(|config| &config.model);
        let shown = self.imitation.iter().map(|spec| &spec.model);
        let credit = self.decomposition.iter().map(|spec| &spec.model);
        let new = self.novelty.iter().map(|spec| &spec.model);
        let ships = self.ships().then(|| SHIPPED.to_owned());
        let learned = fitted.chain(shown).chain(credit).chain(new);
        self.models.keys().chain(ships.as_ref()).chain(learned).cloned().collect()
    }

    /// The same batch as a rollout of a scenario plays it: its envs, its seed and its timeline.
    #[must_use]
    pub fn in_rollout(mut self, rollout: &RolloutSpec) -> Self {
        let batch = &mut self.scene.batch;
        (batch.num_envs, batch.seed) = (rollout.envs as u32, rollout.seed);
        self.perturbations = rollout.timeline.clone();
        self
    }

    /// Keeps the scene's files with a run, so that it can be resumed and scored again anywhere.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn keep_files(&self, run: &Path) -> Result<(), LabError> {
        for (path, bytes) in &self.files {
            let to = run.join(FILES).join(path);
            let written =
                to.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&to, bytes));
            written.map_err(LabError::file("cannot keep a file of the scene", &to))?;
        }
        Ok(())
    }

    /// A batch of this task with these graphs attached.
    pub fn build(&self, config: VecEnvConfig, revision: &Revision) -> Result<VecEnv, SimError> {
        let mut env = VecEnv::new(self.task.clone(), config, &|app| {
            app.add_plugins(RewardPlugin::new(&self.graphs, &self.kinds, revision));
            app.add_plugins(Perturbations(self.perturbations.clone()));
        })?;
        let asked = self.graphs.iter().flat_map(Graph::asked);
        env.look(&asked.map(|(asked, _)| asked.frames.rule()).collect::<Vec<_>>());
        Ok(env)
    }

    /// A batch of this task that nothing pays: for looking on.
    ///
    /// # Errors
    /// When the batch cannot be built.
    pub fn build_unpaid(&self, config: VecEnvConfig) -> Result<VecEnv, SimError> {
        VecEnv::new(self.task.clone(), config, &|app| {
            app.add_plugins(Perturbations(self.perturbations.clone()));
        })
    }
}

/// Reads rewards by name or written out, the trained one first: their graphs, and the task with the machines that they
/// declare.
pub(crate) fn read_rewards(
    task: Arc<dyn Task>,
    rewards: &[(String, NodeRef)],
    models: &[String],
    kinds: &KindRegistry,
    diagnostics: &mut Diagnostics,
) -> (Arc<dyn Task>, Vec<Graph>) {
    let mistakes = diagnostics.len();
    let nodes: Vec<NodeRef> = rewards.iter().map(|(_, node)| node.clone()).collect();
    let machines = carrot_reward::declared_machines(&nodes, &Scope::new(task.spec(), models), diagnostics);
    let task = carrot_reward::track(task, machines);
    if diagnostics.len() > mistakes {
        // The rewards read what the machines would have been; one complaint about each is enough.
        return (task, Vec::new());
    }
    let scope = Scope::new(task.spec(), models);
    let mut columns = 0;
    let graphs = rewards
        .iter()
        .filter_map(|(name, node)| {
            read_graph(name, node, task.as_ref(), kinds, &scope, &mut columns, diagnostics)
        })
        .collect();
    (task, graphs)
}

/// The name of a default reward: in quotes, or bare as in `reward=sparse` on the command line.
pub(crate) fn default_name(node: &NodeRef) -> Option<Spanned<String>> {
    let bare =
        || node.variant().filter(|(_, arguments)| arguments.shape() == Shape::Unit).map(|(name, _)| name);
    node.string().or_else(bare)
}

/// Name of a reward node: that of a default reward, or `own` for a list of terms.
fn reward_name(node: &NodeRef) -> String {
    default_name(node).map_or_else(|| "own".into(), |name| name.value)
}

/// Reads a graph from a list of terms, or one of the task's rewards by name.
fn read_graph(
    name: &str,
    node: &NodeRef,
    task: &dyn Task,
    kinds: &KindRegistry,
    scope: &Scope,
    columns: &mut usize,
    diagnostics: &mut Diagnostics,
) -> Option<Graph> {
    let Some(wanted) = default_name(node) else {
        return Graph::read(name, node, kinds, scope, columns, diagnostics);
    };
    let rewards = &task.spec().rewards;
    let Some(reward) = rewards.iter().find(|r| r.name == wanted.value) else {
        let valid: Vec<&str> = rewards.iter().map(|r| r.name).collect();
        diagnostics.unknown_name(&wanted.span, "reward", &wanted.value, &valid);
        return None;
    };
    let source = Source::new(format!("{}:{}", task.spec().name, reward.name), reward.ron);
    diagnostics.collect(Graph::parse(name, &source, kinds, scope, columns))
}
