//! One pair of a batch carried out: its session made or opened, searched, closed.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::brake::Brake;
use super::meter::Meter;
use super::watched::watched;
use crate::engine::plan::{BatchError, Plan};
use crate::engine::{Limits, Models, search};
use crate::reer::search::StopReason;
use crate::session::library::{Place, Shelf, create_reserved};
use crate::session::{Author, ExampleRecord, Payload, Session, SessionError, Status};

/// What one pair needs.
pub(super) enum Job {
    Create(Box<ExampleRecord>),
    GoOn(Place),
}

/// How a pair came out.
pub(super) enum Came {
    /// Its session stands on the shelf as it ended.
    Through(Place),
    /// A pause stopped it.
    PutOff(Place),
    /// Another process has it, or it cannot be written.
    LeftAlone(String),
}

/// A session ready to be searched, or why there is none.
enum Ready {
    Open(Place, Box<Session>, bool),
    LeftAlone(String),
}

/// Does what waits for the disk where no other search has to wait for it too.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, BatchError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| BatchError::Task(error.to_string()))
}

/// What every pair of a run is carried out with.
pub(super) struct Bench {
    pub plan: Plan,
    pub models: Models,
    pub meter: Arc<Meter>,
    pub brake: Arc<Brake>,
    pub cancel: CancellationToken,
    shelf: Mutex<Shelf>,
}

impl Bench {
    pub fn new(plan: Plan, models: Models, meter: Arc<Meter>, cancel: CancellationToken, shelf: Shelf) -> Bench {
        let brake = Arc::new(Brake::of(cancel.clone()));
        Bench { plan, models, meter, brake, cancel, shelf: Mutex::new(shelf) }
    }

    pub fn shelf(&self) -> MutexGuard<'_, Shelf> {
        // What is shelved stays so when a thread died while it shelved something else.
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn into_shelf(self: Arc<Bench>) -> Option<Shelf> {
        Some(Arc::into_inner(self)?.shelf.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Searches one pair.
    ///
    /// # Errors
    /// What ends the whole run.
    pub async fn carry_out(self: Arc<Self>, line: u64, job: Job) -> Result<Came, BatchError> {
        let bench = self.clone();
        let (place, mut session, resumed) = match beside(move || bench.ready(job)).await?? {
            Ready::Open(place, session, resumed) => (place, *session, resumed),
            Ready::LeftAlone(reason) => {
                self.meter.skipped(line, &reason);
                return Ok(Came::LeftAlone(reason));
            }
        };
        self.configure(&mut session)?;
        let stop = self.cancel.child_token();
        self.meter.began(line, &session, resumed);
        let meter = self.meter.clone();
        session.tell(Box::new(move |event| meter.recorded(event)));
        let models = watched(&self.models, &self.brake, &self.meter, &stop);
        let time = self.plan.config.search.max_seconds.map(Duration::from_secs);
        let limits = Limits { cancel: stop.clone(), time };
        let ended = search(&mut session, &models, &limits, self.meter.as_ref()).await?;
        let file = session.path().to_owned();
        let state = beside(move || session.close()).await??;
        let summary = state.summary();
        self.shelf().note(place, &summary);
        if ended == StopReason::Person && stop.is_cancelled() {
            self.meter.put_off(&summary.id, &file);
            return Ok(if self.cancel.is_cancelled() { Came::Through(place) } else { Came::PutOff(place) });
        }
        let reason = state.errors.last().map(|failure| failure.message.as_str());
        self.meter.ended(&summary, &file, reason.filter(|_| summary.status == Status::Failed));
        Ok(Came::Through(place))
    }

    fn ready(&self, job: Job) -> Result<Ready, BatchError> {
        match job {
            Job::GoOn(place) => self.open(place),
            Job::Create(example) => loop {
                let reserved = self.shelf().reserve(&example);
                let Some((place, path)) = reserved else {
                    return Ok(Ready::LeftAlone("no name is free for its session".to_owned()));
                };
                match create_reserved(&path, &example) {
                    Ok(Some(session)) => return Ok(Ready::Open(place, Box::new(session), false)),
                    Ok(None) => {}
                    // Another process has just begun the same pair.
                    Err(SessionError::Exists { .. }) => return self.open(place),
                    Err(error) => return Err(error.into()),
                }
            },
        }
    }

    fn open(&self, place: Place) -> Result<Ready, BatchError> {
        let path: PathBuf = self.shelf().path(place);
        match Session::open(&path) {
            Ok(session) => Ok(Ready::Open(place, Box::new(session), true)),
            Err(error @ SessionError::ReadOnly { .. }) => Ok(Ready::LeftAlone(error.to_string())),
            Err(error) => Err(error.into()),
        }
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
