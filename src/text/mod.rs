//! Text itself: made safe to show, measured in cells, wrapped, compared, searched; words as the leak measures count
//! them. Uses nothing else of ours.

mod breaks;
mod diff;
mod fault;
mod find;
mod safe;
#[cfg(test)]
mod tests;
mod visible;
mod width;
mod words;
mod wrap;

pub use diff::{Hunk, word_diff};
pub use fault::{begins, line_at, unreadable};
pub use find::{Matches, find};
pub use safe::Safe;
pub use visible::visible;
pub use width::{Align, fit_end, fit_middle, fit_start, graphemes, pad, width};
pub use words::{Word, each_word, is_cjk, words};
pub use wrap::{Row, Wrapped};
