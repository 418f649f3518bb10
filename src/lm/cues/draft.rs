//! A first trajectory: the request, the opening, each part of y in its order, the turn, the ending.

use std::collections::{HashSet, VecDeque};

use super::compose::Composer;
use super::source::Source;
use super::terms::{Breadth, Term, spoken};
use super::tone::{self, Trait};
use super::voice::Mood;
use crate::reer::Language;

/// Words of y for which one segment plans.
const WORDS_A_SEGMENT: f64 = 45.0;
const SEGMENTS: (usize, usize) = (3, 24);
/// Words of y for which the draft names one term; rewrites add more.
const WORDS_A_TERM: f64 = 13.0;

/// Writes the draft; segments are separated by a blank line.
pub(super) fn draft(source: &Source<'_>, composer: &mut Composer<'_>, language: Language) -> String {
    let end = source.units.len();
    let count = ((source.length(0..end) / WORDS_A_SEGMENT).round() as usize).clamp(SEGMENTS.0, SEGMENTS.1);
    let traits = tone::traits(source);
    let turn = if count > 3 { count * 2 / 3 } else { count };
    let mut avoid = HashSet::new();
    let mut segments: Vec<String> = Vec::new();
    for at in 0..count {
        let part = end * at / count..end * (at + 1) / count;
        let wanted = (source.length(part.clone()) / WORDS_A_TERM).ceil() as usize + 1;
        let breadth = if composer.dice.chance(0.25) { Breadth::Wide } else { Breadth::Narrow };
        let mut terms: VecDeque<Term> = source.terms(part, wanted, breadth, &avoid, &mut composer.dice).into();
        avoid.extend(terms.iter().flat_map(|term| spoken(&term.text)));
        let place = Place { first: at == 0, last: at + 1 == count, turn: at == turn };
        let said = traits.get(at % traits.len().max(1)).filter(|_| at % 2 == 0 || traits.len() > 3).copied();
        segment(composer, &mut terms, place, said, language);
        let text = composer.finish("");
        if !text.is_empty() {
            segments.push(text);
        }
    }
    segments.join("\n\n")
}

/// Where a segment stands in the draft.
struct Place {
    first: bool,
    last: bool,
    turn: bool,
}

fn segment(
    composer: &mut Composer<'_>,
    terms: &mut VecDeque<Term>,
    place: Place,
    found: Option<Trait>,
    language: Language,
) {
    if place.first {
        composer.say(Mood::Request, &mut VecDeque::new());
    }
    let opening = match place {
        Place { first: true, .. } => Mood::Open,
        Place { turn: true, .. } => Mood::Turn,
        _ => Mood::Link,
    };
    if !terms.is_empty() {
        composer.say(opening, terms);
    }
    if let Some(wordings) = found.map(|found| tone::wording(found, language)) {
        let at = composer.dice.below(wordings.len());
        composer.keep(wordings[at]);
    }
    let kept_for_end = usize::from(place.last);
    let mut asked = false;
    while terms.len() > kept_for_end {
        let mood = if !asked && composer.dice.chance(0.45) { Mood::Ask } else { Mood::Step };
        asked |= mood == Mood::Ask;
        composer.say(mood, terms);
    }
    if place.last {
        composer.say(Mood::Close, terms);
    }
    composer.lengthen();
}
