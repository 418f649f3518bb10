//! Byte ranges of tokens made to cover a text: nothing between them, none inside a character, none going back.

use std::ops::Range;

/// Widens `spans`, in the order of their tokens, so that together they are the whole of `text`: a range that cuts a
/// character takes all of it, and what lies between two ranges (bytes that a normaliser joined or dropped) belongs to the
/// token before it, at the beginning to the first.
pub(super) fn covering(mut spans: Vec<Range<usize>>, text: &str) -> Vec<Range<usize>> {
    let mut before = 0..0;
    for span in &mut spans {
        span.start = floor(text, span.start.clamp(before.start, text.len()));
        span.end = ceil(text, span.end.clamp(span.start.max(before.end), text.len()));
        before = span.clone();
    }
    let mut covered = 0;
    for at in 0..spans.len() {
        if spans[at].start > covered {
            let gap = spans[at].start;
            match at {
                0 => stretch_first(&mut spans),
                _ => stretch(&mut spans[..at], covered, gap),
            }
        }
        covered = spans[at].end;
    }
    if covered < text.len() {
        stretch(&mut spans, covered, text.len());
    }
    spans
}

/// Tokens that end at `from`, at the end of the list, end at `to`.
fn stretch(spans: &mut [Range<usize>], from: usize, to: usize) {
    for span in spans.iter_mut().rev().take_while(|span| span.end == from) {
        span.end = to;
    }
}

/// Tokens that share the first range begin at the beginning.
fn stretch_first(spans: &mut [Range<usize>]) {
    let first = spans.first().map_or(0, |span| span.start);
    for span in spans.iter_mut().take_while(|span| span.start == first) {
        span.start = 0;
    }
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn ceil(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

/// What is left between the ranges, before any is widened.
pub(super) fn gaps<'t>(spans: &[Range<usize>], text: &'t str) -> Vec<&'t str> {
    let mut covered = 0;
    let mut gaps = Vec::new();
    for span in spans.iter().chain([&(text.len()..text.len())]) {
        if span.start > covered {
            gaps.extend(text.get(covered..span.start));
        }
        covered = covered.max(span.end);
    }
    gaps
}

#[cfg(test)]
mod tests {
    use std::iter;

    use super::*;

    #[test]
    fn every_byte_belongs_to_a_token_and_no_character_is_cut() {
        for (text, given, covering_text) in [
            ("a灯b", vec![0..1, 1..2, 2..4, 4..5], vec![0..1, 1..4, 1..4, 4..5]),
            ("ae\u{301}b", vec![0..1, 1..2, 1..2, 4..5], vec![0..1, 1..4, 1..4, 4..5]),
            ("\u{301}a\u{301}", iter::once(2..3).collect(), iter::once(0..5).collect()),
            ("ab", vec![0..0, 0..2], vec![0..0, 0..2]),
            ("ab", vec![0..2, 2..2], vec![0..2, 2..2]),
        ] {
            assert_eq!(covering(given, text), covering_text, "{text:?}");
        }
    }

    #[test]
    fn gaps_are_what_no_token_has() {
        assert_eq!(gaps(&[1..2, 3..4], "abcdef"), ["a", "c", "ef"]);
        assert!(gaps(&[0..2, 0..2, 2..3], "abc").is_empty());
    }
}
