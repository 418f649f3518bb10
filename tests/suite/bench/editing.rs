//! Editing: a person's own versions are siblings, scored like any other; nothing is overwritten.

use retrace::app::Effect;
use retrace::app::bench::Happened;
use retrace::app::effect::Tick;
use retrace::app::message::Message;
use retrace::reer::search::Why;

use super::script::{Opening, Script, ada};

fn texts(script: &Script) -> Vec<String> {
    script.bench().segments().into_iter().map(|row| row.text).collect()
}

/// The first words of each segment, and how many versions there are.
fn shape(script: &Script) -> String {
    let firsts =
        texts(script).iter().map(|text| text.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect::<Vec<_>>();
    firsts.join(" | ")
}

#[tokio::test]
async fn an_edit_is_a_branch_with_a_score_of_its_own() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    script.keys("0 l l e");
    insta::assert_snapshot!("editing", script.screen());
    script.keys("ctrl-end");
    script.write(" The kitchen and the winter, that is it.");
    let moments = script.bench().timeline.len();
    script.act("ctrl-s").await;
    assert_eq!(script.bench().timeline.len(), moments + 1);
    let moment = script.bench().moment().unwrap();
    assert_eq!(moment.happened, Happened::Edit(Why::Edit));
    assert!(moment.parent.is_some_and(|parent| parent < moments - 1), "it branches off where it was written");
    assert!(texts(&script).iter().any(|text| text.ends_with("The kitchen and the winter, that is it.")));
    insta::assert_snapshot!("edited", script.screen());
    insta::assert_snapshot!(script.status(), @"harbour  ppl 5.9  your edit after step 8/8 · seg 3  by scripted, nll, 78 tokens  1 of 4  letter, en                            ended: all steps made");
    script.act("u").await;
    assert!(!texts(&script).iter().any(|text| text.contains("The kitchen and the winter")));
    script.act("U").await;
    assert!(texts(&script).iter().any(|text| text.contains("The kitchen and the winter")));
}

