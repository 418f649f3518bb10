//! [`Safe`]: the only text that may reach a screen, and where each byte of it came from. The raw text stays as it is;
//! colours and styles are not meant here, only characters.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Deref, Range};

use unicode_width::UnicodeWidthChar;

use super::visible::{is_hostile, spell};
use super::width::width;

/// Cells between two tab stops.
const TAB: usize = 4;

/// Marks that may follow one character: what Unicode's stream-safe format (UAX #15) allows. More would let one
/// grapheme grow without bound inside a single cell.
const MARKS: usize = 30;

/// Text without anything that a terminal obeys, reorders by or hides:
///
/// - controls, directions and tags are spelled out (`␛`, `<U+202E>`), so escape sequences stand there as plain text;
/// - joiners, variation selectors and other invisible characters are dropped: terminals disagree on their width, and
///   one wrong width smears a whole row;
/// - tabs are filled with spaces to the next tab stop of their line;
/// - CR LF, CR and the Unicode separators are LF.
///
/// Making safe what is safe changes nothing, and safe text of a beginning is the beginning of the safe text. Offsets
/// are bytes. Text that needs no change is borrowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Safe<'a> {
    text: Cow<'a, str>,
    raw_len: usize,
    /// In order, not overlapping; between them the two texts are the same.
    changes: Vec<Change>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Change {
    raw: Range<usize>,
    shown: Range<usize>,
}

impl<'a> Safe<'a> {
    pub fn new(raw: &'a str) -> Self {
        let mut rewrite = Rewrite { raw, ..Rewrite::default() };
        rewrite.run();
        let text = if rewrite.changes.is_empty() {
            Cow::Borrowed(raw)
        } else {
            rewrite.shown.push_str(&raw[rewrite.copied..]);
            Cow::Owned(rewrite.shown)
        };
        Safe { text, raw_len: raw.len(), changes: rewrite.changes }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn into_owned(self) -> Safe<'static> {
        Safe { text: Cow::Owned(self.text.into_owned()), raw_len: self.raw_len, changes: self.changes }
    }

    /// The part at `range` of this text, itself safe. Its offsets count from its own beginning and lead nowhere else.
    ///
    /// # Panics
    /// When an end of `range` is outside the text or inside a character, as slicing a `str` does.
    pub fn slice(&self, range: Range<usize>) -> Safe<'_> {
        let text = &self.text[range];
        Safe { text: Cow::Borrowed(text), raw_len: text.len(), changes: Vec::new() }
    }

    /// What the bytes `raw` of the raw text became. An end inside a character, as tokens have them, is widened to the
    /// whole of it; an end beyond the text is the end of the text.
    pub fn shown(&self, raw: Range<usize>) -> Range<usize> {
        let at = |at: usize, edge| {
            let at = through(&self.changes, |change| (&change.raw, &change.shown), at.min(self.raw_len), edge);
            char_edge(&self.text, at, edge)
        };
        span(raw, at)
    }

    /// What the bytes `shown` of this text stand for. Characters that were dropped belong to what precedes them; at
    /// the very beginning, to what follows.
    pub fn raw(&self, shown: Range<usize>) -> Range<usize> {
        let at = |at: usize, edge| match char_edge(&self.text, at, edge) {
            0 => 0,
            at => through(&self.changes, |change| (&change.shown, &change.raw), at, edge),
        };
        span(shown, at)
    }
}

impl Deref for Safe<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Safe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// Which side an offset inside something indivisible goes to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    Start,
    End,
}

fn span(range: Range<usize>, at: impl Fn(usize, Edge) -> usize) -> Range<usize> {
    let start = at(range.start, Edge::Start);
    if range.is_empty() { start..start } else { start..at(range.end, Edge::End) }
}

/// Carries an offset over: `sides` names the sides of a change, the one that `at` counts in first.
fn through(
    changes: &[Change],
    sides: impl Fn(&Change) -> (&Range<usize>, &Range<usize>),
    at: usize,
    edge: Edge,
) -> usize {
    let before = changes.partition_point(|change| sides(change).0.start <= at);
    let Some((from, to)) = before.checked_sub(1).map(|last| sides(&changes[last])) else { return at };
    if at >= from.end {
        to.end + (at - from.end)
    } else if at == from.start || edge == Edge::Start {
        to.start
    } else {
        to.end
    }
}

