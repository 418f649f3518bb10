//! What holds a run's searches back between their calls: a pause, or a refusal that no call can overcome.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

/// The brake of a whole run.
#[derive(Debug, Default)]
pub(super) struct Brake {
    on: AtomicBool,
    /// Ends the run.
    cancel: CancellationToken,
    refused: OnceLock<String>,
}

impl Brake {
    pub fn of(cancel: CancellationToken) -> Brake {
        Brake { cancel, ..Brake::default() }
    }

    pub fn put(&self, on: bool) {
        self.on.store(on, Ordering::Release);
    }

    pub fn is_on(&self) -> bool {
        self.on.load(Ordering::Acquire)
    }

    /// A back end does not know us: ends the run, whose searches stop as interrupted and do not fail.
    pub fn refuse(&self, why: &str) {
        self.refused.get_or_init(|| why.to_owned());
        self.cancel.cancel();
    }

    /// Why the run was ended by [`Brake::refuse`].
    pub fn refused(&self) -> Option<&str> {
        self.refused.get().map(String::as_str)
    }
}
