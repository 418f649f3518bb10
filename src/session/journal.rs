//! The file of a session while it is written: kernel lock, recovery of a torn tail, appending, repair after a
//! failed write. What the events mean is not known here.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::clock::{self, Clock};
use super::scan::{Health, Scan};
use super::{Author, Event, Payload, ReadOnly, Recovered, SessionError, line};

/// Search events are on disk at most this long after they were recorded.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// An open journal; the kernel's lock on the file ends with it.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    clock: Arc<dyn Clock>,
    /// `seq` of the last line.
    last_seq: u64,
    /// When the last line was written, by the monotonic clock.
    last_at: Option<Duration>,
    /// When the oldest line was written that may not be on disk yet.
    unsynced: Option<Duration>,
    /// A write failed: the file must be read again before the next append.
    poisoned: bool,
}

/// The lock is given back by hand: a process that was forked a moment ago and has not begun its program yet would
/// hold it on.
impl Drop for Journal {
    fn drop(&mut self) {
        // Closing the file gives it back too, so that nothing is to be done about a failure.
        let _ = self.file.unlock();
    }
}

/// What opening or repairing a journal found.
pub(super) struct Found {
    pub events: Vec<Event>,
    /// What was cut off, when something was.
    pub recovered: Option<Recovered>,
}

impl Journal {
    /// Creates the file with its first lines, durably and without ever replacing another.
    pub fn create(
        path: &Path,
        clock: Arc<dyn Clock>,
        by: &Author,
        first: Vec<Payload>,
    ) -> Result<(Journal, Vec<Event>), SessionError> {
        let temporary = temporary(path)?;
        let file = new_file(&temporary).map_err(SessionError::io(path, "create it"))?;
        let mut journal = Journal::over(path, file, clock);
        let placed = journal.append(by, None, first).and_then(|events| {
            journal.sync()?;
            place(&temporary, path)?;
            Ok(events)
        });
        match placed {
            Ok(events) => Ok((journal, events)),
            Err(error) => {
                // The first error is the one to report; a leftover is cleared by the next creation.
                let _ = std::fs::remove_file(&temporary);
                Err(error)
            }
        }
    }

