//! The timeline: every moment at which the current version was drafted, decided on or chosen, in the order of events.

use super::candidate::taken_as;
use super::deed::deed;
use crate::reer::search::{NodeId, Why};
use crate::reer::{Measures, SegmentId};
use crate::session::{Author, Event, Override, Payload, State};

/// What happened at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// A draft has its score.
    Draft,
    /// The search decided; `taken` is false when the current version stayed.
    Step { step: u32, segment: SegmentId, taken: bool },
    /// A person made a version of their own.
    Edit(Why),
    /// A person took what the search did not.
    Override,
    /// A person refused what the search had taken: the version before is current again (`back`), or, where more was taken
    /// since, one that differs from what was current only by that.
    Refused { back: bool },
    /// A person began a branch.
    Forked,
    /// A person went to another version.
    Moved,
    /// A person's action was undone.
    Undone,
    /// What was undone was brought back.
    Redone,
}

/// One column of the chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// The event after which it was so.
    pub seq: u64,
    pub happened: Happened,
    /// The version that was current from then on.
    pub node: NodeId,
    /// Index of the moment this one builds on: where its version's parent, or the version itself, was current.
    pub parent: Option<usize>,
    pub by: Author,
    /// The branch that begins at it, or goes on.
    pub branch: Option<String>,
    /// As the event's `t`.
    pub t: String,
    /// Milliseconds since the moment before, time between runs left out.
    pub after_ms: u64,
}

/// The moments of a session, kept up with its events.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timeline {
    moments: Vec<Moment>,
    /// Milliseconds since the last moment.
    since: u64,
    /// How the last version that a person made came to be.
    made: Option<(NodeId, Why)>,
    /// Every name that a branch was given, or gone on with, in order.
    names: Vec<Named>,
}

/// A branch has a name from a moment on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    at: usize,
    /// The event that says so, which may be undone.
    seq: u64,
    name: String,
}

impl Timeline {
    /// Learns an event; `state` is the session after it.
    pub fn learn(&mut self, event: &Event, state: &State) {
        self.since += event.dt;
        if let Payload::Node(node) = &event.payload
            && event.by.is_person()
        {
            self.made = Some((node.id, node.why));
        }
        let happened = self.happened(event, state);
        if let Payload::Head(head) = &event.payload
            && let Some(name) = &head.branch
        {
            // A branch that begins where the person stands adds no moment to those that there are.
            let at = if happened.is_some() { self.moments.len() } else { self.moments.len().saturating_sub(1) };
            self.names.push(Named { at, seq: event.seq, name: name.clone() });
        }
        let Some((happened, node)) = happened else { return };
        let parent = self.parent(node, state);
        self.moments.push(Moment {
            seq: event.seq,
            happened,
            node,
            parent,
            by: event.by.clone(),
            branch: match &event.payload {
                Payload::Head(head) => head.branch.clone(),
                _ => None,
            },
            t: event.t.clone(),
            after_ms: std::mem::take(&mut self.since),
        });
    }

    fn happened(&self, event: &Event, state: &State) -> Option<(Happened, NodeId)> {
        let before = self.moments.last().map(|moment| moment.node);
        let head = state.head();
        if let Payload::Decide(decision) = &event.payload {
            let happened =
                Happened::Step { step: decision.step, segment: decision.segment, taken: decision.chosen.is_some() };
            return Some((happened, decision.frontier.first().copied().or(head).or(before)?));
        }
        let moved = head.filter(|head| Some(*head) != before)?;
        let happened = match &event.payload {
            Payload::Override(choice) if choice.refused.is_some() && self.came(moved).is_some() => {
                Happened::Refused { back: true }
            }
            Payload::Override(choice) => match self.made {
                Some((node, _)) if node == moved && choice.refused.is_some() => Happened::Refused { back: false },
                Some((node, why)) if node == moved && !is_choice(choice, state) => Happened::Edit(why),
                _ => Happened::Override,
            },
            Payload::Head(head) => {
                match head.branch.as_deref().map(|branch| state.annotations.forks().get(branch).copied()) {
                    Some(Some(begun)) if begun == moved => Happened::Forked,
                    _ => Happened::Moved,
                }
            }
            Payload::Undo(_) => Happened::Undone,
            Payload::Redo(_) => Happened::Redone,
            _ => Happened::Draft,
        };
        Some((happened, moved))
    }

