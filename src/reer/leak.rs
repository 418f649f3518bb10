//! How much of y stands in z word for word.
//!
//! Words are case-folded and punctuation is ignored; what also stands in x does not count; for CJK,
//! 12 characters count as 8 words.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::text::{Word, words};

/// Lexical leak of a trajectory.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Leak {
    /// Share of y's word 8-grams (those that x does not contain) found in z, 0 to 1.
    pub ngram: f64,
    /// Words of the longest run that y and z share.
    pub span_words: u32,
    /// That run as a share of y's words, 0 to 1.
    pub span_share: f64,
}

/// Weight of an 8-gram in twelfths of a CJK character: 12 CJK characters and 8 words weigh the same.
const GRAM: u32 = 24;

/// x and y made ready once an example, to measure many z.
#[derive(Debug, Clone)]
pub struct LeakProbe {
    y: Vec<Word>,
    /// Start index in y of every gram with its end; grams that x contains are left out.
    grams: Vec<(usize, usize)>,
    x: HashSet<Vec<String>>,
}

/// 3 a word, 2 a CJK character: 8 words = 12 characters = 24.
fn weight(word: &Word) -> u32 {
    if word.cjk { 2 } else { 3 }
}

/// As whole words, rounded down.
fn in_words(weight: u32) -> u32 {
    weight / 3
}

/// The shortest runs of at least [`GRAM`] weight, one a start.
fn grams(words: &[Word]) -> impl Iterator<Item = (usize, usize)> + '_ {
    (0..words.len()).filter_map(move |start| {
        let mut total = 0;
        let end = words[start..].iter().position(|w| {
            total += weight(w);
            total >= GRAM
        })?;
        Some((start, start + end + 1))
    })
}

fn folded(words: &[Word]) -> Vec<String> {
    words.iter().map(|w| w.folded.clone()).collect()
}

impl LeakProbe {
    /// Makes x and y ready.
    pub fn new(query: &str, reference: &str) -> LeakProbe {
        let (x_words, y) = (words(query), words(reference));
        let x: HashSet<Vec<String>> = grams(&x_words).map(|(s, e)| folded(&x_words[s..e])).collect();
        let grams = grams(&y).filter(|(s, e)| !x.contains(&folded(&y[*s..*e]))).collect();
        LeakProbe { y, grams, x }
    }

    /// Measures z.
    pub fn leak(&self, z: &str) -> Leak {
        let z = words(z);
        let in_z: HashSet<Vec<String>> = grams(&z).map(|(s, e)| folded(&z[s..e])).collect();
        let found = self.grams.iter().filter(|(s, e)| in_z.contains(&folded(&self.y[*s..*e]))).count();
        let total: u32 = self.y.iter().map(weight).sum();
        let span = self.longest_run(&z);
        Leak {
            ngram: found as f64 / self.grams.len().max(1) as f64,
            span_words: in_words(span),
            span_share: f64::from(span) / f64::from(total.max(1)),
        }
    }

