//! The sample sessions that are compiled in, so that a fresh machine has something to read.

use std::path::Path;

use super::journal;
use super::{Reading, SessionError, Summary, fold};

/// A sample session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// The file's name without its ending; also the session's id.
    pub name: &'static str,
    /// The journal, byte for byte.
    pub bytes: &'static [u8],
}

/// A sample by its file in `sessions/`.
macro_rules! sample {
    ($name:literal) => {
        Sample { name: $name, bytes: include_bytes!(concat!("../../sessions/", $name, ".jsonl")) }
    };
}

/// Every sample, in the order in which a newcomer should meet them: searched ones, then ones to search.
pub const SAMPLES: &[Sample] = &[
    sample!("lighthouse-letter"),
    sample!("weighbridge-ticket"),
    sample!("on-whistling"),
    sample!("eleven-votes"),
    sample!("scratched-disc"),
    sample!("huinantian"),
    sample!("slow-kettle"),
    sample!("previous-tenant"),
    sample!("winding-the-clock"),
    sample!("last-night-embassy"),
];

impl Sample {
    /// The sample of a name.
    pub fn named(name: &str) -> Option<Sample> {
        SAMPLES.iter().find(|sample| sample.name == name).copied()
    }

    /// The file name that a copy gets.
    pub fn file_name(&self) -> String {
        format!("{}.jsonl", self.name)
    }

    /// The sample as its journal tells it.
    ///
    /// # Errors
    /// The bytes are no session, which the tests rule out.
    pub fn read(&self) -> Result<Reading, SessionError> {
        fold(Path::new(&self.file_name()), self.bytes)
    }

    /// Its line in a list.
    ///
    /// # Errors
    /// As [`Sample::read`].
    pub fn summary(&self) -> Result<Summary, SessionError> {
        self.read().map(|reading| reading.state.summary())
    }
}

/// Writes a session's bytes to `path`, in a folder that is made where it is not there: whole or not at all, and never
/// over another file.
///
/// # Errors
/// [`SessionError::Exists`] when the path is taken; else an IO error.
pub fn copy(bytes: &[u8], path: &Path) -> Result<(), SessionError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(SessionError::io(folder, "make the folder"))?;
    }
    journal::place_bytes(bytes, path)
}
