//! Products of rows with a matrix as the file stores it.
//!
//! The numbers of a strip of [`STRIP`] outputs are read into a panel that stays in the processor's cache, and all rows are
//! multiplied with it: reading costs little beside that, nothing is kept beside the file, and the numbers are those of
//! the file's weights to the rounding of f32. A row's result depends on nothing of the rows beside it, unless few rows
//! are multiplied the short way, with each output's weights as they are read.

use std::cell::RefCell;

use pulp::{Arch, Simd, WithSimd};

use super::error::Halt;
use super::matrix::Matrix;
use super::parallel;

/// Outputs of one strip: two of the largest vectors.
pub(super) const STRIP: usize = 32;

/// Rows below which sums of products are shorter than a panel.
const FEW: usize = 4;

/// How few rows are multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sums {
    /// As many rows are, to the last bit: a score is the same whatever was computed before it or beside it.
    Alike,
    /// The short way, with other last bits: for text that is being written, a row a sample.
    Short,
}

/// Inputs of one panel, a multiple of every format's block: 128 KiB.
const DEPTH: usize = 1024;

/// Numbers of a line of the cache.
const LINE: usize = 16;

thread_local! {
    static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Rows from which a strip is a task of its own: those of fewer are handed out several at a time.
const ENOUGH_ROWS: usize = 8;

/// Strips that one task takes then.
const STRIPS_A_TASK: usize = 4;

/// Multiplies `x`, `[rows][inputs]`, with each of the maps on all threads; `out` is `[strips of all maps][rows][STRIP]`.
///
/// # Errors
/// None here; an accelerator in its place has some.
pub(super) fn multiply(maps: &[Matrix], x: &[f32], rows: usize, sums: Sums, out: &mut [f32]) -> Result<(), Halt> {
    let strips: Vec<(&Matrix, usize)> =
        maps.iter().flat_map(|map| (0..map.strips()).map(move |strip| (map, strip))).collect();
    let together = if rows < ENOUGH_ROWS { STRIPS_A_TASK } else { 1 };
    parallel::chunks(out, together * rows * STRIP, |task, chunk| {
        for ((map, strip), out) in strips[task * together..].iter().zip(chunk.chunks_exact_mut(rows * STRIP)) {
            multiply_strip(map, *strip, x, sums, out);
        }
    });
    Ok(())
}

/// Multiplies `x`, `[rows][inputs]`, with one strip of the matrix; `out` is `[rows][STRIP]`.
fn multiply_strip(matrix: &Matrix, strip: usize, x: &[f32], sums: Sums, out: &mut [f32]) {
    SCRATCH.with_borrow_mut(|scratch| {
        scratch.resize(DEPTH * STRIP + LINE, 0.0);
        // A vector that lies across two lines of the cache takes twice as long to load.
        let aligned = scratch.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
        Arch::new().dispatch(Multiply { matrix, strip, x, sums, out, scratch: &mut scratch[aligned..] });
    });
}

struct Multiply<'a> {
    matrix: &'a Matrix,
    strip: usize,
    x: &'a [f32],
    sums: Sums,
    out: &'a mut [f32],
    scratch: &'a mut [f32],
}

impl WithSimd for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let inputs = self.matrix.inputs;
        if self.sums == Sums::Short && self.out.len() < FEW * STRIP {
            let rows = self.strip * STRIP..self.matrix.outputs.min((self.strip + 1) * STRIP);
            for (at, row) in rows.enumerate() {
                for (x, out) in self.x.chunks_exact(inputs).zip(self.out.chunks_exact_mut(STRIP)) {
                    out[at] = self.matrix.dot(s, row, x);
                }
            }
            return;
        }
        for from in (0..inputs).step_by(DEPTH) {
            let depth = DEPTH.min(inputs - from);
            let panel = &mut self.scratch[..depth * STRIP];
            self.matrix.read_across(self.strip, from, panel);
            let (mut x, mut out) = (self.x, &mut *self.out);
            loop {
                let rows = out.len() / STRIP;
                let taken = if S::REGISTER_COUNT >= 32 && rows >= 12 {
                    tile::<S, 12>(s, panel, &x[from..], inputs, out, from == 0)
                } else if rows >= 6 {
                    tile::<S, 6>(s, panel, &x[from..], inputs, out, from == 0)
                } else if rows >= 2 {
                    tile::<S, 2>(s, panel, &x[from..], inputs, out, from == 0)
                } else if rows == 1 {
                    tile::<S, 1>(s, panel, &x[from..], inputs, out, from == 0)
                } else {
                    break;
                };
                x = &x[taken * inputs..];
                out = &mut out[taken * STRIP..];
            }
        }
    }
}

/// Multiplies the first `ROWS` rows of `x`, which are `stride` apart, with a panel `[depth][STRIP]`, and returns `ROWS`.
#[inline(always)]
fn tile<S: Simd, const ROWS: usize>(
    s: S,
    panel: &[f32],
    x: &[f32],
    stride: usize,
    out: &mut [f32],
    first: bool,
) -> usize {
    let depth = panel.len() / STRIP;
    let x: [&[f32]; ROWS] = std::array::from_fn(|row| &x[row * stride..][..depth]);
    let lanes = S::F32_LANES;
    for column in (0..STRIP).step_by(2 * lanes) {
        let mut sums = [[s.splat_f32s(0.0); 2]; ROWS];
        if !first {
            for (sums, out) in sums.iter_mut().zip(out.chunks_exact(STRIP)) {
                let out = S::as_simd_f32s(&out[column..column + 2 * lanes]).0;
                *sums = [out[0], out[1]];
            }
        }
        for (at, weights) in panel.chunks_exact(STRIP).enumerate() {
            let weights = S::as_simd_f32s(&weights[column..column + 2 * lanes]).0;
            let weights = [weights[0], weights[1]];
            for (sums, x) in sums.iter_mut().zip(&x) {
                let x = s.splat_f32s(x[at]);
                sums[0] = s.mul_add_e_f32s(x, weights[0], sums[0]);
                sums[1] = s.mul_add_e_f32s(x, weights[1], sums[1]);
            }
        }
        for (sums, out) in sums.iter().zip(out.chunks_exact_mut(STRIP)) {
            S::as_mut_simd_f32s(&mut out[column..column + 2 * lanes]).0.copy_from_slice(sums);
        }
    }
    ROWS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn products_are_sums_of_products(
            rows in 1usize..40,
            inputs in prop_oneof![1usize..70, 1000usize..1100],
            outputs in 1usize..70,
        ) {
            // Small integers, so that every sum is exact whatever its order.
            let number = |at: usize| ((at * 7919 + 13) % 11) as f32 - 5.0;
            let weights: Vec<f32> = (0..outputs * inputs).map(number).collect();
            let x: Vec<f32> = (0..rows * inputs).map(|at| number(at * 3 + 1)).collect();
            let matrix = Matrix::of(inputs, weights.clone());
            for (strip, sums) in (0..matrix.strips()).flat_map(|strip| [(strip, Sums::Alike), (strip, Sums::Short)]) {
                let mut out = vec![f32::NAN; rows * STRIP];
                multiply_strip(&matrix, strip, &x, sums, &mut out);
                for (row, x) in x.chunks_exact(inputs).enumerate() {
                    for output in strip * STRIP..outputs.min((strip + 1) * STRIP) {
                        let weights = &weights[output * inputs..][..inputs];
                        let want: f32 = x.iter().zip(weights).map(|(a, b)| a * b).sum();
                        prop_assert_eq!(out[row * STRIP + output % STRIP], want);
                    }
                }
            }
        }
    }
}
