//! A first trajectory: the request, the opening, each part of y in its order, the turn, the ending.

use std::collections::{HashSet, VecDeque};

use super::compose::Composer;
use super::source::Source;
use super::terms::{Breadth, Term, spoken};
use super::tone::{self, Trait};
use super::voice::Mood;
use crate::reer::Language;

/// Words of y for which one segment plans; Chinese says as much in fewer characters, and a segment has at least 100.
fn words_a_segment(language: Language) -> f64 {
    if language == Language::Zh { 60.0 } else { 45.0 }
}

const SEGMENTS: (usize, usize) = (3, 24);
/// Words of y for which the draft names one term; rewrites add more.
fn words_a_term(language: Language) -> f64 {
    if language == Language::Zh { 9.0 } else { 13.0 }
}

/// Terms at hand for a segment that turns out too short to stand alone.
const SPARE: usize = 3;

/// Where a segment stands in the draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    First,
    Middle,
    Turn,
    Last,
}

/// Writes the draft; segments are separated by a blank line.
pub(super) fn draft(source: &Source<'_>, composer: &mut Composer<'_>, language: Language) -> String {
    let end = source.units.len();
    let count = ((source.length(0..end) / words_a_segment(language)).round() as usize).clamp(SEGMENTS.0, SEGMENTS.1);
    let mut traits: VecDeque<Trait> = tone::traits(source).into();
    let mut avoid = HashSet::new();
    let mut segments: Vec<String> = Vec::new();
    for at in 0..count {
        let part = end * at / count..end * (at + 1) / count;
        let wanted = (source.length(part.clone()) / words_a_term(language)).ceil() as usize + 1;
        let breadth = if composer.dice.chance(0.25) { Breadth::Wide } else { Breadth::Narrow };
        let mut some = |count| -> VecDeque<Term> {
            let terms = source.terms(part.clone(), count, breadth, &avoid, &mut composer.dice);
            avoid.extend(terms.iter().flat_map(|term| spoken(&term.text)));
            terms.into()
        };
        let (mut terms, mut spare) = (some(wanted), some(SPARE));
        let place = match at {
            0 => Place::First,
            _ if at + 1 == count => Place::Last,
            _ if count > 3 && at == count * 2 / 3 => Place::Turn,
            _ => Place::Middle,
        };
        // Traits are spread over the draft, each said once.
        let said = if traits.len() * 2 >= count - at || at % 2 == 0 { traits.pop_front() } else { None };
        segment(composer, &mut terms, &mut spare, place, said, language);
        segments.extend(Some(composer.finish("")).filter(|text| !text.is_empty()));
    }
    segments.join("\n\n")
}

fn segment(
    composer: &mut Composer<'_>,
    terms: &mut VecDeque<Term>,
    spare: &mut VecDeque<Term>,
    place: Place,
    found: Option<Trait>,
    language: Language,
) {
    // Kept apart, or a sentence with several terms would take it.
    let mut end: VecDeque<Term> =
        if place == Place::Last { terms.pop_back().into_iter().collect() } else { VecDeque::new() };
    if place == Place::First {
        composer.say(Mood::Request, &mut VecDeque::new());
    }
    if !terms.is_empty() {
        composer.say(
            match place {
                Place::First => Mood::Open,
                Place::Turn => Mood::Turn,
                Place::Middle | Place::Last => Mood::Link,
            },
            terms,
        );
    }
    let mut remark = found.map(|found| tone::wording(found, language));
    let mut asked = false;
    while !terms.is_empty() {
        let mood = if !asked && composer.dice.chance(0.45) { Mood::Ask } else { Mood::Step };
        asked |= mood == Mood::Ask;
        composer.say(mood, terms);
        if composer.dice.chance(0.5) {
            remark_on(composer, remark.take());
        }
    }
    remark_on(composer, remark);
    if place == Place::Last {
        composer.lengthen(spare);
        composer.say(Mood::Close, &mut end);
    }
    composer.lengthen(spare);
}

fn remark_on(composer: &mut Composer<'_>, wordings: Option<&[&str]>) {
    if let Some(wordings) = wordings {
        let at = composer.dice.below(wordings.len());
        composer.keep(wordings[at]);
    }
}
