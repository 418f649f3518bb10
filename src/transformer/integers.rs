//! Rows rounded to 16 bits, as products in integers take them.
//!
//! Each [`SPAN`] of a row's numbers has a scale of its own, so that an outlier costs its neighbours their last digits and nobody
//! else. A number is off by 1 / 65,534 of its span's largest at most: 256 times less than where it is rounded to 8 bits.

use pulp::{Arch, Simd, WithSimd};

/// Numbers that share a scale. The sum of so many products with 8-bit integers fits 32 bits.
pub(super) const SPAN: usize = 32;

/// The largest whole number.
const LARGEST: f32 = 32767.0;

/// A span of nothing larger counts as zeros: one divided by its scale would be no finite number.
const LEAST: f32 = 1e-30;

/// Neighbouring numbers of a row.
#[derive(Clone, Copy)]
pub(super) struct Span {
    /// Two whole numbers of 16 bits each, the first in the lower half.
    pub(super) pairs: [i32; SPAN / 2],
    /// What to multiply them with; NaN where a number was none or infinite.
    pub(super) scale: f32,
    /// The sum of all whole numbers, times the scale.
    pub(super) sum: f32,
}

impl Span {
    pub(super) const ZERO: Span = Span { pairs: [0; SPAN / 2], scale: 0.0, sum: 0.0 };
}

/// Rounds numbers, as many as the spans hold.
pub(super) fn round(x: &[f32], out: &mut [Span]) {
    Arch::new().dispatch(Round { x, out });
}

struct Round<'a> {
    x: &'a [f32],
    out: &'a mut [Span],
}

impl WithSimd for Round<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (x, out) in self.x.as_chunks().0.iter().zip(self.out) {
            *out = round_span(x);
        }
    }
}

#[inline(always)]
fn round_span(x: &[f32; SPAN]) -> Span {
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
    Span { pairs: pulp::cast(numbers), scale, sum: sum as f32 * scale }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_rounded_to_the_nearest() {
        for size in [1e-29f32, 1e-3, 1.0, 7e4, 3e38] {
            let x: [f32; SPAN] = std::array::from_fn(|at| ((at * 37 % 32) as f32 - 15.5) / 16.5 * size);
            let span = round_span(&x);
            let numbers: [i16; SPAN] = pulp::cast(span.pairs);
            for (x, number) in x.iter().zip(numbers) {
                let got = f64::from(number) * f64::from(span.scale);
                assert!((got - f64::from(*x)).abs() <= f64::from(size) / 65_000.0, "{x} became {got}");
            }
            let sum: i32 = numbers.iter().map(|number| i32::from(*number)).sum();
            assert_eq!(span.sum, sum as f32 * span.scale);
        }
    }

    #[test]
    fn what_is_no_number_is_not_rounded_to_one() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut x = [1.0; SPAN];
            x[17] = bad;
            assert!(round_span(&x).scale.is_nan());
        }
        let nothing = round_span(&[1e-38; SPAN]);
        assert_eq!((nothing.pairs, nothing.scale, nothing.sum), ([0; SPAN / 2], 0.0, 0.0));
    }
}
