//! A session while it is written: every event goes to the journal first, is read back from its line, and is folded
//! into the state; so the live state is what any reader of the file sees.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::clock::{Clock, SystemClock};
use super::journal::{Found, Journal};
use super::{
    Author, Closed, Event, ExampleRecord, Open, Payload, SCHEMA, SessionError, State, Undo, Verdict, VerdictRecord,
};

/// What a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To go on with the search, also one that was stopped.
    Search,
    /// For a person's actions only: a search that stopped stays stopped.
    Annotate,
}

/// Is told of every event that is folded.
pub type Tap = Box<dyn FnMut(&Event) + Send>;

/// A session open for writing. The kernel's lock ends with it.
pub struct Session {
    journal: Journal,
    state: State,
    tap: Option<Tap>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("path", &self.path()).field("last_seq", &self.state.last_seq).finish()
    }
}

impl Session {
    /// Creates the file with its `open` and `example`; it appears whole or not at all.
    ///
    /// # Errors
    /// [`SessionError::Exists`] when the path is taken; else an IO error.
    pub fn create(path: &Path, id: impl Into<String>, example: ExampleRecord) -> Result<Session, SessionError> {
        Session::create_at(path, id, example, Arc::new(SystemClock::default()))
    }

    /// As [`Session::create`], with clocks of the caller's.
    ///
    /// # Errors
    /// As [`Session::create`].
    pub fn create_at(
        path: &Path,
        id: impl Into<String>,
        example: ExampleRecord,
        clock: Arc<dyn Clock>,
    ) -> Result<Session, SessionError> {
        let open = open(id.into(), None, Purpose::Search);
        let first = vec![Payload::Open(open), Payload::Example(example)];
        let (journal, events) = Journal::create(path, clock, &Author::System, first)?;
        let mut session = Session { journal, state: State::default(), tap: None };
        events.iter().for_each(|event| session.fold(event));
        Ok(session)
    }

    /// Opens a session to go on with its search. A torn tail is set aside and cut off first.
    ///
    /// # Errors
    /// [`SessionError::ReadOnly`] says why it cannot be written; [`SessionError::NotASession`]; an IO error.
    pub fn open(path: &Path) -> Result<Session, SessionError> {
        Session::open_at(path, Purpose::Search, Arc::new(SystemClock::default()))
    }

    /// Opens a session for a person's actions only; see [`Purpose::Annotate`].
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn annotate(path: &Path) -> Result<Session, SessionError> {
        Session::open_at(path, Purpose::Annotate, Arc::new(SystemClock::default()))
    }

