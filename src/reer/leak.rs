//! How much of y stands in z word for word.
//!
//! Words are case-folded and punctuation is ignored; what also stands in x does not count; for CJK,
//! 12 characters count as 8 words.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::text::{Word, each_word, words};

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

/// x and y made ready once an example, to measure many z. Words are compared by number.
#[derive(Debug, Clone)]
pub struct LeakProbe {
    /// The words of x and y, folded.
    vocabulary: HashMap<String, u32>,
    y: Vec<Unit>,
    /// Byte range in y of each of its words.
    spans: Vec<Range<usize>>,
    /// Where in y each word of the vocabulary stands.
    positions: Vec<Vec<usize>>,
    /// Start index in y of every gram with its end; grams that x contains are left out.
    grams: Vec<(usize, usize)>,
    x: HashSet<Vec<Unit>>,
}

/// A word as it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Unit {
    /// In the vocabulary; the words that it does not have share [`STRANGER`].
    word: u32,
    cjk: bool,
}

const STRANGER: u32 = u32::MAX;

impl Unit {
    /// 3 a word, 2 a CJK character: 8 words = 12 characters = 24.
    fn weight(self) -> u32 {
        if self.cjk { 2 } else { 3 }
    }
}

/// As whole words, rounded down.
fn in_words(weight: u32) -> u32 {
    weight / 3
}

/// The shortest runs of at least [`GRAM`] weight, one a start.
fn grams(units: &[Unit]) -> impl Iterator<Item = (usize, usize)> + '_ {
    (0..units.len()).filter_map(move |start| {
        let mut total = 0;
        let end = units[start..].iter().position(|unit| {
            total += unit.weight();
            total >= GRAM
        })?;
        Some((start, start + end + 1))
    })
}

/// A run that ends at a word of y and at the last word of z that was looked at.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    weight: u32,
    words: usize,
    /// Words of z up to its end; runs that ended earlier are not gone on with.
    end: usize,
}

impl LeakProbe {
    /// Makes x and y ready.
    pub fn new(query: &str, reference: &str) -> LeakProbe {
        let mut vocabulary = HashMap::new();
        let mut numbered = |words: &[Word]| -> Vec<Unit> {
            let number = |word: &Word| {
                let next = vocabulary.len() as u32;
                let word_number = *vocabulary.entry(word.folded.clone()).or_insert(next);
                Unit { word: word_number, cjk: word.cjk }
            };
            words.iter().map(number).collect()
        };
        let (x, y_words) = (numbered(&words(query)), words(reference));
        let y = numbered(&y_words);
        let mut positions = vec![Vec::new(); vocabulary.len()];
        for (at, unit) in y.iter().enumerate() {
            positions[unit.word as usize].push(at);
        }
        let x: HashSet<Vec<Unit>> = grams(&x).map(|(s, e)| x[s..e].to_vec()).collect();
        let grams = grams(&y).filter(|(s, e)| !x.contains(&y[*s..*e])).collect();
        let spans = y_words.into_iter().map(|word| word.span).collect();
        LeakProbe { vocabulary, y, spans, positions, grams, x }
    }

    /// Measures z.
    pub fn leak(&self, z: &str) -> Leak {
        let mut units = Vec::new();
        each_word(z, |folded, _, cjk| units.push(self.unit(folded, cjk)));
        let in_z: HashSet<&[Unit]> =
            grams(&units).map(|(s, e)| &units[s..e]).filter(|gram| gram.iter().all(|u| u.word != STRANGER)).collect();
        let found = self.grams.iter().filter(|(s, e)| in_z.contains(&self.y[*s..*e])).count();
        let total: u32 = self.y.iter().map(|unit| unit.weight()).sum();
        let mut span = 0;
        self.shared(&units, |at, run| {
            if run.weight > span && !self.in_query(at + 1 - run.words, at + 1) {
                span = run.weight;
            }
        });
        Leak {
            ngram: found as f64 / self.grams.len().max(1) as f64,
            span_words: in_words(span),
            span_share: f64::from(span) / f64::from(total.max(1)),
        }
    }

    /// The stretches that z shares with y, as byte ranges of y and of z: every run that no longer one contains and that
    /// weighs as much as 8 words, and the longest run of all. What stands in x is left out.
    pub fn runs(&self, z: &str) -> Vec<(Range<usize>, Range<usize>)> {
        let (mut units, mut spans) = (Vec::new(), Vec::new());
        each_word(z, |folded, span, cjk| {
            units.push(self.unit(folded, cjk));
            spans.push(span);
        });
        let mut found: Vec<(u32, Range<usize>, usize)> = Vec::new();
        self.shared(&units, |at, run| {
            let goes_on = self.y.get(at + 1).zip(units.get(run.end)).is_some_and(|(in_y, in_z)| in_y == in_z);
            if !goes_on {
                found.push((run.weight, at + 1 - run.words..at + 1, run.end - run.words));
            }
        });
        found.retain(|(_, run, _)| !self.in_query(run.start, run.end));
        let longest = found.iter().map(|(weight, ..)| *weight).max().unwrap_or(0);
        found.retain(|(weight, ..)| *weight >= GRAM || *weight == longest);
        found.sort_by_key(|(_, run, in_z)| (run.start, *in_z));
        let bytes = |spans: &[Range<usize>]| spans.first().zip(spans.last()).map_or(0..0, |(a, b)| a.start..b.end);
        let both =
            |run: Range<usize>, in_z: usize| (bytes(&self.spans[run.clone()]), bytes(&spans[in_z..in_z + run.len()]));
        found.into_iter().map(|(_, run, in_z)| both(run, in_z)).collect()
    }

    fn unit(&self, folded: &str, cjk: bool) -> Unit {
        Unit { word: self.vocabulary.get(folded).copied().unwrap_or(STRANGER), cjk }
    }

    /// Every run that y and z share, told with its last word in y as it grows word by word, as in the classic table of the
    /// longest common substring.
    fn shared(&self, z: &[Unit], mut tell: impl FnMut(usize, Run)) {
        // By the last word in y; one row of the table serves for all, read before it is written.
        let mut runs = vec![Run::default(); self.y.len()];
        for (before, unit) in z.iter().enumerate() {
            for &at in self.positions.get(unit.word as usize).into_iter().flatten().rev() {
                let last = at.checked_sub(1).map(|at| runs[at]).filter(|run| run.end == before).unwrap_or_default();
                let run = Run { weight: last.weight + unit.weight(), words: last.words + 1, end: before + 1 };
                runs[at] = run;
                tell(at, run);
            }
        }
    }

    /// Whether every gram of y's run `start..end` stands in x.
    fn in_query(&self, start: usize, end: usize) -> bool {
        let run = &self.y[start..end];
        let mut runs = grams(run).peekable();
        runs.peek().is_some() && runs.all(|(s, e)| self.x.contains(&run[s..e]))
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
