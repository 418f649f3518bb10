//! The transformer's weights and the forward pass over new rows of cached sequences.
//!
//! Llama (Touvron et al., arXiv 2302.13971) with the differences of Qwen2 and Qwen3: pre-norms, rotary positions,
//! grouped-query attention, gated feed-forward. Names of tensors are llama.cpp's.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::attention::{self, Shape, Span};
use super::buffer::room;
use super::cache::{BLOCK, Layout, Sequence};
use super::config::{Architecture, Config};
use super::error::{GgufError, Halt};
use super::file::GgufFile;
use super::linear::{Columns, Linear, required_vector, vector};
use super::matmul::Sums;
use super::matrix::Matrix;
use super::norm::Norm;
use super::parallel::{self, ROWS_A_TASK};
use super::rotary::{Rotary, Rotation};
use super::simd;

/// Rows of one of the sequences that a forward pass is given: tokens that it computes.
#[derive(Debug, Clone)]
pub struct Rows {
    /// Its place among the sequences.
    pub sequence: usize,
    /// Their positions, rising. What lies between them and before them is there already.
    pub positions: Vec<usize>,
    /// How many of them, at their end, somebody reads the residual stream of; of the others the cache wants keys and values.
    pub read: usize,
}

/// All weights of a model.
pub struct Network {
    pub config: Config,
    /// Tokens that the output knows.
    pub vocabulary: usize,
    pub(super) layout: Layout,
    embedding: Matrix,
    layers: Vec<Layer>,
    pub(super) norm: Norm,
    pub(super) output: Linear,
    pub(super) rotary: Rotary,
    /// Of the pass that runs: there is one at a time.
    memory: Mutex<Buffers>,
}

struct Layer {
    attention_norm: Norm,
    query_key_value: Linear,
    biases: [Option<Vec<f32>>; 3],
    /// Norms of each head's query and key.
    query_norm: Option<Vec<f32>>,
    key_norm: Option<Vec<f32>>,
    attention_output: Linear,
    output_bias: Option<Vec<f32>>,
    feed_forward_norm: Norm,
    gate_up: Linear,
    down: Linear,
}

impl Layer {
    fn load(file: &GgufFile, config: &Config, layer: usize) -> Result<Layer, GgufError> {
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
            attention_norm: Norm::load(file, &name("attn_norm.weight"), width, config.epsilon)?,
            query_key_value: Linear::load(file, &qkv, width)?,
            biases: [
                vector(file, &name("attn_q.bias"), heads)?,
                vector(file, &name("attn_k.bias"), kv)?,
                vector(file, &name("attn_v.bias"), kv)?,
            ],
            query_norm: head_norm("attn_q_norm.weight")?,
            key_norm: head_norm("attn_k_norm.weight")?,
            attention_output: Linear::load(file, &[(name("attn_output.weight"), width)], heads)?,
            output_bias: vector(file, &name("attn_output.bias"), width)?,
            feed_forward_norm: Norm::load(file, &name("ffn_norm.weight"), width, config.epsilon)?,
            gate_up: Linear::load(file, &gate_up, width)?,
            down: Linear::load(file, &[(name("ffn_down.weight"), width)], config.feed_forward)?,
        })
    }
}

/// The tensor of the tokens' embeddings.
pub(super) const EMBEDDING: &str = "token_embd.weight";

/// Tokens that a model knows.
pub(super) fn vocabulary(file: &GgufFile) -> Result<usize, GgufError> {
    match file.required(EMBEDDING)?.dims.as_slice() {
        &[tokens, _] => Ok(tokens),
        _ => Err(file.damaged(format!("{EMBEDDING} is not a matrix"))),
    }
}

/// The tensor that makes logits: some models tie it to the embedding.
pub(super) fn output(file: &GgufFile) -> Result<&'static str, GgufError> {
    Ok(if file.tensor("output.weight")?.is_some() { "output.weight" } else { EMBEDDING })
}

