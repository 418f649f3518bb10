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
/// Most Chinese characters of a wide term.
const HAN: usize = 8;
/// What a turn of phrase that begins with a loose character is worth less than a word, in nats.
const LOOSE: f64 = 2.0;

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
            let after = terms.last().map_or(part.start, |term| term.units.end);
            let Some(head) = self.best_head(after.max(low)..high, breadth, &taken, dice) else { continue };
            let term = self.phrase(head, after..part.end, breadth);
            if term.text.chars().count() < 2 {
                continue;
            }
            taken.extend(spoken(&term.text));
            terms.push(term);
        }
        terms
    }

    /// The unit that tells most, with some noise so that other seeds find other heads.
    fn best_head(
        &self,
        range: Range<usize>,
        breadth: Breadth,
        taken: &HashSet<String>,
        dice: &mut Dice,
    ) -> Option<usize> {
        let free = |at: &usize| match self.units[*at].word.cjk {
            true => self.opens_han(*at, breadth) && !taken.contains(self.slice(*at..at + 2)),
            false => self.units[*at].class == Class::Content && !taken.contains(self.units[*at].word.folded.as_str()),
        };
        let loose = |at: usize| if self.units[at].word.cjk && self.units[at].token.len() < 2 { LOOSE } else { 0.0 };
        let rated: Vec<(f64, usize)> =
            range.filter(free).map(|at| (self.units[at].weight - loose(at) + 1.2 * dice.noise(), at)).collect();
        rated.into_iter().max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, at)| at)
    }

    /// Whether a Chinese term may begin here: a word that is more than numbers and measures; for wide terms also a
    /// loose character that others follow.
    fn opens_han(&self, at: usize, breadth: Breadth) -> bool {
        let token = &self.units[at].token;
        let telling = token.clone().any(|unit| lexicon::joins_terms(&self.units[unit].word.folded));
        let followed = |next: usize| self.units.get(next).is_some_and(|unit| unit.joined && unit.word.cjk);
        match token.len() {
            1 => {
                breadth == Breadth::Wide
                    && self.units[at].class == Class::Content
                    && followed(at + 1)
                    && followed(at + 2)
            }
            _ => token.start == at && telling,
        }
    }

    /// The phrase around `head` inside `bounds`.
    pub fn phrase(&self, head: usize, bounds: Range<usize>, breadth: Breadth) -> Term {
        self.term(match self.units[head].word.cjk {
            true => self.han_phrase(head, bounds, breadth),
            false => self.word_phrase(head, bounds, breadth),
        })
    }

    /// Units of y as a term.
    pub fn term(&self, units: Range<usize>) -> Term {
        Term { thing: self.is_thing(&units), text: self.wording(&units), units }
    }

    fn word_phrase(&self, head: usize, bounds: Range<usize>, breadth: Breadth) -> Range<usize> {
        let mut phrase = match breadth {
            Breadth::Narrow => self.noun_phrase(head, &bounds),
            Breadth::Wide => self.wide_phrase(head, &bounds),
        };
        let article = |at: usize| {
            let number = lexicon::is_number(&self.units[at].word.folded) && self.units[at + 1].name;
            self.units[at].class == Class::Determiner && !number
        };
        let joined = phrase.start > bounds.start && self.units[phrase.start].joined;
        if joined && article(phrase.start - 1) && phrase.len() < WORDS {
            phrase.start -= 1;
        }
        phrase
    }

    fn is_content(&self, at: usize) -> bool {
        self.units[at].class == Class::Content && !self.units[at].word.cjk
    }

    /// Looks like a plural: a noun phrase ends there.
    fn is_plural(&self, at: usize) -> bool {
        let word = &self.units[at].word.folded;
        word.ends_with('s') && !word.ends_with("ss")
    }

    /// The head with its adjectives and the noun it belongs to, where an article or a preposition opens them; the
    /// whole of a name; else the head alone.
    fn noun_phrase(&self, head: usize, bounds: &Range<usize>) -> Range<usize> {
        let (mut start, mut end) = (head, head + 1);
        let left = |start: usize| start > bounds.start && self.units[start].joined;
        let right = |end: usize| end < bounds.end && self.units[end].joined;
        if self.units[head].name {
            while left(start) && self.units[start - 1].name && end - start < 3 {
                start -= 1;
            }
            while right(end) && self.units[end].name && end - start < 3 {
                end += 1;
            }
            return start..end;
        }
        while left(start) && self.is_content(start - 1) && !self.is_plural(start - 1) && end - start < 3 {
            start -= 1;
        }
        let opened = start > 0
            && self.units[start].joined
            && matches!(self.units[start - 1].class, Class::Determiner | Class::Preposition);
        if !opened {
            return head..head + 1;
        }
        let noun = |at: usize| self.is_content(at) && !lexicon::is_verbal(&self.units[at].word.folded);
        while right(end) && noun(end) && !self.is_plural(end - 1) && end - start < 3 {
            end += 1;
        }
        start..end
    }

    /// As many content words as stand together, and through one preposition on: "the edge of the field".
    fn wide_phrase(&self, head: usize, bounds: &Range<usize>) -> Range<usize> {
        let (mut start, mut end) = (head, head + 1);
        let right = |end: usize| end < bounds.end && self.units[end].joined;
        while right(end) && self.is_content(end) && end - start < WORDS - 1 {
            end += 1;
        }
        while start > bounds.start && self.units[start].joined && self.is_content(start - 1) && end - start < WORDS - 1
        {
            start -= 1;
        }
        if right(end) && self.units[end].class == Class::Preposition {
            let mut far = end + 1;
            while right(far) && self.units[far].class == Class::Determiner && far - start < WORDS {
                far += 1;
            }
            let noun = far;
            while right(far) && self.is_content(far) && !lexicon::is_verbal(&self.units[far].word.folded) {
                far += 1;
            }
            if far > noun && far - start <= WORDS {
                end = far;
            }
        }
        start..end
    }

    /// The word at `head`; a wide term runs on over whole words of the same chunk, and over one function character.
    fn han_phrase(&self, head: usize, bounds: Range<usize>, breadth: Breadth) -> Range<usize> {
        let (start, mut end) = (head, self.units[head].token.end);
        if breadth == Breadth::Narrow {
            return start..end;
        }
        let joined = |at: usize| at < bounds.end && self.units[at].joined && self.units[at].word.cjk;
        let mut bridges = 1;
        let mut far = end;
        while joined(far) && far - start < HAN {
            let token = &self.units[far].token;
            let function = self.units[far].class != Class::Content;
            if function && bridges == 0 || token.end - start > HAN {
                break;
            }
            bridges -= usize::from(function);
            far = token.end;
            // A term does not end in a function character; in a loose one only if it would be too short without.
            if !function && (self.units[far - 1].token.len() > 1 || end - start < 3) {
                end = far;
            }
        }
        start..end
    }

    fn is_thing(&self, units: &Range<usize>) -> bool {
        let first = &self.units[units.start];
        let before = units.start.checked_sub(1).filter(|_| first.joined).map(|at| self.units[at].class);
        let opened = first.name
            || first.class == Class::Determiner
            || (before == Some(Class::Preposition) && !first.word.folded.ends_with("ing"));
        // A verb behind the first noun makes it a clause; right after the article it is an adjective.
        let content = units.clone().filter(|at| self.units[*at].class == Class::Content).skip(1);
        if first.word.cjk {
            return first.token.len() > 1;
        }
        let noun = |at: usize| {
            let joined = self.units[at - 1].class == Class::Content;
            !(lexicon::is_verbal(&self.units[at].word.folded) || joined && self.is_plural(at - 1))
        };
        opened && content.into_iter().all(noun)
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
