//! Asks the terminal whether it can tell keys apart that look alike to an old one (ctrl-i and tab, esc and alt).
//!
//! Asked once, before input is listened to, and for a tenth of a second at most: a terminal that answers later is
//! treated as an old one, and its answer is passed over by the listener.

use std::io;

use crate::app::keys::{Code, Key};

/// What was heard.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub tells_keys_apart: bool,
    /// Keys that were typed before the answer came.
    pub typed: Vec<Key>,
}

/// Asks. The terminal is in raw mode.
#[cfg(unix)]
pub(super) fn ask() -> io::Result<Answer> {
    use rustix::stdio::stdin;
    use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

    let known_mute = std::env::var("TERM").is_ok_and(|term| matches!(term.as_str(), "dumb" | "linux" | ""));
    if known_mute {
        return Ok(Answer::default());
    }
    let before = tcgetattr(stdin())?;
    let mut waiting = before.clone();
    // Reading returns with what is there, or after a tenth of a second with nothing.
    waiting.special_codes[rustix::termios::SpecialCodeIndex::VMIN] = 0;
    waiting.special_codes[rustix::termios::SpecialCodeIndex::VTIME] = 1;
    tcsetattr(stdin(), OptionalActions::Now, &waiting)?;
    let heard = super::output::send(QUESTION).and_then(|()| listen());
    tcsetattr(stdin(), OptionalActions::Now, &before)?;
    heard.map(|bytes| understand(&bytes))
}

#[cfg(not(unix))]
pub(super) fn ask() -> io::Result<Answer> {
    Ok(Answer::default())
}

/// The flags of the keyboard, which an old terminal does not answer, and the kind of terminal, which every one does.
#[cfg(unix)]
const QUESTION: &[u8] = b"\x1b[?u\x1b[c";

/// The longest wait for an answer.
#[cfg(unix)]
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(100);

#[cfg(unix)]
fn listen() -> io::Result<Vec<u8>> {
    let (begun, mut heard, mut piece) = (std::time::Instant::now(), Vec::new(), [0; 256]);
    while begun.elapsed() < PATIENCE && find_answer(&heard, b'c').is_none() {
        match rustix::io::read(rustix::stdio::stdin(), &mut piece) {
            Ok(0) => break,
            Ok(read) => heard.extend_from_slice(&piece[..read]),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(heard)
}

/// Takes the answers out; the rest was typed.
#[cfg(any(unix, test))]
fn understand(heard: &[u8]) -> Answer {
    let (mut rest, mut tells_keys_apart) = (heard.to_vec(), false);
    for end in [b'u', b'c'] {
        if let Some(answer) = find_answer(&rest, end) {
            tells_keys_apart |= end == b'u';
            rest.drain(answer);
        }
    }
    Answer { tells_keys_apart, typed: typed(&rest) }
}

/// Where `ESC [ ? ... end` stands.
#[cfg(any(unix, test))]
fn find_answer(heard: &[u8], end: u8) -> Option<std::ops::Range<usize>> {
    const START: &[u8] = b"\x1b[?";
    let starts = (0..heard.len()).filter(|at| heard[*at..].starts_with(START));
    for start in starts {
        let body = &heard[start + START.len()..];
        let length = body.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b';').count();
        if body.get(length) == Some(&end) {
            return Some(start..start + START.len() + length + 1);
        }
    }
    None
}

/// Keys typed as plain characters; what follows an escape byte is left out, since it may be cut anywhere.
#[cfg(any(unix, test))]
fn typed(bytes: &[u8]) -> Vec<Key> {
    let plain = bytes.split(|byte| *byte == 0x1b).next().unwrap_or_default();
    String::from_utf8_lossy(plain).chars().filter_map(key).collect()
}

#[cfg(any(unix, test))]
fn key(typed: char) -> Option<Key> {
    let code = match typed {
        '\r' => Code::Enter,
        '\t' => Code::Tab,
        '\x7f' | '\x08' => Code::Backspace,
        '\x01'..='\x1a' => {
            let letter = char::from(b'a' + typed as u8 - 1);
            return Some(Key { ctrl: true, ..Key::plain(Code::Char(letter)) });
        }
        char::REPLACEMENT_CHARACTER => return None,
        c if c.is_control() => return None,
        c => Code::Char(c),
    };
    Some(Key::plain(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<Key> {
        text.split_whitespace().map(|key| key.parse().unwrap()).collect()
    }

    #[test]
    fn answers_are_told_from_typing() {
        let cases: [(&[u8], bool, &str); 7] = [
            (b"", false, ""),
            (b"\x1b[?62;22c", false, ""),
            (b"\x1b[?0u\x1b[?62c", true, ""),
            (b"qj\x1b[?1u\r\x1b[?62;4c:", true, "q j enter :"),
            (b"\x10\t\x7f\x08", false, "ctrl-p tab backspace backspace"),
            (b"a\x1b[A", false, "a"),
            ("思\u{1b}[?62c".as_bytes(), false, "思"),
        ];
        for (heard, apart, typed) in cases {
            assert_eq!(
                understand(heard),
                Answer { tells_keys_apart: apart, typed: keys(typed) },
                "{}",
                heard.escape_ascii()
            );
        }
    }
}
