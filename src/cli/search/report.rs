//! What `retrace search` says when it has ended: one JSON document, or a table a scorer and objective.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::numbers::{self, Point, spelled};
use crate::cli::table::table;
use crate::cli::{Outcome, Output};
use crate::engine;
use crate::reer::search::StopReason;
use crate::reer::{Gain, Identity, Leak, Objective};
use crate::session::pairs::Skipped;
use crate::session::{Status, Summary};

/// JSON of `retrace search`.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    library: &'a Path,
    done: usize,
    failed: usize,
    #[serde(skip_serializing_if = "is_zero")]
    unfinished: usize,
    skipped: &'a [Skipped],
    /// Stopped from outside before every pair was done.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    interrupted: bool,
    sessions: Vec<Searched<'a>>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[derive(Debug, Serialize)]
struct Searched<'a> {
    id: &'a str,
    file: &'a PathBuf,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop: Option<StopReason>,
    /// Why a failed one failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    steps: u32,
    accepted: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    scorer: Option<&'a Identity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    objective: Option<Objective>,
    /// Tokens of the reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<Point>,
    #[serde(skip_serializing_if = "Option::is_none")]
    initial: Option<Point>,
    #[serde(rename = "final", skip_serializing_if = "Option::is_none")]
    last: Option<Point>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    gain: Option<Gain>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leak: Option<Leak>,
}

impl<'a> Report<'a> {
    pub fn new(report: &'a engine::Report, library: &'a Path) -> Report<'a> {
        Report {
            library,
            done: report.done,
            failed: report.failed,
            unfinished: report.unfinished,
            skipped: &report.skipped,
            interrupted: report.interrupted,
            sessions: report.sessions.iter().map(|(summary, file)| Searched::new(summary, file)).collect(),
        }
    }

    /// What the exit code says: interrupted, else whether anything failed or was skipped.
    pub fn outcome(&self) -> Outcome {
        if self.interrupted {
            Outcome::Interrupted
        } else {
            Outcome::partial_if(self.failed + self.unfinished > 0 || !self.skipped.is_empty())
        }
    }

    /// Tables for a person; the rows that were skipped and the failures were told while the search ran.
    pub fn tell(&self, output: &mut Output) {
        let mut groups: BTreeMap<String, Vec<Vec<String>>> = BTreeMap::new();
        for session in &self.sessions {
            let scorer = session.scorer.map_or("no score".to_owned(), |s| format!("scorer {}", numbers::scorer(s)));
            let objective = session.objective.map(|o| format!(", objective {}", numbers::objective(o)));
            groups.entry(scorer + &objective.unwrap_or_default()).or_default().push(session.cells());
        }
        let tail = ["shared run", "taken", "end"];
        for (group, rows) in groups {
            output.line(format_args!("{group}"));
            let clipped = group.ends_with(numbers::objective(Objective::ReerClipped));
            let head: &[&str] = match clipped {
                true => &["id", "tokens", "baseline clipped nll", "first", "best", "gain, nats/token"],
                false => &["id", "tokens", "baseline ppl", "first", "best", "gain, nats/token", "gain, %"],
            };
            table(&[head, &tail].concat(), &rows).iter().for_each(|line| output.line(line));
            output.line("");
        }
        let (sessions, done) = (self.sessions.len(), self.done);
        let (failed, skipped) = (self.failed, self.skipped.len());
        let library = self.library.display();
        output
            .line(format_args!("{library}: {sessions} sessions, {done} done, {failed} failed, {skipped} rows skipped"));
        if self.unfinished > 0 {
            let paused = self.unfinished;
            output
                .line(format_args!("{paused} unfinished: the same command goes on, after a budget with a larger one"));
        }
        if self.failed > 0 {
            output.line("--retry-failed tries the failed ones again");
        }
    }
}

impl<'a> Searched<'a> {
    fn new(summary: &'a Summary, file: &'a PathBuf) -> Searched<'a> {
        let point = |measures: Option<_>| measures.map(|m| Point::of(&m, summary.objective));
        Searched {
            id: &summary.id,
            file,
            status: summary.status,
            stop: summary.stop,
            reason: summary.detail.as_deref().filter(|_| summary.status == Status::Failed),
            steps: summary.steps,
            accepted: summary.accepted,
            scorer: summary.scorer.as_ref(),
            objective: summary.objective,
            tokens: summary.best.or(summary.baseline).map(|measures| measures.tokens),
            baseline: point(summary.baseline),
            initial: point(summary.initial),
            last: point(summary.best),
            gain: summary.best.zip(summary.baseline).map(|(best, baseline)| best.gain(&baseline)),
            leak: summary.leak,
        }
    }

    /// One row of the table: the scores of the objective and nothing beside them that could be taken for them.
    fn cells(&self) -> Vec<String> {
        let objective = self.objective.unwrap_or(Objective::Nll);
        let shown = |point: &Option<Point>| match point {
            None => String::new(),
            Some(point) if objective == Objective::Nll => numbers::ppl(point.ppl),
            Some(point) => point.clipped_nll.map(|nll| format!("{:.4}", nll.0)).unwrap_or_default(),
        };
        let value = |point: Point| if objective == Objective::Nll { Some(point.nll) } else { point.clipped_nll };
        let gained = self.baseline.and_then(value).zip(self.last.and_then(value)).map(|(before, after)| before - after);
        let mut cells = vec![
            self.id.to_owned(),
            self.tokens.map(|tokens| tokens.to_string()).unwrap_or_default(),
            shown(&self.baseline),
            shown(&self.initial),
            shown(&self.last),
            gained.map(|gain| format!("{:+.4}", gain.0 + 0.0)).unwrap_or_default(),
        ];
        if objective == Objective::Nll {
            cells.push(self.gain.map(|gain| format!("{:+.1}", gain.gain_percent + 0.0)).unwrap_or_default());
        }
        cells.push(self.leak.map(|leak| leak.span_words.to_string()).unwrap_or_default());
        cells.push(format!("{} of {}", self.accepted, self.steps));
        cells.push(self.stop.map_or_else(|| spelled(&self.status), |stop| spelled(&stop)));
        cells
    }
}
