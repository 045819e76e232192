//! Takes: what an env did in a rollout, kept so that people can see again what they compare.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use carrot_learn::preference::{Pair, Segment};
use carrot_sim::{Drawing, Rollout, RowSnapshot, SimError, VecEnv};
use serde::{Deserialize, Serialize};

/// An env as a rollout began, and what it did from there: played again, it is the same to the bit.
///
/// # Shapes
/// `actions` is `[T, A]`, `width` is A.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Take {
    start: RowSnapshot,
    actions: Vec<f32>,
    width: usize,
}

impl Take {
    /// Plays it in row 0 of a batch that nothing pays, and draws s' of each step from the one at which a segment begins.
    ///
    /// # Errors
    /// When the batch is one of another task.
    pub fn play(&self, env: &mut VecEnv, segment: &Segment) -> Result<Vec<Drawing>, SimError> {
        let first = segment.place.step as usize;
        env.restore(0, &self.start)?;
        env.watch(&[0]);
        let mut drawn = Vec::new();
        for (step, action) in self.actions.chunks_exact(self.width.max(1)).enumerate() {
            env.begin_rollout();
            env.step(action)?;
            if step >= first {
                drawn.extend(env.frames().pop().map(|frame| frame.drawing));
            }
        }
        Ok(drawn)
    }
}

/// The takes of a pair: of its left segment and of its right one.
pub type PairTakes = [Option<Take>; 2];

/// Takes that segments in memory come from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Takes {
    /// Every row as the rollout under way began.
    #[serde(skip)]
    starts: Vec<RowSnapshot>,
    /// By env steps at the beginning of the rollout, and env.
    kept: BTreeMap<(u64, u32), Take>,
}

impl Takes {
    /// Looks at the batch before a rollout.
    pub(super) fn begin(&mut self, env: &VecEnv) -> Result<(), SimError> {
        self.starts = (0..env.config().num_envs).map(|row| env.snapshot(row)).collect::<Result<_, _>>()?;
        Ok(())
    }

    /// Keeps what the segments of a finished rollout come from.
    pub(super) fn keep(&mut self, segments: &[Segment], rollout: &Rollout) {
        let n = rollout.num_envs;
        let width = rollout.actions.len() / (rollout.num_steps * n).max(1);
        for Segment { place, .. } in segments {
            let env = place.env as usize;
            let Some(start) = self.starts.get(env) else { continue };
            self.kept.entry((place.env_steps, place.env)).or_insert_with(|| Take {
                start: start.clone(),
                actions: (0..rollout.filled)
                    .flat_map(|t| &rollout.actions[(t * n + env) * width..][..width])
                    .copied()
                    .collect(),
                width,
            });
        }
    }

    /// Lets go of what no segment comes from any more.
    pub(super) fn forget(&mut self, pool: &VecDeque<Segment>) {
        let used: BTreeSet<(u64, u32)> =
            pool.iter().map(|segment| (segment.place.env_steps, segment.place.env)).collect();
        self.kept.retain(|key, _| used.contains(key));
    }

    /// The takes of a pair whose segments read so many features, no longer than they need to be.
    pub(super) fn of(&self, pair: &Pair, features: usize) -> PairTakes {
        [&pair.left, &pair.right].map(|segment| {
            let mut take = self.kept.get(&(segment.place.env_steps, segment.place.env))?.clone();
            let steps = segment.place.step as usize + segment.features.len() / features.max(1);
            take.actions.truncate(steps * take.width);
            Some(take)
        })
    }
}
