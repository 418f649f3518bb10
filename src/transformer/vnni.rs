//! Products in integers of 16 bits, where the processor multiplies two pairs of those and adds both products in one step
//! (AVX-512 VNNI): half the steps of f32.
//!
//! The weights' integers are exact; the rows were rounded ([`super::integers`]). A span's products are summed exactly, in 32
//! bits, and multiplied with the weights' scale and the row's; sums over spans are in f32.
//!
//! The compiler makes the one step of a product and a sum as they are written here, in the functions that run with
//! [`Features`].

use std::cell::RefCell;
use std::hint::black_box;
use std::marker::PhantomData;
use std::ops::Range;

use pulp::x86::V4;
use pulp::{NullaryFnOnce, Simd, cast, f32x16, i16x32, i32x16};

use super::blocks::{Across, Format, Integers, Scales};
use super::few::{Dots, Few, IN_TURN, SHORT, SIDE_BY_SIDE, ask_for};
use super::integers::{Rounded, SPAN, Spans};
use super::matmul::STRIP;

pulp::simd_type! {
    /// What the products use of the processor.
    pub(super) struct Features {
        fma: "fma",
        avx2: "avx2",
        avx512f: "avx512f",
        avx512bw: "avx512bw",
        avx512dq: "avx512dq",
        avx512vl: "avx512vl",
        avx512vnni: "avx512vnni",
    }
}

/// Proof that the processor has the instructions.
#[derive(Clone, Copy)]
pub(super) struct Vnni {
    pub(super) v4: V4,
    pub(super) features: Features,
    /// Whether weights of few short rows are read one output after the other: as they lie in memory.
    in_turn: bool,
}

/// Inputs of one panel, a multiple of every format's block: 32 KiB.
const DEPTH: usize = 512;

/// 16-bit numbers of a vector: two neighbouring inputs of each of 16 outputs.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Pairs([i16; 32]);

/// A number for each of 16 outputs.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Floats([f32; 16]);

/// Vectors of a strip's outputs.
const SIDES: usize = STRIP / 16;

/// Weights of a strip, ready to be multiplied.
struct Panel {
    pairs: Vec<[Pairs; SIDES]>,
    /// For each [`Format::GROUP`] of inputs.
    scales: Vec<[Floats; SIDES]>,
    offsets: Vec<[Floats; SIDES]>,
}

impl Panel {
    const EMPTY: Panel = Panel { pairs: Vec::new(), scales: Vec::new(), offsets: Vec::new() };
}

thread_local! {
    static PANEL: RefCell<Panel> = const { RefCell::new(Panel::EMPTY) };
}

impl Vnni {
    /// The proof, where the processor has them.
    pub(super) fn find() -> Option<Vnni> {
        // AMD's processors are told by an extension that no other has.
        let in_turn = std::arch::is_x86_feature_detected!("sse4a");
        Some(Vnni { v4: V4::try_new()?, features: Features::try_new()?, in_turn })
    }

    /// Multiplies rows with a strip of outputs' weights; `out` is `[rows][STRIP]`. A row's result depends on no other row.
    pub(super) fn multiply<F: Dots>(self, weights: &[&[u8]; STRIP], x: Spans<'_>, out: &mut [f32]) {
        PANEL.with_borrow_mut(|panel| {
            panel.pairs.resize(DEPTH / 2, [Pairs([0; 32]); SIDES]);
            panel.scales.resize(DEPTH / F::GROUP, [Floats([0.0; 16]); SIDES]);
            panel.offsets.resize(DEPTH / F::GROUP, [Floats([0.0; 16]); SIDES]);
            let format = PhantomData::<F>;
            self.features.vectorize(Multiply { v4: self.v4, panel, weights, x, out, format });
        });
    }

    /// As [`Vnni::multiply`], with each output's weights as they are read and rows as [`Dots`] takes them: fewer steps for few
    /// rows.
    pub(super) fn multiply_few<F: Dots>(self, weights: &[&[u8]; STRIP], x: Rounded<'_>, out: &mut [f32]) {
        let inputs = weights[0].len() / F::BYTES * F::NUMBERS;
        if self.in_turn && inputs * F::ROUNDED <= SHORT {
            self.features.vectorize(Few::<F, IN_TURN>::new(self.v4, weights, x, out));
        } else {
            self.features.vectorize(Few::<F, SIDE_BY_SIDE>::new(self.v4, weights, x, out));
        }
    }
}

