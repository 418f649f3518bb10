//! Products of queries with keys and of weights with values in integers, as the cache holds keys and values: half the steps of
//! f32, and nothing is copied.
//!
//! A query is rounded to whole numbers with one scale, so large that their sum of magnitudes is [`MOST`] and each fits 16 bits;
//! weights, times the values' scales, so for each [`SEGMENT`]. Sums of their products with [`LARGEST`] fit 32 bits then. A query's
//! number is off by half a part in 2,000 of the mean of a head of 64 numbers.

use super::attention::Seen;
use super::cache::{Held, LARGEST, Layout};
use super::vnni::Vnni;

/// The most that magnitudes of rounded numbers add up to, but for what rounding adds.
pub(super) const MOST: f32 = 130_000.0;

/// Numbers that are rounded together at most, and of the widest head that is attended to so.
pub(super) const WIDEST: usize = 256;

// Rounding adds half of one to each.
const _: () = assert!((MOST as f64 + WIDEST as f64 / 2.0) * (LARGEST as f64) < i32::MAX as f64);

/// Blocks whose values' weights are rounded together.
pub(super) const SEGMENT: usize = 4;

/// Blocks of a head.
pub(super) struct Integers<'a> {
    vnni: Vnni,
    blocks: &'a [Held<'a>],
}

impl<'a> Integers<'a> {
    /// The proof that heads of this width are attended to so, where they are.
    pub(super) fn way(layout: Layout) -> Option<Vnni> {
        Vnni::find().filter(|_| layout.head_width.is_multiple_of(2) && layout.head_width <= WIDEST)
    }

    pub(super) fn new(vnni: Vnni, blocks: &'a [Held<'a>]) -> Integers<'a> {
        Integers { vnni, blocks }
    }
}

impl Seen for Integers<'_> {
    fn scores<const ROWS: usize>(&mut self, queries: &[f32], scores: &mut [f32]) {
        self.vnni.scores::<ROWS>(self.blocks, queries, scores);
    }

    fn mix<const ROWS: usize>(&mut self, weights: &[f32], output: &mut [f32]) {
        self.vnni.mix::<ROWS>(self.blocks, weights, output);
    }
}