fn char_edge(text: &str, at: usize, edge: Edge) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at = if edge == Edge::Start { at - 1 } else { at + 1 };
    }
    at
}

/// One pass over the raw text. Stretches without a change are copied whole, and not at all when there is no change.
#[derive(Default)]
struct Rewrite<'a> {
    raw: &'a str,
    shown: String,
    changes: Vec<Change>,
    /// Bytes of `raw` that are in `shown`, as they were or changed.
    copied: usize,
    /// Zero-width characters since the last wider one.
    marks: usize,
    tabs: TabStops,
}

impl Rewrite<'_> {
    fn run(&mut self) {
        let bytes = self.raw.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let plain = bytes[at..].iter().take_while(|byte| matches!(byte, b' '..=b'~' | b'\n')).count();
            if plain > 0 {
                self.marks = 0;
                at += plain;
                continue;
            }
            let Some(c) = self.raw[at..].chars().next() else { break };
            at += self.take(at, c);
        }
    }

    /// Takes the character `c` at `at`, and returns the bytes that were read.
    fn take(&mut self, at: usize, c: char) -> usize {
        let len = c.len_utf8();
        match c {
            '\t' => self.change(at..at + len, |shown, tabs| tabs.fill(shown)),
            '\r' if self.raw[at + 1..].starts_with('\n') => {
                self.change(at..at + 2, |shown, _| shown.push('\n'));
                return 2;
            }
            '\r' | '\u{2028}' | '\u{2029}' => self.change(at..at + len, |shown, _| shown.push('\n')),
            c if is_hostile(c) => self.change(at..at + len, |shown, _| spell(c, shown)),
            c if is_invisible(c) => return self.drop(at, len),
            c if c.width() == Some(0) && self.marks == MARKS => return self.drop(at, len),
            c if c.width() == Some(0) => {
                self.marks += 1;
                return len;
            }
            _ => {}
        }
        self.marks = 0;
        len
    }

    fn drop(&mut self, at: usize, len: usize) -> usize {
        self.change(at..at + len, |_, _| {});
        len
    }

    fn change(&mut self, raw: Range<usize>, write: impl FnOnce(&mut String, &mut TabStops)) {
        self.shown.push_str(&self.raw[self.copied..raw.start]);
        let start = self.shown.len();
        write(&mut self.shown, &mut self.tabs);
        self.copied = raw.end;
        self.changes.push(Change { raw, shown: start..self.shown.len() });
    }
}

/// The column of the last tab, so that a line full of tabs is measured once.
#[derive(Default)]
struct TabStops {
    measured: usize,
    column: usize,
}

impl TabStops {
    fn fill(&mut self, shown: &mut String) {
        let since = &shown[self.measured..];
        self.column = match since.rfind('\n') {
            Some(line_end) => width(&since[line_end + 1..]),
            None => self.column + width(since),
        };
        let missing = TAB - self.column % TAB;
        shown.extend(std::iter::repeat_n(' ', missing));
        self.column += missing;
        self.measured = shown.len();
    }
}

