//! The segment editor: tui-textarea holds the text, its cursor and its history; moving, grouping and drawing are
//! ours, because there they go by character and here by grapheme.
//!
//! The text stays raw: whatever was there or is pasted comes out of [`Editor::text`] byte for byte; only what is
//! drawn is made safe.

mod area;
mod moves;
mod steps;
mod view;

use std::cell::Cell;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::app::text_edit::TextEdit;
use crate::tui::theme::Theme;
use area::{Area, At};
use steps::{Kind, Steps};
use view::View;

/// A text that is being written.
#[derive(Debug)]
pub struct Editor {
    area: Area,
    steps: Steps,
    view: View,
    original: String,
    /// Known until the next edit.
    changed: Cell<Option<bool>>,
}

impl Editor {
    /// An editor with the cursor at the beginning.
    pub fn new(text: &str) -> Editor {
        Editor {
            area: Area::new(text),
            steps: Steps::default(),
            view: View::default(),
            original: text.to_owned(),
            changed: Cell::new(Some(false)),
        }
    }

    /// The raw text as it stands now.
    pub fn text(&self) -> String {
        self.area.text()
    }

    /// Whether the text differs from the one it began with.
    pub fn is_changed(&self) -> bool {
        let changed = self.changed.get().unwrap_or_else(|| self.text() != self.original);
        self.changed.set(Some(changed));
        changed
    }

    /// Byte of the text at which the cursor stands: where a segment would be split.
    pub fn offset(&self) -> usize {
        self.area.offset()
    }

    /// Does what a key asks. True when the text changed.
    pub fn apply(&mut self, edit: &TextEdit) -> bool {
        use TextEdit::*;
        let at = self.area.cursor();
        let area = &self.area;
        let (from, to) = match edit {
            Insert(text) => return self.insert(at, text, Kind::typed(text)),
            Paste(text) => return self.insert(at, text, Kind::Whole),
            NewLine => return self.insert(at, "\n", Kind::Whole),
            Undo => return self.travel(true),
            Redo => return self.travel(false),
            DeleteLeft => return self.delete(moves::left(area, at), at, Kind::Erased),
            DeleteRight => return self.delete(at, moves::right(area, at), Kind::Erased),
            DeleteWordLeft => (moves::word_left(area, at), at),
            DeleteWordRight => (at, moves::word_right(area, at)),
            DeleteToLineStart => (moves::line_start(area, at), at),
            DeleteToLineEnd => (at, moves::line_end(area, at)),
            _ => {
                self.go(edit, at);
                return false;
            }
        };
        self.delete(from, to, Kind::Whole)
    }

    /// Moves the cursor to what is drawn at `place`, a position on the screen.
    pub fn point(&mut self, place: Position) {
        if let Some(at) = self.view.at(&self.area, place) {
            self.steps.pause();
            self.view.forget_column();
            self.area.go(at);
        }
    }

    /// Where the last frame stood in a text that it did not show whole: `line 12 of 340 ↑↓`, with the ways in which the
    /// text goes on.
    pub fn standing(&self) -> Option<String> {
        let (above, below) = self.view.goes_on();
        let ways = [if above { "↑" } else { "" }, if below { "↓" } else { "" }].concat();
        let (line, lines) = (self.area.lines(self.area.cursor().piece + 1), self.area.lines(self.area.pieces()));
        (above || below).then(|| format!("line {line} of {lines} {ways}"))
    }

    /// Draws the rows around the cursor and returns where the terminal's cursor belongs; none without room.
    pub fn draw(&mut self, buf: &mut Buffer, area: Rect, theme: &Theme) -> Option<Position> {
        self.view.draw(buf, area, theme, &self.area)
    }

    fn go(&mut self, edit: &TextEdit, at: At) {
        use TextEdit::*;
        self.steps.pause();
        let area = &self.area;
        let page = i64::from(self.view.height().saturating_sub(1).max(1));
        let upright = match edit {
            Up => Some(-1),
            Down => Some(1),
            PageUp => Some(-page),
            PageDown => Some(page),
            _ => None,
        };
        let to = match (upright, edit) {
            (Some(rows), _) => self.view.move_rows(area, at, rows),
            (None, Left) => moves::left(area, at),
            (None, Right) => moves::right(area, at),
            (None, WordLeft) => moves::word_left(area, at),
            (None, WordRight) => moves::word_right(area, at),
            // The row first, then the line that it is part of.
            (None, LineStart) => {
                Some(self.view.row_start(area, at)).filter(|to| *to != at).unwrap_or(moves::line_start(area, at))
            }
            (None, LineEnd) => {
                Some(self.view.row_end(area, at)).filter(|to| *to != at).unwrap_or(moves::line_end(area, at))
            }
            (None, TextStart) => At::default(),
            (None, _) => moves::text_end(area),
        };
        if upright.is_none() {
            self.view.forget_column();
        }
        self.area.go(to);
    }

    fn insert(&mut self, at: At, text: &str, kind: Kind) -> bool {
        if text.is_empty() {
            return false;
        }
        if self.area.clashes(text) {
            // The area's own marks are in the text: with others, the history begins anew.
            self.area = self.area.with_room_for(text);
            self.steps = Steps::default();
        }
        let entries = self.area.replace(at, at, text);
        self.edited(entries, kind)
    }

    fn delete(&mut self, from: At, to: At, kind: Kind) -> bool {
        if from == to {
            return false;
        }
        let entries = self.area.replace(from, to, "");
        self.edited(entries, kind)
    }

    fn edited(&mut self, entries: usize, kind: Kind) -> bool {
        self.steps.push(entries, kind);
        self.view.forget_column();
        self.changed.set(None);
        true
    }

    fn travel(&mut self, back: bool) -> bool {
        let entries = if back { self.steps.back() } else { self.steps.forth() };
        self.view.forget_column();
        self.changed.set(None);
        self.area.travel(back, entries)
    }
}

#[cfg(test)]
mod tests;
