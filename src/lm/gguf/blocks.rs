//! How llama.cpp lays out quantised numbers, block by block, read as f32: along a row, or across the rows of a strip.
//!
//! The loops are plain; inlined into a vector dispatch, the compiler makes vectors of them.

use super::matmul::STRIP;

/// Numbers of the largest block.
const LARGEST: usize = 256;

/// Neighbouring numbers that share a scale.
const GROUP: usize = 16;

/// A layout of blocks.
pub(super) trait Format {
    /// Numbers of a block.
    const NUMBERS: usize;
    /// Bytes of a block.
    const BYTES: usize;

    /// Takes a block apart.
    fn unpack(block: &[u8], out: &mut Unpacked);
}

/// A block taken apart: a number is `integer * scale + offset`, with a scale and an offset for each [`GROUP`] of them.
pub(super) struct Unpacked {
    integers: [i8; LARGEST],
    scales: [f32; LARGEST / GROUP],
    offsets: [f32; LARGEST / GROUP],
}

impl Unpacked {
    #[inline(always)]
    fn new() -> Unpacked {
        Unpacked { integers: [0; LARGEST], scales: [0.0; LARGEST / GROUP], offsets: [0.0; LARGEST / GROUP] }
    }
}

/// Reads blocks that follow each other; `out` is as long as their numbers.
#[inline(always)]
pub(super) fn read<F: Format>(bytes: &[u8], out: &mut [f32]) {
    let mut block = Unpacked::new();
    for (bytes, out) in bytes.chunks_exact(F::BYTES).zip(out.chunks_exact_mut(F::NUMBERS)) {
        F::unpack(bytes, &mut block);
        let groups = block.integers.chunks_exact(GROUP).zip(block.scales.iter().zip(&block.offsets));
        for (out, (integers, (scale, offset))) in out.chunks_exact_mut(GROUP).zip(groups) {
            for (out, integer) in out.iter_mut().zip(integers) {
                *out = f32::from(*integer) * scale + offset;
            }
        }
    }
}

/// Reads the same blocks of all rows of a strip across: `out` is `[numbers][STRIP]`.
#[inline(always)]
pub(super) fn read_across<F: Format>(rows: &[&[u8]; STRIP], out: &mut [f32]) {
    let mut blocks: [Unpacked; STRIP] = std::array::from_fn(|_| Unpacked::new());
    // Four integers of a row move together, as one word.
    let mut words = [[0i32; STRIP]; LARGEST / 4];
    let (mut scales, mut offsets) = ([[0f32; STRIP]; LARGEST / GROUP], [[0f32; STRIP]; LARGEST / GROUP]);
    for (at, out) in out.chunks_exact_mut(F::NUMBERS * STRIP).enumerate() {
        for (block, bytes) in blocks.iter_mut().zip(rows) {
            F::unpack(&bytes[at * F::BYTES..][..F::BYTES], block);
        }
        for (row, block) in blocks.iter().enumerate() {
            for (words, four) in words[..F::NUMBERS / 4].iter_mut().zip(block.integers.as_chunks::<4>().0) {
                words[row] = i32::from_le_bytes(four.map(|integer| integer as u8));
            }
            for group in 0..F::NUMBERS / GROUP {
                scales[group][row] = block.scales[group];
                offsets[group][row] = block.offsets[group];
            }
        }
        for (four, words) in words[..F::NUMBERS / 4].iter().enumerate() {
            let (scales, offsets) = (&scales[four * 4 / GROUP], &offsets[four * 4 / GROUP]);
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

/// 32 numbers of 8 bits with one scale.
pub(super) struct Q8_0;

impl Format for Q8_0 {
    const NUMBERS: usize = 32;
    const BYTES: usize = 34;

    #[inline(always)]
    fn unpack(block: &[u8], out: &mut Unpacked) {
        let scale = half(block[0], block[1]);
        for (out, byte) in out.integers[..32].iter_mut().zip(&block[2..34]) {
            *out = *byte as i8;
        }
        out.scales[..2].fill(scale);
    }
}

/// 256 numbers of 4 bits; each 32 have a scale and a minimum of 6 bits.
pub(super) struct Q4K;

impl Format for Q4K {
    const NUMBERS: usize = 256;
    const BYTES: usize = 144;

    #[inline(always)]
    fn unpack(block: &[u8], out: &mut Unpacked) {
        let (scale, minimum) = (half(block[0], block[1]), half(block[2], block[3]));
        let packed = &block[4..16];
        for part in 0..8 {
            let (six, least) = match part {
                0..4 => (packed[part] & 63, packed[part + 4] & 63),
                _ => {
                    (packed[part + 4] & 15 | packed[part - 4] >> 6 << 4, packed[part + 4] >> 4 | packed[part] >> 6 << 4)
                }
            };
            out.scales[2 * part..2 * part + 2].fill(scale * f32::from(six));
            out.offsets[2 * part..2 * part + 2].fill(-(minimum * f32::from(least)));
        }
        for (out, bytes) in out.integers.chunks_exact_mut(64).zip(block[16..144].chunks_exact(32)) {
            let (low, high) = out.split_at_mut(32);
            for ((low, high), byte) in low.iter_mut().zip(high).zip(bytes) {
                (*low, *high) = ((byte & 15) as i8, (byte >> 4) as i8);
            }
        }
    }
}

/// 256 numbers of 6 bits; each 16 have a scale of 8 bits.
pub(super) struct Q6K;

impl Format for Q6K {
    const NUMBERS: usize = 256;
    const BYTES: usize = 210;

    #[inline(always)]
    fn unpack(block: &[u8], out: &mut Unpacked) {
        let scale = half(block[208], block[209]);
        for (out, byte) in out.scales.iter_mut().zip(&block[192..208]) {
            *out = scale * f32::from(*byte as i8);
        }
        let (low, high) = block[..192].split_at(128);
        for (out, (low, high)) in
            out.integers.chunks_exact_mut(128).zip(low.chunks_exact(64).zip(high.chunks_exact(32)))
        {
            for at in 0..32 {
                let number = |bits: u8, shift: u32| (bits | (high[at] >> shift & 3) << 4) as i8 - 32;
                out[at] = number(low[at] & 15, 0);
                out[at + 32] = number(low[at + 32] & 15, 2);
                out[at + 64] = number(low[at] >> 4, 4);
                out[at + 96] = number(low[at + 32] >> 4, 6);
            }
        }
    }
}

/// A little-endian half-precision number.
#[inline(always)]
pub(super) fn half(low: u8, high: u8) -> f32 {
    let bits = u32::from(u16::from_le_bytes([low, high]));
    // The exponent's bias differs by 112; multiplying corrects it, in subnormal numbers too.
    let magnitude = f32::from_bits((bits & 0x7FFF) << 13) * f32::from_bits((127 + 112) << 23);
    let finite = bits & 0x7C00 != 0x7C00;
    let magnitude = if finite { magnitude } else { f32::from_bits(0x7F80_0000 | (bits & 0x3FF) << 13) };
    f32::from_bits(magnitude.to_bits() | (bits & 0x8000) << 16)
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::{GgmlDType, QTensor};
    use candle_core::{Device, Tensor};
    use proptest::prelude::*;

    use super::*;

    /// Reads what the library makes of random rows in both ways, and checks them against the library's own reading.
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
