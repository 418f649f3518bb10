//! What a person did to the trajectory, in words that say what and where.

use super::candidate::taken_as;
use crate::reer::SegmentId;
use crate::reer::search::{Node, NodeId, Search, Why};
use crate::session::Override;

/// What became of the segment, and the act as a thing; `None` for what no person does to a segment.
fn words(why: Why) -> Option<(&'static str, &'static str)> {
    Some(match why {
        Why::Edit => ("edited", "edit"),
        Why::Split => ("split", "split"),
        Why::Merge => ("merged", "merge"),
        Why::Move => ("moved", "move"),
        Why::Insert => ("inserted", "insertion"),
        Why::Delete => ("deleted", "deletion"),
        Why::Draft | Why::Candidate | Why::Import => return None,
    })
}

/// A version by hand as a thing: `edit`, `deletion`.
pub fn deed(why: Why) -> &'static str {
    words(why).map_or("draft", |(_, thing)| thing)
}

/// The segments that a version by hand was about, as the trajectory pane numbered them then: `segment 2`; with where it
/// stood before and stands now.
fn place(search: &Search, node: &Node) -> Option<(String, usize)> {
    let segment = node.segment?;
    let before = search.tree().trajectory(node.parent?)?.position(segment);
    let now = node.segments.iter().flatten().position(|known| known.id == segment);
    let at = before.or(now)? + 1;
    let to = now.map_or(at, |now| now + 1);
    Some(match node.why {
        Why::Merge => (format!("segments {at} and {}", at + 1), to),
        _ => (format!("segment {at}"), to),
    })
}

/// ` in segment 3` of the version that a person made; empty where it is about none.
pub fn inside(search: &Search, node: &Node) -> String {
    place(search, node).map(|(place, _)| format!(" in {place}")).unwrap_or_default()
}

/// What making this version did: `segment 2 deleted`, `segment 3 moved to 2`. The search need not know of it yet.
pub fn did(search: &Search, node: &Node) -> Option<String> {
    let ((done, _), (place, to)) = (words(node.why)?, place(search, node)?);
    Some(match node.why {
        Why::Move => format!("{place} {done} to {to}"),
        _ => format!("{place} {done}"),
    })
}

/// A choice that can be undone, as a thing: `the deletion of segment 2`, `the choice in segment 3`.
pub fn choice(search: &Search, choice: &Override) -> String {
    let made = search.tree().get(choice.node).map(|version| &version.node);
    let of = |candidate: NodeId| search.tree().get(candidate)?.node.segment;
    let segment = |id: SegmentId| search.tree().trajectory(search.head()?)?.position(id);
    let there = |id: Option<SegmentId>| id.and_then(segment).map(|at| format!(" in segment {}", at + 1));
    if let Some(refused) = choice.refused {
        return format!("the refusal of v{}{}", refused.0, there(of(refused)).unwrap_or_default());
    }
    let by_hand = made.filter(|made| words(made.why).is_some() && taken_as(search, made.id).is_none());
    match by_hand.and_then(|made| Some((deed(made.why), place(search, made)?))) {
        Some((thing, (place, _))) => format!("the {thing} of {place}"),
        None if made.is_some_and(|made| made.why == Why::Draft) => "your draft".to_owned(),
        None => format!("the choice{}", there(made.and_then(|made| made.segment)).unwrap_or_default()),
    }
}
