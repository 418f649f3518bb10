//! The session: one example, its search and everything a person did to it, as an append-only journal of events.
//!
//! State is a fold over the events and only that. Knows nothing of networks and terminals.

mod event;

pub use event::*;
