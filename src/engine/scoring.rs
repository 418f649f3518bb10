//! Asking a scorer for versions of a trajectory, and making records of its answers.

use std::time::Instant;

use super::fleet::measured;
use crate::lm::{Answered, Context, LmError, Scorer, TokenLogprobs};
use crate::reer::search::{Fact, ScoreOf, Scored, Search, Want, Why};
use crate::reer::{Example, Identity, LeakProbe, Target, measure};
use crate::session::{Call, Score};

/// A scorer's answer for one context.
pub(super) type Answer = Result<TokenLogprobs, LmError>;

/// An example made ready for scoring.
pub(super) struct Pair {
    pub example: Example,
    leak: LeakProbe,
}

impl Pair {
    pub fn new(example: Example) -> Pair {
        Pair { leak: LeakProbe::new(&example.query, &example.reference), example }
    }

    /// Scores y behind `contexts`, those [`contexts`] makes of `of`, not empty, all in one call; one answer each, in
    /// order. `answered` is told of them as they come.
    pub async fn ask(
        &self,
        scorer: &dyn Scorer,
        target: &Target,
        of: &[ScoreOf],
        contexts: Vec<Context>,
        answered: Answered<'_>,
    ) -> (Call, Vec<Answer>) {
        let began = Instant::now();
        let (mut answers, effort) = measured(scorer.score(&self.example, target, &contexts, answered)).await;
        if answers.len() != contexts.len() {
            let why = format!("the scorer gave {} answers for {} contexts", answers.len(), contexts.len());
            answers = vec![Err(LmError::Invalid(why)); contexts.len()];
        }
        let purpose = match of.last() {
            Some(ScoreOf::Without(..)) => "leave-one-out",
            Some(ScoreOf::Baseline) => "baseline",
            _ => "score",
        };
        let call = Call {
            purpose: purpose.to_owned(),
            model: scorer.identity().model.clone(),
            tokens_in: answers.iter().flatten().map(|a| a.prompt_tokens as u64).sum(),
            tokens_out: 0,
            tokens_cached: answers.iter().flatten().map(|a| a.cached_tokens as u64).sum(),
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
            Ok(answer) => {
                let measures = measure(self.example.scored_reference(), target, &answer.logprobs);
                let measures = measures.map_err(|e| e.to_string())?;
                measures.objective(search.config().objective).map_err(|e| e.to_string())?;
                Ok(measures)
            }
            Err(LmError::TooLong { .. }) if matches!(of, ScoreOf::Node(_)) => Err(None),
            Err(error) => return Err(error.to_string()),
        };
        let leak = matches!(of, ScoreOf::Node(_)).then(|| self.leak.leak(&thinking(search, of)));
        Ok(Scored { of, outcome, leak })
    }
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
    let candidate = search.tree().get(node).is_some_and(|v| v.node.why == Why::Candidate);
    if !candidate || search.head() == Some(node) {
        return Some(scored.of);
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
fn thinking(search: &Search, of: ScoreOf) -> String {
    let tree = search.tree();
    let z = match of {
        ScoreOf::Baseline => None,
        ScoreOf::Node(node) => tree.trajectory(node).cloned(),
        ScoreOf::Without(node, segment) => tree.trajectory(node).and_then(|z| z.without(segment)),
    };
    z.unwrap_or_default().text()
}

/// A fact as the event that records it.
pub(super) fn event(scored: &Scored, scorer: &Identity, logprobs: Option<Vec<f64>>) -> Score {
    let (node, without) = match scored.of {
        ScoreOf::Baseline => (None, None),
        ScoreOf::Node(node) => (Some(node), None),
        ScoreOf::Without(node, segment) => (Some(node), Some(segment)),
    };
    Score {
        node,
        without,
        scorer: scorer.clone(),
        measures: scored.outcome.as_ref().ok().copied(),
        leak: scored.leak,
        logprobs,
        error: scored.outcome.as_ref().err().cloned().flatten(),
        too_long: scored.outcome == Err(None),
    }
}

/// To three decimals, as journals keep them.
pub(super) fn rounded(logprobs: &[f32]) -> Vec<f64> {
    logprobs.iter().map(|v| (f64::from(*v) * 1000.0).round() / 1000.0).collect()
}
