//! Products of few rows in integers of 16 bits: each output's weights are multiplied as they are read, without a panel.
//!
//! While text is written, every token reads all weights once; what is done with them must not take longer than that.

use std::marker::PhantomData;

use pulp::x86::V4;
use pulp::{NullaryFnOnce, Simd, b16, cast, f32x16, i16x32, u16x32};

use super::blocks::{Format, Q4K, Q6K, Q8_0};
use super::integers::{SPAN, Span};
use super::matmul::STRIP;

/// Outputs whose weights are read side by side, as far from each other as a strip allows: the processor reads ahead in each of
/// several pages of memory at once, but in each only to its end.
const STREAMS: usize = 4;

/// Spans of a block of 256 numbers.
const SPANS: usize = 8;

/// The first half of a vector's lanes.
const FIRST_HALF: b16 = b16(0x00FF);

/// How a format is multiplied with a rounded row.
pub(super) trait Dots: Format {
    /// The sums of products of outputs' weights with one row.
    fn dots(v4: V4, weights: [&[u8]; STREAMS], x: &[Span]) -> [f32; STREAMS];
}

/// The product of rows with a strip of outputs' weights.
pub(super) struct Few<'a, F> {
    v4: V4,
    weights: &'a [&'a [u8]; STRIP],
    x: &'a [Span],
    /// `[rows][STRIP]`.
    out: &'a mut [f32],
    format: PhantomData<F>,
}

impl<'a, F> Few<'a, F> {
    pub(super) fn new(v4: V4, weights: &'a [&'a [u8]; STRIP], x: &'a [Span], out: &'a mut [f32]) -> Few<'a, F> {
        Few { v4, weights, x, out, format: PhantomData }
    }
}

impl<F: Dots> NullaryFnOnce for Few<'_, F> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let spans = self.x.len() / (self.out.len() / STRIP);
        for first in 0..STRIP / STREAMS {
            let weights: [&[u8]; STREAMS] = std::array::from_fn(|at| self.weights[first + at * STRIP / STREAMS]);
            for (x, out) in self.x.chunks_exact(spans).zip(self.out.chunks_exact_mut(STRIP)) {
                let sums = F::dots(self.v4, weights, x);
                for at in 0..STREAMS {
                    out[first + at * STRIP / STREAMS] = sums[at];
                }
            }
        }
    }
}

/// The products of weights with a span, each two neighbours' together.
#[inline(always)]
fn products(v4: V4, weights: i16x32, x: &Span) -> f32x16 {
    v4.convert_i32x16_to_f32x16(v4.multiply_wrapping_add_adjacent_i16x32(weights, cast(x.pairs)))
}

/// A little-endian half-precision number in all lanes.
#[inline(always)]
fn half(v4: V4, low: u8, high: u8) -> f32x16 {
    cast(v4.avx512f._mm512_cvtph_ps(cast(v4.splat_u16x16(u16::from_le_bytes([low, high])))))
}

/// The 32 bytes from a place on, as numbers of 16 bits.
#[inline(always)]
fn widened(v4: V4, bytes: &[u8], from: usize) -> u16x32 {
    let bytes: &[u8; SPAN] = bytes[from..].first_chunk().unwrap_or(&[0; SPAN]);
    v4.convert_u8x32_to_u16x32(cast(*bytes))
}

impl Dots for Q8_0 {
    #[inline(always)]
    fn dots(v4: V4, weights: [&[u8]; STREAMS], x: &[Span]) -> [f32; STREAMS] {
        let weights = weights.map(|weights| &weights.as_chunks::<{ Q8_0::BYTES }>().0[..x.len()]);
        let mut totals = [v4.splat_f32x16(0.0); STREAMS];
        for (at, x) in x.iter().enumerate() {
            for stream in 0..STREAMS {
                let block = &weights[stream][at];
                let integers: &[u8; SPAN] = block.last_chunk().unwrap_or(&[0; SPAN]);
                let integers = v4.convert_i8x32_to_i16x32(cast(*integers));
                let scale = v4.mul_f32x16(half(v4, block[0], block[1]), v4.splat_f32x16(x.scale));
                totals[stream] = v4.mul_add_f32x16(products(v4, integers, x), scale, totals[stream]);
            }
        }
        totals.map(|total| v4.reduce_sum_f32s(total))
    }
}

