//! Training: rollout, finalise, learn, revise; and everything that a checkpoint must hold.

use std::collections::{BTreeMap, VecDeque};

use carrot_learn::{CloningReport, Device, Experience, Learner};
use carrot_record::{Episode, MetricsRow};
use carrot_reward::{EpisodeSummary, EpisodeSums, Ledger, Revision, RewardError, RewardModels, project};
use carrot_sim::{Fault, PartSlice, VecEnv};
use serde::{Deserialize, Serialize};

use crate::decomposition::Decomposition;
use crate::error::LabError;
use crate::learned::LearnedReward;
use crate::metrics;
use crate::models::{add_eyes, load_files};
use crate::novelty::NoveltyReward;
use crate::preference::{News, Preferences};
use crate::recorder::EpisodeRecorder;
use crate::setup::Setup;
use crate::versions::PublishedVersion;
use crate::vlm;

/// Parts of the checkpoint besides the learner's own.
const STATE: &str = "trainer.postcard";
const MEMORIES: &str = "models.postcard";
/// Only where terms pay the best of many pictures.
const BEST: &str = "best_pictures.postcard";

/// A setup under way.
pub struct Trainer {
    setup: Setup,
    env: VecEnv,
    learner: Box<dyn Learner>,
    models: RewardModels,
    preferences: Option<Preferences>,
    learned: Vec<Box<dyn LearnedReward>>,
    cloned: Option<CloningReport>,
    ledger: Ledger,
    actions: Vec<f32>,
    state: State,
}

/// What changes from update to update, beside the learner and the rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct State {
    revision: Revision,
    sums: EpisodeSums,
    window: VecDeque<EpisodeSummary>,
    recorder: EpisodeRecorder,
    env_steps: u64,
    update: u64,
    faults: u64,
}

/// Everything that one update leaves behind.
#[derive(Debug)]
pub struct UpdateReport {
    /// Metrics, without wall-clock fields.
    pub metrics: MetricsRow,
    /// The revision that follows, when it differs from the one before.
    pub revision: Option<Revision>,
    /// Episodes of recorded envs that ended.
    pub episodes: Vec<Episode>,
    /// Faults contained.
    pub faults: Vec<Fault>,
    /// What came of preferences.
    pub preferences: Option<News>,
    /// Versions of learned rewards that pay from the next rollout on.
    pub published: Vec<PublishedVersion>,
    /// Fits of learned rewards that were taken back, and why.
    pub warnings: Vec<String>,
}

impl Trainer {
    /// A fresh training.
    ///
    /// # Errors
    /// When the batch, a model or the learner cannot be built.
    pub fn new(setup: Setup, device: Device) -> Result<Self, LabError> {
        let config = setup.batch();
        let revision = Revision::initial(&setup.graphs);
        let preferences = match &setup.preferences {
            Some(preferences) => Some(Preferences::new(preferences.clone(), config.seed)?),
            None => None,
        };
        let mut learned: Vec<Box<dyn LearnedReward>> = Vec::new();
        for spec in &setup.novelty {
            learned.push(Box::new(NoveltyReward::new(spec.clone(), config.seed)?));
        }
        if let Some(spec) = &setup.imitation {
            learned.push(spec.begin(&setup, config.seed)?);
        }
        if let Some(spec) = &setup.decomposition {
            learned.push(Box::new(Decomposition::new(spec.clone(), config.num_envs, config.seed)?));
        }
        let models = models_in_force(&setup, device, preferences.as_ref(), &learned)?;
        let revision = models.iter().fold(revision, |revision, (name, model)| Revision {
            number: 0,
            ..revision.with_model(&setup.graphs, name, model.version(), 0)
        });
        let env = setup.build(config, &revision)?;
        let spec = setup.task.spec();
        let (task, reward) = (setup.task.as_ref(), &setup.graphs[0]);
        let mut learner = setup.learner.build(task, env.rollout(), reward, config.seed, device)?;
        let cloned = match &setup.cloning {
            Some(spec) => Some(spec.show(&setup, learner.as_mut())?),
            None => None,
        };
        set_discounts(&setup, &learned, learner.as_mut());
        let recorded = (setup.scene.recording.envs as usize).min(config.num_envs);
        let state = State {
            sums: EpisodeSums::new(&setup.graphs, config.num_envs),
            window: VecDeque::new(),
            recorder: EpisodeRecorder::new(config.seed, recorded),
            revision,
            env_steps: 0,
            update: 0,
            faults: 0,
        };
        let ledger = Ledger::new(&setup.graphs, config.num_steps, config.num_envs);
        let actions = vec![0.0; config.num_envs * spec.action.width()];
        Ok(Self { setup, env, learner, models, preferences, learned, cloned, ledger, actions, state })
    }

