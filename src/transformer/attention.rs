//! Causal attention of new rows over the cached keys and values of their sequence.
//!
//! Query rows that share a key-value head are computed eight at a time; a row's result does not depend on which
//! rows those are, so that a candidate scored beside others gets the numbers it gets alone.

use std::cell::RefCell;
use std::sync::Arc;

use pulp::{Arch, Simd, WithSimd};

use super::cache::{BLOCK, Layout};
use super::{parallel, simd};

/// Query rows of one work item: eight accumulators hide the latency of a fused multiply-add.
const TILE: usize = 8;

/// New rows of one sequence.
pub(super) struct Span<'a> {
    pub(super) blocks: &'a [Arc<Vec<f32>>],
    /// Position of the first new row.
    pub(super) start: usize,
    pub(super) rows: usize,
}

/// What the rows of a forward pass have in common.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) layout: Layout,
    pub(super) layer: usize,
    pub(super) kv_heads: usize,
    /// Query heads of one key-value head.
    pub(super) group: usize,
}

struct Tile<'a> {
    span: &'a Span<'a>,
    kv_head: usize,
    /// First query row, counted over (row, head of the group) within the span.
    first: usize,
    /// `[rows][head_width]`, scaled.
    queries: &'a [f32],
    /// `[rows][padded]`.
    output: &'a mut [f32],
}

/// Attends for all rows of all spans.
///
/// `queries` is `[kv_heads][rows * group][head_width]`, already scaled by 1 / sqrt(head_width), and `output`
/// `[kv_heads][rows * group][padded]`, the rows in the order of the spans.
pub(super) fn attend(shape: Shape, spans: &[Span<'_>], queries: &[f32], output: &mut [f32]) {
    let Shape { layout, kv_heads, group, .. } = shape;
    let mut tiles = Vec::new();
    let (mut queries, mut output) = (queries, output);
    for kv_head in 0..kv_heads {
        for span in spans {
            let all = span.rows * group;
            for first in (0..all).step_by(TILE) {
                let rows = TILE.min(all - first);
                let (q, q_rest) = queries.split_at(rows * layout.head_width);
                let (o, o_rest) = output.split_at_mut(rows * layout.padded);
                (queries, output) = (q_rest, o_rest);
                tiles.push(Tile { span, kv_head, first, queries: q, output: o });
            }
        }
    }
    parallel::items(tiles, |tile| attend_tile(shape, tile));
}

thread_local! {
    static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

fn attend_tile(shape: Shape, tile: Tile<'_>) {
    let Shape { layout, layer, group, .. } = shape;
    let rows = tile.queries.len() / layout.head_width;
    let position = |row: usize| tile.span.start + (tile.first + row) / group;
    let visible = position(rows - 1) + 1;
    let blocks = &tile.span.blocks[..visible.div_ceil(BLOCK)];
    let stride = blocks.len() * BLOCK;
    let at = At { layout, layer, kv_head: tile.kv_head, blocks, stride };
    SCRATCH.with_borrow_mut(|scratch| {
        let sizes = [layout.head_width, stride, layout.padded].map(|size| TILE * size);
        let needed = sizes.iter().sum::<usize>().max(scratch.len());
        scratch.resize(needed, 0.0);
        let (queries, rest) = scratch.split_at_mut(sizes[0]);
        let (weights, rest) = rest.split_at_mut(sizes[1]);
        let mixed = &mut rest[..sizes[2]];

        queries.fill(0.0);
        for (row, query) in tile.queries.chunks_exact(layout.head_width).enumerate() {
            queries.iter_mut().skip(row).step_by(TILE).zip(query).for_each(|(out, number)| *out = *number);
        }
        Arch::new().dispatch(Scores { at, queries, scores: weights });

        let mut scales = [0f32; TILE];
        for (row, scale) in scales.iter_mut().enumerate() {
            let line = &mut weights[row * stride..(row + 1) * stride];
            let seen = if row < rows { position(row) + 1 } else { 0 };
            *scale = simd::softmax_unscaled(&mut line[..seen]);
            line[seen..].fill(0.0);
        }
        Arch::new().dispatch(Mix { at, weights, output: mixed });
        let lines = tile.output.chunks_exact_mut(layout.padded).zip(mixed.chunks_exact(layout.padded));
        for ((out, mixed), scale) in lines.zip(scales) {
            for (out, mixed) in out.iter_mut().zip(mixed) {
                *out = mixed * scale;
            }
        }
    });
}

#[derive(Clone, Copy)]
struct At<'a> {
    layout: Layout,
    layer: usize,
    kv_head: usize,
    blocks: &'a [Arc<Vec<f32>>],
    /// Positions of one row of scores.
    stride: usize,
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

/// scores = queries keys^T, `[TILE][stride]`; `queries` is `[head_width][TILE]`.
struct Scores<'a> {
    at: At<'a>,
    queries: &'a [f32],
    scores: &'a mut [f32],
}

impl WithSimd for Scores<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let width = self.at.stride;
        by_vectors(s, width, self);
    }
}

