//! A server that goes away during a search: what the screens say until it is back.

use std::sync::Arc;
use std::time::Duration;

use retrace::engine::{BackEnds, Setup};
use retrace::lm::http::client::Patience;
use retrace::lm::prompts::Prompts;

use super::back_ends::{Scripted, setup};
use super::script::{Opening, Script};
use crate::server::{Pseudo, Server};

/// The text with another address in the server's place, as long as that.
fn placed(text: &str, server: &Server) -> String {
    let there = format!("http://h:{}", "1".repeat(server.url().len() - "http://h:".len()));
    text.replace(&server.url(), &there)
}

#[tokio::test]
async fn a_server_that_is_away_is_named_until_it_is_back() {
    let mut server = Server::chat().pseudo(Pseudo::default()).start();
    let setup = Setup { generator: server.url(), ..setup() };
    let scripted = Scripted::new(1000, 1000);
    let patience = Duration::from_secs(20);
    let patience = Patience { connect: patience, whole: patience, first: patience, next: patience };
    let back_ends = BackEnds::new(Prompts::default(), setup.clone()).patient(patience);
    let back_ends = Arc::new(back_ends.with_scorer("scripted", scripted));
    let opening = back_ends.clone();
    let opened = move || opening.generator(&setup.generator, setup.search.preset).map(drop);
    tokio::task::spawn_blocking(opened).await.unwrap().unwrap();
    server.stop();

    let opening = Opening { back_ends: Some(back_ends), size: (150, 44), ..Opening::default() };
    let mut script = Script::open(opening).await;
    script.open_session("kettle").await;
    script.keys("r");
    let asked = |times| {
        move |app: &retrace::app::App| {
            app.bench().and_then(|bench| bench.waiting.as_ref()).is_some_and(|waiting| waiting.again == times)
        }
    };
    script.until(asked(2)).await;
    let screen = placed(&script.screen(), &server);
    insta::assert_snapshot!("waiting", screen);
    assert!(!screen.contains("tok/s"), "no speed of another time");
    script.keys("q");
    let row = script.lines(&["waiting"]);
    assert!(row.contains("kettle") && row.contains("● waiting"), "{row}");
    script.keys("enter");

    server.restart();
    script.until(|app| app.bench().is_some_and(|bench| bench.waiting.is_none() && bench.is_searching())).await;
    assert!(!script.status().contains("waiting"), "{}", script.status());
    script.until(|app| app.bench().is_some_and(|bench| bench.state.ledger.by_purpose.contains_key("draft"))).await;
}
