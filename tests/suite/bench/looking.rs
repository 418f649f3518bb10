//! Looking at a session: moments, panes, tints, overlays. Nothing is recorded by any of it.

use retrace::app::effect::Tick;
use retrace::app::memory::{Memory, Tour};
use retrace::app::message::{Message, Press};

use super::script::{Opening, Script};

#[tokio::test]
async fn a_session_opens_from_the_library_at_its_end_and_is_stepped_through() {
    let mut script = Script::at(150, 44).await;
    insta::assert_snapshot!("library", script.screen());
    script.keys("down up enter");
    assert!(script.shows("reading…"));
    script.settled().await;
    insta::assert_snapshot!("bench", script.screen());
    insta::assert_snapshot!(script.status(), @"harbour  ppl 5.3  step 8/8 · seg 1  by scripted, nll, 78 tokens  1 of 4  letter, en                                            ended: all steps made");
    script.keys("0");
    insta::assert_snapshot!(script.status(), @"harbour  ppl 8.9  draft · seg 1  by scripted, nll, 78 tokens  1 of 4  letter, en                                               ended: all steps made");
    script.keys("l l");
    insta::assert_snapshot!(script.status(), @"harbour  ppl 6.9  step 2/8 · seg 3  by scripted, nll, 78 tokens  1 of 4  letter, en                                            ended: all steps made");
    script.keys("left");
    assert!(script.status().contains("step 1/8"));
    script.keys("h h h h");
    assert!(script.status().contains("draft"), "the first moment is the end of the way");
    script.keys("$");
    assert!(script.status().contains("step 8/8"));
    let before = std::fs::read(script.path("library/harbour.jsonl")).unwrap();
    let folder = script.close().await;
    assert_eq!(std::fs::read(folder.path().join("library/harbour.jsonl")).unwrap(), before, "looking writes nothing");
}

#[tokio::test]
async fn gains_and_losses_are_gone_to_by_size() {
    let mut script = Script::at(120, 40).await;
    script.open_session("harbour").await;
    script.keys("0");
    let mut changes = Vec::new();
    for _ in 0..3 {
        script.keys(">");
        changes.push(script.bench().change_at(script.bench().cursor()).unwrap());
    }
    assert!(changes[0] < 0.0 && changes.windows(2).all(|pair| pair[0] <= pair[1] || pair[1] == changes[0]));
    script.keys("<");
    insta::assert_snapshot!(script.hints(), @"nothing lost here");
}

#[tokio::test]
async fn candidates_are_walked_and_the_selected_one_unfolds() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    script.keys("0 l");
    let all = script.bench().candidates();
    assert_eq!(all.len(), 4);
    let first = script.bench().candidate_index(&all);
    script.keys("J");
    assert_ne!(script.bench().candidate_index(&all), first);
    script.keys("K K K K K");
    assert_eq!(script.bench().candidate_index(&all), 0);
    script.keys("shift-down shift-down shift-down shift-down");
    assert_eq!(script.bench().candidate_index(&all), 3);
    script.keys("home down");
    assert_eq!(script.bench().segments().iter().position(|row| Some(row.id) == script.bench().segment()), Some(1));
}

