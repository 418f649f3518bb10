//! A fleet as a scorer: every context is a call of its own.

use std::ops::Range;
use std::slice;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use futures::future::join_all;

use super::station::Sent;
use super::{Fleet, Tokens};
use crate::lm::{Answered, Context, Current, Estimate, LmError, Scorer, TokenLogprobs};
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

    async fn fits(&self, example: &Example, target: &Target, context: &Context) -> Result<(), LmError> {
        self.back_ends[0].fits(example, target, context).await
    }

    /// Of a back end in this process alone: a server's cache may have let go of what was scored before.
    fn reads_in_parts(&self) -> bool {
        self.local && self.back_ends[0].reads_in_parts()
    }

    async fn score_part(
        &self,
        example: &Example,
        target: &Target,
        part: Range<usize>,
        contexts: &[Context],
    ) -> Vec<Result<TokenLogprobs, LmError>> {
        let calls = self.begin(contexts.len()).await;
        let answers = self.back_ends[0].score_part(example, target, part, contexts).await;
        for (place, answer) in answers.iter().enumerate() {
            end(&calls, place, answer);
        }
        answers
    }

    fn estimates(&self) -> bool {
        self.local && self.back_ends[0].estimates()
    }

    async fn estimate(
        &self,
        example: &Example,
        target: &Target,
        current: Current<'_>,
        contexts: &[Context],
        unread: f64,
    ) -> Vec<Result<Estimate, LmError>> {
        let calls = self.begin(contexts.len()).await;
        let answers = self.back_ends[0].estimate(example, target, current, contexts, unread).await;
        for (place, answer) in answers.iter().enumerate() {
            end(&calls, place, &answer.as_ref().map(|estimate| estimate.tokens.clone()).map_err(LmError::clone));
        }
        answers
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
        let calls = self.begin(contexts.len()).await;
        let told = |place: usize, answer: &Result<TokenLogprobs, LmError>| {
            end(&calls, place, answer);
            answered(place, answer);
        };
        self.back_ends[0].score(example, target, contexts, &told).await
    }

    /// Calls of a back end in this process, which are only counted.
    async fn begin(&self, count: usize) -> Calls<'_> {
        let mut calls = Vec::with_capacity(count);
        for _ in 0..count {
            calls.push(self.dispatch.begin().await);
        }
        Mutex::new(calls)
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

/// Calls that have not ended, by their places.
type Calls<'a> = Mutex<Vec<Option<Sent<'a>>>>;

/// Counts the end of a call.
fn end(calls: &Calls<'_>, place: usize, answer: &Result<TokenLogprobs, LmError>) {
    let call = calls.lock().unwrap_or_else(PoisonError::into_inner).get_mut(place).and_then(Option::take);
    match (call, answer) {
        (Some(call), Ok(answer)) => call.answered(spent(answer)),
        (Some(call), Err(error)) => call.failed(error),
        (None, _) => {}
    }
}

pub(super) fn spent(answer: &TokenLogprobs) -> Tokens {
    Tokens { read: answer.prompt_tokens as u64, written: 0, cached: answer.cached_tokens as u64 }
}
