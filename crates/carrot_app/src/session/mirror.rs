//! The past as frames: one row of its own, restored from a keyframe and played to the tick that is looked at.

use carrot_lab::{LabError, Setup};
use carrot_sim::{Frame, Intervention, RowSnapshot, SimError, VecEnv, VecEnvConfig};

use super::history::History;
use super::stage::LaneId;

/// A row that shows others as they were.
pub struct Mirror {
    env: VecEnv,
    width: usize,
    at: Option<(LaneId, usize, u64)>,
}

impl Mirror {
    /// A mirror for the rows of a setup's task.
    ///
    /// # Errors
    /// When the row cannot be built.
    pub fn new(setup: &Setup) -> Result<Self, LabError> {
        let mut env = unpaid_row(setup)?;
        env.watch(&[0]);
        Ok(Self { env, width: setup.task.spec().action.width(), at: None })
    }

    /// Forgets where it stands, after a history was cut.
    pub fn forget(&mut self) {
        self.at = None;
    }

    /// A row as it was at a kept tick.
    ///
    /// # Errors
    /// When the tick is not kept.
    pub fn frame(
        &mut self,
        lane: LaneId,
        history: &History,
        row: usize,
        tick: u64,
    ) -> Result<Frame, LabError> {
        if tick > history.first() && self.at == Some((lane, row, tick - 1)) {
            self.play(history, row, tick)?;
        } else if self.at != Some((lane, row, tick)) {
            // The frame of a tick is what its step leaves, so one step at least is played where there is one.
            let start = tick.max(history.first() + 1) - 1;
            let missing = || LabError::Refused(format!("step {tick} is no longer kept"));
            let from = history.keyframe(start).filter(|_| tick <= history.last()).ok_or_else(missing)?;
            self.env.restore(0, &from.rows[row])?;
            for past in from.tick + 1..=tick {
                self.play(history, row, past)?;
            }
        }
        self.at = Some((lane, row, tick));
        match self.env.frames().pop().filter(|_| tick > history.first()) {
            Some(frame) => Ok(frame),
            None => Ok(self.env.frame(0)?),
        }
    }

    /// The state of a row right before the step that led to a tick, and its picture.
    ///
    /// # Errors
    /// When the tick is not kept, or nothing led to it.
    pub fn before(
        &mut self,
        lane: LaneId,
        history: &History,
        row: usize,
        tick: u64,
    ) -> Result<(RowSnapshot, Frame), LabError> {
        self.frame(lane, history, row, tick.max(history.first() + 1) - 1)?;
        Ok((self.env.snapshot(0)?, self.env.frame(0)?))
    }

    fn play(&mut self, history: &History, row: usize, tick: u64) -> Result<(), LabError> {
        let Some(record) = history.record(tick) else { return Ok(()) };
        self.env.begin_rollout();
        for edit in record.interventions.iter().filter(|edit| edit.row == row) {
            self.env.intervene(Intervention { row: 0, ..edit.clone() })?;
        }
        self.env.step(&record.actions[row * self.width..][..self.width])?;
        Ok(())
    }
}

/// One row of a setup without a reward: drawing needs none.
///
/// # Errors
/// When the row cannot be built.
pub fn unpaid_row(setup: &Setup) -> Result<VecEnv, SimError> {
    let config = VecEnvConfig {
        num_envs: 1,
        num_steps: 1,
        shards: 1,
        seed: setup.scene.batch.seed,
        keep_signals: false,
        autoreset: true,
    };
    setup.build_unpaid(config)
}
