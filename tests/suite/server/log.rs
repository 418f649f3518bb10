//! What a server was asked: every call with its body, and how many were there at once.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use serde_json::Value;

use super::faults::Fate;

/// A call as it came.
#[derive(Debug, Clone)]
pub struct Received {
    pub method: String,
    pub path: String,
    pub body: Bytes,
    /// `x-session-id`, or what SGLang's gateway calls so.
    pub session: Option<String>,
    /// `authorization`.
    pub authorization: Option<String>,
    /// How often the same bytes had come before.
    pub before: u32,
    pub fate: Option<Fate>,
    /// Since the server was first started.
    pub at: Duration,
}

impl Received {
    /// The body; null where it is no JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// Calls received and in flight.
#[derive(Debug)]
pub struct Log {
    begun: Instant,
    calls: Mutex<Vec<Received>>,
    /// By route.
    counts: Mutex<HashMap<String, usize>>,
    /// Counts alone otherwise.
    keeps_calls: bool,
    in_flight: AtomicUsize,
    most: AtomicUsize,
}

impl Log {
    pub fn new(keeps_calls: bool) -> Log {
        let (in_flight, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (calls, counts) = (Mutex::default(), Mutex::default());
        Log { begun: Instant::now(), calls, counts, keeps_calls, in_flight, most }
    }

    pub fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    pub fn push(&self, call: Received) {
        *self.counts.lock().unwrap().entry(call.path.clone()).or_default() += 1;
        if self.keeps_calls {
            self.calls.lock().unwrap().push(call);
        }
    }

    pub fn calls(&self) -> Vec<Received> {
        self.calls.lock().unwrap().clone()
    }

    pub fn count(&self, path: &str) -> usize {
        self.counts.lock().unwrap().get(path).copied().unwrap_or(0)
    }

    pub fn clear(&self) {
        self.calls.lock().unwrap().clear();
        self.counts.lock().unwrap().clear();
        self.most.store(self.in_flight.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Most calls that were unanswered at one time.
    pub fn most_in_flight(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    /// A call is there until what is returned is dropped.
    pub fn enter(&self) -> Present<'_> {
        let now = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
        Present(self)
    }
}

/// A call that is not answered yet.
pub struct Present<'a>(&'a Log);

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
