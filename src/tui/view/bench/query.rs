//! The query, and under it the measures of the version under the cursor with what explains them.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::super::theme::{Role, Theme};
use super::super::super::widgets::{paint, scrollbar, text};
use super::super::{Look, View};
use super::frame::Frame;
use crate::app::App;
use crate::app::bench::{Bench, Measure, Moment, Pane, Tone, signed};
use crate::reer::Trajectory;
use crate::text::width;

type Spans = Vec<(Range<usize>, Role)>;

/// Rows of a note or of the tags at most: the rest is read where it is written.
const NOTE: u16 = 6;

impl View {
    pub(super) fn draw_query(&mut self, buf: &mut Buffer, frame: Frame<'_>, bench: &Bench, look: Look<'_>) {
        let inner = frame.draw(buf, look.theme, ("Query", ""));
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
    pub(super) fn syntax(&mut self, text: &str) -> std::sync::Arc<Vec<(Range<usize>, Role)>> {
        self.highlighter.as_mut().and_then(|highlighter| highlighter.layers(text)).unwrap_or_default()
    }

    /// A pane's text with its scrollbar.
    pub(super) fn draw_text(
        &mut self,
        buf: &mut Buffer,
        area: Rect,
        pane: Pane,
        raw: &str,
        layers: &[&[(Range<usize>, Role)]],
        look: Look<'_>,
    ) {
        if area.is_empty() || area.width < 4 {
            return;
        }
        let text_area = Rect { width: area.width - 1, ..area };
        let sheet = self.sheets.get(raw, text_width(area, look));
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
        frame: Frame<'_>,
        app: &App,
        bench: &Bench,
        held: &Moment,
        look: Look<'_>,
    ) {
        let score = bench.shown_score(held.node, app.memory.shown).map(|value| app.memory.shown.write(value));
        let score = score.unwrap_or_default();
        let version = format!("Held v{}", held.node.0);
        // How it came, which says more than how one came back to it.
        let came = bench.timeline.came(held.node).and_then(|came| bench.timeline.get(came)).unwrap_or(held);
        let named = format!("{version}, {}", came.name(&bench.me));
        let fits = |said: &String| frame.has_room(&named, said);
        let (title, right) = match since_held(bench, held).map(signed) {
            Some(since) => {
                let full =
                    [format!("{score} · here {since} nats"), format!("here {since} nats"), format!("here {since}")];
                // The name gives way before the number does.
                match full.into_iter().find(fits) {
                    Some(right) => (named, right),
                    None => (version, format!("here {since}")),
                }
            }
            None => (named, score),
        };
        let inner = frame.draw(buf, look.theme, (&title, &right));
        let Some(z) = bench.search().and_then(|search| search.tree().trajectory(held.node)) else { return };
        let (text, numbers, selected) = numbered(z, place_in(bench, z));
        if !inner.is_empty() {
            let sheet = self.sheets.get(&text, text_width(inner, look));
            let rows = sheet.row_of(selected.start)..sheet.row_of(selected.end) + 1;
            let mut seen = DefaultHasher::new();
            (&bench.key, held.node, bench.segment()).hash(&mut seen);
            self.windows.entry(Pane::Query).or_default().follow(seen.finish(), &[rows], inner.height);
        }
        self.draw_text(buf, inner, Pane::Query, &text, &[&numbers], look);
    }
}

/// Cells of a line of a pane's text: beside it stands the scrollbar.
fn text_width(area: Rect, look: Look<'_>) -> u16 {
    area.width.saturating_sub(1 + text::gutter(look.bands)).max(1)
}

/// The score of the version under the cursor minus that of the held one, nats per token of the objective.
fn since_held(bench: &Bench, held: &Moment) -> Option<f64> {
    let search = bench.search()?;
    let here = bench.node().filter(|here| *here != held.node)?;
    Some(search.score(here)? - search.score(held.node)?)
}

/// Where the selected segment stands in another version; where it is not in there, the segment of the same place.
fn place_in(bench: &Bench, z: &Trajectory) -> usize {
    let selected = bench.segment();
    let here = || bench.segments().iter().position(|row| Some(row.id) == selected);
    selected.and_then(|id| z.position(id)).or_else(here).unwrap_or(0)
}

/// A trajectory with its segments numbered; where the numbers stand, and the bytes of the segment at this place.
fn numbered(z: &Trajectory, selected: usize) -> (String, Spans, Range<usize>) {
    let (mut text, mut numbers, mut bytes) = (String::new(), Vec::new(), 0..0);
    for (at, segment) in z.segments.iter().enumerate() {
        text.push_str(if at == 0 { "" } else { "\n\n" });
        let from = text.len();
        text.push_str(&(at + 1).to_string());
        numbers.push((from..text.len(), if at == selected { Role::Accent } else { Role::Label }));
        text.push(' ');
        text.push_str(&segment.text);
        if at == selected {
            bytes = from..text.len();
        }
    }
    (text, numbers, bytes)
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
    let Some(node) = bench.node() else { return lines };
    let marked = annotations.marks().get(&node).map(|name| match name {
        Some(name) => format!("▾ marked: {name}"),
        None => "▾ marked".to_owned(),
    });
    lines.extend(marked.map(|marked| (marked, Role::Marked)));
    if annotations.stars().contains(&node) {
        lines.push((format!("☆ v{} is starred", node.0), Role::Marked));
    }
    if let Some(note) = annotations.notes().get(&Some(node)) {
        lines.push((format!("note on v{}: {note}", node.0), Role::Dim));
    }
    lines
}
