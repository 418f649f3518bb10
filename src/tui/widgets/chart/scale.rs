//! From scores to rows. One outlier must not flatten the rest, a flat line must not become mountains.

use super::{Chart, Unit};

/// A value so many times the next lower one is drawn at the top edge instead of stretching the range.
const OUTLIER: f64 = 4.0;
/// A threshold farther below the lowest score than so many times the range is drawn at the bottom edge.
const THRESHOLD_BELOW: f64 = 1.0;
/// Candidates farther above the highest score than this share of the range are drawn at the top edge.
const CANDIDATES_ABOVE: f64 = 0.5;
/// When the way up to the baseline would leave the versions fewer rows than these, the baseline has the top row for
/// itself and the way is cut short.
const LEAST_ROWS: f64 = 4.0;

/// The range that is shown, and how it is laid over the rows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scale {
    /// Top and bottom row, in scores, or in logarithms of them.
    high: f64,
    low: f64,
    rows: usize,
    log: bool,
    /// A baseline so far above that it stands in the top row for itself; the others share the rest.
    far: Option<f64>,
    /// Nothing is there to be scaled.
    pub(super) empty: bool,
}

/// A row, and whether the value lies above what is shown, or below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At {
    pub(super) row: usize,
    pub(super) above: bool,
    pub(super) below: bool,
}

impl Scale {
    pub(super) fn new(chart: &Chart<'_>, rows: usize) -> Scale {
        let log = chart.log;
        let usable = |value: &f64| value.is_finite() && (!log || *value > 0.0);
        let of_columns = || chart.columns.iter().flat_map(|column| [column.score, column.best]);
        let baseline = chart.baseline.filter(usable);
        let below: Vec<f64> = of_columns().flatten().filter(usable).collect();
        let scale = Scale::of_versions(chart, below.clone(), rows, log);
        // One version alone, or a flat line, has no shape that the way up could hide.
        let shaped = of_columns().flatten().filter(usable).any(|value| scale.at(value) != scale.at(below[0]));
        match baseline.filter(|baseline| shaped && scale.cuts_off(*baseline)) {
            Some(far) => Scale { far: Some(far), ..scale },
            None => Scale::of_versions(chart, below.into_iter().chain(baseline).collect(), rows, log),
        }
    }

    /// The range of these scores, and of the candidates that are not too far above them.
    fn of_versions(chart: &Chart<'_>, mut values: Vec<f64>, rows: usize, log: bool) -> Scale {
        let usable = |value: &f64| value.is_finite() && (!log || *value > 0.0);
        if !log {
            drop_outliers(&mut values);
        }
        // A threshold that is far off would flatten the way to it: then it is drawn at the bottom edge.
        let (least, most) = bounds(&values);
        let reach = least - THRESHOLD_BELOW * (most - least).max(0.05 * most.abs());
        let alone = values.is_empty();
        values.extend(chart.threshold.filter(usable).filter(|threshold| alone || *threshold >= reach));
        let candidates = chart.columns.iter().flat_map(|column| &column.candidates);
        let candidates: Vec<f64> = candidates.filter_map(|candidate| candidate.score).filter(usable).collect();
        if values.is_empty() {
            values.extend(&candidates);
            drop_outliers(&mut values);
        }
        let (mut low, mut high) = bounds(&values);
        let reach = high + (CANDIDATES_ABOVE * (high - low)).max(0.1 * high.abs());
        for candidate in candidates {
            low = low.min(candidate);
            high = if candidate <= reach || log { high.max(candidate) } else { high };
        }
        let (low, high) = if log { (low.ln(), high.ln()) } else { (low, high) };
        // Neighbouring rows must differ by what a label can tell.
        let step = if log { 0.01 } else { 0.1_f64.powi(chart.unit.decimals as i32) };
        Scale::spread(low, high, step * rows.saturating_sub(1).max(1) as f64, rows, log)
    }

    /// The range of the second measure alone; none without values.
    pub(super) fn of_second(values: &[Option<f64>], rows: usize) -> Option<Scale> {
        let values: Vec<f64> = values.iter().flatten().copied().filter(|value| value.is_finite()).collect();
        let (low, high) = bounds(&values);
        let least = (high.abs() * 0.01).max(1e-6);
        (!values.is_empty()).then(|| Scale::spread(low, high, least, rows, false))
    }

    fn spread(low: f64, high: f64, least: f64, rows: usize, log: bool) -> Scale {
        let empty = !(low.is_finite() && high.is_finite());
        let (low, high) = if empty { (0.0, 1.0) } else { (low, high) };
        let missing = (least - (high - low)).max(0.0) / 2.0;
        Scale { high: high + missing, low: low - missing, rows, log, far: None, empty }
    }

