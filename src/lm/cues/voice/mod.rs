//! Sentences of the inner voice, by what they do. `{n}` takes a thing or a name, `{}` any term, `{q}` a phrase of x.

mod en;
mod zh;

use crate::reer::Language;

/// What a sentence does in the thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    /// Turns the query over, before any plan.
    Request,
    /// Finds the opening.
    Open,
    /// Begins a later segment.
    Link,
    /// Plans the next thing.
    Step,
    /// Questions, and decides.
    Ask,
    /// Makes a vague thing exact.
    Sharpen,
    /// Sets things in order.
    Order,
    /// Finds the turn.
    Turn,
    /// Finds the ending.
    Close,
    /// Thinks about the manner, without a term.
    Muse,
}

impl Mood {
    #[cfg(test)]
    pub const ALL: [Mood; 10] = [
        Mood::Request,
        Mood::Open,
        Mood::Link,
        Mood::Step,
        Mood::Ask,
        Mood::Sharpen,
        Mood::Order,
        Mood::Turn,
        Mood::Close,
        Mood::Muse,
    ];
}

/// The sentences of a mood.
pub(super) fn patterns(language: Language, mood: Mood) -> &'static [&'static str] {
    match language {
        Language::En => en::patterns(mood),
        Language::Zh => zh::patterns(mood),
    }
}

/// A pattern cut at its slots.
#[derive(Debug, PartialEq)]
pub(super) enum Bit<'a> {
    Words(&'a str),
    /// A term that must read as a noun phrase.
    Thing,
    /// Any term.
    Any,
    /// A phrase of the query.
    Query,
}

/// Cuts a pattern at its slots.
pub(super) fn bits(pattern: &str) -> Vec<Bit<'_>> {
    let mut out = Vec::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((slot, after)) = after.split_once('}') else { break };
        if !before.is_empty() {
            out.push(Bit::Words(before));
        }
        out.push(match slot {
            "n" => Bit::Thing,
            "q" => Bit::Query,
            _ => Bit::Any,
        });
        rest = after;
    }
    if !rest.is_empty() {
        out.push(Bit::Words(rest));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reer::Trajectory;

    #[test]
    fn patterns_are_cut_at_their_slots() {
        assert_eq!(
            bits("Then {n}, {}."),
            [Bit::Words("Then "), Bit::Thing, Bit::Words(", "), Bit::Any, Bit::Words(".")]
        );
        assert_eq!(bits("{q}"), [Bit::Query]);
    }

    #[test]
    fn every_mood_has_sentences_that_may_stand_in_z() {
        for language in [Language::En, Language::Zh] {
            for mood in Mood::ALL {
                let all = patterns(language, mood);
                let unique: std::collections::BTreeSet<_> = all.iter().collect();
                assert_eq!(unique.len(), all.len(), "{language:?} {mood:?} says something twice");
                for pattern in all {
                    assert!(Trajectory::admit(pattern).is_ok() && !pattern.contains('\n'), "{pattern}");
                    assert!(pattern.ends_with(['.', '?', '"', '。', '？', '”']), "{pattern}");
                    let plain = bits(pattern).iter().filter(|b| matches!(b, Bit::Words(_))).count();
                    assert!(plain > 0, "{pattern}");
                }
                let one = |p: &&&str| bits(p).iter().filter(|b| !matches!(b, Bit::Words(_))).count() <= 1;
                assert!(all.iter().filter(one).count() >= 1 || mood == Mood::Order, "{language:?} {mood:?}");
            }
        }
    }
}
