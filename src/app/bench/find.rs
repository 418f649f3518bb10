//! Searching inside a pane: what is typed, where it was found, which match is current.

use std::ops::Range;

use super::{Bench, Pane};
use crate::text;

/// A search inside a pane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Find {
    pub pane: Pane,
    pub wanted: String,
    /// Which match is current, from 0.
    pub current: usize,
}

/// A match: in the trajectory, the segment's place and the bytes of its text; else bytes of the pane's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    pub segment: Option<usize>,
    pub bytes: Range<usize>,
}

impl Bench {
    /// Every match of the search inside a pane, in order.
    pub fn matches(&self) -> Vec<Match> {
        let Some(find) = &self.find else { return Vec::new() };
        let whole = |text: &str| -> Vec<Match> {
            text::find(text, &find.wanted)
                .spans()
                .iter()
                .map(|span| Match { segment: None, bytes: span.clone() })
                .collect()
        };
        match find.pane {
            Pane::Query => whole(self.query()),
            Pane::Reference => whole(self.reference()),
            Pane::Trajectory | Pane::Chart => {
                let found = |(at, row): (usize, super::SegmentRow)| -> Vec<Match> {
                    let spans = text::find(&row.text, &find.wanted);
                    spans.spans().iter().map(|span| Match { segment: Some(at), bytes: span.clone() }).collect()
                };
                self.segments().into_iter().enumerate().flat_map(found).collect()
            }
        }
    }

    /// Another version may hold fewer matches: the current one stays one of them.
    pub(super) fn fit_find(&mut self) {
        let count = self.matches().len();
        if let Some(find) = &mut self.find {
            find.current = find.current.min(count.saturating_sub(1));
        }
    }

    /// Goes to the next match, or to the one before; round the ends. Returns where it is.
    pub fn go_to_match(&mut self, forward: bool) -> Option<Match> {
        let matches = self.matches();
        let find = self.find.as_mut()?;
        let count = matches.len();
        if count == 0 {
            return None;
        }
        let by = if forward { 1 } else { count - 1 };
        find.current = (find.current.min(count - 1) + by) % count;
        let found = matches[find.current].clone();
        self.show_match(&found);
        Some(found)
    }

    /// The first match at or after nothing in particular: where a search begins.
    pub fn begin_find(&mut self, pane: Pane, wanted: String) -> Option<Match> {
        let pane = if pane == Pane::Chart { Pane::Trajectory } else { pane };
        self.find = Some(Find { pane, wanted, current: 0 });
        let first = self.matches().into_iter().next()?;
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
