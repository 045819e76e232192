//! The policy of plain vectors on the CPU, with or without a memory, without libtorch: acting, and the gradient of a
//! mini-batch by hand.
//!
//! For a step with ratio r, advantage A and log-probability l of its action, the clipped loss falls by `-A r` per
//! unit of l where it is not clipped, and by nothing where it is; a test holds all of it against autograd.

use std::ops::Range;

use super::minibatch::Cells;
use super::network::{Head, LOG_TAU};
use super::{METRICS, PpoConfig};
use crate::cell::Cell;
use crate::dense::{Dense, Matrix};

/// Actor and critic, and the memory that both read.
#[derive(Debug, Clone)]
pub(super) struct Native {
    pub(super) memory: Option<Cell>,
    pub(super) actor: Dense,
    pub(super) critic: Dense,
    /// Where the logarithmic deviations stand in the flat parameters.
    pub(super) log_std: Option<Range<usize>>,
    pub(super) head: Head,
    pub(super) inputs: usize,
}

/// A rollout's steps in plain buffers.
#[derive(Clone, Copy)]
pub(super) struct Steps<'a> {
    /// `[T N, inputs]`.
    pub(super) vectors: &'a [f32],
    /// Rows of [`super::Ppo::sample_table`].
    pub(super) samples: &'a [f32],
    pub(super) groups: usize,
}

/// What the policy makes of rows of observations.
pub(super) struct Outputs {
    /// Log-probabilities of the choices, or means, `[B, outputs]`.
    pub(super) actor: Matrix,
    /// `[B, G]`.
    pub(super) values: Matrix,
    /// What a memory holds from here on, `[B, H]`.
    pub(super) remembered: Vec<f32>,
}

/// What an action says about the policy that took it.
struct Judgement {
    log_prob: f32,
    entropy: f32,
}

impl Native {
    /// What the policy makes of rows of observations and, if it has a memory, of their states `[N, H]`.
    pub(super) fn outputs(
        &self,
        params: &[f32],
        vectors: &[f32],
        states: Option<&[f32]>,
        rows: Range<usize>,
    ) -> Outputs {
        let mut input = Matrix::gather(vectors, self.inputs, rows.clone());
        let mut remembered = Vec::new();
        if let (Some(cell), Some(states)) = (&self.memory, states) {
            input = cell.step(params, &input, &Matrix::gather(states, cell.width, rows));
            remembered = input.values();
        }
        let mut actor = self.actor.output(params, &input);
        if let Head::Discrete(choices) = &self.head {
            (0..actor.rows).for_each(|row| each(choices, actor.row_mut(row), normalise));
        }
        Outputs { actor, values: self.critic.output(params, &input), remembered }
    }

