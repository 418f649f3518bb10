//! Causal attention of new rows over the cached keys and values of their sequence.
//!
//! What the cache holds of a key-value head is read once for many query rows, which are computed up to eight at a time;
//! a row's result does not depend on which and how many those are, so that a candidate scored beside others gets the
//! numbers it gets alone.

use std::cell::RefCell;
use std::sync::Arc;

use pulp::{Arch, Simd, WithSimd};

use super::buffer::room;
use super::cache::{BLOCK, Block, Layout};
use super::{parallel, simd};

/// Query rows that are computed together, where there are so many: eight accumulators hide the latency of a fused multiply-add.
const TILE: usize = 8;

/// Query rows of one work item: so many that reading the cache costs little beside them.
const ITEM: usize = 32 * TILE;

/// Rows of one sequence that look back.
pub(super) struct Span<'a> {
    pub(super) blocks: &'a [Arc<Block>],
    /// Their positions, rising.
    pub(super) positions: &'a [usize],
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

struct Item<'a> {
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
    let mut items = Vec::new();
    let (mut queries, mut output) = (queries, output);
    for kv_head in 0..kv_heads {
        for span in spans {
            let all = span.positions.len() * group;
            for first in (0..all).step_by(ITEM) {
                let rows = ITEM.min(all - first);
                let (q, q_rest) = queries.split_at(rows * layout.head_width);
                let (o, o_rest) = output.split_at_mut(rows * layout.padded);
                (queries, output) = (q_rest, o_rest);
                items.push(Item { span, kv_head, first, queries: q, output: o });
            }
        }
    }
    parallel::items(items, |item| attend_item(shape, item));
}

/// A thread's memory.
#[derive(Default)]
struct Scratch {
    /// What an item sees.
    keys: Vec<f32>,
    values: Vec<f32>,
    buffers: Buffers,
}

/// What a tile needs.
#[derive(Default)]
struct Buffers {
    queries: Vec<f32>,
    weights: Vec<f32>,
    mixed: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

fn attend_item(shape: Shape, item: Item<'_>) {
    let Shape { layout, layer, group, .. } = shape;
    let position = |row: usize| item.span.positions[(item.first + row) / group];
    let seen_by = |rows: usize| (position(rows - 1) + 1).div_ceil(BLOCK);
    let rows = item.queries.len() / layout.head_width;
    let blocks = &item.span.blocks[..seen_by(rows)];
    SCRATCH.with_borrow_mut(|Scratch { keys, values, buffers }| {
        let keys = room(keys, blocks.len() * BLOCK * layout.head_width);
        let values = room(values, blocks.len() * BLOCK * layout.padded);
        let head = (layer, item.kv_head);
        Arch::new().dispatch(Read { layout, head, blocks, keys: &mut *keys, values: &mut *values });

        let tiles = item.queries.chunks(TILE * layout.head_width).zip(item.output.chunks_mut(TILE * layout.padded));
        for (at, (queries, output)) in tiles.enumerate() {
            let rows = queries.len() / layout.head_width;
            let first = at * TILE;
            let width = seen_by(first + rows) * BLOCK;
            let tile = Tile { layout, keys, values, width, queries, output, sees: &|row| position(first + row) + 1 };
            // While text is written, the only rows are those of a group.
            match rows {
                ..=2 => tile.attend::<2>(buffers),
                3..=4 => tile.attend::<4>(buffers),
                _ => tile.attend::<TILE>(buffers),
            }
        }
    });
}

/// Rows that are computed together, `TILE` of them at most.
struct Tile<'a> {
    layout: Layout,
    keys: &'a [f32],
    values: &'a [f32],
    /// Positions that the last row sees, in whole blocks.
    width: usize,
    /// `[rows][head_width]`.
    queries: &'a [f32],
    /// `[rows][padded]`.
    output: &'a mut [f32],
    /// How many positions a row sees.
    sees: &'a dyn Fn(usize) -> usize,
}

impl Tile<'_> {
    /// Attends for `ROWS` rows, of which those that are not there see nothing.
    fn attend<const ROWS: usize>(self, Buffers { queries, weights, mixed }: &mut Buffers) {
        let Tile { layout, keys, values, width, .. } = self;
        let queries = room(queries, ROWS * layout.head_width);
        queries.fill(0.0);
        for (row, query) in self.queries.chunks_exact(layout.head_width).enumerate() {
            queries.iter_mut().skip(row).step_by(ROWS).zip(query).for_each(|(out, number)| *out = *number);
        }
        let weights = room(weights, ROWS * width);
        Arch::new().dispatch(Scores::<ROWS> { layout, keys, width, queries, scores: &mut *weights });

        let rows = self.queries.len() / layout.head_width;
        let mut scales = [0f32; ROWS];
        for (row, scale) in scales.iter_mut().enumerate() {
            let line = &mut weights[row * width..(row + 1) * width];
            let seen = if row < rows { (self.sees)(row) } else { 0 };
            *scale = simd::softmax_unscaled(&mut line[..seen]);
            line[seen..].fill(0.0);
        }
        let mixed = room(mixed, ROWS * layout.padded);
        Arch::new().dispatch(Mix::<ROWS> { layout, values, width, weights, output: &mut *mixed });
        let lines = self.output.chunks_exact_mut(layout.padded).zip(mixed.chunks_exact(layout.padded));
        for ((out, mixed), scale) in lines.zip(scales) {
            for (out, mixed) in out.iter_mut().zip(mixed) {
                *out = mixed * scale;
            }
        }
    }
}

/// Keys `[blocks][head_width][BLOCK]` and values `[blocks * BLOCK][padded]` of one head, out of the cache.
struct Read<'a> {
    layout: Layout,
    head: (usize, usize),
    blocks: &'a [Arc<Block>],
    keys: &'a mut [f32],
    values: &'a mut [f32],
}

impl WithSimd for Read<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Read { layout, head, blocks, keys, values } = self;
        let keys = keys.chunks_exact_mut(layout.head_width * BLOCK);
        for (block, (keys, values)) in blocks.iter().zip(keys.zip(values.chunks_exact_mut(BLOCK * layout.padded))) {
            layout.read(block, head, keys, values);
        }
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
