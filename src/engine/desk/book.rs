//! The session on the desk, looked at until the first action and written from then on; what others write is followed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use super::{News, Origin};
use crate::session::{
    self, Author, Clock, Event, Followed, Follower, Health, Library, Purpose, ReadOnly, Session, SessionError, State,
    Verdict, samples,
};

/// Who is told of what happens at the desk.
pub(super) type Teller = Arc<dyn Fn(News) + Send + Sync>;

pub(super) struct Book {
    origin: Origin,
    news: Teller,
    clock: Arc<dyn Clock>,
    /// As told so far, while no session is open; else the session's own state counts.
    seen: State,
    session: Option<Session>,
    /// What the open session recorded and was not told yet.
    recorded: Option<Receiver<Event>>,
    watch: Watch,
}

/// What is known of a file that others may write.
#[derive(Default)]
struct Watch {
    /// Bytes of the file when it was last read.
    bytes: u64,
    follower: Option<Follower>,
    writable: Option<Result<(), String>>,
    /// What is wrong with it cannot change while it is not written.
    hopeless: bool,
}

/// A sentence for a person, with the remedy.
pub(super) fn sentence(error: &SessionError) -> String {
    match error {
        SessionError::ReadOnly { why: ReadOnly::Locked, .. } => {
            format!("{error}; it is followed as it grows, and can be changed when that process is done")
        }
        SessionError::ReadOnly { why: ReadOnly::Forbidden, .. } => {
            format!("{error}; copy it to a folder of yours, or change its permissions")
        }
        _ if error.is_full() => format!("{error}; free some space and do it again, everything before is safe"),
        _ => error.to_string(),
    }
}

impl Book {
    /// Looks at a session and tells what there is. Writes nothing.
    pub fn open(origin: Origin, news: Teller, clock: Arc<dyn Clock>) -> Book {
        let origin = settled(origin);
        let found = look_at(&origin, clock.as_ref());
        let path = match &origin {
            Origin::File(path) => Some(path.clone()),
            Origin::Sample { .. } | Origin::New { .. } => None,
        };
        let hopeless = found.as_ref().map_or(true, |look| incurable(&look.health).is_some());
        let (events, health, bytes, writable) = match found {
            Ok(Look { events, health, bytes }) => {
                let writable = path.as_deref().map_or(Ok(()), |path| writable(path, &health));
                (events, health, bytes, writable)
            }
            Err(error) => (Vec::new(), Health::default(), 0, Err(sentence(&error))),
        };
        let mut seen = State::default();
        events.iter().for_each(|event| seen.apply(event));
        let watch = Watch { bytes, follower: None, writable: Some(writable.clone()), hopeless };
        news(News::Opened { path, events, health, writable });
        Book { origin, news, clock, seen, session: None, recorded: None, watch }
    }

    pub fn state(&self) -> &State {
        self.session.as_ref().map_or(&self.seen, Session::state)
    }

    /// The session, when it is open for writing.
    pub fn session(&mut self) -> Option<&mut Session> {
        self.session.as_mut()
    }

    pub fn is_open(&self) -> bool {
        self.session.is_some()
    }

    /// True while a file is looked at that others may write.
    pub fn is_watching(&self) -> bool {
        self.session.is_none() && matches!(self.origin, Origin::File(_))
    }

    /// The session, opened for writing where it is not: a sample is copied and a new pair written first.
    ///
    /// # Errors
    /// Why it cannot be written, with the remedy.
    pub fn write(&mut self) -> Result<&mut Session, String> {
        if self.session.is_none() {
            let opened = self.begin().map_err(|error| sentence(&error));
            self.now_writable(opened.as_ref().map(drop).map_err(Clone::clone));
            self.session = Some(opened?);
        }
        self.session.as_mut().ok_or_else(|| "the session is not open".to_owned())
    }

