//! Products by candle on an accelerator: the first CUDA or Metal device, or the processor with MKL or Accelerate, by the
//! feature that the package was built with.
//!
//! The weights are copied to the device as f32, four bytes each whatever the file's quantisation, so that they are the file's
//! numbers there too. Everything else of a forward pass stays on the processor. How a row is summed is the library's affair and may
//! depend on the rows beside it: scores of the same text differ in their last bits.

use std::ops::Range;
use std::sync::OnceLock;

use candle_core::{Device, Tensor};

use super::error::{GgufError, Halt, first_line};
use super::file::GgufFile;
use super::matmul::Sums;
use super::matrix;

/// `[outputs][inputs]` on the device: `outputs` rows of the weights from `first` on.
pub(super) struct Matrix {
    pub(super) outputs: usize,
    first: usize,
    weights: Tensor,
}

impl Matrix {
    /// A weight that the file must have, with the shape it must have.
    pub(super) fn load(file: &GgufFile, tensor: &str, inputs: usize, outputs: usize) -> Result<Matrix, GgufError> {
        let stored = matrix::Matrix::load(file, tensor, inputs, outputs)?;
        let mut numbers = vec![0f32; outputs * inputs];
        numbers.chunks_exact_mut(inputs).enumerate().for_each(|(row, out)| stored.read(row, out));
        let weights = device().and_then(|device| Tensor::from_vec(numbers, (outputs, inputs), device));
        let refused = |error: candle_core::Error| GgufError::Device {
            name: file.name.clone(),
            reason: first_line(&error.to_string()),
        };
        Ok(Matrix { outputs, first: 0, weights: weights.map_err(refused)? })
    }

    /// Some of the outputs.
    pub(super) fn part(&self, outputs: Range<usize>) -> Matrix {
        Matrix { outputs: outputs.len(), first: self.first + outputs.start, weights: self.weights.clone() }
    }

    /// Outputs that lie side by side in a product's row: all of them.
    pub(super) fn strip(&self) -> usize {
        self.outputs
    }

    /// Outputs of a product with what fills its last strip: none does.
    pub(super) fn padded(&self) -> usize {
        self.outputs
    }

    fn multiply(&self, x: &Tensor, out: &mut [f32]) -> candle_core::Result<()> {
        let product = x.matmul(&self.weights.narrow(0, self.first, self.outputs)?.t()?)?;
        out.copy_from_slice(&product.flatten_all()?.to_vec1::<f32>()?);
        Ok(())
    }
}

/// Multiplies `x`, `[rows][inputs]`, with each of the maps; `out` is `[outputs of all maps][rows]`, each map's `[rows][outputs]`.
///
/// # Errors
/// [`Halt::Device`] when the device gives up.
pub(super) fn multiply(maps: &[Matrix], x: &[f32], rows: usize, _: Sums, out: &mut [f32]) -> Result<(), Halt> {
    let work = || {
        let x = Tensor::from_slice(x, (rows, x.len() / rows.max(1)), device()?)?;
        let mut out = out;
        for map in maps {
            let (part, rest) = out.split_at_mut(rows * map.outputs);
            map.multiply(&x, part)?;
            out = rest;
        }
        Ok(())
    };
    work().map_err(|error: candle_core::Error| Halt::Device { reason: first_line(&error.to_string()) })
}

/// The device, looked for once.
fn device() -> candle_core::Result<&'static Device> {
    static DEVICE: OnceLock<Device> = OnceLock::new();
    if let Some(device) = DEVICE.get() {
        return Ok(device);
    }
    let found = if cfg!(feature = "cuda") {
        Device::new_cuda(0)?
    } else if cfg!(feature = "metal") {
        Device::new_metal(0)?
    } else {
        Device::Cpu
    };
    Ok(DEVICE.get_or_init(|| found))
}
