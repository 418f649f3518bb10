//! A model behind the traits of the room: tokenises, scores and completes for async callers.
//!
//! One evaluation runs at a time, off the async threads and with all cores; dropping a call stops its evaluation within a
//! layer. Renders no frames: those are given.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio::sync::mpsc::unbounded_channel;

use super::engine::{Engine, Job, Scored};
use super::estimate::{Estimated, Known, estimate};
use super::generate::{Ask, generate};
use super::model::Model;
use super::prompt;
use crate::lm::{
    Answered, Complete, Completion, CompletionRequest, Context, Current, Estimate, FramePiece, LmError, Message,
    Passage, Scorer, Sink, TokenLogprobs, Verbatim,
};
use crate::reer::search::Sampling;
use crate::reer::{Example, Identity, Target};

/// What sums of f32 in another order may move a mean by, in nats per token.
const ROUNDING: f64 = 1e-5;

/// Everything before y, given x and z.
pub type ContextFrame = Arc<dyn Fn(&Example, &str) -> Result<Vec<FramePiece>, LmError> + Send + Sync>;

/// A conversation up to the assistant's turn.
pub type ConversationFrame = Arc<dyn Fn(&[Message]) -> Result<Vec<FramePiece>, LmError> + Send + Sync>;

/// A model with its frames and its cache.
pub struct Backend {
    model: Model,
    context: ContextFrame,
    conversation: ConversationFrame,
    engine: Arc<Mutex<Engine>>,
}

impl Backend {
    pub fn new(model: Model, context: ContextFrame, conversation: ConversationFrame) -> Backend {
        let engine = Arc::new(Mutex::new(Engine::new(model.network.clone())));
        Backend { model, context, conversation, engine }
    }

    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Continues the token ids of a prompt, exactly as they are; one answer a seed, in order.
    ///
    /// # Errors
    /// As [`Complete::complete`].
    pub async fn continue_ids(
        &self,
        prompt: Vec<u32>,
        stop: &[&str],
        seeds: &[u64],
        sampling: &Sampling,
        sink: Sink<'_>,
    ) -> Result<Vec<Completion>, LmError> {
        let limit = self.model.config().context_length;
        if prompt.len() >= limit {
            return Err(LmError::TooLong { have: prompt.len() + 1, limit: Some(limit) });
        }
        if prompt.is_empty() {
            return Err(LmError::Invalid("the prompt is empty: there is nothing to continue".to_owned()));
        }
        let ask = Ask {
            prompt,
            stops: stop.iter().map(|stop| (*stop).to_owned()).collect(),
            seeds: seeds.to_vec(),
            sampling: sampling.clone(),
        };
        let model = self.model.clone();
        let (sender, mut receiver) = unbounded_channel::<(usize, String)>();
        let work = self.run(move |engine, cancelled| {
            // A receiver that is gone means that nobody watches, which is no reason to stop.
            let show = |sample, piece: &str| drop(sender.send((sample, piece.to_owned())));
            generate(engine, model.tokenizer(), &ask, &show, cancelled).map_err(LmError::from)
        });
        let watch = async {
            while let Some((sample, piece)) = receiver.recv().await {
                sink(sample, &piece);
            }
        };
        futures::join!(work, watch).0
    }

    fn fitting(&self, tokens: Vec<u32>) -> Result<Vec<u32>, LmError> {
        let (have, limit) = (tokens.len(), self.model.config().context_length);
        if have > limit { Err(LmError::TooLong { have, limit: Some(limit) }) } else { Ok(tokens) }
    }

    /// The tokens of a context and of y up to the end of `part`, ready to score the part; keeps those of the context.
    fn job(&self, example: &Example, target: &Target, part: &Range<usize>, context: &Context) -> Result<Job, LmError> {
        let Context::Thinking { z } = context;
        let mut tokens = prompt::encode(self.model.tokenizer(), &(self.context)(example, z)?)?;
        if tokens.is_empty() {
            return Err(LmError::Invalid("the frame is empty: nothing predicts the first token of y".to_owned()));
        }
        if target.tokens.iter().any(|id| *id as usize >= self.model.tokenizer().len()) {
            return Err(LmError::Invalid("the target holds tokens of another vocabulary".to_owned()));
        }
        let from = tokens.len() + part.start;
        tokens.extend(&target.tokens);
        let mut tokens = self.fitting(tokens)?;
        tokens.truncate(tokens.len() - target.tokens.len() + part.end);
        Ok(Job { tokens, from, keep: from - part.start })
    }

