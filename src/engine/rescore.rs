//! Scoring what a session holds with another scorer: adds scores beside those of the search, changes nothing.

use std::collections::BTreeSet;

use super::RunError;
use super::scoring::{self, Pair};
use crate::lm::Scorer;
use crate::reer::Identity;
use crate::reer::search::{ScoreOf, Search, Why};
use crate::session::{Author, Payload, Session, State, Tokens};

/// What a rescoring did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rescored {
    /// Scores added; of what is too long for the scorer only that is recorded.
    pub added: usize,
    /// Versions that were scored by this scorer already.
    pub known: usize,
    /// Versions that could not be scored, with the reason.
    pub failed: Vec<(ScoreOf, String)>,
}

/// What [`rescore`] would score; `None` for a session without a search.
pub fn unscored(state: &State, scorer: &Identity) -> Option<Vec<ScoreOf>> {
    let wanted = once_current(state.search.as_ref()?);
    Some(wanted.into_iter().filter(|of| !state.has_score(scorer, *of)).collect())
}

/// Scores the baseline and every version that was ever current with `scorer`, where that is not yet done.
///
/// # Errors
/// A session without a search, or what keeps events from being recorded.
pub async fn rescore(session: &mut Session, scorer: &dyn Scorer) -> Result<Rescored, RunError> {
    let state = session.state();
    let pair = Pair::new(state.pair().ok_or(RunError::NotConfigured)?);
    let search = state.search.clone().ok_or(RunError::NotConfigured)?;
    let wanted = once_current(&search);
    let missing: Vec<ScoreOf> = wanted.iter().copied().filter(|of| !state.has_score(scorer.identity(), *of)).collect();
    let mut done = Rescored { added: 0, known: wanted.len() - missing.len(), failed: Vec::new() };
    if missing.is_empty() {
        return Ok(done);
    }
    let target = match scorer.tokenize(&pair.example).await {
        Ok(target) => target,
        Err(error) => {
            done.failed = missing.into_iter().map(|of| (of, error.to_string())).collect();
            return Ok(done);
        }
    };
    let (call, answers) = pair.ask(scorer, &target, &missing, scoring::contexts(&search, &missing), &|_, _| {}).await;
    let mut payloads = Vec::new();
    if !state.tokens.contains_key(scorer.identity()) {
        let ends = target.spans.iter().map(|span| span.end).collect();
        payloads.push(Payload::Tokens(Tokens { scorer: scorer.identity().clone(), ids: target.tokens.clone(), ends }));
    }
    payloads.push(Payload::Call(call));
    for (of, answer) in missing.into_iter().zip(answers) {
        match pair.judge(&target, &search, of, &answer) {
            Ok(scored) => {
                let logprobs = answer.ok().and_then(|reading| reading.recorded());
                let score = scoring::event(&scored, scorer.identity(), logprobs);
                done.added += usize::from(!score.too_long);
                payloads.push(Payload::Score(score));
            }
            Err(reason) => done.failed.push((of, reason)),
        }
    }
    session.record_all(Author::System, payloads)?;
    session.sync()?;
    Ok(done)
}

/// The baseline, drafts, a person's versions, and what the search or a person made current.
fn once_current(search: &Search) -> BTreeSet<ScoreOf> {
    let made = search.tree().iter().filter(|(_, v)| v.trajectory.is_some() && v.node.why != Why::Candidate);
    let chosen = search.decisions().iter().filter_map(|decision| decision.chosen);
    let nodes = made.map(|(id, _)| id).chain(chosen).chain(search.head()).chain(search.outcome());
    nodes.map(ScoreOf::Node).chain([ScoreOf::Baseline]).collect()
}
