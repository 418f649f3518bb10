//! A session's summary from the two ends of its file, else from a fold of all of it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::session::{Payload, SessionError, Summary, line, read};

/// Bytes read at either end.
const END: u64 = 64 << 10;

/// The summary of a session.
///
/// # Errors
/// The file is no session, or cannot be read.
pub(super) fn summary(path: &Path) -> Result<Summary, SessionError> {
    let quick = quick(path).map_err(SessionError::io(path, "read it"))?;
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
    file.by_ref().take(END).read_to_end(&mut bytes)?;
    let first = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    if !matches!(line::decode(first).map(|event| event.payload), Ok(Payload::Open(_))) {
        return Ok(None);
    }
    if size > END {
        bytes.clear();
        file.seek(SeekFrom::Start(size - END))?;
        file.read_to_end(&mut bytes)?;
    }
    let Some(whole) = bytes.strip_suffix(b"\n") else { return Ok(None) };
    for text in whole.rsplit(|b| *b == b'\n') {
        let Ok(event) = line::decode(text) else { return Ok(None) };
        match event.payload {
            Payload::Closed(closed) => return Ok(Some(closed.summary)),
            Payload::Verdict(verdict) => return Ok(verdict.summary),
            other if is_neutral(&other) => {}
            _ => return Ok(None),
        }
    }
    Ok(None)
}

/// Events that change nothing a summary shows.
fn is_neutral(payload: &Payload) -> bool {
    match payload {
        Payload::Open(open) => open.annotates,
        Payload::Note(_) | Payload::Star(_) | Payload::Mark(_) | Payload::Recovered(_) | Payload::Export(_) => true,
        _ => false,
    }
}
