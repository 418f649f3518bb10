//! Many searches at once over one input: which pairs need work, a bounded number in flight, one failing item alone.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::{Limits, Models, Observer, Progress, RunError, search};
use crate::reer::Identity;
use crate::reer::search::StopReason;
use crate::session::pairs::{self, Skipped};
use crate::session::{
    self, Author, ConfigRecord, ExampleRecord, Library, Models as ModelsRecord, Payload, ReadOnly, Session,
    SessionError, State, Status, Summary,
};

/// One of N parts of an input, chosen by the pairs' hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 0.
    pub index: u64,
    pub count: u64,
}

impl Shard {
    fn holds(self, hash: &str) -> bool {
        u64::from_str_radix(hash, 16).is_ok_and(|hash| hash % self.count == self.index)
    }
}

/// What a batch is asked to do.
#[derive(Debug, Clone)]
pub struct Plan {
    pub input: PathBuf,
    pub library: PathBuf,
    pub fields: pairs::Fields,
    pub config: ConfigRecord,
    pub models: ModelsRecord,
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

/// What a batch did, in the input's order.
#[derive(Debug, Default)]
pub struct Report {
    pub done: usize,
    pub failed: usize,
    pub skipped: Vec<Skipped>,
    pub sessions: Vec<(Summary, PathBuf)>,
    /// It was cancelled before every pair was done.
    pub interrupted: bool,
}

/// What ends a whole batch.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    #[error(transparent)]
    Input(#[from] pairs::InputError),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("a search died: {0}")]
    Task(String),
    #[error("{file} was begun with other settings ({what}); use the same, or --fork to search it anew beside")]
    OtherSettings { file: PathBuf, what: String },
    #[error("{input}: no usable row{}", first.as_ref().map(|s| format!(" (line {}: {})", s.line, s.reason)).unwrap_or_default())]
    NoUsableRow { input: PathBuf, first: Option<Skipped> },
}

/// The usable rows of an input, found in a first pass that keeps no texts.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Line of each row to search, rising.
    pub(super) lines: Vec<u64>,
    hashes: HashSet<String>,
    pub(super) skipped: Vec<Skipped>,
}

/// What a pair needs.
pub(super) enum Work {
    /// A session is there that needs nothing more.
    Nothing(Summary, PathBuf),
    /// Go on with this session.
    Resume(PathBuf),
    Create(ExampleRecord),
}

/// A pair's session, ready for its task.
enum Ready {
    Finished(Box<Summary>, PathBuf),
    Begun(PathBuf),
    Created(Box<Session>),
}

/// Searches every pair of the plan's input.
///
/// # Errors
/// Faults of the whole run; a failing item is counted in the report and recorded in its session.
pub async fn batch(
    plan: Plan,
    models: Models,
    observer: Arc<dyn Observer>,
    cancel: CancellationToken,
) -> Result<Report, BatchError> {
    let survey = survey(&plan, observer.as_ref())?;
    let mut library = Library::create(&plan.library)?;
    refuse_other_settings(&plan, &library, &survey)?;
    observer.see(Progress::Expected(survey.lines.len()));
    let permits = Arc::new(Semaphore::new(plan.concurrency.max(1)));
    let mut tasks = JoinSet::new();
    let item = Item { plan: Arc::new(plan), models, observer, cancel: cancel.clone() };
    let mut ended = Vec::new();
    let mut lines = survey.lines.iter().copied().peekable();
    for row in pairs::read(&item.plan.input, &item.plan.fields)? {
        let Ok(example) = row else { continue };
        let line = line(&example);
        if lines.next_if_eq(&line).is_none() {
            continue;
        }
        let permit = tokio::select! {
            biased;
            () = cancel.cancelled() => break,
            permit = permits.clone().acquire_owned() => permit,
        };
        let work = match item.plan.work(&library, example) {
            Ok(Work::Create(example)) => {
                library.add(example).map(|session| Ready::Created(Box::new(session))).map_err(BatchError::from)
            }
            Ok(Work::Resume(path)) => Ok(Ready::Begun(path)),
            Ok(Work::Nothing(summary, path)) => Ok(Ready::Finished(Box::new(summary), path)),
            Err(error) => Err(error),
        };
        let item = item.clone();
        tasks.spawn(async move {
            let ended = item.carry_out(work?).await;
            drop(permit);
            ended.map(|(summary, file)| (line, summary, file))
        });
        while let Some(joined) = tasks.try_join_next() {
            ended.push(settle(joined, &cancel));
        }
    }
    while let Some(joined) = tasks.join_next().await {
        ended.push(settle(joined, &cancel));
    }
    let mut ended = ended.into_iter().collect::<Result<Vec<_>, BatchError>>()?;
    ended.sort_by_key(|(order, ..)| *order);
    let count = |status| ended.iter().filter(|(_, summary, _)| summary.status == status).count();
    Ok(Report {
        done: count(Status::Done),
        failed: count(Status::Failed),
        interrupted: cancel.is_cancelled(),
        skipped: survey.skipped,
        sessions: ended.into_iter().map(|(_, summary, file)| (summary, file)).collect(),
    })
}

type Ended = (u64, Summary, PathBuf);

/// A task's answer; its fault, which is one of the whole run, stops the others.
fn settle(
    joined: Result<Result<Ended, BatchError>, JoinError>,
    cancel: &CancellationToken,
) -> Result<Ended, BatchError> {
    let ended = joined.unwrap_or_else(|error| Err(BatchError::Task(error.to_string())));
    if ended.is_err() {
        cancel.cancel();
    }
    ended
}

/// Place of an example in the input, from 1.
pub(super) fn line(example: &ExampleRecord) -> u64 {
    example.source.as_ref().map_or(0, |source| source.row)
}

