//! A server that scores by a script: how long an answer takes, and what goes wrong at which moment.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use super::super::{Clock, Endpoint, Probe};
use super::virtual_time::Virtual;
use crate::lm::{Answered, Context, LmError, Scorer, Setback, TokenLogprobs};
use crate::reer::{Example, Identity, Target};

/// A call as the server sees it.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// Since the test began.
    pub at: Duration,
    /// Calls in flight, this one among them.
    pub in_flight: usize,
}

type Script = dyn Fn(Seen) -> Result<(), LmError> + Send + Sync;

pub struct Machine {
    identity: Identity,
    clock: Virtual,
    takes: Duration,
    script: Box<Script>,
    in_flight: AtomicUsize,
    /// Every call: the example, when, and how many were in flight.
    calls: Mutex<Vec<(String, Seen)>>,
    probes: Mutex<Vec<Duration>>,
}

impl Machine {
    /// A server that takes `takes` for an answer and does what the script says at that moment.
    pub fn new(
        clock: &Virtual,
        takes: Duration,
        script: impl Fn(Seen) -> Result<(), LmError> + Send + Sync + 'static,
    ) -> Arc<Machine> {
        let identity = Identity { kind: "vllm".to_owned(), model: "m".to_owned(), revision: None };
        let (in_flight, calls, probes) = (AtomicUsize::new(0), Mutex::default(), Mutex::default());
        let script = Box::new(script);
        Arc::new(Machine { identity, clock: clock.clone(), takes, script, in_flight, calls, probes })
    }

    pub fn endpoint(self: &Arc<Machine>, name: &str) -> Endpoint<dyn Scorer> {
        let scorer: Arc<dyn Scorer> = self.clone();
        Endpoint::new(name, scorer).with_probe(self.clone())
    }

    pub fn calls(&self) -> Vec<(String, Seen)> {
        self.calls.lock().unwrap().clone()
    }

    /// Moments at which it was asked whether it is well.
    pub fn probes(&self) -> Vec<Duration> {
        self.probes.lock().unwrap().clone()
    }

    /// Calls that came within these seconds.
    pub fn within(&self, seconds: std::ops::Range<u64>) -> Vec<Seen> {
        let inside = |seen: &Seen| seconds.contains(&seen.at.as_secs());
        self.calls().into_iter().map(|(_, seen)| seen).filter(inside).collect()
    }
}

pub fn passing(setback: Setback) -> LmError {
    LmError::Passing { setback, message: format!("it is {}", setback.name()) }
}

#[async_trait]
impl Probe for Machine {
    async fn is_well(&self) -> bool {
        let at = self.clock.passed();
        self.probes.lock().unwrap().push(at);
        (self.script)(Seen { at, in_flight: 0 }).is_ok()
    }
}

#[async_trait]
impl Scorer for Machine {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    async fn tokenize(&self, _: &Example) -> Result<Target, LmError> {
        Ok(Target { tokens: vec![1], spans: std::iter::once(0..1).collect() })
    }

    async fn score(
        &self,
        example: &Example,
        _: &Target,
        contexts: &[Context],
        answered: Answered<'_>,
    ) -> Vec<Result<TokenLogprobs, LmError>> {
        let in_flight = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        let seen = Seen { at: self.clock.passed(), in_flight };
        self.calls.lock().unwrap().push((example.id.clone(), seen));
        let refusal = (self.script)(seen).err();
        // Refusals come at once, as servers give them.
        if refusal.is_none() {
            self.clock.sleep_until(self.clock.now() + self.takes).await;
        }
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        let end = refusal.or_else(|| (self.script)(Seen { at: self.clock.passed(), in_flight: 0 }).err());
        let score = TokenLogprobs { logprobs: vec![-1.0], prompt_tokens: 2, cached_tokens: 0 };
        let answer = end.map_or(Ok(score), Err);
        answered(0, &answer);
        vec![answer; contexts.len()]
    }
}