    /// The last moment at which the version, or else the nearest of its ancestors, was current.
    fn parent(&self, node: NodeId, state: &State) -> Option<usize> {
        let tree = state.search.as_ref()?.tree();
        let at = |node: NodeId| self.moments.iter().rposition(|moment| moment.node == node);
        tree.lineage(node).into_iter().rev().find_map(at)
    }

    pub fn moments(&self) -> &[Moment] {
        &self.moments
    }

    pub fn get(&self, index: usize) -> Option<&Moment> {
        self.moments.get(index)
    }

    pub fn len(&self) -> usize {
        self.moments.len()
    }

    pub fn is_empty(&self) -> bool {
        self.moments.is_empty()
    }

    /// Indices of the moments that lead to `index`, itself last.
    pub fn line(&self, index: usize) -> Vec<usize> {
        let parent = |at: &usize| self.moments.get(*at)?.parent.filter(|parent| parent < at);
        let mut line: Vec<usize> = std::iter::successors(self.moments.get(index).map(|_| index), parent).collect();
        line.reverse();
        line
    }

    /// The name of the branch that the moment is on: the last one given on the way to it that stands in `state`.
    pub fn branch(&self, index: usize, state: &State) -> Option<&str> {
        let line = self.line(index);
        let holds = |named: &&Named| {
            let place = line.binary_search(&named.at).ok();
            // What went on from there before the name was given is another branch.
            let next = place.and_then(|place| line.get(place + 1)).and_then(|next| self.moments.get(*next));
            place.is_some() && next.is_none_or(|next| next.seq > named.seq) && !state.is_undone(named.seq)
        };
        self.names.iter().filter(holds).max_by_key(|named| (named.at, named.seq)).map(|named| named.name.as_str())
    }

    /// True when nothing goes on from the moment: it is where a branch ends.
    pub fn is_tip(&self, index: usize) -> bool {
        let Some(moment) = self.moments.get(index) else { return false };
        !self.moments[index + 1..].iter().any(|later| later.parent == Some(index) || later.node == moment.node)
    }

    /// True for an end of a branch that is there only because something was undone: whatever made its version current
    /// was taken back, or undo came by where another branch goes on.
    pub fn is_left_by_undo(&self, index: usize, state: &State) -> bool {
        let undone = |moment: &Moment| moment.is_of_undo(state);
        let stands = |node: NodeId| self.moments.iter().any(|moment| moment.node == node && !undone(moment));
        let Some(end) = self.moments.get(index).filter(|end| undone(end)) else { return false };
        let goes_on = |later: &Moment| {
            let from = later.parent.and_then(|parent| self.moments.get(parent));
            from.is_some_and(|from| from.node == end.node) && later.node != end.node && stands(later.node)
        };
        !stands(end.node) || self.moments.iter().any(goes_on)
    }

    /// Index of the moment that this one is told against: what it was made of. One that makes another version current, or
    /// goes back to one, was made of nothing, and is told against what was there just before.
    pub fn before(&self, index: usize) -> Option<usize> {
        let moment = self.moments.get(index)?;
        let made = match moment.happened {
            Happened::Draft | Happened::Step { .. } | Happened::Edit(_) => true,
            Happened::Refused { back } => !back,
            _ => false,
        };
        let of = moment.parent.filter(|parent| self.moments.get(*parent).is_some_and(|of| of.node != moment.node));
        match (made, moment.parent) {
            (true, None) => None,
            (true, Some(_)) if of.is_some() => of,
            _ => index.checked_sub(1),
        }
    }

    /// Whether the moment only moves among versions, or what it did was taken back.
    pub fn is_by_the_way(&self, index: usize, state: &State) -> bool {
        self.moments.get(index).is_none_or(|moment| {
            matches!(moment.happened, Happened::Forked | Happened::Moved) || moment.is_of_undo(state)
        })
    }

