//! Calls that a person's actions ask for outside the search: scores of their versions, more candidates, measurements.

use std::sync::Arc;

use super::{News, Stream};
use crate::engine::calls::{self, Generated, Question};
use crate::engine::desk::book::Teller;
use crate::engine::scoring::{Answer, Pair};
use crate::engine::{BackEnds, Setup};
use crate::lm::{Context, Scorer};
use crate::reer::search::{Preset, Sampling, ScoreOf};
use crate::reer::{Identity, MeasureError, Target};
use crate::session::Call;

/// The session's scorer, opened, with y as its tokens.
#[derive(Clone)]
pub(super) struct Bound {
    /// As the settings name it.
    pub spec: String,
    pub scorer: Arc<dyn Scorer>,
    /// The frame's name in records.
    pub frame: &'static str,
    pub target: Arc<Target>,
}

/// What an aside came to.
pub(super) enum Answered {
    Scores { of: Vec<ScoreOf>, purpose: Purpose, outcome: Result<(Bound, (Call, Vec<Answer>)), String> },
    Candidates(Result<Box<Generated>, String>),
}

/// What scores are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// They are recorded.
    Record,
    /// They are told and not recorded.
    Measure,
}

/// How the session's scorer is to be had.
pub(super) struct ToBind {
    pub back_ends: Arc<BackEnds>,
    pub spec: String,
    pub preset: Preset,
    /// Whose numbers the session holds, where it holds any.
    pub expected: Option<Identity>,
}

impl ToBind {
    async fn bind(self, pair: &Pair) -> Result<Bound, String> {
        let ToBind { back_ends, spec, preset, expected } = self;
        let named = spec.clone();
        let opened = tokio::task::spawn_blocking(move || back_ends.scorer(&named, preset)).await;
        let (scorer, frame) = opened.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
        same_scorer(expected.as_ref(), &spec, scorer.identity())?;
        let target = scorer.tokenize(&pair.example).await.map_err(|e| e.to_string())?;
        if target.tokens.is_empty() {
            return Err(MeasureError::Empty.to_string());
        }
        Ok(Bound { spec, scorer, frame, target: Arc::new(target) })
    }
}

/// Refuses a scorer whose numbers cannot stand beside those of the session.
pub(super) fn same_scorer(expected: Option<&Identity>, spec: &str, found: &Identity) -> Result<(), String> {
    let named = |id: &Identity| match &id.revision {
        Some(revision) => format!("{} {} ({revision})", id.kind, id.model),
        None => format!("{} {}", id.kind, id.model),
    };
    match expected.filter(|expected| *expected != found) {
        None => Ok(()),
        Some(expected) => Err(format!(
            "this session is scored by {}, and {spec} is {}, whose numbers cannot stand beside those; \
             name the scorer it was begun with, or rescore it with `retrace score`",
            named(expected),
            named(found)
        )),
    }
}

/// Scores `of`, whose contexts are given.
pub(super) async fn score(
    known: Result<Bound, ToBind>,
    pair: Arc<Pair>,
    of: Vec<ScoreOf>,
    contexts: Vec<Context>,
    purpose: Purpose,
) -> Answered {
    let bound = match known {
        Ok(bound) => Ok(bound),
        Err(to_bind) => to_bind.bind(&pair).await,
    };
    let outcome = match bound {
        Ok(bound) => {
            let answers = pair.ask(bound.scorer.as_ref(), &bound.target, &of, contexts).await;
            Ok((bound, answers))
        }
        Err(why) => Err(why),
    };
    Answered::Scores { of, purpose, outcome }
}

/// Asks the generator that `spec` names for candidates.
pub(super) async fn propose(
    back_ends: Arc<BackEnds>,
    setup: Setup,
    pair: Arc<Pair>,
    sampling: Sampling,
    question: Question,
    news: Teller,
) -> Answered {
    let opened = tokio::task::spawn_blocking(move || back_ends.generator(&setup.generator, setup.search.preset)).await;
    let generator = match opened {
        Ok(Ok(generator)) => generator,
        Ok(Err(error)) => return Answered::Candidates(Err(error.to_string())),
        Err(error) => return Answered::Candidates(Err(error.to_string())),
    };
    let step = question.step;
    let sink = move |sample: usize, piece: &str| {
        news(News::Streamed { purpose: Stream::Aside, step, sample, piece: piece.to_owned() });
    };
    Answered::Candidates(Ok(Box::new(calls::generate(generator, pair, sampling, question, sink).await)))
}
