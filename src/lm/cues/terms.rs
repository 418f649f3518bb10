//! Key terms of y: which words a part of y turns on, and the short phrase around each.

use std::collections::HashSet;
use std::ops::Range;

use super::dice::Dice;
use super::lexicon::{self, Class};
use super::source::Source;
use crate::text::words;

/// How much stands around a term's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breadth {
    /// The head, with its article and perhaps an adjective.
    Narrow,
    /// Up to five words, or eight Chinese characters.
    Wide,
}

/// A short phrase of y.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Term {
    pub text: String,
    /// Its units in y.
    pub units: Range<usize>,
    /// Reads like a noun phrase or a name; others are quoted or listed.
    pub thing: bool,
}

/// Most words of a term.
const WORDS: usize = 5;
/// Most Chinese characters of a narrow and of a wide term.
const HAN: (usize, usize) = (4, 8);

/// Folded words, and pairs of Chinese characters, that stand in a text.
pub(super) fn spoken(text: &str) -> HashSet<String> {
    let all = words(text);
    let pairs = all.windows(2).filter(|w| w[0].cjk && w[1].cjk && w[0].span.end == w[1].span.start);
    let pairs = pairs.map(|w| text[w[0].span.start..w[1].span.end].to_owned());
    all.iter().filter(|w| !w.cjk).map(|w| w.folded.clone()).chain(pairs).collect()
}

impl Source<'_> {
    /// Up to `count` terms of `part` in y's order, spread over it, none around a word of `avoid`.
    pub fn terms(
        &self,
        part: Range<usize>,
        count: usize,
        breadth: Breadth,
        avoid: &HashSet<String>,
        dice: &mut Dice,
    ) -> Vec<Term> {
        let mut terms: Vec<Term> = Vec::new();
        let mut taken = avoid.clone();
        for slice in 0..count {
            let (low, high) = (part.start + part.len() * slice / count, part.start + part.len() * (slice + 1) / count);
            let after = terms.last().map_or(low, |term| term.units.end.max(low));
            let Some(head) = self.best_head(after..high, &taken, dice) else { continue };
            let term = self.phrase(head, after..part.end.min(high + WORDS), breadth, dice);
            taken.extend(spoken(&term.text));
            terms.push(term);
        }
        terms
    }

    /// The unit that tells most, with some noise so that other seeds find other heads.
    fn best_head(&self, range: Range<usize>, taken: &HashSet<String>, dice: &mut Dice) -> Option<usize> {
        let free = |at: &usize| match self.units[*at].word.cjk {
            true => self.is_pair(*at) && !taken.contains(self.slice(*at..at + 2)),
            false => self.units[*at].class == Class::Content && !taken.contains(self.units[*at].word.folded.as_str()),
        };
        let rated: Vec<(f64, usize)> =
            range.filter(free).map(|at| (self.units[at].weight + 1.2 * dice.noise(), at)).collect();
        rated.into_iter().max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, at)| at)
    }

    /// The phrase around `head` inside `bounds`.
    pub fn phrase(&self, head: usize, bounds: Range<usize>, breadth: Breadth, dice: &mut Dice) -> Term {
        self.term(match self.units[head].word.cjk {
            true => self.han_phrase(head, bounds, breadth),
            false => self.word_phrase(head, bounds, breadth, dice),
        })
    }

    /// Units of y as a term.
    pub fn term(&self, units: Range<usize>) -> Term {
        Term { thing: self.is_thing(&units), text: self.wording(&units), units }
    }

    fn word_phrase(&self, head: usize, bounds: Range<usize>, breadth: Breadth, dice: &mut Dice) -> Range<usize> {
        let content = |at: usize| self.units[at].class == Class::Content && !self.units[at].word.cjk;
        let (mut start, mut end) = (head, head + 1);
        let wide = breadth == Breadth::Wide;
        let right = |end: usize| end < bounds.end && self.units[end].joined;
        while right(end) && content(end) && end - start < if wide { 4 } else { 2 } {
            end += 1;
        }
        let left = |start: usize| start > bounds.start && self.units[start].joined;
        while left(start) && content(start - 1) && end - start < if wide { 4 } else { 2 } && (wide || dice.chance(0.7))
        {
            start -= 1;
        }
        // "the edge of the field": a wide term may run on through one preposition.
        if wide && right(end) && self.units[end].class == Class::Preposition {
            let mut far = end + 1;
            while right(far) && self.units[far].class == Class::Determiner && far - start < WORDS {
                far += 1;
            }
            if right(far) && content(far) && far - start < WORDS {
                end = far + 1;
            }
        }
        if left(start) && self.units[start - 1].class == Class::Determiner && end - start < WORDS {
            start -= 1;
        }
        start..end
    }

    /// The characters around a pair that belong to the same chunk between function characters and marks.
    fn han_phrase(&self, head: usize, bounds: Range<usize>, breadth: Breadth) -> Range<usize> {
        let (mut start, mut end) = (head, head + 2);
        let most = if breadth == Breadth::Wide { HAN.1 } else { HAN.0 };
        let known = |at: usize| lexicon::pair_surprise(self.slice(at..at + 2)).1;
        let chunk_end = (end..bounds.end).find(|at| !self.is_pair(at - 1)).unwrap_or(bounds.end.max(end));
        let chunk_start =
            (bounds.start..start).rev().find(|at| !self.is_pair(*at)).map_or(bounds.start.min(start), |at| at + 1);
        if chunk_end - chunk_start <= most.min(5) {
            return chunk_start..chunk_end;
        }
        while end < chunk_end && end - start < most && (known(end - 1) || breadth == Breadth::Wide) {
            end += 1;
        }
        while start > chunk_start && end - start < most && known(start) && known(start - 1) {
            start -= 1;
        }
        start..end
    }

    fn is_thing(&self, units: &Range<usize>) -> bool {
        let first = &self.units[units.start];
        let before = units.start.checked_sub(1).filter(|_| first.joined).map(|at| self.units[at].class);
        first.word.cjk
            || first.name
            || first.class == Class::Determiner
            || (before == Some(Class::Preposition) && !first.word.folded.ends_with("ing"))
    }

    /// The phrase as a writer would note it: in lower case unless a name, on one line.
    fn wording(&self, units: &Range<usize>) -> String {
        let text = self.slice(units.clone()).replace('\n', " ");
        let first = &self.units[units.start];
        let shouted = text.chars().nth(1).is_some_and(char::is_uppercase);
        if first.name || !first.first || shouted || first.word.folded == "i" {
            return text;
        }
        lowered(&text)
    }
}

fn lowered(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
