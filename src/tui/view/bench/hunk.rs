//! A candidate as a hunk: a line with its numbers and its fate, and the difference to what it would replace.

use std::sync::Arc;
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::super::theme::{Role, Theme};
use super::super::super::widgets::diff::{Comparison, Comparisons, Marks};
use super::super::super::widgets::paint;
use crate::app::bench::{ByHand, Candidate, Fate, letter, reason_in_words, refusal_in_words, signed};
use crate::lm::rewrite;
use crate::reer::search::NodeId;
use crate::session::Author;
use crate::text::{Safe, fit_start, width};

/// Comparing may take so long in one frame; the rest is shown as replaced.
const PATIENCE: Duration = Duration::from_millis(2);

/// What a candidate changes; compared once, and kept while it is drawn.
pub fn compared(comparisons: &mut Comparisons, candidate: &Candidate) -> Arc<Comparison> {
    if candidate.new.is_empty() {
        return Arc::new(Comparison { text: "(no text)".to_owned(), ..Comparison::default() });
    }
    between(comparisons, &candidate.old, &candidate.new)
}

/// The difference of two texts, with the signs of what was taken out and what came in.
pub fn between(comparisons: &mut Comparisons, old: &str, new: &str) -> Arc<Comparison> {
    comparisons.get(old, new, Marks { brackets: true, unfolded: false }, PATIENCE)
}

/// What was asked for; the generator's own reason, or what kept it from being scored; what it copies.
pub fn reason(candidate: &Candidate, copied: Option<&str>) -> Option<String> {
    let error = candidate.error.as_ref().map(|error| format!("not scored: {error}"));
    let analysis = candidate.analysis.as_ref().map(|analysis| format!("why: {}", analysis.trim()));
    let asked = candidate.instruction.as_ref().map(|asked| format!("asked for: {asked}"));
    let copied = copied.map(|copied| format!("copies: {copied}"));
    let said: Vec<String> = asked.into_iter().chain(error.or(analysis)).chain(copied).collect();
    (!said.is_empty()).then(|| said.join("\n"))
}

/// What the numbers of a candidate are against, where that is another version than the one under the cursor, or than
/// that of the candidate above it.
pub fn against(candidates: &[Candidate], at: usize, (shown, text): (Option<NodeId>, &str)) -> Option<String> {
    let candidate = &candidates[at];
    let group = |candidate: &Candidate| (candidate.step, candidate.parent);
    let mine = || candidates.iter().filter(|other| group(other) == group(candidate));
    let first = at == 0;
    if !first && group(&candidates[at - 1]) == group(candidate) {
        return None;
    }
    let stood = mine().any(|other| other.old == text || other.new == text);
    let near = Some(candidate.parent) == shown || mine().any(|other| Some(other.node) == shown);
    match candidate.step {
        Some(step) if !stood => Some(format!("├ candidates of step {step}, for the text that stood here then")),
        None if first && !stood => Some("├ candidates, for the text that stood here then".to_owned()),
        _ if first && near => None,
        Some(step) => Some(format!("├ candidates of step {step}, against the version before it")),
        None => Some(format!("├ asked for, against v{}", candidate.parent.0)),
    }
}

