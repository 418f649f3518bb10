//! Weights on the device and what one layer computes with them. Names of tensors are llama.cpp's.

use candle_core::{D, Error, Tensor};
use candle_nn::ops::{rms_norm, softmax_last_dim};
use candle_nn::rotary_emb::{rope, rope_i};

use super::cache::Held;
use super::device;
use crate::config::{Architecture, Config};
use crate::error::{GgufError, first_line};
use crate::file::GgufFile;
use crate::linear;
use crate::matrix::Matrix;
use crate::parallel;
use crate::rotary::Rotation;

/// A weight that the file must have, as f32: `[outputs][inputs]`.
pub(super) fn matrix(file: &GgufFile, tensor: &str, inputs: usize, outputs: usize) -> Result<Tensor, GgufError> {
    let stored = Matrix::load(file, tensor, inputs, outputs)?;
    let mut numbers = vec![0f32; outputs * inputs];
    parallel::rows(&mut numbers, inputs, |row, out| stored.read(row, out));
    device().and_then(|device| Tensor::from_vec(numbers, (outputs, inputs), device)).map_err(|error| full(file, &error))
}

/// A vector of the file.
fn vector(file: &GgufFile, tensor: &str, width: usize) -> Result<Option<Tensor>, GgufError> {
    let Some(numbers) = linear::vector(file, tensor, width)? else { return Ok(None) };
    device().and_then(|device| Tensor::new(numbers, device)).map(Some).map_err(|error| full(file, &error))
}

fn full(file: &GgufFile, error: &Error) -> GgufError {
    GgufError::Device { name: file.name.clone(), reason: first_line(&error.to_string()) }
}

/// `x`, `[rows][inputs]`, by a matrix of `[outputs][inputs]`.
pub(super) fn product(x: &Tensor, weights: &Tensor) -> Result<Tensor, Error> {
    x.matmul(&weights.t()?)
}

/// A norm by the root mean square.
pub(super) struct Norm {
    weight: Tensor,
    epsilon: f32,
}

impl Norm {
    /// A weight that the file must have.
    pub(super) fn load(file: &GgufFile, tensor: &str, width: usize, epsilon: f32) -> Result<Norm, GgufError> {
        let weight = vector(file, tensor, width)?.ok_or_else(|| file.missing(&format!("the tensor {tensor}")))?;
        Ok(Norm { weight, epsilon })
    }

    /// Normalises the last dimension.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor, Error> {
        rms_norm(&x.contiguous()?, &self.weight, self.epsilon)
    }
}

/// A product with its bias, where there is one.
struct Linear {
    weights: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    fn load(file: &GgufFile, name: &str, inputs: usize, outputs: usize) -> Result<Linear, GgufError> {
        let weights = matrix(file, &format!("{name}.weight"), inputs, outputs)?;
        Ok(Linear { weights, bias: vector(file, &format!("{name}.bias"), outputs)? })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor, Error> {
        let made = product(x, &self.weights)?;
        match &self.bias {
            Some(bias) => made.broadcast_add(bias),
            None => Ok(made),
        }
    }
}

/// Sines and cosines of a pass's rows, `[rows][pairs]` each.
pub(super) struct Turns {
    sines: Tensor,
    cosines: Tensor,
    /// Dimensions of a head that are turned, the first.
    width: usize,
    neighbours: bool,
}

impl Turns {
    pub(super) fn new(rotation: &Rotation, rows: usize) -> Result<Turns, Error> {
        let (sines, cosines): (Vec<f32>, Vec<f32>) = rotation.turns.iter().copied().unzip();
        let tensor = |numbers: Vec<f32>| Tensor::from_vec(numbers, (rows, rotation.pairs), device()?);
        Ok(Turns {
            sines: tensor(sines)?,
            cosines: tensor(cosines)?,
            width: 2 * rotation.pairs,
            neighbours: rotation.neighbours,
        })
    }

    /// Turns `[heads][rows][head_width]`.
    pub(super) fn turn(&self, heads: &Tensor) -> Result<Tensor, Error> {
        let (turned, rest) = (self.width, heads.dim(2)? - self.width);
        let head = heads.narrow(2, 0, turned)?.contiguous()?.unsqueeze(0)?;
        let turn = if self.neighbours { rope_i } else { rope };
        let head = turn(&head, &self.cosines, &self.sines)?.squeeze(0)?;
        if rest == 0 { Ok(head) } else { Tensor::cat(&[&head, &heads.narrow(2, turned, rest)?], 2)?.contiguous() }
    }
}

/// Scores of the attention that live at once: 256 MiB of them.
const SCORES: usize = 1 << 26;

/// Query rows that look back at once, at most: what stands behind the last of them is not looked at.
const ROWS: usize = 512;

/// One layer's weights.
pub(super) struct Layer {
    attention_norm: Norm,
    query: Linear,
    key: Linear,
    value: Linear,
    /// Norms of each head's query and key.
    query_norm: Option<Norm>,
    key_norm: Option<Norm>,
    attention_output: Linear,
    feed_forward_norm: Norm,
    gate: Linear,
    up: Linear,
    down: Linear,
    heads: usize,
    kv_heads: usize,
    head_width: usize,
}

impl Layer {
    pub(super) fn load(file: &GgufFile, config: &Config, layer: usize) -> Result<Layer, GgufError> {
        let name = |part: &str| format!("blk.{layer}.{part}");
        let Config { width, heads, kv_heads, head_width, feed_forward, epsilon, .. } = *config;
        let linear = |part: &str, inputs, outputs| Linear::load(file, &name(part), inputs, outputs);
        let norm = |part: &str, width| Norm::load(file, &name(part), width, epsilon);
        let head_norm = |part: &str| match config.architecture {
            Architecture::Qwen3 => norm(part, head_width).map(Some),
            Architecture::Llama | Architecture::Qwen2 => Ok(None),
        };
        Ok(Layer {
            attention_norm: norm("attn_norm.weight", width)?,
            query: linear("attn_q", width, heads * head_width)?,
            key: linear("attn_k", width, kv_heads * head_width)?,
            value: linear("attn_v", width, kv_heads * head_width)?,
            query_norm: head_norm("attn_q_norm.weight")?,
            key_norm: head_norm("attn_k_norm.weight")?,
            attention_output: linear("attn_output", heads * head_width, width)?,
            feed_forward_norm: norm("ffn_norm.weight", width)?,
            gate: linear("ffn_gate", width, feed_forward)?,
            up: linear("ffn_up", width, feed_forward)?,
            down: linear("ffn_down", feed_forward, width)?,
            heads,
            kv_heads,
            head_width,
        })
    }

