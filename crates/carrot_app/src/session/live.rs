//! A batch under way, one step a rollout: stepped, paid, remembered, revised, taken back.

use std::collections::VecDeque;
use std::sync::Arc;

use carrot_lab::models::open_models;
use carrot_lab::played::Played;
use carrot_lab::{Device, LabError, Setup};
use carrot_record::EpisodeKey;
use carrot_reward::{
    Asked, Best, EpisodeSummary, EpisodeSums, Graph, Ledger, Revision, RewardError, RewardModels,
    RolloutView, account_row, project,
};
use carrot_sim::{CAUSE_FAULT, Frame, Intervention, Look, RowKey, VecEnv, VecEnvConfig};

use super::driver::Driver;
use super::history::{Carry, Epoch, History, RowWeight, StepRecord, in_row};
use super::stage::Sight;

/// Ended episodes that are remembered.
const EPISODES: usize = 20_000;

/// An episode that ended, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct EndedEpisode {
    /// Return, contributions and truth.
    pub summary: EpisodeSummary,
    /// Tick of its last step.
    pub tick: u64,
}

/// An action for one row that overrules the driver.
pub type HandAction<'a> = Option<(usize, &'a [f32])>;

/// A batch under way.
pub struct Live {
    setup: Arc<Setup>,
    env: VecEnv,
    models: RewardModels,
    ledger: Ledger,
    sums: EpisodeSums,
    /// Since when the sums are whole: earlier episodes are not listed.
    sums_since: u64,
    epoch: Arc<Epoch>,
    history: History,
    episodes: VecDeque<EndedEpisode>,
    actions: Vec<f32>,
    interventions: Vec<Intervention>,
}

impl Live {
    /// A fresh batch of the first rows of a setup.
    ///
    /// # Errors
    /// When the batch or a reward model cannot be built.
    pub fn new(setup: Arc<Setup>, rows: usize) -> Result<Self, LabError> {
        let revision = Revision::initial(&setup.graphs);
        let epoch = Arc::new(Epoch { graphs: setup.graphs.clone(), revision });
        let models = open_models(&setup, Device::Cpu)?;
        let mut live = Self { models, ..Self::build(setup, rows, epoch, 0)? };
        live.keep_keyframe()?;
        Ok(live)
    }

    /// A batch without models yet.
    fn build(setup: Arc<Setup>, rows: usize, epoch: Arc<Epoch>, tick: u64) -> Result<Self, LabError> {
        let config =
            VecEnvConfig { num_envs: rows, num_steps: 1, shards: 1, keep_signals: true, ..setup.batch() };
        let env = setup.build(config, &epoch.revision)?;
        let width = setup.task.spec().action.width();
        Ok(Self {
            models: RewardModels::new(),
            ledger: Ledger::new(&epoch.graphs, 1, rows),
            sums: EpisodeSums::new(&epoch.graphs, rows),
            sums_since: tick,
            epoch,
            history: History::new(tick),
            episodes: VecDeque::new(),
            actions: vec![0.0; rows * width],
            interventions: Vec::new(),
            setup,
            env,
        })
    }

    /// What is played.
    pub fn setup(&self) -> &Arc<Setup> {
        &self.setup
    }

    /// The batch.
    pub fn env(&self) -> &VecEnv {
        &self.env
    }

    /// The reward in force.
    pub fn epoch(&self) -> &Arc<Epoch> {
        &self.epoch
    }

    /// What happened.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Steps taken.
    pub fn tick(&self) -> u64 {
        self.history.last()
    }

    /// N.
    pub fn rows(&self) -> usize {
        self.env.config().num_envs
    }

    /// Whole episodes that ended, oldest first.
    pub fn episodes(&self) -> &VecDeque<EndedEpisode> {
        &self.episodes
    }

    /// The newest whole episode of a row.
    pub fn last_episode(&self, row: usize) -> Option<&EndedEpisode> {
        self.episodes.iter().rev().find(|ended| ended.summary.env as usize == row)
    }

    /// What was done in the newest whole episode of a row, if all its steps are kept.
    pub fn played(&self, row: usize) -> Option<Played> {
        let EndedEpisode { summary, tick } = self.last_episode(row)?;
        let (first, width) = (tick + 1 - u64::from(summary.length), self.actions.len() / self.rows());
        let key = EpisodeKey { seed: self.env.config().seed, env_id: summary.env, episode: summary.episode };
        let mut played = Played { key, actions: Vec::new(), signals: Vec::new() };
        for (_, record) in self.history.range(first, *tick) {
            played.actions.extend_from_slice(&record.actions[row * width..][..width]);
            played.signals.extend(record.signals.iter().skip(row).step_by(self.rows()));
        }
        (played.actions.len() == summary.length as usize * width).then_some(played)
    }

