//! Width in terminal cells, by grapheme: measuring, cutting to a width, padding. Widths are those of `unicode-width`,
//! which the screen library uses too, so that what is measured is what is drawn.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::is_cjk;

const ELLIPSIS: &str = "…";

/// Where [`pad`] leaves the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

/// The graphemes of `text` with their byte offsets.
pub fn graphemes(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = &text[at..];
        if rest.is_empty() {
            return None;
        }
        let grapheme = &rest[..first_len(rest)];
        at += grapheme.len();
        Some((at - grapheme.len(), grapheme))
    })
}

/// Bytes of the first grapheme. Segmentation by the book costs ten times what ordinary text needs: a character that
/// never joins another, before one that does not either, stands alone.
fn first_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let alone = match bytes[0] {
        b'\r' => None,
        0..0x80 => Some(1),
        HAN_FIRST..=HAN_LAST => Some(3),
        _ => text.chars().next().filter(|c| never_joins(*c)).map(char::len_utf8),
    };
    let next_alone = |len: usize| match bytes.get(len) {
        None | Some(0..0x80 | HAN_FIRST..=HAN_LAST) => true,
        _ => text[len..].starts_with(never_joins),
    };
    match alone {
        Some(len) if next_alone(len) => len,
        _ => text.graphemes(true).next().map_or(0, str::len),
    }
}

/// First bytes of U+4000 to U+9FFF in UTF-8: Han characters and hexagrams, none of which ever joins another and all
/// of which take two cells.
const HAN_FIRST: u8 = 0xe4;
const HAN_LAST: u8 = 0xe9;

/// CJK and its punctuation, but for combining voice and tone marks, and for Hangul, whose syllables take further
/// letters.
fn never_joins(c: char) -> bool {
    match c {
        '\u{3099}' | '\u{309a}' | '\u{ac00}'..='\u{d7af}' => false,
        '\u{3001}'..='\u{3029}' | '\u{ff01}'..='\u{ff60}' => true,
        _ => is_cjk(c),
    }
}

/// Cells of one line of text. Line ends take none.
pub fn width(text: &str) -> usize {
    graphemes(text).map(|(_, grapheme)| cells(grapheme)).sum()
}

/// Cells of one grapheme.
pub(super) fn cells(grapheme: &str) -> usize {
    match grapheme.as_bytes() {
        [b'\n'] => 0,
        [_] => 1,
        [HAN_FIRST..=HAN_LAST, _, _] => 2,
        _ => grapheme.width(),
    }
}

/// `text` in at most `room` cells, an ellipsis standing for the end that was cut.
pub fn fit_end(text: &str, room: usize) -> Cow<'_, str> {
    if width(text) <= room {
        return Cow::Borrowed(text);
    }
    if room == 0 {
        return Cow::Borrowed("");
    }
    Cow::Owned(format!("{}{ELLIPSIS}", head(text, room - 1)))
}

/// `text` in at most `room` cells, an ellipsis standing for the beginning that was cut: for text that grows.
pub fn fit_start(text: &str, room: usize) -> Cow<'_, str> {
    if width(text) <= room {
        return Cow::Borrowed(text);
    }
    if room == 0 {
        return Cow::Borrowed("");
    }
    Cow::Owned(format!("{ELLIPSIS}{}", tail(text, room - 1)))
}

/// `text` in at most `room` cells, an ellipsis standing for the middle that was cut: for paths and names, whose ends
/// tell them apart.
pub fn fit_middle(text: &str, room: usize) -> Cow<'_, str> {
    if width(text) <= room {
        return Cow::Borrowed(text);
    }
    if room == 0 {
        return Cow::Borrowed("");
    }
    let left = room / 2;
    Cow::Owned(format!("{}{ELLIPSIS}{}", head(text, left), tail(text, room - 1 - left)))
}

fn head(text: &str, room: usize) -> &str {
    let mut used = 0;
    let cut = graphemes(text).find(|(_, grapheme)| {
        used += cells(grapheme);
        used > room
    });
    &text[..cut.map_or(text.len(), |(at, _)| at)]
}

fn tail(text: &str, room: usize) -> &str {
    let mut used = 0;
    let kept = text.grapheme_indices(true).rev().take_while(|(_, grapheme)| {
        used += cells(grapheme);
        used <= room
    });
    &text[kept.last().map_or(text.len(), |(at, _)| at)..]
}

/// `text` filled with spaces to `room` cells; wider text stays as it is.
pub fn pad(text: &str, room: usize, align: Align) -> Cow<'_, str> {
    let missing = " ".repeat(room.saturating_sub(width(text)));
    match (missing.is_empty(), align) {
        (true, _) => Cow::Borrowed(text),
        (false, Align::Left) => Cow::Owned(format!("{text}{missing}")),
        (false, Align::Right) => Cow::Owned(format!("{missing}{text}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tests::samples::rich_text;
    use proptest::prelude::*;

    #[test]
    fn cells_by_script() {
        for (text, expected) in [
            ("", 0),
            ("abc", 3),
            ("思考", 4),
            ("e\u{301}te\u{301}", 3),
            ("👨\u{200d}👩\u{200d}👧", 2),
            ("👍🏽", 2),
            ("🇯🇵🇫🇷", 4),
            ("，。", 4),
            ("ｶﾞ", 2),
            ("\u{241b}[0m", 4),
            ("a\n", 1),
        ] {
            assert_eq!(width(text), expected, "{text:?}");
        }
    }

    #[test]
    fn the_short_way_to_cells_is_the_standard_one() {
        for c in '\u{4000}'..='\u{9fff}' {
            assert_eq!(c.to_string().width(), 2, "{c}");
        }
    }

    #[test]
    fn cutting_spares_graphemes() {
        assert_eq!(fit_end("lighthouse", 10), "lighthouse");
        assert_eq!(fit_end("lighthouse", 6), "light…");
        assert_eq!(fit_end("灯塔的信", 6), "灯塔…");
        assert_eq!(fit_end("ae\u{301}x", 2), "a…");
        assert_eq!(fit_end("abc", 1), "…");
        assert_eq!(fit_end("abc", 0), "");
        assert_eq!(fit_middle("sessions/lighthouse.jsonl", 12), "sessio…jsonl");
        assert_eq!(fit_middle("灯塔的信", 6), "灯…信");
        assert_eq!(fit_middle("abc", 1), "…");
        assert_eq!(fit_start("灯塔的信", 6), "…的信");
        assert_eq!(fit_start("abc", 0), "");
    }

    #[test]
    fn padding_counts_cells() {
        assert_eq!(pad("灯", 4, Align::Left), "灯  ");
        assert_eq!(pad("3.4", 5, Align::Right), "  3.4");
        assert_eq!(pad("wide", 2, Align::Right), "wide");
    }

    proptest! {
        #[test]
        fn the_short_way_to_graphemes_is_the_standard_one(text in rich_text()) {
            prop_assert!(graphemes(&text).eq(text.grapheme_indices(true)));
        }

        #[test]
        fn what_is_cut_fits_and_what_fits_is_not_cut(text in rich_text(), room in 0usize..40) {
            for cut in [fit_end(&text, room), fit_middle(&text, room), fit_start(&text, room)] {
                prop_assert!(width(&cut) <= room, "{cut:?}");
                prop_assert_eq!(width(&text) <= room, cut == text);
            }
        }

        #[test]
        fn what_is_padded_fills_the_room(text in "[a-z思考 ]*", room in 0usize..40) {
            for align in [Align::Left, Align::Right] {
                prop_assert_eq!(width(&pad(&text, room, align)), room.max(width(&text)));
            }
        }
    }
}
