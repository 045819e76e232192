//! What a recurrent policy remembers of each env between two steps.

use carrot_sim::Rollout;
use tch::{Device, Kind, Tensor};

use crate::LearnError;
use crate::views::{View, read_f32};

/// One row of numbers per env; nothing at all for a policy without memory.
#[derive(Debug, Default)]
pub struct Memory {
    state: Option<Tensor>,
}

impl Memory {
    /// Fresh memories of `rows` envs.
    pub(crate) fn zeros(rows: usize, width: usize, device: Device) -> Result<Self, LearnError> {
        let state = Tensor::f_zeros([rows as i64, width as i64], (Kind::Float, device))?;
        Ok(Self { state: Some(state) })
    }

    /// The numbers, `[N, H]`.
    pub(crate) fn state(&self) -> Option<&Tensor> {
        self.state.as_ref()
    }

    /// The numbers, for the one who keeps them from here on.
    pub(crate) fn into_state(self) -> Option<Tensor> {
        self.state
    }

    /// Replaces all memories.
    pub(crate) fn set(&mut self, state: Tensor) {
        self.state = Some(state);
    }

    /// Memories of the rows that an index names.
    pub(crate) fn rows(&self, rows: &[i64]) -> Result<Option<Tensor>, LearnError> {
        let Some(state) = &self.state else { return Ok(None) };
        let rows = View::i64(rows, &[rows.len() as i64])?.copied(state.device())?;
        Ok(Some(state.f_index_select(0, &rows)?))
    }

    /// Forgets the episodes that ended in the last filled step of a rollout.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn forget(&mut self, rollout: &Rollout) -> Result<(), LearnError> {
        let Some(state) = &mut self.state else { return Ok(()) };
        let ended = ended_rows(rollout);
        if !ended.is_empty() {
            let rows = View::i64(&ended, &[ended.len() as i64])?.copied(state.device())?;
            let _ = tch::no_grad(|| state.f_index_fill_(0, &rows, 0.0))?;
        }
        Ok(())
    }

    /// Memories from their numbers, row by row; none for no numbers.
    pub(crate) fn from_values(values: &[f32], width: usize, device: Device) -> Result<Self, LearnError> {
        if values.is_empty() {
            return Ok(Self::default());
        }
        let shape = [(values.len() / width) as i64, width as i64];
        Ok(Self { state: Some(View::f32(values, &shape)?.copied(device)?) })
    }

    /// All numbers, row by row.
    pub(crate) fn values(&self) -> Result<Vec<f32>, LearnError> {
        let Some(state) = &self.state else { return Ok(Vec::new()) };
        let mut values = vec![0.0; state.numel()];
        read_f32(state, &mut values)?;
        Ok(values)
    }
}

/// Rows whose episode ended in the last filled step, ascending.
pub(crate) fn ended_rows(rollout: &Rollout) -> Vec<i64> {
    let Some(t) = rollout.filled.checked_sub(1) else { return Vec::new() };
    let cells = t * rollout.num_envs..(t + 1) * rollout.num_envs;
    let ends = rollout.terminated[cells.clone()].iter().zip(&rollout.truncated[cells]);
    ends.enumerate().filter(|(_, (a, b))| **a || **b).map(|(row, _)| row as i64).collect()
}
