//! Snapshots, branches, and fresh batches that begin where an old one resets.

use super::{Check, compare};
use crate::error::SimError;
use crate::row::{Episode, set_row_state};

/// Steps before and after a snapshot.
const NUM_STEPS: usize = 16;

impl Check {
    pub(super) fn snapshots(&mut self) -> Result<(), SimError> {
        let num_steps = self.config.steps.clamp(1, NUM_STEPS);
        let (mut origin, mut copy) = (self.env(1, num_steps, true)?, self.env(2, num_steps, true)?);
        self.roll(&mut origin, 0)?;
        let saved = origin.save()?;
        copy.load(&saved)?;
        let same = copy.save()? == saved;
        self.expect(same, "snapshot", || "a restored batch does not save the same bytes".into());
        self.roll(&mut origin, num_steps)?;
        self.roll(&mut copy, num_steps)?;
        let difference = compare::rollouts(origin.rollout(), copy.rollout());
        self.expect(difference.is_none(), "snapshot", || {
            format!("a restored batch goes on with other {}", difference.unwrap_or(""))
        });
        // A branch: the last row takes over the first one's life.
        let last = self.config.rows - 1;
        let first = origin.snapshot(0)?;
        origin.restore(last, &first)?;
        origin.begin_rollout();
        let (width, sizes) = (self.task.spec().action.width(), origin.rollout().part_sizes().to_vec());
        for t in 0..num_steps {
            let mut actions = self.actions(t);
            actions.copy_within(..width, last * width);
            origin.step(&actions)?;
            for (part, &size) in sizes.iter().enumerate() {
                let obs = &origin.rollout().obs[part];
                let at = |row: usize| compare::row(obs, (t + 1) * self.config.rows + row, size);
                let same = compare::parts(at(0), at(last)).is_none();
                self.expect(same, "branch", || {
                    format!("a branch differs from its origin after {} steps", t + 1)
                });
            }
        }
        Ok(())
    }

    pub(super) fn fresh_equals_reset(&mut self) -> Result<(), SimError> {
        let num_steps = self.config.steps.clamp(1, NUM_STEPS);
        let (mut used, mut fresh) = (self.env(1, num_steps, true)?, self.env(1, num_steps, true)?);
        self.roll(&mut used, 0)?;
        used.begin_rollout();
        for (row, (key, _)) in used.keys().into_iter().enumerate() {
            // The reset below begins the episode after this one.
            set_row_state(fresh.shards_mut()[0].world_mut(), row, Episode(key.episode));
        }
        used.reset(None)?;
        fresh.reset(None)?;
        let same = used.save()? == fresh.save()?;
        self.expect(same, "reset", || {
            "a reset row differs from a fresh one with the same key and episode".into()
        });
        self.roll(&mut used, num_steps)?;
        self.roll(&mut fresh, num_steps)?;
        let difference = compare::rollouts(used.rollout(), fresh.rollout());
        self.expect(difference.is_none(), "reset", || {
            format!("after a reset the {} differ from those of a fresh batch", difference.unwrap_or(""))
        });
        Ok(())
    }
}
