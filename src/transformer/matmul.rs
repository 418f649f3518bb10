//! Products of rows with a matrix as the file stores it.
//!
//! The numbers of a strip of [`STRIP`] outputs are read into a panel that stays in the processor's cache, and all rows are
//! multiplied with it: reading costs little beside that, and nothing is kept beside the file. A row's result depends on nothing
//! of the rows beside it, unless few rows are multiplied the short way, with each output's weights as they are read.
//!
//! Integers with scales (Q8_0, Q4_K, Q6_K) are multiplied as integers with rows rounded to 16 bits where the processor can
//! ([`super::vnni`]), everything else and everywhere else in f32, which is as exact as the file's weights. Only while text is
//! written, rows are rounded to 8 bits for weights of 4 and 6 ([`super::few`]).

use std::cell::RefCell;

use pulp::{Arch, Simd, WithSimd};

use super::buffer::room;
use super::error::Halt;
use super::integers::{Room, Rounded};
use super::matrix::Matrix;
use super::parallel;
use super::vnni::Vnni;

/// Outputs of one strip: two of the largest vectors.
pub(super) const STRIP: usize = 32;

/// Rows below which sums of products are shorter than a panel.
const FEW: usize = 4;

/// How few rows are multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sums {
    /// As many rows are, to the last bit: a score is the same whatever was computed before it or beside it.
    Alike,
    /// The short way, with other last bits, and with activations of 8 bits for weights of 4 and 6: for text that is being
    /// written, a row a sample.
    Short,
}

/// Inputs of one panel, a multiple of every format's block: 128 KiB.
const DEPTH: usize = 1024;

/// Numbers of a line of the cache.
const LINE: usize = 16;

thread_local! {
    /// Of the thread that gives the tasks.
    static ROUNDED: RefCell<Room> = const { RefCell::new(Room::EMPTY) };
    static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
    /// What a part makes.
    static PART: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Rows from which a strip is a task of its own: those of fewer are handed out several at a time.
const ENOUGH_ROWS: usize = 8;

/// Strips that one task takes then.
const STRIPS_A_TASK: usize = 4;

/// Strips of a part: of 512 rows as much as a thread's own cache holds.
const STRIPS_A_PART: usize = 8;

/// Multiplies `x`, `[rows][inputs]`, with each of the maps on all threads; `out` is `[strips of all maps][rows][STRIP]`.
///
/// # Errors
/// None here; an accelerator in its place has some.
pub(super) fn multiply(maps: &[Matrix], x: &[f32], rows: usize, sums: Sums, out: &mut [f32]) -> Result<(), Halt> {
    multiply_by(Vnni::find(), maps, x, rows, sums, out);
    Ok(())
}

/// Multiplies `x`, `[rows][inputs]`, with a map, [`STRIPS_A_PART`] at a time on one of all threads, whose caches hold what they
/// make: `take` gets the first output's place and `[strips][rows][STRIP]`. What it makes of that comes in the order of outputs.
///
/// # Errors
/// None here; an accelerator in its place has some.
pub(super) fn multiply_in_parts<T: Send>(
    map: &Matrix,
    x: &[f32],
    rows: usize,
    sums: Sums,
    take: impl Fn(usize, &[f32]) -> T + Sync,
) -> Result<Vec<T>, Halt> {
    let mut parts: Vec<Option<T>> = (0..map.strips().div_ceil(STRIPS_A_PART)).map(|_| None).collect();
    with_rounded(Vnni::find(), std::slice::from_ref(map), x, rows, sums, |factor| {
        parallel::chunks(&mut parts, 1, |part, out| {
            let first = part * STRIPS_A_PART;
            let strips = first..map.strips().min(first + STRIPS_A_PART);
            PART.with_borrow_mut(|buffer| {
                let values = room(buffer, strips.len() * rows * STRIP);
                for (strip, out) in strips.zip(values.chunks_exact_mut(rows * STRIP)) {
                    factor.strip(map, strip, out);
                }
                out[0] = Some(take(first * STRIP, values));
            });
        });
    });
    Ok(parts.into_iter().flatten().collect())
}

/// As [`multiply`], in integers where that can be and the instructions for it are given.
fn multiply_by(vnni: Option<Vnni>, maps: &[Matrix], x: &[f32], rows: usize, sums: Sums, out: &mut [f32]) {
    let strips: Vec<(&Matrix, usize)> =
        maps.iter().flat_map(|map| (0..map.strips()).map(move |strip| (map, strip))).collect();
    let together = if rows < ENOUGH_ROWS { STRIPS_A_TASK } else { 1 };
    with_rounded(vnni, maps, x, rows, sums, |factor| {
        parallel::chunks(out, together * rows * STRIP, |task, chunk| {
            for ((map, strip), out) in strips[task * together..].iter().zip(chunk.chunks_exact_mut(rows * STRIP)) {
                factor.strip(map, *strip, out);
            }
        });
    });
}

/// Rows that are multiplied, as they are and as products in integers take them.
#[derive(Clone, Copy)]
struct Factor<'a> {
    vnni: Option<Vnni>,
    few: bool,
    x: &'a [f32],
    rounded: Rounded<'a>,
}

