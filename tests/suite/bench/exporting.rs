//! Exporting what was kept, and beginning new sessions from text.

use retrace::app::message::Message;
use retrace::session::read;

use super::script::{Opening, Script};

#[tokio::test]
async fn a_row_is_previewed_in_every_shape_and_the_kept_ones_are_written() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    script.act("* 4").await;
    script.keys("q");
    script.settled().await;
    script.keys("a");
    script.until(|app| app.library.tally().kept == 1).await;
    script.open_session("harbour").await;
    script.keys("X");
    let made = |app: &retrace::app::App| match app.overlays.last() {
        Some(retrace::app::overlay::Overlay::Export(view)) => view.preview.is_some(),
        _ => false,
    };
    script.until(made).await;
    insta::assert_snapshot!("export", script.screen());
    for _ in retrace::session::export::Format::ALL {
        script.keys("right");
        script.until(made).await;
        assert!(!script.shows("It has no row"), "{}", script.screen());
    }
    script.keys("j j k tab");
    assert!(script.shows("kept and not flagged: 1 of 4 sessions"), "{}", script.screen());
    script.keys("tab");
    assert!(script.shows("all: 4 sessions, judged or not"));
    script.keys("tab enter");
    script
        .until(|app| match app.overlays.last() {
            Some(retrace::app::overlay::Overlay::Export(view)) => view.done.is_some(),
            _ => false,
        })
        .await;
    insta::assert_snapshot!(script.lines(&["rows in"]), @"");
    let rows = std::fs::read_to_string(script.path("rows/messages/train.jsonl"));
    assert_eq!(rows.unwrap_or_else(|_| panic!("{:?}", files(&script.path("rows")))).lines().count(), 1);
    script.keys("e ctrl-u");
    let inside = script.path("library/rows").display().to_string();
    script.paste(&inside);
    script.keys("enter enter");
    script
        .until(|app| match app.overlays.last() {
            Some(retrace::app::overlay::Overlay::Export(view)) => matches!(view.done, Some(Err(_))),
            _ => false,
        })
        .await;
    assert!(script.lines(&["✗"]).contains("lies inside the library"), "{}", script.screen());
    assert!(script.shows("is a session; choose") && !script.lines(&["✗"]).contains('…'), "the remedy is read, too");
    script.keys("q");
    assert!(script.app().overlays.is_empty());
}

fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() { found.extend(files(&entry.path())) } else { found.push(entry.path()) }
    }
    found
}

#[tokio::test]
async fn the_export_says_what_is_flagged_and_goes_from_row_to_row() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    script.act("f").await;
    script.keys("q");
    script.settled().await;
    script.open_session("orchard").await;
    script.act("a").await;
    script.keys("q");
    script.settled().await;
    script.open_session("harbour").await;
    script.act("a").await;
    script.keys("q");
    script.settled().await;
    script.until(|app| app.library.tally().kept == 2).await;
    script.until(|app| app.library.listed_rows().any(|row| !row.summary.flags.is_empty())).await;
    let made = |app: &retrace::app::App| match app.overlays.last() {
        Some(retrace::app::overlay::Overlay::Export(view)) => view.preview.is_some(),
        _ => false,
    };
    script.keys("home X");
    script.until(made).await;
    assert!(script.shows("queue  kept: 2 of 4 sessions; 1 of them is flagged"), "{}", script.screen());
    assert!(script.shows("The row of harbour"), "{}", script.screen());
    script.keys("]");
    script.until(made).await;
    assert!(script.shows("The row of orchard"), "{}", script.screen());
    script.keys("]");
    assert_eq!(script.hints(), "this is the last row");
    script.keys("[");
    script.until(made).await;
    assert!(script.shows("The row of harbour"));
    script.keys("tab");
    assert!(script.shows("queue  kept and not flagged: 1 of 4 sessions"), "{}", script.screen());
    assert!(script.shows("What the row of harbour would be; it is flagged, and is not written"), "{}", script.screen());
    script.keys("]");
    script.until(made).await;
    assert!(script.shows("The row of orchard"), "{}", script.screen());
    script.keys("[");
    assert_eq!(script.hints(), "this is the first row");
}

