//! Estimates of y's log-probabilities behind a changed context, by reading some of its tokens.
//!
//! The change itself is evaluated, with a few tokens behind it, which it matters to most. What stands behind them, the rest of
//! the context and y, keeps the keys and values that it has behind the current context, and only the tokens of y that the
//! change may matter to look back anew.

use std::sync::atomic::AtomicBool;

use transformer::{Halt, PASS, Rows, Sequence, Sums, common_prefix};

use super::engine::{Engine, Job, chunks};
use super::expected::{self, Change};

/// Tokens behind a change, of the context, that are evaluated with it.
const NEAR: usize = 16;

/// Tokens of the texts that are estimated together: bounds the keys and values that live at once.
const TOGETHER: usize = 8 * PASS;

/// The context that others are changes of, with y behind it.
pub(super) struct Known {
    pub(super) job: Job,
    /// Of each token of y, in nats.
    pub(super) losses: Vec<f32>,
}

/// What was estimated of one changed context.
#[derive(Debug, Default)]
pub(super) struct Estimated {
    /// Places in y of the tokens that were read, rising.
    pub(super) read: Vec<usize>,
    /// ln p(token | those before it) of each of them.
    pub(super) logprobs: Vec<f32>,
    /// Of each token of y, the square of its change that was expected, in nats².
    pub(super) expected: Vec<f32>,
    /// Tokens evaluated for it.
    pub(super) evaluated: usize,
}

/// A changed context in parts, as lengths.
struct Cut {
    /// What it begins with as the current text does.
    before: usize,
    /// Where its change ends; to the end of y all is as in the current text.
    changed: usize,
    /// Where what is evaluated ends: no token of y is.
    end: usize,
}

impl Cut {
    fn of(current: &Job, job: &Job) -> Cut {
        let context = current.from.min(job.from);
        let before = common_prefix(&current.tokens[..context], &job.tokens[..context]);
        let most = current.tokens.len().min(job.tokens.len()) - before;
        let pairs = current.tokens.iter().rev().zip(job.tokens.iter().rev());
        let same = pairs.take_while(|(a, b)| a == b).count().min(most);
        let changed = job.tokens.len() - same;
        Cut { before, changed, end: changed.max((changed + NEAR).min(job.from)) }
    }
}

/// Estimates all jobs, whose y is the current one; reads so many tokens that a share of `unread` is left of the squares that
/// are expected. The current text is evaluated where it is not there yet.
///
/// # Errors
/// [`Halt::Cancelled`], or no memory.
pub(super) fn estimate(
    engine: &mut Engine,
    current: &Known,
    jobs: &[Job],
    unread: f64,
    cancelled: &AtomicBool,
) -> Result<Vec<Estimated>, Halt> {
    // The last token's keys and values matter to none.
    let text = &current.job.tokens[..current.job.tokens.len() - 1];
    let mut donor = engine.longest(&[], text);
    let missing = text.len() - donor.tokens().len();
    let mut estimated = Vec::with_capacity(jobs.len());
    let mut done = engine.prefill(&mut donor, text, cancelled).map(drop);
    while let (Ok(()), Some(rest)) = (&done, jobs.get(estimated.len()..).filter(|rest| !rest.is_empty())) {
        let mut sequences = Vec::new();
        let batch = look_back(engine, current, &donor, at_once(rest), unread, &mut sequences, cancelled);
        sequences.into_iter().for_each(|sequence| engine.pool.release(sequence));
        done = batch.map(|batch| estimated.extend(batch));
    }
    match done {
        Ok(()) => engine.retain(donor),
        Err(_) => engine.pool.release(donor),
    }
    engine.evict();
    done?;
    if let Some(first) = estimated.first_mut() {
        first.evaluated += missing;
    }
    Ok(estimated)
}

/// The first of the jobs, as many as may live at once.
fn at_once(jobs: &[Job]) -> &[Job] {
    let mut tokens = 0;
    let fitting = jobs.iter().take_while(|job| {
        tokens += job.tokens.len();
        tokens <= TOGETHER
    });
    &jobs[..fitting.count().max(1)]
}

