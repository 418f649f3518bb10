//! Queues, and the columns that rows are sorted by.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::Row;
use crate::session::Verdict;

/// Which rows are in view, by verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueueFilter {
    #[default]
    All,
    Undecided,
    Kept,
    Dropped,
    Later,
}

impl QueueFilter {
    pub const ALL: [QueueFilter; 5] =
        [QueueFilter::All, QueueFilter::Undecided, QueueFilter::Kept, QueueFilter::Dropped, QueueFilter::Later];

    pub fn name(self) -> &'static str {
        match self {
            QueueFilter::All => "all",
            QueueFilter::Undecided => "undecided",
            QueueFilter::Kept => "kept",
            QueueFilter::Dropped => "dropped",
            QueueFilter::Later => "later",
        }
    }

    pub fn holds(self, row: &Row) -> bool {
        match self {
            QueueFilter::All => true,
            QueueFilter::Undecided => row.verdict() == Verdict::None,
            QueueFilter::Kept => row.verdict() == Verdict::Keep,
            QueueFilter::Dropped => row.verdict() == Verdict::Drop,
            QueueFilter::Later => row.verdict() == Verdict::Later,
        }
    }

    pub fn turned(self, forward: bool) -> QueueFilter {
        let at = QueueFilter::ALL.iter().position(|queue| *queue == self).unwrap_or(0);
        QueueFilter::ALL[(at + if forward { 1 } else { QueueFilter::ALL.len() - 1 }) % QueueFilter::ALL.len()]
    }
}

/// What the rows are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Column {
    /// As they are listed: samples in their order, then sessions as the rows of their file of pairs, the others by path.
    #[default]
    Listed,
    Name,
    Queue,
    Status,
    Steps,
    Score,
    Gain,
    Leak,
    Rating,
    Changed,
}

impl Column {
    pub const ALL: [Column; 10] = [
        Column::Listed,
        Column::Name,
        Column::Queue,
        Column::Status,
        Column::Steps,
        Column::Score,
        Column::Gain,
        Column::Leak,
        Column::Rating,
        Column::Changed,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Column::Listed => "as listed",
            Column::Name => "name",
            Column::Queue => "queue",
            Column::Status => "status",
            Column::Steps => "steps",
            Column::Score => "ppl",
            Column::Gain => "gain %",
            Column::Leak => "copied",
            Column::Rating => "rating",
            Column::Changed => "changed",
        }
    }

    pub fn next(self) -> Column {
        let at = Column::ALL.iter().position(|column| *column == self).unwrap_or(0);
        Column::ALL[(at + 1) % Column::ALL.len()]
    }

    /// The order of two rows; those without a value come last either way.
    pub fn compare(self, a: &Row, b: &Row, descending: bool) -> Ordering {
        let turned = |order: Ordering| if descending { order.reverse() } else { order };
        let by_number = |value: fn(&Row) -> Option<f64>| match (value(a), value(b)) {
            (Some(a), Some(b)) => turned(a.total_cmp(&b)),
            (a, b) => b.is_some().cmp(&a.is_some()),
        };
        match self {
            Column::Listed => turned(Ordering::Equal),
            Column::Name => {
                let (a, b) = (a.summary.called().to_lowercase(), b.summary.called().to_lowercase());
                turned(alphanumeric_sort::compare_str(&a, &b))
            }
            Column::Queue => turned(a.verdict().cmp(&b.verdict())),
            Column::Status => turned((a.summary.status as u8).cmp(&(b.summary.status as u8))),
            Column::Steps => turned(a.summary.steps.cmp(&b.summary.steps)),
            Column::Score => by_number(Row::perplexity),
            Column::Gain => by_number(Row::gain_percent),
            Column::Leak => by_number(|row| row.summary.leak.map(|leak| f64::from(leak.span_words))),
            Column::Rating => by_number(|row| Some(f64::from(row.summary.rating)).filter(|stars| *stars > 0.0)),
            Column::Changed => turned(a.mtime.cmp(&b.mtime)),
        }
    }
}
