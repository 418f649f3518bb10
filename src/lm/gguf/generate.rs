//! Continuing a prompt: K samples over one evaluation of the prompt, decoded together, one row a sample and pass.

use std::sync::atomic::AtomicBool;

use transformer::{Halt, Rows, Sequence, Sums};

use super::answer::Answer;
use super::engine::Engine;
use super::sample::{Random, sample};
use super::tokenizer::Tokenizer;
use crate::lm::Completion;
use crate::reer::search::Sampling;

/// What to continue and how.
pub(super) struct Ask {
    /// Fits the context with room for a token.
    pub(super) prompt: Vec<u32>,
    pub(super) stops: Vec<String>,
    /// One sample a seed.
    pub(super) seeds: Vec<u64>,
    pub(super) sampling: Sampling,
}

struct Running {
    sample: usize,
    sequence: Sequence,
    random: Random,
    logits: Vec<f32>,
}

/// A sample's text and how it ended.
#[derive(Default)]
struct Outcome {
    answer: Answer,
    finished: bool,
    tokens: usize,
}

/// Generates all samples, handing out text as it becomes certain: sample index, new piece.
///
/// # Errors
/// [`Halt::Cancelled`], or no memory.
pub(super) fn generate(
    engine: &mut Engine,
    tokenizer: &Tokenizer,
    ask: &Ask,
    show: &dyn Fn(usize, &str),
    cancelled: &AtomicBool,
) -> Result<Vec<Completion>, Halt> {
    let mut prompt = engine.longest(&[], &ask.prompt[..ask.prompt.len() - 1]);
    let mut running = Vec::new();
    let mut outcomes: Vec<Outcome> = ask.seeds.iter().map(|_| Outcome::default()).collect();
    let result = start(engine, ask, &mut prompt, &mut running, cancelled)
        .and_then(|()| decode(engine, tokenizer, ask, &mut running, &mut outcomes, show, cancelled));
    for sample in running {
        engine.pool.release(sample.sequence);
    }
    if result.is_ok() {
        engine.retain(prompt);
    } else {
        engine.pool.release(prompt);
    }
    engine.evict();
    result?;
    let completion = |outcome: Outcome| Completion {
        text: outcome.answer.into_text(),
        finished: outcome.finished,
        tokens_in: ask.prompt.len(),
        tokens_out: outcome.tokens,
        tokens_cached: 0,
    };
    Ok(outcomes.into_iter().map(completion).collect())
}

fn start(
    engine: &mut Engine,
    ask: &Ask,
    prompt: &mut Sequence,
    running: &mut Vec<Running>,
    cancelled: &AtomicBool,
) -> Result<(), Halt> {
    let hidden = engine.prefill(prompt, &ask.prompt, cancelled)?;
    let Some(logits) = engine.network.logits(&hidden, Sums::Short)?.pop() else {
        return Ok(());
    };
    let room = ask.sampling.max_tokens > 0;
    running.extend(ask.seeds.iter().enumerate().filter(|_| room).map(|(sample, seed)| Running {
        sample,
        sequence: prompt.fork(ask.prompt.len()),
        random: Random::new(*seed),
        logits: logits.clone(),
    }));
    Ok(())
}

fn decode(
    engine: &mut Engine,
    tokenizer: &Tokenizer,
    ask: &Ask,
    running: &mut Vec<Running>,
    outcomes: &mut [Outcome],
    show: &dyn Fn(usize, &str),
    cancelled: &AtomicBool,
) -> Result<(), Halt> {
    let limit = engine.network.config.context_length;
    while !running.is_empty() {
        let mut going = Vec::new();
        for mut sample in running.drain(..) {
            let token = sample.next(&ask.sampling);
            let outcome = &mut outcomes[sample.sample];
            let full = sample.sequence.tokens().len() + 1 >= limit;
            if outcome.take(token, tokenizer, ask, full, |piece| show(sample.sample, piece)) {
                going.push((sample, token));
            } else {
                engine.pool.release(sample.sequence);
            }
        }
        advance(engine, going, running, cancelled)?;
    }
    Ok(())
}

/// Evaluates each sample's new token, all in one pass.
fn advance(
    engine: &mut Engine,
    going: Vec<(Running, u32)>,
    running: &mut Vec<Running>,
    cancelled: &AtomicBool,
) -> Result<(), Halt> {
    let (mut sequences, mut rows, mut result) = (Vec::new(), Vec::new(), Ok(()));
    for (at, (mut sample, token)) in going.into_iter().enumerate() {
        let mut sequence = std::mem::take(&mut sample.sequence);
        rows.push(Rows { sequence: at, positions: vec![sequence.tokens().len()], read: 1 });
        result = result.and_then(|()| engine.pool.extend(&mut sequence, &[token]));
        sequences.push(sequence);
        running.push(sample);
    }
    if rows.is_empty() {
        return Ok(());
    }
    let result = result.and_then(|()| engine.network.forward(&mut sequences, &rows, Sums::Short, cancelled)).and_then(
        |hidden| {
            let lines = engine.network.logits(&hidden, Sums::Short)?;
            running.iter_mut().zip(lines).for_each(|(sample, line)| sample.logits = line);
            Ok(())
        },
    );
    for (sample, sequence) in running.iter_mut().zip(sequences) {
        sample.sequence = sequence;
    }
    result
}

impl Running {
    fn next(&mut self, sampling: &Sampling) -> u32 {
        sample(&self.logits, sampling, &mut self.random)
    }
}

impl Outcome {
    /// Takes a token; false when the answer has ended with it.
    fn take(&mut self, token: u32, tokenizer: &Tokenizer, ask: &Ask, full: bool, show: impl Fn(&str)) -> bool {
        self.tokens += 1;
        self.finished = tokenizer.special().ends.binary_search(&token).is_ok()
            || self.answer.push(tokenizer.bytes(token), &ask.stops);
        let goes_on = !self.finished && !full && self.tokens < ask.sampling.max_tokens as usize;
        let piece = if goes_on { self.answer.ready(&ask.stops) } else { self.answer.finish() };
        piece.into_iter().for_each(show);
        goes_on
    }
}
