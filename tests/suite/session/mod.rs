//! Sessions as files: the laws of the journal, its state, and what is built on them.

mod recovery;
pub(crate) mod scripted;
