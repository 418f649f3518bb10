//! A scorer behind a server: frames, encodes, asks by its protocol, and makes numbers only of answers that pass every check.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::codec::{Codec, PromptTokens};
use super::next::{self, Written};
use super::{Ask, Client, Scoring};
use crate::lm::frame::Frame;
use crate::lm::{Answered, Context, LmError, Next, Passage, Scorer, TokenLogprobs, Verbatim};
use crate::reer::{Example, Identity, Target};

/// A served model as a scorer.
pub struct HttpScorer {
    pub(super) client: Client,
    pub(super) protocol: Arc<dyn Scoring>,
    pub(super) codec: Arc<dyn Codec>,
    pub(super) frame: Frame,
    pub(super) identity: Identity,
    /// Most tokens of prompt and answer together, where the server says.
    pub(super) limit: Option<usize>,
    /// Nats per token, as `doctor` measured it.
    pub(super) noise_floor: f64,
}

/// Servers generate one token after what they score.
const GENERATED: usize = 1;

impl HttpScorer {
    /// How the frame around x is called in records.
    pub fn frame_name(&self) -> &'static str {
        self.frame.name()
    }

    /// Checks that so many tokens, and the one that is generated after them, fit the model where its limit is known.
    fn fitting(&self, tokens: usize) -> Result<(), LmError> {
        let have = tokens + GENERATED;
        match self.limit.filter(|limit| have > *limit) {
            Some(limit) => Err(LmError::TooLong { have, limit: Some(limit) }),
            None => Ok(()),
        }
    }

    async fn ask(
        &self,
        context: Passage<'_>,
        target: Passage<'_>,
        spans: &[Range<usize>],
        affinity: Option<&str>,
        fresh: bool,
    ) -> Result<TokenLogprobs, LmError> {
        self.fitting(context.ids.len() + target.ids.len())?;
        let mut scored =
            TokenLogprobs { logprobs: Vec::with_capacity(target.ids.len()), prompt_tokens: 0, cached_tokens: 0 };
        let mut before = context.ids.to_vec();
        for part in self.protocol.parts(target.ids.len(), target.text, spans) {
            let part = &target.ids[part];
            let ask = Ask {
                model: &self.identity.model,
                context: &before,
                target: part,
                context_text: context.text,
                target_text: target.text,
                affinity,
                fresh,
            };
            let reply = self.client.send(&self.protocol.build(&ask)).await?;
            let answer = self.protocol.parse(&ask, &reply)?;
            for logprob in answer.logprobs {
                scored.logprobs.push(logprob.ok_or_else(nothing_before)?);
            }
            scored.prompt_tokens += part.len();
            scored.cached_tokens += answer.cached_tokens.unwrap_or(0);
            before.extend(part);
        }
        scored.prompt_tokens += context.ids.len();
        Ok(scored)
    }

    async fn one(&self, example: &Example, target: &Target, context: &Context) -> Result<TokenLogprobs, LmError> {
        let Context::Thinking { z } = context;
        let PromptTokens { ids, text } = self.codec.prompt(&self.frame.context(example, z)?).await?;
        if ids.is_empty() {
            return Err(nothing_before());
        }
        let context = Passage { ids: &ids, text: &text };
        if target.tokens.is_empty() {
            return Ok(TokenLogprobs { logprobs: Vec::new(), prompt_tokens: ids.len(), cached_tokens: 0 });
        }
        let passage = Passage { ids: &target.tokens, text: example.scored_reference() };
        self.ask(context, passage, &target.spans, Some(&example.id), false).await
    }
}

fn nothing_before() -> LmError {
    LmError::Invalid("nothing stands before the first token, which has therefore no probability".to_owned())
}

#[async_trait]
impl Scorer for HttpScorer {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn noise_floor(&self) -> f64 {
        self.noise_floor
    }

    async fn tokenize(&self, example: &Example) -> Result<Target, LmError> {
        self.codec.target(example.scored_reference()).await
    }

    async fn score(
        &self,
        example: &Example,
        target: &Target,
        contexts: &[Context],
        answered: Answered<'_>,
    ) -> Vec<Result<TokenLogprobs, LmError>> {
        let asked = contexts.iter().enumerate();
        let mut calls: FuturesUnordered<_> =
            asked.map(|(place, context)| async move { (place, self.one(example, target, context).await) }).collect();
        let mut answers = vec![Err(LmError::Cancelled); contexts.len()];
        while let Some((place, answer)) = calls.next().await {
            answered(place, &answer);
            answers[place] = answer;
        }
        answers
    }

    async fn fits(&self, example: &Example, target: &Target, context: &Context) -> Result<(), LmError> {
        let Context::Thinking { z } = context;
        let prompt = self.codec.prompt(&self.frame.context(example, z)?).await?;
        self.fitting(prompt.ids.len() + target.tokens.len())
    }
}

#[async_trait]
impl Verbatim for HttpScorer {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn limit(&self) -> Option<usize> {
        self.limit.map(|limit| limit.saturating_sub(GENERATED))
    }

    fn bos(&self) -> Option<u32> {
        self.codec.bos()
    }

    async fn encode(&self, text: &str, first: bool) -> Result<Target, LmError> {
        self.codec.verbatim(text, first).await
    }

    async fn logprobs(&self, context: Passage<'_>, target: Passage<'_>, fresh: bool) -> Result<TokenLogprobs, LmError> {
        self.ask(context, target, &[], None, fresh).await
    }

    async fn most_probable(&self, context: Passage<'_>) -> Result<Option<Next>, LmError> {
        let ask = Ask {
            model: &self.identity.model,
            context: context.ids,
            target: &[],
            context_text: context.text,
            target_text: "",
            affinity: None,
            fresh: false,
        };
        let Some(call) = self.protocol.next(&ask) else { return Ok(None) };
        let written = match next::read(&self.client.send(&call).await?) {
            // A server that knows the option not, or not with this model, cannot tell.
            Err(LmError::Unsupported(_) | LmError::Invalid(_)) => None,
            written => written?,
        };
        let Some(Written { id, text, logprob }) = written else { return Ok(None) };
        let id = match id {
            Some(id) => Some(id),
            None => match &self.codec.verbatim(&text, false).await?.tokens[..] {
                [only] => Some(*only),
                _ => None,
            },
        };
        Ok(id.map(|id| Next { id, text, logprob }))
    }
}
