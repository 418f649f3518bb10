//! Products of few rows in integers: each output's weights are multiplied as they are read, without a panel.
//!
//! While text is written, every token reads all weights once; what is done with them must not take longer than that. With weights
//! of 4 and 6 bits a row's numbers have 8 bits: a vector takes 64 of them, where it takes 32 of 16 bits. Two neighbours' products
//! fit 16 bits, and the next step multiplies them with the scale of their weights, which is whole too, and adds pairs: only a
//! block's sums become f32.

use std::arch::x86_64::_MM_HINT_T0;
use std::marker::PhantomData;

use pulp::x86::V4;
use pulp::{NullaryFnOnce, cast, f32x16, i16x32, i32x16, u8x64};

use super::blocks::{Format, LARGEST, Q4K, Q6K, Q8_0};
use super::integers::{BYTES, ByteBlock, Rounded, SPAN, VECTORS, Whole};
use super::matmul::STRIP;

/// Neighbouring outputs whose weights are read side by side, where the processor reads ahead only to the end of a page of memory,
/// which a few rows fill: the weights of the next outputs are asked for meanwhile ([`prefetch`]).
pub(super) const SIDE_BY_SIDE: usize = 4;

/// One output after the other, for processors that read ahead by themselves in the order of memory, over the ends of pages. A Zen 4
/// took 0.5 to 0.8 of the time so; two rows side by side took it up to three times as long, asked for ahead or not.
pub(super) const IN_TURN: usize = 1;

/// Bytes of the longest row that is read in turn: a longer one is pushed out of the innermost cache by the weights that pass, and
/// is better read once for several outputs. In turn, 8,960 inputs took a Zen 4 1.2 to 1.5 times as long in 16 bits; in 8 bits,
/// side by side did.
pub(super) const SHORT: usize = 12_800;

/// Numbers of a vector, and outputs whose last sums are added together.
const LANES: usize = 16;

/// Bytes that memory is read by.
const LINE: usize = 64;

/// How a format is multiplied with a rounded row.
pub(super) trait Dots: Format {
    /// Whether the format has offsets other than zero.
    const OFFSETS: bool;
    /// Bytes of each of a row's numbers where rows are few.
    const ROUNDED: usize;

    /// The products of outputs' weights with one row, added up but for the last sixteen sums.
    fn dots<const STREAMS: usize>(v4: V4, weights: [&[u8]; STREAMS], x: Rounded<'_>) -> [f32x16; STREAMS];
}

/// The product of rows with a strip of outputs' weights.
pub(super) struct Few<'a, F, const STREAMS: usize> {
    v4: V4,
    weights: &'a [&'a [u8]; STRIP],
    x: Rounded<'a>,
    /// `[rows][STRIP]`.
    out: &'a mut [f32],
    format: PhantomData<F>,
}

impl<'a, F, const STREAMS: usize> Few<'a, F, STREAMS> {
    pub(super) fn new(v4: V4, weights: &'a [&'a [u8]; STRIP], x: Rounded<'a>, out: &'a mut [f32]) -> Self {
        Few { v4, weights, x, out, format: PhantomData }
    }
}