    /// Index of the moment with which the version came; it may stay current through many.
    pub fn came(&self, node: NodeId) -> Option<usize> {
        self.moments.iter().position(|moment| moment.node == node)
    }

    /// Index of the last moment of a step, if it was decided.
    pub fn of_step(&self, wanted: u32) -> Option<usize> {
        let of = |moment: &Moment| matches!(moment.happened, Happened::Step { step, .. } if step == wanted);
        self.moments.iter().position(of)
    }
}

/// Whether a person took a candidate by the version that this made current.
fn is_choice(choice: &Override, state: &State) -> bool {
    state.search.as_ref().and_then(|search| taken_as(search, choice.node)).is_some()
}

impl Moment {
    /// The step that was decided at it.
    pub fn step(&self) -> Option<u32> {
        match self.happened {
            Happened::Step { step, .. } => Some(step),
            _ => None,
        }
    }

    /// What it is called by this person: `draft`, `step 7`, `your edit`, `mara's split`.
    pub fn name(&self, me: &Author) -> String {
        let whose = if self.by == *me { "your".to_owned() } else { format!("{}'s", self.by.name()) };
        match self.happened {
            Happened::Draft => "draft".to_owned(),
            Happened::Step { step, .. } => format!("step {step}"),
            Happened::Edit(why) => format!("{whose} {}", deed(why)),
            Happened::Override => format!("{whose} choice"),
            Happened::Refused { .. } => format!("{whose} refusal"),
            Happened::Forked => format!("beginning of {}", self.branch.as_deref().unwrap_or("a branch")),
            Happened::Moved => match &self.branch {
                Some(branch) => format!("back on {branch}"),
                None => format!("back to v{}", self.node.0),
            },
            Happened::Undone => format!("back to v{} by undo", self.node.0),
            Happened::Redone => format!("v{} brought back", self.node.0),
        }
    }

    /// True where something was undone or brought back, and for a person's act that was undone since.
    fn is_of_undo(&self, state: &State) -> bool {
        matches!(self.happened, Happened::Undone | Happened::Redone) || self.is_hand_made() && state.is_undone(self.seq)
    }

    /// True for what a person did.
    pub fn is_hand_made(&self) -> bool {
        !matches!(self.happened, Happened::Draft | Happened::Step { .. })
    }
}

/// What the chart shows of a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Shown {
    /// Perplexity a token.
    #[default]
    Perplexity,
    /// Nats per token.
    Nll,
    /// Bits per character of y.
    BitsPerChar,
    /// The official clipped score, nats per token.
    Clipped,
}

impl Shown {
    pub const ALL: [Shown; 4] = [Shown::Perplexity, Shown::Nll, Shown::BitsPerChar, Shown::Clipped];

    /// Short name, for titles and axes.
    pub fn name(self) -> &'static str {
        match self {
            Shown::Perplexity => "ppl",
            Shown::Nll => "nll",
            Shown::BitsPerChar => "bits/char",
            Shown::Clipped => "reer-clipped",
        }
    }

    /// Its name as a chart's title.
    pub fn title(self) -> &'static str {
        match self {
            Shown::Perplexity => "Perplexity",
            Shown::Nll => "Nll, nats per token",
            Shown::BitsPerChar => "Bits per character",
            Shown::Clipped => "Clipped score (official), nats per token",
        }
    }

    /// Its value in a score; absent where the clipped score cannot be had.
    pub fn of(self, measures: &Measures) -> Option<f64> {
        match self {
            Shown::Perplexity => Some(measures.ppl.0),
            Shown::Nll => Some(measures.nll.0),
            Shown::BitsPerChar => Some(measures.bits_per_char.0),
            Shown::Clipped => measures.clipped.map(|clipped| clipped.nll.0),
        }
    }

    /// One decimal for perplexity, three for the rest.
    pub fn write(self, value: f64) -> String {
        match self {
            Shown::Perplexity => format!("{value:.1}"),
            _ => format!("{value:.3}"),
        }
    }

    pub fn next(self) -> Shown {
        let at = Shown::ALL.iter().position(|shown| *shown == self).unwrap_or(0);
        Shown::ALL[(at + 1) % Shown::ALL.len()]
    }
}
