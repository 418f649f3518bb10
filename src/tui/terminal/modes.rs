//! Every mode the terminal is put in, remembered in one place, so that whoever ends the program (quitting, a panic, a
//! signal) undoes all of them once, in reverse, whatever fails on the way.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, EnableBracketedPaste, EnableFocusChange, KeyboardEnhancementFlags,
    PopKeyboardEnhancementFlags, PushKeyboardEnhancementFlags,
};
use crossterm::style::ResetColor;
use crossterm::terminal::{self, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{Command, cursor, queue};

use super::output;

/// What may be asked for beyond the modes that are always set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Modes {
    /// Clicks and the wheel come as input; selecting text with the mouse then needs shift.
    pub mouse: bool,
    /// Gaining and losing the focus comes as input.
    pub focus: bool,
}

/// One mode of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Raw,
    AlternateScreen,
    HiddenCursor,
    BracketedPaste,
    Focus,
    Mouse,
    /// Keys that look alike to an old terminal are told apart. Belongs to the alternate screen, so it is set after it.
    Keyboard,
}

/// In the order in which they are set.
const ALL: [Mode; 7] = [
    Mode::Raw,
    Mode::AlternateScreen,
    Mode::HiddenCursor,
    Mode::BracketedPaste,
    Mode::Focus,
    Mode::Mouse,
    Mode::Keyboard,
];

/// The modes that are set, a bit each.
static SET: AtomicU8 = AtomicU8::new(0);

/// How long a dead terminal may hold up the end of the program.
const PATIENCE: Duration = Duration::from_millis(500);

impl Mode {
    fn bit(self) -> u8 {
        1 << self as u8
    }

    /// Sets it, and remembers to undo it first, so that an interruption in between undoes too much, never too little.
    pub(super) fn set(self) -> io::Result<()> {
        SET.fetch_or(self.bit(), Ordering::SeqCst);
        let mut bytes = Vec::new();
        match self {
            Mode::Raw => terminal::enable_raw_mode()?,
            Mode::AlternateScreen => queue!(bytes, EnterAlternateScreen)?,
            Mode::HiddenCursor => queue!(bytes, cursor::Hide)?,
            Mode::BracketedPaste => queue!(bytes, EnableBracketedPaste)?,
            Mode::Focus => queue!(bytes, EnableFocusChange)?,
            Mode::Mouse => queue!(bytes, Buttons(true))?,
            Mode::Keyboard => {
                let flags = KeyboardEnhancementFlags::DISAMBIGUATE_ESCAPE_CODES;
                queue!(bytes, PushKeyboardEnhancementFlags(flags))?;
            }
        }
        output::send(&bytes)
    }

    /// Undoes it when it is set.
    pub(super) fn unset(self) -> io::Result<()> {
        if SET.fetch_and(!self.bit(), Ordering::SeqCst) & self.bit() == 0 {
            return Ok(());
        }
        self.undo(output::send)
    }

    pub(super) fn is_set(self) -> bool {
        SET.load(Ordering::SeqCst) & self.bit() != 0
    }

    fn undo(self, send: impl Fn(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut bytes = Vec::new();
        match self {
            Mode::Raw => return terminal::disable_raw_mode(),
            Mode::AlternateScreen => queue!(bytes, LeaveAlternateScreen)?,
            Mode::HiddenCursor => queue!(bytes, cursor::Show)?,
            Mode::BracketedPaste => queue!(bytes, DisableBracketedPaste)?,
            Mode::Focus => queue!(bytes, DisableFocusChange)?,
            Mode::Mouse => queue!(bytes, Buttons(false))?,
            Mode::Keyboard => queue!(bytes, PopKeyboardEnhancementFlags)?,
        }
        send(&bytes)
    }
}

/// Undoes every mode that is set, in reverse, going on past errors. May be called at any time, from any thread, twice.
pub fn restore() {
    let set = SET.swap(0, Ordering::SeqCst);
    if set == 0 {
        return;
    }
    let mut bytes = Vec::new();
    // A frame may have ended in its middle.
    let calmed = queue!(bytes, EndSynchronizedUpdate, ResetColor);
    // Errors are passed over: there is no one left to tell, and the other modes must still be undone.
    let _ = calmed.and_then(|()| output::force(&bytes));
    for mode in ALL.into_iter().rev().filter(|mode| set & mode.bit() != 0) {
        let _ = mode.undo(output::force);
    }
}

/// As [`restore`], but returns after half a second although the terminal takes nothing any more.
pub(super) fn restore_in_time() {
    let (done, finished) = mpsc::channel();
    let restoring = thread::Builder::new().name("restore".to_owned()).spawn(move || {
        restore();
        // Whoever waited has left when this fails.
        let _ = done.send(());
    });
    if restoring.is_err() || finished.recv_timeout(PATIENCE).is_err() {
        // The line discipline is the kernel's and answers always.
        let _ = terminal::disable_raw_mode();
    }
}

/// Buttons, drags and the wheel; crossterm's own command would report every move of the mouse as well.
struct Buttons(bool);

impl Command for Buttons {
    fn write_ansi(&self, f: &mut impl fmt::Write) -> fmt::Result {
        f.write_str(match self.0 {
            true => "\x1b[?1000h\x1b[?1002h\x1b[?1006h",
            false => "\x1b[?1006l\x1b[?1002l\x1b[?1000l",
        })
    }

    #[cfg(windows)]
    fn execute_winapi(&self) -> io::Result<()> {
        match self.0 {
            true => crossterm::event::EnableMouseCapture.execute_winapi(),
            false => crossterm::event::DisableMouseCapture.execute_winapi(),
        }
    }
}
