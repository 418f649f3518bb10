//! Judging: candidates taken and refused, verdicts with the way back, notes, tags, marks; sessions nobody can write.

use retrace::app::bench::{ByHand, Candidate, Fate, Happened};
use retrace::app::memory::{Memory, Tour};
use retrace::app::message::{Message, Press};
use retrace::engine::desk::{Deed, News};
use retrace::session::{Verdict, read};

use super::script::{Opening, Script, ada};

/// Walks to the first candidate of this kind, from the first segment on.
fn select(script: &mut Script, wanted: impl Fn(&Candidate) -> bool) {
    script.keys("home");
    for _ in 0..script.bench().segments().len() {
        script.keys("K K K K K K K K");
        for _ in 0..script.bench().candidates().len() {
            if script.bench().candidate().is_some_and(|candidate| wanted(&candidate)) {
                return;
            }
            script.keys("J");
        }
        script.keys("down");
    }
    panic!("there is no such candidate:\n{}", script.screen());
}

#[tokio::test]
async fn taking_against_the_search_shows_both() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    select(&mut script, |candidate| matches!(candidate.fate, Fate::Passed(_)) && candidate.delta.is_some());
    let node = script.bench().candidate().unwrap().node;
    script.act("y").await;
    assert_eq!(script.bench().state.head(), Some(node));
    assert_eq!(script.bench().moment().map(|moment| moment.node), Some(node), "the cursor goes along");
    insta::assert_snapshot!("taken_by_hand", script.screen());
    insta::assert_snapshot!(script.lines(&["◆ you took it"]), @"│                                ││kitchen window at home, and of you with your sleeves ││    ├ a▸  +0.084  × not lower · ◆ you took it  leak 2w     │");
    let candidate = script.bench().candidates().into_iter().find(|c| c.node == node).unwrap();
    assert!(candidate.is_disputed() && matches!(candidate.fate, Fate::Passed(_)), "what the search said stays");
    script.act("u").await;
    assert_ne!(script.bench().state.head(), Some(node));
    script.act("U").await;
    assert_eq!(script.bench().state.head(), Some(node));
}

#[tokio::test]
async fn refusing_what_the_search_took_goes_back_to_the_text_before() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    let head = script.bench().state.head();
    script.keys("0");
    while !script.bench().candidate().is_some_and(|candidate| candidate.fate == Fate::Chosen) {
        script.keys("l");
    }
    let (chosen, old) = script.bench().candidate().map(|c| (c.node, c.old)).unwrap();
    script.act("n").await;
    assert_ne!(script.bench().state.head(), head);
    let refused = script.bench().state.annotations.overrides().next().unwrap().value.refused;
    assert_eq!(refused, Some(chosen));
    assert_eq!(script.bench().segments().iter().filter(|row| row.text == old).count(), 1);
    assert_eq!(script.bench().moment().map(|moment| moment.name(&ada())), Some("your refusal".to_owned()));
    let before = script.bench().state.head();
    select(&mut script, |candidate| matches!(candidate.fate, Fate::Passed(_)));
    let candidate = script.bench().candidate().unwrap();
    script.act("n").await;
    assert_eq!(script.bench().state.head(), before, "what does not stand is only noted");
    let noted = script.bench().candidates().into_iter().find(|c| c.node == candidate.node).unwrap();
    assert_eq!(noted.by_hand, Some(ByHand::Refused));
}

/// A rewrite taken at an early moment leaves the later versions; that they stand, and that the lowest is among them, is told.
#[tokio::test]
async fn what_a_choice_leaves_behind_is_told_then_and_at_the_verdict() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    script.keys("0 l l J J J");
    script.act("y").await;
    insta::assert_snapshot!(script.hints(), @"taken: v9 is current, the 4 versions from there on stand as a branch · u undoes");
    script.keys("a");
    script.until(|app| app.notices.iter().any(|notice| notice.text.contains("kept"))).await;
    insta::assert_snapshot!(script.hints(), @"harbour: kept (v33 is lower: ppl 5.3) · u undoes · decided 1 of 4");
}

