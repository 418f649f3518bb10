//! Products of queries with keys and of weights with values in integers, as the cache holds keys and values: half the steps of
//! f32, and nothing is copied.
//!
//! A query is rounded to whole numbers with one scale, so large that their magnitudes add up to [`MOST`], if each fits 16 bits
//! then; so are the weights of each [`SEGMENT`], times the values' scales. Sums of products with keys and values, which are
//! [`LARGEST`] at most, fit 32 bits. Of a head of 64 numbers one is off by 1 / 4,000 of their mean at most.

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::attend_floats::{Floats, Read};
    use crate::cache::{BLOCK, Block};

    /// Numbers of any size in (-1, 1), the same each time.
    fn noise(at: usize) -> f32 {
        let mixed = (at as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        ((mixed ^ mixed >> 31) % 20_001) as f32 / 10_000.5 - 1.0
    }

    fn layout(head_width: usize) -> Layout {
        Layout { kv_heads: 1, layers: 1, head_width, padded: head_width.next_multiple_of(BLOCK) }
    }

    /// Blocks of keys and values by the number of each.
    fn blocks(layout: Layout, count: usize, number: impl Fn(usize) -> f32) -> Vec<Block> {
        let vector = |at: usize| -> Vec<f32> { (0..layout.head_width).map(|of| number(at * 1000 + of)).collect() };
        let block = |block: usize| {
            let mut held = layout.zeros().unwrap();
            for slot in 0..BLOCK {
                let position = block * BLOCK + slot;
                layout.write(&mut held, (0, 0), slot, &vector(position * 2), &vector(position * 2 + 1));
            }
            held
        };
        (0..count).map(block).collect()
    }

    /// Scores and mixed values.
    fn products<const ROWS: usize>(mut seen: impl Seen, x: &Given, width: usize) -> (Vec<f32>, Vec<f32>) {
        let (mut scores, mut mixed) = (vec![f32::NAN; ROWS * width], vec![f32::NAN; x.queries.len()]);
        seen.scores::<ROWS>(&x.queries, &mut scores);
        seen.mix::<ROWS>(&x.weights, &mut mixed);
        (scores, mixed)
    }

    /// Queries `[ROWS][padded]` and weights `[ROWS][width]`.
    struct Given {
        queries: Vec<f32>,
        weights: Vec<f32>,
    }

    fn both<const ROWS: usize>(layout: Layout, blocks: &[Block], x: &Given) -> Option<[(Vec<f32>, Vec<f32>); 2]> {
        let vnni = Integers::way(layout)?;
        let held: Vec<Held<'_>> = blocks.iter().map(|block| layout.held(block, (0, 0))).collect();
        let mut read = Read::default();
        read.take(layout, &held);
        let width = blocks.len() * BLOCK;
        let floats = products::<ROWS>(Floats::new(layout, &mut read, blocks.len()), x, width);
        Some([products::<ROWS>(Integers::new(vnni, &held), x, width), floats])
    }

    fn given(rows: usize, layout: Layout, width: usize, number: impl Fn(usize) -> f32) -> Given {
        let mut queries = vec![0f32; rows * layout.padded];
        for (row, query) in queries.chunks_mut(layout.padded).enumerate() {
            query[..layout.head_width].iter_mut().enumerate().for_each(|(at, q)| *q = number(row * 300 + at));
        }
        Given { queries, weights: (0..rows * width).map(|at| number(at + 7).abs()).collect() }
    }

    /// What rounding these numbers, times others of a largest magnitude, moves a sum by at most.
    fn bound(rounded: impl Iterator<Item = f32> + Clone, others: f32) -> f32 {
        let sum: f32 = rounded.clone().map(f32::abs).sum();
        let scale = (sum / MOST).max(rounded.clone().fold(0.0, |most: f32, x| most.max(x.abs())) / 32_767.0);
        let slack = sum * others * 1e-5;
        rounded.count() as f32 * scale * others / 2.0 + slack
    }

    fn near<const ROWS: usize>(layout: Layout, blocks: &[Block], x: &Given) -> Result<(), TestCaseError> {
        let Some([integers, floats]) = both::<ROWS>(layout, blocks, x) else { return Ok(()) };
        let width = blocks.len() * BLOCK;
        for row in 0..ROWS {
            let query = &x.queries[row * layout.padded..][..layout.padded];
            for position in 0..width {
                let scale = layout.held(&blocks[position / BLOCK], (0, 0)).key_scales[position % BLOCK];
                let most = bound(query.iter().copied(), scale * LARGEST);
                let [got, want] = [&integers.0, &floats.0].map(|scores| scores[row * width + position]);
                prop_assert!((got - want).abs() <= most, "score {got}, not {want}, {most}");
            }
            let scales = |at: usize| layout.held(&blocks[at / BLOCK], (0, 0)).value_scales[at % BLOCK];
            let weights: Vec<f32> = (0..width).map(|at| x.weights[row * width + at] * scales(at)).collect();
            let most: f32 = weights.chunks(SEGMENT * BLOCK).map(|part| bound(part.iter().copied(), LARGEST)).sum();
            for at in 0..layout.head_width {
                let [got, want] = [&integers.1, &floats.1].map(|mixed| mixed[row * layout.padded + at]);
                prop_assert!((got - want).abs() <= most, "mixed {got}, not {want}, {most}");
            }
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Off by what rounding may cost at most, whatever the sizes, an outlier among them, and where all numbers are alike,
        /// so that sums are the largest that there are.
        #[test]
        fn products_in_integers_are_those_in_floats(
            half in 1usize..=128,
            count in 1usize..12,
            seed in 0usize..1000,
            (alike, outlier) in prop_oneof![Just((true, 1f32)), Just((false, 1.0)), Just((false, 1e4)), Just((false, 1e-6))],
        ) {
            let number = |at: usize| match (at + seed) % 97 {
                _ if alike => 1.0,
                0 => noise(at + seed) * outlier,
                _ => noise(at + seed),
            };
            let layout = layout(half * 2);
            let blocks = blocks(layout, count, number);
            near::<2>(layout, &blocks, &given(2, layout, count * BLOCK, number))?;
            near::<4>(layout, &blocks, &given(4, layout, count * BLOCK, number))?;
            near::<8>(layout, &blocks, &given(8, layout, count * BLOCK, number))?;
        }
    }

    #[test]
    fn what_is_no_number_makes_none_and_zeros_make_zeros() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let layout = layout(32);
            let blocks = blocks(layout, 2, |at| if at == 5 * 2 * 1000 + 3 { bad } else { 1.0 });
            let mut x = given(2, layout, 2 * BLOCK, |_| 1.0);
            x.queries[32..].fill(0.0);
            x.weights[2 * BLOCK..].fill(0.0);
            let Some([(scores, _), _]) = both::<2>(layout, &blocks, &x) else { return };
            assert!(scores.iter().enumerate().all(|(at, score)| score.is_nan() == (at % 32 == 5)), "{scores:?}");
            x.queries[9] = bad;
            let Some([(scores, mixed), _]) = both::<2>(layout, &blocks, &x) else { return };
            assert!(scores[..32].iter().all(|score| score.is_nan()), "{scores:?}");
            assert!(mixed.iter().all(|mixed| mixed.is_finite()) && mixed[32..].iter().all(|mixed| *mixed == 0.0));
            x.weights[9] = bad;
            let Some([(_, mixed), _]) = both::<2>(layout, &blocks, &x) else { return };
            assert!(mixed[..32].iter().all(|mixed| !mixed.is_finite()));
        }
    }
}
