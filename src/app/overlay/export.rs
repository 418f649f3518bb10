//! The export's preview: which shapes, which queue, where to, and what a row will look like.

use crate::app::effect::Previewed;
use crate::session::export::{Format, Queue};

/// The export screen.
#[derive(Debug, Clone)]
pub struct ExportView {
    /// The shape that is previewed.
    pub format: Format,
    pub queue: Queue,
    pub to: String,
    /// How many sessions are kept, and how many there are.
    pub kept: usize,
    pub all: usize,
    /// How many of those are flagged.
    pub flagged_kept: usize,
    pub flagged: usize,
    /// Samples are listed, which have no file until something is done with them.
    pub samples: bool,
    /// The row whose session is previewed.
    pub key: Option<String>,
    /// The session whose row is previewed, when one is at hand.
    pub session: Option<Previewed>,
    /// What that session is called, and whether it is kept.
    pub name: String,
    pub is_kept: bool,
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
}

impl ExportView {
    /// Turns to the next shape, or the one before.
    pub fn turn(&mut self, forward: bool) {
        let all = Format::ALL;
        let at = all.iter().position(|format| *format == self.format).unwrap_or(0);
        self.format = all[(at + if forward { 1 } else { all.len() - 1 }) % all.len()];
        (self.preview, self.top) = (None, 0);
    }

    /// Turns to the other queue.
    pub fn turn_queue(&mut self) {
        self.queue = match self.queue {
            Queue::Kept => Queue::All,
            Queue::All => Queue::Kept,
        };
    }

    /// Whether the row that is shown is one of those that are written.
    pub fn is_written(&self) -> bool {
        self.has_file && (self.is_kept || self.queue == Queue::All)
    }

    /// How many of the sessions that would go in are flagged.
    pub fn count_flagged(&self) -> usize {
        match self.queue {
            Queue::Kept => self.flagged_kept,
            Queue::All => self.flagged,
        }
    }

    /// How many sessions would go in, refusals aside.
    pub fn count(&self) -> usize {
        match self.queue {
            Queue::Kept => self.kept,
            Queue::All => self.all,
        }
    }
}