    /// What the policy made of the demonstrations that it was shown first.
    pub fn cloned(&self) -> Option<&CloningReport> {
        self.cloned.as_ref()
    }

    /// The setup.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The batch.
    pub fn env(&self) -> &VecEnv {
        &self.env
    }

    /// The ledger of the last rollout.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The revision in force.
    pub fn revision(&self) -> &Revision {
        &self.state.revision
    }

    /// Pairs and answers of the reward network that is fitted beside the agent.
    pub fn preferences(&self) -> Option<&Preferences> {
        self.preferences.as_ref()
    }

    /// The same, to answer.
    pub fn preferences_mut(&mut self) -> Option<&mut Preferences> {
        self.preferences.as_mut()
    }

    /// Versions of learned rewards that pay in the first rollout of a fresh training.
    ///
    /// # Errors
    /// When one cannot be written.
    pub fn first_versions(&self) -> Result<Vec<PublishedVersion>, LabError> {
        self.learned.iter().filter_map(|own| own.first_version().transpose()).collect()
    }

    /// The models that reward now.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn reward_models(&self) -> Result<RewardModels, LabError> {
        models_in_force(&self.setup, Device::Cpu, self.preferences.as_ref(), &self.learned)
    }

    /// The learner.
    pub fn learner(&self) -> &dyn Learner {
        self.learner.as_ref()
    }

    /// The learner alone, for acting elsewhere.
    pub fn into_learner(self) -> Box<dyn Learner> {
        self.learner
    }

    /// Env steps taken so far.
    pub fn env_steps(&self) -> u64 {
        self.state.env_steps
    }

    /// Updates made so far.
    pub fn updates(&self) -> u64 {
        self.state.update
    }

    /// Faults contained so far.
    pub fn faults(&self) -> u64 {
        self.state.faults
    }

    /// Env steps of the whole training.
    pub fn total_steps(&self) -> u64 {
        self.setup.learner.total_steps()
    }

    /// True when all env steps are taken.
    pub fn is_complete(&self) -> bool {
        self.state.env_steps >= self.total_steps()
    }

    /// Puts a weight in force from the next rollout on, as a revision of its own.
    ///
    /// # Errors
    /// When there is no such node.
    pub fn set_weight(&mut self, graph: usize, node: usize, weight: f32) -> Result<&Revision, LabError> {
        if self.setup.graphs.get(graph).is_none_or(|graph| node >= graph.nodes.len()) {
            return Err(LabError::Refused(format!("the rewards have no node {node} in graph {graph}")));
        }
        let next = self.state.revision.with_weight(graph, node, weight, self.state.env_steps);
        Ok(self.revise(next))
    }

    /// Puts a value of a parameter that a reward's text declares in force from the next rollout on, as a revision of
    /// its own.
    ///
    /// # Errors
    /// When there is no such parameter, or the value is outside of its range.
    pub fn set_param(&mut self, graph: usize, name: &str, value: f32) -> Result<&Revision, LabError> {
        if graph >= self.setup.graphs.len() {
            return Err(LabError::Refused(format!("the rewards have no graph {graph}")));
        }
        let (now, env_steps) = (&self.state.revision, self.state.env_steps);
        let next = now.with_param(&self.setup.graphs, graph, name, value, env_steps)?;
        Ok(self.revise(next))
    }

    fn revise(&mut self, next: Revision) -> &Revision {
        self.env.shards_mut().iter_mut().for_each(|shard| project(&next, shard));
        self.state.revision = next;
        &self.state.revision
    }

    /// One rollout and what follows from it.
    ///
    /// # Errors
    /// When a system panicked, a model failed or the learner ran out of memory.
    pub fn update(&mut self) -> Result<UpdateReport, LabError> {
        if let Some(own) = &mut self.preferences {
            own.before_rollout(&self.env)?;
        }
        self.collect()?;
        let graphs = &self.setup.graphs;
        let catalog = self.env.catalog().clone();
        let revision = &self.state.revision;
        let (ledger, models) = (&mut self.ledger, &mut self.models);
        self.env.finalise_with(|rollout| ledger.finalise(graphs, revision, models, &catalog, rollout))?;
        let rollout = self.env.rollout();
        let ended = self.state.sums.close(graphs, &self.ledger, rollout);
        metrics::remember(&mut self.state.window, &ended);
        let width = self.setup.task.spec().action.width();
        let episodes = self.state.recorder.record(rollout, &self.ledger, width);
        let experience = Experience {
            rollout,
            rewards: &self.ledger.graphs[0].totals,
            graph: &graphs[0],
            revision: &revision.graphs[0],
            number: revision.number,
        };
        let (scalars, news) = beside_each_other(
            || self.learner.update(&experience),
            self.preferences.as_mut().map(|own| {
                let (ledger, env_steps) = (&self.ledger, self.state.env_steps);
                move || own.after_rollout(rollout, ledger, env_steps)
            }),
        )?;
        let scalars = scalars?;
        let news = news.transpose()?;
        let mut published: Vec<PublishedVersion> =
            news.iter().flat_map(|news| news.published.clone()).collect();
        for own in &mut self.learned {
            published.extend(own.after_rollout(rollout, &self.ledger)?);
        }
        let refused = news.iter().filter_map(|news| news.warning.clone());
        let warnings = refused.chain(self.learned.iter().filter_map(|own| own.warning())).collect();
        self.state.env_steps += (rollout.filled * rollout.num_envs) as u64;
        self.state.update += 1;
        let spec = self.setup.task.spec();
        let mut values =
            metrics::collect(spec, graphs, &self.ledger, rollout, &ended, &self.state.window, &scalars);
        vlm::agreement::collect(&graphs[0], rollout, &mut values);
        let view = carrot_reward::RolloutView::new(rollout);
        let mut next = revision.after(graphs, &view, self.state.env_steps);
        if let Some(own) = &self.preferences {
            values.extend(own.scalars().into_iter().map(|(tag, value)| (tag.to_string(), value)));
        }
        values.extend(self.learned.iter().flat_map(|own| own.scalars()));
        if let Some(cloned) = self.cloned.filter(|_| self.state.update == 1) {
            values.insert("cloning/first_loss".into(), cloned.first_loss);
            values.insert("cloning/loss".into(), cloned.last_loss);
        }
        for own in &published {
            next = next.with_model(graphs, &own.model, own.version, self.state.env_steps);
            next.number = self.state.revision.number + 1;
            if let Some(model) = self.models.get_mut(&own.model) {
                let refused = |why| RewardError::Model { name: own.model.clone(), why };
                model.publish(&own.parts, false).map_err(refused)?;
            }
        }
        if !published.is_empty() {
            self.learner.refill(&graphs[0], &mut self.models, &catalog)?;
        }
        set_discounts(&self.setup, &self.learned, self.learner.as_mut());
        let faults = self.env.take_faults();
        self.state.faults += faults.len() as u64;
        values.insert("health/faults".into(), self.state.faults as f64);
        values.insert("health/clipped_actions".into(), self.env.clipped() as f64);
        let revised = (next.number != self.state.revision.number).then(|| next.clone());
        if revised.is_some() {
            self.env.shards_mut().iter_mut().for_each(|shard| project(&next, shard));
        }
        self.state.revision = next;
        let metrics = MetricsRow { env_steps: self.state.env_steps, update: self.state.update, values };
        Ok(UpdateReport {
            metrics,
            revision: revised,
            episodes,
            faults,
            preferences: news,
            published,
            warnings,
        })
    }

    /// Fills a rollout with the policy's steps.
    fn collect(&mut self) -> Result<(), LabError> {
        self.env.begin_rollout();
        let (n, steps) = (self.env.config().num_envs, self.env.config().num_steps);
        let first = self.state.env_steps / n as u64;
        let (learner, actions) = (&mut self.learner, &mut self.actions);
        self.env.on_threads(|env| {
            for t in 0..steps {
                env.prepare()?;
                let obs: Vec<PartSlice<'_>> = env.current_obs();
                learner.act(&obs, first + t as u64, actions)?;
                env.step(actions)?;
                learner.after_step(env.rollout())?;
            }
            Ok(())
        })
    }

    /// Everything needed to go on from here, as named parts.
    ///
    /// # Errors
    /// When a row's state cannot be written.
    pub fn save(&self) -> Result<BTreeMap<String, Vec<u8>>, LabError> {
        let mut parts = self.learner.save()?;
        if let Some(own) = &self.preferences {
            own.save(&mut parts)?;
        }
        for own in &self.learned {
            let named = own.save()?.into_iter();
            parts.extend(named.map(|(part, bytes)| (format!("{}.{part}", own.name()), bytes)));
        }
        let mut memories: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
        for (name, model) in &self.models {
            let memory = model.memory().map_err(|why| RewardError::Model { name: name.clone(), why })?;
            memories.insert(name, memory);
        }
        parts.insert(MEMORIES.into(), postcard::to_stdvec(&memories).map_err(part_error)?);
        let state = (&self.state, self.env.save()?, self.env.clipped());
        parts.insert(STATE.into(), postcard::to_stdvec(&state).map_err(part_error)?);
        if !self.ledger.best.is_empty() {
            parts.insert(BEST.into(), postcard::to_stdvec(&self.ledger.best).map_err(part_error)?);
        }
        Ok(parts)
    }

    /// Goes on from saved parts, bit for bit on the CPU.
    ///
    /// # Errors
    /// When a part is missing or does not fit.
    pub fn load(&mut self, parts: &BTreeMap<String, Vec<u8>>) -> Result<(), LabError> {
        let missing = || LabError::Part { part: STATE.into(), why: "it is missing".into() };
        let bytes = parts.get(STATE).ok_or_else(missing)?;
        let (state, rows, clipped): (State, carrot_sim::BatchSnapshot, u64) =
            postcard::from_bytes(bytes).map_err(part_error)?;
        let best = match parts.get(BEST) {
            Some(bytes) => postcard::from_bytes(bytes).map_err(part_error)?,
            None => self.ledger.best.clone(),
        };
        self.learner.load(parts)?;
        if let Some(own) = &mut self.preferences {
            own.load(parts)?;
            self.models.insert(own.config().model.clone(), own.model());
        }
        for own in &mut self.learned {
            let prefix = format!("{}.", own.name());
            let named = parts.iter().filter_map(|(part, bytes)| Some((part.strip_prefix(&prefix)?, bytes)));
            own.load(&named.map(|(part, bytes)| (part.to_owned(), bytes.clone())).collect())?;
            self.models.insert(own.name().into(), own.model());
        }
        set_discounts(&self.setup, &self.learned, self.learner.as_mut());
        let memories =
            parts.get(MEMORIES).map(|bytes| postcard::from_bytes::<BTreeMap<String, Vec<u8>>>(bytes));
        for (name, memory) in memories.transpose().map_err(part_error)?.unwrap_or_default() {
            if let Some(model) = self.models.get_mut(&name) {
                model.restore(&memory).map_err(|why| RewardError::Model { name, why })?;
            }
        }
        self.env.load(&rows)?;
        self.ledger.best = best;
        self.env.set_clipped(clipped);
        self.env.shards_mut().iter_mut().for_each(|shard| project(&state.revision, shard));
        self.state = state;
        Ok(())
    }
}

