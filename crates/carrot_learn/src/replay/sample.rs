//! Drawing transitions of several steps.

use carrot_sim::{CAUSE_FAULT, KeyedRng, PartData, PartSlice};

use super::{Cell, Replay, State, extend};

/// Drawn transitions.
///
/// # Shapes
/// B rows; each observation part `[B, size]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sample {
    /// Observations that were acted on.
    pub obs: Vec<PartData>,
    /// Observations that the last of the steps led to.
    pub next_obs: Vec<PartData>,
    /// Actions of the first step, `[B, A]`.
    pub actions: Vec<f32>,
    /// Discounted rewards of the steps, `[B]`.
    pub rewards: Vec<f32>,
    /// What the value of `next_obs` counts for, `[B]`: 0 where the episode terminated.
    pub discounts: Vec<f32>,
    pub(super) cells: Vec<Cell>,
}

impl Sample {
    /// Observation parts as a policy reads them.
    pub(crate) fn slices(parts: &[PartData]) -> Vec<PartSlice<'_>> {
        parts.iter().map(|part| part.slice(0..part.f32().len().max(part.u8().len()))).collect()
    }
}

impl Replay {
    /// Draws `batch` transitions, each over up to `n_steps` steps: fewer where an episode ends before, or the
    /// buffer does. A void step is never drawn, and the steps before one end at the state it was taken in. `None` where nothing can be
    /// drawn.
    ///
    /// # Source
    /// Sutton, "Learning to predict by the methods of temporal differences" (1988), as the multi-step targets of
    /// Hessel et al., "Rainbow" (2018), equation 1 of section 3; truncated episodes bootstrap from their final
    /// observation.
    pub fn sample(&self, rng: &mut KeyedRng, batch: usize, n_steps: usize, gamma: f32) -> Option<Sample> {
        let empty = || -> Vec<PartData> {
            self.layout.observation.iter().map(|part| PartData::new(part, 0)).collect()
        };
        let mut sample = Sample { obs: empty(), next_obs: empty(), ..Sample::default() };
        let width = self.layout.action_width;
        for _ in 0..batch {
            let cell = self.draw(rng)?;
            let index = self.index(cell);
            let (next, reward, discount) = self.walk(cell, n_steps, gamma);
            for (part, size) in self.part_sizes().enumerate() {
                for (own, state) in
                    [(&mut sample.obs[part], State::At(cell)), (&mut sample.next_obs[part], next)]
                {
                    let (from, at) = self.obs_of(state, part);
                    extend(own, from, at * size..(at + 1) * size);
                }
            }
            sample.actions.extend_from_slice(&self.actions[index * width..][..width]);
            sample.rewards.push(reward);
            sample.discounts.push(discount);
            sample.cells.push(cell);
        }
        Some(sample)
    }

    pub(super) fn part_sizes(&self) -> impl Iterator<Item = usize> {
        self.layout.observation.iter().map(carrot_sim::ObsPart::size)
    }

    pub(super) fn is_void(&self, cell: Cell) -> bool {
        self.cause[self.index(cell)] == CAUSE_FAULT
    }

    /// A step that is not void: the drawn one, or the next that is not.
    fn draw(&self, rng: &mut KeyedRng) -> Option<Cell> {
        if self.is_empty() {
            return None;
        }
        let (n, len) = (self.layout.num_envs, self.len());
        let drawn = rng.below(len as u32) as usize;
        let cell = |i: usize| Cell { position: self.position(i % len / n), env: i % len % n };
        (drawn..drawn + len).map(cell).find(|&cell| !self.is_void(cell))
    }

    /// Follows up to `n_steps` steps: where they lead, what they pay, and what the state there counts for.
    fn walk(&self, first: Cell, n_steps: usize, gamma: f32) -> (State, f32, f32) {
        let newest = self.position(self.filled - 1);
        let (mut cell, mut reward, mut discount) = (first, 0.0_f32, 1.0_f32);
        for step in 1.. {
            let index = self.index(cell);
            reward += discount * self.rewards[index];
            discount *= gamma;
            if self.terminated[index] {
                return (self.successor(cell), reward, 0.0);
            }
            let is_last = self.truncated[index] || cell.position == newest || step >= n_steps;
            if is_last || self.is_void(self.after(cell)) {
                break;
            }
            cell = self.after(cell);
        }
        (self.successor(cell), reward, discount)
    }
}
