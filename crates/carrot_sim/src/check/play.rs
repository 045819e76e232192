//! Random play in three layouts at once: one shard, several shards, and resets by the caller.

use super::{Check, CheckReport, compare};
use crate::batch::PartSlice;
use crate::episode::{CAUSE_FAULT, CAUSE_NONE, CAUSE_TASK, CAUSE_TIME_LIMIT};
use crate::error::SimError;
use crate::rollout::Rollout;
use crate::space::ObsPart;
use crate::vec_env::VecEnv;

/// Steps of one rollout.
const NUM_STEPS: usize = 16;
/// Rows whose whole state is compared around a reset by mask.
const WATCHED_ROWS: usize = 4;

impl Check {
    pub(super) fn random_play(&mut self) -> Result<CheckReport, SimError> {
        let num_steps = self.config.steps.clamp(1, NUM_STEPS);
        let mut one = self.env(1, num_steps, true)?;
        let mut many = self.env(3, num_steps, true)?;
        let mut manual = self.env(1, num_steps, false)?;
        let catalog = one.catalog().clone();
        let spec = self.task.spec().clone();
        let mut seen = vec![(f32::INFINITY, f32::NEG_INFINITY); catalog.width()];
        let mut causes = vec![0; CAUSE_TASK as usize + spec.causes.len()];
        let mut episodes = 0;
        for start in (0..self.config.steps).step_by(num_steps) {
            self.roll(&mut many, start)?;
            one.begin_rollout();
            manual.begin_rollout();
            for t in 0..num_steps {
                let actions = self.actions(start + t);
                one.step(&actions)?;
                manual.step(&actions)?;
                self.ends(one.rollout(), t);
                self.caller_driven_reset(&one, &mut manual, t)?;
            }
            let rollout = one.rollout();
            let difference = compare::rollouts(rollout, many.rollout());
            self.expect(difference.is_none(), "shards", || {
                format!(
                    "one shard and three differ in {} by step {}",
                    difference.unwrap_or(""),
                    start + num_steps
                )
            });
            self.observations(rollout, &spec.observation);
            self.signals(&one, &mut seen);
            episodes += rollout.ends.len();
            for end in &rollout.ends {
                let cause = rollout.cause[end.step as usize * rollout.num_envs + end.env as usize];
                if let Some(count) = causes.get_mut(cause as usize) {
                    *count += 1;
                }
            }
        }
        for (env, name) in [(&one, "one shard"), (&many, "three shards"), (&manual, "resets by mask")] {
            let steady = env.shards().iter().all(|shard| shard.row_archetypes() == 1);
            self.expect(steady, "archetype", || format!("rows changed their archetype ({name})"));
        }
        let names = catalog.column_names();
        let signals = names.into_iter().zip(seen).map(|(name, (low, high))| (name, low, high)).collect();
        let causes = causes.into_iter().enumerate().map(|(cause, n)| (spec.cause_name(cause as u8), n));
        Ok(CheckReport { episodes, causes: causes.filter(|(_, n)| *n > 0).collect(), signals })
    }

    /// End flags, cause, success and score of one step agree with each other.
    fn ends(&mut self, rollout: &Rollout, t: usize) {
        let spec = self.task.spec().clone();
        let (n, max_steps) = (rollout.num_envs, spec.max_steps);
        let known = CAUSE_TASK + spec.causes.len() as u8;
        let mut flagged = 0;
        for row in 0..n {
            let cell = t * n + row;
            let (terminated, truncated) = (rollout.terminated[cell], rollout.truncated[cell]);
            let (cause, score) = (rollout.cause[cell], rollout.score[cell]);
            let at = || {
                format!("row {row}, step {t}: terminated {terminated}, truncated {truncated}, cause {cause}")
            };
            let fits = match cause {
                CAUSE_NONE => !terminated && !truncated,
                CAUSE_TIME_LIMIT | CAUSE_FAULT => truncated && !terminated,
                _ => (terminated || truncated) && cause < known,
            };
            self.expect(fits, "cause", at);
            self.expect(cause != CAUSE_FAULT, "finite", || {
                format!("row {row}, step {t}: random play raised a fault")
            });
            self.expect((0.0..=1.0).contains(&score), "score", || format!("row {row}, step {t}: {score}"));
            if terminated || truncated {
                flagged += 1;
                let end = rollout.end_at(t, row).map(|end| rollout.ends[end]);
                self.expect(end.is_some(), "final observation", || {
                    format!("row {row}, step {t}: no end recorded")
                });
                let length = end.map_or(0, |end| end.length);
                let in_time = length > 0 && (max_steps == 0 || length <= max_steps);
                let at_limit = cause != CAUSE_TIME_LIMIT || length == max_steps;
                self.expect(in_time && at_limit, "step limit", || format!("{} after {length} steps", at()));
            }
        }
        let recorded = rollout.ends.iter().filter(|end| end.step as usize == t).count();
        self.expect(recorded == flagged, "final observation", || {
            format!("step {t}: {flagged} rows ended, {recorded} were recorded")
        });
    }

