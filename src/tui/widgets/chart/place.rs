//! Where columns stand: how far apart, which of them are seen, which one is under the mouse.

use ratatui::layout::Rect;

/// Cells from one column to the next, at most.
const WIDEST: u16 = 10;
/// Cells between columns when not all of them fit however close: enough for a line to bend.
const SCROLLED: u16 = 2;

/// The columns of one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The cells of the columns, without axes.
    pub plot: Rect,
    /// The first column seen.
    pub first: usize,
    /// Columns that have room, whether they exist or not.
    pub seen: usize,
    /// Cells from one column to the next.
    pub spacing: u16,
    columns: usize,
}

impl Placed {
    /// `expected` columns have room as soon as there are any, so that those that are there stay where they are.
    pub(super) fn new(
        plot: Rect,
        (columns, expected): (usize, usize),
        cursor: usize,
        before: Option<&Placed>,
    ) -> Placed {
        let all = columns.max(expected);
        let spacing = spacing(plot.width, if all <= usize::from(plot.width) { all } else { columns });
        let seen = if plot.width == 0 { 0 } else { usize::from((plot.width - 1) / spacing) + 1 };
        let first = first(seen, columns, cursor, before.map_or(0, |before| before.first));
        Placed { plot, first, seen, spacing, columns }
    }

    /// Columns are cut off at the left and at the right.
    pub fn cut(&self) -> (bool, bool) {
        (self.first > 0, self.first + self.seen < self.columns)
    }

    /// The column nearest to the cell at `x`; none outside the plot or without columns.
    pub fn column_at(&self, x: u16) -> Option<usize> {
        if self.columns == 0 || x < self.plot.left() || x >= self.plot.right() {
            return None;
        }
        let nearest = usize::from((x - self.plot.x + self.spacing / 2) / self.spacing);
        Some((self.first + nearest.min(self.seen.saturating_sub(1))).min(self.columns - 1))
    }

    /// The cell of a column, counted from the left of the plot; none when it is not seen.
    pub fn cell_of(&self, column: usize) -> Option<u16> {
        let seen = (self.first..self.first + self.seen).contains(&column) && column < self.columns;
        seen.then(|| (column - self.first) as u16 * self.spacing)
    }

    /// As [`Placed::cell_of`], also for columns before and after those that are seen.
    pub(super) fn cell_beyond(&self, column: usize) -> i64 {
        (column as i64 - self.first as i64) * i64::from(self.spacing)
    }
}

fn spacing(width: u16, columns: usize) -> u16 {
    let gaps = columns.saturating_sub(1);
    if gaps == 0 {
        return WIDEST;
    }
    match (usize::from(width).saturating_sub(1)) / gaps {
        0 => SCROLLED,
        fits => (fits.min(usize::from(WIDEST))) as u16,
    }
}

/// Moves the window only as far as the cursor needs, and leaves a column beside it where there is one.
fn first(seen: usize, columns: usize, cursor: usize, before: usize) -> usize {
    let beside = usize::from(seen > 2);
    let cursor = cursor.min(columns.saturating_sub(1));
    let least = (cursor + 1 + beside).saturating_sub(seen);
    let most = cursor.saturating_sub(beside);
    before.clamp(least.min(most), most).min(columns.saturating_sub(seen))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spacing_by_room() {
        assert_eq!(
            [(100, 1), (100, 5), (100, 26), (100, 60), (100, 100), (100, 101)].map(|(w, n)| spacing(w, n)),
            [10, 10, 3, 1, 1, 2]
        );
    }

    #[test]
    fn the_window_follows_the_cursor_and_else_stays() {
        assert_eq!(first(10, 100, 0, 0), 0);
        assert_eq!(first(10, 100, 8, 0), 0);
        assert_eq!(first(10, 100, 9, 0), 1);
        assert_eq!(first(10, 100, 50, 45), 45);
        assert_eq!(first(10, 100, 40, 45), 39);
        assert_eq!(first(10, 100, 99, 0), 90);
        assert_eq!(first(1, 3, 1, 0), 1);
    }

    proptest! {
        #[test]
        fn cells_and_columns_agree(x in 0u16..9, width in 0u16..300, columns in 0usize..500, cursor in 0usize..500, before in 0usize..500, expected in 0usize..60) {
            let plot = Rect::new(x, 0, width, 5);
            let earlier = Placed { plot, first: before, seen: 0, spacing: 1, columns };
            let placed = Placed::new(plot, (columns, expected), cursor, Some(&earlier));
            if width > 0 && columns > 0 {
                prop_assert!(placed.cell_of(cursor.min(columns - 1)).is_some(), "{:?}", placed);
            }
            let cells: Vec<u16> = (0..columns).filter_map(|column| placed.cell_of(column)).collect();
            prop_assert!(cells.is_sorted_by(|a, b| a < b) && cells.iter().all(|cell| *cell < width));
            for column in 0..columns {
                if let Some(cell) = placed.cell_of(column) {
                    prop_assert_eq!(placed.column_at(x + cell), Some(column));
                }
            }
            let hits: Vec<usize> = (x..x + width).filter_map(|x| placed.column_at(x)).collect();
            prop_assert!(hits.is_sorted());
        }
    }
}
