//! The gated recurrent unit on the CPU, without libtorch; [`crate::layers::Gru`] says what it computes.
//!
//! With reset gate `r`, update gate `u` and fresh state `n`, the next state is `n + u (h - n)`, where
//! `n = tanh(x_n + r h_n)` and `x`, `h` are linear in input and state.

use multiversion::multiversion;

use crate::dense::{Dense, Matrix, tanh};

/// A cell.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    /// `[B, inputs]` to `[B, 3 H]`: reset, update, fresh.
    pub(crate) input: Dense,
    /// `[B, H]` to `[B, 3 H]`.
    pub(crate) state: Dense,
    /// H.
    pub(crate) width: usize,
}

/// Whole sequences as the cell went through them.
pub(crate) struct Unrolled {
    /// States after each step, `[T * B, H]` in step order.
    pub(crate) states: Matrix,
    /// States before each step.
    before: Matrix,
    /// What the state says before each step, `[T * B, 3 H]`.
    said: Matrix,
    /// Reset gate, update gate and fresh state, `[T * B, 3 H]`.
    gates: Matrix,
    /// B.
    rows: usize,
}

impl Cell {
    /// One step of rows `[B, inputs]` with their states `[B, H]`.
    pub(crate) fn step(&self, params: &[f32], input: &Matrix, state: &Matrix) -> Matrix {
        let (heard, said) = (self.input.output(params, input), self.state.output(params, state));
        let mut gates = Matrix::zeros(input.rows, 3 * self.width);
        let mut next = Matrix::zeros(input.rows, self.width);
        for row in 0..input.rows {
            advance(heard.row(row), said.row(row), state.row(row), gates.row_mut(row), next.row_mut(row));
        }
        next
    }

    /// Whole sequences `[T * B, inputs]` in step order from the states `[B, H]` at their first step; `keep`,
    /// `[T * B]`, is 0 where a new episode begins.
    pub(crate) fn unroll(&self, params: &[f32], input: &Matrix, first: &Matrix, keep: &[f32]) -> Unrolled {
        let (cells, rows) = (input.rows, first.rows);
        let heard = self.input.output(params, input);
        let [mut states, mut before] = [(); 2].map(|()| Matrix::zeros(cells, self.width));
        let [mut said, mut gates] = [(); 2].map(|()| Matrix::zeros(cells, 3 * self.width));
        let mut present = first.clone();
        for start in (0..cells).step_by(rows.max(1)) {
            for row in 0..rows {
                present.row_mut(row).iter_mut().for_each(|x| *x *= keep[start + row]);
            }
            let own = self.state.output(params, &present);
            for row in 0..rows {
                let cell = start + row;
                before.row_mut(cell).copy_from_slice(present.row(row));
                said.row_mut(cell).copy_from_slice(own.row(row));
                let next = states.row_mut(cell);
                advance(heard.row(cell), own.row(row), before.row(cell), gates.row_mut(cell), next);
                present.row_mut(row).copy_from_slice(next);
            }
        }
        Unrolled { states, before, said, gates, rows }
    }

    /// Adds the gradient of a loss, by backpropagation through time, to `gradient` in the flat layout. `slope` is
    /// the loss's derivative by the states after each step; the rest is what [`Self::unroll`] had and gave.
    pub(crate) fn backward(
        &self,
        params: &[f32],
        (input, keep): (&Matrix, &[f32]),
        unrolled: &Unrolled,
        slope: &Matrix,
        gradient: &mut [f32],
    ) {
        let (cells, h) = (slope.rows, self.width);
        let rows = unrolled.rows;
        let [mut by_heard, mut by_said] = [(); 2].map(|()| Matrix::zeros(cells, 3 * h));
        // The loss's derivative by the state that a step leaves to the next one.
        let mut carried = Matrix::zeros(rows, h);
        for start in (0..cells).step_by(rows.max(1)).rev() {
            let mut by_own = Matrix::zeros(rows, 3 * h);
            for row in 0..rows {
                let cell = start + row;
                let known = (unrolled.gates.row(cell), unrolled.said.row(cell), unrolled.before.row(cell));
                let (heard, own) = (by_heard.row_mut(cell), by_own.row_mut(row));
                retreat(known, slope.row(cell), carried.row_mut(row), heard, own);
                by_said.row_mut(cell).copy_from_slice(own);
            }
            let through = self.state.slope_of_input(params, &by_own);
            for row in 0..rows {
                let kept = keep[start + row];
                let sums = carried.row_mut(row).iter_mut().zip(through.row(row));
                sums.for_each(|(sum, x)| *sum = (*sum + x) * kept);
            }
        }
        let _ = self.input.backward(params, input, &[], by_heard, gradient);
        let _ = self.state.backward(params, &unrolled.before, &[], by_said, gradient);
    }
}

/// One step of one row; leaves the gates for the way back.
#[multiversion(targets("x86_64+avx2"))]
fn advance(heard: &[f32], said: &[f32], before: &[f32], gates: &mut [f32], next: &mut [f32]) {
    let h = before.len();
    for (gate, (x, y)) in gates[..2 * h].iter_mut().zip(heard.iter().zip(said)) {
        *gate = 0.5 + 0.5 * tanh(0.5 * (x + y));
    }
    let (open, fresh) = gates.split_at_mut(2 * h);
    let (reset, update) = open.split_at(h);
    for i in 0..h {
        fresh[i] = tanh(heard[2 * h + i] + said[2 * h + i] * reset[i]);
        next[i] = (before[i] - fresh[i]) * update[i] + fresh[i];
    }
}