/// The selection that a refusal leaves is nobody's: what is edited next is the segment.
#[tokio::test]
async fn after_a_refusal_the_segment_is_edited_unless_a_candidate_was_selected() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    let first = script.bench().candidate().unwrap();
    script.act("n").await;
    assert_ne!(script.bench().candidate().unwrap().node, first.node, "the best of the rest is next");
    script.keys("e");
    assert!(script.shows("Edit segment"), "{}", script.screen());
    script.keys("esc J K");
    let picked = script.bench().candidate().unwrap();
    script.act("n").await;
    assert_ne!(script.bench().candidate().unwrap().node, picked.node);
    script.keys("e");
    assert!(script.shows("Edit the candidate"), "{}", script.screen());
}

#[tokio::test]
async fn refusing_one_s_own_choice_leads_back_to_what_the_search_took() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    let last = |script: &Script| {
        let moments = script.bench().timeline.moments();
        moments.iter().rposition(|moment| matches!(moment.happened, Happened::Step { taken: true, .. })).unwrap()
    };
    // The last step that took one, and another candidate of it: both are of one text, and only one stands.
    let (moments, last) = (script.bench().timeline.len(), last(&script));
    (last + 1..moments).for_each(|_| script.keys("h"));
    let stood = script.bench().node().unwrap();
    assert_eq!(script.bench().state.head(), Some(stood));
    select(&mut script, |candidate| matches!(candidate.fate, Fate::Passed(_)) && candidate.delta.is_some());
    while script.bench().candidate().is_none_or(|candidate| candidate.step != Some(last as u32)) {
        script.keys("down J");
    }
    let score = |script: &Script, node| script.bench().search().unwrap().score(node).unwrap();
    let before = score(&script, stood);
    let said = script.bench().candidate().and_then(|candidate| candidate.from_here);
    assert!(script.shows(" from here"), "{}", script.screen());
    script.act("y").await;
    let change = score(&script, script.bench().node().unwrap()) - before;
    assert!(change.abs() > 1e-6 && said.is_some_and(|said| (said - change).abs() < 1e-9), "{said:?} and {change}");
    script.act("n").await;
    assert_eq!(script.bench().state.head(), Some(stood), "{}", script.screen());
    assert!(script.hints().starts_with("refused: v"), "{}", script.hints());
    assert_eq!(script.bench().moment().map(|moment| moment.name(&ada())), Some("your refusal".to_owned()));
}

#[tokio::test]
async fn a_candidate_taken_where_other_segments_changed_since_shows_who_took_it() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    let stands = |script: &Script| script.bench().segment_text();
    // A candidate of an early step, at the end of the session.
    let last = script.bench().state.steps() - 2;
    select(&mut script, |candidate| {
        matches!(candidate.fate, Fate::Passed(_)) && candidate.step.is_some_and(|step| step < last)
    });
    let (taken, before) = (script.bench().candidate().unwrap(), script.bench().state.head());
    script.act("y").await;
    assert_ne!(script.bench().state.head(), Some(taken.node), "later steps changed other segments");
    assert_eq!(stands(&script), Some(taken.new.clone()));
    assert_eq!(script.bench().moment().map(|moment| moment.name(&ada())), Some("your choice".to_owned()));
    let candidate = script.bench().candidate().unwrap();
    assert_eq!((candidate.node, candidate.by_hand), (taken.node, Some(ByHand::Taken)), "it stays selected");
    assert!(script.shows("◆ you took it"), "{}", script.screen());
    script.act("n").await;
    assert_eq!(script.bench().state.head(), before, "back to where the person stood");
    let refused = script.bench().candidates().into_iter().find(|candidate| candidate.node == taken.node);
    assert_eq!(refused.and_then(|candidate| candidate.by_hand), Some(ByHand::Refused));
    script.act("u").await;
    script.act("u").await;
    let untouched = script.bench().candidates().into_iter().find(|candidate| candidate.node == taken.node);
    assert_eq!(untouched.and_then(|candidate| candidate.by_hand), None);
}

#[tokio::test]
async fn a_verdict_that_is_not_recorded_goes_nowhere() {
    let mut script = Script::at(120, 40).await;
    script.open_session("harbour").await;
    let desk = script.bench().desk;
    script.tell(Message::Desk(desk, News::Writable(Err("this user may not write it".to_owned()))));
    script.keys("a");
    assert_eq!(script.app().front, Some(desk), "the person stays");
    insta::assert_snapshot!(script.hints(), @"✗ nothing was recorded: this user may not write it");
    script.tell(Message::Desk(desk, News::Writable(Ok(()))));
    let key = script.bench().key.clone();
    script.keys("a");
    assert_ne!(script.bench().key, key);
    let why = "the folder cannot be made".to_owned();
    script.tell(Message::Desk(desk, News::Refused { what: Deed::Record, why }));
    assert_eq!(script.bench().key, key, "and is brought back when it shows late");
    assert!(script.hints().contains("nothing was recorded: the folder cannot be made"), "{}", script.hints());
}

