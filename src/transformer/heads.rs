//! The loops of attention in integers ([`super::attend_integers`]).
//!
//! As in [`super::vnni`], the compiler makes the one step of a product and a sum as they are written here.

use std::hint::black_box;

use pulp::x86::V4;
use pulp::{NullaryFnOnce, Simd, cast, i16x32, i32x16};

use super::attend_integers::{MOST, SEGMENT, WIDEST};
use super::cache::{BLOCK, Held, Line};
use super::integers::{LARGEST, LEAST, MAGIC};
use super::vnni::Vnni;

/// Positions whose weights are rounded together.
const POSITIONS: usize = SEGMENT * BLOCK;

/// Two neighbouring whole numbers.
type Two = [i16; 2];

impl Vnni {
    /// scores = queries keys^T, `[ROWS][blocks * BLOCK]`; `queries` is `[ROWS][padded]`.
    pub(super) fn scores<const ROWS: usize>(self, blocks: &[Held<'_>], queries: &[f32], scores: &mut [f32]) {
        self.features.vectorize(Scores::<ROWS> { v4: self.v4, blocks, queries, scores });
    }

    /// output = weights values, `[ROWS][padded]`; `weights` is `[ROWS][blocks * BLOCK]`.
    pub(super) fn mix<const ROWS: usize>(self, blocks: &[Held<'_>], weights: &[f32], output: &mut [f32]) {
        self.features.vectorize(Mix::<ROWS> { v4: self.v4, blocks, weights, output });
    }
}

/// Rounds numbers, a multiple of sixteen, and returns their scale: not a number where one of them is none or infinite.
#[inline(always)]
fn round(v4: V4, x: &[f32], out: &mut [Two]) -> f32 {
    let (mut largest, mut sums) = ([0u32; 16], [0f32; 16]);
    for x in x.as_chunks::<16>().0 {
        for lane in 0..16 {
            // As integers, magnitudes compare as the numbers do, with infinity above all of them and what is no number above that.
            let magnitude = x[lane].to_bits() & 0x7FFF_FFFF;
            largest[lane] = largest[lane].max(magnitude);
            sums[lane] += f32::from_bits(magnitude);
        }
    }
    let mut most = 0;
    for magnitude in largest {
        most = magnitude.max(most);
    }
    let largest = f32::from_bits(most);
    let sum = v4.reduce_sum_f32s(cast(sums));
    let (factor, scale) = match (sum / MOST).max(largest / LARGEST) {
        _ if !largest.is_finite() => (0.0, f32::NAN),
        _ if largest < LEAST => (0.0, 0.0),
        scale => (1.0 / scale, scale),
    };
    for (x, out) in x.as_chunks::<16>().0.iter().zip(out.as_chunks_mut::<8>().0) {
        let mut whole = [0i16; 16];
        for lane in 0..16 {
            whole[lane] = (x[lane] * factor + MAGIC).to_bits() as i16;
        }
        *out = cast(whole);
    }
    scale
}

/// Adds the products of `N` lines with each row's two numbers to its sums.
#[inline(always)]
fn add_products<const ROWS: usize, const N: usize>(
    v4: V4,
    lines: [&Line; N],
    x: [Two; ROWS],
    sums: &mut [[i32x16; N]; ROWS],
) {
    for row in 0..ROWS {
        let x: i16x32 = cast(v4.splat_i32x16(cast(x[row])));
        for at in 0..N {
            let products = v4.multiply_wrapping_add_adjacent_i16x32(cast(lines[at].0), x);
            sums[row][at] = v4.wrapping_add_i32x16(sums[row][at], products);
        }
    }
}

struct Scores<'a, const ROWS: usize> {
    v4: V4,
    blocks: &'a [Held<'a>],
    queries: &'a [f32],
    scores: &'a mut [f32],
}

impl<const ROWS: usize> NullaryFnOnce for Scores<'_, ROWS> {
    type Output = ();

    #[inline(always)]
    fn call(mut self) {
        let (mut whole, mut scales) = ([[[0i16; 2]; WIDEST / 2]; ROWS], [0f32; ROWS]);
        let queries = self.queries.chunks_exact(self.queries.len() / ROWS);
        for ((query, whole), scale) in queries.zip(&mut whole).zip(&mut scales) {
            *scale = round(self.v4, query, whole);
        }
        let (twos, last) = self.blocks.as_chunks::<2>();
        for (at, blocks) in twos.iter().enumerate() {
            self.of_blocks(*blocks, at * 2, &whole, scales);
        }
        if let [block] = last {
            self.of_blocks([*block], twos.len() * 2, &whole, scales);
        }
    }
}

