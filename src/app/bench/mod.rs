//! One session on the bench: what is known of it, where the cursor is, what is selected, what runs.
//!
//! Everything shown is a function of the session's state and of the few choices here.

mod candidate;
mod deed;
mod edit;
mod find;
mod measures;
mod moment;
mod news;
mod segments;
mod stream;
mod tint;
mod travel;
mod verdict;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use candidate::Seen;
pub use candidate::{ByHand, Candidate, Fate, letter};
pub use deed::{choice, did, inside};
pub use edit::Writing;
pub use find::{Find, Match};
pub use measures::{Measure, Tone};
pub use moment::{Happened, Moment, Shown, Timeline};
pub use segments::SegmentRow;
pub use stream::Streams;
pub use tint::{Compared, Tint};
pub use travel::{LONGEST, Play, SPEEDS};
pub use verdict::{FLAG, flag, renamed, verdict};
pub use words::{ordinal, reason_in_words, refusal_in_words, signed, stop_in_words, waiting_in_words};

use super::effect::DeskId;
use crate::engine::desk::{Activity, Waiting, Work};
use crate::reer::SegmentId;
use crate::reer::search::{NodeId, ScoreOf, Search};
use crate::session::{Author, Role, Spent, State};

/// A pane of the bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pane {
    Query,
    Reference,
    Trajectory,
    Chart,
}

impl Pane {
    pub const ALL: [Pane; 4] = [Pane::Query, Pane::Reference, Pane::Trajectory, Pane::Chart];

    /// The pane after this one, or before it.
    pub fn turned(self, forward: bool) -> Pane {
        let at = Pane::ALL.iter().position(|pane| *pane == self).unwrap_or(0);
        Pane::ALL[(at + if forward { 1 } else { Pane::ALL.len() - 1 }) % Pane::ALL.len()]
    }
}

/// A session that is open.
#[derive(Debug, Clone)]
pub struct Bench {
    pub desk: DeskId,
    /// Its name in the library: see [`Source::key`](super::library::Source::key).
    pub key: String,
    /// Who is at it.
    pub me: Author,
    /// The file was not read yet.
    pub loading: bool,
    pub state: State,
    /// Why actions cannot be recorded.
    pub read_only: Option<String>,
    /// Which of query (or held version) and reference is seen where they share a place and neither has the focus.
    pub aside: Pane,
    pub timeline: Timeline,
    /// Index of the moment that is shown; the end of the timeline when it is followed.
    cursor: usize,
    /// The cursor goes along with the search.
    pub follow: bool,
    segment: Option<SegmentId>,
    /// The person selected something: the search no longer moves the selection.
    pub steady: bool,
    /// Which candidate of the segment is selected; none by the person: the one that matters most.
    candidate: Option<usize>,
    pub focus: Pane,
    pub zoom: bool,
    /// All segments are shown whole.
    pub unfolded: bool,
    pub tint: Tint,
    /// Copied runs are marked.
    pub leaks: bool,
    /// Index of the moment that is held for comparison.
    pub held: Option<usize>,
    /// Log-probabilities that were computed and not recorded.
    measured: BTreeMap<ScoreOf, Vec<f64>>,
    /// Scores that were asked for.
    asked: BTreeSet<ScoreOf>,
    /// Candidates that a person asked for and that was not told of yet.
    proposed: Vec<NodeId>,
    /// Why the pair does not fit a scorer, by that scorer's name in settings.
    misfits: BTreeMap<String, String>,
    pub streams: Streams,
    pub activity: Activity,
    /// The server that all of it waits for.
    pub waiting: Option<Waiting>,
    /// When the search began to run, by the program's clock.
    pub since: Option<Duration>,
    /// What calls had cost by then.
    spent_before: BTreeMap<Role, Spent>,
    pub find: Option<Find>,
    pub play: Option<Play>,
    /// Gains, or losses, are gone through by size, and the one under the cursor was the last of them.
    ranked: Option<bool>,
    /// A place to go to once the session is read.
    pub(super) returning: Option<super::memory::Place>,
}

