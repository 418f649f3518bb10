//! Text itself: words, n-grams, character classes. Uses nothing else of ours.

mod words;

pub use words::{Word, is_cjk, words};
