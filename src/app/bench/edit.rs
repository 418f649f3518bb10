//! A person's own versions: taking and refusing candidates, editing, splitting, merging, moving, inserting, deleting.
//! Each becomes an order for the desk; nothing is ever overwritten.

use serde::{Deserialize, Serialize};

use super::candidate::has_text_of;
use super::{Bench, ByHand, Candidate, Fate, Happened, Moment};
use crate::engine::desk::Order;
use crate::reer::search::{NodeId, Why};
use crate::reer::{SegmentId, Trajectory};
use crate::session::{Override, Payload};

/// What the text in the editor will become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Writing {
    /// The segment of this version, edited.
    Segment { node: NodeId, segment: SegmentId },
    /// The segment of this version, with the text of a candidate for it, edited.
    Candidate { node: NodeId, segment: SegmentId, candidate: NodeId },
    /// The segment, each paragraph a segment of its own.
    Split { node: NodeId, segment: SegmentId },
    /// A new segment after this one.
    Insert { node: NodeId, after: SegmentId },
    /// A first draft of the person's own.
    Draft,
    /// A note on the example.
    Note,
}

/// The segments of a version as an order gives them.
type Segments = Vec<(Option<SegmentId>, String)>;

impl Bench {
    fn trajectory(&self, node: NodeId) -> Option<&Trajectory> {
        self.search()?.tree().trajectory(node)
    }

    fn listed(&self, node: NodeId) -> Segments {
        let segments = self.trajectory(node).map(|z| z.segments.as_slice()).unwrap_or_default();
        segments.iter().map(|segment| (Some(segment.id), segment.text.clone())).collect()
    }

    fn make(&self, why: Why, segment: Option<SegmentId>, segments: Segments) -> Option<Order> {
        Some(Order::Make { parent: self.node()?, why, segment, segments, step: None, refused: None })
    }

    /// Takes a candidate: makes its version current where that is the version under the cursor with this segment
    /// changed; else makes such a version.
    ///
    /// # Errors
    /// Why it cannot be taken.
    pub fn take(&self, candidate: &Candidate) -> Result<Order, String> {
        candidate.usable("take")?;
        let node = self.node().ok_or("there is no version yet")?;
        if self.is_beside(candidate, node) {
            let choice = Override { node: candidate.node, step: candidate.step, refused: None };
            return Ok(Order::Record(vec![Payload::Override(choice)]));
        }
        let segment = self.segment().ok_or("no segment is selected")?;
        self.with_text((node, segment), (candidate.step, None), &candidate.new)
    }

    /// Refuses a candidate: where it stands in the version under the cursor, goes back to the text before; else only
    /// records it.
    ///
    /// # Errors
    /// Why it cannot be refused.
    pub fn refuse(&self, candidate: &Candidate) -> Result<Order, String> {
        let node = self.node().ok_or("there is no version yet")?;
        let head = self.state.head().ok_or("there is no version yet")?;
        let stands = self.trajectory(node).and_then(|z| Some(z.segments[z.position(self.segment()?)?].text.clone()))
            == Some(candidate.new.clone());
        if let Some(before) = self.before_taking(candidate, node) {
            let choice = Override { node: before, step: candidate.step, refused: Some(candidate.node) };
            return Ok(Order::Record(vec![Payload::Override(choice)]));
        }
        if candidate.node == node {
            let choice = Override { node: candidate.parent, step: candidate.step, refused: Some(candidate.node) };
            return Ok(Order::Record(vec![Payload::Override(choice)]));
        }
        let chosen = candidate.fate == Fate::Chosen || candidate.by_hand == Some(ByHand::Taken);
        if stands && chosen {
            let segment = self.segment().ok_or("no segment is selected")?;
            let before = self.text_before(candidate, (node, segment)).unwrap_or(&candidate.old);
            return self.with_text((node, segment), (candidate.step, Some(candidate.node)), before);
        }
        let choice = Override { node: head, step: candidate.step, refused: Some(candidate.node) };
        Ok(Order::Record(vec![Payload::Override(choice)]))
    }

