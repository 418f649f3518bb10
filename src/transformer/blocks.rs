//! How llama.cpp lays out quantised numbers, block by block: taken apart into integers and scales along a row or across the
//! rows of a strip, and read as f32.
//!
//! The loops are plain; inlined into a vector dispatch, the compiler makes vectors of them.

use pulp::Simd;

use super::matmul::STRIP;

/// Numbers of the largest block.
pub(super) const LARGEST: usize = 256;

/// Fewest neighbouring numbers that share a scale.
pub(super) const LEAST: usize = 16;

/// Whole numbers of a block, as many as it has.
pub(super) type Integers = [i8; LARGEST];

/// What the whole numbers of `ROWS` blocks mean: a number is `integer * scale + offset`, with a scale and an offset for each
/// [`Format::GROUP`] of a block's numbers.
pub(super) struct Scales<const ROWS: usize> {
    pub(super) scales: [[f32; ROWS]; LARGEST / LEAST],
    pub(super) offsets: [[f32; ROWS]; LARGEST / LEAST],
}

impl<const ROWS: usize> Scales<ROWS> {
    const ZEROS: Self = Scales { scales: [[0.0; ROWS]; LARGEST / LEAST], offsets: [[0.0; ROWS]; LARGEST / LEAST] };
}

/// A layout of blocks.
pub(super) trait Format {
    /// Numbers of a block.
    const NUMBERS: usize;
    /// Bytes of a block.
    const BYTES: usize;
    /// Neighbouring numbers that share a scale.
    const GROUP: usize;

    /// Takes a block's whole numbers.
    fn integers(block: &[u8], out: &mut Integers);

    /// Takes the scales of blocks, one of each row.
    fn scales<const ROWS: usize>(blocks: &[&[u8]; ROWS], out: &mut Scales<ROWS>);
}

/// Reads blocks that follow each other; `out` is as long as their numbers.
#[inline(always)]
pub(super) fn read<F: Format>(bytes: &[u8], out: &mut [f32]) {
    let (mut integers, mut scales) = ([0; LARGEST], Scales::ZEROS);
    for (bytes, out) in bytes.chunks_exact(F::BYTES).zip(out.chunks_exact_mut(F::NUMBERS)) {
        F::integers(bytes, &mut integers);
        F::scales(&[bytes], &mut scales);
        let groups = integers.chunks_exact(F::GROUP).zip(scales.scales.iter().zip(&scales.offsets));
        for (out, (integers, ([scale], [offset]))) in out.chunks_exact_mut(F::GROUP).zip(groups) {
            for (out, integer) in out.iter_mut().zip(integers) {
                *out = f32::from(*integer) * scale + offset;
            }
        }
    }
}

/// The same block of all rows of a strip, taken apart.
pub(super) struct Across {
    pub(super) integers: [Integers; STRIP],
    pub(super) scales: Scales<STRIP>,
}

impl Across {
    pub(super) const ZEROS: Across = Across { integers: [[0; LARGEST]; STRIP], scales: Scales::ZEROS };

    /// Takes the rows' blocks of this index.
    #[inline(always)]
    pub(super) fn take<F: Format>(&mut self, rows: &[&[u8]; STRIP], index: usize) {
        let mut blocks = *rows;
        for (block, integers) in blocks.iter_mut().zip(&mut self.integers) {
            *block = &block[index * F::BYTES..][..F::BYTES];
            F::integers(block, integers);
        }
        F::scales(&blocks, &mut self.scales);
    }
}

