//! Evaluation of token sequences over a cache of what was evaluated before. Computes on the calling thread and
//! the compute pool; knows nothing of text, async callers and frames.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use transformer::{Halt, Network, PASS, Pool, Rows, Sequence, Sums, common_prefix};

/// Pending rows at which a batch of sequences is evaluated: bounds the keys and values of y that live at once.
const BATCH: usize = 2 * PASS;

/// Tokens that two jobs must share beyond what is cached for a pass of their own to be worth it.
const WORTH_SHARING: usize = 16;

/// Memory for keys and values kept between calls.
const RETAINED_BYTES: usize = 512 << 20;

/// Sequences kept between calls: looking for the longest match walks all of them.
const RETAINED: usize = 256;

/// A sequence whose tokens from `from` on are to be scored: at least one, with at least one in front of it.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) tokens: Vec<u32>,
    pub(super) from: usize,
    /// The first tokens whose keys and values are kept for later calls.
    pub(super) keep: usize,
}

/// What a job gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Scored {
    /// ln p(token | those before it) of each token from [`Job::from`] on.
    pub(super) logprobs: Vec<f32>,
    /// Tokens whose keys and values were there already, from an earlier call or from another job of this one.
    pub(super) cached: usize,
}

/// A network with its cache.
pub(super) struct Engine {
    pub(super) network: Arc<Network>,
    pub(super) pool: Pool,
    /// Least recently used first.
    retained: VecDeque<Sequence>,
}

/// The jobs of one call with what they have given so far.
struct Scores<'a> {
    jobs: &'a [Job],
    scored: Vec<Scored>,
    tell: &'a dyn Fn(usize, Scored),
}

impl Scores<'_> {
    /// Tells a job's answer when it is whole.
    fn tell_done(&mut self, job: usize) {
        let Job { tokens, from, .. } = &self.jobs[job];
        if self.scored[job].logprobs.len() == tokens.len() - from {
            (self.tell)(job, std::mem::take(&mut self.scored[job]));
        }
    }
}

/// A job whose shared part is evaluated.
struct Pending {
    job: usize,
    sequence: Sequence,
}

impl Engine {
    pub(super) fn new(network: Arc<Network>) -> Engine {
        Engine { pool: Pool::new(&network), network, retained: VecDeque::new() }
    }

    /// Scores all jobs; what they share with each other or with earlier calls is evaluated once.
    ///
    /// `tell` gets the place of each job and what it gave after the forward pass that held the job's last row: jobs
    /// whose last rows fit one pass are told together. In the order of evaluation, which puts like jobs side by side.
    ///
    /// # Errors
    /// [`Halt::Cancelled`], or no memory; what was told until then stands.
    pub(super) fn score(
        &mut self,
        jobs: &[Job],
        tell: &dyn Fn(usize, Scored),
        cancelled: &AtomicBool,
    ) -> Result<(), Halt> {
        let mut scores = Scores { jobs, scored: vec![Scored::default(); jobs.len()], tell };
        let mut order: Vec<usize> = (0..jobs.len()).collect();
        // Sorted, a job shares its longest prefixes with its neighbours.
        order.sort_by(|a, b| jobs[*a].tokens.cmp(&jobs[*b].tokens));
        let mut batch = Batch::default();
        let result = self.score_sorted(&order, &mut batch, &mut scores, cancelled);
        for sequence in batch.shared.into_iter().chain(batch.pending.into_iter().map(|p| p.sequence)) {
            self.pool.release(sequence);
        }
        self.evict();
        result
    }

