//! Novelty as a reward model: episodic memory of every row, and the published versions of what was seen before.

use std::collections::BTreeMap;

use carrot_reward::{RewardModel, StepRows};

use super::episodic::Memory;
use super::global::{STATE, Version};
use super::{NoveltyConfig, NoveltyTrainer, Steps};
use crate::learner::Parts;
use crate::parts::{find, read_state, write_state};

/// What pays for what is new.
#[derive(Debug, Clone)]
pub struct Novelty {
    config: NoveltyConfig,
    versions: BTreeMap<u32, Version>,
    selected: Option<u32>,
    /// What each row has met in its episode.
    rows: Vec<Memory>,
}

impl Novelty {
    /// Nothing met, nothing published.
    pub fn new(config: NoveltyConfig) -> Self {
        Self { config, versions: BTreeMap::new(), selected: None, rows: Vec::new() }
    }

    /// What a training begins with.
    pub fn of(config: NoveltyConfig, trainer: Option<&NoveltyTrainer>) -> Self {
        let mut novelty = Self::new(config);
        if let Some(version) = trainer.map(NoveltyTrainer::in_force) {
            novelty.versions.insert(version.number, version.clone());
        }
        novelty
    }

    /// What is new over the training, or 1 everywhere where that is not asked for.
    ///
    /// # Shapes
    /// `now` is `[rows, S]` and scaled, `before` and `features` are `[rows, F]`.
    fn pay_global(&mut self, now: &[f32], before: &[f32], features: &[f32], out: &mut [f32]) {
        if self.config.global.is_none() {
            out.fill(1.0);
            return;
        }
        let version = self.selected.unwrap_or_else(|| self.version());
        let (mut earlier, mut acts) = (Vec::new(), Vec::new());
        if self.compares() {
            (earlier, acts) = (self.config.scaled(before), self.config.done(features));
        }
        let steps = Steps { before: &earlier, now, acts: &acts };
        match self.versions.get_mut(&version) {
            Some(version) => out.copy_from_slice(&version.seen.pay(&steps, self.config.states())),
            None => out.fill(f32::NAN),
        }
    }
}

impl RewardModel for Novelty {
    fn version(&self) -> u32 {
        // What an episode alone decides never changes.
        let constant = u32::from(self.config.global.is_none());
        self.versions.keys().next_back().copied().unwrap_or(constant)
    }

    fn inputs(&self) -> &[String] {
        &self.config.inputs
    }

    fn select(&mut self, version: Option<u32>) -> Result<(), String> {
        let known = |version: &u32| self.config.global.is_none() || self.versions.contains_key(version);
        if let Some(wanted) = version.filter(|version| *version > 0 && !known(version)) {
            return Err(format!("version {wanted} is wanted and not among the {} kept", self.versions.len()));
        }
        self.selected = version;
        Ok(())
    }

    fn publish(&mut self, parts: &Parts, keep: bool) -> Result<(), String> {
        let version: Version = find(parts, STATE)
            .and_then(|bytes| read_state(STATE, bytes))
            .map_err(|error| error.to_string())?;
        if !keep {
            self.versions.clear();
        }
        self.versions.insert(version.number, version);
        Ok(())
    }

    fn needs_episode(&self) -> bool {
        self.config.episodic.is_some()
    }

    fn compares(&self) -> bool {
        self.config.compares()
    }

    fn score(&mut self, features: &[f32], out: &mut [f32]) -> Result<(), String> {
        if self.compares() {
            return Err("what an action changes is known from both states only".into());
        }
        self.score_between(&[], features, out)
    }

    fn score_between(&mut self, before: &[f32], now: &[f32], out: &mut [f32]) -> Result<(), String> {
        if self.config.episodic.is_some() {
            return Err("what is new in an episode is known from the whole episode only".into());
        }
        self.pay_global(&self.config.scaled(now), before, now, out);
        Ok(())
    }

    fn score_steps(&mut self, steps: &StepRows<'_>, out: &mut [f32]) -> Result<(), String> {
        let scaled = self.config.scaled(steps.features);
        self.pay_global(&scaled, steps.before, steps.features, out);
        let Some(bonus) = self.config.episodic else { return Ok(()) };
        let width = self.config.states();
        if steps.fresh || self.rows.len() != steps.rows {
            self.rows = vec![Memory::new(&bonus, width); steps.rows];
        }
        for (cell, (row, out)) in scaled.chunks_exact(width).zip(out).enumerate() {
            let memory = &mut self.rows[cell % steps.rows];
            *out *= memory.meet(&bonus, row);
            if steps.ended[cell] {
                *memory = Memory::new(&bonus, width);
            }
        }
        Ok(())
    }

    fn memory(&self) -> Result<Vec<u8>, String> {
        if self.rows.is_empty() {
            return Ok(Vec::new());
        }
        write_state("memory", &self.rows).map_err(|error| error.to_string())
    }

    fn restore(&mut self, memory: &[u8]) -> Result<(), String> {
        if memory.is_empty() {
            self.rows.clear();
            return Ok(());
        }
        self.rows = read_state("memory", memory).map_err(|error| error.to_string())?;
        Ok(())
    }
}
