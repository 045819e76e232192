//! A rollout as tensors, cut into mini-batches: of single steps, or of whole env rows where the policy
//! remembers.

use carrot_sim::{Rollout, RowKey, Stream};
use tch::{Device, Tensor};

use super::gae::Successor;
use super::native::Steps;
use super::network::ActorCritic;
use crate::LearnError;
use crate::features::{FeatureTable, Features};
use crate::params::Params;
use crate::views::View;

/// A rollout as tensors.
pub(super) struct Batch<'a> {
    pub(super) steps: Steps<'a>,
    pub(super) features: FeatureTable<'a>,
    /// One row per step, see [`super::Ppo::sample_table`].
    pub(super) samples: View<'a>,
    pub(super) sequences: Option<Sequences>,
}

/// What a recurrent policy needs beside the steps.
pub(super) struct Sequences {
    /// Memories before the first step, `[N, H]`.
    pub(super) first: Vec<f32>,
    /// 0 where a new episode begins, else 1, `[T, N]`.
    pub(super) keep: Vec<f32>,
    pub(super) num_envs: usize,
}

impl Sequences {
    pub(super) fn new(rollout: &Rollout, first: Vec<f32>) -> Self {
        let (n, cells) = (rollout.num_envs, rollout.filled * rollout.num_envs);
        // An episode that began before the first step began with a memory of zeroes already.
        let ended = |cell: usize| rollout.terminated[cell] || rollout.truncated[cell];
        let keep = (0..cells).map(|cell| if cell >= n && ended(cell - n) { 0.0 } else { 1.0 }).collect();
        Self { first, keep, num_envs: n }
    }
}

/// A share of a mini-batch, in tensors of its own that may go to another thread.
pub(super) struct Share {
    features: Features,
    /// Rows of the samples that are learned from.
    pub(super) samples: Tensor,
    unroll: Option<Unroll>,
    /// Its part of the mini-batch, by rows.
    pub(super) weight: f64,
}

/// All steps of some env rows, for libtorch.
struct Unroll {
    /// `[B, H]`.
    first: Tensor,
    /// `[T, B, 1]`.
    keep: Tensor,
    /// Which of the steps are learned from, where some are void.
    learned: Option<Tensor>,
}

/// Which steps a mini-batch, or a share of one, consists of.
pub(super) struct Cells {
    /// All that the policy looks at, in step order where it remembers.
    pub(super) all: Vec<i64>,
    pub(super) sequence: Option<Sequence>,
    /// Those of `all` that are learned from: void ones are not.
    pub(super) learned: Vec<i64>,
}

/// What a recurrent policy needs to know of some env rows.
pub(super) struct Sequence {
    /// Memories before the first step, `[B, H]`.
    pub(super) first: Vec<f32>,
    /// 0 where a new episode begins, else 1, `[T, B]`.
    pub(super) keep: Vec<f32>,
    /// B.
    pub(super) rows: usize,
}

impl Cells {
    /// The steps that are learned from.
    pub(super) fn learned_cells(&self) -> impl Iterator<Item = i64> + Clone {
        self.learned.iter().map(|&i| self.all[i as usize])
    }
}

/// One mini-batch.
pub(super) struct Minibatch {
    pub(super) shares: Vec<Share>,
    /// Mean and standard deviation of its advantages.
    pub(super) moments: (f64, f64),
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
        shares(&self.items, wanted)
    }
}

