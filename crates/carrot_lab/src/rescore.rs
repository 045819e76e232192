//! Scoring the recorded episodes of a run again, under its own reward or another.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use carrot_record::{Episode, EpisodeReader, RunPaths, read_lines};
use carrot_reward::{
    Asked, Graph, GraphRevision, KindRegistry, Machine, RecordedSteps, Rescored, Revision, RewardModels,
    Scope, rescore,
};
use carrot_scene::{Diagnostics, Source, Syntax};
use carrot_sim::SignalCatalog;
use serde::Serialize;

use crate::error::LabError;
use crate::models::find_models;
use crate::setup::Setup;

/// One episode, scored again.
#[derive(Debug, Clone, Serialize)]
pub struct RescoredEpisode {
    /// Env of the episode.
    pub env: u32,
    /// Episode of that env.
    pub episode: u32,
    /// Steps.
    pub steps: usize,
    /// Return as it was paid in the run.
    pub online_return: f64,
    /// Return under the reward asked for.
    pub rescored_return: f64,
    /// Truth at the end.
    pub success: bool,
    /// Truth at the end, 0 to 1.
    pub score: f32,
    /// Steps whose total differs in any bit from the one that was paid; 0 under the run's own reward.
    pub differing_steps: usize,
}

/// All recorded episodes of a run.
///
/// # Errors
/// When a file cannot be read.
pub fn read_episodes(run: &Path) -> Result<Vec<Episode>, LabError> {
    let mut episodes = Vec::new();
    for file in episode_files(run)? {
        for episode in EpisodeReader::open(&file)?.episodes() {
            episodes.push(episode?);
        }
    }
    Ok(episodes)
}

/// The files of a run's recorded episodes, oldest first.
pub(crate) fn episode_files(run: &Path) -> Result<Vec<PathBuf>, LabError> {
    let folder = RunPaths::new(run).episodes();
    let failed = |error: std::io::Error| LabError::File {
        what: "cannot read the episodes",
        why: error.to_string(),
        path: folder.clone(),
    };
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .map_err(failed)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "parquet"))
        .collect();
    files.sort();
    Ok(files)
}

/// What the rewards of a run asked about pictures of an episode, and the answers as they were recorded: pictures are
/// not kept, so that these stand for them.
pub fn asked(setup: &Setup, episode: &Episode) -> Vec<(Asked, Vec<f32>)> {
    let columns = episode.raws.len() / episode.steps.max(1);
    let answers = |column: usize| episode.raws.iter().skip(column).step_by(columns.max(1)).copied().collect();
    let all = setup.graphs.iter().flat_map(Graph::asked);
    all.map(|(asked, column)| (asked.clone(), answers(column))).collect()
}

/// Scores one recorded episode under a graph.
///
/// # Errors
/// Those of [`carrot_reward::rescore()`].
pub fn rescore_episode<'r>(
    graph: &Graph,
    revision: impl Fn(u32) -> Option<&'r GraphRevision>,
    models: &mut RewardModels,
    catalog: &SignalCatalog,
    episode: &Episode,
    asked: &[(Asked, Vec<f32>)],
) -> Result<Rescored, LabError> {
    let (rows, columns) = (episode.steps + 1, catalog.width());
    // Recorded row by row, scored column by column.
    let signals: Vec<f32> = (0..columns)
        .flat_map(|c| (0..rows).map(move |t| t * columns + c))
        .map(|i| episode.signals[i])
        .collect();
    let flags = |bytes: &[u8]| bytes.iter().map(|&b| b != 0).collect::<Vec<bool>>();
    let (terminated, truncated, success) =
        (flags(&episode.terminated), flags(&episode.truncated), flags(&episode.success));
    let steps = RecordedSteps {
        signals: &signals,
        columns,
        terminated: &terminated,
        truncated: &truncated,
        cause: &episode.cause,
        success: &success,
        score: &episode.score,
        revision: &episode.revision,
        asked,
    };
    Ok(rescore(graph, revision, models, catalog, &steps)?)
}