impl Factor<'_> {
    /// The product with one strip of a map; `out` is `[rows][STRIP]`.
    fn strip(self, map: &Matrix, strip: usize, out: &mut [f32]) {
        match self.vnni {
            Some(vnni) if map.in_blocks() => map.multiply_rounded(vnni, strip, self.few, self.rounded, out),
            _ => multiply_strip(map, strip, self.x, self.few, out),
        }
    }
}

/// Rounds rows as products with these maps want them.
fn with_rounded(
    vnni: Option<Vnni>,
    maps: &[Matrix],
    x: &[f32],
    rows: usize,
    sums: Sums,
    work: impl FnOnce(Factor<'_>),
) {
    let few = sums == Sums::Short && rows < FEW;
    let vnni = vnni.filter(|_| maps.iter().any(Matrix::in_blocks));
    let blocks = few && maps.iter().any(Matrix::in_large_blocks);
    let spans = !few || maps.iter().any(|map| !map.in_large_blocks());
    ROUNDED.with_borrow_mut(|room| {
        let rounded = room.round(if vnni.is_some() { x } else { &[] }, spans, blocks);
        work(Factor { vnni, few, x, rounded });
    });
}

/// Multiplies `x`, `[rows][inputs]`, with one strip of the matrix in f32; `out` is `[rows][STRIP]`.
fn multiply_strip(matrix: &Matrix, strip: usize, x: &[f32], few: bool, out: &mut [f32]) {
    SCRATCH.with_borrow_mut(|scratch| {
        scratch.resize(DEPTH * STRIP + LINE, 0.0);
        // A vector that lies across two lines of the cache takes twice as long to load.
        let aligned = scratch.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
        Arch::new().dispatch(Multiply { matrix, strip, x, few, out, scratch: &mut scratch[aligned..] });
    });
}

struct Multiply<'a> {
    matrix: &'a Matrix,
    strip: usize,
    x: &'a [f32],
    few: bool,
    out: &'a mut [f32],
    scratch: &'a mut [f32],
}