impl Dots for Q4K {
    #[inline(always)]
    fn dots(v4: V4, weights: [&[u8]; STREAMS], x: &[Span]) -> [f32; STREAMS] {
        let x = x.as_chunks::<SPANS>().0;
        let weights = weights.map(|weights| &weights.as_chunks::<{ Q4K::BYTES }>().0[..x.len()]);
        let mut totals = [v4.splat_f32x16(0.0); STREAMS];
        let mut offsets = [[0f32; SPANS]; STREAMS];
        for (at, x) in x.iter().enumerate() {
            let (x_scales, x_sums) = (x.map(|x| x.scale), x.map(|x| x.sum));
            for stream in 0..STREAMS {
                let block = &weights[stream][at];
                let (mut scales, least) = Q4K::scales(block);
                for span in 0..SPANS {
                    scales[span] *= x_scales[span];
                    offsets[stream][span] += least[span] * x_sums[span];
                }
                // Of two spans one lies in the lower halves of the bytes and one in the upper.
                for two in 0..SPANS / 2 {
                    let bytes = widened(v4, block, 16 + two * SPAN);
                    let lower = v4.and_u16x32(bytes, v4.splat_u16x32(15));
                    let upper = v4.shr_const_u16x32::<4>(bytes);
                    for (span, integers) in [(two * 2, lower), (two * 2 + 1, upper)] {
                        let products = products(v4, cast(integers), &x[span]);
                        totals[stream] = v4.mul_add_f32x16(products, v4.splat_f32x16(scales[span]), totals[stream]);
                    }
                }
            }
        }
        std::array::from_fn(|stream| v4.reduce_sum_f32s(totals[stream]) + offsets[stream].iter().sum::<f32>())
    }
}

impl Dots for Q6K {
    #[inline(always)]
    fn dots(v4: V4, weights: [&[u8]; STREAMS], x: &[Span]) -> [f32; STREAMS] {
        let x = x.as_chunks::<SPANS>().0;
        let weights = weights.map(|weights| &weights.as_chunks::<{ Q6K::BYTES }>().0[..x.len()]);
        let (lower, upper) = (v4.splat_u16x32(15), v4.splat_u16x32(0x30));
        let mut totals = [v4.splat_f32x16(0.0); STREAMS];
        for (at, x) in x.iter().enumerate() {
            let x_scales: [f32; SPANS * 2] = std::array::from_fn(|group| x[group / 2].scale);
            for stream in 0..STREAMS {
                let block = &weights[stream][at];
                let sixteen: &[u8; SPANS * 2] = block[192..].first_chunk().unwrap_or(&[0; SPANS * 2]);
                let sixteen = v4.convert_i32x16_to_f32x16(v4.convert_i8x16_to_i32x16(cast(*sixteen)));
                let scales = v4.mul_f32x16(half(v4, block[208], block[209]), cast(x_scales));
                let scales: [f32; SPANS * 2] = cast(v4.mul_f32x16(scales, sixteen));
                for part in 0..2 {
                    let low = [widened(v4, block, part * 64), widened(v4, block, part * 64 + SPAN)];
                    let high = widened(v4, block, 128 + part * SPAN);
                    let quarters = [
                        (v4.and_u16x32(low[0], lower), v4.shl_const_u16x32::<4>(high)),
                        (v4.and_u16x32(low[1], lower), v4.shl_const_u16x32::<2>(high)),
                        (v4.shr_const_u16x32::<4>(low[0]), high),
                        (v4.shr_const_u16x32::<4>(low[1]), v4.shr_const_u16x32::<2>(high)),
                    ];
                    for (quarter, (low, high)) in quarters.into_iter().enumerate() {
                        let span = part * 4 + quarter;
                        let bits = v4.or_u16x32(low, v4.and_u16x32(high, upper));
                        let integers = v4.wrapping_sub_i16x32(cast(bits), v4.splat_i16x32(32));
                        let [first, second] = [0, 1].map(|half| v4.splat_f32x16(scales[span * 2 + half]));
                        let scale = v4.select_f32x16(FIRST_HALF, first, second);
                        let products = products(v4, integers, &x[span]);
                        totals[stream] = v4.mul_add_f32x16(products, scale, totals[stream]);
                    }
                }
            }
        }
        totals.map(|total| v4.reduce_sum_f32s(total))
    }
}