    fn score_sorted(
        &mut self,
        order: &[usize],
        batch: &mut Batch,
        scores: &mut Scores<'_>,
        cancelled: &AtomicBool,
    ) -> Result<(), Halt> {
        let jobs = scores.jobs;
        for (at, &index) in order.iter().enumerate() {
            let job = &jobs[index];
            // The hidden state before the first scored token is computed here, so its token cannot be taken from a cache.
            let reusable = job.from - 1;
            let mut sequence = self.longest(&batch.shared, &job.tokens[..reusable]);
            scores.scored[index].cached = sequence.tokens().len();
            let shared = order.get(at + 1).map_or(0, |next| {
                let next = &jobs[*next];
                common_prefix(&job.tokens[..reusable], &next.tokens[..next.from - 1])
            });
            if shared >= sequence.tokens().len() + WORTH_SHARING {
                if let Err(halt) = self.prefill(&mut sequence, &job.tokens[..shared], cancelled) {
                    self.pool.release(sequence);
                    return Err(halt);
                }
                batch.shared.push(sequence.fork(shared));
            }
            batch.rows += job.tokens.len() - 1 - sequence.tokens().len();
            batch.pending.push(Pending { job: index, sequence });
            if batch.rows >= BATCH {
                self.flush(batch, scores, cancelled)?;
            }
        }
        self.flush(batch, scores, cancelled)
    }

    /// Evaluates the pending jobs together and keeps their contexts.
    fn flush(&mut self, batch: &mut Batch, scores: &mut Scores<'_>, cancelled: &AtomicBool) -> Result<(), Halt> {
        batch.rows = 0;
        let pending = std::mem::take(&mut batch.pending);
        let indices: Vec<usize> = pending.iter().map(|p| p.job).collect();
        let mut sequences: Vec<Sequence> = pending.into_iter().map(|p| p.sequence).collect();
        let result = self.evaluate(&indices, &mut sequences, scores, cancelled);
        for (sequence, job) in sequences.into_iter().zip(indices) {
            if result.is_ok() {
                self.retain(sequence.fork(scores.jobs[job].keep));
            }
            self.pool.release(sequence);
        }
        result
    }

    fn evaluate(
        &mut self,
        indices: &[usize],
        sequences: &mut [Sequence],
        scores: &mut Scores<'_>,
        cancelled: &AtomicBool,
    ) -> Result<(), Halt> {
        let (jobs, mut todo) = (scores.jobs, Vec::new());
        for (at, (sequence, job)) in sequences.iter_mut().zip(indices).enumerate() {
            let start = sequence.tokens().len();
            // The last token's own hidden state predicts what nobody asked for.
            let tokens = &jobs[*job].tokens[start..jobs[*job].tokens.len() - 1];
            self.pool.extend(sequence, tokens)?;
            let read = jobs[*job].tokens.len() - jobs[*job].from;
            todo.push(Rows { sequence: at, positions: (start..start + tokens.len()).collect(), read });
        }
        for rows in chunks(&todo) {
            let hidden = self.network.forward(sequences, &rows, Sums::Alike, cancelled)?;
            self.read_logprobs(indices, &rows, &hidden, scores)?;
            rows.iter().for_each(|rows| scores.tell_done(indices[rows.sequence]));
        }
        Ok(())
    }

    /// Log-probabilities of the scored tokens that `rows` predict.
    fn read_logprobs(
        &self,
        indices: &[usize],
        rows: &[Rows],
        hidden: &[f32],
        scores: &mut Scores<'_>,
    ) -> Result<(), Halt> {
        let (mut targets, mut owners) = (Vec::new(), Vec::new());
        for span in rows {
            let job = indices[span.sequence];
            let read = &span.positions[span.positions.len() - span.read..];
            targets.extend(read.iter().map(|position| scores.jobs[job].tokens[position + 1]));
            owners.resize(targets.len(), job);
        }
        let logprobs = self.network.logprobs(hidden, &targets, Sums::Alike)?;
        for (logprob, owner) in logprobs.into_iter().zip(owners) {
            scores.scored[owner].logprobs.push(logprob);
        }
        Ok(())
    }

    /// Evaluates `tokens`, which begin with the sequence's own, as far as the sequence does not hold them yet, and returns the
    /// residual stream of the last of them; empty when there was nothing to evaluate.
    pub(super) fn prefill(
        &mut self,
        sequence: &mut Sequence,
        tokens: &[u32],
        cancelled: &AtomicBool,
    ) -> Result<Vec<f32>, Halt> {
        let mut last = Vec::new();
        for chunk in tokens[sequence.tokens().len()..].chunks(PASS) {
            let start = sequence.tokens().len();
            let read = usize::from(start + chunk.len() == tokens.len());
            self.pool.extend(sequence, chunk)?;
            let rows = Rows { sequence: 0, positions: (start..start + chunk.len()).collect(), read };
            last = self.network.forward(std::slice::from_mut(sequence), &[rows], Sums::Alike, cancelled)?;
        }
        Ok(last)
    }