    /// Opens the file for writing: locks it, sets a torn tail aside and cuts it off.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<(Journal, Found), SessionError> {
        let file = open_to_append(path)?;
        lock(&file, path)?;
        let mut journal = Journal::over(path, file, clock);
        let found = journal.recover(true)?;
        Ok((journal, found))
    }

    fn over(path: &Path, file: File, clock: Arc<dyn Clock>) -> Journal {
        Journal { path: path.to_owned(), file, clock, last_seq: 0, last_at: None, unsynced: None, poisoned: false }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends the events of one action in one write and gives them back as parsed from the written bytes.
    /// A person's events are on disk when this returns.
    ///
    /// # Errors
    /// Nothing was written when a payload cannot be recorded. After an IO error the journal is poisoned: the
    /// caller must [`Journal::repair`] before the next append.
    pub fn append(
        &mut self,
        by: &Author,
        grp: Option<u64>,
        payloads: Vec<Payload>,
    ) -> Result<Vec<Event>, SessionError> {
        let now = self.clock.monotonic();
        let t = clock::stamp(self.clock.utc());
        let since = self.last_at.map_or(0, |at| now.saturating_sub(at).as_millis() as u64);
        let (mut bytes, mut events) = (Vec::new(), Vec::with_capacity(payloads.len()));
        for (at, payload) in payloads.into_iter().enumerate() {
            let (seq, dt) = (self.last_seq + 1 + at as u64, if at == 0 { since } else { 0 });
            let event = Event { seq, t: t.clone(), dt, by: by.clone(), grp, payload };
            let (line, parsed) = written(&event)?;
            bytes.extend_from_slice(&line);
            events.push(parsed);
        }
        self.write(&bytes)?;
        self.last_seq += events.len() as u64;
        self.last_at = Some(now);
        let oldest = *self.unsynced.get_or_insert(now);
        if by.is_person() || now.saturating_sub(oldest) >= SYNC_EVERY {
            self.sync()?;
        }
        Ok(events)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), SessionError> {
        self.file.write_all(bytes).map_err(|e| {
            self.poisoned = true;
            SessionError::io(&self.path, "write it")(e)
        })
    }

    /// Brings every line to the disk.
    pub fn sync(&mut self) -> Result<(), SessionError> {
        if self.unsynced.is_some() {
            self.file.sync_data().map_err(|e| {
                self.poisoned = true;
                SessionError::io(&self.path, "bring it to the disk")(e)
            })?;
            self.unsynced = None;
        }
        Ok(())
    }

    /// How long the oldest line that is not on disk may still wait; `None` when every line is there.
    pub fn sync_due_in(&self) -> Option<Duration> {
        let waited = self.clock.monotonic().saturating_sub(self.unsynced?);
        Some(SYNC_EVERY.saturating_sub(waited))
    }

    pub fn is_poisoned(&self) -> bool {
        self.poisoned
    }

    /// After a failed write: reads the file again and cuts the rest of the line that failed. The events found are
    /// all of the file's.
    pub fn repair(&mut self) -> Result<Found, SessionError> {
        let known = self.last_seq;
        let found = self.recover(false)?;
        if self.last_seq < known {
            let why = format!("it ends at seq {}, {known} was written", self.last_seq);
            return Err(self.damaged(self.last_seq + 1, why));
        }
        self.poisoned = false;
        Ok(found)
    }

    /// Reads everything, checks that the file may be written, and cuts a torn tail off; `aside` keeps its bytes
    /// in a file of their own first.
    fn recover(&mut self, aside: bool) -> Result<Found, SessionError> {
        let bytes = self.bytes()?;
        let mut events = Vec::new();
        let health = Scan::default().run(&bytes, |event| events.push(event));
        super::read::admit(&self.path, &bytes, &health, events.first())?;
        self.writable(&health)?;
        let recovered = match &health.torn {
            Some(torn) => {
                let rest = &bytes[torn.at as usize..];
                let saved_as = if aside { Some(self.set_aside(rest)?) } else { None };
                self.file.set_len(torn.at).map_err(SessionError::io(&self.path, "cut its torn tail off"))?;
                Some(Recovered { bytes: torn.bytes, saved_as })
            }
            None => None,
        };
        if health.lacks_newline {
            self.file.write_all(b"\n").map_err(SessionError::io(&self.path, "end its last line"))?;
        }
        if recovered.is_some() || health.lacks_newline || !aside {
            self.file.sync_all().map_err(SessionError::io(&self.path, "bring it to the disk"))?;
            self.unsynced = None;
        }
        self.last_seq = events.last().map_or(0, |event| event.seq);
        Ok(Found { events, recovered })
    }

    fn bytes(&mut self) -> Result<Vec<u8>, SessionError> {
        let mut bytes = Vec::new();
        self.file
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.file.read_to_end(&mut bytes))
            .map_err(SessionError::io(&self.path, "be read"))?;
        Ok(bytes)
    }

    fn writable(&self, health: &Health) -> Result<(), SessionError> {
        if let Some(schema) = &health.newer_schema {
            let why = ReadOnly::NewerSchema(schema.clone());
            return Err(SessionError::ReadOnly { path: self.path.clone(), why });
        }
        match health.damaged.first() {
            Some(damage) => Err(self.damaged(damage.line, damage.why.clone())),
            None => Ok(()),
        }
    }

    fn damaged(&self, line: u64, why: String) -> SessionError {
        SessionError::ReadOnly { path: self.path.clone(), why: ReadOnly::Damaged { line, why } }
    }

    /// Writes torn bytes to `NAME.jsonl.torn-TIME` and returns that file's name.
    fn set_aside(&self, torn: &[u8]) -> Result<String, SessionError> {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let stem = format!("{name}.torn-{}", clock::file_stamp(self.clock.utc()));
        let mut number = 1;
        loop {
            let name = if number == 1 { stem.clone() } else { format!("{stem}-{number}") };
            let aside = self.path.with_file_name(&name);
            match OpenOptions::new().write(true).create_new(true).open(&aside) {
                Ok(mut file) => {
                    let doing = "set the torn tail aside there";
                    file.write_all(torn).and_then(|()| file.sync_all()).map_err(SessionError::io(&aside, doing))?;
                    sync_folder(&aside)?;
                    return Ok(name);
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(e) => return Err(SessionError::io(&aside, "set the torn tail aside there")(e)),
            }
        }
    }
}

/// The line of an event, and the event as anyone who reads the line will see it.
fn written(event: &Event) -> Result<(Vec<u8>, Event), SessionError> {
    let refuse = |why: String| SessionError::Unrecordable { event: event.payload.name().to_owned(), why };
    if matches!(event.payload, Payload::Unknown { .. }) {
        return Err(refuse("this program does not know it".to_owned()));
    }
    let bytes = line::encode(event).map_err(|e| refuse(e.to_string()))?;
    let parsed = line::decode(&bytes[..bytes.len() - 1]).map_err(|e| refuse(e.to_string()))?;
    Ok((bytes, parsed))
}