    /// Whether the range up to `baseline` would leave this one too few rows.
    fn cuts_off(&self, baseline: f64) -> bool {
        let value = if self.log { baseline.ln() } else { baseline };
        let share = (self.high - self.low) / (value - self.low);
        !self.empty && self.rows > 2 && value > self.high && share * ((self.rows - 1) as f64) < LEAST_ROWS - 1.0
    }

    /// The first row of what is to scale.
    pub(super) fn first(&self) -> usize {
        usize::from(self.far.is_some())
    }

    /// Where a score stands; nowhere when it is no number.
    pub(super) fn at(&self, score: f64) -> Option<At> {
        let value = if self.log { score.ln() } else { score };
        let span = self.high - self.low;
        if !score.is_finite() || value.is_nan() || self.rows == 0 || span <= 0.0 {
            return None;
        }
        if let Some(far) = self.far.filter(|far| score >= *far) {
            return Some(At { row: 0, above: score > far, below: false });
        }
        let (first, last) = (self.first() as f64, (self.rows - 1) as f64);
        let row = (first + (self.high - value) / span * (last - first)).round();
        let above = row < first || (value - self.high) > span * 1e-9;
        let below = row > last || (self.low - value) > span * 1e-9;
        Some(At { row: row.clamp(first, last) as usize, above, below })
    }

    /// The score in the middle of a row, as it is written.
    pub(super) fn label(&self, row: usize, unit: Unit) -> String {
        let (first, last) = (self.first(), self.rows.saturating_sub(1));
        let share = row.saturating_sub(first) as f64 / last.saturating_sub(first).max(1) as f64;
        let value = self.high - share * (self.high - self.low);
        written(if self.log { value.exp() } else { value }, unit)
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }
}

/// A score as it is written on an axis.
pub(super) fn written(value: f64, unit: Unit) -> String {
    if value.abs() >= 1e6 {
        return format!("{value:.1e}");
    }
    let decimals = if value.abs() >= 1000.0 { 0 } else { unit.decimals };
    let text = format!("{value:.decimals$}");
    // Minus nothing is nothing.
    match text.strip_prefix('-') {
        Some(rest) if rest.chars().all(|c| matches!(c, '0' | '.')) => rest.to_owned(),
        _ => text,
    }
}

fn bounds(values: &[f64]) -> (f64, f64) {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (low, high)
}

/// Takes away the highest values above a gap of [`OUTLIER`] times; never half of them.
fn drop_outliers(values: &mut Vec<f64>) {
    values.sort_by(f64::total_cmp);
    let half = values.len().div_ceil(2);
    let gap = (half.max(1)..values.len()).find(|&at| values[at - 1] > 0.0 && values[at] > OUTLIER * values[at - 1]);
    if let Some(gap) = gap {
        values.truncate(gap);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PPL: Unit = Unit { name: "ppl", decimals: 1 };

    #[test]
    fn outliers_are_what_a_gap_cuts_off() {
        let kept = |values: &[f64]| {
            let mut values = values.to_vec();
            drop_outliers(&mut values);
            values
        };
        assert_eq!(kept(&[400.0, 38.0, 37.0]), [37.0, 38.0]);
        assert_eq!(kept(&[60.0, 38.0, 37.9]), [37.9, 38.0, 60.0]);
        assert_eq!(kept(&[400.0, 38.0]), [38.0]);
        assert_eq!(kept(&[400.0]), [400.0]);
        assert_eq!(kept(&[900.0, 800.0, 30.0, 20.0]), [20.0, 30.0]);
        assert_eq!(kept(&[900.0, 800.0, 700.0, 30.0]), [30.0, 700.0, 800.0, 900.0]);
    }

    #[test]
    fn numbers_are_written_as_their_unit_wants() {
        let nats = Unit { name: "nats", decimals: 3 };
        let all = [(31.94, PPL), (3.4621, nats), (123456.0, PPL), (1.2e9, PPL), (-0.0001, nats)];
        assert_eq!(all.map(|(value, unit)| written(value, unit)), ["31.9", "3.462", "123456", "1.2e9", "0.000"]);
    }

    proptest! {
        #[test]
        fn lower_scores_stand_lower(mut scores in proptest::collection::vec(0.1f64..1e6, 2..9), rows in 1usize..20, log: bool) {
            scores.sort_by(f64::total_cmp);
            let (low, high) = (scores[0], scores[scores.len() - 1]);
            let scale = if log { Scale::spread(low.ln(), high.ln(), 0.1, rows, true) } else { Scale::spread(low, high, 0.1, rows, false) };
            let placed: Vec<usize> = scores.iter().map(|score| scale.at(*score).unwrap().row).collect();
            prop_assert!(placed.is_sorted_by(|a, b| a >= b), "{:?}", placed);
            prop_assert!(placed.iter().all(|row| *row < rows));
        }
    }
}
