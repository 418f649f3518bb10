//! Products of few rows in integers of 16 bits: each output's weights are multiplied as they are read, without a panel.
//!
//! While text is written, every token reads all weights once; what is done with them must not take longer than that.

use std::arch::x86_64::_MM_HINT_T0;
use std::marker::PhantomData;

use pulp::x86::V4;
use pulp::{NullaryFnOnce, Simd, cast, f32x16, i16x32};

use super::blocks::{Format, LARGEST, LEAST, Q4K, Q6K, Q8_0, Unpacked};
use super::integers::{SPAN, Spans, Whole};
use super::matmul::STRIP;

/// Neighbouring outputs whose weights are read side by side, where the processor reads ahead only to the end of a page of memory,
/// which a few rows fill: the weights of the next outputs are asked for meanwhile ([`prefetch`]).
pub(super) const SIDE_BY_SIDE: usize = 4;

/// One output after the other, for processors that read ahead by themselves in the order of memory, over the ends of pages. A Zen 4
/// took 0.5 to 0.8 of the time so in Q8_0 and 0.75 in Q6_K; in Q4_K as long, and there arithmetic takes longer than reading.
pub(super) const IN_TURN: usize = 1;

/// Spans of the longest row that is read in turn: a longer one is pushed out of the innermost cache by the weights that pass, and
/// is better read once for several outputs. In turn, 8,960 inputs took a Zen 4 1.3 times as long.
pub(super) const SHORT: usize = 160;

/// Bytes that memory is read by.
const LINE: usize = 64;

/// Spans of a block of [`LARGEST`] numbers.
const SPANS: usize = LARGEST / SPAN;

/// How a format is multiplied with a rounded row.
pub(super) trait Dots: Format {
    /// Whether the format has offsets other than zero.
    const OFFSETS: bool;

    /// The sums of products of outputs' weights with one row.
    fn dots<const STREAMS: usize>(v4: V4, weights: [&[u8]; STREAMS], x: Spans<'_>) -> [f32; STREAMS];
}

/// The product of rows with a strip of outputs' weights.
pub(super) struct Few<'a, F, const STREAMS: usize> {
    v4: V4,
    weights: &'a [&'a [u8]; STRIP],
    x: Spans<'a>,
    /// `[rows][STRIP]`.
    out: &'a mut [f32],
    format: PhantomData<F>,
}

impl<'a, F, const STREAMS: usize> Few<'a, F, STREAMS> {
    pub(super) fn new(v4: V4, weights: &'a [&'a [u8]; STRIP], x: Spans<'a>, out: &'a mut [f32]) -> Self {
        Few { v4, weights, x, out, format: PhantomData }
    }
}

impl<F: Dots, const STREAMS: usize> NullaryFnOnce for Few<'_, F, STREAMS> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let spans = self.x.len() / (self.out.len() / STRIP);
        for first in 0..STRIP / STREAMS {
            let weights: [&[u8]; STREAMS] = std::array::from_fn(|at| self.weights[first * STREAMS + at]);
            for (row, out) in self.out.chunks_exact_mut(STRIP).enumerate() {
                let sums = F::dots(self.v4, weights, self.x.part(row * spans..(row + 1) * spans));
                for at in 0..STREAMS {
                    out[first * STREAMS + at] = sums[at];
                }
            }
        }
    }
}

/// The products of integers with a span, each two neighbours' together.
#[inline(always)]
fn products(v4: V4, integers: i16x32, x: &Whole) -> f32x16 {
    v4.convert_i32x16_to_f32x16(v4.multiply_wrapping_add_adjacent_i16x32(integers, cast(x.0)))
}

