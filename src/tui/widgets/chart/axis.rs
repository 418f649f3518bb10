//! Around the plot: scores at the left, steps below, the words for the levels.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::paint::{fitted_right, put};
use super::place::Placed;
use super::scale::{Scale, written};
use super::{Chart, Unit};
use crate::text::width;
use crate::tui::theme::{Role, Theme};

/// Below this width the scores at the left would take too much of the plot.
const NARROWEST: u16 = 16;

/// The labels of both sides, and the cells they take.
pub(super) struct Axes {
    pub(super) left: u16,
    pub(super) right: u16,
    left_labels: Vec<(usize, String, Role)>,
    right_labels: Vec<(usize, String)>,
    right_unit: &'static str,
    levels: Vec<(usize, &'static str, Role)>,
}

impl Axes {
    pub(super) fn new(chart: &Chart<'_>, scale: &Scale, second: Option<(Unit, &Scale)>, room: u16) -> Axes {
        let (left_labels, levels) = left_labels(chart, scale);
        let right_labels = second.map_or(Vec::new(), |(unit, scale)| {
            ends(scale).into_iter().map(|row| (row, scale.label(row, unit))).collect()
        });
        let widest = |labels: &mut dyn Iterator<Item = usize>| labels.max().map_or(0, |widest| widest as u16 + 1);
        let left = widest(&mut left_labels.iter().map(|(_, text, _)| width(text)).chain([width(chart.unit.name)]));
        let right_unit = second.map_or("", |(unit, _)| unit.name);
        let right_widths = right_labels.iter().map(|(_, text)| width(text));
        let right = widest(&mut right_widths.chain((!right_labels.is_empty()).then_some(width(right_unit))));
        let (left, right) = match room {
            0..NARROWEST => (0, 0),
            _ if left + right + NARROWEST / 2 > room => (0, 0),
            _ => (left, right),
        };
        Axes { left, right, left_labels, right_labels, right_unit, levels }
    }

    pub(super) fn draw(&self, buf: &mut Buffer, area: Rect, theme: &Theme, chart: &Chart<'_>, placed: &Placed) {
        if self.left > 0 {
            for (row, text, role) in &self.left_labels {
                fitted_right(buf, (area.x, area.y + *row as u16), self.left - 1, text, theme.style(*role));
            }
        }
        if self.right > 0 {
            let x = placed.plot.right();
            for (row, text) in &self.right_labels {
                fitted_right(buf, (x, area.y + *row as u16), self.right, text, theme.style(Role::Dim));
            }
        }
        self.words(buf, theme, placed);
        if area.height > placed.plot.height {
            let row = Rect { y: area.bottom() - 1, height: 1, ..area };
            if self.left > 0 {
                fitted_right(buf, (row.x, row.y), self.left - 1, chart.unit.name, theme.style(Role::Dim));
            }
            fitted_right(buf, (placed.plot.right(), row.y), self.right, self.right_unit, theme.style(Role::Dim));
            steps(buf, row, theme, chart, placed);
        }
    }

    /// What the level lines are, in words on them where the plot leaves room.
    fn words(&self, buf: &mut Buffer, theme: &Theme, placed: &Placed) {
        let plot = placed.plot;
        for (row, words, role) in &self.levels {
            let (y, len) = (plot.y + *row as u16, width(words) as u16);
            if plot.width < len + 12 {
                continue;
            }
            let free = |x: &u16| (*x..*x + len).all(|x| matches!(buf[(x, y)].symbol(), "┄" | "╌" | "^" | " "));
            // Right of the middle, where the lines have left the baseline as a rule.
            let places = (plot.x..plot.right() - len).rev().skip(2);
            if let Some(x) = places.into_iter().find(free) {
                put(buf, (x, y), len, words, theme.style(*role));
            }
        }
    }
}

type Labels = (Vec<(usize, String, Role)>, Vec<(usize, &'static str, Role)>);

/// Scores beside their rows: the levels', then the ends' and the middle's where a row is free.
fn left_labels(chart: &Chart<'_>, scale: &Scale) -> Labels {
    let mut labels: Vec<(usize, String, Role)> = Vec::new();
    let mut words = Vec::new();
    let cut = scale.first() > 0;
    let no_thinking = if cut { " no thinking, not to scale " } else { " no thinking " };
    let levels = [(chart.baseline, no_thinking, Role::Baseline), (chart.threshold, " threshold ", Role::Threshold)];
    for (score, word, role) in levels {
        let Some((score, at)) = score.and_then(|score| Some((score, scale.at(score)?))) else { continue };
        if at.below {
            words.push((at.row, " the threshold is far below ", role));
        } else if labels.iter().all(|(row, _, _)| *row != at.row) {
            labels.push((at.row, written(score, chart.unit), role));
            words.push((at.row, word, role));
        }
    }
    for row in ends(scale) {
        // A label beside another says nothing more, unless the way between them is cut short.
        let near = |taken: usize| taken.abs_diff(row) <= usize::from(scale.rows() > 4 && taken >= scale.first());
        if labels.iter().all(|(taken, _, _)| !near(*taken)) {
            labels.push((row, scale.label(row, chart.unit), Role::Dim));
        }
    }
    (labels, words)
}

/// The rows that are labelled where nothing else is: both ends of what is to scale, and the middle of a high plot.
fn ends(scale: &Scale) -> Vec<usize> {
    let Some(last) = scale.rows().checked_sub(1).filter(|_| !scale.empty) else { return Vec::new() };
    let mut rows = vec![last];
    rows.extend((last > scale.first()).then_some(scale.first()));
    rows.extend((last >= 6).then_some(last / 2));
    rows
}

/// Labels below the columns, the cursor's and the last first; then signs where columns are cut off.
fn steps(buf: &mut Buffer, row: Rect, theme: &Theme, chart: &Chart<'_>, placed: &Placed) {
    let live = if chart.follow_tail { " live" } else { "" };
    let (plot, live_len) = (placed.plot, width(live) as u16);
    let end = if plot.width > 3 * live_len { plot.right() - live_len } else { plot.right() };
    let (before, after) = placed.cut();
    let (start, end) = (plot.x + u16::from(before), end.saturating_sub(u16::from(after)));
    let mut taken: Vec<(u16, u16)> = Vec::new();
    let count = chart.columns.len();
    for column in [chart.cursor, count.saturating_sub(1)].into_iter().chain(placed.first..count) {
        let Some(cell) = placed.cell_of(column) else { continue };
        let text = match chart.columns[column].label.as_str() {
            // Where a line runs through every row, nothing else tells where the cursor is.
            "" if column == chart.cursor => "▴",
            label => label,
        };
        let len = width(text) as u16;
        let x = (plot.x + cell).min(end.saturating_sub(len));
        let apart = |(from, to): &(u16, u16)| x > *to || x + len < *from;
        if x < start || x + len > end || !taken.iter().all(apart) {
            continue;
        }
        let role = if column == chart.cursor { Role::Cursor } else { Role::Dim };
        put(buf, (x, row.y), len, text, theme.style(role));
        taken.push((x, x + len));
    }
    if before {
        put(buf, (plot.x, row.y), 1, "‹", theme.style(Role::Dim));
    }
    if after {
        put(buf, (end, row.y), 1, "›", theme.style(Role::Dim));
    }
    if chart.follow_tail && plot.width > 3 * live_len {
        put(buf, (plot.right() - live_len, row.y), live_len, live, theme.style(Role::Running));
    }
}
