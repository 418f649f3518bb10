//! What is seen of the text: rows wrapped as every other text is, scrolled so that the cursor is among them. Only the
//! pieces in sight are looked at, so a megabyte costs what a page costs.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect, Size};

use super::super::paint::cell;
use super::area::{Area, At};
use crate::app::line::before;
use crate::text::{Safe, Wrapped, graphemes, width};
use crate::tui::theme::{Role, Theme};

/// A row of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct RowAt {
    piece: usize,
    /// Of the piece.
    row: usize,
}

#[derive(Debug, Default)]
pub(super) struct View {
    /// Of the last frame.
    area: Rect,
    top: RowAt,
    /// Whether the last frame showed the end of the text.
    to_the_end: bool,
    /// The column that moving up and down holds on to.
    column: Option<u16>,
}

impl View {
    pub(super) fn height(&self) -> u16 {
        self.size().height
    }

    /// Whether the text goes on above and below what the last frame showed.
    pub(super) fn goes_on(&self) -> (bool, bool) {
        (self.top > RowAt::default(), !self.to_the_end && !self.area.is_empty())
    }

    pub(super) fn forget_column(&mut self) {
        self.column = None;
    }

    fn size(&self) -> Size {
        // Before the first frame a page is what terminals have had for long.
        if self.area.is_empty() { Size::new(80, 24) } else { self.area.as_size() }
    }

    /// A piece wrapped; the last cell of each row is left to the cursor.
    fn lay(&self, area: &Area, piece: usize) -> Laid {
        Laid::new(&area.shown(piece), self.size().width.saturating_sub(1))
    }

    pub(super) fn move_rows(&mut self, area: &Area, from: At, rows: i64) -> At {
        let laid = self.lay(area, from.piece);
        let (row, column) = laid.place(from.byte);
        let column = *self.column.get_or_insert(column);
        let to = self.step(area, RowAt { piece: from.piece, row }, rows);
        let at_end = to.piece == from.piece && to.row == row;
        match (at_end, rows > 0) {
            (true, true) => super::moves::text_end(area),
            (true, false) => At::default(),
            _ => self.at_column(area, to, column),
        }
    }

    pub(super) fn row_start(&self, area: &Area, at: At) -> At {
        let laid = self.lay(area, at.piece);
        let (row, _) = laid.place(at.byte);
        At { byte: laid.byte_at(row, 0), ..at }
    }

    pub(super) fn row_end(&self, area: &Area, at: At) -> At {
        let laid = self.lay(area, at.piece);
        let (row, _) = laid.place(at.byte);
        self.at_column(area, RowAt { piece: at.piece, row }, u16::MAX)
    }

    /// The place at a position on the screen, as the last frame was drawn.
    pub(super) fn at(&self, area: &Area, place: Position) -> Option<At> {
        if !self.area.contains(place) {
            return None;
        }
        let row = self.step(area, self.top, i64::from(place.y - self.area.y));
        Some(self.at_column(area, row, place.x - self.area.x))
    }

    fn at_column(&self, area: &Area, to: RowAt, column: u16) -> At {
        let laid = self.lay(area, to.piece);
        let byte = laid.byte_at(to.row, column);
        let text = area.piece(to.piece);
        // In a row that is continued, its end is the beginning of the next: stay before its last character.
        let byte = if to.row + 1 < laid.rows() && laid.place(byte).0 > to.row { before(text, byte) } else { byte };
        area.normal(At { piece: to.piece, byte: edge_until(text, byte) })
    }

    /// The row so many rows away, or the first or last one.
    fn step(&self, area: &Area, from: RowAt, rows: i64) -> RowAt {
        let (mut at, mut left) = (from, rows);
        while left < 0 {
            let up = left.unsigned_abs().min(at.row as u64);
            at.row -= up as usize;
            left += up as i64;
            if left < 0 {
                let Some(piece) = at.piece.checked_sub(1) else { break };
                at = RowAt { piece, row: self.lay(area, piece).rows() - 1 };
                left += 1;
            }
        }
        while left > 0 {
            let last = self.lay(area, at.piece).rows() - 1;
            let down = (left as u64).min(last.saturating_sub(at.row) as u64);
            at.row += down as usize;
            left -= down as i64;
            if left > 0 {
                if at.piece + 1 == area.pieces() {
                    break;
                }
                at = RowAt { piece: at.piece + 1, row: 0 };
                left -= 1;
            }
        }
        at
    }

