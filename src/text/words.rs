//! Words as the leak measures count them: case-folded, without punctuation; each CJK character is one unit.

use std::ops::Range;

/// True for Han characters, kana and hangul: scripts written without spaces between words.
pub fn is_cjk(c: char) -> bool {
    matches!(c as u32,
        0x3005..=0x3007 | 0x3021..=0x3029 | 0x3038..=0x303B | 0x3040..=0x30FF | 0x3130..=0x318F | 0x31F0..=0x31FF
        | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xAC00..=0xD7AF | 0xF900..=0xFAFF | 0x20000..=0x323AF)
}

/// One unit of comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Case-folded, apostrophes and other punctuation dropped.
    pub folded: String,
    /// Byte range in the text.
    pub span: Range<usize>,
    /// A single CJK character; 12 of them count as 8 words.
    pub cjk: bool,
}

/// The units of `text` in order.
pub fn words(text: &str) -> Vec<Word> {
    let mut out = Vec::new();
    each_word(text, |folded, span, cjk| out.push(Word { folded: folded.to_owned(), span, cjk }));
    out
}

/// Tells the units of `text` in order, as [`Word`] has them: folded, byte range, whether it is a CJK character.
pub fn each_word(text: &str, mut tell: impl FnMut(&str, Range<usize>, bool)) {
    let mut folded = String::new();
    let mut open: Option<Range<usize>> = None;
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        let inside = !is_cjk(c) && c.is_alphanumeric();
        if inside {
            open.get_or_insert(at..end).end = end;
            match c.is_ascii() {
                true => folded.push(c.to_ascii_lowercase()),
                false => folded.extend(c.to_lowercase()),
            }
            continue;
        }
        // An apostrophe ends no word.
        if matches!(c, '\'' | '\u{2019}') && open.is_some() {
            continue;
        }
        if let Some(span) = open.take() {
            tell(&folded, span, false);
            folded.clear();
        }
        if is_cjk(c) {
            tell(&text[at..end], at..end, true);
        }
    }
    if let Some(span) = open {
        tell(&folded, span, false);
    }
}
