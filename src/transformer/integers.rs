//! Rows rounded to 16 bits, as products in integers take them.
//!
//! Each [`SPAN`] of a row's numbers has a scale of its own, so that an outlier costs its neighbours their last digits and nobody
//! else. A number is off by 1 / 65,534 of its span's largest at most: 256 times less than where it is rounded to 8 bits, as few
//! rows are where the weights lie in large blocks ([`ByteBlock`]): text is written so, nothing is scored so.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::blocks::{LARGEST as BLOCK, LEAST as GROUP};
use super::parallel;

/// Numbers that share a scale. The sum of so many products with 8-bit integers fits 32 bits.
pub(super) const SPAN: usize = 32;

/// The largest whole number.
pub(super) const LARGEST: f32 = 32767.0;

/// A span of nothing larger counts as zeros: one divided by its scale would be no finite number.
pub(super) const LEAST: f32 = 1e-30;

/// Spans that one task rounds.
const SPANS_A_TASK: usize = 1024;

/// A span's whole numbers of 16 bits: two in each of 32, the first in the lower half. A vector that lies across two lines of the
/// cache would take twice as long to load.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Whole(pub(super) [i32; SPAN / 2]);

/// Bytes of a vector.
pub(super) const BYTES: usize = 64;

/// Vectors of a block's bytes.
pub(super) const VECTORS: usize = BLOCK / BYTES;

/// The largest whole number of 8 bits.
const LARGEST_BYTE: f32 = 127.0;

/// A block's whole numbers of 8 bits with signs. A number is off by 1 / 254 of its block's largest at most.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct ByteBlock {
    /// A vector holds a span of the block's first half and behind it the span that lies there in the second half: so weights
    /// come out of their blocks.
    pub(super) bytes: [[i8; BYTES]; VECTORS],
    /// What to multiply whole numbers with; NaN where a number was none or infinite.
    pub(super) scale: f32,
    /// Sums of the fewest that share a scale, times the scale.
    pub(super) sums: [f32; BLOCK / GROUP],
    /// Sums of spans, times the scale.
    pub(super) sums_of_spans: [f32; BLOCK / SPAN],
}

impl ByteBlock {
    const ZEROS: ByteBlock = ByteBlock {
        bytes: [[0; BYTES]; VECTORS],
        scale: 0.0,
        sums: [0.0; BLOCK / GROUP],
        sums_of_spans: [0.0; BLOCK / SPAN],
    };
}

/// Memory for rounded rows.
pub(super) struct Room {
    pairs: Vec<Whole>,
    scales: Vec<f32>,
    sums: Vec<f32>,
    blocks: Vec<ByteBlock>,
}

/// Rounded rows.
#[derive(Clone, Copy)]
pub(super) struct Rounded<'a> {
    pub(super) spans: Spans<'a>,
    /// Whole blocks, where they were asked for.
    pub(super) blocks: &'a [ByteBlock],
}

/// Neighbouring spans; what belongs to one stands at its place in each.
#[derive(Clone, Copy)]
pub(super) struct Spans<'a> {
    pub(super) pairs: &'a [Whole],
    /// What to multiply whole numbers with; NaN where a number was none or infinite.
    pub(super) scales: &'a [f32],
    /// Sums of whole numbers, times the scale.
    pub(super) sums: &'a [f32],
}

impl<'a> Spans<'a> {
    pub(super) fn len(self) -> usize {
        self.pairs.len()
    }

    #[inline(always)]
    pub(super) fn part(self, part: Range<usize>) -> Spans<'a> {
        Spans { pairs: &self.pairs[part.clone()], scales: &self.scales[part.clone()], sums: &self.sums[part] }
    }
}

impl<'a> Rounded<'a> {
    /// One of so many rows.
    #[inline(always)]
    pub(super) fn row(self, row: usize, rows: usize) -> Rounded<'a> {
        let (spans, blocks) = (self.spans.len() / rows, self.blocks.len() / rows);
        Rounded {
            spans: self.spans.part(row * spans..(row + 1) * spans),
            blocks: &self.blocks[row * blocks..(row + 1) * blocks],
        }
    }
}

