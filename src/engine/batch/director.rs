//! Decides what a batch does next: which pair is begun, what a request comes to, when it is over.

use std::collections::VecDeque;
use std::iter::Peekable;
use std::sync::Arc;
use std::vec::IntoIter;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{JoinError, JoinSet};

use super::item::{Bench, Came, Job};
use crate::engine::plan::{BatchError, Work};
use crate::session::library::Place;
use crate::session::pairs::{Pairs, Skipped};
use crate::session::runs::{Request, Stage, Wish};
use crate::session::{ExampleRecord, Status};

/// Rows that need nothing are passed over so many at a time between two looks at everything else.
const PASSED_OVER: usize = 64;

/// A batch that runs.
pub(super) struct Director {
    bench: Arc<Bench>,
    rows: Pairs,
    /// Lines that are still to be taken from the rows.
    lines: Peekable<IntoIter<u64>>,
    /// What was begun and is to go on: put off by a pause, or asked for again.
    again: VecDeque<(u64, Place)>,
    tasks: JoinSet<Result<(u64, Came), BatchError>>,
    /// Searches in work at most.
    most: usize,
    stage: Stage,
    /// Who asked that it end before its time, in a sentence.
    asked_to_end: Option<String>,
    fault: Option<BatchError>,
    /// The line of every pair that is through, and its session.
    through: Vec<(u64, Place)>,
    left_alone: Vec<Skipped>,
}

/// What a batch came to.
pub(super) struct Outcome {
    pub through: Vec<(u64, Place)>,
    pub left_alone: Vec<Skipped>,
    /// What ended it, when it was not its end.
    pub fault: Option<BatchError>,
    pub asked_to_end: Option<String>,
}

impl Director {
    pub fn new(bench: Arc<Bench>, rows: Pairs, lines: Vec<u64>) -> Director {
        Director {
            most: bench.plan.concurrency.max(1),
            bench,
            rows,
            lines: lines.into_iter().peekable(),
            again: VecDeque::new(),
            tasks: JoinSet::new(),
            stage: Stage::Running,
            asked_to_end: None,
            fault: None,
            through: Vec::new(),
            left_alone: Vec::new(),
        }
    }

    /// Runs the batch to its end.
    pub async fn direct(mut self, mut requests: UnboundedReceiver<Request>) -> Outcome {
        let cancel = self.bench.cancel.clone();
        self.enter(Stage::Running);
        loop {
            let full = self.begin();
            if self.tasks.is_empty() && full && !self.waits() {
                break;
            }
            tokio::select! {
                biased;
                () = cancel.cancelled(), if self.stage != Stage::Stopping => self.enter(Stage::Stopping),
                Some(request) = requests.recv() => self.obey(&request),
                Some(joined) = self.tasks.join_next() => self.settle(joined),
                () = tokio::task::yield_now(), if !full => {}
            }
            if self.stage == Stage::Pausing && self.tasks.is_empty() {
                self.enter(Stage::Paused);
            }
        }
        let Director { mut through, again, left_alone, fault, asked_to_end, .. } = self;
        through.extend(again);
        Outcome { through, left_alone, fault, asked_to_end }
    }

    fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.bench.meter.stage(stage);
    }

    /// Whether it waits for somebody to let it go on.
    fn waits(&self) -> bool {
        self.stage == Stage::Paused && (!self.again.is_empty() || self.lines.len() > 0)
    }

    /// Begins as many searches as may run. False when there may be more to begin after a look at everything else.
    fn begin(&mut self) -> bool {
        for _ in 0..PASSED_OVER {
            if self.stage != Stage::Running || self.tasks.len() >= self.most {
                return true;
            }
            let next = self.again.pop_front().map(|(line, place)| Ok(Some((line, Job::GoOn(place)))));
            match next.unwrap_or_else(|| self.next_of_rows()) {
                Ok(Some((line, job))) => self.spawn(line, job),
                Ok(None) if self.lines.peek().is_none() => return true,
                Ok(None) => {}
                Err(error) => self.break_off(error),
            }
        }
        false
    }

    fn spawn(&mut self, line: u64, job: Job) {
        let bench = self.bench.clone();
        self.tasks.spawn(async move { Ok((line, bench.carry_out(line, job).await?)) });
    }

    /// The next wanted row, when it needs a search.
    fn next_of_rows(&mut self) -> Result<Option<(u64, Job)>, BatchError> {
        let Some(example) = self.next_wanted() else { return Ok(None) };
        let line = example.line();
        let work = self.bench.plan.work(&self.bench.shelf(), example)?;
        Ok(match work {
            Work::Create(example) => Some((line, Job::Create(example))),
            Work::Resume(there) => Some((line, Job::GoOn(there.place))),
            Work::Nothing(there) => {
                self.bench.meter.found(there.status, &there.path);
                self.through.push((line, there.place));
                None
            }
            Work::Leave(reason) => {
                self.bench.meter.skipped(line, &reason);
                self.left_alone.push(Skipped { line, reason });
                None
            }
        })
    }

    fn next_wanted(&mut self) -> Option<ExampleRecord> {
        for row in self.rows.by_ref() {
            if let Ok(example) = row
                && self.lines.next_if_eq(&example.line()).is_some()
            {
                return Some(example);
            }
        }
        // The input became shorter since it was surveyed.
        self.lines = Vec::new().into_iter().peekable();
        None
    }

    fn settle(&mut self, joined: Result<Result<(u64, Came), BatchError>, JoinError>) {
        match joined.unwrap_or_else(|error| Err(BatchError::Task(error.to_string()))) {
            Ok((line, Came::Through(place))) => self.through.push((line, place)),
            Ok((line, Came::LeftAlone(reason))) => self.left_alone.push(Skipped { line, reason }),
            Ok((line, Came::PutOff(place))) => self.again.push_back((line, place)),
            Err(error) => self.break_off(error),
        }
    }

    /// Ends the run for a fault that is not one pair's alone: the first is the one to report.
    fn break_off(&mut self, error: BatchError) {
        self.fault.get_or_insert(error);
        self.bench.cancel.cancel();
        self.enter(Stage::Stopping);
    }

    /// Does what was asked, and answers.
    fn obey(&mut self, request: &Request) {
        let answer = match (&request.wish, self.stage) {
            (_, Stage::Stopping) => "no: the run is stopping".to_owned(),
            (Wish::Stop, _) => {
                self.asked_to_end = Some(format!("stopped by {}", request.by.name()));
                self.bench.cancel.cancel();
                self.enter(Stage::Stopping);
                "stopping: every search ends in order, and a later run goes on with it".to_owned()
            }
            (_, Stage::Draining) => "no: the run ends when what runs is finished".to_owned(),
            (Wish::Drain, _) => {
                self.asked_to_end = Some(format!("drained by {}", request.by.name()));
                self.bench.brake.put(false);
                self.enter(Stage::Draining);
                format!("draining: {} in work are finished, then the run ends", self.tasks.len())
            }
            (Wish::Pause, Stage::Pausing | Stage::Paused) => "it is paused already".to_owned(),
            (Wish::Pause, _) => {
                self.bench.brake.put(true);
                self.enter(Stage::Pausing);
                format!("pausing: {} in work stop before their next call", self.tasks.len())
            }
            (Wish::Resume, Stage::Pausing | Stage::Paused) => {
                self.bench.brake.put(false);
                self.enter(Stage::Running);
                "goes on".to_owned()
            }
            (Wish::Resume, _) => "it is not paused".to_owned(),
            (Wish::Requeue { id }, _) => self.requeue(id),
            (Wish::RequeueFailed, _) => self.requeue_failed(),
            (Wish::Concurrency { examples: 0 }, _) => "no: at least one example is in work; pause holds all".to_owned(),
            (Wish::Concurrency { examples }, _) => {
                self.most = *examples;
                self.bench.meter.concurrency(*examples);
                format!("at most {examples} in work from now on")
            }
        };
        self.bench.meter.answer(request, answer);
    }

    /// Takes a failed example up again.
    fn requeue(&mut self, id: &str) -> String {
        let failed = self.bench.shelf().named(id).into_iter().find(|there| there.status == Status::Failed);
        let Some(there) = failed else { return format!("no: {id} is no session that failed") };
        let Some(at) = self.through.iter().position(|(_, place)| *place == there.place) else {
            return format!("no: {id} is none of this run's");
        };
        let (line, place) = self.through.swap_remove(at);
        self.take_up(line, place);
        format!("{id} is searched again")
    }

    fn requeue_failed(&mut self) -> String {
        let shelf = self.bench.shelf();
        let failed: Vec<(u64, Place)> =
            self.through.extract_if(.., |(_, place)| shelf.status(*place) == Status::Failed).collect();
        drop(shelf);
        let count = failed.len();
        failed.into_iter().for_each(|(line, place)| self.take_up(line, place));
        match count {
            0 => "no: none has failed".to_owned(),
            count => format!("{count} are searched again"),
        }
    }

    fn take_up(&mut self, line: u64, place: Place) {
        let path = self.bench.shelf().path(place);
        self.bench.meter.requeued(&path);
        self.again.push_back((line, place));
    }
}
