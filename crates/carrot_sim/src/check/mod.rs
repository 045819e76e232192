//! The environment checker: what any task must hold before an agent or a figure may rest on it.
//!
//! It plays the task with random actions, in several layouts side by side, and reports every promise that
//! does not hold. Run it in the tests of each task, at more than one batch size.

mod compare;
mod contain;
mod declared;
mod goals;
mod play;
mod restore;

use std::fmt;
use std::sync::Arc;

use crate::error::SimError;
use crate::seed::RowKey;
use crate::task::{Task, random_action};
use crate::vec_env::{VecEnv, VecEnvConfig};

/// How long and how wide to check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckConfig {
    /// Rows of the batch.
    pub rows: usize,
    /// Steps of random play.
    pub steps: usize,
    /// Seed of the run.
    pub seed: u64,
}

/// What the check saw.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckReport {
    /// Episodes that ended in random play.
    pub episodes: usize,
    /// Episodes by cause, in the order of the causes.
    pub causes: Vec<(&'static str, usize)>,
    /// Name, lowest and highest value of every signal column.
    pub signals: Vec<(String, f32, f32)>,
}

/// A promise that the task broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckFinding {
    /// The promise, in one or two words.
    pub rule: &'static str,
    /// Where, and what was there instead.
    pub message: String,
}

impl fmt::Display for CheckFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.message)
    }
}

/// Checks a task.
///
/// # Errors
/// Every broken promise, at most three of a kind.
pub fn check_task(task: &Arc<dyn Task>, config: CheckConfig) -> Result<CheckReport, Vec<CheckFinding>> {
    let mut check = Check { task: task.clone(), config, findings: Vec::new() };
    check.declaration();
    // A batch cannot be trusted to run when its declaration is wrong.
    let report = if check.findings.is_empty() { check.run() } else { Ok(None) };
    match report {
        Ok(Some(report)) if check.findings.is_empty() => Ok(report),
        Ok(_) => Err(check.findings),
        Err(error) => {
            check.find("runs", error.to_string());
            Err(check.findings)
        }
    }
}

/// The task under check and what was found so far.
struct Check {
    task: Arc<dyn Task>,
    config: CheckConfig,
    findings: Vec<CheckFinding>,
}

impl Check {
    fn run(&mut self) -> Result<Option<CheckReport>, SimError> {
        let report = self.random_play()?;
        self.goals()?;
        self.snapshots()?;
        self.fresh_equals_reset()?;
        self.clipping()?;
        self.bad_action()?;
        self.step_limit()?;
        Ok(Some(report))
    }

    fn find(&mut self, rule: &'static str, message: String) {
        // One broken promise shows in thousands of rows; three say enough.
        if self.findings.iter().filter(|finding| finding.rule == rule).count() < 3 {
            self.findings.push(CheckFinding { rule, message });
        }
    }

    fn expect(&mut self, holds: bool, rule: &'static str, message: impl FnOnce() -> String) {
        if !holds {
            self.find(rule, message());
        }
    }

    fn env(&self, shards: usize, num_steps: usize, autoreset: bool) -> Result<VecEnv, SimError> {
        let CheckConfig { rows: num_envs, seed, .. } = self.config;
        let config = VecEnvConfig { num_envs, num_steps, shards, seed, keep_signals: true, autoreset };
        VecEnv::new(self.task.clone(), config, &|_| {})
    }

    /// Random actions of step `t`, the same for every layout.
    fn actions(&self, t: usize) -> Vec<f32> {
        let space = &self.task.spec().action;
        let mut actions = vec![0.0; self.config.rows * space.width()];
        for (row, action) in actions.chunks_exact_mut(space.width()).enumerate() {
            let key = RowKey { seed: self.config.seed, env: row as u32, episode: 0 };
            random_action(space, key, t as u32, action);
        }
        actions
    }

    /// Fills one rollout with random actions from step `t` on.
    fn roll(&self, env: &mut VecEnv, t: usize) -> Result<(), SimError> {
        env.begin_rollout();
        (0..env.config().num_steps).try_for_each(|k| env.step(&self.actions(t + k)))
    }
}

#[cfg(test)]
mod tests;
