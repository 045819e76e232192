//! Two hundred answers in place of a reward: how well they order episodes that nobody compared, and how good an agent
//! gets that is paid by nothing else.

use carrot_learn::Device;
use carrot_record::Episode;
use carrot_reward::{Revision, RewardModels};
use carrot_scene::Source;
use serde::Serialize;

use super::{cell, kendall_tau};
use crate::bench::table::Table;
use crate::error::LabError;
use crate::evaluate::{Actor, Evaluation, evaluate, record_episodes};
use crate::rescore::rescore_episode;
use crate::setup::{ModelFiles, Setup};
use crate::trainer::Trainer;

/// Episodes of an evaluation.
const EPISODES: usize = 100;
/// Shares of random actions among the expert's in held-out episodes, and episodes of each.
const NOISE: [f32; 5] = [0.1, 0.3, 0.5, 0.7, 1.0];
const HELD_OUT: usize = 20;
/// Seeds of evaluations and held-out episodes lie apart from those of trainings.
const EVALUATION_SEED: u64 = 10_000;
const HELD_OUT_SEED: u64 = 20_000;

/// A task whose reward is to be learned.
#[derive(Debug, Clone, Copy)]
pub struct PreferenceCase {
    /// The task.
    pub task: &'static str,
    /// Name and text of the scene; its shadow `gold` is the true reward.
    pub scene: (&'static str, &'static str),
    /// The true reward, as an override.
    pub gold: &'static str,
}

macro_rules! case {
    ($task:literal, $gold:literal, $file:literal) => {
        PreferenceCase {
            task: $task,
            gold: $gold,
            scene: (
                concat!("benches/rewards/", $file),
                include_str!(concat!("../../../../../benches/rewards/", $file)),
            ),
        }
    };
}

