//! One endpoint as calls see it: its limit, whether it takes calls, and what has happened there. A paused one is asked for
//! its health until it is back.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::future::{Either, join_all, select};
use tokio::sync::Notify;

use super::Clock;
use super::backoff::Jitter;
use super::limit::{Limit, Place};
use super::traffic::{Counts, EndpointTraffic, Standing, Tokens, millis};
use super::tries::{class, overcharges, strains};
use crate::lm::{LmError, Setback};

/// Most a paused endpoint waits to be asked for its health: how late, at worst, its return is noticed. The question is
/// cheap, so that this is shorter than a call's longest wait.
const PROBE_MOST: Duration = Duration::from_secs(15);

/// How long an endpoint may take to say that it is well.
const PROBE_TIME: Duration = Duration::from_secs(10);

/// Calls that break off one after another, with no answer among them, before the endpoint counts as dead: a proxy in
/// front of a dead server says nothing else. Larger than the tries of a call, so that no single call pauses a server;
/// with one fault in two calls it happens once in a million.
const BROKEN_IN_A_ROW: u32 = 20;

/// Asks an endpoint whether it can serve.
#[async_trait]
pub trait Probe: Send + Sync {
    async fn is_well(&self) -> bool;
}

/// For servers that cannot be asked: well again as soon as the wait before the question is over.
#[async_trait]
impl Probe for () {
    async fn is_well(&self) -> bool {
        true
    }
}

/// An endpoint's place in a fleet.
pub(super) struct Station {
    pub name: String,
    pub limit: Arc<Limit>,
    /// False for a model in this process.
    bounded: bool,
    probe: Arc<dyn Probe>,
    clock: Arc<dyn Clock>,
    record: Mutex<Record>,
    /// Told when the endpoint is paused.
    paused: Notify,
    /// Held by the call that asks for the endpoint's health on behalf of all.
    turn: tokio::sync::Mutex<()>,
}

struct Record {
    pause: Option<Pause>,
    denied: Option<String>,
    /// When the endpoint came to stand as it does.
    since: Instant,
    /// How often the endpoint came back.
    lives: u64,
    /// Deaths since the last answer: the longer nothing is answered, the longer the pauses.
    deaths: u32,
    /// Calls that broke off since the last answer.
    broken: u32,
    /// The last fault since the last answer.
    fault: Option<String>,
    counts: Counts,
}

struct Pause {
    /// When its health is asked for next.
    at: Instant,
    reason: String,
    /// How often it was asked for, and was not well.
    asked: u32,
}

/// Whose fault a failed call is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blame {
    /// The call's: it counts as one of its tries.
    Call,
    /// The call's, which may have killed the endpoint: that had answered others before.
    Deadly,
    /// The endpoint's, which is paused now.
    Endpoint,
}

impl Station {
    pub fn new(name: String, limit: Arc<Limit>, probe: Arc<dyn Probe>, clock: Arc<dyn Clock>) -> Station {
        let record = Record {
            pause: None,
            denied: None,
            since: clock.now(),
            lives: 0,
            deaths: 0,
            broken: 0,
            fault: None,
            counts: Counts::default(),
        };
        let (record, paused) = (Mutex::new(record), Notify::new());
        Station { name, limit, bounded: true, probe, clock, record, paused, turn: tokio::sync::Mutex::default() }
    }

    /// A model in this process: any number of calls at once.
    pub fn local(name: String, clock: Arc<dyn Clock>) -> Station {
        let limit = Limit::new(usize::MAX, usize::MAX);
        Station { bounded: false, ..Station::new(name, limit, Arc::new(()), clock) }
    }

    /// Begins a call in a place.
    pub fn send(&self, place: Place, again: bool) -> Sent<'_> {
        let mut record = self.record();
        record.counts.calls += 1;
        record.counts.retried += u64::from(again);
        Sent { station: self, place: Some(place), began: self.clock.now(), life: record.lives }
    }

    /// Why it takes no calls, and how often its health was asked for since; `None` while it does.
    pub fn pause(&self) -> Option<(String, u32)> {
        self.record().pause.as_ref().map(|pause| (pause.reason.clone(), pause.asked))
    }

    pub fn is_up(&self) -> bool {
        self.record().pause.is_none()
    }

    /// Asks for the endpoint's health whenever it is paused, until it is back; tells `asked` each time. Any number may watch
    /// at once: one asks, and when it is dropped another goes on.
    async fn watch(&self, jitter: &Jitter, asked: &Notify) -> Infallible {
        loop {
            let mut paused = pin!(self.paused.notified());
            paused.as_mut().enable();
            if self.is_up() {
                paused.await;
            }
            let _turn = self.turn.lock().await;
            while let Some(at) = self.probe_at() {
                self.clock.sleep_until(at).await;
                let patience = self.clock.sleep_until(self.clock.now() + PROBE_TIME);
                let well = matches!(select(self.probe.is_well(), patience).await, Either::Left((true, _)));
                self.learn_health(well, jitter);
                if well {
                    self.limit.open();
                }
                asked.notify_waiters();
            }
        }
    }

    fn learn_health(&self, well: bool, jitter: &Jitter) {
        let now = self.clock.now();
        let mut record = self.record();
        if well {
            record.pause = None;
            record.since = now;
            record.lives += 1;
            return;
        }
        let wait = jitter.backoff(record.deaths, PROBE_MOST);
        record.deaths = record.deaths.saturating_add(1);
        if let Some(pause) = &mut record.pause {
            pause.at = now + wait;
            pause.asked = pause.asked.saturating_add(1);
        }
    }

    fn probe_at(&self) -> Option<Instant> {
        self.record().pause.as_ref().map(|pause| pause.at)
    }

    pub fn traffic(&self) -> EndpointTraffic {
        let now = self.clock.now();
        let gauge = self.limit.gauge();
        let record = self.record();
        let standing = match (&record.pause, &record.denied) {
            (Some(pause), _) => Standing::Paused {
                wait_ms: millis(pause.at.saturating_duration_since(now)),
                reason: pause.reason.clone(),
            },
            (None, Some(reason)) => Standing::Denied { reason: reason.clone() },
            (None, None) => Standing::Up,
        };
        let fault = record.fault.clone();
        EndpointTraffic {
            name: self.name.clone(),
            standing,
            fault,
            since_ms: millis(now.saturating_duration_since(record.since)),
            in_flight: gauge.in_flight,
            limit: self.bounded.then_some(gauge.limit),
            waiting: gauge.waiting,
            counts: record.counts.clone(),
        }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        // Every change leaves the record whole.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call on its way to an endpoint; dropped, it was given up.
pub(super) struct Sent<'a> {
    station: &'a Station,
    /// Taken when the call ends in another way.
    place: Option<Place>,
    began: Instant,
    life: u64,
}

