//! A rollout as tensors, cut into mini-batches: of single steps, or of whole env rows where the policy
//! remembers.

use carrot_sim::{Rollout, RowKey, Stream};
use tch::{Device, Tensor};

use super::gae::Successor;
use super::network::ActorCritic;
use crate::LearnError;
use crate::features::FeatureTable;
use crate::views::View;

/// A rollout as tensors.
pub(super) struct Batch<'a> {
    pub(super) features: FeatureTable<'a>,
    /// One row per step, see [`super::Ppo::sample_table`].
    pub(super) samples: View<'a>,
    pub(super) sequences: Option<Sequences>,
}

/// What a recurrent policy needs beside the steps.
pub(super) struct Sequences {
    /// Memories before the first step, `[N, H]`.
    first: Tensor,
    /// 0 where a new episode begins, else 1, `[T, N]`.
    keep: Vec<f32>,
    num_envs: usize,
}

impl Sequences {
    pub(super) fn new(rollout: &Rollout, first: Tensor) -> Self {
        let (n, cells) = (rollout.num_envs, rollout.filled * rollout.num_envs);
        // An episode that began before the first step began with a memory of zeroes already.
        let ended = |cell: usize| rollout.terminated[cell] || rollout.truncated[cell];
        let keep = (0..cells).map(|cell| if cell >= n && ended(cell - n) { 0.0 } else { 1.0 }).collect();
        Self { first, keep, num_envs: n }
    }
}

/// One mini-batch.
pub(super) struct Minibatch {
    /// Steps that are learned from.
    pub(super) cells: Tensor,
    sequence: Option<Sequence>,
}

/// All steps of some env rows.
struct Sequence {
    /// Steps, in (step, env) order.
    cells: Tensor,
    /// `[B, H]`.
    first: Tensor,
    /// `[T, B, 1]`.
    keep: Tensor,
    /// Which of the steps are learned from, where some are void.
    learned: Option<Tensor>,
}

/// The order in which a pass goes through a rollout.
pub(super) struct Order {
    /// Steps, or env rows.
    items: Vec<i64>,
}

impl Order {
    /// Void steps are in no mini-batch.
    pub(super) fn new(batch: &Batch<'_>, successors: &[Successor]) -> Self {
        let items = match &batch.sequences {
            Some(sequences) => (0..sequences.num_envs as i64).collect(),
            None => (0..successors.len())
                .filter(|&cell| successors[cell] != Successor::Fault)
                .map(|cell| cell as i64)
                .collect(),
        };
        Self { items }
    }

    /// Shuffles for a pass of an update.
    pub(super) fn shuffle(&mut self, seed: u64, epoch: usize, update: u64) {
        let key = RowKey { seed, env: epoch as u32, episode: update as u32 };
        key.rng(Stream::Learner).shuffle(&mut self.items);
    }

    /// At most `wanted` mini-batches, none of them empty.
    pub(super) fn minibatches(&self, wanted: usize) -> impl Iterator<Item = &[i64]> {
        let count = wanted.min(self.items.len());
        (0..count).map(move |i| &self.items[i * self.items.len() / count..(i + 1) * self.items.len() / count])
    }
}

impl Batch<'_> {
    /// The mini-batch of these items of an [`Order`]; `None` where all their steps are void.
    pub(super) fn minibatch(
        &self,
        items: &[i64],
        successors: &[Successor],
        device: Device,
    ) -> Result<Option<Minibatch>, LearnError> {
        let index = |items: &[i64]| View::i64(items, &[items.len() as i64])?.copied(device);
        let Some(Sequences { first, keep, num_envs }) = &self.sequences else {
            return Ok(Some(Minibatch { cells: index(items)?, sequence: None }));
        };
        let (n, steps) = (*num_envs, successors.len() / num_envs);
        let cells: Vec<i64> =
            (0..steps).flat_map(|t| items.iter().map(move |env| (t * n) as i64 + env)).collect();
        let kept: Vec<f32> = cells.iter().map(|&cell| keep[cell as usize]).collect();
        let shape = [steps as i64, items.len() as i64, 1];
        let is_void = |cell: i64| successors[cell as usize] == Successor::Fault;
        let learned: Vec<i64> = (0..cells.len() as i64).filter(|&i| !is_void(cells[i as usize])).collect();
        let sequence = Sequence {
            cells: index(&cells)?,
            first: first.f_index_select(0, &index(items)?)?,
            keep: View::f32(&kept, &shape)?.copied(device)?,
            learned: (learned.len() < cells.len()).then(|| index(&learned)).transpose()?,
        };
        let valid: Vec<i64> = learned.iter().map(|&i| cells[i as usize]).collect();
        Ok((!valid.is_empty()).then_some(Minibatch { cells: index(&valid)?, sequence: Some(sequence) }))
    }

    /// What both trunks read of a mini-batch's steps.
    pub(super) fn perceive(&self, net: &ActorCritic, minibatch: &Minibatch) -> Result<Tensor, LearnError> {
        let Some(sequence) = &minibatch.sequence else {
            return net.perceive(self.features.gather(&minibatch.cells)?, None);
        };
        let features = self.features.gather(&sequence.cells)?;
        let states = net.perceive_sequences(features, &sequence.first, &sequence.keep)?;
        Ok(match &sequence.learned {
            Some(learned) => states.f_index_select(0, learned)?,
            None => states,
        })
    }
}