/// The tasks.
pub const CASES: &[PreferenceCase] = &[
    case!("CartPole-v1", r#"reward="sparse""#, "cart_pole.ron"),
    case!("Pendulum-v1", r#"reward="sparse""#, "pendulum.ron"),
    case!(
        "Reach",
        r#"reward=[(name: "near", kind: Distance(signal: "goal_distance"), weight: -1.0)]"#,
        "reach.ron"
    ),
];

/// What one seed came to.
#[derive(Debug, Clone, Serialize)]
pub struct PreferenceResult {
    /// The seed.
    pub seed: u64,
    /// Answers that the network saw.
    pub labels: usize,
    /// Kendall's tau of learned against true return on held-out episodes.
    pub tau: Option<f64>,
    /// The agent that learned from the network alone.
    pub learned: AgentResult,
    /// One that learned from the true reward in as many steps.
    pub told: AgentResult,
}

/// An agent, measured by the true reward and by the truth.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct AgentResult {
    /// Mean return under the true reward.
    pub mean_return: f64,
    /// Share of successes.
    pub success_rate: f64,
    /// Mean score.
    pub mean_score: f64,
}

impl From<&Evaluation> for AgentResult {
    fn from(found: &Evaluation) -> Self {
        Self {
            mean_return: found.mean_return,
            success_rate: found.success_rate,
            mean_score: found.mean_score,
        }
    }
}

/// Everything about one task.
#[derive(Debug, Clone, Serialize)]
pub struct PreferenceTask {
    /// The task.
    pub task: String,
    /// Its seeds.
    pub seeds: Vec<PreferenceResult>,
}

/// Trains with one seed on answers alone and on the true reward, with `overrides` of the scene.
///
/// # Errors
/// When an override does not fit or a training fails.
pub fn measure(case: &PreferenceCase, overrides: &[String], seed: u64) -> Result<PreferenceResult, LabError> {
    let judge = read_judge(case, overrides, seed)?;
    let learned = train(read(case, overrides, seed, &[])?)?;
    let told = train(judge.clone())?;
    let tau = held_out_tau(&judge, &learned, seed)?;
    Ok(PreferenceResult {
        seed,
        labels: learned.preferences().map_or(0, |own| own.answered()),
        tau,
        learned: judged(&judge, &learned, seed)?,
        told: judged(&judge, &told, seed)?,
    })
}

/// The scene under the true reward, without anything learned.
pub(super) fn read_judge(case: &PreferenceCase, overrides: &[String], seed: u64) -> Result<Setup, LabError> {
    let network = |text: &&String| text.starts_with("preferences");
    let others: Vec<String> = overrides.iter().filter(|text| !network(text)).cloned().collect();
    read(case, &others, seed, &[case.gold, "preferences=None", "shadows={}"])
}

/// The scene with overrides, the last ones winning.
pub(super) fn read(
    case: &PreferenceCase,
    overrides: &[String],
    seed: u64,
    last: &[&str],
) -> Result<Setup, LabError> {
    let seed = format!("batch.seed={seed}");
    let last = last.iter().map(|text| (*text).to_string());
    let all: Vec<String> = overrides.iter().cloned().chain([seed]).chain(last).collect();
    Ok(Setup::read(&Source::new(case.scene.0, case.scene.1), &all, ModelFiles::new())?)
}

/// Trains a setup to its end.
fn train(setup: Setup) -> Result<Trainer, LabError> {
    let mut trainer = Trainer::new(setup, Device::Cpu)?;
    while !trainer.is_complete() {
        trainer.update()?;
    }
    Ok(trainer)
}

pub(super) fn judged(judge: &Setup, trainer: &Trainer, seed: u64) -> Result<AgentResult, LabError> {
    let actor = Actor::Policy { learner: trainer.learner(), explore: false };
    let revision = Revision::initial(&judge.graphs);
    let seed = EVALUATION_SEED * seed;
    Ok(AgentResult::from(&evaluate(judge, &revision, &mut RewardModels::new(), &actor, EPISODES, seed)?))
}

/// Tau of learned against true return over episodes from the expert to chance.
fn held_out_tau(judge: &Setup, trainer: &Trainer, seed: u64) -> Result<Option<f64>, LabError> {
    let (graph, revision) = (&trainer.setup().graphs[0], &trainer.revision().graphs[0]);
    let mut models = trainer.reward_models()?;
    let catalog = judge.task.spec().catalog();
    let (mut truth, mut learned) = (Vec::new(), Vec::new());
    for episode in held_out(judge, seed)? {
        let scored = rescore_episode(graph, |_| Some(revision), &mut models, &catalog, &episode, &[])?;
        learned.push(scored.episode_return());
        truth.push(episode.totals.iter().map(|&x| f64::from(x)).sum());
    }
    Ok(kendall_tau(&learned, &truth))
}

/// Episodes that no training saw.
fn held_out(judge: &Setup, seed: u64) -> Result<Vec<Episode>, LabError> {
    let refused = || LabError::Refused(format!("{} has no expert to record", judge.task.spec().name));
    let script = judge.task.spec().script("expert").ok_or_else(refused)?;
    let revision = Revision::initial(&judge.graphs);
    let mut episodes = Vec::new();
    for (i, noise) in NOISE.into_iter().enumerate() {
        let actor = Actor::NoisyScript { script, noise };
        let seed = HELD_OUT_SEED * seed + i as u64;
        let recorded = record_episodes(judge, &revision, &mut RewardModels::new(), &actor, HELD_OUT, seed)?;
        episodes.extend(recorded.1);
    }
    Ok(episodes)
}

/// The table of all tasks.
pub fn table(tasks: &[PreferenceTask]) -> Table {
    let headings = [
        "task",
        "seeds",
        "labels",
        "tau on held-out episodes",
        "score, learned from labels",
        "score, told the reward",
        "share",
        "true return, from labels",
        "true return, told",
    ];
    let row = |task: &PreferenceTask| {
        let of = |value: fn(&PreferenceResult) -> f64| cell(task.seeds.iter().map(value));
        vec![
            task.task.clone(),
            task.seeds.len().to_string(),
            task.seeds.iter().map(|seed| seed.labels).max().unwrap_or(0).to_string(),
            cell(task.seeds.iter().filter_map(|seed| seed.tau)),
            of(|seed| seed.learned.mean_score),
            of(|seed| seed.told.mean_score),
            of(|seed| seed.learned.mean_score / seed.told.mean_score),
            of(|seed| seed.learned.mean_return),
            of(|seed| seed.told.mean_return),
        ]
    };
    Table { headings: headings.map(String::from).into(), rows: tasks.iter().map(row).collect() }
}
