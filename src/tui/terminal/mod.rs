//! The terminal itself: its modes and their undoing, signals, input, clipboard, the user's editor.
//!
//! Knows nothing of what is shown; the event loop draws through [`Screen`] and awaits [`Inputs`], [`Signals`] and
//! [`Frames`].

mod clipboard;
mod editor;
mod frames;
mod input;
mod inputs;
mod keyboard;
mod modes;
mod output;
mod panics;
mod screen;
mod signals;

use std::io::{IsTerminal, stdin, stdout};

pub use clipboard::{Clipboard, Copied, CopyError};
pub use editor::{Editor, EditorError};
pub use frames::{Frames, Requester, frames};
pub use inputs::Inputs;
pub use modes::{Modes, restore};
pub use screen::Screen;
pub use signals::{Signal, Signals};

/// A workbench without a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the workbench needs a terminal, and {0} is none; in scripts use `retrace search`, `retrace replay --json` or \
     `retrace stats --json`"
)]
pub struct NoTerminal(&'static str);

/// Checks that a person sits in front of this process.
///
/// # Errors
/// The standard input or output is a file or a pipe.
pub fn check() -> Result<(), NoTerminal> {
    let streams = [("standard input", stdin().is_terminal()), ("standard output", stdout().is_terminal())];
    match streams.into_iter().find(|(_, terminal)| !terminal) {
        Some((name, _)) => Err(NoTerminal(name)),
        None => Ok(()),
    }
}
