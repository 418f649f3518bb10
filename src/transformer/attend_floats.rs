//! Products of queries with keys and of weights with values in f32.

use pulp::{Arch, Simd, WithSimd};

use super::attention::Seen;
use super::buffer::room;
use super::cache::{BLOCK, Held, Layout};

/// Memory for what is read of a head.
#[derive(Default)]
pub(super) struct Read {
    /// `[blocks][head_width][BLOCK]`.
    keys: Vec<f32>,
    /// `[blocks * BLOCK][padded]`.
    values: Vec<f32>,
    /// `[head_width][rows]`.
    queries: Vec<f32>,
}

impl Read {
    /// Reads some blocks of a head.
    pub(super) fn take(&mut self, layout: Layout, blocks: &[Held<'_>]) {
        let keys = room(&mut self.keys, blocks.len() * BLOCK * layout.head_width);
        let values = room(&mut self.values, blocks.len() * BLOCK * layout.padded);
        Arch::new().dispatch(Take { layout, blocks, keys, values });
    }
}

struct Take<'a> {
    layout: Layout,
    blocks: &'a [Held<'a>],
    keys: &'a mut [f32],
    values: &'a mut [f32],
}

impl WithSimd for Take<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let keys = self.keys.chunks_exact_mut(self.layout.head_width * BLOCK);
        let values = self.values.chunks_exact_mut(BLOCK * self.layout.padded);
        for (block, (keys, values)) in self.blocks.iter().zip(keys.zip(values)) {
            block.read(keys, values);
        }
    }
}

/// The first of the blocks that were read.
pub(super) struct Floats<'a> {
    layout: Layout,
    keys: &'a [f32],
    values: &'a [f32],
    queries: &'a mut Vec<f32>,
    /// Positions.
    width: usize,
}

impl<'a> Floats<'a> {
    pub(super) fn new(layout: Layout, read: &'a mut Read, blocks: usize) -> Floats<'a> {
        let Read { keys, values, queries } = read;
        Floats { layout, keys, values, queries, width: blocks * BLOCK }
    }
}

impl Seen for Floats<'_> {
    fn scores<const ROWS: usize>(&mut self, queries: &[f32], scores: &mut [f32]) {
        let across = room(self.queries, ROWS * self.layout.head_width);
        for (row, query) in queries.chunks_exact(self.layout.padded).enumerate() {
            across.iter_mut().skip(row).step_by(ROWS).zip(query).for_each(|(out, number)| *out = *number);
        }
        let Floats { layout, keys, width, .. } = *self;
        Arch::new().dispatch(Scores::<ROWS> { layout, keys, width, queries: across, scores });
    }

    fn mix<const ROWS: usize>(&mut self, weights: &[f32], output: &mut [f32]) {
        let Floats { layout, values, width, .. } = *self;
        Arch::new().dispatch(Mix::<ROWS> { layout, values, width, weights, output });
    }
}

/// Results whose columns are computed some vectors at a time.
trait Columns {
    /// Computes `N` vectors of columns from the one counted `vector` on, for all rows.
    fn columns<S: Simd, const N: usize>(&mut self, s: S, vector: usize);
}

/// Computes `width` columns, whole vectors of them: two at a time where the processor has registers for two sums a row.
#[inline(always)]
fn by_vectors<S: Simd>(s: S, width: usize, mut work: impl Columns) {
    let vectors = width / S::F32_LANES;
    let mut vector = 0;
    while S::REGISTER_COUNT >= 32 && vector + 1 < vectors {
        work.columns::<S, 2>(s, vector);
        vector += 2;
    }
    while vector < vectors {
        work.columns::<S, 1>(s, vector);
        vector += 1;
    }
}

/// scores = queries keys^T, `[ROWS][width]`; `queries` is `[head_width][ROWS]`, `keys` `[width / BLOCK][head_width][BLOCK]`.
struct Scores<'a, const ROWS: usize> {
    layout: Layout,
    keys: &'a [f32],
    width: usize,
    queries: &'a [f32],
    scores: &'a mut [f32],
}

impl<const ROWS: usize> WithSimd for Scores<'_, ROWS> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        by_vectors(s, self.width, self);
    }
}

impl<const ROWS: usize> Columns for Scores<'_, ROWS> {
    #[inline(always)]
    fn columns<S: Simd, const N: usize>(&mut self, s: S, vector: usize) {
        let (lanes, block) = (S::F32_LANES, self.layout.head_width * BLOCK);
        let keys: [&[f32]; N] = std::array::from_fn(|at| {
            let position = (vector + at) * lanes;
            &self.keys[position / BLOCK * block..][..block][position % BLOCK..]
        });
        let mut sums = [[s.splat_f32s(0.0); N]; ROWS];
        for (depth, queries) in self.queries.as_chunks::<ROWS>().0.iter().enumerate() {
            let keys = keys.map(|keys| S::as_simd_f32s(&keys[depth * BLOCK..][..lanes]).0[0]);
            for (sums, query) in sums.iter_mut().zip(queries) {
                let query = s.splat_f32s(*query);
                for (sum, key) in sums.iter_mut().zip(keys) {
                    *sum = s.mul_add_e_f32s(query, key, *sum);
                }
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            let start = row * self.width + vector * lanes;
            S::as_mut_simd_f32s(&mut self.scores[start..start + N * lanes]).0.copy_from_slice(sums);
        }
    }
}

/// output = weights values, `[ROWS][padded]`; `values` is `[width][padded]`.
struct Mix<'a, const ROWS: usize> {
    layout: Layout,
    values: &'a [f32],
    width: usize,
    weights: &'a [f32],
    output: &'a mut [f32],
}

impl<const ROWS: usize> WithSimd for Mix<'_, ROWS> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        by_vectors(s, self.layout.padded, self);
    }
}

impl<const ROWS: usize> Columns for Mix<'_, ROWS> {
    #[inline(always)]
    fn columns<S: Simd, const N: usize>(&mut self, s: S, vector: usize) {
        let (lanes, padded) = (S::F32_LANES, self.layout.padded);
        let weights: [&[f32]; ROWS] = std::array::from_fn(|row| &self.weights[row * self.width..][..self.width]);
        let mut sums = [[s.splat_f32s(0.0); N]; ROWS];
        for (position, values) in self.values.chunks_exact(padded).take(self.width).enumerate() {
            let values = S::as_simd_f32s(&values[vector * lanes..][..N * lanes]).0;
            let values: [S::f32s; N] = std::array::from_fn(|at| values[at]);
            for (sums, weights) in sums.iter_mut().zip(&weights) {
                let weight = s.splat_f32s(weights[position]);
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum = s.mul_add_e_f32s(weight, value, *sum);
                }
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            let start = row * padded + vector * lanes;
            S::as_mut_simd_f32s(&mut self.output[start..start + N * lanes]).0.copy_from_slice(sums);
        }
    }
}