    /// One step of all rows: acted, simulated, paid, remembered.
    ///
    /// # Errors
    /// When a system panicked, or a model or the policy failed.
    pub fn step(&mut self, driver: &mut Driver, hand: HandAction<'_>) -> Result<(), LabError> {
        let tick = self.tick();
        self.env.begin_rollout();
        driver.act(&self.setup, &mut self.env, tick, &mut self.actions)?;
        if let Some((row, action)) = hand {
            let width = action.len();
            self.actions[row * width..(row + 1) * width].copy_from_slice(action);
        }
        let keys = self.env.keys();
        let interventions = std::mem::take(&mut self.interventions);
        for edit in &interventions {
            self.env.intervene(edit.clone())?;
        }
        self.env.step(&self.actions)?;
        driver.after_step(self.env.rollout())?;
        self.finalise()?;
        let weights = driver.weights(tick);
        self.pay_anew(&weights);
        let ended = self.sums.close(&self.epoch.graphs, &self.ledger, self.env.rollout());
        let whole = ended.into_iter().filter(|e| u64::from(e.length) <= tick + 1 - self.sums_since);
        self.episodes.extend(whole.map(|summary| EndedEpisode { summary, tick: tick + 1 }));
        let surplus = self.episodes.len().saturating_sub(EPISODES);
        self.episodes.drain(..surplus);
        self.remember(&keys, interventions, weights);
        if self.history.wants_keyframe() {
            self.keep_keyframe()?;
        }
        // A rollout that was played before is paid as it was then, under the reward as it is written.
        if driver.ends_at().is_none() {
            self.revise_by_statistics();
        }
        Ok(())
    }

    /// Pays all rows for the step.
    fn finalise(&mut self) -> Result<(), LabError> {
        let catalog = self.env.catalog().clone();
        let (ledger, models, epoch) = (&mut self.ledger, &mut self.models, &self.epoch);
        self.env.finalise_with(|rollout| {
            ledger.finalise(&epoch.graphs, &epoch.revision, models, &catalog, rollout)
        })?;
        Ok(())
    }

    /// Pays the rows whose weights are their own.
    fn pay_anew(&mut self, weights: &[RowWeight]) {
        let rollout = self.env.rollout();
        let (rows, graphs) = (rollout.num_envs, self.epoch.graphs.len());
        for RowWeight { row, graph, .. } in weights.iter().filter(|own| own.graph < graphs) {
            let (spec, ledger) = (&self.epoch.graphs[*graph], &mut self.ledger.graphs[*graph]);
            let state = in_row(&self.epoch, weights, *graph, *row);
            let raw = |column: usize| rollout.raw[column * rows + row];
            let faulted = rollout.cause[*row] == CAUSE_FAULT;
            let (accounts, totals) = account_row(spec, &state, raw, rollout.terminated[*row], faulted);
            for (node, account) in accounts.iter().enumerate() {
                ledger.outputs[node * rows + row] = account.output;
            }
            ledger.totals.iter_mut().zip(totals).for_each(|(own, total)| own[*row] = total);
        }
    }

    /// Queues an edit of a row for the next step.
    pub fn intervene(&mut self, edit: Intervention) {
        self.interventions.push(edit);
    }

    fn remember(
        &mut self,
        keys: &[(RowKey, u32)],
        interventions: Vec<Intervention>,
        weights: Vec<RowWeight>,
    ) {
        let rollout = self.env.rollout();
        let rows = rollout.num_envs;
        let mut totals = Vec::with_capacity(rows * self.ledger.graphs.len());
        for (graph, spec) in self.ledger.graphs.iter().zip(&self.epoch.graphs) {
            let groups = |row: usize| {
                (0..spec.groups.len()).fold(0.0_f32, |total, group| total + graph.total(0, group)[row])
            };
            totals.extend((0..rows).map(groups));
        }
        self.history.push(StepRecord {
            epoch: self.epoch.clone(),
            actions: self.actions.clone(),
            interventions,
            weights,
            signals: rollout.signals.as_ref().map(|log| log.now.clone()).unwrap_or_default(),
            raw: rollout.raw.clone(),
            totals,
            terminated: rollout.terminated.clone(),
            truncated: rollout.truncated.clone(),
            cause: rollout.cause.clone(),
            success: rollout.success.clone(),
            score: rollout.score.clone(),
            episode: keys.iter().map(|(key, _)| key.episode).collect(),
            step: keys.iter().map(|(_, steps)| steps + 1).collect(),
        });
    }

    fn keep_keyframe(&mut self) -> Result<(), LabError> {
        let rows = (0..self.rows()).map(|row| self.env.snapshot(row)).collect::<Result<_, _>>()?;
        self.history.keep(rows, self.carry()?);
        Ok(())
    }