impl<F: Dots, const STREAMS: usize> NullaryFnOnce for Few<'_, F, STREAMS> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let rows = self.out.len() / STRIP;
        for (row, out) in self.out.chunks_exact_mut(STRIP).enumerate() {
            let x = self.x.row(row, rows);
            for (weights, out) in self.weights.as_chunks::<LANES>().0.iter().zip(out.as_chunks_mut::<LANES>().0) {
                let mut totals = [self.v4.splat_f32x16(0.0); LANES];
                for first in (0..LANES).step_by(STREAMS) {
                    let weights: [&[u8]; STREAMS] = std::array::from_fn(|at| weights[first + at]);
                    let dots = F::dots(self.v4, weights, x);
                    totals[first..first + STREAMS].copy_from_slice(&dots);
                }
                *out = cast(summed(self.v4, &totals));
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

/// Two little-endian half-precision numbers.
#[inline(always)]
fn two_numbers(v4: V4, halves: [u8; 4]) -> [f32; 2] {
    let numbers: [f32; 8] = cast(v4.avx512vl._mm256_maskz_cvtph_ps(u8::MAX, cast([halves; 4])));
    [numbers[0], numbers[1]]
}

/// The sum of each vector's lanes: neighbours are added in pairs, then in fours, and those of a quarter with those of others.
#[inline(always)]
fn summed(v4: V4, totals: &[f32x16; LANES]) -> f32x16 {
    let mut quarters = [v4.splat_f32x16(0.0); LANES / 4];
    for (quarters, [a, b, c, d]) in quarters.iter_mut().zip(totals.as_chunks().0) {
        let (ab, cd) = (interleaved(v4, *a, *b), interleaved(v4, *c, *d));
        let lower = v4.avx512f._mm512_unpacklo_pd(cast(ab), cast(cd));
        let upper = v4.avx512f._mm512_unpackhi_pd(cast(ab), cast(cd));
        *quarters = v4.add_f32x16(cast(lower), cast(upper));
    }
    let [a, b, c, d] = quarters;
    let (ab, cd) = (halves(v4, a, b), halves(v4, c, d));
    let even = v4.avx512f._mm512_shuffle_f32x4::<0x88>(cast(ab), cast(cd));
    let odd = v4.avx512f._mm512_shuffle_f32x4::<0xDD>(cast(ab), cast(cd));
    v4.add_f32x16(cast(even), cast(odd))
}

/// The first and third of each four numbers of one vector added, beside those of the other, and so the second and fourth.
#[inline(always)]
fn interleaved(v4: V4, a: f32x16, b: f32x16) -> f32x16 {
    let lower = v4.avx512f._mm512_unpacklo_ps(cast(a), cast(b));
    let upper = v4.avx512f._mm512_unpackhi_ps(cast(a), cast(b));
    v4.add_f32x16(cast(lower), cast(upper))
}

/// The halves of one vector added, then those of the other.
#[inline(always)]
fn halves(v4: V4, a: f32x16, b: f32x16) -> f32x16 {
    let lower = v4.avx512f._mm512_shuffle_f32x4::<0x44>(cast(a), cast(b));
    let upper = v4.avx512f._mm512_shuffle_f32x4::<0xEE>(cast(a), cast(b));
    v4.add_f32x16(cast(lower), cast(upper))
}

/// Asks for the weights that lie where this block's do in the next outputs, those of `width` bytes each that follow as many
/// as are read side by side; where there are none, nothing is read. This took 0.65 of the time for 1024 inputs in Q6_K and 0.8
/// in Q4_K, of a matrix that no cache holds.
#[inline(always)]
fn prefetch<const STREAMS: usize>(v4: V4, block: &[u8], width: usize) {
    if STREAMS != IN_TURN {
        ask_for(v4, block, STREAMS * width);
    }
}

/// Asks for what lies so many bytes behind these, and goes on.
#[inline(always)]
pub(super) fn ask_for(v4: V4, bytes: &[u8], behind: usize) {
    for line in (0..bytes.len()).step_by(LINE) {
        v4.sse._mm_prefetch::<_MM_HINT_T0>(bytes.as_ptr().wrapping_add(behind + line).cast());
    }
}

impl Dots for Q8_0 {
    const OFFSETS: bool = false;
    const ROUNDED: usize = 2;

    #[inline(always)]
    fn dots<const STREAMS: usize>(v4: V4, weights: [&[u8]; STREAMS], x: Rounded<'_>) -> [f32x16; STREAMS] {
        let (x, width) = (x.spans, weights[0].len());
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
        totals
    }
}

/// For each vector of a block's numbers, in the order of [`ByteBlock`], where its 16s find the scale of their span among bytes
/// that repeat from 8 to 8; the byte above it is zero.
const SCALES_OF_SPANS: [[u8; BYTES]; VECTORS] = {
    let mut places = [[0x80; BYTES]; VECTORS];
    let mut at = 0;
    while at < LARGEST / 2 {
        places[at / 32][at % 32 * 2] = (at / 32 + at % 32 / 16 * VECTORS) as u8;
        at += 1;
    }
    places
};

/// As [`SCALES_OF_SPANS`], of each 16 numbers, among 16s that repeat from 16 to 16.
const SCALES_OF_SIXTEENS: [[u16; BYTES / 2]; VECTORS] = {
    let mut places = [[0; BYTES / 2]; VECTORS];
    let mut at = 0;
    while at < LARGEST / 2 {
        places[at / 32][at % 32] = (at / 32 * 2 + at % 32 / 8 % 2 + at % 32 / 16 * 8) as u16;
        at += 1;
    }
    places
};

/// A vector of a block's bytes: those from `first` on, and in its upper half those that begin `apart` behind them.
#[inline(always)]
fn two_halves(block: &[u8], first: usize, apart: usize) -> u8x64 {
    let half = |at: usize| *block[at..].first_chunk::<SPAN>().unwrap_or(&[0; SPAN]);
    cast([half(first), half(first + apart)])
}

/// Adds the products of a vector of weights, of 0 to 63, with the numbers, times the scale of each two neighbours.
#[inline(always)]
fn add_products(v4: V4, weights: u8x64, x: &ByteBlock, vector: usize, scales: i16x32, sum: i32x16) -> i32x16 {
    let products = v4.avx512bw._mm512_maddubs_epi16(cast(weights), cast(x.bytes[vector]));
    v4.wrapping_add_i32x16(sum, v4.multiply_wrapping_add_adjacent_i16x32(cast(products), scales))
}

/// Adds a block's sums to a total, times the scale of its weights and of the numbers.
#[inline(always)]
fn add_block(v4: V4, sum: i32x16, scale: f32, x: &ByteBlock, total: f32x16) -> f32x16 {
    v4.mul_add_f32x16(v4.convert_i32x16_to_f32x16(sum), v4.splat_f32x16(scale * x.scale), total)
}

impl Dots for Q4K {
    const OFFSETS: bool = true;
    const ROUNDED: usize = 1;

    #[inline(always)]
    fn dots<const STREAMS: usize>(v4: V4, weights: [&[u8]; STREAMS], x: Rounded<'_>) -> [f32x16; STREAMS] {
        let width = weights[0].len();
        let weights = weights.map(|weights| &weights.as_chunks::<{ Q4K::BYTES }>().0[..x.blocks.len()]);
        let mut totals = [v4.splat_f32x16(0.0); STREAMS];
        let mut offsets = [v4.splat_f32x8(0.0); STREAMS];
        for (at, x) in x.blocks.iter().enumerate() {
            for stream in 0..STREAMS {
                let block = &weights[stream][at];
                prefetch::<STREAMS>(v4, block, width);
                let (scales, least) = Q4K::sixes(block);
                let scales = [scales; 8];
                let mut sum = v4.splat_i32x16(0);
                for two in 0..VECTORS / 2 {
                    let bytes = two_halves(block, 16 + two * SPAN, 2 * SPAN);
                    let fours = [bytes, cast(v4.shr_const_u16x32::<4>(cast(bytes)))];
                    for half in 0..2 {
                        let vector = two * 2 + half;
                        let fours = v4.and_u8x64(fours[half], v4.splat_u8x64(15));
                        let scales = v4.avx512bw._mm512_shuffle_epi8(cast(scales), cast(SCALES_OF_SPANS[vector]));
                        sum = add_products(v4, fours, x, vector, cast(scales), sum);
                    }
                }
                let [scale, least_scale] = two_numbers(v4, [block[0], block[1], block[2], block[3]]);
                totals[stream] = add_block(v4, sum, scale, x, totals[stream]);
                let least = v4.avx2._mm256_cvtepu8_epi32(cast([least; 2]));
                let least = v4.mul_f32x8(v4.convert_i32x8_to_f32x8(cast(least)), cast(x.sums_of_spans));
                offsets[stream] = v4.mul_add_f32x8(least, v4.splat_f32x8(least_scale), offsets[stream]);
            }
        }
        for stream in 0..STREAMS {
            totals[stream] = v4.sub_f32x16(totals[stream], cast([offsets[stream], v4.splat_f32x8(0.0)]));
        }
        totals
    }
}

impl Dots for Q6K {
    const OFFSETS: bool = false;
    const ROUNDED: usize = 1;

    #[inline(always)]
    fn dots<const STREAMS: usize>(v4: V4, weights: [&[u8]; STREAMS], x: Rounded<'_>) -> [f32x16; STREAMS] {
        let width = weights[0].len();
        let weights = weights.map(|weights| &weights.as_chunks::<{ Q6K::BYTES }>().0[..x.blocks.len()]);
        let mut totals = [v4.splat_f32x16(0.0); STREAMS];
        let mut offsets = [v4.splat_f32x16(0.0); STREAMS];
        for (at, x) in x.blocks.iter().enumerate() {
            for stream in 0..STREAMS {
                let block = &weights[stream][at];
                prefetch::<STREAMS>(v4, block, width);
                let scales: &[u8; 16] = block[192..].first_chunk().unwrap_or(&[0; 16]);
                let sixteens = v4.avx512bw._mm512_cvtepi8_epi16(cast([*scales; 2]));
                let low = [two_halves(block, 0, 2 * SPAN), two_halves(block, SPAN, 2 * SPAN)];
                // Two upper bits of each of four numbers lie in a byte.
                let upper = cast(two_halves(block, 128, SPAN));
                let upper = [
                    v4.shl_const_u16x32::<4>(upper),
                    v4.shl_const_u16x32::<2>(upper),
                    upper,
                    v4.shr_const_u16x32::<2>(upper),
                ];
                let mut sum = v4.splat_i32x16(0);
                for vector in 0..VECTORS {
                    let mut lower = low[vector % 2];
                    if vector / 2 == 1 {
                        lower = cast(v4.shr_const_u16x32::<4>(cast(lower)));
                    }
                    let upper = v4.and_u8x64(cast(upper[vector]), v4.splat_u8x64(0x30));
                    let sixes = v4.or_u8x64(v4.and_u8x64(lower, v4.splat_u8x64(15)), upper);
                    let scales = v4.avx512bw._mm512_permutexvar_epi16(cast(SCALES_OF_SIXTEENS[vector]), sixteens);
                    sum = add_products(v4, sixes, x, vector, cast(scales), sum);
                }
                let [_, scale] = two_numbers(v4, [block[206], block[207], block[208], block[209]]);
                totals[stream] = add_block(v4, sum, scale, x, totals[stream]);
                let scales = v4.avx512f._mm512_cvtepi8_epi32(cast(*scales));
                // What makes 32 more than a weight is.
                let more = v4.mul_f32x16(v4.convert_i32x16_to_f32x16(cast(scales)), cast(x.sums));
                offsets[stream] = v4.mul_add_f32x16(more, v4.splat_f32x16(scale), offsets[stream]);
            }
        }
        for stream in 0..STREAMS {
            totals[stream] = v4.mul_add_f32x16(offsets[stream], v4.splat_f32x16(-32.0), totals[stream]);
        }
        totals
    }
}
