//! What a run tells whoever watches it.

use std::path::Path;

use crate::reer::search::NodeId;
use crate::session::runs::{Endpoint, RunRecord};
use crate::session::{Session, Status, Summary};

/// One thing that happened in a run.
pub enum Progress<'a> {
    /// How many pairs the input holds, where that is known before the end.
    Expected(usize),
    /// A search begins, or goes on from an earlier run.
    Started { session: &'a Session, resumed: bool },
    /// Text of a draft (step 0) or of a rewrite as it is generated: the sample's slot, then the new piece.
    Streamed { id: &'a str, step: u32, sample: usize, piece: &'a str },
    /// Baseline and draft are scored, and the first step begins.
    Drafted { session: &'a Session },
    /// A decision was recorded; the session holds it.
    Stepped { session: &'a Session, chosen: Option<NodeId> },
    /// A search ended, for good or so that it can go on.
    Finished { summary: &'a Summary, file: &'a Path },
    /// A search was stopped by a pause of the whole run, which will take it up again.
    PutOff { id: &'a str },
    /// A session of this pair was there already that needs nothing more.
    Found { status: Status, file: &'a Path },
    /// A search failed; the others go on.
    Failed { summary: &'a Summary, reason: &'a str },
    /// A failed example is searched again, as somebody asked.
    Requeued { id: &'a str },
    /// A row of the input cannot be used.
    Skipped { line: u64, reason: &'a str },
    /// How the whole run stands, about once a second.
    Stands(&'a RunRecord),
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

/// What is known of the servers that a run's back ends call. Asked about once a second; must return at once.
pub trait Servers: Send + Sync {
    /// How each of them does.
    fn endpoints(&self) -> Vec<Endpoint>;

    /// Why the run had to be cancelled, when it was them: a key that is refused, or servers that stay away.
    fn fault(&self) -> Option<String>;
}

/// No servers: models in this process.
impl Servers for () {
    fn endpoints(&self) -> Vec<Endpoint> {
        Vec::new()
    }

    fn fault(&self) -> Option<String> {
        None
    }
}
