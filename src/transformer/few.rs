//! Products of few rows in integers of 16 bits: each output's weights are multiplied as they are read, without a panel.
//!
//! While text is written, every token reads all weights once; what is done with them must not take longer than that.

use std::arch::x86_64::_MM_HINT_T0;
use std::marker::PhantomData;

use pulp::x86::V4;
use pulp::{NullaryFnOnce, Simd, cast, f32x16, i16x32};

use super::blocks::{Format, LARGEST, LEAST, Q4K, Q6K, Q8_0, Unpacked};
use super::integers::{SPAN, Span};
use super::matmul::STRIP;

/// Neighbouring outputs whose weights are read side by side. The weights of the next ones follow them in memory and are asked
/// for meanwhile ([`prefetch`]).
const STREAMS: usize = 4;

/// Bytes that memory is read by.
const LINE: usize = 64;

/// Spans of a block of [`LARGEST`] numbers.
const SPANS: usize = LARGEST / SPAN;

/// How a format is multiplied with a rounded row.
pub(super) trait Dots: Format {
    /// Whether the format has offsets other than zero.
    const OFFSETS: bool;

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
            let weights: [&[u8]; STREAMS] = std::array::from_fn(|at| self.weights[first * STREAMS + at]);
            for (x, out) in self.x.chunks_exact(spans).zip(self.out.chunks_exact_mut(STRIP)) {
                let sums = F::dots(self.v4, weights, x);
                for at in 0..STREAMS {
                    out[first * STREAMS + at] = sums[at];
                }
            }
        }
    }
}

/// The products of integers with a span, each two neighbours' together.
#[inline(always)]
fn products(v4: V4, integers: i16x32, x: &Span) -> f32x16 {
    v4.convert_i32x16_to_f32x16(v4.multiply_wrapping_add_adjacent_i16x32(integers, cast(x.pairs)))
}

/// As [`products`], of integers of 8 bits with signs.
#[inline(always)]
fn products_of_bytes(v4: V4, integers: [u8; SPAN], x: &Span) -> f32x16 {
    products(v4, v4.convert_i8x32_to_i16x32(cast(integers)), x)
}

/// A little-endian half-precision number in all lanes.
#[inline(always)]
fn half(v4: V4, low: u8, high: u8) -> f32x16 {
    cast(v4.avx512f._mm512_cvtph_ps(cast(v4.splat_u16x16(u16::from_le_bytes([low, high])))))
}

/// Each output's sum over its lanes and its offsets.
///
/// A loop and no `map`: a closure that the compiler does not put where it is called has none of the processor's features, and
/// each vector operation in it becomes a call. Writing with the bundled model once took 1.4 times as long by that.
#[inline(always)]
fn summed<const N: usize>(v4: V4, totals: [f32x16; STREAMS], offsets: [[f32; N]; STREAMS]) -> [f32; STREAMS] {
    let mut sums = [0f32; STREAMS];
    for stream in 0..STREAMS {
        sums[stream] = v4.reduce_sum_f32s(totals[stream]) + offsets[stream].iter().sum::<f32>();
    }
    sums
}

/// Asks for the weights that lie where this block's do, but `ahead` bytes further on; where there are none, nothing is read.
/// The processor itself reads ahead no further than a page, which a few rows fill. This took 0.65 of the time for 1024 inputs in
/// Q6_K and 0.8 in Q4_K, of a matrix that no cache holds.
#[inline(always)]
fn prefetch(v4: V4, block: &[u8], ahead: usize) {
    for line in (0..block.len()).step_by(LINE) {
        v4.sse._mm_prefetch::<_MM_HINT_T0>(block.as_ptr().wrapping_add(ahead + line).cast());
    }
}

impl Dots for Q8_0 {
    const OFFSETS: bool = false;

    #[inline(always)]
    fn dots(v4: V4, weights: [&[u8]; STREAMS], x: &[Span]) -> [f32; STREAMS] {
        let ahead = STREAMS * weights[0].len();
        let weights = weights.map(|weights| &weights.as_chunks::<{ Q8_0::BYTES }>().0[..x.len()]);
        let mut totals = [v4.splat_f32x16(0.0); STREAMS];
        for (at, x) in x.iter().enumerate() {
            for stream in 0..STREAMS {
                let block = &weights[stream][at];
                prefetch(v4, block, ahead);
                let integers: &[u8; SPAN] = block.last_chunk().unwrap_or(&[0; SPAN]);
                let scale = v4.mul_f32x16(half(v4, block[0], block[1]), v4.splat_f32x16(x.scale));
                totals[stream] = v4.mul_add_f32x16(products_of_bytes(v4, *integers, x), scale, totals[stream]);
            }
        }
        summed(v4, totals, [[]; STREAMS])
    }
}

