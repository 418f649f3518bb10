//! Text made safe to print: what a terminal would obey, reorder by or hide is spelled out.

use std::borrow::Cow;

/// `text` with every control character but LF and TAB, and every invisible direction or tag character, replaced by a
/// visible sign. Text without any is borrowed.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            _ if !is_hostile(c) => shown.push(c),
            '\0'..='\x1f' => shown.extend(char::from_u32(0x2400 + c as u32)),
            '\x7f' => shown.push('\u{2421}'),
            _ => shown.push_str(&format!("<U+{:04X}>", c as u32)),
        }
    }
    Cow::Owned(shown)
}

fn is_hostile(c: char) -> bool {
    let direction =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let tag = matches!(c, '\u{e0000}'..='\u{e007f}');
    (c.is_control() && !matches!(c, '\n' | '\t')) || direction || tag
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
