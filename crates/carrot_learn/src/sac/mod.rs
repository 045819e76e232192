//! Soft actor-critic; execution order is reading order.
//!
//! ```text
//! for each step:    act      -> env.step
//! for each rollout: finalise -> update (store, then as many steps of the optimisers as are due)
//! ```
//!
//! # Source
//! Haarnoja et al., "Soft actor-critic algorithms and applications" (2018), algorithm 1: critics by equation 5 with
//! the smaller of two target values, the actor by equation 9, the entropy's weight by equation 18. What differs:
//! truncated steps bootstrap with the value of their final observation, void steps are never drawn, all draws are
//! keyed, the steps of a rollout are stored before any is learned from, the gradient of the weight is taken of its
//! logarithm as in the authors' code, and a mini-batch whose gradients are not finite is skipped and counted.

mod config;
mod network;

use carrot_reward::{Graph, RewardError, RewardModels};
use carrot_sim::{PartSlice, Rollout, SignalCatalog, Task};
use tch::{Kind, Tensor};

use crate::adam::AdamConfig;
use crate::device::use_threads;
use crate::noise::{StepNoise, normals};
use crate::off_policy::{Means, OffPolicy, Schedule};
use crate::params::{Init, ParamSpec, Params};
use crate::parts::{find, read_tensors, write_tensors};
use crate::replay::{GoalColumns, Hindsight, Sample};
use crate::trained::Trained;
use crate::views::{View, read_f32};
use crate::{Counters, Device, Experience, LearnError, Learner, Memory, Parts, Scalars};

pub use config::SacConfig;
use network::{Actor, Critics, Scaling};

/// Parts of a checkpoint, of each optimiser.
const ACTOR: [&str; 2] = ["actor.safetensors", "actor_optim.safetensors"];
const CRITICS: [&str; 2] = ["critic.safetensors", "critic_optim.safetensors"];
const ENT_COEF: [&str; 2] = ["ent_coef.safetensors", "ent_coef_optim.safetensors"];
const TARGET: &str = "target.safetensors";

/// A policy and its critics in training.
#[derive(Debug)]
pub struct Sac {
    config: SacConfig,
    seed: u64,
    device: tch::Device,
    scaling: Scaling,
    actor: Actor,
    actor_weights: Trained,
    critics: Critics,
    critic_weights: Trained,
    target: Params,
    log_ent_coef: Trained,
    off_policy: OffPolicy,
    /// Where goals are written, with hindsight.
    goals: Option<GoalColumns>,
}

impl Sac {
    /// A fresh policy for a task and the batch of a rollout.
    ///
    /// With `keep_signals` models can be asked again about steps in store.
    ///
    /// # Errors
    /// When a setting is out of range, no network reads the spaces, or the device is not there.
    pub fn new(
        config: SacConfig,
        task: &dyn Task,
        rollout: &Rollout,
        keep_signals: bool,
        seed: u64,
        device: Device,
    ) -> Result<Self, LearnError> {
        config.check()?;
        let scaling = Scaling::of(&task.spec().action)?;
        let width = scaling.width();
        let device = device.open()?;
        use_threads(config.threads);
        let schedule = Schedule {
            learning_starts: config.learning_starts,
            updates_per_step: config.updates_per_step,
            norm_obs: config.norm_obs,
            rescore: config.rescore,
        };
        let observation = task.observation();
        let goals = GoalColumns::of(task).filter(|_| config.hindsight != Hindsight::Off);
        let (size, signals) = (config.buffer_size, keep_signals || goals.is_some());
        let off_policy = OffPolicy::new(observation, width, rollout, size, signals, schedule, seed, device)?;
        let (actor, actor_specs) = Actor::new(&off_policy.layout, width, &config.hidden);
        let (critics, critic_specs) = Critics::new(&off_policy.layout, width, &config.hidden);
        let init = Init::Constant(libm::log(config.ent_coef) as f32);
        let ent_coef = ParamSpec { name: "log_ent_coef".into(), shape: Vec::new(), init };
        let adam = AdamConfig { eps: 1e-8, ..AdamConfig::default() };
        // Each network draws its beginning under a seed of its own.
        let critic_weights = Trained::new(critic_specs, adam, CRITICS, seed ^ 1 << 63, device)?;
        Ok(Self {
            actor_weights: Trained::new(actor_specs, adam, ACTOR, seed, device)?,
            log_ent_coef: Trained::new(vec![ent_coef], adam, ENT_COEF, seed, device)?,
            target: critic_weights.params.twin()?,
            config,
            seed,
            device,
            scaling,
            actor,
            critics,
            critic_weights,
            off_policy,
            goals,
        })
    }

    /// Refuses spaces other than bounded floats, and hindsight where there are no goals.
    pub(crate) fn check_task(config: &SacConfig, task: &dyn Task, reward: &Graph) -> Result<(), LearnError> {
        Scaling::of(&task.spec().action)?;
        if config.hindsight == Hindsight::Off {
            return Ok(());
        }
        if GoalColumns::of(task).is_none() {
            let message = format!("hindsight is for goal tasks, and {} is none", task.spec().name);
            return Err(LearnError::Space(message));
        }
        GoalColumns::check(reward)
    }

