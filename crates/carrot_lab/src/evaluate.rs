//! Evaluation: whole episodes of a policy or a script, with return and truth beside each other.

use carrot_learn::{Learner, Memory};
use carrot_record::Episode;
use carrot_reward::{EpisodeSummary, EpisodeSums, Ledger, Revision, RewardModels};
use carrot_sim::{Script, ScriptView, SimError, VecEnv, VecEnvConfig, random_action};
use serde::Serialize;

use crate::error::LabError;
use crate::recorder::EpisodeRecorder;
use crate::setup::Setup;

/// Who acts.
pub enum Actor<'a> {
    /// A learner's policy; deterministic unless it shall explore.
    Policy {
        /// The learner.
        learner: &'a dyn Learner,
        /// Sample actions instead of taking the best one.
        explore: bool,
    },
    /// A scripted behaviour.
    Script(Script),
    /// Uniformly random actions.
    Random,
    /// Uniformly random actions, each held for so many steps, which lead farther than new ones at every step.
    Held(u32),
    /// A script that takes a random action on a share of its steps, for varied data.
    NoisyScript {
        /// The script.
        script: Script,
        /// Share of random actions, 0 to 1.
        noise: f32,
    },
}

/// What an evaluation found.
#[derive(Debug, Clone, Serialize)]
pub struct Evaluation {
    /// Every counted episode.
    pub episodes: Vec<EpisodeSummary>,
    /// Mean return under the trained reward.
    pub mean_return: f64,
    /// Its standard deviation over episodes.
    pub sd_return: f64,
    /// Mean length.
    pub mean_length: f64,
    /// Share of successes: the truth.
    pub success_rate: f64,
    /// Mean score: the truth.
    pub mean_score: f64,
}

impl Evaluation {
    fn new(episodes: Vec<EpisodeSummary>) -> Self {
        let n = episodes.len() as f64;
        let mean = |of: &dyn Fn(&EpisodeSummary) -> f64| episodes.iter().map(of).sum::<f64>() / n;
        let mean_return = mean(&|e| e.returns[0]);
        Self {
            mean_return,
            sd_return: mean(&|e| (e.returns[0] - mean_return).powi(2)).sqrt(),
            mean_length: mean(&|e| f64::from(e.length)),
            success_rate: mean(&|e| f64::from(u8::from(e.success))),
            mean_score: mean(&|e| f64::from(e.score)),
            episodes,
        }
    }

    /// Its numbers under the tags of `metrics.jsonl`.
    pub fn tags(&self) -> Vec<(String, f64)> {
        [
            ("eval/mean_reward", self.mean_return),
            ("eval/std_reward", self.sd_return),
            ("eval/mean_ep_length", self.mean_length),
            ("eval/success_rate", self.success_rate),
            ("eval/mean_score", self.mean_score),
        ]
        .map(|(tag, value)| (tag.to_string(), value))
        .to_vec()
    }
}

/// Runs `episodes` episodes with a seed of their own; every env counts its first episodes, so that short
/// episodes are not counted more often than long ones.
///
/// # Errors
/// When the batch cannot be built or stepped, or a reward model fails.
pub fn evaluate(
    setup: &Setup,
    revision: &Revision,
    models: &mut RewardModels,
    actor: &Actor<'_>,
    episodes: usize,
    seed: u64,
) -> Result<Evaluation, LabError> {
    let (summaries, _) = run_episodes(setup, revision, models, actor, episodes, seed, false)?;
    Ok(Evaluation::new(summaries))
}

/// Like [`evaluate`], and keeps every counted episode step by step.
///
/// # Errors
/// Those of [`evaluate`].
pub fn record_episodes(
    setup: &Setup,
    revision: &Revision,
    models: &mut RewardModels,
    actor: &Actor<'_>,
    episodes: usize,
    seed: u64,
) -> Result<(Evaluation, Vec<Episode>), LabError> {
    let (summaries, kept) = run_episodes(setup, revision, models, actor, episodes, seed, true)?;
    Ok((Evaluation::new(summaries), kept))
}

