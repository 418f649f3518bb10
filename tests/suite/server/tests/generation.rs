//! Texts: streamed and whole, by seed, in the form that prompts ask for.

use retrace::lm::prompts::{Kind, Prompts};
use retrace::lm::rewrite;
use retrace::reer::Language;

use super::*;

/// A prompt for a draft or, with a trajectory, for a rewrite, and what the answer begins with.
fn asked(language: Language, trajectory: Option<&str>) -> String {
    let values = [
        ("query", Some("Tell of a ferry.")),
        ("reference", Some("渡船晚开了。")),
        ("trajectory", trajectory),
        ("instruction", None),
    ];
    match trajectory {
        Some(_) => Prompts::default().fill(language, Kind::Refine, &values),
        None => Prompts::default().fill(language, Kind::Draft, &values[..2]),
    }
}

fn sampled(prompt: &str, seed: u64, stop: &str) -> Value {
    let mut body = completion(&json!(prompt), 400);
    body["seed"] = json!(seed);
    body["stop"] = json!([stop]);
    body
}

/// The text of each sample in a stream, and its reason to end.
fn heard(events: &[String], samples: usize) -> Vec<(String, String)> {
    let mut heard = vec![(String::new(), String::new()); samples];
    for event in events.iter().filter(|event| *event != "[DONE]") {
        let event: Value = serde_json::from_str(event).unwrap();
        for choice in event["choices"].as_array().unwrap() {
            let sample = &mut heard[choice["index"].as_u64().unwrap() as usize];
            let text = choice.get("text").unwrap_or(&choice["delta"]["content"]);
            sample.0.push_str(text.as_str().unwrap_or_default());
            sample.1.push_str(choice["finish_reason"].as_str().unwrap_or_default());
        }
    }
    heard
}

#[test]
fn drafts_and_rewrites_have_the_form_asked_for() {
    let server = pseudo().start();
    for language in [Language::En, Language::Zh] {
        let prompt = format!("{}\n<think>\n", asked(language, None));
        let choice = answer(&server, "/v1/completions", sampled(&prompt, 1, "</think>"))["choices"][0].clone();
        assert_eq!((&choice["finish_reason"], &choice["stop_reason"]), (&json!("stop"), &json!("</think>")));
        let draft = rewrite::draft(&format!("<think>\n{}", choice["text"].as_str().unwrap()), true).text.unwrap();
        assert_eq!(draft.split("\n\n").count(), Pseudo::default().paragraphs, "{draft}");
        assert_eq!(Language::of(&draft), language);
        let prompt = format!("{}\n<analyze>\n", asked(language, Some("<segment>\nThe lamp.\n</segment>")));
        let texts = [1, 1, 2].map(|seed| {
            let choice = answer(&server, "/v1/completions", sampled(&prompt, seed, "</refine>"))["choices"][0].clone();
            let parsed =
                rewrite::rewrite(&format!("<analyze>\n{}", choice["text"].as_str().unwrap()), true, "The lamp.");
            assert!(parsed.analysis.is_some());
            parsed.text.unwrap()
        });
        assert!(texts[0] == texts[1] && texts[1] != texts[2], "by seed alone");
    }
    let sloppy = Server::vllm().pseudo(Pseudo { sloppy: 1.0, ..Pseudo::default() }).start();
    let prompt = format!("{}\n<analyze>\n", asked(Language::En, Some("<segment>\nThe lamp.\n</segment>")));
    let choice = answer(&sloppy, "/v1/completions", sampled(&prompt, 1, "</refine>"))["choices"][0].clone();
    assert!(rewrite::rewrite(choice["text"].as_str().unwrap(), true, "The lamp.").text.is_err());
}

