//! Calls that a person's actions ask for outside the search: scores of their versions, more candidates, measurements.

use std::sync::Arc;

use super::{Activity, News, Stream};
use crate::engine::calls::{self, Generated, Question};
use crate::engine::desk::book::Teller;
use crate::engine::fit::fits;
use crate::engine::scoring::{Answer, Pair};
use crate::engine::sequence::InOrder;
use crate::engine::{BackEnds, Setup};
use crate::lm::{Context, Scorer};
use crate::reer::search::{Preset, Sampling, ScoreOf};
use crate::reer::{Example, Identity, MeasureError, Target};
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

/// What an aside told, or came to.
pub(super) enum Heard {
    /// The score at this place of those asked for.
    Score(Bound, usize, Answer),
    /// The end: all scores, those told before too.
    Scores(Result<(Bound, (Call, Vec<Answer>)), String>),
    /// The end.
    Candidates(Result<Box<Generated>, String>),
    /// Whether the pair fits this scorer; a scorer that cannot be opened is told of when it is needed.
    Fit { scorer: String, fits: Result<(), String> },
}

/// An aside in flight.
pub(super) struct Aside {
    pub number: u64,
    pub activity: Activity,
    /// Where it scores.
    pub scores: Option<Scores>,
}

/// The scores that an aside is to bring.
pub(super) struct Scores {
    pub of: Vec<ScoreOf>,
    pub purpose: Purpose,
    pub pair: Arc<Pair>,
    pub answers: InOrder<(ScoreOf, Answer)>,
    /// The first fault.
    pub fault: Option<String>,
}

impl Scores {
    pub fn new(of: Vec<ScoreOf>, purpose: Purpose, pair: Arc<Pair>) -> Scores {
        Scores { of, purpose, pair, answers: InOrder::default(), fault: None }
    }
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

/// Asks the scorer of a setup whether the pair fits its context.
pub(super) async fn fit(back_ends: Arc<BackEnds>, setup: Setup, example: Example) -> Heard {
    let scorer = setup.scorer.clone();
    let opened = tokio::task::spawn_blocking(move || back_ends.scorer(&setup.scorer, setup.search.preset).ok()).await;
    let fits = match opened {
        Ok(Some((scorer, _))) => fits(scorer.as_ref(), &example).await,
        Ok(None) | Err(_) => Ok(()),
    };
    Heard::Fit { scorer, fits }
}

/// Scores `of`, whose contexts are given; `tell` hears of each score as it comes.
pub(super) async fn score(
    known: Result<Bound, ToBind>,
    pair: Arc<Pair>,
    of: Vec<ScoreOf>,
    contexts: Vec<Context>,
    tell: impl Fn(Heard) + Send + Sync,
) -> Heard {
    let bound = match known {
        Ok(bound) => Ok(bound),
        Err(to_bind) => to_bind.bind(&pair).await,
    };
    let bound = match bound {
        Ok(bound) => bound,
        Err(why) => return Heard::Scores(Err(why)),
    };
    let told = |place: usize, answer: &Answer| tell(Heard::Score(bound.clone(), place, answer.clone()));
    let answers = pair.ask(bound.scorer.as_ref(), &bound.target, &of, contexts, &told).await;
    Heard::Scores(Ok((bound, answers)))
}

/// Asks the generator that `spec` names for candidates.
pub(super) async fn propose(
    back_ends: Arc<BackEnds>,
    setup: Setup,
    pair: Arc<Pair>,
    sampling: Sampling,
    question: Question,
    news: Teller,
) -> Heard {
    let opened = tokio::task::spawn_blocking(move || back_ends.generator(&setup.generator, setup.search.preset)).await;
    let generator = match opened {
        Ok(Ok(generator)) => generator,
        Ok(Err(error)) => return Heard::Candidates(Err(error.to_string())),
        Err(error) => return Heard::Candidates(Err(error.to_string())),
    };
    let step = question.step;
    let sink = move |sample: usize, piece: &str| {
        news(News::Streamed { purpose: Stream::Aside, step, sample, piece: piece.to_owned() });
    };
    Heard::Candidates(Ok(Box::new(calls::generate(generator, pair, sampling, question, sink).await)))
}