impl<const ROWS: usize> Scores<'_, ROWS> {
    /// Scores `N` blocks, the first of which is the `first` of all.
    #[inline(always)]
    fn of_blocks<const N: usize>(
        &mut self,
        blocks: [Held<'_>; N],
        first: usize,
        queries: &[[Two; WIDEST / 2]; ROWS],
        scales: [f32; ROWS],
    ) {
        let v4 = self.v4;
        let pairs = blocks[0].keys.len().min(WIDEST / 2);
        let keys: [&[Line]; N] = std::array::from_fn(|at| &blocks[at].keys[..pairs]);
        let queries: [&[Two]; ROWS] = std::array::from_fn(|row| &queries[row][..pairs]);
        let mut sums = [[v4.splat_i32x16(0); N]; ROWS];
        for pair in 0..pairs {
            let lines = std::array::from_fn(|at| &keys[at][pair]);
            add_products(v4, lines, std::array::from_fn(|row| queries[row][pair]), &mut sums);
        }
        let width = self.scores.len() / ROWS;
        for (row, sums) in sums.iter().enumerate() {
            for (at, (sum, block)) in sums.iter().zip(&blocks).enumerate() {
                let scale = v4.mul_f32x16(cast(*block.key_scales), v4.splat_f32x16(scales[row]));
                let out = &mut self.scores[row * width + (first + at) * BLOCK..][..BLOCK];
                V4::as_mut_simd_f32s(out).0[0] = v4.mul_f32x16(v4.convert_i32x16_to_f32x16(*sum), scale);
            }
        }
    }
}

struct Mix<'a, const ROWS: usize> {
    v4: V4,
    blocks: &'a [Held<'a>],
    weights: &'a [f32],
    output: &'a mut [f32],
}

impl<const ROWS: usize> NullaryFnOnce for Mix<'_, ROWS> {
    type Output = ();

    #[inline(always)]
    fn call(mut self) {
        let width = self.weights.len() / ROWS;
        let (mut whole, mut scales) = ([[[0i16; 2]; POSITIONS / 2]; ROWS], [0f32; ROWS]);
        self.output.fill(0.0);
        for (segment, blocks) in self.blocks.chunks(SEGMENT).enumerate() {
            for row in 0..ROWS {
                let weights = &self.weights[row * width + segment * POSITIONS..][..blocks.len() * BLOCK];
                let mut scaled = [0f32; POSITIONS];
                let lines = scaled.as_chunks_mut::<BLOCK>().0.iter_mut().zip(weights.as_chunks::<BLOCK>().0);
                for ((out, weights), block) in lines.zip(blocks) {
                    for at in 0..BLOCK {
                        out[at] = weights[at] * block.value_scales[at];
                    }
                }
                scales[row] = round(self.v4, &scaled, &mut whole[row]);
            }
            let vectors = self.output.len() / ROWS / BLOCK;
            for vector in (0..vectors - 1).step_by(2) {
                self.add::<2>(blocks, vector, &whole, scales);
            }
            if !vectors.is_multiple_of(2) {
                self.add::<1>(blocks, vectors - 1, &whole, scales);
            }
        }
    }
}

impl<const ROWS: usize> Mix<'_, ROWS> {
    /// Adds what a segment's weights make of `N` vectors of values, from this one on.
    #[inline(always)]
    fn add<const N: usize>(
        &mut self,
        blocks: &[Held<'_>],
        vector: usize,
        weights: &[[Two; POSITIONS / 2]; ROWS],
        scales: [f32; ROWS],
    ) {
        let v4 = self.v4;
        let mut sums = [[v4.splat_i32x16(0); N]; ROWS];
        // Unseen by the compiler: what it unrolls it takes apart into products and sums again.
        let pairs_of_block = black_box(BLOCK / 2);
        let padded = self.output.len() / ROWS;
        for (at, block) in blocks.iter().enumerate() {
            let weights: [&[Two]; ROWS] = std::array::from_fn(|row| &weights[row][at * BLOCK / 2..][..pairs_of_block]);
            for (pair, lines) in block.values.chunks_exact(padded / BLOCK).take(pairs_of_block).enumerate() {
                let lines = std::array::from_fn(|at| &lines[vector + at]);
                add_products(v4, lines, std::array::from_fn(|row| weights[row][pair]), &mut sums);
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            for (at, sum) in sums.iter().enumerate() {
                let out = &mut self.output[row * padded + (vector + at) * BLOCK..][..BLOCK];
                let total = &mut V4::as_mut_simd_f32s(out).0[0];
                *total = v4.mul_add_f32x16(v4.convert_i32x16_to_f32x16(*sum), v4.splat_f32x16(scales[row]), *total);
            }
        }
    }
}
