//! Racing through the engine: candidates dropped early are recorded as such, decisions stay what they were, and a
//! dropped one that a person chooses is scored after all.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use retrace::engine::{Limits, Models, batch, search};
use retrace::lm::{Answered, Context, Current, Estimate, LmError, Scorer, TokenLogprobs};
use retrace::reer::search::{Decision, NodeId, Reason, Rule};
use retrace::reer::{Example, Identity, Target};
use retrace::session::{self, Author, Head, Payload, Session, State};
use tokio_util::sync::CancellationToken;

use super::{World, at, plan};
use crate::session::schema::every_line_is_valid;

/// The world with a scorer that reads in parts, and that estimates where told so: it reads every other token.
struct Reader {
    world: World,
    estimates: bool,
}

#[async_trait]
impl Scorer for Reader {
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
        self.world.score(example, target, of, answered).await
    }

    fn reads_in_parts(&self) -> bool {
        true
    }

    fn estimates(&self) -> bool {
        self.estimates
    }

    async fn estimate(
        &self,
        example: &Example,
        target: &Target,
        current: Current<'_>,
        contexts: &[Context],
        _unread: f64,
    ) -> Vec<Result<Estimate, LmError>> {
        let scored = self.world.score(example, target, contexts, &|_, _| {}).await;
        let estimate = |tokens: TokenLogprobs| {
            let read: Vec<bool> = (0..tokens.logprobs.len()).map(|at| at % 2 == 0).collect();
            let known = current.logprobs.iter().zip(&tokens.logprobs).zip(&read);
            let logprobs = known.map(|((known, new), read)| if *read { *new } else { *known as f32 }).collect();
            Estimate { expected: vec![0.01; read.len()], read, tokens: TokenLogprobs { logprobs, ..tokens } }
        };
        scored.into_iter().map(|answer| answer.map(estimate)).collect()
    }
}

fn models(estimates: bool) -> Models {
    let world = || World::new("scripted");
    Models { generator: Arc::new(world()), scorer: Arc::new(Reader { world: world(), estimates }) }
}

async fn raced(folder: &Path, rule: Option<Rule>, estimates: bool) -> State {
    let reference = "The lamp is lit again tonight. ".repeat(20);
    let row = serde_json::json!({"id": "p", "query": "Write about a lamp.", "reference": reference});
    std::fs::write(folder.join("pairs.jsonl"), row.to_string()).unwrap();
    let mut plan = plan(folder);
    plan.library = folder.join(format!("{rule:?}"));
    plan.config.search.race = rule;
    let report = batch(plan, models(estimates), Arc::new(()), CancellationToken::new()).await.unwrap();
    let (_, path) = at(&report, 0);
    every_line_is_valid(&path);
    session::read(&path).unwrap().state
}

fn dropped(state: &State) -> Vec<NodeId> {
    let decisions = state.search.as_ref().unwrap().decisions().iter();
    let others = decisions.flat_map(|decision| &decision.others);
    others.filter(|other| other.reason == Reason::Outraced).map(|other| other.node).collect()
}

/// Whether each score of a version without a segment is an estimate.
fn weighed(state: &Path) -> Vec<bool> {
    let lines = std::fs::read_to_string(state).unwrap();
    let events = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let weighed = events.filter(|event| event["ev"] == "score" && !event["d"]["without"].is_null());
    weighed.map(|event| event["d"]["estimated"] == true && event["d"]["logprobs"].is_null()).collect()
}

#[tokio::test]
async fn a_race_by_a_paired_test_weighs_segments_by_estimates_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    for (rule, estimates, estimated) in [
        (None, true, false),
        (Some(Rule::Exact), true, false),
        (Some(Rule::Paired), false, false),
        (Some(Rule::Paired), true, true),
    ] {
        let library = folder.path().join(format!("{estimates}"));
        std::fs::create_dir_all(&library).unwrap();
        raced(&library, rule, estimates).await;
        let path = session::library::files(&library.join(format!("{rule:?}"))).unwrap().remove(0);
        let weighed = weighed(&path);
        assert!(!weighed.is_empty() && weighed.iter().all(|weighed| *weighed == estimated), "{rule:?} {weighed:?}");
    }
}

/// What was chosen at each step.
fn chosen(state: &State) -> Vec<(u32, Option<NodeId>)> {
    let choice = |decision: &Decision| (decision.step, decision.chosen);
    state.search.as_ref().unwrap().decisions().iter().map(choice).collect()
}

#[tokio::test]
async fn a_race_drops_candidates_and_changes_no_clear_decision() {
    let folder = tempfile::tempdir().unwrap();
    let plain = raced(folder.path(), None, true).await;
    assert!(dropped(&plain).is_empty());
    for rule in [Rule::Exact, Rule::Paired] {
        let state = raced(folder.path(), Some(rule), true).await;
        assert_eq!(chosen(&state), chosen(&plain), "{rule:?}");
        let dropped = dropped(&state);
        assert!(!dropped.is_empty(), "{rule:?}");
        let search = state.search.as_ref().unwrap();
        for node in dropped {
            let version = search.tree().get(node).unwrap();
            let outraced = version.outraced.unwrap();
            assert!(version.measures.is_none() && outraced.tokens < search.baseline().unwrap().tokens);
            assert!(state.logprobs.iter().all(|(of, _)| *of != retrace::reer::search::ScoreOf::Node(node)));
        }
    }
}

#[tokio::test]
async fn a_scorer_that_estimates_nothing_scores_all() {
    let folder = tempfile::tempdir().unwrap();
    let state = raced(folder.path(), Some(Rule::Paired), false).await;
    assert!(dropped(&state).is_empty() && chosen(&state).iter().any(|(_, chosen)| chosen.is_some()));
}

#[tokio::test]
async fn a_dropped_candidate_that_a_person_chooses_is_scored() {
    let folder = tempfile::tempdir().unwrap();
    let node = dropped(&raced(folder.path(), Some(Rule::Paired), true).await)[0];
    let path = session::library::files(&folder.path().join("Some(Paired)")).unwrap().remove(0);
    let mut session = Session::open(&path).unwrap();
    session.record(Author::User("ada".to_owned()), Payload::Head(Head { node, branch: None })).unwrap();
    session.go_on().unwrap();
    search(&mut session, &models(true), &Limits { cancel: CancellationToken::new(), time: None }, &()).await.unwrap();
    let version = session.state().search.as_ref().unwrap().tree().get(node).unwrap().clone();
    assert!(version.measures.is_some() && version.outraced.is_some(), "its score stands beside the race");
}
