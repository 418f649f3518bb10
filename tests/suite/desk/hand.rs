//! What a person makes without a search: a draft, more candidates, measurements, undo across restarts.

use retrace::engine::desk::{News, Order};
use retrace::reer::search::{ScoreOf, Why};
use retrace::session::{Payload, Tag};

use super::stand::{Gated, Stand, fresh, setup};

const DRAFT: &str = "Who is asking for this piece, and what would they want to find in its first line? I would begin \
                     with the plainest thing there is.\n\nThen the turn: the piece is written already, and that is \
                     the joke. Say it once, in as few words as it takes, and stop there.";

#[tokio::test]
async fn a_draft_by_hand_is_scored_beside_the_baseline_before_any_search() {
    let (_folder, path) = fresh();
    let open = Gated::open();
    let mut stand = Stand::at(&path, &open, &open);
    stand.desk.order(Order::Write { text: DRAFT.to_owned() });
    stand.until(|_, state| state.head().is_some_and(|head| state.logprobs.contains_key(&ScoreOf::Node(head)))).await;
    let search = stand.state.search.as_ref().unwrap();
    assert!(search.baseline().is_some());
    assert_eq!(search.tree().trajectory(search.head().unwrap()).unwrap().segments.len(), 2);
    assert_eq!(stand.state.models.as_ref().unwrap().generator.kind, "none");
    stand.idle().await;
    let mut other = setup();
    other.search.candidates = 2;
    stand.desk.order(Order::Search(other));
    stand.until(|_, state| state.stop.is_some()).await;
    let state = stand.close(&path).await;
    let search = state.search.unwrap();
    assert_eq!(
        (search.config().candidates, search.tree().iter().filter(|(_, v)| v.node.why == Why::Draft).count()),
        (2, 1)
    );
    assert!(search.decisions().len() > 1, "the search goes on from the person's draft");
}

#[tokio::test]
async fn what_nobody_scored_before_the_end_of_a_sitting_is_scored_in_the_next() {
    let (_folder, path) = fresh();
    let never = Gated::with(0);
    let mut stand = Stand::at(&path, &never, &never);
    stand.desk.order(Order::Write { text: DRAFT.to_owned() });
    stand.until(|_, state| state.unsearched().count() == 1).await;
    let state = stand.close(&path).await;
    assert!(state.search.is_none());
    let open = Gated::open();
    let mut stand = Stand::at(&path, &open, &open);
    stand.opened().await;
    stand.desk.order(Order::Record(vec![Payload::Tag(Tag { name: "mine".to_owned(), on: true })]));
    stand.until(|_, state| state.head().is_some()).await;
    let state = stand.close(&path).await;
    assert!(state.logprobs.contains_key(&ScoreOf::Node(state.head().unwrap())));
}

