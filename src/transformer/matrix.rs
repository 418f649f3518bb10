//! A matrix of the file, read as f32 a few rows at a time. Its numbers stay where they are: in the file's memory map.

use std::borrow::Cow;
use std::sync::Arc;

use candle_core::Device;
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use pulp::Simd;

use super::blocks::{self, Format, Q4K, Q6K, Q8_0};
use super::error::{GgufError, first_line};
use super::file::{GgufFile, RawTensor, Source};
use super::integers::Rounded;
use super::matmul::STRIP;
use super::vnni::Vnni;

/// `[outputs][inputs]`.
pub(super) struct Matrix {
    pub(super) outputs: usize,
    pub(super) inputs: usize,
    numbers: Numbers,
}

enum Numbers {
    /// In the file, from a byte on.
    Stored { source: Arc<Source>, start: usize, layout: Stored },
    /// Read while the model was loaded: formats that are rare.
    Read(Vec<f32>),
}

/// Formats that are read where they lie.
#[derive(Clone, Copy)]
enum Stored {
    F32,
    F16,
    Bf16,
    Q8_0,
    Q4K,
    Q6K,
}

impl Stored {
    fn of(dtype: GgmlDType) -> Option<Stored> {
        match dtype {
            GgmlDType::F32 => Some(Stored::F32),
            GgmlDType::F16 => Some(Stored::F16),
            GgmlDType::BF16 => Some(Stored::Bf16),
            GgmlDType::Q8_0 => Some(Stored::Q8_0),
            GgmlDType::Q4K => Some(Stored::Q4K),
            GgmlDType::Q6K => Some(Stored::Q6K),
            _ => None,
        }
    }

    /// Bytes of that many numbers, whole blocks of them.
    #[inline(always)]
    fn bytes(self, numbers: usize) -> usize {
        match self {
            Stored::F32 => numbers * 4,
            Stored::F16 | Stored::Bf16 => numbers * 2,
            Stored::Q8_0 => numbers / Q8_0::NUMBERS * Q8_0::BYTES,
            Stored::Q4K => numbers / Q4K::NUMBERS * Q4K::BYTES,
            Stored::Q6K => numbers / Q6K::NUMBERS * Q6K::BYTES,
        }
    }

    /// One row of a matrix of so many inputs.
    #[inline(always)]
    fn row(self, matrix: &[u8], row: usize, inputs: usize) -> &[u8] {
        &matrix[row * self.bytes(inputs)..][..self.bytes(inputs)]
    }
}

impl Matrix {
    /// A weight that the file must have, with the shape it must have.
    pub(super) fn load(file: &GgufFile, tensor: &str, inputs: usize, outputs: usize) -> Result<Matrix, GgufError> {
        let raw = file.required(tensor)?;
        if raw.dims != [outputs, inputs] {
            return Err(file.damaged(format!("{tensor} has the shape {:?}, not [{outputs}, {inputs}]", raw.dims)));
        }
        if !inputs.is_multiple_of(raw.dtype.block_size()) {
            return Err(file.damaged(format!("{tensor} has rows of {inputs} numbers, no whole blocks")));
        }
        let numbers = match Stored::of(raw.dtype) {
            Some(layout) => Numbers::Stored { source: file.bytes.clone(), start: raw.start, layout },
            None => Numbers::Read(read_all(file, tensor, &raw)?),
        };
        Ok(Matrix { outputs, inputs, numbers })
    }

    /// Strips of outputs, the last perhaps not full.
    pub(super) fn strips(&self) -> usize {
        self.outputs.div_ceil(STRIP)
    }

    /// Outputs that lie side by side in a product's row.
    pub(super) fn strip(&self) -> usize {
        STRIP
    }

    /// Outputs of a product with what fills its last strip.
    pub(super) fn padded(&self) -> usize {
        self.strips() * STRIP
    }

