//! Searching inside one text as it is typed: plain text, not patterns; next and previous go round.

use std::ops::Range;

/// Where a text was found, in order and without overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matches {
    spans: Vec<Range<usize>>,
}

/// All places of `wanted` in `text`, as byte ranges. Case counts only if `wanted` has a capital letter; nothing is
/// found of the empty text.
pub fn find(text: &str, wanted: &str) -> Matches {
    let exact = wanted.chars().any(char::is_uppercase);
    let fold = if exact { |c| c } else { folded };
    let wanted: Vec<char> = wanted.chars().map(fold).collect();
    let Some((first, rest)) = wanted.split_first() else { return Matches::default() };
    let mut spans: Vec<Range<usize>> = Vec::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if fold(c) != *first {
            continue;
        }
        let mut ahead = chars.clone();
        if rest.iter().all(|wanted| ahead.next().is_some_and(|(_, c)| fold(c) == *wanted)) {
            spans.push(at..ahead.offset());
            chars = ahead;
        }
    }
    Matches { spans }
}

/// Lower case, one character for one; both forms of the small sigma are one.
fn folded(c: char) -> char {
    match c {
        'a'..='z' => c,
        'ς' => 'σ',
        _ if c.is_ascii() => c.to_ascii_lowercase(),
        _ => c.to_lowercase().next().unwrap_or(c),
    }
}

impl Matches {
    pub fn spans(&self) -> &[Range<usize>] {
        &self.spans
    }

    /// The matches that touch the bytes `range`: those to highlight on the visible rows.
    pub fn within(&self, range: Range<usize>) -> &[Range<usize>] {
        let first = self.spans.partition_point(|span| span.end <= range.start);
        let end = self.spans.partition_point(|span| span.start < range.end);
        &self.spans[first..end.max(first)]
    }

    /// Index of the first match that begins after byte `at`, else of the first of all.
    pub fn next(&self, at: usize) -> Option<usize> {
        let next = self.spans.partition_point(|span| span.start <= at);
        if next < self.spans.len() { Some(next) } else { (!self.spans.is_empty()).then_some(0) }
    }

    /// Index of the last match that begins before byte `at`, else of the last of all.
    pub fn previous(&self, at: usize) -> Option<usize> {
        let here = self.spans.partition_point(|span| span.start < at);
        here.checked_sub(1).or(self.spans.len().checked_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tests::samples::rich_text;
    use proptest::prelude::*;

    fn found<'a>(text: &'a str, wanted: &str) -> Vec<&'a str> {
        find(text, wanted).spans.into_iter().map(|span| &text[span]).collect()
    }

    #[test]
    fn capitals_make_case_count() {
        assert_eq!(found("The lamp, the LAMP, a Lamp", "lamp"), ["lamp", "LAMP", "Lamp"]);
        assert_eq!(found("The lamp, the LAMP, a Lamp", "Lamp"), ["Lamp"]);
        assert_eq!(found("ΟΔΟΣ οδος οδοσ", "οδος"), ["ΟΔΟΣ", "οδος", "οδοσ"]);
        assert_eq!(found("İstanbul", "istanbul"), ["İstanbul"]);
        assert_eq!(found("灯塔的灯", "灯"), ["灯", "灯"]);
        assert_eq!(found("aaaa", "aa"), ["aa", "aa"]);
        assert_eq!(found("aab", "ab"), ["ab"]);
        assert_eq!(found("text", ""), [""; 0]);
    }

    #[test]
    fn next_and_previous_go_round() {
        let matches = find("x..x..x", "x");
        assert_eq!([0, 1, 3, 6].map(|at| matches.next(at)), [Some(1), Some(1), Some(2), Some(0)]);
        assert_eq!([0, 1, 3, 6].map(|at| matches.previous(at)), [Some(2), Some(0), Some(0), Some(1)]);
        let within = |range| matches.within(range).iter().map(|span| span.start).collect::<Vec<_>>();
        assert_eq!([within(1..4), within(4..6), within(0..9)], [vec![3], vec![], vec![0, 3, 6]]);
        assert_eq!(find("x", "y").next(0), None);
        assert_eq!(find("x", "y").previous(0), None);
    }

    proptest! {
        #[test]
        fn what_is_there_is_found(head in rich_text(), wanted in "[A-Z][a-z思考é]{0,5}", tail in rich_text()) {
            let text = format!("{head}{wanted}{tail}");
            let expected: Vec<_> = text.match_indices(&wanted).map(|(at, part)| at..at + part.len()).collect();
            prop_assert_eq!(find(&text, &wanted).spans, expected);
        }

        #[test]
        fn case_is_folded_on_both_sides(text in "[a-zA-Zéß思]{0,40}", wanted in "[a-c]{1,2}") {
            let lower: Vec<_> = text.to_lowercase().match_indices(&wanted).map(|(at, part)| at..at + part.len()).collect();
            prop_assert_eq!(find(&text, &wanted).spans, lower);
        }
    }
}