impl Sent<'_> {
    pub fn answered(mut self, tokens: Tokens) {
        let now = self.station.clock.now();
        let mut record = self.station.record();
        record.lived(now);
        record.counts.answered(tokens, now - self.began);
        drop(record);
        self.place.take().into_iter().for_each(Place::succeeded);
    }

    /// The call failed; nothing follows for the endpoint.
    pub fn failed(mut self, error: &LmError) {
        let place = self.place.take();
        self.count(class(error));
        drop(place);
    }

    /// The call failed: the endpoint is limited, or paused, where the fault says that it is overcharged or dead.
    pub fn faulted(mut self, error: &LmError, jitter: &Jitter) -> Blame {
        let (station, place) = (self.station, self.place.take());
        self.count(class(error));
        let now = station.clock.now();
        let mut record = station.record();
        if let (LmError::Denied(reason), None) = (error, &record.denied) {
            record.denied = Some(reason.clone());
            record.since = now;
        }
        if matches!(error, LmError::Passing { .. }) {
            record.fault = Some(error.to_string());
        }
        let (blame, dies) = record.blame(error, self.life);
        if dies {
            let at = now + jitter.backoff(record.deaths, PROBE_MOST);
            record.pause = Some(Pause { at, reason: error.to_string(), asked: 0 });
            record.since = now;
            record.deaths = record.deaths.saturating_add(1);
        }
        drop(record);
        if dies {
            // Before the place is given back, so that nobody takes it.
            station.limit.shut();
            station.paused.notify_waiters();
        }
        if overcharges(error) {
            place.into_iter().for_each(Place::overcharged);
        }
        blame
    }

    fn count(&self, class: &'static str) {
        let took = self.station.clock.now().saturating_duration_since(self.began);
        self.station.record().counts.failed(class, took);
    }
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            self.count("cancelled");
            drop(place);
        }
    }
}

impl Record {
    /// The endpoint said something, be it a refusal.
    fn lived(&mut self, now: Instant) {
        (self.deaths, self.broken, self.fault) = (0, 0, None);
        if self.denied.take().is_some() {
            self.since = now;
        }
    }

    /// Whose fault the failure of a call of this life is, and whether the endpoint is to be paused for it.
    fn blame(&mut self, error: &LmError, life: u64) -> (Blame, bool) {
        if !strains(error) {
            if !matches!(error, LmError::Denied(_)) {
                (self.deaths, self.broken) = (0, 0);
            }
            return (Blame::Call, false);
        }
        // What was sent in an earlier life says nothing of this one.
        let current = life == self.lives;
        let runs = current && self.pause.is_none();
        let had_answered = self.deaths == 0;
        if matches!(error, LmError::Passing { setback: Setback::Down, .. }) {
            return (if runs && had_answered { Blame::Deadly } else { Blame::Call }, runs);
        }
        self.broken = self.broken.saturating_add(1);
        match (runs, had_answered) {
            (true, true) if self.broken >= BROKEN_IN_A_ROW => (Blame::Endpoint, true),
            (true, true) => (Blame::Call, false),
            // The first to come after a pause: what it met is not over.
            (true, false) => (Blame::Call, true),
            (false, _) if current => (Blame::Endpoint, false),
            (false, _) => (Blame::Call, false),
        }
    }
}

/// Carries `work` out while the endpoints are watched: as long as anybody works, a paused endpoint is asked for its health,
/// and no task is left behind when nobody does.
pub(super) async fn watched<T>(
    work: impl Future<Output = T>,
    stations: &[Station],
    jitter: &Jitter,
    asked: &Notify,
) -> T {
    let watches = join_all(stations.iter().map(|station| station.watch(jitter, asked)));
    match select(pin!(work), watches).await {
        Either::Left((done, _)) => done,
        // Watches have no end.
        Either::Right(_) => std::future::pending().await,
    }
}
