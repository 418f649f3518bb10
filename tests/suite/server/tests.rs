//! The server itself: its numbers are the engine's, and its faults come as ordered.

use retrace::lm::http::client::Patience;
use retrace::lm::http::vllm::Vllm;
use retrace::lm::http::{Ask, Call, Client, Reply, Scoring};
use retrace::lm::{LmError, Setback};
use serde_json::{Value, json};

use super::model::Model;
use super::*;

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn client(server: &Server) -> Client {
    let patience = Patience { whole: Duration::from_secs(120), ..Patience::default() };
    Client::new(server.url().parse().unwrap(), None, patience).unwrap()
}

fn post(server: &Server, path: &str, body: Value) -> Result<Reply, LmError> {
    block_on(client(server).send(&Call::post(path, body)))
}

fn answer(server: &Server, path: &str, body: Value) -> Value {
    let reply = post(server, path, body).unwrap();
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    serde_json::from_slice(&reply.body).unwrap()
}

const CONTEXT: &str = "Query:\nTell of a ferry.\n\nResponse:\n<think>\nThe pilot forgot his lamp.\n</think>\n\n";
const TARGET: &str = "The ferry left late because the pilot had forgotten his lamp.";

/// Ids of context, BOS included, and target.
fn ids(model: &Model) -> (Vec<u32>, Vec<u32>) {
    (model.encode(CONTEXT, true), model.encode(TARGET, false))
}

fn ask<'a>(context: &'a [u32], target: &'a [u32]) -> Ask<'a> {
    Ask {
        model: "retrace-scorer",
        context,
        target,
        context_text: CONTEXT,
        target_text: TARGET,
        affinity: Some("a"),
        fresh: false,
    }
}

/// The target's log-probabilities as the client reads them.
fn score(server: &Server, protocol: &dyn Scoring, context: &[u32], target: &[u32]) -> Result<Vec<f32>, LmError> {
    let ask = ask(context, target);
    let reply = block_on(client(server).send(&protocol.build(&ask)))?;
    Ok(protocol.parse(&ask, &reply)?.logprobs.into_iter().map(Option::unwrap).collect())
}

#[test]
fn vllm_scores_are_the_engines() {
    let (server, model) = (Server::vllm().start(), Model::engine());
    let (context, target) = ids(&model);
    let all: Vec<u32> = context.iter().chain(&target).copied().collect();
    let own = block_on(model.score(&all, context.len())).unwrap();
    assert_eq!(score(&server, &Vllm, &context, &target).unwrap(), own);
    let calls = server.calls();
    assert_eq!((calls.len(), calls[0].session.as_deref(), calls[0].before), (1, Some("a"), 0));
    assert_eq!((calls[0].json()["prompt"].as_array().unwrap().len(), calls[0].fate), (all.len(), None));
    assert_eq!((server.count("/v1/completions"), server.count("/tokenize")), (1, 0));
}
