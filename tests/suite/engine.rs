//! The engine over a scripted generator and scorer: what is recorded, what an interruption leaves, what a fault does.

mod batch;
mod race;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use retrace::engine::{BatchError, Models, Plan, Report, batch};
use retrace::lm::{Answered, Context, Generator, LmError, Request, Sample, Scorer, Sink, Task, TokenLogprobs};
use retrace::reer::search::{Config, Preset, ScoreOf, StopReason, Why};
use retrace::reer::{Example, Identity, Target};
use retrace::session::{self, Call, ConfigRecord, Models as ModelsRecord, Payload, State, Status, Summary};
use tokio_util::sync::CancellationToken;

/// The order in which the answers to so many contexts come.
type Arrival = fn(usize) -> Vec<usize>;

/// A world of texts: log-probabilities hang on a hash of z, rewrites on their seeds. `fails_on` names a query.
pub struct World {
    identity: Identity,
    fails_on: Option<&'static str>,
    /// After this many scoring calls the token is cancelled.
    cancel_after: Option<(usize, CancellationToken)>,
    /// None: the answers of a call come with its end.
    arrival: Option<Arrival>,
    calls: AtomicUsize,
    scorings: AtomicUsize,
    flying: AtomicUsize,
    most_flying: AtomicUsize,
}

impl World {
    pub fn new(kind: &str) -> World {
        World {
            identity: Identity { kind: kind.to_owned(), model: "scripted".to_owned(), revision: None },
            fails_on: None,
            cancel_after: None,
            arrival: Some(|count| (0..count).collect()),
            calls: AtomicUsize::new(0),
            scorings: AtomicUsize::new(0),
            flying: AtomicUsize::new(0),
            most_flying: AtomicUsize::new(0),
        }
    }
}

fn hash(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3))
}

#[async_trait]
impl Scorer for World {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    async fn tokenize(&self, example: &Example) -> Result<Target, LmError> {
        let y = example.scored_reference();
        let ends: Vec<usize> = y.char_indices().map(|(at, c)| at + c.len_utf8()).collect();
        let starts = std::iter::once(0).chain(ends.iter().copied());
        Ok(Target {
            tokens: y.chars().map(u32::from).collect(),
            spans: starts.zip(&ends).map(|(start, end)| start..*end).collect(),
        })
    }

    async fn score(
        &self,
        example: &Example,
        target: &Target,
        of: &[Context],
        answered: Answered<'_>,
    ) -> Vec<Result<TokenLogprobs, LmError>> {
        self.scorings.fetch_add(1, Ordering::SeqCst);
        let flying = self.flying.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_flying.fetch_max(flying, Ordering::SeqCst);
        if let Some((after, token)) = &self.cancel_after
            && self.calls.fetch_add(1, Ordering::SeqCst) + 1 >= *after
        {
            token.cancel();
        }
        tokio::task::yield_now().await;
        self.flying.fetch_sub(1, Ordering::SeqCst);
        let answers: Vec<Result<TokenLogprobs, LmError>> = of
            .iter()
            .map(|Context::Thinking { z }| {
                if self.fails_on.is_some_and(|query| example.query.contains(query)) && z.contains("rewrite") {
                    return Err(LmError::Invalid("the answer has 3 rows for 4 tokens".to_owned()));
                }
                let value = if z.is_empty() { 4.0 } else { 1.0 + (hash(z) % 1000) as f32 / 500.0 };
                let logprobs = (0..target.tokens.len()).map(|i| -value - (i % 3) as f32 * 0.1).collect();
                Ok(TokenLogprobs { logprobs, prompt_tokens: z.len() + target.tokens.len(), cached_tokens: 0 })
            })
            .collect();
        for place in self.arrival.map_or_else(Vec::new, |arrival| arrival(of.len())) {
            answered(place, &answers[place]);
            tokio::task::yield_now().await;
        }
        answers
    }
}

#[async_trait]
impl Generator for World {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    async fn generate(&self, request: &Request<'_>, _: Sink<'_>) -> Result<Vec<Sample>, LmError> {
        let paragraph = |n: u64| {
            format!(
                "I wonder how this part {n} of the piece can begin, and what the reader must feel there first; {n} again."
            )
        };
        let sample = |seed: &u64| Sample {
            text: Ok(match request.task {
                Task::Draft => (0..3).map(|i| paragraph(seed % 97 + i)).collect::<Vec<_>>().join("\n\n"),
                Task::Refine { .. } => format!("rewrite {seed}"),
            }),
            analysis: None,
            raw: None,
            tokens_in: 5,
            tokens_out: 7,
            tokens_cached: 3,
        };
        Ok(request.seeds.iter().map(sample).collect())
    }
}