/// Whether a session's file can be opened for writing now, found without writing: the lock is taken and given back
/// at once. Damage inside the file is not looked for.
///
/// # Errors
/// [`SessionError::ReadOnly`] says why not; an IO error.
pub fn writable(path: &Path) -> Result<(), SessionError> {
    let file = open_to_append(path)?;
    lock(&file, path)?;
    file.unlock().map_err(SessionError::io(path, "give its lock back"))
}

fn open_to_append(path: &Path) -> Result<File, SessionError> {
    OpenOptions::new().read(true).append(true).open(path).map_err(|e| match e.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            SessionError::ReadOnly { path: path.to_owned(), why: ReadOnly::Forbidden }
        }
        _ => SessionError::io(path, "be opened")(e),
    })
}

fn lock(file: &File, path: &Path) -> Result<(), SessionError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(SessionError::ReadOnly { path: path.to_owned(), why: ReadOnly::Locked }),
        Err(TryLockError::Error(e)) => Err(SessionError::io(path, "lock it")(e)),
    }
}

/// The name under which a new session is written before it has its own: hidden, and no `*.jsonl`.
fn temporary(path: &Path) -> Result<PathBuf, SessionError> {
    match path.file_name() {
        Some(name) => Ok(path.with_file_name(format!(".{}.new", name.to_string_lossy()))),
        None => Err(SessionError::NotASession { path: path.to_owned(), why: "this path names no file".to_owned() }),
    }
}

/// Creates the temporary file and locks it, over what a killed process left behind. One that another process is
/// writing now is waited for: it goes when the session has its name.
fn new_file(path: &Path) -> io::Result<File> {
    let open = |options: &mut OpenOptions| options.read(true).append(true).open(path);
    let mut waited = Duration::ZERO;
    loop {
        let found = match open(OpenOptions::new().create_new(true)) {
            // Somebody may have taken it for a leftover before it was locked.
            Ok(new) => match new.try_lock() {
                Ok(()) => return Ok(new),
                Err(TryLockError::WouldBlock) => None,
                Err(TryLockError::Error(e)) => return Err(e),
            },
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => match open(&mut OpenOptions::new()) {
                Ok(found) => Some(found),
                Err(e) if e.kind() == io::ErrorKind::NotFound => None,
                Err(e) => return Err(e),
            },
            Err(e) => return Err(e),
        };
        match found.as_ref().map(File::try_lock) {
            Some(Ok(())) => match std::fs::remove_file(path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => continue,
            },
            Some(Err(TryLockError::Error(e))) => return Err(e),
            Some(Err(TryLockError::WouldBlock)) | None if waited >= NEW_MOST => {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Some(Err(TryLockError::WouldBlock)) | None => {}
        }
        std::thread::sleep(NEW_LOOK);
        waited += NEW_LOOK;
    }
}

/// Between two looks whether another process has finished a new file, and all of them: it writes a few lines.
const NEW_LOOK: Duration = Duration::from_millis(2);
const NEW_MOST: Duration = Duration::from_secs(10);

/// Writes a whole file under a temporary name, durably, and gives it its name.
pub(super) fn place_bytes(bytes: &[u8], path: &Path) -> Result<(), SessionError> {
    let temporary = temporary(path)?;
    let mut file = new_file(&temporary).map_err(SessionError::io(path, "create it"))?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    let placed = written.map_err(SessionError::io(&temporary, "write it")).and_then(|()| place(&temporary, path));
    if placed.is_err() {
        // The first error is the one to report; a leftover is cleared by the next creation.
        let _ = std::fs::remove_file(&temporary);
    }
    placed
}

/// Gives a finished file its name; an error when something has that name already.
fn place(temporary: &Path, path: &Path) -> Result<(), SessionError> {
    match std::fs::hard_link(temporary, path) {
        Ok(()) => std::fs::remove_file(temporary).map_err(SessionError::io(temporary, "remove its temporary name"))?,
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            return Err(SessionError::Exists { path: path.to_owned() });
        }
        // A file system without links: a rename, which would replace a file of that name.
        Err(_) if !path.exists() => {
            std::fs::rename(temporary, path).map_err(SessionError::io(path, "give it its name"))?;
        }
        Err(_) => return Err(SessionError::Exists { path: path.to_owned() }),
    }
    sync_folder(path)
}

/// Brings the entry of a new file to the disk.
pub(super) fn sync_folder(path: &Path) -> Result<(), SessionError> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) {
        File::open(folder)
            .and_then(|f| f.sync_all())
            .map_err(SessionError::io(folder, "bring the folder to the disk"))?;
    }
    Ok(())
}
