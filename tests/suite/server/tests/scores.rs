//! Scores of every face against the engine's, and what is refused.

use retrace::lm::http::probe::probe;
use retrace::lm::http::vllm::Vllm;
use retrace::lm::http::{Ask, Kind, Scoring};

use super::*;
use crate::server::model::Model;

const CONTEXT: &str = "Query:\nTell of a ferry.\n\nResponse:\n<think>\nThe pilot forgot his lamp.\n</think>\n\n";
const TARGET: &str = "The ferry left late because the pilot had forgotten his lamp. 渡船晚开了。";

/// A text in ids, BOS included, where its target begins, and the engine's numbers from there on.
struct Case {
    ids: Vec<u32>,
    from: usize,
    nats: Vec<f32>,
}

fn case() -> Case {
    let model = Model::engine();
    let (context, target) = (model.encode(CONTEXT, true), model.encode(TARGET, false));
    let ids = [&context[..], &target].concat();
    let nats = block_on(model.score(&ids, context.len())).unwrap();
    Case { from: context.len(), ids, nats }
}

/// Chunks of a prefill are summed in another order where another part of it was cached.
fn assert_near(got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len());
    assert!(got.iter().zip(want).all(|(a, b)| (a - b).abs() <= 1e-4), "{got:?} is not {want:?}");
}

fn numbers(rows: &Value) -> Vec<Option<f32>> {
    rows.as_array().unwrap().iter().map(|row| row.as_f64().map(|nats| nats as f32)).collect()
}

#[test]
fn vllm_scores_are_the_engines() {
    let (server, case) = (Server::vllm().start(), case());
    let (context, target) = case.ids.split_at(case.from);
    let ask = Ask {
        model: "retrace-scorer",
        context,
        target,
        context_text: CONTEXT,
        target_text: TARGET,
        affinity: Some("a"),
        fresh: false,
    };
    let reply = block_on(client(&server).send(&Vllm.build(&ask))).unwrap();
    let read = Vllm.parse(&ask, &reply).unwrap();
    let nats: Vec<f32> = read.logprobs.into_iter().map(Option::unwrap).collect();
    assert_near(&nats, &case.nats);
    assert_eq!((read.prompt_tokens, read.cached_tokens), (Some(case.ids.len()), None));
    let calls = server.calls();
    assert_eq!((calls.len(), calls[0].session.as_deref(), calls[0].before), (1, Some("a"), 0));
    assert_eq!((calls[0].json()["prompt"].as_array().unwrap().len(), calls[0].fate), (case.ids.len(), None));
    assert_eq!((server.count("/v1/completions"), server.count("/tokenize")), (1, 0));
    assert_eq!((calls[0].method.as_str(), calls[0].authorization.as_deref()), ("POST", None));
    assert!(calls[0].at < Duration::from_secs(100));
}

#[test]
fn alternatives_stand_in_front_of_the_token_that_was_sent() {
    let server = pseudo().start();
    let mut body = completion(&json!([5, 6, 7]), 1);
    body["prompt_logprobs"] = json!(2);
    body["return_token_ids"] = json!(true);
    let choice = answer(&server, "/v1/completions", body)["choices"][0].clone();
    assert_eq!((&choice["prompt_logprobs"][0], &choice["prompt_token_ids"]), (&Value::Null, &json!([5, 6, 7])));
    let row = choice["prompt_logprobs"][1].as_object().unwrap();
    assert_eq!(row.len(), 3);
    assert_eq!(row.keys().next_back().unwrap(), "6");
    assert!(row["6"]["logprob"].as_f64() < row["7"]["logprob"].as_f64() && row["6"]["rank"] == 3);
    assert_eq!(choice["token_ids"].as_array().unwrap().len(), 1);
}

#[test]
fn echoed_logprobs_are_the_engines() {
    let case = case();
    for (server, last, offsets) in [(Server::vllm().start(), 0, false), (Server::sglang().start(), 1, true)] {
        let mut body = completion(&json!(case.ids), last);
        body["echo"] = json!(true);
        body["logprobs"] = json!(1);
        body["return_tokens_as_token_ids"] = json!(true);
        let choice = answer(&server, "/v1/completions", body.clone())["choices"][0].clone();
        let rows = numbers(&choice["logprobs"]["token_logprobs"]);
        assert_eq!((rows.len(), rows[0]), (case.ids.len() + last as usize, None));
        let nats: Vec<f32> = rows[case.from..case.ids.len()].iter().map(|nats| nats.unwrap()).collect();
        assert_near(&nats, &case.nats);
        assert_eq!(choice["logprobs"]["tokens"][3], format!("token_id:{}", case.ids[3]));
        let offset = choice["logprobs"]["text_offset"][1].as_i64().unwrap();
        assert_eq!(offset == -1, offsets, "{offset}");
        assert!(choice["text"].as_str().unwrap().contains(TARGET));
        // Only vLLM takes 0 for a number.
        body["logprobs"] = json!(0);
        let choice = answer(&server, "/v1/completions", body)["choices"][0].clone();
        assert_eq!(choice["logprobs"].is_null(), offsets);
    }
}

