//! The transformer's weights and the forward pass over new rows of cached sequences.
//!
//! Llama (Touvron et al., arXiv 2302.13971) with the differences of Qwen2 and Qwen3: pre-norms, rotary positions,
//! grouped-query attention, gated feed-forward. Names of tensors are llama.cpp's.

use std::sync::atomic::{AtomicBool, Ordering};

use super::attention::{self, Shape, Span};
use super::cache::{BLOCK, Layout, Sequence};
use super::config::{Architecture, Config};
use super::error::GgufError;
use super::file::GgufFile;
use super::linear::{Columns, Embedding, Joined, Linear, Loader, required_vector, vector};
use super::{parallel, simd};
use crate::lm::LmError;

/// New rows of one of the sequences that a forward pass is given: its tokens from `start` on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    pub(super) sequence: usize,
    pub(super) start: usize,
    pub(super) count: usize,
}

/// All weights of a model.
pub(super) struct Network {
    pub(super) config: Config,
    pub(super) vocabulary: usize,
    pub(super) layout: Layout,
    embedding: Embedding,
    layers: Vec<Layer>,
    norm: Vec<f32>,
    output: Linear,
    /// Radians a position turns each pair of dimensions by.
    frequencies: Vec<f32>,
}

struct Layer {
    attention_norm: Vec<f32>,
    query_key_value: Joined,
    biases: [Option<Vec<f32>>; 3],
    /// Norms of each head's query and key.
    query_norm: Option<Vec<f32>>,
    key_norm: Option<Vec<f32>>,
    attention_output: Linear,
    output_bias: Option<Vec<f32>>,
    feed_forward_norm: Vec<f32>,
    gate_up: Joined,
    down: Linear,
}

impl Layer {
    fn load(from: Loader<'_>, config: &Config, layer: usize) -> Result<Layer, GgufError> {
        let file = from.file;
        let name = |part: &str| format!("blk.{layer}.{part}");
        let (width, heads) = (config.width, config.heads * config.head_width);
        let kv = config.kv_heads * config.head_width;
        let qkv = [(name("attn_q.weight"), heads), (name("attn_k.weight"), kv), (name("attn_v.weight"), kv)];
        let gate_up = ["ffn_gate.weight", "ffn_up.weight"].map(|part| (name(part), config.feed_forward));
        let head_norm = |part: &str| match config.architecture {
            Architecture::Qwen3 => required_vector(file, &name(part), config.head_width).map(Some),
            Architecture::Llama | Architecture::Qwen2 => Ok(None),
        };
        Ok(Layer {
            attention_norm: required_vector(file, &name("attn_norm.weight"), width)?,
            query_key_value: Joined::load(from, &qkv, width)?,
            biases: [
                vector(file, &name("attn_q.bias"), heads)?,
                vector(file, &name("attn_k.bias"), kv)?,
                vector(file, &name("attn_v.bias"), kv)?,
            ],
            query_norm: head_norm("attn_q_norm.weight")?,
            key_norm: head_norm("attn_k_norm.weight")?,
            attention_output: Linear::load(from, &name("attn_output.weight"), heads, width)?,
            output_bias: vector(file, &name("attn_output.bias"), width)?,
            feed_forward_norm: required_vector(file, &name("ffn_norm.weight"), width)?,
            gate_up: Joined::load(from, &gate_up, width)?,
            down: Linear::load(from, &name("ffn_down.weight"), config.feed_forward, width)?,
        })
    }
}

impl Network {
    pub(super) fn load(from: Loader<'_>) -> Result<Network, GgufError> {
        let file = from.file;
        let config = Config::read(file)?;
        let (embedding, vocabulary) = Embedding::load(file, config.width)?;
        let output = match file.tensor("output.weight")? {
            Some(_) => Linear::load(from, "output.weight", config.width, vocabulary)?,
            None => embedding.tied(from)?,
        };
        Ok(Network {
            vocabulary,
            layout: Layout::new(&config),
            embedding,
            layers: (0..config.layers).map(|layer| Layer::load(from, &config, layer)).collect::<Result<_, _>>()?,
            norm: required_vector(file, "output_norm.weight", config.width)?,
            output,
            frequencies: frequencies(file, &config)?,
            config,
        })
    }

    /// Computes the keys and values of `rows`, whose tokens and blocks the sequences already hold, and returns the
    /// residual stream behind the last layer, `[rows][width]`.
    ///
    /// # Errors
    /// [`LmError::Cancelled`] when `cancelled` was set meanwhile.
    pub(super) fn forward(
        &self,
        sequences: &mut [Sequence],
        rows: &[Rows],
        cancelled: &AtomicBool,
    ) -> Result<Vec<f32>, LmError> {
        let tokens = rows.iter().flat_map(|r| &sequences[r.sequence].tokens[r.start..r.start + r.count]);
        let mut x = self.embedding.rows(tokens.copied().collect())?;
        let rotation = self.rotation(rows);
        for (index, layer) in self.layers.iter().enumerate() {
            if cancelled.load(Ordering::Relaxed) {
                return Err(LmError::Cancelled);
            }
            self.attend(index, layer, &mut x, sequences, rows, &rotation)?;
            self.feed_forward(layer, &mut x)?;
        }
        Ok(x)
    }

