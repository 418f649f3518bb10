//! A clock that stands still while anything can be done, and then jumps to the next moment that somebody waits for: an hour
//! of a server's absence takes no time, and a test runs the same way anywhere.

use std::collections::BTreeMap;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;

use super::super::Clock;

/// The clock; clones are the same one.
#[derive(Clone)]
pub struct Virtual(Arc<Mutex<Inner>>);

struct Inner {
    began: Instant,
    now: Instant,
    tickets: u64,
    /// Who waits for which moment.
    timers: BTreeMap<(Instant, u64), Waker>,
}

impl Virtual {
    pub fn new() -> Virtual {
        let now = Instant::now();
        Virtual(Arc::new(Mutex::new(Inner { began: now, now, tickets: 0, timers: BTreeMap::new() })))
    }

    /// Since the test began.
    pub fn passed(&self) -> Duration {
        let inner = self.inner();
        inner.now - inner.began
    }

    /// Carries `work` out; panics when it waits for something that cannot come.
    pub fn run<F: Future>(&self, work: F) -> F::Output {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Waker::from(woken.clone());
        let mut work = pin!(work);
        loop {
            while woken.0.swap(false, Ordering::SeqCst) {
                if let Poll::Ready(done) = work.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return done;
                }
            }
            let mut inner = self.inner();
            let ((at, _), timer) = inner.timers.pop_first().expect("somebody waits for a moment");
            inner.now = inner.now.max(at);
            drop(inner);
            timer.wake();
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }
}

impl Clock for Virtual {
    fn now(&self) -> Instant {
        self.inner().now
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()> {
        let mut inner = self.inner();
        inner.tickets += 1;
        Sleep { clock: self.clone(), key: (at, inner.tickets) }.boxed()
    }
}

struct Sleep {
    clock: Virtual,
    key: (Instant, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.clock.inner();
        if inner.now >= self.key.0 {
            return Poll::Ready(());
        }
        inner.timers.insert(self.key, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.clock.inner().timers.remove(&self.key);
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Woken>) {
        self.0.store(true, Ordering::SeqCst);
    }
}
