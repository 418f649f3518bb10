//! Reads the bytes of a journal line by line and tells good lines, damage in the middle and a torn tail apart.

use super::line::{self, BadLine};
use super::{Event, Payload};

/// The schemas this program knows share this beginning; a number follows.
const SCHEMA_FAMILY: &str = "retrace.session/";

/// A line that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// From 1.
    pub line: u64,
    pub why: String,
}

/// What follows the last good line: the rest of a write that was cut short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Torn {
    /// Its first line, from 1.
    pub line: u64,
    /// Byte offset in the file where it begins, and how many bytes it has.
    pub at: u64,
    pub bytes: u64,
    pub why: String,
}

/// How a file stands as a journal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    /// Lines of the file, good or not.
    pub lines: u64,
    /// Damage before the last good line.
    pub damaged: Vec<Damage>,
    pub torn: Option<Torn>,
    /// The last line is whole and lacks only its LF.
    pub lacks_newline: bool,
    /// The schema, when it is newer than this program.
    pub newer_schema: Option<String>,
    /// Offset of the end of the last good line, its LF included.
    pub good_end: u64,
}

impl Health {
    /// Nothing is wrong with the file.
    pub fn is_sound(&self) -> bool {
        self.damaged.is_empty() && self.torn.is_none() && self.newer_schema.is_none()
    }
}

/// Folds the lines of a file into `each`, in order; also what follows damage, so that what is whole can be read.
#[derive(Debug, Default)]
pub(super) struct Scan {
    health: Health,
    last_seq: u64,
    /// The line before was whole but not readable, so that a gap in `seq` is no news.
    unreadable: bool,
    /// Lines since the last good one, which are damage if another good one follows and a torn tail if not.
    bad: Vec<Torn>,
}

impl Scan {
    /// A scan that goes on after the line `last_seq`, which ended at byte `at` and was the file's line `lines`.
    pub fn after(last_seq: u64, at: u64, lines: u64) -> Scan {
        Scan { health: Health { good_end: at, lines, ..Health::default() }, last_seq, ..Scan::default() }
    }

    /// Reads `bytes`, which begin at a line's start at the scan's [`Health::good_end`].
    pub fn run(mut self, bytes: &[u8], mut each: impl FnMut(Event)) -> Health {
        let mut at = self.health.good_end;
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            self.health.lines += 1;
            let whole = piece.ends_with(b"\n");
            let text = piece.strip_suffix(b"\n").unwrap_or(piece);
            match line::decode(text) {
                Ok(event) => {
                    self.good(event, at + piece.len() as u64, &mut each);
                    self.health.lacks_newline = !whole;
                }
                Err(why @ BadLine::NotAnEvent(_)) => self.unreadable(at + piece.len() as u64, &why),
                Err(why) => self.bad(at, piece.len() as u64, &why),
            }
            at += piece.len() as u64;
        }
        self.finish(at)
    }

    fn good(&mut self, event: Event, end: u64, each: &mut impl FnMut(Event)) {
        let gap = self.settle(end) || std::mem::take(&mut self.unreadable);
        let expected = self.last_seq + 1;
        if event.seq < expected || (event.seq > expected && !gap) {
            let why = format!("its seq is {}, expected {expected}", event.seq);
            self.health.damaged.push(Damage { line: self.health.lines, why });
        }
        if event.seq < expected {
            return;
        }
        self.last_seq = event.seq;
        if let Payload::Open(open) = &event.payload
            && is_newer(&open.schema)
        {
            self.health.newer_schema = Some(open.schema.clone());
        }
        each(event);
    }

    /// A line with the right checksum was written so: it is never cut, wherever it stands.
    fn unreadable(&mut self, end: u64, why: &BadLine) {
        self.settle(end);
        self.health.damaged.push(Damage { line: self.health.lines, why: why.to_string() });
        self.unreadable = true;
    }

    /// A whole line ends at `end`: what was bad before it is damage. True when there was any.
    fn settle(&mut self, end: u64) -> bool {
        self.health.good_end = end;
        let any = !self.bad.is_empty();
        self.health.damaged.extend(self.bad.drain(..).map(|bad| Damage { line: bad.line, why: bad.why }));
        any
    }

    fn bad(&mut self, at: u64, bytes: u64, why: &BadLine) {
        let line = self.health.lines;
        self.bad.push(Torn { line, at, bytes, why: why.to_string() });
    }

    fn finish(mut self, end: u64) -> Health {
        self.health.torn = self.bad.into_iter().next().map(|torn| Torn { bytes: end - torn.at, ..torn });
        self.health
    }
}

fn is_newer(schema: &str) -> bool {
    let number = |schema: &str| schema.strip_prefix(SCHEMA_FAMILY).and_then(|n| n.parse::<u32>().ok());
    match (number(schema), number(super::SCHEMA)) {
        (Some(theirs), Some(ours)) => theirs > ours,
        _ => true,
    }
}
