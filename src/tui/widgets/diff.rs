//! An old and a new segment as one text to read: what was taken out, what came in, and a count for what stayed in
//! between. Drawn as any text is, on a [`super::text::Sheet`].

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::text::{Bands, Spans};
use crate::text::{Hunk, graphemes, word_diff};
use crate::tui::theme::Role;

/// Characters that stay around each change when what lies between is folded.
const AROUND: usize = 60;
/// Fewer letters than this between two changes are read as part of them.
const LEAST_KEPT: usize = 4;
/// Folding less than this many characters would save nothing.
const LEAST_FOLDED: usize = 80;

/// A comparison, ready for a sheet: its `text` is raw, its `spans` lie over it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comparison {
    pub text: String,
    pub spans: Spans,
    /// Words and other units that differ are there at all.
    pub changed: bool,
}

/// How a comparison is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// `[-taken out-]` and `{+come in+}` around the words; always so with [`Bands::Signs`].
    pub brackets: bool,
    /// Long unchanged stretches stand in full.
    pub unfolded: bool,
}

impl Marks {
    /// As few signs as the terminal allows.
    pub fn of(bands: Bands) -> Marks {
        Marks { brackets: bands == Bands::Signs, unfolded: false }
    }
}

/// Compares two segments. Past `deadline` the rest counts as replaced.
pub fn compare(old: &str, new: &str, marks: Marks, deadline: Option<Instant>) -> Comparison {
    let hunks = coarser(word_diff(old, new, deadline), old);
    let mut out = Comparison::default();
    let last = hunks.len().saturating_sub(1);
    for (at, hunk) in hunks.into_iter().enumerate() {
        match hunk {
            Hunk::Equal { new: range, .. } => {
                let (before, after) = (at > 0, at < last);
                out.equal(&new[range], before, after, marks.unfolded || last == 0);
            }
            Hunk::Removed { old: range } => out.change(&old[range], Role::Removed, ("[-", "-]"), marks.brackets),
            Hunk::Added { new: range } => out.change(&new[range], Role::Added, ("{+", "+}"), marks.brackets),
        }
    }
    out
}

/// Comparisons that were asked for lately, so that a pane may ask in every frame and gets the same answer: one that
/// came too late to be fine does not change under the reader.
#[derive(Debug, Default)]
pub struct Comparisons {
    /// The one asked for last stands last.
    kept: Vec<Kept>,
}

#[derive(Debug)]
struct Kept {
    old: String,
    new: String,
    marks: Marks,
    comparison: Arc<Comparison>,
}

/// Comparisons kept at most.
const MOST: usize = 32;

impl Comparisons {
    /// The comparison of two segments; the first time it is asked for it may take `patience`.
    pub fn get(&mut self, old: &str, new: &str, marks: Marks, patience: Duration) -> Arc<Comparison> {
        let here = self.kept.iter().position(|kept| kept.old == old && kept.new == new && kept.marks == marks);
        let kept = here.map(|at| self.kept.remove(at)).unwrap_or_else(|| {
            let comparison = Arc::new(compare(old, new, marks, Some(Instant::now() + patience)));
            Kept { old: old.to_owned(), new: new.to_owned(), marks, comparison }
        });
        let comparison = Arc::clone(&kept.comparison);
        if self.kept.len() == MOST {
            self.kept.remove(0);
        }
        self.kept.push(kept);
        comparison
    }
}

/// Joins changes with next to nothing between them: a rewritten phrase is read whole, not as words that alternate.
fn coarser(hunks: Vec<Hunk>, old: &str) -> Vec<Hunk> {
    let last = hunks.len().saturating_sub(1);
    let mut out: Vec<Hunk> = Vec::new();
    let mut changed: Option<(Range<usize>, Range<usize>)> = None;
    let mut at = (0, 0);
    for (index, hunk) in hunks.into_iter().enumerate() {
        let (from, kept) = match &hunk {
            Hunk::Equal { old: range, new } => {
                let little = old[range.clone()].chars().filter(|c| c.is_alphanumeric()).count() < LEAST_KEPT;
                ((range.clone(), new.clone()), !little || index == 0 || index == last)
            }
            Hunk::Removed { old } => ((old.clone(), at.1..at.1), false),
            Hunk::Added { new } => ((at.0..at.0, new.clone()), false),
        };
        at = (from.0.end, from.1.end);
        if kept {
            out.extend(changed.take().into_iter().flat_map(change));
            out.push(hunk);
        } else {
            changed = Some(match changed {
                Some((old, new)) => (old.start..from.0.end, new.start..from.1.end),
                None => from,
            });
        }
    }
    out.extend(changed.into_iter().flat_map(change));
    out
}

/// A change as a removal and the addition that takes its place, each where it is not empty.
fn change((old, new): (Range<usize>, Range<usize>)) -> impl Iterator<Item = Hunk> {
    let removed = (!old.is_empty()).then_some(Hunk::Removed { old });
    removed.into_iter().chain((!new.is_empty()).then_some(Hunk::Added { new }))
}

impl Comparison {
    fn change(&mut self, text: &str, role: Role, (open, close): (&str, &str), brackets: bool) {
        let start = self.text.len();
        let (open, close) = if brackets { (open, close) } else { ("", "") };
        self.text.extend([open, text, close]);
        self.spans.push((start..self.text.len(), role));
        self.changed = true;
    }

