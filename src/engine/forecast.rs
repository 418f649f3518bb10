//! What a batch would do, without doing it.

use serde::Serialize;

use super::plan::{self, BatchError, Plan, Work};
use crate::session::library::Shelf;
use crate::session::pairs::{self, Skipped};

/// What a plan comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// Usable rows of the input, repeats aside.
    pub pairs: usize,
    pub new: usize,
    pub unfinished: usize,
    /// Finished, failed, or out of budget: nothing would be done.
    pub finished: usize,
    pub skipped: Vec<Skipped>,
    /// Texts that a generator would write at most for the new pairs.
    pub texts: u64,
    /// Scores of drafts, candidates and baselines at most for the new pairs; leave-one-out scores come on top.
    pub scores: u64,
}

/// Says what [`batch`](super::batch) would do.
///
/// # Errors
/// As [`batch`](super::batch) before it begins.
pub fn forecast(plan: &Plan) -> Result<Forecast, BatchError> {
    let survey = plan::survey(plan, &())?;
    let shelf = plan.library.is_dir().then(|| Shelf::open(&plan.library)).transpose()?;
    if let Some(shelf) = &shelf {
        plan::refuse_other_settings(plan, shelf, &survey)?;
    }
    let mut forecast = Forecast { pairs: survey.lines.len(), skipped: survey.skipped, ..Forecast::default() };
    let mut lines = survey.lines.iter().copied().peekable();
    for example in pairs::read(&plan.input, &plan.fields)?.flatten() {
        if lines.next_if_eq(&example.line()).is_none() {
            continue;
        }
        let work = shelf.as_ref().map(|shelf| plan.work(shelf, example)).transpose()?;
        match work {
            None | Some(Work::Create(_)) => forecast.new += 1,
            Some(Work::Resume(_)) => forecast.unfinished += 1,
            Some(Work::Nothing(_) | Work::Leave(_)) => forecast.finished += 1,
        }
    }
    let config = &plan.config.search;
    let drafts = u64::from(config.restarts) + 1;
    let candidates = u64::from(config.steps) * u64::from(config.candidates) * u64::from(config.beam);
    forecast.texts = forecast.new as u64 * (drafts + candidates);
    forecast.scores = forecast.new as u64 * (drafts + candidates + 1);
    Ok(forecast)
}
