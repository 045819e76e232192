//! Acting: what the policy sees, remembers, does, and expects.

use carrot_sim::{PartData, PartSlice, Rollout};
use tch::Tensor;

use super::gae::Successor;
use super::native::Native;
use super::network::{Head, gaussian_log_prob};
use super::{Ppo, Recurrent};
use crate::device::use_threads;
use crate::memory::ended_rows;
use crate::noise::{StepNoise, best_choice, sample_choice};
use crate::views::{floats, read_f32};
use crate::{LearnError, Learner, Memory};

/// Rows for which values are computed at a time, so that many ends need no more memory than few.
const VALUE_BLOCK: usize = 2_048;

/// Rows that one thread acts for at a time, where there is more than one thread.
const BLOCK: usize = 512;

/// What a policy makes of a batch of rows.
struct Seen {
    /// Log-probabilities of the choices, or means, `[B, outputs]`.
    outputs: Vec<f32>,
    /// `[G, B]`.
    values: Vec<f32>,
    /// What a recurrent policy remembers from here on.
    memory: Option<Tensor>,
}

impl Ppo {
    /// Forgets the steps of a rollout that will not be learned from.
    pub fn begin_rollout(&mut self) {
        self.log_probs.clear();
        self.values.iter_mut().for_each(Vec::clear);
        self.first_memory = None;
        self.last_memories.clear();
    }

    /// Acts for the next step of the rollout that [`Ppo::update`] will learn from. The sampled Gaussian
    /// action is not clipped: that is for the batch to do and to count. Noise is keyed by (seed, row,
    /// `global_step`). A deterministic action is the most likely one; it is kept for the update all the same.
    ///
    /// # Shapes
    /// `obs` holds N rows of each part, `actions` is `[N, A]`; a choice is a whole number from 0.
    ///
    /// # Errors
    /// When a buffer does not fit.
    pub fn act(
        &mut self,
        obs: &[PartSlice<'_>],
        global_step: u64,
        deterministic: bool,
        actions: &mut [f32],
    ) -> Result<(), LearnError> {
        let rows = actions.len() / self.head.action_width();
        if self.config.recurrent != Recurrent::Off {
            if self.memory.state().is_none() {
                self.memory = Learner::memory(self, rows)?;
            }
            if self.log_probs.is_empty() {
                self.first_memory = Some(self.memory.values()?);
            }
        }
        let seen = self.look(obs, rows, self.memory.state(), true)?;
        let mut log_probs = std::mem::take(&mut self.log_probs);
        let chosen = self.choose(&seen.outputs, global_step, deterministic, actions, Some(&mut log_probs));
        self.log_probs = log_probs;
        chosen?;
        for (own, new) in self.values.iter_mut().zip(seen.values.chunks_exact(rows.max(1))) {
            own.extend_from_slice(new);
        }
        if let Some(state) = seen.memory {
            self.memory.set(state);
        }
        Ok(())
    }

    /// Lets go of episodes that ended in the rollout's last step, but for what their last values need.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn after_step(&mut self, rollout: &Rollout) -> Result<(), LearnError> {
        let ended = ended_rows(rollout);
        if !ended.is_empty() {
            self.last_memories.extend(self.memory.rows(&ended)?);
        }
        self.memory.forget(rollout)
    }

