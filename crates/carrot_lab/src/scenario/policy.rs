//! Who acts in a rollout: a script, chance, nobody, a list of actions, or a checkpoint.

use std::path::PathBuf;

use carrot_learn::{Learner, Memory};
use carrot_sim::{ActionSpace, PartSlice, Rollout, Script, ScriptView, Task, random_action};

use crate::error::LabError;
use crate::saved::SavedRun;

/// Names of actions that leave everything as it is.
const IDLE: [&str; 5] = ["coast", "torque_none", "done", "noop", "stay"];

/// A policy as a scenario names it.
#[derive(Debug, Clone)]
pub enum Policy {
    /// A script of the task.
    Script(Script),
    /// Uniformly random actions.
    Random,
    /// The action that does nothing.
    Idle(Vec<f32>),
    /// A list of actions; the last one is repeated.
    Actions(Vec<Vec<f32>>),
    /// The policy of a run's newest checkpoint, without exploring.
    Checkpoint(PathBuf),
}

/// The action that does nothing: zeros within the bounds, or a choice with such a name.
pub(crate) fn idle_action(space: &ActionSpace) -> Option<Vec<f32>> {
    match space {
        ActionSpace::Continuous { low, high, .. } => {
            Some(low.iter().zip(high).map(|(&low, &high)| 0.0_f32.clamp(low, high)).collect())
        }
        ActionSpace::Discrete { names } => {
            let at = names.iter().position(|name| IDLE.contains(&name.as_str()));
            at.map(|at| vec![at as f32])
        }
        ActionSpace::MultiDiscrete { .. } => None,
    }
}

/// A policy at work in one rollout.
pub(crate) enum Acting {
    Simple(Policy),
    Trained { learner: Box<dyn Learner>, memory: Memory, actions: Vec<f32> },
}

impl Policy {
    /// Readies the policy for `rows` fresh episodes.
    pub(crate) fn start(&self, task: &dyn Task, rows: usize) -> Result<Acting, LabError> {
        let Self::Checkpoint(run) = self else { return Ok(Acting::Simple(self.clone())) };
        let trainer = SavedRun::open(run)?.trainer()?;
        let (trained, own) = (&trainer.setup().task, task.spec());
        if trained.observation() != task.observation() || trained.spec().action != own.action {
            let message =
                format!("the policy of {} sees or does something else than {}", run.display(), own.name);
            return Err(LabError::Refused(message));
        }
        let learner = trainer.into_learner();
        let memory = learner.memory(rows)?;
        Ok(Acting::Trained { learner, memory, actions: vec![0.0; rows * own.action.width()] })
    }
}

impl Acting {
    /// Shows a trained policy all rows; it acts for them together.
    pub(crate) fn look(&mut self, parts: &[PartSlice<'_>], step: usize) -> Result<(), LabError> {
        if let Self::Trained { learner, memory, actions } = self {
            learner.evaluate(memory, parts, step as u64, false, actions)?;
        }
        Ok(())
    }

    /// Forgets the episodes that ended in the last step.
    pub(crate) fn forget(&mut self, rollout: &Rollout) -> Result<(), LabError> {
        if let Self::Trained { memory, .. } = self {
            memory.forget(rollout)?;
        }
        Ok(())
    }

    /// Writes the action of one row, `index` of the batch.
    pub(crate) fn act(&self, view: &ScriptView<'_>, space: &ActionSpace, index: usize, action: &mut [f32]) {
        match self {
            Self::Simple(Policy::Script(script)) => (script.act)(view, action),
            Self::Simple(Policy::Idle(idle)) => action.copy_from_slice(idle),
            Self::Simple(Policy::Actions(list)) => {
                let at = (view.step as usize).min(list.len().saturating_sub(1));
                action.copy_from_slice(&list[at]);
            }
            Self::Simple(Policy::Random | Policy::Checkpoint(_)) => {
                random_action(space, view.key, view.step, action);
            }
            Self::Trained { actions, .. } => {
                action.copy_from_slice(&actions[index * action.len()..][..action.len()]);
            }
        }
    }
}