/// As [`products`], of integers of 8 bits with signs.
#[inline(always)]
fn products_of_bytes(v4: V4, integers: [u8; SPAN], x: &Whole) -> f32x16 {
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
fn summed<const N: usize, const STREAMS: usize>(
    v4: V4,
    totals: [f32x16; STREAMS],
    offsets: [[f32; N]; STREAMS],
) -> [f32; STREAMS] {
    let mut sums = [0f32; STREAMS];
    for stream in 0..STREAMS {
        sums[stream] = v4.reduce_sum_f32s(totals[stream]) + offsets[stream].iter().sum::<f32>();
    }
    sums
}

/// Asks for the weights that lie where this block's do in the next outputs, those of `width` bytes each that follow as many
/// as are read side by side; where there are none, nothing is read. This took 0.65 of the time for 1024 inputs in Q6_K and 0.8
/// in Q4_K, of a matrix that no cache holds.
#[inline(always)]
fn prefetch<const STREAMS: usize>(v4: V4, block: &[u8], width: usize) {
    if STREAMS == IN_TURN {
        return;
    }
    for line in (0..block.len()).step_by(LINE) {
        v4.sse._mm_prefetch::<_MM_HINT_T0>(block.as_ptr().wrapping_add(STREAMS * width + line).cast());
    }
}

impl Dots for Q8_0 {
    const OFFSETS: bool = false;

    #[inline(always)]
    fn dots<const STREAMS: usize>(v4: V4, weights: [&[u8]; STREAMS], x: Spans<'_>) -> [f32; STREAMS] {
        let width = weights[0].len();
        let weights = weights.map(|weights| &weights.as_chunks::<{ Q8_0::BYTES }>().0[..x.len()]);
        let mut totals = [v4.splat_f32x16(0.0); STREAMS];
        for (at, (pairs, x_scale)) in x.pairs.iter().zip(x.scales).enumerate() {
            for stream in 0..STREAMS {
                let block = &weights[stream][at];
                prefetch::<STREAMS>(v4, block, width);
                let integers: &[u8; SPAN] = block.last_chunk().unwrap_or(&[0; SPAN]);
                let scale = v4.mul_f32x16(half(v4, block[0], block[1]), v4.splat_f32x16(*x_scale));
                totals[stream] = v4.mul_add_f32x16(products_of_bytes(v4, *integers, pairs), scale, totals[stream]);
            }
        }
        summed(v4, totals, [[]; STREAMS])
    }
}

impl Dots for Q4K {
    const OFFSETS: bool = true;

    #[inline(always)]
    fn dots<const STREAMS: usize>(v4: V4, weights: [&[u8]; STREAMS], x: Spans<'_>) -> [f32; STREAMS] {
        let blocks = x.pairs.as_chunks::<SPANS>().0;
        let (x_scales, x_sums) = (x.scales.as_chunks::<SPANS>().0, x.sums.as_chunks::<SPANS>().0);
        let width = weights[0].len();
        let weights = weights.map(|weights| &weights.as_chunks::<{ Q4K::BYTES }>().0[..blocks.len()]);
        let mut totals = [v4.splat_f32x16(0.0); STREAMS];
        let mut offsets = [v4.splat_f32x16(0.0); STREAMS];
        for (at, (x, (x_scales, x_sums))) in blocks.iter().zip(x_scales.iter().zip(x_sums)).enumerate() {
            // What scales are multiplied with, and behind it what the least numbers are.
            let x_both: f32x16 = cast([*x_scales, *x_sums]);
            for stream in 0..STREAMS {
                let block = &weights[stream][at];
                prefetch::<STREAMS>(v4, block, width);
                let both = v4.mul_f32x16(scales_and_least(v4, block), x_both);
                offsets[stream] = v4.add_f32x16(offsets[stream], both);
                // Of two spans one lies in the lower halves of the bytes and one in the upper. No sum waits for more than
                // half of the others.
                let mut sums = [totals[stream], v4.splat_f32x16(0.0)];
                for two in 0..SPANS / 2 {
                    let bytes: &[u8; SPAN] = block[16 + two * SPAN..].first_chunk().unwrap_or(&[0; SPAN]);
                    let bytes = v4.convert_u8x32_to_u16x32(cast(*bytes));
                    let halves = [v4.and_u16x32(bytes, v4.splat_u16x32(15)), v4.shr_const_u16x32::<4>(bytes)];
                    for half in 0..2 {
                        let span = two * 2 + half;
                        let scale = v4.avx512f._mm512_permutexvar_ps(cast([span as u32; 16]), cast(both));
                        sums[half] =
                            v4.mul_add_f32x16(products(v4, cast(halves[half]), &x[span]), cast(scale), sums[half]);
                    }
                }
                totals[stream] = v4.add_f32x16(sums[0], sums[1]);
            }
        }
        let mut least = [[0f32; SPANS]; STREAMS];
        for stream in 0..STREAMS {
            let [_, sums]: [[f32; SPANS]; 2] = cast(offsets[stream]);
            least[stream] = sums.map(|sum| -sum);
        }
        summed(v4, totals, least)
    }
}

/// The scales of a block's 32s and behind them their least numbers, without the sign.
#[inline(always)]
fn scales_and_least(v4: V4, block: &[u8; Q4K::BYTES]) -> f32x16 {
    let half = |at: usize| [u16::from_le_bytes([block[at], block[at + 1]]); SPANS];
    let factors: f32x16 = cast(v4.avx512f._mm512_cvtph_ps(cast([half(0), half(2)])));
    let (scales, least) = Q4K::sixes(block);
    let sixes = v4.avx512f._mm512_cvtepu8_epi32(cast([scales, least]));
    v4.mul_f32x16(v4.convert_i32x16_to_f32x16(cast(sixes)), factors)
}

impl Dots for Q6K {
    const OFFSETS: bool = false;

    #[inline(always)]
    fn dots<const STREAMS: usize>(v4: V4, weights: [&[u8]; STREAMS], x: Spans<'_>) -> [f32; STREAMS] {
        dot_blocks::<Q6K, STREAMS>(v4, weights, x)
    }
}

/// As [`Dots::dots`], for any blocks of [`LARGEST`] numbers: each is taken apart into memory first.
///
/// How fast it is hangs on what the compiler makes of it: without the offsets, of which Q6_K has none, it took 1.3 times as
/// long. `integers_beside_floats` measures what is changed here.
#[inline(always)]
fn dot_blocks<F: Dots, const STREAMS: usize>(v4: V4, weights: [&[u8]; STREAMS], x: Spans<'_>) -> [f32; STREAMS] {
    let width = weights[0].len();
    let mut block = Unpacked::new();
    let mut totals = [v4.splat_f32x16(0.0); STREAMS];
    let mut offsets = [[0f32; SPANS]; STREAMS];
    let x_sums = x.sums.as_chunks::<SPANS>().0;
    let blocks = x.pairs.as_chunks::<SPANS>().0.iter().zip(x.scales.as_chunks::<SPANS>().0.iter().zip(x_sums));
    for (index, (x, (scales, x_sums))) in blocks.enumerate() {
        let mut x_scales = [0f32; LARGEST / LEAST];
        for group in 0..F::NUMBERS / F::GROUP {
            x_scales[group] = scales[group * F::GROUP / SPAN];
        }
        for stream in 0..STREAMS {
            let bytes = &weights[stream][index * F::BYTES..][..F::BYTES];
            prefetch::<STREAMS>(v4, bytes, width);
            F::unpack(bytes, &mut block);
            for (scale, x) in block.scales.iter_mut().zip(&x_scales).take(F::NUMBERS / F::GROUP) {
                *scale *= x;
            }
            for (at, (integers, x)) in block.integers.as_chunks::<SPAN>().0.iter().zip(x).enumerate() {
                let scales: [f32; 16] = std::array::from_fn(|lane| block.scales[(at * SPAN + lane * 2) / F::GROUP]);
                let products = products_of_bytes(v4, cast(*integers), x);
                totals[stream] = v4.mul_add_f32x16(products, cast(scales), totals[stream]);
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
