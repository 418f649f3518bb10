//! The two clocks of a journal, so that tests bring their own.

use std::time::{Duration, Instant};

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// Wall time for `t`, monotonic time for `dt`.
pub trait Clock: Send + Sync {
    /// Now, in UTC.
    fn utc(&self) -> OffsetDateTime;
    /// Time since a fixed moment; never goes back.
    fn monotonic(&self) -> Duration;
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> SystemClock {
        SystemClock(Instant::now())
    }
}

impl Clock for SystemClock {
    fn utc(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

const STAMP: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
const FILE_STAMP: &[BorrowedFormatItem<'static>] =
    format_description!("[year][month][day]T[hour][minute][second][subsecond digits:3]Z");

/// RFC 3339 with milliseconds, as in a line's `t`.
pub(super) fn stamp(at: OffsetDateTime) -> String {
    at.format(STAMP).unwrap_or_default()
}

/// The same moment as part of a file name.
pub(super) fn file_stamp(at: OffsetDateTime) -> String {
    at.format(FILE_STAMP).unwrap_or_default()
}
