//! A session's summary from the two ends of its file, else from a fold of all of it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::session::{Payload, SessionError, Summary, line, read};

/// Bytes within which the first line ends.
const START: u64 = 4 << 10;

/// Bytes read from the end: first these few, which hold a run's last line, then as many as a long note may take.
const ENDS: [u64; 2] = [8 << 10, 64 << 10];

/// The summary of a session.
///
/// # Errors
/// The file is no session, or cannot be read.
pub(super) fn summary(path: &Path) -> Result<Summary, SessionError> {
    let quick = quick(path).map_err(SessionError::io(path, "be read"))?;
    match quick {
        Some(summary) => Ok(summary),
        None => Ok(read(path)?.state.summary()),
    }
}

/// From the first line and the last ones; `None` when these do not settle it.
fn quick(path: &Path) -> io::Result<Option<Summary>> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut bytes = Vec::new();
    file.by_ref().take(START).read_to_end(&mut bytes)?;
    let first = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    if !matches!(line::decode(first).map(|event| event.payload), Ok(Payload::Open(_))) {
        return Ok(None);
    }
    for end in ENDS {
        bytes.clear();
        file.seek(SeekFrom::Start(size.saturating_sub(end)))?;
        file.read_to_end(&mut bytes)?;
        match last_word(&bytes) {
            Last::Settles(summary) => return Ok(Some(*summary)),
            Last::Outdates => return Ok(None),
            Last::SaysNothing => {}
        }
    }
    Ok(None)
}

/// What the last lines of a file say of its summary.
enum Last {
    Settles(Box<Summary>),
    /// Something after the last summary changes it, or the tail is torn.
    Outdates,
    /// The answer stands further up.
    SaysNothing,
}

fn last_word(bytes: &[u8]) -> Last {
    let Some(whole) = bytes.strip_suffix(b"\n") else { return Last::Outdates };
    for (at, text) in whole.rsplit(|b| *b == b'\n').enumerate() {
        match line::decode(text).map(|event| event.payload) {
            Ok(Payload::Closed(closed)) => return Last::Settles(Box::new(closed.summary)),
            Ok(Payload::Verdict(verdict)) => {
                return verdict.summary.map_or(Last::Outdates, |summary| Last::Settles(Box::new(summary)));
            }
            Ok(other) if is_neutral(&other) => {}
            // The first of the bytes may be the rest of a line.
            Err(_) if at > 0 || whole.len() == text.len() => return Last::SaysNothing,
            _ => return Last::Outdates,
        }
    }
    Last::SaysNothing
}

/// Events that change nothing a summary shows.
fn is_neutral(payload: &Payload) -> bool {
    match payload {
        Payload::Open(open) => open.annotates,
        Payload::Note(note) => !note.name && note.node.is_some(),
        Payload::Star(_) | Payload::Mark(_) | Payload::Recovered(_) | Payload::Export(_) => true,
        _ => false,
    }
}
