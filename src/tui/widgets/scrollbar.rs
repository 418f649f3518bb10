//! A scrollbar of one column: its thumb is the share that is seen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::paint::cell;
use crate::tui::theme::{Role, Theme};

/// Draws it in the first column of `area`; nothing when all rows are seen.
pub fn draw(buf: &mut Buffer, area: Rect, theme: &Theme, first_row: usize, rows: usize) {
    let Some((start, len)) = thumb(usize::from(area.height), first_row, rows) else { return };
    for at in 0..usize::from(area.height) {
        let on = (start..start + len).contains(&at);
        let (sign, role) = if on { ("┃", Role::Dim) } else { ("│", Role::Border) };
        cell(buf, (area.x, area.y + at as u16), area.width.min(1), sign, theme.style(role));
    }
}

/// First cell and length of the thumb. It touches an end of the bar only when that end of the text is seen.
fn thumb(seen: usize, first_row: usize, rows: usize) -> Option<(usize, usize)> {
    if rows <= seen || seen == 0 {
        return None;
    }
    let len = (seen * seen / rows).clamp(1, seen);
    let (free, last) = (seen - len, rows - seen);
    let start = match first_row.min(last) {
        0 => 0,
        first if first == last => free,
        first => (first * free / last).max(1).min(free.saturating_sub(1)),
    };
    Some((start, len))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_thumb_is_the_share_that_is_seen() {
        assert_eq!(thumb(10, 0, 10), None);
        assert_eq!(thumb(10, 0, 20), Some((0, 5)));
        assert_eq!(thumb(10, 10, 20), Some((5, 5)));
        assert_eq!(thumb(10, 1, 1000), Some((1, 1)));
        assert_eq!(thumb(10, 989, 1000), Some((8, 1)));
        assert_eq!(thumb(10, 990, 1000), Some((9, 1)));
    }

    proptest! {
        #[test]
        fn the_thumb_stays_inside(seen in 0usize..50, first in 0usize..3000, rows in 0usize..2000) {
            if let Some((start, len)) = thumb(seen, first, rows) {
                prop_assert!(len >= 1 && start + len <= seen);
            }
        }
    }
}
