//! One example in work, as a record shows it: how far it is, and how its score fell.

use std::time::Instant;

use crate::reer::search::NodeId;
use crate::reer::{Measures, Objective};
use crate::session::State;
use crate::session::runs::Running;

/// Scores of one example that are kept; of more, every second goes.
const SCORES: usize = 48;

/// An example in work.
#[derive(Debug)]
pub(super) struct Work {
    pub line: u64,
    pub since: Instant,
    id: String,
    file: String,
    step: u32,
    steps: u32,
    tokens: Option<usize>,
    baseline: Option<f64>,
    scores: Vec<f64>,
    /// Every how many steps a score is kept.
    stride: u32,
}

impl Work {
    /// Of a session as its search begins or goes on.
    pub fn new(line: u64, state: &State, file: String) -> Work {
        let mut work = Work {
            line,
            since: Instant::now(),
            id: state.id.clone(),
            file,
            step: 0,
            steps: 0,
            tokens: None,
            baseline: None,
            scores: Vec::new(),
            stride: 1,
        };
        let Some(search) = &state.search else { return work };
        // What an earlier run had reached, decision by decision.
        let first = search.tree().iter().map(|(id, _)| id).next();
        let mut current = first;
        work.keep(state, current);
        for decision in search.decisions() {
            current = decision.chosen.or(current);
            work.step = decision.step;
            work.keep(state, current);
        }
        work.look(state);
        work
    }

    /// Baseline and draft are scored.
    pub fn draft(&mut self, state: &State) {
        if self.scores.is_empty() {
            let first = state.search.as_ref().and_then(|search| search.tree().iter().map(|(id, _)| id).next());
            self.keep(state, first);
        }
        self.look(state);
    }

    /// A decision was recorded.
    pub fn step(&mut self, state: &State) {
        self.draft(state);
        let head = state.search.as_ref().and_then(|search| search.head());
        self.step = state.steps();
        self.keep(state, head);
        self.look(state);
    }

    fn look(&mut self, state: &State) {
        let Some(search) = &state.search else { return };
        self.steps = search.config().steps;
        self.tokens = search.baseline().map(|measures| measures.tokens);
        self.baseline = search.baseline().and_then(|measures| value(measures, search.config().objective));
    }

    fn keep(&mut self, state: &State, node: Option<NodeId>) {
        let Some(search) = &state.search else { return };
        let measures = node.and_then(|node| search.tree().get(node)?.measures);
        let Some(value) = measures.and_then(|measures| value(&measures, search.config().objective)) else { return };
        if self.step.is_multiple_of(self.stride) || self.scores.is_empty() {
            self.scores.push(value);
        } else if let Some(last) = self.scores.last_mut() {
            // The last one is always the current one.
            *last = value;
        }
        if self.scores.len() > SCORES {
            self.stride *= 2;
            let last = self.scores.last().copied();
            let mut at = 0;
            self.scores.retain(|_| {
                at += 1;
                at % 2 == 1
            });
            self.scores.extend(last.filter(|last| self.scores.last() != Some(last)));
        }
    }

    pub fn seconds(&self) -> u64 {
        self.since.elapsed().as_secs()
    }

    pub fn record(&self) -> Running {
        Running {
            id: self.id.clone(),
            file: self.file.clone(),
            line: self.line,
            step: self.step,
            steps: self.steps,
            tokens: self.tokens,
            baseline: self.baseline,
            scores: self.scores.clone(),
            seconds: self.seconds(),
        }
    }
}

/// The value of the objective, nats per token, to four decimals.
fn value(measures: &Measures, objective: Objective) -> Option<f64> {
    let nats = match objective {
        Objective::Nll => measures.nll,
        Objective::ReerClipped => measures.clipped?.nll,
    };
    Some((nats.0 * 10_000.0).round() / 10_000.0)
}