#[tokio::test]
async fn an_edit_that_changes_nothing_records_nothing_and_a_changed_one_is_not_lost_by_a_key() {
    let mut script = Script::at(120, 40).await;
    script.open_session("harbour").await;
    let before = script.bench().state.last_seq;
    script.keys("e ctrl-s");
    assert!(script.app().overlays.is_empty());
    script.keys("e esc");
    assert!(script.app().overlays.is_empty());
    script.keys("e");
    script.write("Hm. ");
    script.keys("esc");
    insta::assert_snapshot!(script.lines(&["Go on writing", "Throw"]), @"
    │                       │▸ Go on writing                                                       │                       │
    │                       │  Throw the changes away                                              │                       │
    ");
    script.keys("enter");
    assert!(script.shows("Hm. "), "the text is still there");
    script.keys("esc down down enter");
    assert!(script.app().overlays.is_empty());
    script.settled().await;
    assert_eq!(script.bench().state.last_seq, before);
    script.keys("e");
    script.write("Hm. ");
    script.act("esc down enter").await;
    assert!(texts(&script).iter().any(|text| text.starts_with("Hm. ")), "the question can be answered by saving");
}

/// What stands beside the segments is together what the version's score lies below its draft's.
fn adds_up(script: &Script) {
    let (bench, search) = (script.bench(), script.bench().search().unwrap());
    let node = bench.node().unwrap();
    let draft = search.tree().lineage(node)[0];
    let change = search.score(node).unwrap() - search.score(draft).unwrap();
    let bought: f64 = bench.segments().iter().filter_map(|row| row.bought).sum();
    assert!((bought - change).abs() < 1e-9, "{bought} is not {change}: {}", shape(script));
}

#[tokio::test]
async fn segments_are_split_merged_moved_inserted_and_deleted() {
    let mut script = Script::at(120, 40).await;
    script.open_session("harbour").await;
    script.keys("0 home");
    let begin = texts(&script);
    let (mut told, mut said) = (vec![shape(&script)], Vec::new());
    script.keys("v s ctrl-home");
    script.keys("ctrl-right ctrl-right ctrl-right enter enter");
    script.act("ctrl-s").await;
    told.push(shape(&script));
    said.push(script.hints());
    adds_up(&script);
    script.keys("home");
    script.act("v m").await;
    told.push(shape(&script));
    said.push(script.hints());
    adds_up(&script);
    script.keys("home");
    script.act("v j").await;
    told.push(shape(&script));
    said.push(script.hints());
    adds_up(&script);
    script.keys("home");
    script.act("v down").await;
    script.keys("end");
    script.act("v k").await;
    told.push(shape(&script));
    said.push(script.hints());
    adds_up(&script);
    script.keys("end v i");
    script.write("Something new stands here, and it has the winter in it.");
    script.act("ctrl-s").await;
    told.push(shape(&script));
    said.push(script.hints());
    adds_up(&script);
    script.keys("end");
    script.act("v d").await;
    told.push(shape(&script));
    said.push(script.hints());
    insta::assert_snapshot!(told.join("\n"), @"
    Okay, who | Maybe I | Wait, the | Then the
    Okay, who | is asking, | Maybe I | Wait, the | Then the
    Okay, who

    is | Maybe I | Wait, the | Then the
    Maybe I | Okay, who

    is | Wait, the | Then the
    Okay, who

    is | Maybe I | Then the | Wait, the
    Okay, who

    is | Maybe I | Then the | Wait, the | Something new
    Okay, who

    is | Maybe I | Then the | Wait, the
    ");
    let moments = script.bench().timeline.moments().iter().filter(|moment| moment.is_hand_made());
    said.extend(moments.map(|moment| moment.name(&ada())));
    let made = script.bench().timeline.moments().iter().filter(|moment| moment.is_hand_made()).count();
    assert_eq!(made, 7);
    for _ in 0..made {
        script.act("u").await;
        said.push(script.hints());
    }
    insta::assert_snapshot!(said.join("\n"), @"
    segment 1 split: v34 is saved · u undoes
    segments 1 and 2 merged: v35 is saved · u undoes
    segment 1 moved to 2: v36 is saved · u undoes
    segment 4 moved to 3: v38 is saved · u undoes
    segment 5 inserted: v39 is saved · u undoes
    segment 5 deleted: v40 is saved · u undoes
    your split
    your merge
    your move
    your move
    your move
    your insertion
    your deletion
    harbour: the deletion of segment 5 undone · U brings it back
    harbour: the insertion of segment 5 undone · U brings it back
    harbour: the move of segment 4 undone · U brings it back
    harbour: the move of segment 1 undone · U brings it back
    harbour: the move of segment 1 undone · U brings it back
    harbour: the merge of segments 1 and 2 undone · U brings it back
    harbour: the split of segment 1 undone · U brings it back
    ");
    assert_eq!(script.bench().state.undoable(&ada()), None);
    script.keys("0");
    assert_eq!(texts(&script), begin, "nothing was overwritten");
}

#[tokio::test]
async fn what_is_done_to_a_segment_out_of_sight_is_shown() {
    let mut script = Script::at(80, 24).await;
    script.open_session("harbour").await;
    script.keys("shift-tab shift-tab");
    assert!(script.shows("[▸ Query]"), "{}", script.screen());
    script.act("v d").await;
    insta::assert_snapshot!("deleted_from_another_pane", script.screen());
    assert!(script.shows("[▸ Trajectory"), "{}", script.screen());
}

#[tokio::test]
async fn undo_shows_what_it_brought_back_whatever_was_selected_since() {
    let mut script = Script::at(120, 40).await;
    script.open_session("harbour").await;
    let (begin, head) = (texts(&script), script.bench().state.head());
    script.act("v d").await;
    assert_eq!(texts(&script).len(), begin.len() - 1);
    script.keys("up");
    script.act("u").await;
    assert_eq!((script.bench().node(), script.bench().state.head()), (head, head));
    assert_eq!(texts(&script), begin);
    assert!(!script.shows("(current:"), "{}", script.screen());
    script.keys("e");
    script.write("Hm. ");
    script.act("ctrl-s").await;
    assert_eq!(texts(&script).len(), begin.len(), "the deletion that was undone does not come back with the next edit");
    // Looking at an earlier moment, and undone from there.
    script.keys("0 l");
    script.act("u").await;
    assert_eq!(script.bench().node(), head);
    script.act("U").await;
    script.keys("0");
    script.keys("q");
    script.settled().await;
    script.keys("u");
    script.settled().await;
    script.open_session("harbour").await;
    let bench = script.bench();
    assert_eq!(bench.node(), bench.state.head(), "what came since is what there is to see");
}

/// A rewrite taken at an earlier moment differs from the current version in many segments: undone and brought back, the
/// selection is still on the segment that it was taken in.
#[tokio::test]
async fn undo_and_redo_stay_on_the_segment_that_they_are_about() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    let place = |script: &Script| {
        let segment = script.bench().segment();
        script.bench().segments().iter().position(|row| Some(row.id) == segment)
    };
    let head = texts(&script);
    script.keys("0 l l");
    let selected = place(&script);
    assert_ne!(selected, Some(0));
    script.act("J J J y").await;
    let differ = texts(&script).iter().zip(&head).filter(|(taken, head)| taken != head).count();
    assert!(differ > 1 && place(&script) == selected, "{differ}");
    for key in ["u", "U"] {
        script.act(key).await;
        assert_eq!(place(&script), selected, "{key}\n{}", script.screen());
    }
}

#[tokio::test]
async fn a_name_given_to_a_branch_sticks_and_what_was_undone_is_folded() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    let moments = script.bench().timeline.len();
    script.keys("F ctrl-u");
    script.write("rhythm");
    script.act("enter").await;
    assert_eq!(script.bench().timeline.len(), moments, "it begins where the person stands");
    assert!(script.shows("branch rhythm"), "{}", script.screen());
    script.act("v d").await;
    assert_eq!(script.bench().branch(), Some("rhythm"));
    for _ in 0..2 {
        script.act("u").await;
        script.keys("home");
        script.act("v d").await;
    }
    script.act("u").await;
    script.keys("b");
    insta::assert_snapshot!("branch_named", script.screen());
    script.keys("end");
    script.keys("enter");
    assert_eq!(script.screen().matches("ends with your").count(), 3, "{}", script.screen());
    script.keys("esc");
    let folder = script.close().await;
    let mut script = Script::open_in(folder, Opening { size: (150, 44), ..Opening::default() }).await;
    script.open_session("harbour").await;
    assert_eq!(script.bench().branch(), Some("rhythm"), "also in another run of the program");
    script.act("u").await;
    assert_eq!(script.bench().branch(), None);
}

#[tokio::test]
async fn after_an_undo_the_change_is_from_where_the_person_stood() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    script.act("v d").await;
    let there = script.lines(&["· best"]);
    script.act("u").await;
    let back = script.lines(&["· best"]);
    let bracket = |line: &str| {
        let from = line.rfind(": ").unwrap();
        line[from..].split(['(', ')']).nth(1).unwrap().to_owned()
    };
    let (there, back) = (bracket(there.lines().last().unwrap()), bracket(back.lines().last().unwrap()));
    let back = back.trim_end_matches(" nats").to_owned();
    let there = there.trim_end_matches(" nats").to_owned();
    assert_eq!(there.trim_start_matches(['+', '−']), back.trim_start_matches(['+', '−']));
    assert_ne!(there, back);
    assert_ne!(back, "+0.0");
}

