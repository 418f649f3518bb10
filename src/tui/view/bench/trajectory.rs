//! The trajectory: its segments with what each bought, the selected one whole with its candidates as hunks.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::super::theme::{Role, Theme};
use super::super::super::widgets::diff::Comparison;
use super::super::super::widgets::{paint, scrollbar, text};
use super::super::{Look, View};
use super::frame::Frame;
use super::hunk;
use crate::app::App;
use crate::app::bench::{Bench, Candidate, Match, Pane, SegmentRow, signed};
use crate::app::message::Target;
use crate::engine::desk::Work;

/// Rows of a folded segment.
const FOLDED: usize = 2;

/// Cells before a segment's text: the mark of the selected one, its number, a space.
const NUMBER: u16 = 4;

/// Cells after it: what it bought, and a sign.
const BOUGHT: u16 = 10;

/// One stretch of rows in the pane.
enum Block {
    /// The segment at this place; so many of its rows are shown.
    Segment {
        at: usize,
        cut: bool,
    },
    /// The difference to the segment in the version that is held.
    Held(Arc<Comparison>),
    Candidate(usize),
    Hunk(usize),
    /// What the numbers of the candidates below are against, where that is not the version that is shown.
    Against(String),
    /// Why the generator wrote the selected candidate.
    Reason(String),
    /// A rewrite that is being written.
    Stream {
        sample: usize,
        text: String,
    },
    Gap,
}

/// What is laid out: blocks with their heights.
struct Laid {
    blocks: Vec<(Block, usize)>,
    /// Rows of the selected segment with its candidates, of its text, and of the selected candidate.
    selected: Range<usize>,
    text: Range<usize>,
    candidate: Range<usize>,
}

impl View {
    pub(super) fn draw_trajectory(
        &mut self,
        buf: &mut Buffer,
        frame: Frame<'_>,
        app: &App,
        bench: &Bench,
        look: Look<'_>,
    ) {
        let segments = bench.segments();
        let current = bench.state.head();
        let version = bench.node().map(|node| {
            let other = current.filter(|head| *head != node).map(|head| format!(" (current: v{})", head.0));
            format!(" · v{}{}", node.0, other.unwrap_or_default())
        });
        let title = format!("Trajectory{}", version.unwrap_or_default());
        let counted = match segments.len() {
            0 => title.clone(),
            1 => format!("{title} · 1 segment"),
            count => format!("{title} · {count} segments"),
        };
        let following = if bench.follow && bench.is_searching() { "following " } else { "" };
        // What is called a branch by its name is not called so twice.
        let named = |name: &str| if name.starts_with("branch") { name.to_owned() } else { format!("branch {name}") };
        let branch = bench.branch().map(named).unwrap_or_default();
        let branch = format!("{following}{branch}");
        // The branch's name says more than how many segments there are.
        let short = !branch.is_empty() && !frame.has_room(&counted, branch.trim_end());
        let title = if short { &title } else { &counted };
        let inner = frame.draw(buf, look.theme, (title, branch.trim_end()));
        if inner.is_empty() {
            return;
        }
        if segments.is_empty() {
            self.draw_without_version(buf, inner, app, bench, look);
            return;
        }
        let inner = self.draw_failure(buf, inner, app, bench, look);
        let candidates = bench.candidates();
        let laid = self.lay_out(inner, bench, &segments, &candidates, look);
        let total: usize = laid.blocks.iter().map(|(_, rows)| rows).sum();
        let height = inner.height;
        let mut text_row = |byte: usize| {
            let at = bench.segment().and_then(|id| segments.iter().position(|row| row.id == id));
            let sheet = at.map(|at| self.sheets.get(&segments[at].text, text_width(inner, look)));
            laid.text.start + sheet.map_or(0, |sheet| sheet.row_of(byte))
        };
        let window = self.windows.entry(Pane::Trajectory).or_default();
        let picked = bench.picked().map(|_| laid.candidate.clone());
        let selected: Vec<Range<usize>> = std::iter::once(laid.selected.clone()).chain(picked).collect();
        window.follow(selection(bench, &candidates), &selected, height);
        let first = window.top(total, height, &mut text_row);
        let mut y = 0;
        for (block, rows) in &laid.blocks {
            let seen = y.max(first)..(y + rows).min(first + usize::from(height));
            if seen.start < seen.end {
                let place = Rect {
                    y: inner.y + (seen.start - first) as u16,
                    height: seen.len() as u16,
                    width: inner.width - 1,
                    ..inner
                };
                self.draw_block(buf, place, seen.start - y, block, bench, (&segments, &candidates), look);
            }
            y += rows;
        }
        let bar = Rect { x: inner.right() - 1, width: 1, ..inner };
        scrollbar::draw(buf, bar, look.theme, first, total);
    }

