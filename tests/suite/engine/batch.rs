//! A batch as others see it: its record in the library, what it does when it is asked, and that nothing of it is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use retrace::engine::{BatchError, Company, Models, Observer, Progress, Report, batch_in_company};
use retrace::lm::{Answered, Context, Generator, LmError, Request, Sample, Scorer, Sink, TokenLogprobs};
use retrace::reer::{Example, Identity, Target};
use retrace::session::Author;
use retrace::session::runs::{self, RunRecord, Stage, Standing, Wish};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{World, folder, plan, run, state};

/// A world in which the generator is let through call by call, and that can be healed.
struct Gated {
    world: World,
    calls: Semaphore,
    healed: AtomicBool,
    sound: World,
}

impl Gated {
    fn new(world: World, calls: usize) -> Arc<Gated> {
        let (healed, sound) = (AtomicBool::new(false), World::new("scripted"));
        Arc::new(Gated { world, calls: Semaphore::new(calls), healed, sound })
    }

    fn now(&self) -> &World {
        if self.healed.load(Ordering::SeqCst) { &self.sound } else { &self.world }
    }

    fn open(&self) {
        self.calls.add_permits(100_000);
    }
}

#[async_trait]
impl Generator for Gated {
    fn identity(&self) -> &Identity {
        Generator::identity(&self.world)
    }

    async fn generate(&self, request: &Request<'_>, sink: Sink<'_>) -> Result<Vec<Sample>, LmError> {
        // The last one holds the run open; the others run free.
        if request.example.query.contains("piece 3") {
            self.calls.acquire().await.unwrap().forget();
        }
        self.now().generate(request, sink).await
    }
}

#[async_trait]
impl Scorer for Gated {
    fn identity(&self) -> &Identity {
        Scorer::identity(&self.world)
    }

    async fn tokenize(&self, example: &Example) -> Result<Target, LmError> {
        self.now().tokenize(example).await
    }

    async fn score(
        &self,
        example: &Example,
        target: &Target,
        of: &[Context],
        answered: Answered<'_>,
    ) -> Vec<Result<TokenLogprobs, LmError>> {
        self.now().score(example, target, of, answered).await
    }
}

/// Tells a test every record.
struct Told(watch::Sender<RunRecord>);

impl Observer for Told {
    fn see(&self, progress: Progress<'_>) {
        if let Progress::Stands(record) = progress {
            self.0.send_replace(record.clone());
        }
    }
}

/// A batch of four pairs that runs, and what it says of itself.
struct Live {
    folder: tempfile::TempDir,
    told: watch::Receiver<RunRecord>,
    run: JoinHandle<Result<Report, BatchError>>,
}

impl Live {
    fn start(gated: &Arc<Gated>) -> Live {
        Live::start_in(folder(4), gated)
    }

    fn start_in(folder: tempfile::TempDir, gated: &Arc<Gated>) -> Live {
        let (sender, told) = watch::channel(RunRecord::default());
        let models = Models { generator: gated.clone(), scorer: gated.clone() };
        let beat = Duration::from_millis(2);
        let company = Company { beat, ..Company::new(Arc::new(Told(sender)), CancellationToken::new()) };
        let run = tokio::spawn(batch_in_company(plan(folder.path()), models, company));
        Live { folder, told, run }
    }

    async fn until(&mut self, done: impl FnMut(&RunRecord) -> bool) -> RunRecord {
        let waited = tokio::time::timeout(Duration::from_secs(60), self.told.wait_for(done)).await;
        waited.expect("it never came").expect("the run goes on").clone()
    }

    /// Asks as another process would: by a file.
    async fn ask(&mut self, wish: Wish) -> String {
        let (root, record) = (self.folder.path().join("out"), self.told.borrow().clone());
        let asked = record.answers.len();
        runs::ask(&root, &record.run, wish, Author::User("ada".to_owned())).unwrap();
        let record = self.until(|record| record.answers.len() > asked).await;
        record.answers[asked].answer.clone()
    }

    async fn end(self) -> (Report, tempfile::TempDir) {
        (self.run.await.unwrap().unwrap(), self.folder)
    }
}

/// Ids, decisions and scores of every session, for comparing runs.
fn essence(report: &Report) -> Vec<String> {
    let describe = |at| {
        let search = state(report, at).search.unwrap();
        let tree: Vec<_> = search.tree().iter().map(|(id, v)| (id, v.trajectory.clone(), v.measures)).collect();
        format!("{tree:?} {:?}", search.decisions())
    };
    (0..report.sessions_len()).map(describe).collect()
}

