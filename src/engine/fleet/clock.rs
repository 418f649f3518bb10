//! The time that limits and retries go by, so that tests bring their own.

use std::time::Instant;

use futures::FutureExt;
use futures::future::BoxFuture;

/// Tells the time and waits for a moment.
pub trait Clock: Send + Sync {
    fn now(&self) -> Instant;

    /// Ends at `at`, or at once where that is past.
    fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()>;
}

/// The machine's clock; waits within a tokio runtime.
#[derive(Debug, Clone, Copy, Default)]
pub struct MachineClock;

impl Clock for MachineClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()> {
        tokio::time::sleep_until(at.into()).boxed()
    }
}
