//! Causal attention of new rows over the cached keys and values of their sequence.
//!
//! Query rows that share a key-value head are computed eight at a time; a row's result does not depend on which
//! rows those are, so that a candidate scored beside others gets the numbers it gets alone.

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

fn attend_tile(shape: Shape, tile: Tile<'_>) {
    let Shape { layout, layer, group, .. } = shape;
    let rows = tile.queries.len() / layout.head_width;
    let position = |row: usize| tile.span.start + (tile.first + row) / group;
    let visible = position(rows - 1) + 1;
    let blocks = &tile.span.blocks[..visible.div_ceil(BLOCK)];
    let stride = blocks.len() * BLOCK;

    let mut queries = vec![0f32; TILE * layout.head_width];
    queries[..tile.queries.len()].copy_from_slice(tile.queries);
    let mut weights = vec![0f32; TILE * stride];
    let at = At { layout, layer, kv_head: tile.kv_head, blocks, stride };
    Arch::new().dispatch(Scores { at, queries: &queries, scores: &mut weights });

    let mut scales = [0f32; TILE];
    for (row, scale) in scales.iter_mut().enumerate().take(rows) {
        let line = &mut weights[row * stride..(row + 1) * stride];
        let seen = position(row) + 1;
        *scale = simd::softmax_unscaled(&mut line[..seen]);
        line[seen..].fill(0.0);
    }
    let mut mixed = vec![0f32; TILE * layout.padded];
    Arch::new().dispatch(Mix { at, weights: &weights, output: &mut mixed });
    let lines = tile.output.chunks_exact_mut(layout.padded).zip(mixed.chunks_exact(layout.padded));
    for ((out, mixed), scale) in lines.zip(scales) {
        for (out, mixed) in out.iter_mut().zip(mixed) {
            *out = mixed * scale;
        }
    }
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

/// scores = queries keys^T, `[TILE][stride]`.
struct Scores<'a> {
    at: At<'a>,
    queries: &'a [f32],
    scores: &'a mut [f32],
}

impl WithSimd for Scores<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let At { layout, layer, kv_head, blocks, stride } = self.at;
        let width = layout.head_width;
        let lanes = S::F32_LANES;
        let query: [&[f32]; TILE] = std::array::from_fn(|row| &self.queries[row * width..(row + 1) * width]);
        for (index, block) in blocks.iter().enumerate() {
            let keys = layout.keys(block, layer, kv_head);
            for column in (0..BLOCK).step_by(lanes) {
                let mut sums = [s.splat_f32s(0.0); TILE];
                for (depth, key) in keys.chunks_exact(BLOCK).enumerate() {
                    let key = S::as_simd_f32s(&key[column..column + lanes]).0[0];
                    for (sum, query) in sums.iter_mut().zip(&query) {
                        *sum = s.mul_add_e_f32s(s.splat_f32s(query[depth]), key, *sum);
                    }
                }
                for (row, sum) in sums.into_iter().enumerate() {
                    let start = row * stride + index * BLOCK + column;
                    S::as_mut_simd_f32s(&mut self.scores[start..start + lanes]).0[0] = sum;
                }
            }
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
        let At { layout, layer, kv_head, blocks, stride } = self.at;
        let width = layout.padded;
        let lanes = S::F32_LANES;
        for column in (0..width).step_by(lanes) {
            let mut sums = [s.splat_f32s(0.0); TILE];
            for (index, block) in blocks.iter().enumerate() {
                let values = layout.values(block, layer, kv_head);
                let weight: [&[f32]; TILE] =
                    std::array::from_fn(|row| &self.weights[row * stride + index * BLOCK..][..BLOCK]);
                for (position, value) in values.chunks_exact(width).enumerate() {
                    let value = S::as_simd_f32s(&value[column..column + lanes]).0[0];
                    for (sum, weight) in sums.iter_mut().zip(&weight) {
                        *sum = s.mul_add_e_f32s(s.splat_f32s(weight[position]), value, *sum);
                    }
                }
            }
            for (row, sum) in sums.into_iter().enumerate() {
                let start = row * width + column;
                S::as_mut_simd_f32s(&mut self.output[start..start + lanes]).0[0] = sum;
            }
        }
    }
}
