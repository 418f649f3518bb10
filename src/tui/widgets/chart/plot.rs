//! What stands in the plot: levels, lines, candidates, versions, marks, the cursor.

use std::collections::BTreeSet;

use super::grid::Grid;
use super::place::Placed;
use super::scale::{At, Scale};
use super::{Chart, Column, Kind, Shape};
use crate::tui::theme::Role;

/// Draws all of it, from the ground up.
pub(super) fn draw(
    grid: &mut Grid,
    chart: &Chart<'_>,
    scale: &Scale,
    second: Option<(&[Option<f64>], &Scale)>,
    placed: &Placed,
) {
    if grid.width() == 0 || grid.height() == 0 {
        return;
    }
    let plot = Plot { chart, scale, placed };
    plot.level(grid, chart.threshold, "╌", Role::Threshold);
    plot.level(grid, chart.baseline, "┄", Role::Baseline);
    plot.best(grid);
    if let Some((values, scale)) = second {
        plot.second(grid, values, scale);
    }
    // The line that leads to the cursor lies over what belongs to other branches: their signs on it would be taken for its own.
    for on_line in [false, true] {
        plot.lines(grid, on_line);
        plot.signs(grid, on_line);
    }
    plot.marks(grid);
    plot.cursor(grid);
}

struct Plot<'a> {
    chart: &'a Chart<'a>,
    scale: &'a Scale,
    placed: &'a Placed,
}