    /// A caller that resets ended rows by mask sees what autoreset delivers, and no other row moves.
    fn caller_driven_reset(&mut self, auto: &VecEnv, manual: &mut VecEnv, t: usize) -> Result<(), SimError> {
        let (n, delivered) = (self.config.rows, auto.rollout());
        let sizes = delivered.part_sizes().to_vec();
        let cells = t * n..(t + 1) * n;
        let rollout = manual.rollout();
        let mask: Vec<bool> = rollout.terminated[cells.clone()]
            .iter()
            .zip(&rollout.truncated[cells])
            .map(|(a, b)| a | b)
            .collect();
        for row in (0..n).filter(|&row| mask[row]) {
            let Some(end) = delivered.end_at(t, row) else { continue };
            for (part, &size) in sizes.iter().enumerate() {
                let own = compare::row(&rollout.obs[part], (t + 1) * n + row, size);
                let given = compare::row(&delivered.final_obs[part], end, size);
                self.expect(compare::parts(own, given).is_none(), "final observation", || {
                    format!("row {row}, step {t}: part {part} is not the last observation of the episode")
                });
            }
        }
        let kept: Vec<usize> = (0..n).filter(|&row| !mask[row]).take(WATCHED_ROWS).collect();
        let before: Vec<_> = kept.iter().map(|&row| manual.snapshot(row)).collect::<Result<_, _>>()?;
        manual.reset(Some(&mask))?;
        for (row, before) in kept.into_iter().zip(before) {
            let same = manual.snapshot(row)? == before;
            self.expect(same, "masked reset", || format!("row {row}, step {t} moved though its mask is off"));
        }
        for (part, (a, b)) in auto.current_obs().into_iter().zip(manual.current_obs()).enumerate() {
            let difference = compare::parts(a, b);
            self.expect(difference.is_none(), "masked reset", || {
                let row = difference.unwrap_or(0) / sizes[part];
                format!("row {row}, step {t}: part {part} differs from autoreset")
            });
        }
        Ok(())
    }

    fn observations(&mut self, rollout: &Rollout, parts: &[ObsPart]) {
        for (index, part) in parts.iter().enumerate() {
            for (data, what) in
                [(&rollout.obs[index], "observation"), (&rollout.final_obs[index], "final observation")]
            {
                let bound =
                    |bounds: &[f32], i: usize| bounds[if bounds.len() == 1 { 0 } else { i % part.size() }];
                let inside = |i: usize, x: f32| x >= bound(&part.low, i) && x <= bound(&part.high, i);
                let outside = match data.slice(0..compare::len(data)) {
                    PartSlice::F32(data) => {
                        data.iter().enumerate().position(|(i, &x)| !x.is_finite() || !inside(i, x))
                    }
                    PartSlice::U8(data) => data.iter().enumerate().position(|(i, &x)| !inside(i, x.into())),
                };
                self.expect(outside.is_none(), "observation", || {
                    let element = outside.unwrap_or(0) % part.size();
                    format!("element {element} of {what} part `{}` is not within its bounds", part.name)
                });
            }
        }
    }

    fn signals(&mut self, env: &VecEnv, seen: &mut [(f32, f32)]) {
        let rollout = env.rollout();
        let Some(log) = &rollout.signals else { return };
        let (n, width) = (rollout.num_envs, rollout.signal_columns);
        for (i, chunk) in log.start.chunks(n).chain(log.now.chunks(n)).enumerate() {
            let (low, high) = &mut seen[i % width];
            for &x in chunk {
                // Written so that a number that is not a number fails the test below.
                *low = if x >= *low { *low } else { x };
                *high = if x <= *high { *high } else { x };
            }
        }
        for (i, &x) in log.fresh.iter().enumerate() {
            let (low, high) = &mut seen[i % width];
            *low = if x >= *low { *low } else { x };
            *high = if x <= *high { *high } else { x };
        }
        let catalog = env.catalog().clone();
        for (id, spec) in catalog.iter() {
            let slack = 1e-5 * (spec.range.1 - spec.range.0);
            for &(low, high) in &seen[id.0..id.0 + spec.kind.width()] {
                let inside = low >= spec.range.0 - slack && high <= spec.range.1 + slack;
                self.expect(inside, "signal", || {
                    format!("`{}` went from {low} to {high}, declared {:?}", spec.name, spec.range)
                });
            }
        }
    }
}
