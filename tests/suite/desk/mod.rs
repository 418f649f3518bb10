//! The desk over scripted back ends: a person acts while the search runs, and the screen knows what the file knows.

mod hand;
mod search;
pub mod stand;
mod writing;