    /// What rewards remember of the episodes under way.
    fn carry(&self) -> Result<Carry, LabError> {
        let mut carry = Carry { best: self.ledger.best.clone(), ..Carry::default() };
        for (name, model) in &self.models {
            let memory = model.memory().map_err(|why| RewardError::Model { name: name.clone(), why })?;
            if !memory.is_empty() {
                carry.models.insert(name.clone(), memory);
            }
        }
        Ok(carry)
    }

    /// Lets rewards remember what they did then; best pictures of other terms than the present ones are let go.
    fn recall(&mut self, carry: &Carry) -> Result<(), LabError> {
        for (name, model) in &mut self.models {
            let memory = carry.models.get(name).map_or(&[][..], Vec::as_slice);
            model.restore(memory).map_err(|why| RewardError::Model { name: name.clone(), why })?;
        }
        let none = Best::new(&self.epoch.graphs, self.rows());
        self.ledger.best = if carry.best.fits(&none) { carry.best.clone() } else { none };
        Ok(())
    }

    /// A rollout is one step here, so statistics and anneals move after each.
    fn revise_by_statistics(&mut self) {
        let env_steps = self.tick() * self.rows() as u64;
        let view = RolloutView::new(self.env.rollout());
        let next = self.epoch.revision.after(&self.epoch.graphs, &view, env_steps);
        if next.number != self.epoch.revision.number {
            self.put_in_force(self.epoch.graphs.clone(), next);
        }
    }

    fn put_in_force(&mut self, graphs: Vec<Graph>, revision: Revision) {
        self.env.shards_mut().iter_mut().for_each(|shard| project(&revision, shard));
        self.epoch = Arc::new(Epoch { graphs, revision });
    }

    /// Puts another reward in force from the next step on, as the next revision. Rows play on where they are.
    ///
    /// # Errors
    /// When the batch cannot be built for it.
    pub fn revise(&mut self, setup: Arc<Setup>) -> Result<(), LabError> {
        let now = &self.epoch.revision;
        let env_steps = self.tick() * self.rows() as u64;
        let mut revision = Revision::initial(&setup.graphs);
        (revision.number, revision.env_steps) = (now.number + 1, env_steps);
        carry_statistics(&self.epoch, &setup.graphs, &mut revision);
        if same_but_for_weights(&self.epoch.graphs, &setup.graphs) {
            self.setup = setup.clone();
            self.put_in_force(setup.graphs.clone(), revision);
            return Ok(());
        }
        let rows = (0..self.rows()).map(|row| self.env.snapshot(row)).collect::<Result<Vec<_>, _>>()?;
        let watched: Vec<usize> = self.env.frames().iter().map(|frame| frame.env as usize).collect();
        let epoch = Arc::new(Epoch { graphs: setup.graphs.clone(), revision });
        let carry = self.carry()?;
        // Towers and what they have seen stay, unless a term asks another.
        let has = |(asked, _): (&Asked, usize)| self.models.contains_key(&asked.model);
        let opened = match setup.graphs.iter().flat_map(Graph::asked).all(has) {
            true => None,
            false => Some(open_models(&setup, Device::Cpu)?),
        };
        let fresh = Self::build(setup, self.rows(), epoch, self.tick())?;
        let past = std::mem::replace(self, fresh);
        self.models = opened.unwrap_or(past.models);
        (self.history, self.episodes) = (past.history, past.episodes);
        self.recall(&carry)?;
        for (row, snapshot) in rows.iter().enumerate() {
            self.env.restore(row, snapshot)?;
        }
        self.env.watch(&watched);
        Ok(())
    }

    /// Takes all rows back to a kept tick and forgets what came after.
    ///
    /// # Errors
    /// When the tick is not kept.
    pub fn rewind(&mut self, tick: u64) -> Result<(), LabError> {
        let history = std::mem::take(&mut self.history);
        let replayed = self.replay_to(&history, tick);
        self.history = history;
        replayed?;
        self.history.cut(tick);
        self.episodes.retain(|episode| episode.tick <= tick);
        self.sums = EpisodeSums::new(&self.epoch.graphs, self.rows());
        self.sums_since = tick;
        Ok(())
    }

    /// Another batch that goes on from a kept tick, under the reward in force there.
    ///
    /// # Errors
    /// When the tick is not kept.
    pub fn branch(&self, tick: u64) -> Result<Self, LabError> {
        let epoch = self.epoch.clone();
        let models = open_models(&self.setup, Device::Cpu)?;
        let mut branch = Self { models, ..Self::build(self.setup.clone(), self.rows(), epoch, tick)? };
        branch.replay_to(&self.history, tick)?;
        branch.keep_keyframe()?;
        Ok(branch)
    }