/// Characters that show nothing by themselves (Unicode's Default_Ignorable_Code_Point without the hostile ones).
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0100}'..='\u{e01ef}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tests::samples::rich_text;
    use proptest::prelude::*;

    #[test]
    fn each_kind_has_its_sign() {
        for (raw, shown) in [
            ("a\u{1b}[31mred", "a\u{241b}[31mred"),
            ("x\u{9b}2J", "x<U+009B>2J"),
            ("\u{202e}abc\u{2069}", "<U+202E>abc<U+2069>"),
            ("a\u{e0041}b", "a<U+E0041>b"),
            ("one\r\ntwo\rthree\u{2028}four", "one\ntwo\nthree\nfour"),
            ("♥\u{fe0f} zero\u{200b}width\u{feff} 👨\u{200d}👩", "♥ zerowidth 👨👩"),
            ("\ta\tb\n思\tc", "    a   b\n思  c"),
        ] {
            assert_eq!(Safe::new(raw).as_str(), shown);
        }
    }

    #[test]
    fn ordinary_text_is_borrowed() {
        for raw in ["", "plain\n", "déjà vu 思考 e\u{301} 🇯🇵 👍🏽 \u{a0}"] {
            assert!(matches!(Safe::new(raw).text, Cow::Borrowed(_)), "{raw:?}");
        }
    }

    #[test]
    fn one_cell_does_not_hold_a_thousand_marks() {
        let raw = format!("a{}b", "\u{301}".repeat(1000));
        assert_eq!(Safe::new(&raw).chars().count(), 2 + MARKS);
    }

    #[test]
    fn offsets_lead_to_the_sign_and_back() {
        let safe = Safe::new("\u{feff}é\tb\u{1b}c\u{fe0f}\r\n");
        assert_eq!(safe.as_str(), "é   b\u{241b}c\n");
        assert_eq!(safe.shown(3..5), 0..2, "é");
        assert_eq!(safe.shown(4..5), 0..2, "half of é is é");
        assert_eq!(safe.shown(5..6), 2..5, "the tab is three spaces");
        assert_eq!(safe.raw(3..4), 5..6, "one of its spaces is the tab");
        assert_eq!(safe.raw(7..8), 7..8, "a byte of the control picture is the escape");
        assert_eq!(safe.raw(9..10), 8..12, "what was dropped belongs to what precedes it");
        assert_eq!(safe.raw(0..2), 0..5, "at the beginning, to what follows");
        assert_eq!(safe.shown(13..14), 10..11, "half a line end is a line end");
        assert_eq!(safe.shown(99..100), 11..11);
    }

    proptest! {
        #[test]
        fn nothing_forbidden_is_left_and_safe_stays_safe(raw in rich_text()) {
            let safe = Safe::new(&raw);
            for c in safe.chars() {
                let separator = matches!(c, '\u{2028}' | '\u{2029}');
                prop_assert!(c == '\n' || !(c.is_control() || separator || is_hostile(c) || is_invisible(c)), "{c:?}");
            }
            prop_assert!(matches!(Safe::new(&safe).text, Cow::Borrowed(_)));
        }

        #[test]
        fn safe_text_of_a_beginning_is_a_beginning(raw in rich_text(), cut in any::<proptest::sample::Index>()) {
            let cut = char_edge(&raw, cut.index(raw.len() + 1), Edge::Start);
            prop_assert!(Safe::new(&raw).starts_with(Safe::new(&raw[..cut]).as_str()));
        }

        #[test]
        fn the_map_is_monotone_and_covers(raw in rich_text()) {
            let safe = Safe::new(&raw);
            for (len, map) in [
                (raw.len(), &(|range| safe.shown(range)) as &dyn Fn(Range<usize>) -> Range<usize>),
                (safe.len(), &|range| safe.raw(range)),
            ] {
                let mut before = 0..0;
                for at in 0..len {
                    let here = map(at..at + 1);
                    prop_assert!(here.start >= before.start && here.end >= before.end && here.start <= before.end);
                    before = here;
                }
            }
            prop_assert_eq!(safe.shown(0..raw.len()), 0..safe.len());
            prop_assert!(safe.is_empty() || safe.raw(0..safe.len()) == (0..raw.len()));
        }

        #[test]
        fn unchanged_parts_round_trip(raw in rich_text()) {
            let safe = Safe::new(&raw);
            for (at, c) in raw.char_indices() {
                let here = at..at + c.len_utf8();
                let shown = safe.shown(here.clone());
                let back = safe.raw(shown.clone());
                prop_assert!(shown.is_empty() || (back.start <= here.start && here.end <= back.end));
                if safe.changes.iter().all(|change| change.raw.end <= here.start || here.end <= change.raw.start) {
                    prop_assert_eq!(&safe[shown], &raw[here]);
                }
            }
        }

        #[test]
        fn a_part_is_safe_by_itself(raw in rich_text()) {
            let safe = Safe::new(&raw);
            for (at, _) in safe.char_indices() {
                prop_assert!(matches!(Safe::new(&safe[at..]).text, Cow::Borrowed(_)));
                let part = safe.slice(at..safe.len());
                prop_assert_eq!(part.as_str(), &safe[at..]);
            }
        }
    }
}