/// What is previewed is what will be written: a sample that nobody touched is not.
#[tokio::test]
async fn the_first_row_that_is_written_is_previewed() {
    let mut script = Script::open(Opening { size: (150, 44), home: "library", own: true, ..Opening::default() }).await;
    let sample = script.app().library.view().position(retrace::app::library::Row::is_sample).unwrap();
    script.keys("home");
    (0..sample).for_each(|_| script.keys("down"));
    script.keys("X");
    let made = |app: &retrace::app::App| match app.overlays.last() {
        Some(retrace::app::overlay::Overlay::Export(view)) => view.preview.is_some(),
        _ => false,
    };
    script.until(made).await;
    assert!(script.shows("queue  all: 4 sessions, judged or not"), "{}", script.screen());
    assert!(script.shows("The row of harbour, as the trainer reads it"), "{}", script.screen());
}

#[tokio::test]
async fn an_export_is_replaced_only_when_asked_again_and_all_shapes_go_together() {
    use retrace::app::overlay::Overlay;
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    script.keys("X enter");
    let done =
        |app: &retrace::app::App| matches!(app.overlays.last(), Some(Overlay::Export(view)) if view.done.is_some());
    script.until(done).await;
    assert!(script.path("rows/messages/train.jsonl").is_file());
    script.keys("right enter");
    script.until(done).await;
    assert!(script.shows("nothing was written"), "{}", script.screen());
    assert!(script.path("rows/messages/train.jsonl").is_file() && !script.path("rows/prompt_completion").exists());
    script.keys("enter");
    script
        .until(|app| matches!(app.overlays.last(), Some(Overlay::Export(view)) if matches!(view.done, Some(Ok(_)))))
        .await;
    assert!(script.path("rows/prompt_completion/train.jsonl").is_file());
    script.keys("right right");
    assert!(!script.shows("in ~/rows") && !script.shows(" rows in "), "what was written was of another shape");
    assert!(script.shows("[all of them]"), "{}", script.screen());
    script.keys("enter");
    script.until(done).await;
    script.keys("enter");
    script
        .until(|app| matches!(app.overlays.last(), Some(Overlay::Export(view)) if matches!(view.done, Some(Ok(_)))))
        .await;
    let shapes = ["messages/train.jsonl", "prompt_completion/train.jsonl", "llamafactory/retrace_sharegpt.json"];
    assert!(shapes.iter().all(|shape| script.path("rows").join(shape).is_file()));
    assert!(script.app().told[0].text.contains("rows"), "where they went can be read when the form is gone");
}

/// What was kept and changed since is told before it is written.
#[tokio::test]
async fn a_session_that_changed_since_it_was_kept_says_so_everywhere() {
    let mut script = Script::at(150, 44).await;
    script.keys("home a");
    script.until(|app| app.library.tally().kept == 1).await;
    script.open_session("harbour").await;
    script.act("v d").await;
    script.keys("X");
    script.until(|app| matches!(app.overlays.last(), Some(retrace::app::overlay::Overlay::Export(view)) if view.preview.is_some())).await;
    script.keys("esc q");
    script.settled().await;
    script.until(|app| app.library.listed_rows().any(|row| row.summary.changed)).await;
    assert!(script.shows("✓ kept Δ"), "{}", script.screen());
    script.keys("home X");
    assert!(script.shows("1 of them is another text than what was judged"), "{}", script.screen());
}

/// A text that is not seen whole says where it stands and which way it goes on.
#[tokio::test]
async fn a_long_text_says_that_it_goes_on() {
    let mut script = Script::at(100, 30).await;
    script.keys("N");
    assert!(!script.shows("line 1 of"), "a short text stands whole");
    let lines: Vec<String> = (1..=340).map(|line| format!("This is line {line}.")).collect();
    script.paste(&lines.join("\n"));
    assert!(script.shows("changed · line 340 of 340 ↑ "), "{}", script.screen());
    script.keys("pageup pageup");
    assert!(script.shows(" of 340 ↑↓ "), "{}", script.screen());
    script.keys("ctrl-home");
    assert!(script.shows("changed · line 1 of 340 ↓ "), "{}", script.screen());
    insta::assert_snapshot!("long_text", script.screen());
}