    /// `before` and `after`: whether a change stands on that side.
    fn equal(&mut self, text: &str, before: bool, after: bool, whole: bool) {
        let folded = folded(text, before, after).filter(|_| !whole);
        let Some(Folded { cut, count }) = folded else { return self.text.push_str(text) };
        self.text.push_str(&text[..cut.start]);
        let start = self.text.len();
        self.text.push_str(&format!(" … {count} characters … "));
        self.spans.push((start..self.text.len(), Role::Dim));
        self.text.push_str(&text[cut.end..]);
    }
}

struct Folded {
    cut: Range<usize>,
    /// Characters as a person counts them.
    count: usize,
}

/// What of an unchanged stretch is left out, between whole words where there are words.
fn folded(text: &str, before: bool, after: bool) -> Option<Folded> {
    let places: Vec<(usize, &str)> = graphemes(text).collect();
    let keep = |side: bool| if side { AROUND } else { 0 };
    let (mut first, mut end) = (keep(before), places.len().checked_sub(keep(after))?);
    let near_space = |at: usize| places.get(at).is_some_and(|(_, grapheme)| matches!(*grapheme, " " | "\n"));
    // A word is looked for in reach of a few syllables; text without spaces is cut anywhere.
    first = (first..first + 16).find(|at| near_space(*at)).filter(|_| before).unwrap_or(first);
    end = (end.saturating_sub(16)..end).rev().find(|at| near_space(*at)).filter(|_| after).map_or(end, |at| at + 1);
    if end < first + LEAST_FOLDED {
        return None;
    }
    let byte = |at: usize| places.get(at).map_or(text.len(), |(byte, _)| *byte);
    Some(Folded { cut: byte(first)..byte(end), count: end - first })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SIGNS: Marks = Marks { brackets: true, unfolded: false };

    #[test]
    fn changes_stand_in_brackets_and_in_their_roles() {
        let out = compare("open on the lamp.", "open on his lamp.", SIGNS, None);
        assert_eq!(out.text, "open on [-the-]{+his+} lamp.");
        assert_eq!(out.spans, [(8..15, Role::Removed), (15..22, Role::Added)]);
        let out = compare("写一封信给姐姐。", "写一封长信给妹妹。", Marks::of(Bands::Colour), None);
        assert_eq!(out.text, "写一封信给姐姐长信给妹妹。");
        let said: Vec<_> = out.spans.iter().map(|(span, role)| (&out.text[span.clone()], *role)).collect();
        assert_eq!(said, [("信给姐姐", Role::Removed), ("长信给妹妹", Role::Added)]);
    }

    #[test]
    fn long_unchanged_stretches_are_counted() {
        let middle = "the lamp has been kind to me ".repeat(20);
        let out = compare(&format!("a {middle}b"), &format!("x {middle}y"), SIGNS, None);
        insta::assert_snapshot!(out.text, @"[-a-]{+x+} the lamp has been kind to me the lamp has been kind to me the … 458 characters … me the lamp has been kind to me the lamp has been kind to me [-b-]{+y+}");
        let same = compare(&middle, &middle, SIGNS, None);
        assert_eq!((same.text, same.changed), (middle.clone(), false));
        let full = compare(&format!("a {middle}b"), &format!("x {middle}y"), Marks { unfolded: true, ..SIGNS }, None);
        assert_eq!(full.text, format!("[-a-]{{+x+}} {middle}[-b-]{{+y+}}"));
    }

    #[test]
    fn a_comparison_is_made_once() {
        let mut comparisons = Comparisons::default();
        let patience = Duration::from_secs(60);
        let first = comparisons.get("one two", "one six", SIGNS, patience);
        assert_eq!(first.text, "one [-two-]{+six+}");
        for at in 0..2 * MOST {
            comparisons.get("one", &at.to_string(), SIGNS, patience);
            assert!(Arc::ptr_eq(&first, &comparisons.get("one two", "one six", SIGNS, patience)));
        }
        assert_eq!(comparisons.kept.len(), MOST);
        assert_eq!(comparisons.get("one two", "one six", Marks::of(Bands::Colour), patience).text, "one twosix");
    }

    proptest! {
        #[test]
        fn without_marks_and_folds_both_texts_are_in_it(old in "[a-c思考 \n]{0,60}", new in "[a-c思考 \n]{0,60}") {
            let out = compare(&old, &new, Marks { brackets: false, unfolded: true }, None);
            let without = |role: Role| {
                let mut text = out.text.clone();
                for (span, _) in out.spans.iter().rev().filter(|(_, of)| *of == role) {
                    text.replace_range(span.clone(), "");
                }
                text
            };
            prop_assert_eq!(without(Role::Added), old);
            prop_assert_eq!(without(Role::Removed), new);
        }

        #[test]
        fn spans_are_in_order_and_in_the_text(old in "[a-c ]{0,400}", new in "[a-c ]{0,400}") {
            let out = compare(&old, &new, SIGNS, None);
            prop_assert!(out.spans.windows(2).all(|pair| pair[0].0.end <= pair[1].0.start));
            prop_assert!(out.spans.iter().all(|(span, _)| out.text.get(span.clone()).is_some()));
        }
    }
}
