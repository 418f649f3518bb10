//! Finding: inside a pane, in the library; orders, queues, and what an empty list says.

use retrace::app::message::Press;

use super::script::{Opening, Script};

#[tokio::test]
async fn a_text_is_found_inside_a_pane_while_it_is_typed() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    script.click("Dear Ana", Press::Click);
    script.keys("/");
    script.write("night");
    assert!(script.shows("2 found"));
    script.keys("enter");
    insta::assert_snapshot!(script.hints(), @r#""night": 1 of 2; esc closes the find"#);
    assert_eq!(script.bench().find.as_ref().map(|find| find.current), Some(0));
    script.keys("n");
    assert_eq!(script.bench().find.as_ref().map(|find| find.current), Some(1));
    script.keys("n");
    assert_eq!(script.bench().find.as_ref().map(|find| find.current), Some(0), "round the end");
    script.keys("N");
    assert_eq!(script.bench().find.as_ref().map(|find| find.current), Some(1));
    let seq = script.bench().state.last_seq;
    script.keys("esc");
    assert!(script.bench().find.is_none() && script.shows("Trajectory"), "closing ends the search first");
    assert_eq!(script.bench().state.last_seq, seq, "n refused nothing while it found");
    script.keys("n");
    insta::assert_snapshot!(script.hints(), @r#"the find is closed: / finds again, n once more is "refuse""#);
    assert_eq!(script.bench().state.last_seq, seq, "nor right after");
    script.keys("/");
    script.write("zebra");
    assert!(script.shows("not found"));
    script.keys("enter");
    insta::assert_snapshot!(script.hints(), @r#""zebra" is not in this pane; esc closes the find"#);
}

#[tokio::test]
async fn what_is_found_is_that_of_the_version_that_is_shown() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    script.keys("0 /");
    script.write("the");
    script.keys("enter");
    let count = |script: &Script| script.bench().matches().len();
    let at_first = count(&script);
    script.keys("$");
    let here: usize = script.bench().segments().iter().map(|row| row.text.to_lowercase().matches("the").count()).sum();
    assert_eq!(count(&script), here);
    assert_ne!(at_first, here, "the versions differ");
}

#[tokio::test]
async fn a_match_in_the_trajectory_selects_its_segment() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    script.keys("0 home /");
    script.write("ending");
    script.keys("enter");
    assert!(script.status().contains("seg 4"));
    script.keys("esc / esc");
    assert!(script.bench().find.is_none(), "a line left leaves nothing behind");
}

#[tokio::test]
async fn a_search_in_the_pane_goes_along_to_versions_with_fewer_matches() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    script.keys("/ g enter N");
    for _ in 0..script.bench().timeline.len() {
        let find = script.bench().find.as_ref().unwrap();
        assert!(find.current < script.bench().matches().len().max(1));
        script.keys("left");
    }
}

#[tokio::test]
async fn the_library_is_filtered_sorted_and_queued() {
    let mut script = Script::at(120, 24).await;
    script.keys("/");
    script.write("fisherman");
    script.until(|app| app.library.len() == 1).await;
    assert!(script.shows("harbour") && !script.shows("orchard"));
    script.keys("enter");
    insta::assert_snapshot!(script.lines(&["filter:"]), @"│ [all]   undecided    kept    dropped    later     filter: fisherman (1 left)                                         │");
    script.keys("q");
    assert_eq!(script.app().library.len(), 4, "closing takes the filter away first");
    script.keys("/");
    script.write("回南");
    script.until(|app| app.library.len() == 1).await;
    assert!(script.shows("lowland"));
    script.keys("esc");
    assert_eq!(script.app().library.len(), 4);
    let order =
        |script: &Script| script.app().library.view().map(|row| row.summary.id.clone()).collect::<Vec<_>>().join(" ");
    script.keys("o");
    assert_eq!(order(&script), "harbour kettle lowland orchard");
    script.keys("O");
    assert_eq!(order(&script), "orchard lowland kettle harbour");
    script.keys("o o o o");
    assert!(script.shows("by ppl ↓"));
    assert_eq!(order(&script), "harbour orchard kettle lowland", "those without a score come last either way");
    script.keys("O");
    assert_eq!(order(&script), "orchard harbour kettle lowland");
    script.keys("tab");
    assert_eq!(script.app().library.len(), 4, "all wait for a verdict");
    script.keys("tab");
    insta::assert_snapshot!("empty_queue", script.screen());
    script.keys("enter a");
    assert!(script.app().front.is_none(), "nothing is there to be opened or judged");
}

/// What stands over the list is how it is sorted.
#[tokio::test]
async fn the_selected_row_is_there_again_in_the_next_run() {
    let mut script = Script::at(120, 24).await;
    script.keys("j j q");
    let selected = script.app().library.selected().map(|row| row.key.clone());
    let folder = script.close().await;
    let kept = std::fs::read_to_string(folder.path().join("state/workbench.json")).unwrap();
    let memory = serde_json::from_str(&kept).unwrap();
    let script = Script::open_in(folder, Opening { memory, ..Opening::default() }).await;
    assert_eq!(script.app().library.selected_index(), 2);
    assert_eq!(script.app().library.selected().map(|row| row.key.clone()), selected);
}

#[tokio::test]
async fn a_filtered_library_is_sorted_when_asked() {
    let mut script = Script::at(120, 24).await;
    script.keys("o");
    script.keys("/");
    script.write("write");
    script.until(|app| app.library.len() == 2).await;
    script.keys("enter");
    assert!(script.shows("best match first"));
    let order =
        |script: &Script| script.app().library.view().map(|row| row.summary.id.clone()).collect::<Vec<_>>().join(" ");
    let by_match = order(&script);
    script.keys("o");
    assert!(script.shows("by name ↑"), "the column that was chosen before comes first");
    let rising = order(&script);
    script.keys("O");
    assert!(script.shows("by name ↓"));
    assert_ne!(order(&script), rising);
    script.keys("q");
    script.keys("/");
    script.write("write");
    script.until(|app| app.library.len() == 2).await;
    assert_eq!(order(&script), by_match, "another filter begins with its best match");
}

#[tokio::test]
async fn an_empty_library_says_what_can_be_done() {
    let opening = Opening { at: "nowhere", home: "nowhere-else", size: (100, 30), ..Opening::default() };
    let mut script = Script::open(opening).await;
    insta::assert_snapshot!("empty_library", script.screen());
    script.keys("enter a x s f u U j k end o O tab");
    assert!(!script.path("nowhere").exists(), "looking makes no folder");
}

#[tokio::test]
async fn nothing_matching_says_how_to_go_back() {
    let mut script = Script::at(100, 30).await;
    script.keys("/");
    script.write("qqqq");
    script.until(|app| app.library.is_empty()).await;
    script.keys("enter");
    insta::assert_snapshot!(script.lines(&["Nothing matches", "takes it away"]), @r#"
    │  Nothing matches "qqqq".                                                                         │
    │  / changes the filter, q takes it away                                                           │
    "#);
}

#[tokio::test]
async fn the_keys_of_a_find_do_nothing_else_at_their_first_press_after_it() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    script.keys("/");
    script.write("the");
    script.keys("enter esc N");
    assert!(script.app().overlays.is_empty(), "N begins no session: {}", script.hints());
    script.keys("N esc");
    script.keys("/");
    script.write("the");
    script.keys("enter esc");
    // Whoever did something else since means what they press.
    script.keys("down");
    script.act("n").await;
    script.act("u").await;
    script.keys("/");
    script.write("the");
    script.keys("enter esc n");
    script.act("n").await;
}