impl Network {
    /// Finds all weights in the file.
    ///
    /// # Errors
    /// [`GgufError`]: a weight is missing, of another shape, in an unknown format; sizes contradict each other.
    pub fn load(file: &GgufFile) -> Result<Network, GgufError> {
        let config = Config::read(file)?;
        let vocabulary = vocabulary(file)?;
        let embedding = Matrix::load(file, EMBEDDING, config.width, vocabulary)?;
        let output = Linear::load(file, &[(output(file)?.to_owned(), vocabulary)], config.width)?;
        Ok(Network {
            vocabulary,
            layout: Layout::new(&config),
            embedding,
            layers: (0..config.layers).map(|layer| Layer::load(file, &config, layer)).collect::<Result<_, _>>()?,
            norm: Norm::load(file, "output_norm.weight", config.width, config.epsilon)?,
            output,
            rotary: Rotary::load(file, &config)?,
            memory: Mutex::default(),
            config,
        })
    }

    /// Computes the keys and values of `rows`, whose tokens and blocks the sequences already hold, and returns the
    /// residual stream behind the last layer of those that are read, `[rows][width]`.
    ///
    /// # Errors
    /// [`Halt::Cancelled`] when `cancelled` was set meanwhile, [`Halt::Device`].
    pub fn forward(
        &self,
        sequences: &mut [Sequence],
        rows: &[Rows],
        sums: Sums,
        cancelled: &AtomicBool,
    ) -> Result<Vec<f32>, Halt> {
        let tokens = rows.iter().flat_map(|r| r.positions.iter().map(|at| sequences[r.sequence].tokens[*at]));
        let mut x = self.embed(tokens);
        let rotation = self.rotary.at(rows.iter().flat_map(|r| &r.positions).map(|position| *position as f32));
        let all: Vec<usize> = (0..x.len() / self.config.width).collect();
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let Buffers { normed, product, queries, rest } = &mut *memory;
        for (index, layer) in self.layers.iter().enumerate() {
            if cancelled.load(Ordering::Relaxed) {
                return Err(Halt::Cancelled);
            }
            let product = layer.query_key_value.forward(layer.attention_norm.forward(&x, normed), sums, product)?;
            let [query, key, value] = [0, 1, 2].map(|map| layer.query_key_value.part(&product, map));
            self.store(index, layer, (&key, &value), sequences, rows, &rotation);
            // Behind the last layer's keys and values, only what is read goes on.
            let last = index + 1 == self.layers.len();
            let going = if last { self.keep_read(rows, &mut x) } else { all.clone() };
            let spans: Vec<Span<'_>> = rows
                .iter()
                .map(|r| {
                    let done = if last { r.positions.len() - r.read } else { 0 };
                    Span { blocks: &sequences[r.sequence].blocks, positions: &r.positions[done..] }
                })
                .collect();
            let queries = self.queries(layer, &query, &going, &rotation, queries);
            self.attend(index, &mut x, &spans, queries, sums, rest)?;
            self.feed_forward(layer, &mut x, sums, rest)?;
        }
        Ok(x)
    }

    /// Leaves of the residual stream the rows that are read, and says which they were.
    fn keep_read(&self, rows: &[Rows], x: &mut Vec<f32>) -> Vec<usize> {
        let (mut kept, mut end) = (Vec::new(), 0);
        for rows in rows {
            end += rows.positions.len();
            kept.extend(end - rows.read..end);
        }
        let width = self.config.width;
        for (to, from) in kept.iter().enumerate() {
            x.copy_within(from * width..(from + 1) * width, to * width);
        }
        x.truncate(kept.len() * width);
        kept
    }