impl WithSimd for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let inputs = self.matrix.inputs;
        if self.few {
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
    use std::time::Instant;

    use candle_core::quantized::{GgmlDType, QTensor};
    use candle_core::{Device, Tensor};
    use proptest::prelude::*;

    use super::*;
    use crate::integers::SPAN;

    const BLOCKS: [GgmlDType; 3] = [GgmlDType::Q8_0, GgmlDType::Q4K, GgmlDType::Q6K];

    /// A matrix in blocks and its numbers as the library reads them.
    fn in_blocks(dtype: GgmlDType, inputs: usize, outputs: usize, number: impl Fn(usize) -> f32) -> (Matrix, Vec<f32>) {
        let weights = (0..outputs * inputs).map(number).collect();
        let weights = Tensor::from_vec(weights, (outputs, inputs), &Device::Cpu).unwrap();
        let stored = QTensor::quantize(&weights, dtype).unwrap();
        let numbers = stored.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        (Matrix::stored(inputs, outputs, dtype, stored.data().unwrap().into_owned()), numbers)
    }

    /// Numbers of any size in (-1, 1), the same each time.
    fn noise(at: usize) -> f32 {
        let mixed = (at as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        ((mixed ^ mixed >> 31) % 20_001) as f32 / 10_000.5 - 1.0
    }

    /// The ways of multiplying that there are on this processor.
    fn ways() -> impl Iterator<Item = Option<Vnni>> {
        std::iter::once(None).chain(Vnni::find().into_iter().flat_map(Vnni::in_each_order).map(Some))
    }

    /// The rows of one map's product, each `outputs` long.
    fn product(vnni: Option<Vnni>, matrix: &Matrix, x: &[f32], sums: Sums) -> Vec<Vec<f32>> {
        let rows = x.len() / matrix.inputs;
        let mut out = vec![f32::NAN; rows * matrix.padded()];
        multiply_by(vnni, std::slice::from_ref(matrix), x, rows, sums, &mut out);
        let number = |row: usize, output: usize| out[(output / STRIP * rows + row) * STRIP + output % STRIP];
        (0..rows).map(|row| (0..matrix.outputs).map(|output| number(row, output)).collect()).collect()
    }

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
            for sums in [Sums::Alike, Sums::Short] {
                for (got, x) in product(Vnni::find(), &matrix, &x, sums).iter().zip(x.chunks_exact(inputs)) {
                    for (got, weights) in got.iter().zip(weights.chunks_exact(inputs)) {
                        let want: f32 = x.iter().zip(weights).map(|(a, b)| a * b).sum();
                        prop_assert_eq!(*got, want);
                    }
                }
            }
        }

        /// Off by what rounding to 16 bits may cost at most, and by what f32 may: outliers cost their own span only. Few rows
        /// with large blocks are rounded to 8 bits, block by block.
        #[test]
        fn products_of_blocks_are_as_exact_as_their_rounding(
            rows in 1usize..16,
            blocks in 1usize..6,
            outputs in 1usize..70,
            seed in 0usize..1000,
            outlier in prop_oneof![Just(1f32), Just(1e3), Just(1e30), Just(1e-25)],
        ) {
            let inputs = blocks * 256;
            let x: Vec<f32> = (0..rows * inputs)
                .map(|at| noise(at + seed) * if (at + seed) % 97 == 0 { outlier } else { 1.0 })
                .collect();
            for dtype in BLOCKS {
                let (matrix, weights) = in_blocks(dtype, inputs, outputs, |at| noise(at * 3 + seed));
                for (vnni, sums) in ways().flat_map(|vnni| [(vnni, Sums::Alike), (vnni, Sums::Short)]) {
                    let got = product(vnni, &matrix, &x, sums);
                    let short = matrix.in_large_blocks() && sums == Sums::Short && rows < FEW && vnni.is_some();
                    let (alike, steps) = if short { (256, 253.9) } else { (SPAN, 65_000.0) };
                    for (got, x) in got.iter().zip(x.chunks_exact(inputs)) {
                        for (got, weights) in got.iter().zip(weights.chunks_exact(inputs)) {
                            let (mut want, mut bound) = (0f64, 0f64);
                            for (x, weights) in x.chunks_exact(alike).zip(weights.chunks_exact(alike)) {
                                let largest = x.iter().fold(0f64, |most, x| most.max(f64::from(x.abs())));
                                for (x, weight) in x.iter().zip(weights) {
                                    want += f64::from(*x) * f64::from(*weight);
                                    bound += f64::from(weight.abs()) * (largest / steps + f64::from(x.abs()) * 1e-5);
                                }
                            }
                            prop_assert!((f64::from(*got) - want).abs() <= bound, "{dtype:?}: {got}, not {want}");
                        }
                    }
                }
            }
        }

        #[test]
        fn a_row_is_multiplied_alike_alone_and_beside_others(rows in 2usize..40, blocks in 1usize..6, seed in 0usize..1000) {
            let inputs = blocks * 256;
            let x: Vec<f32> = (0..rows * inputs).map(|at| noise(at + seed)).collect();
            for dtype in BLOCKS {
                let (matrix, _) = in_blocks(dtype, inputs, 40, |at| noise(at * 3 + seed));
                for vnni in ways() {
                    let together = product(vnni, &matrix, &x, Sums::Alike);
                    for (together, x) in together.iter().zip(x.chunks_exact(inputs)) {
                        prop_assert_eq!(together, &product(vnni, &matrix, x, Sums::Alike)[0]);
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_makes_none_and_zeros_make_zeros() {
        for (dtype, bad) in
            BLOCKS.into_iter().flat_map(|d| [f32::NAN, f32::INFINITY, f32::NEG_INFINITY].map(|b| (d, b)))
        {
            let (matrix, _) = in_blocks(dtype, 512, 40, noise);
            let mut x: Vec<f32> = (0..3 * 512).map(noise).collect();
            x[512 + 77] = bad;
            x[1024..].fill(0.0);
            for (vnni, sums) in ways().flat_map(|vnni| [(vnni, Sums::Alike), (vnni, Sums::Short)]) {
                let out = product(vnni, &matrix, &x, sums);
                assert!(out[0].iter().all(|number| number.is_finite()));
                assert!(out[1].iter().all(|number| !number.is_finite()));
                assert!(out[2].iter().all(|number| *number == 0.0));
            }
        }
    }

    /// Prints; asserts nothing, because machines differ.
    #[test]
    #[ignore = "a bench"]
    fn integers_beside_floats() {
        println!("{:24} {:>6} {:>12} {:>12} {:>6}", "rows, inputs -> outputs", "", "floats us", "integers us", "ratio");
        for (rows, inputs, outputs) in [(700, 512, 2048), (512, 1280, 512), (64, 512, 2048), (1, 1024, 6144)] {
            for dtype in BLOCKS {
                let (matrix, _) = in_blocks(dtype, inputs, outputs, noise);
                let x: Vec<f32> = (0..rows * inputs).map(noise).collect();
                let mut out = vec![0.0; rows * matrix.padded()];
                let mut best = [f64::INFINITY; 2];
                for _ in 0..100 {
                    for (best, vnni) in best.iter_mut().zip([None, Vnni::find()]) {
                        let begun = Instant::now();
                        multiply_by(vnni, std::slice::from_ref(&matrix), &x, rows, Sums::Short, &mut out);
                        *best = best.min(begun.elapsed().as_secs_f64() * 1e6);
                    }
                }
                let name = format!("{rows}, {inputs} -> {outputs}");
                let [floats, integers] = best;
                println!("{name:24} {dtype:?} {floats:12.0} {integers:12.0} {:6.2}", floats / integers);
            }
        }
    }

    /// As [`integers_beside_floats`], of a row with more weights than the caches hold: the time is that of reading them.
    #[test]
    #[ignore = "a bench"]
    fn weights_are_read_from_memory() {
        const TIMES: usize = 64;
        for (inputs, outputs) in [(1024, 3072), (3072, 1024), (1536, 8960), (4864, 896), (6144, 2048), (8960, 1536)] {
            for dtype in BLOCKS {
                let (matrix, _) = in_blocks(dtype, inputs, outputs, noise);
                let bytes = matrix.bytes().repeat(TIMES);
                let (read, matrix) = (bytes.len() as f64, Matrix::stored(inputs, outputs * TIMES, dtype, bytes));
                let x: Vec<f32> = (0..inputs).map(noise).collect();
                let mut out = vec![0.0; matrix.padded()];
                let mut best = f64::INFINITY;
                for _ in 0..20 {
                    let begun = Instant::now();
                    multiply_by(Vnni::find(), std::slice::from_ref(&matrix), &x, 1, Sums::Short, &mut out);
                    best = best.min(begun.elapsed().as_secs_f64());
                }
                println!(
                    "1, {inputs} -> {outputs} x {TIMES} {dtype:?} {:6.2} ms {:5.1} GB/s",
                    best * 1e3,
                    read / best / 1e9
                );
            }
        }
    }
}
