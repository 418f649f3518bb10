//! What the desk tells whoever watches it.

use std::path::PathBuf;

use crate::engine::fleet::Waiting;
use crate::reer::search::ScoreOf;
use crate::reer::{Leak, Measures, SegmentId};
use crate::session::{Event, Health};

/// One piece of news. Folding the events of [`News::Opened`], [`News::Replaced`] and [`News::Events`] in order with
/// [`State::apply`](crate::session::State::apply) gives the session's state at every moment.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// The first news: what there is. Nothing has been written.
    Opened {
        /// Where the session is; `None` for a sample and for a new pair, until the first action.
        path: Option<PathBuf>,
        events: Vec<Event>,
        health: Health,
        /// Whether actions can be recorded now; else why not, with the remedy.
        writable: Result<(), String>,
    },
    /// Recorded events; a person's are on disk when this is sent. Also what another process wrote.
    Events(Vec<Event>),
    /// The session is another file than before, or was cut: these are all its events, in place of those so far.
    Replaced { path: PathBuf, events: Vec<Event> },
    /// A sample was copied into the library, or a new pair was written there, by the first action.
    Copied(PathBuf),
    /// Whether actions can be recorded changed.
    Writable(Result<(), String>),
    /// Text as it is generated.
    Streamed {
        purpose: Stream,
        /// The search step; 0 for drafts and for candidates outside a step.
        step: u32,
        /// The slot of the sample.
        sample: usize,
        piece: String,
    },
    /// What runs now; sent when it changes.
    Activity(Activity),
    /// What all of it waits for: a server that is away or at fault, and is tried again. `None` once anything goes on.
    Waiting(Option<Waiting>),
    /// A score that was asked for with [`Order::Measure`](super::Order::Measure); nothing was recorded.
    Measured {
        of: ScoreOf,
        measures: Measures,
        /// Present for versions.
        leak: Option<Leak>,
        /// Nats, one a token of y.
        logprobs: Vec<f32>,
    },
    /// Whether the pair fits the context of the scorer that settings name so.
    Fit {
        scorer: String,
        /// Why not, with the remedy.
        fits: Result<(), String>,
    },
    /// An order could not be carried out; nothing is lost and the desk goes on.
    Refused {
        /// What was asked for.
        what: Deed,
        /// One sentence, with the remedy.
        why: String,
    },
    /// The last news.
    Closed,
}

/// What the desk was asked to do, or does by itself. Shown in a word or two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// [`Order::Record`](super::Order::Record)
    Record,
    Undo,
    Redo,
    /// [`Order::Make`](super::Order::Make)
    Make,
    /// [`Order::Write`](super::Order::Write)
    Write,
    Search,
    Pause,
    /// A search that is to stop could not record its end.
    Stop,
    Propose,
    Measure,
    /// Scoring a person's version or candidates.
    Score,
    /// The end of the sitting could not be recorded.
    Close,
}

impl Deed {
    /// True for orders that record an action of the person, which one undo would take back.
    pub fn is_action(self) -> bool {
        matches!(self, Deed::Record | Deed::Make | Deed::Write)
    }
}

impl std::fmt::Display for Deed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Deed::Record => "record",
            Deed::Undo => "undo",
            Deed::Redo => "redo",
            Deed::Make => "change the trajectory",
            Deed::Write => "write a draft",
            Deed::Search => "search",
            Deed::Pause => "pause",
            Deed::Stop => "stop the search",
            Deed::Propose => "ask for candidates",
            Deed::Measure => "measure",
            Deed::Score => "score",
            Deed::Close => "close",
        })
    }
}

/// What a stream of text will become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Draft,
    /// A candidate of a search step.
    Candidate,
    /// A candidate that a person asked for outside a step.
    Aside,
}

/// What runs now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Activity {
    /// A search is running; it may be waiting for something else that runs.
    pub searching: bool,
    /// The search's work, else what a person asked for.
    pub work: Work,
    /// How many answers this work asked for, and how many of them have come.
    pub asked: usize,
    pub done: usize,
}

/// One kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Work {
    #[default]
    Idle,
    /// Back ends are being opened.
    Loading,
    Drafting,
    /// Rewrites of a segment; step 0 outside a step.
    Proposing {
        step: u32,
        segment: SegmentId,
    },
    /// The baseline or versions.
    Scoring,
    /// Versions without one segment.
    LeaveOneOut,
    /// Scores that a person asked for and that are not recorded.
    Measuring,
}
