//! Searching: a search that is watched, paused, left and gone on with; its settings; candidates on request.

use std::sync::Arc;

use retrace::app::bench::{Bench, Fate};
use retrace::app::message::Press;
use retrace::engine::desk::Work;
use retrace::engine::{BackEnds, Setup};
use retrace::lm::prompts::Prompts;
use retrace::reer::search::{Search, StopReason};

use super::back_ends::{Scripted, setup};
use super::script::{Opening, Script};

/// The screen without what hangs on the clock: the time and the speed in the status line.
fn timeless(screen: &str) -> String {
    let (status, rest) = screen.split_once('\n').unwrap();
    let is_time = |part: &&str| part.contains("tok/s") || part.contains(" left") || part.trim().starts_with("0:");
    let parts: Vec<&str> = status.split(" · ").filter(|part| !is_time(part)).collect();
    format!("{}\n{rest}", parts.join(" · ").split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The status line without what hangs on the clock.
fn status(script: &mut Script) -> String {
    timeless(&script.screen()).lines().next().unwrap_or_default().to_owned()
}

async fn gated(permits: usize) -> Script {
    let mut script = Script::open(Opening { permits, size: (150, 44), ..Opening::default() }).await;
    script.open_session("kettle").await;
    script
}

#[tokio::test]
async fn a_search_is_followed_until_a_person_touches_something() {
    let mut script = gated(2).await;
    script.keys("r");
    script.until(|app| app.bench().is_some_and(|b| b.state.steps() == 1 && b.streams.candidates().count() > 0)).await;
    insta::assert_snapshot!("searching", timeless(&script.screen()));
    assert!(script.bench().follow);
    script.keys("up");
    assert!(!script.bench().follow, "a touch keeps the selection where it is");
    let (segment, cursor) = (script.bench().segment(), script.bench().cursor());
    script.scripted.permits.add_permits(1);
    script.until(|app| app.bench().is_some_and(|bench| bench.state.steps() == 2)).await;
    assert_eq!((script.bench().segment(), script.bench().cursor()), (segment, cursor));
    script.keys("$");
    assert!(script.bench().follow);
    script.keys("space");
    script.until(|app| app.bench().is_some_and(|bench| bench.state.stop.is_some())).await;
    insta::assert_snapshot!(script.hints(), @"kettle: paused");
    script.scripted.permits.add_permits(1000);
    script.keys("r");
    script.until(|app| app.bench().is_some_and(|b| b.state.stop.as_ref().is_some_and(|s| s.reason.is_final()))).await;
    script.settled().await;
    assert!(script.bench().is_at_end(), "what was followed before is followed again");
}

#[tokio::test]
async fn candidates_appear_as_they_are_scored() {
    let opening = Opening { permits: 2, scores: 2, size: (150, 44), ..Opening::default() };
    let mut script = Script::open(opening).await;
    script.open_session("kettle").await;
    let doing = |app: &retrace::app::App| app.bench().map_or_else(Default::default, |bench| bench.activity);
    let waiting = |work, done| move |app: &retrace::app::App| doing(app).work == work && doing(app).done == done;
    script.keys("r");
    script.until(waiting(Work::LeaveOneOut, 0)).await;
    let mut told = vec![status(&mut script)];
    script.scripted.scores.add_permits(3);
    script.until(waiting(Work::LeaveOneOut, 3)).await;
    told.push(status(&mut script));
    script.scripted.scores.add_permits(1);
    script.until(|app| waiting(Work::Scoring, 0)(app) && app.bench().is_some_and(|b| !b.candidates().is_empty())).await;
    let fates = |script: &Script| script.bench().candidates().iter().map(|c| c.fate).collect::<Vec<_>>();
    assert!(!fates(&script).contains(&Fate::Open), "{:?}", fates(&script));
    told.push(status(&mut script));
    script.scripted.scores.add_permits(1);
    script.until(waiting(Work::Scoring, 1)).await;
    script.until(|app| app.bench().is_some_and(|b| b.candidates().iter().any(|c| c.fate == Fate::Open))).await;
    told.push(status(&mut script));
    insta::assert_snapshot!(told.join("\n"), @"
    kettle ppl 5.9 draft · seg 1 by scripted, nll, 45 tokens 2 of 4 how-to, en ● weighing segments 0 of 4 · step 1/8
    kettle ppl 5.9 draft · seg 1 by scripted, nll, 45 tokens 2 of 4 how-to, en ● weighing segments 3 of 4 · step 1/8
    kettle ppl 5.9 draft · seg 1 by scripted, nll, 45 tokens 2 of 4 how-to, en ● scoring 0 of 4 · step 1/8
    kettle ppl 5.9 draft · seg 1 by scripted, nll, 45 tokens 2 of 4 how-to, en ● scoring 1 of 4 · step 1/8
    ");
    insta::assert_snapshot!(script.lines(&["├ ", "└ "]), @r#"
    │                                ││with it is finished too.                             ││    ├ a▸  −0.081  not decided  leak 1w  −3 chars           │
    │                                ││                                                     ││    ├ b        …  scoring…  −27 chars                      │
    │                                ││                                                     ││    ├ c        …  scoring… · same as b  −27 chars          │
    │                                ││                                                     ││    └ d        …  scoring…  −5 chars                       │
    "#);
    script.scripted.scores.add_permits(1000);
    script.until(|app| app.bench().is_some_and(|bench| bench.state.steps() == 1)).await;
    assert!(!fates(&script).iter().any(|fate| matches!(fate, Fate::Open | Fate::Scoring)));
}

/// What a step has so far stays in sight until the search goes on with it.
#[tokio::test]
async fn a_pause_in_a_step_leaves_its_candidates_on_the_chart() {
    let opening = Opening { permits: 2, scores: 8, size: (150, 44), ..Opening::default() };
    let mut script = Script::open(opening).await;
    script.open_session("kettle").await;
    script.keys("r");
    script
        .until(|app| app.bench().is_some_and(|b| b.candidates().iter().filter(|c| c.fate == Fate::Open).count() == 3))
        .await;
    script.keys("space");
    script.until(|app| app.bench().is_some_and(|bench| bench.state.stop.is_some() && !bench.is_searching())).await;
    let screen = script.screen();
    let chart: Vec<&str> = screen.lines().skip_while(|line| !line.contains("Perplexity")).collect();
    insta::assert_snapshot!(chart.join("\n"));
}

#[tokio::test]
async fn a_search_that_is_left_goes_on_out_of_sight_and_quitting_asks() {
    let mut script = gated(2).await;
    script.keys("r");
    script.until(|app| app.bench().is_some_and(|bench| bench.state.steps() == 1)).await;
    script.keys("q");
    assert!(script.status().contains("● 1 search runs"), "{}", script.status());
    script.keys("q");
    insta::assert_snapshot!(script.lines(&["A search is running", "Stay", "Quit"]), @"
    │                                      ╭ ▸ Quit while searching? ─────────────────────────────────────────────╮                                      │
    │                                      │▸ Stay                                                                │                                      │
    │                                      │  Quit; the search pauses and goes on when you start it again         │                                      │
    ");
    script.keys("enter");
    assert!(script.app().overlays.is_empty() && script.app().searching() == 1);
    script.scripted.permits.add_permits(1000);
    script.until(|app| app.searching() == 0).await;
    insta::assert_snapshot!(script.hints(), @"kettle: the search ended, all 8 steps are made");
    script.open_session("kettle").await;
    assert!(script.bench().state.stop.as_ref().is_some_and(|stop| stop.reason.is_final()));
    script.keys("q q");
    assert!(matches!(script.wanted.last(), Some(retrace::app::Effect::Quit)));
}

#[tokio::test]
async fn a_search_closed_with_the_program_can_go_on() {
    let mut script = gated(2).await;
    script.keys("r");
    script.until(|app| app.bench().is_some_and(|bench| bench.state.steps() == 1)).await;
    script.keys("ctrl-c");
    assert!(matches!(script.wanted.last(), Some(retrace::app::Effect::Quit)), "ctrl-c asks nothing");
    script.scripted.permits.add_permits(1000);
    let folder = script.close().await;
    let state = retrace::session::read(&folder.path().join("library/kettle.jsonl")).unwrap().state;
    assert_eq!(state.stop.unwrap().reason, StopReason::Person);
}

#[tokio::test]
async fn a_search_is_started_with_settings_from_the_form() {
    let mut script = gated(1000).await;
    script.keys("S");
    insta::assert_snapshot!("form", script.screen());
    // What the row cuts short is read below it, on a small screen too.
    script.resize(80, 24);
    script.keys("j j j j j j j j j");
    assert!(script.shows("themselves; type on or off.") && script.shows("At most"), "{}", script.screen());
    insta::assert_snapshot!("form_at_80", script.screen());
    script.keys("k k k k k k k k k");
    script.resize(150, 44);
    script.keys("j j j j right");
    assert!(script.shows("‹ 6 ›"), "{}", script.screen());
    script.keys("j e");
    script.keys("ctrl-u");
    script.write("many");
    script.keys("enter");
    assert!(script.shows("steps must be a whole number"));
    script.keys("ctrl-u 3 enter");
    insta::assert_snapshot!(script.lines(&["At most"]), @"│                   │  At most 19 generated texts and 20 scores, and about 3 scores without one segment.                         │                   │");
    script.keys("enter");
    assert_eq!(script.app().memory.setup, None, "settings with which no search can begin are not kept");
    script.until(|app| app.bench().is_some_and(|bench| bench.state.stop.is_some())).await;
    script.settled().await;
    let kept = script.app().memory.setup.as_ref().unwrap();
    assert_eq!((kept.search.steps, kept.search.candidates), (3, 6));
    assert_eq!((script.bench().state.steps(), script.bench().search().unwrap().config().candidates), (3, 6));
    script.keys("r");
    insta::assert_snapshot!("more_steps", script.screen());
    assert!(!script.hints().contains("ended:  "), "{}", script.hints());
    script.keys("enter");
    script.until(|app| app.bench().is_some_and(|bench| bench.state.steps() > 3 && bench.state.stop.is_some())).await;
    script.settled().await;
    // What a search has since built on is undone with a word of what becomes of that.
    script.act("v d").await;
    let steps = script.bench().state.steps();
    script.keys("r enter");
    script.until(|app| app.bench().is_some_and(|b| b.state.steps() >= steps + 3 && b.state.stop.is_some())).await;
    script.settled().await;
    script.act("u").await;
    insta::assert_snapshot!(script.hints(), @"kettle: the deletion of segment 4 undone, the 2 versions made from it since stand as a branch · U brings it back");
}

/// What a search began with stays; another search of the pair has a session of its own.
#[tokio::test]
async fn a_pair_is_searched_anew_beside_its_first_session() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    let first = script.bench().state.clone();
    script.keys(", n");
    script.until(|app| app.bench().is_some_and(|bench| bench.timeline.is_empty() && !bench.loading)).await;
    script.settled().await;
    let (fresh, example) = (&script.bench().state, first.example.unwrap());
    assert_eq!(fresh.example.as_ref().map(|pair| &pair.hash), Some(&example.hash));
    assert!(fresh.search.is_none() && script.path("library/harbour.jsonl").exists());
    script.until(|app| app.library.listed_rows().count() == 5).await;
    assert!(script.hints().contains("the session is saved"), "{}", script.hints());
}

#[tokio::test]
async fn a_sample_searched_anew_is_still_there() {
    let mut script = Script::on_samples(150, 42).await;
    script.open_session("lighthouse-letter").await;
    script.keys(", n");
    script.until(|app| app.library.listed_rows().count() == 11).await;
    script.settled().await;
    let ids: Vec<&str> = script.app().library.listed_rows().map(|row| row.summary.id.as_str()).collect();
    assert_eq!((ids[0], ids[10]), ("lighthouse-letter", "lighthouse-letter-anew"));
    assert!(script.bench().timeline.is_empty() && !script.bench().is_sample());
}

#[tokio::test]
async fn back_ends_are_typed_as_a_person_names_them_and_remembered() {
    let mut script = gated(1000).await;
    script.keys("S j e ctrl-u");
    script.write("gpu1:8000");
    script.keys("enter");
    assert!(script.shows("names no back end; generator must be cues, gguf:PATH"), "{}", script.screen());
    script.keys("ctrl-u");
    script.write("http://gpu1:8000");
    script.keys("enter right");
    assert!(script.shows("‹ cues ›"), "{}", script.screen());
}

#[tokio::test]
async fn more_candidates_come_on_request_and_as_asked() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    let before = script.bench().candidates().len();
    script.keys("g");
    script.write("say less");
    script.act("enter").await;
    script.until(|app| app.bench().is_some_and(|b| b.candidates().iter().all(|c| c.fate != Fate::Scoring))).await;
    script.settled().await;
    insta::assert_snapshot!(script.hints(), @"4 came: none is lower; h comes nearest, +0.087 nats · y takes e, which is selected");
    let all = script.bench().candidates();
    assert!(all.len() > before);
    assert!(all.iter().any(|candidate| candidate.step.is_none() && candidate.new.contains("I was asked: say less")));
    assert!(all.iter().filter(|c| c.step.is_none()).all(|c| c.instruction.as_deref() == Some("say less")));
    insta::assert_snapshot!("asked_for", script.screen());
}

#[tokio::test]
async fn a_generator_that_follows_no_words_says_so_before_they_are_typed() {
    let scripted = Scripted::new(1000, 1000);
    let defaults = Setup { generator: "cues".to_owned(), ..setup() };
    let back_ends = BackEnds::new(Prompts::default(), defaults).with_scorer("scripted", scripted);
    let opening = Opening { size: (150, 44), back_ends: Some(Arc::new(back_ends)), ..Opening::default() };
    let mut script = Script::open(opening).await;
    script.open_session("kettle").await;
    script.keys("r");
    script.until(|app| app.bench().is_some_and(|bench| bench.state.stop.is_some())).await;
    script.settled().await;
    script.keys("g");
    assert!(script.lines(&["Ask again"]).contains("cues writes by rule and cannot follow words: enter asks for more"));
    script.write("say less");
    script.act("enter").await;
    script.until(|app| app.bench().is_some_and(|b| b.candidates().iter().all(|c| c.fate != Fate::Scoring))).await;
    script.settled().await;
    assert!(script.bench().candidates().iter().any(|candidate| candidate.step.is_none()));
    assert!(!script.shows("asked for: say less"), "{}", script.screen());
}

#[tokio::test]
async fn the_search_goes_on_from_any_version() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    script.keys("0");
    let (first, head) = (script.bench().node().unwrap(), script.bench().state.head());
    let (steps, before) = (script.bench().state.steps(), script.bench().state.last_seq);
    script.keys("A");
    insta::assert_snapshot!(script.hints(), @"all steps are made: give it more");
    script.keys("esc");
    script.settled().await;
    assert_eq!(
        (script.bench().state.head(), script.bench().state.last_seq),
        (head, before),
        "never mind changes nothing"
    );
    script.keys("A enter");
    script.until(|app| app.bench().is_some_and(|bench| bench.state.steps() > steps)).await;
    script.settled().await;
    let search = script.bench().search().unwrap();
    assert!(search.tree().lineage(search.head().unwrap()).contains(&first));
    assert_eq!(script.bench().branch(), Some("branch-1"));
    assert!(script.shows("─ branch-1 ─"), "{}", script.screen());
}

/// A draft that could not be used is told while the next one comes in.
#[tokio::test]
async fn a_draft_that_could_not_be_used_is_told() {
    let folder = super::script::folder().await;
    let pair = r#"{"id":"mute","query":"Say nothing (no answer).","reference":"The lamp was lit and nobody came."}"#;
    std::fs::write(folder.path().join("pairs.jsonl"), pair).unwrap();
    let opening = Opening { permits: 1, size: (120, 40), at: "pairs.jsonl", ..Opening::default() };
    let mut script = Script::open_in(folder, opening).await;
    script.click("mute", Press::DoubleClick);
    script.until(|app| app.bench().is_some_and(|bench| !bench.loading)).await;
    script.keys("r");
    script.until(|app| app.bench().and_then(Bench::search).and_then(Search::drafts_again).is_some()).await;
    script.until(|app| app.bench().is_some_and(|bench| bench.streams.draft().is_some())).await;
    assert!(script.shows("Okay, who is asking"), "{}", script.screen());
    insta::assert_snapshot!(script.lines(&["could not be used", "asked for"]), @"
    │The lamp was lit and nobody came.                    ││Draft 1 of at most 3 could not be used: the last answer was    │
    │                                                     ││blank. Another is asked for.                                   │
    ");
}

#[tokio::test]
async fn a_search_that_cannot_begin_says_why_and_what_to_do() {
    let mut script = gated(1000).await;
    script.keys("S j e ctrl-u");
    script.write("recorded:nowhere.jsonl");
    script.keys("enter enter");
    script.until(|app| app.notices.iter().any(|notice| notice.text.contains("nowhere"))).await;
    script.settled().await;
    insta::assert_snapshot!(script.hints(), @"✗ search: nowhere.jsonl: cannot be read: No such file or directory (os error 2); check the path and its permissions · S chooses other back ends");
    assert!(script.bench().timeline.is_empty());
}

#[tokio::test]
async fn a_pair_too_long_for_the_scorer_is_told_before_the_search() {
    let opening = Opening { size: (150, 44), home: "library", ..Opening::default() };
    let mut script = Script::open(opening).await;
    script.keys("N");
    script.write("Describe a well.");
    script.keys("ctrl-s");
    script.paste(&"The well is deep and nobody measures it. ".repeat(150));
    script.keys("ctrl-s");
    // The list comes by itself, and with it the place in the list.
    let listed = |app: &retrace::app::App| app.bench().is_some_and(|bench| app.position(bench).is_some());
    script.until(|app| listed(app) && app.misfit().is_some()).await;
    insta::assert_snapshot!("too_long", script.screen());
    script.keys("S");
    insta::assert_snapshot!("too_long_in_the_form", script.screen());
    script.resize(80, 20);
    assert!(script.shows("too long for its scorer") && script.shows("seed"), "{}", script.screen());
    script.resize(150, 44);
    script.keys("esc");
    let seq = script.bench().state.last_seq;
    script.keys("r");
    script.until(|app| app.notices.iter().any(|notice| notice.text.contains("too long"))).await;
    script.settled().await;
    assert_eq!(script.bench().state.stop, None, "nothing was begun that could only fail");
    assert!(script.bench().state.last_seq <= seq + 1 && script.shows("It cannot be searched as it is"));
    // A text that fits says nothing of it.
    script.keys("q");
    script.open_session("kettle").await;
    assert!(script.app().misfit().is_none() && script.shows("No thinking yet"));
}

#[tokio::test]
async fn why_a_search_failed_stays_to_be_read_at_any_size() {
    let opening = Opening { size: (150, 44), home: "library", ..Opening::default() };
    let mut script = Script::open(opening).await;
    script.keys("N");
    script.write("Describe a well.");
    script.keys("ctrl-s");
    // It fits with a few sentences of thinking, and not with the draft that comes.
    script.paste(&"The well is deep and nobody measures it. ".repeat(117));
    script.keys("ctrl-s");
    script.until(|app| app.front.is_some()).await;
    script.settled().await;
    assert!(script.app().misfit().is_none());
    script.keys("r");
    script.until(|app| app.bench().is_some_and(|bench| bench.state.stop.is_some())).await;
    script.until(|app| app.bench().is_some_and(|bench| !bench.is_busy())).await;
    for (width, height) in [(150, 44), (110, 35), (80, 24), (60, 18)] {
        script.resize(width, height);
        let seen = script.screen().replace(['│', '\n'], " ");
        let seen = seen.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(seen.contains("shorten it by hand") || width >= 110, "at {width}x{height}: {}", script.screen());
        assert!(script.shows("r tries again"), "at {width}x{height}: {}", script.screen());
        assert!(script.shows("too long for the scorer"), "at {width}x{height}: {}", script.screen());
    }
    insta::assert_snapshot!("failed_60", script.screen());
    script.keys("left");
}