/// From the search's best versions by hand may go on, so that no branch ends there: it is listed all the same.
#[tokio::test]
async fn the_way_back_to_the_lowest_version_is_a_row_of_the_branches() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    let best = script.bench().search().unwrap().best_ever().unwrap();
    script.act("v d").await;
    assert_ne!(script.bench().state.head(), Some(best));
    script.keys("b");
    assert!(script.shows("(the lowest)"), "{}", script.screen());
    script.write("lowest");
    script.act("enter").await;
    assert_eq!(script.bench().state.head(), Some(best));
}

#[tokio::test]
async fn what_cannot_be_done_to_a_segment_says_why() {
    let mut script = Script::at(120, 40).await;
    script.open_session("harbour").await;
    let mut told = Vec::new();
    for keys in ["end v m", "home v k", "end v j"] {
        script.keys(keys);
        told.push(script.hints());
    }
    script.keys("q");
    script.settled().await;
    script.open_session("kettle").await;
    for keys in ["v m", "v d", "v s", "y", "n", "g", "m", "F", "c", "space", "Y"] {
        script.keys(keys);
        told.push(format!("{keys}: {}", script.hints()));
        while !script.app().overlays.is_empty() {
            script.keys("esc");
        }
    }
    insta::assert_snapshot!(told.join("\n"), @r#"
    there is no segment after this one to merge with
    it is the first segment
    it is the last segment
    v m: no segment is selected
    v d: no segment is selected
    v s: there is no segment to split
    y: this segment has no candidates here; G asks for some
    n: this segment has no candidates here to refuse
    g: there is no segment to rewrite yet
    m: there is no version to mark yet
    F: there is no version to branch from yet
    c: there is no version to hold yet
    space: there is nothing to play yet; r starts the search
    Y: there is nothing to copy here
    "#);
}

#[tokio::test]
async fn a_version_can_be_forked_and_gone_back_to() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    script.keys("0 l F");
    assert!(script.shows("branch-1"));
    script.keys("ctrl-u");
    script.write("quieter");
    script.act("enter").await;
    insta::assert_snapshot!(script.lines(&["branch quieter"]), @"╭ Query ─────────────────────────╮╭ Reference ──────────────────────────────────────────╮╭ ▸ Trajectory · v3 · 4 segments ────────── branch quieter ─╮");
    insta::assert_snapshot!(script.hints(), @"quieter begins here; A lets the search go on from it");
    script.keys("b");
    insta::assert_snapshot!("branches", script.screen());
    let begun = script.bench().state.head();
    script.keys("up");
    script.act("enter").await;
    assert_ne!(script.bench().state.head(), begun, "the other branch is current");
    assert!(!script.shows("branch quieter"));
    insta::assert_snapshot!(script.hints(), @"v33 is current; A lets the search go on from it · u undoes");
    script.keys("b up");
    script.act("enter").await;
    assert_eq!(script.bench().state.head(), begun);
    assert!(script.shows("branch quieter"), "{}", script.screen());
    script.act("u").await;
    script.act("u").await;
    assert_eq!(script.bench().state.head(), begun);
    script.act("u").await;
    assert!(!script.shows("branch quieter"));
}