    /// What a share of a mini-batch adds to its gradient and metrics, see [`super::loss::pull`]; `scale` is one over
    /// the rows of the whole mini-batch.
    pub(super) fn pull(
        &self,
        params: &[f32],
        config: &PpoConfig,
        (mean, deviation): (f64, f64),
        steps: &Steps<'_>,
        batch: &Cells,
        scale: f64,
    ) -> (Vec<f32>, [f64; METRICS]) {
        let (groups, actions) = (steps.groups, self.head.action_width());
        let width = 2 + 2 * groups + actions;
        let Cells { all, sequence, learned } = batch;
        let seen = Matrix::gather(steps.vectors, self.inputs, all.iter().map(|&cell| cell as usize));
        let unrolled = self.memory.as_ref().zip(sequence.as_ref()).map(|(cell, sequence)| {
            let first = Matrix::gather(&sequence.first, cell.width, 0..sequence.rows);
            cell.unroll(params, &seen, &first, &sequence.keep)
        });
        let read = unrolled.as_ref().map_or(&seen, |unrolled| &unrolled.states);
        let selected;
        let input = if learned.len() == all.len() {
            read
        } else {
            selected = Matrix::select(read, learned.iter().map(|&i| i as usize));
            &selected
        };
        let (actor, critic) = (self.actor.forward(params, input), self.critic.forward(params, input));
        let mut policy_slope = Matrix::zeros(learned.len(), self.head.outputs());
        let mut value_slope = Matrix::zeros(learned.len(), groups);
        let log_std = self.log_std.as_ref().map_or(&[][..], |place| &params[place.clone()]);
        let mut deviation_slope = vec![0.0_f32; log_std.len()];
        let mut sums = [0.0_f64; METRICS];
        let share = scale as f32;
        for (row, cell) in batch.learned_cells().enumerate() {
            let (scalars, action) = steps.samples[cell as usize * width..][..width].split_at(2 + 2 * groups);
            let mut advantage = scalars[0];
            if config.norm_adv && !deviation.is_nan() {
                advantage = ((f64::from(advantage) - mean) / (deviation + 1e-8)) as f32;
            }

            // Policy loss and its slope.
            let (outputs, slope) = (actor[actor.len() - 1].row(row), policy_slope.row_mut(row));
            let judgement = self.judge(outputs, log_std, action, slope);
            let log_ratio = judgement.log_prob - scalars[1];
            let ratio = libm::expf(log_ratio);
            let clip = config.clip_coef as f32;
            let (plain, clipped) = (-advantage * ratio, -advantage * ratio.clamp(1.0 - clip, 1.0 + clip));
            let pull = if plain < clipped { 0.0 } else { plain } * share;
            let bonus = config.ent_coef as f32 * share;
            self.slope(outputs, log_std, action, (pull, bonus), slope, &mut deviation_slope);

            // Value loss and its slope.
            let (returns, old) = (&scalars[2..2 + groups], &scalars[2 + groups..]);
            let (values, slope) = (critic[critic.len() - 1].row(row), value_slope.row_mut(row));
            let mut value_loss = 0.0;
            for group in 0..groups {
                let error = values[group] - returns[group];
                let (mut square, mut pull) = (error * error, error);
                if config.clip_vloss {
                    let moved = old[group] + (values[group] - old[group]).clamp(-clip, clip) - returns[group];
                    if moved * moved > square {
                        (square, pull) = (moved * moved, 0.0);
                    }
                }
                value_loss += 0.5 * f64::from(square);
                slope[group] = config.vf_coef as f32 * pull * share;
            }

            let policy_loss = f64::from(if plain < clipped { clipped } else { plain });
            let entropy = f64::from(judgement.entropy);
            let drift = ratio - 1.0;
            let loss = policy_loss - config.ent_coef * entropy + config.vf_coef * value_loss;
            let was_clipped = f64::from(u8::from(drift.abs() > clip));
            let all =
                [loss, policy_loss, value_loss, entropy, f64::from(drift - log_ratio), was_clipped, 0.0];
            sums.iter_mut().zip(all).for_each(|(sum, x)| *sum += x * scale);
        }
        let mut gradient = vec![0.0; params.len()];
        let policy_slope = self.actor.backward(params, input, &actor, policy_slope, &mut gradient);
        let value_slope = self.critic.backward(params, input, &critic, value_slope, &mut gradient);
        if let (Some(cell), Some(unrolled), Some(sequence)) = (&self.memory, &unrolled, sequence) {
            let by_actor = self.actor.slope_of_input(params, &policy_slope);
            let by_critic = self.critic.slope_of_input(params, &value_slope);
            let mut slope = Matrix::zeros(all.len(), cell.width);
            for (row, &i) in learned.iter().enumerate() {
                let sums = slope.row_mut(i as usize).iter_mut();
                let both = by_actor.row(row).iter().zip(by_critic.row(row));
                sums.zip(both).for_each(|(sum, (a, b))| *sum = a + b);
            }
            cell.backward(params, (&seen, &sequence.keep), unrolled, &slope, &mut gradient);
        }
        if let Some(place) = &self.log_std {
            gradient[place.clone()].copy_from_slice(&deviation_slope);
        }
        (gradient, sums)
    }

