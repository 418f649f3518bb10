//! A model on the device and its forward pass over new rows of cached sequences.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use candle_core::{D, Error, Tensor};

use super::cache::{Held, Pool, Sequence};
use super::device;
use super::layer::{Layer, Norm, Turns, matrix, product};
use crate::config::Config;
use crate::error::{GgufError, Halt};
use crate::file::GgufFile;
use crate::matmul::Sums;
use crate::network::{EMBEDDING, Rows, output, vocabulary};
use crate::rotary::Rotary;

/// Logits that live at once: 256 MiB of them.
const LOGITS: usize = 1 << 26;

/// All weights of a model.
pub struct Network {
    pub config: Config,
    /// Tokens that the output knows.
    pub vocabulary: usize,
    /// Bytes that its sequences hold on the device.
    pub(super) live: Arc<AtomicUsize>,
    /// `[vocabulary][width]`.
    embedding: Tensor,
    layers: Vec<Layer>,
    norm: Norm,
    output: Tensor,
    rotary: Rotary,
}

impl Network {
    /// Copies all weights of the file to the device.
    ///
    /// # Errors
    /// [`GgufError`]: a weight is missing, of another shape, in an unknown format; sizes contradict each other; the device is
    /// not there or has no room.
    pub fn load(file: &GgufFile) -> Result<Network, GgufError> {
        let config = Config::read(file)?;
        let vocabulary = vocabulary(file)?;
        let embedding = matrix(file, EMBEDDING, config.width, vocabulary)?;
        let output = match output(file)? {
            EMBEDDING => embedding.clone(),
            other => matrix(file, other, config.width, vocabulary)?,
        };
        Ok(Network {
            vocabulary,
            live: Arc::default(),
            embedding,
            layers: (0..config.layers).map(|layer| Layer::load(file, &config, layer)).collect::<Result<_, _>>()?,
            norm: Norm::load(file, "output_norm.weight", config.width, config.epsilon)?,
            output,
            rotary: Rotary::load(file, &config)?,
            config,
        })
    }

    /// Computes the keys and values of `rows`, whose tokens the sequences already hold, and returns the residual stream behind
    /// the last layer of those that are read, `[rows][width]`.
    ///
    /// # Errors
    /// [`Halt::Cancelled`] when `cancelled` was set meanwhile, [`Halt::Device`].
    pub fn forward(
        &self,
        sequences: &mut [Sequence],
        rows: &[Rows],
        _: Sums,
        cancelled: &AtomicBool,
    ) -> Result<Vec<f32>, Halt> {
        let tokens = rows.iter().flat_map(|r| r.positions.iter().map(|at| sequences[r.sequence].tokens[*at]));
        let tokens: Vec<u32> = tokens.collect();
        let positions = rows.iter().flat_map(|r| &r.positions).map(|position| *position as f32);
        let turns = Turns::new(&self.rotary.at(positions), tokens.len())?;
        let mut x = self.embedding.index_select(&Tensor::new(tokens, device()?)?, 0)?;
        let mut spans = spans(rows)?;
        let mut held: Vec<Vec<Held>> = rows.iter().map(|_| Vec::new()).collect();
        for (index, layer) in self.layers.iter().enumerate() {
            if cancelled.load(Ordering::Relaxed) {
                return Err(Halt::Cancelled);
            }
            let (query, key, value) = layer.project(&x, &turns)?;
            for ((span, rows), held) in spans.iter().zip(rows).zip(&mut held) {
                let new = Held { keys: span.rows(&key, 1)?, values: span.rows(&value, 1)? };
                held.push(sequences[rows.sequence].with(index, &rows.positions, new)?);
            }
            if index + 1 == self.layers.len() {
                // Behind its keys and values, only what is read goes on.
                spans.iter_mut().zip(rows).try_for_each(|(span, rows)| span.keep(rows.read))?;
                x = Tensor::cat(&spans.iter().map(|span| span.rows(&x, 0)).collect::<Result<Vec<_>, _>>()?, 0)?;
            }
            let read = spans.iter().zip(&held).filter(|(span, _)| !span.positions.is_empty());
            let mixed = read.map(|(span, held)| {
                layer.attend(&span.rows(&query, 1)?, &held[index], span.positions, span.mask.as_ref())
            });
            let mixed = mixed.collect::<Result<Vec<_>, Error>>()?;
            if !mixed.is_empty() {
                x = layer.finish(&x, &Tensor::cat(&mixed, 0)?)?;
            }
        }
        for (rows, held) in rows.iter().zip(held) {
            sequences[rows.sequence].hold(held, &self.live);
        }
        Ok(x.flatten_all()?.to_vec1()?)
    }

