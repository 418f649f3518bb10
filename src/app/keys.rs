//! A key as it is pressed and as it is written: `j`, `ctrl-p`, `shift-tab`, `f1`.

use std::fmt;
use std::str::FromStr;

/// Which key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// What the key types; capitals are characters of their own, without shift.
    Char(char),
    Enter,
    Esc,
    Tab,
    Backspace,
    Delete,
    Insert,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
    F(u8),
}

/// A key with what is held down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub code: Code,
    pub ctrl: bool,
    pub alt: bool,
    /// Never set with a [`Code::Char`], which says it by itself.
    pub shift: bool,
}

impl Key {
    /// The key alone.
    pub const fn plain(code: Code) -> Key {
        Key { code, ctrl: false, alt: false, shift: false }
    }

    /// The text that this key types, when it types any.
    pub fn text(self) -> Option<char> {
        match self.code {
            Code::Char(c) if !self.ctrl && !self.alt => Some(c),
            _ => None,
        }
    }
}

/// Names of the keys that are no characters, as they are written and shown.
const NAMES: [(&str, Code); 16] = [
    ("enter", Code::Enter),
    ("esc", Code::Esc),
    ("tab", Code::Tab),
    ("backspace", Code::Backspace),
    ("delete", Code::Delete),
    ("insert", Code::Insert),
    ("up", Code::Up),
    ("down", Code::Down),
    ("left", Code::Left),
    ("right", Code::Right),
    ("home", Code::Home),
    ("end", Code::End),
    ("pageup", Code::PageUp),
    ("pagedown", Code::PageDown),
    ("space", Code::Char(' ')),
    ("minus", Code::Char('-')),
];

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (held, name) in [(self.ctrl, "ctrl-"), (self.alt, "alt-"), (self.shift, "shift-")] {
            if held {
                f.write_str(name)?;
            }
        }
        match (NAMES.iter().find(|(_, code)| *code == self.code), self.code) {
            (Some((name, _)), _) => f.write_str(name),
            (None, Code::Char(c)) => write!(f, "{c}"),
            (None, Code::F(n)) => write!(f, "f{n}"),
            // Every other code has a name, which a test holds.
            (None, _) => Ok(()),
        }
    }
}

/// Text that is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no key; write a character, or a name such as enter, space, pagedown, f5, with ctrl-, alt- or shift- before it"
)]
pub struct NotAKey(pub String);

impl FromStr for Key {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Key, NotAKey> {
        let (mut rest, mut key) = (text, Key::plain(Code::Enter));
        loop {
            let held = [("ctrl-", &mut key.ctrl), ("alt-", &mut key.alt), ("shift-", &mut key.shift)];
            let Some((cut, held)) = held.into_iter().find_map(|(name, held)| Some((rest.strip_prefix(name)?, held)))
            else {
                break;
            };
            *held = true;
            rest = cut;
        }
        key.code = code(rest).ok_or_else(|| NotAKey(text.to_owned()))?;
        match key.code {
            Code::Char(_) if key.shift => Err(NotAKey(text.to_owned())),
            _ => Ok(key),
        }
    }
}

fn code(text: &str) -> Option<Code> {
    let mut chars = text.chars();
    match (chars.next()?, chars.next()) {
        (c, None) => Some(Code::Char(c)).filter(|_| c != ' ' && c != '-' && !c.is_control()),
        _ => {
            let named = NAMES.iter().find(|(name, _)| *name == text).map(|(_, code)| *code);
            let function = || text.strip_prefix('f')?.parse().ok().filter(|n| (1..=24).contains(n)).map(Code::F);
            named.or_else(function)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_are_written_as_they_are_read() {
        for text in ["j", "J", "$", "space", "minus", "ctrl-p", "alt-enter", "shift-tab", "ctrl-alt-f12", "思"] {
            assert_eq!(text.parse::<Key>().unwrap().to_string(), text);
        }
        for text in ["", "ctrl-", "shift-a", "jk", "f0", "f25", " ", "Enter"] {
            assert!(text.parse::<Key>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn only_plain_characters_type() {
        assert_eq!("a".parse::<Key>().unwrap().text(), Some('a'));
        assert_eq!("ctrl-a".parse::<Key>().unwrap().text(), None);
        assert_eq!("enter".parse::<Key>().unwrap().text(), None);
    }

    proptest! {
        #[test]
        fn every_key_reads_back(at in 0..NAMES.len(), c in prop::char::any(), f in 1u8..=24, kind in 0usize..3, ctrl: bool, alt: bool) {
            prop_assume!(!c.is_control());
            let code = [NAMES[at].1, Code::Char(c), Code::F(f)][kind];
            let key = Key { code, ctrl, alt, shift: false };
            prop_assert_eq!(key.to_string().parse::<Key>(), Ok(key));
        }
    }
}
