//! What a goal task promises: success and three signals follow from its achieved and desired goals alone.

use super::{Check, compare};
use crate::batch::PartSlice;
use crate::episode::CAUSE_FAULT;
use crate::error::SimError;
use crate::goal::GoalSpec;

/// Steps that goals are compared for.
const NUM_STEPS: usize = 8;

impl Check {
    pub(super) fn goals(&mut self) -> Result<(), SimError> {
        let Some(goal) = self.task.goal() else { return Ok(()) };
        let mut env = self.env(1, NUM_STEPS, true)?;
        let parts = &self.task.spec().observation;
        let find = |name: &str| parts.iter().position(|part| part.name == name);
        let (Some(achieved), Some(desired), Some(columns)) =
            (find(goal.achieved), find(goal.desired), goal.columns(env.catalog()))
        else {
            self.find("goal", format!("a part or a signal of {goal:?} is not there"));
            return Ok(());
        };
        let size = parts[achieved].size();
        if parts[desired].size() != size {
            self.find("goal", "achieved and desired goal differ in size".into());
            return Ok(());
        }
        self.roll(&mut env, 0)?;
        let (n, rollout) = (self.config.rows, env.rollout());
        for (t, row) in (0..NUM_STEPS).flat_map(|t| (0..n).map(move |row| (t, row))) {
            let cell = t * n + row;
            let (Some(now), false) = (rollout.signals_now(t), rollout.cause[cell] == CAUSE_FAULT) else {
                continue;
            };
            let (obs, at) = match rollout.end_at(t, row) {
                Some(end) => (&rollout.final_obs, end),
                None => (&rollout.obs, (t + 1) * n + row),
            };
            let (PartSlice::F32(is), PartSlice::F32(wanted)) =
                (compare::row(&obs[achieved], at, size), compare::row(&obs[desired], at, size))
            else {
                self.find("goal", "goals are not floats".into());
                return Ok(());
            };
            let measured: Vec<f32> = (0..rollout.signal_columns).map(|c| now.column(c)[row]).collect();
            let mut written = measured.clone();
            let distance = GoalSpec::write_signals(columns, is, wanted, &mut written);
            self.expect(compare::floats(&measured, &written).is_none(), "goal", || {
                format!("row {row}, step {t}: signals of the goal do not follow from the goals observed")
            });
            self.expect(goal.is_reached(distance) == rollout.success[cell], "goal", || {
                format!("row {row}, step {t}: success does not follow from a distance of {distance}")
            });
        }
        Ok(())
    }
}
