//! From what crossterm reads to the application's own values; what means nothing to it is left out.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use crate::app::input::{Input, Mouse, MouseKind};
use crate::app::keys::{Code, Key};

/// The input that an event is; none for releases, lone modifiers, other mouse buttons and moves without a button.
pub(super) fn input(event: Event) -> Option<Input> {
    match event {
        Event::Key(event) => key(event).map(Input::Key),
        Event::Paste(text) => Some(Input::Paste(lines(text))),
        Event::Mouse(event) => mouse(event).map(Input::Mouse),
        Event::Resize(width, height) => Some(Input::Resize { width, height }),
        Event::FocusGained => Some(Input::Focus(true)),
        Event::FocusLost => Some(Input::Focus(false)),
    }
}

fn key(event: KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let held = |modifier| event.modifiers.contains(modifier);
    let (ctrl, alt, shift) = (held(KeyModifiers::CONTROL), held(KeyModifiers::ALT), held(KeyModifiers::SHIFT));
    // Old terminals send the byte of ctrl-h for backspace, and NUL for ctrl-space.
    if ctrl && event.code == KeyCode::Char('h') {
        return Some(Key { alt, ..Key::plain(Code::Backspace) });
    }
    let code = match event.code {
        KeyCode::Char(c) => return Some(Key { ctrl, alt, ..Key::plain(Code::Char(character(c, shift, ctrl))) }),
        KeyCode::Null => return Some(Key { ctrl: true, ..Key::plain(Code::Char(' ')) }),
        KeyCode::BackTab => return Some(Key { ctrl, alt, shift: true, code: Code::Tab }),
        KeyCode::Enter => Code::Enter,
        KeyCode::Esc => Code::Esc,
        KeyCode::Tab => Code::Tab,
        KeyCode::Backspace => Code::Backspace,
        KeyCode::Delete => Code::Delete,
        KeyCode::Insert => Code::Insert,
        KeyCode::Up => Code::Up,
        KeyCode::Down => Code::Down,
        KeyCode::Left => Code::Left,
        KeyCode::Right => Code::Right,
        KeyCode::Home => Code::Home,
        KeyCode::End => Code::End,
        KeyCode::PageUp => Code::PageUp,
        KeyCode::PageDown => Code::PageDown,
        KeyCode::F(n) => Code::F(n),
        _ => return None,
    };
    Some(Key { code, ctrl, alt, shift })
}

/// The character as bindings write it. With ctrl, old terminals send small letters only and new ones what is printed
/// on the key, so both become small.
fn character(c: char, shift: bool, ctrl: bool) -> char {
    let single = |mut cased: Box<dyn Iterator<Item = char>>| match (cased.next(), cased.next()) {
        (Some(only), None) => only,
        _ => c,
    };
    match (ctrl, shift) {
        (true, _) => single(Box::new(c.to_lowercase())),
        (false, true) => single(Box::new(c.to_uppercase())),
        (false, false) => c,
    }
}

/// Terminals send the ends of pasted lines as CR, as the enter key does, or as they were copied.
fn lines(text: String) -> String {
    match text.contains('\r') {
        true => text.replace("\r\n", "\n").replace('\r', "\n"),
        false => text,
    }
}