    /// Plays all rows from the nearest keyframe to a tick; rewards remember what they did then.
    fn replay_to(&mut self, history: &History, tick: u64) -> Result<(), LabError> {
        let missing = || LabError::Refused(format!("step {tick} is no longer kept"));
        let from = history.keyframe(tick).filter(|_| tick <= history.last()).ok_or_else(missing)?;
        for (row, snapshot) in from.rows.iter().enumerate() {
            self.env.restore(row, snapshot)?;
        }
        self.recall(&from.carry)?;
        let remembers = !self.setup.novelty.is_empty() || !self.ledger.best.is_empty();
        for (_, record) in history.range(from.tick + 1, tick) {
            self.env.begin_rollout();
            for edit in &record.interventions {
                self.env.intervene(edit.clone())?;
            }
            self.env.step(&record.actions)?;
            if remembers {
                self.finalise()?;
            }
        }
        Ok(())
    }

    /// Shows a frame to the model that a term asks.
    ///
    /// # Errors
    /// When the model is not there, or cannot draw or see.
    pub fn look(&mut self, frame: &Frame, asked: &Asked) -> Result<Sight, LabError> {
        let name = || asked.model.clone();
        let model = self.models.get_mut(&asked.model).ok_or_else(|| RewardError::NoModel(name()))?;
        let eyes = model.pictures().ok_or_else(|| RewardError::NoEyes(name()))?;
        let look = Look {
            t: 0,
            row: frame.env,
            episode: frame.episode,
            step: frame.step,
            ended: frame.terminated || frame.truncated,
            drawing: frame.drawing.clone(),
        };
        let refused = |why| RewardError::Model { name: name(), why };
        let picture = eyes.picture(&look).map_err(refused)?;
        let answers = eyes.answers(&[&asked.question], &[&look]).map_err(refused)?;
        Ok(Sight { picture, answer: answers.first().copied().unwrap_or(f32::NAN) })
    }

    /// Frames of these rows, as they are now: the last step's, before any reset.
    ///
    /// # Errors
    /// When there is no such row.
    pub fn frames(&mut self, rows: &[usize]) -> Result<Vec<Frame>, LabError> {
        let found = self.env.frames();
        if found.len() == rows.len() && found.iter().zip(rows).all(|(frame, &row)| frame.env as usize == row)
        {
            return Ok(found);
        }
        self.env.watch(rows);
        rows.iter().map(|&row| Ok(self.env.frame(row)?)).collect()
    }
}

/// Normalisers and anneals of terms that stay go on where they were.
fn carry_statistics(before: &Epoch, graphs: &[Graph], revision: &mut Revision) {
    for (graph, state) in graphs.iter().zip(&mut revision.graphs) {
        let Some(old) = before.graphs.iter().position(|old| old.name == graph.name) else { continue };
        for (node, state) in graph.nodes.iter().zip(&mut state.nodes) {
            let found = before.graphs[old].nodes.iter().position(|other| other.name == node.name);
            let Some(index) = found else { continue };
            let names = |stages: &[carrot_reward::Stage]| stages.iter().map(|s| s.name()).collect::<Vec<_>>();
            if names(&before.graphs[old].nodes[index].stages) == names(&node.stages) {
                state.stages.clone_from(&before.revision.graphs[old].nodes[index].stages);
            }
        }
    }
}

/// Whether two rewards differ in weights alone, so that no column is measured otherwise.
fn same_but_for_weights(old: &[Graph], new: &[Graph]) -> bool {
    use carrot_reward::graph::Body;
    let same_body = |a: &Body, b: &Body| match (a, b) {
        (Body::Term(kind, slots), Body::Term(other, others)) => {
            slots == others && format!("{kind:?}") == format!("{other:?}")
        }
        (Body::Combine(how, children), Body::Combine(other, others)) => how == other && children == others,
        _ => false,
    };
    let stages =
        |node: &carrot_reward::Node| format!("{:?}", node.stages.iter().map(plain).collect::<Vec<_>>());
    old.len() == new.len()
        && old.iter().zip(new).all(|(old, new)| {
            old.name == new.name
                && old.groups == new.groups
                && old.top == new.top
                && old.nodes.len() == new.nodes.len()
                && old.nodes.iter().zip(&new.nodes).all(|(a, b)| {
                    a.name == b.name
                        && a.group == b.group
                        && same_body(&a.body, &b.body)
                        && stages(a) == stages(b)
                })
        })
}

/// A stage without the place where it is written.
fn plain(stage: &carrot_reward::Stage) -> String {
    match stage {
        carrot_reward::Stage::Potential { gamma, .. } => format!("Potential({gamma})"),
        other => format!("{other:?}"),
    }
}
