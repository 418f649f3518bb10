//! The chart that is the timeline: one column a step, lower is better. Drawn from plain values; knows no session.

mod axis;
mod grid;
mod place;
mod plot;
mod scale;
#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

pub use place::Placed;

use crate::tui::theme::Theme;
use axis::Axes;
use grid::Grid;
use scale::Scale;

/// What happened in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Draft,
    Accepted,
    /// Nothing was taken: the version stays the one before.
    NoChange,
    /// A person took what the search had refused.
    Override,
    Edit,
    Fork,
    /// Its score is still being worked out.
    Running,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Open,
    Refused,
    Chosen,
    /// Not scored yet.
    Pending,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    pub score: Option<f64>,
    pub shape: Shape,
}

/// One step. Scores that are not finite count as absent.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Of the version after the step.
    pub score: Option<f64>,
    pub kind: Kind,
    /// Under the column: `z0`, `7`.
    pub label: String,
    pub candidates: Vec<Candidate>,
    /// Leads to the cursor's version.
    pub on_line: bool,
    /// The column whose version this one was made from; it must stand before.
    pub parent: Option<usize>,
    pub marked: bool,
    /// The best score up to here.
    pub best: Option<f64>,
}

/// How scores are named and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// `ppl`, `nats`, `bits/char`, `clipped`.
    pub name: &'static str,
    pub decimals: usize,
}

/// All that is drawn.
#[derive(Debug, Clone)]
pub struct Chart<'a> {
    pub columns: &'a [Column],
    /// Index of the cursor's column, which is always seen.
    pub cursor: usize,
    /// The cursor follows the newest step; the chart says so.
    pub follow_tail: bool,
    /// The score without any thinking.
    pub baseline: Option<f64>,
    /// The score at which the search stops.
    pub threshold: Option<f64>,
    pub unit: Unit,
    /// Logarithmic heights. Nothing is cut off at the top then.
    pub log: bool,
    /// Columns that are to come, all together, as far as is known.
    pub expected: usize,
    /// Another measure, one value a column, with an axis of its own on the right.
    pub second: Option<(Unit, &'a [Option<f64>])>,
}

/// Draws `chart` into `area` and returns where its columns stand: for the mouse, and to be given as `before` with the
/// next frame, so that the columns scroll only when the cursor would leave.
pub fn draw(buf: &mut Buffer, area: Rect, theme: &Theme, chart: &Chart<'_>, before: Option<&Placed>) -> Placed {
    let area = area.intersection(buf.area);
    let label_rows = u16::from(area.height >= 3);
    let rows = area.height - label_rows;
    let scale = Scale::new(chart, usize::from(rows));
    let second =
        chart.second.and_then(|(unit, values)| Some((unit, values, Scale::of_second(values, usize::from(rows))?)));
    let axes = Axes::new(chart, &scale, second.as_ref().map(|(unit, _, scale)| (*unit, scale)), area.width);
    let plot = Rect { x: area.x + axes.left, width: area.width - axes.left - axes.right, height: rows, ..area };
    let placed = Placed::new(plot, (chart.columns.len(), chart.expected), chart.cursor, before);
    let mut grid = Grid::new(plot.width, plot.height);
    plot::draw(&mut grid, chart, &scale, second.as_ref().map(|(_, values, scale)| (*values, scale)), &placed);
    grid.blit(buf, plot, theme);
    axes.draw(buf, area, theme, chart, &placed);
    placed
}