    /// What is stored.
    pub fn replay(&self) -> &crate::replay::Replay {
        &self.off_policy.replay
    }

    /// The policy's actions, sampled or its means.
    fn choose(
        &self,
        obs: &[PartSlice<'_>],
        global_step: u64,
        explore: bool,
        actions: &mut [f32],
    ) -> Result<(), LearnError> {
        use_threads(self.config.threads);
        let width = self.scaling.width();
        let features = self.off_policy.features(obs, actions.len() / width)?;
        let mut log_std = vec![0.0; actions.len()];
        tch::no_grad(|| {
            let gaussian = self.actor.gaussian(&self.actor_weights.params, features)?;
            read_f32(&gaussian.0, actions)?;
            read_f32(&gaussian.1, &mut log_std)
        })?;
        let mut noise = vec![0.0; width];
        for (row, (action, log_std)) in
            actions.chunks_exact_mut(width).zip(log_std.chunks_exact(width)).enumerate()
        {
            if explore {
                StepNoise::new(self.seed, row, global_step).normals(&mut noise);
            }
            for ((value, log_std), noise) in action.iter_mut().zip(log_std).zip(&noise) {
                *value = libm::tanhf(*value + libm::expf(*log_std) * noise);
            }
        }
        self.scaling.outwards(actions);
        Ok(())
    }

    /// Actions drawn evenly from the space.
    fn choose_any(&self, global_step: u64, actions: &mut [f32]) {
        for (row, action) in actions.chunks_exact_mut(self.scaling.width()).enumerate() {
            StepNoise::new(self.seed, row, global_step).uniforms(action);
            action.iter_mut().for_each(|x| *x = 2.0 * *x - 1.0);
        }
        self.scaling.outwards(actions);
    }

    /// One step of all optimisers on a mini-batch; `None` when one would not be finite.
    ///
    /// # Shapes
    /// `noise` holds two standard normal draws per action element and row.
    fn learn(&mut self, sample: &Sample, noise: &[f32]) -> Result<Option<[f64; METRICS]>, LearnError> {
        let (rows, width) = (sample.rewards.len() as i64, self.scaling.width() as i64);
        let batch = self.off_policy.transitions(sample)?;
        let mut actions = sample.actions.clone();
        self.scaling.inwards(&mut actions);
        let table = |values: &[f32]| View::f32(values, &[rows, width])?.copied(self.device);
        let (now, next) = noise.split_at(noise.len() / 2);
        let (actions, noise, next_noise) = (table(&actions)?, table(now)?, table(next)?);
        let log_ent_coef = self.log_ent_coef.params.get(0);
        let ent_coef = tch::no_grad(|| log_ent_coef.f_exp())?;

        // Critics (equations 5 and 6).
        let targets = tch::no_grad(|| {
            let next = batch.next_features.copied();
            let (actions, log_probs) = self.actor.sample(&self.actor_weights.params, next, &next_noise)?;
            let [a, b] = self.critics.values(&self.target, batch.next_features, &actions)?;
            let soft = a.f_minimum(&b)?.f_sub(&log_probs.f_mul(&ent_coef)?)?;
            Ok::<_, LearnError>(soft.f_mul(&batch.discounts)?.f_add(&batch.rewards)?)
        })?;
        let [a, b] = self.critics.values(&self.critic_weights.params, batch.features.copied(), &actions)?;
        let error = |values: &Tensor| values.f_sub(&targets)?.f_square()?.f_mean(Kind::Float);
        let critic_loss = error(&a)?.f_add(&error(&b)?)?.f_mul_scalar(0.5)?;
        let critic_gradient = self.critic_weights.params.gradient(&critic_loss)?;

        // The actor (equation 9), judged by the critics as they were.
        let features = batch.features.copied();
        let (own, log_probs) = self.actor.sample(&self.actor_weights.params, features, &noise)?;
        let [a, b] = self.critics.values(&self.critic_weights.params, batch.features, &own)?;
        let actor_loss = log_probs.f_mul(&ent_coef)?.f_sub(&a.f_minimum(&b)?)?.f_mean(Kind::Float)?;
        let actor_gradient = self.actor_weights.params.gradient(&actor_loss)?;

        // The entropy's weight (equation 18): its gradient needs no autograd.
        let entropy = tch::no_grad(|| log_probs.f_mean(Kind::Float)?.f_neg())?;
        let target = self.config.target_entropy * width as f64;
        let ent_coef_gradient = entropy.f_sub_scalar(target)?;

        let norms = [critic_gradient.f_norm()?, actor_gradient.f_norm()?];
        let all =
            [&critic_loss, &actor_loss, &entropy, &ent_coef, &a.f_mean(Kind::Float)?, &norms[0], &norms[1]];
        let mut metrics = [0.0_f32; METRICS];
        read_f32(&tch::no_grad(|| Tensor::f_stack(&all, 0))?, &mut metrics)?;
        let metrics = metrics.map(f64::from);
        if !metrics.iter().all(|x| x.is_finite()) {
            return Ok(None);
        }
        let SacConfig { max_grad_norm, learning_rate, tau, .. } = self.config;
        self.critic_weights.apply(critic_gradient, metrics[5], max_grad_norm, learning_rate)?;
        self.actor_weights.apply(actor_gradient, metrics[6], max_grad_norm, learning_rate)?;
        if self.config.tune_ent_coef {
            let gradient = ent_coef_gradient.f_reshape([1])?;
            self.log_ent_coef.apply(gradient, 0.0, f64::INFINITY, learning_rate)?;
        }
        self.target.follow(&self.critic_weights.params, tau)?;
        Ok(Some(metrics))
    }
}

/// Critic loss, actor loss, entropy, its weight, value, and the gradients' norms.
const METRICS: usize = 7;

const TAGS: [&str; METRICS] = [
    "train/critic_loss",
    "train/actor_loss",
    "train/entropy",
    "train/ent_coef",
    "train/q_mean",
    "train/critic_grad_norm",
    "train/actor_grad_norm",
];

impl Learner for Sac {
    fn refill(
        &mut self,
        graph: &Graph,
        models: &mut RewardModels,
        catalog: &SignalCatalog,
    ) -> Result<(), RewardError> {
        self.off_policy.refill(graph, models, catalog)
    }

