//! Many searches at once over one input: which pairs need work, a bounded number in flight, one failing item alone; told
//! in the library and steered by requests that are left there.
//!
//! What it holds of each pair is a few bytes, whatever the pairs are; what a search came to is read from its session.

mod brake;
mod director;
mod herald;
mod item;
mod meter;
mod pace;
mod watched;
mod work;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

use self::director::{Director, Outcome};
use self::herald::Herald;
use self::item::Bench;
use self::meter::Meter;
use super::plan::{self, BatchError, Plan, Survey};
use super::{Models, Observer, Progress, Servers};
use crate::session::library::{self, Place, Shelf};
use crate::session::pairs::{self, Pairs, Skipped};
use crate::session::runs::{Cost, Counts};
use crate::session::{Status, Summary};

/// Who is beside a batch while it runs.
#[derive(Clone)]
pub struct Company {
    pub observer: Arc<dyn Observer>,
    /// Ends the run in order, so that a later one goes on.
    pub cancel: CancellationToken,
    pub servers: Arc<dyn Servers>,
    /// Between two records of the run, and two looks at requests.
    pub beat: Duration,
}

/// What a batch did.
#[derive(Debug)]
pub struct Report {
    /// The run's name, as its record has it.
    pub run: String,
    pub done: usize,
    pub failed: usize,
    /// Paused by a budget or a person; a later run goes on with them.
    pub unfinished: usize,
    /// Pairs that the run ended before.
    pub left: usize,
    /// Rows that were not searched, by line.
    pub skipped: Vec<Skipped>,
    /// It was ended before every pair was done.
    pub interrupted: bool,
    /// What was spent in this run, by role: `generate` and `score`.
    pub cost: BTreeMap<String, Cost>,
    pub seconds: u64,
    /// The line of every pair that has a session, rising, and that session.
    through: Vec<(u64, Place)>,
    shelf: Shelf,
}

impl Company {
    /// An observer and a token, and models in this process.
    pub fn new(observer: Arc<dyn Observer>, cancel: CancellationToken) -> Company {
        Company { observer, cancel, servers: Arc::new(()), beat: Duration::from_secs(1) }
    }
}

/// Searches every pair of the plan's input.
///
/// # Errors
/// Faults of the whole run; a failing item is counted in the report and recorded in its session.
pub async fn batch(
    plan: Plan,
    models: Models,
    observer: Arc<dyn Observer>,
    cancel: CancellationToken,
) -> Result<Report, BatchError> {
    batch_in_company(plan, models, Company::new(observer, cancel)).await
}

/// As [`batch`], with servers to ask about.
///
/// # Errors
/// As [`batch`].
pub async fn batch_in_company(plan: Plan, models: Models, company: Company) -> Result<Report, BatchError> {
    let Company { observer, cancel, servers, beat } = company;
    let (plan, Begin { survey, shelf, rows }) = begin(plan, observer.clone()).await?;
    observer.see(Progress::Expected(survey.lines.len()));
    let counts = Counts { expected: survey.lines.len(), skipped: survey.skipped.len(), ..Counts::default() };
    let meter = Arc::new(Meter::new(&plan.library, plan.words(), counts, observer));
    let (requests, taken) = unbounded_channel();
    let over = CancellationToken::new();
    let herald = Herald { root: plan.library.clone(), meter: meter.clone(), servers: servers.clone(), requests, beat };
    let herald = tokio::spawn(herald.serve(over.clone()));
    let began = Instant::now();

    let bench = Arc::new(Bench::new(plan, models, meter.clone(), cancel.clone(), shelf));
    let expected = survey.lines.len();
    let outcome = Director::new(bench.clone(), rows, survey.lines).direct(taken).await;
    let fault = bench.brake.refused().map(str::to_owned).or_else(|| servers.fault());
    let report = conclude(bench, outcome, fault, survey.skipped, expected);
    meter.end(match &report {
        Ok(report) => report.sentence(cancel.is_cancelled()),
        Err(error) => error.to_string(),
    });
    over.cancel();
    drop(herald.await);
    let report = report?;
    Ok(Report { run: meter.run(), cost: meter.cost(), seconds: began.elapsed().as_secs(), ..report.report })
}