    fn lay_out(
        &mut self,
        inner: Rect,
        bench: &Bench,
        segments: &[SegmentRow],
        candidates: &[Candidate],
        look: Look<'_>,
    ) -> Laid {
        let chosen = bench.segment();
        let mut laid = Laid { blocks: Vec::new(), selected: 0..0, text: 0..0, candidate: 0..0 };
        let mut y = 0;
        for (at, row) in segments.iter().enumerate() {
            let selected = chosen == Some(row.id);
            let rows = self.sheets.get(&row.text, text_width(inner, look)).rows();
            let cut = !selected && !bench.unfolded && rows > FOLDED;
            let shown = if cut { FOLDED } else { rows.max(1) };
            let begin = y;
            laid.blocks.push((Block::Segment { at, cut }, shown));
            y += shown;
            if selected {
                laid.text = begin..y;
                if let Some(block) = self.against_held(bench, row) {
                    let rows = self.sheets.get(&block.text, hunk_width(inner)).rows().max(1) + 1;
                    laid.blocks.push((Block::Held(block), rows));
                    y += rows;
                }
                let picked = bench.candidate_index(candidates);
                for (block, rows) in self.lay_out_candidates(inner, bench, candidates, &row.text) {
                    match block {
                        Block::Candidate(at) if at == picked => laid.candidate = y..y + rows,
                        Block::Hunk(_) | Block::Reason(_) => laid.candidate.end = y + rows,
                        _ => {}
                    }
                    y += rows;
                    laid.blocks.push((block, rows));
                }
                laid.selected = begin..y;
            }
            if selected || bench.unfolded {
                laid.blocks.push((Block::Gap, 1));
                y += 1;
            }
        }
        laid
    }

    fn lay_out_candidates(
        &mut self,
        inner: Rect,
        bench: &Bench,
        candidates: &[Candidate],
        stands: &str,
    ) -> Vec<(Block, usize)> {
        let mut blocks = Vec::new();
        let selected = bench.candidate_index(candidates);
        let width = hunk_width(inner);
        for (at, candidate) in candidates.iter().enumerate() {
            let against = hunk::against(candidates, at, (bench.node(), stands));
            blocks.extend(against.map(|said| (Block::Against(said), 1)));
            blocks.push((Block::Candidate(at), 1));
            if at != selected {
                continue;
            }
            let hunk = hunk::compared(&mut self.comparisons, candidate);
            blocks.push((Block::Hunk(at), self.sheets.get(&hunk.text, width).rows().max(1)));
            let copied = Some(candidate).filter(|candidate| hunk::copies_much(candidate));
            let copied = copied.and_then(|candidate| self.copied.longest_in(&candidate.new, bench));
            if let Some(reason) = hunk::reason(candidate, copied) {
                let rows = self.sheets.get(&reason, width).rows();
                blocks.push((Block::Reason(reason), rows));
            }
        }
        if is_rewritten(bench) {
            for (sample, text) in bench.streams.candidates() {
                blocks.push((Block::Stream { sample, text: hunk::last_words(text, inner.width) }, 1));
            }
        }
        blocks
    }