    fn attend(
        &self,
        index: usize,
        x: &mut [f32],
        spans: &[Span<'_>],
        queries: &[f32],
        sums: Sums,
        buffers: &mut [Vec<f32>; 3],
    ) -> Result<(), Halt> {
        let (config, layer) = (&self.config, &self.layers[index]);
        let [mixed, gathered, product] = buffers;
        let count = x.len() / config.width;
        let shape = Shape { layout: self.layout, layer: index, kv_heads: config.kv_heads, group: config.group() };
        let mixed = room(mixed, config.heads * count * self.layout.padded);
        attention::attend(shape, spans, queries, mixed);
        self.add(&layer.attention_output, self.gather(mixed, count, gathered), x, sums, product)?;
        if let Some(bias) = &layer.output_bias {
            x.chunks_exact_mut(config.width).for_each(|row| simd::add(row, bias));
        }
        Ok(())
    }

    /// Adds what `map` makes of `input` to the residual stream.
    fn add(&self, map: &Linear, input: &[f32], x: &mut [f32], sums: Sums, product: &mut Vec<f32>) -> Result<(), Halt> {
        let product = map.forward(input, sums, product)?;
        let columns = map.part(&product, 0);
        parallel::rows(x, self.config.width, |row, x| columns.add(row, x));
        Ok(())
    }

    /// The embeddings of tokens, `[tokens][width]`.
    fn embed(&self, tokens: impl Iterator<Item = u32>) -> Vec<f32> {
        let tokens: Vec<u32> = tokens.collect();
        let mut x = vec![0f32; tokens.len() * self.config.width];
        parallel::rows(&mut x, self.config.width, |row, out| self.embedding.read(tokens[row] as usize, out));
        x
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
        let positions = rows.iter().flat_map(|r| r.positions.iter().map(|position| (r.sequence, *position)));
        for (row, (sequence, position)) in positions.enumerate() {
            let block = std::sync::Arc::get_mut(&mut sequences[sequence].blocks[position / BLOCK]);
            // What others hold was computed from the same tokens; all else became the sequence's own when it was extended.
            let Some(block) = block else { continue };
            for head in 0..self.config.kv_heads {
                let columns = head * width..(head + 1) * width;
                biased(keys, row, columns.clone(), key_bias.as_deref(), &mut key);
                biased(values, row, columns, value_bias.as_deref(), &mut value);
                self.turn(&mut key, layer.key_norm.as_deref(), rotation, row);
                self.layout.write(block, (index, head), position % BLOCK, &key, &value);
            }
        }
    }

    /// Queries of some rows as the attention takes them: `[kv_heads][rows * group][head_width]`, scaled.
    fn queries<'a>(
        &self,
        layer: &Layer,
        query: &Columns<'_>,
        rows: &[usize],
        rotation: &Rotation,
        buffer: &'a mut Vec<f32>,
    ) -> &'a [f32] {
        let (width, group) = (self.config.head_width, self.config.group());
        let scale = 1.0 / (width as f32).sqrt();
        let bias = layer.biases[0].as_deref();
        let queries = room(buffer, self.config.heads * rows.len() * width);
        parallel::chunks(queries, ROWS_A_TASK * group * width, |task, chunk| {
            for (at, out) in chunk.chunks_exact_mut(width).enumerate() {
                let at = task * ROWS_A_TASK * group + at;
                let (kv_head, at) = (at / (rows.len() * group), at % (rows.len() * group));
                let (row, head) = (rows[at / group], kv_head * group + at % group);
                biased(query, row, head * width..(head + 1) * width, bias, out);
                self.turn(out, layer.query_norm.as_deref(), rotation, row);
                out.iter_mut().for_each(|v| *v *= scale);
            }
        });
        queries
    }

    /// The heads of each row side by side again: `[rows][heads * head_width]`.
    fn gather<'a>(&self, mixed: &[f32], count: usize, buffer: &'a mut Vec<f32>) -> &'a [f32] {
        let (width, padded, group) = (self.config.head_width, self.layout.padded, self.config.group());
        let heads = self.config.heads * width;
        let out = room(buffer, count * heads);
        parallel::rows(out, heads, |row, out| {
            for (head, out) in out.chunks_exact_mut(width).enumerate() {
                let from = ((head / group * count + row) * group + head % group) * padded;
                out.copy_from_slice(&mixed[from..from + width]);
            }
        });
        out
    }

    fn feed_forward(&self, layer: &Layer, x: &mut [f32], sums: Sums, buffers: &mut [Vec<f32>; 3]) -> Result<(), Halt> {
        let width = self.config.feed_forward;
        let [normed, gated, product] = buffers;
        let made = layer.gate_up.forward(layer.feed_forward_norm.forward(x, normed), sums, product)?;
        let [gate, up] = [0, 1].map(|map| layer.gate_up.part(&made, map));
        let gated = room(gated, x.len() / self.config.width * width);
        parallel::chunks(gated, width * ROWS_A_TASK, |task, chunk| {
            let mut scratch = vec![0f32; width];
            for (at, out) in chunk.chunks_exact_mut(width).enumerate() {
                let row = task * ROWS_A_TASK + at;
                gate.copy(row, 0..width, out);
                up.copy(row, 0..width, &mut scratch);
                simd::silu_mul(out, &scratch);
            }
        });
        self.add(&layer.down, gated, x, sums, product)
    }

    /// Normalises (where the architecture does) and rotates one head's query or key.
    fn turn(&self, head: &mut [f32], norm: Option<&[f32]>, rotation: &Rotation, row: usize) {
        if let Some(norm) = norm {
            let raw = head.to_vec();
            simd::rms_norm(&raw, norm, self.config.epsilon, head);
        }
        rotation.turn(head, row);
    }
}

