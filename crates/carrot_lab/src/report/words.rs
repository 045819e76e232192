//! Rewards that ask about pictures, looked at with the run's newest policy: every answer beside the truth.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use carrot_learn::Memory;
use carrot_reward::graph::{Body, Graph};
use carrot_reward::{Asked, Ledger, Picture, Revision, RewardError, RewardModels};
use carrot_sim::{Look, Rollout, VecEnvConfig};

use super::RunCurves;
use crate::error::LabError;
use crate::evaluate::{Actor, act};
use crate::saved::SavedRun;
use crate::setup::Setup;
use crate::vlm::agreement::{Agreement, ranks};

/// Envs and most steps that are played by the policy, and as many by chance.
const ENVS: usize = 8;
const STEPS: u32 = 400;
/// The seed of what is played.
const SEED: u64 = 2_000;
/// Pictures shown of an episode, and of disagreements to either side.
const SHOWN: usize = 8;
const WORST: usize = 4;

/// What a run asks about pictures.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Words {
    /// Task of the run.
    pub task: String,
    /// Its reward.
    pub reward: String,
    /// Its seed.
    pub seed: u64,
    /// One for each term that asks.
    pub terms: Vec<TermWords>,
}

/// What one term asks, and what it was told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TermWords {
    /// The term.
    pub name: String,
    /// What it asks.
    pub question: String,
    /// Whom.
    pub model: String,
    /// Pictures that were asked about, the policy's and chance's.
    pub pictures: usize,
    /// The chance that a picture with success is valued above one without.
    pub auc: Option<f64>,
    /// Rank correlation with the score.
    pub rank: Option<f64>,
    /// An episode of the policy.
    pub episode: Vec<Moment>,
    /// Pictures that are told from each other worst: valued far above what is true of them.
    pub overvalued: Vec<Moment>,
    /// The same, far below.
    pub undervalued: Vec<Moment>,
}

/// One picture that was asked about.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Moment {
    /// Step of the episode.
    pub step: u32,
    /// The answer.
    pub answer: f32,
    /// Truth.
    pub score: f32,
    /// Truth.
    pub success: bool,
    /// The picture, where it is shown.
    pub picture: Option<Picture>,
}

/// Looks at a run; none where its reward asks nothing about pictures.
///
/// # Errors
/// When the run holds no checkpoint, its model cannot be read, or there is no device that draws.
pub fn of_run(run: &RunCurves) -> Result<Option<Words>, LabError> {
    // Most runs need not be built to know.
    if !run.config.contains("Vlm") {
        return Ok(None);
    }
    let saved = SavedRun::open(&run.folder)?;
    let setup = saved.setup().clone();
    if setup.graphs[0].asked().is_empty() {
        return Ok(None);
    }
    let trainer = saved.trainer()?;
    let mut models = trainer.reward_models()?;
    let policy = Actor::Policy { learner: trainer.learner(), explore: false };
    let mut played = Vec::new();
    for (turn, actor) in [policy, Actor::Random].iter().enumerate() {
        played.push(play(&setup, trainer.revision(), &mut models, actor, SEED + turn as u64)?);
    }
    let terms = asking(&setup.graphs[0])
        .map(|(name, asked, column)| look_at(name, asked, column, &played, &mut models))
        .collect::<Result<_, _>>()?;
    Ok(Some(Words {
        task: setup.task.spec().name.into(),
        reward: setup.reward.clone(),
        seed: setup.batch().seed,
        terms,
    }))
}

/// Terms that ask about pictures, with the column of their answers.
fn asking(graph: &Graph) -> impl Iterator<Item = (&str, &Asked, usize)> {
    graph.nodes.iter().filter_map(|node| match &node.body {
        Body::Term(kind, slots) => Some((node.name.as_str(), kind.asked()?, slots.now)),
        Body::Combine(..) => None,
    })
}

/// A rollout that holds at least an episode of every env, or as much of it as is looked at.
fn play(
    setup: &Setup,
    revision: &Revision,
    models: &mut RewardModels,
    actor: &Actor<'_>,
    seed: u64,
) -> Result<Rollout, LabError> {
    let steps = setup.task.spec().max_steps.min(STEPS) as usize;
    let config = VecEnvConfig {
        num_envs: ENVS,
        num_steps: steps,
        shards: 1,
        seed,
        keep_signals: true,
        autoreset: true,
    };
    let mut env = setup.build(config, revision)?;
    let mut ledger = Ledger::new(&setup.graphs, steps, ENVS);
    let mut memory = match actor {
        Actor::Policy { learner, .. } => learner.memory(ENVS)?,
        _ => Memory::default(),
    };
    let mut actions = vec![0.0; ENVS * setup.task.spec().action.width()];
    env.begin_rollout();
    for step in 0..steps {
        env.prepare()?;
        act(actor, setup, &mut env, &mut memory, step as u64, &mut actions)?;
        env.step(&actions)?;
        memory.forget(env.rollout())?;
    }
    let catalog = env.catalog().clone();
    env.finalise_with(|rollout| ledger.finalise(&setup.graphs, revision, models, &catalog, rollout))?;
    Ok(env.rollout().clone())
}