#[tokio::test]
async fn what_cannot_stand_is_refused_with_a_reason_and_writes_nothing() {
    let (_folder, path) = fresh();
    let before = std::fs::read(&path).unwrap();
    let open = Gated::open();
    let mut stand = Stand::at(&path, &open, &open);
    stand.opened().await;
    let node = retrace::reer::search::NodeId(7);
    let wrong = [
        (Order::Write { text: " \n ".to_owned() }, "empty"),
        (Order::Write { text: "One <think> two".to_owned() }, "<think>"),
        (Order::Pause, "no search is running"),
        (Order::Record(Vec::new()), "nothing to record"),
        (Order::Record(vec![Payload::Star(retrace::session::Star { node, on: true })]), "no version 7"),
        (
            Order::Make {
                parent: node,
                why: Why::Edit,
                segment: None,
                segments: Vec::new(),
                step: None,
                refused: None,
            },
            "no version 7",
        ),
        (Order::Measure(vec![ScoreOf::Node(node)]), "no such version"),
    ];
    for (order, reason) in wrong {
        stand.desk.order(order.clone());
        let why = stand.refused().await;
        assert!(why.contains(reason), "{order:?}: {why}");
    }
    stand.close(&path).await;
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn more_candidates_come_outside_any_step_with_score_and_leak() {
    let (_folder, path) = fresh();
    let open = Gated::open();
    let mut stand = Stand::at(&path, &open, &open);
    stand.desk.order(Order::Write { text: DRAFT.to_owned() });
    stand.until(|_, state| state.head().is_some()).await;
    let head = stand.state.head().unwrap();
    let segment = stand.state.search.as_ref().unwrap().tree().trajectory(head).unwrap().segments[0].id;
    let (instruction, generator) = (Some("say less".to_owned()), "scripted".to_owned());
    stand.desk.order(Order::Propose { node: head, segment, instruction, generator, count: 3 });
    let scored = |state: &retrace::session::State| {
        let versions = state.search.as_ref().unwrap().tree().iter();
        versions.filter(|(_, v)| v.node.why == Why::Candidate && v.measures.is_some() && v.leak.is_some()).count()
    };
    stand.until(|_, state| scored(state) == 3).await;
    assert!(stand.seen.iter().any(|news| matches!(news, News::Streamed { .. })));
    let state = stand.close(&path).await;
    assert_eq!(state.head(), Some(head), "nothing is taken by itself");
    for (id, version) in state.search.as_ref().unwrap().tree().iter().filter(|(id, _)| *id > head) {
        assert_eq!((version.node.step, version.node.slot, version.node.parent), (None, None, Some(head)));
        assert!(state.logprobs.contains_key(&ScoreOf::Node(id)));
    }
}

/// The order that makes a version in which the first segment says something else.
fn edited(stand: &Stand, text: &str) -> Order {
    let search = stand.state.search.as_ref().unwrap();
    let parent = search.head().unwrap();
    let segments = &search.tree().trajectory(parent).unwrap().segments;
    let mut segments: Vec<_> = segments.iter().map(|s| (Some(s.id), s.text.clone())).collect();
    segments[0].1 = text.to_owned();
    Order::Make { parent, why: Why::Edit, segment: segments[0].0, segments, step: None, refused: None }
}

#[tokio::test]
async fn of_the_versions_that_wait_the_current_one_is_scored_first() {
    let (_folder, path) = fresh();
    let (generator, scorer) = (Gated::with(0), Gated::with(1));
    let mut stand = Stand::at(&path, &generator, &scorer);
    stand.desk.order(Order::Write { text: DRAFT.to_owned() });
    stand.until(|_, state| state.head().is_some()).await;
    stand.idle().await;
    let mut made = Vec::new();
    for text in ["One way to begin.", "Another way to begin.", "A third way to begin."] {
        let before = stand.state.head();
        stand.desk.order(edited(&stand, text));
        stand.until(|_, state| state.head() != before).await;
        made.extend(stand.state.head());
    }
    scorer.permits.add_permits(3);
    let (mut scored, all) = (Vec::new(), made.clone());
    stand
        .until(|_, state| {
            let search = state.search.as_ref().unwrap();
            let new = all.iter().filter(|node| search.score(**node).is_some() && !scored.contains(*node));
            let new: Vec<_> = new.copied().collect();
            scored.extend(new);
            scored.len() == 3
        })
        .await;
    assert_eq!(scored, [made[0], made[2], made[1]], "the first was being scored when the others were made");
    let calls = |state: &retrace::session::State| state.ledger.total().calls;
    stand.idle().await;
    assert_eq!(calls(&stand.state), 4, "the draft with the baseline, and each version once");
    stand.close(&path).await;
}

#[tokio::test]
async fn measuring_records_nothing() {
    let (_folder, path) = fresh();
    let before = std::fs::read(&path).unwrap();
    let open = Gated::open();
    let mut stand = Stand::at(&path, &open, &open);
    stand.desk.order(Order::Measure(vec![ScoreOf::Baseline]));
    stand.until(|news, _| matches!(news, News::Measured { .. })).await;
    let Some(News::Measured { of, measures, logprobs, leak }) = stand.seen.last().cloned() else { unreachable!() };
    assert_eq!((of, logprobs.len(), leak), (ScoreOf::Baseline, measures.tokens, None));
    stand.close(&path).await;
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn undo_takes_actions_back_across_close_and_reopening() {
    let (_folder, path) = fresh();
    let open = Gated::open();
    let tag = |name: &str| Payload::Tag(Tag { name: name.to_owned(), on: true });
    let mut stand = Stand::at(&path, &open, &open);
    stand.desk.order(Order::Record(vec![tag("one"), tag("two")]));
    stand.desk.order(Order::Record(vec![tag("three")]));
    stand.until(|_, state| state.annotations.tags().len() == 3).await;
    stand.close(&path).await;
    let mut stand = Stand::at(&path, &open, &open);
    stand.desk.order(Order::Undo);
    stand.until(|_, state| state.annotations.tags().len() == 2).await;
    stand.desk.order(Order::Undo);
    stand.until(|_, state| state.annotations.tags().is_empty()).await;
    stand.desk.order(Order::Undo);
    assert!(stand.refused().await.contains("nothing to take back"));
    stand.desk.order(Order::Redo);
    stand.until(|_, state| state.annotations.tags().len() == 2).await;
    stand.close(&path).await;
}