    /// Log-probability of an action and entropy; leaves the log-probabilities of all choices in `scratch`.
    fn judge(&self, outputs: &[f32], log_std: &[f32], action: &[f32], scratch: &mut [f32]) -> Judgement {
        let mut found = Judgement { log_prob: 0.0, entropy: 0.0 };
        match &self.head {
            Head::Discrete(choices) => {
                scratch.copy_from_slice(outputs);
                let mut actions = action.iter();
                each(choices, scratch, |own| {
                    normalise(own);
                    let chosen = actions.next().map_or(0, |&action| action as usize);
                    found.log_prob += own[chosen];
                    found.entropy -= own.iter().map(|&x| libm::expf(x) * x).sum::<f32>();
                });
            }
            Head::Continuous(_) => {
                for ((mean, log_std), action) in outputs.iter().zip(log_std).zip(action) {
                    let z = (action - mean) * libm::expf(-log_std);
                    found.log_prob += -0.5 * z * z - log_std - 0.5 * LOG_TAU as f32;
                    found.entropy += log_std + 0.5 * (1.0 + LOG_TAU as f32);
                }
            }
        }
        found
    }

    /// Turns what [`Self::judge`] left into the slope of the loss by the outputs: `pull` per unit of log-probability,
    /// `-bonus` per unit of entropy.
    fn slope(
        &self,
        outputs: &[f32],
        log_std: &[f32],
        action: &[f32],
        (pull, bonus): (f32, f32),
        slope: &mut [f32],
        deviation_slope: &mut [f32],
    ) {
        match &self.head {
            Head::Discrete(choices) => {
                let mut actions = action.iter();
                each(choices, slope, |own| {
                    let chosen = actions.next().map_or(0, |&action| action as usize);
                    let entropy = -own.iter().map(|&x| libm::expf(x) * x).sum::<f32>();
                    for (choice, x) in own.iter_mut().enumerate() {
                        let probability = libm::expf(*x);
                        let hit = if choice == chosen { 1.0 } else { 0.0 };
                        *x = pull * (hit - probability) + bonus * probability * (*x + entropy);
                    }
                });
            }
            Head::Continuous(_) => {
                for (i, ((mean, log_std), action)) in outputs.iter().zip(log_std).zip(action).enumerate() {
                    let precision = libm::expf(-log_std);
                    let z = (action - mean) * precision;
                    slope[i] = pull * z * precision;
                    deviation_slope[i] += pull * (z * z - 1.0) - bonus;
                }
            }
        }
    }
}

/// Calls `work` with the numbers of each element's choices.
fn each(choices: &[usize], mut row: &mut [f32], mut work: impl FnMut(&mut [f32])) {
    for &count in choices {
        let (own, rest) = row.split_at_mut(count);
        work(own);
        row = rest;
    }
}

/// Logits to log-probabilities.
fn normalise(logits: &mut [f32]) {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|&x| libm::expf(x - highest)).sum();
    let total = highest + libm::logf(sum);
    logits.iter_mut().for_each(|x| *x -= total);
}

#[cfg(test)]
mod tests {
    use super::super::gae::Successor;
    use super::super::loss::pull;
    use super::super::minibatch::{Batch, Sequences, moments};
    use super::super::network::{ActorCritic, Shape};
    use super::super::{PpoConfig, Recurrent};
    use super::*;
    use crate::Activation;
    use crate::features::{FeatureLayout, Images};
    use crate::params::Params;
    use crate::views::{View, read_f32};
    use carrot_sim::{ObsPart, PartSlice, RowKey, Stream};
    use tch::Device;

    const CELLS: usize = 60;
    const ENVS: usize = 6;
    const GROUPS: usize = 2;

