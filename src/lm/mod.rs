//! Language models behind two traits: one scores given tokens, the other generates text.
//!
//! Knows nothing of sessions and terminals. Every fault is an error with a reason; a number is returned only
//! when it was computed for exactly the tokens asked for.

pub mod bundled;
pub mod cues;
pub mod doctor;
pub mod frame;
pub mod gguf;
pub mod http;
pub mod open;
pub mod prompted;
pub mod prompts;
pub mod recorded;
pub mod rewrite;
pub mod spec;
pub mod template;
pub mod verbatim;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use verbatim::{Next, Passage, RawScore, Verbatim, score_raw};

use crate::reer::search::{Refusal, Sampling};
use crate::reer::{Example, Identity, Segment, SegmentId, Target, Trajectory};

/// What went wrong at a back end, by what the caller can do about it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LmError {
    /// The text does not fit the model's context; nothing was computed.
    #[error("the context is too long: {have} tokens{}", .limit.map(|n| format!(", the model takes {n}")).unwrap_or_default())]
    TooLong {
        have: usize,
        /// Where it is known.
        limit: Option<usize>,
    },
    /// A passing fault: the same call may work later.
    #[error("{message}")]
    Passing { setback: Setback, message: String },
    /// The back end does not know us; no call will work until its key is set right.
    #[error("{0}")]
    Denied(String),
    /// This call can never work with this back end.
    #[error("{0}")]
    Unsupported(String),
    /// The back end answered something that fails a check; no number may be made of it.
    #[error("{0}")]
    Invalid(String),
    /// The caller gave the call up.
    #[error("cancelled")]
    Cancelled,
}

/// A passing fault, by what helps against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Setback {
    /// It has too much to do (429, 503, 529): fewer calls at once, and not before the time it asks for.
    Busy { after: Option<Duration> },
    /// No answer in time (408, a silent connection): fewer calls at once.
    Slow,
    /// The call broke off (500, 502, 504, a cut connection): the same call again.
    Broken,
    /// Nobody answers, or the engine behind the server is dead or out of memory: another server, or waiting until it is
    /// back.
    Down,
}

impl Setback {
    /// Its name in reports and counts.
    pub fn name(self) -> &'static str {
        match self {
            Setback::Busy { .. } => "busy",
            Setback::Slow => "slow",
            Setback::Broken => "broken",
            Setback::Down => "down",
        }
    }
}

/// A part of a prompt, by how its control tokens are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FramePiece {
    /// Text of the example: control tokens spelled in it are encoded as plain text.
    Text(String),
    /// Text of a template or of the frame: control tokens spelled in it are recognised where the vocabulary has them.
    Markup(String),
}

/// What a scored text stands behind: p(y | context).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Context {
    /// The frame of `x` with thinking `z`; an empty string is the empty think block of the baseline.
    Thinking { z: String },
}

/// Log-probabilities of y's tokens, one a token of [`Target::tokens`], in nats.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenLogprobs {
    pub logprobs: Vec<f32>,
    /// Tokens of the whole prompt (context and y).
    pub prompt_tokens: usize,
    /// Of these, how many came from a cache.
    pub cached_tokens: usize,
}

/// The context that others are changes of.
#[derive(Debug, Clone, Copy)]
pub struct Current<'a> {
    pub context: &'a Context,
    /// log p of each token of y behind it, in nats.
    pub logprobs: &'a [f64],
}

/// What is estimated of y behind a changed context.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// Of the tokens that were read as computed, of the others as behind the current context.
    pub tokens: TokenLogprobs,
    /// Whether each token of y was read.
    pub read: Vec<bool>,
    /// The square of each token's change that was expected beforehand, in nats².
    pub expected: Vec<f32>,
}

/// Told each answer of a scoring call as it comes: the place of its context, then the answer. May be called from any
/// thread; must return at once.
pub type Answered<'a> = &'a (dyn Fn(usize, &Result<TokenLogprobs, LmError>) + Send + Sync);

/// Scores y's tokens behind contexts.
#[async_trait]
pub trait Scorer: Send + Sync {
    fn identity(&self) -> &Identity;

    /// Smallest difference in nats per token that is not noise; 0 for a deterministic scorer.
    fn noise_floor(&self) -> f64 {
        0.0
    }

    /// Tokenises y once: ids without special tokens and byte offsets into [`Example::scored_reference`].
    async fn tokenize(&self, example: &Example) -> Result<Target, LmError>;

    /// log p of each token of `target` behind each context, all contexts of one example together so that a
    /// back end can share what they have in common. One answer a context, in order.
    ///
    /// `answered` is told each of them once, as soon as it is known and in whatever order they come, before the call
    /// returns. A back end that evaluates several contexts in one batch tells those together.
    async fn score(
        &self,
        example: &Example,
        target: &Target,
        contexts: &[Context],
        answered: Answered<'_>,
    ) -> Vec<Result<TokenLogprobs, LmError>>;

    /// Whether a context and all of y fit the model, as far as that is known without computing anything.
    ///
    /// # Errors
    /// [`LmError::TooLong`] when they do not; else what kept the prompt from being made.
    async fn fits(&self, example: &Example, target: &Target, context: &Context) -> Result<(), LmError> {
        if !self.reads_in_parts() {
            return Ok(());
        }
        // A part without tokens is counted and not computed.
        let answers = self.score_part(example, target, 0..0, std::slice::from_ref(context)).await;
        answers.into_iter().try_for_each(|answer| answer.map(drop))
    }

    /// Whether [`Scorer::score_part`] costs little more than the part, because what stands before it is kept from the call
    /// that scored that.
    fn reads_in_parts(&self) -> bool {
        false
    }