    /// Appends tokens of another sequence with the keys and values that they have there, turned to the positions that they get
    /// here. Nothing is computed, so what they saw is what stood before them there: an approximation.
    ///
    /// # Errors
    /// [`Halt::Device`].
    pub fn graft(
        &self,
        pool: &mut Pool,
        sequence: &mut Sequence,
        from: &Sequence,
        tokens: Range<usize>,
    ) -> Result<(), Halt> {
        if tokens.is_empty() {
            return Ok(());
        }
        let start = sequence.tokens().len();
        pool.extend(sequence, &from.tokens()[tokens.clone()])?;
        let positions: Vec<usize> = (start..start + tokens.len()).collect();
        let by = start as f32 - tokens.start as f32;
        let turns = Turns::new(&self.rotary.at(std::iter::repeat_n(by, tokens.len())), tokens.len())?;
        let mut layers = Vec::new();
        for layer in 0..self.layers.len() {
            if let Some(Held { keys, values }) = from.held(layer, tokens.clone())? {
                layers.push(sequence.with(layer, &positions, Held { keys: turns.turn(&keys)?, values })?);
            }
        }
        sequence.hold(layers, &self.live);
        Ok(())
    }

    /// The log-probability of one token behind each row of the residual stream, `[rows][width]`, in nats.
    ///
    /// # Errors
    /// [`Halt::Device`].
    pub fn logprobs(&self, hidden: &[f32], tokens: &[u32], _: Sums) -> Result<Vec<f32>, Halt> {
        let rows = (LOGITS / self.vocabulary).max(1);
        let mut logprobs = Vec::with_capacity(tokens.len());
        for (hidden, tokens) in hidden.chunks(rows * self.config.width).zip(tokens.chunks(rows)) {
            let lines = self.lines(hidden)?;
            let tokens = Tensor::from_slice(tokens, (tokens.len(), 1), device()?)?;
            let chosen = lines.gather(&tokens, D::Minus1)?.squeeze(1)?;
            logprobs.extend((chosen - lines.log_sum_exp(D::Minus1)?)?.to_vec1::<f32>()?);
        }
        Ok(logprobs)
    }

    /// Each row's logits over the vocabulary.
    ///
    /// # Errors
    /// [`Halt::Device`].
    pub fn logits(&self, hidden: &[f32], _: Sums) -> Result<Vec<Vec<f32>>, Halt> {
        if hidden.is_empty() { Ok(Vec::new()) } else { Ok(self.lines(hidden)?.to_vec2()?) }
    }

    /// Logits of rows of the residual stream: `[rows][vocabulary]`.
    fn lines(&self, hidden: &[f32]) -> Result<Tensor, Error> {
        let width = self.config.width;
        let hidden = Tensor::from_slice(hidden, (hidden.len() / width, width), device()?)?;
        product(&self.norm.forward(&hidden)?, &self.output)
    }
}

/// Where the rows of one sequence stand in a pass.
struct Span<'a> {
    /// The first of them among all.
    at: usize,
    positions: &'a [usize],
    /// What is added to their scores, `[rows][positions]`: nothing to those of what a row sees. One row sees all there is.
    mask: Option<Tensor>,
}

impl Span<'_> {
    /// Its rows of a tensor of all.
    fn rows(&self, tensor: &Tensor, dimension: usize) -> Result<Tensor, Error> {
        tensor.narrow(dimension, self.at, self.positions.len())
    }

    /// Is the last `count` of its rows from now on.
    fn keep(&mut self, count: usize) -> Result<(), Error> {
        let before = self.positions.len() - count;
        self.mask = self.mask.take().map(|mask| mask.narrow(0, before, count)).transpose()?;
        self.at += before;
        self.positions = &self.positions[before..];
        Ok(())
    }
}