    /// Where the person stood when they took the candidate by making `made` current.
    fn before_taking(&self, candidate: &Candidate, made: NodeId) -> Option<NodeId> {
        if candidate.by_hand != Some(ByHand::Taken) {
            return None;
        }
        if self.is_taken_by(candidate, made) {
            return self.search()?.tree().get(made)?.node.parent;
        }
        let moments = self.timeline.moments();
        let took = |moment: &Moment| moment.node == made && moment.happened == Happened::Override;
        let at = moments.iter().rposition(took).filter(|_| candidate.node == made)?;
        moments.get(at.checked_sub(1)?).map(|moment| moment.node)
    }

    /// The text that a candidate took the place of when a person took it, wherever on the way to `node` that was.
    fn text_before(&self, candidate: &Candidate, (node, segment): (NodeId, SegmentId)) -> Option<&str> {
        let tree = self.search()?.tree();
        let before = tree.lineage(node).into_iter().rev().find_map(|made| self.before_taking(candidate, made))?;
        let z = tree.trajectory(before)?;
        Some(&z.segments[z.position(segment)?].text)
    }

    /// Whether a person made this version by taking the candidate.
    fn is_taken_by(&self, candidate: &Candidate, made: NodeId) -> bool {
        let known =
            self.search().and_then(|search| Some((search.tree().get(candidate.node)?, search.tree().get(made)?)));
        known.is_some_and(|(candidate, made)| has_text_of(made, candidate))
    }

    /// True when the candidate's version differs from `node` in nothing but the candidate's segment.
    fn is_beside(&self, candidate: &Candidate, node: NodeId) -> bool {
        let parent = |node: NodeId| self.search()?.tree().get(node)?.node.parent;
        let same_segment = |node: NodeId| {
            let touched = self.search().and_then(|search| search.tree().get(node)?.node.segment);
            touched == self.segment()
        };
        candidate.node == node
            || candidate.parent == node
            || (parent(node) == Some(candidate.parent) && same_segment(node))
    }

    /// A version by hand in which a segment of `node` has this text; `step` is the one whose decision it goes against,
    /// `refused` the candidate that it puts aside.
    fn with_text(
        &self,
        (node, segment): (NodeId, SegmentId),
        (step, refused): (Option<u32>, Option<NodeId>),
        text: &str,
    ) -> Result<Order, String> {
        let mut segments = self.listed(node);
        let place = segments.iter_mut().find(|(id, _)| *id == Some(segment));
        let place = place.ok_or("this version no longer has the segment")?;
        if place.1 == text {
            return Err("this text stands there already".to_owned());
        }
        text.clone_into(&mut place.1);
        Ok(Order::Make { parent: node, why: Why::Edit, segment: Some(segment), segments, step, refused })
    }

    /// What a candidate's text, changed by the person, asks for; `None` when it was not changed.
    fn rewritten(
        &self,
        node: NodeId,
        segment: SegmentId,
        candidate: NodeId,
        text: &str,
    ) -> Result<Option<Order>, String> {
        let known = self.search().and_then(|search| search.tree().get(candidate));
        let candidate = &known.ok_or("there is no such candidate")?.node;
        if text.is_empty() {
            return Err("a candidate cannot be empty; write something, or leave it as it was".to_owned());
        }
        if candidate.text.as_deref().is_some_and(|old| old.trim() == text) {
            return Ok(None);
        }
        self.with_text((node, segment), (candidate.step, None), text).map(Some)
    }

    /// Whether there is still what the text would be of.
    pub fn can_write(&self, writing: Writing) -> bool {
        match writing {
            Writing::Segment { node, segment }
            | Writing::Candidate { node, segment, .. }
            | Writing::Split { node, segment }
            | Writing::Insert { node, after: segment } => {
                self.trajectory(node).is_some_and(|z| z.position(segment).is_some())
            }
            Writing::Draft | Writing::Note => true,
        }
    }