#[cfg(test)]
impl Vnni {
    /// Reading in either order, whatever processor this is.
    pub(super) fn in_each_order(self) -> [Vnni; 2] {
        [false, true].map(|in_turn| Vnni { in_turn, ..self })
    }
}

struct Multiply<'a, F> {
    v4: V4,
    panel: &'a mut Panel,
    weights: &'a [&'a [u8]; STRIP],
    x: Spans<'a>,
    out: &'a mut [f32],
    format: PhantomData<F>,
}

impl<F: Dots> NullaryFnOnce for Multiply<'_, F> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Multiply { v4, panel, weights, x, out, .. } = self;
        let rows = out.len() / STRIP;
        let spans = x.len() / rows;
        let mut across = Across::ZEROS;
        for from in (0..spans).step_by(DEPTH / SPAN) {
            let depth = (DEPTH / SPAN).min(spans - from);
            let bytes = |inputs: usize| inputs / F::NUMBERS * F::BYTES;
            for row in weights {
                ask_for(v4, &row[bytes(from * SPAN)..][..bytes(depth * SPAN)], 0);
            }
            fill::<F>(v4, weights, from * SPAN, depth * SPAN, &mut across, panel);
            let (mut x, mut out) = (x, &mut *out);
            loop {
                let taken = match out.len() / STRIP {
                    0 => break,
                    1 => tile::<F, 1>(v4, panel, x, spans, from..from + depth, out),
                    2..6 => tile::<F, 2>(v4, panel, x, spans, from..from + depth, out),
                    _ => tile::<F, 6>(v4, panel, x, spans, from..from + depth, out),
                };
                x = x.part(taken * spans..x.len());
                out = &mut out[taken * STRIP..];
            }
        }
    }
}

/// Fills the panel with `depth` inputs of a strip from input `from` on.
#[inline(always)]
fn fill<F: Format>(
    v4: V4,
    weights: &[&[u8]; STRIP],
    from: usize,
    depth: usize,
    across: &mut Across,
    panel: &mut Panel,
) {
    for block in 0..depth / F::NUMBERS {
        across.take::<F>(weights, from / F::NUMBERS + block);
        let first = block * F::NUMBERS / F::GROUP;
        for group in 0..F::NUMBERS / F::GROUP {
            for side in 0..SIDES {
                let Scales { scales, offsets } = &across.scales;
                panel.scales[first + group][side].0 = scales[group].as_chunks().0[side];
                panel.offsets[first + group][side].0 = offsets[group].as_chunks().0[side];
            }
        }
        let pairs = panel.pairs[block * F::NUMBERS / 2..].as_chunks_mut::<8>().0;
        for (at, pairs) in pairs[..F::NUMBERS / 16].iter_mut().enumerate() {
            for (side, rows) in across.integers.as_chunks::<16>().0.iter().enumerate() {
                for (words, pairs) in turned(v4, rows, at).into_iter().zip(pairs.as_chunks_mut::<2>().0) {
                    for (pairs, order) in pairs.iter_mut().zip(ORDERS) {
                        pairs[side].0 = widened(v4, words, order);
                    }
                }
            }
        }
    }
}

/// The sixteen bytes of this index of sixteen rows across: their first four of all rows, each row's as one word, then their
/// next. Each quarter of a vector holds four rows, which are turned within it.
#[inline(always)]
fn turned(v4: V4, rows: &[Integers; 16], index: usize) -> [i32x16; 4] {
    let sixteen = |row: usize| rows[row].as_chunks::<16>().0[index];
    let fourth = |row: usize| cast([sixteen(row), sixteen(row + 4), sixteen(row + 8), sixteen(row + 12)]);
    let (a, b, c, d) = (fourth(0), fourth(1), fourth(2), fourth(3));
    let avx512f = v4.avx512f;
    let (ab, cd) = (avx512f._mm512_unpacklo_epi32(a, b), avx512f._mm512_unpacklo_epi32(c, d));
    let (upper_ab, upper_cd) = (avx512f._mm512_unpackhi_epi32(a, b), avx512f._mm512_unpackhi_epi32(c, d));
    [
        cast(avx512f._mm512_unpacklo_epi64(ab, cd)),
        cast(avx512f._mm512_unpackhi_epi64(ab, cd)),
        cast(avx512f._mm512_unpacklo_epi64(upper_ab, upper_cd)),
        cast(avx512f._mm512_unpackhi_epi64(upper_ab, upper_cd)),
    ]
}

