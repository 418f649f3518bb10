//! The session: one example, its search and everything a person did to it, as an append-only journal of events.
//!
//! State is a fold over the events and only that. Knows nothing of networks and terminals.

mod clock;
mod error;
mod event;
pub mod export;
mod follow;
mod journal;
pub mod library;
mod line;
mod live;
pub mod pairs;
mod payload;
mod read;
pub mod runs;
pub mod samples;
mod scan;
mod setup;
mod state;
mod summary;

pub use clock::{Clock, SystemClock};
pub use error::{ReadOnly, SessionError};
pub use event::{Author, Event, NotAnAuthor, Payload, SCHEMA};
pub use follow::{Followed, Follower};
pub use journal::writable;
pub use library::{Entry, Library, Stranger};
pub use live::{Purpose, Session, Tap, unwritten};
pub use payload::*;
pub use read::{Moment, Reading, bytes, events, events_of, fold, read, state_at};
pub use scan::{Damage, Health, Torn};
pub use setup::{ConfigRecord, Models};
pub use state::{Action, Annotations, Ledger, OtherScore, Setting, Spent, State};
pub use summary::{Status, Summary};

/// Whether a file begins as a session does, as opposed to a file of pairs.
///
/// # Errors
/// The file cannot be read.
pub fn is_session(path: &std::path::Path) -> std::io::Result<bool> {
    use std::io::BufRead;
    let mut first = Vec::new();
    std::io::BufReader::new(std::fs::File::open(path)?).read_until(b'\n', &mut first)?;
    Ok(line::is_opening(first.trim_ascii_end()))
}

/// Sixteen hex digits that name `bytes`: the beginning of their BLAKE3.
fn hash16(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..16].to_owned()
}
