//! What a run has done so far, counted as it happens; a record of it whenever one is wanted. Every count is one short
//! lock; what it holds does not grow with the input.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::pace::{Pace, Totals};
use super::work::Work;
use crate::engine::{Observer, Progress};
use crate::session::runs::{
    self, Answer, Cost, Counts, ErrorClass, FailedItem, Process, Request, RunRecord, Slow, Stage,
};
use crate::session::{Event, Payload, Session, Status, Summary};

/// Entries of a record's lists at most.
const RUNNING: usize = 200;
const SLOWEST: usize = 10;
const FAILURES: usize = 200;
const ANSWERS: usize = 20;

/// Characters of a message that are kept.
const MESSAGE: usize = 400;

/// Counts, and tells an observer.
pub(super) struct Meter {
    root: PathBuf,
    /// What does not change, and the sums.
    sums: Mutex<Sums>,
    outer: Arc<dyn Observer>,
}

struct Sums {
    began: Instant,
    /// Time in pauses that are over, and when one began that is not.
    paused: Duration,
    paused_since: Option<Instant>,
    /// When it entered its stage.
    since: Instant,
    pace: Pace,
    totals: Totals,
    /// By path.
    running: HashMap<PathBuf, Work>,
    /// Stopped on the way.
    stopped: HashSet<PathBuf>,
    failures: VecDeque<FailedItem>,
    failures_more: usize,
    record: RunRecord,
}

impl Meter {
    /// Of a run that begins now.
    pub fn new(root: &Path, plan: runs::PlanWords, counts: Counts, outer: Arc<dyn Observer>) -> Meter {
        let record = RunRecord {
            run: runs::new_name(),
            process: Process::this(),
            started: runs::now(),
            plan,
            counts,
            ..RunRecord::default()
        };
        let sums = Sums {
            began: Instant::now(),
            paused: Duration::ZERO,
            paused_since: None,
            since: Instant::now(),
            pace: Pace::default(),
            totals: Totals::default(),
            running: HashMap::new(),
            stopped: HashSet::new(),
            failures: VecDeque::new(),
            failures_more: 0,
            record,
        };
        Meter { root: root.to_owned(), sums: Mutex::new(sums), outer }
    }

    fn sums(&self) -> MutexGuard<'_, Sums> {
        // Sums stay sums when a thread died between two of them.
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The run's name.
    pub fn run(&self) -> String {
        self.sums().record.run.clone()
    }