    /// Acts without a trace, for evaluation.
    ///
    /// # Shapes
    /// Like [`Ppo::act`]; `memory` is of as many rows.
    ///
    /// # Errors
    /// When a buffer does not fit.
    pub fn evaluate(
        &self,
        memory: &mut Memory,
        obs: &[PartSlice<'_>],
        global_step: u64,
        explore: bool,
        actions: &mut [f32],
    ) -> Result<(), LearnError> {
        let rows = actions.len() / self.head.action_width();
        let seen = self.look(obs, rows, memory.state(), true)?;
        if let Some(state) = seen.memory {
            memory.set(state);
        }
        self.choose(&seen.outputs, global_step, !explore, actions, None)
    }

    /// What actor, unless it is not asked, and critic make of a batch of rows.
    fn look(
        &self,
        obs: &[PartSlice<'_>],
        rows: usize,
        state: Option<&Tensor>,
        ask_actor: bool,
    ) -> Result<Seen, LearnError> {
        use_threads(self.config.threads);
        self.layout.check(obs, rows)?;
        let mut vectors = Vec::new();
        self.layout.fill_vectors(obs, rows, &self.obs_norm, &mut vectors);
        if let Some(state) = state {
            LearnError::expect_len("the policy's memory", state.size()[0] as usize, rows)?;
        }
        if let Some(native) = &self.native {
            return self.look_natively(native, &vectors, state, rows);
        }
        tch::no_grad(|| {
            let params = &self.weights.params;
            let features = self.layout.table(obs, &vectors, rows, self.device)?.copied(self.device)?;
            let inputs = self.net.perceive(params, features, state)?;
            let mut outputs = vec![0.0; if ask_actor { rows * self.head.outputs() } else { 0 }];
            if ask_actor {
                read_f32(&self.net.act(params, &inputs)?, &mut outputs)?;
            }
            let mut values = vec![0.0; rows * self.gammas.len()];
            read_f32(&self.net.values(params, &inputs)?.f_transpose(0, 1)?, &mut values)?;
            Ok(Seen { outputs, values, memory: state.map(|_| inputs) })
        })
    }

    /// The same without libtorch, block by block; a row's numbers do not depend on its block.
    fn look_natively(
        &self,
        native: &Native,
        vectors: &[f32],
        state: Option<&Tensor>,
        rows: usize,
    ) -> Result<Seen, LearnError> {
        let (params, state) = (self.weights.params.floats()?, state.map(floats).transpose()?);
        let blocks = (0..rows).step_by(BLOCK).map(|start| start..(start + BLOCK).min(rows)).collect();
        let seen = self.side_by_side(blocks, |block| Ok(native.outputs(params, vectors, state, block)))?;
        let mut outputs = Vec::with_capacity(rows * self.head.outputs());
        let mut values = vec![0.0; rows * self.gammas.len()];
        let mut remembered = Vec::new();
        let mut first = 0;
        for block in seen {
            for row in 0..block.actor.rows {
                outputs.extend_from_slice(block.actor.row(row));
                for (group, value) in block.values.row(row).iter().enumerate() {
                    values[group * rows + first + row] = *value;
                }
            }
            first += block.actor.rows;
            remembered.extend(block.remembered);
        }
        let width = remembered.len() / rows.max(1);
        let memory = Memory::from_values(&remembered, width, self.device)?.into_state();
        Ok(Seen { outputs, values, memory })
    }

    /// Samples actions row by row, and appends their log-probabilities.
    fn choose(
        &self,
        outputs: &[f32],
        global_step: u64,
        deterministic: bool,
        actions: &mut [f32],
        mut log_probs: Option<&mut Vec<f32>>,
    ) -> Result<(), LearnError> {
        let width = self.head.outputs();
        let rows = actions.len() / self.head.action_width();
        LearnError::expect_len("the actions", actions.len(), rows * self.head.action_width())?;
        LearnError::expect_len("the policy's outputs", outputs.len(), rows * width)?;
        let mut log_std = vec![0.0; width];
        if let Some(own) = self.net.log_std(&self.weights.params) {
            read_f32(own, &mut log_std)?;
        }
        let std: Vec<f32> = log_std.iter().map(|&x| libm::expf(x)).collect();
        let mut draws = vec![0.0; width];
        let targets = actions.chunks_exact_mut(self.head.action_width());
        for (row, (outputs, action)) in outputs.chunks_exact(width).zip(targets).enumerate() {
            let noise = StepNoise::new(self.seed, row, global_step);
            let log_prob = match &self.head {
                Head::Discrete(choices) => {
                    if !deterministic {
                        noise.uniforms(&mut draws[..choices.len()]);
                    }
                    let (mut rest, mut log_prob) = (outputs, 0.0);
                    for ((value, &choices), &draw) in action.iter_mut().zip(choices).zip(&draws) {
                        let own;
                        (own, rest) = rest.split_at(choices);
                        let choice = if deterministic { best_choice(own) } else { sample_choice(own, draw) };
                        *value = choice as f32;
                        log_prob += own[choice];
                    }
                    log_prob
                }
                Head::Continuous(_) => {
                    if !deterministic {
                        noise.normals(&mut draws);
                    }
                    for (i, value) in action.iter_mut().enumerate() {
                        *value = outputs[i] + std[i] * draws[i];
                    }
                    gaussian_log_prob(&draws, &log_std)
                }
            };
            if let Some(log_probs) = &mut log_probs {
                log_probs.push(log_prob);
            }
        }
        Ok(())
    }

    /// Values of rows `range` of observation parts with what is remembered of them, `G x [rows]`.
    fn values_of(
        &self,
        parts: &[PartData],
        range: std::ops::Range<usize>,
        state: Option<&Tensor>,
    ) -> Result<Vec<Vec<f32>>, LearnError> {
        let mut values = vec![Vec::with_capacity(range.len()); self.gammas.len()];
        for start in range.clone().step_by(VALUE_BLOCK) {
            let rows = start..(start + VALUE_BLOCK).min(range.end);
            let obs = self.parts(parts, rows.clone());
            let (first, len) = ((start - range.start) as i64, rows.len() as i64);
            let state = state.map(|state| state.f_narrow(0, first, len)).transpose()?;
            let seen = self.look(&obs, rows.len(), state.as_ref(), false)?;
            for (own, new) in values.iter_mut().zip(seen.values.chunks_exact(rows.len())) {
                own.extend_from_slice(new);
            }
        }
        Ok(values)
    }

    /// Values of each step's true successor, `G x [T, N]`: of the final observation where an episode was cut.
    pub(super) fn next_values(
        &self,
        rollout: &Rollout,
        successors: &[Successor],
    ) -> Result<Vec<Vec<f32>>, LearnError> {
        let (n, cells) = (rollout.num_envs, rollout.filled * rollout.num_envs);
        let last = self.values_of(&rollout.obs, cells..cells + n, self.memory.state())?;
        let remembered = match self.last_memories.as_slice() {
            [] => None,
            memories => Some(Tensor::f_cat(memories, 0)?),
        };
        let finals = self.values_of(&rollout.final_obs, 0..rollout.ends.len(), remembered.as_ref())?;
        let mut next_values = Vec::with_capacity(self.gammas.len());
        for (group, own) in self.values.iter().enumerate() {
            let mut next = own.get(n..).unwrap_or(&[]).to_vec();
            next.extend_from_slice(&last[group]);
            for (end, value) in rollout.ends.iter().zip(&finals[group]) {
                let cell = end.step as usize * n + end.env as usize;
                if successors[cell] == Successor::Truncated {
                    next[cell] = *value;
                }
            }
            next_values.push(next);
        }
        Ok(next_values)
    }
}
