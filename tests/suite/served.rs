//! Searches at servers: through faults to the same end, and what is refused before anything is searched.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use retrace::engine::fleet::Alarm;
use retrace::engine::{BackEnds, Company, EquipError, Equipment, Plan, Report, Setup, Trust, batch_in_company};
use retrace::lm::http::client::Patience;
use retrace::lm::prompts::Prompts;
use retrace::lm::spec::Spec;
use retrace::lm::{Context, LmError, Passage};
use retrace::reer::Objective;
use retrace::reer::search::{Config, Preset};
use retrace::session;
use tokio_util::sync::CancellationToken;

use crate::server::{Fate, Faults, Pseudo, Server, Wrong};

/// A short search in the paper's manner.
fn setup(generator: &str, scorer: &str) -> Setup {
    let search = Config { steps: 2, threshold: None, objective: Objective::Nll, ..Config::preset(Preset::Paper) };
    Setup { generator: generator.to_owned(), scorer: scorer.to_owned(), search }
}

fn pairs(folder: &Path, count: usize) {
    let row = |i: usize| {
        let (query, reference) = (format!("Write piece {i}."), format!("The piece {i} is written.\n\nIt is short."));
        format!("{}\n", serde_json::json!({ "id": format!("p{i}"), "query": query, "reference": reference }))
    };
    std::fs::write(folder.join("pairs.jsonl"), (0..count).map(row).collect::<String>()).unwrap();
}

fn back_ends(setup: &Setup, patience: Duration) -> BackEnds {
    let patience = Patience { connect: patience, whole: patience, first: patience, next: patience };
    BackEnds::new(Prompts::default(), setup.clone()).trusting(Trust::Any).patient(patience)
}

/// Searches the pairs of a folder into `library` of it.
async fn search(folder: &Path, library: &str, setup: Setup) -> Report {
    let cancel = CancellationToken::new();
    let back_ends = back_ends(&setup, Duration::from_secs(2)).with_alarm(Alarm::ending(cancel.clone()));
    let back_ends = Arc::new(back_ends);
    let (opening, named) = (back_ends.clone(), setup.clone());
    let opened = tokio::task::spawn_blocking(move || opening.open(&named)).await.unwrap();
    let Equipment { models, record } = opened.unwrap();
    let plan = Plan {
        input: folder.join("pairs.jsonl"),
        library: folder.join(library),
        fields: Default::default(),
        config: setup.record(),
        models: record,
        concurrency: 48,
        shard: None,
        limit: None,
        retry_failed: false,
        fork: false,
    };
    let company = Company { servers: back_ends, ..Company::new(Arc::new(()), cancel) };
    batch_in_company(plan, models, company).await.unwrap()
}

/// What each search came to: versions, scores, decisions.
fn essence(library: &Path) -> Vec<String> {
    let describe = |path: &std::path::PathBuf| {
        let reading = session::read(path).unwrap();
        assert!(reading.health.damaged.is_empty(), "{}", path.display());
        let search = reading.state.search.unwrap();
        let scores: Vec<_> = search.tree().iter().map(|(id, v)| (id, v.trajectory.clone(), v.measures)).collect();
        let id = reading.state.id;
        format!("{id} {:?} {scores:?} {:?} {:?}", search.baseline(), search.decisions(), search.stopped())
    };
    session::library::files(library).unwrap().iter().map(describe).collect()
}

/// Why the first that failed did.
fn why(report: &Report) -> Option<String> {
    let (_, path) = report.failures().next()?;
    session::read(&path).unwrap().state.errors.last().map(|error| format!("{error:?}"))
}