fn plan(folder: &Path) -> Plan {
    let world = World::new("scripted");
    Plan {
        input: folder.join("pairs.jsonl"),
        library: folder.join("out"),
        fields: Default::default(),
        config: ConfigRecord {
            search: Config::preset(Preset::Retrace),
            generator: "scripted".to_owned(),
            scorer: "scripted".to_owned(),
        },
        models: ModelsRecord {
            generator: world.identity.clone(),
            scorer: world.identity.clone(),
            objective: Config::preset(Preset::Retrace).objective,
            frame: "plain".to_owned(),
            prompts: "0".to_owned(),
        },
        concurrency: 3,
        shard: None,
        limit: None,
        retry_failed: false,
        fork: false,
    }
}

fn folder(pairs: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let row =
        |i| format!("{{\"id\":\"p{i}\",\"query\":\"Write piece {i}.\",\"reference\":\"The piece {i} is written.\"}}\n");
    std::fs::write(folder.path().join("pairs.jsonl"), (0..pairs).map(row).collect::<String>()).unwrap();
    folder
}

async fn run(plan: Plan, world: World) -> (Result<Report, BatchError>, Arc<World>) {
    let cancel = world.cancel_after.as_ref().map(|(_, token)| token.clone()).unwrap_or_default();
    let world = Arc::new(world);
    let models = Models { generator: world.clone(), scorer: world.clone() };
    (batch(plan, models, Arc::new(()), cancel).await, world)
}

/// What the pair at a place of the input came to, and its file.
fn at(report: &Report, place: usize) -> (Summary, PathBuf) {
    report.sessions().nth(place).unwrap()
}

fn state(report: &Report, place: usize) -> State {
    session::read(&at(report, place).1).unwrap().state
}

fn contents(report: &Report) -> Vec<Vec<u8>> {
    report.sessions().map(|(_, path)| std::fs::read(path).unwrap()).collect()
}

#[tokio::test]
async fn a_batch_searches_every_pair_and_a_second_run_appends_nothing() {
    let folder = folder(7);
    let (report, world) = run(plan(folder.path()), World::new("scripted")).await;
    let report = report.unwrap();
    assert_eq!((report.done, report.failed, report.skipped.len(), report.sessions_len()), (7, 0, 0, 7));
    assert!((2..=3).contains(&world.most_flying.load(Ordering::SeqCst)), "as many at once as allowed, no more");
    let before: Vec<Vec<u8>> = contents(&report);
    let (again, _) = run(plan(folder.path()), World::new("scripted")).await;
    assert_eq!(again.unwrap().done, 7);
    let after: Vec<Vec<u8>> = contents(&report);
    assert_eq!(before, after);
}

#[tokio::test]
async fn baseline_drafts_and_accepted_versions_keep_their_token_log_probabilities() {
    let folder = folder(1);
    let (report, _) = run(plan(folder.path()), World::new("scripted")).await;
    let state = state(&report.unwrap(), 0);
    let search = state.search.as_ref().unwrap();
    let accepted: Vec<_> = search.decisions().iter().filter_map(|d| d.chosen).collect();
    assert!(!accepted.is_empty());
    for of in accepted.iter().map(|node| ScoreOf::Node(*node)).chain([ScoreOf::Baseline]) {
        assert_eq!(state.logprobs[&of].len(), "The piece 0 is written.".len());
    }
    for (id, version) in search.tree().iter() {
        let kept = state.logprobs.contains_key(&ScoreOf::Node(id));
        assert_eq!(kept, version.node.why == Why::Draft || accepted.contains(&id), "{id:?}");
    }
}

/// What a search recorded, without times.
fn timeless(path: &Path) -> Vec<Payload> {
    let payloads = session::events(path).unwrap().0.into_iter().map(|event| event.payload);
    let payloads = payloads.map(|payload| match payload {
        Payload::Call(call) => Payload::Call(Call { ms: 0, ..call }),
        payload => payload,
    });
    payloads.filter(|payload| !matches!(payload, Payload::Closed(_))).collect()
}

