//! The search at the desk: as an undisturbed one where nobody interferes, and overtaken where somebody does.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use retrace::engine::BackEnds;
use retrace::engine::desk::Origin;
use retrace::lm::prompts::Prompts;
use retrace::lm::{Answered, Context, LmError, Scorer, TokenLogprobs};
use retrace::reer::{Example, Identity, Target};
use tokio::sync::Semaphore;

use crate::engine::World;

use retrace::engine::desk::{News, Order, Work};
use retrace::reer::search::{NodeId, Reason, StopReason, Why};
use retrace::session::{Head, Override, Payload, Status, Verdict, VerdictRecord};

use super::stand::{Gated, Stand, fresh, setup};

async fn undisturbed() -> retrace::session::State {
    let (_folder, path) = fresh();
    let open = Gated::open();
    let mut stand = Stand::at(&path, &open, &open);
    stand.search();
    stand.until(|_, state| state.stop.is_some()).await;
    stand.close(&path).await
}

#[tokio::test]
async fn a_search_runs_to_its_end_and_is_the_batch_s() {
    let state = undisturbed().await;
    assert!(state.stop.as_ref().unwrap().reason.is_final());
    assert!(state.steps() > 2);
    assert_eq!(state.status(), Status::Done);
    for decision in state.search.as_ref().unwrap().decisions() {
        let kept =
            decision.chosen.is_none_or(|node| state.logprobs.contains_key(&retrace::reer::search::ScoreOf::Node(node)));
        assert!(kept);
    }
}

#[tokio::test]
async fn paused_and_continued_it_ends_as_undisturbed() {
    let whole = undisturbed().await;
    for calls in [1, 2, 4, 5, 7, 9] {
        let (_folder, path) = fresh();
        let gate = Gated::with(calls);
        let mut stand = Stand::at(&path, &gate, &gate);
        stand.search();
        stand.until(|_, _| gate.permits.available_permits() == 0).await;
        stand.desk.order(Order::Pause);
        stand.until(|_, state| state.stop.as_ref().is_some_and(|stop| stop.reason == StopReason::Person)).await;
        stand.idle().await;
        gate.permits.add_permits(10_000);
        stand.search();
        stand.until(|_, state| state.stop.as_ref().is_some_and(|stop| stop.reason.is_final())).await;
        let state = stand.close(&path).await;
        let (search, whole) = (state.search.unwrap(), whole.search.as_ref().unwrap());
        assert_eq!(search.decisions(), whole.decisions(), "after {calls} calls");
        assert_eq!(search.tree(), whole.tree());
    }
}

#[tokio::test]
async fn an_edit_is_recorded_and_scored_while_the_generator_still_writes() {
    let (_folder, path) = fresh();
    let (generator, scorer) = (Gated::with(1), Gated::open());
    let mut stand = Stand::at(&path, &generator, &scorer);
    stand.search();
    stand.until(|news, _| matches!(news, News::Activity(a) if matches!(a.work, Work::Proposing { step: 1, .. }))).await;
    let search = stand.state.search.as_ref().unwrap();
    let head = search.head().unwrap();
    let segments = &search.tree().trajectory(head).unwrap().segments;
    let mut texts: Vec<_> = segments.iter().map(|s| (Some(s.id), s.text.clone())).collect();
    texts[1].1 = "What would she ask of me first? The hen, surely.".to_owned();
    let made =
        Order::Make { parent: head, why: Why::Edit, segment: texts[1].0, segments: texts, step: None, refused: None };
    stand.desk.order(made);
    let mut mine = NodeId(0);
    stand
        .until(|_, state| {
            let search = state.search.as_ref().unwrap();
            mine = search.head().unwrap();
            mine != head && search.score(mine).is_some()
        })
        .await;
    assert_eq!(generator.permits.available_permits(), 0, "the generator has not answered");
    assert!(stand.state.logprobs.contains_key(&retrace::reer::search::ScoreOf::Node(mine)));
    generator.permits.add_permits(10_000);
    stand.until(|_, state| state.stop.is_some()).await;
    let state = stand.close(&path).await;
    let search = state.search.unwrap();
    let first = &search.decisions()[0];
    assert_eq!((first.chosen, first.frontier.as_slice()), (None, &[mine][..]));
    assert!(!first.others.is_empty() && first.others.iter().all(|other| other.reason == Reason::Overtaken));
    assert!(search.decisions().len() > 1);
    for decision in &search.decisions()[1..] {
        assert!(search.tree().lineage(decision.frontier[0]).contains(&mine), "the search goes on from the person's");
    }
}

#[tokio::test]
async fn a_verdict_waits_for_no_call() {
    let (_folder, path) = fresh();
    let gate = Gated::with(0);
    let mut stand = Stand::at(&path, &gate, &gate);
    stand.search();
    stand.until(|news, _| matches!(news, News::Streamed { .. })).await;
    stand.desk.order(Order::Record(vec![Payload::Verdict(VerdictRecord { verdict: Verdict::Keep, summary: None })]));
    stand.until(|_, state| state.annotations.verdict() == Verdict::Keep).await;
    let state = stand.close(&path).await;
    assert_eq!(state.stop.unwrap().reason, StopReason::Person, "a running search is stopped so that it can go on");
}

