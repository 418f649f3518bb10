//! `score` with the bundled model: files, raw texts, and sessions.

use serde_json::Value;

use super::House;
use crate::session::scripted::{begin, drive, example, scorer, ticks};
use retrace::session::{self, ExampleRecord, Session};

const QUERY: &str = "Describe the harbour at dawn.\n";
const REFERENCE: &str = "\nThe harbour wakes slowly. Gulls argue over the empty crates.\n\nThen the first boat comes in, \
    low in the water, and the café opens its doors.\n";
const THINKING: &str = "I should begin with the harbour, slowly waking; gulls, crates, then a boat and the café.";

fn house() -> House {
    let house = House::new();
    house.write("q.txt", QUERY);
    house.write("y.txt", REFERENCE);
    house.write("z.txt", THINKING);
    house
}

fn number(of: &Value) -> f64 {
    of.as_f64().unwrap_or_else(|| panic!("{of} is no number"))
}

fn mean_of_tokens(scored: &Value) -> f64 {
    let tokens = scored["per_token"].as_array().unwrap();
    let logprobs: Vec<f64> = tokens.iter().filter_map(|token| token["logprob"].as_f64()).collect();
    -logprobs.iter().sum::<f64>() / logprobs.len() as f64
}

#[test]
fn a_score_is_the_mean_of_its_tokens_beside_its_baseline() {
    let house = house();
    let files = ["score", "--query-file", "q.txt", "--reference-file", "y.txt"];
    let with = |more: &[&str]| house.run(&[&files[..], more, &["--json"]].concat()).fine().json();
    let scored = with(&["--trajectory-file", "z.txt", "--tokens"]);
    assert_eq!((scored["scorer"]["kind"].as_str(), scored["objective"].as_str()), (Some("bundled"), Some("nll")));
    assert!((number(&scored["nll"]) - mean_of_tokens(&scored)).abs() < 1e-5);
    assert!((number(&scored["ppl"]) - number(&scored["nll"]).exp()).abs() < 1e-9 * number(&scored["ppl"]));
    let gain = number(&scored["baseline"]["nll"]) - number(&scored["nll"]);
    assert!((number(&scored["gain_nats"]) - gain).abs() < 1e-12);
    assert!(number(&scored["leak"]["span_words"]) >= 1.0, "thinking and reference share words");
    let empty = with(&[]);
    assert_eq!(empty["nll"], scored["baseline"]["nll"], "no thinking is the baseline");
    assert_eq!((empty["gain_nats"].as_f64(), empty.get("per_token")), (Some(0.0), None));
    let told = house.run(&files).fine().out;
    assert!(told.contains("scorer") && told.contains("objective nll") && told.contains("tokens"), "{told}");
}

#[test]
fn tokens_cover_the_reference_of_the_file_byte_for_byte() {
    let house = house();
    let args = ["score", "--query-file", "q.txt", "--reference-file", "y.txt", "--tokens", "--json"];
    let scored = house.run(&args).fine().json();
    let tokens = scored["per_token"].as_array().unwrap();
    assert_eq!(scored["tokens"].as_u64(), Some(tokens.len() as u64));
    let at = |token: &Value, key: &str| token[key].as_u64().unwrap() as usize;
    assert_eq!(at(&tokens[0], "start"), 1, "the line end before the reference is not scored");
    assert_eq!(at(tokens.last().unwrap(), "end"), REFERENCE.trim_end().len());
    for token in tokens {
        assert_eq!(token["text"].as_str(), REFERENCE.get(at(token, "start")..at(token, "end")));
    }
}

#[test]
fn raw_scores_a_text_behind_another_verbatim() {
    let house = house();
    house.write("empty.txt", "");
    let raw = |context: &str| {
        let args = ["score", "--raw", "--context-file", context, "--reference-file", "y.txt", "--tokens", "--json"];
        house.run(&args).fine().json()
    };
    let scored = raw("z.txt");
    assert!((number(&scored["nll"]) - mean_of_tokens(&scored)).abs() < 1e-5);
    for key in ["baseline", "gain_nats", "gain_percent", "leak"] {
        assert_eq!(scored.get(key), None, "{key} has no meaning for a raw score");
    }
    let tokens = scored["per_token"].as_array().unwrap();
    assert_eq!(tokens[0]["start"], 0, "nothing is trimmed");
    assert_eq!(tokens.last().unwrap()["end"].as_u64(), Some(REFERENCE.len() as u64));
    let alone = raw("empty.txt");
    let first = &alone["per_token"][0]["logprob"];
    assert_eq!(first.is_null(), alone["context_tokens"] == 0, "a first token behind nothing has no probability");
}

