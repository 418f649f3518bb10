//! Rotary positions (Su et al., arXiv 2104.09864): pairs of a head's dimensions are turned by angles that grow with the
//! position.

use super::config::{Architecture, Config};
use super::error::GgufError;
use super::file::GgufFile;
use super::linear::vector;

/// How a model turns.
pub(super) struct Rotary {
    /// Radians a position turns each pair by.
    frequencies: Vec<f32>,
    neighbours: bool,
}

/// Sine and cosine a row and pair of dimensions; the same for all layers.
pub(super) struct Rotation {
    pub(super) turns: Vec<(f32, f32)>,
    pub(super) pairs: usize,
    /// Whether a pair is two neighbours, or a dimension of the first half and its like of the second.
    pub(super) neighbours: bool,
}

impl Rotary {
    /// theta_i = base^(-2i / rope_width), divided by the linear scale and by the file's own factors where it has them.
    pub(super) fn load(file: &GgufFile, config: &Config) -> Result<Rotary, GgufError> {
        let half = config.rope_width / 2;
        let factors = vector(file, "rope_freqs.weight", half)?;
        let theta = |i: usize| {
            let exponent = 2.0 * i as f64 / config.rope_width as f64;
            let factor = factors.as_ref().map_or(1.0, |f| f[i]);
            (f64::from(config.rope_base).powf(-exponent) / f64::from(config.rope_divisor) / f64::from(factor)) as f32
        };
        // Converters reorder llama's weights, so that a pair is two neighbours.
        let neighbours = config.architecture == Architecture::Llama;
        Ok(Rotary { frequencies: (0..half).map(theta).collect(), neighbours })
    }

    /// The turns of rows at these positions, or by so many positions.
    pub(super) fn at(&self, positions: impl Iterator<Item = f32>) -> Rotation {
        let turns = positions.flat_map(|p| self.frequencies.iter().map(move |f| (p * f).sin_cos()));
        Rotation { turns: turns.collect(), pairs: self.frequencies.len(), neighbours: self.neighbours }
    }
}

impl Rotation {
    /// Turns one head's query or key of a row.
    pub(super) fn turn(&self, head: &mut [f32], row: usize) {
        let turns = &self.turns[row * self.pairs..(row + 1) * self.pairs];
        if self.neighbours {
            for (pair, (sin, cos)) in head.chunks_exact_mut(2).zip(turns) {
                (pair[0], pair[1]) = (pair[0] * cos - pair[1] * sin, pair[0] * sin + pair[1] * cos);
            }
        } else {
            let (left, right) = head[..2 * self.pairs].split_at_mut(self.pairs);
            for ((a, b), (sin, cos)) in left.iter_mut().zip(right).zip(turns) {
                (*a, *b) = (*a * cos - *b * sin, *a * sin + *b * cos);
            }
        }
    }
}
