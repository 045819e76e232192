//! What a reward pays the behaviours that a task ships with, before anything is trained: a reward that pays its
//! exploit more than the expert will be farmed by an agent that learns well.

use carrot_record::Episode;
use carrot_reward::{Graph, Revision, RewardModels};
use carrot_scene::{Diagnostics, Source};
use serde::Serialize;

use crate::error::LabError;
use crate::evaluate::{Actor, record_episodes};
use crate::setup::{ModelFiles, Setup};

/// Behaviours and rewards of one task, beside each other.
#[derive(Debug, Clone, Serialize)]
pub struct Audit {
    /// Task.
    pub task: String,
    /// Rewards, in the order of [`Behaviour::returns`].
    pub rewards: Vec<AuditedReward>,
    /// The scripts of the task in its order, the expert first, then random actions.
    pub behaviours: Vec<Behaviour>,
    /// Episodes of each behaviour.
    pub episodes: usize,
    /// Discount of the compared returns: that of the learner.
    pub gamma: f32,
}

/// One reward of an audit.
#[derive(Debug, Clone, Serialize)]
pub struct AuditedReward {
    /// Name.
    pub name: String,
    /// Behaviours with a higher discounted return than the expert and a lower score, in the mean: the reward prefers
    /// failing to doing the task.
    pub farmed_by: Vec<String>,
}

/// What one behaviour earns, and what it is truly worth.
#[derive(Debug, Clone, Serialize)]
pub struct Behaviour {
    /// Name of the script, or `random`.
    pub name: String,
    /// Mean return of an episode under each reward, not discounted.
    pub returns: Vec<f64>,
    /// Mean discounted return from the first state under each reward: what a learner maximises. Only this sum is left
    /// in order by a potential.
    pub discounted_returns: Vec<f64>,
    /// Share of successes: the truth.
    pub success_rate: f64,
    /// Mean score: the truth.
    pub mean_score: f64,
    /// Mean length of an episode.
    pub mean_length: f64,
}

/// A setup in which all shipped rewards of a task watch.
///
/// # Errors
/// When there is no such task.
pub fn shipped_rewards(task: &str) -> Result<Setup, Diagnostics> {
    let names = carrot_tasks::build_task(task)
        .map(|task| task.spec().rewards.iter().map(|reward| reward.name).collect::<Vec<_>>());
    // An unknown task is reported where the scene is read.
    let names = names.unwrap_or_else(|| vec!["sparse"]);
    let (first, others) = names.split_first().unwrap_or((&"sparse", &[]));
    let shadows: String = others.iter().map(|name| format!("\"{name}\": \"{name}\", ")).collect();
    let scene = format!(
        "(version: 1, task: \"{task}\", batch: (num_envs: 1, num_steps: 1), reward: \"{first}\", shadows: {{{shadows}}}, recording: (envs: 0))"
    );
    Setup::read::<&str>(&Source::new("audit", scene), &[], ModelFiles::new())
}

/// Plays every script of the task, and random actions, under all graphs of a setup at once.
///
/// # Errors
/// When the batch cannot be built or stepped, or a reward model fails.
pub fn audit(
    setup: &Setup,
    models: &mut RewardModels,
    episodes: usize,
    seed: u64,
) -> Result<Audit, LabError> {
    let revision = Revision::initial(&setup.graphs);
    let scripts = setup.task.spec().scripts.iter().map(|script| (script.name, Actor::Script(*script)));
    let gamma = setup.learner.gamma();
    let mut behaviours = Vec::new();
    for (name, actor) in scripts.chain([("random", Actor::Random)]) {
        let (found, recorded) = record_episodes(setup, &revision, models, &actor, episodes, seed)?;
        let graphs = 0..setup.graphs.len();
        let mean = |graph| found.episodes.iter().map(|e| e.returns[graph]).sum::<f64>() / episodes as f64;
        let discounted = discounted_returns(&recorded, &setup.graphs, gamma.into());
        behaviours.push(Behaviour {
            name: name.into(),
            returns: graphs.map(mean).collect(),
            discounted_returns: discounted,
            success_rate: found.success_rate,
            mean_score: found.mean_score,
            mean_length: found.mean_length,
        });
    }
    let names = setup.graphs.iter().enumerate().map(|(graph, spec)| match graph {
        0 => setup.reward.clone(),
        _ => spec.name.clone(),
    });
    let rewards =
        names.enumerate().map(|(graph, name)| AuditedReward { name, farmed_by: farmers(&behaviours, graph) });
    Ok(Audit { task: setup.task.spec().name.into(), rewards: rewards.collect(), behaviours, episodes, gamma })
}

fn farmers(behaviours: &[Behaviour], graph: usize) -> Vec<String> {
    let Some((expert, others)) = behaviours.split_first() else { return Vec::new() };
    let farms = |other: &&Behaviour| {
        other.discounted_returns[graph] > expert.discounted_returns[graph]
            && other.mean_score < expert.mean_score
    };
    others.iter().filter(farms).map(|other| other.name.clone()).collect()
}

/// Mean over episodes of the discounted return under each graph, all its groups together.
fn discounted_returns(episodes: &[Episode], graphs: &[Graph], gamma: f64) -> Vec<f64> {
    let groups: usize = graphs.iter().map(|graph| graph.groups.len()).sum();
    let mut first = 0;
    let mut means = Vec::with_capacity(graphs.len());
    for graph in graphs {
        let own = first..first + graph.groups.len();
        first = own.end;
        let paid = |episode: &Episode, t: usize| {
            own.clone().map(|group| f64::from(episode.totals[t * groups + group])).sum::<f64>()
        };
        let of = |episode: &Episode| {
            (0..episode.steps).rev().fold(0.0, |later, t| paid(episode, t) + gamma * later)
        };
        means.push(episodes.iter().map(of).sum::<f64>() / episodes.len() as f64);
    }
    means
}