#[tokio::test]
async fn a_session_goes_to_the_trash_after_a_question_and_comes_back() {
    let mut script = Script::at(120, 40).await;
    let rows = script.app().library.tally().rows;
    let name = script.app().library.selected().unwrap().summary.id.clone();
    script.keys("d enter");
    assert_eq!(script.app().library.tally().rows, rows, "the first answer is no");
    script.keys("d down enter");
    script.until(|app| app.library.tally().rows == rows - 1).await;
    assert!(script.hints().contains("u brings it back"), "{}", script.hints());
    assert!(script.path(&format!("library/.retrace/trash/{name}.jsonl")).is_file());
    script.keys("u");
    script.until(|app| app.library.tally().rows == rows).await;
    assert_eq!(script.app().library.selected().map(|row| row.summary.id.clone()), Some(name));
    script.keys("U");
    script.until(|app| app.library.tally().rows == rows - 1).await;
}

#[tokio::test]
async fn what_was_done_in_another_library_is_not_undone_from_here() {
    let done = vec!["/elsewhere/letter.jsonl".to_owned()];
    let memory = Memory { tour: Tour::Over, theme: Some("dark".to_owned()), done, ..Memory::default() };
    let mut script = Script::open(Opening { memory, ..Opening::default() }).await;
    script.keys("u");
    insta::assert_snapshot!(script.hints(), @"there is nothing to undo here; what you did last is in /elsewhere/letter.jsonl");
    assert_eq!(script.app().memory.done.len(), 1, "there it can still be undone");
}

#[tokio::test]
async fn a_note_leaves_the_person_where_they_are() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    script.keys("0 l l");
    let cursor = script.bench().cursor();
    script.keys("w");
    script.write("Watch the lamp.");
    script.act("ctrl-s").await;
    assert_eq!(script.bench().cursor(), cursor);
    insta::assert_snapshot!(script.hints(), @"the note is saved · u undoes");
    script.keys("w");
    script.write(" And the hen.");
    script.act("ctrl-s").await;
    assert_eq!(script.bench().note(), "Watch the lamp. And the hen.");
}

#[tokio::test]
async fn a_verdict_brings_the_next_session_and_can_be_taken_back_from_there() {
    let mut script = Script::at(120, 40).await;
    script.open_session("harbour").await;
    script.keys("a");
    script.until(|app| app.notices.iter().any(|notice| notice.text.contains("decided"))).await;
    script.settled().await;
    assert!(script.status().starts_with("kettle"));
    insta::assert_snapshot!(script.hints(), @"harbour: kept · u undoes · decided 1 of 4");
    script.keys("l");
    script.keys("u");
    script
        .until(|app| app.bench().is_some_and(|b| b.state.id == "harbour" && b.state.redoable(&ada()).is_some()))
        .await;
    script.settled().await;
    assert!(script.status().starts_with("harbour"), "undoing shows what was undone");
    assert_eq!(script.bench().state.annotations.verdict(), Verdict::None);
    script.act("U").await;
    assert_eq!(script.bench().state.annotations.verdict(), Verdict::Keep);
    script.keys("q");
    script.until(|app| app.library.tally().kept == 1).await;
    assert!(script.status().contains("decided 1 of 4"), "{}", script.status());
}

#[tokio::test]
async fn the_undone_verdict_is_gone_from_the_library_too() {
    let mut script = Script::at(120, 40).await;
    script.open_session("harbour").await;
    script.keys("a");
    script.until(|app| app.library.tally().kept == 1).await;
    script.settled().await;
    script.act("u").await;
    script.keys("q");
    script.until(|app| app.library.tally().kept == 0).await;
    assert!(script.status().contains("decided 0 of 4"));
}

