//! What ends a whole run: a key that is refused, or servers that stay away.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

/// Cancels a run for a reason that no call of it can overcome. Clones are the same alarm: the scorers and the generators
/// of a run share one.
///
/// It is raised before the call that met the fault returns. A search that watches the token first therefore stops as
/// interrupted, to go on when the key is right or the servers are back, and does not fail.
#[derive(Debug, Clone, Default)]
pub struct Alarm {
    run: CancellationToken,
    reason: Arc<OnceLock<String>>,
}

impl Alarm {
    /// An alarm that cancels `run`.
    pub fn ending(run: CancellationToken) -> Alarm {
        Alarm { run, reason: Arc::default() }
    }

    /// Why it was raised first; `None` while it was not.
    pub fn reason(&self) -> Option<&str> {
        self.reason.get().map(String::as_str)
    }

    pub(super) fn raise(&self, reason: impl FnOnce() -> String) {
        self.reason.get_or_init(reason);
        self.run.cancel();
    }
}
