//! Rows rounded to 16 bits, as products in integers take them.
//!
//! Each [`SPAN`] of a row's numbers has a scale of its own, so that an outlier costs its neighbours their last digits and nobody
//! else. A number is off by 1 / 65,534 of its span's largest at most: 256 times less than where it is rounded to 8 bits.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::parallel;

/// Numbers that share a scale. The sum of so many products with 8-bit integers fits 32 bits.
pub(super) const SPAN: usize = 32;

/// The largest whole number.
const LARGEST: f32 = 32767.0;

/// A span of nothing larger counts as zeros: one divided by its scale would be no finite number.
const LEAST: f32 = 1e-30;

/// Spans that one task rounds.
const SPANS_A_TASK: usize = 1024;

/// A span's whole numbers of 16 bits: two in each of 32, the first in the lower half. A vector that lies across two lines of the
/// cache would take twice as long to load.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Whole(pub(super) [i32; SPAN / 2]);

/// Memory for rounded rows.
pub(super) struct Rounded {
    pairs: Vec<Whole>,
    scales: Vec<f32>,
    sums: Vec<f32>,
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

impl Rounded {
    pub(super) const EMPTY: Rounded = Rounded { pairs: Vec::new(), scales: Vec::new(), sums: Vec::new() };

    /// Rounds whole spans of numbers, on all threads.
    pub(super) fn round(&mut self, x: &[f32]) -> Spans<'_> {
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
        Spans { pairs: &self.pairs[..spans], scales: &self.scales[..spans], sums: &self.sums[..spans] }
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

/// A span's whole numbers, their scale and their sum.
#[inline(always)]
fn round_span(x: &[f32; SPAN]) -> (Whole, f32, f32) {
    // 1.5 * 2^23: adding it leaves the rounded integer in the low bits.
    const MAGIC: f32 = 12_582_912.0;
    // As integers, magnitudes compare as the numbers do, with infinity above all of them and what is no number above that.
    let mut largest = 0;
    for x in x {
        largest = largest.max(x.to_bits() & 0x7FFF_FFFF);
    }
    let largest = f32::from_bits(largest);
    let (factor, scale) = match largest {
        _ if !largest.is_finite() => (0.0, f32::NAN),
        _ if largest < LEAST => (0.0, 0.0),
        _ => (LARGEST / largest, largest / LARGEST),
    };
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

    #[test]
    fn what_is_no_number_is_not_rounded_to_one() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut x = [1.0; SPAN];
            x[17] = bad;
            assert!(round_span(&x).1.is_nan());
        }
        let (Whole(pairs), scale, sum) = round_span(&[1e-38; SPAN]);
        assert_eq!((pairs, scale, sum), ([0; SPAN / 2], 0.0, 0.0));
    }
}
