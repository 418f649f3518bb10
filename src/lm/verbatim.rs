//! Scoring bare tokens behind bare tokens, without any frame: what `score --raw` tells and what a back end is proved with.

use std::ops::Range;

use async_trait::async_trait;

use super::{LmError, TokenLogprobs};
use crate::reer::{Identity, Target};

/// Token ids and the text they spell, which leaves out BOS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passage<'a> {
    pub ids: &'a [u32],
    pub text: &'a str,
}

/// A scorer that takes any tokens.
#[async_trait]
pub trait Verbatim: Send + Sync {
    fn identity(&self) -> &Identity;

    /// Most tokens of context and target together, where it is known.
    fn limit(&self) -> Option<usize>;

    /// The token that begins every sequence of this model, when it uses one.
    fn bos(&self) -> Option<u32>;

    /// Encodes a text byte for byte, control tokens spelled in it recognised; `first` when nothing but BOS stands before it.
    ///
    /// # Errors
    /// A text that the vocabulary cannot spell.
    async fn encode(&self, text: &str, first: bool) -> Result<Target, LmError>;

    /// log p of each of the target's tokens, of which there is at least one, behind the context, which is not empty.
    /// `fresh` asks for an evaluation past any cache, where the back end can be asked so.
    ///
    /// # Errors
    /// [`LmError::TooLong`], or the back end's fault.
    async fn logprobs(&self, context: Passage<'_>, target: Passage<'_>, fresh: bool) -> Result<TokenLogprobs, LmError>;

    /// The most probable token behind the context, as the back end generates it; `None` where it cannot tell.
    ///
    /// # Errors
    /// As [`Verbatim::logprobs`].
    async fn most_probable(&self, _context: Passage<'_>) -> Result<Option<Next>, LmError> {
        Ok(None)
    }
}

/// A generated token.
#[derive(Debug, Clone, PartialEq)]
pub struct Next {
    pub id: u32,
    pub text: String,
    /// Nats, before any sampling setting; where the back end tells it.
    pub logprob: Option<f32>,
}

/// Log-probabilities of a text behind another, verbatim.
#[derive(Debug, Clone, PartialEq)]
pub struct RawScore {
    /// Tokens in front of the scored text, BOS included.
    pub context_ids: Vec<u32>,
    pub ids: Vec<u32>,
    /// Byte range of each token in the scored text.
    pub spans: Vec<Range<usize>>,
    /// Nats; `None` for a first token that nothing stands before.
    pub logprobs: Vec<Option<f32>>,
}

/// Scores `reference` behind `context`: the ids are BOS, where the model uses one, and the two texts, each encoded by itself.
///
/// # Errors
/// [`LmError::TooLong`], or a text that the vocabulary cannot spell.
pub async fn score_raw(model: &dyn Verbatim, context: &str, reference: &str) -> Result<RawScore, LmError> {
    let mut context_ids: Vec<u32> = model.bos().into_iter().collect();
    if !context.is_empty() {
        context_ids.extend(model.encode(context, true).await?.tokens);
    }
    let Target { tokens: ids, spans } = match reference {
        "" => Target { tokens: Vec::new(), spans: Vec::new() },
        text => model.encode(text, context.is_empty()).await?,
    };
    let mut logprobs = Vec::with_capacity(ids.len());
    // Nothing predicts a sequence's first token.
    logprobs.extend(ids.first().filter(|_| context_ids.is_empty()).map(|_| None));
    if logprobs.len() < ids.len() {
        let cut = spans.get(logprobs.len()).map_or(reference.len(), |span| span.start);
        let (first, rest) = ids.split_at(logprobs.len());
        let before = [&context_ids[..], first].concat();
        let before_text = format!("{context}{}", &reference[..cut]);
        let context = Passage { ids: &before, text: &before_text };
        let scored = model.logprobs(context, Passage { ids: rest, text: &reference[cut..] }, false).await?;
        logprobs.extend(scored.logprobs.into_iter().map(Some));
    }
    Ok(RawScore { context_ids, ids, spans, logprobs })
}
