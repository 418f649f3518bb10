//! A language model as generator, the whole way through the program: template, prefill, samples, stops, parsing, scores,
//! decisions. The model knows the form of the answers only (tests/fixtures/gguf/parrot.py); how well it rewrites is not
//! the subject.

use std::collections::BTreeSet;
use std::path::Path;

use retrace::reer::search::{Node, Reason, Why};
use retrace::session::{self, Call, Event, Payload, State};

use crate::cli::House;

const PAIRS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/pairs/pairs.jsonl");
const PARROT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/gguf/parrot-q8_0.gguf");

/// Tags of the answers' form: none belongs into z.
const TAGS: [&str; 8] =
    ["<think>", "</think>", "<analyze>", "</analyze>", "<refine>", "</refine>", "<segment>", "<|im_end|>"];

/// Searches the first of `pairs` with the parrot, and reads the session back.
fn search(house: &House, pairs: &str, library: &str, flags: &str) -> (State, Vec<Event>) {
    let generator = format!("gguf:{PARROT}");
    let args = ["search", pairs, "--limit", "1", "--generator", &generator, "--into", library, "--json"];
    let ran = house.run(&args.into_iter().chain(flags.split_whitespace()).collect::<Vec<_>>());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let report = ran.json();
    assert_eq!((report["done"].as_u64(), report["failed"].as_u64()), (Some(1), Some(0)), "{report}");
    read(&house.path(library))
}

fn read(library: &Path) -> (State, Vec<Event>) {
    let files = session::library::files(library).unwrap();
    let [file] = files.as_slice() else { panic!("one session expected: {files:?}") };
    let reading = session::read(file).unwrap();
    assert!(reading.health.damaged.is_empty());
    (reading.state, session::events(file).unwrap().0)
}

fn nodes<'a>(events: &'a [Event]) -> Vec<&'a Node> {
    let node = |event: &'a Event| match &event.payload {
        Payload::Node(node) => Some(node),
        _ => None,
    };
    events.iter().filter_map(node).collect()
}

/// What the generator was asked for.
fn calls<'a>(events: &'a [Event]) -> Vec<&'a Call> {
    let call = |event: &'a Event| match &event.payload {
        Payload::Call(call) if ["draft", "refine"].contains(&call.purpose.as_str()) => Some(call),
        _ => None,
    };
    events.iter().filter_map(call).collect()
}

/// A row of the pairs as it stands there, and its reference.
fn pair(id: &str) -> (String, String) {
    let rows = std::fs::read_to_string(PAIRS).unwrap();
    let row = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
    let line = rows.lines().find(|line| row(line)["id"] == id).unwrap();
    (line.to_owned(), row(line)["reference"].as_str().unwrap().to_owned())
}

fn clean(text: &str) {
    assert!(!text.trim().is_empty());
    assert!(TAGS.iter().all(|tag| !text.contains(tag)), "a tag in {text:?}");
}

#[test]
fn a_search_with_an_instruct_model_runs_whole() {
    let house = House::new();
    let (state, events) = search(&house, PAIRS, "out", "--steps 3 --candidates 4");
    let (search, nodes) = (state.search.as_ref().unwrap(), nodes(&events));

    let (drafts, candidates): (Vec<&Node>, Vec<&Node>) = nodes.into_iter().partition(|node| node.why == Why::Draft);
    let (draft, spoilt) = drafts.split_last().unwrap();
    assert!(spoilt.iter().all(|draft| draft.refused.is_some()), "another draft is asked for only after a refusal");
    let segments = draft.segments.as_ref().unwrap();
    assert!((2..=8).contains(&segments.len()), "{segments:?}");
    segments.iter().for_each(|segment| clean(&segment.text));

    let steps = search.decisions().len();
    assert_eq!(candidates.len(), 4 * steps, "K answers a step");
    for candidate in &candidates {
        assert_eq!(candidate.why, Why::Candidate);
        let text = candidate.text.as_deref().unwrap();
        match candidate.refused {
            None => [text, candidate.analysis.as_deref().expect("an analysis")].into_iter().for_each(clean),
            Some(_) => {
                assert_eq!(text, "");
                assert!(candidate.raw.as_deref().is_some_and(|raw| !raw.is_empty()), "the answer as it came");
            }
        }
    }
    let (refused, used): (Vec<&Node>, Vec<&Node>) = candidates.into_iter().partition(|node| node.refused.is_some());
    let texts: BTreeSet<_> = used.iter().map(|candidate| &candidate.text).collect();
    assert!(!used.is_empty() && texts.len() == used.len(), "samples differ: {texts:?}");
    assert!(!refused.is_empty(), "one answer of four keeps the segment, which is no rewrite");

    let mut current = draft.id;
    for decision in search.decisions() {
        if let Some(chosen) = decision.chosen {
            assert!(search.score(chosen).unwrap() < search.score(current).unwrap());
            current = chosen;
        }
        for other in &decision.others {
            let unusable = search.tree().get(other.node).unwrap().node.refused.is_some();
            assert_eq!(other.reason == Reason::Unusable, unusable);
            assert!(other.reason != Reason::NotLower || other.delta.unwrap() >= 0.0);
        }
    }
    assert_eq!(search.outcome(), Some(current));

    let calls = calls(&events);
    assert_eq!(calls.len(), drafts.len() + steps, "one prompt for the draft and one a step");
    let words = pair("ferry-timetable").1.split_whitespace().count() as u64;
    for call in calls {
        assert_eq!((call.model.as_str(), call.error.as_ref()), ("parrot", None));
        assert!(call.tokens_in > words && call.tokens_out > 20, "the prompt holds the reference: {call:?}");
    }
}

#[test]
fn a_seed_gives_one_search() {
    let house = House::new();
    house.write("toast.jsonl", &pair("toast").0);
    let course = |library: &str, seed: &str| {
        let (_, events) = search(&house, "toast.jsonl", library, &format!("--steps 1 --candidates 2 --seed {seed}"));
        nodes(&events).into_iter().cloned().collect::<Vec<_>>()
    };
    let first = course("first", "5");
    assert_eq!(course("again", "5"), first);
    assert_ne!(course("other", "6"), first);
}

#[test]
fn a_chinese_pair_goes_the_same_way() {
    let house = House::new();
    house.write("zh.jsonl", &pair("老钟表匠").0);
    let (state, events) = search(&house, "zh.jsonl", "out", "--steps 1 --candidates 2");
    let candidates = nodes(&events).iter().filter(|node| node.why == Why::Candidate).count();
    assert_eq!((state.search.unwrap().decisions().len(), candidates), (1, 2));
}