    /// What the text written in the editor asks for; `None` when it changes nothing.
    ///
    /// # Errors
    /// Why the text cannot be used.
    pub fn written(&self, writing: Writing, text: &str) -> Result<Option<Order>, String> {
        let text = text.trim();
        if writing == Writing::Note {
            let note = crate::session::Note { text: text.to_owned(), node: None, name: false };
            return Ok(Some(Order::Record(vec![Payload::Note(note)])));
        }
        Trajectory::admit(text).map_err(|error| error.to_string())?;
        let (node, segment) = match writing {
            Writing::Draft if text.is_empty() => return Ok(None),
            Writing::Draft => return Ok(Some(Order::Write { text: text.to_owned() })),
            Writing::Candidate { node, segment, candidate } => return self.rewritten(node, segment, candidate, text),
            Writing::Segment { node, segment } | Writing::Split { node, segment } => (node, segment),
            Writing::Insert { node, after } => (node, after),
            Writing::Note => return Ok(None),
        };
        let mut segments = self.listed(node);
        let at = segments.iter().position(|(id, _)| *id == Some(segment));
        let at = at.ok_or("this version no longer has the segment")?;
        let (why, touched) = match writing {
            Writing::Insert { .. } if text.is_empty() => return Ok(None),
            Writing::Insert { .. } => {
                segments.insert(at + 1, (None, text.to_owned()));
                (Why::Insert, None)
            }
            _ if text.is_empty() && segments.len() == 1 => return Err("the last segment cannot be empty".to_owned()),
            _ if text.is_empty() => {
                segments.remove(at);
                (Why::Delete, Some(segment))
            }
            Writing::Split { .. } => {
                let pieces = text.split("\n\n").map(str::trim).filter(|piece| !piece.is_empty());
                let pieces = pieces.enumerate().map(|(n, piece)| ((n == 0).then_some(segment), piece.to_owned()));
                let pieces: Segments = pieces.collect();
                let why = if pieces.len() > 1 { Why::Split } else { Why::Edit };
                segments.splice(at..=at, pieces);
                (why, Some(segment))
            }
            _ => {
                segments[at].1 = text.to_owned();
                (Why::Edit, Some(segment))
            }
        };
        if segments == self.listed(node) {
            return Ok(None);
        }
        Ok(Some(Order::Make { parent: node, why, segment: touched, segments, step: None, refused: None }))
    }

    /// Merges the selected segment with the next.
    ///
    /// # Errors
    /// Why it cannot be.
    pub fn merge(&self) -> Result<Order, String> {
        let (mut segments, at, segment) = self.selected()?;
        if at + 1 >= segments.len() {
            return Err("there is no segment after this one to merge with".to_owned());
        }
        let (_, next) = segments.remove(at + 1);
        segments[at].1 = format!("{}\n\n{next}", segments[at].1);
        self.make(Why::Merge, Some(segment), segments).ok_or_else(nothing)
    }

    /// Moves the selected segment by one place.
    ///
    /// # Errors
    /// Why it cannot be.
    pub fn move_segment(&self, up: bool) -> Result<Order, String> {
        let (mut segments, at, segment) = self.selected()?;
        let to = if up { at.checked_sub(1) } else { Some(at + 1).filter(|to| *to < segments.len()) };
        let to = to.ok_or(if up { "it is the first segment" } else { "it is the last segment" })?;
        segments.swap(at, to);
        self.make(Why::Move, Some(segment), segments).ok_or_else(nothing)
    }

    /// Deletes the selected segment.
    ///
    /// # Errors
    /// Why it cannot be.
    pub fn delete(&self) -> Result<Order, String> {
        let (mut segments, at, segment) = self.selected()?;
        if segments.len() == 1 {
            return Err("it is the only segment; edit it instead".to_owned());
        }
        segments.remove(at);
        self.make(Why::Delete, Some(segment), segments).ok_or_else(nothing)
    }

    fn selected(&self) -> Result<(Segments, usize, SegmentId), String> {
        let (node, segment) = self.node().zip(self.segment()).ok_or_else(nothing)?;
        let segments = self.listed(node);
        let at = segments.iter().position(|(id, _)| *id == Some(segment)).ok_or_else(nothing)?;
        Ok((segments, at, segment))
    }

    /// The text of the selected segment.
    pub fn segment_text(&self) -> Option<String> {
        let (segments, at, _) = self.selected().ok()?;
        segments.into_iter().nth(at).map(|(_, text)| text)
    }
}

fn nothing() -> String {
    "no segment is selected".to_owned()
}
