//! How values spread: bins, bars with a cut and a highlighted bin, and the same as one line of text.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::paint::{cell, fitted, fitted_right};
use crate::tui::theme::{Role, Theme};

const EIGHTHS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// Counts of values by equal steps.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bins {
    pub low: f64,
    pub high: f64,
    pub counts: Vec<usize>,
}

impl Bins {
    /// Bins of `values`; those that are not finite are left out. None without values or bins.
    pub fn of(values: impl IntoIterator<Item = f64>, bins: usize) -> Option<Bins> {
        let values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        let low = values.iter().copied().reduce(f64::min)?;
        let high = values.iter().copied().reduce(f64::max)?;
        let mut out = Bins { low, high, counts: vec![0; bins] };
        for value in values {
            let at = out.bin_of(value)?;
            out.counts[at] += 1;
        }
        Some(out)
    }

    /// The bin of a value; the nearest one for values outside. None without bins.
    pub fn bin_of(&self, value: f64) -> Option<usize> {
        let last = self.counts.len().checked_sub(1)?;
        // Halves, because the difference of two huge values is no number.
        let span = self.high / 2.0 - self.low / 2.0;
        let share = if span > 0.0 { (value / 2.0 - self.low / 2.0) / span } else { 0.0 };
        Some(((share * self.counts.len() as f64).max(0.0) as usize).min(last))
    }

    /// The values that bin `at` holds; the last one includes its end.
    pub fn range(&self, at: usize) -> Range<f64> {
        let count = self.counts.len().max(1) as f64;
        let edge = |at: f64| self.low * (1.0 - at / count) + self.high * (at / count);
        edge(at as f64)..edge((at + 1) as f64)
    }

    fn most(&self) -> usize {
        self.counts.iter().copied().max().unwrap_or_default()
    }
}

/// A histogram as it is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Histogram<'a> {
    pub bins: &'a Bins,
    /// A line before the bin of this value: what lies left of it is cut.
    pub cut: Option<f64>,
    pub highlighted: Option<usize>,
    /// Writes the values at both ends.
    pub written: fn(f64) -> String,
}

/// Draws the bars and, under them when there are three rows or more, the values at both ends.
pub fn draw(buf: &mut Buffer, area: Rect, theme: &Theme, histogram: &Histogram<'_>) {
    let area = area.intersection(buf.area);
    if area.is_empty() || histogram.bins.counts.is_empty() {
        return;
    }
    let labels = u16::from(area.height >= 3);
    let bars = Rect { height: area.height - labels, ..area };
    let cut = histogram.cut.and_then(|cut| histogram.bins.bin_of(cut));
    for x in 0..bars.width {
        let Some(bin) = bin_at(histogram.bins, bars.width, x) else { break };
        let first = x == 0 || bin_at(histogram.bins, bars.width, x - 1) != Some(bin);
        let role = match () {
            () if histogram.highlighted == Some(bin) => Role::Selection,
            () if cut.is_some_and(|cut| bin < cut) => Role::Dim,
            () => Role::Text,
        };
        bar(buf, Rect { x: bars.x + x, width: 1, ..bars }, theme, share(histogram.bins, bin), role);
        if first && cut == Some(bin) {
            let free = (bars.top()..bars.bottom()).filter(|y| *y == bars.y || buf[(bars.x + x, *y)].symbol() == " ");
            for y in free.collect::<Vec<_>>() {
                cell(buf, (bars.x + x, y), 1, "┆", theme.style(Role::Threshold));
            }
        }
    }
    if labels > 0 {
        let (y, half) = (area.bottom() - 1, area.width / 2);
        let style = theme.style(Role::Dim);
        fitted(buf, (area.x, y), half, &(histogram.written)(histogram.bins.low), style);
        fitted_right(buf, (area.x + half, y), area.width - half, &(histogram.written)(histogram.bins.high), style);
    }
}

/// The bin under the cell `x` of bars `width` cells wide: every bin as wide as every other, what is left stays free.
pub fn bin_at(bins: &Bins, width: u16, x: u16) -> Option<usize> {
    let count = bins.counts.len();
    let each = usize::from(width) / count.max(1);
    let bin = match each {
        // More bins than cells: some share one.
        0 => usize::from(x) * count / usize::from(width.max(1)),
        each => usize::from(x) / each,
    };
    (x < width && bin < count).then_some(bin)
}

