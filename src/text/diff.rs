//! What a rewrite changed, word by word: for a person to read. Distances and similarity measures are not meant here.

use std::ops::Range;
use std::time::Instant;

use similar::{Algorithm, DiffTag, capture_diff_slices_deadline};

use super::is_cjk;
use super::width::graphemes;

/// One stretch of a comparison, as byte ranges. In order, they cover both texts; a removal precedes the addition that
/// replaces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hunk {
    Equal { old: Range<usize>, new: Range<usize> },
    Removed { old: Range<usize> },
    Added { new: Range<usize> },
}

/// Compares two texts by words, single CJK characters, stretches of spaces, and marks. Past `deadline` the rest is
/// taken as replaced: still right, only coarser.
pub fn word_diff(old: &str, new: &str, deadline: Option<Instant>) -> Vec<Hunk> {
    let (old_tokens, new_tokens) = (tokens(old), tokens(new));
    let ops = capture_diff_slices_deadline(Algorithm::Myers, &old_tokens, &new_tokens, deadline);
    let mut hunks = Hunks::default();
    for op in ops {
        hunks.push(op.tag() == DiffTag::Equal, &old_tokens[op.old_range()], &new_tokens[op.new_range()]);
    }
    hunks.finish()
}

/// Collects hunks. Spaces alone between two changes are part of one change: a phrase is read whole, not word by word.
#[derive(Default)]
struct Hunks {
    out: Vec<Hunk>,
    removed: Range<usize>,
    added: Range<usize>,
    /// Bytes of equal spaces after the change that is being collected.
    gap: usize,
}

impl Hunks {
    fn push(&mut self, equal: bool, old: &[&str], new: &[&str]) {
        let changing = !(self.removed.is_empty() && self.added.is_empty());
        let spaces = matches!(old, [token] if kind_of(token) == Kind::Space);
        if equal && changing && spaces {
            self.gap += bytes(old);
        } else if equal {
            self.settle();
            self.equal(bytes(old));
        } else {
            self.removed.end += self.gap + bytes(old);
            self.added.end += self.gap + bytes(new);
            self.gap = 0;
        }
    }

    /// Writes out the change collected so far and the gap after it.
    fn settle(&mut self) {
        if !self.removed.is_empty() {
            self.out.push(Hunk::Removed { old: self.removed.clone() });
        }
        if !self.added.is_empty() {
            self.out.push(Hunk::Added { new: self.added.clone() });
        }
        (self.removed.start, self.added.start) = (self.removed.end, self.added.end);
        let gap = std::mem::take(&mut self.gap);
        if gap > 0 {
            self.equal(gap);
        }
    }

    fn equal(&mut self, len: usize) {
        let (old, new) = (self.removed.end..self.removed.end + len, self.added.end..self.added.end + len);
        (self.removed, self.added) = (old.end..old.end, new.end..new.end);
        match self.out.last_mut() {
            Some(Hunk::Equal { old: last_old, new: last_new }) => (last_old.end, last_new.end) = (old.end, new.end),
            _ => self.out.push(Hunk::Equal { old, new }),
        }
    }

    fn finish(mut self) -> Vec<Hunk> {
        self.settle();
        self.out
    }
}

fn bytes(tokens: &[&str]) -> usize {
    tokens.iter().map(|token| token.len()).sum()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    Space,
    Single,
}

fn tokens(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut open = 0..0;
    let mut kind = Kind::Single;
    for (at, grapheme) in graphemes(text) {
        let next = kind_of(grapheme);
        if at > 0 && (next != kind || next == Kind::Single) {
            out.push(&text[open.clone()]);
            open.start = at;
        }
        open.end = at + grapheme.len();
        kind = next;
    }
    if !open.is_empty() {
        out.push(&text[open]);
    }
    out
}