#[test]
fn a_chat_answers_whole_forms_and_keeps_its_thoughts_apart() {
    let server = Server::chat().pseudo(Pseudo::default()).reasons().start();
    let mut body = json!({ "messages": [{ "role": "user", "content": asked(Language::En, None) }], "seed": 3,
        "max_completion_tokens": 500 });
    let whole = answer(&server, "/v1/chat/completions", body.clone());
    let message = whole["choices"][0]["message"].clone();
    let text = message["content"].as_str().unwrap().to_owned();
    assert!(rewrite::draft(&text, true).text.is_ok());
    assert!(message["reasoning_content"].as_str().unwrap().starts_with("They want"));
    body["stream"] = json!(true);
    body["stream_options"] = json!({ "include_usage": true });
    let (events, fault) = events(&server, "/v1/chat/completions", body);
    assert_eq!((heard(&events, 1), fault), (vec![(text, "stop".to_owned())], None));
    assert!(events.iter().any(|event| event.contains("reasoning_content")));
    let usage: Value = serde_json::from_str(&events[events.len() - 2]).unwrap();
    assert_eq!(usage["usage"], whole["usage"]);
}

#[test]
fn a_stream_says_what_the_whole_answer_says_however_it_is_cut() {
    for plan in [pseudo(), pseudo().ragged(), Server::vllm(), Server::sglang().pseudo(Pseudo::default()).ragged()] {
        let server = plan.start();
        let mut body = completion(&json!("渡船晚开了，因为"), 24);
        body["n"] = json!(2);
        body["seed"] = json!(5);
        let whole = answer(&server, "/v1/completions", body.clone());
        body["stream"] = json!(true);
        body["stream_options"] = json!({ "include_usage": true });
        let (events, fault) = events(&server, "/v1/completions", body);
        assert_eq!(fault, None);
        let texts: Vec<(String, String)> = whole["choices"]
            .as_array()
            .unwrap()
            .iter()
            .map(|choice| {
                let text = |name: &str| choice[name].as_str().unwrap().to_owned();
                (text("text"), text("finish_reason"))
            })
            .collect();
        assert_eq!(heard(&events, 2), texts);
        assert_ne!(texts[0].0, texts[1].0);
        let usage: Value = serde_json::from_str(&events[events.len() - 2]).unwrap();
        assert_eq!((&usage["usage"], &usage["choices"]), (&whole["usage"], &json!([])));
        assert_eq!(events.last().unwrap(), "[DONE]");
    }
}

#[test]
fn sglang_streams_the_whole_text_again_and_again() {
    let server = Server::sglang().pseudo(Pseudo::default()).start();
    let mut body = json!({ "text": "The ferry", "sampling_params": { "max_new_tokens": 12, "sampling_seed": 4 } });
    let whole = answer(&server, "/generate", body.clone());
    body["stream"] = json!(true);
    let (events, _) = events(&server, "/generate", body);
    let read: Vec<Value> =
        events[..events.len() - 1].iter().map(|event| serde_json::from_str(event).unwrap()).collect();
    assert!(
        read.windows(2).all(|pair| pair[1]["text"].as_str().unwrap().starts_with(pair[0]["text"].as_str().unwrap()))
    );
    assert_eq!(read.last().unwrap()["text"], whole["text"]);
    assert_eq!(whole["meta_info"]["finish_reason"], json!({ "type": "length", "length": 12 }));
}

#[test]
fn what_is_generated_is_scored_alike() {
    for server in [Server::vllm().start(), pseudo().start()] {
        let mut body = completion(&json!("The ferry left late because"), 8);
        (body["temperature"], body["logprobs"], body["return_token_ids"]) = (json!(0), json!(0), json!(true));
        let choice = answer(&server, "/v1/completions", body)["choices"][0].clone();
        let ids = |name: &str| choice[name].as_array().unwrap().clone();
        let (prompt, own) = (ids("prompt_token_ids"), ids("token_ids"));
        let mut body = completion(&json!([prompt.clone(), own.clone()].concat()), 1);
        body["prompt_logprobs"] = json!(0);
        let rows = answer(&server, "/v1/completions", body)["choices"][0]["prompt_logprobs"].clone();
        for (at, id) in own.iter().enumerate() {
            let scored = rows[prompt.len() + at][id.to_string()]["logprob"].as_f64().unwrap();
            let told = choice["logprobs"]["token_logprobs"][at].as_f64().unwrap();
            assert!((scored - told).abs() < 1e-4, "{scored} is not {told}");
        }
    }
}