#[tokio::test]
async fn a_draft_of_one_s_own_begins_a_session_with_one_moment() {
    let mut script = Script::at(150, 44).await;
    script.open_session("kettle").await;
    insta::assert_snapshot!("fresh", script.screen());
    script.keys("e");
    script.paste(
        "I boil water every morning, so what would I tell a friend? The kettle, the second rivet, the sound of it.\n\n\
         Then the lid begins to talk, and that is the whole secret, so I should end there and not explain it.",
    );
    script.act("ctrl-s").await;
    assert_eq!(script.bench().timeline.len(), 1);
    insta::assert_snapshot!("one_moment", script.screen());
    script.keys("h l 0 $ > < ' \" space");
    assert_eq!(script.bench().cursor(), 0);
}

#[tokio::test]
async fn a_line_that_does_not_move_is_drawn_flat() {
    let mut script = Script::at(120, 40).await;
    script.open_session("orchard").await;
    script.keys("home");
    let score = |script: &Script| script.bench().search().unwrap().score(script.bench().node().unwrap()).unwrap();
    let before = score(&script);
    for _ in 0..3 {
        script.act("v j").await;
        assert!((score(&script) - before).abs() < 1e-9, "the order of segments is nothing to this scorer");
    }
    script.keys("z tab");
    insta::assert_snapshot!("flat", script.screen());
}