fn spans(rows: &[Rows]) -> Result<Vec<Span<'_>>, Error> {
    let (mut spans, mut at) = (Vec::with_capacity(rows.len()), 0);
    for Rows { positions, .. } in rows {
        let mask = (positions.len() > 1).then(|| mask(positions)).transpose()?;
        spans.push(Span { at, positions, mask });
        at += positions.len();
    }
    Ok(spans)
}

fn mask(positions: &[usize]) -> Result<Tensor, Error> {
    let (end, device) = (positions.last().map_or(0, |last| last + 1), device()?);
    let shape = (positions.len(), end);
    let all = Tensor::arange(0, end as u32, device)?.broadcast_as(shape)?;
    let own: Vec<u32> = positions.iter().map(|position| *position as u32).collect();
    let own = Tensor::new(own, device)?.unsqueeze(1)?.broadcast_as(shape)?;
    let number = |number: f32| Tensor::new(number, device)?.broadcast_as(shape);
    all.le(&own)?.where_cond(&number(0.0)?, &number(f32::NEG_INFINITY)?)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::device::{Network, Pool, Sequence};
    use crate::{cache, network};

    static GOING: AtomicBool = AtomicBool::new(false);

    fn fixture(name: &str) -> GgufFile {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/gguf");
        GgufFile::open(&folder.join(name).with_extension("gguf")).unwrap()
    }

    fn text(length: usize, seed: usize) -> Vec<u32> {
        (0..length).map(|at| (at * at * (seed + 3) * 31 % 199) as u32).collect()
    }

    /// Log-probabilities of each token but the first, by the processor in one pass.
    fn by_the_processor(network: &network::Network, text: &[u32]) -> Vec<f32> {
        let (mut pool, mut sequence) = (cache::Pool::new(network), cache::Sequence::default());
        let rows = Rows { sequence: 0, positions: (0..text.len() - 1).collect(), read: text.len() - 1 };
        pool.extend(&mut sequence, &text[..text.len() - 1]).unwrap();
        let hidden = network.forward(&mut [sequence], &[rows], Sums::Alike, &GOING).unwrap();
        network.logprobs(&hidden, &text[1..], Sums::Alike).unwrap()
    }

    fn alike(want: &[f32], got: &[f32], most: f32, mean: f32) {
        assert_eq!(want.len(), got.len());
        let off: Vec<f32> = want.iter().zip(got).map(|(want, got)| (want - got).abs()).collect();
        assert!(off.iter().all(|off| *off < most), "{off:?}");
        assert!(off.iter().sum::<f32>() / (off.len() as f32) < mean, "{off:?}");
    }

    #[test]
    fn a_device_gives_the_numbers_of_the_processor_whatever_the_passes_and_forks() {
        ["llama-q4_k_m", "qwen2-f16", "qwen3-q8_0"].map(fixture).iter().for_each(passes_and_forks);
    }

    fn passes_and_forks(file: &GgufFile) {
        let (device, processor) = (Network::load(file).unwrap(), network::Network::load(file).unwrap());
        let mut pool = Pool::new(&device);
        let shared = text(37, 1);
        // The last is longer than what looks back at once.
        let texts = [20, 40, 600].map(|length| [&shared[..], &text(length, length)[..]].concat());
        let want = texts.each_ref().map(|text| by_the_processor(&processor, text));

        let mut first = Sequence::default();
        pool.extend(&mut first, &shared).unwrap();
        let rows = Rows { sequence: 0, positions: (0..37).collect(), read: 36 };
        let hidden = device.forward(std::slice::from_mut(&mut first), &[rows], Sums::Alike, &GOING).unwrap();
        let mut behind = texts[0][2..38].to_vec();
        alike(&want[0][1..37], &device.logprobs(&hidden, &behind, Sums::Alike).unwrap(), 0.01, 0.001);

        // The rest of each text behind a fork, in two passes: of the first something is read, of the second all.
        let mut forks = [35, 36, 37].map(|length| first.fork(length));
        pool.release(first);
        let mut got = [const { Vec::new() }; 3];
        for (end, unread) in [(45, 3), (usize::MAX, 0)] {
            let (mut passed, mut rows) = (Vec::new(), Vec::new());
            behind.clear();
            for (at, (fork, text)) in forks.iter_mut().zip(&texts).enumerate() {
                let (start, end) = (fork.tokens().len(), end.min(text.len() - 1));
                pool.extend(fork, &text[start..end]).unwrap();
                rows.push(Rows { sequence: at, positions: (start..end).collect(), read: end - start - unread });
                behind.extend_from_slice(&text[start + unread + 1..=end]);
                passed.extend(vec![at; end - start - unread]);
            }
            let hidden = device.forward(&mut forks, &rows, Sums::Alike, &GOING).unwrap();
            let logprobs = device.logprobs(&hidden, &behind, Sums::Alike).unwrap();
            let lines = device.logits(&hidden, Sums::Alike).unwrap();
            for (((at, logprob), line), token) in passed.iter().zip(logprobs).zip(lines).zip(&behind) {
                got[*at].push(logprob);
                let want = f64::from(line[*token as usize])
                    - crate::simd::SumOfExponentials::ln(std::iter::once(crate::simd::SumOfExponentials::of(&line)));
                assert!((f64::from(logprob) - want).abs() < 1e-4, "{logprob} {want}");
            }
        }
        for (at, (want, got)) in want.iter().zip(&got).enumerate() {
            let from = 35 + at;
            alike(&[&want[from + 3..45], &want[45..]].concat(), got, 0.01, 0.001);
        }
        assert!(pool.live_bytes() > 0);
        forks.into_iter().for_each(|fork| pool.release(fork));
        pool.trim(0);
        assert_eq!(pool.live_bytes(), 0);
    }

    /// What a graft and some rows over it give, by one of the two.
    macro_rules! grafted {
        ($network:expr, $of:ident) => {{
            let (network, mut pool) = ($network, $of::Pool::new($network));
            let [mut from, mut sequence] = [text(50, 1), text(21, 2)].map(|text| {
                let mut sequence = $of::Sequence::default();
                pool.extend(&mut sequence, &text).unwrap();
                let rows = Rows { sequence: 0, positions: (0..text.len()).collect(), read: 0 };
                network.forward(std::slice::from_mut(&mut sequence), &[rows], Sums::Alike, &GOING).unwrap();
                sequence
            });
            network.graft(&mut pool, &mut sequence, &from, 9..50).unwrap();
            // Another fork of what was grafted from goes on as it was.
            from = from.fork(30);
            pool.extend(&mut from, &text(1, 5)).unwrap();
            let some = vec![15, 24, 25, 40, 61];
            let rows =
                [Rows { sequence: 0, positions: some, read: 3 }, Rows { sequence: 1, positions: vec![30], read: 1 }];
            let hidden = network.forward(&mut [sequence, from], &rows, Sums::Alike, &GOING).unwrap();
            network.logprobs(&hidden, &[1, 2, 3, 4], Sums::Alike).unwrap()
        }};
    }

    #[test]
    fn a_graft_and_rows_out_of_its_middle_give_the_numbers_of_the_processor() {
        use crate::device as accelerator;
        for file in ["llama-q4_k_m", "qwen2-f16", "qwen3-q8_0"].map(fixture) {
            let (device, processor) = (Network::load(&file).unwrap(), network::Network::load(&file).unwrap());
            let (want, got) = (grafted!(&processor, cache), grafted!(&device, accelerator));
            alike(&want, &got, 0.02, 0.01);
        }
    }

    #[test]
    fn rows_that_nobody_reads_leave_keys_and_a_cancelled_pass_leaves_none() {
        let network = Network::load(&fixture("qwen3-q8_0")).unwrap();
        let (mut pool, mut sequence) = (Pool::new(&network), Sequence::default());
        pool.extend(&mut sequence, &text(9, 1)).unwrap();
        let rows = [Rows { sequence: 0, positions: (0..9).collect(), read: 0 }];
        let sequences = std::slice::from_mut(&mut sequence);
        let halted = network.forward(sequences, &rows, Sums::Alike, &AtomicBool::new(true));
        assert_eq!((halted, pool.live_bytes()), (Err(Halt::Cancelled), 0));
        assert_eq!(network.forward(sequences, &rows, Sums::Alike, &GOING), Ok(Vec::new()));
        let config = &network.config;
        assert_eq!(pool.live_bytes(), 2 * 9 * config.layers * config.kv_heads * config.head_width * size_of::<f32>());
        assert_eq!((sequence.tokens().len(), sequence.shared(&text(12, 1))), (9, 9));
        assert_eq!(network.logits(&[], Sums::Alike), Ok(Vec::new()));
    }
}
