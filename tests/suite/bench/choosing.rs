//! Generators and scorers chosen among those that are known, with what each can do.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use retrace::app::overlay::Overlay;
use retrace::engine::BackEnds;
use retrace::engine::known::{KnownServer, KnownServers, Scoring, Subject};
use retrace::lm::prompts::Prompts;

use super::back_ends::{Scripted, setup};
use super::script::{Opening, Script};

fn server(spec: &str, kind: &str, model: &str, generates: bool, scoring: Scoring, days: u64) -> KnownServer {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let subject = Subject {
        address: spec.to_owned(),
        kind: kind.to_owned(),
        model: model.to_owned(),
        version: None,
        limit: Some(32_768),
        tokenizer: None,
    };
    KnownServer { subject, spec: spec.to_owned(), generates, scoring, at: now - days * 24 * 3600 }
}

fn known() -> KnownServers {
    let servers = KnownServers::default();
    let shifted = "alignment: the token it writes itself has -9.10 nats, the best of 12 others -0.30".to_owned();
    for server in [
        server("http://gpu4:8000", "tgi", "Mistral-7B", false, Scoring::Unproven, 3),
        server(
            "http://localhost:8000",
            "echo",
            "qwen.gguf",
            true,
            Scoring::Unfit { why: shifted, noise_floor: 0.0 },
            1,
        ),
        server(
            "https://api.openai.com#gpt",
            "chat",
            "gpt",
            true,
            Scoring::No { why: "it generates only".to_owned() },
            0,
        ),
        server("http://gpu2:8000", "vllm", "Qwen3-8B-Base", true, Scoring::Sound { noise_floor: 0.0021 }, 0),
    ] {
        servers.keep(server).unwrap();
    }
    servers
}

async fn form() -> Script {
    let scripted = Scripted::new(1000, 1000);
    let back_ends = BackEnds::new(Prompts::default(), setup()).knowing(known());
    let back_ends = back_ends.with_generator("scripted", scripted.clone()).with_scorer("scripted", scripted);
    let opening = Opening { size: (120, 34), back_ends: Some(Arc::new(back_ends)), ..Opening::default() };
    let mut script = Script::open(opening).await;
    script.open_session("kettle").await;
    script.keys("S");
    script
}

async fn listed(script: &mut Script) {
    script.keys("b");
    script.until(|app| matches!(app.overlays.last(), Some(Overlay::List(_)))).await;
}

#[tokio::test]
async fn the_generator_and_the_scorer_are_chosen_among_those_that_are_known() {
    let mut script = form().await;
    script.keys("j");
    listed(&mut script).await;
    insta::assert_snapshot!("generators", script.screen());
    script.write("gpu2");
    script.keys("enter");
    assert!(script.shows("‹ http://gpu2:8000 ›"), "{}", script.screen());
    script.keys("j");
    listed(&mut script).await;
    insta::assert_snapshot!("scorers", script.screen());
    script.write("bundled");
    script.keys("enter");
    assert!(script.shows("‹ bundled ›"), "{}", script.screen());
}

#[tokio::test]
async fn what_cannot_do_it_is_not_taken_and_another_can_be_typed() {
    let mut script = form().await;
    script.keys("j j");
    listed(&mut script).await;
    script.write("openai");
    script.keys("enter");
    assert!(script.shows("‹ scripted ›"), "{}", script.screen());
    listed(&mut script).await;
    script.write("another");
    script.keys("enter ctrl-u");
    script.write("gguf:mine.gguf");
    script.keys("enter");
    assert!(script.shows("‹ gguf:mine.gguf ›"), "{}", script.screen());
    script.keys("j j b");
    assert!(script.shows("select the generator or the scorer"), "{}", script.screen());
}