impl Dots for Q4K {
    const OFFSETS: bool = true;

    #[inline(always)]
    fn dots(v4: V4, weights: [&[u8]; STREAMS], x: &[Span]) -> [f32; STREAMS] {
        let x = x.as_chunks::<SPANS>().0;
        let ahead = STREAMS * weights[0].len();
        let weights = weights.map(|weights| &weights.as_chunks::<{ Q4K::BYTES }>().0[..x.len()]);
        let mut totals = [v4.splat_f32x16(0.0); STREAMS];
        let mut offsets = [[0f32; SPANS]; STREAMS];
        for (at, x) in x.iter().enumerate() {
            let (x_scales, x_sums) = (x.map(|x| x.scale), x.map(|x| x.sum));
            for stream in 0..STREAMS {
                let block = &weights[stream][at];
                prefetch(v4, block, ahead);
                let (mut scales, least) = Q4K::scales(block);
                for span in 0..SPANS {
                    scales[span] *= x_scales[span];
                    offsets[stream][span] += least[span] * x_sums[span];
                }
                // Of two spans one lies in the lower halves of the bytes and one in the upper.
                for two in 0..SPANS / 2 {
                    let bytes: &[u8; SPAN] = block[16 + two * SPAN..].first_chunk().unwrap_or(&[0; SPAN]);
                    let bytes = v4.convert_u8x32_to_u16x32(cast(*bytes));
                    let lower = v4.and_u16x32(bytes, v4.splat_u16x32(15));
                    let upper = v4.shr_const_u16x32::<4>(bytes);
                    for (span, integers) in [(two * 2, lower), (two * 2 + 1, upper)] {
                        let products = products(v4, cast(integers), &x[span]);
                        totals[stream] = v4.mul_add_f32x16(products, v4.splat_f32x16(scales[span]), totals[stream]);
                    }
                }
            }
        }
        summed(v4, totals, offsets)
    }
}

impl Dots for Q6K {
    const OFFSETS: bool = false;

    #[inline(always)]
    fn dots(v4: V4, weights: [&[u8]; STREAMS], x: &[Span]) -> [f32; STREAMS] {
        dot_blocks::<Q6K>(v4, weights, x)
    }
}

/// As [`Dots::dots`], for any blocks of [`LARGEST`] numbers: each is taken apart into memory first.
///
/// How fast it is hangs on what the compiler makes of it: without the offsets, of which Q6_K has none, it took 1.3 times as
/// long. `integers_beside_floats` measures what is changed here.
#[inline(always)]
fn dot_blocks<F: Dots>(v4: V4, weights: [&[u8]; STREAMS], x: &[Span]) -> [f32; STREAMS] {
    let ahead = STREAMS * weights[0].len();
    let mut block = Unpacked::new();
    let mut totals = [v4.splat_f32x16(0.0); STREAMS];
    let mut offsets = [[0f32; SPANS]; STREAMS];
    for (index, x) in x.as_chunks::<SPANS>().0.iter().enumerate() {
        let mut x_scales = [0f32; LARGEST / LEAST];
        for group in 0..F::NUMBERS / F::GROUP {
            x_scales[group] = x[group * F::GROUP / SPAN].scale;
        }
        let x_sums = x.map(|x| x.sum);
        for stream in 0..STREAMS {
            prefetch(v4, &weights[stream][index * F::BYTES..][..F::BYTES], ahead);
            F::unpack(&weights[stream][index * F::BYTES..][..F::BYTES], &mut block);
            for (scale, x) in block.scales.iter_mut().zip(&x_scales).take(F::NUMBERS / F::GROUP) {
                *scale *= x;
            }
            for (at, (integers, x)) in block.integers.as_chunks::<SPAN>().0.iter().zip(x).enumerate() {
                let scales: [f32; 16] = std::array::from_fn(|lane| block.scales[(at * SPAN + lane * 2) / F::GROUP]);
                totals[stream] =
                    v4.mul_add_f32x16(products_of_bytes(v4, cast(*integers), x), cast(scales), totals[stream]);
            }
            if F::OFFSETS {
                for at in 0..SPANS {
                    offsets[stream][at] += block.offsets[at] * x_sums[at];
                }
            }
        }
    }
    summed(v4, totals, offsets)
}