    /// Scores `part` of y behind all contexts. What stands before y is kept for other versions of z; of a part, all.
    async fn score_contexts(
        &self,
        example: &Example,
        target: &Target,
        part: Option<Range<usize>>,
        contexts: &[Context],
        answered: Answered<'_>,
    ) -> Vec<Result<TokenLogprobs, LmError>> {
        let mut answers = Answers { known: vec![None; contexts.len()], tell: answered };
        let (mut jobs, mut asked) = (Vec::new(), Vec::new());
        let in_part = part.is_some();
        let part = part.unwrap_or(0..target.tokens.len());
        for (place, context) in contexts.iter().enumerate() {
            match self.job(example, target, &part, context) {
                Ok(job) if job.tokens.len() == job.from => {
                    let nothing = TokenLogprobs { logprobs: Vec::new(), prompt_tokens: job.from, cached_tokens: 0 };
                    answers.put(place, Ok(nothing));
                }
                Ok(mut job) => {
                    job.keep = if in_part { job.tokens.len() - 1 } else { job.keep };
                    asked.push((place, job.tokens.len()));
                    jobs.push(job);
                }
                Err(error) => answers.put(place, Err(error)),
            }
        }
        if jobs.is_empty() {
            return answers.complete(&LmError::Cancelled);
        }
        let each = |job: usize, Scored { logprobs, cached }| {
            let (place, prompt_tokens) = asked[job];
            answers.put(place, Ok(TokenLogprobs { logprobs, prompt_tokens, cached_tokens: cached }));
        };
        let outcome = self.evaluate(jobs, each).await;
        answers.complete(&outcome.err().unwrap_or(LmError::Cancelled))
    }

    /// Scores jobs; `each` gets the place of each and what it gave, on the caller's thread, as they are evaluated.
    async fn evaluate(&self, jobs: Vec<Job>, mut each: impl FnMut(usize, Scored) + Send) -> Result<(), LmError> {
        let (sender, mut receiver) = unbounded_channel();
        let work = self.run(move |engine, cancelled| {
            // A receiver that is gone means that the call was dropped, which `cancelled` says too.
            engine.score(&jobs, &|place, scored| drop(sender.send((place, scored))), cancelled).map_err(LmError::from)
        });
        let hear = async {
            while let Some((place, scored)) = receiver.recv().await {
                each(place, scored);
            }
        };
        futures::join!(work, hear).0
    }

    /// Runs `work` when its turn comes, on a thread that may block; stops it when this future is dropped.
    async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Engine, &AtomicBool) -> Result<R, LmError> + Send + 'static,
    ) -> Result<R, LmError> {
        let mut engine = self.engine.clone().lock_owned().await;
        let cancelled = Arc::new(AtomicBool::new(false));
        let _guard = CancelOnDrop(cancelled.clone());
        let worker = tokio::task::spawn_blocking(move || work(&mut engine, &cancelled));
        worker.await.unwrap_or_else(|error| Err(LmError::Invalid(format!("the evaluation broke off: {error}"))))
    }
}

struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[async_trait]
impl Scorer for Backend {
    fn identity(&self) -> &Identity {
        self.model.identity()
    }

    fn noise_floor(&self) -> f64 {
        if transformer::INEXACT { ROUNDING } else { 0.0 }
    }

    async fn tokenize(&self, example: &Example) -> Result<Target, LmError> {
        let encoded = self.model.tokenizer().encode(example.scored_reference())?;
        Ok(Target { tokens: encoded.ids, spans: encoded.spans })
    }

    async fn score(
        &self,
        example: &Example,
        target: &Target,
        contexts: &[Context],
        answered: Answered<'_>,
    ) -> Vec<Result<TokenLogprobs, LmError>> {
        self.score_contexts(example, target, None, contexts, answered).await
    }

    fn reads_in_parts(&self) -> bool {
        true
    }

    async fn score_part(
        &self,
        example: &Example,
        target: &Target,
        part: Range<usize>,
        contexts: &[Context],
    ) -> Vec<Result<TokenLogprobs, LmError>> {
        self.score_contexts(example, target, Some(part), contexts, &|_, _| {}).await
    }

    fn estimates(&self) -> bool {
        true
    }