fn run_episodes(
    setup: &Setup,
    revision: &Revision,
    models: &mut RewardModels,
    actor: &Actor<'_>,
    episodes: usize,
    seed: u64,
    keep: bool,
) -> Result<(Vec<EpisodeSummary>, Vec<Episode>), LabError> {
    let num_envs = episodes.clamp(1, 64);
    let quota = |env: u32| episodes / num_envs + usize::from((env as usize) < episodes % num_envs);
    let config = VecEnvConfig {
        num_envs,
        num_steps: 32,
        shards: 1,
        seed,
        keep_signals: keep || !models.is_empty(),
        autoreset: true,
    };
    let mut env = setup.build(config, revision)?;
    let mut ledger = Ledger::new(&setup.graphs, config.num_steps, num_envs);
    let mut sums = EpisodeSums::new(&setup.graphs, num_envs);
    let mut recorder = EpisodeRecorder::new(seed, if keep { num_envs } else { 0 });
    let width = setup.task.spec().action.width();
    let mut actions = vec![0.0; num_envs * width];
    let catalog = env.catalog().clone();
    let (mut summaries, mut kept) = (Vec::new(), Vec::new());
    let mut step = 0_u64;
    let mut memory = match actor {
        Actor::Policy { learner, .. } => learner.memory(num_envs)?,
        _ => Memory::default(),
    };
    while summaries.len() < episodes {
        env.begin_rollout();
        for _ in 0..config.num_steps {
            env.prepare()?;
            act(actor, setup, &mut env, &mut memory, step, &mut actions)?;
            env.step(&actions)?;
            memory.forget(env.rollout())?;
            step += 1;
        }
        env.finalise_with(|rollout| ledger.finalise(&setup.graphs, revision, models, &catalog, rollout))?;
        let counted = |env: u32, episode: u32| (episode as usize) < quota(env);
        let ended = sums.close(&setup.graphs, &ledger, env.rollout());
        summaries.extend(ended.into_iter().filter(|e| counted(e.env, e.episode)));
        let recorded = recorder.record(env.rollout(), &ledger, width);
        kept.extend(recorded.into_iter().filter(|e| counted(e.key.env_id, e.key.episode)));
    }
    summaries.sort_by_key(|e| (e.env, e.episode));
    kept.sort_by_key(|e| e.key);
    Ok((summaries, kept))
}

/// Writes one action per row of a batch; `step` counts the steps of each env.
///
/// # Shapes
/// `actions` is `[N, A]`; `memory` is of as many rows, for a policy.
///
/// # Errors
/// When libtorch refuses, or a buffer does not fit.
pub fn act(
    actor: &Actor<'_>,
    setup: &Setup,
    env: &mut VecEnv,
    memory: &mut Memory,
    step: u64,
    actions: &mut [f32],
) -> Result<(), LabError> {
    if let Actor::Policy { learner, explore } = actor {
        return Ok(learner.evaluate(memory, &env.current_obs(), step, *explore, actions)?);
    }
    script_actions(actor, setup, env, actions).map_err(LabError::from)
}

fn script_actions(
    actor: &Actor<'_>,
    setup: &Setup,
    env: &mut VecEnv,
    actions: &mut [f32],
) -> Result<(), SimError> {
    let space = &setup.task.spec().action;
    let keys = env.keys();
    let width = space.width();
    for shard in env.shards() {
        let signals = shard.world().resource::<carrot_sim::Signals>();
        for row in 0..shard.rows() {
            let index = shard.first_env() + row;
            let (key, step) = keys[index];
            let action = &mut actions[index * width..][..width];
            let (signals, catalog) = (signals.before(), env.catalog());
            let view = ScriptView { signals, catalog, world: shard.world(), row, step, key };
            match actor {
                Actor::Script(script) => (script.act)(&view, action),
                Actor::NoisyScript { script, noise } => {
                    let word = key.words(carrot_sim::Stream::Script, u32::MAX - step)[0];
                    if carrot_sim::unit_f32(word) < *noise {
                        random_action(space, key, step, action);
                    } else {
                        (script.act)(&view, action);
                    }
                }
                Actor::Held(steps) => random_action(space, key, step / steps.max(&1), action),
                Actor::Random | Actor::Policy { .. } => random_action(space, key, step, action),
            }
        }
    }
    Ok(())
}