/// Reads the same blocks of all rows of a strip across: `out` is `[numbers][STRIP]`.
#[inline(always)]
pub(super) fn read_across<F: Format>(rows: &[&[u8]; STRIP], out: &mut [f32]) {
    // Four neighbouring integers of each row: they move together, as one word.
    let (mut across, mut words) = (Across::ZEROS, [[0; STRIP]; LARGEST / 4]);
    for (at, out) in out.chunks_exact_mut(F::NUMBERS * STRIP).enumerate() {
        across.take::<F>(rows, at);
        for (row, integers) in across.integers.iter().enumerate() {
            for (words, four) in words[..F::NUMBERS / 4].iter_mut().zip(integers.as_chunks::<4>().0) {
                words[row] = i32::from_le_bytes(four.map(|integer| integer as u8));
            }
        }
        for (four, words) in words[..F::NUMBERS / 4].iter().enumerate() {
            let group = four * 4 / F::GROUP;
            let (scales, offsets) = (&across.scales.scales[group], &across.scales.offsets[group]);
            for place in 0..4 {
                let line = &mut out[(four * 4 + place) * STRIP..][..STRIP];
                for row in 0..STRIP {
                    let integer = words[row] << (24 - 8 * place) >> 24;
                    line[row] = integer as f32 * scales[row] + offsets[row];
                }
            }
        }
    }
}

/// The sum of products of blocks that follow each other with `x`.
#[inline(always)]
pub(super) fn dot<S: Simd, F: Format>(s: S, bytes: &[u8], x: &[f32]) -> f32 {
    let (mut integers, mut scales, mut floats) = ([0; LARGEST], Scales::ZEROS, [0f32; LARGEST]);
    let mut sums = [s.splat_f32s(0.0); 2];
    for (bytes, x) in bytes.chunks_exact(F::BYTES).zip(x.chunks_exact(F::NUMBERS)) {
        F::integers(bytes, &mut integers);
        F::scales(&[bytes], &mut scales);
        for (float, integer) in floats[..F::NUMBERS].iter_mut().zip(&integers) {
            *float = f32::from(*integer);
        }
        for at in (0..F::NUMBERS).step_by(LEAST) {
            let (group, sum) = (at / F::GROUP, at / LEAST % 2);
            let (scale, offset) = (s.splat_f32s(scales.scales[group][0]), s.splat_f32s(scales.offsets[group][0]));
            let (floats, x) = (&floats[at..][..LEAST], &x[at..][..LEAST]);
            sums[sum] = add_products(s, floats, scale, offset, x, sums[sum]);
        }
    }
    s.reduce_sum_f32s(s.add_f32s(sums[0], sums[1]))
}

/// Adds the products of numbers that share a scale with `x` to a sum.
#[inline(always)]
fn add_products<S: Simd>(
    s: S,
    integers: &[f32],
    scale: S::f32s,
    offset: S::f32s,
    x: &[f32],
    mut sum: S::f32s,
) -> S::f32s {
    for (integer, x) in S::as_simd_f32s(integers).0.iter().zip(S::as_simd_f32s(x).0) {
        sum = s.mul_add_e_f32s(s.mul_add_e_f32s(*integer, scale, offset), *x, sum);
    }
    sum
}

/// 32 numbers of 8 bits with one scale.
pub(super) struct Q8_0;

impl Format for Q8_0 {
    const NUMBERS: usize = 32;
    const BYTES: usize = 34;
    const GROUP: usize = 32;

    #[inline(always)]
    fn integers(block: &[u8], out: &mut Integers) {
        for (out, byte) in out[..32].iter_mut().zip(&block[2..34]) {
            *out = *byte as i8;
        }
    }

    #[inline(always)]
    fn scales<const ROWS: usize>(blocks: &[&[u8]; ROWS], out: &mut Scales<ROWS>) {
        out.scales[0] = halves(blocks, 0);
    }
}

/// 256 numbers of 4 bits; each 32 have a scale and a minimum of 6 bits.
pub(super) struct Q4K;

impl Format for Q4K {
    const NUMBERS: usize = 256;
    const BYTES: usize = 144;
    const GROUP: usize = 32;

    #[inline(always)]
    fn integers(block: &[u8], out: &mut Integers) {
        for (out, bytes) in out.as_chunks_mut::<64>().0.iter_mut().zip(block[16..144].as_chunks::<32>().0) {
            let (mut low, mut high) = ([0; 32], [0; 32]);
            for at in 0..32 {
                low[at] = (bytes[at] & 15) as i8;
                high[at] = (bytes[at] >> 4) as i8;
            }
            out[..32].copy_from_slice(&low);
            out[32..].copy_from_slice(&high);
        }
    }

