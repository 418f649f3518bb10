//! The export's preview: which shapes, which queue, where to, and what a row will look like.

use crate::app::effect::Previewed;
use crate::session::Summary;
use crate::session::export::{Format, Queue};

/// The export screen.
#[derive(Debug, Clone)]
pub struct ExportView {
    /// The shape that is previewed.
    pub format: Format,
    /// Every shape is written, each into a folder of its own.
    pub every: bool,
    pub queue: Queue,
    pub to: String,
    /// What each of [`Queue::ALL`] takes.
    pub taken: [Taken; Queue::ALL.len()],
    /// Samples are listed, which have no file until something is done with them.
    pub samples: bool,
    /// The row whose session is previewed.
    pub key: Option<String>,
    /// The session whose row is previewed, when one is at hand.
    pub session: Option<Previewed>,
    /// That session in the library.
    pub shown: Option<Summary>,
    /// It has a file, which a sample that nobody touched has not.
    pub has_file: bool,
    /// The version of it that goes out, with its score, when one does.
    pub version: Option<String>,
    /// The row, or why this session has none; absent until it was made.
    pub preview: Option<Result<String, String>>,
    /// First row of the preview in view.
    pub top: usize,
    /// What the last export said.
    pub done: Option<Result<String, String>>,
    /// The folder holds an earlier export, as it said; the next one replaces that.
    pub replaces: bool,
}

/// How many sessions a queue takes, refusals aside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    pub sessions: usize,
    /// Of these, with a flag.
    pub flagged: usize,
    /// Of these, changed since they were judged.
    pub changed: usize,
}

impl ExportView {
    /// Turns to the next shape, or the one before; behind the last one stand all of them.
    pub fn turn(&mut self, forward: bool) {
        let (all, places) = (Format::ALL, Format::ALL.len() + 1);
        let at = if self.every { all.len() } else { self.format as usize };
        let to = (at + if forward { 1 } else { places - 1 }) % places;
        self.every = to == all.len();
        self.format = all[if self.every { 0 } else { to }];
        (self.preview, self.top) = (None, 0);
        self.forget_last();
    }

    /// The shapes that are written.
    pub fn formats(&self) -> Vec<Format> {
        if self.every { Format::ALL.to_vec() } else { vec![self.format] }
    }

    /// Turns to the next queue.
    pub fn turn_queue(&mut self) {
        self.queue = Queue::ALL[(self.queue as usize + 1) % Queue::ALL.len()];
        self.forget_last();
    }

    /// Something else is to be exported than what was last.
    pub fn forget_last(&mut self) {
        (self.done, self.replaces) = (None, false);
    }

    /// Whether the row that is shown is one of those that are written.
    pub fn is_written(&self) -> bool {
        self.has_file && self.shown.as_ref().is_some_and(|session| self.queue.takes(session))
    }

    /// What this queue takes.
    pub fn taken(&self, queue: Queue) -> Taken {
        self.taken[queue as usize]
    }
}
