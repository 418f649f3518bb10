//! Linear maps: rows times one or more matrices that take the same input.

use std::ops::Range;

use super::buffer::room;
use super::error::{GgufError, Halt};
use super::file::GgufFile;
use super::matmul::{Sums, multiply, multiply_in_parts};
use super::matrix::{Matrix, read_all};
use super::simd;

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
    ///
    /// # Errors
    /// [`Halt::Device`], where there is one.
    pub(super) fn forward<'a>(&self, x: &[f32], sums: Sums, buffer: &'a mut Vec<f32>) -> Result<Product<'a>, Halt> {
        let rows = x.len() / self.inputs;
        let values = multiplied(&self.maps, x, rows, sums, buffer)?;
        Ok(Product { values, rows })
    }

    /// As [`Linear::forward`], by one of the maps, counted from 0, of which what was made is not kept: `take` gets some
    /// columns at a time and the first's place, on any thread.
    ///
    /// # Errors
    /// [`Halt::Device`], where there is one.
    pub(super) fn forward_in_parts<T: Send>(
        &self,
        map: usize,
        x: &[f32],
        sums: Sums,
        take: impl Fn(usize, Columns<'_>) -> T + Sync,
    ) -> Result<Vec<T>, Halt> {
        let (map, rows) = (&self.maps[map], x.len() / self.inputs);
        multiply_in_parts(map, x, rows, sums, |first, values| {
            let width = (values.len() / rows.max(1)).min(map.outputs - first);
            take(first, Columns { values, rows, strip: map.strip(), width })
        })
    }

    /// What one of the maps, counted from 0, made.
    pub(super) fn part<'a>(&self, product: &Product<'a>, map: usize) -> Columns<'a> {
        let (before, rows) = (self.maps[..map].iter().map(Matrix::padded).sum::<usize>(), product.rows);
        let map = &self.maps[map];
        let values = &product.values[before * rows..][..map.padded() * rows];
        Columns { values, rows, strip: map.strip(), width: map.outputs }
    }
}

/// Multiplies `x`, `[rows][inputs]`, with each of the maps into the buffer.
fn multiplied<'a>(
    maps: &[Matrix],
    x: &[f32],
    rows: usize,
    sums: Sums,
    buffer: &'a mut Vec<f32>,
) -> Result<&'a [f32], Halt> {
    let values = room(buffer, rows * maps.iter().map(Matrix::padded).sum::<usize>());
    multiply(maps, x, rows, sums, values)?;
    Ok(values)
}

/// Rows that maps gave, one map behind the other, each strip by strip: `[strips][rows][strip]`.
pub(super) struct Product<'a> {
    values: &'a [f32],
    rows: usize,
}

/// Rows that one map gave.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a> {
    values: &'a [f32],
    rows: usize,
    /// Columns that lie side by side.
    strip: usize,
    width: usize,
}

impl Columns<'_> {
    /// How many there are.
    pub(super) fn width(&self) -> usize {
        self.width
    }

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
            let (strip, at) = (from / self.strip, from % self.strip);
            let length = (self.strip - at).min(columns.end - from);
            let (head, rest) = out.split_at_mut(length);
            take(&self.values[(strip * self.rows + row) * self.strip + at..][..length], head);
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
