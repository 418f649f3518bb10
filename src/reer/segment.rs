//! Splitting a draft into segments, after the official rule, so that official runs line up.

/// One piece of a draft: a segment's text with the separators around it. The pieces in order are the draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    pub text: &'a str,
}

impl<'a> Piece<'a> {
    /// The segment: the piece without surrounding white space.
    pub fn segment(&self) -> &'a str {
        self.text.trim()
    }
}

/// Pieces under this many characters (stripped) are glued to the next long one.
const SHORT: usize = 100;

/// Splits `draft` into pieces whose concatenation is `draft`, byte for byte. A blank draft has no pieces.
///
/// Blank lines outside `\[ ... \]` separate, and a separator takes the white space that follows it. Pieces under
/// 100 characters go to the front of the next long piece, leftovers to the last; when that gives a single piece,
/// single newlines separate instead. Source: `segment_response` of the official REER_DeepWriter code.
pub fn split(draft: &str) -> Vec<Piece<'_>> {
    if draft.trim().is_empty() {
        return Vec::new();
    }
    let pieces = glue(draft, &separator_ends(draft, "\n\n"));
    if pieces.len() > 1 { pieces } else { glue(draft, &separator_ends(draft, "\n")) }
}

/// Byte offsets just after each separator outside display math.
fn separator_ends(draft: &str, separator: &str) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut at = 0;
    while at < draft.len() {
        let rest = &draft[at..];
        if rest.starts_with("\\[") {
            at += rest.find("\\]").map_or(2, |close| close + 2);
        } else if rest.starts_with(separator) {
            at += rest.len() - rest.trim_start().len();
            ends.push(at);
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    ends
}

/// Joins short pieces to the front of the next long one, and what is left to the last.
fn glue<'a>(draft: &'a str, ends: &[usize]) -> Vec<Piece<'a>> {
    let mut long_ends = Vec::new();
    let mut start = 0;
    for &end in ends.iter().chain([&draft.len()]) {
        if draft[start..end].trim().chars().count() >= SHORT {
            long_ends.push(end);
        }
        start = end;
    }
    long_ends.pop();
    let starts = std::iter::once(0).chain(long_ends.iter().copied());
    let stops = long_ends.iter().copied().chain([draft.len()]);
    starts.zip(stops).map(|(from, to)| Piece { text: &draft[from..to] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn segments(draft: &str) -> Vec<&str> {
        split(draft).iter().map(Piece::segment).collect()
    }

    #[test]
    fn short_pieces_join_the_next_long_one_and_leftovers_the_last() {
        let long = "w".repeat(100);
        let draft = format!("title\n\n{long}\n\nshort\n\n \n\n{long}\n\nend");
        assert_eq!(segments(&draft), [format!("title\n\n{long}"), format!("short\n\n \n\n{long}\n\nend")]);
    }

    #[test]
    fn a_single_piece_is_split_on_newlines() {
        let long = "想".repeat(100);
        assert_eq!(segments(&format!("{long}\n{long}")), [long.clone(), long]);
    }

    #[test]
    fn display_math_is_never_cut() {
        let long = "m".repeat(100);
        let math = format!("\\[ a\n\n{long}\n\nb \\]");
        assert_eq!(segments(&format!("{long}\n\n{math}\n\n{long}")), [&long, &math, &long].map(|s| s.as_str()));
        assert_eq!(segments(&format!("\\[ open {long}\n\n{long}")).len(), 2, "an unclosed bracket is text");
    }

    #[test]
    fn all_short_lines_are_one_segment_and_blank_drafts_none() {
        assert_eq!(segments("a\nb\n\nc"), ["a\nb\n\nc"]);
        assert!(split(" \n\n \t").is_empty());
    }

    proptest! {
        #[test]
        fn pieces_give_the_draft_back(parts in prop::collection::vec(
            prop_oneof!["\\PC{0,140}", "[\\n \\t]{1,4}", Just("\\[".to_owned()), Just("\\]".to_owned()), "[思考写作。]{0,130}"], 0..12)) {
            let draft = parts.concat();
            let pieces = split(&draft);
            let joined: String = pieces.iter().map(|p| p.text).collect();
            if draft.trim().is_empty() { prop_assert!(pieces.is_empty()); } else { prop_assert_eq!(&joined, &draft); }
            prop_assert!(pieces.iter().all(|p| !p.segment().is_empty()));
            if pieces.len() > 1 {
                prop_assert!(pieces.iter().all(|p| p.segment().chars().count() >= SHORT));
            }
        }
    }
}
