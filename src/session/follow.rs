//! Follows a session that another process writes: yields its events as they become whole.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::scan::{Damage, Health, Scan};
use super::{Event, SessionError, State};

/// A reader that keeps up with a growing file. It takes no lock.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    state: State,
    /// Offset of the end of the last good line, and how many lines there are up to it.
    at: u64,
    lines: u64,
    damaged: Vec<Damage>,
}

/// What a look at the file found.
#[derive(Debug, Clone, PartialEq)]
pub enum Followed {
    /// Events since the last look; none when nothing new is whole.
    Grown(Vec<Event>),
    /// The file is shorter than what was read of it: everything was read again, and these are all its events.
    Restarted(Vec<Event>),
}

impl Follower {
    /// Begins to follow; the first look yields everything there is.
    pub fn new(path: &Path) -> Follower {
        Follower { path: path.to_owned(), state: State::default(), at: 0, lines: 0, damaged: Vec::new() }
    }

    /// The state after everything yielded so far.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Damage met so far; lines that are damaged at the end of the file may still be completed or cut.
    pub fn damaged(&self) -> &[Damage] {
        &self.damaged
    }

    /// Looks at the file once. A last line that is not whole yet is left for a later look.
    ///
    /// # Errors
    /// The file cannot be read, or is no session.
    pub fn poll(&mut self) -> Result<Followed, SessionError> {
        let io = |e| SessionError::io(&self.path, "be read")(e);
        let mut file = File::open(&self.path).map_err(io)?;
        if file.metadata().map_err(io)?.len() < self.at {
            *self = Follower::new(&self.path);
            return self.grown(&mut file).map(Followed::Restarted);
        }
        self.grown(&mut file).map(Followed::Grown)
    }

    fn grown(&mut self, file: &mut File) -> Result<Vec<Event>, SessionError> {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(self.at))
            .and_then(|_| file.read_to_end(&mut bytes))
            .map_err(SessionError::io(&self.path, "be read"))?;
        bytes.truncate(bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1));
        let mut events = Vec::new();
        let scan = Scan::after(self.state.last_seq, self.at, self.lines);
        let health = scan.run(&bytes, |event| events.push(event));
        if self.at == 0 && !bytes.is_empty() {
            super::read::admit(&self.path, &bytes, &health, events.first())?;
        }
        self.advance(health);
        events.iter().for_each(|event| self.state.apply(event));
        Ok(events)
    }

    fn advance(&mut self, health: Health) {
        self.lines = health.torn.as_ref().map_or(health.lines, |torn| torn.line - 1);
        self.at = health.good_end;
        self.damaged.extend(health.damaged);
    }
}
