//! The screen: owns the terminal while the workbench runs, draws whole frames, lends the terminal to other programs.

use std::io;
use std::sync::atomic::{AtomicU8, Ordering};

use crossterm::style::force_color_output;
use crossterm::terminal::{BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate};
use crossterm::{Command, queue};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Size;
use ratatui::{Frame, Terminal};

use super::modes::{Mode, Modes};
use super::output::{self, Collected};
use super::{keyboard, modes, panics, signals};
use crate::app::keys::Key;

/// Who has the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// Nobody of this process.
    None,
    Screen,
    /// A program that this one started.
    Lent,
    /// The shell, while this process is stopped.
    Shell,
}

/// One of [`Holder`], for the thread that listens to signals.
static HOLDER: AtomicU8 = AtomicU8::new(Holder::None as u8);

impl Holder {
    pub(super) fn now() -> Holder {
        let holders = [Holder::None, Holder::Screen, Holder::Lent, Holder::Shell];
        holders.into_iter().find(|holder| *holder as u8 == HOLDER.load(Ordering::SeqCst)).unwrap_or(Holder::None)
    }

    fn becomes(self) {
        HOLDER.store(self as u8, Ordering::SeqCst);
    }
}

/// The terminal in the workbench's modes; all are undone when it is dropped.
#[derive(Debug)]
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Collected>>,
    frame: Collected,
    modes: Modes,
    /// Whether the terminal tells keys apart; none before it was asked.
    keyboard: Option<bool>,
}

impl Screen {
    /// Puts the terminal in the workbench's modes, and sees to it that a panic undoes them before it is reported.
    /// Whoever installs panic hooks of its own does so before.
    ///
    /// # Errors
    /// There is no terminal, or it is gone.
    pub fn enter(modes: Modes) -> io::Result<Screen> {
        panics::install();
        // The theme alone decides on colours.
        force_color_output(true);
        let frame = Collected::default();
        let entered = set(modes, false).and_then(|()| {
            // Some terminals show what a program that was killed left on their other screen.
            Screen::execute(Clear(ClearType::All))?;
            Terminal::new(CrosstermBackend::new(frame.clone()))
        });
        match entered {
            Ok(terminal) => Ok(Screen { terminal, frame, modes, keyboard: None }),
            Err(error) => {
                modes::restore();
                Err(error)
            }
        }
    }

