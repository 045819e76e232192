//! Small dense networks on the CPU, without libtorch: a network of a few layers and a few hundred rows spends
//! nine tenths of its time in libtorch between the multiplications.
//!
//! A row's numbers do not depend on how many rows there are beside it: sums run over the inputs in order, and over
//! the rows in order. No multiplication is fused with an addition, so AVX2 gives the bits that SSE2 gives.

use std::ops::Range;

use multiversion::multiversion;

use crate::layers::Activation;
use crate::params::ParamSpec;

/// Floats of one register: all rows of a matrix are padded to whole registers with zeroes.
const LANES: usize = 8;

/// A matrix of padded rows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Matrix {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    data: Vec<f32>,
}

impl Matrix {
    pub(crate) fn zeros(rows: usize, columns: usize) -> Self {
        Self { rows, columns, data: vec![0.0; rows * padded(columns)] }
    }

    /// Copies rows of a dense buffer `[_, columns]`.
    pub(crate) fn gather(from: &[f32], columns: usize, rows: impl ExactSizeIterator<Item = usize>) -> Self {
        let mut matrix = Self::zeros(rows.len(), columns);
        for (own, row) in matrix.data.chunks_exact_mut(padded(columns).max(1)).zip(rows) {
            own[..columns].copy_from_slice(&from[row * columns..][..columns]);
        }
        matrix
    }

    /// Rows of another matrix.
    pub(crate) fn select(from: &Self, rows: impl ExactSizeIterator<Item = usize>) -> Self {
        let mut matrix = Self::zeros(rows.len(), from.columns);
        rows.enumerate().for_each(|(own, row)| matrix.row_mut(own).copy_from_slice(from.row(row)));
        matrix
    }

    /// All numbers, row by row.
    pub(crate) fn values(&self) -> Vec<f32> {
        (0..self.rows).flat_map(|row| self.row(row)).copied().collect()
    }

    pub(crate) fn row(&self, row: usize) -> &[f32] {
        &self.data[row * padded(self.columns)..][..self.columns]
    }

    pub(crate) fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.data[row * padded(self.columns)..][..self.columns]
    }
}

/// A layer's place in the flat parameters: weight `[outputs, inputs]`, then bias `[outputs]`.
#[derive(Debug, Clone)]
struct Layer {
    inputs: usize,
    outputs: usize,
    weight: Range<usize>,
    bias: Range<usize>,
}

/// A stack of layers with an activation between two.
#[derive(Debug, Clone)]
pub(crate) struct Dense {
    layers: Vec<Layer>,
    activation: Activation,
}

impl Dense {
    /// The layers whose weight and bias stand at these places of `specs`.
    pub(crate) fn new(specs: &[ParamSpec], layers: &[(usize, usize)], activation: Activation) -> Self {
        let place = |index: usize| {
            let start: usize = specs[..index].iter().map(ParamSpec::len).sum();
            start..start + specs[index].len()
        };
        let layer = |&(weight, bias): &(usize, usize)| {
            let (weight, bias) = (place(weight), place(bias));
            Layer { inputs: weight.len() / bias.len(), outputs: bias.len(), weight, bias }
        };
        Self { layers: layers.iter().map(layer).collect(), activation }
    }

    /// What each layer puts out, the last being the network's; `input` is `[B, inputs]`.
    pub(crate) fn forward(&self, params: &[f32], input: &Matrix) -> Vec<Matrix> {
        let mut outputs: Vec<Matrix> = Vec::with_capacity(self.layers.len());
        for (i, layer) in self.layers.iter().enumerate() {
            let below = outputs.last().unwrap_or(input);
            let mut own = Matrix::zeros(below.rows, layer.outputs);
            let width = padded(layer.outputs);
            for row in own.data.chunks_exact_mut(width) {
                row[..layer.outputs].copy_from_slice(&params[layer.bias.clone()]);
            }
            let transposed = transposed(&params[layer.weight.clone()], layer.inputs);
            multiply_add(&below.data, padded(layer.inputs), layer.inputs, &transposed, &mut own.data, width);
            if i + 1 < self.layers.len() {
                activate(self.activation, &mut own.data);
            }
            outputs.push(own);
        }
        outputs
    }

