//! Actions outside of the space, actions that are not numbers, and the step limit.

use super::{Check, compare};
use crate::episode::{CAUSE_FAULT, FaultSource};
use crate::error::SimError;
use crate::row::{StepCount, set_row_state};

/// Steps that a contained fault is followed for.
const NUM_STEPS: usize = 8;

impl Check {
    /// A clipped action acts like its bound and is counted.
    pub(super) fn clipping(&mut self) -> Result<(), SimError> {
        let (mut wide, mut inside) = (self.env(1, 1, true)?, self.env(1, 1, true)?);
        let space = self.task.spec().action.clone();
        let (width, mut actions) = (space.width(), self.actions(0));
        let mut bounded = actions.clone();
        let row = self.config.rows / 2;
        for i in 0..width {
            actions[row * width + i] = space.bounds(i).1 + 1.0;
            bounded[row * width + i] = space.bounds(i).1;
        }
        wide.step(&actions)?;
        inside.step(&bounded)?;
        let counted = (wide.clipped(), inside.clipped());
        self.expect(counted == (width as u64, 0), "clipping", || format!("{counted:?} clips were counted"));
        let same = wide
            .current_obs()
            .into_iter()
            .zip(inside.current_obs())
            .all(|(a, b)| compare::parts(a, b).is_none());
        self.expect(same, "clipping", || "an action outside of the space does not act like its bound".into());
        Ok(())
    }

    /// An action that is not a number ends its own row as a fault; all other rows go on with the same bits.
    pub(super) fn bad_action(&mut self) -> Result<(), SimError> {
        let (mut clean, mut struck) = (self.env(1, NUM_STEPS, true)?, self.env(1, NUM_STEPS, true)?);
        let (n, width) = (self.config.rows, self.task.spec().action.width());
        let row = n / 2;
        for t in 0..NUM_STEPS {
            let mut actions = self.actions(t);
            clean.step(&actions)?;
            if t == 0 {
                actions[row * width] = f32::NAN;
            }
            struck.step(&actions)?;
        }
        let logged = struck.take_faults();
        let named =
            logged.len() == 1 && logged[0].env as usize == row && logged[0].source == FaultSource::Action;
        self.expect(named, "fault", || format!("the fault log holds {logged:?}"));
        let (a, b) = (clean.rollout(), struck.rollout());
        let masked = b.truncated[row] && !b.terminated[row] && !b.success[row] && b.score[row] == 0.0;
        self.expect(masked && b.cause[row] == CAUSE_FAULT, "fault", || {
            "the row was not truncated as a fault".into()
        });
        for (part, &size) in a.part_sizes().iter().enumerate() {
            let finite = b.obs[part].f32().iter().chain(b.final_obs[part].f32()).all(|x| x.is_finite());
            self.expect(finite, "fault", || {
                format!("observation part {part} is not finite after a bad action")
            });
            for cell in (0..(NUM_STEPS + 1) * n).filter(|cell| cell % n != row) {
                let same = compare::parts(
                    compare::row(&a.obs[part], cell, size),
                    compare::row(&b.obs[part], cell, size),
                );
                self.expect(same.is_none(), "fault", || {
                    format!("row {}, step {} changed by a fault in row {row}", cell % n, cell / n)
                });
            }
        }
        Ok(())
    }

    /// Rows that are one step from the limit end in that step, and say so.
    pub(super) fn step_limit(&mut self) -> Result<(), SimError> {
        let spec = self.task.spec().clone();
        if spec.max_steps == 0 {
            return Ok(());
        }
        let (n, mut env) = (self.config.rows, self.env(1, 1, true)?);
        for row in 0..n {
            set_row_state(env.shards_mut()[0].world_mut(), row, StepCount(spec.max_steps - 1));
        }
        env.step(&self.actions(0))?;
        let rollout = env.rollout();
        let ended = rollout.ends.len() == n && rollout.ends.iter().all(|end| end.length == spec.max_steps);
        let truncated = rollout.truncated.iter().all(|&truncated| truncated);
        self.expect(ended && truncated, "step limit", || {
            format!("{} of {n} rows ended at the limit of {} steps", rollout.ends.len(), spec.max_steps)
        });
        let restarted = env.keys().iter().all(|(key, steps)| key.episode == 1 && *steps == 0);
        self.expect(restarted, "step limit", || "the next episode does not count its steps from 0".into());
        Ok(())
    }
}
