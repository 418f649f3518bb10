//! The border of a pane: thin, its title at the left, what it has to say at the right, focus by both together.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::paint::{cell, fitted};
use crate::text::{Safe, fit_end, width};
use crate::tui::theme::{Role, Theme};

/// A pane's frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pane<'a> {
    pub title: &'a str,
    /// At the right end of the title's row; goes before the title is cut.
    pub right: &'a str,
    pub focused: bool,
}

/// Draws the border and returns what it leaves free.
pub fn draw(buf: &mut Buffer, area: Rect, theme: &Theme, pane: Pane<'_>) -> Rect {
    draw_behind(buf, area, theme, "", pane)
}

/// As [`draw`], with the names of other panes before the title and its sign of focus.
pub fn draw_behind(buf: &mut Buffer, area: Rect, theme: &Theme, before: &str, pane: Pane<'_>) -> Rect {
    let area = area.intersection(buf.area);
    if area.width < 2 || area.height < 2 {
        return Rect { width: 0, height: 0, ..area };
    }
    border(buf, area, theme, pane.focused);
    titles(buf, area, theme, before, pane);
    Rect { x: area.x + 1, y: area.y + 1, width: area.width - 2, height: area.height - 2 }
}

/// Words on the lower border, at its right end, where there is room for all of them.
pub fn foot(buf: &mut Buffer, area: Rect, theme: &Theme, said: &str) {
    let text = format!(" {said} ");
    if area.height > 1 && width(&text) + 4 <= usize::from(area.width) {
        let (room, y) = (width(&text) as u16, area.bottom() - 1);
        fitted(buf, (area.right() - 2 - room, y), room, &text, theme.style(Role::Dim));
    }
}

fn border(buf: &mut Buffer, area: Rect, theme: &Theme, focused: bool) {
    let style = theme.style(if focused { Role::BorderFocused } else { Role::Border });
    let (right, bottom) = (area.right() - 1, area.bottom() - 1);
    for x in area.x + 1..right {
        cell(buf, (x, area.y), 1, "─", style);
        cell(buf, (x, bottom), 1, "─", style);
    }
    for y in area.y + 1..bottom {
        cell(buf, (area.x, y), 1, "│", style);
        cell(buf, (right, y), 1, "│", style);
    }
    for (place, sign) in
        [(area.x, area.y), (right, area.y), (area.x, bottom), (right, bottom)].into_iter().zip(["╭", "╮", "╰", "╯"])
    {
        cell(buf, place, 1, sign, style);
    }
}

fn titles(buf: &mut Buffer, area: Rect, theme: &Theme, before: &str, pane: Pane<'_>) {
    let room = area.width.saturating_sub(4);
    if room < 3 {
        return;
    }
    let style = theme.style(if pane.focused { Role::TitleFocused } else { Role::Title });
    // Focus in words of shape too, for terminals without colours.
    let sign = if pane.focused { "▸ " } else { "" };
    let title = format!(" {before}{sign}{} ", pane.title);
    let used = fitted(buf, (area.x + 1, area.y), room, &title, style);
    let left = room.saturating_sub(used + 1);
    let right = Safe::new(pane.right);
    if right.is_empty() || left < 6 {
        return;
    }
    let text = format!(" {} ", fit_end(&right, usize::from(left) - 2));
    let x = area.right() - 2 - width(&text) as u16;
    fitted(buf, (x, area.y), left, &text, theme.style(Role::Dim));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::widgets::picture::text_of;
    use proptest::prelude::*;

    fn drawn(w: u16, h: u16, pane: Pane<'_>) -> String {
        let mut buf = Buffer::empty(Rect::new(0, 0, w, h));
        draw(&mut buf, Rect::new(0, 0, w, h), &Theme::mono(), pane);
        text_of(&buf)
    }

    #[test]
    fn titles_give_way_from_the_right() {
        let pane = Pane { title: "Trajectory", right: "v9 · 6 segments", focused: true };
        insta::assert_snapshot!(drawn(40, 3, pane), @"
        ╭ ▸ Trajectory ────── v9 · 6 segments ─╮
        │                                      │
        ╰──────────────────────────────────────╯
        ");
        insta::assert_snapshot!(drawn(28, 2, Pane { focused: false, ..pane }), @"
        ╭ Trajectory ── v9 · 6 s… ─╮
        ╰──────────────────────────╯
        ");
        insta::assert_snapshot!(drawn(12, 2, pane), @"
        ╭ ▸ Traj…──╮
        ╰──────────╯
        ");
        insta::assert_snapshot!(drawn(4, 2, pane), @"
        ╭──╮
        ╰──╯
        ");
    }

    #[test]
    fn a_foot_is_whole_or_not_there() {
        let footed = |w, said| {
            let mut buf = Buffer::empty(Rect::new(0, 0, w, 2));
            draw(&mut buf, Rect::new(0, 0, w, 2), &Theme::mono(), Pane { title: "Chart", right: "", focused: false });
            foot(&mut buf, Rect::new(0, 0, w, 2), &Theme::mono(), said);
            text_of(&buf)
        };
        insta::assert_snapshot!(footed(24, "by m, 98 tokens"), @"
        ╭ Chart ───────────────╮
        ╰──── by m, 98 tokens ─╯
        ");
        insta::assert_snapshot!(footed(20, "by m, 98 tokens"), @"
        ╭ Chart ───────────╮
        ╰──────────────────╯
        ");
    }

    proptest! {
        #[test]
        fn any_size(w in 0u16..=30, h in 0u16..=12, title in "\\PC{0,9}", right in "\\PC{0,9}", focused: bool) {
            let mut buf = Buffer::empty(Rect::new(0, 0, w, h));
            let inner = draw(&mut buf, Rect::new(0, 0, w, h), &Theme::mono(), Pane { title: &title, right: &right, focused });
            prop_assert!(inner.is_empty() || inner.right() < w && inner.bottom() < h);
        }
    }
}
