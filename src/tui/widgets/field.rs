//! A line that is being written: its visible part, and the cursor where an input method expects it.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::paint::{fitted, put};
use crate::app::line::Line;
use crate::tui::theme::{Role, Theme};

/// Draws `line`, or `placeholder` while it is empty, into the first row of `area`, and returns where the terminal's
/// cursor belongs; none without room.
pub fn draw(buf: &mut Buffer, area: Rect, theme: &Theme, line: &Line, placeholder: &str) -> Option<Position> {
    let area = area.intersection(buf.area);
    if area.is_empty() {
        return None;
    }
    let view = line.view(area.width);
    if line.text().is_empty() {
        fitted(buf, (area.x, area.y), area.width, placeholder, theme.style(Role::Dim));
    } else {
        put(buf, (area.x, area.y), area.width, &view.shown, theme.style(Role::Text));
    }
    let x = area.x + view.cursor.min(area.width - 1);
    Some(Position { x, y: area.y })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::text_edit::TextEdit;
    use crate::tui::widgets::picture::text_of;
    use proptest::prelude::*;

    fn drawn(w: u16, h: u16, line: &Line) -> (String, Option<Position>) {
        let mut buf = Buffer::empty(Rect::new(0, 0, w, h));
        let cursor = draw(&mut buf, Rect::new(0, 0, w, h), &Theme::mono(), line, "type a filter");
        (text_of(&buf), cursor)
    }

    #[test]
    fn the_end_that_is_written_is_seen() {
        assert_eq!(drawn(20, 1, &Line::default()), ("type a filter".to_owned(), Some(Position::new(0, 0))));
        let mut line = Line::new("a longer instruction");
        assert_eq!(drawn(10, 1, &line), ("‹truction".to_owned(), Some(Position::new(9, 0))));
        line.apply(&TextEdit::LineStart);
        assert_eq!(drawn(10, 1, &line), ("a longer ›".to_owned(), Some(Position::new(0, 0))));
    }

    proptest! {
        #[test]
        fn any_size(w in 0u16..=30, h in 0u16..=12, text in "\\PC{0,40}|[思a\t\u{1b}]{0,40}", back in 0usize..50) {
            let mut line = Line::new(&text);
            (0..back).for_each(|_| {
                line.apply(&TextEdit::Left);
            });
            let (_, cursor) = drawn(w, h, &line);
            prop_assert_eq!(cursor.is_some(), w > 0 && h > 0);
            prop_assert!(cursor.is_none_or(|cursor| cursor.x < w));
        }
    }
}
