//! y as units with classes and surprises, its parts, and where in y a segment of z belongs.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::lexicon::{self, Class};
use crate::text::{Word, words};

/// One word, or one Chinese character, of y.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    pub word: Word,
    pub class: Class,
    /// Only a space, a line end, a hyphen or nothing stands between it and the unit before.
    pub joined: bool,
    /// Stands first in its sentence.
    pub first: bool,
    /// A proper name, as far as capitals tell.
    pub name: bool,
    /// Units of the Chinese word it belongs to, as far as pairs tell; itself alone otherwise.
    pub token: Range<usize>,
    /// How much a term at this place tells, in nats: rarity, less for what x says, more for what y repeats.
    pub weight: f64,
}

/// y, made ready for terms to be taken from.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub text: &'a str,
    pub units: Vec<Unit>,
}

/// What a word of x is worth less, in nats: the scorer has read it already.
const SAID_IN_QUERY: f64 = 4.0;

/// Cost of a character that belongs to no known pair; a known pair costs 1.2 to 1.5.
const LOOSE: f64 = 1.1;

/// What a word after an article or a preposition is worth more, in nats: it reads well in a plan.
const LIKE_A_NOUN: f64 = 1.0;

impl<'a> Source<'a> {
    /// Makes `text` ready; the words of `query` tell less than others.
    pub fn new(text: &'a str, query: &str) -> Source<'a> {
        let said: HashSet<String> = words(query).into_iter().map(|w| w.folded).collect();
        let words = words(text);
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for word in &words {
            *counts.entry(&word.folded).or_default() += 1;
        }
        let names = names(text, &words);
        let class_at = |at: usize| class(&words[at], counts[words[at].folded.as_str()], words.len());
        let units = (0..words.len())
            .map(|at| {
                let word = &words[at];
                let gap = at.checked_sub(1).map(|before| &text[words[before].span.end..word.span.start]);
                let class = class_at(at);
                let opened = at > 0 && matches!(class_at(at - 1), Class::Determiner | Class::Preposition);
                let name = names.contains(word.folded.as_str());
                let repeated = (counts[word.folded.as_str()] as f64).ln().min(1.5);
                let weight = match class {
                    Class::Content => {
                        let query = if said.contains(&word.folded) { SAID_IN_QUERY } else { 0.0 };
                        let noun = f64::from(u8::from(name)) + if opened { LIKE_A_NOUN } else { 0.0 };
                        surprise(text, &words, at) + repeated + noun - query
                    }
                    _ => 0.0,
                };
                Unit {
                    class: if name && class != Class::Determiner { Class::Content } else { class },
                    joined: gap.is_some_and(|gap| matches!(gap, " " | "\n" | "-" | "" | "'" | "\u{2019}")),
                    first: gap.is_none_or(ends_sentence),
                    name,
                    weight,
                    token: at..at + 1,
                    word: word.clone(),
                }
            })
            .collect();
        let mut source = Source { text, units };
        source.mark_tokens();
        source
    }

    /// Cuts every chunk of Chinese content characters into words: pairs that the list knows or y repeats, then what is
    /// left between them.
    fn mark_tokens(&mut self) {
        let mut pairs: HashMap<&str, usize> = HashMap::new();
        for at in (1..self.units.len()).filter(|at| self.is_pair(at - 1)) {
            *pairs.entry(self.slice(at - 1..at + 1)).or_default() += 1;
        }
        let repeated: HashSet<&str> = pairs.into_iter().filter(|(_, count)| *count > 1).map(|(pair, _)| pair).collect();
        let mut at = 0;
        while at < self.units.len() {
            let mut end = at + 1;
            while self.is_pair(end - 1) {
                end += 1;
            }
            for token in self.cut_chunk(at..end, &repeated) {
                for unit in token.clone() {
                    self.units[unit].token = token.clone();
                }
            }
            at = end;
        }
    }

    /// The words of a chunk: fewest pieces, then commonest pairs; loose characters in a row make one word of up to three.
    fn cut_chunk(&self, chunk: Range<usize>, repeated: &HashSet<&str>) -> Vec<Range<usize>> {
        let (start, length) = (chunk.start, chunk.len());
        // Cheapest cut of the first n characters, and the length of its last piece.
        let mut best: Vec<(f64, usize)> = vec![(0.0, 0); length + 1];
        for end in 1..=length {
            best[end] = (best[end - 1].0 + LOOSE, 1);
            if end >= 2 {
                let pair = self.slice(start + end - 2..start + end);
                let (surprise, known) = lexicon::pair_surprise(pair);
                let cost = best[end - 2].0 + 1.0 + surprise / 20.0;
                if (known || repeated.contains(pair)) && cost < best[end].0 {
                    best[end] = (cost, 2);
                }
            }
        }
        let mut pieces: Vec<Range<usize>> = Vec::new();
        let mut end = length;
        while end > 0 {
            let piece = start + end - best[end].1..start + end;
            end -= best[end].1;
            let joins = |at: usize| lexicon::joins_terms(&self.units[at].word.folded);
            match pieces.last_mut() {
                // Walking backwards: a loose character goes to the loose ones, or to the pair, that follow it.
                Some(after) if piece.len() == 1 && joins(piece.start) && joins(after.start) && after.len() < 3 => {
                    after.start = piece.start;
                }
                _ => pieces.push(piece),
            }
        }
        pieces
    }

    /// Length of units `range` in words: three Chinese characters count as two.
    pub fn length(&self, range: Range<usize>) -> f64 {
        self.units[range].iter().map(|u| if u.word.cjk { 2.0 / 3.0 } else { 1.0 }).sum()
    }

    /// Which units of y each segment of z covers: its share by position, moved to where its words stand in y.
    pub fn parts(&self, segments: &[&str]) -> Vec<Range<usize>> {
        let (count, end) = (segments.len(), self.units.len());
        let anchors: Vec<f64> = (0..count)
            .map(|at| {
                let share = (at as f64 + 0.5) / count as f64 * end as f64;
                self.anchor(segments[at], share)
            })
            .collect();
        let border = |at: usize| -> usize {
            let between = match at {
                0 => 0.0,
                _ if at == count => end as f64,
                _ => (anchors[at - 1] + anchors[at]) / 2.0,
            };
            between.round() as usize
        };
        (0..count)
            .map(|at| {
                let (low, high) = (border(at), border(at + 1));
                if low < high { low..high.min(end) } else { end * at / count..end * (at + 1) / count }
            })
            .collect()
    }

    /// The middle of the places in y of the rare words that `segment` shares with it, drawn toward `share`.
    fn anchor(&self, segment: &str, share: f64) -> f64 {
        let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, unit) in self.units.iter().enumerate().filter(|(_, u)| u.class == Class::Content && !u.word.cjk) {
            places.entry(&unit.word.folded).or_default().push(at);
        }
        for at in 1..self.units.len() {
            if self.is_pair(at - 1) {
                places.entry(self.slice(at - 1..at + 1)).or_default().push(at);
            }
        }
        let own = words(segment);
        let singles = own.iter().filter(|w| !w.cjk).map(|w| w.folded.as_str());
        let pairs = own.windows(2).filter(|w| w[0].cjk && w[1].cjk && w[0].span.end == w[1].span.start);
        let pairs = pairs.map(|w| &segment[w[0].span.start..w[1].span.end]);
        let mut found: Vec<usize> =
            singles.chain(pairs).filter_map(|key| places.get(key).filter(|at| at.len() == 1)).map(|at| at[0]).collect();
        found.sort_unstable();
        found.dedup();
        match found.get(found.len() / 2) {
            Some(median) if found.len() >= 2 => (*median as f64 * 3.0 + share) / 4.0,
            _ => share,
        }
    }

