//! Guards: what a rewrite may not do, whatever its score.

use serde::{Deserialize, Serialize};

use super::Reason;
use crate::reer::Leak;
use crate::text::words;

/// Limits of the guards. A leak limit refuses only a rewrite that raises the measure beyond it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GuardLimits {
    /// Words of a run shared with y that are always too many.
    pub span_words: u32,
    /// Words of a shared run that are too many when it is also a large share of y.
    pub short_span_words: u32,
    /// That share of y's words.
    pub short_span_share: f64,
    /// Share of y's word 8-grams found in z.
    pub ngram: f64,
    /// A rewrite may be this many times as long as what it replaces.
    pub length_factor: f64,
    /// Characters that are never too long.
    pub length_floor: usize,
    /// Share of a rewrite's word trigrams that repeat an earlier one of it.
    pub repetition: f64,
}

impl Default for GuardLimits {
    fn default() -> Self {
        GuardLimits {
            span_words: 25,
            short_span_words: 8,
            short_span_share: 0.03,
            ngram: 0.05,
            length_factor: 3.0,
            length_floor: 400,
            repetition: 0.3,
        }
    }
}

/// Trigrams below which repetition says nothing.
const FEW_TRIGRAMS: usize = 12;

impl GuardLimits {
    /// Why a rewrite is refused: `before` and `after` are the leaks of the whole z, `old` and `new` the segment's texts.
    pub(super) fn refuse(&self, before: Option<Leak>, after: Option<Leak>, old: &str, new: &str) -> Option<Reason> {
        let none = Leak { ngram: 0.0, span_words: 0, span_share: 0.0 };
        let (before, after) = (before.unwrap_or(none), after.unwrap_or(none));
        let long_run = after.span_words > self.span_words
            || (after.span_words > self.short_span_words && after.span_share > self.short_span_share);
        let longest = (old.chars().count() as f64 * self.length_factor).max(self.length_floor as f64);
        if long_run && after.span_words > before.span_words {
            Some(Reason::LeakSpan)
        } else if after.ngram > self.ngram && after.ngram > before.ngram {
            Some(Reason::LeakNgram)
        } else if new.chars().count() as f64 > longest {
            Some(Reason::Length)
        } else if repetition(new) > self.repetition.max(repetition(old)) {
            Some(Reason::Repetition)
        } else {
            None
        }
    }
}

/// Share of word trigrams that stood earlier in the same text, 0 to 1; 0 for a short text.
fn repetition(text: &str) -> f64 {
    let words = words(text);
    let trigrams: Vec<[&str; 3]> =
        words.windows(3).map(|w| [w[0].folded.as_str(), w[1].folded.as_str(), w[2].folded.as_str()]).collect();
    if trigrams.len() < FEW_TRIGRAMS {
        return 0.0;
    }
    let distinct: std::collections::HashSet<_> = trigrams.iter().collect();
    1.0 - distinct.len() as f64 / trigrams.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leak(ngram: f64, span_words: u32, span_share: f64) -> Option<Leak> {
        Some(Leak { ngram, span_words, span_share })
    }

    #[test]
    fn each_guard_refuses_what_it_names() {
        let limits = GuardLimits::default();
        let clean = leak(0.0, 3, 0.01);
        let mut said = "again and again it says ".repeat(9);
        said.push_str("so");
        let long = "word ".repeat(100);
        let table = [
            (clean, clean, "old", "new", None),
            (clean, leak(0.0, 26, 0.01), "old", "new", Some(Reason::LeakSpan)),
            (clean, leak(0.0, 9, 0.04), "old", "new", Some(Reason::LeakSpan)),
            (clean, leak(0.0, 9, 0.02), "old", "new", None),
            (leak(0.0, 30, 0.3), leak(0.0, 30, 0.3), "old", "new", None),
            (clean, leak(0.06, 8, 0.01), "old", "new", Some(Reason::LeakNgram)),
            (leak(0.2, 8, 0.01), leak(0.1, 8, 0.01), "old", "new", None),
            (clean, clean, "old", long.as_str(), Some(Reason::Length)),
            (clean, clean, "old", said.as_str(), Some(Reason::Repetition)),
            (clean, clean, said.as_str(), said.as_str(), None),
        ];
        for (before, after, old, new, expected) in table {
            assert_eq!(limits.refuse(before, after, old, new), expected, "{before:?} {after:?} {new:.20}");
        }
    }
}