/// 300 pairs through 5 % of 500s, 2 % of 429s, hung calls, cut and halved bodies, wrong scores, and a server that is killed
/// and comes back.
#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_pairs_go_through_faults_to_the_same_end() {
    let folder = tempfile::tempdir().unwrap();
    pairs(folder.path(), 300);
    let calm = Server::vllm().pseudo(Pseudo::default()).start();
    let done = search(folder.path(), "calm", setup(&calm.url(), &calm.url())).await;
    assert_eq!((done.done, done.failed), (300, 0), "{:?}", why(&done));
    let undisturbed = essence(&folder.path().join("calm"));
    assert_eq!(undisturbed.len(), 300);

    // Two seeds: with one, a call that fails here would fail there too.
    let faults = |seed| {
        Faults::seeded(seed)
            .with(Fate::Error, 0.05)
            .with(Fate::Busy(Some("0")), 0.02)
            .with(Fate::BadGateway, 0.01)
            .with(Fate::Hang, 0.002)
            .with(Fate::Cut, 0.01)
            .with(Fate::Short, 0.01)
    };
    let rough = Server::vllm().pseudo(Pseudo::default()).faults(faults(7)).start();
    let mut mortal = Server::vllm().pseudo(Pseudo::default()).faults(faults(8)).start();
    let both = format!("{} {}", rough.url(), mortal.url());
    let killer = std::thread::spawn({
        let enough = 200;
        move || {
            while mortal.count("/v1/completions") < enough {
                std::thread::yield_now();
            }
            mortal.stop();
            mortal.restart();
            mortal
        }
    });
    let done = search(folder.path(), "rough", setup(&both, &both)).await;
    let mortal = killer.join().unwrap();
    assert_eq!((done.done, done.failed, done.unfinished), (300, 0, 0), "{:?}", why(&done));
    assert!(mortal.count("/v1/completions") > 200, "it was used again when it was back");
    assert_eq!(essence(&folder.path().join("rough")), undisturbed);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_scores_are_never_recorded() {
    for wrong in [Wrong::RowMissing, Wrong::Floor, Wrong::Sentinel, Wrong::DoubleBos, Wrong::Ids, Wrong::Dropped] {
        let folder = tempfile::tempdir().unwrap();
        pairs(folder.path(), 1);
        let liar = Server::vllm().pseudo(Pseudo::default());
        let liar = liar.faults(Faults::seeded(1).with(Fate::Scores(wrong), 1.0)).start();
        let honest = Server::vllm().pseudo(Pseudo::default()).start();
        let done = search(folder.path(), "out", setup(&honest.url(), &liar.url())).await;
        assert_eq!((done.done, done.failed), (0, 1), "{wrong:?}");
        let said = why(&done).unwrap();
        assert!(said.contains("the server's answer cannot be used") || said.contains("gave no"), "{wrong:?}: {said}");
        let file = &session::library::files(&folder.path().join("out")).unwrap()[0];
        let search = session::read(file).unwrap().state.search.unwrap();
        assert!(search.baseline().is_none() && search.tree().iter().all(|(_, v)| v.measures.is_none()), "{wrong:?}");
    }
}

