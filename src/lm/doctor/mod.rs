//! Proves a scorer with numbers before it is trusted: a server that answers in the right shape can still give the
//! log-probabilities of other tokens, of another context, or of nothing.
//!
//! No check compares a score with a constant, so that weak models pass as strong ones do: each compares two ways of asking
//! the same thing, and both with a control in which the answers are shifted or the text is shuffled.

mod advice;
mod examine;
mod judge;
mod texts;

use serde::Serialize;

pub use advice::advice;
pub use examine::examine;

/// One check and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// Short, for a table.
    pub name: &'static str,
    pub outcome: Outcome,
    /// One sentence with the numbers.
    pub detail: String,
}

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Passed,
    /// The scores are usable, with a reservation.
    Warned,
    Failed,
    /// It could not be made here.
    Skipped,
}

/// What an examination showed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings {
    pub checks: Vec<Check>,
    /// Nats per token: how much the mean of one and the same text moves from call to call.
    pub noise_floor: f64,
}

impl Findings {
    /// Whether a search may trust this scorer.
    pub fn is_sound(&self) -> bool {
        self.checks.iter().all(|check| check.outcome != Outcome::Failed)
    }

    /// The failed checks in one line; empty for a sound scorer.
    pub fn why_not(&self) -> String {
        let failed = self.checks.iter().filter(|check| check.outcome == Outcome::Failed);
        failed.map(|check| format!("{}: {}", check.name, check.detail)).collect::<Vec<_>>().join("; ")
    }
}