    async fn estimate(
        &self,
        example: &Example,
        target: &Target,
        current: Current<'_>,
        contexts: &[Context],
        unread: f64,
    ) -> Vec<Result<Estimate, LmError>> {
        let job = |context| self.job(example, target, &(0..target.tokens.len()), context);
        let known = match job(current.context) {
            Ok(job) => Known { job, losses: current.logprobs.iter().map(|logprob| -*logprob as f32).collect() },
            Err(error) => return vec![Err(error); contexts.len()],
        };
        let jobs: Vec<Result<Job, LmError>> = contexts.iter().map(job).collect();
        let (fitting, lengths): (Vec<Job>, Vec<usize>) =
            jobs.iter().flatten().map(|job| (job.clone(), job.tokens.len())).unzip();
        let work = self
            .run(move |engine, cancelled| estimate(engine, &known, &fitting, unread, cancelled).map_err(LmError::from));
        let estimated = match work.await {
            Ok(estimated) => estimated,
            Err(error) => return vec![Err(error); contexts.len()],
        };
        let mut estimated =
            estimated.into_iter().zip(lengths).map(|(estimated, length)| filled(current, estimated, length));
        let mut next = || estimated.next().unwrap_or(Err(LmError::Cancelled));
        jobs.into_iter().map(|job| job.and_then(|_| next())).collect()
    }
}

/// An estimate of all of y, from that of the tokens that were read.
fn filled(current: Current<'_>, estimated: Estimated, length: usize) -> Result<Estimate, LmError> {
    let mut logprobs: Vec<f32> = current.logprobs.iter().map(|logprob| *logprob as f32).collect();
    let mut read = vec![false; logprobs.len()];
    for (place, logprob) in estimated.read.into_iter().zip(estimated.logprobs) {
        (logprobs[place], read[place]) = (logprob, true);
    }
    // The current text may have to be evaluated beside what was asked for.
    let prompt_tokens = length.max(estimated.evaluated);
    let tokens = TokenLogprobs { logprobs, prompt_tokens, cached_tokens: prompt_tokens - estimated.evaluated };
    Ok(Estimate { tokens, read, expected: estimated.expected })
}

/// The answers of one scoring call, by the places of their contexts.
struct Answers<'a> {
    known: Vec<Option<Result<TokenLogprobs, LmError>>>,
    tell: Answered<'a>,
}

impl Answers<'_> {
    fn put(&mut self, place: usize, answer: Result<TokenLogprobs, LmError>) {
        (self.tell)(place, &answer);
        self.known[place] = Some(answer);
    }

    /// All answers; `why` for those that never came.
    fn complete(mut self, why: &LmError) -> Vec<Result<TokenLogprobs, LmError>> {
        for place in 0..self.known.len() {
            if self.known[place].is_none() {
                self.put(place, Err(why.clone()));
            }
        }
        self.known.into_iter().flatten().collect()
    }
}

#[async_trait]
impl Verbatim for Backend {
    fn identity(&self) -> &Identity {
        self.model.identity()
    }

    fn limit(&self) -> Option<usize> {
        Some(self.model.config().context_length)
    }

    fn bos(&self) -> Option<u32> {
        let special = self.model.tokenizer().special();
        special.bos.filter(|_| special.adds_bos)
    }

    async fn encode(&self, text: &str, first: bool) -> Result<Target, LmError> {
        let encoded = self.model.tokenizer().encode_markup(text, first)?;
        Ok(Target { tokens: encoded.ids, spans: encoded.spans })
    }

    async fn logprobs(&self, context: Passage<'_>, target: Passage<'_>, fresh: bool) -> Result<TokenLogprobs, LmError> {
        let tokens = self.fitting([context.ids, target.ids].concat())?;
        let prompt_tokens = tokens.len();
        let from = context.ids.len();
        let job = Job { tokens, from, keep: from };
        if fresh {
            self.run(|engine, _| {
                engine.forget();
                Ok(())
            })
            .await?;
        }
        let mut answer = Err(LmError::Cancelled);
        let each = |_, Scored { logprobs, cached }| {
            answer = Ok(TokenLogprobs { logprobs, prompt_tokens, cached_tokens: cached });
        };
        self.evaluate(vec![job], each).await?;
        answer
    }
}

#[async_trait]
impl Complete for Backend {
    fn identity(&self) -> &Identity {
        self.model.identity()
    }

    async fn complete(&self, request: &CompletionRequest<'_>, sink: Sink<'_>) -> Result<Vec<Completion>, LmError> {
        let mut pieces = (self.conversation)(request.messages)?;
        pieces.push(FramePiece::Markup(request.prefill.to_owned()));
        let prompt = prompt::encode(self.model.tokenizer(), &pieces)?;
        self.continue_ids(prompt, request.stop, request.seeds, request.sampling, sink).await
    }
}