impl Bench {
    pub fn new(desk: DeskId, key: String, me: Author) -> Bench {
        Bench {
            desk,
            key,
            me,
            loading: true,
            state: State::default(),
            read_only: None,
            timeline: Timeline::default(),
            cursor: 0,
            follow: true,
            segment: None,
            steady: false,
            candidate: None,
            focus: Pane::Trajectory,
            zoom: false,
            unfolded: false,
            tint: Tint::Off,
            leaks: true,
            held: None,
            aside: Pane::Reference,
            measured: BTreeMap::new(),
            asked: BTreeSet::new(),
            proposed: Vec::new(),
            misfits: BTreeMap::new(),
            streams: Streams::default(),
            activity: Activity::default(),
            waiting: None,
            since: None,
            spent_before: BTreeMap::new(),
            find: None,
            play: None,
            ranked: None,
            returning: None,
        }
    }

    pub fn search(&self) -> Option<&Search> {
        self.state.search.as_ref()
    }

    /// Index of the moment under the cursor.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// The moment under the cursor.
    pub fn moment(&self) -> Option<&Moment> {
        self.timeline.get(self.cursor)
    }

    /// The version under the cursor.
    pub fn node(&self) -> Option<NodeId> {
        self.moment().map(|moment| moment.node)
    }

    /// The named branch that the moment under the cursor is on.
    pub fn branch(&self) -> Option<&str> {
        self.timeline.branch(self.cursor, &self.state)
    }

    /// The version that others are compared with: the held one, else the one marked last; and which of the two it is.
    pub fn compared_with(&self) -> Option<(&'static str, NodeId)> {
        let held = self.held.and_then(|index| self.timeline.get(index)).map(|moment| ("held", moment.node));
        held.or_else(|| {
            let marks = self.state.annotations.marks();
            let mut nodes = self.timeline.moments().iter().rev().map(|moment| moment.node);
            nodes.find(|node| marks.contains_key(node)).map(|node| ("marked", node))
        })
    }

    /// Why nothing can be recorded here, as a sentence; none where something can.
    pub fn unwritable(&self) -> Option<String> {
        let why = self.read_only.as_ref()?;
        Some(if why.contains("read-only") { why.clone() } else { format!("read-only: {why}") })
    }

    /// The segments of the version under the cursor.
    pub fn segments(&self) -> Vec<SegmentRow> {
        let Some((search, node)) = self.search().zip(self.node()) else { return Vec::new() };
        // What was refused for what had been current before was no choice of that.
        let went_back = |seq| {
            self.timeline.moments().iter().any(|m| m.seq == seq && m.happened == Happened::Refused { back: true })
        };
        let chosen = self.state.annotations.overrides().filter(|choice| !went_back(choice.seq));
        let chosen = chosen.map(|choice| choice.value.node).collect();
        segments::segments(search, node, &chosen)
    }

    /// The selected segment, when the version under the cursor has it; else the first.
    pub fn segment(&self) -> Option<SegmentId> {
        let z = self.search()?.tree().trajectory(self.node()?)?;
        let selected = self.segment.filter(|id| z.position(*id).is_some());
        selected.or_else(|| z.segments.first().map(|segment| segment.id))
    }

    /// Why the pair does not fit the scorer that settings name so, as far as that is known.
    pub fn misfit(&self, scorer: &str) -> Option<&str> {
        self.misfits.get(scorer).map(String::as_str)
    }

    /// The candidates of the selected segment at the cursor.
    pub fn candidates(&self) -> Vec<Candidate> {
        let (Some(node), Some(segment)) = (self.node(), self.segment()) else { return Vec::new() };
        let mut all = candidate::candidates(&self.state, node, segment, self.seen());
        if !self.is_busy() {
            let waiting = all.iter_mut().filter(|candidate| candidate.fate == Fate::Scoring);
            waiting.for_each(|candidate| candidate.fate = Fate::Unscored);
        }
        all
    }