impl Batch<'_> {
    /// The mini-batch of these items of an [`Order`], in so many shares; `None` where all its steps are void.
    pub(super) fn minibatch(
        &self,
        items: &[i64],
        shares: usize,
        advantages: &[f32],
        successors: &[Successor],
        device: Device,
    ) -> Result<Option<Minibatch>, LearnError> {
        let (mut learned, mut made) = (Vec::new(), Vec::new());
        for own in self::shares(items, shares) {
            let (share, cells) = self.share(own, successors, device)?;
            learned.extend(cells);
            made.extend(share);
        }
        let rows = learned.len() as f64;
        made.iter_mut().for_each(|share| share.weight /= rows);
        let moments = moments(learned.iter().map(|&cell| f64::from(advantages[cell as usize])));
        Ok((!made.is_empty()).then_some(Minibatch { shares: made, moments }))
    }

    /// The steps of these items of an [`Order`].
    pub(super) fn cells(&self, items: &[i64], successors: &[Successor]) -> Cells {
        let Some(Sequences { first, keep, num_envs }) = &self.sequences else {
            let learned = (0..items.len() as i64).collect();
            return Cells { all: items.to_vec(), sequence: None, learned };
        };
        let (n, steps) = (*num_envs, successors.len() / num_envs);
        let all: Vec<i64> =
            (0..steps).flat_map(|t| items.iter().map(move |env| (t * n) as i64 + env)).collect();
        let learned = (0..all.len() as i64)
            .filter(|&i| successors[all[i as usize] as usize] != Successor::Fault)
            .collect();
        let width = first.len() / n;
        let sequence = Sequence {
            first: items.iter().flat_map(|&env| &first[env as usize * width..][..width]).copied().collect(),
            keep: all.iter().map(|&cell| keep[cell as usize]).collect(),
            rows: items.len(),
        };
        Cells { all, sequence: Some(sequence), learned }
    }

    /// A share, weighing as many as it has rows, and the steps that it learns from.
    fn share(
        &self,
        items: &[i64],
        successors: &[Successor],
        device: Device,
    ) -> Result<(Option<Share>, Vec<i64>), LearnError> {
        let cells = self.cells(items, successors);
        let valid: Vec<i64> = cells.learned_cells().collect();
        if valid.is_empty() {
            return Ok((None, valid));
        }
        let index = |items: &[i64]| View::i64(items, &[items.len() as i64])?.copied(device);
        let unroll = cells.sequence.as_ref().map(|sequence| {
            let rows = sequence.rows as i64;
            let first =
                View::f32(&sequence.first, &[rows, sequence.first.len() as i64 / rows])?.copied(device)?;
            let steps = cells.all.len() as i64 / rows;
            let keep = View::f32(&sequence.keep, &[steps, rows, 1])?.copied(device)?;
            let some = cells.learned.len() < cells.all.len();
            let learned = some.then(|| index(&cells.learned)).transpose()?;
            Ok::<_, LearnError>(Unroll { first, keep, learned })
        });
        let share = Share {
            features: self.features.gather(&index(&cells.all)?)?,
            samples: self.samples.gather(&index(&valid)?)?,
            unroll: unroll.transpose()?,
            weight: valid.len() as f64,
        };
        Ok((Some(share), valid))
    }
}

impl Share {
    /// What both trunks read of its steps.
    pub(super) fn perceive(&self, net: &ActorCritic, params: &Params) -> Result<Tensor, LearnError> {
        let features = self.features.copied();
        let Some(unroll) = &self.unroll else { return net.perceive(params, features, None) };
        let states = net.perceive_sequences(params, features, &unroll.first, &unroll.keep)?;
        Ok(match &unroll.learned {
            Some(learned) => states.f_index_select(0, learned)?,
            None => states,
        })
    }
}

/// At most `wanted` shares, as even as can be and none of them empty.
pub(super) fn shares(items: &[i64], wanted: usize) -> impl Iterator<Item = &[i64]> {
    let count = wanted.min(items.len());
    (0..count).map(move |i| &items[i * items.len() / count..(i + 1) * items.len() / count])
}

/// Mean and standard deviation, as of a sample.
pub(super) fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let (count, sum) = values.clone().fold((0.0, 0.0), |(n, sum), x| (n + 1.0, sum + x));
    let mean = sum / count;
    let squares: f64 = values.map(|x| (x - mean) * (x - mean)).sum();
    (mean, (squares / (count - 1.0)).sqrt())
}