/// What a run begins with.
struct Begin {
    survey: Survey,
    shelf: Shelf,
    rows: Pairs,
}

/// Reads the input once and lists the library, on a thread that may block.
async fn begin(plan: Plan, observer: Arc<dyn Observer>) -> Result<(Plan, Begin), BatchError> {
    let read = move || {
        let survey = plan::survey(&plan, observer.as_ref())?;
        let shelf = Shelf::create(&plan.library)?;
        plan::refuse_other_settings(&plan, &shelf, &survey)?;
        let rows = pairs::read(&plan.input, &plan.fields)?;
        Ok((plan, Begin { survey, shelf, rows }))
    };
    tokio::task::spawn_blocking(read).await.map_err(|error| BatchError::Task(error.to_string()))?
}

/// A report and how to say it in a sentence.
struct Concluded {
    report: Report,
    asked_to_end: Option<String>,
}

fn conclude(
    bench: Arc<Bench>,
    outcome: Outcome,
    fault: Option<String>,
    mut skipped: Vec<Skipped>,
    expected: usize,
) -> Result<Concluded, BatchError> {
    let Outcome { mut through, left_alone, fault: broken, asked_to_end } = outcome;
    if let Some(error) = broken {
        return Err(error);
    }
    if let Some(why) = fault {
        return Err(BatchError::Servers(why));
    }
    let interrupted = bench.cancel.is_cancelled() || asked_to_end.is_some();
    let shelf = bench.into_shelf().ok_or_else(|| BatchError::Task("it is still held".to_owned()))?;
    let left = expected.saturating_sub(through.len() + left_alone.len());
    skipped.extend(left_alone);
    skipped.sort_by_key(|skipped| skipped.line);
    through.sort_unstable();
    let count = |of: &[Status]| through.iter().filter(|(_, place)| of.contains(&shelf.status(*place))).count();
    let report = Report {
        run: String::new(),
        done: count(&[Status::Done]),
        failed: count(&[Status::Failed]),
        unfinished: count(&[Status::Fresh, Status::Unfinished]),
        left,
        skipped,
        interrupted,
        cost: BTreeMap::new(),
        seconds: 0,
        through,
        shelf,
    };
    Ok(Concluded { report, asked_to_end })
}

impl Concluded {
    fn sentence(&self, cancelled: bool) -> String {
        let Report { done, failed, unfinished, left, .. } = &self.report;
        let how = match &self.asked_to_end {
            Some(asked) => asked.clone(),
            None if cancelled => "interrupted".to_owned(),
            None => "at its end".to_owned(),
        };
        let open = [(unfinished, "stopped on the way"), (left, "not begun")];
        let open = open.into_iter().filter(|(count, _)| **count > 0).map(|(count, what)| format!(", {count} {what}"));
        format!("{how}: {done} done, {failed} failed{}", open.collect::<String>())
    }
}

impl Report {
    /// How many pairs have a session.
    pub fn sessions_len(&self) -> usize {
        self.through.len()
    }

    /// What each search came to, in the input's order, read from its session one at a time. A session that is gone is
    /// passed over.
    pub fn sessions(&self) -> impl Iterator<Item = (Summary, PathBuf)> + '_ {
        self.through.iter().filter_map(|(_, place)| self.session(*place))
    }

    /// As [`Report::sessions`], those that failed only.
    pub fn failures(&self) -> impl Iterator<Item = (Summary, PathBuf)> + '_ {
        let failed = self.through.iter().filter(|(_, place)| self.shelf.status(*place) == Status::Failed);
        failed.filter_map(|(_, place)| self.session(*place))
    }

    fn session(&self, place: Place) -> Option<(Summary, PathBuf)> {
        let path = self.shelf.path(place);
        Some((library::summary(&path).ok()?, path))
    }
}