fn look_back(
    engine: &mut Engine,
    current: &Known,
    donor: &Sequence,
    jobs: &[Job],
    unread: f64,
    sequences: &mut Vec<Sequence>,
    cancelled: &AtomicBool,
) -> Result<Vec<Estimated>, Halt> {
    let network = engine.network.clone();
    let cuts: Vec<Cut> = jobs.iter().map(|job| Cut::of(&current.job, job)).collect();
    let mut todo = Vec::new();
    for (at, (job, cut)) in jobs.iter().zip(&cuts).enumerate() {
        sequences.push(engine.longest(std::slice::from_ref(donor), &job.tokens[..cut.end]));
        let known = sequences[at].tokens().len();
        engine.pool.extend(&mut sequences[at], &job.tokens[known..cut.end])?;
        todo.push(Rows { sequence: at, positions: (known..cut.end).collect(), read: 0 });
    }
    let mut estimated: Vec<Estimated> = todo.iter().map(|rows| evaluated(rows.positions.len())).collect();
    for rows in chunks(&todo) {
        network.forward(sequences, &rows, Sums::Alike, cancelled)?;
    }

    todo.clear();
    for (at, (job, cut)) in jobs.iter().zip(&cuts).enumerate() {
        // What is exact may be of use to whoever scores it whole.
        engine.retain(sequences[at].fork(cut.end));
        let same = job.tokens.len() - cut.changed;
        let [old, new] = [&current.job, job].map(|text| &text.tokens[cut.before..text.tokens.len() - same]);
        let after = &job.tokens[cut.changed.min(job.from)..job.from];
        let change = Change { before: &job.tokens[..cut.before], old, new, after };
        let Estimated { read, expected, evaluated, .. } = &mut estimated[at];
        *expected = expected::squares(&change, &job.tokens[job.from..], &current.losses);
        *read = expected::largest(expected, unread);
        *evaluated += read.len();
        let tail = donor.tokens().len() + 1 - (job.tokens.len() - cut.end)..donor.tokens().len();
        network.graft(&mut engine.pool, &mut sequences[at], donor, tail)?;
        let positions: Vec<usize> = read.iter().map(|place| job.from + place - 1).collect();
        todo.push(Rows { sequence: at, read: positions.len(), positions });
    }
    for rows in chunks(&todo) {
        let hidden = network.forward(sequences, &rows, Sums::Alike, cancelled)?;
        let read = || rows.iter().flat_map(|rows| rows.positions.iter().map(|position| (rows.sequence, position + 1)));
        let targets: Vec<u32> = read().map(|(at, place)| jobs[at].tokens[place]).collect();
        let logprobs = network.logprobs(&hidden, &targets, Sums::Alike)?;
        for ((at, _), logprob) in read().zip(logprobs) {
            estimated[at].logprobs.push(logprob);
        }
    }
    Ok(estimated)
}

fn evaluated(evaluated: usize) -> Estimated {
    Estimated { evaluated, ..Estimated::default() }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use proptest::prelude::*;
    use transformer::{GgufFile, Network};

    use super::*;

    static GOING: AtomicBool = AtomicBool::new(false);

    fn engine() -> Engine {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/gguf/qwen3-q8_0.gguf");
        Engine::new(Arc::new(Network::load(&GgufFile::open(&path).unwrap()).unwrap()))
    }

    fn job(context: &[u32], y: &[u32]) -> Job {
        Job { tokens: [context, y].concat(), from: context.len(), keep: context.len() }
    }

    fn exact(jobs: &[Job]) -> Vec<Vec<f32>> {
        let scored = std::cell::RefCell::new(vec![Vec::new(); jobs.len()]);
        engine().score(jobs, &|at, got| scored.borrow_mut()[at] = got.logprobs, &GOING).unwrap();
        scored.into_inner()
    }

    fn text(length: usize, seed: usize) -> Vec<u32> {
        (0..length).map(|at| (at * at * (seed + 3) * 31 % 199) as u32).collect()
    }

    #[test]
    fn many_are_estimated_some_at_a_time() {
        let jobs: Vec<Job> =
            [TOGETHER / 2, TOGETHER / 2, 5, TOGETHER + 9, 7].map(|length| job(&text(length, 1), &[])).into();
        let mut left = &jobs[..];
        let mut counts = Vec::new();
        while !left.is_empty() {
            counts.push(at_once(left).len());
            left = &left[at_once(left).len()..];
        }
        assert_eq!(counts, [2, 1, 1, 1]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        /// Where little stands behind the change but y, and all of y is read, an estimate is none: beside whatever others, and
        /// whatever was estimated or scored before.
        #[test]
        fn what_is_read_whole_behind_a_change_is_exact(
            (start, old, after) in (1usize..40, 0usize..40, 0..=NEAR),
            news in prop::collection::vec((0usize..40, 0usize..3), 1..6),
            length in 2usize..60,
            unread in 0.0f64..0.9,
            before in any::<bool>(),
        ) {
            let (start, after, y) = (text(start, 1), text(after, 5), text(length, 2));
            let with = |length: usize, seed: usize| job(&[&start[..], &text(length, seed), &after].concat(), &y);
            let current = with(old, 3);
            let jobs: Vec<Job> = news.iter().map(|(length, seed)| with(*length, *seed)).collect();
            let losses = exact(std::slice::from_ref(&current))[0].iter().map(|logprob| -logprob).collect();
            let known = Known { job: current, losses };
            let mut engine = engine();
            if before {
                engine.score(&jobs, &|_, _| {}, &GOING).unwrap();
            }
            let some = estimate(&mut engine, &known, &jobs, unread, &GOING).unwrap();
            prop_assert!(some.iter().all(|estimated| estimated.logprobs.len() == estimated.read.len()));
            for (all, want) in estimate(&mut engine, &known, &jobs, 0.0, &GOING).unwrap().iter().zip(exact(&jobs)) {
                prop_assert_eq!(&all.read, &(0..length).collect::<Vec<_>>());
                for (got, want) in all.logprobs.iter().zip(&want) {
                    prop_assert!((got - want).abs() < 1e-4, "{:?} {want:?}", all.logprobs);
                }
            }
        }
    }
}
