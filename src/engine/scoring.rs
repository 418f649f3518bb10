//! Asking a scorer for versions of a trajectory, and making records of its answers.

use std::time::Instant;

use super::distinct::Distinct;
use super::fleet::measured;
use crate::lm::{Context, LmError, Scorer, TokenLogprobs};
use crate::reer::search::{Fact, Outraced, ScoreOf, Scored, Search, Unscored, Version, Want, Why};
use crate::reer::{Example, Identity, LeakProbe, MeasureError, Target, measure};
use crate::session::{Call, Score, State, Tokens};

/// A scorer's answer for one context.
pub(super) type Answer = Result<Reading, LmError>;

/// Told of answers as they come, each by its place.
pub(super) type Tell<'a> = &'a (dyn Fn(usize, &Answer) + Send + Sync);

/// What was read of y behind one context.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub tokens: TokenLogprobs,
    pub extent: Extent,
}

/// How much of y a reading is of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Extent {
    Whole,
    /// A part; the rest of the numbers are those behind another context.
    Estimated,
    /// A part, of a candidate that was dropped from its race then.
    Outraced(Outraced),
}

impl Reading {
    fn whole(tokens: TokenLogprobs) -> Reading {
        Reading { tokens, extent: Extent::Whole }
    }

    /// The log-probabilities as journals keep them, to three decimals; none of a reading in part.
    pub fn recorded(&self) -> Option<Vec<f64>> {
        let rounded = |v: &f32| (f64::from(*v) * 1000.0).round() / 1000.0;
        (self.extent == Extent::Whole).then(|| self.tokens.logprobs.iter().map(rounded).collect())
    }
}

/// An example made ready for scoring.
pub(super) struct Pair {
    pub example: Example,
    pub leak: LeakProbe,
}

impl Pair {
    pub fn new(example: Example) -> Pair {
        Pair { leak: LeakProbe::new(&example.query, &example.reference), example }
    }

    /// Scores y behind `contexts`, those [`contexts`] makes of `of`, not empty, all in one call and each once; one answer
    /// each, in order. `answered` is told of them as they come.
    pub async fn ask(
        &self,
        scorer: &dyn Scorer,
        target: &Target,
        of: &[ScoreOf],
        contexts: Vec<Context>,
        answered: Tell<'_>,
    ) -> (Call, Vec<Answer>) {
        let distinct = Distinct::new(contexts);
        let tell = distinct.tell(answered);
        let told = |at: usize, answer: &Result<TokenLogprobs, LmError>| tell(at, &answer.clone().map(Reading::whole));
        let scores = async {
            let answers = scorer.score(&self.example, target, &distinct.contexts, &told).await;
            all_of(answers, distinct.contexts.len()).into_iter().map(|answer| answer.map(Reading::whole)).collect()
        };
        let (call, answers) = self.called(scorer, of, scores).await;
        (call, distinct.spread(&answers))
    }

    /// What a call of a scorer gave, with the record of it.
    pub(super) async fn called(
        &self,
        scorer: &dyn Scorer,
        of: &[ScoreOf],
        call: impl Future<Output = Vec<Answer>> + Send,
    ) -> (Call, Vec<Answer>) {
        let began = Instant::now();
        let (answers, effort) = measured(call).await;
        let call = Call {
            purpose: purpose(of).to_owned(),
            model: scorer.identity().model.clone(),
            tokens_in: answers.iter().flatten().map(|a| a.tokens.prompt_tokens as u64).sum(),
            tokens_out: 0,
            tokens_cached: answers.iter().flatten().map(|a| a.tokens.cached_tokens as u64).sum(),
            ms: began.elapsed().as_millis() as u64,
            requests: effort.requests,
            retries: effort.retries,
            error: answers.iter().find_map(|a| a.as_ref().err()).map(LmError::to_string),
        };
        (call, answers)
    }

    /// A scorer's answer as a fact.
    ///
    /// # Errors
    /// The reason, when the answer is a fault and not a property of the text.
    pub fn judge(&self, target: &Target, search: &Search, of: ScoreOf, answer: &Answer) -> Result<Scored, String> {
        let outcome = match answer {
            Ok(Reading { extent: Extent::Outraced(outraced), .. }) => Err(Unscored::Outraced(*outraced)),
            Ok(Reading { tokens, .. }) => {
                let measures = measure(self.example.scored_reference(), target, &tokens.logprobs);
                let measures = measures.map_err(|e| e.to_string())?;
                measures.objective(search.config().objective).map_err(|e| e.to_string())?;
                Ok(measures)
            }
            Err(LmError::TooLong { .. }) if matches!(of, ScoreOf::Node(_)) => Err(Unscored::TooLong),
            Err(error) => return Err(error.to_string()),
        };
        let leak = matches!(of, ScoreOf::Node(_)).then(|| self.leak.leak(&thinking(search, of)));
        Ok(Scored { of, outcome, leak })
    }
}