/// Memory of forward passes that their layers use one after the other.
#[derive(Default)]
struct Buffers {
    normed: Vec<f32>,
    product: Vec<f32>,
    queries: Vec<f32>,
    /// Of what follows the queries.
    rest: [Vec<f32>; 3],
}

/// Some columns of a row with their bias.
fn biased(product: &Columns<'_>, row: usize, columns: Range<usize>, bias: Option<&[f32]>, out: &mut [f32]) {
    product.copy(row, columns.clone(), out);
    if let Some(bias) = bias {
        simd::add(out, &bias[columns]);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::cache::Pool;

    /// Prints; asserts nothing, because machines differ.
    #[test]
    #[ignore = "a bench"]
    fn rows_behind_a_context() {
        const CONTEXT: usize = 700;
        const COUNTS: [usize; 3] = [64, 256, 700];
        const MOST: usize = COUNTS[2];
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/model/retrace-scorer-q8_0.gguf");
        let network = Network::load(&GgufFile::open(&path).unwrap()).unwrap();
        let (mut pool, cancelled) = (Pool::new(&network), AtomicBool::new(false));
        let tokens: Vec<u32> = (0..CONTEXT + MOST).map(|at| (at * 7919 % 12_000) as u32).collect();
        let mut best = [[f64::INFINITY; 2]; COUNTS.len()];
        for _ in 0..10 {
            let mut sequences = [Sequence::default()];
            pool.extend(&mut sequences[0], &tokens).unwrap();
            let rows = |start: usize, count: usize| {
                [Rows { sequence: 0, positions: (start..start + count).collect(), read: count }]
            };
            network.forward(&mut sequences, &rows(0, CONTEXT), Sums::Alike, &cancelled).unwrap();
            for (count, best) in COUNTS.into_iter().zip(&mut best) {
                let begun = Instant::now();
                let hidden = network.forward(&mut sequences, &rows(CONTEXT, count), Sums::Alike, &cancelled).unwrap();
                let passed = begun.elapsed().as_secs_f64();
                let logits = network.logprobs(&hidden, &tokens[CONTEXT..][..count], Sums::Alike).unwrap();
                assert_eq!(logits.len(), count);
                best[0] = best[0].min(passed);
                best[1] = best[1].min(begun.elapsed().as_secs_f64() - passed);
            }
            let [sequence] = sequences;
            pool.release(sequence);
        }
        for (count, best) in COUNTS.into_iter().zip(best) {
            let [forward, logits] = best.map(|seconds| seconds * 1e6 / count as f64);
            println!("{count} rows behind {CONTEXT}, us a row: {forward:.1} in the layers, {logits:.1} for the logits");
        }
    }
}