/// Where the bytes of each word's first two numbers, and of its last two, go: the upper byte of 16 bits.
const ORDERS: [[u8; 64]; 2] = [order(0), order(2)];

const fn order(first: u8) -> [u8; 64] {
    let mut order = [0x80; 64];
    let mut word = 0;
    while word < 16 {
        // Within a quarter of a vector.
        order[word * 4 + 1] = (word % 4 * 4) as u8 + first;
        order[word * 4 + 3] = (word % 4 * 4) as u8 + first + 1;
        word += 1;
    }
    order
}

/// Two bytes of each word as numbers of 16 bits.
#[inline(always)]
fn widened(v4: V4, words: i32x16, order: [u8; 64]) -> [i16; 32] {
    let upper: i16x32 = cast(v4.avx512bw._mm512_shuffle_epi8(cast(words), cast(order)));
    cast(v4.shr_const_i16x32::<8>(upper))
}

/// Multiplies some spans of the first `ROWS` rows of `x` with the panel, adds that to `out` and returns `ROWS`.
#[inline(always)]
fn tile<F: Dots, const ROWS: usize>(
    v4: V4,
    panel: &Panel,
    x: Spans<'_>,
    stride: usize,
    spans: Range<usize>,
    out: &mut [f32],
) -> usize {
    let x: [Spans<'_>; ROWS] = std::array::from_fn(|row| x.part(row * stride + spans.start..row * stride + spans.end));
    let mut totals = [[v4.splat_f32x16(0.0); SIDES]; ROWS];
    if spans.start > 0 {
        for row in 0..ROWS {
            for side in 0..SIDES {
                totals[row][side] = V4::as_simd_f32s(&out[row * STRIP + side * 16..][..16]).0[0];
            }
        }
    }
    // Unseen by the compiler: what it unrolls it takes apart into products and sums again.
    let pairs_of_group = black_box(F::GROUP / 2);
    let groups = panel.pairs.chunks_exact(pairs_of_group).zip(panel.scales.iter().zip(&panel.offsets));
    for (group, (pairs, (scales, offsets))) in groups.take(x[0].len() * SPAN / F::GROUP).enumerate() {
        let (span, part) = (group * F::GROUP / SPAN, group * F::GROUP % SPAN / 2);
        let x_pairs: [&[i32]; ROWS] = x.map(|x| &x.pairs[span].0[part..][..pairs.len()]);
        let mut sums = [[v4.splat_i32x16(0); SIDES]; ROWS];
        for (at, pairs) in pairs.iter().enumerate() {
            let weights: [i16x32; SIDES] = [cast(pairs[0].0), cast(pairs[1].0)];
            for row in 0..ROWS {
                let x: i16x32 = cast(v4.splat_i32x16(x_pairs[row][at]));
                for side in 0..SIDES {
                    let products = v4.multiply_wrapping_add_adjacent_i16x32(weights[side], x);
                    sums[row][side] = v4.wrapping_add_i32x16(sums[row][side], products);
                }
            }
        }
        for row in 0..ROWS {
            let scale = v4.splat_f32x16(x[row].scales[span]);
            for side in 0..SIDES {
                let weight: f32x16 = cast(scales[side].0);
                let sum = v4.convert_i32x16_to_f32x16(sums[row][side]);
                let mut total = totals[row][side];
                if F::OFFSETS {
                    total = v4.mul_add_f32x16(cast(offsets[side].0), v4.splat_f32x16(x[row].sums[span]), total);
                }
                totals[row][side] = v4.mul_add_f32x16(sum, v4.mul_f32x16(weight, scale), total);
            }
        }
    }
    for row in 0..ROWS {
        for side in 0..SIDES {
            V4::as_mut_simd_f32s(&mut out[row * STRIP + side * 16..][..16]).0[0] = totals[row][side];
        }
    }
    ROWS
}
