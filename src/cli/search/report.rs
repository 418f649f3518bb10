//! What `retrace search` says when it has ended: one JSON document, or a table a scorer and objective.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use crate::app::bench::stop_in_words;
use crate::cli::numbers::{self, Point, counted, spelled};
use crate::cli::table::table;
use crate::cli::{Outcome, Output};
use crate::engine;
use crate::reer::search::StopReason;
use crate::reer::{Gain, Identity, Leak, Objective};
use crate::session::pairs::Skipped;
use crate::session::runs::Cost;
use crate::session::{Status, Summary};

/// Sessions that a table for a person holds; of more, `stats` tells.
const TABLED: usize = 200;

/// Failed examples that are listed for a person.
const LISTED: usize = 50;

/// JSON of `retrace search`.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    library: &'a Path,
    /// The run's record is `.retrace/runs/RUN.json` in the library.
    run: &'a str,
    done: usize,
    failed: usize,
    #[serde(skip_serializing_if = "is_zero")]
    unfinished: usize,
    /// Pairs that the run ended before.
    #[serde(skip_serializing_if = "is_zero")]
    left: usize,
    skipped: &'a [Skipped],
    /// Stopped from outside before every pair was done.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    interrupted: bool,
    seconds: u64,
    /// What this run spent, by role.
    cost: &'a BTreeMap<String, Cost>,
    sessions: Sessions<'a>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// What every search came to; one at a time is read from its file.
#[derive(Debug)]
struct Sessions<'a>(&'a engine::Report);

impl Serialize for Sessions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.sessions().map(|(summary, file)| Searched::new(summary, file)))
    }
}

#[derive(Debug, Serialize)]
struct Searched {
    id: String,
    file: PathBuf,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop: Option<StopReason>,
    /// Why a failed one failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    steps: u32,
    accepted: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    scorer: Option<Identity>,
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
            run: &report.run,
            done: report.done,
            failed: report.failed,
            unfinished: report.unfinished,
            left: report.left,
            skipped: &report.skipped,
            interrupted: report.interrupted,
            seconds: report.seconds,
            cost: &report.cost,
            sessions: Sessions(report),
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

    /// Tables for a person, what failed and why, and the sums; the rows that were skipped were told while the search
    /// ran.
    pub fn tell(&self, output: &mut Output) {
        let sessions = self.sessions.0.sessions_len();
        if sessions <= TABLED {
            self.tables(output);
        }
        self.tell_failures(output);
        let (done, failed, skipped) = (self.done, self.failed, self.skipped.len());
        let library = self.library.display();
        output.line(format_args!(
            "{library}: {}, {done} done, {failed} failed, {} skipped",
            counted(sessions, "session"),
            counted(skipped, "row")
        ));
        if sessions > TABLED {
            output.line(format_args!("`retrace stats {library}` tells what they came to"));
        }
        if self.unfinished + self.left > 0 {
            let (begun, left) = (self.unfinished, self.left);
            output.line(format_args!(
                "{begun} stopped on the way, {left} not begun: the same command goes on, after a budget with a larger one"
            ));
        }
        if self.failed > 0 {
            output.line("--retry-failed tries the failed ones again");
        }
        for (role, cost) in self.cost {
            output.line(format_args!("{role}: {}", spent(cost)));
        }
    }

    fn tables(&self, output: &mut Output) {
        let mut groups: BTreeMap<String, Vec<Vec<String>>> = BTreeMap::new();
        for (summary, file) in self.sessions.0.sessions() {
            let session = Searched::new(summary, file);
            let scorer =
                session.scorer.as_ref().map_or("no score".to_owned(), |s| format!("scorer {}", numbers::scorer(s)));
            let objective = session.objective.map(|o| format!(", objective {}", o.name()));
            groups.entry(scorer + &objective.unwrap_or_default()).or_default().push(session.cells());
        }
        let tail = ["copied run, words", "accepted steps", "ended"];
        for (group, rows) in groups {
            output.line(format_args!("{group}"));
            let clipped = group.ends_with(Objective::ReerClipped.name());
            let head: &[&str] = match clipped {
                true => &["id", "tokens", "baseline clipped nll", "draft", "final", "gain, nats/token"],
                false => &["id", "tokens", "baseline ppl", "draft", "final", "gain, nats/token", "gain, %"],
            };
            table(&[head, &tail].concat(), &rows).iter().for_each(|line| output.line(line));
            output.line("");
        }
    }

    fn tell_failures(&self, output: &mut Output) {
        if self.failed == 0 {
            return;
        }
        output.line("failed:");
        for (summary, file) in self.sessions.0.failures().take(LISTED) {
            let file = file.strip_prefix(self.library).unwrap_or(&file);
            let reason = summary.detail.as_deref().unwrap_or("no reason was recorded");
            output.line(format_args!("  {}: {reason}", file.display()));
        }
        if self.failed > LISTED {
            output.line(format_args!("  and {} more; --json lists them all", self.failed - LISTED));
        }
        output.line("");
    }
}

/// `812 calls, 3 of them failed, 91002 tokens in, 4011 of them from a cache, 20118 out, 512 s`.
fn spent(cost: &Cost) -> String {
    let some = |count: u64, what: &str| if count > 0 { format!(", {count} of them {what}") } else { String::new() };
    let Cost { calls, failed, tokens_in, tokens_out, tokens_cached, ms } = *cost;
    let (failed, cached) = (some(failed, "failed"), some(tokens_cached, "from a cache"));
    let calls = counted(calls as usize, "call");
    format!("{calls}{failed}, {tokens_in} tokens in{cached}, {tokens_out} out, {:.1} s", ms as f64 / 1000.0)
}

impl Searched {
    fn new(summary: Summary, file: PathBuf) -> Searched {
        let point = |measures: Option<_>| measures.map(|m| Point::of(&m, summary.objective));
        Searched {
            id: summary.id,
            file,
            status: summary.status,
            stop: summary.stop,
            reason: summary.detail.filter(|_| summary.status == Status::Failed),
            steps: summary.steps,
            accepted: summary.accepted,
            scorer: summary.scorer,
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
            self.id.clone(),
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
        cells.push(self.stop.map_or_else(|| spelled(&self.status), |stop| stop_in_words(stop).to_owned()));
        cells
    }
}
