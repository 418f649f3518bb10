//! A person's own versions and choices, checked and made into what is recorded.

use std::collections::BTreeSet;

use crate::engine::calls::number;
use crate::reer::search::{Node, NodeId, Why};
use crate::reer::{Segment, SegmentId, Trajectory};
use crate::session::{Action, Override, Payload, State};

/// A new version by hand: what [`Order::Make`](super::Order::Make) holds.
pub(super) struct Made {
    pub parent: NodeId,
    pub why: Why,
    pub segment: Option<SegmentId>,
    pub segments: Vec<(Option<SegmentId>, String)>,
    pub step: Option<u32>,
    pub refused: Option<NodeId>,
}

/// Checks that a person may record these events, and that what they name is there.
///
/// # Errors
/// One sentence.
pub(super) fn admit(state: &State, payloads: &[Payload]) -> Result<(), String> {
    if payloads.is_empty() {
        return Err("there is nothing to record".to_owned());
    }
    for payload in payloads {
        let (moves, nodes) = named(payload);
        if !Action::is_undoable(payload) && !matches!(payload, Payload::Export(_)) {
            return Err(format!("the event {} is not a person's", payload.name()));
        }
        for node in nodes {
            let version = state.search.as_ref().and_then(|search| search.tree().get(node));
            match version {
                None => return Err(format!("there is no version {}", node.0)),
                Some(version) if moves && version.trajectory.is_none() => {
                    let why = "an answer that could not be used, and nothing can be made of it";
                    return Err(format!("version {} is {why}; choose another", node.0));
                }
                Some(_) => {}
            }
        }
    }
    Ok(())
}

/// The versions that an event names, and whether it makes one of them current.
fn named(payload: &Payload) -> (bool, Vec<NodeId>) {
    match payload {
        Payload::Override(choice) => (true, vec![choice.node]),
        Payload::Head(head) => (true, vec![head.node]),
        Payload::Fork(fork) => (true, vec![fork.node]),
        Payload::Mark(mark) => (false, vec![mark.node]),
        Payload::Star(star) => (false, vec![star.node]),
        Payload::Note(note) => (false, note.node.into_iter().collect()),
        _ => (false, Vec::new()),
    }
}

/// The events of a version made by hand, and its identity.
///
/// # Errors
/// What is wrong with it, in one sentence.
pub(super) fn make(state: &State, made: Made) -> Result<(NodeId, Vec<Payload>), String> {
    let tree = state.search.as_ref().map(|search| search.tree());
    if !matches!(made.why, Why::Edit | Why::Split | Why::Merge | Why::Move | Why::Insert | Why::Delete) {
        return Err("a version by hand is an edit, a split, a merge, a move, an insertion or a deletion".to_owned());
    }
    let Some(parent) = tree.and_then(|tree| tree.trajectory(made.parent)) else {
        return Err(format!("there is no version {} to change", made.parent.0));
    };
    let (id, mut free) = state.unused_ids();
    let (mut used, mut new) = (BTreeSet::new(), None);
    let mut segments = Vec::with_capacity(made.segments.len());
    for (known, text) in made.segments {
        let text = text.trim().to_owned();
        if text.is_empty() {
            return Err("a segment is empty; write something, or delete the segment".to_owned());
        }
        Trajectory::admit(&text).map_err(|e| format!("{e}; write it in other words"))?;
        let segment = known.unwrap_or_else(|| {
            let next = SegmentId(free.0 + 1);
            new.get_or_insert(free);
            std::mem::replace(&mut free, next)
        });
        if segment.0 >= free.0 || !used.insert(segment) {
            return Err(format!("segment {} cannot stand there", segment.0));
        }
        segments.push(Segment { id: segment, text });
    }
    if segments.is_empty() {
        return Err("a trajectory keeps at least one segment".to_owned());
    }
    if *parent == (Trajectory { segments: segments.clone() }) {
        return Err("nothing was changed".to_owned());
    }
    let node = Node { parent: Some(made.parent), segment: made.segment.or(new), ..blank(id, made.why, segments) };
    if let Some(refused) = made.refused.filter(|refused| tree.is_none_or(|tree| tree.get(*refused).is_none())) {
        return Err(format!("there is no version {} to refuse", refused.0));
    }
    let choice = Override { node: id, refused: made.refused, step: made.step };
    Ok((id, vec![Payload::Node(node), Payload::Override(choice)]))
}

/// The events of a draft by hand, and its identity; it becomes current where another is.
///
/// # Errors
/// What is wrong with it, in one sentence.
pub(super) fn write(state: &State, text: &str) -> Result<(Node, Vec<Payload>), String> {
    Trajectory::admit(text).map_err(|e| format!("{e}; write it in other words"))?;
    let (id, free) = state.unused_ids();
    let segments = number(text, free);
    if segments.is_empty() {
        return Err("the draft is empty; write something".to_owned());
    }
    let node = blank(id, Why::Draft, segments);
    let choice = state.head().map(|_| Payload::Override(Override { node: id, refused: None, step: None }));
    Ok((node.clone(), std::iter::once(Payload::Node(node)).chain(choice).collect()))
}

fn blank(id: NodeId, why: Why, segments: Vec<Segment>) -> Node {
    Node {
        id,
        parent: None,
        why,
        segments: Some(segments),
        segment: None,
        text: None,
        step: None,
        slot: None,
        refused: None,
        instruction: None,
        analysis: None,
        raw: None,
    }
}