/// The way back through one step of one row: from the slope by its state, and by what it `carried` to the next step,
/// to the slopes by what was heard and said; `carried` becomes what the gate alone hands to the step before.
#[multiversion(targets("x86_64+avx2"))]
fn retreat(
    (gates, said, before): (&[f32], &[f32], &[f32]),
    slope: &[f32],
    carried: &mut [f32],
    by_heard: &mut [f32],
    by_said: &mut [f32],
) {
    let h = before.len();
    let (reset, rest) = gates.split_at(h);
    let (update, fresh) = rest.split_at(h);
    for i in 0..h {
        let by_next = slope[i] + carried[i];
        let by_fresh = by_next * (1.0 - update[i]) * (1.0 - fresh[i] * fresh[i]);
        let by_update = by_next * (before[i] - fresh[i]) * update[i] * (1.0 - update[i]);
        let by_reset = by_fresh * said[2 * h + i] * reset[i] * (1.0 - reset[i]);
        carried[i] = by_next * update[i];
        (by_heard[i], by_heard[h + i], by_heard[2 * h + i]) = (by_reset, by_update, by_fresh);
        (by_said[i], by_said[h + i], by_said[2 * h + i]) = (by_reset, by_update, by_fresh * reset[i]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::Gru;
    use crate::params::Params;
    use crate::views::read_f32;
    use carrot_sim::{RowKey, Stream};
    use tch::{Device, Tensor};

    #[test]
    fn sequences_and_their_gradient_are_those_of_libtorch() {
        let (steps, rows, inputs, width) = (6, 5, 7, 11);
        let cells = steps * rows;
        let mut rng = RowKey { seed: 5, env: 0, episode: 0 }.rng(Stream::Script);
        let mut draws = |len: usize| (0..len).map(|_| rng.uniform(-1.5, 1.5)).collect::<Vec<f32>>();
        let (x, first, slope) = (draws(cells * inputs), draws(rows * width), draws(cells * width));
        let keep: Vec<f32> = (0..cells).map(|cell| if cell % 7 == 3 { 0.0 } else { 1.0 }).collect();
        let mut specs = Vec::new();
        let gru = Gru::new(&mut specs, "gru", inputs, width);
        let cell = gru.dense(&specs);
        let mut params = Params::new(specs, 3, Device::Cpu).unwrap();
        let jittered: Vec<f32> =
            params.values().unwrap().iter().zip(draws(params.len())).map(|(a, b)| a + 0.3 * b).collect();
        params.set_values(&jittered).unwrap();

        let tensor = |data: &[f32], shape: &[usize]| {
            let shape: Vec<i64> = shape.iter().map(|&n| n as i64).collect();
            Tensor::from_slice(data).view(shape.as_slice())
        };
        let theirs = gru
            .unroll(
                &params,
                &tensor(&x, &[cells, inputs]),
                &tensor(&first, &[rows, width]),
                &tensor(&keep, &[steps, rows, 1]),
            )
            .unwrap();
        let loss = (&theirs * tensor(&slope, &[cells, width])).sum(None);
        let mut their_gradient = vec![0.0; params.len()];
        read_f32(&params.gradient(&loss).unwrap(), &mut their_gradient).unwrap();

        let flat = params.values().unwrap();
        let (input, first) = (Matrix::gather(&x, inputs, 0..cells), Matrix::gather(&first, width, 0..rows));
        let unrolled = cell.unroll(&flat, &input, &first, &keep);
        for row in 0..cells {
            for (i, y) in unrolled.states.row(row).iter().enumerate() {
                let expected = theirs.double_value(&[row as i64, i as i64]);
                assert!((f64::from(*y) - expected).abs() < 2e-6, "{y} and {expected}");
            }
        }
        let mut gradient = vec![0.0; flat.len()];
        let slope = Matrix::gather(&slope, width, 0..cells);
        cell.backward(&flat, (&input, &keep), &unrolled, &slope, &mut gradient);
        for (own, theirs) in gradient.iter().zip(&their_gradient) {
            assert!((own - theirs).abs() < 1e-4 * (1.0 + theirs.abs()), "{own} and {theirs}");
        }

        // Step by step, and row by row, the bits are the same.
        let mut state = first.clone();
        for t in 0..steps {
            for row in 0..rows {
                state.row_mut(row).iter_mut().for_each(|x| *x *= keep[t * rows + row]);
            }
            let here = Matrix::gather(&x, inputs, t * rows..(t + 1) * rows);
            let alone = cell.step(
                &flat,
                &Matrix::gather(&x, inputs, t * rows + 2..t * rows + 3),
                &Matrix::gather(state.row(2), width, 0..1),
            );
            state = cell.step(&flat, &here, &state);
            assert_eq!(alone.row(0), state.row(2));
            (0..rows).for_each(|row| assert_eq!(state.row(row), unrolled.states.row(t * rows + row)));
        }
    }
}