/// Scores all recorded episodes of a run: under the reward in `file`, or under its own.
///
/// A reward from a file has no history of its own, so it is scored under its first revision.
///
/// # Errors
/// When the run or the file cannot be read.
pub fn rescore_run(run: &Path, file: Option<&Source>) -> Result<Vec<RescoredEpisode>, LabError> {
    let paths = RunPaths::new(run);
    let setup = Setup::read::<&str>(&Source::read(paths.config())?, &[], find_models(run)?)?;
    let mut models = crate::models::load_models(&setup)?;
    let catalog = setup.task.spec().catalog();
    let own: BTreeMap<u32, Revision> =
        read_lines::<Revision>(&paths.revisions())?.into_iter().map(|r| (r.number, r)).collect();
    let other = file.map(|file| OtherReward::read(file, &setup)).transpose()?;
    let first = other.as_ref().map(|other| GraphRevision::initial(&other.graph));
    let (graph, catalog) =
        other.as_ref().map_or((&setup.graphs[0], &catalog), |other| (&other.graph, &other.catalog));
    let mut rescored = Vec::new();
    for episode in read_episodes(run)? {
        let episode = match &other {
            Some(other) => other.follow(episode),
            None => episode,
        };
        let find = |number: u32| first.as_ref().or_else(|| own.get(&number).map(|r| &r.graphs[0]));
        let result = rescore_episode(graph, find, &mut models, catalog, &episode, &asked(&setup, &episode))?;
        let (groups, all_groups) =
            (result.totals.len(), setup.graphs.iter().map(|g| g.groups.len()).sum::<usize>());
        let online = |t: usize, g: usize| episode.totals[t * all_groups + g];
        let paid = setup.graphs[0].groups.len();
        let differs = |t: &usize| {
            groups != paid || (0..paid).any(|g| online(*t, g).to_bits() != result.totals[g][*t].to_bits())
        };
        let last = episode.steps.saturating_sub(1);
        rescored.push(RescoredEpisode {
            env: episode.key.env_id,
            episode: episode.key.episode,
            steps: episode.steps,
            online_return: (0..episode.steps)
                .map(|t| (0..paid).map(|g| f64::from(online(t, g))).sum::<f64>())
                .sum(),
            rescored_return: result.episode_return(),
            success: episode.success[last] != 0,
            score: episode.score[last],
            differing_steps: (0..episode.steps).filter(differs).count(),
        });
    }
    Ok(rescored)
}

/// A reward that a run was not made with.
struct OtherReward {
    graph: Graph,
    /// Signals that it reads: those of the run, and the states of machines of its own.
    catalog: SignalCatalog,
    machines: Vec<Machine>,
    /// Where the machines' columns are, in a row of signals.
    column: usize,
}

impl OtherReward {
    /// Reads a reward file: a list of terms, programs and machines, as in a scene's `reward`.
    fn read(file: &Source, setup: &Setup) -> Result<Self, Diagnostics> {
        let names = setup.model_names();
        let scope = Scope::new(setup.task.spec(), &names);
        let mut diagnostics = Diagnostics::new();
        let root = Syntax::parse(file)?.root();
        let machines = carrot_reward::declared_machines(&[root], &scope, &mut diagnostics);
        if !diagnostics.is_empty() {
            return Err(diagnostics);
        }
        let column = scope.catalog.width() - 2 * setup.task.spec().action.width();
        let task = carrot_reward::track(setup.task.clone(), machines.clone());
        let scope = Scope::new(task.spec(), &names);
        let graph = Graph::parse("reward", file, &KindRegistry::standard(), &scope, &mut 0)?;
        Ok(Self { graph, catalog: scope.catalog, machines, column })
    }

    /// The episode with the states that the machines would have been in.
    fn follow(&self, mut episode: Episode) -> Episode {
        let (rows, columns) = (episode.steps + 1, self.catalog.width() - self.machines.len());
        let by_column: Vec<f32> = (0..columns)
            .flat_map(|c| (0..rows).map(move |t| t * columns + c))
            .map(|i| episode.signals[i])
            .collect();
        let states: Vec<Vec<f32>> =
            self.machines.iter().map(|machine| machine.follow(&by_column, columns)).collect();
        let row = |(t, row): (usize, &[f32])| {
            let (task, actions) = row.split_at(self.column);
            let own: Vec<f32> = states.iter().map(|states| states[t]).collect();
            [task, &own, actions].concat()
        };
        episode.signals = episode.signals.chunks(columns).enumerate().flat_map(row).collect();
        episode
    }
}
