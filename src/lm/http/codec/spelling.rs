//! Byte ranges of tokens in a text, from what a server tells of each; proved to spell the text, or none.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use super::spans::covering;
use super::wire::{Spelling, Told};

/// What stands for a space in SentencePiece vocabularies.
const SPACE: char = '\u{2581}';

/// The ranges of `tokens` in `text`, from the bytes that each stands for; `None` unless they spell it exactly. With
/// `prefixed`, the vocabulary may have put a space in front, which is no part of the text.
pub(super) fn ranges(tokens: &[Told], text: &str, prefixed: bool) -> Option<Vec<Range<usize>>> {
    let spelled = |bytes: &dyn Fn(&str) -> Vec<u8>| {
        let each = tokens.iter().map(|token| match &token.spelling {
            Spelling::Vocabulary(string) => Some(bytes(string)),
            Spelling::Bytes(bytes) => Some(bytes.clone()),
            Spelling::Characters(_) | Spelling::Untold => None,
        });
        by_bytes(&each.collect::<Option<Vec<_>>>()?, text, prefixed)
    };
    let spans = spelled(&byte_level).or_else(|| spelled(&sentence_piece)).or_else(|| by_characters(tokens, text))?;
    Some(covering(spans, text))
}

fn by_bytes(pieces: &[Vec<u8>], text: &str, prefixed: bool) -> Option<Vec<Range<usize>>> {
    let whole = pieces.concat();
    let extra = usize::from(prefixed && whole.len() == text.len() + 1 && whole[0] == b' ');
    if &whole[extra..] != text.as_bytes() {
        return None;
    }
    let mut end = 0;
    let range = |piece: &Vec<u8>| {
        let start = end;
        end += piece.len();
        start.saturating_sub(extra)..end.saturating_sub(extra)
    };
    Some(pieces.iter().map(range).collect())
}

/// Ranges counted in characters, which must leave no character out.
fn by_characters(tokens: &[Told], text: &str) -> Option<Vec<Range<usize>>> {
    let mut places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    places.push(text.len());
    let mut covered = 0;
    let range = |token: &Told| {
        let Spelling::Characters(range) = &token.spelling else { return None };
        if range.start > covered {
            return None;
        }
        covered = covered.max(range.end);
        Some(*places.get(range.start)?..*places.get(range.end)?)
    };
    let ranges = tokens.iter().map(range).collect::<Option<Vec<_>>>()?;
    (covered + 1 == places.len()).then_some(ranges)
}

/// Ranges from the texts of single tokens, of which those that are no text by themselves are `None`: a run of these
/// shares what lies between its neighbours. Servers take the space off a SentencePiece token's text, so one may be missing
/// in front of each. `None` unless all of `text` is accounted for.
pub(super) fn by_texts(texts: &[Option<&str>], text: &str) -> Option<Vec<Range<usize>>> {
    let mut spans: Vec<Range<usize>> = Vec::with_capacity(texts.len());
    let mut at = 0;
    let mut untold = 0;
    for piece in texts {
        let Some(piece) = piece else {
            untold += 1;
            continue;
        };
        let start = match untold {
            0 => at,
            // What is no text by itself is part of at least one character.
            _ => {
                let mut later = text[at..].char_indices().skip(1).map(|(from, _)| at + from);
                later.find(|from| behind(&text[*from..], piece).is_some())?
            }
        };
        if untold > 0 {
            spans.extend(std::iter::repeat_n(at..start, std::mem::take(&mut untold)));
        }
        let length = behind(&text[start..], piece)?;
        spans.push(start..start + length);
        at = start + length;
    }
    if untold > 0 {
        if at == text.len() {
            return None;
        }
        spans.extend(std::iter::repeat_n(at..text.len(), untold));
        at = text.len();
    }
    (at == text.len()).then(|| covering(spans, text))
}

