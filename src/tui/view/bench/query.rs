//! The query, and under it the measures of the version under the cursor with what explains them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::super::theme::{Role, Theme};
use super::super::super::widgets::{paint, scrollbar, text};
use super::super::{Look, View, status};
use super::border;
use crate::app::App;
use crate::app::bench::{Bench, Moment, Pane};
use crate::reer::{Measures, Objective};
use crate::text::width;

/// Rows of a note or of the tags at most: the rest is read where it is written.
const NOTE: u16 = 6;

/// One line of the measures: name, value, and what stands behind it.
type Line = (&'static str, String, Role, String);

impl View {
    pub(super) fn draw_query(&mut self, buf: &mut Buffer, area: Rect, bench: &Bench, tabs: bool, look: Look<'_>) {
        let inner = border(buf, area, look.theme, (Pane::Query, bench), tabs, ("Query", ""));
        let lines = measures(bench);
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
            let rule = format!("─ measures {}", "─".repeat(usize::from(inner.width)));
            paint::put(buf, (inner.x, y), inner.width, &rule, look.theme.style(Role::Border));
            y += 1;
        }
        for line in lines {
            draw_line(buf, Rect { y, height: 1, ..inner }, look.theme, &line, inner.bottom());
            y += 1;
        }
        for (said, role) in notes {
            let place = Rect { y, height: rows(&said).min(inner.bottom().saturating_sub(y)), ..inner };
            let mut sheet = text::Sheet::new(&said, inner.width.max(1));
            text::draw(buf, place, &mut sheet, 0, text::Look { base: role, ..text::Look::plain(look.theme) });
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
        let title = format!("Held v{}, {}", held.node.0, held.name());
        let inner = border(buf, area, look.theme, (Pane::Query, bench), tabs, (&title, &score.unwrap_or_default()));
        let z = bench.search().and_then(|search| search.tree().trajectory(held.node));
        let text = z.map(crate::reer::Trajectory::text).unwrap_or_default();
        self.draw_text(buf, inner, Pane::Query, &text, &[], look);
    }
}

fn draw_line(buf: &mut Buffer, row: Rect, theme: &Theme, (name, value, role, behind): &Line, bottom: u16) {
    if row.y >= bottom {
        return;
    }
    let used = paint::put(buf, (row.x, row.y), row.width, &format!("{name:<9}"), theme.style(Role::Label));
    let value_room = if value.is_empty() { 0 } else { 6.max(width(value) as u16).min(row.width.saturating_sub(used)) };
    paint::fitted_right(buf, (row.x + used, row.y), value_room, value, theme.style(*role));
    let rest = used + value_room + 1;
    paint::fitted(
        buf,
        (row.x + rest.min(row.width), row.y),
        row.width.saturating_sub(rest),
        behind,
        theme.style(Role::Dim),
    );
}

fn measures(bench: &Bench) -> Vec<Line> {
    let Some(search) = bench.search() else { return Vec::new() };
    let version = bench.node().and_then(|node| search.tree().get(node));
    let Some((version, now)) = version.and_then(|version| Some((version, version.measures?))) else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    let baseline = search.baseline();
    // What the search minimises comes first, where it is no perplexity.
    if let Some(clipped) = now.clipped.filter(|_| search.config().objective == Objective::ReerClipped) {
        let before =
            baseline.and_then(|baseline| baseline.clipped).map(|before| format!("baseline {:.3}", before.nll.0));
        lines.push(("clipped", format!("{:.3}", clipped.nll.0), Role::Accent, before.unwrap_or_default()));
    }
    let behind = baseline.map(|b| format!("baseline {:.1}", b.ppl.0)).unwrap_or_default();
    lines.push(("ppl", format!("{:.1}", now.ppl.0), Role::Accent, behind));
    if let Some(baseline) = baseline {
        let gain = now.gain(baseline);
        let role = if gain.gain_nats.0 > 0.0 { Role::Better } else { Role::Worse };
        let percent = format!("nats, {:.1} %", gain.gain_percent).replace('-', "−");
        lines.push(("gain", format!("{:.3}", gain.gain_nats.0).replace('-', "−"), role, percent));
        lines.push(("anchoring", format!("{:.2}", anchoring(&now, baseline)), Role::Text, String::new()));
    }
    if let Some(leak) = version.leak {
        let role = if leak.span_words > 8 || leak.ngram > 0.02 { Role::Warning } else { Role::Text };
        let run = format!("run, {:.1} %", 100.0 * leak.span_share);
        lines.push(("copied", format!("{} w", leak.span_words), role, run));
        lines.push(("8-grams", format!("{:.1}%", 100.0 * leak.ngram), role, "copied".to_owned()));
    }
    lines.push(("bits/char", format!("{:.3}", now.bits_per_char.0), Role::Text, clipped(&now)));
    let scorer = bench.state.scorer.as_ref().map(|scorer| scorer.model.as_str()).unwrap_or_default();
    lines.push(("scorer", String::new(), Role::Text, format!("{scorer}, {}", status::objective(search))));
    lines.push(("tokens", now.tokens.to_string(), Role::Text, "of y".to_owned()));
    lines
}

/// What the official score would see of it.
fn clipped(measures: &Measures) -> String {
    format!("{:.0} % clipped", 100.0 * measures.clipped_fraction)
}

/// 1 - nll / baseline.nll, 0 to 1: what SSR counts as a leak, and REER maximises.
fn anchoring(now: &Measures, baseline: &Measures) -> f64 {
    (1.0 - now.nll.0 / baseline.nll.0).clamp(0.0, 1.0)
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
