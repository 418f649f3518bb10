//! Lists: palette, keys, pickers, questions.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::super::theme::{Role, Theme};
use super::super::super::widgets::{field, list, paint, pane, scrollbar, text};
use super::super::{Look, View, layout};
use super::Over;
use crate::app::message::Target;
use crate::app::overlay::{Item, Picker, Picking};
use crate::text::{Safe, fit_end, width};

/// Cells of a list that can be narrowed, where the screen has them.
const WIDE: u16 = 112;

impl View {
    pub(super) fn draw_list(&mut self, buf: &mut Buffer, body: Rect, picker: &Picker, look: Look<'_>) -> Over {
        let rows = picker.rows().len() as u16;
        let head = if picker.narrows() { 1 } else { 0 };
        let wide = match picker.picking {
            Picking::BackEnd => WIDE.max(118),
            _ if picker.narrows() => WIDE,
            _ => 72,
        }
        .min(body.width);
        let first = column(picker);
        let foot = foot(picker, first, wide.saturating_sub(2)).min(body.height / 4);
        // The box stands still while the list in it is narrowed.
        let high = (picker.whole().max(1) as u16 + 2 + head + foot).min(body.height.saturating_sub(2)).max(4 + head);
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
        let rest = Rect { y: inner.y + head, height: inner.height.saturating_sub(head + foot), ..inner };
        let below = Rect { y: rest.bottom(), height: inner.bottom().saturating_sub(rest.bottom()), ..inner };
        if let Some(item) = picker.selected() {
            draw_foot(buf, below, &item.detail, look.theme);
        }
        over.page = usize::from(rest.height);
        if rows == 0 {
            super::super::line(buf, rest, "Nothing is called so.", look.theme.style(Role::Dim));
            return over;
        }
        let window = list::window(self.list_top, Some(picker.selected_index()), picker.rows().len(), rest.height);
        self.list_top = window.start;
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

/// Rows that the longest detail takes below the list; none where every detail fits into its row.
fn foot(picker: &Picker, first: u16, wide: u16) -> u16 {
    let cut = |item: &&Item| width(&Safe::new(&item.detail)) > usize::from(detail_room(item, first, wide - 1));
    let longest = picker.items().filter(cut).map(|item| width(&Safe::new(&item.detail))).max();
    longest.map_or(0, |longest| 1 + longest.div_ceil(usize::from(wide.saturating_sub(8).max(1))) as u16)
}

/// The selected row's detail, whole.
fn draw_foot(buf: &mut Buffer, below: Rect, detail: &str, theme: &Theme) {
    if below.height < 2 {
        return;
    }
    paint::put(buf, (below.x, below.y), below.width, &"─".repeat(usize::from(below.width)), theme.style(Role::Border));
    let area = Rect { x: below.x + 2, y: below.y + 1, width: below.width.saturating_sub(4), height: below.height - 1 };
    let mut sheet = text::Sheet::new(detail, area.width.max(1));
    text::draw(buf, area, &mut sheet, 0, text::Look::plain(theme));
}

/// Cells that a row of `wide` cells has for the detail.
fn detail_room(item: &Item, first: u16, wide: u16) -> u16 {
    wide.saturating_sub(first + 5 + width(&Safe::new(&item.aside)) as u16)
}

/// Cells of the first column.
fn column(picker: &Picker) -> u16 {
    let most = match picker.picking {
        Picking::BackEnd => 36,
        _ if picker.narrows() => 26,
        _ => 68,
    };
    picker.items().map(|item| width(&Safe::new(&item.label))).max().unwrap_or(0).min(most) as u16
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
    paint::fitted(buf, (detail, row.y), detail_room(item, first, row.width), &item.detail, over(Role::Dim));
    let role = if picking == Picking::Command { Role::Key } else { Role::Dim };
    paint::fitted_right(buf, (row.right().saturating_sub(aside), row.y), aside.min(row.width), &item.aside, over(role));
}