#[tokio::test]
async fn what_was_undone_can_be_brought_back_after_a_restart() {
    let mut script = Script::at(120, 30).await;
    script.keys("a");
    script.until(|app| app.library.tally().kept == 1).await;
    script.settled().await;
    script.keys("u");
    script.until(|app| app.library.tally().kept == 0).await;
    script.settled().await;
    let memory = script.app().memory.clone();
    let mut script = Script::open_in(script.close().await, Opening { memory, ..Opening::default() }).await;
    script.keys("U");
    script.until(|app| app.library.tally().kept == 1).await;
    script.settled().await;
    script.keys("U");
    assert!(script.hints().contains("there is nothing to bring back"), "{}", script.hints());
}

#[tokio::test]
async fn the_library_is_judged_row_by_row() {
    let mut script = Script::at(120, 30).await;
    for (key, decided) in [("a", 1), ("x", 2), ("s", 2)] {
        script.keys(key);
        let judged = |app: &retrace::app::App| app.library.tally();
        script
            .until(|app| judged(app).decided() + judged(app).later >= decided.max(if key == "s" { 3 } else { 0 }))
            .await;
        assert_eq!(script.app().library.tally().decided(), decided);
    }
    insta::assert_snapshot!("judged", script.screen());
    script.keys("u");
    script.until(|app| app.library.tally().later == 0).await;
    assert!(script.status().contains("0 later"));
    let folder = script.close().await;
    let verdict = |name: &str| read(&folder.path().join(name)).unwrap().state.annotations.verdict();
    assert_eq!(verdict("library/harbour.jsonl"), Verdict::Keep);
    assert_eq!(verdict("library/kettle.jsonl"), Verdict::Drop);
    assert_eq!(verdict("library/lowland.jsonl"), Verdict::None);
}

/// The screen with one time in place of every other.
fn dateless(screen: &str) -> String {
    let mut parts: Vec<String> = screen.split(" UTC").map(str::to_owned).collect();
    let last = parts.len() - 1;
    for part in &mut parts[..last] {
        part.truncate(part.len() - 16);
        part.push_str("2026-01-31 10:22");
    }
    parts.join(" UTC")
}

#[tokio::test]
async fn the_last_verdict_leads_back_to_the_library() {
    let mut script = Script::at(120, 40).await;
    script.open_session("harbour").await;
    for _ in 0..4 {
        let before = script.app().library.tally().decided();
        script.keys("x");
        script.until(|app| app.library.tally().decided() > before).await;
        script.settled().await;
    }
    assert!(script.app().front.is_none());
    // A list that was read before the last verdict may come after it; the next one has it.
    script.until(|app| app.library.tally().decided() == 4).await;
    assert!(script.status().contains("decided 4 of 4"));
    script.keys("R");
    insta::assert_snapshot!("decisions", dateless(&script.screen()));
    // A verdict that is taken back is no decision; brought back, it is one again.
    let decisions = |script: &Script| script.app().memory.decisions.len();
    script.keys("esc u");
    script.until(|app| app.memory.decisions.len() == 3).await;
    script.keys("U");
    script.until(|app| app.memory.decisions.len() == 4).await;
    script.until(|app| app.library.tally().decided() == 4).await;
    assert_eq!(decisions(&script), 4);
    script.keys("R");
    script.keys("down enter");
    script.settled().await;
    assert!(script.status().starts_with("lowland"));
}

/// An undone verdict is known by another run of the program, which brings it back among the last ones.
#[tokio::test]
async fn a_verdict_that_is_brought_back_later_is_a_decision_again() {
    let mut script = Script::at(120, 40).await;
    script.open_session("harbour").await;
    script.keys("x u");
    script.until(|app| app.memory.taken_back.len() == 1 && app.memory.decisions.is_empty()).await;
    script.settled().await;
    let memory = script.app().memory.clone();
    let folder = script.close().await;
    let mut script = Script::open_in(folder, Opening { memory, ..Opening::default() }).await;
    script.keys("U");
    script.until(|app| app.memory.decisions.len() == 1).await;
    assert!(script.app().memory.taken_back.is_empty());
}