    /// One row; `out` is `[inputs]`.
    #[inline(always)]
    pub(super) fn read(&self, row: usize, out: &mut [f32]) {
        match &self.numbers {
            Numbers::Read(numbers) => out.copy_from_slice(&numbers[row * self.inputs..][..self.inputs]),
            Numbers::Stored { source, start, layout } => {
                let bytes = layout.row(&source[*start..], row, self.inputs);
                match layout {
                    Stored::F32 => singles::<4>(bytes, out, f32::from_le_bytes),
                    Stored::F16 => singles::<2>(bytes, out, |[low, high]| blocks::half(low, high)),
                    Stored::Bf16 => singles::<2>(bytes, out, brain),
                    Stored::Q8_0 => blocks::read::<Q8_0>(bytes, out),
                    Stored::Q4K => blocks::read::<Q4K>(bytes, out),
                    Stored::Q6K => blocks::read::<Q6K>(bytes, out),
                }
            }
        }
    }

    /// Whether its numbers are integers with scales, which [`Matrix::multiply_rounded`] takes.
    pub(super) fn in_blocks(&self) -> bool {
        matches!(self.numbers, Numbers::Stored { layout: Stored::Q8_0 | Stored::Q4K | Stored::Q6K, .. })
    }

    /// Whether [`Matrix::multiply_rounded`] takes whole blocks where rows are few.
    pub(super) fn in_large_blocks(&self) -> bool {
        matches!(self.numbers, Numbers::Stored { layout: Stored::Q4K | Stored::Q6K, .. })
    }

    /// Multiplies rounded rows with a strip of a matrix in blocks, the short way for few of them; `out` is `[rows][STRIP]`.
    pub(super) fn multiply_rounded(&self, vnni: Vnni, strip: usize, few: bool, x: Rounded<'_>, out: &mut [f32]) {
        let Numbers::Stored { source, start, layout } = &self.numbers else { return };
        let (numbers, width) = (&source[*start..], layout.bytes(self.inputs));
        let row = |row: usize| &numbers[row.min(self.outputs - 1) * width..][..width];
        let rows: [&[u8]; STRIP] = std::array::from_fn(|at| row(strip * STRIP + at));
        match (layout, few) {
            (Stored::Q8_0, false) => vnni.multiply::<Q8_0>(&rows, x.spans, out),
            (Stored::Q8_0, true) => vnni.multiply_few::<Q8_0>(&rows, x, out),
            (Stored::Q4K, false) => vnni.multiply::<Q4K>(&rows, x.spans, out),
            (Stored::Q4K, true) => vnni.multiply_few::<Q4K>(&rows, x, out),
            (Stored::Q6K, false) => vnni.multiply::<Q6K>(&rows, x.spans, out),
            (Stored::Q6K, true) => vnni.multiply_few::<Q6K>(&rows, x, out),
            (Stored::F32 | Stored::F16 | Stored::Bf16, _) => {}
        }
    }

    /// The sum of products of one row with `x`, `[inputs]`.
    #[inline(always)]
    pub(super) fn dot<S: Simd>(&self, s: S, row: usize, x: &[f32]) -> f32 {
        match &self.numbers {
            Numbers::Read(numbers) => dot_singles(&numbers[row * self.inputs..][..self.inputs], x, |number| number),
            Numbers::Stored { source, start, layout } => {
                let bytes = layout.row(&source[*start..], row, self.inputs);
                match layout {
                    Stored::F32 => dot_singles(bytes.as_chunks().0, x, f32::from_le_bytes),
                    Stored::F16 => dot_singles(bytes.as_chunks().0, x, |[low, high]| blocks::half(low, high)),
                    Stored::Bf16 => dot_singles(bytes.as_chunks().0, x, brain),
                    Stored::Q8_0 => blocks::dot::<S, Q8_0>(s, bytes, x),
                    Stored::Q4K => blocks::dot::<S, Q4K>(s, bytes, x),
                    Stored::Q6K => blocks::dot::<S, Q6K>(s, bytes, x),
                }
            }
        }
    }