impl Columns for Scores<'_> {
    #[inline(always)]
    fn columns<S: Simd, const N: usize>(&mut self, s: S, vector: usize) {
        let At { layout, layer, kv_head, blocks, stride } = self.at;
        let lanes = S::F32_LANES;
        let keys: [&[f32]; N] = std::array::from_fn(|at| {
            let position = (vector + at) * lanes;
            &layout.keys(&blocks[position / BLOCK], layer, kv_head)[position % BLOCK..]
        });
        let mut sums = [[s.splat_f32s(0.0); N]; TILE];
        for (depth, queries) in self.queries.as_chunks::<TILE>().0.iter().enumerate() {
            let keys = keys.map(|keys| S::as_simd_f32s(&keys[depth * BLOCK..][..lanes]).0[0]);
            for (sums, query) in sums.iter_mut().zip(queries) {
                let query = s.splat_f32s(*query);
                for (sum, key) in sums.iter_mut().zip(keys) {
                    *sum = s.mul_add_e_f32s(query, key, *sum);
                }
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            let start = row * stride + vector * lanes;
            S::as_mut_simd_f32s(&mut self.scores[start..start + N * lanes]).0.copy_from_slice(sums);
        }
    }
}

/// output = weights values, `[TILE][padded]`.
struct Mix<'a> {
    at: At<'a>,
    weights: &'a [f32],
    output: &'a mut [f32],
}

impl WithSimd for Mix<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let width = self.at.layout.padded;
        by_vectors(s, width, self);
    }
}

impl Columns for Mix<'_> {
    #[inline(always)]
    fn columns<S: Simd, const N: usize>(&mut self, s: S, vector: usize) {
        let At { layout, layer, kv_head, blocks, stride } = self.at;
        let (lanes, width) = (S::F32_LANES, layout.padded);
        let mut sums = [[s.splat_f32s(0.0); N]; TILE];
        for (index, block) in blocks.iter().enumerate() {
            let values = layout.values(block, layer, kv_head);
            let weights: [&[f32]; TILE] =
                std::array::from_fn(|row| &self.weights[row * stride + index * BLOCK..][..BLOCK]);
            for (position, values) in values.chunks_exact(width).enumerate() {
                let values = S::as_simd_f32s(&values[vector * lanes..][..N * lanes]).0;
                let values: [S::f32s; N] = std::array::from_fn(|at| values[at]);
                for (sums, weights) in sums.iter_mut().zip(&weights) {
                    let weight = s.splat_f32s(weights[position]);
                    for (sum, value) in sums.iter_mut().zip(values) {
                        *sum = s.mul_add_e_f32s(weight, value, *sum);
                    }
                }
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            let start = row * width + vector * lanes;
            S::as_mut_simd_f32s(&mut self.output[start..start + N * lanes]).0.copy_from_slice(sums);
        }
    }
}