    fn attend(
        &self,
        index: usize,
        layer: &Layer,
        x: &mut [f32],
        sequences: &mut [Sequence],
        rows: &[Rows],
        rotation: &Rotation,
    ) -> Result<(), LmError> {
        let config = &self.config;
        let count = x.len() / config.width;
        let normed = self.normed(x, &layer.attention_norm);
        let queries = layer.query_key_value.forward(normed, |parts| {
            let [query, key, value] = parts else { return Vec::new() };
            self.store(index, layer, (key, value), sequences, rows, rotation);
            self.queries(layer, query, count, rotation)
        })?;
        let spans: Vec<Span<'_>> = rows
            .iter()
            .map(|r| Span { blocks: &sequences[r.sequence].blocks, start: r.start, rows: r.count })
            .collect();
        let shape = Shape { layout: self.layout, layer: index, kv_heads: config.kv_heads, group: config.group() };
        let mut mixed = vec![0f32; config.kv_heads * count * config.group() * self.layout.padded];
        attention::attend(shape, &spans, &queries, &mut mixed);
        let mixed = layer.attention_output.rows(self.gather(&mixed, count))?;
        layer.attention_output.forward(&mixed)?.with(|product| simd::add(x, product))?;
        if let Some(bias) = &layer.output_bias {
            x.chunks_exact_mut(config.width).for_each(|row| simd::add(row, bias));
        }
        Ok(())
    }

    /// Writes the rows' keys and values into the sequences' blocks.
    fn store(
        &self,
        index: usize,
        layer: &Layer,
        (keys, values): (&Columns<'_>, &Columns<'_>),
        sequences: &mut [Sequence],
        rows: &[Rows],
        rotation: &Rotation,
    ) {
        let width = self.config.head_width;
        let [_, key_bias, value_bias] = &layer.biases;
        let (mut key, mut value) = (vec![0f32; width], vec![0f32; width]);
        let mut row = 0;
        for span in rows {
            for position in span.start..span.start + span.count {
                let block = std::sync::Arc::get_mut(&mut sequences[span.sequence].blocks[position / BLOCK]);
                // A block that others hold was made the sequence's own when the sequence was extended.
                let Some(block) = block else { continue };
                for head in 0..self.config.kv_heads {
                    let columns = head * width..(head + 1) * width;
                    biased(&keys.row(row)[columns.clone()], key_bias.as_ref().map(|b| &b[columns.clone()]), &mut key);
                    biased(&values.row(row)[columns.clone()], value_bias.as_ref().map(|b| &b[columns]), &mut value);
                    self.turn(&mut key, layer.key_norm.as_deref(), rotation, row);
                    self.layout.write(block, (index, head), position % BLOCK, &key, &value);
                }
                row += 1;
            }
        }
    }

    /// Queries as the attention takes them: `[kv_heads][rows * group][head_width]`, scaled.
    fn queries(&self, layer: &Layer, query: &Columns<'_>, count: usize, rotation: &Rotation) -> Vec<f32> {
        let (width, group) = (self.config.head_width, self.config.group());
        let scale = 1.0 / (width as f32).sqrt();
        let bias = layer.biases[0].as_deref();
        let mut queries = vec![0f32; self.config.kv_heads * count * group * width];
        parallel::chunks(&mut queries, count * group * width, |kv_head, chunk| {
            for (at, out) in chunk.chunks_exact_mut(width).enumerate() {
                let (row, head) = (at / group, kv_head * group + at % group);
                let columns = head * width..(head + 1) * width;
                biased(&query.row(row)[columns.clone()], bias.map(|b| &b[columns]), out);
                self.turn(out, layer.query_norm.as_deref(), rotation, row);
                out.iter_mut().for_each(|v| *v *= scale);
            }
        });
        queries
    }

    /// The heads of each row side by side again: `[rows][heads * head_width]`.
    fn gather(&self, mixed: &[f32], count: usize) -> Vec<f32> {
        let (width, padded, group) = (self.config.head_width, self.layout.padded, self.config.group());
        let heads = self.config.heads * width;
        let mut out = vec![0f32; count * heads];
        parallel::chunks(&mut out, heads * ROWS_A_TASK, |task, chunk| {
            for (at, row) in chunk.chunks_exact_mut(heads).enumerate() {
                let index = task * ROWS_A_TASK + at;
                for (head, out) in row.chunks_exact_mut(width).enumerate() {
                    let from = ((head / group * count + index) * group + head % group) * padded;
                    out.copy_from_slice(&mixed[from..from + width]);
                }
            }
        });
        out
    }

