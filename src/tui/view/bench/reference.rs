//! The reference, tinted.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::super::theme::Role;
use super::super::super::widgets::{paint, tint};
use super::super::{Look, View};
use super::frame::Frame;
use crate::app::App;
use crate::app::bench::{Bench, Compared, Pane, Tint, signed};
use crate::app::command::Command;
use crate::text::width;

type Spans = Vec<(Range<usize>, Role)>;

impl View {
    pub(super) fn draw_reference(
        &mut self,
        buf: &mut Buffer,
        frame: Frame<'_>,
        app: &App,
        bench: &Bench,
        look: Look<'_>,
    ) {
        let title = match bench.tint {
            Tint::Off => "Reference".to_owned(),
            // There is nothing to compare yet.
            _ if bench.timeline.is_empty() => "Reference".to_owned(),
            _ => format!("Reference · {}", bench.tint_in_short()),
        };
        let tinted = tint_layer(bench);
        let right = match (&tinted, bench.compared()) {
            (None, Some(_)) if !bench.is_searching() => "measuring…".to_owned(),
            (None, None) if bench.tint == Tint::SinceHeld && !bench.timeline.is_empty() => {
                format!("{} holds a version", app.screen_key_of(Command::Compare).unwrap_or_default())
            }
            (Some(_), Some(compared)) => mean_change(bench, compared),
            _ => String::new(),
        };
        let (title, right) = fitted(frame, bench, (title, right));
        let mut inner = frame.draw(buf, look.theme, (&title, &right));
        if app.legend && bench.tint != Tint::Off && inner.height > 4 {
            inner.height -= draw_legend(buf, inner, bench, look);
        }
        self.copied.fit(bench);
        let copied = self.copied.in_reference().to_vec();
        let find = find_layer(bench, Pane::Reference);
        let syntax = self.syntax(bench.reference());
        let tinted = tinted.unwrap_or_default();
        self.draw_text(buf, inner, Pane::Reference, bench.reference(), &[&syntax, &tinted, &copied, &find], look);
    }
}

/// The title and what stands beside it, in as few words as the pane has room for: the number goes last.
fn fitted(frame: Frame<'_>, bench: &Bench, (title, right): (String, String)) -> (String, String) {
    let short = bench.tint_in_short();
    let number = right.trim_end_matches(" nats").to_owned();
    if bench.tint == Tint::Off || number == right {
        return (title, right);
    }
    let ways = [(title.clone(), right), (title.clone(), number.clone()), (short, number.clone())];
    let fits = |(title, right): &(String, String)| frame.has_room(title, right);
    ways.into_iter().find(fits).unwrap_or((title, number))
}

/// The tint's bands; `None` while what it needs is being computed, or when it is off.
fn tint_layer(bench: &Bench) -> Option<Spans> {
    let compared = bench.compared()?;
    let ends = bench.token_ends()?;
    let of = bench.logprobs(compared.of)?;
    match compared.against {
        None => Some(tint::surprisal(ends, of)),
        Some(against) => Some(tint::change(ends, bench.logprobs(against)?, of)),
    }
}

/// What the compared scores differ by, as a mean over the tokens.
fn mean_change(bench: &Bench, compared: Compared) -> String {
    let mean = |of| bench.logprobs(of).map(|values| -values.iter().sum::<f64>() / values.len().max(1) as f64);
    let against = compared.against.and_then(mean);
    let delta = mean(compared.of).zip(against).map(|(now, before)| format!("{} nats", signed(now - before)));
    delta.unwrap_or_default()
}

/// Names the bands at the bottom of `inner`; returns how many rows that takes.
fn draw_legend(buf: &mut Buffer, inner: Rect, bench: &Bench, look: Look<'_>) -> u16 {
    let of = if bench.tint == Tint::Surprisal { tint::Tint::Surprisal } else { tint::Tint::Change };
    let mut parts = tint::legend(of, look.bands);
    parts.extend(bench.leaks.then(|| (" copied ".to_owned(), Role::Leak)));
    let cells = |parts: &[(String, Role)]| parts.iter().map(|(text, _)| width(text) + 1).sum::<usize>();
    let half = parts.iter().position(|(text, _)| text.starts_with(tint::DEARER_BY)).unwrap_or(parts.len());
    let rows =
        if cells(&parts) > usize::from(inner.width) { vec![&parts[..half], &parts[half..]] } else { vec![&parts[..]] };
    let rows: Vec<_> = rows.into_iter().filter(|row| !row.is_empty()).collect();
    let space = look.theme.style(Role::Dim);
    for (at, row) in rows.iter().enumerate() {
        let y = inner.bottom() - (rows.len() - at) as u16;
        let styled = row.iter().flat_map(|(text, role)| [(text.as_str(), look.theme.style(*role)), (" ", space)]);
        paint::parts(buf, (inner.x, y), inner.width, styled);
    }
    rows.len() as u16
}

/// Matches of the search inside a pane of one text.
pub fn find_layer(bench: &Bench, pane: Pane) -> Spans {
    let Some(find) = bench.find.as_ref().filter(|find| find.pane == pane) else { return Vec::new() };
    let role = |at| if at == find.current { Role::FindCurrent } else { Role::Find };
    bench.matches().iter().enumerate().map(|(at, found)| (found.bytes.clone(), role(at))).collect()
}