/// How many bytes of `rest` a token's text is, with the space that it may have lost.
fn behind(rest: &str, piece: &str) -> Option<usize> {
    if rest.starts_with(piece) {
        return Some(piece.len());
    }
    rest.strip_prefix(' ').filter(|rest| rest.starts_with(piece)).map(|_| piece.len() + 1)
}

/// The bytes of a token of a byte-level vocabulary; added tokens are spelled as they are.
fn byte_level(string: &str) -> Vec<u8> {
    let bytes: Option<Vec<u8>> = string.chars().map(|c| ALPHABET.get(&c).copied()).collect();
    bytes.unwrap_or_else(|| string.as_bytes().to_vec())
}

fn sentence_piece(string: &str) -> Vec<u8> {
    let byte = string.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>')).filter(|hex| hex.len() == 2);
    match byte.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
        Some(byte) => vec![byte],
        None => string.replace(SPACE, " ").into_bytes(),
    }
}

/// The character that stands for each byte: itself where printable, else one from U+0100 on (GPT-2's table).
static ALPHABET: LazyLock<HashMap<char, u8>> = LazyLock::new(|| {
    let printable = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let (shown, hidden): (Vec<u8>, Vec<u8>) = (0..=255).partition(printable);
    let shown = shown.into_iter().map(|byte| (char::from(byte), byte));
    shown.chain(('\u{100}'..).zip(hidden)).collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(strings: &[&str]) -> Vec<Told> {
        let told = |string: &&str| Told { id: 0, spelling: Spelling::Vocabulary((*string).to_owned()) };
        strings.iter().map(told).collect()
    }

    #[test]
    fn byte_level_strings() {
        let spans =
            ranges(&strings(&["a", "Ġ", "çģ", "¯", "<think>", "<｜x｜>", "ĊĊ"]), "a 灯<think><｜x｜>\n\n", false);
        assert_eq!(spans.unwrap(), [0..1, 1..2, 2..5, 2..5, 5..12, 12..21, 21..23]);
        assert_eq!(ranges(&strings(&["a", "Ġ"]), "a b", false), None, "too little");
        assert_eq!(ranges(&strings(&["b"]), "a", false), None);
    }

    #[test]
    fn sentence_piece_strings() {
        let tokens = strings(&["▁a", "▁", "<0xE7>", "<0x81>", "<0xAF>"]);
        assert_eq!(ranges(&tokens, "a 灯", true).unwrap(), [0..1, 1..2, 2..5, 2..5, 2..5]);
        assert_eq!(ranges(&tokens, " a 灯", false).unwrap()[0], 0..2);
        assert_eq!(ranges(&tokens, "a 灯", false), None, "the space in front is not the text's");
    }

    #[test]
    fn ranges_of_characters() {
        let told = |range: Range<usize>| Told { id: 0, spelling: Spelling::Characters(range) };
        assert_eq!(ranges(&[told(0..1), told(1..2), told(1..2)], "é灯", false).unwrap(), [0..2, 2..5, 2..5]);
        assert_eq!(ranges(&[told(0..1)], "é灯", false), None);
        assert_eq!(ranges(&[told(0..1), told(1..9)], "é灯", false), None);
    }

    #[test]
    fn texts_of_single_tokens() {
        assert_eq!(by_texts(&[Some("a"), None, None, Some("b")], "a🏮b").unwrap(), [0..1, 1..5, 1..5, 5..6]);
        assert_eq!(by_texts(&[None, None], "灯").unwrap(), [0..3, 0..3]);
        assert_eq!(by_texts(&[Some("a"), Some("lamp")], "a lamp").unwrap(), [0..1, 1..6], "the space was taken off");
        assert_eq!(by_texts(&[Some("a"), None], "a"), None);
        assert_eq!(by_texts(&[Some("a")], "ab"), None);
        assert_eq!(by_texts(&[Some("b")], "ab"), None);
        assert_eq!(by_texts(&[None, Some("x")], "灯b"), None);
    }
}
