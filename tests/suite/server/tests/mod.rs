//! The server itself: its numbers are the engine's, and its faults come as ordered.

mod by_hand;
mod faults;
mod generation;
mod scores;

use std::time::Duration;

use futures::StreamExt;
use retrace::lm::LmError;
use retrace::lm::http::ask::Events;
use retrace::lm::http::client::Patience;
use retrace::lm::http::{Address, Call, Client, Reply};
use serde_json::{Value, json};

use super::{Plan, Pseudo, Server};

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A client of `server` that waits so long for anything.
fn patient(server: &Server, wait: Duration) -> Client {
    let address: Address = server.url().parse().unwrap();
    Client::new(address, None, Patience { connect: wait, whole: wait, first: wait, next: wait }).unwrap()
}

fn client(server: &Server) -> Client {
    patient(server, Duration::from_secs(120))
}

/// A vLLM over the pseudo-model.
fn pseudo() -> Plan {
    Server::vllm().pseudo(Pseudo::default())
}

fn post(server: &Server, path: &str, body: Value) -> Result<Reply, LmError> {
    block_on(client(server).send(&Call::post(path, body)))
}

fn get(server: &Server, path: &str) -> Reply {
    block_on(client(server).send(&Call::get(path))).unwrap()
}

fn read(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap()
}

fn answer(server: &Server, path: &str, body: Value) -> Value {
    let reply = post(server, path, body).unwrap();
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    read(&reply)
}

/// The events of a streamed answer, as far as they came, and what ended them.
fn events(server: &Server, path: &str, body: Value) -> (Vec<String>, Option<LmError>) {
    block_on(async {
        let (mut events, mut fault) = (Vec::new(), None);
        let client = client(server);
        let mut stream = match client.stream(&Call::post(path, body), Events::Sse).await {
            Ok(stream) => stream,
            Err(error) => return (events, Some(error)),
        };
        while let Some(event) = stream.next().await {
            match event {
                Ok(event) => events.push(event),
                Err(error) => fault = Some(error),
            }
        }
        (events, fault)
    })
}

/// A completion of so many tokens.
fn completion(prompt: &Value, tokens: u32) -> Value {
    json!({ "model": "retrace-scorer", "prompt": prompt, "max_tokens": tokens })
}
