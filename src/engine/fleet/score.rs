//! A fleet as a scorer: every context is a call of its own.

use std::slice;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use futures::future::join_all;

use super::station::Sent;
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
        if self.local {
            return self.back_ends[0].tokenize(example).await;
        }
        let ask = |at: usize| self.back_ends[at].tokenize(example);
        self.dispatch.watched(self.dispatch.call(Some(&example.id), |_| Tokens::default(), ask)).await
    }

    async fn score(
        &self,
        example: &Example,
        target: &Target,
        contexts: &[Context],
        answered: Answered<'_>,
    ) -> Vec<Result<TokenLogprobs, LmError>> {
        if self.local {
            return self.score_here(example, target, contexts, answered).await;
        }
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
    /// All contexts in one call, which shares what they have in common.
    async fn score_here(
        &self,
        example: &Example,
        target: &Target,
        contexts: &[Context],
        answered: Answered<'_>,
    ) -> Vec<Result<TokenLogprobs, LmError>> {
        let mut calls: Vec<Option<Sent<'_>>> = Vec::with_capacity(contexts.len());
        for _ in contexts {
            calls.push(self.dispatch.begin().await);
        }
        let calls = Mutex::new(calls);
        let end = |place: usize, answer: &Result<TokenLogprobs, LmError>| {
            let call = calls.lock().unwrap_or_else(PoisonError::into_inner).get_mut(place).and_then(Option::take);
            match (call, answer) {
                (Some(call), Ok(answer)) => call.answered(spent(answer)),
                (Some(call), Err(error)) => call.failed(error),
                (None, _) => {}
            }
        };
        let told = |place: usize, answer: &Result<TokenLogprobs, LmError>| {
            end(place, answer);
            answered(place, answer);
        };
        self.back_ends[0].score(example, target, contexts, &told).await
    }

    async fn score_one(&self, example: &Example, target: &Target, context: &Context) -> Result<TokenLogprobs, LmError> {
        let ask = async |at: usize| {
            let mut answers = self.back_ends[at].score(example, target, slice::from_ref(context), &|_, _| {}).await;
            match (answers.pop(), answers.len()) {
                (Some(answer), 0) => answer,
                (last, more) => {
                    let came = more + usize::from(last.is_some());
                    Err(LmError::Invalid(format!("one score was asked for, {came} came")))
                }
            }
        };
        self.dispatch.call(Some(&example.id), spent, ask).await
    }
}

pub(super) fn spent(answer: &TokenLogprobs) -> Tokens {
    Tokens { read: answer.prompt_tokens as u64, written: 0, cached: answer.cached_tokens as u64 }
}
