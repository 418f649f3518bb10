//! What a protocol is: how a request to score or to generate becomes a call, and how what comes back is read.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::{Call, Kind, Reply};
use crate::lm::{LmError, Message};
use crate::reer::search::Sampling;

/// log p(target | context) as it is asked of a server.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The model's name at the server.
    pub model: &'a str,
    /// Token ids of everything before the scored text, BOS included.
    pub context: &'a [u32],
    /// Token ids of the scored text; not empty.
    pub target: &'a [u32],
    /// The text that the context's ids spell, without BOS: for servers that take no ids.
    pub context_text: &'a str,
    /// The text that the target's ids spell.
    pub target_text: &'a str,
    /// Calls of one example carry the same name, so that a router keeps them together.
    pub affinity: Option<&'a str>,
    /// Past any cache of the server's, where that can be asked for.
    pub fresh: bool,
}

/// What a server answered to an [`Ask`]; it has passed every check.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Nats, one a token of the target. The first is `None` where nothing stands before it.
    pub logprobs: Vec<Option<f32>>,
    /// Tokens of context and target, as the server counted them, where it says.
    pub prompt_tokens: Option<usize>,
    /// Of these, how many came from its cache, where it says.
    pub cached_tokens: Option<usize>,
}

/// A protocol by which a server scores.
pub trait Scoring: fmt::Debug + Send + Sync {
    fn kind(&self) -> Kind;

    /// The parts in which a target of so many tokens is asked for, one call each, each behind those before it. `text` is the
    /// target's and `spans` the bytes of each token in it, where they are known; else empty.
    fn parts(&self, tokens: usize, text: &str, spans: &[Range<usize>]) -> Vec<Range<usize>> {
        let _ = (text, spans);
        std::iter::once(0..tokens).collect()
    }

    fn build(&self, ask: &Ask<'_>) -> Call;

    /// Reads an answer of any status.
    ///
    /// # Errors
    /// What the server refused; or [`LmError::Invalid`] when the answer fails a check.
    fn parse(&self, ask: &Ask<'_>, reply: &Reply) -> Result<Answer, LmError>;

    /// A call for the most probable token behind the context; `None` where the protocol cannot tell it.
    fn next(&self, ask: &Ask<'_>) -> Option<Call> {
        let _ = ask;
        None
    }
}

/// One sample as it is asked of a server.
#[derive(Debug, Clone, Copy)]
pub struct Prompt<'a> {
    pub model: &'a str,
    pub messages: &'a [Message],
    /// The messages rendered up to the assistant's turn, with the text the answer begins with: token ids and the text
    /// they spell, without BOS. Absent for servers that render by themselves.
    pub rendered: Option<Rendered<'a>>,
    /// Text the answer begins with, where the server can be told so without [`Prompt::rendered`].
    pub prefill: &'a str,
    /// The answer ends before the first of these.
    pub stop: &'a [&'a str],
    pub seed: u64,
    pub sampling: &'a Sampling,
    /// As [`Ask::affinity`].
    pub affinity: Option<&'a str>,
}

/// A prompt in token ids and in text.
#[derive(Debug, Clone, Copy)]
pub struct Rendered<'a> {
    pub ids: &'a [u32],
    pub text: &'a str,
}

/// How a streamed answer is cut into events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Events {
    /// `data:` lines of server-sent events.
    Sse,
    /// One JSON document a line.
    Lines,
}

/// A part of a streamed answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Piece {
    /// Which of several samples; 0 for the only one.
    pub sample: usize,
    pub text: String,
    /// What a reasoning model thought before its answer, where the server keeps the two apart.
    pub reasoning: String,
    pub end: Option<End>,
    pub usage: Option<Usage>,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself, or at a stop string.
    Stop,
    /// At its limit of tokens, or at the end of the context.
    Length,
}

/// Tokens of a call, as the server counted them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    pub tokens_in: usize,
    pub tokens_out: usize,
    /// Of those in, from a cache.
    pub cached: usize,
}

impl Usage {
    /// The counts after a later piece of the same stream: some servers tell those of the prompt first and those of the answer
    /// as it grows.
    #[must_use]
    pub fn after(self, later: Usage) -> Usage {
        Usage {
            tokens_in: self.tokens_in.max(later.tokens_in),
            tokens_out: self.tokens_out.max(later.tokens_out),
            cached: self.cached.max(later.cached),
        }
    }
}

/// A protocol by which a server generates.
pub trait Completing: fmt::Debug + Send + Sync {
    fn kind(&self) -> Kind;

    /// Whether the prompt is rendered here and the server only continues it.
    fn continues(&self) -> bool;

    fn events(&self) -> Events {
        Events::Sse
    }

    /// A call whose answer is streamed.
    fn build(&self, prompt: &Prompt<'_>) -> Call;

    /// Reads one event of the stream.
    ///
    /// # Errors
    /// A fault that the server tells in mid-stream, or an event that is not of this protocol.
    fn read(&self, event: &str) -> Result<Vec<Piece>, LmError>;

    /// The same protocol without the options that `refusal` says this model does not take; none when it says nothing of the
    /// kind.
    fn without(&self, refusal: &LmError) -> Option<Arc<dyn Completing>> {
        let _ = refusal;
        None
    }
}
