//! Episodes that somebody played outside of a training, such as by hand, kept as those of a run.

use std::path::Path;
use std::sync::Arc;

use carrot_learn::Device;
use carrot_record::{DiskStorage, Episode, EpisodeKey, EpisodeWriter, LineLog, RunFolder};
use carrot_reward::{Ledger, Revision};
use carrot_sim::{SimError, VecEnv, VecEnvConfig};

use crate::error::LabError;
use crate::models::{keep_models, load_models};
use crate::recorder::{EpisodeRecorder, schema};
use crate::run::{create_numbered, run_start};
use crate::setup::Setup;

/// What somebody did in one episode, and what came of it.
///
/// # Shapes
/// T steps of A action components and S signals.
#[derive(Debug, Clone, PartialEq)]
pub struct Played {
    /// Which episode.
    pub key: EpisodeKey,
    /// `[T, A]` as they were given.
    pub actions: Vec<f32>,
    /// `[T, S]` after each step.
    pub signals: Vec<f32>,
}

impl Played {
    /// The whole episode, played again and paid by the rewards of a setup.
    ///
    /// # Errors
    /// When it does not come out as it was played, such as one whose state was edited; when it has not ended, or a
    /// reward model fails.
    pub fn episode(&self, setup: &Setup) -> Result<Episode, LabError> {
        let (row, width) = (self.key.env_id as usize, setup.task.spec().action.width());
        let steps = self.actions.len() / width.max(1);
        let config = VecEnvConfig {
            num_envs: row + 1,
            num_steps: steps.max(1),
            shards: 1,
            seed: self.key.seed,
            keep_signals: true,
            autoreset: true,
        };
        let (revision, mut models) = (Revision::initial(&setup.graphs), load_models(setup)?);
        let mut env = setup.build(config, &revision)?;
        begin(&mut env, self.key)?;
        env.begin_rollout();
        let mut actions = vec![0.0; (row + 1) * width];
        for action in self.actions.chunks_exact(width.max(1)) {
            env.prepare()?;
            actions[row * width..].copy_from_slice(action);
            env.step(&actions)?;
        }
        let mut ledger = Ledger::new(&setup.graphs, config.num_steps, config.num_envs);
        let catalog = env.catalog().clone();
        env.finalise_with(|rollout| {
            ledger.finalise(&setup.graphs, &revision, &mut models, &catalog, rollout)
        })?;
        let ended = EpisodeRecorder::new(self.key.seed, row + 1).record(env.rollout(), &ledger, width);
        let episode = ended.into_iter().find(|episode| episode.key == self.key && episode.steps == steps);
        let columns = self.signals.len() / steps.max(1);
        let same = |episode: &Episode| {
            let again = episode.signals.iter().skip(columns);
            episode.signals.len() == columns * (steps + 1)
                && again.zip(&self.signals).all(|(a, b)| a.to_bits() == b.to_bits())
        };
        episode.filter(same).ok_or_else(|| {
            let EpisodeKey { env_id, episode, .. } = self.key;
            LabError::Refused(format!(
                "episode {episode} of env {env_id} does not play again as it was played: its state was edited"
            ))
        })
    }
}

/// Brings the last row of a fresh batch to the beginning of an episode.
pub(crate) fn begin(env: &mut VecEnv, key: EpisodeKey) -> Result<(), SimError> {
    let own: Vec<bool> = (0..=key.env_id).map(|row| row == key.env_id).collect();
    (0..key.episode).try_for_each(|_| env.reset(Some(&own)))
}

/// A run folder for episodes that are played now and then, one file each.
pub struct PlayedRun {
    folder: RunFolder,
    setup: Setup,
    kept: usize,
}

impl PlayedRun {
    /// A new folder `TASK/WHO/..` below `runs`, with the scene as it stands.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(setup: &Setup, runs: &Path, who: &str) -> Result<Self, LabError> {
        let folder = create_numbered(runs, None, &run_start(setup, who, Device::Cpu))?;
        keep_models(setup, folder.paths().root())?;
        setup.keep_files(folder.paths().root())?;
        let mut revisions = LineLog::open(&DiskStorage, &folder.paths().revisions())?;
        revisions.append(&Revision::initial(&setup.graphs))?;
        revisions.sync()?;
        Ok(Self { folder, setup: setup.clone(), kept: 0 })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.paths().root()
    }

    /// Whether it was made for this scene and these rewards.
    pub fn is_of(&self, setup: &Setup) -> bool {
        self.setup.scene.resolved_text() == setup.scene.resolved_text()
    }

    /// Episodes so far.
    pub fn kept(&self) -> usize {
        self.kept
    }

    /// Adds an episode.
    ///
    /// # Errors
    /// Those of [`Played::episode`]; when the disk is full or fails.
    pub fn keep(&mut self, played: &Played) -> Result<(), LabError> {
        let episode = played.episode(&self.setup)?;
        let catalog = self.setup.task.spec().catalog();
        let schema = schema(self.setup.task.spec(), &catalog, &self.setup.graphs);
        let EpisodeKey { env_id, episode: number, .. } = episode.key;
        let name = format!("env_{env_id:03}_episode_{number:06}");
        let folder = self.folder.paths().episodes();
        let mut writer = EpisodeWriter::create(Arc::new(DiskStorage), &folder, &name, schema)?;
        writer.write(&episode)?;
        writer.close()?;
        self.kept += 1;
        Ok(())
    }
}