    #[inline(always)]
    fn scales<const ROWS: usize>(blocks: &[&[u8]; ROWS], out: &mut Scales<ROWS>) {
        let [scales, minimums] = [0, 2].map(|at| halves(blocks, at));
        for (row, block) in blocks.iter().enumerate() {
            let (sixes, least) = Q4K::sixes(block);
            for group in 0..8 {
                out.scales[group][row] = scales[row] * f32::from(sixes[group]);
                out.offsets[group][row] = -(minimums[row] * f32::from(least[group]));
            }
        }
    }
}

impl Q4K {
    /// The 6 bits of the scale of each of a block's 32s, and those of its least number. Four lie side by side in a word; of the
    /// last four, the lower bits are in one word and the upper bits at the top of another.
    #[inline(always)]
    pub(super) fn sixes(block: &[u8]) -> ([u8; 8], [u8; 8]) {
        let word = |at: usize| u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]);
        let (first, second, third) = (word(4), word(8), word(12));
        let upper = |word: u32| word >> 2 & 0x3030_3030;
        let apart = |low: u32, high: u32| (u64::from(high) << 32 | u64::from(low)).to_le_bytes();
        let scales = apart(first & 0x3F3F_3F3F, third & 0x0F0F_0F0F | upper(first));
        let least = apart(second & 0x3F3F_3F3F, third >> 4 & 0x0F0F_0F0F | upper(second));
        (scales, least)
    }
}

/// 256 numbers of 6 bits; each 16 have a scale of 8 bits.
pub(super) struct Q6K;

impl Format for Q6K {
    const NUMBERS: usize = 256;
    const BYTES: usize = 210;
    const GROUP: usize = 16;

    #[inline(always)]
    fn integers(block: &[u8], out: &mut Integers) {
        let (low, high) = block[..192].split_at(128);
        let halves = low.as_chunks::<64>().0.iter().zip(high.as_chunks::<32>().0);
        for (out, (low, high)) in out.as_chunks_mut::<128>().0.iter_mut().zip(halves) {
            let mut quarters = [[0; 32]; 4];
            for at in 0..32 {
                let number = |bits: u8, shift: u32| (bits | (high[at] >> shift & 3) << 4) as i8 - 32;
                quarters[0][at] = number(low[at] & 15, 0);
                quarters[1][at] = number(low[at + 32] & 15, 2);
                quarters[2][at] = number(low[at] >> 4, 4);
                quarters[3][at] = number(low[at + 32] >> 4, 6);
            }
            out.copy_from_slice(quarters.as_flattened());
        }
    }

    #[inline(always)]
    fn scales<const ROWS: usize>(blocks: &[&[u8]; ROWS], out: &mut Scales<ROWS>) {
        let scales: [f32; ROWS] = halves(blocks, 208);
        for (row, block) in blocks.iter().enumerate() {
            for (out, byte) in out.scales.iter_mut().zip(&block[192..208]) {
                out[row] = scales[row] * f32::from(*byte as i8);
            }
        }
    }
}

/// The half-precision number that each block has at this byte: gathered first, they are widened as a vector.
#[inline(always)]
fn halves<const ROWS: usize>(blocks: &[&[u8]; ROWS], at: usize) -> [f32; ROWS] {
    let (mut halves, mut numbers) = ([[0; 2]; ROWS], [0.0; ROWS]);
    for (half, block) in halves.iter_mut().zip(blocks) {
        *half = [block[at], block[at + 1]];
    }
    for (number, [low, high]) in numbers.iter_mut().zip(halves) {
        *number = half(low, high);
    }
    numbers
}

