//! Linear maps: rows times one or more matrices that take the same input.

use std::ops::Range;

use super::error::GgufError;
use super::file::GgufFile;
use super::matmul::{STRIP, Sums, multiply_strip};
use super::matrix::{Matrix, read_all};
use super::{parallel, simd};

/// Rows from which a strip is a task of its own: those of fewer are handed out several at a time.
const ENOUGH_ROWS: usize = 8;

/// Strips that one task takes then.
const STRIPS_A_TASK: usize = 4;

/// Maps of the same input.
pub(super) struct Linear {
    maps: Vec<Matrix>,
    inputs: usize,
}

impl Linear {
    /// Weights that the file must have, by name and outputs.
    pub(super) fn load(file: &GgufFile, maps: &[(String, usize)], inputs: usize) -> Result<Linear, GgufError> {
        let load = |(tensor, outputs): &(String, usize)| Matrix::load(file, tensor, inputs, *outputs);
        Ok(Linear { maps: maps.iter().map(load).collect::<Result<_, _>>()?, inputs })
    }

    /// Maps `x`, `[rows][inputs]`, into the buffer.
    pub(super) fn forward<'a>(&self, x: &[f32], sums: Sums, buffer: &'a mut Vec<f32>) -> Product<'a> {
        let rows = x.len() / self.inputs;
        let strips: Vec<(&Matrix, usize)> =
            self.maps.iter().flat_map(|map| (0..map.strips()).map(move |strip| (map, strip))).collect();
        let length = strips.len() * rows * STRIP;
        buffer.resize(length.max(buffer.len()), 0.0);
        let values = &mut buffer[..length];
        let together = if rows < ENOUGH_ROWS { STRIPS_A_TASK } else { 1 };
        parallel::chunks(values, together * rows * STRIP, |task, chunk| {
            for ((map, strip), out) in strips[task * together..].iter().zip(chunk.chunks_exact_mut(rows * STRIP)) {
                multiply_strip(map, *strip, x, sums, out);
            }
        });
        Product { values, rows }
    }

    /// What one of the maps, counted from 0, made.
    pub(super) fn part<'a>(&self, product: &Product<'a>, map: usize) -> Columns<'a> {
        let before: usize = self.maps[..map].iter().map(Matrix::strips).sum();
        let strip = product.rows * STRIP;
        let values = &product.values[before * strip..][..self.maps[map].strips() * strip];
        Columns { values, rows: product.rows, width: self.maps[map].outputs }
    }
}

/// Rows that maps gave, strip by strip: `[strips][rows][STRIP]`.
pub(super) struct Product<'a> {
    values: &'a [f32],
    rows: usize,
}

/// Rows that one map gave.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a> {
    values: &'a [f32],
    rows: usize,
    width: usize,
}

impl Columns<'_> {
    /// Copies some columns of a row.
    pub(super) fn copy(&self, row: usize, columns: Range<usize>, out: &mut [f32]) {
        self.each(row, columns, out, |piece, out| out.copy_from_slice(piece));
    }

    /// Adds a row to `out`, which has its width.
    pub(super) fn add(&self, row: usize, out: &mut [f32]) {
        self.each(row, 0..self.width, out, |piece, out| simd::add(out, piece));
    }

    fn each(&self, row: usize, columns: Range<usize>, mut out: &mut [f32], mut take: impl FnMut(&[f32], &mut [f32])) {
        let mut from = columns.start;
        while from < columns.end {
            let (strip, at) = (from / STRIP, from % STRIP);
            let length = (STRIP - at).min(columns.end - from);
            let (head, rest) = out.split_at_mut(length);
            take(&self.values[(strip * self.rows + row) * STRIP + at..][..length], head);
            (out, from) = (rest, from + length);
        }
    }
}

/// A vector of the file as f32 (norms, biases).
pub(super) fn vector(file: &GgufFile, tensor: &str, width: usize) -> Result<Option<Vec<f32>>, GgufError> {
    let Some(raw) = file.tensor(tensor)? else { return Ok(None) };
    if raw.dims.iter().product::<usize>() != width {
        return Err(file.damaged(format!("{tensor} has the shape {:?}, not [{width}]", raw.dims)));
    }
    read_all(file, tensor, &raw).map(Some)
}

/// A vector that must be there.
pub(super) fn required_vector(file: &GgufFile, tensor: &str, width: usize) -> Result<Vec<f32>, GgufError> {
    vector(file, tensor, width)?.ok_or_else(|| file.missing(&format!("the tensor {tensor}")))
}