    /// What the last layer puts out.
    pub(crate) fn output(&self, params: &[f32], input: &Matrix) -> Matrix {
        self.forward(params, input).pop().unwrap_or_default()
    }

    /// Adds the gradient of a loss to `gradient`, in the flat layout. `slope` is the loss's derivative by the
    /// network's output; `outputs` is what [`Self::forward`] gave for `input`. Gives the derivative by the first
    /// layer's output.
    pub(crate) fn backward(
        &self,
        params: &[f32],
        input: &Matrix,
        outputs: &[Matrix],
        mut slope: Matrix,
        gradient: &mut [f32],
    ) -> Matrix {
        for (i, layer) in self.layers.iter().enumerate().rev() {
            let below = if i == 0 { input } else { &outputs[i - 1] };
            let (own, width) = (padded(layer.outputs), padded(layer.inputs));
            let bias = &mut gradient[layer.bias.clone()];
            for row in slope.data.chunks_exact(own) {
                bias.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
            }
            // Weights: slope^T below, padded as `below` is.
            let mut weights = vec![0.0; layer.outputs.next_multiple_of(ROWS) * width];
            multiply_add_transposed(&slope.data, own, slope.rows, &below.data, &mut weights, width);
            let rows = gradient[layer.weight.clone()].chunks_exact_mut(layer.inputs);
            for (row, sums) in rows.zip(weights.chunks_exact(width)) {
                row.iter_mut().zip(sums).for_each(|(sum, x)| *sum += x);
            }
            if i > 0 {
                let mut next = layer.slope_below(params, &slope);
                descend(self.activation, &below.data, &mut next.data);
                slope = next;
            }
        }
        slope
    }

    /// The loss's derivative by the network's input, from that by its first layer's output.
    pub(crate) fn slope_of_input(&self, params: &[f32], slope: &Matrix) -> Matrix {
        self.layers.first().map_or_else(Matrix::default, |layer| layer.slope_below(params, slope))
    }
}

impl Layer {
    /// A derivative by the input, from that by the output.
    fn slope_below(&self, params: &[f32], slope: &Matrix) -> Matrix {
        let mut below = Matrix::zeros(slope.rows, self.inputs);
        let weights = padded_rows(&params[self.weight.clone()], self.inputs);
        let (own, width) = (padded(self.outputs), padded(self.inputs));
        multiply_add(&slope.data, own, self.outputs, &weights, &mut below.data, width);
        below
    }
}

fn padded(columns: usize) -> usize {
    columns.next_multiple_of(LANES)
}

/// `[outputs, inputs]` as padded rows `[inputs, outputs]`.
fn transposed(weight: &[f32], inputs: usize) -> Vec<f32> {
    let outputs = weight.len() / inputs;
    let width = padded(outputs);
    let mut rows = vec![0.0; inputs * width];
    for (o, row) in weight.chunks_exact(inputs).enumerate() {
        row.iter().enumerate().for_each(|(i, x)| rows[i * width + o] = *x);
    }
    rows
}

/// `[outputs, inputs]` with its rows padded.
fn padded_rows(weight: &[f32], inputs: usize) -> Vec<f32> {
    let width = padded(inputs);
    let mut rows = vec![0.0; weight.len() / inputs * width];
    for (own, row) in rows.chunks_exact_mut(width).zip(weight.chunks_exact(inputs)) {
        own[..inputs].copy_from_slice(row);
    }
    rows
}

/// Rows of the result that are made at a time.
const ROWS: usize = 4;

/// Adds `a b` to `out`, whose rows are `width` long. The rows of `a` are `stride` long; `b` has `inner` rows.
#[multiversion(targets("x86_64+avx2"))]
fn multiply_add(a: &[f32], stride: usize, inner: usize, b: &[f32], out: &mut [f32], width: usize) {
    product::<false>(a, stride, inner, b, out, width);
}

