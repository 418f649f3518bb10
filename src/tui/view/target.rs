//! What stood where in the last frame, so that the mouse can be understood.

use ratatui::layout::{Position, Rect};

use crate::app::message::Target;
use crate::tui::widgets::chart::Placed;

/// Areas with what they show; later ones lie over earlier ones.
#[derive(Debug, Default)]
pub struct Targets {
    areas: Vec<(Rect, Target)>,
    chart: Option<Placed>,
}

impl Targets {
    pub fn clear(&mut self) {
        self.areas.clear();
        self.chart = None;
    }

    pub fn add(&mut self, area: Rect, target: Target) {
        self.areas.push((area, target));
    }

    /// The chart's columns, as they were placed.
    pub fn add_chart(&mut self, placed: Placed) {
        self.chart = Some(placed);
    }

    /// What is at a cell.
    pub fn at(&self, x: u16, y: u16) -> Option<Target> {
        let position = Position { x, y };
        let found = self.areas.iter().rev().find(|(area, _)| area.contains(position)).map(|(_, target)| *target)?;
        let column = || self.chart.as_ref().filter(|placed| placed.plot.contains(position))?.column_at(x);
        match found {
            Target::Pane(crate::app::bench::Pane::Chart) => Some(column().map_or(found, Target::Moment)),
            found => Some(found),
        }
    }
}
