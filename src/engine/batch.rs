//! Many searches at once over one input: which pairs need work, a bounded number in flight, one failing item alone.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::plan::{self, BatchError, Plan, Work};
use super::{Limits, Models, Observer, Progress, search};
use crate::session::pairs::{self, Skipped};
use crate::session::{Author, Library, Payload, Session, SessionError, Status, Summary};

/// What a batch did, in the input's order.
#[derive(Debug, Default)]
pub struct Report {
    pub done: usize,
    pub failed: usize,
    /// Paused by a budget or a person; a later run goes on with them.
    pub unfinished: usize,
    pub skipped: Vec<Skipped>,
    pub sessions: Vec<(Summary, PathBuf)>,
    /// It was cancelled before every pair was done.
    pub interrupted: bool,
}

/// A pair's session, ready for its task.
enum Ready {
    Finished(Box<Summary>, PathBuf),
    Begun(PathBuf),
    Created(Box<Session>),
    LeftAlone(String),
}

/// How a row ended: with its session, or left alone with the reason.
enum Ended {
    Searched(Box<Summary>, PathBuf),
    LeftAlone(String),
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
    let survey = plan::survey(&plan, observer.as_ref())?;
    let mut library = Library::create(&plan.library)?;
    plan::refuse_other_settings(&plan, &library, &survey)?;
    observer.see(Progress::Expected(survey.lines.len()));
    let permits = Arc::new(Semaphore::new(plan.concurrency.max(1)));
    let mut tasks = JoinSet::new();
    let item = Item { plan: Arc::new(plan), models, observer, cancel: cancel.clone() };
    let mut ended = Vec::new();
    let mut lines = survey.lines.iter().copied().peekable();
    for row in pairs::read(&item.plan.input, &item.plan.fields)? {
        let Ok(example) = row else { continue };
        let line = plan::line(&example);
        if lines.next_if_eq(&line).is_none() {
            continue;
        }
        let permit = tokio::select! {
            biased;
            () = cancel.cancelled() => break,
            permit = permits.clone().acquire_owned() => permit,
        };
        let ready = item.plan.work(&library, example).and_then(|work| make_ready(&mut library, work));
        let item = item.clone();
        tasks.spawn(async move {
            let ended = item.carry_out(line, ready?).await;
            drop(permit);
            ended.map(|ended| (line, ended))
        });
        while let Some(joined) = tasks.try_join_next() {
            ended.push(settle(joined, &cancel));
        }
    }
    while let Some(joined) = tasks.join_next().await {
        ended.push(settle(joined, &cancel));
    }
    let mut ended = ended.into_iter().collect::<Result<Vec<_>, BatchError>>()?;
    ended.sort_by_key(|(line, _)| *line);
    let mut report = Report { skipped: survey.skipped, interrupted: cancel.is_cancelled(), ..Report::default() };
    for (line, ended) in ended {
        match ended {
            Ended::Searched(summary, file) => report.add(*summary, file),
            Ended::LeftAlone(reason) => report.skipped.push(Skipped { line, reason }),
        }
    }
    report.skipped.sort_by_key(|skipped| skipped.line);
    Ok(report)
}

impl Report {
    fn add(&mut self, summary: Summary, file: PathBuf) {
        match summary.status {
            Status::Done => self.done += 1,
            Status::Failed => self.failed += 1,
            Status::Fresh | Status::Unfinished => self.unfinished += 1,
        }
        self.sessions.push((summary, file));
    }
}

/// The session that a pair's work needs, created where it is new.
fn make_ready(library: &mut Library, work: Work) -> Result<Ready, BatchError> {
    Ok(match work {
        Work::Nothing(summary, path) => Ready::Finished(summary, path),
        Work::Resume(path) => Ready::Begun(path),
        Work::Leave(reason) => Ready::LeftAlone(reason),
        Work::Create(example) => match library.add(*example) {
            Ok(session) => Ready::Created(Box::new(session)),
            // Another process has just begun the same pair.
            Err(SessionError::Exists { path }) => Ready::Begun(path),
            Err(error) => return Err(error.into()),
        },
    })
}

/// A task's answer; its fault, which is one of the whole run, stops the others.
fn settle(
    joined: Result<Result<(u64, Ended), BatchError>, JoinError>,
    cancel: &CancellationToken,
) -> Result<(u64, Ended), BatchError> {
    let ended = joined.unwrap_or_else(|error| Err(BatchError::Task(error.to_string())));
    if ended.is_err() {
        cancel.cancel();
    }
    ended
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
    async fn carry_out(&self, line: u64, ready: Ready) -> Result<Ended, BatchError> {
        let (mut session, resumed) = match ready {
            Ready::Created(session) => (*session, false),
            Ready::Finished(summary, file) => {
                self.observer.see(Progress::Found { summary: &summary, file: &file });
                return Ok(Ended::Searched(summary, file));
            }
            Ready::LeftAlone(reason) => return Ok(self.leave(line, reason)),
            Ready::Begun(path) => match Session::open(&path) {
                Ok(session) => (session, true),
                Err(error @ SessionError::ReadOnly { .. }) => return Ok(self.leave(line, error.to_string())),
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
        Ok(Ended::Searched(Box::new(summary), file))
    }

    fn leave(&self, line: u64, reason: String) -> Ended {
        self.observer.see(Progress::Skipped { line, reason: &reason });
        Ended::LeftAlone(reason)
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
