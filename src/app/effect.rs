//! What the workbench wants done outside itself: plain values, carried out by one executor, answered by messages.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::bench::Pane;
use super::library::Source;
use super::memory::Memory;
use super::text_edit::TextEdit;
use super::unsaved::About;
use crate::engine::Setup;
use crate::engine::desk::{Order, Origin};
use crate::session::export::{Format, Queue};
use crate::session::runs::Wish;
use crate::session::{ExampleRecord, State};

/// Names one open desk; never reused in a run of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeskId(pub u32);

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// End the program; everything is saved.
    Quit,
    Suspend,
    /// Draw everything anew, whatever the terminal holds.
    Redraw,
    /// Open a session; news of it come as [`Message::Desk`](super::Message::Desk).
    OpenDesk(DeskId, Origin),
    Order(DeskId, Box<Order>),
    CloseDesk(DeskId),
    /// Write a new session of this pair: answer with [`Message::Begun`](super::Message::Begun). Where the pair has one, that
    /// is the answer, but for a pair that shall be searched `anew`.
    Begin {
        example: Box<ExampleRecord>,
        anew: bool,
    },
    /// Move a session's file to the library's trash: answer with [`Message::Removed`](super::Message::Removed).
    Remove(PathBuf),
    /// Bring one back from there: answer with [`Message::Restored`](super::Message::Restored).
    Restore {
        from: PathBuf,
        to: PathBuf,
    },
    /// List the library, or list it again.
    List,
    /// List another place from now on.
    Visit(PathBuf),
    /// Read what the library's runs say of themselves: answer with [`Message::Runs`](super::Message::Runs).
    Runs,
    /// Leave a request to a run of the library in this folder.
    Ask {
        root: PathBuf,
        run: String,
        wish: Wish,
    },
    /// Search every pair of a file: answer with [`Message::SearchedAll`](super::Message::SearchedAll) when that ended.
    SearchAll {
        input: PathBuf,
        setup: Box<Setup>,
    },
    /// Find the rows that a filter leaves, best first.
    Filter {
        wanted: String,
        rows: Arc<Vec<(String, String)>>,
    },
    /// Say which servers are known: answer with [`Message::Servers`](super::Message::Servers).
    Servers,
    /// Call back with [`Message::Tick`](super::Message::Tick).
    Tick(Tick, Duration),
    /// Put text on the clipboard.
    Copy(String),
    /// Keep this for the next run.
    Remember(Box<Memory>),
    /// Scroll a pane.
    Scroll(Pane, Scroll),
    /// Begin to write a text in the editor on the screen.
    Write(String),
    /// Change the text in the editor.
    EditText(TextEdit),
    /// The text is done: answer with [`Message::Written`](super::Message::Written).
    FinishText,
    /// Close the editor when its text is as it was; answer with [`Message::Unsaved`](super::Message::Unsaved) when not.
    CancelText,
    /// Close the editor whatever it holds; a text that was kept of it is forgotten.
    DiscardText,
    /// Keep what the editor holds, should the program end before it is saved.
    KeepText(About),
    /// Look for a text that was kept of the session of this key, or, without one, of a new session: answer with
    /// [`Message::Recalled`](super::Message::Recalled) when there is one.
    RecallText(String),
    /// Go on writing in $EDITOR with what the editor on the screen holds.
    WriteOutside,
    /// Open the file of keys in $EDITOR, or a text for it that was refused, and read it again: answer with
    /// [`Message::Keys`](super::Message::Keys), or with [`Message::KeysRefused`](super::Message::KeysRefused).
    EditKeys(Option<String>),
    /// What a row of this session would be in an export.
    Preview {
        of: Previewed,
        format: Format,
    },
    Export {
        formats: Vec<Format>,
        queue: Queue,
        /// Over an earlier export in the folder.
        force: bool,
        to: PathBuf,
    },
    /// Switch the mouse on or off.
    Mouse(bool),
}

/// A session whose row is wanted.
#[derive(Debug, Clone, PartialEq)]
pub enum Previewed {
    /// One that is open.
    Open(Box<State>),
    /// One of the library.
    Listed(Source),
}

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tick {
    /// The next moment of a session that plays.
    Play,
    /// The clock in the status line, while something runs.
    Clock,
    /// A notice has been read.
    Notice,
    /// Look at the library again.
    Library,
    /// Look at the runs again.
    Runs,
    /// Which-key: the keys that may follow are shown.
    Prefix,
    /// A text that is being written is kept.
    Text,
}

/// A move inside a pane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scroll {
    /// Rows; negative is up.
    Rows(i32),
    /// Pages; negative is up.
    Pages(i32),
    Top,
    Bottom,
    /// So that this byte of the pane's text can be seen; in the trajectory, of the selected segment.
    To(usize),
}
