//! The query, and under it the measures of the version under the cursor with what explains them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::super::theme::{Role, Theme};
use super::super::super::widgets::{paint, scrollbar, text};
use super::super::{Look, View};
use super::border;
use crate::app::App;
use crate::app::bench::{Bench, Measure, Moment, Pane, Tone};
use crate::text::width;

/// Rows of a note or of the tags at most: the rest is read where it is written.
const NOTE: u16 = 6;

impl View {
    pub(super) fn draw_query(&mut self, buf: &mut Buffer, area: Rect, bench: &Bench, tabs: bool, look: Look<'_>) {
        let inner = border(buf, area, look.theme, (Pane::Query, bench), tabs, ("Query", ""));
        let lines = bench.measures();
        let notes = notes(bench);
        let rows = |text: &str| (text::Sheet::new(text, inner.width.max(1)).rows() as u16).clamp(1, NOTE);
        let noted: u16 = notes.iter().map(|(text, _)| rows(text)).sum();
        let below = (lines.len() + usize::from(!lines.is_empty())) as u16 + noted;
        let below = below.min(inner.height.saturating_sub(3));
        let top = Rect { height: inner.height - below, ..inner };
        let find = super::reference::find_layer(bench, Pane::Query);
        let syntax = self.syntax(bench.query());
        self.draw_text(buf, top, Pane::Query, bench.query(), &[&syntax, &find], look);
        let mut y = top.bottom();
        if !lines.is_empty() && y < inner.bottom() {
            let rule = "─".repeat(usize::from(inner.width));
            paint::put(buf, (inner.x, y), inner.width, &rule, look.theme.style(Role::Border));
            paint::fitted(buf, (inner.x + 1, y), inner.width - 1, " measures ", look.theme.style(Role::Dim));
            y += 1;
        }
        for line in lines {
            draw_line(buf, Rect { y, height: 1, ..inner }, look.theme, &line, inner.bottom());
            y += 1;
        }
        for (said, role) in notes {
            let place = Rect { y, height: rows(&said).min(inner.bottom().saturating_sub(y)), ..inner };
            let mut sheet = text::Sheet::new(&said, inner.width.max(1));
            text::draw_folded(buf, place, &mut sheet, text::Look { base: role, ..text::Look::plain(look.theme) });
            y += place.height;
        }
    }

    /// Highlights of code and markdown in a text, as far as they are ready.
    pub(super) fn syntax(&mut self, text: &str) -> std::sync::Arc<Vec<(std::ops::Range<usize>, Role)>> {
        self.highlighter.as_mut().and_then(|highlighter| highlighter.layers(text)).unwrap_or_default()
    }

    /// A pane's text with its scrollbar.
    pub(super) fn draw_text(
        &mut self,
        buf: &mut Buffer,
        area: Rect,
        pane: Pane,
        raw: &str,
        layers: &[&[(std::ops::Range<usize>, Role)]],
        look: Look<'_>,
    ) {
        if area.is_empty() || area.width < 4 {
            return;
        }
        let text_area = Rect { width: area.width - 1, ..area };
        let width = text_area.width.saturating_sub(text::gutter(look.bands)).max(1);
        let sheet = self.sheets.get(raw, width);
        let first = self.windows.entry(pane).or_default().top_of(sheet, area.height);
        let drawn = text::Look { theme: look.theme, base: Role::Text, layers, bands: look.bands };
        text::draw(buf, text_area, sheet, first, drawn);
        let bar = Rect { x: area.right() - 1, width: 1, ..area };
        scrollbar::draw(buf, bar, look.theme, first, sheet.rows());
    }

    /// The version that is held, in the place of the query.
    pub(super) fn draw_held(
        &mut self,
        buf: &mut Buffer,
        area: Rect,
        app: &App,
        bench: &Bench,
        (held, tabs): (&Moment, bool),
        look: Look<'_>,
    ) {
        let score = bench.shown_score(held.node, app.memory.shown).map(|value| app.memory.shown.write(value));
        let title = format!("Held v{}, {}", held.node.0, held.name(&bench.me));
        let inner = border(buf, area, look.theme, (Pane::Query, bench), tabs, (&title, &score.unwrap_or_default()));
        let z = bench.search().and_then(|search| search.tree().trajectory(held.node));
        let text = z.map(crate::reer::Trajectory::text).unwrap_or_default();
        self.draw_text(buf, inner, Pane::Query, &text, &[], look);
    }
}

fn draw_line(buf: &mut Buffer, row: Rect, theme: &Theme, measure: &Measure, bottom: u16) {
    if row.y >= bottom {
        return;
    }
    let Measure { name, value, behind, .. } = measure;
    let role = match measure.tone {
        Tone::Plain => Role::Text,
        Tone::Main => Role::Accent,
        Tone::Better => Role::Better,
        Tone::Worse => Role::Worse,
        Tone::Warning => Role::Warning,
    };
    let used = paint::put(buf, (row.x, row.y), row.width, &format!("{name:<9}"), theme.style(Role::Label));
    let value_room = if value.is_empty() { 0 } else { 6.max(width(value) as u16).min(row.width.saturating_sub(used)) };
    paint::fitted_right(buf, (row.x + used, row.y), value_room, value, theme.style(role));
    let rest = used + value_room + 1;
    paint::fitted(
        buf,
        (row.x + rest.min(row.width), row.y),
        row.width.saturating_sub(rest),
        behind,
        theme.style(Role::Dim),
    );
}

/// Tags, flags and the note of the example.
fn notes(bench: &Bench) -> Vec<(String, Role)> {
    let annotations = &bench.state.annotations;
    let mut lines = Vec::new();
    let tags: Vec<String> = annotations.tags().iter().map(|tag| format!("#{tag}")).collect();
    if !tags.is_empty() {
        lines.push((tags.join(" "), Role::Label));
    }
    if let Some(note) = annotations.notes().get(&None) {
        lines.push((format!("note: {note}"), Role::Dim));
    }
    lines
}