/// Reads the whole input once: which rows are usable, which repeat others.
pub(super) fn survey(plan: &Plan, observer: &dyn Observer) -> Result<Survey, BatchError> {
    let mut survey = Survey::default();
    let mut first_line: HashMap<String, u64> = HashMap::new();
    for row in pairs::read(&plan.input, &plan.fields)? {
        let skipped = match row {
            Ok(example) => match first_line.entry(example.hash.clone()) {
                Entry::Occupied(first) => {
                    let reason = format!("the same query and reference as line {}", first.get());
                    Skipped { line: line(&example), reason }
                }
                Entry::Vacant(place) => {
                    place.insert(line(&example));
                    let wanted = plan.shard.is_none_or(|shard| shard.holds(&example.hash))
                        && plan.limit.is_none_or(|limit| survey.lines.len() < limit);
                    if wanted {
                        survey.lines.push(line(&example));
                        survey.hashes.insert(example.hash);
                    }
                    continue;
                }
            },
            Err(bad) => bad,
        };
        observer.see(Progress::Skipped { line: skipped.line, reason: &skipped.reason });
        survey.skipped.push(skipped);
    }
    if first_line.is_empty() {
        return Err(BatchError::NoUsableRow { input: plan.input.clone(), first: survey.skipped.into_iter().next() });
    }
    Ok(survey)
}

/// Before anything is begun: an unfinished session of this input with other settings ends the run, unless it forks.
pub(super) fn refuse_other_settings(plan: &Plan, library: &Library, survey: &Survey) -> Result<(), BatchError> {
    if plan.fork {
        return Ok(());
    }
    for entry in library.entries().filter(|e| survey.hashes.contains(&e.summary.hash)) {
        if !matches!(entry.summary.status, Status::Unfinished | Status::Failed) {
            continue;
        }
        let reading = session::read(&entry.path)?;
        if let Some(what) = plan.conflict(&reading.state) {
            return Err(BatchError::OtherSettings { file: entry.path.clone(), what });
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

    /// What an example needs, from the sessions that the library has of it: the one that goes on, else the one
    /// that is finished, else a new one.
    pub(super) fn work(&self, library: &Library, example: ExampleRecord) -> Result<Work, BatchError> {
        let mut finished = None;
        for entry in library.find(&example.hash) {
            let done = match entry.summary.status {
                Status::Done => true,
                Status::Failed => !self.retry_failed,
                Status::Fresh | Status::Unfinished => false,
            };
            if done && !self.fork {
                finished = finished.or(Some((entry.summary, entry.path)));
                continue;
            }
            let state = session::read(&entry.path)?.state;
            if self.conflict(&state).is_some() {
                continue;
            }
            if done || self.budget_is_spent(&state) {
                finished = Some((entry.summary, entry.path));
            } else {
                return Ok(Work::Resume(entry.path));
            }
        }
        Ok(finished.map_or(Work::Create(example), |(summary, path)| Work::Nothing(summary, path)))
    }

    /// A search that its budget stopped, and that the budget now allowed would stop at once.
    fn budget_is_spent(&self, state: &State) -> bool {
        let search = &self.config.search;
        let spent = state.ledger.total();
        state.stop.as_ref().is_some_and(|stop| stop.reason == StopReason::Budget)
            && (search.max_seconds.is_some_and(|max| state.active_ms >= max * 1000)
                || search.max_tokens.is_some_and(|max| spent.tokens_in + spent.tokens_out >= max))
    }
}

/// One pair of a batch and what it needs to be searched.
#[derive(Clone)]
struct Item {
    plan: Arc<Plan>,
    models: Models,
    observer: Arc<dyn Observer>,
    cancel: CancellationToken,
}

impl Item {
    async fn carry_out(&self, ready: Ready) -> Result<(Summary, PathBuf), BatchError> {
        let (mut session, resumed) = match ready {
            Ready::Created(session) => (*session, false),
            Ready::Finished(summary, file) => {
                self.observer.see(Progress::Found { summary: &summary, file: &file });
                return Ok((*summary, file));
            }
            Ready::Begun(path) => match Session::open(&path) {
                Ok(session) => (session, true),
                Err(SessionError::ReadOnly { why: why @ (ReadOnly::Locked | ReadOnly::Damaged { .. }), .. }) => {
                    let summary = session::read(&path)?.state.summary();
                    self.observer.see(Progress::Failed { summary: &summary, reason: &why.to_string() });
                    return Ok((summary, path));
                }
                Err(error) => return Err(error.into()),
            },
        };
        self.configure(&mut session)?;
        self.observer.see(Progress::Started { session: &session, resumed });
        let limits =
            Limits { cancel: self.cancel.clone(), time: self.plan.config.search.max_seconds.map(Duration::from_secs) };
        search(&mut session, &self.models, &limits, self.observer.as_ref()).await?;
        let file = session.path().to_owned();
        let state = session.close()?;
        let summary = state.summary();
        let reason = state.errors.last().map(|failure| failure.message.clone());
        match &reason {
            Some(reason) if summary.status == Status::Failed => {
                self.observer.see(Progress::Failed { summary: &summary, reason });
            }
            _ => self.observer.see(Progress::Finished { summary: &summary, file: &file }),
        }
        Ok((summary, file))
    }

    /// Records the models and settings where they are new to the session.
    fn configure(&self, session: &mut Session) -> Result<(), SessionError> {
        let mut payloads = Vec::new();
        if session.state().models.as_ref() != Some(&self.plan.models) {
            payloads.push(Payload::Models(self.plan.models.clone()));
        }
        if session.state().config.as_ref() != Some(&self.plan.config) {
            payloads.push(Payload::Config(self.plan.config.clone()));
        }
        session.record_all(Author::Search, payloads).map(drop)
    }
}
