//! Linear maps with weights as the file has them: rows times a quantised or a plain matrix.

use std::borrow::Cow;
use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QMatMul, QStorage, QTensor};
use candle_core::{CpuStorage, Device, Module, Storage, Tensor};

use super::error::{GgufError, first_line, invalid};
use super::file::{GgufFile, RawTensor};
use crate::lm::LmError;

/// How weights are kept in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// [`Precision::Plain`] for models of up to 128 million parameters, else [`Precision::Stored`].
    #[default]
    Auto,
    /// As f32: the numbers are those of the file's weights to rounding, whatever is computed beside them.
    Plain,
    /// As the file stores them, multiplied by kernels that quantise the activations too: a quarter of the memory and
    /// faster, at the price of some hundredths of a nat at single tokens.
    Stored,
}

/// Bytes of f32 weights up to which a model is small: half a gigabyte.
const SMALL: u64 = 512 << 20;

impl Precision {
    /// The choice for a model with that many weights.
    pub(super) fn settled(self, weights: u64) -> Precision {
        match self {
            Precision::Auto if weights * 4 <= SMALL => Precision::Plain,
            Precision::Auto => Precision::Stored,
            settled => settled,
        }
    }

    /// Whether a weight is multiplied as it is stored. The library's kernels for Q8_0 want inner dimensions in multiples
    /// of 256 and are ten times slower than plain f32 products otherwise; such weights, and unquantised ones,
    /// are always kept as f32.
    fn keeps(self, dtype: GgmlDType, inputs: usize) -> bool {
        self == Precision::Stored
            && !matches!(dtype, GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16)
            && (dtype != GgmlDType::Q8_0 || inputs.is_multiple_of(256))
    }
}

/// Reads weights out of a file.
#[derive(Clone, Copy)]
pub(super) struct Loader<'a> {
    pub(super) file: &'a GgufFile,
    pub(super) precision: Precision,
}

/// One matrix `[outputs, inputs]`.
pub(super) struct Linear {
    weight: QMatMul,
    inputs: usize,
    pub(super) outputs: usize,
}

/// Rows that a map gave, `[rows, outputs]`.
pub(super) struct Product(Tensor);

impl Linear {
    /// A weight that the file must have, with the shape it must have.
    pub(super) fn load(from: Loader<'_>, tensor: &str, inputs: usize, outputs: usize) -> Result<Linear, GgufError> {
        let raw = checked(from.file, tensor, inputs, outputs)?;
        Linear::new(from, tensor, quantised(raw.bytes.to_vec(), raw.dtype, &[outputs, inputs]))
    }

    fn new(from: Loader<'_>, tensor: &str, weight: candle_core::Result<QTensor>) -> Result<Linear, GgufError> {
        let linear = weight.and_then(|weight| Linear::arranged(Arc::new(weight), from.precision));
        linear.map_err(|error| from.file.damaged(format!("{tensor}: {}", first_line(&error.to_string()))))
    }

    fn arranged(weight: Arc<QTensor>, precision: Precision) -> candle_core::Result<Linear> {
        let (outputs, inputs) = weight.shape().dims2()?;
        let weight = if precision.keeps(weight.dtype(), inputs) {
            QMatMul::from_arc(weight)?
        } else {
            QMatMul::Tensor(weight.dequantize(&Device::Cpu)?)
        };
        Ok(Linear { weight, inputs, outputs })
    }

    /// x W^T for `x` of `[rows, inputs]`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Product, LmError> {
        Ok(Product(self.weight.forward(x).map_err(invalid)?))
    }

    /// The rows of `x` as what [`Linear::forward`] takes.
    pub(super) fn rows(&self, x: Vec<f32>) -> Result<Tensor, LmError> {
        Tensor::from_vec(x, ((), self.inputs), &Device::Cpu).map_err(invalid)
    }
}

impl Product {
    /// Lends the numbers, row by row in one slice.
    pub(super) fn with<R>(&self, read: impl FnOnce(&[f32]) -> R) -> Result<R, LmError> {
        let (storage, _) = self.0.storage_and_layout();
        match &*storage {
            Storage::Cpu(CpuStorage::F32(values)) => Ok(read(values)),
            _ => Err(not_f32()),
        }
    }
}

/// Maps of the same input, computed as one matrix where their quantisations agree: the input is quantised once.
pub(super) struct Joined {
    linears: Vec<Linear>,
    parts: Vec<Part>,
}

/// Where one map's outputs lie.
#[derive(Clone, Copy)]
struct Part {
    linear: usize,
    offset: usize,
    width: usize,
}

impl Joined {
    /// Weights that the file must have, by name and outputs.
    pub(super) fn load(from: Loader<'_>, maps: &[(String, usize)], inputs: usize) -> Result<Joined, GgufError> {
        let raws = maps
            .iter()
            .map(|(tensor, outputs)| checked(from.file, tensor, inputs, *outputs))
            .collect::<Result<Vec<_>, _>>()?;
        let mut joined = Joined { linears: Vec::new(), parts: Vec::new() };
        let dtype = raws.first().map(|raw| raw.dtype).filter(|first| raws.iter().all(|raw| raw.dtype == *first));
        if let (Some(dtype), Some((tensor, _))) = (dtype, maps.first()) {
            let bytes = raws.iter().flat_map(|raw| raw.bytes).copied().collect();
            let outputs = maps.iter().map(|(_, outputs)| outputs).sum();
            joined.linears.push(Linear::new(from, tensor, quantised(bytes, dtype, &[outputs, inputs]))?);
            let mut offset = 0;
            for (_, width) in maps {
                joined.parts.push(Part { linear: 0, offset, width: *width });
                offset += width;
            }
        } else {
            for (linear, (tensor, width)) in maps.iter().enumerate() {
                joined.linears.push(Linear::load(from, tensor, inputs, *width)?);
                joined.parts.push(Part { linear, offset: 0, width: *width });
            }
        }
        Ok(joined)
    }