    /// As [`Session::open`], with clocks of the caller's.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn open_at(path: &Path, purpose: Purpose, clock: Arc<dyn Clock>) -> Result<Session, SessionError> {
        let (journal, found) = Journal::open(path, clock)?;
        let mut session = Session { journal, state: State::default(), tap: None };
        session.catch_up(found)?;
        let open = open(session.state.id.clone(), Some(session.state.last_seq), purpose);
        session.record(Author::System, Payload::Open(open))?;
        session.sync()?;
        Ok(session)
    }

    /// Tells `tap` of every event from now on, once it is folded.
    pub fn tell(&mut self, tap: Tap) {
        self.tap = Some(tap);
    }

    /// Goes on with the search in a session that is open already: a run of its own in the file, as if the session were
    /// opened for the search. A search that ended for good does so only where [`State::can_go_on`] says so.
    ///
    /// # Errors
    /// As [`Session::record`].
    pub fn go_on(&mut self) -> Result<(), SessionError> {
        self.mend()?;
        let open = open(self.state.id.clone(), Some(self.state.last_seq), Purpose::Search);
        self.record(Author::System, Payload::Open(open)).map(drop)
    }

    pub fn path(&self) -> &Path {
        self.journal.path()
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    /// Records one event and folds it as it stands in the file. A person's event is on disk when this returns;
    /// others within a second, or at the next [`Session::sync`].
    ///
    /// # Errors
    /// [`SessionError::Unrecordable`]: nothing was written. An IO error: the event may or may not be in the file;
    /// the next call repairs the file before it writes.
    pub fn record(&mut self, by: Author, payload: Payload) -> Result<Event, SessionError> {
        let mut events = self.append(&by, None, vec![payload])?;
        Ok(events.remove(0))
    }

    /// Records several events in one write: a reader sees all of them or, after a crash, the first few.
    ///
    /// # Errors
    /// As [`Session::record`].
    pub fn record_all(&mut self, by: Author, payloads: Vec<Payload>) -> Result<Vec<Event>, SessionError> {
        self.append(&by, None, payloads)
    }

    /// Records the events of one action in one write; one undo takes them back together.
    ///
    /// # Errors
    /// As [`Session::record`].
    pub fn record_group(&mut self, by: Author, payloads: Vec<Payload>) -> Result<Vec<Event>, SessionError> {
        self.mend()?;
        let grp = self.state.last_seq + 1;
        self.append(&by, Some(grp), payloads)
    }

    /// Records what a person, or a program for them, thinks of the example.
    ///
    /// # Errors
    /// As [`Session::record`].
    pub fn judge(&mut self, by: Author, verdict: Verdict) -> Result<Event, SessionError> {
        self.record(by, Payload::Verdict(VerdictRecord { verdict, summary: None }))
    }

    /// Takes this person's last action back; `None` when there is none, or `by` is no person.
    ///
    /// # Errors
    /// As [`Session::record`].
    pub fn undo(&mut self, by: Author) -> Result<Option<Event>, SessionError> {
        self.mend()?;
        let last = self.state.undoable(&by).filter(|_| by.is_person()).map(|action| action.seq);
        last.map(|seq| self.record(by, Payload::Undo(Undo { seq }))).transpose()
    }

    /// Brings the last undone action back; `None` when there is none, or `by` is no person.
    ///
    /// # Errors
    /// As [`Session::record`].
    pub fn redo(&mut self, by: Author) -> Result<Option<Event>, SessionError> {
        self.mend()?;
        let last = self.state.redoable(&by).filter(|_| by.is_person()).map(|action| action.seq);
        last.map(|seq| self.record(by, Payload::Redo(Undo { seq }))).transpose()
    }

    /// Brings every event to the disk.
    ///
    /// # Errors
    /// An IO error; the next record repairs the file first.
    pub fn sync(&mut self) -> Result<(), SessionError> {
        self.mend()?;
        self.journal.sync()
    }

    /// When what is recorded must be on disk at the latest; `None` when it is.
    pub fn sync_due(&self) -> Option<Instant> {
        self.journal.sync_due_in().map(|wait| Instant::now() + wait)
    }

    /// Ends this run: records the summary as `closed` and gives the file free.
    ///
    /// # Errors
    /// As [`Session::record`].
    pub fn close(mut self) -> Result<State, SessionError> {
        let summary = self.state.summary();
        self.record(Author::System, Payload::Closed(Closed { summary }))?;
        self.sync()?;
        Ok(self.state)
    }

    fn append(&mut self, by: &Author, grp: Option<u64>, payloads: Vec<Payload>) -> Result<Vec<Event>, SessionError> {
        self.mend()?;
        let payloads = payloads.into_iter().map(|payload| self.completed(payload)).collect::<Result<_, _>>()?;
        let events = self.journal.append(by, grp, payloads)?;
        events.iter().for_each(|event| self.fold(event));
        Ok(events)
    }

    fn fold(&mut self, event: &Event) {
        self.state.apply(event);
        if let Some(tap) = &mut self.tap {
            tap(event);
        }
    }

    /// Fills in what only the session knows, and refuses what would not be folded.
    fn completed(&self, payload: Payload) -> Result<Payload, SessionError> {
        match payload {
            Payload::Verdict(VerdictRecord { verdict, summary: None }) => {
                let mut summary = self.state.summary();
                summary.verdict = verdict;
                Ok(Payload::Verdict(VerdictRecord { verdict, summary: Some(summary) }))
            }
            Payload::Config(config) if self.state.refuses(&config) => {
                let why = "a session has one search, and this one has other knobs; fork it into a session of its own";
                Err(SessionError::Unrecordable { event: "config".to_owned(), why: why.to_owned() })
            }
            other => Ok(other),
        }
    }

    /// After a failed write, repairs the file and learns what it holds.
    fn mend(&mut self) -> Result<(), SessionError> {
        if !self.journal.is_poisoned() {
            return Ok(());
        }
        let found = self.journal.repair()?;
        self.catch_up(found)
    }

    fn catch_up(&mut self, found: Found) -> Result<(), SessionError> {
        let known = self.state.last_seq;
        found.events.iter().filter(|event| event.seq > known).for_each(|event| self.fold(event));
        if let Some(recovered) = found.recovered {
            let events = self.journal.append(&Author::System, None, vec![Payload::Recovered(recovered)])?;
            events.iter().for_each(|event| self.fold(event));
            self.journal.sync()?;
        }
        Ok(())
    }
}

/// The events that the session of an example begins with, before it has a file.
pub fn unwritten(example: &ExampleRecord, clock: &dyn Clock) -> Vec<Event> {
    let first = [Payload::Open(open(example.id.clone(), None, Purpose::Search)), Payload::Example(example.clone())];
    let t = super::clock::stamp(clock.utc());
    let event = |(seq, payload)| Event { seq, t: t.clone(), dt: 0, by: Author::System, grp: None, payload };
    (1..).zip(first).map(event).collect()
}

fn open(id: String, resumed_from: Option<u64>, purpose: Purpose) -> Open {
    Open {
        schema: SCHEMA.to_owned(),
        id,
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        resumed_from,
        annotates: purpose == Purpose::Annotate,
    }
}
