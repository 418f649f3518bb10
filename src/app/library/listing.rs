//! What a library holds, as it was read.

use std::path::PathBuf;

use super::Row;

/// What is listed.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// A folder of sessions; the samples among them when it is the user's own.
    Folder(PathBuf),
    /// The rows of a file of pairs.
    Pairs(PathBuf),
    /// One session.
    Session(PathBuf),
}

/// A library as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    pub place: Place,
    pub rows: Vec<Row>,
    /// Files or rows that cannot be used, each with the reason.
    pub strangers: Vec<(String, String)>,
}