#[tokio::test]
async fn one_pane_can_have_the_screen() {
    let mut script = Script::at(120, 40).await;
    script.open_session("harbour").await;
    let title = |script: &mut Script| script.screen().lines().nth(1).unwrap_or_default().trim().to_owned();
    insta::assert_snapshot!(title(&mut script), @"╭ Query ┊ [Reference] ────────────────────────────────╮╭ ▸ Trajectory · v33 · 4 segments ──────────────────────────────╮");
    script.keys("tab tab");
    insta::assert_snapshot!(title(&mut script), @"╭ ▸ [Query] ┊ Reference ──────────────────────────────╮╭ Trajectory · v33 · 4 segments ────────────────────────────────╮");
    script.keys("z");
    insta::assert_snapshot!(title(&mut script), @"╭ ▸ Query ─────────────────────────────────────────────────────────────────────────────────────────────────────────────╮");
    script.keys("shift-tab");
    insta::assert_snapshot!(title(&mut script), @"╭ ▸ Perplexity · by scripted, nll, 78 tokens ──────────────────────── step 8: 5.3 (−0.4) · best 5.3 · copied 2w 2.6 % ─╮");
    script.keys("z tab tab");
    insta::assert_snapshot!(title(&mut script), @"╭ ▸ Query ┊ [Reference] ──────────────────────────────╮╭ Trajectory · v33 · 4 segments ────────────────────────────────╮");
    script.keys("z");
    assert!(!script.shows("Trajectory"));
    script.keys("q");
    assert!(script.shows("Trajectory"), "closing first gives the other panes back");
}

