//! Fitting a reward model to the truth of recorded episodes, and keeping it in a file.

use std::path::Path;

use carrot_learn::novelty::Novelty;
use carrot_learn::preference::{Published, RewardNet};
use carrot_learn::{SuccessNet, SuccessNetConfig, auc};
use carrot_record::Episode;
use carrot_reward::{Revision, RewardError, RewardModel, RewardModels};
use carrot_scene::nearest;
use carrot_sim::{RowKey, Stream};
use serde::Serialize;

use crate::error::LabError;
use crate::evaluate::{Actor, record_episodes};
use crate::setup::Setup;
use crate::versions::{read_parts, read_versions, write_parts};

/// Share of episodes that is held out, in percent.
const HELD_OUT: usize = 20;
/// Share of random actions in the expert's episodes, so that they also show the way there and near misses.
const NOISE: f32 = 0.3;

/// What a model is fitted to.
#[derive(Debug, Clone)]
pub struct FitOptions {
    /// Name of the model.
    pub name: String,
    /// Signal columns that it reads; empty for all that the task measures, actions left out.
    pub inputs: Vec<String>,
    /// Episodes to record, half with the task's expert among noise, half with random actions.
    pub episodes: usize,
    /// Seed of recording and fitting.
    pub seed: u64,
}

/// How good a fitted model is.
#[derive(Debug, Clone, Serialize)]
pub struct FitReport {
    /// Signal columns that it reads.
    pub inputs: Vec<String>,
    /// Episodes and steps fitted to.
    pub train_episodes: usize,
    /// Episodes held out.
    pub held_out_episodes: usize,
    /// Steps held out.
    pub held_out_steps: usize,
    /// Share of held-out steps with success.
    pub success_share: f64,
    /// Area under the ROC curve on held-out steps: the chance that a success is scored above a failure.
    pub held_out_auc: Option<f64>,
}

/// Records scripted episodes of a scene's task, for fitting.
///
/// # Errors
/// When the task has no script or a step fails.
pub fn record_for_fit(setup: &Setup, options: &FitOptions) -> Result<Vec<Episode>, LabError> {
    let refused = || LabError::Refused(format!("{} has no expert to record", setup.task.spec().name));
    let expert = setup.task.spec().script("expert").ok_or_else(refused)?;
    let revision = Revision::initial(&setup.graphs);
    let mut models = RewardModels::new();
    let half = (options.episodes / 2).max(1);
    let mut episodes = Vec::new();
    for (i, actor) in [Actor::NoisyScript { script: expert, noise: NOISE }, Actor::Random].iter().enumerate()
    {
        let seed = options.seed + i as u64;
        episodes.extend(record_episodes(setup, &revision, &mut models, actor, half, seed)?.1);
    }
    Ok(episodes)
}

/// Fits a network to the success flag of each step, and measures it on episodes that it has not seen.
///
/// # Errors
/// When an input is no signal, or there are no successes or no failures to learn from.
pub fn fit_success(
    setup: &Setup,
    options: &FitOptions,
    episodes: &[Episode],
) -> Result<(SuccessNet, FitReport), LabError> {
    let names = setup.task.spec().catalog().column_names();
    let inputs = inputs(options, &names)?;
    let columns: Vec<usize> = inputs.iter().filter_map(|i| names.iter().position(|n| n == i)).collect();
    let mut order: Vec<usize> = (0..episodes.len()).collect();
    RowKey { seed: options.seed, env: 0, episode: 0 }.rng(Stream::Learner).shuffle(&mut order);
    let (held_out, train) = order.split_at(episodes.len() * HELD_OUT / 100);
    let (features, labels) = table(episodes, train, &columns, names.len());
    let (test_features, test_labels) = table(episodes, held_out, &columns, names.len());
    if !labels.contains(&true) || !labels.contains(&false) {
        let what = if labels.contains(&true) { "failure" } else { "success" };
        return Err(LabError::Refused(format!(
            "no step with {what} in {} episodes: nothing to learn",
            train.len()
        )));
    }
    let config = SuccessNetConfig::default();
    let (mut net, _) = SuccessNet::fit(&options.name, 1, &inputs, &features, &labels, &config, options.seed)?;
    let mut scores = vec![0.0; test_labels.len()];
    net.score(&test_features, &mut scores);
    let successes = test_labels.iter().filter(|&&l| l).count();
    let report = FitReport {
        inputs,
        train_episodes: train.len(),
        held_out_episodes: held_out.len(),
        held_out_steps: test_labels.len(),
        success_share: successes as f64 / test_labels.len().max(1) as f64,
        held_out_auc: auc(&scores, &test_labels),
    };
    Ok((net, report))
}

