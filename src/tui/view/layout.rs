//! Where things stand, by the size of the screen.

use ratatui::layout::Rect;

use crate::app::bench::Pane;

/// From this width on, three columns; from the next on, two with tabs; below, one.
const THREE: u16 = 150;
const TWO: u16 = 100;

/// The parts of every screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    pub status: Rect,
    pub body: Rect,
    /// Without height when there is no tour.
    pub tour: Rect,
    pub hints: Rect,
}

/// Status above, hints below, the tour between body and hints.
pub fn frame(area: Rect, tour: bool) -> Frame {
    let tour_rows = u16::from(tour);
    let row = |y: u16, height: u16| Rect { y: area.y + y, height, ..area };
    let below = area.height.saturating_sub(1);
    Frame {
        status: row(0, 1),
        body: row(1, below.saturating_sub(1 + tour_rows)),
        tour: row(below.saturating_sub(tour_rows), tour_rows),
        hints: row(below, 1),
    }
}

/// Where a bench's panes stand; a pane that is not seen has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Panes {
    pub query: Option<Rect>,
    pub reference: Option<Rect>,
    pub trajectory: Option<Rect>,
    pub chart: Option<Rect>,
    /// The pane shares its place with others: their names stand in its title as tabs.
    pub tabs: bool,
}

/// How wide a screen is, in columns of panes.
pub fn columns(width: u16) -> u8 {
    match width {
        THREE.. => 3,
        TWO.. => 2,
        _ => 1,
    }
}

/// The panes of the bench. `focus` is seen whatever the size; `shown` is the text that shares its place in two
/// columns when neither has the focus.
pub fn panes(body: Rect, focus: Pane, shown: Pane, zoom: bool) -> Panes {
    if zoom {
        let mut panes = Panes::default();
        *panes.place(focus) = Some(body);
        return panes;
    }
    let columns = columns(body.width);
    let chart_height = chart_height(body.height, columns);
    let texts = Rect { height: body.height - chart_height, ..body };
    let chart = Rect { y: texts.bottom(), height: chart_height, ..body };
    let mut panes = Panes { chart: Some(chart), tabs: columns < 3, ..Panes::default() };
    let part = |x: u16, width: u16| Some(Rect { x: texts.x + x, width, ..texts });
    match columns {
        3 => {
            let query = (texts.width * 22 / 100).clamp(34, 48);
            let reference = (texts.width - query) * 48 / 100;
            panes.query = part(0, query);
            panes.reference = part(query, reference);
            panes.trajectory = part(query + reference, texts.width - query - reference);
        }
        2 => {
            let left = texts.width * 46 / 100;
            *panes.place(if focus == Pane::Query || (focus != Pane::Reference && shown == Pane::Query) {
                Pane::Query
            } else {
                Pane::Reference
            }) = part(0, left);
            panes.trajectory = part(left, texts.width - left);
        }
        _ => {
            let seen = if focus == Pane::Chart { Pane::Trajectory } else { focus };
            *panes.place(seen) = part(0, texts.width);
        }
    }
    panes
}

/// About a quarter of the height, enough to see a line fall and never most of the screen.
fn chart_height(height: u16, columns: u8) -> u16 {
    match columns {
        1 => (height * 3 / 10).clamp(6, 9),
        _ => (height * 3 / 10).clamp(6, 16),
    }
}

impl Panes {
    pub fn place(&mut self, pane: Pane) -> &mut Option<Rect> {
        match pane {
            Pane::Query => &mut self.query,
            Pane::Reference => &mut self.reference,
            Pane::Trajectory => &mut self.trajectory,
            Pane::Chart => &mut self.chart,
        }
    }
}

/// A box in the middle, as large as the share of the area allows.
pub fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_width_three_two_and_one_column() {
        for (width, columns_expected, seen) in
            [(200, 3, 3), (150, 3, 3), (149, 2, 2), (100, 2, 2), (99, 1, 1), (60, 1, 1)]
        {
            let body = Rect::new(0, 1, width, 40);
            for focus in Pane::ALL {
                let mut panes = panes(body, focus, Pane::Reference, false);
                assert_eq!(columns(width), columns_expected);
                assert_eq!([panes.query, panes.reference, panes.trajectory].iter().flatten().count(), seen, "{width}");
                assert!(panes.place(focus).is_some(), "{focus:?} is seen at {width}");
                let area: u32 = [panes.query, panes.reference, panes.trajectory, panes.chart]
                    .iter()
                    .flatten()
                    .map(|rect| rect.area())
                    .sum();
                assert_eq!(area, body.area(), "panes fill the body at {width}");
            }
        }
    }

    #[test]
    fn a_zoomed_pane_is_alone() {
        let body = Rect::new(0, 1, 120, 30);
        let zoomed = panes(body, Pane::Chart, Pane::Reference, true);
        assert_eq!((zoomed.chart, zoomed.trajectory), (Some(body), None));
    }

    #[test]
    fn every_size_has_a_frame() {
        for height in 0..=12 {
            for tour in [false, true] {
                let frame = frame(Rect::new(0, 0, 10, height), tour);
                assert!(frame.body.bottom() <= height.max(1));
            }
        }
    }
}
