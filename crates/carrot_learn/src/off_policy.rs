//! What DQN and SAC share: the replay buffer, its schedule, and observation statistics.

use carrot_reward::{Graph, RewardError, RewardModels};
use carrot_sim::{KeyedRng, ObsPart, Rollout, RowKey, SignalCatalog, Stream};
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::features::{FeatureLayout, Features, Images};
use crate::obs_norm::ObsNorm;
use crate::parts::{find, read_state, write_state};
use crate::replay::{Replay, ReplayLayout, Sample, sum_groups};
use crate::views::View;
use crate::{Counters, Experience, LearnError, Parts};

const STATE: &str = "state.postcard";

/// Raised when the layout of the state changes.
const VERSION: u32 = 1;

/// The episode half of the key under which mini-batches are drawn counts down from here; mini-batch orders of
/// other learners and initial weights never use these.
const DRAWS: u32 = u32::MAX - 1;

/// When to learn, and from how much.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    pub(crate) learning_starts: u64,
    pub(crate) updates_per_step: f64,
    pub(crate) norm_obs: bool,
    pub(crate) rescore: bool,
}

/// Steps in store, and how far the learning from them is.
#[derive(Debug)]
pub(crate) struct OffPolicy {
    pub(crate) layout: FeatureLayout,
    pub(crate) replay: Replay,
    pub(crate) counters: Counters,
    /// Steps of the optimisers.
    pub(crate) gradient_steps: u64,
    pub(crate) obs_norm: ObsNorm,
    schedule: Schedule,
    /// Revision under which the newest steps were scored.
    number: u32,
    seed: u64,
    device: Device,
}

/// A drawn mini-batch as tensors.
pub(crate) struct Transitions {
    pub(crate) features: Features,
    pub(crate) next_features: Features,
    /// `[B]`.
    pub(crate) rewards: Tensor,
    /// `[B]`.
    pub(crate) discounts: Tensor,
}

#[derive(Serialize, Deserialize)]
struct State {
    version: u32,
    counters: Counters,
    gradient_steps: u64,
    optimiser_steps: Vec<u64>,
    obs_norm: ObsNorm,
    number: u32,
}

impl OffPolicy {
    pub(crate) fn new(
        observation: &[ObsPart],
        action_width: usize,
        rollout: &Rollout,
        buffer_size: usize,
        keep_signals: bool,
        schedule: Schedule,
        seed: u64,
        device: Device,
    ) -> Result<Self, LearnError> {
        let layout = FeatureLayout::new(observation, Images::Convolved)?;
        let replay = Replay::new(ReplayLayout {
            num_envs: rollout.num_envs,
            // A rollout always fits.
            slots: (buffer_size / rollout.num_envs).max(rollout.num_steps),
            observation: observation.to_vec(),
            action_width,
            raw_columns: rollout.raw_columns,
            signal_columns: if keep_signals { rollout.signal_columns } else { 0 },
        })?;
        let obs_norm = ObsNorm::identity(layout.floats);
        let (counters, gradient_steps) = (Counters::default(), 0);
        Ok(Self { layout, replay, counters, gradient_steps, obs_norm, schedule, number: 0, seed, device })
    }

    /// Takes a finished rollout in.
    pub(crate) fn store(&mut self, experience: &Experience<'_>) -> Result<(), LearnError> {
        let Experience { rollout, rewards: groups, graph, revision, number } = *experience;
        let cells = rollout.filled * rollout.num_envs;
        for group in groups {
            LearnError::expect_len("the rewards of a group", group.len(), cells)?;
        }
        let mut rewards = vec![0.0; cells];
        sum_groups(groups, &mut rewards);
        if self.schedule.rescore && number != self.number {
            self.replay.rescore(graph, revision, number);
        }
        self.number = number;
        self.replay.push(rollout, &rewards, number)?;
        if self.schedule.norm_obs {
            self.obs_norm = self.obs_norm.updated(rollout);
        }
        self.counters.updates += 1;
        self.counters.steps += cells as u64;
        Ok(())
    }

    /// Asks models again about the steps in store, where these shall be worth what they would be paid today.
    pub(crate) fn refill(
        &mut self,
        graph: &Graph,
        models: &mut RewardModels,
        catalog: &SignalCatalog,
    ) -> Result<(), RewardError> {
        if self.schedule.rescore { self.replay.refill(graph, models, catalog) } else { Ok(()) }
    }

    /// Whether actions are still random, `global_step` steps of each env into the training.
    pub(crate) fn is_warming_up(&self, global_step: u64) -> bool {
        global_step * (self.replay.layout().num_envs as u64) < self.schedule.learning_starts
    }