fn kind_of(grapheme: &str) -> Kind {
    match grapheme.chars().next() {
        Some(c) if is_cjk(c) => Kind::Single,
        Some(c) if c.is_alphanumeric() || c == '_' => Kind::Word,
        Some(' ' | '\t') => Kind::Space,
        _ => Kind::Single,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tests::samples::rich_text;
    use proptest::prelude::*;

    fn marked(old: &str, new: &str) -> String {
        word_diff(old, new, None)
            .into_iter()
            .map(|hunk| match hunk {
                Hunk::Equal { old: at, .. } => old[at].to_owned(),
                Hunk::Removed { old: at } => format!("[-{}-]", &old[at]),
                Hunk::Added { new: at } => format!("{{+{}+}}", &new[at]),
            })
            .collect()
    }

    #[test]
    fn words_and_characters_are_the_units() {
        assert_eq!(marked("open on the lamp.", "open on the lamp."), "open on the lamp.");
        assert_eq!(marked("open on the lamp.", "open on his lamp."), "open on [-the-]{+his+} lamp.");
        assert_eq!(marked("写一封信给姐姐。", "写一封长信给妹妹。"), "写一封{+长+}信给[-姐姐-]{+妹妹+}。");
        assert_eq!(marked("cafe", "cafe\u{301}"), "[-cafe-]{+cafe\u{301}+}");
        assert_eq!(marked("", "all new"), "{+all new+}");
        assert_eq!(marked("gone", ""), "[-gone-]");
        assert_eq!(marked("", ""), "");
    }

    #[test]
    fn a_changed_phrase_is_one_change() {
        assert_eq!(marked("on the cold sea, far", "on a warm hill, far"), "on [-the cold sea-]{+a warm hill+}, far");
        assert_eq!(marked("one\ntwo", "three\nfour"), "[-one-]{+three+}\n[-two-]{+four+}");
    }

    #[test]
    fn past_the_deadline_it_is_still_right() {
        let (old, new) = ("a b ".repeat(30_000), "b c a ".repeat(30_000));
        let hunks = word_diff(&old, &new, Some(Instant::now()));
        assert_eq!(rebuilt(&hunks, &old, &new), (old, new));
    }

    /// Both texts from the hunks; an equal stretch must be the same in both.
    fn rebuilt(hunks: &[Hunk], old: &str, new: &str) -> (String, String) {
        let (mut before, mut after) = (String::new(), String::new());
        for hunk in hunks {
            match hunk {
                Hunk::Equal { old: at, new: to } => {
                    assert_eq!(old[at.clone()], new[to.clone()]);
                    before.push_str(&old[at.clone()]);
                    after.push_str(&new[to.clone()]);
                }
                Hunk::Removed { old: at } => before.push_str(&old[at.clone()]),
                Hunk::Added { new: at } => after.push_str(&new[at.clone()]),
            }
        }
        (before, after)
    }

    proptest! {
        #[test]
        fn hunks_give_both_texts_back(old in rich_text(), new in rich_text()) {
            prop_assert_eq!(rebuilt(&word_diff(&old, &new, None), &old, &new), (old, new));
        }

        #[test]
        fn an_edit_in_the_middle_leaves_the_ends(head in "[a-z]{1,5} ", tail in " [a-z]{1,5}", edit in "[A-Z ]{1,9}") {
            let (old, new) = (format!("{head}x{tail}"), format!("{head}{edit}{tail}"));
            let hunks = word_diff(&old, &new, None);
            let Hunk::Equal { old: first, .. } = &hunks[0] else { panic!("{hunks:?}") };
            let Some(Hunk::Equal { old: last, .. }) = hunks.last() else { panic!("{hunks:?}") };
            prop_assert!(first.end >= head.len() - 1);
            prop_assert!(last.start <= old.len() - tail.len() + 1);
        }

        #[test]
        fn tokens_cover_the_text_by_whole_graphemes(text in rich_text()) {
            prop_assert_eq!(tokens(&text).concat(), text.clone());
            let ends: Vec<usize> = graphemes(&text).map(|(at, grapheme)| at + grapheme.len()).collect();
            let mut end = 0;
            for token in tokens(&text) {
                end += token.len();
                prop_assert!(ends.contains(&end));
            }
        }
    }
}
