//! The record of a run: what it does, how far it is, what it meets. `retrace.run/1`.
//!
//! Lists in it are bounded, so that it stays small whatever the input: each says how many it leaves out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Process;
use crate::reer::Objective;
use crate::session::{Author, Call};

/// What a run says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    pub schema: String,
    /// The run's name, which is its file's.
    pub run: String,
    pub process: Process,
    /// Version of the program.
    pub tool: String,
    /// UTC, RFC 3339.
    pub started: String,
    /// When this record was written.
    pub updated: String,
    /// Seconds since it started.
    pub seconds: u64,
    pub stage: Stage,
    /// Seconds since it entered its stage.
    #[serde(default)]
    pub in_stage: u64,
    /// Why it ended, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended: Option<String>,
    pub plan: PlanWords,
    pub counts: Counts,
    /// Decisions of this run's searches.
    #[serde(default)]
    pub steps: u64,
    /// Of these, those that accepted a candidate.
    #[serde(default)]
    pub accepted: u64,
    /// What was spent, by role: `generate` and `score`.
    #[serde(default)]
    pub cost: BTreeMap<String, Cost>,
    #[serde(default)]
    pub pace: Pace,
    /// Examples in work, the longest first.
    #[serde(default)]
    pub running: Vec<Running>,
    /// Examples in work that `running` leaves out.
    #[serde(default)]
    pub running_more: usize,
    /// Examples that took longest in this run, the longest first.
    #[serde(default)]
    pub slowest: Vec<Slow>,
    /// Examples that failed last, the last one first.
    #[serde(default)]
    pub failures: Vec<FailedItem>,
    /// Failed examples that `failures` leaves out.
    #[serde(default)]
    pub failures_more: usize,
    /// Calls that failed, by class of the fault; those that an endpoint made again are in `endpoints`.
    #[serde(default)]
    pub errors: BTreeMap<String, ErrorClass>,
    /// Requests that were taken last and what came of them, the last one last.
    #[serde(default)]
    pub answers: Vec<Answer>,
    /// Servers that calls go to; none for models in the process.
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// It reads its input.
    #[default]
    Starting,
    Running,
    /// Searches stop before their next call.
    Pausing,
    Paused,
    /// What runs is finished, nothing new is begun.
    Draining,
    /// Searches are stopped in order.
    Stopping,
    Ended,
}

/// What a run was asked to do, in words.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PlanWords {
    pub input: String,
    /// `I/N`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub shard: Option<String>,
    /// Pairs at most.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub limit: Option<usize>,
    /// Examples in work at a time.
    pub concurrency: usize,
    pub generator: String,
    pub scorer: String,
    /// Absent in what was written before anything was known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub objective: Option<Objective>,
    /// The knobs that matter, in words.
    pub settings: String,
}

/// Examples by how they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Pairs that the run takes on; 0 until its input was read.
    pub expected: usize,
    pub done: usize,
    pub failed: usize,
    /// Ended by a budget, or left to a later run.
    pub unfinished: usize,
    /// Stopped on the way, by a pause or with the run: they are gone on with.
    #[serde(default)]
    pub stopped: usize,
    /// Rows that were not searched: unusable, repeated, or in the hands of another process.
    pub skipped: usize,
    /// Of those above, how many an earlier run had settled already.
    pub found: usize,
}

/// What calls cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cost {
    pub calls: u64,
    /// Calls that ended in an error.
    pub failed: u64,
    pub tokens_in: u64,
    pub tokens_out: u64,
    /// Of `tokens_in`, those that came from a cache.
    pub tokens_cached: u64,
    /// Milliseconds, calls that ran at the same time each counted.
    pub ms: u64,
}

/// How fast it goes, over the last minute, pauses aside; and what is left.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Pace {
    pub examples_a_minute: f64,
    pub steps_a_minute: f64,
    pub calls_a_second: f64,
    /// Tokens that generators wrote.
    pub tokens_out_a_second: f64,
    /// Tokens that were read or written, by any model.
    pub tokens_a_second: f64,
    /// Seconds until the last example ends at the rate of the last minutes; absent while that is not known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub left_s: Option<u64>,
}

