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
    let mut said = Vec::new();
    let mut changes = Vec::new();
    for keys in ["$ >", ">", ">"] {
        script.keys(keys);
        changes.push(script.bench().change_at(script.bench().cursor()).unwrap());
        said.push(script.hints());
    }
    assert!(changes.is_sorted() && changes[0] < 0.0, "{changes:?}");
    let biggest = script.bench().timeline.moments().iter().enumerate();
    let biggest = biggest.filter_map(|(at, _)| script.bench().change_at(at)).fold(0.0, f64::min);
    assert_eq!(changes[0], biggest, "from wherever it begins with the biggest");
    // Whoever moves in between begins anew, also where they come back to.
    script.keys("left right >");
    said.push(script.hints());
    for _ in 0..20 {
        script.keys(">");
    }
    script.keys("<");
    said.push(script.hints());
    insta::assert_snapshot!(said.join("\n"), @"
    1st of 5 gains: step 1, −0.170 nats
    2nd of 5 gains: step 6, −0.161 nats
    3rd of 5 gains: step 8, −0.081 nats
    1st of 5 gains: step 1, −0.170 nats
    nothing lost here
    ");
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
    insta::assert_snapshot!(title(&mut script), @"╭ [▸ Query] ┊ Reference ──────────────────────────────╮╭ Trajectory · v33 · 4 segments ────────────────────────────────╮");
    script.keys("z");
    insta::assert_snapshot!(title(&mut script), @"╭ ▸ Query ─────────────────────────────────────────────────────────────────────────────────────────────────────────────╮");
    script.keys("shift-tab");
    insta::assert_snapshot!(title(&mut script), @"╭ ▸ Perplexity ─────────────────────────────────────────────── step 8: 5.3 (−0.081 nats) · best 5.3 · copied 2w 2.6 % ─╮");
    script.keys("z tab tab");
    insta::assert_snapshot!(title(&mut script), @"╭ Query ┊ [▸ Reference] ──────────────────────────────╮╭ Trajectory · v33 · 4 segments ────────────────────────────────╮");
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
    │copied      2 w ru│  weighing segments  before a round: the score without each of them (leave one out), to begin with the weak…  │                  │
    ╰──────────────────│  leak 5w (+2)       the longest run copied from the reference, in words, and how much longer it became       │──────────────────╯
    ╭ Perplexity ──────│  ✓ taken            the search took it; `you took it` and `you refused it` say where a person differed       │ copied 2w 2.6 % ─╮
    │ 8.9 ●━━━━╮    ○  │  underlined words   in reference and trajectory: what the thinking copied                                    │                  │
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
    ╭ Nll, nats per token ───────────────────────────────────────── step 8: 1.659 (−0.081) · best 1.659 · copied 2w 2.6 % ─╮
    ╭ Bits per character ────────────────────────────────────────── step 8: 0.506 (−0.025) · best 0.506 · copied 2w 2.6 % ─╮
    ╭ Clipped score (official), nats per token ──────────────────── step 8: 1.442 (−0.067) · best 1.442 · copied 2w 2.6 % ─╮
    ╭ Perplexity ───────────────────────────────────────────────── step 8: 5.3 (−0.081 nats) · best 5.3 · copied 2w 2.6 % ─╮
    ╭ Perplexity · log ─────────────────────────────────────────── step 8: 5.3 (−0.081 nats) · best 5.3 · copied 2w 2.6 % ─╮
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
    let box_of = |screen: String| {
        screen.lines().enumerate().filter(|(_, line)| line.contains(['╭', '╰'])).map(|(at, _)| at).collect::<Vec<_>>()
    };
    let whole = box_of(script.screen());
    script.write("big gain");
    assert_eq!(box_of(script.screen()), whole, "the box stands still while the list in it is narrowed");
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
    script.keys("+ minus");
    insta::assert_snapshot!(script.hints(), @"plays as fast as it happened, pauses of over 3 s as 3 s");
    let wait = |script: &Script| script.bench().play_wait().unwrap();
    let once = wait(&script);
    script.keys("+");
    assert_eq!(wait(&script), once.div_f64(2.0).max(std::time::Duration::from_millis(60)), "slower and faster is felt");
    assert!(script.status().contains("playing ×2") && script.hints().contains("plays 2 times as fast"));
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
    script.keys("K K K K K");
    assert_eq!(script.hints(), "this is the first candidate");
    script.keys(", o , o");
    script.keys("K");
    assert!(script.shows("Tour 2/5"), "a key that moves nothing is no step: {}", script.screen());
    script.keys("l K K");
    told.push(script.lines(&["Tour "]));
    script.keys("q");
    script.settled().await;
    script.open_session("kettle").await;
    told.push(script.lines(&["Tour "]));
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
    Tour 2/5  ← → step, space plays: its perplexity falls  (, o ends it)
    Tour 3/5  K J other rewrites, y take, n refuse, e edit, u undo  (, o ends it)
    Tour 4/5  q goes back; in a fresh one r searches live  (, o ends it)
    Tour 4/5  r searches live  (, o ends it)
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

#[tokio::test]
async fn a_step_tells_what_it_changed_however_little_and_where_it_took_none() {
    let mut script = Script::at(120, 40).await;
    script.open_session("harbour").await;
    let mut told = Vec::new();
    for moment in 0..script.bench().timeline.len() {
        script.keys(if moment == 0 { "0" } else { "right" });
        let line = script.lines(&[" best "]);
        let from = line.rfind("─ ").map_or(0, |at| at + "─ ".len());
        told.push(line[..line.rfind(" · best").unwrap_or(line.len())][from.min(line.len())..].to_owned());
    }
    assert!(told.iter().all(|line| !line.contains("0.0)")), "{told:?}");
    insta::assert_snapshot!(told.join("\n"), @"
    draft: 8.9
    step 1: 7.5 (−0.170 nats)
    step 2: 6.9 (−0.080 nats)
    step 3: 6.7 (−0.033 nats)
    step 4: 6.7 (took none)
    step 5: 6.7 (took none)
    step 6: 5.7 (−0.161 nats)
    step 7: 5.7 (took none)
    step 8: 5.3 (−0.081 nats)
    ");
}

#[tokio::test]
async fn the_delta_says_which_version_it_is_against() {
    let mut script = Script::at(150, 40).await;
    script.open_session("harbour").await;
    script.keys("t t t t");
    script.settled().await;
    let mut told = Vec::new();
    let mut tell = |script: &mut Script| {
        let titles = script.lines(&["Reference"]);
        let from = titles.find("Reference").unwrap_or(0);
        told.push(titles[from..].split("─ ").next().unwrap_or_default().trim_end_matches(['─', ' ']).to_owned());
    };
    tell(&mut script);
    script.keys("0 l l");
    script.act("m").await;
    script.keys("$");
    script.settled().await;
    tell(&mut script);
    script.keys("0 c $");
    script.settled().await;
    tell(&mut script);
    script.keys("t ctrl-t");
    told.push(script.hints());
    script.keys("c t ctrl-t");
    told.push(script.hints());
    insta::assert_snapshot!(told.join("\n"), @"
    Reference · Δ held
    Reference · Δ marked v7
    Reference · Δ held v1
    tint: Δ against the held version v1
    tint: Δ against the marked version v7
    ");
}

#[tokio::test]
async fn the_tint_is_of_the_candidate_that_is_selected() {
    let mut script = Script::at(150, 40).await;
    script.open_session("harbour").await;
    script.keys("0 l t t");
    script.settled().await;
    let title = |script: &mut Script| {
        let titles = script.lines(&["Reference"]);
        titles[titles.find("Reference").unwrap_or(0)..].split('╮').next().unwrap_or_default().to_owned()
    };
    let mut told = vec![title(&mut script)];
    for keys in ["J", "J", "esc"] {
        script.keys(keys);
        script.settled().await;
        if let Some(candidate) = script.bench().picked() {
            let delta = candidate.delta.unwrap();
            assert!(title(&mut script).contains(&retrace::app::bench::signed(delta)), "{delta} {}", title(&mut script));
        }
        told.push(title(&mut script));
    }
    insta::assert_snapshot!(told.join("\n"), @"
    Reference · Δ before ───────────────── −0.170 nats ─
    Reference · Δ before · candidate c ─── −0.081 nats ─
    Reference · Δ before · candidate d ─── −0.160 nats ─
    Reference · Δ before ───────────────── −0.170 nats ─
    ");
}

#[tokio::test]
async fn the_list_of_signs_opens_each_time_and_copied_words_are_named_while_they_are_marked() {
    let mut script = Script::at(150, 40).await;
    script.open_session("harbour").await;
    script.keys("t t t");
    script.settled().await;
    let named = |script: &mut Script| script.shows(" cheaper by") || script.shows("dearer by");
    let mut told = Vec::new();
    for _ in 0..3 {
        script.keys(", g");
        assert!(script.shows("What signs mean"), "{}", script.screen());
        told.push(script.hints());
        script.keys("esc");
        told.push(format!("bands are named: {}", named(&mut script)));
    }
    let copied =
        |script: &mut Script| script.screen().lines().any(|line| line.contains("copied  ") && line.contains('+'));
    let before = copied(&mut script);
    for _ in 0..2 {
        script.keys("L");
        told.push(script.hints());
        told.push(format!("copied is named: {}", copied(&mut script)));
    }
    told.push(format!("it was: {before}"));
    insta::assert_snapshot!(told.join("\n"), @"
    the tint's bands are named under the reference; the same keys take the names away
    bands are named: true
    the tint's bands are no longer named under the reference
    bands are named: false
    the tint's bands are named under the reference; the same keys take the names away
    bands are named: true
    what the trajectory copies is no longer marked
    copied is named: false
    what the trajectory copies is marked
    copied is named: true
    it was: true
    ");
}

#[tokio::test]
async fn the_held_version_follows_the_selected_segment() {
    let mut script = Script::at(100, 20).await;
    script.open_session("harbour").await;
    script.keys("0 c $ home");
    let held = |script: &mut Script| {
        let rows = script.screen();
        let rows = rows.lines().skip(1).take_while(|line| !line.starts_with('╰'));
        rows.map(|row| row.chars().take(46).collect::<String>()).collect::<Vec<_>>().join("\n")
    };
    let first = held(&mut script);
    script.keys("end");
    let last = held(&mut script);
    insta::assert_snapshot!(format!("{first}\n\n{last}"), @"
    ╭ [Held v1] ┊ Reference ─────── here −0.524 ─╮
    │1 Okay, who is asking, and what do they    ┃│
    │need from this? I should begin with the    ┃│
    │person and not with the form. A reader who ┃│
    │is met in the first line stays for the last┃│
    │one.                                       ┃│
    │                                           ││
    │2 Maybe I could open on harbour and let it ││
    │stand there for a while. Hmm, that shows   ││
    │the place before anything is explained,    ││
    │which is what I would want to read myself. ││

    ╭ [Held v1] ┊ Reference ─────── here −0.524 ─╮
    │                                           ││
    │3 Wait, the middle must not become a list. ││
    │Something has to turn there, quietly, so   ││
    │that the reader only notices afterwards    ││
    │that the ground is another one.            ││
    │                                           ┃│
    │4 Then the ending: short, plain, without a ┃│
    │lesson. The last word should be one that   ┃│
    │the reader could touch, and after it there ┃│
    │should be nothing.                         ┃│
    ");
}

#[tokio::test]
async fn each_step_that_took_none_has_its_sign_and_a_mark_stands_once() {
    let mut script = Script::at(120, 40).await;
    script.open_session("harbour").await;
    script.keys("0 l l l l l");
    assert!(script.status().contains("step 5/8") && script.shows("took none"), "{}", script.screen());
    let marks =
        |script: &mut Script| script.screen().lines().skip(28).map(|line| line.matches('▾').count()).sum::<usize>();
    let before = marks(&mut script);
    script.act("m").await;
    assert_eq!(marks(&mut script), before + 1, "{}", script.screen());
    let said = script.hints();
    let node = script.bench().node();
    let mut stops = Vec::new();
    script.keys("0");
    for _ in 0..script.bench().timeline.len() {
        script.keys("'");
        let moment = script.bench().moment().unwrap();
        if Some(moment.node) == node && !moment.is_hand_made() && stops.last() != Some(&script.bench().cursor()) {
            stops.push(script.bench().cursor());
        }
    }
    assert_eq!(stops.len(), 1, "{stops:?}");
    let chart: Vec<String> = script.screen().lines().skip(28).map(str::to_owned).collect();
    insta::assert_snapshot!(format!("{said}\n{}", chart[..chart.len() - 1].join("\n")), @"
    marked v12, which came with step 3 · u undoes
    ╭ Perplexity ───────────────────────────────────────────────── step 3: 6.7 (−0.033 nats) · best 5.3 · copied 2w 2.6 % ─╮
    │15.9 ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄▾┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄ no thinking, not to scale ┄┄┄│
    │ 8.9 ●━━━━╮    ○                   │                                                                                  │
    │          ┃    ○                   │                                                                                  │
    │ 7.5      ╰━━━━●━━━━╮    ○         │                   ○                                                              │
    │                    ╰━━━━●━━━━━━━━━●─────────○─────────○────╮    ○                                                    │
    │                                   │                   ×    │              ○         ○                                │
    │                                   │                        ╰────●─────────○─────────●                                │
    │ 4.7                               │                                                 ×                                │
    │ ppl z0        1         2         3         4         5         6         7         8                                │
    ╰──────────────────────────────────────────────────────────────────────────────────────── by scripted, nll, 78 tokens ─╯
    ");
}

#[tokio::test]
async fn what_was_told_can_be_read_again() {
    let mut script = Script::at(120, 40).await;
    script.keys(", h");
    assert_eq!(script.hints(), "nothing was told yet");
    script.tell(retrace::app::message::Message::Begun(Err("the disk is full".to_owned())));
    script.open_session("harbour").await;
    script.act("m").await;
    script.keys(", h");
    let told = script.lines(&["marked", "disk", "nothing was told"]);
    let told: Vec<&str> = told.lines().map(|line| line.split(" ago ").last().unwrap_or_default()).collect();
    let at =
        |word: &str| told.iter().position(|line| line.contains(word)).unwrap_or_else(|| panic!("{word}: {told:?}"));
    assert!(
        at("marked") < at("✗ the disk is full") && at("disk") < at("nothing was told"),
        "the newest first: {told:?}"
    );
    script.write("disk");
    assert!(!script.shows("nothing was told yet"), "{}", script.screen());
    script.keys("enter");
    assert!(script.app().overlays.is_empty());
}

/// The reference comes forward where its tint is asked for, also where a held version had its place.
#[tokio::test]
async fn what_is_tinted_is_seen() {
    let mut script = Script::at(120, 40).await;
    script.open_session("harbour").await;
    script.keys("c");
    assert!(script.shows("[Held v"), "{}", script.screen());
    script.keys("t");
    assert!(script.shows("Held ┊ [Reference"), "{}", script.screen());
    script.keys("esc c");
    assert!(script.shows("[Held v"), "{}", script.screen());
}

/// What a candidate copies stands under it, where that is more than a little.
#[tokio::test]
async fn what_a_candidate_copies_is_told() {
    let mut script = Script::on_samples(150, 44).await;
    script.open_session("lighthouse-letter").await;
    script.keys(": 1 0 enter");
    let copies =
        |script: &Script| script.bench().candidate().is_some_and(|c| c.leak.is_some_and(|leak| leak.span_words > 40));
    for _ in 0..8 {
        if copies(&script) {
            break;
        }
        script.keys("J");
    }
    assert!(copies(&script), "{}", script.screen());
    insta::assert_snapshot!(script.lines(&["copies: ", "copies too"]), @"
    │                                ││                                                    │││    ├ b▸  −0.262  × copies too long a run  leak 46w (+41) ┃│
    │plan: step 9 puts it back and   ││The second is that I have the blue dish. I know you │││    │  copies: Relief boat in at 9.40, out at 10.15. I was││
    ");
}