    /// Gradient and metrics of a mini-batch by autograd and by hand.
    fn both(head: Head, recurrent: Recurrent, config: &PpoConfig) -> [(Vec<f32>, [f64; METRICS]); 2] {
        let layout = FeatureLayout::new(&[ObsPart::vector("x", &[0.0; 5], &[1.0; 5])], Images::Flat).unwrap();
        let shape = Shape {
            head: head.clone(),
            groups: GROUPS,
            hidden: &[16, 12],
            activation: Activation::Tanh,
            recurrent,
            log_std_init: -0.4,
        };
        let (net, specs) = ActorCritic::new(&layout, shape);
        let native = net.native(&specs).unwrap();
        let params = Params::new(specs, 6, Device::Cpu).unwrap();
        let mut rng = RowKey { seed: 3, env: 1, episode: 0 }.rng(Stream::Script);
        let vectors: Vec<f32> = (0..CELLS * 5).map(|_| rng.uniform(-2.0, 2.0)).collect();
        // Advantage, a log-probability near the policy's own, returns and values, action.
        let mut samples = Vec::new();
        for _ in 0..CELLS {
            let own = match &head {
                Head::Discrete(choices) => -choices.iter().map(|&n| (n as f32).ln()).sum::<f32>(),
                Head::Continuous(n) => -0.9 * *n as f32,
            };
            samples.extend([rng.uniform(-1.0, 1.0), own + rng.uniform(-0.4, 0.4)]);
            samples.extend((0..2 * GROUPS).map(|_| rng.uniform(-1.0, 1.0)));
            match &head {
                Head::Discrete(choices) => {
                    samples.extend(choices.iter().map(|&n| rng.below(n as u32) as f32))
                }
                Head::Continuous(n) => samples.extend((0..*n).map(|_| rng.uniform(-1.0, 1.0))),
            }
        }
        let width = (samples.len() / CELLS) as i64;
        let advantages: Vec<f32> = samples.iter().step_by(width as usize).copied().collect();
        let obs = [PartSlice::F32(&vectors)];
        let batch = Batch {
            steps: Steps { vectors: &vectors, samples: &samples, groups: GROUPS },
            features: layout.table(&obs, &vectors, CELLS, Device::Cpu).unwrap(),
            samples: View::f32(&samples, &[CELLS as i64, width]).unwrap(),
            sequences: native.memory.as_ref().map(|cell| Sequences {
                first: (0..ENVS * cell.width).map(|_| rng.uniform(-1.0, 1.0)).collect(),
                keep: (0..CELLS).map(|i| if i % 11 == 10 { 0.0 } else { 1.0 }).collect(),
                num_envs: ENVS,
            }),
        };
        let all = if batch.sequences.is_some() { ENVS } else { CELLS };
        let items: Vec<i64> = (0..all as i64).filter(|i| i % 3 != 1).collect();
        let mut successors = [Successor::Next; CELLS];
        if batch.sequences.is_some() {
            successors[20] = Successor::Fault;
        }
        let minibatch = batch.minibatch(&items, 1, &advantages, &successors, Device::Cpu).unwrap().unwrap();
        let (gradient, metrics) =
            pull(&net, &params, config, GROUPS, minibatch.moments, &minibatch.shares[0]).unwrap();
        let mut theirs = vec![0.0; params.len()];
        read_f32(&gradient, &mut theirs).unwrap();
        let cells = batch.cells(&items, &successors);
        let moments = moments(cells.learned_cells().map(|cell| f64::from(advantages[cell as usize])));
        let scale = 1.0 / cells.learned.len() as f64;
        let own = native.pull(params.floats().unwrap(), config, moments, &batch.steps, &cells, scale);
        [(theirs, metrics), own]
    }

    #[test]
    fn gradients_and_metrics_are_those_of_autograd() {
        let heads = [Head::Discrete(vec![4]), Head::Discrete(vec![2, 3]), Head::Continuous(3)];
        let switches = [(false, false), (false, true), (true, false), (true, true)];
        for recurrent in [Recurrent::Off, Recurrent::Gru { hidden: 9 }] {
            for (head, (clip_vloss, norm_adv)) in
                heads.iter().flat_map(|head| switches.map(|switch| (head, switch)))
            {
                let config = PpoConfig { clip_vloss, norm_adv, ent_coef: 0.05, ..PpoConfig::default() };
                let [(theirs, told), (own, found)] = both(head.clone(), recurrent, &config);
                let longest = theirs.iter().map(|x| x.abs()).fold(0.0, f32::max);
                for (own, theirs) in own.iter().zip(&theirs) {
                    assert!((own - theirs).abs() < 1e-5 * (1.0 + longest), "{head:?}: {own} and {theirs}");
                }
                for (own, theirs) in found.iter().zip(told) {
                    assert!((own - theirs).abs() < 1e-5, "{head:?}: {found:?} and {told:?}");
                }
                assert!(longest > 1e-3 && found[5] > 0.1 && found[5] < 0.9, "{found:?}");
            }
        }
    }
}
