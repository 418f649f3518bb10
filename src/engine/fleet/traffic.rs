//! What goes on between a run and its servers, at one moment, for a screen or a report.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::session::Role;

/// All endpoints of one role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Traffic {
    pub role: Role,
    pub endpoints: Vec<EndpointTraffic>,
}

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndpointTraffic {
    pub name: String,
    #[serde(flatten)]
    pub standing: Standing,
    /// The last fault, until a call is answered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fault: Option<String>,
    /// How long it has stood so, in milliseconds.
    pub since_ms: u64,
    /// Calls in flight now.
    pub in_flight: usize,
    /// How many may be; `None` for a model in this process, which bounds itself.
    pub limit: Option<usize>,
    /// Calls that wait for a place.
    pub waiting: usize,
    #[serde(flatten)]
    pub counts: Counts,
}

/// Whether an endpoint takes calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Standing {
    Up,
    /// It takes no calls: its health is asked for after `wait_ms` milliseconds, 0 while it is being asked.
    Paused {
        wait_ms: u64,
        reason: String,
    },
    /// It refused our key, and has answered nothing since.
    Denied {
        reason: String,
    },
}

/// Sums since the run began. Calls are `done`, failed (`errors`) or still in flight.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Calls that were sent.
    pub calls: u64,
    /// Of these, how many were sent again after a fault.
    pub retried: u64,
    /// Calls that were answered.
    pub done: u64,
    /// Calls that failed, those made again later among them, by [`Setback::name`](crate::lm::Setback::name) or `too-long`,
    /// `denied`, `unsupported`, `invalid`; and `cancelled`, those that nobody waited for any more.
    pub errors: BTreeMap<Cow<'static, str>, u64>,
    #[serde(flatten)]
    pub tokens: Tokens,
    /// Milliseconds of all calls, those that ran at the same time each counted.
    pub ms: u64,
}

/// Tokens of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
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
    pub fn plus(self, other: Tokens) -> Tokens {
        Tokens {
            read: self.read + other.read,
            written: self.written + other.written,
            cached: self.cached + other.cached,
        }
    }
}

impl Counts {
    pub(super) fn answered(&mut self, tokens: Tokens, took: Duration) {
        self.done += 1;
        self.tokens = self.tokens.plus(tokens);
        self.ms += millis(took);
    }

    pub(super) fn failed(&mut self, class: &'static str, took: Duration) {
        *self.errors.entry(Cow::Borrowed(class)).or_default() += 1;
        self.ms += millis(took);
    }

    /// Adds another endpoint's sums.
    pub fn add(&mut self, other: &Counts) {
        self.calls += other.calls;
        self.retried += other.retried;
        self.done += other.done;
        for (class, count) in &other.errors {
            *self.errors.entry(class.clone()).or_default() += count;
        }
        self.tokens = self.tokens.plus(other.tokens);
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