#[tokio::test]
async fn the_reference_is_tinted_by_one_measure_after_the_other() {
    let mut script = Script::at(150, 40).await;
    script.open_session("harbour").await;
    script.keys("0 l l");
    let mut seen = Vec::new();
    for _ in 0..6 {
        script.keys("t");
        script.settled().await;
        seen.push((script.hints(), script.styles().lines().filter(|line| line.contains("bg")).count()));
    }
    let (names, tinted): (Vec<String>, Vec<usize>) = seen.into_iter().unzip();
    insta::assert_snapshot!(names.join("\n"), @"
    tint: surprisal
    tint: Δ against the version before
    tint: Δ against baseline
    tint: Δ against the held version (hold or mark a version first)
    tint: what the segment does, against leaving it out
    the reference is not tinted
    ");
    assert!(tinted[..3].iter().all(|n| *n > tinted[5]), "{tinted:?}");
    script.keys("ctrl-t");
    script.settled().await;
    assert!(script.shows("what the segment does"));
    script.keys(", g");
    insta::assert_snapshot!(script.lines(&["copied "]), @"
    │copied      2 w ru│  anchoring          that gain as a share of the score without thinking: 0 nothing explained, 1 all of it     │                  │
    │scorer    scripted│  leak 5w (+2)       the longest run copied from the reference, in words, and how much longer it became       │                  │
    ╭ Perplexity ──────│  underlined words   in reference and trajectory: what the thinking copied                                    │ copied 2w 2.6 % ─╮
    ");
}

#[tokio::test]
async fn a_held_version_stands_beside_the_one_under_the_cursor() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    script.keys("0 c $");
    script.settled().await;
    insta::assert_snapshot!("held", script.screen());
    script.keys("t t t t");
    script.settled().await;
    assert!(script.shows("Δ against the held version"));
    script.keys("c");
    assert!(script.shows("Query") && !script.shows("Held"));
}

#[tokio::test]
async fn the_chart_has_measures_and_scales() {
    let mut script = Script::at(120, 40).await;
    script.open_session("harbour").await;
    let mut titles = Vec::new();
    for _ in 0..4 {
        script.keys(", m");
        titles.push(script.lines(&["best"]));
    }
    script.keys(", l");
    titles.push(script.lines(&["best"]));
    insta::assert_snapshot!(titles.join("\n"), @"
    ╭ Nll, nats per token · by scripted, nll, 78 tokens ─────────── step 8: 1.659 (−0.081) · best 1.659 · copied 2w 2.6 % ─╮
    ╭ Bits per character · by scripted, nll, 78 tokens ──────────── step 8: 0.506 (−0.025) · best 0.506 · copied 2w 2.6 % ─╮
    ╭ Clipped score (official), nats per token ──────────────────── step 8: 1.442 (−0.067) · best 1.442 · copied 2w 2.6 % ─╮
    ╭ Perplexity · by scripted, nll, 78 tokens ────────────────────────── step 8: 5.3 (−0.4) · best 5.3 · copied 2w 2.6 % ─╮
    ╭ Perplexity · log · by scripted, nll, 78 tokens ──────────────────── step 8: 5.3 (−0.4) · best 5.3 · copied 2w 2.6 % ─╮
    ");
}

#[tokio::test]
async fn a_pause_in_a_sequence_shows_the_keys_that_may_follow() {
    let mut script = Script::at(100, 30).await;
    script.open_session("harbour").await;
    script.keys("v");
    assert!(!script.app().which_key, "who knows the keys sees nothing");
    script.tell(Message::Tick(Tick::Prefix));
    insta::assert_snapshot!("which_key", script.screen());
    script.keys("x");
    assert!(!script.app().which_key);
    insta::assert_snapshot!(script.hints(), @"v x does nothing here");
}

#[tokio::test]
async fn the_palette_finds_commands_and_steps() {
    let mut script = Script::at(120, 40).await;
    script.open_session("harbour").await;
    script.keys(":");
    script.write("big gain");
    insta::assert_snapshot!("palette", script.screen());
    script.keys("enter");
    assert!(script.app().overlays.is_empty());
    script.keys("ctrl-p");
    script.write("3");
    script.keys("enter");
    assert!(script.status().contains("step 3/8"));
    script.keys(":");
    script.write("99");
    script.keys("enter");
    insta::assert_snapshot!(script.hints(), @"there is no step 99");
    script.keys(":");
    script.write("zzzz");
    assert!(script.shows("Nothing is called so"));
    script.keys("enter");
    script.keys(": esc");
    assert!(script.app().overlays.is_empty());
}

#[tokio::test]
async fn the_help_lists_every_key_that_works_here() {
    let mut script = Script::at(120, 40).await;
    script.keys("?");
    insta::assert_snapshot!("help", script.screen());
    script.write("export");
    script.keys("enter");
    assert!(script.shows("shape"), "what is chosen in the help is carried out");
}

#[tokio::test]
async fn a_theme_is_seen_before_it_is_chosen() {
    let mut script = Script::at(100, 30).await;
    let dark = script.styles();
    script.keys(", t");
    insta::assert_snapshot!("themes", script.screen());
    script.keys("down");
    assert_eq!(script.app().theme(), "light");
    script.keys("esc");
    assert_eq!(script.styles(), dark, "left, it is as it was");
    script.keys(", t down enter");
    assert_eq!(script.app().memory.theme.as_deref(), Some("light"));
    assert_ne!(script.styles(), dark);
}

#[tokio::test]
async fn the_mouse_points_at_what_was_drawn() {
    let mut script = Script::at(150, 44).await;
    script.click("orchard", Press::Click);
    assert_eq!(script.app().library.selected_index(), 3);
    script.click("harbour", Press::DoubleClick);
    script.settled().await;
    script.click("Dear Ana", Press::Click);
    assert!(script.shows("▸ Reference"));
    script.click("Then the ending", Press::Click);
    assert!(script.status().contains("seg 4"));
    script.click("z0", Press::ScrollUp);
    assert!(script.status().contains("step 7/8"));
    script.click("Perplexity", Press::Click);
    assert!(script.shows("▸ Perplexity"));
}

#[tokio::test]
async fn a_session_plays_from_its_beginning_to_its_end() {
    let mut script = Script::at(120, 40).await;
    script.open_session("harbour").await;
    script.keys("space");
    assert!(script.status().contains("playing ×1"));
    assert!(script.status().contains("draft"), "played from the end, it begins anew");
    script.keys("+");
    assert!(script.status().contains("playing ×2"));
    script.tell(Message::Tick(Tick::Play));
    assert!(script.status().contains("step 1/8"));
    for _ in 0..7 {
        script.tell(Message::Tick(Tick::Play));
    }
    assert!(script.status().contains("step 8/8") && script.bench().play.is_none());
    script.keys("space h");
    assert!(script.bench().play.is_none(), "whoever moves plays no more");
}

#[tokio::test]
async fn a_person_comes_back_to_where_they_were() {
    let mut script = Script::at(120, 40).await;
    script.open_session("harbour").await;
    script.keys("0 l l down tab");
    let place = script.status();
    script.keys("q");
    script.settled().await;
    script.open_session("harbour").await;
    assert_eq!(script.status(), place);
    script.keys("]");
    script.settled().await;
    assert!(script.status().starts_with("kettle"));
    script.keys("[ [");
    script.settled().await;
    insta::assert_snapshot!(script.hints(), @"this is the first session of the library");
    let memory = script.app().memory.clone();
    let folder = script.close().await;
    let mut script = Script::open_in(folder, Opening { memory, ..Opening::default() }).await;
    assert_eq!(script.status(), place, "also in another run of the program");
}

#[tokio::test]
async fn the_tour_goes_on_by_doing_and_covers_nothing() {
    let memory = Memory { tour: Tour::At(0), ..Memory::default() };
    let mut script = Script::open(Opening { memory, ..Opening::default() }).await;
    let mut told = vec![script.lines(&["Tour "])];
    script.open_session("harbour").await;
    // A double click opens as the key does.
    told.push(script.lines(&["Tour "]));
    script.keys("h");
    told.push(script.lines(&["Tour "]));
    script.keys("J");
    told.push(script.lines(&["Tour "]));
    script.keys("q");
    script.settled().await;
    script.open_session("kettle").await;
    script.keys("r");
    script.until(|app| app.bench().is_some_and(|bench| bench.state.stop.is_some())).await;
    script.settled().await;
    told.push(script.lines(&["Tour "]));
    script.keys("X");
    assert!(!script.shows("Tour "));
    script.keys("esc , o");
    assert!(script.shows("Tour 2/5"), "the first step is done where a session is open");
    script.keys("e");
    assert!(!script.shows("Tour "), "its keys mean something else in a text");
    script.keys("esc q");
    script.settled().await;
    assert!(!script.shows("Tour "), "there is nothing to step through");
    script.keys(", o , o");
    assert!(script.shows("Tour 1/5"));
    script.keys(", o");
    assert!(!script.shows("Tour 1/5"));
    insta::assert_snapshot!(told.join("\n"), @"
    Tour 1/5  ↑ ↓ choose a session, enter opens it  (, o ends it)
    Tour 2/5  → ← step, space plays: its perplexity falls  (, o ends it)
    Tour 3/5  J next rewrite, y take, n refuse, e edit, u undo  (, o ends it)
    Tour 4/5  q goes back; in a fresh one r searches live  (, o ends it)
    Tour 5/5  a keeps and goes on; X writes the training rows  (, o ends it)
    ");
}

#[tokio::test]
async fn another_session_begins_at_its_top_and_this_one_stays_where_it_was() {
    let mut script = Script::at(60, 18).await;
    script.open_session("harbour").await;
    script.keys("shift-tab end");
    let first = |script: &mut Script| script.screen().lines().nth(2).unwrap_or_default().to_owned();
    let scrolled = first(&mut script);
    assert!(!scrolled.contains("Dear Ana"), "{scrolled}");
    script.keys("q");
    script.settled().await;
    script.open_session("orchard").await;
    script.keys("shift-tab home");
    let top = first(&mut script);
    script.keys("q");
    script.settled().await;
    script.open_session("kettle").await;
    script.keys("shift-tab");
    let fresh = first(&mut script);
    script.keys("home");
    assert_eq!(fresh, first(&mut script), "a session that was not seen yet begins at its top");
    script.keys("q");
    script.settled().await;
    script.open_session("orchard").await;
    assert_eq!(first(&mut script), top);
    script.keys("[ [");
    script.settled().await;
    script.keys("[");
    script.settled().await;
    assert_eq!(first(&mut script), scrolled, "where it was left");
}