async fn opened(setup: Setup, trust: Trust) -> Result<Equipment, EquipError> {
    tokio::task::spawn_blocking(move || back_ends(&setup, Duration::from_secs(20)).trusting(trust).open(&setup))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scorer_that_fails_its_examination_is_refused_unless_told_otherwise() {
    let zeros = Server::vllm().pseudo(Pseudo::default());
    let zeros = zeros.faults(Faults::seeded(1).with(Fate::Scores(Wrong::Zeros), 1.0)).start();
    let refusal = opened(setup("cues", &zeros.url()), Trust::Proven).await.err().unwrap();
    assert!(matches!(refusal, EquipError::Unfit { .. }), "{refusal}");
    assert!(refusal.to_string().contains("--allow-unproven-scorer"), "{refusal}");
    assert!(opened(setup("cues", &zeros.url()), Trust::Any).await.is_ok());
    // The pseudo-model's numbers are no probabilities; the engine's are.
    let sound = Server::vllm().start();
    assert!(opened(setup("cues", &sound.url()), Trust::Proven).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_of_two_models_are_no_scorer_and_one_that_is_away_is_left_out() {
    let (one, other) = (Server::vllm().start(), Server::vllm().name("other").start());
    let both = format!("{} {}", one.url(), other.url());
    let refusal = opened(setup("cues", &both), Trust::Any).await.err().unwrap();
    assert!(refusal.to_string().contains("must serve the same model"), "{refusal}");
    let mut gone = Server::vllm().start();
    let away = gone.url();
    gone.stop();
    assert!(opened(setup("cues", &format!("{} {away}", one.url())), Trust::Any).await.is_ok());
    let refusal = opened(setup("cues", &away), Trust::Any).await.err().unwrap().to_string();
    assert!(refusal.contains(&away) && refusal.contains("does not answer"), "{refusal}");
}

/// P56: query, thinking and reference fill the context to the last place but the one that the server writes into.
#[tokio::test(flavor = "multi_thread")]
async fn p56_a_prompt_that_just_fits_is_scored_and_one_token_more_is_not_sent() {
    let server = Server::vllm().pseudo(Pseudo::default()).context_length(64).start();
    let spec: Spec = server.url().parse().unwrap();
    let setup = setup("cues", &server.url());
    let opened = tokio::task::spawn_blocking(move || {
        back_ends(&setup, Duration::from_secs(20)).verbatim(&spec, Preset::Retrace)
    });
    let scorer = opened.await.unwrap().unwrap();
    assert_eq!(scorer.limit(), Some(63));
    let ids: Vec<u32> = (10..74).collect();
    let ask = |have: usize| {
        scorer.logprobs(Passage { ids: &ids[..40], text: "" }, Passage { ids: &ids[40..have], text: "" }, false)
    };
    let fits = ask(63).await.unwrap();
    assert_eq!((fits.logprobs.len(), fits.prompt_tokens), (23, 63));
    let before = server.count("/v1/completions");
    assert_eq!(ask(64).await, Err(LmError::TooLong { have: 65, limit: Some(64) }));
    assert_eq!(server.count("/v1/completions"), before, "nothing was sent");
}

/// Whether a pair fits is told from the server's context alone.
#[tokio::test(flavor = "multi_thread")]
async fn whether_a_pair_fits_a_server_is_known_before_anything_is_scored() {
    let server = Server::vllm().pseudo(Pseudo::default()).context_length(512).start();
    let scorer = opened(setup("cues", &server.url()), Trust::Any).await.unwrap().models.scorer;
    let written = session::ExampleRecord::written("Write a piece.", "The piece is written.\n\nIt is short.");
    let example = written.to_example();
    let target = scorer.tokenize(&example).await.unwrap();
    let before = server.count("/v1/completions");
    let fits = async |z: &str| scorer.fits(&example, &target, &Context::Thinking { z: z.to_owned() }).await;
    assert_eq!(fits("").await, Ok(()));
    let refused = fits(&"It must be short. ".repeat(200)).await;
    assert!(matches!(refused, Err(LmError::TooLong { have, limit: Some(512) }) if have > 512), "{refused:?}");
    assert_eq!(server.count("/v1/completions"), before, "nothing was sent to be scored");
}

/// The engine behind a server that goes on answering dies, and lives again: the search waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_search_outlives_the_death_of_an_engine() {
    let folder = tempfile::tempdir().unwrap();
    pairs(folder.path(), 12);
    let server = Server::vllm().pseudo(Pseudo::default()).start();
    let done = search(folder.path(), "calm", setup(&server.url(), &server.url())).await;
    assert_eq!((done.done, done.failed), (12, 0), "{:?}", why(&done));
    server.engine_dies(24);
    let done = search(folder.path(), "died", setup(&server.url(), &server.url())).await;
    assert_eq!((done.done, done.failed), (12, 0), "{:?}", why(&done));
    assert_eq!(essence(&folder.path().join("died")), essence(&folder.path().join("calm")));
}

/// An examination asks again where a fault passes: one call in ten fails here, and the scorer is sound all the same.
#[tokio::test(flavor = "multi_thread")]
async fn faults_that_pass_are_no_findings_of_the_doctor() {
    let faults = Faults::seeded(3).with(Fate::Error, 0.05).with(Fate::Busy(Some("0")), 0.03).with(Fate::Cut, 0.02);
    let rough = Server::vllm().faults(faults).start();
    let opened = opened(setup("cues", &rough.url()), Trust::Proven).await;
    assert!(opened.is_ok(), "{}", opened.err().unwrap());
    assert!(rough.calls().iter().any(|call| call.fate.is_some()));
}