    /// Draws one frame; the terminal shows it whole. Does nothing while another program has the terminal.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn draw(&mut self, render: impl FnOnce(&mut Frame)) -> io::Result<()> {
        if !self.is_shown() {
            return Ok(());
        }
        panics::this_thread_draws();
        queue!(self.frame, BeginSynchronizedUpdate)?;
        let drawn = self.terminal.draw(render).map(|_| ());
        queue!(self.frame, EndSynchronizedUpdate)?;
        let frame = self.frame.take();
        drawn.and_then(|()| output::send(&frame))
    }

    /// Its size in cells.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn size(&self) -> io::Result<Size> {
        self.terminal.size()
    }

    /// Makes the next frame draw every cell anew.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn redraw(&mut self) -> io::Result<()> {
        let size = self.terminal.size()?;
        self.terminal.resize(size.into())
    }

    /// Switches the mouse on or off.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn set_mouse(&mut self, on: bool) -> io::Result<()> {
        self.modes.mouse = on;
        match (self.is_shown(), on) {
            (false, _) => Ok(()),
            (true, true) => Mode::Mouse.set(),
            (true, false) => Mode::Mouse.unset(),
        }
    }

    /// Sends a command that is no part of a frame.
    pub(super) fn execute(command: impl Command) -> io::Result<()> {
        let mut bytes = Vec::new();
        queue!(bytes, command)?;
        output::send(&bytes)
    }

    /// Undoes every mode, so that another program can have the terminal. [`super::Inputs`] must be dropped before.
    pub fn release(&mut self) {
        Holder::Lent.becomes();
        modes::restore();
    }

    /// Takes the terminal back: sets the modes, forgets what was typed meanwhile, and draws anew.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn resume(&mut self) -> io::Result<()> {
        if Holder::now() == Holder::Lent {
            signals::hear_what_was_sent();
        }
        set(self.modes, self.keyboard == Some(true))?;
        forget_typed_ahead();
        self.redraw()
    }

    /// Gives the terminal to the shell and stops this process with all of its group, as ctrl-z does elsewhere. Call
    /// [`Screen::continued`] when [`super::Signal::Continue`] arrives. False when no shell waits that could continue
    /// it; then nothing happened.
    ///
    /// # Errors
    /// The process may not stop its group; the screen is back then.
    pub fn suspend(&mut self) -> io::Result<bool> {
        if !stop::is_possible() {
            return Ok(false);
        }
        Holder::Shell.becomes();
        modes::restore();
        match stop::group() {
            Ok(()) => Ok(true),
            Err(error) => self.resume().and(Err(error)),
        }
    }

    /// After the process was stopped and goes on: sets the modes that the shell may have changed and draws anew.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn continued(&mut self) -> io::Result<()> {
        match Holder::now() {
            Holder::Lent | Holder::None => Ok(()),
            Holder::Screen | Holder::Shell => {
                modes::restore();
                self.resume()
            }
        }
    }

    /// Asks the terminal, once, whether it tells keys apart, and lets it. Returns what was typed before the answer.
    pub(super) fn ask_for_keys(&mut self) -> io::Result<Vec<Key>> {
        if self.keyboard.is_some() {
            return Ok(Vec::new());
        }
        let answer = keyboard::ask()?;
        self.keyboard = Some(answer.tells_keys_apart);
        if answer.tells_keys_apart {
            Mode::Keyboard.set()?;
        }
        Ok(answer.typed)
    }

    fn is_shown(&self) -> bool {
        Mode::AlternateScreen.is_set()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        Holder::None.becomes();
        modes::restore();
    }
}

fn set(modes: Modes, keyboard: bool) -> io::Result<()> {
    Holder::Screen.becomes();
    let always = [Mode::Raw, Mode::AlternateScreen, Mode::HiddenCursor, Mode::BracketedPaste];
    let chosen = [(modes.focus, Mode::Focus), (modes.mouse, Mode::Mouse), (keyboard, Mode::Keyboard)];
    let chosen = chosen.into_iter().filter(|(wanted, _)| *wanted).map(|(_, mode)| mode);
    always.into_iter().chain(chosen).try_for_each(Mode::set)
}

#[cfg(unix)]
fn forget_typed_ahead() {
    // What cannot be flushed is typed into the workbench: no reason to end it.
    let _ = rustix::termios::tcflush(rustix::stdio::stdin(), rustix::termios::QueueSelector::IFlush);
}

#[cfg(not(unix))]
fn forget_typed_ahead() {
    while matches!(crossterm::event::poll(std::time::Duration::ZERO), Ok(true)) {
        // An event that cannot be read is forgotten as well.
        let _ = crossterm::event::read();
    }
}

/// Stopping the process group. SIGSTOP, since a process that listens to SIGTSTP is not stopped by it, and the whole
/// group, since the shell waits for its leader, which under `cargo run` is cargo.
#[cfg(unix)]
pub(super) mod stop {
    use std::io;

    use rustix::process::{Signal, getpgrp, getsid, kill_current_process_group};

    /// Whether a shell waits for this group: none does for the group of the session's own leader, and a stopped
    /// program could never be continued from its terminal.
    pub fn is_possible() -> bool {
        getsid(None).is_ok_and(|session| session != getpgrp())
    }

    pub fn group() -> io::Result<()> {
        Ok(kill_current_process_group(Signal::STOP)?)
    }
}

#[cfg(not(unix))]
pub(super) mod stop {
    pub fn is_possible() -> bool {
        false
    }

    pub fn group() -> std::io::Result<()> {
        Ok(())
    }
}
