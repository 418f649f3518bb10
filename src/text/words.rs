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
    let mut open: Option<Word> = None;
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        if is_cjk(c) {
            out.extend(open.take());
            out.push(Word { folded: c.to_string(), span: at..end, cjk: true });
        } else if c.is_alphanumeric() {
            let word = open.get_or_insert_with(|| Word { folded: String::new(), span: at..end, cjk: false });
            word.folded.extend(c.to_lowercase());
            word.span.end = end;
        } else if !(matches!(c, '\'' | '\u{2019}') && open.is_some()) {
            out.extend(open.take());
        }
    }
    out.extend(open);
    out
}