    /// The rows of a strip across, from input `from` on: `out` is `[depth][STRIP]`, `from` and the depth whole blocks. Behind
    /// the matrix's last row it is repeated.
    #[inline(always)]
    pub(super) fn read_across(&self, strip: usize, from: usize, out: &mut [f32]) {
        let depth = out.len() / STRIP;
        let rows: [usize; STRIP] = std::array::from_fn(|row| (strip * STRIP + row).min(self.outputs - 1));
        match &self.numbers {
            Numbers::Read(numbers) => {
                let rows = rows.map(|row| &numbers[row * self.inputs + from..][..depth]);
                for (at, line) in out.chunks_exact_mut(STRIP).enumerate() {
                    line.iter_mut().zip(&rows).for_each(|(out, row)| *out = row[at]);
                }
            }
            Numbers::Stored { source, start, layout } => {
                let width = layout.bytes(self.inputs);
                let rows = rows.map(|row| &source[start + row * width + layout.bytes(from)..][..layout.bytes(depth)]);
                match layout {
                    Stored::F32 => singles_across::<4>(&rows, out, f32::from_le_bytes),
                    Stored::F16 => singles_across::<2>(&rows, out, |[low, high]| blocks::half(low, high)),
                    Stored::Bf16 => singles_across::<2>(&rows, out, brain),
                    Stored::Q8_0 => blocks::read_across::<Q8_0>(&rows, out),
                    Stored::Q4K => blocks::read_across::<Q4K>(&rows, out),
                    Stored::Q6K => blocks::read_across::<Q6K>(&rows, out),
                }
            }
        }
    }
}

#[inline(always)]
fn singles<const BYTES: usize>(bytes: &[u8], out: &mut [f32], read: impl Fn([u8; BYTES]) -> f32) {
    for (out, bytes) in out.iter_mut().zip(bytes.as_chunks::<BYTES>().0) {
        *out = read(*bytes);
    }
}

#[inline(always)]
fn singles_across<const BYTES: usize>(rows: &[&[u8]; STRIP], out: &mut [f32], read: impl Fn([u8; BYTES]) -> f32) {
    let rows = rows.map(|row| row.as_chunks::<BYTES>().0);
    for (at, line) in out.chunks_exact_mut(STRIP).enumerate() {
        line.iter_mut().zip(&rows).for_each(|(out, row)| *out = read(row[at]));
    }
}

#[inline(always)]
fn dot_singles<T: Copy>(row: &[T], x: &[f32], read: impl Fn(T) -> f32) -> f32 {
    let mut sums = [0f32; 32];
    let (full, rest) = row.as_chunks::<32>();
    for (row, x) in full.iter().zip(x.chunks_exact(32)) {
        for (sum, (number, x)) in sums.iter_mut().zip(row.iter().zip(x)) {
            *sum += read(*number) * x;
        }
    }
    let rest: f32 = rest.iter().zip(&x[full.len() * 32..]).map(|(number, x)| read(*number) * x).sum();
    sums.iter().sum::<f32>() + rest
}

/// The upper half of an f32.
#[inline(always)]
fn brain([low, high]: [u8; 2]) -> f32 {
    f32::from_le_bytes([0, 0, low, high])
}

#[cfg(test)]
impl Matrix {
    /// A matrix of the bytes of a format.
    pub(super) fn stored(inputs: usize, outputs: usize, dtype: GgmlDType, bytes: Vec<u8>) -> Matrix {
        let numbers = Numbers::Stored {
            source: Arc::new(Source::Static(bytes.leak())),
            start: 0,
            layout: Stored::of(dtype).unwrap(),
        };
        Matrix { outputs, inputs, numbers }
    }

    /// The bytes of a stored one.
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.numbers {
            Numbers::Stored { source, .. } => source,
            Numbers::Read(_) => &[],
        }
    }

    /// A matrix of numbers that are in no file.
    pub(super) fn of(inputs: usize, numbers: Vec<f32>) -> Matrix {
        Matrix { outputs: numbers.len() / inputs, inputs, numbers: Numbers::Read(numbers) }
    }
}

/// All numbers of a tensor as f32.
pub(super) fn read_all(file: &GgufFile, tensor: &str, raw: &RawTensor<'_>) -> Result<Vec<f32>, GgufError> {
    // Copied first: the library wants its blocks aligned.
    let read = QStorage::from_data(Cow::Owned(raw.bytes.to_vec()), &Device::Cpu, raw.dtype)
        .and_then(|storage| QTensor::new(storage, raw.dims.as_slice()))
        .and_then(|stored| stored.dequantize(&Device::Cpu)?.flatten_all()?.to_vec1());
    read.map_err(|error| file.damaged(format!("{tensor}: {}", first_line(&error.to_string()))))
}
