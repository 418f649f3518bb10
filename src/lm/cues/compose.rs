//! Sets terms into sentences and sentences into a segment, each checked against y before it is said.

use std::collections::{HashSet, VecDeque};

use super::dice::Dice;
use super::fence::{Fence, Runs};
use super::terms::Term;
use super::voice::{Bit, Mood, bits, patterns};
use crate::reer::{Language, Trajectory};

/// Characters from which the official rule leaves a segment to itself, with some to spare.
const LONG_ENOUGH: usize = 108;
/// Sentences tried to make a segment long enough before it is left as it is.
const TRIES: usize = 24;

/// Writes one segment, or the segments of a draft one after the other.
pub(super) struct Composer<'a> {
    language: Language,
    fence: &'a Fence,
    pub dice: Dice,
    /// Runs shared with y up to here.
    runs: Runs,
    /// Sentences said, with the runs before each.
    said: Vec<(String, Runs)>,
    /// Patterns used, so that none comes twice while others are left.
    used: HashSet<&'static str>,
    /// Phrases of x, for sentences about the request.
    query: Vec<String>,
}

impl<'a> Composer<'a> {
    /// A composer whose words follow `before`, the text of z so far.
    pub fn new(language: Language, fence: &'a Fence, dice: Dice, before: &str) -> Composer<'a> {
        let runs = fence.follow(&Runs::default(), before);
        Composer { language, fence, dice, runs, said: Vec::new(), used: HashSet::new(), query: Vec::new() }
    }

    /// Gives the phrases of x that sentences about the request may name.
    pub fn with_query(mut self, phrases: Vec<String>) -> Composer<'a> {
        self.query = phrases;
        self
    }

    /// Marks as used the patterns whose words stand in `text`.
    pub fn avoid(&mut self, text: &str) {
        for pattern in Mood::ALL.iter().flat_map(|mood| patterns(self.language, *mood)) {
            let opening = bits(pattern).into_iter().find_map(|bit| match bit {
                Bit::Words(words) if words.trim().chars().count() > 4 => Some(words.trim()),
                _ => None,
            });
            if opening.is_some_and(|words| text.contains(words)) {
                self.used.insert(pattern);
            }
        }
    }

    /// Characters said so far, without the gaps.
    pub fn length(&self) -> usize {
        self.said.iter().map(|(sentence, _)| sentence.chars().count()).sum()
    }

    /// Says a sentence as it is. False when y forbids it.
    pub fn keep(&mut self, sentence: &str) -> bool {
        let sentence = sentence.trim();
        if sentence.is_empty() || Trajectory::admit(sentence).is_err() {
            return false;
        }
        let Some(runs) = self.fence.pass(&self.runs, sentence) else { return false };
        let before = std::mem::replace(&mut self.runs, runs);
        self.said.push((sentence.to_owned(), before));
        true
    }

    /// Says a sentence of `mood` with the next terms of the queue, which it takes off. When none fits, the first
    /// term is given up: a term that y forbids here would block all that follow. False when nothing was said.
    pub fn say(&mut self, mood: Mood, terms: &mut VecDeque<Term>) -> bool {
        let mut fresh: Vec<&'static str> = Vec::new();
        let mut stale: Vec<&'static str> = Vec::new();
        for pattern in patterns(self.language, mood) {
            if self.used.contains(pattern) { stale.push(pattern) } else { fresh.push(pattern) }
        }
        self.dice.shuffle(&mut fresh);
        self.dice.shuffle(&mut stale);
        for pattern in fresh.into_iter().chain(stale) {
            let Some((sentence, taken)) = self.fill(pattern, terms) else { continue };
            if self.keep(&sentence) {
                self.used.insert(pattern);
                terms.drain(..taken);
                return true;
            }
        }
        terms.pop_front();
        false
    }

    /// Goes on until the segment is long enough to stand alone: with `spare` terms, then about the manner.
    pub fn lengthen(&mut self, spare: &mut VecDeque<Term>) {
        for _ in 0..TRIES {
            if self.length() >= LONG_ENOUGH {
                break;
            }
            let mood = if spare.is_empty() { Mood::Muse } else { Mood::Step };
            self.say(mood, spare);
        }
    }

    /// The pattern with terms set in, and how many it took; `None` when they do not fit its slots.
    fn fill(&mut self, pattern: &'static str, terms: &VecDeque<Term>) -> Option<(String, usize)> {
        let mut sentence = String::new();
        let mut taken = 0;
        for bit in bits(pattern) {
            match bit {
                Bit::Words(words) => sentence.push_str(words),
                Bit::Query => {
                    let at = self.dice.below(self.query.len());
                    sentence.push_str(self.query.get(at)?);
                }
                Bit::Thing | Bit::Any | Bit::Note => {
                    let term = terms.get(taken).filter(|term| term.thing || bit != Bit::Thing)?;
                    taken += 1;
                    // What is no thing does not fit the grammar around it, unless as a quotation.
                    let (open, close) = if self.language == Language::Zh { ("“", "”") } else { ("\"", "\"") };
                    match bit == Bit::Any && !term.thing && !sentence.ends_with(open) {
                        true => sentence.extend([open, term.text.as_str(), close]),
                        false => sentence.push_str(&term.text),
                    }
                }
            }
        }
        let needs = matches!(self.language, Language::En);
        Some((if needs { capitalised(&sentence) } else { sentence }, taken))
    }

    /// Ends the segment: what was said, joined; words of the next segment must not complete a run.
    pub fn finish(&mut self, next: &str) -> String {
        while !self.said.is_empty() && !self.fence.meets(&self.runs, next) {
            if let Some((_, before)) = self.said.pop() {
                self.runs = before;
            }
        }
        let gap = if self.language == Language::Zh { "" } else { " " };
        let sentences: Vec<String> = std::mem::take(&mut self.said).into_iter().map(|(sentence, _)| sentence).collect();
        sentences.join(gap)
    }
}

/// With a capital at the head of each of its sentences.
fn capitalised(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut start = true;
    let mut ended = false;
    for c in text.chars() {
        if start && c.is_alphabetic() {
            out.extend(c.to_uppercase());
        } else {
            out.push(c);
        }
        start = (start && !c.is_alphanumeric()) || (ended && c == ' ');
        ended = matches!(c, '.' | '?' | '!');
    }
    out
}
