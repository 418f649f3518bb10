//! What a run tells whoever watches it.

use std::path::Path;

use crate::reer::search::NodeId;
use crate::session::{Session, Summary};

/// One thing that happened in a run.
pub enum Progress<'a> {
    /// How many pairs the input holds, where that is known before the end.
    Expected(usize),
    /// A search begins, or goes on from an earlier run.
    Started { session: &'a Session, resumed: bool },
    /// Text of a draft (step 0) or of a rewrite as it is generated: the sample's slot, then the new piece.
    Streamed { id: &'a str, step: u32, sample: usize, piece: &'a str },
    /// A decision was recorded; the session holds it.
    Stepped { session: &'a Session, chosen: Option<NodeId> },
    /// A search ended, for good or so that it can go on.
    Finished { summary: &'a Summary, file: &'a Path },
    /// A finished session of this pair was there already.
    Found { summary: &'a Summary, file: &'a Path },
    /// A search failed; the others go on.
    Failed { summary: &'a Summary, reason: &'a str },
    /// A row of the input cannot be used.
    Skipped { line: u64, reason: &'a str },
}

/// Watches runs. Called from many tasks; must return at once.
pub trait Observer: Send + Sync {
    fn see(&self, progress: Progress<'_>);
}

/// Watches nothing.
impl Observer for () {
    fn see(&self, _: Progress<'_>) {}
}

impl<T: Observer + ?Sized> Observer for &T {
    fn see(&self, progress: Progress<'_>) {
        (**self).see(progress);
    }
}
