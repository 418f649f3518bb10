//! The batch screen on runs of other processes: what it shows, what it asks for, and what becomes of the answers.

use retrace::app::batch::Tab;
use retrace::app::effect::Tick;
use retrace::app::message::Message;
use retrace::reer::Objective;
use retrace::session::Author;
use retrace::session::runs::{
    self, Answer, Cost, Counts, Endpoint, ErrorClass, FailedItem, Pace, PlanWords, Process, RunRecord, Running, Slow,
    Stage,
};

use super::script::{Opening, Script};

/// A run on another machine that has been at it for a while.
fn far_away() -> RunRecord {
    let counts = Counts { expected: 20_000, done: 8_212, failed: 2, unfinished: 1, stopped: 0, skipped: 7, found: 512 };
    let plan = PlanWords {
        input: "/pairs/train.parquet".to_owned(),
        shard: Some("3/8".to_owned()),
        limit: None,
        concurrency: 64,
        generator: "http://gen:8000".to_owned(),
        scorer: "http://score:8001".to_owned(),
        objective: Some(Objective::Nll),
        settings: "24 steps of 4 candidates, weakest-first, preset retrace, seed 0".to_owned(),
    };
    let pace = Pace {
        examples_a_minute: 88.14,
        steps_a_minute: 1931.0,
        calls_a_second: 160.5,
        tokens_out_a_second: 9_120.0,
        tokens_a_second: 151_300.0,
        left_s: Some(8_022),
    };
    let cost = |calls, tokens_in, tokens_out, tokens_cached| Cost {
        calls,
        failed: 3,
        tokens_in,
        tokens_out,
        tokens_cached,
        ms: 1,
    };
    let work = |id: &str, step, scores: &[f64], seconds| Running {
        id: id.to_owned(),
        file: format!("{id}.jsonl"),
        line: 12_001,
        step,
        steps: 24,
        tokens: Some(512),
        baseline: Some(3.4012),
        scores: scores.to_vec(),
        seconds,
    };
    let failed = |id: &str, line, reason: &str| FailedItem {
        id: id.to_owned(),
        file: format!("{id}.jsonl"),
        line,
        reason: reason.to_owned(),
        at: "2026-01-31T10:22:05.118Z".to_owned(),
    };
    let server = |name: &str, role: &str, state: &str, reason: Option<&str>| Endpoint {
        name: name.to_owned(),
        role: role.to_owned(),
        state: state.to_owned(),
        reason: reason.map(str::to_owned),
        in_flight: 48,
        limit: 64,
        waiting: 3,
        done: 81_220,
        retried: 16,
        errors: [("timeout".to_owned(), 4)].into(),
        ..Endpoint::default()
    };
    let fault =
        |count, last: &str| ErrorClass { count, last: last.to_owned(), at: "2026-01-31T10:20:00.000Z".to_owned() };
    RunRecord {
        run: "far".to_owned(),
        process: Process { pid: 4711, host: "node7".to_owned() },
        started: "2026-01-31T10:00:00.000Z".to_owned(),
        updated: runs::now(),
        seconds: 5_612,
        stage: Stage::Running,
        plan,
        counts,
        steps: 181_022,
        accepted: 60_210,
        cost: [
            ("generate".to_owned(), cost(90_112, 81_000_000, 9_120_000, 0)),
            ("score".to_owned(), cost(812_000, 910_400_000, 0, 702_000_000)),
        ]
        .into(),
        pace,
        running: vec![
            work("harbour", 7, &[3.31, 3.2, 3.2, 2.9, 2.71, 2.71, 2.5, 2.4821], 312),
            work("kettle", 2, &[3.31, 3.2, 3.0019], 65),
            work("orchard", 0, &[], 2),
        ],
        running_more: 61,
        slowest: vec![Slow { id: "lowland".to_owned(), file: "lowland.jsonl".to_owned(), seconds: 4_000, steps: 24 }],
        failures: vec![
            failed("lowland", 77, "the answer has 3 rows for 4 tokens"),
            failed("quarry", 12, "the prompt is too long: 9012 tokens of 8192"),
        ],
        failures_more: 0,
        errors: [
            ("overloaded".to_owned(), fault(12, "http://gen:8000: 429 Too Many Requests")),
            ("timeout".to_owned(), fault(4, "http://score:8001: no answer within 120 s")),
        ]
        .into(),
        answers: Vec::new(),
        endpoints: vec![
            server("http://gen:8000", "generate", "up", None),
            server("http://score:8001", "score", "paused", Some("5 calls in a row had no answer")),
        ],
        ..RunRecord::default()
    }
}