    /// Path under the library.
    fn under(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    pub fn began(&self, line: u64, session: &Session, resumed: bool) {
        let work = Work::new(line, session.state(), self.under(session.path()));
        let mut sums = self.sums();
        sums.stopped.remove(session.path());
        sums.running.insert(session.path().to_owned(), work);
        drop(sums);
        self.outer.see(Progress::Started { session, resumed });
    }

    /// Counts what an event of a session says was spent.
    pub fn recorded(&self, event: &Event) {
        let Payload::Call(call) = &event.payload else { return };
        let role = if matches!(call.purpose.as_str(), "draft" | "refine") { "generate" } else { "score" };
        let mut sums = self.sums();
        sums.record.cost.entry(role.to_owned()).or_default().add(call);
        sums.totals.calls += 1;
        sums.totals.tokens += call.tokens_in + call.tokens_out;
        sums.totals.written += if role == "generate" { call.tokens_out } else { 0 };
    }

    /// A call failed.
    pub fn fault(&self, class: &str, message: &str) {
        let mut sums = self.sums();
        let entry: &mut ErrorClass = sums.record.errors.entry(class.to_owned()).or_default();
        entry.count += 1;
        (entry.last, entry.at) = (cut(message), runs::now());
    }

    /// A search ended, for good or for this run.
    pub fn ended(&self, summary: &Summary, file: &Path, reason: Option<&str>) {
        let mut sums = self.sums();
        let now = sums.active();
        sums.totals.ended += 1;
        sums.pace.end(now);
        let work = sums.running.remove(file);
        let (seconds, line) = work.map_or((0, 0), |work| (work.seconds(), work.line));
        let slow = Slow { id: summary.id.clone(), file: self.under(file), seconds, steps: summary.steps };
        sums.slow(slow);
        sums.settle(summary.status);
        let failed = reason.filter(|_| summary.status == Status::Failed);
        if let Some(reason) = failed {
            let (file, reason) = (self.under(file), cut(reason));
            sums.fail(FailedItem { id: summary.id.clone(), file, line, reason, at: runs::now() });
        }
        drop(sums);
        self.outer.see(match failed {
            Some(reason) => Progress::Failed { summary, reason },
            None => Progress::Finished { summary, file },
        });
    }

    /// A search was stopped by a pause, or with the run.
    pub fn put_off(&self, id: &str, file: &Path) {
        let mut sums = self.sums();
        sums.running.remove(file);
        sums.stopped.insert(file.to_owned());
        drop(sums);
        self.outer.see(Progress::PutOff { id });
    }

    /// An earlier run had settled a pair.
    pub fn found(&self, status: Status, file: &Path) {
        let mut sums = self.sums();
        sums.record.counts.found += 1;
        sums.settle(status);
        drop(sums);
        self.outer.see(Progress::Found { status, file });
    }

    pub fn skipped(&self, line: u64, reason: &str) {
        self.sums().record.counts.skipped += 1;
        self.outer.see(Progress::Skipped { line, reason });
    }

    /// A failed example is taken up again.
    pub fn requeued(&self, file: &Path) {
        let id = file.file_stem().unwrap_or_default().to_string_lossy();
        let under = self.under(file);
        let mut sums = self.sums();
        sums.record.counts.failed = sums.record.counts.failed.saturating_sub(1);
        sums.failures.retain(|failed| failed.file != under);
        drop(sums);
        self.outer.see(Progress::Requeued { id: &id });
    }

    /// So many examples may be in work from now on.
    pub fn concurrency(&self, examples: usize) {
        self.sums().record.plan.concurrency = examples;
    }

    pub fn stage(&self, stage: Stage) {
        let mut sums = self.sums();
        if sums.record.stage != stage {
            sums.since = Instant::now();
        }
        sums.record.stage = stage;
        match (stage, sums.paused_since) {
            (Stage::Paused, None) => sums.paused_since = Some(Instant::now()),
            (Stage::Paused, Some(_)) | (_, None) => {}
            (_, Some(since)) => {
                sums.paused += since.elapsed();
                sums.paused_since = None;
            }
        }
    }

    /// Notes what a request came to.
    pub fn answer(&self, request: &Request, answer: String) {
        let mut sums = self.sums();
        let (asked, by, at) = (request.wish.to_string(), request.by.clone(), request.at.clone());
        sums.record.answers.push(Answer { asked, by, at, answer });
        let over = sums.record.answers.len().saturating_sub(ANSWERS);
        sums.record.answers.drain(..over);
    }

    /// The run has ended.
    pub fn end(&self, why: String) {
        self.stage(Stage::Ended);
        self.sums().record.ended = Some(why);
    }

    /// What was spent, by role.
    pub fn cost(&self) -> BTreeMap<String, Cost> {
        self.sums().record.cost.clone()
    }

    /// How it stands now. To be called about once a second, for the pace.
    pub fn record(&self) -> RunRecord {
        let mut sums = self.sums();
        let now = sums.active();
        let left = sums.record.counts.expected.saturating_sub(sums.record.counts.settled());
        let totals = sums.totals;
        let pace = sums.pace.look(now, totals, left);
        let mut work: Vec<&Work> = sums.running.values().collect();
        work.sort_by_key(|work| work.since);
        let running = work.iter().take(RUNNING).map(|work| work.record()).collect();
        RunRecord {
            updated: runs::now(),
            seconds: sums.began.elapsed().as_secs(),
            in_stage: sums.since.elapsed().as_secs(),
            counts: Counts { stopped: sums.stopped.len(), ..sums.record.counts },
            pace,
            running,
            running_more: work.len().saturating_sub(RUNNING),
            failures: sums.failures.iter().cloned().collect(),
            failures_more: sums.failures_more,
            ..sums.record.clone()
        }
    }

    pub fn stands(&self, record: &RunRecord) {
        self.outer.see(Progress::Stands(record));
    }
}

impl Observer for Meter {
    fn see(&self, progress: Progress<'_>) {
        if let Progress::Stepped { session, chosen } = &progress {
            let mut sums = self.sums();
            sums.record.steps += 1;
            sums.totals.steps += 1;
            sums.record.accepted += u64::from(chosen.is_some());
            if let Some(work) = sums.running.get_mut(session.path()) {
                work.step(session.state());
            }
        }
        if let Progress::Drafted { session } = &progress
            && let Some(work) = self.sums().running.get_mut(session.path())
        {
            work.draft(session.state());
        }
        self.outer.see(progress);
    }
}

impl Sums {
    /// Time since the run began, without its pauses.
    fn active(&self) -> Duration {
        let now = self.paused_since.map_or(Duration::ZERO, |since| since.elapsed());
        self.began.elapsed().saturating_sub(self.paused + now)
    }

    fn settle(&mut self, status: Status) {
        let counts = &mut self.record.counts;
        match status {
            Status::Done => counts.done += 1,
            Status::Failed => counts.failed += 1,
            Status::Fresh | Status::Unfinished => counts.unfinished += 1,
        }
    }

    fn slow(&mut self, slow: Slow) {
        let slowest = &mut self.record.slowest;
        let at = slowest.partition_point(|other| other.seconds >= slow.seconds);
        slowest.insert(at, slow);
        slowest.truncate(SLOWEST);
    }

    fn fail(&mut self, failed: FailedItem) {
        self.failures.push_front(failed);
        if self.failures.len() > FAILURES {
            self.failures.pop_back();
            self.failures_more += 1;
        }
    }
}

fn cut(message: &str) -> String {
    match message.char_indices().nth(MESSAGE) {
        Some((at, _)) => format!("{}…", &message[..at]),
        None => message.to_owned(),
    }
}
