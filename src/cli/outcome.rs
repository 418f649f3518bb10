//! How a command ends: what the exit code tells a caller, and the one line that tells a person why.

use std::fmt::Display;
use std::process::ExitCode;

/// How a command that could work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything asked for was done.
    Done,
    /// Some items failed, rows were skipped or refused, or something is damaged.
    Partial,
    /// Stopped from outside; what was done is kept.
    Interrupted,
    /// Stopped by a signal, and ended with what a process has that it killed: 128 and its number.
    Signalled(u8),
}

impl Outcome {
    /// Partial when `any` is true, else done.
    pub fn partial_if(any: bool) -> Outcome {
        if any { Outcome::Partial } else { Outcome::Done }
    }

    pub fn code(self) -> ExitCode {
        ExitCode::from(match self {
            Outcome::Done => 0,
            Outcome::Partial => 1,
            Outcome::Interrupted => 130,
            Outcome::Signalled(code) => code,
        })
    }
}

/// Bad usage or bad input: nothing could be done. One line: place, cause, remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault(pub String);

impl Fault {
    /// Exit code of every fault.
    pub fn code() -> ExitCode {
        ExitCode::from(2)
    }

    /// A fault at a file, with its cause.
    pub fn at(path: &std::path::Path, why: impl Display) -> Fault {
        Fault(format!("{}: {why}", path.display()))
    }
}

impl<E: std::error::Error> From<E> for Fault {
    fn from(error: E) -> Fault {
        Fault(error.to_string())
    }
}
