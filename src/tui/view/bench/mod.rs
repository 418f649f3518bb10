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
use super::{Drawn, Look, View, layout};
use crate::app::App;
use crate::app::bench::{Bench, Pane};
use crate::app::message::Target;

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
    let focused = bench.focus == of;
    let query = if bench.held.is_some() { "Held" } else { "Query" };
    let shared: &[(Pane, &str)] = match (tabs, layout::columns(buf.area.width), of) {
        (true, 2, Pane::Query | Pane::Reference) => &[(Pane::Query, query), (Pane::Reference, "Reference")],
        (true, 1, Pane::Query | Pane::Reference | Pane::Trajectory) => {
            &[(Pane::Query, query), (Pane::Reference, "Reference"), (Pane::Trajectory, "Trajectory")]
        }
        _ => &[],
    };
    // Each tab in its place; the one that is seen in brackets, with what its title says.
    let tab = |(pane, name): &(Pane, &str)| if *pane == of { format!("[{title}]") } else { (*name).to_owned() };
    let tabs: Vec<String> = shared.iter().filter(|_| !bench.zoom).map(tab).collect();
    let title = if tabs.is_empty() { title.to_owned() } else { tabs.join(" ┊ ") };
    pane::draw(buf, area, theme, pane::Pane { title: &title, right, focused })
}

/// A sentence in the middle of a pane, with the key that helps.
fn empty(buf: &mut Buffer, area: Rect, theme: &Theme, said: &[&str]) {
    for (at, text) in said.iter().enumerate() {
        let y = area.y + at as u16 + area.height.saturating_sub(said.len() as u16) / 3;
        if y >= area.bottom() {
            return;
        }
        let row = Rect { x: area.x + 1, y, width: area.width.saturating_sub(2), height: 1 };
        super::line(buf, row, text, theme.style(if at == 0 { Role::Text } else { Role::Dim }));
    }
}
