//! What an act of a person leaves standing as a branch.

use crate::reer::search::{NodeId, Search};
use crate::session::Action;

/// What stands as a branch when a person makes a version current that the current one was not made from.
pub(super) fn left_behind(search: Option<&Search>, chosen: NodeId) -> String {
    let lineage = |node| search.map(|search| search.tree().lineage(node)).unwrap_or_default();
    let (left, leads) = (search.and_then(Search::head).map(lineage).unwrap_or_default(), lineage(chosen));
    match left.iter().filter(|node| !leads.contains(node)).count() {
        // The one that it was chosen over.
        0 | 1 => String::new(),
        count => format!(", the {count} versions from there on stand as a branch"),
    }
}

/// How many versions the current one is away from the one that an action led to: what undoing it leaves behind.
pub(super) fn built_since(search: &Search, action: &Action) -> usize {
    let lineage = search.head().map(|head| search.tree().lineage(head)).unwrap_or_default();
    let at = lineage.iter().position(|node| Some(*node) == action.head_after);
    at.map_or(0, |at| lineage.len() - 1 - at)
}