    /// What the segment changed since the version that is held, when it did.
    fn against_held(&mut self, bench: &Bench, row: &SegmentRow) -> Option<Arc<Comparison>> {
        let held = bench.timeline.get(bench.held?)?.node;
        let z = bench.search()?.tree().trajectory(held)?;
        let old = z.position(row.id).map_or("", |at| &z.segments[at].text);
        (old != row.text).then(|| hunk::between(&mut self.comparisons, old, &row.text))
    }

    #[allow(clippy::too_many_arguments)]
    fn draw_block(
        &mut self,
        buf: &mut Buffer,
        place: Rect,
        from: usize,
        block: &Block,
        bench: &Bench,
        (segments, candidates): (&[SegmentRow], &[Candidate]),
        look: Look<'_>,
    ) {
        match block {
            Block::Segment { at, cut } => {
                self.targets.add(place, Target::Segment(segments[*at].id));
                self.draw_segment(buf, place, from, bench, (*at, &segments[*at]), *cut, look);
            }
            Block::Candidate(at) => {
                self.targets.add(place, Target::Candidate(candidates[*at].node));
                let selected = bench.candidate_index(candidates) == *at;
                hunk::draw_head(buf, indented(place), look.theme, (*at, candidates), (selected, &bench.me));
            }
            Block::Hunk(at) => {
                self.targets.add(place, Target::Candidate(candidates[*at].node));
                let hunk = hunk::compared(&mut self.comparisons, &candidates[*at]);
                self.draw_hunk(buf, place, from, (&hunk.text, &hunk.spans), Role::Text, look);
            }
            Block::Held(hunk) => {
                let body = if from == 0 {
                    let head = Rect { height: 1, ..indented(place) };
                    paint::fitted(
                        buf,
                        (head.x, head.y),
                        head.width,
                        "├ since the held version",
                        look.theme.style(Role::Dim),
                    );
                    Rect { y: place.y + 1, height: place.height - 1, ..place }
                } else {
                    place
                };
                self.draw_hunk(buf, body, from.saturating_sub(1), (&hunk.text, &hunk.spans), Role::Text, look);
            }
            Block::Against(said) => {
                let place = indented(place);
                paint::fitted(buf, (place.x, place.y), place.width, said, look.theme.style(Role::Dim));
            }
            Block::Reason(reason) => {
                self.draw_hunk(buf, place, from, (reason, &[]), Role::Dim, look);
            }
            Block::Stream { sample, text } => {
                hunk::draw_stream(buf, indented(place), look.theme, *sample, text);
            }
            Block::Gap => {}
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn draw_segment(
        &mut self,
        buf: &mut Buffer,
        place: Rect,
        from: usize,
        bench: &Bench,
        (at, row): (usize, &SegmentRow),
        cut: bool,
        look: Look<'_>,
    ) {
        let selected = bench.segment() == Some(row.id);
        let theme = look.theme;
        let text_area = Rect { x: place.x + NUMBER, width: place.width.saturating_sub(NUMBER + BOUGHT), ..place };
        let find: Vec<(Range<usize>, Role)> = found_in(bench, at);
        let copied = self.copied_in(bench, at);
        let syntax = self.syntax(&row.text);
        let sheet = self.sheets.get(&row.text, text_area.width.saturating_sub(text::gutter(look.bands)).max(1));
        let layers: [&[(Range<usize>, Role)]; 3] = [&syntax, &copied, &find];
        text::draw(
            buf,
            text_area,
            sheet,
            from,
            text::Look { theme, base: Role::Text, layers: &layers, bands: look.bands },
        );
        if cut {
            let y = place.bottom() - 1;
            paint::put(buf, (text_area.right(), y), 1, "…", theme.style(Role::Dim));
        }
        if selected {
            for y in place.y..place.bottom() {
                paint::put(buf, (place.x, y), 1, "▌", theme.style(Role::Accent));
            }
        }
        if from == 0 {
            let number = if selected { Role::Accent } else { Role::Label };
            paint::fitted_right(buf, (place.x + 1, place.y), 2, &(at + 1).to_string(), theme.style(number));
            draw_bought(buf, Rect { x: place.right() - BOUGHT, width: BOUGHT, height: 1, ..place }, theme, row);
        }
    }

    fn copied_in(&mut self, bench: &Bench, at: usize) -> Vec<(Range<usize>, Role)> {
        self.copied.fit(bench);
        self.copied.in_segment(at).to_vec()
    }

    fn draw_hunk(
        &mut self,
        buf: &mut Buffer,
        place: Rect,
        from: usize,
        (text, spans): (&str, &[(Range<usize>, Role)]),
        base: Role,
        look: Look<'_>,
    ) {
        let area = Rect { x: place.x + NUMBER + 3, width: place.width.saturating_sub(NUMBER + 3), ..place };
        for y in place.y..place.bottom() {
            paint::put(buf, (place.x + NUMBER, y), 1, "│", look.theme.style(Role::Dim));
        }
        let sheet = self.sheets.get(text, area.width.max(1));
        let layers: [&[(Range<usize>, Role)]; 1] = [spans];
        text::draw(
            buf,
            area,
            sheet,
            from,
            text::Look { theme: look.theme, base, layers: &layers, bands: text::Bands::Colour },
        );
    }
}

/// The selected segment is the one that is being rewritten now.
fn is_rewritten(bench: &Bench) -> bool {
    matches!(bench.activity.work, Work::Proposing { segment, .. } if Some(segment) == bench.segment())
}

fn text_width(inner: Rect, look: Look<'_>) -> u16 {
    inner.width.saturating_sub(1 + NUMBER + BOUGHT + text::gutter(look.bands)).max(1)
}

fn hunk_width(inner: Rect) -> u16 {
    inner.width.saturating_sub(1 + NUMBER + 3).max(1)
}

fn indented(place: Rect) -> Rect {
    Rect { x: place.x + NUMBER, width: place.width.saturating_sub(NUMBER), ..place }
}

/// What the segment bought, and whether a person wrote it or it changed just now.
fn draw_bought(buf: &mut Buffer, place: Rect, theme: &Theme, row: &SegmentRow) {
    let sign = if row.by_hand {
        "◆"
    } else if row.changed {
        "●"
    } else {
        " "
    };
    let (text, role) = match row.bought {
        Some(delta) if delta < 0.0 => (signed(delta), Role::Better),
        Some(delta) => (signed(delta), Role::Worse),
        None => (String::new(), Role::Dim),
    };
    paint::fitted_right(buf, (place.x, place.y), place.width.saturating_sub(2), &text, theme.style(role));
    paint::put(buf, (place.right() - 1, place.y), 1, sign, theme.style(Role::Edited));
}

fn found_in(bench: &Bench, at: usize) -> Vec<(Range<usize>, Role)> {
    let Some(find) = bench.find.as_ref().filter(|find| find.pane == Pane::Trajectory) else { return Vec::new() };
    let role = |index| if index == find.current { Role::FindCurrent } else { Role::Find };
    let here =
        |(index, found): (usize, &Match)| (found.segment == Some(at)).then(|| (found.bytes.clone(), role(index)));
    bench.matches().iter().enumerate().filter_map(here).collect()
}

/// Tells one selection from another.
fn selection(bench: &Bench, candidates: &[Candidate]) -> u64 {
    let mut hasher = DefaultHasher::new();
    // Candidates that a person asked for are gone to as they come, also where none was selected before.
    let selected = (bench.candidate_index(candidates), bench.picked().is_some());
    (&bench.key, bench.segment(), bench.node(), selected, bench.unfolded).hash(&mut hasher);
    hasher.finish()
}
