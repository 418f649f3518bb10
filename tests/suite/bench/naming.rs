//! Naming: a session is called what a person calls it, everywhere a person looks; its id and its file stay.

use retrace::app::message::Press;

use super::script::{Opening, Script};

fn rename(script: &mut Script, name: &str) {
    script.keys("W");
    script.write(name);
}

#[tokio::test]
async fn a_session_that_is_named_is_called_so_and_undo_takes_the_name_away() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    rename(&mut script, "Ana on the quay");
    insta::assert_snapshot!(script.lines(&["Name ", "Ana on the quay"]), @"
    ╭ ▸ Name ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────╮
    │Ana on the quay                                                                                                                                     │
    ");
    script.act("enter").await;
    insta::assert_snapshot!(script.hints(), @"harbour is called Ana on the quay now · u undoes");
    assert!(script.status().starts_with("Ana on the quay"), "{}", script.status());
    assert_eq!(script.bench().state.id, "harbour");
    let seq = script.bench().state.last_seq;
    script.keys("W enter");
    assert_eq!(script.bench().state.last_seq, seq, "the same name again is nothing new");
    script.act("u").await;
    assert!(script.status().starts_with("harbour") && script.hints().contains("the name undone"));
    script.act("U").await;
    script.keys("f2 ctrl-u");
    script.act("enter").await;
    assert!(script.status().starts_with("harbour"), "without a name it has its first one");
    script.keys("W esc");
    assert_eq!(script.bench().state.annotations.name(), None);
}

#[tokio::test]
async fn names_are_given_in_the_library_and_last() {
    let mut script = Script::at(120, 30).await;
    script.click("kettle", Press::Click);
    rename(&mut script, "Tea, properly");
    script.keys("enter");
    let named = |app: &retrace::app::App| app.library.view().any(|row| row.summary.called() == "Tea, properly");
    script.until(named).await;
    insta::assert_snapshot!("named_in_the_library", script.screen());
    assert_eq!(script.app().library.selected().map(|row| row.summary.id.as_str()), Some("kettle"));
    for wanted in ["properly", "kettle"] {
        script.keys("/ ctrl-u");
        script.write(wanted);
        script.until(|app| app.library.len() == 1).await;
        script.keys("esc");
    }
    let folder = script.close().await;
    let mut script = Script::open_in(folder, Opening { size: (120, 30), ..Opening::default() }).await;
    assert!(named(script.app()), "the name is in the file");
    script.open_session("Tea, properly").await;
    assert!(script.path("library/kettle.jsonl").is_file() && script.bench().key.ends_with("kettle.jsonl"));
    script.act("u").await;
    assert!(script.status().starts_with("kettle"), "across the restart: {}", script.status());
}

#[tokio::test]
async fn a_long_name_leaves_the_score_its_place() {
    let mut script = Script::at(100, 30).await;
    script.open_session("harbour").await;
    rename(&mut script, "the letter of the fisherman who had three things to tell and sold the boat");
    script.act("enter").await;
    insta::assert_snapshot!(script.status(), @"the letter of the fi…l and sold the boat  ppl 5.3  step 8/8 · seg 1          ended: all steps made");
}

#[tokio::test]
async fn blanks_are_used_before_words_are_cut_and_the_place_stays() {
    let mut script = Script::at(120, 40).await;
    script.open_session("harbour").await;
    rename(&mut script, "the letter of the fisherman who had three things to tell and sold the boat");
    script.act("enter").await;
    script.act("0 l l l J y").await;
    script.act("u").await;
    let mut told = Vec::new();
    for (width, height) in [(160, 40), (120, 40), (100, 30), (80, 24), (60, 20)] {
        script.resize(width, height);
        let line = script.screen().lines().next().unwrap_or_default().to_owned();
        assert!(line.contains("seg ") && line.contains("ppl "), "{line}");
        told.push(line);
    }
    insta::assert_snapshot!(told.join("\n"), @"
    the letter of the fi…l and sold the boat  ppl 5.3  back to v33 by undo after step 8/8 · seg 1  by scripted, nll, 78 tokens  1 of 4       ended: all steps made
    the letter of the fi…l and sold the boat  ppl 5.3  back to v33 by undo after step 8/8 · seg 1    ended: all steps made
    the letter …d the boat  ppl 5.3  back to v33 by undo after step 8/8 · seg 1  ended: all steps made
    the lett…he boat  ppl 5.3  back to v33 by undo after step 8/8 · seg 1  ended: …
    the l… boat  ppl 5.3  back to v33 by undo · seg 1  ended: …
    ");
}
