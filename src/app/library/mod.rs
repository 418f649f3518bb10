//! The list of sessions, or of the rows of a file of pairs: queues, order, filter, selection.

mod listing;
mod row;
mod sort;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

pub use listing::{Listing, Place};
pub use row::{Row, Source};
pub use sort::{Column, QueueFilter};

use super::line::Line;
use crate::session::{Summary, Verdict};

/// The library screen.
#[derive(Debug, Clone, Default)]
pub struct Library {
    /// What is listed; absent until it was read.
    pub listing: Option<Listing>,
    /// Why it could not be read.
    pub error: Option<String>,
    pub queue: QueueFilter,
    pub column: Column,
    pub descending: bool,
    /// What the list is filtered by.
    pub filter: Line,
    /// Rows that the filter leaves, best first, and what was asked for.
    filtered: Option<(String, Vec<u32>)>,
    /// Rows that a filter left stand in the column's order: a person asked for it since the filter began.
    sorted: bool,
    /// Indices of the rows in view, in order.
    view: Vec<usize>,
    /// Key of the selected row.
    selected: Option<String>,
    /// What a filter looks through, a text a row; made anew with the listing.
    pub haystack: Arc<Vec<(String, String)>>,
}

/// How far the judging has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    pub rows: usize,
    pub kept: usize,
    pub dropped: usize,
    pub later: usize,
}

impl Tally {
    /// With a verdict that ends the matter.
    pub fn decided(self) -> usize {
        self.kept + self.dropped
    }
}

impl Library {
    /// An empty one that will be shown so.
    pub fn new(queue: QueueFilter, column: Column, descending: bool) -> Library {
        Library { queue, column, descending, ..Library::default() }
    }

    /// Takes a new listing; selection, order and filter stay.
    pub fn listed(&mut self, listing: Listing) {
        self.haystack = Arc::new(listing.rows.iter().map(Row::haystack).collect());
        self.listing = Some(listing);
        self.error = None;
        self.arrange();
    }

    fn rows(&self) -> &[Row] {
        self.listing.as_ref().map_or(&[], |listing| &listing.rows)
    }

    /// Filters by another text, at first with the best matches before the others.
    pub fn filter_by(&mut self, text: &str) {
        self.sorted &= !self.filter.text().is_empty();
        self.filter = Line::new(text);
    }

    /// True where the best matches of the filter stand first.
    pub fn is_by_match(&self) -> bool {
        !self.sorted && !self.filter.text().is_empty()
    }

    /// Sorts by the next column; where the best matches stood first, by the column that was chosen before.
    pub fn turn_sort(&mut self) {
        if !self.is_by_match() {
            self.column = self.column.next();
        }
        self.sorted = true;
        self.arrange();
    }

    /// Turns the order round.
    pub fn turn_order(&mut self) {
        self.descending = !self.descending;
        self.sorted = true;
        self.arrange();
    }

    /// What the filter left; an answer to an older question is passed over.
    pub fn filtered(&mut self, wanted: String, rows: Vec<u32>) {
        if wanted == self.filter.text() {
            self.filtered = Some((wanted, rows));
            self.arrange();
            self.select_index(0);
        }
    }

    /// Puts the rows in order again.
    pub fn arrange(&mut self) {
        let rows = self.rows();
        let in_queue = |index: &usize| rows.get(*index).is_some_and(|row| self.queue.holds(row));
        let wanted = self.filter.text();
        let mut view: Vec<usize> = match &self.filtered {
            Some((asked, found)) if asked == wanted && !wanted.is_empty() => {
                found.iter().map(|index| *index as usize).filter(in_queue).collect()
            }
            _ => (0..rows.len()).filter(in_queue).collect(),
        };
        if !self.is_by_match() {
            view.sort_by(|a, b| self.column.compare(&rows[*a], &rows[*b], self.descending));
        }
        self.view = view;
    }

    /// The rows in view, in order.
    pub fn view(&self) -> impl ExactSizeIterator<Item = &Row> {
        self.view.iter().map(|index| &self.rows()[*index])
    }

    /// Every row, in view or not.
    pub fn listed_rows(&self) -> impl Iterator<Item = &Row> {
        self.rows().iter()
    }

    /// How many rows are in view.
    pub fn len(&self) -> usize {
        self.view.len()
    }