async fn undisturbed() -> Vec<String> {
    let folder = folder(4);
    let (report, _) = run(plan(folder.path()), World::new("scripted")).await;
    essence(&report.unwrap())
}

#[tokio::test]
async fn a_run_that_ended_left_its_record() {
    let folder = folder(4);
    let world = World { fails_on: Some("piece 2"), ..World::new("scripted") };
    let (report, _) = run(plan(folder.path()), world).await;
    let report = report.unwrap();
    let seen = runs::list(&folder.path().join("out")).unwrap();
    let [seen] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!((seen.standing, &seen.record.run), (Standing::Ended, &report.run));
    let record = &seen.record;
    assert_eq!(record.ended.as_deref(), Some("at its end: 3 done, 1 failed"));
    let counts = record.counts;
    assert_eq!((counts.expected, counts.done, counts.failed, counts.unfinished), (4, 3, 1, 0));
    let [failed] = &record.failures[..] else { panic!("{:?}", record.failures) };
    assert_eq!((failed.id.as_str(), failed.file.as_str(), failed.line), ("p2", "p2.jsonl", 3));
    assert!(failed.reason.contains("3 rows for 4 tokens"));
    assert!(record.errors["invalid"].count >= 1, "{:?}", record.errors);
    assert!(record.running.is_empty() && record.slowest.len() == 4);
    let spent: u64 = (0..4).map(|at| state(&report, at).ledger.total().tokens_in).sum();
    assert_eq!(record.cost.values().map(|cost| cost.tokens_in).sum::<u64>(), spent);
    assert_eq!(record.cost, report.cost);
    let generated = &record.cost["generate"];
    assert!(generated.tokens_out > 0 && generated.tokens_cached > 0 && generated.tokens_cached < generated.tokens_in);
    let steps: u32 = (0..4).map(|at| state(&report, at).steps()).sum();
    assert_eq!(record.steps, u64::from(steps));
}

#[tokio::test]
async fn a_paused_run_begins_nothing_and_goes_on_as_if_nothing_had_been() {
    let gated = Gated::new(World::new("scripted"), 1);
    let mut live = Live::start(&gated);
    let drafted =
        |record: &RunRecord| record.running.iter().all(|work| work.baseline.is_some() && work.scores.len() == 1);
    let record = live.until(|r| r.counts.done == 3 && r.running.len() == 1 && drafted(r)).await;
    assert_eq!((record.stage, record.running[0].step), (Stage::Running, 0), "the draft's score is known before a step");
    assert!(live.ask(Wish::Pause).await.starts_with("pausing: 1 in work"));
    gated.open();
    let record = live.until(|record| record.stage == Stage::Paused).await;
    assert!(record.running.is_empty() && record.counts.done == 3);
    assert_eq!((record.counts.settled(), record.counts.stopped, record.counts.waiting(0)), (3, 1, 0));
    assert_eq!(live.ask(Wish::Pause).await, "it is paused already");
    assert_eq!(live.ask(Wish::Resume).await, "goes on");
    let (report, folder) = live.end().await;
    assert_eq!((report.done, report.interrupted), (4, false));
    let counts = runs::list(&folder.path().join("out")).unwrap()[0].record.counts;
    assert_eq!((counts.done, counts.stopped), (4, 0));
    assert_eq!(essence(&report), undisturbed().await);
}

#[tokio::test]
async fn a_stopped_run_is_gone_on_with_by_the_next() {
    let gated = Gated::new(World::new("scripted"), 3);
    let mut live = Live::start(&gated);
    live.until(|record| record.counts.done == 3 && record.running.len() == 1 && record.running[0].step > 0).await;
    assert!(live.ask(Wish::Stop).await.starts_with("stopping"));
    let (report, folder) = live.end().await;
    assert_eq!((report.done, report.unfinished, report.interrupted), (3, 1, true));
    let ended = runs::list(&folder.path().join("out")).unwrap()[0].record.ended.clone();
    assert_eq!(ended.as_deref(), Some("stopped by ada: 3 done, 0 failed, 1 stopped on the way"));
    let (next, _) = run(plan(folder.path()), World::new("scripted")).await;
    assert_eq!(essence(&next.unwrap()), undisturbed().await);
}

