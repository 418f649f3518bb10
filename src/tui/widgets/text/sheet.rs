//! One text made ready to draw at one width: safe, wrapped from the top as far as anyone looked, with the ways from
//! cells to bytes and back.

use std::ops::Range;

use crate::text::{Safe, Wrapped, graphemes, width};

/// Bytes wrapped at a time: about half a millisecond of English on a slow machine.
const SLICE: usize = 64 * 1024;

/// A text and its rows. Rows are counted from 0; offsets are bytes of the RAW text.
///
/// Making safe and wrapping are lazy: a row is there when it is asked for, the number of all rows is an estimate until
/// [`Sheet::advance`] has seen the end.
#[derive(Debug)]
pub struct Sheet {
    raw: String,
    /// The safe text, at first of a beginning only.
    safe: Safe<'static>,
    whole: bool,
    wrapped: Wrapped,
    width: u16,
    /// Bytes of the safe text that are wrapped; the rows at their end may still change.
    done: usize,
}

impl Sheet {
    pub fn new(raw: &str, width: u16) -> Sheet {
        let start = beginning(raw, SLICE);
        let mut sheet = Sheet {
            raw: raw.to_owned(),
            safe: Safe::new(start).into_owned(),
            whole: start.len() == raw.len(),
            wrapped: Wrapped::default(),
            width,
            done: 0,
        };
        sheet.wrap();
        sheet
    }

    /// The text that it shows.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// What is drawn, as far as it was looked at.
    pub(super) fn safe(&self) -> &Safe<'static> {
        &self.safe
    }

    /// Cells of its rows.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Does one more slice of the work; false when none is left. Call once a frame while it returns true, and ask for
    /// another frame.
    pub fn advance(&mut self) -> bool {
        if self.whole {
            self.wrap();
        } else {
            // At once, because offsets count from the beginning; it costs a few slices.
            self.safe = Safe::new(&self.raw).into_owned();
            self.whole = true;
        }
        !self.complete()
    }

    fn wrap(&mut self) {
        let end = beginning(&self.safe, self.done + SLICE).len();
        self.wrapped.fit(&self.safe.slice(0..end), 0, self.width);
        self.done = end;
    }

    /// Whether the end was reached, and the number of rows is the true one.
    pub fn complete(&self) -> bool {
        self.whole && self.done == self.safe.len()
    }

    /// How many rows there are, as far as is known: by share of what is wrapped until all of it is.
    pub fn rows(&self) -> usize {
        if self.complete() {
            return self.wrapped.len();
        }
        let all = if self.whole { self.safe.len() } else { self.raw.len() };
        let share = all as f64 / self.done.max(1) as f64;
        (self.wrapped.len() as f64 * share).ceil() as usize
    }

    /// The last row that can be the first one of a window of `height` rows.
    pub fn last_top(&self, height: u16) -> usize {
        self.rows().saturating_sub(usize::from(height))
    }

    /// The row that shows the byte `raw`.
    pub fn row_of(&mut self, raw: usize) -> usize {
        let shown = |safe: &Safe<'_>| safe.shown(raw..raw + 1).start;
        while !self.complete() && shown(&self.safe) >= self.settled() {
            self.advance();
        }
        self.wrapped.row_at(shown(&self.safe))
    }

    /// The first row of a window of `height` rows that shows the byte `raw`: `first` when it does already, else such
    /// that the byte's row stands in the upper third.
    pub fn reveal(&mut self, raw: usize, first: usize, height: u16) -> usize {
        let row = self.row_of(raw);
        if (first..first + usize::from(height.max(1))).contains(&row) {
            return first;
        }
        let least = (row + 1).saturating_sub(usize::from(height.max(1)));
        row.saturating_sub(usize::from(height) / 3).min(self.last_top(height)).max(least)
    }

    /// The bytes under the cell at `row` and `column` (column 0 is the first cell of the text, after any gutter);
    /// beside the text, those of the nearest character of the row. None below the last row.
    pub fn raw_at(&mut self, row: usize, column: u16) -> Option<Range<usize>> {
        let place = self.row(row)?;
        let mut used = place.indent;
        let mut last = place.shown.start..place.shown.start;
        for (at, grapheme) in graphemes(&self.safe[place.shown.clone()]) {
            let at = place.shown.start + at;
            last = at..at + grapheme.len();
            used += width(grapheme) as u16;
            if column < used || grapheme == "\n" {
                break;
            }
        }
        Some(self.safe.raw(last))
    }

    /// The bytes that the rows `rows` show.
    pub fn raw_rows(&mut self, rows: Range<usize>) -> Range<usize> {
        if rows.is_empty() {
            return 0..0;
        }
        let last = self.row(rows.end - 1).map_or(self.safe.len(), |place| place.shown.end);
        let first = self.row(rows.start).map_or(last, |place| place.shown.start);
        self.safe.raw(first..last)
    }

    /// One row: its bytes of the safe text, and the cells left free before it.
    pub(super) fn row(&mut self, row: usize) -> Option<Place> {
        // The last two rows of a beginning are not settled yet.
        while !self.complete() && row + 2 >= self.wrapped.len() {
            self.advance();
        }
        self.wrapped.rows(row..row + 1).next().map(|row| Place { shown: row.range, indent: row.indent })
    }

    /// Start of the rows that more text may still change.
    fn settled(&self) -> usize {
        let last = self.wrapped.len().saturating_sub(2);
        self.wrapped.rows(last..last + 1).next().map_or(0, |row| row.range.start)
    }
}