#[tokio::test]
async fn whatever_the_order_of_arrival_the_journal_is_the_same() {
    let arrivals: [Option<Arrival>; 5] = [
        Some(|count| (0..count).collect()),
        Some(|count| (0..count).rev().collect()),
        Some(|count| (0..count).map(|place| (place + count / 2) % count).collect()),
        // One twice, the others with the end.
        Some(|count| vec![count - 1, count - 1]),
        None,
    ];
    let mut journals = Vec::new();
    for arrival in arrivals {
        let folder = folder(1);
        let (report, _) = run(plan(folder.path()), World { arrival, ..World::new("scripted") }).await;
        journals.push(timeless(&at(&report.unwrap(), 0).1));
    }
    assert!(journals.iter().all(|journal| *journal == journals[0]));
    let scores = journals[0].iter().filter(|payload| matches!(payload, Payload::Score(_))).count();
    assert!(scores > 20, "there is something to be recorded in another order: {scores}");
    let calls: Vec<_> = journals[0].iter().filter(|payload| matches!(payload, Payload::Call(_))).collect();
    assert!(calls.len() * 2 < scores, "one record a call: {} of {scores} scores", calls.len());
}

#[tokio::test]
async fn token_log_probabilities_cost_no_call_of_their_own() {
    let folder = folder(1);
    let (report, world) = run(plan(folder.path()), World::new("scripted")).await;
    let path = at(&report.unwrap(), 0).1;
    let payloads = timeless(&path);
    let again = payloads.iter().enumerate().filter(|(at, payload)| {
        let Payload::Score(score) = payload else { return false };
        payloads[..*at].iter().any(|before| matches!(before, Payload::Score(known) if known.of() == score.of()))
    });
    let chosen = session::read(&path).unwrap().state.search.unwrap().decisions().iter().flat_map(|d| d.chosen).count();
    assert!((1..=chosen).contains(&again.count()), "only what the search chose is recorded twice");
    let calls = payloads.iter().filter(|p| matches!(p, Payload::Call(call) if call.tokens_out == 0)).count();
    assert_eq!(calls, world.scorings.load(Ordering::SeqCst));
    let steps = payloads.iter().filter(|payload| matches!(payload, Payload::Decide(_))).count();
    let rounds =
        payloads.iter().filter(|p| matches!(p, Payload::Call(call) if call.purpose == "leave-one-out")).count();
    assert_eq!(calls, 2 + rounds + steps, "the baseline, the draft, each round's leave-one-out and each step");
}

#[tokio::test]
async fn an_interrupted_search_goes_on_at_the_exact_step() {
    let undisturbed = folder(1);
    let (report, _) = run(plan(undisturbed.path()), World::new("scripted")).await;
    let whole = state(&report.unwrap(), 0);
    for after in 1.. {
        let folder = folder(1);
        let cancel_after = Some((after, CancellationToken::new()));
        let (report, _) = run(plan(folder.path()), World { cancel_after, ..World::new("scripted") }).await;
        let report = report.unwrap();
        if state(&report, 0).stop.unwrap().reason != StopReason::Person {
            assert!(after > 6, "it was interrupted at every call");
            break;
        }
        assert!(report.interrupted);
        let (report, _) = run(plan(folder.path()), World::new("scripted")).await;
        let (resumed, whole) = (state(&report.unwrap(), 0).search.unwrap(), whole.search.as_ref().unwrap());
        assert_eq!(resumed.decisions(), whole.decisions());
        assert_eq!(resumed.tree(), whole.tree());
    }
}

#[tokio::test]
async fn a_failing_item_fails_alone_and_is_retried_on_request() {
    let folder = folder(4);
    let world = World { fails_on: Some("piece 2"), ..World::new("scripted") };
    let (report, _) = run(plan(folder.path()), world).await;
    let report = report.unwrap();
    assert_eq!((report.done, report.failed), (3, 1));
    assert_eq!(at(&report, 2).0.status, Status::Failed);
    let failed = state(&report, 2);
    assert!(failed.errors[0].message.contains("3 rows for 4 tokens"));
    let (left, _) = run(plan(folder.path()), World::new("scripted")).await;
    assert_eq!(left.unwrap().failed, 1, "left alone without the flag");
    let (retried, _) = run(Plan { retry_failed: true, ..plan(folder.path()) }, World::new("scripted")).await;
    assert_eq!(retried.unwrap().done, 4);
}