/// What a note says is found and read in the library, and a filter that leaves nothing to judge says so.
#[tokio::test]
async fn a_note_is_found_by_its_words() {
    let mut script = Script::at(120, 40).await;
    script.open_session("harbour").await;
    script.keys("w");
    script.write("buy salt");
    script.act("ctrl-s").await;
    script.keys("f");
    script.settled().await;
    script.keys("q /");
    script.write("salt");
    script.keys("enter");
    script.until(|app| app.library.len() == 1).await;
    assert!(script.shows("note: buy salt"), "{}", script.screen());
    insta::assert_snapshot!(script.lines(&["harbour"]), @"
    │▸ ⚑      harbour  5.3    66.9     2 w      8  all steps made  ✎   Write a letter from a fisherman to the sister he h… │
    ╭ harbour ─────────────────────────────────────────────────────────────────────────────────────────────────────────────╮
    ");
    script.resize(80, 24);
    insta::assert_snapshot!(script.lines(&["harbour"]), @"│▸ ⚑      harbour  5.3    66.9  all steps made  Write a letter from a fisherm… │");
    script.open_session("harbour").await;
    script.keys("a");
    script.settled().await;
    insta::assert_snapshot!(script.hints(), @"nothing that the filter leaves waits for a verdict any more");
}

#[tokio::test]
async fn tags_ratings_marks_notes_and_flags_are_kept() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    script.keys("#");
    script.write("warm");
    script.act("enter").await;
    script.act("* 4").await;
    script.keys("0");
    script.act("m").await;
    script.keys("w");
    script.write("Ask her about the boat.");
    script.act("ctrl-s").await;
    insta::assert_snapshot!("annotated", script.screen());
    insta::assert_snapshot!(script.status(), @"harbour  ppl 8.9  draft · seg 1  ✎  ★★★★  by scripted, nll, 78 tokens  1 of 4  letter, en                                      ended: all steps made");
    insta::assert_snapshot!(script.lines(&["#warm", "note:"]), @r#"
    │#warm                           ││                                                     ││                                                           │
    │note: Ask her about the boat.   ││                                                     ││                                                           │
    "#);
    script.keys("$ \"");
    assert!(script.status().contains("draft"), "marks can be gone to");
    script.keys("#");
    script.write("warm");
    script.act("enter").await;
    assert!(script.bench().state.annotations.tags().is_empty());
    script.act("u").await;
    assert!(script.bench().state.annotations.tags().contains("warm"));
    assert!(script.status().contains("draft"), "undoing a tag moves nobody");
    script.act("* 0").await;
    script.act("m").await;
    let annotations = &script.bench().state.annotations;
    assert!(annotations.rating() == 0 && annotations.marks().is_empty());
    script.keys("f");
    script.until(|app| app.notices.iter().any(|notice| notice.text.contains("flagged"))).await;
    script.settled().await;
    assert!(script.status().starts_with("kettle"), "a flag goes on as a verdict does");
    script.keys("u");
    script.until(|app| app.bench().is_some_and(|bench| bench.state.id == "harbour" && !bench.loading)).await;
    script.until(|app| app.bench().is_some_and(|bench| bench.state.annotations.flags().is_empty())).await;
}

#[tokio::test]
async fn two_words_are_two_tags_and_those_of_the_library_are_offered() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    script.keys("#");
    script.write("good #ending");
    script.act("enter").await;
    insta::assert_snapshot!(script.hints(), @"tagged #ending #good · u undoes");
    script.keys("q");
    script.settled().await;
    script.open_session("kettle").await;
    script.keys("#");
    assert!(script.lines(&["▸ Tag"]).ends_with(" tab: ending · good ─╮"), "{}", script.screen());
    script.write("dim e");
    script.keys("tab");
    script.act("enter").await;
    let tags =
        |script: &Script| script.bench().state.annotations.tags().into_iter().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(tags(&script), ["dim", "ending"]);
    script.keys("# tab tab");
    script.act("enter").await;
    insta::assert_snapshot!(script.hints(), @"no longer tagged #ending · u undoes");
    script.act("u").await;
    script.act("u").await;
    assert!(tags(&script).is_empty(), "one undo takes what one line said");
}

