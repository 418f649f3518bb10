//! What only a real process in a real pseudo-terminal shows: modes and their undoing, signals, job control, the
//! user's editor, idleness.

#![cfg(unix)]

mod guard;
mod guest;
mod terminal;
mod workbench;
