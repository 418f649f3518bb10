//! Searching inside a pane: what is typed, where it was found, which match is current.

use std::ops::Range;
use std::sync::Arc;

use super::{Bench, Pane};
use crate::reer::search::NodeId;
use crate::text;

/// A search inside a pane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Find {
    pub pane: Pane,
    pub wanted: String,
    /// Which match is current, from 0.
    pub current: usize,
    /// What was found, once for the version `of`: a long text is not searched for every frame.
    matches: Arc<[Match]>,
    of: Option<NodeId>,
}

/// A match: in the trajectory, the segment's place and the bytes of its text; else bytes of the pane's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    pub segment: Option<usize>,
    pub bytes: Range<usize>,
}

impl Bench {
    /// Every match of the search inside a pane, in order.
    pub fn matches(&self) -> &[Match] {
        self.find.as_ref().map_or(&[], |find| &find.matches)
    }

    /// Searches again when another version is shown. It may hold fewer matches: the current one stays one of them.
    pub fn find_again(&mut self) {
        let node = self.node();
        let Some(find) = self.find.as_ref().filter(|find| find.of != node && find.pane == Pane::Trajectory) else {
            return;
        };
        let matches: Arc<[Match]> = self.all_of(find.pane, &find.wanted).into();
        if let Some(find) = &mut self.find {
            find.current = find.current.min(matches.len().saturating_sub(1));
            (find.of, find.matches) = (node, matches);
        }
    }

    fn all_of(&self, pane: Pane, wanted: &str) -> Vec<Match> {
        let found = |segment: Option<usize>, text: &str| -> Vec<Match> {
            let matches = text::find(text, wanted);
            matches.spans().iter().map(|span| Match { segment, bytes: span.clone() }).collect()
        };
        match pane {
            Pane::Query => found(None, self.query()),
            Pane::Reference => found(None, self.reference()),
            Pane::Trajectory | Pane::Chart => {
                let segments = self.segments().into_iter().enumerate();
                segments.flat_map(|(at, row)| found(Some(at), &row.text)).collect()
            }
        }
    }

    /// Goes to the next match, or to the one before; round the ends. Returns where it is.
    pub fn go_to_match(&mut self, forward: bool) -> Option<Match> {
        self.find_again();
        let find = self.find.as_mut()?;
        let count = find.matches.len();
        if count == 0 {
            return None;
        }
        let by = if forward { 1 } else { count - 1 };
        find.current = (find.current.min(count - 1) + by) % count;
        let found = find.matches[find.current].clone();
        self.show_match(&found);
        Some(found)
    }

    /// The first match at or after nothing in particular: where a search begins.
    pub fn begin_find(&mut self, pane: Pane, wanted: String) -> Option<Match> {
        let pane = if pane == Pane::Chart { Pane::Trajectory } else { pane };
        let matches: Arc<[Match]> = self.all_of(pane, &wanted).into();
        let first = matches.first().cloned();
        self.find = Some(Find { pane, wanted, current: 0, matches, of: self.node() });
        let first = first?;
        self.show_match(&first);
        Some(first)
    }

    fn show_match(&mut self, found: &Match) {
        if let Some(at) = found.segment
            && let Some(row) = self.segments().get(at)
        {
            self.segment = Some(row.id);
        }
    }
}
