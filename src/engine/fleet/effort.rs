//! How many requests of servers one call of the engine took: counted beside the back ends' traits, which know no
//! repeats.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Requests that were sent for one call; nothing for a back end in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Effort {
    pub requests: u64,
    /// Of these, repeats after a fault.
    pub retries: u64,
}

#[derive(Debug, Default)]
struct Tally {
    requests: AtomicU64,
    retries: AtomicU64,
}

tokio::task_local! {
    static TALLY: Arc<Tally>;
}

/// Carries a call out and counts the requests that [`Fleet`](super::Fleet)s send for it.
pub async fn measured<T>(call: impl Future<Output = T>) -> (T, Effort) {
    let tally = Arc::<Tally>::default();
    let answer = TALLY.scope(tally.clone(), call).await;
    let effort =
        Effort { requests: tally.requests.load(Ordering::Relaxed), retries: tally.retries.load(Ordering::Relaxed) };
    (answer, effort)
}

/// Counts a request of the call that is being carried out, where somebody counts.
pub(super) fn count(repeat: bool) {
    // Nobody counts outside of `measured`: a request of the doctor's, say.
    let _ = TALLY.try_with(|tally| {
        tally.requests.fetch_add(1, Ordering::Relaxed);
        tally.retries.fetch_add(u64::from(repeat), Ordering::Relaxed);
    });
}