async fn watching(size: (u16, u16), records: &[RunRecord]) -> Script {
    let mut script = Script::open(Opening { size, ..Opening::default() }).await;
    let root = script.path("library");
    records.iter().for_each(|record| runs::write(&root, record).unwrap());
    script.keys("B");
    script.until(|app| app.batch().is_some_and(|batch| batch.runs.is_some())).await;
    script
}

/// Looks again, as it does every second.
async fn look(script: &mut Script, seen: impl FnMut(&retrace::app::App) -> bool) {
    script.tell(Message::Tick(Tick::Runs));
    script.until(seen).await;
}

#[tokio::test]
async fn a_library_without_runs_says_how_to_begin_one() {
    let mut script = watching((120, 30), &[]).await;
    insta::assert_snapshot!("no_runs", script.screen());
    script.keys("space d r R + minus S ] [ tab enter j k end");
    assert!(script.app().overlays.is_empty() && script.app().batch().is_some());
    assert!(!script.path("library/.retrace/control").exists(), "there was nobody to ask");
    script.keys("q");
    assert!(script.shows("Library") && script.app().is_library());
}

#[tokio::test]
async fn a_run_of_another_machine_is_watched() {
    let mut script = watching((150, 36), &[far_away()]).await;
    insta::assert_snapshot!("batch", script.screen());
    let mut lists = Vec::new();
    for _ in 1..Tab::ALL.len() {
        script.keys("tab");
        let screen = script.screen();
        let list = screen.lines().skip_while(|line| !line.contains('▸')).take(6);
        lists.push(list.collect::<Vec<_>>().join("\n"));
    }
    insta::assert_snapshot!("lists", lists.join("\n\n"));
    script.keys("tab");
    script.resize(80, 24);
    insta::assert_snapshot!("batch_80x24", script.screen());
}

#[tokio::test]
async fn an_example_in_work_is_opened_and_left_again() {
    let mut script = watching((150, 44), &[far_away()]).await;
    script.keys("j k enter");
    script.settled().await;
    assert_eq!(script.bench().key, script.path("library/harbour.jsonl").display().to_string());
    script.keys("q");
    assert!(script.app().batch().is_some(), "it goes back to where it was opened");
    script.keys("tab tab tab enter");
    insta::assert_snapshot!(script.hints(), @"there is no session in this row");
    script.keys("esc");
    insta::assert_snapshot!(script.hints(), @"q goes back to the library");
}

/// Not that they are paused, as their files alone say.
#[tokio::test]
async fn the_library_says_what_a_run_works_at() {
    let mut script = watching((150, 36), &[far_away()]).await;
    script.keys("q ctrl-r");
    let in_work =
        |app: &retrace::app::App| app.library.listing.iter().flat_map(|listing| &listing.rows).any(|row| row.in_work);
    script.until(in_work).await;
    insta::assert_snapshot!(
        script.lines(&["in work"]),
        @"│         kettle                               in work         Explain how to boil water for tea, as somebody who has done it every morning.         │"
    );
}