impl Room {
    pub(super) const EMPTY: Room = Room { pairs: Vec::new(), scales: Vec::new(), sums: Vec::new(), blocks: Vec::new() };

    /// Rounds numbers to whole spans and to whole blocks, whichever are asked for.
    pub(super) fn round(&mut self, x: &[f32], spans: bool, blocks: bool) -> Rounded<'_> {
        let spans = self.round_spans(if spans { x } else { &[] });
        let x = if blocks { x.as_chunks().0 } else { &[] };
        self.blocks.resize(x.len().max(self.blocks.len()), ByteBlock::ZEROS);
        Arch::new().dispatch(RoundBlocks { x, blocks: &mut self.blocks });
        let (pairs, scales, sums) = (&self.pairs[..spans], &self.scales[..spans], &self.sums[..spans]);
        Rounded { spans: Spans { pairs, scales, sums }, blocks: &self.blocks[..x.len()] }
    }

    /// Rounds on all threads and returns how many spans there are.
    fn round_spans(&mut self, x: &[f32]) -> usize {
        let spans = x.len() / SPAN;
        let room = spans.max(self.pairs.len());
        self.pairs.resize(room, Whole([0; SPAN / 2]));
        self.scales.resize(room, 0.0);
        self.sums.resize(room, 0.0);
        let pairs = self.pairs[..spans].chunks_mut(SPANS_A_TASK);
        let scales = self.scales[..spans].chunks_mut(SPANS_A_TASK).zip(self.sums[..spans].chunks_mut(SPANS_A_TASK));
        let tasks = x.chunks(SPANS_A_TASK * SPAN).zip(pairs).zip(scales);
        let tasks = tasks.map(|((x, pairs), (scales, sums))| Round { x, pairs, scales, sums });
        parallel::items(tasks.collect(), |task| Arch::new().dispatch(task));
        spans
    }
}

/// Rounds blocks: of few rows there are few, and one thread is quicker than the word to others.
struct RoundBlocks<'a> {
    x: &'a [[f32; BLOCK]],
    blocks: &'a mut [ByteBlock],
}

impl WithSimd for RoundBlocks<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (x, block) in self.x.iter().zip(self.blocks) {
            round_block(x, block);
        }
    }
}

struct Round<'a> {
    x: &'a [f32],
    pairs: &'a mut [Whole],
    scales: &'a mut [f32],
    sums: &'a mut [f32],
}

impl WithSimd for Round<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (at, x) in self.x.as_chunks().0.iter().enumerate() {
            (self.pairs[at], self.scales[at], self.sums[at]) = round_span(x);
        }
    }
}

/// What to multiply numbers with so that the largest is `most`, and what to multiply the whole ones with.
#[inline(always)]
fn scale(x: &[f32], most: f32) -> (f32, f32) {
    // As integers, magnitudes compare as the numbers do, with infinity above all of them and what is no number above that.
    let mut largest = 0;
    for x in x {
        largest = largest.max(x.to_bits() & 0x7FFF_FFFF);
    }
    match f32::from_bits(largest) {
        largest if !largest.is_finite() => (0.0, f32::NAN),
        largest if largest < LEAST => (0.0, 0.0),
        largest => (most / largest, largest / most),
    }
}

/// 1.5 * 2^23: adding it leaves the rounded integer in the low bits.
pub(super) const MAGIC: f32 = 12_582_912.0;