/// What was begun is told, whether a pause or the end stopped it.
#[tokio::test]
async fn the_numbers_of_a_run_that_is_stopped_in_a_pause_add_up() {
    let folder = folder(9);
    let gated = Gated::new(World::new("scripted"), 0);
    let mut live = Live::start_in(folder, &gated);
    let record = live.until(|record| record.running.iter().any(|work| work.id == "p3")).await;
    let begun = record.counts.settled() + record.running.len();
    assert_eq!(record.counts.waiting(record.running.len()), 9 - begun);
    live.ask(Wish::Pause).await;
    gated.open();
    let paused = live.until(|record| record.stage == Stage::Paused).await.counts;
    assert!(paused.stopped > 0 && paused.settled() + paused.stopped + paused.waiting(0) == 9, "{paused:?}");
    live.ask(Wish::Stop).await;
    let (report, folder) = live.end().await;
    assert_eq!((report.done, report.unfinished), (paused.settled(), paused.stopped));
    assert_eq!((report.sessions_len() + report.left, report.left), (9, paused.waiting(0)));
    let record = &runs::list(&folder.path().join("out")).unwrap()[0].record;
    assert_eq!(record.counts, paused);
    let said = format!(
        "stopped by ada: {} done, 0 failed, {} stopped on the way, {} not begun",
        report.done, report.unfinished, report.left
    );
    assert_eq!(record.ended.as_deref(), Some(said.as_str()));
}

#[tokio::test]
async fn a_drained_run_finishes_what_is_in_work_and_begins_nothing() {
    let folder = folder(9);
    let gated = Gated::new(World::new("scripted"), 0);
    let mut live = Live::start_in(folder, &gated);
    live.until(|record| record.running.iter().any(|work| work.id == "p3")).await;
    assert!(live.ask(Wish::Drain).await.starts_with("draining"));
    let refused = live.ask(Wish::Pause).await;
    assert_eq!(refused, "no: the run ends when what runs is finished");
    gated.open();
    let (report, _folder) = live.end().await;
    assert!(report.done >= 1 && report.unfinished == 0 && report.interrupted, "{report:?}");
    assert_eq!(report.done + report.left, 9);
}

#[tokio::test]
async fn what_failed_is_searched_again_when_somebody_asks() {
    let gated = Gated::new(World { fails_on: Some("piece"), ..World::new("scripted") }, 0);
    let mut live = Live::start(&gated);
    let record = live.until(|record| record.counts.failed == 3).await;
    assert_eq!(record.failures.len(), 3);
    assert_eq!(live.ask(Wish::Requeue { id: "p9".to_owned() }).await, "no: p9 is no session that failed");
    gated.healed.store(true, Ordering::SeqCst);
    assert_eq!(live.ask(Wish::Requeue { id: "p1".to_owned() }).await, "p1 is searched again");
    live.until(|record| record.counts.done == 1 && record.counts.failed == 2).await;
    assert_eq!(live.ask(Wish::RequeueFailed).await, "2 are searched again");
    let record = live.until(|record| record.counts.done == 3).await;
    assert_eq!((record.counts.failed, record.failures.len()), (0, 0));
    assert_eq!(live.ask(Wish::RequeueFailed).await, "no: none has failed");
    gated.open();
    let (report, _folder) = live.end().await;
    assert_eq!((report.done, report.failed), (4, 0));
}

#[tokio::test]
async fn more_are_in_work_when_somebody_asks() {
    // Three of the last one: every example of this input is held.
    let folder = folder(1);
    let row = |i: usize| {
        format!("{{\"id\":\"p{i}\",\"query\":\"Write piece 3{i}.\",\"reference\":\"Piece {i} is here.\"}}\n")
    };
    std::fs::write(folder.path().join("pairs.jsonl"), (0..9).map(row).collect::<String>()).unwrap();
    let gated = Gated::new(World::new("scripted"), 0);
    let mut live = Live::start_in(folder, &gated);
    live.until(|record| record.running.len() == 3).await;
    assert_eq!(live.ask(Wish::Concurrency { examples: 5 }).await, "at most 5 in work from now on");
    let record = live.until(|record| record.running.len() == 5).await;
    assert_eq!(record.plan.concurrency, 5);
    assert!(live.ask(Wish::Concurrency { examples: 0 }).await.starts_with("no:"));
    gated.open();
    let (report, _folder) = live.end().await;
    assert_eq!(report.done, 9);
}
