//! Lists: palette, keys, pickers, questions.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::super::theme::Role;
use super::super::super::widgets::{field, list, paint, pane, scrollbar};
use super::super::{Look, View, layout};
use super::Over;
use crate::app::message::Target;
use crate::app::overlay::{Item, Picker, Picking};
use crate::text::{Safe, fit_end, width};

impl View {
    pub(super) fn draw_list(&mut self, buf: &mut Buffer, body: Rect, picker: &Picker, look: Look<'_>) -> Over {
        let rows = picker.rows().len() as u16;
        let head = if picker.narrows() { 1 } else { 0 };
        let high = (rows.max(1) + 2 + head).min(body.height.saturating_sub(2)).max(4 + head);
        let wide = match picker.picking {
            Picking::BackEnd => 118,
            _ if picker.narrows() => 96,
            _ => 72,
        };
        let area = layout::centred(body, wide, high);
        paint::clear(buf, area, look.theme.style(Role::Overlay));
        let right = if picker.narrows() { format!("{rows}") } else { String::new() };
        let inner =
            pane::draw(buf, area, look.theme, pane::Pane { title: picker.title(), right: &right, focused: true });
        let mut over = Over::default();
        if picker.narrows() {
            let row = Rect { height: 1, ..inner };
            over.cursor = field::draw(buf, row, look.theme, &picker.line, "type to narrow the list");
        }
        let rest = Rect { y: inner.y + head, height: inner.height.saturating_sub(head), ..inner };
        over.page = usize::from(rest.height);
        if rows == 0 {
            super::super::line(buf, rest, "Nothing is called so.", look.theme.style(Role::Dim));
            return over;
        }
        let window = list::window(self.list_top, Some(picker.selected_index()), picker.rows().len(), rest.height);
        self.list_top = window.start;
        let first = column(picker);
        for (line, item) in picker.rows().enumerate().skip(window.start).take(window.len()) {
            let row = Rect { y: rest.y + (line - window.start) as u16, height: 1, width: rest.width - 1, ..rest };
            self.targets.add(row, Target::Row(line));
            draw_item(buf, row, item, (line == picker.selected_index(), first, picker.picking), look);
        }
        let bar = Rect { x: rest.right() - 1, width: 1, ..rest };
        scrollbar::draw(buf, bar, look.theme, window.start, picker.rows().len());
        over
    }
}

/// Cells of the first column.
fn column(picker: &Picker) -> u16 {
    let most = match picker.picking {
        Picking::BackEnd => 36,
        _ if picker.narrows() => 26,
        _ => 68,
    };
    picker.rows().map(|item| width(&Safe::new(&item.label))).max().unwrap_or(0).min(most) as u16
}

fn draw_item(
    buf: &mut Buffer,
    row: Rect,
    item: &Item,
    (selected, first, picking): (bool, u16, Picking),
    look: Look<'_>,
) {
    let ground = if selected { Role::Selection } else { Role::Overlay };
    let style = look.theme.style(ground);
    paint::clear(buf, row, style);
    let name = if picking == Picking::Help { Role::Key } else { Role::Text };
    let over = |role| if selected { style } else { look.theme.style(role) };
    let mark = if selected { "▸ " } else { "  " };
    paint::put(buf, (row.x, row.y), 2, mark, style);
    let label = fit_end(&item.label, usize::from(first)).into_owned();
    paint::put(buf, (row.x + 2, row.y), first, &label, over(name));
    let aside = width(&Safe::new(&item.aside)) as u16;
    let detail = row.x + 2 + first + 2;
    let room = row.right().saturating_sub(detail + aside + 1);
    paint::fitted(buf, (detail, row.y), room, &item.detail, over(Role::Dim));
    let role = if picking == Picking::Command { Role::Key } else { Role::Dim };
    paint::fitted_right(buf, (row.right().saturating_sub(aside), row.y), aside.min(row.width), &item.aside, over(role));
}