    /// Maps `[rows, inputs]` and lends the parts, in the order they were named.
    pub(super) fn forward<R>(&self, x: Vec<f32>, read: impl FnOnce(&[Columns<'_>]) -> R) -> Result<R, LmError> {
        let [first, ..] = self.linears.as_slice() else {
            return Err(LmError::Invalid("no weights to multiply with".to_owned()));
        };
        let x = first.rows(x)?;
        let products = self.linears.iter().map(|linear| linear.forward(&x)).collect::<Result<Vec<_>, _>>()?;
        let guards: Vec<_> = products.iter().map(|product| product.0.storage_and_layout().0).collect();
        let mut slices = Vec::with_capacity(guards.len());
        for guard in &guards {
            match &**guard {
                Storage::Cpu(CpuStorage::F32(values)) => slices.push(values.as_slice()),
                _ => return Err(not_f32()),
            }
        }
        let columns: Vec<Columns<'_>> = self
            .parts
            .iter()
            .map(|part| Columns {
                values: slices[part.linear],
                stride: self.linears[part.linear].outputs,
                offset: part.offset,
                width: part.width,
            })
            .collect();
        Ok(read(&columns))
    }
}

fn not_f32() -> LmError {
    LmError::Invalid("a matrix product is not in memory as f32".to_owned())
}

/// Some columns of a row-major matrix.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a> {
    values: &'a [f32],
    stride: usize,
    offset: usize,
    width: usize,
}

impl<'a> Columns<'a> {
    pub(super) fn row(&self, row: usize) -> &'a [f32] {
        let start = row * self.stride + self.offset;
        &self.values[start..start + self.width]
    }
}

/// The token embeddings, `[vocabulary, width]`, as stored.
pub(super) struct Embedding {
    table: Arc<QTensor>,
}

impl Embedding {
    /// The table, and how many tokens it holds.
    pub(super) fn load(file: &GgufFile, width: usize) -> Result<(Embedding, usize), GgufError> {
        let raw = file.required("token_embd.weight")?;
        let &[tokens, inner] = raw.dims.as_slice() else {
            return Err(file.damaged("token_embd.weight is not a matrix"));
        };
        if inner != width {
            return Err(file.damaged(format!("token_embd.weight has the width {inner}, not {width}")));
        }
        let table = quantised(raw.bytes.to_vec(), raw.dtype, &raw.dims)
            .map_err(|error| file.damaged(first_line(&error.to_string())))?;
        Ok((Embedding { table: Arc::new(table) }, tokens))
    }

    /// One row a token.
    pub(super) fn rows(&self, tokens: Vec<u32>) -> Result<Vec<f32>, LmError> {
        let count = tokens.len();
        let ids = Tensor::from_vec(tokens, count, &Device::Cpu).map_err(invalid)?;
        let rows = self.table.embedding(&ids).and_then(|rows| rows.flatten_all()?.to_vec1());
        rows.map_err(invalid)
    }

    /// The same table as the output map, for models that tie the two.
    pub(super) fn tied(&self, from: Loader<'_>) -> Result<Linear, GgufError> {
        Linear::arranged(self.table.clone(), from.precision)
            .map_err(|error| from.file.damaged(format!("token_embd.weight: {}", first_line(&error.to_string()))))
    }
}

/// A vector of the file as f32 (norms, biases).
pub(super) fn vector(file: &GgufFile, tensor: &str, width: usize) -> Result<Option<Vec<f32>>, GgufError> {
    let Some(raw) = file.tensor(tensor)? else { return Ok(None) };
    if raw.dims.iter().product::<usize>() != width {
        return Err(file.damaged(format!("{tensor} has the shape {:?}, not [{width}]", raw.dims)));
    }
    quantised(raw.bytes.to_vec(), raw.dtype, &[width])
        .and_then(|tensor| tensor.dequantize(&Device::Cpu)?.to_vec1())
        .map(Some)
        .map_err(|error| file.damaged(format!("{tensor}: {}", first_line(&error.to_string()))))
}

/// A vector that must be there.
pub(super) fn required_vector(file: &GgufFile, tensor: &str, width: usize) -> Result<Vec<f32>, GgufError> {
    vector(file, tensor, width)?.ok_or_else(|| file.missing(&format!("the tensor {tensor}")))
}

fn checked<'a>(file: &'a GgufFile, tensor: &str, inputs: usize, outputs: usize) -> Result<RawTensor<'a>, GgufError> {
    let raw = file.required(tensor)?;
    if raw.dims == [outputs, inputs] {
        Ok(raw)
    } else {
        Err(file.damaged(format!("{tensor} has the shape {:?}, not [{outputs}, {inputs}]", raw.dims)))
    }
}

fn quantised(bytes: Vec<u8>, dtype: GgmlDType, dims: &[usize]) -> candle_core::Result<QTensor> {
    QTensor::new(QStorage::from_data(Cow::Owned(bytes), &Device::Cpu, dtype)?, dims)
}