    /// As [`Scorer::score`], of the tokens `part` of `target` alone, behind each context and the tokens before them.
    async fn score_part(
        &self,
        example: &Example,
        target: &Target,
        part: Range<usize>,
        contexts: &[Context],
    ) -> Vec<Result<TokenLogprobs, LmError>> {
        let whole = self.score(example, target, contexts, &|_, _| {}).await;
        let cut = |scored: TokenLogprobs| match scored.logprobs.get(part.clone()) {
            Some(logprobs) => Ok(TokenLogprobs { logprobs: logprobs.to_vec(), ..scored }),
            None => Err(LmError::Invalid(format!("{} scores came for {} tokens", scored.logprobs.len(), part.end))),
        };
        whole.into_iter().map(|answer| answer.and_then(cut)).collect()
    }

    /// Whether [`Scorer::estimate`] gives any, for less than a score costs.
    fn estimates(&self) -> bool {
        false
    }

    /// Estimates what small changes of the current context do to y: reads the tokens that they may change most, so many that
    /// a share of `unread` is left of the squares of all changes to be expected. One answer a context, in order.
    async fn estimate(
        &self,
        _example: &Example,
        _target: &Target,
        _current: Current<'_>,
        contexts: &[Context],
        _unread: f64,
    ) -> Vec<Result<Estimate, LmError>> {
        let none = || Err(LmError::Unsupported("this scorer gives no estimates".to_owned()));
        contexts.iter().map(|_| none()).collect()
    }
}

/// What a generator is asked for.
#[derive(Debug, Clone)]
pub enum Task<'a> {
    /// A first trajectory for (x, y).
    Draft,
    /// Rewrites of one segment of `trajectory`.
    Refine { trajectory: &'a Trajectory, segment: SegmentId, instruction: Option<&'a str> },
}

/// One request: `seeds.len()` independent samples of the same task.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    pub example: &'a Example,
    pub task: Task<'a>,
    /// The search step this serves; 0 for drafts. `recorded` answers are looked up by it.
    pub step: u32,
    /// One seed a sample, derived per example, step and candidate.
    pub seeds: &'a [u64],
    /// The slot of each sample, one a seed: a resumed step may ask only for those that are missing.
    pub slots: &'a [u32],
    pub sampling: &'a Sampling,
}

impl Request<'_> {
    /// The segment to rewrite, when the task is one.
    pub fn target_segment(&self) -> Option<&Segment> {
        match &self.task {
            Task::Draft => None,
            Task::Refine { trajectory, segment, .. } => trajectory.segments.iter().find(|s| s.id == *segment),
        }
    }
}

/// One sample as parsed: either text that may become a segment or draft, or why there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The thinking (draft) or the rewritten segment; stripped.
    pub text: Result<String, Refusal>,
    /// The generator's own reason, where it gave one.
    pub analysis: Option<String>,
    /// The answer as it came, when parsing dropped something.
    pub raw: Option<String>,
    pub tokens_in: usize,
    pub tokens_out: usize,
    /// Of those in, how many came from a cache.
    pub tokens_cached: usize,
}

impl Sample {
    /// A sample that cost no tokens: no model was asked.
    pub fn free(text: Result<String, Refusal>, analysis: Option<String>, raw: Option<String>) -> Sample {
        Sample { text, analysis, raw, tokens_in: 0, tokens_out: 0, tokens_cached: 0 }
    }
}

/// Receives text as it streams: sample index, then the new piece. May be called from any thread.
pub type Sink<'a> = &'a (dyn Fn(usize, &str) + Send + Sync);

/// Drafts trajectories and rewrites segments.
#[async_trait]
pub trait Generator: Send + Sync {
    fn identity(&self) -> &Identity;

    /// One sample a seed, in order. The whole call fails only when no sample could be had.
    async fn generate(&self, request: &Request<'_>, sink: Sink<'_>) -> Result<Vec<Sample>, LmError>;
}

/// A turn of a conversation, for chat templates and chat servers.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: &'static str,
    pub content: String,
}

/// What a text model is asked to continue.
#[derive(Debug, Clone)]
pub struct CompletionRequest<'a> {
    pub messages: &'a [Message],
    /// Text the answer begins with; not part of what is returned.
    pub prefill: &'a str,
    /// The answer ends before the first of these.
    pub stop: &'a [&'a str],
    /// One sample a seed.
    pub seeds: &'a [u64],
    pub sampling: &'a Sampling,
    /// What is asked for one example carries the same name, so that a router of servers keeps it together.
    pub affinity: Option<&'a str>,
}

/// One answer of a text model.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    pub text: String,
    /// False when the token limit or the end of the context cut it off.
    pub finished: bool,
    pub tokens_in: usize,
    pub tokens_out: usize,
    /// Of those in, how many came from a cache.
    pub tokens_cached: usize,
}

/// A text model that continues a conversation; [`prompted`] makes a [`Generator`] of it.
#[async_trait]
pub trait Complete: Send + Sync {
    fn identity(&self) -> &Identity;

    /// One answer a seed, in order.
    async fn complete(&self, request: &CompletionRequest<'_>, sink: Sink<'_>) -> Result<Vec<Completion>, LmError>;
}

#[async_trait]
impl<M: Complete + ?Sized> Complete for Arc<M> {
    fn identity(&self) -> &Identity {
        (**self).identity()
    }

    async fn complete(&self, request: &CompletionRequest<'_>, sink: Sink<'_>) -> Result<Vec<Completion>, LmError> {
        (**self).complete(request, sink).await
    }
}