    fn counters(&self) -> Counters {
        self.off_policy.counters
    }

    fn act(
        &mut self,
        obs: &[PartSlice<'_>],
        global_step: u64,
        actions: &mut [f32],
    ) -> Result<(), LearnError> {
        if self.off_policy.is_warming_up(global_step) {
            self.choose_any(global_step, actions);
            return Ok(());
        }
        self.choose(obs, global_step, true, actions)
    }

    fn update(&mut self, experience: &Experience<'_>) -> Result<Scalars, LearnError> {
        use_threads(self.config.threads);
        self.off_policy.store(experience)?;
        let mut means = Means::<METRICS>::new();
        let mut skipped = 0;
        for _ in 0..self.off_policy.due() {
            let SacConfig { batch_size, gamma, .. } = self.config;
            let mut rng = self.off_policy.draws();
            let replay = &self.off_policy.replay;
            let Some(mut sample) = replay.sample(&mut rng, batch_size, 1, gamma) else { break };
            if let Some(goals) = &self.goals {
                let share = self.config.hindsight.share();
                let Experience { graph, revision, .. } = experience;
                replay.relabel(&mut sample, goals, share, &mut rng, graph, revision)?;
            }
            let mut noise = vec![0.0; 2 * sample.actions.len()];
            normals(&mut rng, &mut noise);
            match self.learn(&sample, &noise)? {
                None => skipped += 1,
                Some(metrics) => means.add(metrics),
            }
            self.off_policy.gradient_steps += 1;
        }
        self.off_policy.counters.skipped_updates += skipped;
        let mut scalars = vec![
            ("train/n_updates", self.off_policy.gradient_steps as f64),
            ("train/learning_rate", self.config.learning_rate),
            ("train/skipped_updates", skipped as f64),
            ("train/replay_size", self.off_policy.replay.len() as f64),
        ];
        scalars.extend(means.scalars(TAGS));
        Ok(scalars)
    }

    fn evaluate(
        &self,
        _: &mut Memory,
        obs: &[PartSlice<'_>],
        global_step: u64,
        explore: bool,
        actions: &mut [f32],
    ) -> Result<(), LearnError> {
        self.choose(obs, global_step, explore, actions)
    }

    fn save(&self) -> Result<Parts, LearnError> {
        let mut parts = Parts::new();
        let trained = [&self.actor_weights, &self.critic_weights, &self.log_ent_coef];
        trained.iter().try_for_each(|weights| weights.save(&mut parts))?;
        let target = write_tensors(TARGET, self.target.specs(), &[("", &self.target.values()?)])?;
        parts.insert(TARGET.into(), target);
        self.off_policy.save(&mut parts, trained.iter().map(|weights| weights.steps()).collect())?;
        Ok(parts)
    }

    fn load(&mut self, parts: &Parts) -> Result<(), LearnError> {
        let actor = self.actor_weights.read(parts)?;
        let critics = self.critic_weights.read(parts)?;
        let ent_coef = self.log_ent_coef.read(parts)?;
        let [target] = read_tensors(TARGET, find(parts, TARGET)?, self.target.specs(), [""])?;
        let (saved, steps) = self.off_policy.read::<3>(parts)?;
        self.actor_weights.restore(&actor, steps[0])?;
        self.critic_weights.restore(&critics, steps[1])?;
        self.log_ent_coef.restore(&ent_coef, steps[2])?;
        self.target.set_values(&target)?;
        self.off_policy.restore(saved);
        Ok(())
    }
}
