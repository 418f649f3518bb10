//! A fleet as a scorer: every context is a call of its own.

use std::slice;

use async_trait::async_trait;
use futures::future::join_all;

use super::{Fleet, Tokens};
use crate::lm::{Answered, Context, LmError, Scorer, TokenLogprobs};
use crate::reer::{Example, Identity, Target};

#[async_trait]
impl Scorer for Fleet<dyn Scorer> {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    /// That of the noisiest endpoint: a version's score may come from any.
    fn noise_floor(&self) -> f64 {
        self.back_ends.iter().map(|scorer| scorer.noise_floor()).fold(0.0, f64::max)
    }

    async fn tokenize(&self, example: &Example) -> Result<Target, LmError> {
        let ask = |at: usize| self.back_ends[at].tokenize(example);
        self.dispatch.watched(self.dispatch.call(&example.id, |_| Tokens::default(), ask)).await
    }

    async fn score(
        &self,
        example: &Example,
        target: &Target,
        contexts: &[Context],
        answered: Answered<'_>,
    ) -> Vec<Result<TokenLogprobs, LmError>> {
        let one = async |place: usize| {
            let answer = self.score_one(example, target, &contexts[place]).await;
            answered(place, &answer);
            answer
        };
        let ahead = self.ahead(contexts.len());
        let all = async {
            let mut answers = join_all((0..ahead).map(one)).await;
            answers.extend(join_all((ahead..contexts.len()).map(one)).await);
            answers
        };
        self.dispatch.watched(all).await
    }
}

impl Fleet<dyn Scorer> {
    async fn score_one(&self, example: &Example, target: &Target, context: &Context) -> Result<TokenLogprobs, LmError> {
        let ask = async |at: usize| {
            let mut answers = self.back_ends[at].score(example, target, slice::from_ref(context), &|_, _| {}).await;
            match (answers.pop(), answers.len()) {
                (Some(answer), 0) => answer,
                (_, more) => Err(LmError::Invalid(format!("one score was asked for, {more} more or none came"))),
            }
        };
        self.dispatch.call(&example.id, spent, ask).await
    }
}

fn spent(answer: &TokenLogprobs) -> Tokens {
    Tokens { read: answer.prompt_tokens as u64, written: 0, cached: answer.cached_tokens as u64 }
}