/// The line above the difference.
pub fn draw_head(
    buf: &mut Buffer,
    place: Rect,
    theme: &Theme,
    (at, candidates): (usize, &[Candidate]),
    (selected, me): (bool, &Author),
) {
    let candidate = &candidates[at];
    let branch = if at + 1 == candidates.len() && !selected { "└ " } else { "├ " };
    let name_role = if selected { Role::Accent } else { Role::Label };
    let mark = if selected { "▸" } else { " " };
    let mut parts: Vec<(String, Role)> =
        vec![(branch.to_owned(), Role::Dim), (format!("{}{mark} ", letter(at)), name_role)];
    match candidate.delta {
        Some(delta) => {
            parts.push((format!("{:>7}", signed(delta)), if delta < 0.0 { Role::Better } else { Role::Worse }))
        }
        None => parts.push((format!("{:>7}", waiting(candidate.fate)), Role::Dim)),
    }
    // What a person said of it is all that was decided.
    let hand = by_hand(candidate, me);
    if candidate.fate != Fate::Open || hand.is_none() {
        let (fate, role) = fate(candidate);
        parts.push((format!("  {fate}"), role));
    }
    let same = candidate.repeats(&candidates[..at]);
    parts.extend(same.map(|same| (format!(" · same as {}", letter(same)), Role::Dim)));
    if let Some(hand) = hand {
        let between = if candidate.fate == Fate::Open { "  " } else { " · " };
        parts.push((format!("{between}{hand}"), Role::Edited));
    }
    if let Some(leak) = candidate.leak {
        let role = if copies_much(candidate) { Role::Warning } else { Role::Dim };
        let delta = candidate.leak_delta.filter(|delta| *delta != 0).map(|delta| format!(" ({delta:+})"));
        add(&mut parts, place.width, (format!("  leak {}w{}", leak.span_words, delta.unwrap_or_default()), role));
    }
    if let Some(change) = candidate.from_here.filter(|_| selected) {
        let role = if change < 0.0 { Role::Better } else { Role::Worse };
        add(&mut parts, place.width, (format!("  {} from here", signed(change)), role));
    }
    add(&mut parts, place.width, (format!("  {:+} chars", candidate.length_delta).replace('-', "−"), Role::Dim));
    let styled = parts.iter().map(|(text, role)| (text.as_str(), theme.style(*role)));
    paint::parts(buf, (place.x, place.y), place.width, styled);
}

/// Its longest copied run is that much longer than before that it is worth a look.
pub fn copies_much(candidate: &Candidate) -> bool {
    candidate.leak_delta.is_some_and(|words| words > 4)
}

/// The end of a rewrite that is being written, as much of it as a row may show.
pub fn last_words(text: &str, room: u16) -> String {
    /// More than the most marks that a cell can carry.
    const BYTES_PER_CELL: usize = 128;
    let text = rewrite::so_far(text).trim_end();
    let from = text.len().saturating_sub(usize::from(room) * BYTES_PER_CELL);
    let from = (from..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    text[from..].split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A rewrite that is being written: its end, so that it can be seen to grow.
pub fn draw_stream(buf: &mut Buffer, place: Rect, theme: &Theme, sample: usize, words: &str) {
    let head = format!("├ {}  ◌ writing ", letter(sample));
    let room = usize::from(place.width).saturating_sub(width(&head));
    let row = format!("{head}{}", fit_start(&Safe::new(words), room));
    paint::fitted(buf, (place.x, place.y), place.width, &row, theme.style(Role::Running));
}

/// Adds what there is room for: a number that is cut off would be another number.
fn add(parts: &mut Vec<(String, Role)>, room: u16, part: (String, Role)) {
    let used: usize = parts.iter().map(|(text, _)| width(text)).sum();
    if used + width(&part.0) <= usize::from(room) {
        parts.push(part);
    }
}

fn waiting(fate: Fate) -> &'static str {
    match fate {
        Fate::Scoring => "…",
        _ => "–",
    }
}

/// What the search made of it, in words and a sign.
fn fate(candidate: &Candidate) -> (String, Role) {
    match candidate.fate {
        Fate::Scoring => ("scoring…".to_owned(), Role::Running),
        Fate::Unscored => ("not scored yet".to_owned(), Role::Dim),
        Fate::Open => ("not decided".to_owned(), Role::Text),
        Fate::Chosen => ("✓ taken".to_owned(), Role::Better),
        Fate::Passed(reason) => (format!("× {}", reason_in_words(reason)), Role::Refused),
        Fate::Unusable(refusal) => (format!("× unusable: {}", refusal_in_words(refusal)), Role::Refused),
        Fate::Failed => ("× could not be scored".to_owned(), Role::Error),
    }
}

/// What a person did, when it says something beside the search; who is at the bench is `you`.
fn by_hand(candidate: &Candidate, me: &Author) -> Option<String> {
    let who = candidate.by.as_ref().filter(|by| *by != me).map_or("you", Author::name);
    Some(match (candidate.by_hand?, candidate.is_disputed()) {
        (ByHand::Taken, true) => format!("◆ {who} took it"),
        (ByHand::Taken, false) => format!("{who} too"),
        (ByHand::Refused, true) => format!("◆ {who} refused it"),
        (ByHand::Refused, false) => format!("{who} too refused"),
    })
}