/// A look that a term was answered about.
struct Answered<'a> {
    /// 0 by the policy, 1 by chance.
    turn: usize,
    look: &'a Look,
    moment: Moment,
}

fn look_at(
    name: &str,
    asked: &Asked,
    column: usize,
    played: &[Rollout],
    models: &mut RewardModels,
) -> Result<TermWords, LabError> {
    let mut all: Vec<Answered<'_>> = Vec::new();
    for (turn, rollout) in played.iter().enumerate() {
        let answered = |look| Answered { turn, look, moment: moment(rollout, column, look) };
        all.extend(rollout.looks.iter().map(answered).filter(|own| own.moment.answer.is_finite()));
    }
    let answers: Vec<f32> = all.iter().map(|own| own.moment.answer).collect();
    let score: Vec<f32> = all.iter().map(|own| own.moment.score).collect();
    let success: Vec<bool> = all.iter().map(|own| own.moment.success).collect();
    let Agreement { auc, rank } = Agreement::of(&answers, &success, &score);
    let mut show = |own: &Answered<'_>| -> Result<Moment, LabError> {
        let name = || asked.model.clone();
        let model = models.get_mut(&asked.model).ok_or_else(|| RewardError::NoModel(name()))?;
        let eyes = model.pictures().ok_or_else(|| RewardError::NoEyes(name()))?;
        let picture = eyes.picture(own.look).map_err(|why| RewardError::Model { name: name(), why })?;
        Ok(Moment { picture: Some(picture), ..own.moment.clone() })
    };
    // The first episode of the policy's first env.
    let own: Vec<&Answered<'_>> =
        all.iter().filter(|own| (own.turn, own.look.row, own.look.episode) == (0, 0, 0)).collect();
    let shown: BTreeSet<usize> = (0..SHOWN).map(|i| i * own.len().saturating_sub(1) / (SHOWN - 1)).collect();
    let mut episode = Vec::new();
    for (index, own) in own.iter().enumerate() {
        episode.push(if shown.contains(&index) { show(own)? } else { own.moment.clone() });
    }
    let apart = apart(&answers, &score);
    let mut worst = |sign: f64| -> Result<Vec<Moment>, LabError> {
        let most = distinct(&all, &apart, sign);
        most.into_iter().map(|index| show(&all[index])).collect()
    };
    let (overvalued, undervalued) = (worst(1.0)?, worst(-1.0)?);
    Ok(TermWords {
        name: name.into(),
        question: asked.question.to_string(),
        model: asked.model.clone(),
        pictures: all.len(),
        auc,
        rank,
        episode,
        overvalued,
        undervalued,
    })
}

fn moment(rollout: &Rollout, column: usize, look: &Look) -> Moment {
    let (n, t, row) = (rollout.num_envs, look.t as usize, look.row as usize);
    Moment {
        step: look.step,
        answer: rollout.raw[(t * rollout.raw_columns + column) * n + row],
        score: rollout.score[t * n + row],
        success: rollout.success[t * n + row],
        picture: None,
    }
}

/// By how many ranks each answer stands above what is true, as a share; nothing where the score tells nothing apart.
fn apart(answers: &[f32], score: &[f32]) -> Vec<f64> {
    if score.windows(2).all(|pair| pair[0] == pair[1]) {
        return vec![0.0; score.len()];
    }
    let most = (answers.len() as f64 - 1.0).max(1.0);
    ranks(answers).into_iter().zip(ranks(score)).map(|(said, is)| (said - is) / most).collect()
}

/// The pictures that stand apart most to one side, one an episode.
fn distinct(all: &[Answered<'_>], apart: &[f64], sign: f64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..all.len()).filter(|&index| sign * apart[index] > 0.0).collect();
    order.sort_by(|&a, &b| (sign * apart[b]).partial_cmp(&(sign * apart[a])).unwrap_or(Ordering::Equal));
    let mut seen = BTreeSet::new();
    order.retain(|&index| seen.insert((all[index].turn, all[index].look.row, all[index].look.episode)));
    order.truncate(WORST);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_valued_above_the_truth_stands_apart_to_that_side() {
        let apart = apart(&[0.9, 0.1, 0.5], &[0.0, 1.0, 0.5]);
        assert_eq!(apart, [1.0, -1.0, 0.0]);
        assert_eq!(super::apart(&[0.9, 0.1], &[1.0, 1.0]), [0.0, 0.0], "nothing can be told");
    }
}