    /// A fork of what holds the most of `tokens`' beginning: `shared`, or a sequence kept from earlier.
    pub(super) fn longest(&mut self, shared: &[Sequence], tokens: &[u32]) -> Sequence {
        let best = |sequences: &mut dyn Iterator<Item = &Sequence>| {
            sequences.map(|s| s.shared(tokens)).enumerate().max_by_key(|(_, length)| *length).unwrap_or((0, 0))
        };
        let (kept, kept_length) = best(&mut self.retained.iter());
        let (fresh, fresh_length) = best(&mut shared.iter());
        if kept_length.max(fresh_length) == 0 {
            return Sequence::default();
        }
        if fresh_length >= kept_length {
            return shared[fresh].fork(fresh_length);
        }
        let Some(used) = self.retained.remove(kept) else { return Sequence::default() };
        let fork = used.fork(kept_length);
        self.retained.push_back(used);
        fork
    }

    /// Keeps a sequence for later calls, in place of those that it contains.
    pub(super) fn retain(&mut self, sequence: Sequence) {
        if self.retained.iter().any(|kept| kept.shared(sequence.tokens()) == sequence.tokens().len()) {
            self.pool.release(sequence);
            return;
        }
        let kept = std::mem::take(&mut self.retained);
        for old in kept {
            if old.shared(sequence.tokens()) == old.tokens().len() {
                self.pool.release(old);
            } else {
                self.retained.push_back(old);
            }
        }
        self.retained.push_back(sequence);
    }

    /// Forgets everything that earlier calls left.
    pub(super) fn forget(&mut self) {
        for sequence in std::mem::take(&mut self.retained) {
            self.pool.release(sequence);
        }
    }

    /// Forgets the least recently used sequences beyond the limits.
    pub(super) fn evict(&mut self) {
        while self.retained.len() > RETAINED || self.pool.live_bytes() > RETAINED_BYTES {
            let Some(oldest) = self.retained.pop_front() else { break };
            self.pool.release(oldest);
        }
        self.pool.trim(RETAINED_BYTES);
    }
}

/// The jobs of one call that wait to be evaluated, and the prefixes evaluated for several of them.
#[derive(Default)]
struct Batch {
    shared: Vec<Sequence>,
    pending: Vec<Pending>,
    rows: usize,
}

/// Cuts rows into passes of at most [`PASS`] rows, each sequence's in order.
pub(super) fn chunks(todo: &[Rows]) -> Vec<Vec<Rows>> {
    let mut passes: Vec<Vec<Rows>> = Vec::new();
    let mut room = 0;
    for rows in todo {
        let mut left = &rows.positions[..];
        while !left.is_empty() {
            if room == 0 {
                passes.push(Vec::new());
                room = PASS;
            }
            let (now, later) = left.split_at(room.min(left.len()));
            // Those that are read are the last.
            let read = now.len().min(rows.read.saturating_sub(later.len()));
            if let Some(pass) = passes.last_mut() {
                pass.push(Rows { sequence: rows.sequence, positions: now.to_vec(), read });
            }
            (left, room) = (later, room - now.len());
        }
    }
    passes
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use transformer::GgufFile;

    use super::*;

    #[test]
    fn what_was_cancelled_gives_its_memory_back() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/gguf/qwen3-q8_0.gguf");
        let mut engine = Engine::new(Arc::new(Network::load(&GgufFile::open(&path).unwrap()).unwrap()));
        let job = |last: u32| {
            let tokens: Vec<u32> = (0..60).chain([last, last]).collect();
            Job { tokens, from: 60, keep: 60 }
        };
        let cancelled = AtomicBool::new(true);
        engine.score(&[job(1), job(2)], &|_, _| {}, &cancelled).unwrap_err();
        engine.forget();
        assert_eq!(engine.pool.live_bytes(), 0);
    }
}
