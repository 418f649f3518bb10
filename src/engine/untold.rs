//! What scores took whose call has not ended: where it never does, because the search was stopped, this is all that is known
//! of its cost.

use std::time::Instant;

use super::flight::Landed;
use super::scoring::purpose;
use crate::lm::Scorer;
use crate::reer::search::ScoreOf;
use crate::session::Call;

/// Scores that were recorded before the call that brought them ended.
#[derive(Debug, Default)]
pub(super) struct Untold {
    of: Vec<ScoreOf>,
    tokens_in: u64,
    tokens_cached: u64,
}

impl Untold {
    /// Counts a score; the end of its call tells all of them.
    pub fn learn(&mut self, landed: &Landed) {
        match landed {
            Landed::Scored(_) => *self = Untold::default(),
            Landed::Score(of, answer) => {
                self.of.push(*of);
                if let Ok(reading) = answer {
                    self.tokens_in += reading.tokens.prompt_tokens as u64;
                    self.tokens_cached += reading.tokens.cached_tokens as u64;
                }
            }
            Landed::Target(_) | Landed::Generated(_) => {}
        }
    }

    /// The record of the call, which began then and is given up now; none when no score came.
    pub fn call(self, scorer: &dyn Scorer, began: Instant) -> Option<Call> {
        (!self.of.is_empty()).then(|| Call {
            purpose: purpose(&self.of).to_owned(),
            model: scorer.identity().model.clone(),
            tokens_in: self.tokens_in,
            tokens_out: 0,
            tokens_cached: self.tokens_cached,
            ms: began.elapsed().as_millis() as u64,
            requests: 0,
            retries: 0,
            error: None,
        })
    }
}
