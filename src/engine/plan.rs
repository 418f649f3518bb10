//! What a batch is asked to do: which rows of the input are taken, and what the session of each needs.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{Observer, Progress, RunError};
use crate::reer::Identity;
use crate::reer::search::StopReason;
use crate::session::library::{Shelf, Shelved};
use crate::session::pairs::{self, Skipped};
use crate::session::runs::PlanWords;
use crate::session::{self, ConfigRecord, ExampleRecord, Models, SessionError, State, Status};

/// One of N parts of an input, chosen by the pairs' hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 0.
    pub index: u64,
    pub count: u64,
}

impl Shard {
    fn holds(self, pair: u64) -> bool {
        pair % self.count == self.index
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// What a batch is asked to do.
#[derive(Debug, Clone)]
pub struct Plan {
    pub input: PathBuf,
    pub library: PathBuf,
    pub fields: pairs::Fields,
    pub config: ConfigRecord,
    pub models: Models,
    /// Searches in flight.
    pub concurrency: usize,
    pub shard: Option<Shard>,
    /// Pairs to take at most.
    pub limit: Option<usize>,
    /// Search failed sessions again.
    pub retry_failed: bool,
    /// Start a new session beside an unfinished one with other settings.
    pub fork: bool,
}

/// What ends a whole batch.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    #[error(transparent)]
    Input(#[from] pairs::InputError),
    #[error(transparent)]
    Session(SessionError),
    #[error("{0}; make room and give the same command again, which goes on where this one stopped")]
    Full(SessionError),
    #[error("{0}; set that right and give the same command again, which goes on where this one stopped")]
    Servers(String),
    #[error(transparent)]
    Run(RunError),
    #[error("a search died: {0}")]
    Task(String),
    #[error("{file} was begun with other settings ({what}); use the same, or --fork to search it anew beside")]
    OtherSettings { file: PathBuf, what: String },
    #[error("{input}: no usable row{}", first.as_ref().map(|s| format!(" (line {}: {})", s.line, s.reason)).unwrap_or_default())]
    NoUsableRow { input: PathBuf, first: Option<Skipped> },
}

impl From<SessionError> for BatchError {
    fn from(error: SessionError) -> BatchError {
        if error.is_full() { BatchError::Full(error) } else { BatchError::Session(error) }
    }
}

impl From<RunError> for BatchError {
    fn from(error: RunError) -> BatchError {
        match error {
            RunError::Session(error) => error.into(),
            other => BatchError::Run(other),
        }
    }
}

/// The usable rows of an input, found in a first pass that keeps no texts.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Line of each row to search, rising.
    pub(super) lines: Vec<u64>,
    /// The pairs of these rows.
    pairs: Vec<u64>,
    /// Rows of no use, the only ones that are kept as texts.
    pub(super) skipped: Vec<Skipped>,
}

/// What a pair needs.
pub(super) enum Work {
    /// A session is there that needs nothing more.
    Nothing(Shelved),
    /// Go on with this session.
    Resume(Shelved),
    Create(Box<ExampleRecord>),
    /// Nothing is done, for this reason.
    Leave(String),
}

/// Reads the whole input once: which rows are usable, which repeat others.
pub(super) fn survey(plan: &Plan, observer: &dyn Observer) -> Result<Survey, BatchError> {
    let mut survey = Survey::default();
    let mut usable = false;
    for row in pairs::distinct(&plan.input, &plan.fields)? {
        match row {
            Ok(example) => {
                usable = true;
                let wanted = plan.shard.is_none_or(|shard| shard.holds(example.pair()))
                    && plan.limit.is_none_or(|limit| survey.lines.len() < limit);
                if wanted {
                    survey.lines.push(example.line());
                    survey.pairs.push(example.pair());
                }
            }
            Err(skipped) => {
                observer.see(Progress::Skipped { line: skipped.line, reason: &skipped.reason });
                survey.skipped.push(skipped);
            }
        }
    }
    if !usable {
        return Err(BatchError::NoUsableRow { input: plan.input.clone(), first: survey.skipped.into_iter().next() });
    }
    Ok(survey)
}

/// Before anything is begun: an unfinished session of this input with other settings ends the run, unless it forks.
pub(super) fn refuse_other_settings(plan: &Plan, shelf: &Shelf, survey: &Survey) -> Result<(), BatchError> {
    if plan.fork {
        return Ok(());
    }
    let settings = plan.config.fingerprint(&plan.models);
    let begun = survey.pairs.iter().flat_map(|pair| shelf.of_pair(*pair));
    let begun = begun.filter(|there| matches!(there.status, Status::Unfinished | Status::Failed));
    for there in begun.filter(|there| !there.fits(&settings)) {
        let reading = session::read(&there.path)?;
        if let Some(what) = plan.conflict(&reading.state) {
            return Err(BatchError::OtherSettings { file: there.path, what });
        }
    }
    Ok(())
}

/// What differs between a session's settings and the ones asked for; budgets may be raised at any time.
fn difference(recorded: &ConfigRecord, asked: &ConfigRecord) -> Option<String> {
    let plain = |config: &ConfigRecord| serde_json::to_value(config.without_budget()).unwrap_or_default();
    let (recorded, asked) = (plain(recorded), plain(asked));
    let keys: BTreeSet<&String> =
        [&recorded, &asked].into_iter().filter_map(|v| v.as_object()).flat_map(|o| o.keys()).collect();
    let shown = |v: &serde_json::Value| if v.is_null() { "none".to_owned() } else { v.to_string() };
    let differing = keys.into_iter().filter(|key| recorded[*key] != asked[*key]);
    let parts: Vec<String> = differing
        .map(|key| format!("{}: {} there, {} now", key.replace('_', "-"), shown(&recorded[key]), shown(&asked[key])))
        .collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

impl Plan {
    /// What a session was begun with that this plan would do otherwise.
    fn conflict(&self, state: &State) -> Option<String> {
        let settings = state.config.as_ref().and_then(|config| difference(config, &self.config));
        let named = |id: &Identity| format!("{} {} {}", id.kind, id.model, id.revision.as_deref().unwrap_or_default());
        let models = state.models.as_ref().filter(|models| **models != self.models).map(|models| {
            let (there, now) = (named(&models.scorer), named(&self.models.scorer));
            if there == now {
                "another generator or other prompts".to_owned()
            } else {
                format!("scorer: {there} there, {now} now")
            }
        });
        settings.or(models)
    }

    /// What an example needs, from the sessions that the library has of it: the one with these settings that goes
    /// on, else the one that is finished, else a new one; a finished one with other settings is left alone.
    pub(super) fn work(&self, shelf: &Shelf, example: ExampleRecord) -> Result<Work, BatchError> {
        let settings = self.config.fingerprint(&self.models);
        let (mut finished, mut other) = (None, None);
        for there in shelf.find(&example.hash) {
            let done = match there.status {
                Status::Done => true,
                Status::Failed => !self.retry_failed,
                Status::Fresh | Status::Unfinished => false,
            };
            if !there.fits(&settings) {
                other = Some(there.path);
            } else if done || self.budget_is_spent(&there)? {
                finished = Some(there);
            } else {
                return Ok(Work::Resume(there));
            }
        }
        Ok(match (finished, other) {
            (Some(there), _) => Work::Nothing(there),
            (None, Some(path)) if !self.fork => {
                let what = self.conflict(&session::read(&path)?.state).unwrap_or_default();
                Work::Leave(format!("{} has other settings ({what}); --fork searches it anew beside", path.display()))
            }
            _ => Work::Create(Box::new(example)),
        })
    }

    /// A search that its budget stopped, and that the budget now allowed would stop at once.
    fn budget_is_spent(&self, there: &Shelved) -> Result<bool, BatchError> {
        if there.stop != Some(StopReason::Budget) {
            return Ok(false);
        }
        let state = session::read(&there.path)?.state;
        let (search, spent) = (&self.config.search, state.ledger.total());
        Ok(search.max_seconds.is_some_and(|max| state.active_ms >= max * 1000)
            || search.max_tokens.is_some_and(|max| spent.tokens_in + spent.tokens_out >= max))
    }

    /// The plan in words, for who watches.
    pub(super) fn words(&self) -> PlanWords {
        let search = &self.config.search;
        let mut settings = vec![
            format!("{} steps of {} candidates", search.steps, search.candidates),
            spelled(&search.order),
            format!("preset {}", spelled(&search.preset)),
            format!("seed {}", search.seed),
        ];
        settings.extend(search.max_seconds.map(|seconds| format!("at most {seconds} s an example")));
        settings.extend(search.max_tokens.map(|tokens| format!("at most {tokens} tokens an example")));
        settings.extend(self.retry_failed.then(|| "failed ones again".to_owned()));
        PlanWords {
            input: std::path::absolute(&self.input).unwrap_or_else(|_| self.input.clone()).display().to_string(),
            shard: self.shard.map(|shard| shard.to_string()),
            limit: self.limit,
            concurrency: self.concurrency,
            generator: self.config.generator.clone(),
            scorer: self.config.scorer.clone(),
            objective: Some(search.objective),
            settings: settings.join(", "),
        }
    }
}

/// A choice as files spell it.
fn spelled(choice: &impl serde::Serialize) -> String {
    serde_json::to_value(choice).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
