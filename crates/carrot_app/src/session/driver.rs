//! Who acts in the watched envs: scripts, chance, nobody, a policy of a run, or a rollout that was played before.

use std::path::Path;
use std::sync::Arc;

use carrot_lab::evaluate::{Actor, act};
use carrot_lab::saved::SavedRun;
use carrot_lab::scenario::{Played, ScenarioFile, WeightChange};
use carrot_lab::{LabError, Setup};
use carrot_learn::{Learner, Memory};
use carrot_sim::{ActionSpace, Rollout, Script, TaskSpec, VecEnv};

use super::history::RowWeight;

/// Names of choices that change as little as possible, the first that an action space has.
const IDLE_CHOICES: [&str; 6] = ["noop", "stay", "none", "torque_none", "coast", "done"];

/// Who acts.
pub enum Driver {
    /// A scripted behaviour of the task.
    Script(Script),
    /// Uniformly random actions.
    Random,
    /// The action that does the least.
    Idle,
    /// A trained policy.
    Policy(Policy),
    /// A rollout of a scenario, as it was played.
    Recording(Recording),
}

/// What a rollout of a scenario did: its actions, and the weights that it changed.
pub struct Recording {
    name: String,
    played: Arc<Played>,
    weights: Vec<(usize, RowWeight)>,
    idle: Vec<f32>,
}

impl Recording {
    /// What the rollout `index` of a scenario did.
    pub fn new(file: &ScenarioFile, index: usize, played: Arc<Played>) -> Self {
        let weight = |change: &WeightChange| {
            let graph = change.reward;
            let term = file.rewards[graph].nodes[change.node].name.clone();
            let row = RowWeight { row: change.env, graph, term, weight: change.weight };
            (change.at - played.starts[change.env], row)
        };
        Self {
            name: file.rollouts[index].name.clone(),
            weights: played.weights.iter().map(weight).collect(),
            idle: idle_action(&file.task.spec().action),
            played,
        }
    }

    /// Steps of its longest episode.
    pub fn steps(&self) -> u64 {
        (0..self.played.envs()).map(|env| self.played.episode(env).len() as u64).max().unwrap_or(0)
    }

    /// The action of every row at a step; who has ended idles.
    fn act(&self, step: u64, actions: &mut [f32]) {
        let width = self.played.action_width;
        for (env, action) in actions.chunks_exact_mut(width).enumerate().take(self.played.envs()) {
            let mut episode = self.played.episode(env);
            let given = episode.nth(step as usize).map(|at| &self.played.actions[at * width..][..width]);
            action.copy_from_slice(given.unwrap_or(&self.idle));
        }
    }

    /// The weights that hold in single rows alone at a step.
    fn weights(&self, step: u64) -> Vec<RowWeight> {
        let holds = |(from, row): &&(usize, RowWeight)| {
            (*from as u64..self.played.episode(row.row).len() as u64).contains(&step)
        };
        self.weights.iter().filter(holds).map(|(_, row)| row.clone()).collect()
    }
}

/// A policy out of a run's checkpoint.
pub struct Policy {
    /// What it is called in lists.
    pub name: String,
    /// Sample actions instead of taking the best one.
    pub explore: bool,
    learner: Box<dyn Learner>,
    memory: Memory,
    rows: usize,
}

impl Policy {
    /// A learner as a policy that forgets all when it is handed other rows.
    pub fn new(name: String, learner: Box<dyn Learner>) -> Self {
        Self { name, explore: false, learner, memory: Memory::default(), rows: 0 }
    }

    /// The policy of a run's newest checkpoint.
    ///
    /// # Errors
    /// When the folder is no run, or holds no valid checkpoint.
    pub fn of_run(run: &Path) -> Result<Self, LabError> {
        let trainer = SavedRun::open(run)?.trainer()?;
        let name = run.file_name().map_or_else(|| "run".into(), |name| name.to_string_lossy().into_owned());
        let name = format!("{name} at {} steps", trainer.env_steps());
        Ok(Self::new(name, trainer.into_learner()))
    }
}

