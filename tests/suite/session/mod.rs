//! Sessions as files: the laws of the journal and its state, and what is built on them.

mod export;
mod laws;
mod library;
mod pairs;
pub(crate) mod processes;
mod recovery;
pub(crate) mod schema;
pub(crate) mod scripted;
mod undo;