    /// Opens for writing what is a file already. What has none gets it with the first thing to record, so that
    /// nothing is left of what comes to nothing.
    ///
    /// # Errors
    /// As [`Book::write`].
    pub fn reserve(&mut self) -> Result<(), String> {
        match self.origin {
            Origin::File(_) => self.write().map(drop),
            Origin::Sample { .. } | Origin::New { .. } => Ok(()),
        }
    }

    fn begin(&mut self) -> Result<Session, SessionError> {
        let mut session = match self.place()? {
            Placed::File(path) => Session::open_at(&path, Purpose::Annotate, self.clock.clone())?,
            Placed::Copied(path) => {
                let mut session = Session::open_at(&path, Purpose::Annotate, self.clock.clone())?;
                if session.state().annotations.verdict() != Verdict::None {
                    // What its author decided of a sample is not decided in this library.
                    session.judge(Author::System, Verdict::None)?;
                    session.sync()?;
                }
                session
            }
            Placed::Open(session) => *session,
        };
        let path = session.path().to_owned();
        if !matches!(self.origin, Origin::File(_)) {
            (self.news)(News::Copied(path.clone()));
            self.origin = Origin::File(path.clone());
        }
        let (events, _) = session::events(&path)?;
        self.catch_up(path, events);
        let (tell, recorded) = channel();
        session.tell(Box::new(move |event| drop(tell.send(event.clone()))));
        self.recorded = Some(recorded);
        self.watch = Watch { writable: self.watch.writable.take(), ..Watch::default() };
        Ok(session)
    }

    /// Where the session's file is, made where it is not there yet.
    fn place(&self) -> Result<Placed, SessionError> {
        match &self.origin {
            Origin::File(path) => Ok(Placed::File(path.clone())),
            Origin::Sample { name, bytes, library } => {
                let path = library.join(format!("{name}.jsonl"));
                match samples::copy(bytes, &path) {
                    Ok(()) => Ok(Placed::Copied(path)),
                    Err(SessionError::Exists { .. }) if is_of_pair(&path, self.seen.example.as_ref()) => {
                        Ok(Placed::File(path))
                    }
                    Err(error) => Err(error),
                }
            }
            Origin::New { example, library } => match Library::create(library)?.add((**example).clone()) {
                Ok(session) => Ok(Placed::Open(Box::new(session))),
                Err(SessionError::Exists { path }) => Ok(Placed::File(path)),
                Err(error) => Err(error),
            },
        }
    }

    /// Tells what the file holds beyond what was told; all of it where the beginning is another.
    fn catch_up(&mut self, path: PathBuf, events: Vec<Event>) {
        let (known, new): (Vec<Event>, Vec<Event>) =
            events.into_iter().partition(|event| event.seq <= self.seen.last_seq);
        let mut state = State::default();
        known.iter().for_each(|event| state.apply(event));
        let same = state == self.seen;
        new.iter().for_each(|event| state.apply(event));
        self.seen = state;
        let news = if same { News::Events(new) } else { News::Replaced { path, events: [known, new].concat() } };
        if !matches!(&news, News::Events(new) if new.is_empty()) {
            (self.news)(news);
        }
    }

    /// Tells what the session recorded since.
    pub fn flush(&mut self) {
        let events: Vec<Event> = self.recorded.iter().flat_map(Receiver::try_iter).collect();
        if !events.is_empty() {
            (self.news)(News::Events(events));
        }
    }

    /// Looks whether another process wrote the file, or gave it free.
    pub fn look(&mut self) {
        let Origin::File(path) = &self.origin else { return };
        let path = path.clone();
        let bytes = std::fs::metadata(&path).map_or(0, |meta| meta.len());
        let grown = bytes != self.watch.bytes;
        if !self.watch.hopeless && (grown || matches!(self.watch.writable, Some(Err(_)))) {
            self.now_writable(writable(&path, &Health::default()));
        }
        if !grown {
            return;
        }
        self.watch.bytes = bytes;
        let follower = self.watch.follower.get_or_insert_with(|| Follower::new(&path));
        match follower.poll() {
            Ok(Followed::Grown(events)) => {
                let new: Vec<Event> = events.into_iter().filter(|event| event.seq > self.seen.last_seq).collect();
                new.iter().for_each(|event| self.seen.apply(event));
                if !new.is_empty() {
                    (self.news)(News::Events(new));
                }
            }
            Ok(Followed::Restarted(events)) => {
                self.seen = State::default();
                events.iter().for_each(|event| self.seen.apply(event));
                (self.news)(News::Replaced { path, events });
            }
            Err(error) => self.now_writable(Err(sentence(&error))),
        }
    }

