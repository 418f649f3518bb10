//! The segments of a version as the trajectory pane lists them, each with what it bought.

use std::collections::BTreeSet;

use crate::reer::SegmentId;
use crate::reer::search::{NodeId, Search, Why};

/// One segment of the version under the cursor.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentRow {
    pub id: SegmentId,
    pub text: String,
    /// Sum of the score changes of the versions on the way here that touched it, nats per token; negative is better. None
    /// while the last of them has no score.
    pub bought: Option<f64>,
    /// A person wrote it, or chose it.
    pub by_hand: bool,
    /// It changed at this very version.
    pub changed: bool,
}

/// The segments of `node`; `chosen` are the candidates that a person made current.
pub fn segments(search: &Search, node: NodeId, chosen: &BTreeSet<NodeId>) -> Vec<SegmentRow> {
    let Some(z) = search.tree().trajectory(node) else { return Vec::new() };
    let touched = touched(search, node, chosen);
    let row = |segment: &crate::reer::Segment| {
        let mine: Vec<&Touch> = touched.iter().filter(|touch| touch.segment == segment.id).collect();
        let deltas: Vec<f64> = mine.iter().filter_map(|touch| touch.delta).collect();
        // What was bought before is no number of the text that stands here now.
        let known = mine.last().is_some_and(|touch| touch.delta.is_some());
        SegmentRow {
            id: segment.id,
            text: segment.text.clone(),
            bought: known.then(|| deltas.iter().sum()),
            by_hand: mine.last().is_some_and(|touch| touch.by_hand),
            changed: mine.last().is_some_and(|touch| touch.node == node),
        }
    };
    z.segments.iter().map(row).collect()
}

struct Touch {
    node: NodeId,
    segment: SegmentId,
    delta: Option<f64>,
    by_hand: bool,
}

/// Which versions on the way to `node` touched which segment, and what that changed. What was merged into a segment
/// counts as its own.
fn touched(search: &Search, node: NodeId, chosen: &BTreeSet<NodeId>) -> Vec<Touch> {
    let mut touched: Vec<Touch> = Vec::new();
    let lineage = search.tree().lineage(node);
    for version in lineage.iter().filter_map(|id| search.tree().get(*id)) {
        let (Some(segment), Some(parent)) = (version.node.segment, version.node.parent) else { continue };
        if version.node.why == Why::Merge
            && let Some((before, now)) = search.tree().trajectory(parent).zip(version.trajectory.as_ref())
        {
            let gone = |id: SegmentId| before.position(id).is_some() && now.position(id).is_none();
            touched.iter_mut().filter(|touch| gone(touch.segment)).for_each(|touch| touch.segment = segment);
        }
        let scores = search.score(version.node.id).zip(search.score(parent));
        touched.push(Touch {
            node: version.node.id,
            segment,
            delta: scores.map(|(score, before)| score - before),
            by_hand: !matches!(version.node.why, Why::Draft | Why::Candidate | Why::Import)
                || chosen.contains(&version.node.id),
        });
    }
    touched
}
