//! The bench: query, reference and trajectory side by side, the chart under them.

mod chart;
mod copied;
mod hunk;
mod query;
mod reference;
mod trajectory;
mod unwritten;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::theme::{Role, Theme};
use super::super::widgets::pane;
use super::super::widgets::text::{self, Sheet};
use super::{Drawn, Look, View, layout};
use crate::app::App;
use crate::app::bench::{Bench, Pane};
use crate::app::message::Target;
use crate::text::width;

pub use copied::CopiedRuns;

impl View {
    pub(super) fn draw_bench(
        &mut self,
        buf: &mut Buffer,
        body: Rect,
        app: &App,
        bench: &Bench,
        look: Look<'_>,
    ) -> Drawn {
        let shown = if bench.held.is_some() { Pane::Query } else { Pane::Reference };
        let panes = layout::panes(body, bench.focus, shown, bench.zoom);
        if let Some(area) = panes.query {
            self.targets.add(area, Target::Pane(Pane::Query));
            match bench.held.and_then(|held| bench.timeline.get(held)).filter(|_| !bench.zoom) {
                Some(held) => self.draw_held(buf, area, app, bench, (held, panes.tabs), look),
                None => self.draw_query(buf, area, bench, panes.tabs, look),
            }
        }
        if let Some(area) = panes.reference {
            self.targets.add(area, Target::Pane(Pane::Reference));
            self.draw_reference(buf, area, app, bench, panes.tabs, look);
        }
        if let Some(area) = panes.trajectory {
            self.targets.add(area, Target::Pane(Pane::Trajectory));
            self.draw_trajectory(buf, area, app, bench, panes.tabs, look);
        }
        if let Some(area) = panes.chart {
            self.targets.add(area, Target::Pane(Pane::Chart));
            self.draw_chart(buf, area, app, bench, look.theme);
        }
        Drawn::default()
    }
}

/// A pane's border. With `tabs`, the names of the panes that share its place stand in the title.
fn border(
    buf: &mut Buffer,
    area: Rect,
    theme: &Theme,
    (of, bench): (Pane, &Bench),
    tabs: bool,
    (title, right): (&str, &str),
) -> Rect {
    let title = titled(buf.area.width, (of, bench), tabs, title);
    pane::draw(buf, area, theme, pane::Pane { title: &title, right, focused: bench.focus == of })
}

/// Whether a pane's title and what stands beside it are both shown whole.
fn has_room(screen: u16, area: Rect, (of, bench): (Pane, &Bench), tabs: bool, (title, right): (&str, &str)) -> bool {
    let sign = if bench.focus == of { 5 } else { 3 };
    let title = titled(screen, (of, bench), tabs, title);
    // The corners, the spaces around both, and a line between them.
    width(&title) + sign + width(right) + 6 <= usize::from(area.width)
}

/// The title of a pane, with the names of the panes that share its place.
fn titled(screen: u16, (of, bench): (Pane, &Bench), tabs: bool, title: &str) -> String {
    let query = if bench.held.is_some() { "Held" } else { "Query" };
    let shared: &[(Pane, &str)] = match (tabs, layout::columns(screen), of) {
        (true, 2, Pane::Query | Pane::Reference) => &[(Pane::Query, query), (Pane::Reference, "Reference")],
        (true, 1, Pane::Query | Pane::Reference | Pane::Trajectory) => {
            &[(Pane::Query, query), (Pane::Reference, "Reference"), (Pane::Trajectory, "Trajectory")]
        }
        _ => &[],
    };
    // Each tab in its place; the one that is seen in brackets, with what its title says.
    let tab = |(pane, name): &(Pane, &str)| if *pane == of { format!("[{title}]") } else { (*name).to_owned() };
    let tabs: Vec<String> = shared.iter().filter(|_| !bench.zoom).map(tab).collect();
    if tabs.is_empty() { title.to_owned() } else { tabs.join(" ┊ ") }
}

/// A sentence in the middle of a pane, wrapped, and under it the keys that help.
fn empty(buf: &mut Buffer, area: Rect, theme: &Theme, said: &[&str]) {
    let room = area.width.saturating_sub(2).max(1);
    let mut sheets: Vec<Sheet> = said.iter().map(|text| Sheet::new(text, room)).collect();
    let rows: usize = sheets.iter().map(Sheet::rows).sum();
    let mut y = area.y + area.height.saturating_sub(rows as u16) / 3;
    for (at, sheet) in sheets.iter_mut().enumerate() {
        let height = (sheet.rows() as u16).min(area.bottom().saturating_sub(y));
        let base = if at == 0 { Role::Text } else { Role::Dim };
        let place = Rect { x: area.x + 1, y, width: room, height };
        text::draw(buf, place, sheet, 0, text::Look { base, ..text::Look::plain(theme) });
        y += height;
    }
}
