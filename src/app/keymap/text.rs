//! The keys that write: the same in every field and editor, and what people's fingers know from elsewhere.

use crate::app::keys::{Code, Key};
use crate::app::text_edit::TextEdit;

/// What a key does to a text; `None` for a key that does nothing to one.
pub fn text_edit(key: Key) -> Option<TextEdit> {
    if let Some(c) = key.text() {
        return Some(TextEdit::Insert(c.to_string()));
    }
    let word = key.ctrl || key.alt;
    Some(match key.code {
        Code::Enter => TextEdit::NewLine,
        Code::Left if word => TextEdit::WordLeft,
        Code::Right if word => TextEdit::WordRight,
        Code::Left => TextEdit::Left,
        Code::Right => TextEdit::Right,
        Code::Up => TextEdit::Up,
        Code::Down => TextEdit::Down,
        Code::PageUp => TextEdit::PageUp,
        Code::PageDown => TextEdit::PageDown,
        Code::Home if key.ctrl => TextEdit::TextStart,
        Code::End if key.ctrl => TextEdit::TextEnd,
        Code::Home => TextEdit::LineStart,
        Code::End => TextEdit::LineEnd,
        Code::Backspace if word => TextEdit::DeleteWordLeft,
        Code::Delete if word => TextEdit::DeleteWordRight,
        Code::Backspace => TextEdit::DeleteLeft,
        Code::Delete => TextEdit::DeleteRight,
        Code::Char(c) if key.ctrl && !key.alt => return with_ctrl(c),
        Code::Char(c) if key.alt && !key.ctrl => return with_alt(c),
        _ => return None,
    })
}

fn with_ctrl(c: char) -> Option<TextEdit> {
    Some(match c {
        'a' => TextEdit::LineStart,
        'e' => TextEdit::LineEnd,
        'b' => TextEdit::Left,
        'f' => TextEdit::Right,
        'p' => TextEdit::Up,
        'n' => TextEdit::Down,
        'h' => TextEdit::DeleteLeft,
        'd' => TextEdit::DeleteRight,
        'w' => TextEdit::DeleteWordLeft,
        'u' => TextEdit::DeleteToLineStart,
        'k' => TextEdit::DeleteToLineEnd,
        'z' => TextEdit::Undo,
        'y' | 'r' => TextEdit::Redo,
        _ => return None,
    })
}

fn with_alt(c: char) -> Option<TextEdit> {
    Some(match c {
        'b' => TextEdit::WordLeft,
        'f' => TextEdit::WordRight,
        'd' => TextEdit::DeleteWordRight,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_write() {
        for (key, edit) in [
            ("a", Some(TextEdit::Insert("a".to_owned()))),
            ("space", Some(TextEdit::Insert(" ".to_owned()))),
            ("思", Some(TextEdit::Insert("思".to_owned()))),
            ("ctrl-w", Some(TextEdit::DeleteWordLeft)),
            ("alt-backspace", Some(TextEdit::DeleteWordLeft)),
            ("alt-left", Some(TextEdit::WordLeft)),
            ("ctrl-home", Some(TextEdit::TextStart)),
            ("ctrl-j", None),
            ("f1", None),
            ("tab", None),
        ] {
            assert_eq!(text_edit(key.parse().unwrap()), edit, "{key}");
        }
    }
}
