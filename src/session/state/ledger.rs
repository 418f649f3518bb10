//! What the calls of a session cost.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::payload::is_zero;
use super::super::{Call, Role};

/// Sums over calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Spent {
    pub calls: u64,
    /// Calls that ended in an error.
    pub failed: u64,
    pub tokens_in: u64,
    pub tokens_out: u64,
    /// Of `tokens_in`, those that came from a cache.
    pub tokens_cached: u64,
    /// Milliseconds, calls that ran at the same time each counted.
    pub ms: u64,
    /// Requests that servers were sent for these calls.
    #[serde(skip_serializing_if = "is_zero")]
    pub requests: u64,
    /// Of these, repeats after a fault.
    #[serde(skip_serializing_if = "is_zero")]
    pub retries: u64,
}

/// Costs by purpose of the call.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Ledger {
    pub by_purpose: BTreeMap<String, Spent>,
}

impl Spent {
    fn add(&mut self, other: &Spent) {
        self.calls += other.calls;
        self.failed += other.failed;
        self.tokens_in += other.tokens_in;
        self.tokens_out += other.tokens_out;
        self.tokens_cached += other.tokens_cached;
        self.ms += other.ms;
        self.requests += other.requests;
        self.retries += other.retries;
    }
}

impl Ledger {
    pub(super) fn record(&mut self, call: &Call) {
        self.by_purpose.entry(call.purpose.clone()).or_default().add(&Spent {
            calls: 1,
            failed: u64::from(call.error.is_some()),
            tokens_in: call.tokens_in,
            tokens_out: call.tokens_out,
            tokens_cached: call.tokens_cached,
            ms: call.ms,
            requests: call.requests,
            retries: call.retries,
        });
    }

    /// Adds another session's costs.
    pub fn merge(&mut self, other: &Ledger) {
        for (purpose, spent) in &other.by_purpose {
            self.by_purpose.entry(purpose.clone()).or_default().add(spent);
        }
    }

    /// What generating cost, and what scoring cost; a role without calls is not there.
    pub fn by_role(&self) -> BTreeMap<Role, Spent> {
        let mut roles: BTreeMap<Role, Spent> = BTreeMap::new();
        for (purpose, spent) in &self.by_purpose {
            roles.entry(Role::of(purpose)).or_default().add(spent);
        }
        roles
    }

    /// Over all purposes.
    pub fn total(&self) -> Spent {
        self.by_purpose.values().fold(Spent::default(), |mut sum, spent| {
            sum.add(spent);
            sum
        })
    }
}