fn mouse(event: MouseEvent) -> Option<Mouse> {
    let kind = match event.kind {
        MouseEventKind::Down(MouseButton::Left) => MouseKind::Down,
        MouseEventKind::Drag(MouseButton::Left) => MouseKind::Drag,
        MouseEventKind::Up(MouseButton::Left) => MouseKind::Up,
        MouseEventKind::ScrollUp => MouseKind::ScrollUp,
        MouseEventKind::ScrollDown => MouseKind::ScrollDown,
        _ => return None,
    };
    Some(Mouse { kind, x: event.column, y: event.row })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: KeyModifiers = KeyModifiers::NONE;
    const SHIFT: KeyModifiers = KeyModifiers::SHIFT;
    const CTRL: KeyModifiers = KeyModifiers::CONTROL;
    const ALT: KeyModifiers = KeyModifiers::ALT;

    #[test]
    fn keys_are_named_as_bindings_name_them() {
        let cases = [
            (KeyCode::Char('j'), NONE, "j"),
            (KeyCode::Char('J'), SHIFT, "J"),
            (KeyCode::Char('j'), SHIFT, "J"),
            (KeyCode::Char('J'), NONE, "J"),
            (KeyCode::Char('$'), SHIFT, "$"),
            (KeyCode::Char('思'), NONE, "思"),
            (KeyCode::Char('ß'), SHIFT, "ß"),
            (KeyCode::Char(' '), NONE, "space"),
            (KeyCode::Char(' '), CTRL, "ctrl-space"),
            (KeyCode::Null, NONE, "ctrl-space"),
            (KeyCode::Char('p'), CTRL, "ctrl-p"),
            (KeyCode::Char('P'), CTRL.union(SHIFT), "ctrl-p"),
            (KeyCode::Char('x'), ALT, "alt-x"),
            (KeyCode::Char('h'), CTRL, "backspace"),
            (KeyCode::Char('h'), CTRL.union(ALT), "alt-backspace"),
            (KeyCode::Backspace, CTRL, "ctrl-backspace"),
            (KeyCode::BackTab, SHIFT, "shift-tab"),
            (KeyCode::BackTab, NONE, "shift-tab"),
            (KeyCode::Tab, SHIFT, "shift-tab"),
            (KeyCode::Enter, ALT, "alt-enter"),
            (KeyCode::Left, CTRL, "ctrl-left"),
            (KeyCode::F(5), NONE, "f5"),
        ];
        for (code, modifiers, name) in cases {
            let found = key(KeyEvent::new(code, modifiers)).map(|key| key.to_string());
            assert_eq!(found.as_deref(), Some(name), "{code:?} {modifiers:?}");
        }
    }

    #[test]
    fn releases_and_lone_modifiers_are_nothing() {
        let release = KeyEvent::new_with_kind(KeyCode::Char('q'), NONE, KeyEventKind::Release);
        assert_eq!(input(Event::Key(release)), None);
        let repeat = KeyEvent::new_with_kind(KeyCode::Char('j'), NONE, KeyEventKind::Repeat);
        assert_eq!(input(Event::Key(repeat)), Some(Input::Key("j".parse().unwrap())));
        assert_eq!(input(Event::Key(KeyEvent::new(KeyCode::CapsLock, NONE))), None);
    }

    #[test]
    fn pasted_lines_end_in_lf() {
        for (pasted, lines) in [("a\rb", "a\nb"), ("a\r\nb\r\n", "a\nb\n"), ("a\n\nb", "a\n\nb"), ("\r\r", "\n\n")] {
            assert_eq!(input(Event::Paste(pasted.to_owned())), Some(Input::Paste(lines.to_owned())));
        }
    }

    #[test]
    fn the_left_button_and_the_wheel_count() {
        let event = |kind| Event::Mouse(MouseEvent { kind, column: 7, row: 3, modifiers: NONE });
        let mouse = |kind| Some(Input::Mouse(Mouse { kind, x: 7, y: 3 }));
        assert_eq!(input(event(MouseEventKind::Down(MouseButton::Left))), mouse(MouseKind::Down));
        assert_eq!(input(event(MouseEventKind::Drag(MouseButton::Left))), mouse(MouseKind::Drag));
        assert_eq!(input(event(MouseEventKind::Up(MouseButton::Left))), mouse(MouseKind::Up));
        assert_eq!(input(event(MouseEventKind::ScrollDown)), mouse(MouseKind::ScrollDown));
        assert_eq!(input(event(MouseEventKind::ScrollUp)), mouse(MouseKind::ScrollUp));
        for kind in [MouseEventKind::Moved, MouseEventKind::Down(MouseButton::Right), MouseEventKind::ScrollLeft] {
            assert_eq!(input(event(kind)), None);
        }
    }
}
