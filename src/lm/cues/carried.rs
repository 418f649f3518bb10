//! What a text already says of y: the phrases of y that it carries.

use std::ops::Range;

use super::lexicon::{self, Class};
use super::source::Source;
use super::terms::Term;
use crate::text::{Word, words};

/// A phrase of y found in a text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Carried {
    /// Byte range in the text.
    pub span: Range<usize>,
    /// Units of y.
    pub units: Range<usize>,
    /// The unit that tells most.
    pub head: usize,
}

impl Carried {
    /// The phrase as a term, in y's words.
    pub fn term(&self, source: &Source<'_>) -> Term {
        source.term(self.units.clone())
    }
}

/// Common words, in nats: an overlap of only these is chance.
const CHANCE: f64 = 6.0;

/// The longest phrases of y in `text`, in the text's order; where y says a word often, the place nearest `part`.
pub(super) fn carried(source: &Source<'_>, text: &str, part: &Range<usize>) -> Vec<Carried> {
    let own = words(text);
    let mut out = Vec::new();
    let mut at = 0;
    while at < own.len() {
        let runs = (0..source.units.len()).filter_map(|place| run(source, text, &own[at..], place));
        let best = runs.max_by_key(|units| (units.len(), std::cmp::Reverse(distance(units.start, part))));
        let Some(units) = best else {
            at += 1;
            continue;
        };
        let length = units.len();
        let near = distance(units.start, part) <= part.len();
        out.extend(trimmed(source, &own[at..at + length], units).filter(|_| near));
        at += length;
    }
    out
}

fn distance(at: usize, part: &Range<usize>) -> usize {
    if at < part.start { part.start - at } else { at.saturating_sub(part.end.saturating_sub(1)) }
}

/// The run of y from `place` that `own` begins with, as far as both go on without a break.
fn run(source: &Source<'_>, text: &str, own: &[Word], place: usize) -> Option<Range<usize>> {
    let same = |step: usize| {
        let (Some(unit), Some(word)) = (source.units.get(place + step), own.get(step)) else { return false };
        let unbroken = step == 0 || (unit.joined && text[own[step - 1].span.end..word.span.start].len() < 2);
        unit.word.folded == word.folded && unbroken
    };
    let length = (0..).take_while(|step| same(*step)).count();
    (length > 0).then_some(place..place + length)
}

/// The run without function words at its ends (an opening article stays), if anything that tells is left.
fn trimmed(source: &Source<'_>, own: &[Word], units: Range<usize>) -> Option<Carried> {
    let class = |at: usize| source.units[at].class;
    let mut kept = units.clone();
    while !kept.is_empty() && class(kept.end - 1) != Class::Content {
        kept.end -= 1;
    }
    while kept.len() > 1 && !matches!(class(kept.start), Class::Content | Class::Determiner) {
        kept.start += 1;
    }
    let tells = |at: usize| {
        let unit = &source.units[at];
        match unit.word.cjk {
            true => at + 1 < kept.end && source.is_pair(at),
            false => unit.class == Class::Content && (unit.name || lexicon::surprise(&unit.word.folded) > CHANCE),
        }
    };
    let rated = kept.clone().filter(|at| tells(*at)).map(|at| (source.units[at].weight, at));
    let (_, head) = rated.max_by(|a, b| a.0.total_cmp(&b.0))?;
    let span = own[kept.start - units.start].span.start..own[kept.end - 1 - units.start].span.end;
    Some(Carried { span, units: kept, head })
}