#[tokio::test]
async fn a_pasted_text_becomes_a_session() {
    let mut script = Script::open(Opening { size: (150, 44), home: "library", ..Opening::default() }).await;
    let rows = script.app().library.tally().rows;
    script.paste("Describe a well.");
    insta::assert_snapshot!(script.hints(), @"pasted as the query of a new session; its reference comes next");
    script.keys("ctrl-s");
    assert!(script.shows("2 of 2: the reference"));
    script.keys("ctrl-s");
    insta::assert_snapshot!(script.hints(), @"a session needs a reference: the good text");
    script.paste("The well is older than the village, and deeper than anybody has been thirsty.\r\n");
    script.keys("ctrl-s");
    script.until(|app| app.front.is_some()).await;
    script.settled().await;
    assert!(script.shows("Describe a well.") && script.shows("The well is older"));
    insta::assert_snapshot!(script.hints(), @"the session is saved");
    let path =
        files(&script.path("library")).into_iter().find(|path| path.to_string_lossy().contains("describe-a-well-"));
    let state = read(&path.expect("it is saved")).unwrap().state;
    assert_eq!(state.example.unwrap().query, "Describe a well.");
    script.keys("q");
    script.until(|app| app.library.tally().rows == rows + 1).await;
}

#[tokio::test]
async fn a_new_session_needs_a_query_and_can_be_left() {
    let mut script = Script::at(100, 30).await;
    script.keys("N");
    insta::assert_snapshot!("new_session", script.screen());
    script.keys("ctrl-s");
    insta::assert_snapshot!(script.hints(), @"a session needs a query: what was asked for");
    script.keys("esc");
    assert!(script.app().overlays.is_empty());
}

#[tokio::test]
async fn a_longer_text_is_pasted_as_the_reference_and_no_step_back_loses_anything() {
    let mut script = Script::open(Opening { size: (120, 40), home: "library", ..Opening::default() }).await;
    script.paste("Dear Ana,\n\nThe lamp has been kind to me this winter.");
    assert!(script.shows("1 of 2: the query"));
    insta::assert_snapshot!(script.hints(), @"pasted as the reference of a new session; write what was asked for, its query");
    script.write("Write a letter.");
    script.keys("ctrl-s");
    assert!(script.shows("2 of 2: the reference") && script.shows("The lamp has been kind"));
    script.keys("esc");
    assert!(script.shows("Throw the changes away"), "the reference is asked for before it goes");
    script.keys("down down enter");
    assert!(script.shows("1 of 2: the query") && script.shows("Write a letter."));
    script.keys("esc");
    assert!(script.shows("Throw the changes away"), "and so is the query, though nobody typed since");
    script.keys("down enter");
    assert!(script.shows("2 of 2: the reference"), "the question can be answered by going on");
    script.write("Dear Ana, no.");
    script.keys("ctrl-s");
    script.until(|app| app.front.is_some()).await;
    script.settled().await;
    assert_eq!((script.bench().query(), script.bench().reference()), ("Write a letter.", "Dear Ana, no."));
    assert!(script.app().overlays.is_empty());
}

#[tokio::test]
async fn a_new_session_that_cannot_be_saved_keeps_its_text_in_the_editor() {
    let mut script = Script::open(Opening { size: (120, 40), home: "library", ..Opening::default() }).await;
    script.keys("N");
    script.write("Describe a well.");
    script.keys("ctrl-s");
    script.write("The well is deep.");
    script.tell(Message::Begun(Err("the disk is full".to_owned())));
    assert!(script.shows("The well is deep.") && script.shows("the disk is full"));
}

#[tokio::test]
async fn a_file_of_pairs_lists_its_rows() {
    let folder = super::script::folder().await;
    let row = |at: usize| {
        let example = super::library::example(at);
        serde_json::json!({"id": example.id, "query": example.query, "reference": example.reference}).to_string()
    };
    std::fs::write(folder.path().join("pairs.jsonl"), [row(1), "{}".to_owned(), row(2), row(1)].join("\n")).unwrap();
    let opening = Opening { at: "pairs.jsonl", size: (100, 30), ..Opening::default() };
    let mut script = Script::open_in(folder, opening).await;
    insta::assert_snapshot!("pairs", script.screen());
    script.keys(", s");
    insta::assert_snapshot!("skipped", script.screen());
    script.keys("esc");
    script.keys("X");
    assert!(
        script.shows("What the row of kettle would be; it has no file yet, and is not written"),
        "{}",
        script.screen()
    );
    script.keys("q");
    script.open_session("kettle").await;
    script.act("* 4").await;
    assert!(script.path("home/kettle.jsonl").is_file());
}

#[tokio::test]
async fn where_the_files_will_be_is_said_in_full() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    script.keys("X e ctrl-u");
    script.write("training");
    script.keys("enter");
    assert!(script.screen().contains("folder ~/training"), "{}", script.screen());
}
