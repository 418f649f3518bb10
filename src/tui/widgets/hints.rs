//! The line that says what can be done now: keys and words, whole hints only.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::paint::{cells_of, parts};
use crate::tui::theme::{Role, Theme};

/// Cells between two hints.
const GAP: &str = "  ";

/// Draws hints, each a key and what it does, as many as fit in the first row of `area`; the first are the most
/// needed. `last` stands whatever else is left out (help, the palette).
pub fn draw(buf: &mut Buffer, area: Rect, theme: &Theme, hints: &[(&str, &str)], last: &[(&str, &str)]) {
    if area.is_empty() {
        return;
    }
    let room = usize::from(area.width);
    let kept: usize = last.iter().map(cells).sum();
    let mut used = kept;
    let fitting = hints.iter().take_while(|hint| {
        used += cells(hint);
        used <= room + GAP.len()
    });
    let (key, word) = (theme.style(Role::Key), theme.style(Role::Dim));
    let pieces = fitting.chain(last).flat_map(|(name, does)| [(*name, key), (" ", word), (*does, word), (GAP, word)]);
    parts(buf, (area.x, area.y), area.width, pieces);
}

fn cells((name, does): &(&str, &str)) -> usize {
    usize::from(cells_of(name, u16::MAX)) + 1 + usize::from(cells_of(does, u16::MAX)) + GAP.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::widgets::picture::text_of;
    use proptest::prelude::*;

    fn drawn(w: u16, h: u16) -> String {
        let mut buf = Buffer::empty(Rect::new(0, 0, w, h));
        let hints = [("y", "take"), ("n", "refuse"), ("←/→", "step"), ("e", "edit")];
        draw(&mut buf, Rect::new(0, 0, w, h), &Theme::mono(), &hints, &[("?", "help")]);
        text_of(&buf)
    }

    #[test]
    fn whole_hints_and_always_help() {
        assert_eq!(drawn(60, 1), "y take  n refuse  ←/→ step  e edit  ? help");
        assert_eq!(drawn(42, 1), "y take  n refuse  ←/→ step  e edit  ? help");
        assert_eq!(drawn(41, 1), "y take  n refuse  ←/→ step  ? help");
        assert_eq!(drawn(8, 1), "? help");
    }

    proptest! {
        #[test]
        fn any_size(w in 0u16..=30, h in 0u16..=12) {
            drawn(w, h);
        }
    }
}