    pub(super) fn draw(&mut self, buf: &mut Buffer, place: Rect, theme: &Theme, area: &Area) -> Option<Position> {
        let place = place.intersection(buf.area);
        if place.is_empty() {
            return None;
        }
        self.area = place;
        let at = area.cursor();
        let (row, column) = self.lay(area, at.piece).place(at.byte);
        let cursor = RowAt { piece: at.piece, row };
        self.reveal(area, cursor);
        let style = theme.style(Role::Text);
        let (mut piece, mut first, mut y) = (self.top.piece, self.top.row, place.y);
        let mut found = None;
        self.to_the_end = true;
        while y < place.bottom() && piece < area.pieces() {
            let laid = self.lay(area, piece);
            for row in first..laid.rows() {
                if y == place.bottom() {
                    self.to_the_end = false;
                    break;
                }
                if cursor == (RowAt { piece, row }) {
                    found = Some(Position { x: place.x + column.min(place.width - 1), y });
                }
                laid.draw_row(row, Rect { y, height: 1, ..place }, |at, room, grapheme| {
                    cell(buf, at, room, grapheme, style)
                });
                y += 1;
            }
            (piece, first) = (piece + 1, 0);
        }
        self.to_the_end &= piece == area.pieces();
        found
    }

    /// Scrolls as little as shows the row of the cursor.
    fn reveal(&mut self, area: &Area, cursor: RowAt) {
        let last = area.pieces() - 1;
        self.top.piece = self.top.piece.min(last);
        self.top.row = self.top.row.min(self.lay(area, self.top.piece).rows() - 1);
        if cursor < self.top {
            self.top = cursor;
        }
        let lowest = self.step(area, self.top, i64::from(self.area.height) - 1);
        if cursor > lowest {
            self.top = self.step(area, cursor, 1 - i64::from(self.area.height));
        }
    }
}

/// A piece as it is drawn.
struct Laid {
    safe: Safe<'static>,
    wrapped: Wrapped,
}

impl Laid {
    fn new(text: &str, room: u16) -> Laid {
        let safe = Safe::new(text).into_owned();
        let mut wrapped = Wrapped::default();
        wrapped.fit(&safe, 0, room);
        Laid { safe, wrapped }
    }

    /// An empty piece is a row too.
    fn rows(&self) -> usize {
        self.wrapped.len().max(1)
    }

    fn row(&self, row: usize) -> (Range<usize>, u16) {
        self.wrapped.rows(row..row + 1).next().map_or((0..0, 0), |row| (row.range, row.indent))
    }

    /// Row and column of a byte.
    fn place(&self, byte: usize) -> (usize, u16) {
        let shown = self.safe.shown(byte..byte).start;
        let row = self.wrapped.row_at(shown);
        let (range, indent) = self.row(row);
        (row, indent.saturating_add(width(&self.safe[range.start..shown.max(range.start)]) as u16))
    }

    /// The byte at a column of a row; the row's end for columns beyond.
    fn byte_at(&self, row: usize, column: u16) -> usize {
        let (range, indent) = self.row(row);
        let mut used = indent;
        let mut at = range.start;
        for (start, grapheme) in graphemes(&self.safe[range.clone()]) {
            used = used.saturating_add(width(grapheme) as u16);
            if used > column || grapheme == "\n" {
                break;
            }
            at = range.start + start + grapheme.len();
        }
        self.safe.raw(at..at).start
    }

    fn draw_row(&self, row: usize, line: Rect, mut put: impl FnMut((u16, u16), u16, &str) -> u16) {
        let (range, indent) = self.row(row);
        let mut used = indent.min(line.width);
        for (_, grapheme) in graphemes(&self.safe[range]) {
            let cells = put((line.x + used, line.y), line.width - used, grapheme);
            if cells == 0 && width(grapheme) > 0 {
                break;
            }
            used += cells;
        }
    }
}

/// The edge of a grapheme at or before `at`.
fn edge_until(text: &str, at: usize) -> usize {
    let edges = graphemes(text).map(|(start, _)| start).chain([text.len()]);
    edges.take_while(|edge| *edge <= at).last().unwrap_or(0)
}