#[test]
fn what_cannot_be_scored_says_which_file_and_why() {
    let house = house();
    house.write("blank.txt", "\n \n");
    house.write("one.txt", "A single segment.");
    std::fs::write(house.path("latin.txt"), b"caf\xe9").unwrap();
    house.write("tag.txt", "First <think> then.");
    let cases: [(&[&str], &str); 7] = [
        (&["--query-file", "q.txt", "--reference-file", "blank.txt"], "blank.txt: the reference has no tokens"),
        (&["--query-file", "q.txt", "--reference-file", "none.txt"], "none.txt: cannot be read"),
        (&["--query-file", "q.txt", "--reference-file", "latin.txt"], "latin.txt: byte 3 is not UTF-8"),
        (
            &["--query-file", "q.txt", "--reference-file", "one.txt", "--objective", "reer-clipped"],
            "one.txt: the objective reer-clipped leaves the first segment",
        ),
        (&["--query-file", "q.txt", "--reference-file", "y.txt", "--trajectory-file", "tag.txt"], "contains <think>"),
        (&["--query-file", "q.txt", "--reference-file", "y.txt", "--scorer", "cues"], "cues cannot score"),
        (&["--query-file", "q.txt"], "--reference-file"),
    ];
    for (args, message) in cases {
        let ran = house.run(&[&["score"], args].concat());
        assert!(ran.refused().contains(message), "{args:?}: {}", ran.err);
    }
}

#[test]
fn rescoring_adds_another_scorer_s_numbers_once() {
    let house = House::new();
    std::fs::create_dir_all(house.path("out")).unwrap();
    let path = house.path("out/ana.jsonl");
    let mut live = Session::create_at(&path, "ana", example("ana"), ticks()).unwrap();
    begin(&mut live, 2);
    drive(&mut live, 1000);
    live.close().unwrap();
    let before = std::fs::read(&path).unwrap();
    let first = house.run(&["score", "out", "--scorer", "bundled", "--json"]).fine().json();
    let added = first["sessions"][0]["added"].as_u64().unwrap();
    assert!(added >= 2, "the baseline and the draft at least");
    assert!(number(&first["sessions"][0]["score"]["nll"]) > 0.0);
    let after = std::fs::read(&path).unwrap();
    assert!(after.starts_with(&before), "nothing that was there has changed");
    let state = session::read(&path).unwrap().state;
    assert_eq!(state.others.values().map(|scores| scores.len() as u64).sum::<u64>(), added);
    assert_eq!(state.scorer, Some(scorer()), "the session's own scorer stays");
    let second = house.run(&["score", "out/ana.jsonl", "--scorer", "bundled", "--json"]).fine().json();
    assert_eq!((second["sessions"][0]["added"].as_u64(), second["failed"].as_u64()), (Some(0), Some(0)));
    assert_eq!(second["sessions"][0]["score"], first["sessions"][0]["score"]);
    assert_eq!(std::fs::read(&path).unwrap(), after, "a second call appends nothing");
}

#[test]
fn versions_that_another_scorer_cannot_hold_are_counted_apart() {
    let house = House::new();
    std::fs::create_dir_all(house.path("out")).unwrap();
    let long = ExampleRecord { id: "long".to_owned(), ..ExampleRecord::written(&"lamp ".repeat(474), "A short one.") };
    let mut live = Session::create_at(&house.path("out/long.jsonl"), "long", long, ticks()).unwrap();
    begin(&mut live, 2);
    drive(&mut live, 1000);
    live.close().unwrap();
    let model = concat!("gguf:", env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/gguf/qwen2-f16.gguf");
    // The baseline alone fits; a second call has nothing to add, and says the same of what is there.
    for begin in ["long: 1 score added; ", "long: 0 scores added; "] {
        let said = house.run(&["score", "out", "--scorer", model]).fine().out;
        assert!(said.starts_with(begin) && said.ends_with(" too long for this model\n"), "{said}");
    }
}