#[test]
fn sglang_gives_the_rows_asked_for_and_reads_its_cache_up_to_them() {
    let (server, case) = (Server::sglang().start(), case());
    let start = case.from - 1;
    let body = |ids: Value, start: Value| {
        json!({ "input_ids": ids, "sampling_params": { "max_new_tokens": 1, "temperature": 0 }, "return_logprob": true,
            "logprob_start_len": start, "top_logprobs_num": 1, "return_text_in_logprobs": true })
    };
    for cached in [0, start] {
        let meta = answer(&server, "/generate", body(json!(case.ids), json!(start)))["meta_info"].clone();
        let rows = meta["input_token_logprobs"].as_array().unwrap();
        assert_eq!(
            (rows.len(), &rows[0][0], &meta["cached_tokens"]),
            (case.nats.len() + 1, &Value::Null, &json!(cached))
        );
        let nats: Vec<f32> = rows[1..].iter().map(|row| row[0].as_f64().unwrap() as f32).collect();
        assert_near(&nats, &case.nats);
        assert!(rows.iter().zip(&case.ids[start..]).all(|(row, id)| row[1] == *id && row[2].is_string()));
        assert_eq!((&meta["input_top_logprobs"][0], &meta["prompt_tokens"]), (&Value::Null, &json!(case.ids.len())));
        assert_eq!(meta["output_token_logprobs"].as_array().unwrap().len(), 1);
    }
    // Another text with the same beginning; and the same after the cache is flushed.
    let mut other = case.ids.clone();
    other[10] += 1;
    let batch = answer(&server, "/generate", body(json!([other, case.ids]), json!([start, 0])));
    let cached: Vec<&Value> = batch.as_array().unwrap().iter().map(|one| &one["meta_info"]["cached_tokens"]).collect();
    assert_eq!(cached, [10, 0], "up to where they differ, and up to the first row asked for");
    assert_eq!(get(&server, "/flush_cache").status, 200);
    let meta = answer(&server, "/generate", body(json!(case.ids), json!(start)))["meta_info"].clone();
    assert_eq!(meta["cached_tokens"], 0);
    let refused = post(&server, "/generate", body(json!([5, 6]), json!(2))).unwrap();
    assert_eq!(
        read(&refused)["error"]["message"],
        "req.logprob_start_len=2 is higher than the number of input tokens len(req.origin_input_ids)=2. Please use a \
         smaller logprob_start_len."
    );
}

#[test]
fn what_may_not_be_asked_is_refused_in_the_servers_words() {
    let new = pseudo().context_length(100).start();
    let old = pseudo().context_length(100).old_errors().start();
    let cases = [
        (json!({ "prompt_logprobs": 50 }), "Requested prompt logprobs of 50, which is greater than max allowed: 20"),
        (json!({ "prompt_logprobs": -2 }), "`prompt_logprobs` must be a positive value or -1."),
        (json!({ "prompt_logprobs": 1, "stream": true }), "`prompt_logprobs` are not available when `stream=True`."),
        (json!({ "n": 2, "temperature": 0 }), "n must be 1 when using greedy sampling, got 2."),
        (json!({ "temperature": 3 }), "temperature must be in [0, 2], got 3."),
        (json!({ "max_tokens": 0 }), "max_tokens must be at least 1, got 0."),
        (json!({ "max_tokens": 98 }), "This model's maximum context length is 100 tokens. However, you requested 101"),
        (json!({ "prompt": [1_000_000] }), "Token id 1000000 is out of vocabulary"),
        (json!({ "model": "gpt" }), "The model `gpt` does not exist."),
    ];
    for (options, message) in cases {
        let mut body = completion(&json!([5, 6, 7]), 1);
        body.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        let [new, old] = [&new, &old].map(|server| post(server, "/v1/completions", body.clone()).unwrap());
        assert_eq!(new.status, if message.ends_with("exist.") { 404 } else { 400 });
        let (new, old) = (read(&new)["error"].clone(), read(&old));
        assert!(new["message"].as_str().unwrap().starts_with(message), "{new}");
        assert_eq!((&old["object"], &old["message"], &old["code"]), (&json!("error"), &new["message"], &new["code"]));
    }
    let long = json!({ "input_ids": vec![5; 100], "sampling_params": {} });
    let sglang = Server::sglang().pseudo(Pseudo::default()).context_length(100).start();
    let refused = read(&post(&sglang, "/generate", long).unwrap())["error"]["message"].clone();
    assert_eq!(refused, "The input (100 tokens) is longer than the model's context length (100 tokens).");
}

#[test]
fn every_face_is_told_by_what_it_says() {
    let faces = [
        (Server::vllm(), Kind::Vllm, Some(300), "0.29.0"),
        (Server::sglang().speculative("EAGLE3"), Kind::Sglang, Some(300), "0.5.14"),
        (Server::chat(), Kind::Chat, None, ""),
    ];
    for (plan, kind, limit, version) in faces {
        let server = plan.pseudo(Pseudo::default()).name("ours").context_length(300).start();
        let found = block_on(probe(&client(&server))).unwrap();
        assert_eq!((found.kind, found.model.as_str(), found.limit), (kind, "ours", limit));
        assert_eq!(found.version.as_deref().unwrap_or_default(), version);
        assert_eq!(found.warnings.len(), usize::from(kind == Kind::Sglang));
    }
}

#[test]
fn texts_and_ids_are_two_ways_to_say_one_thing() {
    let text = "<think>\n渡船 🙂 late";
    for (server, field) in [(pseudo().start(), "prompt"), (Server::sglang().start(), "text")] {
        let told = answer(&server, "/tokenize", json!({ "prompt": text, "add_special_tokens": false }));
        let ids = told["tokens"].as_array().unwrap();
        assert_eq!(told["count"], ids.len());
        assert_eq!(answer(&server, "/detokenize", json!({ "tokens": ids }))[field], text);
        let whole = answer(&server, "/tokenize", json!({ "prompt": text }));
        assert_eq!(whole["count"], ids.len() + 1, "BOS");
    }
    let messages =
        json!({ "messages": [{ "role": "user", "content": "Tell of a ferry." }], "return_token_strs": true });
    let told = answer(&pseudo().start(), "/tokenize", messages);
    let spelled: Vec<&str> = told["token_strs"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(spelled.concat().starts_with("Query:"), "{spelled:?}");
}