/// A little-endian half-precision number.
#[inline(always)]
pub(super) fn half(low: u8, high: u8) -> f32 {
    let bits = u32::from(u16::from_le_bytes([low, high]));
    let widened = (bits & 0x7FFF) << 13;
    // Exponents differ by 112. A subnormal number gets a leading one, which is taken away again: reading it as a subnormal
    // f32 would take the processor a hundred times as long.
    let magnitude = match bits & 0x7C00 {
        0 => f32::from_bits(widened + (113 << 23)) - f32::from_bits(113 << 23),
        0x7C00 => f32::from_bits(0x7F80_0000 | widened),
        _ => f32::from_bits(widened + (112 << 23)),
    };
    f32::from_bits(magnitude.to_bits() | (bits & 0x8000) << 16)
}

#[cfg(test)]
mod tests {
    use std::marker::PhantomData;

    use candle_core::quantized::{GgmlDType, QTensor};
    use candle_core::{Device, Tensor};
    use proptest::prelude::*;
    use pulp::{Arch, WithSimd};

    use super::*;

    /// Reads what the library makes of random rows in both ways and multiplies them, and checks that against the library's
    /// own reading.
    fn reads_as_the_library<F: Format>(dtype: GgmlDType, numbers: Vec<f32>) {
        let width = numbers.len() / STRIP;
        let rows = Tensor::from_vec(numbers, (STRIP, width), &Device::Cpu).unwrap();
        let stored = QTensor::quantize(&rows, dtype).unwrap();
        let want: Vec<f32> = stored.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        let bytes = stored.data().unwrap();
        let mut along = vec![0.0; want.len()];
        read::<F>(&bytes, &mut along);
        assert_eq!(along, want);
        let lines: Vec<&[u8]> = bytes.chunks_exact(bytes.len() / STRIP).collect();
        let mut across = vec![0.0; want.len()];
        read_across::<F>(lines.as_slice().try_into().unwrap(), &mut across);
        for (place, got) in across.iter().enumerate() {
            assert_eq!(*got, want[place % STRIP * width + place / STRIP]);
        }
        let x: Vec<f32> = (0..width).map(|at| (at as f32 * 0.7).sin()).collect();
        for (line, row) in lines.iter().zip(want.chunks_exact(width)) {
            let products = || row.iter().zip(&x).map(|(a, b)| f64::from(*a) * f64::from(*b));
            let size: f64 = products().map(f64::abs).sum();
            let got = Arch::new().dispatch(Dot::<F> { line, x: &x, format: PhantomData });
            assert!((f64::from(got) - products().sum::<f64>()).abs() <= 1e-6 * size);
        }
    }

    struct Dot<'a, F> {
        line: &'a [u8],
        x: &'a [f32],
        format: PhantomData<F>,
    }

    impl<F: Format> WithSimd for Dot<'_, F> {
        type Output = f32;

        #[inline(always)]
        fn with_simd<S: Simd>(self, s: S) -> f32 {
            dot::<S, F>(s, self.line, self.x)
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        fn blocks_are_read_as_they_were_meant(numbers in proptest::collection::vec(-9f32..9.0, STRIP * 512)) {
            reads_as_the_library::<Q8_0>(GgmlDType::Q8_0, numbers[..STRIP * 96].to_vec());
            reads_as_the_library::<Q4K>(GgmlDType::Q4K, numbers.clone());
            reads_as_the_library::<Q6K>(GgmlDType::Q6K, numbers);
        }
    }

    #[test]
    fn halves_are_read_to_the_last_bit() {
        for (bits, want) in [
            (0x0000, 0.0),
            (0x8000, -0.0),
            (0x3C00, 1.0),
            (0xC500, -5.0),
            (0x7BFF, 65504.0),
            (0x0001, 2f32.powi(-24)),
            (0x83FF, -1023.0 * 2f32.powi(-24)),
            (0x7C00, f32::INFINITY),
            (0xFC00, f32::NEG_INFINITY),
        ] {
            let [low, high] = u16::to_le_bytes(bits);
            assert_eq!(half(low, high).to_bits(), f32::to_bits(want), "{bits:x}");
        }
        assert!(half(0x01, 0x7C).is_nan());
    }
}
