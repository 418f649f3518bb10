//! A fleet as a scorer of bare tokens: what the doctor asks, so that a fault that passes is no finding.

use async_trait::async_trait;

use super::score::spent;
use super::{Fleet, Tokens};
use crate::lm::{LmError, Next, Passage, TokenLogprobs, Verbatim};
use crate::reer::{Identity, Target};

#[async_trait]
impl Verbatim for Fleet<dyn Verbatim> {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn limit(&self) -> Option<usize> {
        self.back_ends.iter().filter_map(|scorer| scorer.limit()).min()
    }

    fn bos(&self) -> Option<u32> {
        self.back_ends[0].bos()
    }

    async fn encode(&self, text: &str, first: bool) -> Result<Target, LmError> {
        self.ask(|_| Tokens::default(), |at| self.back_ends[at].encode(text, first)).await
    }

    async fn logprobs(&self, context: Passage<'_>, target: Passage<'_>, fresh: bool) -> Result<TokenLogprobs, LmError> {
        self.ask(spent, |at| self.back_ends[at].logprobs(context, target, fresh)).await
    }

    async fn most_probable(&self, context: Passage<'_>) -> Result<Option<Next>, LmError> {
        self.ask(|_| Tokens::default(), |at| self.back_ends[at].most_probable(context)).await
    }
}

impl Fleet<dyn Verbatim> {
    async fn ask<T, A>(&self, spent: fn(&T) -> Tokens, ask: impl Fn(usize) -> A) -> Result<T, LmError>
    where
        A: Future<Output = Result<T, LmError>>,
    {
        self.dispatch.watched(self.dispatch.call(None, spent, ask)).await
    }
}
