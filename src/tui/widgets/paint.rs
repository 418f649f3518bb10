//! The one way into a buffer: characters made safe, clipped to their room, wide ones never cut in half.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::text::beginning;
use crate::text::{Align, Safe, fit_end, graphemes, pad, width};

/// Puts one line of `text` at (`x`, `y`) into at most `room` cells, and returns the cells it took. What does not fit
/// is cut without a sign; see [`fitted`] for an ellipsis. Line ends are spaces.
pub fn put(buf: &mut Buffer, at: (u16, u16), room: u16, text: &str, style: Style) -> u16 {
    put_safe(buf, at, room, &Safe::new(&glance(text, room)), style)
}

/// As [`put`], an ellipsis standing for an end that was cut.
pub fn fitted(buf: &mut Buffer, at: (u16, u16), room: u16, text: &str, style: Style) -> u16 {
    let text = glance(text, room);
    put_safe(buf, at, room, &Safe::new(&fit_end(&text, usize::from(room))), style)
}

/// As [`fitted`], standing right in its `room`.
pub fn fitted_right(buf: &mut Buffer, at: (u16, u16), room: u16, text: &str, style: Style) {
    let text = glance(text, room);
    let padded = pad(&fit_end(&text, usize::from(room)), usize::from(room), Align::Right).into_owned();
    put_safe(buf, at, room, &Safe::new(&padded), style);
}

/// Cells of `text` as one line, as far as they matter to `room`.
pub(super) fn cells_of(text: &str, room: u16) -> u16 {
    width(&glance(text, room)).min(usize::from(u16::MAX)) as u16
}

/// The beginning of `text` that can be seen in `room` cells, made safe and one line: a title or a table's cell may be
/// a megabyte long.
fn glance(text: &str, room: u16) -> String {
    /// More than the most marks that a cell can carry.
    const BYTES_PER_CELL: usize = 128;
    let safe = Safe::new(beginning(text, (usize::from(room) + 2) * BYTES_PER_CELL)).to_string();
    if safe.contains('\n') { safe.replace('\n', " ") } else { safe }
}

/// Puts parts one after the other, each in its own style, and returns the cells they took.
pub fn parts<'a>(
    buf: &mut Buffer,
    (x, y): (u16, u16),
    room: u16,
    parts: impl IntoIterator<Item = (&'a str, Style)>,
) -> u16 {
    let mut used = 0;
    for (text, style) in parts {
        used += put(buf, (x.saturating_add(used), y), room - used, text, style);
    }
    used
}

fn put_safe(buf: &mut Buffer, (x, y): (u16, u16), room: u16, text: &Safe<'_>, style: Style) -> u16 {
    let mut used = 0;
    for (_, grapheme) in graphemes(text) {
        let cells = cell(buf, (x.saturating_add(used), y), room - used, grapheme, style);
        if cells == 0 && width(grapheme) > 0 {
            break;
        }
        used += cells;
    }
    used
}

/// Puts one grapheme that is already safe; returns its cells, none when it does not fit.
pub(super) fn cell(buf: &mut Buffer, (x, y): (u16, u16), room: u16, grapheme: &str, style: Style) -> u16 {
    let cells = width(grapheme).min(usize::from(u16::MAX)) as u16;
    let last = x.saturating_add(cells.saturating_sub(1));
    if cells == 0 || cells > room || !buf.area.contains((x, y).into()) || last >= buf.area.right() {
        return 0;
    }
    buf[(x, y)].set_symbol(grapheme).set_style(style);
    for hidden in x + 1..=last {
        buf[(hidden, y)].reset();
        buf[(hidden, y)].set_style(style);
    }
    cells
}

/// Blanks an area that something is drawn over, in a style.
pub fn clear(buf: &mut Buffer, area: Rect, style: Style) {
    for (x, y) in cells(area.intersection(buf.area)) {
        buf[(x, y)].reset();
        buf[(x, y)].set_style(style);
    }
}

/// Lays a style over what is there.
pub fn tinge(buf: &mut Buffer, area: Rect, style: Style) {
    for (x, y) in cells(area.intersection(buf.area)) {
        buf[(x, y)].set_style(style);
    }
}

fn cells(area: Rect) -> impl Iterator<Item = (u16, u16)> {
    (area.top()..area.bottom()).flat_map(move |y| (area.left()..area.right()).map(move |x| (x, y)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::widgets::picture::text_of;
    use proptest::prelude::*;

    fn drawn<T>(width: u16, draw: impl FnOnce(&mut Buffer) -> T) -> String {
        let mut buf = Buffer::empty(Rect::new(0, 0, width, 1));
        draw(&mut buf);
        text_of(&buf)
    }

    #[test]
    fn what_does_not_fit_is_left_out_whole() {
        assert_eq!(drawn(5, |buf| put(buf, (0, 0), 5, "思考的灯", Style::new())), "思考");
        assert_eq!(drawn(5, |buf| put(buf, (4, 0), 9, "思", Style::new())), "");
        assert_eq!(drawn(9, |buf| put(buf, (1, 0), 4, "a\u{1b}[31m", Style::new())), " a\u{241b}[3");
        assert_eq!(drawn(9, |buf| fitted(buf, (0, 0), 6, "lighthouse", Style::new())), "light…");
        let long = "one\ntwo ".repeat(1 << 17);
        assert_eq!(drawn(9, |buf| fitted(buf, (0, 0), 9, &long, Style::new())), "one two …");
        assert_eq!(drawn(9, |buf| fitted_right(buf, (0, 0), 6, "3.4", Style::new())), "   3.4");
    }

    proptest! {
        #[test]
        fn never_past_its_room(text in "\\PC{0,20}", x in 0u16..12, room in 0u16..12) {
            let mut buf = Buffer::empty(Rect::new(0, 0, 10, 2));
            let used = put(&mut buf, (x, 0), room, &text, Style::new());
            prop_assert!(used <= room && (used == 0 || x + used <= 10));
        }
    }
}
