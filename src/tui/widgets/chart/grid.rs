//! The cells of the plot before they reach the buffer: later signs stand over earlier ones.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::paint::{cell, tinge};
use crate::tui::theme::{Role, Theme};

#[derive(Debug)]
pub(super) struct Grid {
    width: usize,
    height: usize,
    cells: Vec<Option<(&'static str, Role)>>,
    cursor: Option<u16>,
}

impl Grid {
    pub(super) fn new(width: u16, height: u16) -> Grid {
        let (width, height) = (usize::from(width), usize::from(height));
        Grid { width, height, cells: vec![None; width * height], cursor: None }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn height(&self) -> usize {
        self.height
    }

    fn index(&self, x: i64, row: usize) -> Option<usize> {
        let x = usize::try_from(x).ok().filter(|x| *x < self.width && row < self.height)?;
        Some(row * self.width + x)
    }

    pub(super) fn is_free(&self, x: i64, row: usize) -> bool {
        self.index(x, row).is_some_and(|at| self.cells[at].is_none())
    }

    /// Whether nothing but one of the level lines stands there.
    pub(super) fn is_ground(&self, x: i64, row: usize) -> bool {
        let level = |role| matches!(role, Role::Baseline | Role::Threshold | Role::BestLine);
        self.index(x, row).is_some_and(|at| self.cells[at].is_none_or(|(_, role)| level(role)))
    }

    /// Puts a sign; nothing outside the plot.
    pub(super) fn put(&mut self, x: i64, row: usize, sign: &'static str, role: Role) {
        if let Some(at) = self.index(x, row) {
            self.cells[at] = Some((sign, role));
        }
    }

    /// Marks the column of the cursor.
    pub(super) fn set_cursor(&mut self, x: u16) {
        self.cursor = Some(x);
    }

    pub(super) fn blit(&self, buf: &mut Buffer, plot: Rect, theme: &Theme) {
        for (at, sign) in self.cells.iter().enumerate() {
            let place = (plot.x + (at % self.width) as u16, plot.y + (at / self.width) as u16);
            if let Some((sign, role)) = sign {
                cell(buf, place, 1, sign, theme.style(*role));
            }
        }
        if let Some(x) = self.cursor {
            tinge(buf, Rect { x: plot.x + x, width: 1, ..plot }, theme.style(Role::Cursor));
        }
    }
}
