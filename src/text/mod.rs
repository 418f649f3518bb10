//! Text itself: words, n-grams, character classes. Uses nothing else of ours.

mod visible;
mod words;

pub use visible::visible;
pub use words::{Word, is_cjk, words};