impl Plot<'_> {
    fn at(&self, score: Option<f64>) -> Option<At> {
        self.scale.at(score?)
    }

    fn x(&self, column: usize) -> i64 {
        self.placed.cell_beyond(column)
    }

    fn level(&self, grid: &mut Grid, score: Option<f64>, sign: &'static str, role: Role) {
        // What lies below all that is shown is told in words.
        let Some(at) = self.at(score).filter(|at| !at.below) else { return };
        for x in 0..grid.width() as i64 {
            grid.put(x, at.row, if at.above { "^" } else { sign }, role);
        }
    }

    /// The best score so far, where no line is there: beside one that leaves its row, or comes to it from elsewhere, the
    /// rest of it would look like a way that leads nowhere.
    fn best(&self, grid: &mut Grid) {
        let left: BTreeSet<usize> = self.chart.columns.iter().filter_map(|column| column.parent).collect();
        for (index, column) in self.seen() {
            let Some(best) = self.at(column.best) else { continue };
            let is_best = |column: &Column| self.at(column.score).is_some_and(|at| at.row == best.row);
            let next = self.chart.columns.get(index + 1).filter(|next| next.parent.is_some());
            if is_best(column) && left.contains(&index) || next.is_some_and(is_best) {
                continue;
            }
            let last = index + 1 == self.chart.columns.len();
            for x in self.x(index)..if last { self.x(index) + 1 } else { self.x(index + 1) } {
                grid.put(x, best.row, "─", Role::BestLine);
            }
        }
    }

    fn second(&self, grid: &mut Grid, values: &[Option<f64>], scale: &Scale) {
        for (index, _) in self.seen() {
            if let Some(at) = values.get(index).copied().flatten().and_then(|value| scale.at(value)) {
                grid.put(self.x(index), at.row, "·", Role::Dim);
            }
        }
    }

    /// Each column joined to the one it was made from.
    fn lines(&self, grid: &mut Grid, on_line: bool) {
        let end = (self.placed.first + self.placed.seen + 1).min(self.chart.columns.len());
        for index in 0..end {
            let column = &self.chart.columns[index];
            let Some(parent) = column.parent.filter(|parent| *parent < index && column.on_line == on_line) else {
                continue;
            };
            let from = self.at(self.chart.columns[parent].score);
            if let (Some(from), Some(to)) = (from, self.at(column.score)) {
                join(grid, (self.x(parent), from.row), (self.x(index), to.row), on_line);
            }
        }
    }

    fn signs(&self, grid: &mut Grid, on_line: bool) {
        for (index, column) in self.seen().filter(|(_, column)| column.on_line == on_line) {
            let x = self.x(index);
            for candidate in &column.candidates {
                self.candidate(grid, x, candidate.score, candidate.shape);
            }
            self.version(grid, x, column);
            self.pending(grid, index, column);
        }
    }

    fn marks(&self, grid: &mut Grid) {
        for (index, _) in self.seen().filter(|(_, column)| column.marked) {
            let x = self.x(index);
            let free = (0..grid.height()).find(|row| grid.is_ground(x, *row)).unwrap_or(0);
            grid.put(x, free, "▾", Role::Marked);
        }
    }

    fn candidate(&self, grid: &mut Grid, x: i64, score: Option<f64>, shape: Shape) {
        let Some(at) = self.at(score) else { return };
        let (sign, role) = match shape {
            Shape::Open => ("○", Role::Candidate),
            Shape::Refused => ("×", Role::Refused),
            Shape::Chosen => ("•", Role::Candidate),
            Shape::Pending => ("◌", Role::Running),
        };
        grid.put(x, at.row, if at.above { "^" } else { sign }, role);
    }

    fn version(&self, grid: &mut Grid, x: i64, column: &Column) {
        let Some(at) = self.at(column.score) else { return };
        let line = if column.on_line { Role::Line } else { Role::Branch };
        let (sign, role) = match column.kind {
            Kind::NoChange => ("○", line),
            Kind::Draft | Kind::Accepted => ("●", line),
            Kind::Override | Kind::Edit => ("◆", Role::Edited),
            Kind::Fork => ("◇", line),
            Kind::Running => ("◌", Role::Running),
        };
        grid.put(x, at.row, if at.above { "^" } else { sign }, role);
    }

    /// Signs of what has no score yet, from the row of the last version downward.
    fn pending(&self, grid: &mut Grid, index: usize, column: &Column) {
        let waiting = |candidate: &&super::Candidate| candidate.score.is_none() && candidate.shape == Shape::Pending;
        let mut missing = column.candidates.iter().filter(waiting).count();
        missing += usize::from(column.kind == Kind::Running && column.score.is_none() && missing == 0);
        if missing == 0 {
            return;
        }
        let parent = column.parent.and_then(|parent| self.chart.columns.get(parent)?.score);
        let from = self.at(column.score.or(parent)).map_or(grid.height() / 2, |at| at.row);
        let x = self.x(index);
        for row in (from..grid.height()).chain((0..from).rev()) {
            if missing > 0 && grid.is_ground(x, row) {
                grid.put(x, row, "◌", Role::Running);
                missing -= 1;
            }
        }
    }

    fn cursor(&self, grid: &mut Grid) {
        let Some(x) = self.placed.cell_of(self.chart.cursor) else { return };
        for row in 0..grid.height() {
            if grid.is_free(i64::from(x), row) {
                grid.put(i64::from(x), row, "│", Role::Cursor);
            }
        }
        grid.set_cursor(x);
    }

    fn seen(&self) -> impl Iterator<Item = (usize, &Column)> {
        self.chart.columns.iter().enumerate().skip(self.placed.first).take(self.placed.seen)
    }
}

/// A line from one place to another with one bend, its ends left to what stands there.
fn join(grid: &mut Grid, (x, row): (i64, usize), (to_x, to_row): (i64, usize), on_line: bool) {
    let (flat, upright, role) = if on_line { ("━", "┃", Role::Line) } else { ("─", "│", Role::Branch) };
    let bend = x + (to_x - x + 1) / 2;
    let (leave, arrive) = if to_row > row { ("╮", "╰") } else { ("╯", "╭") };
    let (near, far) = if to_row == row { (to_x + 1, to_x + 1) } else { (bend, bend + 1) };
    let seen = |from: i64, to: i64| from.max(0)..to.min(grid_end(grid));
    let (first, last) = (seen(x, near), seen(far, to_x + 1));
    first.for_each(|x| grid.put(x, row, flat, role));
    last.for_each(|x| grid.put(x, to_row, flat, role));
    if to_row != row && to_x - x > 1 {
        for between in row.min(to_row) + 1..row.max(to_row) {
            grid.put(bend, between, upright, role);
        }
        grid.put(bend, row, leave, role);
        grid.put(bend, to_row, arrive, role);
    }
}

fn grid_end(grid: &Grid) -> i64 {
    grid.width() as i64
}