    /// Whether two Chinese characters from `at` may be a word.
    pub fn is_pair(&self, at: usize) -> bool {
        let Some([a, b]) = self.units.get(at..at + 2) else { return false };
        let content = |u: &Unit| u.word.cjk && u.class == Class::Content;
        content(a) && content(b) && b.joined
    }

    /// The text of units `range`.
    pub fn slice(&self, range: Range<usize>) -> &'a str {
        &self.text[self.units[range.start].word.span.start..self.units[range.end - 1].word.span.end]
    }
}

fn ends_sentence(gap: &str) -> bool {
    gap.contains(['.', '!', '?', '\n', ':', '"', '\u{201C}', '。', '！', '？', '：', '#', '*'])
}

/// A word that makes up over 1.5 % of a text and is short serves it as a function word, whatever its language.
fn class(word: &Word, count: usize, total: usize) -> Class {
    match lexicon::class(&word.folded, word.cjk) {
        Class::Content
            if !word.cjk && word.folded.chars().count() < 3 && !word.folded.chars().all(char::is_numeric) =>
        {
            Class::Function
        }
        Class::Content if !word.cjk && count * 200 > total * 3 && count > 8 && word.folded.chars().count() < 5 => {
            Class::Function
        }
        class => class,
    }
}

/// The surprise of a word, or of the pair that begins with a Chinese character.
fn surprise(text: &str, words: &[Word], at: usize) -> f64 {
    if !words[at].cjk {
        return lexicon::surprise(&words[at].folded);
    }
    match words.get(at + 1) {
        Some(next) if next.cjk && next.span.start == words[at].span.end => {
            lexicon::pair_surprise(&text[words[at].span.start..next.span.end]).0
        }
        _ => 0.0,
    }
}

/// Folded words that stand capitalised inside a sentence, or only capitalised and in no list.
fn names<'a>(text: &str, words: &'a [Word]) -> HashSet<&'a str> {
    let capital = |word: &Word| text[word.span.clone()].starts_with(char::is_uppercase);
    let lower: HashSet<&str> = words.iter().filter(|w| !capital(w)).map(|w| w.folded.as_str()).collect();
    let candidates = words.iter().enumerate().filter(|(_, w)| capital(w) && !lower.contains(w.folded.as_str()));
    candidates
        .filter(|(at, word)| {
            let inside = *at > 0 && !ends_sentence(&text[words[at - 1].span.end..word.span.start]);
            let class = lexicon::class(&word.folded, word.cjk);
            class == Class::Content && (inside || !(lexicon::is_common(&word.folded) || is_inflected(&word.folded)))
        })
        .map(|(_, word)| word.folded.as_str())
        .collect()
}

/// Endings that names seldom have.
fn is_inflected(folded: &str) -> bool {
    ["s", "ly", "ing", "ed", "tion", "ment", "ness"].iter().any(|ending| folded.ends_with(ending))
}
