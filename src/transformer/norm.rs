//! Norms of rows by their root mean square (Zhang and Sennrich, arXiv 1910.07467).

use super::buffer::room;
use super::error::GgufError;
use super::file::GgufFile;
use super::linear::required_vector;
use super::{parallel, simd};

/// A norm's weights, one for each of a row's numbers.
pub(super) struct Norm {
    weight: Vec<f32>,
    epsilon: f32,
}

impl Norm {
    /// A weight that the file must have.
    pub(super) fn load(file: &GgufFile, tensor: &str, width: usize, epsilon: f32) -> Result<Norm, GgufError> {
        Ok(Norm { weight: required_vector(file, tensor, width)?, epsilon })
    }

    /// Normalises rows, on all threads.
    pub(super) fn forward<'a>(&self, x: &[f32], buffer: &'a mut Vec<f32>) -> &'a [f32] {
        let width = self.weight.len();
        let out = room(buffer, x.len());
        parallel::rows(out, width, |row, out| {
            simd::rms_norm(&x[row * width..][..width], &self.weight, self.epsilon, out);
        });
        out
    }
}
