//! Causal attention of new rows over the cached keys and values of their sequence.
//!
//! What the cache holds of a key-value head is read once for many query rows, which are computed up to eight at a time;
//! a row's result does not depend on which and how many those are, so that a candidate scored beside others gets the
//! numbers it gets alone. Products are in integers where the processor can ([`super::attend_integers`]), in f32 everywhere else
//! ([`super::attend_floats`]).

use std::cell::RefCell;
use std::sync::Arc;

use super::attend_floats::{Floats, Read};
use super::attend_integers::Integers;
use super::buffer::room;
use super::cache::{BLOCK, Block, Held, Layout};
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

/// What one head has of the positions that rows see, some blocks of them.
pub(super) trait Seen {
    /// scores = queries keys^T, `[ROWS][width]`; `queries` is `[ROWS][padded]`, zeros behind a head's width.
    fn scores<const ROWS: usize>(&mut self, queries: &[f32], scores: &mut [f32]);

    /// output = weights values, `[ROWS][padded]`; `weights` is `[ROWS][width]`.
    fn mix<const ROWS: usize>(&mut self, weights: &[f32], output: &mut [f32]);
}

/// A thread's memory.
#[derive(Default)]
struct Scratch {
    /// What an item sees, in f32.
    read: Read,
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
    let blocks = item.span.blocks[..seen_by(rows)].iter();
    let held: Vec<Held<'_>> = blocks.map(|block| layout.held(block, (layer, item.kv_head))).collect();
    let vnni = Integers::way(layout);
    SCRATCH.with_borrow_mut(|Scratch { read, buffers }| {
        if vnni.is_none() {
            read.take(layout, &held);
        }
        let tiles = item.queries.chunks(TILE * layout.head_width).zip(item.output.chunks_mut(TILE * layout.padded));
        for (at, (queries, output)) in tiles.enumerate() {
            let rows = queries.len() / layout.head_width;
            let first = at * TILE;
            let held = &held[..seen_by(first + rows)];
            let tile =
                Tile { layout, width: held.len() * BLOCK, queries, output, sees: &|row| position(first + row) + 1 };
            match vnni {
                Some(vnni) => tile.attend_in_rows(Integers::new(vnni, held), buffers),
                None => tile.attend_in_rows(Floats::new(layout, read, held.len()), buffers),
            }
        }
    });
}

/// Rows that are computed together, `TILE` of them at most.
struct Tile<'a> {
    layout: Layout,
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
    /// Attends for so many rows as there are.
    fn attend_in_rows(self, seen: impl Seen, buffers: &mut Buffers) {
        // While text is written, the only rows are those of a group.
        match self.queries.len() / self.layout.head_width {
            ..=2 => self.attend::<2>(seen, buffers),
            3..=4 => self.attend::<4>(seen, buffers),
            _ => self.attend::<TILE>(seen, buffers),
        }
    }

    /// Attends for `ROWS` rows, of which those that are not there see nothing.
    fn attend<const ROWS: usize>(self, mut seen: impl Seen, Buffers { queries, weights, mixed }: &mut Buffers) {
        let Tile { layout, width, .. } = self;
        let queries = room(queries, ROWS * layout.padded);
        queries.fill(0.0);
        let there = self.queries.chunks_exact(layout.head_width);
        for (out, query) in queries.chunks_exact_mut(layout.padded).zip(there) {
            out[..layout.head_width].copy_from_slice(query);
        }
        let weights = room(weights, ROWS * width);
        seen.scores::<ROWS>(queries, weights);

        let rows = self.queries.len() / layout.head_width;
        let mut scales = [0f32; ROWS];
        for (row, scale) in scales.iter_mut().enumerate() {
            let line = &mut weights[row * width..(row + 1) * width];
            let seen = if row < rows { (self.sees)(row) } else { 0 };
            *scale = simd::softmax_unscaled(&mut line[..seen]);
            line[seen..].fill(0.0);
        }
        let mixed = room(mixed, ROWS * layout.padded);
        seen.mix::<ROWS>(weights, mixed);
        let lines = self.output.chunks_exact_mut(layout.padded).zip(mixed.chunks_exact(layout.padded));
        for ((out, mixed), scale) in lines.zip(scales) {
            for (out, mixed) in out.iter_mut().zip(mixed) {
                *out = mixed * scale;
            }
        }
    }
}