    pub fn is_empty(&self) -> bool {
        self.view.is_empty()
    }

    /// Place of the selected row in view.
    pub fn selected_index(&self) -> usize {
        let wanted = self.selected.as_deref();
        self.view().position(|row| Some(row.key.as_str()) == wanted).unwrap_or(0)
    }

    pub fn selected(&self) -> Option<&Row> {
        self.view().nth(self.selected_index())
    }

    /// Selects the row at a place in view, or the last one.
    pub fn select_index(&mut self, index: usize) {
        let index = index.min(self.len().saturating_sub(1));
        let key = self.view().nth(index).map(|row| row.key.clone());
        self.selected = key.or(self.selected.take());
    }

    /// Selects a row by its key.
    pub fn select(&mut self, key: &str) {
        self.selected = Some(key.to_owned());
    }

    pub fn step(&mut self, by: isize) {
        self.select_index(self.selected_index().saturating_add_signed(by));
    }

    /// The row with this key, in view or not.
    pub fn row(&self, key: &str) -> Option<&Row> {
        self.rows().iter().find(|row| row.key == key)
    }

    /// Takes what a session now says of itself.
    pub fn update(&mut self, key: &str, summary: Summary) {
        let rows = self.listing.as_mut().map(|listing| &mut listing.rows);
        let row = rows.and_then(|rows| rows.iter_mut().enumerate().find(|(_, row)| row.key == key));
        if let Some((at, row)) = row {
            row.summary = summary;
            if let Some(haystack) = Arc::make_mut(&mut self.haystack).get_mut(at) {
                *haystack = row.haystack();
            }
        }
        let selected = self.selected.clone();
        self.arrange();
        self.selected = selected;
    }

    /// What was a sample or a pair is a file from now on.
    pub fn renamed(&mut self, old: &str, path: &Path) {
        let rows = self.listing.as_mut().map(|listing| &mut listing.rows);
        if let Some(row) = rows.and_then(|rows| rows.iter_mut().find(|row| row.key == old)) {
            row.summary.verdict = row.verdict();
            row.source = Source::File(path.to_owned());
            row.key = row.source.key();
            if self.selected.as_deref() == Some(old) {
                self.selected = Some(row.key.clone());
            }
        }
    }

    /// The row after `key` in the order of the view, or the first one, that waits for a verdict.
    pub fn next_undecided(&self, key: &str) -> Option<&Row> {
        let order: Vec<&Row> = self.ordered().collect();
        let at = order.iter().position(|row| row.key == key);
        let after = order.iter().skip(at.map_or(0, |at| at + 1));
        let wrapped = after.chain(order.iter().take(at.unwrap_or(0)));
        wrapped.copied().find(|row| row.verdict() == Verdict::None && row.key != key)
    }

    /// The row so many places after `key`, or before it.
    pub fn beside(&self, key: &str, by: isize) -> Option<&Row> {
        let order: Vec<&Row> = self.ordered().collect();
        let at = order.iter().position(|row| row.key == key)?;
        order.get(at.checked_add_signed(by)?).copied()
    }

    /// Every row that the filter leaves, whatever its queue, in the order of the view.
    fn ordered(&self) -> impl Iterator<Item = &Row> {
        let rows = self.rows();
        let mut order: Vec<usize> = match &self.filtered {
            Some((asked, found)) if asked == self.filter.text() && !asked.is_empty() => {
                found.iter().map(|index| *index as usize).filter(|index| *index < rows.len()).collect()
            }
            _ => (0..rows.len()).collect(),
        };
        if !self.is_by_match() {
            order.sort_by(|a, b| self.column.compare(&rows[*a], &rows[*b], self.descending));
        }
        order.into_iter().map(|index| &rows[index])
    }

    pub fn tally(&self) -> Tally {
        let mut count: HashMap<Verdict, usize> = HashMap::new();
        self.rows().iter().for_each(|row| *count.entry(row.verdict()).or_default() += 1);
        let of = |verdict| count.get(&verdict).copied().unwrap_or(0);
        Tally {
            rows: self.rows().len(),
            kept: of(Verdict::Keep),
            dropped: of(Verdict::Drop),
            later: of(Verdict::Later),
        }
    }
}