    /// The stretches that z shares with y, as byte ranges of y and of z: every run that no longer one contains and that
    /// weighs as much as 8 words, and the longest run of all. What stands in x is left out.
    pub fn runs(&self, z: &str) -> Vec<(Range<usize>, Range<usize>)> {
        let z = words(z);
        let mut positions: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, word) in self.y.iter().enumerate() {
            positions.entry(&word.folded).or_default().push(at);
        }
        // As in `longest_run`: weight and length of the runs that end at a position of y and at the last word of z.
        let mut previous: HashMap<usize, (u32, usize)> = HashMap::new();
        let mut found: Vec<(u32, Range<usize>, usize)> = Vec::new();
        for end in 0..=z.len() {
            let mut current = HashMap::new();
            let word = z.get(end);
            for &at in word.and_then(|word| positions.get(word.folded.as_str())).into_iter().flatten() {
                let before = at.checked_sub(1).and_then(|p| previous.get(&p)).copied().unwrap_or((0, 0));
                current.insert(at, (before.0 + weight(&self.y[at]), before.1 + 1));
            }
            let ended = previous.iter().filter(|(at, _)| !current.contains_key(&(*at + 1)));
            found.extend(ended.map(|(at, (weight, len))| (*weight, at + 1 - len..at + 1, end - len)));
            previous = current;
        }
        found.retain(|(_, run, _)| !self.in_query(run.start, run.end));
        let longest = found.iter().map(|(weight, ..)| *weight).max().unwrap_or(0);
        found.retain(|(weight, ..)| *weight >= GRAM || *weight == longest);
        found.sort_by_key(|(_, run, in_z)| (run.start, *in_z));
        let span = |words: &[Word]| words.first().zip(words.last()).map_or(0..0, |(a, b)| a.span.start..b.span.end);
        found.into_iter().map(|(_, run, in_z)| (span(&self.y[run.clone()]), span(&z[in_z..in_z + run.len()]))).collect()
    }

    /// Weight of the longest common run of y and z that does not stand in x; a run as long as a gram that x
    /// contains whole is not counted.
    fn longest_run(&self, z: &[Word]) -> u32 {
        let mut positions: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, word) in self.y.iter().enumerate() {
            positions.entry(&word.folded).or_default().push(at);
        }
        let mut best = 0;
        // Run weights ending at (previous z word, y position), as in the classic longest-common-substring table.
        let mut previous: HashMap<usize, (u32, usize)> = HashMap::new();
        for word in z {
            let mut current = HashMap::new();
            for &at in positions.get(word.folded.as_str()).into_iter().flatten() {
                let before = at.checked_sub(1).and_then(|p| previous.get(&p)).copied().unwrap_or((0, 0));
                let run = (before.0 + weight(word), before.1 + 1);
                if run.0 > best && !self.in_query(at + 1 - run.1, at + 1) {
                    best = run.0;
                }
                current.insert(at, run);
            }
            previous = current;
        }
        best
    }

    /// Whether every gram of y's run `start..end` stands in x.
    fn in_query(&self, start: usize, end: usize) -> bool {
        let run = &self.y[start..end];
        let mut runs = grams(run).peekable();
        runs.peek().is_some() && runs.all(|(s, e)| self.x.contains(&folded(&run[s..e])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const Y: &str =
        "The lamp has been kind to me this winter. I clean it every night, and think of the window at home.";

    #[test]
    fn a_copy_is_a_full_leak_and_its_own_words_none() {
        let probe = LeakProbe::new("Write a letter.", Y);
        let copy = probe.leak(&Y.to_uppercase().replace('.', " --"));
        assert_eq!((copy.ngram, copy.span_share), (1.0, 1.0));
        assert_eq!(copy.span_words as usize, words(Y).len());
        let plan = probe.leak("I want to open on the lamp, then her kitchen; nothing else.");
        assert_eq!((plan.ngram, plan.span_words), (0.0, 2));
    }

    #[test]
    fn what_stands_in_the_query_does_not_count() {
        let probe = LeakProbe::new(Y, Y);
        let leak = probe.leak(Y);
        assert_eq!((leak.ngram, leak.span_words), (0.0, 7), "runs shorter than a gram are too common to forgive");
    }

    #[test]
    fn twelve_cjk_characters_are_eight_words() {
        let y = "灯塔看守人给十一年未见的妹妹写信说起窗前的灯";
        let probe = LeakProbe::new("写一封信", y);
        let twelve: String = y.chars().take(12).collect();
        let leak = probe.leak(&twelve);
        assert_eq!(leak.span_words, 8);
        assert!(leak.ngram > 0.0);
        assert_eq!(probe.leak(&twelve.chars().take(11).collect::<String>()).ngram, 0.0);
    }

    #[test]
    fn runs_are_where_they_were_copied() {
        let z = "First, the lamp has been kind to me this winter. I clean. Then: every night and think of the window.";
        let probe = LeakProbe::new("", Y);
        let runs: Vec<(&str, &str)> = probe.runs(z).into_iter().map(|(y, z_at)| (&Y[y], &z[z_at])).collect();
        assert_eq!(
            runs,
            [(
                "The lamp has been kind to me this winter. I clean",
                "the lamp has been kind to me this winter. I clean"
            )]
        );
        assert_eq!(probe.runs("of the window").len(), 1, "the longest run is told even when it is short");
        let forgiven = LeakProbe::new(Y, Y).runs(z);
        assert!(forgiven.iter().all(|(y, _)| words(&Y[y.clone()]).len() < 8), "what stands in x does not count");
    }

    proptest! {
        #[test]
        fn the_longest_run_is_the_one_that_is_measured(y in "[a-c ]{0,80}", z in "[a-c ]{0,80}") {
            let probe = LeakProbe::new("", &y);
            let longest = probe.runs(&z).iter().map(|(in_y, _)| words(&y[in_y.clone()]).len()).max().unwrap_or(0);
            prop_assert_eq!(longest as u32, probe.leak(&z).span_words);
        }

        #[test]
        fn leak_stays_in_range_and_grows_with_more_text(a in "[a-e ]{0,60}", y in "[a-e ]{0,60}", z in "[a-e ]{0,60}") {
            let probe = LeakProbe::new("", &y);
            let (short, long) = (probe.leak(&z), probe.leak(&format!("{z} . {a}")));
            for leak in [short, long] {
                prop_assert!((0.0..=1.0).contains(&leak.ngram) && (0.0..=1.0).contains(&leak.span_share));
            }
            prop_assert!(long.span_words >= short.span_words && long.ngram >= short.ngram);
        }
    }
}