/// At most so many bytes of a text, whole characters.
pub(in crate::tui::widgets) fn beginning(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) shown: Range<usize>,
    pub(super) indent: u16,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows_and_bytes_lead_to_each_other() {
        let mut sheet = Sheet::new("the \u{1b}lamp\thas 思考", 8);
        assert_eq!(sheet.safe().as_str(), "the \u{241b}lamp   has 思考");
        assert_eq!(sheet.rows(), 3);
        assert_eq!(sheet.raw_at(1, 0), Some(4..5), "the control picture is the escape");
        assert_eq!(sheet.raw_at(0, 70), Some(3..4), "beside the text, its end");
        assert_eq!(sheet.raw_at(2, 5), Some(14..17), "the second cell of a wide character is that character");
        assert_eq!(sheet.raw_at(3, 0), None);
        assert_eq!([0, 4, 9, 10, 14, 17, 99].map(|raw| sheet.row_of(raw)), [0, 1, 1, 2, 2, 2, 2]);
        assert_eq!(sheet.raw_rows(1..3), 4..20);
    }

    #[test]
    fn a_window_moves_only_when_it_must() {
        let mut sheet = Sheet::new(&"row\n".repeat(50), 9);
        assert_eq!(sheet.reveal(4 * 7, 5, 6), 5);
        assert_eq!(sheet.reveal(4 * 30, 5, 6), 28);
        assert_eq!(sheet.reveal(4 * 49, 5, 6), 44);
    }

    #[test]
    fn a_long_text_is_wrapped_as_far_as_one_looks() {
        let raw = "The lamp has been kind to me this winter, and I clean it. ".repeat(20_000);
        let mut sheet = Sheet::new(&raw, 40);
        assert!(!sheet.complete());
        let guess = sheet.rows();
        assert!(sheet.row(10).is_some() && !sheet.complete());
        let mut whole = Wrapped::default();
        whole.fit(&Safe::new(&raw), 0, 40);
        let middle = whole.rows(9000..9001).next().unwrap();
        assert_eq!(sheet.row_of(middle.range.start), 9000);
        assert_eq!(sheet.row(9000).unwrap().shown, middle.range);
        while sheet.advance() {}
        assert_eq!(sheet.rows(), whole.len());
        assert!(guess.abs_diff(whole.len()) < whole.len() / 50);
    }

    proptest! {
        #[test]
        fn every_byte_is_on_the_row_that_is_told(raw in "[a-z 思\t\n]{0,80}", width in 0u16..20) {
            let mut sheet = Sheet::new(&raw, width);
            for (at, c) in raw.char_indices() {
                let row = sheet.row_of(at);
                let bytes = sheet.raw_rows(row..row + 1);
                prop_assert!(bytes.start <= at && at + c.len_utf8() <= bytes.end, "{} in {:?}", at, bytes);
            }
        }
    }
}