#[tokio::test]
async fn no_key_judges_from_within_a_text() {
    let mut script = Script::at(120, 40).await;
    script.open_session("harbour").await;
    let before = script.bench().state.last_seq;
    for begin in ["/", "#", "g", "F", "w", "e", ":", "?", "S e"] {
        script.keys(begin);
        script.write("axsynfum");
        let mut overlays = 0;
        while !script.app().overlays.is_empty() {
            overlays += 1;
            assert!(overlays < 5, "{begin}: the overlays are closed one by one");
            // A changed text asks: the third row throws it away.
            let asks = script.shows("Throw the changes away");
            script.keys(if asks { "down down enter" } else { "esc" });
        }
    }
    script.settled().await;
    assert_eq!(script.bench().state.last_seq, before);
    assert!(script.status().starts_with("harbour"));
}

#[tokio::test]
async fn a_session_that_another_process_writes_is_read_only() {
    let script = Script::at(120, 40).await;
    let folder = script.close().await;
    let session = retrace::session::Session::annotate(&folder.path().join("library/harbour.jsonl")).unwrap();
    let mut script = Script::open_in(folder, Opening::default()).await;
    script.open_session("harbour").await;
    assert!(script.app().notices.iter().any(|notice| notice.text.contains("another process is writing it")));
    assert!(script.status().ends_with("read-only"));
    script.keys("* 4");
    script.until(|app| app.notices.iter().any(|notice| notice.text.contains("record"))).await;
    script.keys("r");
    insta::assert_snapshot!(script.lines(&["✗", "!"]), @"
    ✗ harbour: nothing was recorded: ~/library/harbour.jsonl                   is read-only: another process is writing
    ! ~/library/harbour.jsonl                   is read-only: another process is writing it; it is followed as it grows,
    ");
    for key in ["r", "S", "e"] {
        script.keys(key);
        assert!(script.app().overlays.is_empty(), "nothing is asked for that could not be kept");
        assert!(script.app().notices.iter().any(|notice| notice.text.contains("read-only: another process")));
    }
    assert!(script.app().notices.iter().any(|notice| notice.text.contains("another process is writing it")));
    drop(session);
}

#[tokio::test]
async fn a_damaged_session_is_shown_as_far_as_it_is_sound() {
    let folder = super::script::folder().await;
    let path = folder.path().join("library/harbour.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let damaged: Vec<String> = text
        .lines()
        .enumerate()
        .map(|(at, line)| if at == 20 { line.replacen(':', ";", 3) } else { line.to_owned() })
        .collect();
    std::fs::write(&path, damaged.join("\n") + "\n").unwrap();
    let mut script = Script::open_in(folder, Opening::default()).await;
    script.open_session("harbour").await;
    insta::assert_snapshot!(script.hints(), @"✗ line 21 is damaged; the session is read-only, and `retrace check` lists every damaged line");
    assert!(script.shows("Dear Ana"));
}

#[tokio::test]
async fn a_candidate_is_selected_with_the_mouse_and_taken() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    script.click("├ a", Press::Click);
    let all = script.bench().candidates();
    assert_eq!(script.bench().candidate_index(&all), 0);
}

#[tokio::test]
async fn an_undo_at_once_takes_back_the_verdict_just_given_and_nothing_older() {
    let mut script = Script::at(120, 40).await;
    script.open_session("harbour").await;
    script.act("* 3").await;
    script.keys("a u");
    let is_back = |app: &retrace::app::App| {
        app.bench().is_some_and(|bench| bench.state.id == "harbour" && bench.state.redoable(&ada()).is_some())
    };
    script.until(is_back).await;
    assert_eq!(script.bench().state.annotations.verdict(), Verdict::None);
    assert_eq!(script.bench().state.annotations.rating(), 3);
}

#[tokio::test]
async fn a_fresh_library_has_decided_nothing() {
    let mut script = Script::on_samples(150, 42).await;
    let none = "decided 0 of 10  0 kept · 0 dropped · 0 later";
    assert!(script.status().contains(none), "{}", script.status());
    script.open_session("lighthouse-letter").await;
    assert!(script.status().contains("  sample  ✎  ★★★★★  "), "{}", script.status());
    // Another person's acts are theirs.
    for _ in 0..8 {
        script.keys("\"");
        if script.status().contains("mara's") && script.shows("◆ mara") {
            break;
        }
    }
    assert!(
        ["mara's edit", "mara's choice", "mara's refusal"].iter().any(|act| script.status().contains(act)),
        "{}",
        script.status()
    );
    assert!(script.shows("◆ mara") && !script.shows("◆ you"), "{}", script.screen());
    script.act("m").await;
    assert!(!script.status().contains("kept"), "{}", script.status());
    script.keys("q");
    script.until(|app| app.library.listed_rows().filter(|row| !row.is_sample()).count() == 1).await;
    assert!(script.status().contains(none), "{}", script.status());
    script.keys("X");
    assert!(script.shows("0 of 1 sessions") || script.shows("all: 1 sessions"), "{}", script.screen());
    script.keys("esc");
    script.open_session("lighthouse-letter").await;
    script.keys("a q");
    script.until(|app| app.library.tally().kept == 1).await;
    assert!(script.status().contains("decided 1 of 10"), "{}", script.status());
}

/// Of the sample's timeline the person's deeds are told against what stood there before them.
#[tokio::test]
async fn a_person_s_choice_is_told_as_one_and_for_what_it_cost() {
    let mut script = Script::on_samples(150, 42).await;
    script.open_session("eleven-votes").await;
    script.keys("<");
    insta::assert_snapshot!(script.hints(), @"1st of 3 losses: mara's choice, +0.308 nats");
    let bench = script.bench();
    let score = |node| bench.search().unwrap().score(node).unwrap();
    let before = &bench.timeline.moments()[bench.cursor() - 1];
    let cost = score(bench.node().unwrap()) - score(before.node);
    assert!((bench.change_at(bench.cursor()).unwrap() - cost).abs() < 1e-9);
    assert!(bench.segments().iter().any(|row| row.changed && row.by_hand), "a person chose it");
}

/// Names of marks, stars and notes on versions are told where they are.
#[tokio::test]
async fn what_was_said_of_a_version_is_seen_at_it() {
    let mut script = Script::on_samples(150, 42).await;
    script.open_session("lighthouse-letter").await;
    let annotations = script.bench().state.annotations.clone();
    script.keys("0");
    let mut told = Vec::new();
    for _ in 0..annotations.marks().len() + 8 {
        script.keys("'");
        told.push(script.hints());
    }
    for name in annotations.marks().into_values().flatten() {
        assert!(told.iter().any(|said| said == &format!("marked: {name}")), "{name}: {told:?}");
    }
    let noted: Vec<_> = annotations.notes().into_keys().flatten().collect();
    assert!(!noted.is_empty() && !annotations.stars().is_empty());
    for (node, what) in
        noted.iter().map(|node| (*node, "note on v")).chain(annotations.stars().into_iter().map(|node| (node, "☆ v")))
    {
        script.keys(":");
        script.write(&format!("v{}", node.0));
        script.keys("enter");
        assert_eq!(script.bench().node(), Some(node));
        assert!(script.shows(&format!("{what}{}", node.0)), "{}", script.screen());
    }
    script.keys(":");
    script.write("v9999");
    script.keys("enter");
    insta::assert_snapshot!(script.hints(), @"v9999 was current at no moment");
}

#[tokio::test]
async fn a_verdict_says_which_version_it_was_given_to_once_another_stands_there() {
    let mut script = Script::at(120, 40).await;
    script.open_session("harbour").await;
    script.keys("a q");
    script.until(|app| app.library.tally().kept == 1).await;
    script.open_session("harbour").await;
    let mut told = Vec::new();
    for width in [60, 80, 120] {
        script.resize(width, 40);
        told.push(script.status());
    }
    script.act("0 l l l J y").await;
    told.push(script.status());
    script.keys("X");
    told.push(script.lines(&["The row of"]));
    script.keys("esc");
    script.act("u").await;
    told.push(script.status());
    insta::assert_snapshot!(told.join("\n"), @"
    harbour  ppl 5.3  step 8/8 · seg 1   ended: all steps made
    harbour  ppl 5.3  step 8/8 · seg 1  ✓ kept               ended: all steps made
    harbour  ppl 5.3  step 8/8 · seg 1  ✓ kept  by scripted, nll, 78 tokens  1 of 4  letter, en      ended: all steps made
    harbour  ppl 6.7  your choice after step 8/8 · seg 1  ✓ kept v33, now v13                        ended: all steps made
    │╭ The row of harbour, v13 with ppl 6.7 (v33 is lower: ppl 5.3); what was kept is v33, as the trainer reads it ───────╮│
    harbour  ppl 5.3  back to v33 by undo after step 8/8 · seg 1  ✓ kept                             ended: all steps made
    ");
}