/// Models in files, eyes, and what is learned beside the training in its newest version.
fn models_in_force(
    setup: &Setup,
    device: Device,
    preferences: Option<&Preferences>,
    learned: &[Box<dyn LearnedReward>],
) -> Result<RewardModels, LabError> {
    let mut models = load_files(setup)?;
    add_eyes(setup, device, &mut models)?;
    models.extend(preferences.map(|own| (own.config().model.clone(), own.model())));
    models.extend(learned.iter().map(|own| (own.name().to_owned(), own.model())));
    Ok(models)
}

/// Discounts groups as the rewards in them schedule it.
fn set_discounts(setup: &Setup, learned: &[Box<dyn LearnedReward>], learner: &mut dyn Learner) {
    let graph = &setup.graphs[0];
    for (own, gamma) in learned.iter().filter_map(|own| Some((own, own.discount()?))) {
        for (_, node, _) in graph.models().into_iter().filter(|(name, ..)| *name == own.name()) {
            if let Some(group) = graph.groups.iter().position(|group| group == graph.group_of(node)) {
                learner.set_discount(group, gamma);
            }
        }
    }
}

/// Learns and, on a thread of its own, does the other work if there is any: either reads the rollout alone, so that the
/// numbers do not depend on who is first.
fn beside_each_other<A, B: Send>(
    learn: impl FnOnce() -> A,
    other: Option<impl FnOnce() -> B + Send>,
) -> Result<(A, Option<B>), LabError> {
    let Some(other) = other else { return Ok((learn(), None)) };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("preferences".into()).spawn_scoped(scope, other);
        let thread =
            thread.map_err(|error| LabError::Refused(format!("no thread can be started: {error}")))?;
        let learned = learn();
        match thread.join() {
            Ok(done) => Ok((learned, Some(done))),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn part_error(error: postcard::Error) -> LabError {
    LabError::Part { part: STATE.into(), why: error.to_string() }
}