#[tokio::test]
async fn other_settings_are_refused_for_an_unfinished_session_unless_forked() {
    let folder = folder(1);
    let cancel_after = Some((4, CancellationToken::new()));
    let (first, _) = run(plan(folder.path()), World { cancel_after, ..World::new("scripted") }).await;
    assert_eq!(at(&first.unwrap(), 0).0.status, Status::Unfinished);
    let mut other = plan(folder.path());
    other.config.search.candidates = 2;
    let (refused, _) = run(other.clone(), World::new("scripted")).await;
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("candidates: 4 there, 2 now") && message.contains("--fork"), "{message}");
    let (forked, _) = run(Plan { fork: true, ..other }, World::new("scripted")).await;
    assert_eq!(forked.unwrap().done, 1);
    let sessions = std::fs::read_dir(folder.path().join("out")).unwrap();
    let sessions = sessions.filter(|f| f.as_ref().unwrap().path().extension().is_some_and(|e| e == "jsonl"));
    assert_eq!(sessions.count(), 2);
}

#[tokio::test]
async fn a_spent_token_budget_stops_once_and_a_larger_one_goes_on() {
    let folder = folder(1);
    let with = |tokens| {
        let mut plan = plan(folder.path());
        plan.config.search.max_tokens = Some(tokens);
        plan
    };
    let (first, _) = run(with(2000), World::new("scripted")).await;
    let path = at(&first.unwrap(), 0).1;
    assert_eq!(session::read(&path).unwrap().state.stop.unwrap().reason, StopReason::Budget);
    let bytes = std::fs::read(&path).unwrap();
    run(with(2000), World::new("scripted")).await.0.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    let (more, _) = run(with(1_000_000), World::new("scripted")).await;
    assert_eq!(more.unwrap().done, 1);
}

#[tokio::test]
async fn repeats_and_bad_rows_are_reported_and_shards_part_the_input() {
    let folder = folder(6);
    let input = folder.path().join("pairs.jsonl");
    let mut text = std::fs::read_to_string(&input).unwrap();
    text.push_str("{\"query\":\"Write piece 1.\",\"reference\":\"The piece 1 is written.\"}\n{\"query\":\"alone\"}\n");
    std::fs::write(&input, text).unwrap();
    let mut done = 0;
    for index in 0..2 {
        let shard = Some(retrace::engine::Shard { index, count: 2 });
        let library = folder.path().join(format!("out{index}"));
        let (report, _) = run(Plan { shard, library, ..plan(folder.path()) }, World::new("scripted")).await;
        let report = report.unwrap();
        done += report.done;
        assert_eq!(report.skipped.iter().map(|s| s.line).collect::<Vec<_>>(), [7, 8]);
        assert!(report.skipped[0].reason.contains("line 2"));
    }
    assert_eq!(done, 6);
}

#[tokio::test]
async fn two_runs_at_once_make_one_session_a_pair() {
    let folder = folder(5);
    let (first, second) = tokio::join!(
        run(plan(folder.path()), World::new("scripted")),
        run(plan(folder.path()), World::new("scripted"))
    );
    for report in [first.0.unwrap(), second.0.unwrap()] {
        assert_eq!(report.done + report.skipped.len(), 5, "what the other run has in hand is told");
    }
    let sessions = session::library::files(&folder.path().join("out")).unwrap();
    assert_eq!(sessions.len(), 5);
}

#[tokio::test]
async fn a_finished_session_with_other_settings_is_left_alone_and_told() {
    let folder = folder(1);
    let other = || {
        let mut plan = plan(folder.path());
        plan.config.search.seed = 9;
        plan
    };
    run(plan(folder.path()), World::new("scripted")).await.0.unwrap();
    let report = run(other(), World::new("scripted")).await.0.unwrap();
    assert!(report.skipped[0].reason.contains("seed: 0 there, 9 now"), "{:?}", report.skipped);
    let forked = run(Plan { fork: true, ..other() }, World::new("scripted")).await.0.unwrap();
    let again = run(other(), World::new("scripted")).await.0.unwrap();
    assert_eq!((again.done, at(&again, 0).1), (1, at(&forked, 0).1), "each settings have their session");
}