/// An example in work.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Running {
    pub id: String,
    /// Path under the library.
    pub file: String,
    /// Line of the input.
    pub line: u64,
    pub step: u32,
    /// Steps after which it stops.
    pub steps: u32,
    /// Tokens of the reference; absent before they are known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokens: Option<usize>,
    /// Value of the objective for the empty think block, nats per token.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub baseline: Option<f64>,
    /// Values of the objective for what was current, from the first draft to now, thinned out; nats per token.
    pub scores: Vec<f64>,
    /// Seconds since this run took it on.
    pub seconds: u64,
}

/// An example and how long it took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slow {
    pub id: String,
    pub file: String,
    pub seconds: u64,
    pub steps: u32,
}

/// An example that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedItem {
    pub id: String,
    pub file: String,
    pub line: u64,
    pub reason: String,
    pub at: String,
}

/// Faults of one class.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ErrorClass {
    pub count: u64,
    /// The last message, cut to a length.
    pub last: String,
    pub at: String,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The wish in words.
    pub asked: String,
    pub by: Author,
    pub at: String,
    /// What the run does about it.
    pub answer: String,
}

/// A server in a role.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Endpoint {
    pub name: String,
    /// `generate` or `score`.
    pub role: String,
    /// `up`, `paused` or `denied`.
    pub state: String,
    /// Why it is not up; of one that is, its last fault, until a call is answered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    pub in_flight: usize,
    /// Calls that may be in flight.
    pub limit: usize,
    /// Calls that wait for a place.
    pub waiting: usize,
    pub done: u64,
    /// Calls that were made again after a fault.
    pub retried: u64,
    /// Calls that failed by class, those made again among them.
    pub errors: BTreeMap<String, u64>,
    #[serde(default)]
    pub tokens_in: u64,
    #[serde(default)]
    pub tokens_out: u64,
    #[serde(default)]
    pub tokens_cached: u64,
}

impl Default for RunRecord {
    fn default() -> RunRecord {
        RunRecord {
            schema: super::SCHEMA.to_owned(),
            run: String::new(),
            process: Process::default(),
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            started: String::new(),
            updated: String::new(),
            seconds: 0,
            stage: Stage::Starting,
            in_stage: 0,
            ended: None,
            plan: PlanWords::default(),
            counts: Counts::default(),
            steps: 0,
            accepted: 0,
            cost: BTreeMap::new(),
            pace: Pace::default(),
            running: Vec::new(),
            running_more: 0,
            slowest: Vec::new(),
            failures: Vec::new(),
            failures_more: 0,
            errors: BTreeMap::new(),
            answers: Vec::new(),
            endpoints: Vec::new(),
        }
    }
}

impl Counts {
    /// Examples that this run is through with.
    pub fn settled(&self) -> usize {
        self.done + self.failed + self.unfinished
    }

    /// Examples that this run has not come to yet, where so many are in work.
    pub fn waiting(&self, in_work: usize) -> usize {
        self.expected.saturating_sub(self.settled() + self.stopped + in_work)
    }
}

impl Cost {
    pub fn add(&mut self, call: &Call) {
        self.calls += 1;
        self.failed += u64::from(call.error.is_some());
        self.tokens_in += call.tokens_in;
        self.tokens_out += call.tokens_out;
        self.tokens_cached += call.tokens_cached;
        self.ms += call.ms;
    }
}

impl Stage {
    pub fn word(self) -> &'static str {
        match self {
            Stage::Starting => "starting",
            Stage::Running => "running",
            Stage::Pausing => "pausing",
            Stage::Paused => "paused",
            Stage::Draining => "draining",
            Stage::Stopping => "stopping",
            Stage::Ended => "ended",
        }
    }
}