    /// Which of these candidates is selected: the one that the person selected, else the one whose text stands in the
    /// segment, else the one that was taken, else the lowest that was not refused by hand.
    pub fn candidate_index(&self, all: &[Candidate]) -> usize {
        if let Some(index) = self.candidate {
            return index.min(all.len().saturating_sub(1));
        }
        let stands = self.node().zip(self.segment()).and_then(|(node, segment)| {
            let z = self.search()?.tree().trajectory(node)?;
            Some(z.segments[z.position(segment)?].text.as_str())
        });
        let rank = |candidate: &Candidate| match (candidate.by_hand, candidate.fate) {
            _ if Some(candidate.new.as_str()) == stands => 0,
            (Some(ByHand::Taken), _) => 1,
            (Some(ByHand::Refused), _) => 4,
            (_, Fate::Chosen) => 2,
            _ => 3,
        };
        let delta = |candidate: &Candidate| candidate.delta.unwrap_or(f64::INFINITY);
        let by = |a: &Candidate, b: &Candidate| rank(a).cmp(&rank(b)).then(delta(a).total_cmp(&delta(b)));
        all.iter().enumerate().min_by(|(_, a), (_, b)| by(a, b)).map_or(0, |(index, _)| index)
    }

    /// The selected candidate.
    pub fn candidate(&self) -> Option<Candidate> {
        let mut all = self.candidates();
        let index = self.candidate_index(&all);
        (!all.is_empty()).then(|| all.swap_remove(index))
    }

    /// The candidate that the person selected, where candidates are what the keys act on.
    pub fn picked(&self) -> Option<Candidate> {
        self.candidate.filter(|_| matches!(self.focus, Pane::Trajectory | Pane::Chart))?;
        self.candidate()
    }

    /// What of the session is seen at the cursor; at the end of the timeline, all of it.
    fn seen(&self) -> Seen {
        if self.is_at_end() {
            return Seen { step: None, seq: u64::MAX };
        }
        let steps = self.timeline.moments().iter().take(self.cursor + 1).filter_map(Moment::step);
        // What follows a moment at once, such as a refusal that changes nothing, still belongs to it.
        let next = self.timeline.get(self.cursor + 1).map_or(u64::MAX, |next| next.seq - 1);
        Seen { step: Some(steps.max().unwrap_or(0)), seq: next }
    }

    /// True when the cursor is at the last moment.
    pub fn is_at_end(&self) -> bool {
        self.cursor + 1 >= self.timeline.len()
    }

    /// A search runs, or something a person did is still being scored.
    pub fn is_busy(&self) -> bool {
        self.is_searching() || !matches!(self.activity.work, Work::Idle | Work::Measuring)
    }

    pub fn is_searching(&self) -> bool {
        self.activity.searching
    }

    /// Tokens a second of the role that works now, as far as its calls of this run were answered: written by a generator,
    /// read by a scorer.
    pub fn speed(&self) -> Option<u64> {
        let role = match self.activity.work {
            Work::Idle | Work::Loading => return None,
            Work::Drafting | Work::Proposing { .. } => Role::Generate,
            Work::Scoring | Work::LeaveOneOut | Work::Measuring => Role::Score,
        };
        let now = self.state.ledger.by_role().get(&role).copied()?;
        let before = self.spent_before.get(&role).copied().unwrap_or_default();
        let tokens = |spent: Spent| if role == Role::Generate { spent.tokens_out } else { spent.tokens_in };
        let (tokens, ms) = (tokens(now).saturating_sub(tokens(before)), now.ms.saturating_sub(before.ms));
        tokens.saturating_mul(1000).checked_div(ms).filter(|rate| *rate > 0)
    }

    /// The reference as it is scored and shown.
    pub fn reference(&self) -> &str {
        let reference = self.state.example.as_ref().map_or("", |example| &example.reference);
        reference.trim_start_matches(['\n', '\r']).trim_end()
    }

    pub fn query(&self) -> &str {
        self.state.example.as_ref().map_or("", |example| &example.query)
    }
}
