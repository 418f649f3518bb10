//! Sentences of the inner voice, by what they do. `{n}` takes a thing or a name, `{}` any term (quoted unless it is a
//! thing), `{l}` any term as it is, `{q}` a phrase of x.

mod en;
mod zh;

use std::collections::HashSet;
use std::sync::LazyLock;

use super::tone::{self, Trait};
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

/// Sentences without slots: those that belong to the one after them, those that belong to the one before them, and
/// whole remarks.
struct Bound {
    leading: HashSet<&'static str>,
    following: HashSet<&'static str>,
    remarks: HashSet<&'static str>,
}

static ENGLISH: LazyLock<Bound> = LazyLock::new(|| bound(Language::En));
static CHINESE: LazyLock<Bound> = LazyLock::new(|| bound(Language::Zh));

/// Patterns of several sentences are cut where a reader would cut them; their fixed parts stay with the rest.
fn bound(language: Language) -> Bound {
    let mut bound = Bound { leading: HashSet::new(), following: HashSet::new(), remarks: HashSet::new() };
    let tones = Trait::ALL.iter().flat_map(|found| tone::wording(*found, language));
    for pattern in Mood::ALL.iter().flat_map(|mood| patterns(language, *mood)).chain(tones) {
        let parts = cut(pattern);
        if !pattern.contains('{') {
            bound.remarks.insert(pattern);
        }
        let slot = parts.iter().position(|part| part.contains('{')).unwrap_or(0);
        bound.leading.extend(&parts[..slot]);
        bound.following.extend(parts[slot..].iter().skip(1).filter(|part| !part.contains('{')));
    }
    bound
}

/// Whether a sentence is one of ours that names nothing of y.
pub(super) fn is_remark(sentence: &str, language: Language) -> bool {
    let bound = if language == Language::Zh { &*CHINESE } else { &*ENGLISH };
    bound.remarks.contains(sentence)
}

/// Sentences of a text, trimmed, none blank; those of one pattern stay together.
pub(super) fn sentences(text: &str, language: Language) -> Vec<String> {
    let bound = if language == Language::Zh { &*CHINESE } else { &*ENGLISH };
    let gap = if language == Language::Zh { "" } else { " " };
    let mut out: Vec<String> = Vec::new();
    let mut open = false;
    for sentence in cut(text) {
        match out.last_mut() {
            Some(last) if open || bound.following.contains(sentence) => {
                last.push_str(gap);
                last.push_str(sentence);
            }
            _ => out.push(sentence.to_owned()),
        }
        open = bound.leading.contains(sentence);
    }
    out
}

/// Cuts a text after the marks that end sentences.
fn cut(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut marks = text.char_indices().peekable();
    while let Some((at, c)) = marks.next() {
        let next = marks.peek().map(|(_, next)| *next);
        let western = matches!(c, '.' | '!' | '?') && next.is_none_or(char::is_whitespace);
        let quoted = matches!(c, '"' | '”' | '」')
            && text[..at].ends_with(['.', '!', '?', '。', '！', '？'])
            && next.is_none_or(|next| next.is_whitespace() || crate::text::is_cjk(next));
        let chinese = matches!(c, '。' | '！' | '？') && !next.is_some_and(|next| matches!(next, '”' | '」' | '"'));
        if western || quoted || chinese || c == '\n' {
            let end = at + c.len_utf8();
            out.push(text[start..end].trim());
            start = end;
        }
    }
    out.push(text[start..].trim());
    out.retain(|sentence| !sentence.is_empty());
    out
}

/// A pattern cut at its slots.
#[derive(Debug, PartialEq)]
pub(super) enum Bit<'a> {
    Words(&'a str),
    /// A term that must read as a noun phrase.
    Thing,
    /// Any term; one that is no thing is quoted.
    Any,
    /// Any term, never quoted: a place in a list or a note.
    Note,
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
            "l" => Bit::Note,
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
    fn sentences_of_one_pattern_stay_together() {
        let text = "Wait, I haven't said anything about the sea yet. Here is the place. What is missing? The \
            sun, I think. Then quickly: a, b, and c. \"Go.\" Mine.";
        let whole = sentences(text, Language::En);
        assert_eq!(whole.len(), 5, "{whole:?}");
        assert!(whole[0].ends_with("Here is the place.") && whole[1].ends_with("The sun, I think."));
        assert_eq!(sentences("还缺什么？我想是海。用“好”收住。完了", Language::Zh).len(), 3);
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
                    let slotted = cut(pattern).iter().filter(|part| part.contains('{')).count();
                    assert!(slotted <= 1, "a rewrite would tear this apart: {pattern}");
                    let plain = bits(pattern).iter().filter(|b| matches!(b, Bit::Words(_))).count();
                    assert!(plain > 0, "{pattern}");
                }
                let one = |p: &&&str| bits(p).iter().filter(|b| !matches!(b, Bit::Words(_))).count() <= 1;
                assert!(all.iter().filter(one).count() >= 1 || mood == Mood::Order, "{language:?} {mood:?}");
            }
        }
    }
}
