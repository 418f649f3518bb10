//! The bench: query, reference and trajectory side by side, the chart under them.

mod chart;
mod copied;
mod frame;
mod hunk;
mod query;
mod reference;
mod trajectory;
mod unwritten;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::theme::{Role, Theme};
use super::super::widgets::text::{self, Sheet};
use super::{Drawn, Look, View, layout};
use crate::app::App;
use crate::app::bench::{Bench, Pane};
use crate::app::message::Target;
use crate::app::overlay::Overlay;
use frame::Frame;

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
        let panes = layout::panes(body, bench.focus, bench.aside, bench.zoom);
        let query = if bench.held.is_some() { "Held" } else { "Query" };
        let texts = [(Pane::Query, query), (Pane::Reference, "Reference"), (Pane::Trajectory, "Trajectory")];
        // A text that is being written has the keys, whatever pane it lies over.
        let writing = app.overlays.iter().any(|overlay| matches!(overlay, Overlay::Writing(_)));
        let frame = |pane: Pane, area: Rect| {
            // All three texts share one place, or the first two.
            let seats = if layout::columns(body.width) == 1 { &texts[..] } else { &texts[..2] };
            let among = panes.tabs && seats.iter().any(|(seat, _)| *seat == pane);
            Frame { area, pane, focused: bench.focus == pane && !writing, shared: if among { seats } else { &[] } }
        };
        if let Some(area) = panes.query {
            self.targets.add(area, Target::Pane(Pane::Query));
            match bench.held.and_then(|held| bench.timeline.get(held)).filter(|_| !bench.zoom) {
                Some(held) => self.draw_held(buf, frame(Pane::Query, area), app, bench, held, look),
                None => self.draw_query(buf, frame(Pane::Query, area), bench, look),
            }
        }
        if let Some(area) = panes.reference {
            self.targets.add(area, Target::Pane(Pane::Reference));
            self.draw_reference(buf, frame(Pane::Reference, area), app, bench, look);
        }
        if let Some(area) = panes.trajectory {
            self.targets.add(area, Target::Pane(Pane::Trajectory));
            self.draw_trajectory(buf, frame(Pane::Trajectory, area), app, bench, look);
        }
        if let Some(area) = panes.chart {
            self.targets.add(area, Target::Pane(Pane::Chart));
            self.draw_chart(buf, frame(Pane::Chart, area), app, bench, look.theme);
        }
        Drawn::default()
    }
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
