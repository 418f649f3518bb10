//! A pane's border on the bench: its title, the names of the panes that share its place, whether it has the keys.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::super::theme::Theme;
use super::super::super::widgets::pane;
use crate::app::bench::Pane;
use crate::text::width;

/// Where a pane stands, and among which others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) area: Rect,
    pub(super) pane: Pane,
    pub(super) focused: bool,
    /// The panes that share the place, this one among them, each in its place; none when it stands alone.
    pub(super) shared: &'a [(Pane, &'a str)],
}

impl Frame<'_> {
    /// Draws the border and returns what it leaves free.
    pub(super) fn draw(self, buf: &mut Buffer, theme: &Theme, (title, right): (&str, &str)) -> Rect {
        let (before, title) = self.titled(title);
        pane::draw_behind(buf, self.area, theme, &before, pane::Pane { title: &title, right, focused: self.focused })
    }

    /// Whether a title and what stands beside it are both shown whole.
    pub(super) fn has_room(self, title: &str, right: &str) -> bool {
        let sign = if self.focused { 5 } else { 3 };
        let (before, title) = self.titled(title);
        // The corners, the spaces around both, and a line between them.
        width(&before) + width(&title) + sign + width(right) + 6 <= usize::from(self.area.width)
    }

    /// What stands before the title, and the title with what stands behind it: the pane that is seen in brackets.
    fn titled(self, title: &str) -> (String, String) {
        let Some(at) = self.shared.iter().position(|(pane, _)| *pane == self.pane) else {
            return (String::new(), title.to_owned());
        };
        let before = self.shared[..at].iter().map(|(_, name)| format!("{name} ┊ ")).collect::<String>();
        let behind = self.shared[at + 1..].iter().map(|(_, name)| format!(" ┊ {name}")).collect::<String>();
        (format!("{before}["), format!("{title}]{behind}"))
    }
}