#[tokio::test]
async fn a_finished_search_goes_on_from_another_version_or_with_more_steps_and_else_says_what_to_do() {
    let (_folder, path) = fresh();
    let open = Gated::open();
    let mut stand = Stand::at(&path, &open, &open);
    stand.search();
    stand.until(|_, state| state.stop.is_some()).await;
    stand.idle().await;
    let steps = stand.state.steps();
    stand.search();
    let why = stand.refused().await;
    assert!(why.contains("ask for more than"), "{why}");
    assert!(stand.state.stop.is_some());
    let mut more = setup();
    more.search.steps += 4;
    stand.desk.order(Order::Search(more.clone()));
    stand.until(|_, state| state.steps() > steps).await;
    stand.until(|_, state| state.stop.is_some()).await;
    stand.idle().await;
    let first = stand.state.search.as_ref().unwrap().tree().iter().next().unwrap().0;
    stand.desk.order(Order::Record(vec![Payload::Head(Head { node: first, branch: Some("again".to_owned()) })]));
    more.search.steps += 4;
    let steps = stand.state.steps();
    stand.desk.order(Order::Search(more));
    stand.until(|_, state| state.steps() > steps && state.stop.is_some()).await;
    let state = stand.close(&path).await;
    let search = state.search.unwrap();
    assert!(search.tree().lineage(search.decisions()[steps as usize].frontier[0]).contains(&first));
}

#[tokio::test]
async fn a_refused_candidate_taken_by_hand_gets_its_token_log_probabilities() {
    let (_folder, path) = fresh();
    let open = Gated::open();
    let mut stand = Stand::at(&path, &open, &open);
    stand.search();
    stand.until(|_, state| state.stop.is_some()).await;
    stand.idle().await;
    let search = stand.state.search.as_ref().unwrap();
    let decision = &search.decisions()[0];
    let node = decision.others.iter().find(|other| search.score(other.node).is_some()).unwrap().node;
    let step = Some(decision.step);
    assert!(!stand.state.logprobs.contains_key(&retrace::reer::search::ScoreOf::Node(node)));
    stand.desk.order(Order::Record(vec![Payload::Override(Override { node, refused: None, step })]));
    stand.until(|_, state| state.logprobs.contains_key(&retrace::reer::search::ScoreOf::Node(node))).await;
    assert_eq!(stand.state.head(), Some(node));
    stand.close(&path).await;
}

/// Answers the contexts of a call from the last on, and the first only when it is let on.
struct Backwards {
    world: World,
    gate: Semaphore,
    asked: Mutex<Vec<usize>>,
}

#[async_trait]
impl Scorer for Backwards {
    fn identity(&self) -> &Identity {
        Scorer::identity(&self.world)
    }

    async fn tokenize(&self, example: &Example) -> Result<Target, LmError> {
        self.world.tokenize(example).await
    }

    async fn score(
        &self,
        example: &Example,
        target: &Target,
        of: &[Context],
        answered: Answered<'_>,
    ) -> Vec<Result<TokenLogprobs, LmError>> {
        self.asked.lock().unwrap().push(of.len());
        let answers = self.world.score(example, target, of, &|_, _| {}).await;
        (1..of.len()).rev().for_each(|place| answered(place, &answers[place]));
        if of.len() > 1 {
            self.gate.acquire().await.unwrap().forget();
        }
        answers
    }
}

#[tokio::test]
async fn a_pause_keeps_the_scores_that_came_before_others_that_were_asked_for_first() {
    let whole = undisturbed().await;
    let (_folder, path) = fresh();
    let scorer =
        Arc::new(Backwards { world: World::new("scripted"), gate: Semaphore::new(0), asked: Mutex::default() });
    let back_ends = BackEnds::new(Prompts::default(), setup()).with_generator("scripted", Gated::open());
    let back_ends = Arc::new(back_ends.with_scorer("scripted", scorer.clone()));
    let mut stand = Stand::open(Origin::File(path.clone()), back_ends);
    stand.search();
    let but_one =
        |news: &News| matches!(news, News::Activity(a) if a.work == Work::LeaveOneOut && a.done + 1 == a.asked);
    stand.until(|news, _| but_one(news)).await;
    let asked = *scorer.asked.lock().unwrap().last().unwrap();
    assert!(asked > 2, "{asked}");
    stand.desk.order(Order::Pause);
    stand.until(|_, state| state.stop.is_some()).await;
    let search = stand.state.search.as_ref().unwrap();
    let (head, tree) = (search.head().unwrap(), search.tree());
    let segments = &tree.trajectory(head).unwrap().segments;
    let known = segments.iter().filter(|segment| search.importance(head, segment.id).is_some()).count();
    assert_eq!((known, asked), (segments.len() - 1, segments.len()));
    stand.idle().await;
    scorer.gate.add_permits(10_000);
    scorer.asked.lock().unwrap().clear();
    stand.search();
    stand.until(|_, state| state.stop.as_ref().is_some_and(|stop| stop.reason.is_final())).await;
    assert_eq!(scorer.asked.lock().unwrap()[0], 1, "only what is missing");
    let state = stand.close(&path).await;
    let tokens = |state: &retrace::session::State| state.ledger.total().tokens_in;
    assert!(tokens(&state) > 0, "the scores before the pause cost what they cost");
    assert_eq!(tokens(&state), tokens(&whole));
    let (search, whole) = (state.search.unwrap(), whole.search.unwrap());
    assert_eq!(search.decisions(), whole.decisions());
    assert_eq!(search.tree(), whole.tree());
}