/// Like [`multiply_add`] with the transpose of `a`, which has `inner` rows.
#[multiversion(targets("x86_64+avx2"))]
fn multiply_add_transposed(a: &[f32], stride: usize, inner: usize, b: &[f32], out: &mut [f32], width: usize) {
    product::<true>(a, stride, inner, b, out, width);
}

#[inline(always)]
fn product<const TRANSPOSED: bool>(
    a: &[f32],
    stride: usize,
    inner: usize,
    b: &[f32],
    out: &mut [f32],
    width: usize,
) {
    let rows = out.len() / width.max(1);
    let whole = rows / ROWS * ROWS;
    let wide = width / 16 * 16;
    for row in (0..whole).step_by(ROWS) {
        for column in (0..wide).step_by(16) {
            block::<ROWS, 16, TRANSPOSED>(a, stride, inner, b, out, width, row, column);
        }
        for column in (wide..width).step_by(LANES) {
            block::<ROWS, LANES, TRANSPOSED>(a, stride, inner, b, out, width, row, column);
        }
    }
    for row in whole..rows {
        for column in (0..width).step_by(LANES) {
            block::<1, LANES, TRANSPOSED>(a, stride, inner, b, out, width, row, column);
        }
    }
}

/// `M` rows and `N` columns of a product, in registers.
#[inline(always)]
fn block<const M: usize, const N: usize, const TRANSPOSED: bool>(
    a: &[f32],
    stride: usize,
    inner: usize,
    b: &[f32],
    out: &mut [f32],
    width: usize,
    row: usize,
    column: usize,
) {
    let mut sums = [[0.0_f32; N]; M];
    for (r, sums) in sums.iter_mut().enumerate() {
        sums.copy_from_slice(&out[(row + r) * width + column..][..N]);
    }
    let b = &b[..inner * width];
    let lines: [&[f32]; M] =
        std::array::from_fn(|r| if TRANSPOSED { a } else { &a[(row + r) * stride..][..inner] });
    for k in 0..inner {
        let mut line = [0.0_f32; N];
        line.copy_from_slice(&b[k * width + column..][..N]);
        let factors: [f32; M] = if TRANSPOSED {
            let at = &a[k * stride + row..][..M];
            std::array::from_fn(|r| at[r])
        } else {
            std::array::from_fn(|r| lines[r][k])
        };
        for (sums, factor) in sums.iter_mut().zip(factors) {
            for (sum, x) in sums.iter_mut().zip(line) {
                *sum += factor * x;
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        out[(row + r) * width + column..][..N].copy_from_slice(sums);
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn activate(activation: Activation, values: &mut [f32]) {
    match activation {
        Activation::Tanh => values.iter_mut().for_each(|x| *x = tanh(*x)),
        Activation::Relu => values.iter_mut().for_each(|x| *x = if *x < 0.0 { 0.0 } else { *x }),
    }
}

/// Multiplies slopes by the activation's own, which its output tells.
#[multiversion(targets("x86_64+avx2"))]
fn descend(activation: Activation, outputs: &[f32], slopes: &mut [f32]) {
    let pairs = slopes.iter_mut().zip(outputs);
    match activation {
        Activation::Tanh => pairs.for_each(|(slope, y)| *slope *= 1.0 - y * y),
        Activation::Relu => pairs.for_each(|(slope, y)| *slope = if *y > 0.0 { *slope } else { 0.0 }),
    }
}

/// The hyperbolic tangent within 4e-7, without a branch.
///
/// # Source
/// The rational approximation of Eigen's `ptanh`, odd of degree 13 over even of degree 6.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    let x = x.clamp(-7.905_311, 7.905_311);
    let s = x * x;
    let mut p = -2.760_768_5e-16;
    p = p * s + 2.000_188e-13;
    p = p * s + -8.604_672e-11;
    p = p * s + 5.122_297e-8;
    p = p * s + 1.485_722_4e-5;
    p = p * s + 6.372_619_3e-4;
    p = p * s + 4.893_524_6e-3;
    let mut q = 1.198_258_4e-6;
    q = q * s + 1.185_347_1e-4;
    q = q * s + 2.268_434_6e-3;
    q = q * s + 4.893_525e-3;
    x * p / q
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Mlp, Start};
    use crate::params::Params;
    use crate::views::read_f32;
    use carrot_sim::{RowKey, Stream};
    use tch::{Device, Tensor};

    fn draws(len: usize) -> Vec<f32> {
        let mut rng = RowKey { seed: 8, env: 0, episode: 0 }.rng(Stream::Script);
        (0..len).map(|_| rng.uniform(-1.5, 1.5)).collect()
    }

    #[test]
    fn values_and_gradients_are_those_of_libtorch() {
        for (inputs, hidden, outputs, rows, activation) in [
            (4, vec![64, 64], 2, 37, Activation::Tanh),
            (11, vec![20, 7], 3, 5, Activation::Relu),
            (3, vec![], 1, 2, Activation::Tanh),
            (17, vec![33], 20, 64, Activation::Tanh),
        ] {
            let mut specs = Vec::new();
            let widths = [hidden.as_slice(), &[outputs]].concat();
            let mlp = Mlp::new(&mut specs, "net", inputs, &widths, activation, Start::Even);
            let dense = mlp.dense(&specs);
            let params = Params::new(specs, 3, Device::Cpu).unwrap();
            let (x, slope) = (draws(rows * inputs), draws(rows * outputs));
            let tensor =
                |data: &[f32], width: usize| Tensor::from_slice(data).view([rows as i64, width as i64]);
            let theirs = mlp.forward(&params, &tensor(&x, inputs)).unwrap();
            let loss = (&theirs * tensor(&slope, outputs)).sum(None);
            let mut their_gradient = vec![0.0; params.len()];
            read_f32(&params.gradient(&loss).unwrap(), &mut their_gradient).unwrap();

            let flat = params.values().unwrap();
            let input = Matrix::gather(&x, inputs, 0..rows);
            let own = dense.forward(&flat, &input);
            for row in 0..rows {
                for (i, y) in own[own.len() - 1].row(row).iter().enumerate() {
                    let expected = theirs.double_value(&[row as i64, i as i64]);
                    assert!((f64::from(*y) - expected).abs() < 2e-6, "{y} and {expected}");
                }
            }
            let mut gradient = vec![0.0; flat.len()];
            let slope = Matrix::gather(&slope, outputs, 0..rows);
            let _ = dense.backward(&flat, &input, &own, slope, &mut gradient);
            for (own, theirs) in gradient.iter().zip(&their_gradient) {
                assert!((own - theirs).abs() < 1e-4 * (1.0 + theirs.abs()), "{own} and {theirs}");
            }
        }
    }

    #[test]
    fn a_row_has_the_same_bits_in_any_batch() {
        let mut specs = Vec::new();
        let dense = Mlp::new(&mut specs, "net", 5, &[24, 3], Activation::Tanh, Start::Even).dense(&specs);
        let flat = Params::new(specs, 3, Device::Cpu).unwrap().values().unwrap();
        let x = draws(5 * 64);
        let all = dense.forward(&flat, &Matrix::gather(&x, 5, 0..64));
        for rows in [0..1, 3..6, 10..21, 1..64] {
            let some = dense.forward(&flat, &Matrix::gather(&x, 5, rows.clone()));
            for (i, row) in rows.enumerate() {
                assert_eq!(some[1].row(i), all[1].row(row));
            }
        }
    }

    #[test]
    fn tanh_is_close_everywhere() {
        for i in -20_000..=20_000 {
            let x = i as f32 * 1e-3;
            let exact = f64::from(x).tanh();
            assert!((f64::from(tanh(x)) - exact).abs() < 4e-7, "{x}: {} and {exact}", tanh(x));
        }
        assert!(tanh(f32::NAN).is_nan(), "what is no number stays none");
    }
}