#[tokio::test]
async fn requests_are_left_for_the_run_and_its_answers_are_told() {
    let mut script = watching((150, 36), &[far_away()]).await;
    let root = script.path("library");
    let control = script.path("library/.retrace/control");
    script.keys("space + + minus r tab r R d S down enter");
    let asked = || {
        std::fs::read_dir(&control).map_or(0, |folder| {
            folder.filter(|f| f.as_ref().unwrap().path().extension().is_some_and(|e| e == "json")).count()
        })
    };
    while asked() < 8 {
        tokio::task::yield_now().await;
    }
    // Files of one millisecond may stand in any order.
    let mut wishes: Vec<String> =
        runs::take(&root, "far").unwrap().iter().map(|r| format!("{} by {}", r.wish, r.by)).collect();
    wishes.sort();
    insta::assert_snapshot!(wishes.join("\n"), @r#"
    128 examples at once by user:ada
    128 examples at once by user:ada
    256 examples at once by user:ada
    drain by user:ada
    pause by user:ada
    requeue lowland by user:ada
    requeue what failed by user:ada
    stop by user:ada
    "#);

    let answer = Answer {
        asked: "pause".to_owned(),
        by: Author::User("ada".to_owned()),
        at: runs::now(),
        answer: "pausing: 64 in work stop before their next call".to_owned(),
    };
    let paused = RunRecord { stage: Stage::Paused, in_stage: 12, answers: vec![answer], ..far_away() };
    runs::write(&root, &paused).unwrap();
    let paused = |app: &retrace::app::App| app.batch().and_then(|batch| batch.record()).map(|record| record.stage);
    look(&mut script, |app| paused(app) == Some(Stage::Paused)).await;
    insta::assert_snapshot!(script.lines(&["state", "stop before"]), @r#"
    │ state    ‖ paused for 0:12                                                                                                                         │
     pause: pausing: 64 in work stop before their next call
    "#);
}

/// The workbench on a file of four pairs, none of which has a session.
async fn on_pairs() -> Script {
    let folder = super::script::folder().await;
    let row = |at| serde_json::to_string(&super::library::example(at)).unwrap() + "\n";
    std::fs::write(folder.path().join("pairs.jsonl"), (0..4).map(row).collect::<String>()).unwrap();
    Script::open_in(folder, Opening { permits: 1, size: (150, 36), at: "pairs.jsonl", ..Opening::default() }).await
}

/// As many examples are in work in the run that is looked at.
fn working(app: &retrace::app::App, examples: usize) -> bool {
    app.batch().and_then(|batch| batch.record()).is_some_and(|record| record.running.len() == examples)
}

#[tokio::test]
async fn every_pair_of_a_listed_file_is_searched_in_this_process() {
    let mut script = on_pairs().await;
    script.keys("B A");
    insta::assert_snapshot!(script.hints(), @"searching every pair: 4 candidates a step, 8 steps, scripted, scripted");
    script.keys("A");
    insta::assert_snapshot!(script.hints(), @"a batch of this process runs already");
    script.until(|app| working(app, 2)).await;
    assert!(script.shows("this process"), "{}", script.screen());
    script.keys("q q");
    assert!(script.shows("Quit while searching?"));
    script.keys("enter");
    script.scripted.permits.add_permits(100_000);
    script.until(|app| !app.batching).await;
    insta::assert_snapshot!(script.hints(), @"the batch has ended: 4 done, 0 failed");
    let folder = script.close().await;
    let sessions = retrace::session::library::files(&folder.path().join("home")).unwrap();
    let ended = |file: &std::path::PathBuf| retrace::session::read(file).unwrap().state.stop.unwrap().reason.is_final();
    assert!(sessions.len() == 4 && sessions.iter().all(ended));
}

#[tokio::test]
async fn a_batch_ends_in_order_with_the_program() {
    let mut script = on_pairs().await;
    script.keys("B A");
    script.until(|app| working(app, 2)).await;
    let home = script.path("home");
    let _folder = script.close().await;
    let ended = runs::list(&home).unwrap()[0].record.ended.clone();
    assert_eq!(ended.as_deref(), Some("interrupted: 0 done, 0 failed, 2 stopped on the way, 2 not begun"));
}

#[tokio::test]
async fn runs_that_are_over_are_told_from_those_that_died() {
    let ended = RunRecord {
        run: "early".to_owned(),
        started: "2026-01-30T10:00:00.000Z".to_owned(),
        stage: Stage::Ended,
        ended: Some("at its end: 9 done, 1 failed".to_owned()),
        ..far_away()
    };
    // Ids are reused upwards from small ones; this one is above every limit in use.
    let process = Process { pid: 0x7fff_fff0, ..Process::this() };
    let died =
        RunRecord { run: "died".to_owned(), started: "2026-01-31T09:00:00.000Z".to_owned(), process, ..far_away() };
    let silent = RunRecord {
        updated: "2026-01-31T10:22:05.118Z".to_owned(),
        started: "2026-02-01".to_owned(),
        run: "silent".to_owned(),
        ..far_away()
    };
    let mut script = watching((150, 36), &[ended, died, silent]).await;
    let mut states = Vec::new();
    for _ in 0..3 {
        states.push(script.lines(&[" state "]));
        script.keys("space");
        states.push(script.hints());
        script.keys("]");
    }
    insta::assert_snapshot!(states.join("\n"), @r#"
    │ state    ! running, and silent since; it should speak every second: its machine cannot be reached, or it hangs                                     │
    it has been silent for a while, and is asked all the same
    │ state    ✗ its process is gone and said nothing: the same command again goes on where it stopped                                                   │
    this run's process is gone; the same command again goes on where it stopped
    │ state    ■ at its end: 9 done, 1 failed                                                                                                            │
    this run has ended; the same command again goes on, with --retry-failed with what failed
    "#);
    insta::assert_snapshot!(script.hints(), @"this is the oldest run that is known");
}

#[tokio::test]
async fn from_a_session_the_batch_leads_back_to_it() {
    let mut script = Script::at(120, 40).await;
    script.open_session("harbour").await;
    script.keys("0 l l B");
    let mut told = vec![script.hints(), script.lines(&["goes back to"])];
    script.keys("esc");
    told.push(script.hints());
    script.keys("q");
    script.settled().await;
    told.push(script.status());
    script.keys("q B esc");
    told.push(script.hints());
    insta::assert_snapshot!(told.join("\n"), @"
    A search all pairs  q session  : commands  ? help

    q goes back to the session
    harbour  ppl 6.9  step 2/8 · seg 3  by scripted, nll, 78 tokens  1 of 4  letter, en              ended: all steps made
    q goes back to the library
    ");
}
