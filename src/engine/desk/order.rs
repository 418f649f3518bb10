//! What a person can ask of the desk.

use crate::engine::Setup;
use crate::reer::SegmentId;
use crate::reer::search::{NodeId, ScoreOf, Why};
use crate::session::Payload;

/// One thing a person asks for. What cannot be carried out is answered with [`News::Refused`](super::News::Refused).
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// Records one action of the person: all of its events in one group, so that one undo takes them back.
    Record(Vec<Payload>),
    /// Takes the person's last action back.
    Undo,
    /// Brings the last undone action back.
    Redo,
    /// A new version by the person's hand, made current, then scored in the background.
    Make {
        parent: NodeId,
        /// [`Why::Edit`], [`Why::Split`], [`Why::Merge`], [`Why::Move`], [`Why::Insert`] or [`Why::Delete`].
        why: Why,
        /// The segment that was touched; `None` for one that is new.
        segment: Option<SegmentId>,
        /// The whole trajectory in order; a segment without an id is new and gets one.
        segments: Vec<(Option<SegmentId>, String)>,
        /// The step whose decision this goes against, where it does.
        step: Option<u32>,
        /// The candidate that is refused by it, where one is.
        refused: Option<NodeId>,
    },
    /// The person's own draft, split into segments by the usual rule and scored together with the baseline.
    Write { text: String },
    /// Says whether the pair fits the scorer of these settings, with [`News::Fit`](super::News::Fit); records nothing.
    Fit(Setup),
    /// Starts the search, or goes on with it from the current version; see [`Setup::going_on`].
    Search(Setup),
    /// Stops the search at once, so that it can go on.
    Pause,
    /// Asks the generator for more candidates outside any step, and scores them.
    Propose {
        node: NodeId,
        segment: SegmentId,
        /// What the person wants of them, in their own words.
        instruction: Option<String>,
        /// Who writes them: a SPEC.
        generator: String,
        count: u32,
    },
    /// Computes scores without recording them; each comes as [`News::Measured`](super::News::Measured).
    Measure(Vec<ScoreOf>),
}