/// What a task measures, actions left out.
pub(crate) fn measured(names: &[String]) -> Vec<String> {
    names.iter().filter(|n| *n != "action" && !n.starts_with("action_")).cloned().collect()
}

fn inputs(options: &FitOptions, names: &[String]) -> Result<Vec<String>, LabError> {
    if options.inputs.is_empty() {
        return Ok(measured(names));
    }
    for input in &options.inputs {
        if !names.contains(input) {
            let hint = nearest(input, names).map_or(String::new(), |n| format!(", did you mean `{n}`?"));
            return Err(LabError::Refused(format!("unknown signal `{input}`{hint}")));
        }
    }
    Ok(options.inputs.clone())
}

/// Features and labels of s′ of every step of the chosen episodes.
fn table(episodes: &[Episode], chosen: &[usize], columns: &[usize], width: usize) -> (Vec<f32>, Vec<bool>) {
    let (mut features, mut labels) = (Vec::new(), Vec::new());
    for &index in chosen {
        let episode = &episodes[index];
        for t in 0..episode.steps {
            let row = &episode.signals[(t + 1) * width..][..width];
            features.extend(columns.iter().map(|&c| row[c]));
            labels.push(episode.success[t] != 0);
        }
    }
    (features, labels)
}

/// Writes a model into one file.
///
/// # Errors
/// When the file cannot be written.
pub fn save_model(net: &SuccessNet, path: &Path) -> Result<(), LabError> {
    write_parts(&net.save()?, path)
}

/// The models of a setup that lie in files.
pub(crate) fn load_files(setup: &Setup) -> Result<RewardModels, LabError> {
    let mut models = RewardModels::new();
    for (name, path) in &setup.models {
        let parts = read_parts(path)?;
        let model: Box<dyn RewardModel> = match RewardNet::is_in(&parts) {
            true => Box::new(Published::only(RewardNet::load(&parts)?)),
            false => Box::new(SuccessNet::load(&parts)?),
        };
        models.insert(name.clone(), model);
    }
    Ok(models)
}

/// Reads the models of a setup: those in files, and what is learned beside it with all that its run has published.
///
/// # Errors
/// When a file cannot be read or is no model.
pub fn load_models(setup: &Setup) -> Result<RewardModels, LabError> {
    let mut models = load_files(setup)?;
    let mut learned: Vec<(&str, Box<dyn RewardModel>)> = Vec::new();
    if let Some(config) = &setup.preferences {
        learned.push((&config.model, Box::new(Published::nothing(config.inputs.clone()))));
    }
    if let Some(spec) = &setup.imitation {
        learned.push((&spec.model, Box::new(Published::nothing(spec.inputs().to_vec()))));
    }
    for own in &setup.novelty {
        learned.push((&own.model, Box::new(Novelty::new(own.config.clone()))));
    }
    for (name, mut model) in learned {
        let versions = setup.run.as_ref().map_or_else(|| Ok(Vec::new()), |run| read_versions(run, name))?;
        for parts in versions {
            let refused = |why| RewardError::Model { name: name.into(), why };
            model.publish(&parts, true).map_err(refused)?;
        }
        models.insert(name.into(), model);
    }
    Ok(models)
}