    /// Steps of the optimisers that are due.
    pub(crate) fn due(&self) -> u64 {
        let learned_from = self.counters.steps.saturating_sub(self.schedule.learning_starts);
        let all = (learned_from as f64 * self.schedule.updates_per_step) as u64;
        all.saturating_sub(self.gradient_steps)
    }

    /// All draws of the present step of the optimisers.
    pub(crate) fn draws(&self) -> KeyedRng {
        let (low, high) = (self.gradient_steps as u32, (self.gradient_steps >> 32) as u32);
        RowKey { seed: self.seed, env: low, episode: DRAWS - high }.rng(Stream::Learner)
    }

    /// A drawn mini-batch as tensors.
    pub(crate) fn transitions(&self, sample: &Sample) -> Result<Transitions, LearnError> {
        Ok(Transitions {
            features: self.features(&Sample::slices(&sample.obs), sample.rewards.len())?,
            next_features: self.features(&Sample::slices(&sample.next_obs), sample.rewards.len())?,
            rewards: self.column(&sample.rewards)?,
            discounts: self.column(&sample.discounts)?,
        })
    }

    /// What a network reads of rows.
    pub(crate) fn features(
        &self,
        obs: &[carrot_sim::PartSlice<'_>],
        rows: usize,
    ) -> Result<Features, LearnError> {
        self.layout.check(obs, rows)?;
        let mut vectors = Vec::new();
        self.layout.fill_vectors(obs, rows, &self.obs_norm, &mut vectors);
        self.layout.table(obs, &vectors, rows, self.device)?.copied(self.device)
    }

    /// One number per row.
    pub(crate) fn column(&self, values: &[f32]) -> Result<Tensor, LearnError> {
        View::f32(values, &[values.len() as i64])?.copied(self.device)
    }

    /// Writes the buffer and the state.
    pub(crate) fn save(&self, parts: &mut Parts, optimiser_steps: Vec<u64>) -> Result<(), LearnError> {
        self.replay.save(parts)?;
        let state = State {
            version: VERSION,
            counters: self.counters,
            gradient_steps: self.gradient_steps,
            optimiser_steps,
            obs_norm: self.obs_norm.clone(),
            number: self.number,
        };
        parts.insert(STATE.into(), write_state(STATE, &state)?);
        Ok(())
    }

    /// Reads what [`Self::save`] wrote, for [`Self::restore`]; with the steps of each of `OPTIMISERS` optimisers.
    pub(crate) fn read<const OPTIMISERS: usize>(
        &self,
        parts: &Parts,
    ) -> Result<(Saved, [u64; OPTIMISERS]), LearnError> {
        let state: State = read_state(STATE, find(parts, STATE)?)?;
        if state.version != VERSION {
            let message = format!("has version {}, expected {VERSION}", state.version);
            return Err(LearnError::checkpoint(STATE, message));
        }
        let steps = state.optimiser_steps.as_slice().try_into().ok();
        let Some(steps) = steps.filter(|_| state.obs_norm.is_valid(self.layout.floats)) else {
            return Err(LearnError::checkpoint(STATE, "is of another learner or observation"));
        };
        Ok((Saved { replay: self.replay.loaded(parts)?, state }, steps))
    }

    /// Takes over what was read.
    pub(crate) fn restore(&mut self, saved: Saved) {
        let Saved { replay, state } = saved;
        self.replay = replay;
        self.counters = state.counters;
        self.gradient_steps = state.gradient_steps;
        self.obs_norm = state.obs_norm;
        self.number = state.number;
    }
}

/// What [`OffPolicy::read`] found, checked.
pub(crate) struct Saved {
    replay: Replay,
    state: State,
}

/// Means of numbers over the steps of an update.
#[derive(Debug)]
pub(crate) struct Means<const N: usize> {
    sums: [f64; N],
    count: u64,
}

impl<const N: usize> Means<N> {
    pub(crate) fn new() -> Self {
        Self { sums: [0.0; N], count: 0 }
    }

    pub(crate) fn add(&mut self, values: [f64; N]) {
        self.sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        self.count += 1;
    }

    /// The means with their tags; none where nothing was learned.
    pub(crate) fn scalars(&self, tags: [&'static str; N]) -> impl Iterator<Item = (&'static str, f64)> {
        let means = self.sums.map(|sum| sum / self.count as f64);
        tags.into_iter().zip(means).take(if self.count == 0 { 0 } else { N })
    }
}
