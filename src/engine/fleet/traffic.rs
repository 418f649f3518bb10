//! What goes on between a run and its servers, at one moment, for a screen or a report.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::session::Role;

/// All endpoints of one role.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Traffic {
    pub role: Role,
    pub endpoints: Vec<EndpointTraffic>,
}

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EndpointTraffic {
    pub name: String,
    #[serde(flatten)]
    pub standing: Standing,
    /// Calls in flight now, and how many may be.
    pub in_flight: usize,
    pub limit: usize,
    /// Calls that wait for a place.
    pub waiting: usize,
    #[serde(flatten)]
    pub counts: Counts,
}

/// Whether an endpoint takes calls.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Standing {
    Up,
    /// Nobody answers there: asked again after `ms` milliseconds, 0 while it is being asked.
    Paused {
        ms: u64,
        reason: String,
    },
    /// It refused our key, and has answered nothing since.
    Denied {
        reason: String,
    },
}

/// Sums since the run began.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Calls that were answered.
    pub done: u64,
    /// Calls that were made again after a fault.
    pub retried: u64,
    /// Calls that failed, those made again later among them, by [`Setback::name`](crate::lm::Setback::name) or `too-long`,
    /// `denied`, `unsupported`, `invalid`, `cancelled`.
    pub errors: BTreeMap<&'static str, u64>,
    #[serde(flatten)]
    pub tokens: Tokens,
    /// Milliseconds of all calls, those that ran at the same time each counted.
    pub ms: u64,
}

/// Tokens of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Tokens {
    #[serde(rename = "tokens_in")]
    pub read: u64,
    #[serde(rename = "tokens_out")]
    pub written: u64,
    /// Of those read, how many came from a cache.
    #[serde(rename = "tokens_cached")]
    pub cached: u64,
}

impl Tokens {
    pub fn add(&mut self, other: Tokens) {
        self.read += other.read;
        self.written += other.written;
        self.cached += other.cached;
    }
}

impl Counts {
    pub(super) fn answered(&mut self, tokens: Tokens, took: Duration) {
        self.done += 1;
        self.tokens.add(tokens);
        self.ms += millis(took);
    }

    pub(super) fn failed(&mut self, class: &'static str, took: Duration) {
        *self.errors.entry(class).or_default() += 1;
        self.ms += millis(took);
    }

    pub(super) fn add(&mut self, other: &Counts) {
        self.done += other.done;
        self.retried += other.retried;
        for (class, count) in &other.errors {
            *self.errors.entry(class).or_default() += count;
        }
        self.tokens.add(other.tokens);
        self.ms += other.ms;
    }
}

impl Traffic {
    /// Over all endpoints.
    pub fn total(&self) -> Counts {
        self.endpoints.iter().fold(Counts::default(), |mut sum, endpoint| {
            sum.add(&endpoint.counts);
            sum
        })
    }
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