/// Rounds a block.
#[inline(always)]
fn round_block(x: &[f32; BLOCK], out: &mut ByteBlock) {
    let (factor, scale) = scale(x, LARGEST_BYTE);
    out.scale = scale;
    for (span, x) in x.as_chunks::<SPAN>().0.iter().enumerate() {
        let (vector, half) = (span % VECTORS, span / VECTORS * SPAN);
        let bytes = &mut out.bytes[vector][half..half + SPAN];
        for (byte, x) in bytes.iter_mut().zip(x) {
            *byte = (x * factor + MAGIC).to_bits() as i8;
        }
        let mut sums = [0i32; SPAN / GROUP];
        for (sum, bytes) in sums.iter_mut().zip(bytes.as_chunks::<GROUP>().0) {
            for byte in bytes {
                *sum += i32::from(*byte);
            }
        }
        for (out, sum) in out.sums[span * sums.len()..].iter_mut().zip(sums) {
            *out = sum as f32 * scale;
        }
        out.sums_of_spans[span] = sums.iter().sum::<i32>() as f32 * scale;
    }
}

/// A span's whole numbers, their scale and their sum.
#[inline(always)]
fn round_span(x: &[f32; SPAN]) -> (Whole, f32, f32) {
    let (factor, scale) = scale(x, LARGEST);
    let (mut numbers, mut sum) = ([0i16; SPAN], 0);
    for at in 0..SPAN {
        numbers[at] = (x[at] * factor + MAGIC).to_bits() as i16;
        sum += i32::from(numbers[at]);
    }
    (Whole(pulp::cast(numbers)), scale, sum as f32 * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_rounded_to_the_nearest() {
        for size in [1e-29f32, 1e-3, 1.0, 7e4, 3e38] {
            let x: [f32; SPAN] = std::array::from_fn(|at| ((at * 37 % 32) as f32 - 15.5) / 16.5 * size);
            let (Whole(pairs), scale, sum) = round_span(&x);
            let numbers: [i16; SPAN] = pulp::cast(pairs);
            for (x, number) in x.iter().zip(numbers) {
                let got = f64::from(number) * f64::from(scale);
                assert!((got - f64::from(*x)).abs() <= f64::from(size) / 65_000.0, "{x} became {got}");
            }
            let whole: i32 = numbers.iter().map(|number| i32::from(*number)).sum();
            assert_eq!(sum, whole as f32 * scale);
        }
    }

    fn rounded(x: &[f32; BLOCK]) -> ByteBlock {
        let mut block = ByteBlock::ZEROS;
        round_block(x, &mut block);
        block
    }

    /// A number of a block.
    fn number(block: &ByteBlock, at: usize) -> f64 {
        let (half, vector, place) = (at / 128, at % 128 / 32, at % 32);
        f64::from(block.bytes[vector][half * 32 + place]) * f64::from(block.scale)
    }

    #[test]
    fn blocks_are_rounded_to_the_nearest_and_added_up() {
        for size in [1e-29f32, 1e-3, 1.0, 7e4, 1e36] {
            let x: [f32; BLOCK] = std::array::from_fn(|at| ((at * 137 % 256) as f32 - 127.5) / 128.0 * size);
            let block = rounded(&x);
            let close = |got: f64, want: f64, numbers: f64| {
                assert!((got - want).abs() <= numbers * f64::from(size) / 253.9, "{want} became {got}");
            };
            for (at, x) in x.iter().enumerate() {
                close(number(&block, at), f64::from(*x), 1.0);
            }
            let sum = |part: &[f32]| part.iter().copied().map(f64::from).sum();
            for (got, part) in block.sums.iter().zip(x.chunks_exact(16)) {
                close(f64::from(*got), sum(part), 16.0);
            }
            for (got, part) in block.sums_of_spans.iter().zip(x.chunks_exact(32)) {
                close(f64::from(*got), sum(part), 32.0);
            }
        }
    }

    #[test]
    fn what_is_no_number_is_not_rounded_to_one() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut x = [1.0; SPAN];
            x[17] = bad;
            assert!(round_span(&x).1.is_nan());
            let mut x = [1.0; BLOCK];
            x[177] = bad;
            assert!(rounded(&x).scale.is_nan());
        }
        assert_eq!(number(&rounded(&[1e-38; BLOCK]), 5), 0.0);
        let (Whole(pairs), scale, sum) = round_span(&[1e-38; SPAN]);
        assert_eq!((pairs, scale, sum), ([0; SPAN / 2], 0.0, 0.0));
    }
}
