//! How far a pane of text is scrolled, kept from frame to frame.

use std::ops::Range;

use crate::app::effect::Scroll;
use crate::tui::widgets::text::Sheet;

/// A pane's window on its text.
#[derive(Debug, Default)]
pub struct Window {
    top: usize,
    asked: Vec<Scroll>,
    /// What was selected when it was drawn last, so that a person's scrolling is not undone by the next frame.
    seen: u64,
}

impl Window {
    pub fn ask(&mut self, by: Scroll) {
        self.asked.push(by);
    }

    /// The first row to draw of `rows`, in a window of `height`, after what was asked for. `row_of` finds the row of
    /// a byte that should be seen.
    pub fn top(&mut self, rows: usize, height: u16, mut row_of: impl FnMut(usize) -> usize) -> usize {
        let height = usize::from(height);
        let last = rows.saturating_sub(height);
        for by in std::mem::take(&mut self.asked) {
            let page = height.saturating_sub(1).max(1) as isize;
            self.top = match by {
                Scroll::Rows(rows) => self.top.saturating_add_signed(rows as isize),
                Scroll::Pages(pages) => self.top.saturating_add_signed(pages as isize * page),
                Scroll::Top => 0,
                Scroll::Bottom => last,
                Scroll::To(byte) => {
                    let row = row_of(byte);
                    let seen = (self.top..self.top + height.max(1)).contains(&row);
                    if seen { self.top } else { row.saturating_sub(height / 3) }
                }
            }
            .min(last);
        }
        self.top = self.top.min(last);
        self.top
    }

    /// As [`Window::top`], of a sheet.
    pub fn top_of(&mut self, sheet: &mut Sheet, height: u16) -> usize {
        let rows = sheet.rows();
        self.top(rows, height, |byte| sheet.row_of(byte))
    }

    /// Keeps `items`, rows of the whole, in view when what is selected (told apart by `seen`) has changed: where there
    /// is no room for all of them, the last.
    pub fn follow(&mut self, seen: u64, items: &[Range<usize>], height: u16) {
        if std::mem::replace(&mut self.seen, seen) == seen {
            return;
        }
        let height = usize::from(height);
        for item in items {
            let bottom = item.start + item.len().min(height);
            self.top = self.top.clamp(bottom.saturating_sub(height), item.start);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asked_moves_are_carried_out_in_order_and_clamped() {
        let mut window = Window::default();
        window.ask(Scroll::Rows(3));
        window.ask(Scroll::Pages(1));
        assert_eq!(window.top(100, 10, |_| 0), 12);
        window.ask(Scroll::Bottom);
        assert_eq!(window.top(100, 10, |_| 0), 90);
        window.ask(Scroll::To(5));
        assert_eq!(window.top(100, 10, |_| 50), 47);
        assert_eq!(window.top(20, 10, |_| 0), 10, "a text that became shorter is still seen");
        window.ask(Scroll::Rows(-100));
        assert_eq!(window.top(20, 10, |_| 0), 0);
    }

    #[test]
    fn a_selection_is_brought_into_view_once() {
        let mut window = Window::default();
        let selected = std::slice::from_ref(&(30..35));
        window.follow(1, selected, 10);
        assert_eq!(window.top(100, 10, |_| 0), 25);
        window.ask(Scroll::Top);
        window.follow(1, selected, 10);
        assert_eq!(window.top(100, 10, |_| 0), 0, "scrolling away is the person's right");
        window.follow(2, &[30..50, 44..46], 10);
        assert_eq!(window.top(100, 10, |_| 0), 36, "the part that was selected, not only the whole");
    }
}