impl Driver {
    /// A driver by name: a script of the task, `random` or `idle`.
    pub fn by_name(task: &TaskSpec, name: &str) -> Option<Self> {
        match name {
            "random" => Some(Self::Random),
            "idle" => Some(Self::Idle),
            script => task.script(script).map(Self::Script),
        }
    }

    /// Every name that [`Driver::by_name`] takes, with what it does.
    pub fn names(task: &TaskSpec) -> Vec<(String, String)> {
        let scripts = task.scripts.iter().map(|script| (script.name.to_string(), script.about.to_string()));
        let plain = [("random", "Uniformly random actions."), ("idle", "The action that does the least.")];
        scripts.chain(plain.map(|(name, about)| (name.to_string(), about.to_string()))).collect()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Script(script) => script.name,
            Self::Random => "random",
            Self::Idle => "idle",
            Self::Policy(policy) => &policy.name,
            Self::Recording(recording) => &recording.name,
        }
    }

    /// Writes one action per row.
    ///
    /// # Shapes
    /// `actions` is `[N, A]`.
    ///
    /// # Errors
    /// When the policy refuses the observations.
    pub fn act(
        &mut self,
        setup: &Setup,
        env: &mut VecEnv,
        step: u64,
        actions: &mut [f32],
    ) -> Result<(), LabError> {
        let mut none = Memory::default();
        match self {
            Self::Script(script) => act(&Actor::Script(*script), setup, env, &mut none, step, actions)?,
            Self::Random => act(&Actor::Random, setup, env, &mut none, step, actions)?,
            Self::Idle => {
                let idle = idle_action(&setup.task.spec().action);
                actions.chunks_mut(idle.len()).for_each(|action| action.copy_from_slice(&idle));
            }
            Self::Recording(recording) => recording.act(step, actions),
            Self::Policy(policy) => {
                let rows = env.config().num_envs;
                if policy.rows != rows {
                    (policy.memory, policy.rows) = (policy.learner.memory(rows)?, rows);
                }
                let actor = Actor::Policy { learner: policy.learner.as_ref(), explore: policy.explore };
                act(&actor, setup, env, &mut policy.memory, step, actions)?;
            }
        }
        Ok(())
    }

    /// The weights that it changes in single rows alone at a step.
    pub fn weights(&self, step: u64) -> Vec<RowWeight> {
        match self {
            Self::Recording(recording) => recording.weights(step),
            _ => Vec::new(),
        }
    }

    /// The tick at which it has nothing more to do.
    pub fn ends_at(&self) -> Option<u64> {
        match self {
            Self::Recording(recording) => Some(recording.steps()),
            _ => None,
        }
    }

    /// Forgets what it remembered of episodes that ended in the last step.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn after_step(&mut self, rollout: &Rollout) -> Result<(), LabError> {
        if let Self::Policy(policy) = self {
            policy.memory.forget(rollout)?;
        }
        Ok(())
    }

    /// Forgets all rows: they were taken elsewhere.
    pub fn forget(&mut self) {
        if let Self::Policy(policy) = self {
            policy.rows = 0;
        }
    }
}

/// The action that does the least: zero, or a choice whose name says so.
pub fn idle_action(space: &ActionSpace) -> Vec<f32> {
    let quiet = |names: &[String]| {
        let found = IDLE_CHOICES.iter().find_map(|idle| names.iter().position(|name| name == idle));
        found.unwrap_or(0) as f32
    };
    match space {
        ActionSpace::Discrete { names } => vec![quiet(names)],
        ActionSpace::MultiDiscrete { choices, .. } => choices.iter().map(|names| quiet(names)).collect(),
        ActionSpace::Continuous { low, high, .. } => {
            low.iter().zip(high).map(|(&low, &high)| 0.0_f32.clamp(low, high)).collect()
        }
    }
}