    /// Queries, `[heads][rows][head_width]`, scaled, and keys and values, `[kv_heads][rows][head_width]`, of rows of the
    /// residual stream, `[rows][width]`.
    pub(super) fn project(&self, x: &Tensor, turns: &Turns) -> Result<(Tensor, Tensor, Tensor), Error> {
        let normed = self.attention_norm.forward(x)?;
        let heads = |linear: &Linear, heads: usize| {
            let made = linear.forward(&normed)?;
            made.reshape((made.dim(0)?, heads, self.head_width))?.transpose(0, 1)?.contiguous()
        };
        let turned = |made: Tensor, norm: &Option<Norm>| match norm {
            Some(norm) => turns.turn(&norm.forward(&made)?),
            None => turns.turn(&made),
        };
        let scale = 1.0 / (self.head_width as f64).sqrt();
        let query = turned(heads(&self.query, self.heads)?, &self.query_norm)?.affine(scale, 0.0)?;
        let key = turned(heads(&self.key, self.kv_heads)?, &self.key_norm)?;
        Ok((query, key, heads(&self.value, self.kv_heads)?))
    }

    /// What queries, `[heads][rows][head_width]`, at these positions make of their sequence's keys and values:
    /// `[rows][heads * head_width]`. The mask, `[rows][positions]`, is added to the scores.
    pub(super) fn attend(
        &self,
        query: &Tensor,
        held: &Held,
        positions: &[usize],
        mask: Option<&Tensor>,
    ) -> Result<Tensor, Error> {
        let rows = positions.len();
        let at_once = (SCORES / (self.heads * held.keys.dim(1)?)).clamp(1, ROWS);
        let part = |from: usize| {
            let count = at_once.min(rows - from);
            let seen = positions[from + count - 1] + 1;
            let mask = mask.map(|mask| mask.narrow(0, from, count)?.narrow(1, 0, seen)).transpose()?;
            self.attend_part(&query.narrow(1, from, count)?, &held.first(seen)?, mask.as_ref())
        };
        Tensor::cat(&(0..rows).step_by(at_once).map(part).collect::<Result<Vec<_>, _>>()?, 0)
    }

    fn attend_part(&self, query: &Tensor, held: &Held, mask: Option<&Tensor>) -> Result<Tensor, Error> {
        let (rows, positions) = (query.dim(1)?, held.keys.dim(1)?);
        let group = self.heads / self.kv_heads * rows;
        let query = query.contiguous()?.reshape((self.kv_heads, group, self.head_width))?;
        let mut scores = query.matmul(&held.keys.t()?)?;
        if let Some(mask) = mask {
            scores = scores.reshape((self.heads, rows, positions))?.broadcast_add(mask)?;
        }
        let weights = softmax_last_dim(&scores)?.reshape((self.kv_heads, group, positions))?;
        let mixed = weights.matmul(&held.values)?.reshape((self.heads, rows, self.head_width))?;
        mixed.transpose(0, 1)?.flatten_from(D::Minus2)
    }

    /// The residual stream behind the layer, from it before and what the attention mixed.
    pub(super) fn finish(&self, x: &Tensor, mixed: &Tensor) -> Result<Tensor, Error> {
        let x = (x + self.attention_output.forward(mixed)?)?;
        let normed = self.feed_forward_norm.forward(&x)?;
        let gated = (self.gate.forward(&normed)?.silu()? * self.up.forward(&normed)?)?;
        x + self.down.forward(&gated)?
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Heads are turned as the processor turns them, whether all of their dimensions are or only the first.
        #[test]
        fn heads_turn_as_on_the_processor(
            (heads, rows, pairs, rest) in (1usize..4, 1usize..5, 1usize..5, 0usize..4),
            neighbours in any::<bool>(),
            seed in 0f32..9.0,
        ) {
            let rotation = Rotation { turns: (0..rows * pairs).map(|at| (seed + at as f32).sin_cos()).collect(), pairs, neighbours };
            let width = 2 * pairs + rest;
            let mut numbers: Vec<f32> = (0..heads * rows * width).map(|at| (seed * at as f32).cos()).collect();
            let made = Tensor::from_slice(&numbers, (heads, rows, width), device().unwrap()).unwrap();
            let got = Turns::new(&rotation, rows).unwrap().turn(&made).unwrap();
            numbers.chunks_mut(width).enumerate().for_each(|(at, head)| rotation.turn(head, at % rows));
            let got: Vec<f32> = got.flatten_all().unwrap().to_vec1().unwrap();
            for (want, got) in numbers.iter().zip(&got) {
                prop_assert!((want - got).abs() < 1e-5, "{want} {got}");
            }
        }
    }
}