    fn feed_forward(&self, layer: &Layer, x: &mut [f32]) -> Result<(), LmError> {
        let width = self.config.feed_forward;
        let count = x.len() / self.config.width;
        let normed = self.normed(x, &layer.feed_forward_norm);
        let gated = layer.gate_up.forward(normed, |parts| {
            let mut gated = vec![0f32; count * width];
            if let [gate, up] = parts {
                parallel::chunks(&mut gated, width * ROWS_A_TASK, |task, chunk| {
                    for (at, out) in chunk.chunks_exact_mut(width).enumerate() {
                        let row = task * ROWS_A_TASK + at;
                        simd::silu_mul(gate.row(row), up.row(row), out);
                    }
                });
            }
            gated
        })?;
        let gated = layer.down.rows(gated)?;
        layer.down.forward(&gated)?.with(|product| simd::add(x, product))
    }

    fn normed(&self, x: &[f32], weight: &[f32]) -> Vec<f32> {
        let width = self.config.width;
        let mut out = vec![0f32; x.len()];
        parallel::chunks(&mut out, width * ROWS_A_TASK, |task, chunk| {
            let from = task * ROWS_A_TASK * width;
            let rows = x[from..from + chunk.len()].chunks_exact(width);
            for (out, row) in chunk.chunks_exact_mut(width).zip(rows) {
                simd::rms_norm(row, weight, self.config.epsilon, out);
            }
        });
        out
    }

    /// Logits over the vocabulary of rows of the residual stream, lent as `[rows][vocabulary]`.
    pub(super) fn logits<R>(&self, hidden: &[f32], read: impl FnOnce(&[f32]) -> R) -> Result<R, LmError> {
        let rows = self.output.rows(self.normed(hidden, &self.norm))?;
        self.output.forward(&rows)?.with(read)
    }

    /// Normalises (where the architecture does) and rotates one head's query or key.
    fn turn(&self, head: &mut [f32], norm: Option<&[f32]>, rotation: &Rotation, row: usize) {
        if let Some(norm) = norm {
            let raw = head.to_vec();
            simd::rms_norm(&raw, norm, self.config.epsilon, head);
        }
        let half = self.frequencies.len();
        let turns = &rotation.turns[row * half..(row + 1) * half];
        match self.config.architecture {
            // Converters reorder llama's weights, so that a pair is two neighbours.
            Architecture::Llama => {
                for (pair, (sin, cos)) in head.chunks_exact_mut(2).zip(turns) {
                    (pair[0], pair[1]) = (pair[0] * cos - pair[1] * sin, pair[0] * sin + pair[1] * cos);
                }
            }
            Architecture::Qwen2 | Architecture::Qwen3 => {
                let (left, right) = head[..2 * half].split_at_mut(half);
                for ((a, b), (sin, cos)) in left.iter_mut().zip(right).zip(turns) {
                    (*a, *b) = (*a * cos - *b * sin, *a * sin + *b * cos);
                }
            }
        }
    }

    fn rotation(&self, rows: &[Rows]) -> Rotation {
        let positions = rows.iter().flat_map(|r| r.start..r.start + r.count);
        let turns = positions.flat_map(|p| self.frequencies.iter().map(move |f| (p as f32 * f).sin_cos()));
        Rotation { turns: turns.collect() }
    }
}

/// Sine and cosine a row and pair of dimensions; the same for all layers.
struct Rotation {
    turns: Vec<(f32, f32)>,
}

/// Rows that one task takes at once: enough work to be worth handing over.
const ROWS_A_TASK: usize = 16;

fn biased(row: &[f32], bias: Option<&[f32]>, out: &mut [f32]) {
    out.copy_from_slice(row);
    if let Some(bias) = bias {
        simd::add(out, bias);
    }
}

/// theta_i = base^(-2i / rope_width), divided by the linear scale and by the file's own factors where it has them.
fn frequencies(file: &GgufFile, config: &Config) -> Result<Vec<f32>, GgufError> {
    let half = config.rope_width / 2;
    let factors = vector(file, "rope_freqs.weight", half)?;
    let theta = |i: usize| {
        let exponent = 2.0 * i as f64 / config.rope_width as f64;
        let factor = factors.as_ref().map_or(1.0, |f| f[i]);
        (f64::from(config.rope_base).powf(-exponent) / f64::from(config.rope_divisor) / f64::from(factor)) as f32
    };
    Ok((0..half).map(theta).collect())
}
