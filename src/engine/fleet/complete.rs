//! A fleet as a text model: every sample is a call of its own.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use futures::future::try_join_all;

use super::waits::Open;
use super::{Fleet, Tokens};
use crate::lm::{Complete, Completion, CompletionRequest, LmError, Sink};
use crate::reer::Identity;

#[async_trait]
impl Complete for Fleet<dyn Complete> {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The first sample that cannot be had fails the whole call, and the others are given up: a request that lacks a
    /// sample is of no use to a search.
    async fn complete(&self, request: &CompletionRequest<'_>, sink: Sink<'_>) -> Result<Vec<Completion>, LmError> {
        if self.local {
            return self.complete_here(request, sink).await;
        }
        let one = |place: usize| self.complete_one(request, place, sink);
        let ahead = self.ahead(request.seeds.len());
        let all = async {
            let mut samples = try_join_all((0..ahead).map(one)).await?;
            samples.extend(try_join_all((ahead..request.seeds.len()).map(one)).await?);
            Ok(samples)
        };
        self.dispatch.watched(all).await
    }
}

impl Fleet<dyn Complete> {
    /// All samples in one call.
    async fn complete_here(&self, request: &CompletionRequest<'_>, sink: Sink<'_>) -> Result<Vec<Completion>, LmError> {
        let sent = self.dispatch.begin().await;
        let answer = self.back_ends[0].complete(request, sink).await;
        match (sent, &answer) {
            (Some(sent), Ok(samples)) => sent.answered(samples.iter().map(spent).fold(Tokens::default(), Tokens::plus)),
            (Some(sent), Err(error)) => sent.failed(error),
            (None, _) => {}
        }
        answer
    }

    async fn complete_one(
        &self,
        request: &CompletionRequest<'_>,
        place: usize,
        sink: Sink<'_>,
    ) -> Result<Completion, LmError> {
        let request = CompletionRequest { seeds: &request.seeds[place..=place], ..request.clone() };
        let (shown, open) = (Mutex::new(0), Open::begin());
        let ask = async |at: usize| {
            let stream = Stream { shown: &shown, come: Mutex::new(0) };
            let sink = |_: usize, piece: &str| {
                open.goes_on();
                let new = stream.new_part(piece);
                if !new.is_empty() {
                    sink(place, new);
                }
            };
            let mut samples = self.back_ends[at].complete(&request, &sink).await?;
            match (samples.pop(), samples.len()) {
                (Some(sample), 0) => Ok(sample),
                (last, more) => {
                    let came = more + usize::from(last.is_some());
                    Err(LmError::Invalid(format!("one text was asked for, {came} came")))
                }
            }
        };
        self.dispatch.call_told(&open, request.affinity, spent, ask).await
    }
}

fn spent(sample: &Completion) -> Tokens {
    let Completion { tokens_in, tokens_out, tokens_cached, .. } = sample;
    Tokens { read: *tokens_in as u64, written: *tokens_out as u64, cached: *tokens_cached as u64 }
}

/// One attempt's text on its way to whoever watches, who has seen some of it when an earlier attempt broke off: the same
/// seed mostly writes the same again, and what is recorded is the last attempt's alone.
struct Stream<'a> {
    /// Bytes that have been shown, over all attempts.
    shown: &'a Mutex<usize>,
    /// Bytes that have come in this one.
    come: Mutex<usize>,
}

impl Stream<'_> {
    /// The part of a piece that is past what has been shown.
    fn new_part<'p>(&self, piece: &'p str) -> &'p str {
        let mut come = self.come.lock().unwrap_or_else(PoisonError::into_inner);
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = shown.saturating_sub(*come).min(piece.len());
        let seen = (seen..piece.len()).find(|at| piece.is_char_boundary(*at)).unwrap_or(piece.len());
        *come += piece.len();
        *shown = (*shown).max(*come);
        &piece[seen..]
    }
}
