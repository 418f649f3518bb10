//! Real servers against the in-process engine on the same file. Not run by default: they have to be started first, each with
//! the model that is named beside it.
//!
//! `RETRACE_TEST_SERVERS='http://localhost:8081?kind=llama-server=scorer.gguf http://localhost:8082?kind=echo=scorer.gguf'
//! cargo test --test suite servers -- --ignored --nocapture`

use std::ops::Range;
use std::path::PathBuf;

use retrace::lm::gguf::Model;
use retrace::lm::http::ask::End;
use retrace::lm::http::client::Patience;
use retrace::lm::http::echo::Echo;
use retrace::lm::http::llama_server::LlamaServer;
use retrace::lm::http::{Address, Ask, Client, Completing, Kind, Piece, Prompt, Scoring, ask::Rendered};
use retrace::lm::score_raw;
use retrace::reer::search::Sampling;
use serde::Deserialize;

use crate::nearness::{Distance, backend, proof_of_the_bundled_model};

#[derive(Deserialize)]
struct Proof {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    context: String,
    text: String,
}

fn servers() -> Vec<(Address, PathBuf)> {
    let named = std::env::var("RETRACE_TEST_SERVERS").expect("RETRACE_TEST_SERVERS says where the servers are");
    let one = |entry: &str| {
        let (address, model) = entry.rsplit_once('=').unwrap();
        (address.parse().unwrap(), PathBuf::from(model))
    };
    named.split_whitespace().map(one).collect()
}

fn scoring(kind: Kind) -> Box<dyn Scoring> {
    match kind {
        Kind::LlamaServer => Box::new(LlamaServer),
        Kind::Echo => Box::new(Echo::default()),
        kind => panic!("no test of {kind}"),
    }
}

fn completing(kind: Kind) -> Box<dyn Completing> {
    match kind {
        Kind::LlamaServer => Box::new(LlamaServer),
        Kind::Echo => Box::new(Echo::default()),
        kind => panic!("no test of {kind}"),
    }
}

/// The texts of all cases as one.
const ALL: &str = "all of them";

fn cases() -> Vec<Case> {
    let proof = std::fs::read_to_string(proof_of_the_bundled_model()).unwrap();
    let proof: Proof = serde_json::from_str(&proof).unwrap();
    let mut cases: Vec<Case> = proof.cases.into_iter().filter(|case| !case.context.is_empty()).collect();
    for case in &mut cases {
        // A reference holds no control tokens; llama-cpp-python tells them as nothing.
        case.text = case.text.replace("<think>", "think");
    }
    let long = cases.iter().map(|case| &*case.text).collect::<Vec<_>>().join("\n\n");
    cases.push(Case { name: ALL.to_owned(), context: cases[0].context.clone(), text: long });
    cases
}

/// What the server says of the target, asked for in as many parts as its protocol wants.
async fn asked(
    client: &Client,
    scoring: &dyn Scoring,
    ask: &Ask<'_>,
    spans: &[Range<usize>],
) -> (Vec<Option<f32>>, usize) {
    let mut context = ask.context.to_vec();
    let (mut logprobs, mut cached) = (Vec::new(), 0);
    for part in scoring.parts(ask.target.len(), ask.target_text, spans) {
        let target = &ask.target[part];
        let part = Ask { context: &context, target, ..*ask };
        let reply = client.send(&scoring.build(&part)).await.unwrap();
        let answer = scoring.parse(&part, &reply).unwrap_or_else(|error| {
            panic!("{error}\n{}", String::from_utf8_lossy(&reply.body[..reply.body.len().min(3000)]))
        });
        logprobs.extend(answer.logprobs);
        cached += answer.cached_tokens.unwrap_or(0);
        context.extend(target);
    }
    (logprobs, cached)
}

#[tokio::test]
#[ignore = "needs servers"]
async fn scores_are_the_engine_s() {
    for (address, path) in servers() {
        let model = Model::open(&path).unwrap();
        let kind = address.kind.unwrap();
        let client = Client::new(address, None, Patience::default()).unwrap();
        let (engine, scoring, cases) = (backend(model), scoring(kind), cases());
        let whole = ["f16.gguf", "f32.gguf"].iter().any(|end| path.to_string_lossy().to_lowercase().ends_with(end));
        let rounding = if whole { Distance::none() } else { Distance::of_rounding() };
        println!("{kind}, {}: rounding activations to 8 bits leads as far as {rounding}", path.display());
        for case in cases {
            let own = score_raw(&engine, &case.context, &case.text).await.unwrap();
            let rounding = if case.name == ALL { rounding.over_a_longer_text() } else { rounding };
            for fresh in [true, false, false] {
                let ask = Ask {
                    model: "",
                    context: &own.context_ids,
                    target: &own.ids,
                    context_text: &case.context,
                    target_text: &case.text,
                    affinity: None,
                    fresh,
                };
                let begun = std::time::Instant::now();
                let (theirs, cached) = asked(&client, &*scoring, &ask, &own.spans).await;
                let far: Vec<f64> =
                    theirs.iter().zip(&own.logprobs).map(|(a, b)| f64::from(a.unwrap() - b.unwrap())).collect();
                let distance = Distance::of(&far);
                let line = format!(
                    "{kind}, {}, fresh {fresh}: {} tokens behind {} ({cached} cached) in {:.2} s: {distance}",
                    case.name,
                    own.ids.len(),
                    own.context_ids.len(),
                    begun.elapsed().as_secs_f64(),
                );
                println!("{line}");
                assert!(distance.is_allowed(&rounding), "{line}");
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs servers"]
async fn answers_stream_to_their_end() {
    use futures::StreamExt;
    for (address, path) in servers() {
        let model = Model::open(&path).unwrap();
        let kind = address.kind.unwrap();
        let client = Client::new(address, None, Patience::default()).unwrap();
        let engine = backend(model);
        let completing = completing(kind);
        let context = "Once upon a time a keeper of a lamp";
        let ids = score_raw(&engine, context, " found").await.unwrap().context_ids;
        for (max_tokens, stop, expected) in [(8, vec![], End::Length), (400, vec!["e"], End::Stop)] {
            let sampling = Sampling { temperature: 0.8, top_p: 0.95, top_k: None, min_p: None, max_tokens };
            let prompt = Prompt {
                model: "",
                messages: &[],
                rendered: Some(Rendered { ids: &ids, text: context }),
                prefill: "",
                stop: &stop,
                seed: 5 << 40,
                sampling: &sampling,
                affinity: None,
            };
            let mut events = client.stream(&completing.build(&prompt), completing.events()).await.unwrap();
            let mut pieces: Vec<Piece> = Vec::new();
            while let Some(event) = events.next().await {
                pieces.extend(completing.read(&event.unwrap()).unwrap());
            }
            let text: String = pieces.iter().map(|piece| &*piece.text).collect();
            let ends: Vec<End> = pieces.iter().filter_map(|piece| piece.end).collect();
            let usage = pieces.iter().filter_map(|piece| piece.usage).next_back();
            println!("{kind}: {} pieces, {usage:?}, {text:?}", pieces.len());
            assert_eq!(ends, [expected]);
            assert!(!text.is_empty() && stop.iter().all(|stop| !text.contains(stop)));
            assert!(usage.is_none_or(|usage| usage.tokens_in == ids.len()));
        }
    }
}