    fn now_writable(&mut self, writable: Result<(), String>) {
        if self.watch.writable.as_ref() != Some(&writable) {
            self.watch.writable = Some(writable.clone());
            (self.news)(News::Writable(writable));
        }
    }

    /// Ends the run in the file; nothing where nothing was written.
    ///
    /// # Errors
    /// The end could not be recorded.
    pub fn close(&mut self) -> Result<(), String> {
        let Some(session) = self.session.take() else { return Ok(()) };
        let closed = session.close().map_err(|error| sentence(&error));
        self.flush();
        closed.map(|state| self.seen = state)
    }
}

/// Where a session is when it is to be written.
enum Placed {
    File(PathBuf),
    /// A sample's, made now.
    Copied(PathBuf),
    Open(Box<Session>),
}

/// What looking at a session found.
struct Look {
    events: Vec<Event>,
    health: Health,
    bytes: u64,
}

fn look_at(origin: &Origin, clock: &dyn Clock) -> Result<Look, SessionError> {
    let of_bytes = |path: &Path, bytes: &[u8]| {
        let (events, health) = session::events_of(path, bytes)?;
        Ok(Look { events, health, bytes: bytes.len() as u64 })
    };
    match origin {
        Origin::File(path) => of_bytes(path, &session::bytes(path)?),
        Origin::Sample { name, bytes, .. } => of_bytes(Path::new(name), bytes),
        Origin::New { example, .. } => {
            let events = session::unwritten(example, clock);
            Ok(Look { events, health: Health::default(), bytes: 0 })
        }
    }
}

/// The file that stands for a sample or a new pair where its library has it already.
fn settled(origin: Origin) -> Origin {
    match origin {
        Origin::Sample { name, bytes, library } => {
            let path = library.join(format!("{name}.jsonl"));
            let sample = session::fold(Path::new(&name), bytes).ok().and_then(|reading| reading.state.example);
            if is_of_pair(&path, sample.as_ref()) {
                Origin::File(path)
            } else {
                Origin::Sample { name, bytes, library }
            }
        }
        Origin::New { example, library } if library.is_dir() => {
            let known = Library::open(&library).ok().and_then(|known| known.find(&example.hash).into_iter().next());
            known.map_or(Origin::New { example, library }, |entry| Origin::File(entry.path))
        }
        other => other,
    }
}

/// True when the session of a file is of this pair.
fn is_of_pair(path: &Path, example: Option<&session::ExampleRecord>) -> bool {
    let there = session::read(path).ok().and_then(|reading| reading.state.example);
    there.zip(example).is_some_and(|(there, example)| there.hash == example.hash)
}

/// Whether a file can be written, as far as looking tells.
fn writable(path: &Path, health: &Health) -> Result<(), String> {
    let possible = match incurable(health) {
        Some(why) => Err(SessionError::ReadOnly { path: path.to_owned(), why }),
        None => session::writable(path),
    };
    possible.map_err(|error| sentence(&error))
}

/// What keeps a file from ever being written as it is.
fn incurable(health: &Health) -> Option<ReadOnly> {
    let newer = health.newer_schema.as_ref().map(|schema| ReadOnly::NewerSchema(schema.clone()));
    let damaged = || health.damaged.first().map(|d| ReadOnly::Damaged { line: d.line, why: d.why.clone() });
    newer.or_else(damaged)
}
