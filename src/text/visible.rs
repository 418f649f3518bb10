//! Hostile characters spelled out: what a terminal would obey, reorder by or hide. For one line of plain output;
//! what is drawn on a screen is [`super::Safe`], which builds on this.

use std::borrow::Cow;
use std::fmt::Write as _;

/// `text` with every control character but LF and TAB, and every invisible direction or tag character, replaced by a
/// visible sign. Text without any is borrowed.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_hostile(c) {
            spell(c, &mut shown);
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// True for characters that are always spelled out: controls but LF and TAB, direction marks, annotation and tags.
pub(super) fn is_hostile(c: char) -> bool {
    let direction = matches!(c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}');
    let annotation = matches!(c, '\u{fff9}'..='\u{fffb}');
    // Variation selectors lie amid the tags, but have an honest use.
    let tag = matches!(c, '\u{e0000}'..='\u{e00ff}' | '\u{e01f0}'..='\u{e0fff}');
    (c.is_control() && !matches!(c, '\n' | '\t')) || direction || annotation || tag
}

/// Writes the visible sign of a hostile character: its control picture, else its number.
pub(super) fn spell(c: char, to: &mut String) {
    match c {
        '\0'..='\x1f' => to.extend(char::from_u32(0x2400 + c as u32)),
        '\x7f' => to.push('\u{2421}'),
        _ => {
            let _infallible = write!(to, "<U+{:04X}>", c as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn controls_directions_and_tags_are_spelled_out() {
        assert_eq!(visible("a\u{1b}[31mb\r\n"), "a\u{241b}[31mb\u{240d}\n");
        assert_eq!(visible("\u{9b}x\u{202e}y\u{e0041}\u{7f}"), "<U+009B>x<U+202E>y<U+E0041>\u{2421}");
        assert!(matches!(visible("déjà\tvu 思考\n"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn what_is_visible_stays_and_nothing_hostile_is_left(text in "\\PC*|[\\x00-\\xff\u{202e}\u{e0001}]*") {
            let shown = visible(&text).into_owned();
            prop_assert!(!shown.chars().any(is_hostile));
            prop_assert_eq!(visible(&shown).into_owned(), shown);
        }
    }
}
