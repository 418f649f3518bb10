//! One endpoint as calls see it: its limit, whether it takes calls, and what has happened there. A paused one is asked for
//! its health until it is back.

use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::future::{Either, select};
use tokio::sync::Notify;

use super::Clock;
use super::backoff::Jitter;
use super::limit::{Limit, Place};
use super::traffic::{Counts, EndpointTraffic, Standing, Tokens, millis};
use super::tries::{class, overcharges};
use crate::lm::{LmError, Setback};

/// Most a paused endpoint waits to be asked for its health: how late, at worst, its return is noticed. The question is
/// cheap, so that this is shorter than a call's longest wait.
const PROBE_MOST: Duration = Duration::from_secs(15);

/// How long an endpoint may take to say that it is well.
const PROBE_TIME: Duration = Duration::from_secs(10);

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
    probe: Arc<dyn Probe>,
    record: Mutex<Record>,
    /// Told when the endpoint is paused.
    paused: Notify,
    /// Held by the call that asks for the endpoint's health on behalf of all.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Record {
    pause: Option<Pause>,
    denied: Option<String>,
    /// How often the endpoint came back.
    lives: u64,
    /// Deaths since the last answer: the longer nothing is answered, the longer the pauses.
    deaths: u32,
    counts: Counts,
}

struct Pause {
    /// When its health is asked for next.
    at: Instant,
    reason: String,
}

/// A call on its way to an endpoint.
pub(super) struct Sent {
    place: Place,
    began: Instant,
    life: u64,
}

impl Station {
    pub fn new(name: String, limit: Arc<Limit>, probe: Arc<dyn Probe>) -> Station {
        Station {
            name,
            limit,
            probe,
            record: Mutex::default(),
            paused: Notify::new(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Begins a call in a place.
    pub fn send(&self, place: Place, now: Instant) -> Sent {
        Sent { place, began: now, life: self.record().lives }
    }

    pub fn answered(&self, sent: Sent, now: Instant, tokens: Tokens) {
        let mut record = self.record();
        (record.deaths, record.denied) = (0, None);
        record.counts.answered(tokens, now - sent.began);
        drop(record);
        sent.place.succeeded();
    }

    /// Learns that a call failed; true when the endpoint died of it after it had answered others.
    pub fn failed(&self, sent: Sent, now: Instant, error: &LmError, jitter: &Jitter) -> bool {
        let mut record = self.record();
        record.counts.failed(class(error), now - sent.began);
        if let LmError::Denied(reason) = error {
            record.denied = Some(reason.clone());
        }
        let down = matches!(error, LmError::Passing { setback: Setback::Down, .. });
        // What was sent in an earlier life says nothing of this one.
        let dies = down && sent.life == record.lives && record.pause.is_none();
        let had_answered = record.deaths == 0;
        if dies {
            let at = now + jitter.backoff(record.deaths, PROBE_MOST);
            record.pause = Some(Pause { at, reason: error.to_string() });
            record.deaths += 1;
        }
        drop(record);
        if overcharges(error) {
            sent.place.overcharged();
        }
        if dies {
            self.limit.shut();
            self.paused.notify_waiters();
        }
        down && had_answered
    }

    pub fn retried(&self) {
        self.record().counts.retried += 1;
    }

    /// Why it takes no calls; `None` while it does.
    pub fn pause(&self) -> Option<String> {
        self.record().pause.as_ref().map(|pause| pause.reason.clone())
    }

    pub fn is_up(&self) -> bool {
        self.record().pause.is_none()
    }

    /// Asks for the endpoint's health whenever it is paused, until it is back; then tells `reopened`. Any number may watch
    /// at once: one asks, and when it is dropped another goes on.
    pub async fn watch(&self, clock: &dyn Clock, jitter: &Jitter, reopened: &Notify) -> Infallible {
        loop {
            let mut paused = pin!(self.paused.notified());
            paused.as_mut().enable();
            if self.is_up() {
                paused.await;
            }
            let _turn = self.turn.lock().await;
            while let Some(at) = self.probe_at() {
                clock.sleep_until(at).await;
                let patience = clock.sleep_until(clock.now() + PROBE_TIME);
                let well = matches!(select(self.probe.is_well(), patience).await, Either::Left((true, _)));
                self.learn_health(well, clock.now(), jitter);
                if well {
                    self.limit.open();
                    reopened.notify_waiters();
                }
            }
        }
    }

    fn learn_health(&self, well: bool, now: Instant, jitter: &Jitter) {
        let mut record = self.record();
        if well {
            record.pause = None;
            record.lives += 1;
            return;
        }
        let wait = jitter.backoff(record.deaths, PROBE_MOST);
        record.deaths = record.deaths.saturating_add(1);
        if let Some(pause) = &mut record.pause {
            pause.at = now + wait;
        }
    }

    fn probe_at(&self) -> Option<Instant> {
        self.record().pause.as_ref().map(|pause| pause.at)
    }

    pub fn traffic(&self, now: Instant) -> EndpointTraffic {
        let gauge = self.limit.gauge();
        let record = self.record();
        let standing = match (&record.pause, &record.denied) {
            (Some(pause), _) => {
                Standing::Paused { ms: millis(pause.at.saturating_duration_since(now)), reason: pause.reason.clone() }
            }
            (None, Some(reason)) => Standing::Denied { reason: reason.clone() },
            (None, None) => Standing::Up,
        };
        EndpointTraffic {
            name: self.name.clone(),
            standing,
            in_flight: gauge.in_flight,
            limit: gauge.limit,
            waiting: gauge.waiting,
            counts: record.counts.clone(),
        }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        // Every change leaves the record whole.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Carries `work` out while the endpoints are watched: as long as anybody works, a paused endpoint is asked for its health,
/// and no task is left behind when nobody does.
pub(super) async fn watched<T>(
    work: impl Future<Output = T>,
    stations: &[Station],
    clock: &dyn Clock,
    jitter: &Jitter,
    reopened: &Notify,
) -> T {
    let watches = futures::future::join_all(stations.iter().map(|station| station.watch(clock, jitter, reopened)));
    let watching = async {
        watches.await;
        // Not reached: a watch has no end.
        pending::<Infallible>().await
    };
    match select(pin!(work), pin!(watching)).await {
        Either::Left((done, _)) => done,
        Either::Right((never, _)) => match never {},
    }
}
