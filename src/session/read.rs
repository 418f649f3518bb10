//! Reads a session without writing it: its state, any earlier moment of it, and how the file stands.

use std::path::Path;

use super::scan::{Health, Scan};
use super::{Event, Payload, SessionError, State, line};

/// A session as its file tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    pub state: State,
    pub health: Health,
}

/// A moment of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Just after the decision of a step; 0: after the draft has a score.
    Step(u32),
    /// After the event with this number.
    Seq(u64),
    Last,
}

/// Reads a whole session. Damaged lines are passed over and listed.
///
/// # Errors
/// The file cannot be read, or is no session.
pub fn read(path: &Path) -> Result<Reading, SessionError> {
    fold(path, &bytes(path)?)
}

/// As [`read`], of bytes that are in memory; `path` names them in errors.
///
/// # Errors
/// The bytes are no session.
pub fn fold(path: &Path, bytes: &[u8]) -> Result<Reading, SessionError> {
    let (events, health) = events_of(path, bytes)?;
    let mut state = State::default();
    events.iter().for_each(|event| state.apply(event));
    Ok(Reading { state, health })
}

/// Every whole event of a session, in order.
///
/// # Errors
/// As [`read`].
pub fn events(path: &Path) -> Result<(Vec<Event>, Health), SessionError> {
    events_of(path, &bytes(path)?)
}

/// A session's file as it is.
///
/// # Errors
/// The file cannot be read.
pub fn bytes(path: &Path) -> Result<Vec<u8>, SessionError> {
    std::fs::read(path).map_err(SessionError::io(path, "be read"))
}

/// As [`events`], of bytes that are in memory; `path` names them in errors.
///
/// # Errors
/// The bytes are no session.
pub fn events_of(path: &Path, bytes: &[u8]) -> Result<(Vec<Event>, Health), SessionError> {
    let mut events = Vec::new();
    let health = Scan::default().run(bytes, |event| events.push(event));
    admit(path, bytes, &health, events.first())?;
    Ok((events, health))
}

/// The state at a moment.
///
/// # Errors
/// As [`read`], and a moment the session does not have.
pub fn state_at(path: &Path, moment: Moment) -> Result<State, SessionError> {
    let (events, _) = events(path)?;
    let mut state = State::default();
    for event in &events {
        state.apply(event);
        if reached(&state, moment) {
            return Ok(state);
        }
    }
    let missing = |asked, last| Err(SessionError::NoSuchMoment { path: path.to_owned(), asked, last });
    match moment {
        Moment::Last => Ok(state),
        Moment::Seq(seq) => missing(format!("event {seq}"), format!("event {}", state.last_seq)),
        Moment::Step(step) if state.search.as_ref().is_some_and(|s| s.head().is_some()) => {
            missing(format!("step {step}"), format!("step {}", state.steps()))
        }
        Moment::Step(step) => missing(format!("step {step}"), "before the first scored draft".to_owned()),
    }
}

fn reached(state: &State, moment: Moment) -> bool {
    match moment {
        Moment::Last => false,
        Moment::Seq(seq) => state.last_seq == seq,
        Moment::Step(0) => state.search.as_ref().is_some_and(|search| search.head().is_some()),
        Moment::Step(step) => state.steps() == step,
    }
}

/// Checks that what was read is a session at all.
pub(super) fn admit(path: &Path, bytes: &[u8], health: &Health, first: Option<&Event>) -> Result<(), SessionError> {
    let refuse = |why: &str| Err(SessionError::NotASession { path: path.to_owned(), why: why.to_owned() });
    let opens = first.is_some_and(|event| matches!(event.payload, Payload::Open(_)));
    let begins = bytes.split(|b| *b == b'\n').next().is_some_and(line::is_opening);
    match first {
        _ if bytes.is_empty() => refuse("the file is empty"),
        Some(_) if opens || begins || !health.damaged.is_empty() => Ok(()),
        Some(_) => refuse("it is no session: its first line is not the event open"),
        None if begins => refuse("its only line is cut off, so that nothing of the session is left"),
        None => refuse("it is no session: its first line is not a line of a retrace journal"),
    }
}