/// What scores are asked for, as calls name it.
pub(super) fn purpose(of: &[ScoreOf]) -> &'static str {
    match of.last() {
        Some(ScoreOf::Without(..)) => "leave-one-out",
        Some(ScoreOf::Baseline) => "baseline",
        _ => "score",
    }
}

/// One answer a context, whatever came.
pub(super) fn all_of<T: Clone>(answers: Vec<Result<T, LmError>>, asked: usize) -> Vec<Result<T, LmError>> {
    if answers.len() == asked {
        return answers;
    }
    let why = format!("the scorer gave {} answers for {asked} contexts", answers.len());
    vec![Err(LmError::Invalid(why)); asked]
}

/// Whose token log-probabilities are recorded when the search learns `scored`: its own for the baseline, a draft, a
/// person's version and the current version; those of the candidate that the search will choose now that it knows
/// them all, which may be an earlier one.
pub(super) fn detailed(search: &Search, scored: &Scored) -> Option<ScoreOf> {
    let node = match scored.of {
        ScoreOf::Baseline => return Some(scored.of),
        ScoreOf::Without(..) => return None,
        ScoreOf::Node(node) => node,
    };
    let version = search.tree().get(node).filter(|v| v.node.why == Why::Candidate);
    let Some(version) = version.filter(|_| search.head() != Some(node)) else { return Some(scored.of) };
    let of_step = |other: &Version| other.node.step == version.node.step && other.node.id != node;
    if search.tree().iter().any(|(_, other)| of_step(other) && other.awaits_score()) {
        return None;
    }
    let mut ahead = search.clone();
    ahead.apply(&Fact::Scored(scored.clone()));
    match &ahead.wants()[..] {
        [Want::Decide(decision)] => decision.chosen.map(ScoreOf::Node),
        _ => None,
    }
}

/// The contexts that scores are of, as the search holds them.
pub(super) fn contexts(search: &Search, of: &[ScoreOf]) -> Vec<Context> {
    of.iter().map(|of| Context::Thinking { z: thinking(search, *of) }).collect()
}

/// The text of z that a score is of; empty for the baseline.
pub(super) fn thinking(search: &Search, of: ScoreOf) -> String {
    let tree = search.tree();
    let z = match of {
        ScoreOf::Baseline => None,
        ScoreOf::Node(node) => tree.trajectory(node).cloned(),
        ScoreOf::Without(node, segment) => tree.trajectory(node).and_then(|z| z.without(segment)),
    };
    z.unwrap_or_default().text()
}

/// The record of y's tokens for a scorer, where it is new.
///
/// # Errors
/// There are no tokens, or others than in an earlier run.
pub(super) fn new_tokens(state: &State, scorer: &dyn Scorer, target: &Target) -> Result<Option<Tokens>, String> {
    if target.tokens.is_empty() {
        return Err(MeasureError::Empty.to_string());
    }
    match state.tokens.get(scorer.identity()) {
        Some(known) if known.ids != target.tokens => {
            Err("the scorer splits the reference into other tokens than in the earlier run".to_owned())
        }
        Some(_) => Ok(None),
        None => {
            let ends = target.spans.iter().map(|span| span.end).collect();
            Ok(Some(Tokens { scorer: scorer.identity().clone(), ids: target.tokens.clone(), ends }))
        }
    }
}

/// A fact as the event that records it.
pub(super) fn event(scored: &Scored, scorer: &Identity, logprobs: Option<Vec<f64>>) -> Score {
    let (node, without) = match scored.of {
        ScoreOf::Baseline => (None, None),
        ScoreOf::Node(node) => (Some(node), None),
        ScoreOf::Without(node, segment) => (Some(node), Some(segment)),
    };
    let missing = scored.outcome.as_ref().err();
    Score {
        node,
        without,
        scorer: scorer.clone(),
        measures: scored.outcome.as_ref().ok().copied(),
        leak: scored.leak,
        logprobs,
        estimated: false,
        error: missing.and_then(|why| if let Unscored::Fault(why) = why { Some(why.clone()) } else { None }),
        too_long: missing == Some(&Unscored::TooLong),
        outraced: missing.and_then(|why| if let Unscored::Outraced(outraced) = why { Some(*outraced) } else { None }),
    }
}