#[tokio::test]
async fn the_candidate_that_a_person_selected_is_edited() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    script.keys("0 l l l");
    let mut told = vec![script.hints()];
    script.keys("K K K K J");
    told.push(script.hints());
    let picked = script.bench().candidate().unwrap();
    assert_ne!(Some(&picked.new), script.bench().segment_text().as_ref());
    script.keys("e");
    told.extend([script.hints(), script.lines(&["▸ Edit"])]);
    script.keys("ctrl-end");
    script.write(" So I look once more.");
    let (node, segment) = (script.bench().node(), script.bench().segment());
    script.act("ctrl-s").await;
    let search = script.bench().search().unwrap();
    let made = search.tree().get(search.head().unwrap()).unwrap();
    assert_eq!((made.node.why, made.node.parent, made.node.segment), (Why::Edit, node, segment));
    assert_eq!(
        texts(&script).iter().filter(|text| **text == format!("{} So I look once more.", picked.new)).count(),
        1
    );
    let choice = script.bench().state.annotations.overrides().last().unwrap().value.clone();
    assert_eq!((choice.node, choice.step), (made.node.id, picked.step), "it goes against the step's decision");
    told.push(script.hints());
    script.act("u").await;
    assert!(!texts(&script).iter().any(|text| text.ends_with("So I look once more.")));
    insta::assert_snapshot!(told.join("\n"), @"
    ←/→ step  ↑/↓ segment  K/J candidate  y take  n refuse  e edit  g again  r search  space play  a keep  x drop  s later  u undo  : commands  ? help
    ←/→ step  ↑/↓ segment  K/J candidate  y take  n refuse  e edit candidate  g again  r search  space play  a keep  x drop  s later  : commands  ? help
    ctrl-s save  ctrl-o $EDITOR  esc never mind
    ╭ Query ─────────────────────────╮╭ Reference ──────────────────────────────────────────╮╭ ▸ Edit the candidate for segment 1 ───────────────────────╮
    segment 1 edited: v34 is saved · u undoes
    ");
}

#[tokio::test]
async fn a_candidate_left_as_it_was_makes_nothing_and_esc_leaves_it() {
    let mut script = Script::at(150, 44).await;
    script.open_session("harbour").await;
    let before = script.bench().state.last_seq;
    script.keys("0 l l l J e ctrl-s");
    assert!(script.app().overlays.is_empty());
    script.keys("E");
    assert!(matches!(script.wanted.last(), Some(Effect::WriteOutside)));
    assert!(script.shows("Edit the candidate"));
    script.keys("esc esc e");
    assert!(script.shows("Edit segment 1"), "{}", script.screen());
    script.keys("esc");
    script.settled().await;
    assert_eq!(script.bench().state.last_seq, before);
}

#[tokio::test]
async fn a_text_that_was_not_saved_comes_again_with_its_session() {
    let mut script = Script::at(120, 40).await;
    script.open_session("harbour").await;
    script.keys("home down e");
    script.write("Half a thought, ");
    script.tell(Message::Tick(Tick::Text));
    // It ended at once: where the person was is as it was kept before.
    let memory = script.app().memory.clone();
    let folder = script.close().await;
    let mut script = Script::open_in(folder, Opening { memory, size: (120, 40), ..Opening::default() }).await;
    script.until(|app| !app.overlays.is_empty()).await;
    assert!(script.shows("Edit segment 2") && script.shows("Half a thought,"), "{}", script.screen());
    assert!(script.status().contains("seg 2"), "{}", script.status());
    insta::assert_snapshot!(script.hints(), @"here is the text that you were writing when the program ended; it is not saved yet");
    let memory = script.app().memory.clone();
    script.act("ctrl-s").await;
    assert!(texts(&script).iter().any(|text| text.starts_with("Half a thought,")));
    let folder = script.close().await;
    let mut script = Script::open_in(folder, Opening { memory, size: (120, 40), ..Opening::default() }).await;
    script.until(|app| app.bench().is_some_and(|bench| !bench.loading)).await;
    script.settled().await;
    assert!(script.app().overlays.is_empty(), "what is saved is not asked about again");
}

#[tokio::test]
async fn another_program_writes_the_segment() {
    let mut script = Script::at(120, 40).await;
    script.open_session("harbour").await;
    script.keys("E");
    assert!(matches!(script.wanted.last(), Some(Effect::WriteOutside)));
    let before = script.bench().state.last_seq;
    script.tell(Message::Written(Ok(Some("It came from outside, with the harbour and the winter in it.".to_owned()))));
    script.until(|app| app.bench().is_some_and(|bench| bench.state.last_seq > before)).await;
    script.settled().await;
    assert!(texts(&script).iter().any(|text| text.starts_with("It came from outside")));
    script.keys("E");
    script.tell(Message::Written(Err("vi: it ended with 1; nothing was changed".to_owned())));
    assert!(script.hints().contains("nothing was changed"));
}
