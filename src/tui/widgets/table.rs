//! Tables whose columns fit what is in them: numbers stand right, words left, the wide ones give way first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::paint::{cells_of, clear, fitted, fitted_right};
use crate::text::{Align, Safe, fit_middle};
use crate::tui::theme::{Role, Theme};

/// Cells between two columns.
const GAP: u16 = 2;

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column<'a> {
    pub name: &'a str,
    /// [`Align::Right`] for numbers.
    pub align: Align,
    /// Fewest cells it may be cut to; it is left out when even those are not free.
    pub least: u16,
    pub cut: Cut,
}

/// Where a text that does not fit gives way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    End,
    /// For names, whose ends tell them apart.
    Middle,
}

/// One cell: its text and what it means.
pub type Cell = (String, Role);

/// A table as it is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    pub columns: &'a [Column<'a>],
    /// The rows that are seen, as [`super::list::window`] gives them.
    pub rows: &'a [Vec<Cell>],
    /// Index in `rows`.
    pub selected: Option<usize>,
}

/// Draws the names and the rows.
pub fn draw(buf: &mut Buffer, area: Rect, theme: &Theme, table: &Table<'_>) {
    let area = area.intersection(buf.area);
    let widths = widths(table, area.width.saturating_sub(2));
    let heads = table.columns.iter().map(|column| (column.name, Role::Label));
    if area.height > 0 {
        draw_row(buf, Rect { height: 1, ..area }, theme, table.columns, &widths, heads);
    }
    for (at, row) in table.rows.iter().enumerate().take(usize::from(area.height.saturating_sub(1))) {
        let line = Rect { y: area.y + 1 + at as u16, height: 1, ..area };
        let selected = table.selected == Some(at);
        if selected {
            clear(buf, line, theme.style(Role::Selection));
            // A shape besides the colour.
            fitted(buf, (line.x, line.y), line.width, "▸", theme.style(Role::Selection));
        }
        let cells = row.iter().map(|(text, role)| (text.as_str(), if selected { Role::Selection } else { *role }));
        draw_row(buf, line, theme, table.columns, &widths, cells);
    }
}

fn draw_row<'a>(
    buf: &mut Buffer,
    line: Rect,
    theme: &Theme,
    columns: &[Column<'_>],
    widths: &[u16],
    cells: impl Iterator<Item = (&'a str, Role)>,
) {
    // Room for the sign of the selected row.
    let mut x = line.x.saturating_add(2);
    for ((column, cells_of), (text, role)) in columns.iter().zip(widths).zip(cells) {
        let (room, style) = ((*cells_of).min(line.right().saturating_sub(x)), theme.style(role));
        if *cells_of == 0 {
            continue;
        }
        match column.align {
            Align::Left if column.cut == Cut::Middle => {
                let text = fit_middle(&Safe::new(text), usize::from(room)).into_owned();
                fitted(buf, (x, line.y), room, &text, style);
            }
            Align::Left => {
                fitted(buf, (x, line.y), room, text, style);
            }
            Align::Right => fitted_right(buf, (x, line.y), room, text, style),
        }
        x = x.saturating_add(*cells_of + GAP);
    }
}

/// Cells of each column, none for those that are left out: the widest gives a cell until all fit, then the last ones
/// go.
fn widths(table: &Table<'_>, room: u16) -> Vec<u16> {
    let natural = table.columns.iter().enumerate().map(|(at, column)| {
        let cells = table.rows.iter().filter_map(|row| row.get(at)).map(|(text, _)| cells_of(text, room));
        cells.chain([cells_of(column.name, room)]).max().unwrap_or_default()
    });
    let mut widths: Vec<u16> = natural.collect();
    let least = |at: usize| table.columns[at].least.max(1);
    while taken(&widths) > u32::from(room) {
        let shrinkable = (0..widths.len()).filter(|at| widths[*at] > least(*at));
        match shrinkable.max_by_key(|at| widths[*at]) {
            Some(at) => {
                let over = (taken(&widths) - u32::from(room)).min(u32::from(u16::MAX)) as u16;
                let next = (0..widths.len()).filter(|other| *other != at).map(|other| widths[other]).max();
                let step = widths[at].saturating_sub(next.unwrap_or(0)).max(1);
                widths[at] = widths[at].saturating_sub(over.min(step)).max(least(at));
            }
            None => match widths.iter().rposition(|cells| *cells > 0) {
                Some(last) => widths[last] = 0,
                None => break,
            },
        }
    }
    widths
}

fn taken(widths: &[u16]) -> u32 {
    let shown = widths.iter().filter(|cells| **cells > 0);
    shown.map(|cells| u32::from(cells + GAP)).sum::<u32>().saturating_sub(u32::from(GAP))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::widgets::picture::text_of;
    use proptest::prelude::*;

    const COLUMNS: [Column<'_>; 4] = [
        Column { name: "name", align: Align::Left, least: 6, cut: Cut::End },
        Column { name: "ppl", align: Align::Right, least: 5, cut: Cut::End },
        Column { name: "gain", align: Align::Right, least: 4, cut: Cut::End },
        Column { name: "queue", align: Align::Left, least: 5, cut: Cut::End },
    ];

    fn rows() -> Vec<Vec<Cell>> {
        let row = |cells: [&str; 4]| cells.map(|cell| (cell.to_owned(), Role::Text)).to_vec();
        vec![row(["lighthouse-letter", "31.9", "−28.6 %", "kept"]), row(["灯塔的信", "104.2", "−3.1 %", "pending"])]
    }

    fn drawn(w: u16, h: u16) -> String {
        let mut buf = Buffer::empty(Rect::new(0, 0, w, h));
        let rows = rows();
        let table = Table { columns: &COLUMNS, rows: &rows, selected: Some(1) };
        draw(&mut buf, Rect::new(0, 0, w, h), &Theme::mono(), &table);
        text_of(&buf)
    }

    #[test]
    fn columns_fit_what_is_in_them() {
        insta::assert_snapshot!(drawn(50, 4), @"
          name                 ppl     gain  queue
          lighthouse-letter   31.9  −28.6 %  kept
        ▸ 灯塔的信           104.2   −3.1 %  pending
        ");
        insta::assert_snapshot!(drawn(36, 3), @"
          name         ppl     gain  queue
          lighthou…   31.9  −28.6 %  kept
        ▸ 灯塔的信   104.2   −3.1 %  pending
        ");
        insta::assert_snapshot!(drawn(20, 3), @"
          name      ppl
          light…   31.9
        ▸ 灯塔…   104.2
        ");
    }

    proptest! {
        #[test]
        fn any_size(w in 0u16..=50, h in 0u16..=12) {
            drawn(w, h);
        }
    }
}
