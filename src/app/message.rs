//! What the workbench is told.

use std::path::PathBuf;
use std::time::Duration;

use super::batch::Runs;
use super::bench::Pane;
use super::command::Command;
use super::effect::{DeskId, Tick};
use super::input::Input;
use super::library::Listing;
use super::unsaved::Unsaved;
use crate::engine::desk::News;
use crate::engine::known::KnownServer;
use crate::reer::SegmentId;
use crate::reer::search::NodeId;
use crate::session::export::Format;

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum Message {
    Input(Input),
    /// Carry out a command, as from a click on a hint.
    Command(Command),
    /// The mouse on something that was drawn.
    Pointed(Target, Press),
    Desk(DeskId, News),
    Listed(Result<Box<Listing>, String>),
    /// The library is as it was.
    SameListing,
    /// What the library's runs say of themselves.
    Runs(Result<Runs, String>),
    /// The runs are as they were.
    SameRuns,
    /// The batch of this process ended: what became of it, or why it could not go on.
    SearchedAll(Result<String, String>),
    /// Rows that the filter leaves, best first.
    Filtered {
        wanted: String,
        rows: Vec<u32>,
    },
    /// The servers that were met, the last first.
    Servers(Vec<KnownServer>),
    Tick(Tick),
    /// How the text was copied, or why not.
    Copied(Result<String, String>),
    /// A text that was written; `None` when it is as it was.
    Written(Result<Option<String>, String>),
    /// The text was changed and would be lost.
    Unsaved,
    /// A text that was not saved when the program ended.
    Recalled(Box<Unsaved>),
    /// The file of keys was read again.
    Keys(Result<Box<super::keymap::Keymap>, String>),
    /// What a person wrote into the file of keys was not saved.
    KeysRefused {
        why: String,
        text: String,
    },
    Previewed {
        format: Format,
        row: Result<String, String>,
    },
    Exported(Result<String, String>),
    /// Nothing was exported: this folder holds an earlier export.
    WouldReplace(PathBuf),
    /// A session was moved to the trash: from where, to where.
    Removed(Result<(PathBuf, PathBuf), String>),
    /// A session was brought back from the trash, to where it was.
    Restored(Result<PathBuf, String>),
    /// A new session was written there.
    Begun(Result<PathBuf, String>),
    /// Something beside the person's work went wrong.
    Warned(String),
    /// The system asks the program to end.
    Terminate,
}

/// Something on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Pane(Pane),
    Segment(SegmentId),
    Candidate(NodeId),
    /// A moment of the chart, by index.
    Moment(usize),
    /// A row of the library or of a list, by its place there.
    Row(usize),
}

/// What the mouse did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Press {
    Click,
    DoubleClick,
    ScrollUp,
    ScrollDown,
}

/// A message with the moment it came: time since the program started.
#[derive(Debug, Clone)]
pub struct At {
    pub now: Duration,
    pub message: Message,
}
