//! Who shows how it is done: scripts, and recorded episodes of runs, whoever drove them.

use std::path::PathBuf;

use carrot_learn::ShownSteps;
use carrot_record::Episode;
use carrot_reward::Revision;
use carrot_scene::Reader;
use carrot_sim::{PartData, Task, VecEnvConfig};
use serde::Deserialize;

use crate::error::LabError;
use crate::evaluate::{Actor, record_episodes};
use crate::learned::Inputs;
use crate::played::begin;
use crate::setup::Setup;

/// Seed of demonstrations, apart from those of trainings and evaluations.
const SEED: u64 = 30_000;

/// Who shows how it is done.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Demonstrations {
    /// A script of the task.
    Script {
        /// Its name.
        #[serde(default = "expert")]
        name: String,
        /// Episodes.
        episodes: usize,
    },
    /// The recorded episodes of a run, best first: of an agent, or of who drove by hand.
    Run {
        /// Its folder.
        path: PathBuf,
        /// Episodes.
        episodes: usize,
    },
}

fn expert() -> String {
    "expert".into()
}

impl Demonstrations {
    /// Reads the field `demonstrations`; a script that the task does not have is refused.
    pub(super) fn read(reader: &mut Reader<'_>, task: &dyn Task) -> Option<Self> {
        let found: Option<Self> = reader.required("demonstrations");
        if let Some(Self::Script { name, .. }) = &found
            && task.spec().script(name).is_none()
        {
            let names: Vec<&str> = task.spec().scripts.iter().map(|script| script.name).collect();
            let help = format!("it has {}", names.join(", "));
            reader.refuse("demonstrations", format!("the task has no script `{name}`"), help);
        }
        found
    }

    /// The episodes.
    pub(super) fn episodes(&self, setup: &Setup) -> Result<Vec<Episode>, LabError> {
        let width = setup.task.spec().catalog().width();
        let episodes = match self {
            Self::Script { name, episodes } => {
                let missing = || LabError::Refused(format!("the task has no script `{name}`"));
                let script = setup.task.spec().script(name).ok_or_else(missing)?;
                let mut models = crate::models::load_models(setup)?;
                let revision = Revision::initial(&setup.graphs);
                record_episodes(setup, &revision, &mut models, &Actor::Script(script), *episodes, SEED)?.1
            }
            Self::Run { path, episodes } => {
                let mut all = crate::rescore::read_episodes(path)?;
                let last = |episode: &Episode| episode.score.last().copied().unwrap_or(0.0);
                // Stable: equals stay in the order in which they were played.
                all.sort_by(|a, b| last(b).total_cmp(&last(a)));
                all.truncate(*episodes);
                all
            }
        };
        match episodes.iter().all(|own| own.signals.len() == (own.steps + 1) * width) {
            true => Ok(episodes),
            false => Err(LabError::Refused("the demonstrations do not have the signals of this task".into())),
        }
    }
}

/// Signals of s' of each step of an episode, `[T, F]`; of steps s stands before s', `[T, 2 F]`.
pub(super) fn rows(episode: &Episode, inputs: &Inputs, of_steps: bool) -> Vec<f32> {
    let width = episode.signals.len() / (episode.steps + 1);
    let states: Vec<&[f32]> = episode.signals.chunks_exact(width.max(1)).collect();
    let read = |state: &[f32], rows: &mut Vec<f32>| rows.extend(inputs.columns.iter().map(|&c| state[c]));
    let mut rows = Vec::new();
    for pair in states.windows(2) {
        if of_steps {
            read(pair[0], &mut rows);
        }
        read(pair[1], &mut rows);
    }
    rows
}

/// What was to be seen at each step of recorded episodes, and what was done: they are played again, since a recording
/// keeps no observations.
///
/// # Errors
/// When an episode does not play as it was recorded, such as one that was edited while somebody drove.
pub(super) fn watch(setup: &Setup, episodes: &[Episode]) -> Result<ShownSteps, LabError> {
    let (spec, observation) = (setup.task.spec(), setup.task.observation());
    let obs = observation.iter().map(|part| PartData::new(part, 0)).collect();
    let mut shown = ShownSteps { obs, actions: Vec::new() };
    for episode in episodes {
        let env = episode.key.env_id as usize;
        let config = VecEnvConfig {
            num_envs: env + 1,
            num_steps: 1,
            shards: 1,
            seed: episode.key.seed,
            keep_signals: true,
            autoreset: true,
        };
        let mut batch = setup.build_unpaid(config)?;
        begin(&mut batch, episode.key)?;
        let (columns, width) = (episode.signals.len() / (episode.steps + 1), spec.action.width());
        let mut actions = vec![0.0; (env + 1) * width];
        let steps = episode.actions.chunks_exact(width).zip(episode.applied.chunks_exact(width));
        for ((given, applied), recorded) in steps.zip(episode.signals.chunks_exact(columns).skip(1)) {
            batch.begin_rollout();
            batch.prepare()?;
            let parts = shown.obs.iter_mut().zip(batch.current_obs()).zip(observation);
            for ((own, now), part) in parts {
                own.extend(now.slice(env * part.size()..(env + 1) * part.size()));
            }
            actions[env * width..].copy_from_slice(given);
            batch.step(&actions)?;
            let played = batch.rollout().rows_now(&(0..columns).collect::<Vec<_>>()).unwrap_or_default();
            let same = |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits();
            if !played[env * columns..].iter().zip(recorded).all(same) {
                let (number, env) = (episode.key.episode, episode.key.env_id);
                let message = format!("episode {number} of env {env} does not play as it was recorded");
                return Err(LabError::Refused(message));
            }
            shown.actions.extend_from_slice(applied);
        }
    }
    Ok(shown)
}