/// Height of a bin's bar, from 0 to 1.
fn share(bins: &Bins, bin: usize) -> f64 {
    bins.counts[bin] as f64 / bins.most().max(1) as f64
}

fn bar(buf: &mut Buffer, column: Rect, theme: &Theme, share: f64, role: Role) {
    let full = usize::from(column.height) * 8;
    // A single value among a million is still seen.
    let eighths = ((share * full as f64).round() as usize).max(usize::from(share > 0.0));
    for row in 0..column.height {
        let left = eighths.saturating_sub(usize::from(row) * 8).min(8);
        cell(buf, (column.x, column.bottom() - 1 - row), 1, EIGHTHS[left], theme.style(role));
    }
}

/// Values as one line of `▁▂▃`, one cell each; a space where there is none. All the same is all in the middle.
pub fn sparkline(values: impl IntoIterator<Item = Option<f64>>) -> String {
    let values: Vec<Option<f64>> = values.into_iter().map(|value| value.filter(|value| value.is_finite())).collect();
    let low = values.iter().flatten().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
    let span = high / 2.0 - low / 2.0;
    let level = |value: f64| if span > 0.0 { ((value / 2.0 - low / 2.0) / span * 7.0).round() as usize + 1 } else { 4 };
    values.iter().map(|value| value.map_or(" ", |value| EIGHTHS[level(value)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::widgets::picture::text_of;
    use proptest::prelude::*;

    #[test]
    fn values_fall_into_equal_steps() {
        let bins = Bins::of([0.0, 1.0, 2.4, 2.5, 9.9, 10.0, f64::NAN], 4).unwrap();
        assert_eq!(bins.counts, [3, 1, 0, 2]);
        assert_eq!((bins.range(0), bins.range(3)), (0.0..2.5, 7.5..10.0));
        assert_eq!(Bins::of([7.0, 7.0], 3).unwrap().counts, [2, 0, 0]);
        assert_eq!(Bins::of([], 3), None);
        assert_eq!(Bins::of([f64::NAN], 3), None);
        assert_eq!(Bins::of([1.0], 0), None);
    }

    #[test]
    fn bars_with_a_cut_and_the_ends() {
        let bins = Bins::of([1.0, 2.0, 2.1, 2.2, 3.0, 3.1, 3.2, 3.3, 3.4, 4.0, 4.5, 5.0], 8).unwrap();
        let mut buf = Buffer::empty(Rect::new(0, 0, 24, 4));
        let written = |value: f64| format!("{value:.1}");
        let histogram = Histogram { bins: &bins, cut: Some(2.9), highlighted: Some(2), written };
        draw(&mut buf, Rect::new(0, 0, 24, 4), &Theme::mono(), &histogram);
        insta::assert_snapshot!(text_of(&buf), @"
                 ┆  ███
              ▆▆▆┆  ███      ▂▂▂
        ▅▅▅   ███┆  ███   ▅▅▅███
        1.0                  5.0
        ");
    }

    #[test]
    fn a_line_of_bars() {
        assert_eq!(sparkline([Some(1.0), Some(4.5), None, Some(8.0), Some(f64::NAN)]), "▁▅ █ ");
        assert_eq!(sparkline([Some(3.0), Some(3.0)]), "▄▄");
        assert_eq!(sparkline([]), "");
    }

    proptest! {
        #[test]
        fn every_value_is_in_the_range_of_its_bin(values in proptest::collection::vec(-1e6f64..1e6, 1..50), count in 1usize..30) {
            let bins = Bins::of(values.iter().copied(), count).unwrap();
            prop_assert_eq!(bins.counts.iter().sum::<usize>(), values.len());
            for value in values {
                let range = bins.range(bins.bin_of(value).unwrap());
                let slack = 1e-6 * (bins.high - bins.low).max(1.0);
                prop_assert!(range.start - slack <= value && value <= range.end + slack);
            }
        }

        #[test]
        fn any_size(values in proptest::collection::vec(proptest::num::f64::ANY, 0..20), count in 0usize..40, w in 0u16..=30, h in 0u16..=12) {
            let bins = Bins::of(values.iter().copied(), count).unwrap_or_default();
            let mut buf = Buffer::empty(Rect::new(0, 0, w, h));
            let histogram = Histogram { bins: &bins, cut: values.first().copied(), highlighted: Some(2), written: |value| value.to_string() };
            draw(&mut buf, Rect::new(0, 0, w, h), &Theme::mono(), &histogram);
            sparkline(values.into_iter().map(Some));
        }
    }
}
