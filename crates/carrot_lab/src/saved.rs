//! Runs and setups looked at without changing them: for evaluation and checks, also while a run goes on.

use std::path::Path;
use std::sync::Arc;

use carrot_learn::Device;
use carrot_record::{
    CheckpointName, CheckpointStore, DiskStorage, RecordError, RunPaths, content_hash, read_meta,
};
use carrot_reward::{Ledger, Revision};
use carrot_scene::Source;
use carrot_sim::{RowKey, TaskSpec, VecEnvConfig, random_action};
use serde::Serialize;

use crate::error::LabError;
use crate::fit::load_models;
use crate::rescore::rescore_run;
use crate::run::find_models;
use crate::setup::{ModelFiles, Setup};
use crate::trainer::Trainer;

/// A run that is only read; its owner may be at work.
pub struct SavedRun {
    paths: RunPaths,
    setup: Setup,
}

/// What is left of a checkpoint.
#[derive(Debug, Clone, Serialize)]
pub struct CheckpointFinding {
    /// Its name.
    pub name: String,
    /// Why it cannot be used.
    pub fault: Option<String>,
}

/// What a check of a run found.
#[derive(Debug, Clone, Serialize)]
pub struct RunCheck {
    /// All checkpoints, oldest first.
    pub checkpoints: Vec<CheckpointFinding>,
    /// Recorded episodes.
    pub episodes: usize,
    /// Their steps.
    pub steps: usize,
    /// Steps whose reward, scored again, differs in any bit from the one that was paid.
    pub differing_steps: usize,
}

impl RunCheck {
    /// True when every checkpoint verifies, there is one, and every reward re-scores to its bits.
    pub fn is_ok(&self) -> bool {
        let whole = self.checkpoints.iter().all(|checkpoint| checkpoint.fault.is_none());
        whole && !self.checkpoints.is_empty() && self.differing_steps == 0
    }
}

impl SavedRun {
    /// Reads what a run was started with.
    ///
    /// # Errors
    /// When the folder is no run, or its scene or reward models cannot be read.
    pub fn open(path: &Path) -> Result<Self, LabError> {
        let paths = RunPaths::new(path);
        read_meta(&paths)?;
        let setup = Setup::read::<&str>(&Source::read(paths.config())?, &[], find_models(path)?)?;
        Ok(Self { paths, setup })
    }

    /// The setup that is trained.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The training as its newest valid checkpoint holds it, on the CPU.
    ///
    /// # Errors
    /// When there is no valid checkpoint.
    pub fn trainer(&self) -> Result<Trainer, LabError> {
        let store = self.store();
        let mut fault = None;
        for name in store.names()?.into_iter().rev() {
            match store.load(name) {
                Ok(checkpoint) => {
                    let mut trainer = Trainer::new(self.setup.clone(), Device::Cpu)?;
                    trainer.load(&checkpoint.parts)?;
                    return Ok(trainer);
                }
                Err(error) => fault = Some(error),
            }
        }
        let none = || LabError::Refused(format!("{} holds no checkpoint", self.paths.root().display()));
        Err(fault.map_or_else(none, LabError::from))
    }

    /// Verifies every checkpoint, and scores every recorded episode again.
    ///
    /// # Errors
    /// When the device fails, or an episode file cannot be read.
    pub fn check(&self) -> Result<RunCheck, LabError> {
        let (store, config_hash) = (self.store(), content_hash(self.setup.scene.resolved_text().as_bytes()));
        let mut checkpoints = Vec::new();
        for name in store.names()? {
            let fault = match self.fault(&store, name, &config_hash) {
                // A run that goes on has removed it meanwhile.
                Err(RecordError::Io { .. }) if !store.names()?.contains(&name) => continue,
                Err(fault @ RecordError::Io { .. }) => return Err(fault.into()),
                Err(fault) => Some(fault.to_string()),
                Ok(fault) => fault,
            };
            checkpoints.push(CheckpointFinding { name: name.to_string(), fault });
        }
        let rescored = rescore_run(self.paths.root(), None)?;
        Ok(RunCheck {
            checkpoints,
            episodes: rescored.len(),
            steps: rescored.iter().map(|episode| episode.steps).sum(),
            differing_steps: rescored.iter().map(|episode| episode.differing_steps).sum(),
        })
    }

    fn fault(
        &self,
        store: &CheckpointStore,
        name: CheckpointName,
        config_hash: &str,
    ) -> Result<Option<String>, RecordError> {
        let of_this_run = store.load(name)?.header.config_hash == config_hash;
        Ok((!of_this_run).then(|| "it was made with another config.ron".into()))
    }

    fn store(&self) -> CheckpointStore {
        CheckpointStore::new(self.paths.checkpoints(), 1, Arc::new(DiskStorage))
    }
}

/// Builds a batch of two rows and pays for one random step: whatever a scene can name is then in use.
///
/// # Errors
/// When the batch cannot be built or stepped, or a reward model fails.
pub fn check_setup(setup: &Setup) -> Result<(), LabError> {
    const ROWS: usize = 2;
    let revision = Revision::initial(&setup.graphs);
    let config = VecEnvConfig { num_envs: ROWS, num_steps: 1, shards: 1, ..setup.batch() };
    let mut models = load_models(setup)?;
    let mut env = setup.build(config, &revision)?;
    let space = &setup.task.spec().action;
    let mut actions = vec![0.0; ROWS * space.width()];
    for (row, action) in actions.chunks_mut(space.width()).enumerate() {
        random_action(space, RowKey { seed: config.seed, env: row as u32, episode: 0 }, 0, action);
    }
    let mut ledger = Ledger::new(&setup.graphs, config.num_steps, ROWS);
    let catalog = env.catalog().clone();
    env.begin_rollout();
    env.step(&actions)?;
    env.finalise_with(|rollout| ledger.finalise(&setup.graphs, &revision, &mut models, &catalog, rollout))?;
    Ok(())
}

/// Reads every reward that a task ships with and pays one step under it; gives their names.
///
/// # Errors
/// The first reward that cannot be read, built or paid.
pub fn check_rewards(task: &TaskSpec) -> Result<Vec<&'static str>, LabError> {
    let mut names = Vec::new();
    for reward in &task.rewards {
        let scene = format!(
            "(version: 1, task: \"{}\", batch: (num_envs: 2, num_steps: 1), reward: \"{}\")",
            task.name, reward.name
        );
        let source = Source::new(format!("{} under {}", task.name, reward.name), scene);
        check_setup(&Setup::read::<&str>(&source, &[], ModelFiles::new())?)?;
        names.push(reward.name);
    }
    Ok(names)
}
