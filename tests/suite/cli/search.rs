//! `search` from pairs to training rows, and what interruptions leave: the whole way, with the bundled models.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::{House, Ran};
use retrace::session::{self, library};

const TEXTS: [(&str, &str); 4] = [
    (
        "Describe a small harbour at dawn.",
        "The harbour wakes slowly under a thin grey light. Gulls argue over the empty crates by the wall, and the ropes \
         creak as the tide lifts the boats.\n\nThen the first fishing boat comes in, low in the water, with its lamp \
         still burning. A woman on the quay raises her hand before she takes the line.",
    ),
    (
        "Write a short note that thanks a neighbour for help with the garden.",
        "Dear Ruth, the beans you tied up last week are already in flower, and the bed by the fence looks like a garden \
         again.\n\nI could not have done it alone. Please come over on Sunday; there will be tea, and the first \
         strawberries if the birds leave us any.",
    ),
    (
        "Explain to a child why the moon changes its shape.",
        "The moon is a ball, and the sun always lights one half of it. As it walks around us, we see more or less of \
         the bright half.\n\nWhen the bright half faces us, we call it a full moon. When it looks away, the moon seems \
         to hide, but it is still there, as round as ever.",
    ),
    (
        "Tell what an old clock in a railway station has seen.",
        "It has watched soldiers leave with flowers in their caps and come back without them. It has seen a boy wait \
         three winters for the same train.\n\nNobody looks at it now, for everyone carries the time in a pocket. Still \
         it counts, a little slow, for the pigeons and for the night porter.",
    ),
];

fn pairs(house: &House, count: usize) -> PathBuf {
    let row = |(at, (query, reference)): (usize, &(&str, &str))| {
        serde_json::json!({"id": format!("pair-{at}"), "query": query, "reference": reference}).to_string() + "\n"
    };
    house.write("pairs.jsonl", &TEXTS.iter().take(count).enumerate().map(row).collect::<String>())
}

/// A search small enough for a test.
const SMALL: [&str; 6] = ["search", "pairs.jsonl", "--steps", "3", "--candidates", "2"];

fn small<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&SMALL[..], more].concat()
}

fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = library::files(folder).unwrap();
    files.into_iter().map(|file| (file.clone(), std::fs::read(file).unwrap())).collect()
}

/// What a search decided and arrived at, without times.
fn course(folder: &Path) -> Vec<Value> {
    let moment = |file: PathBuf| {
        let state = session::read(&file).unwrap().state;
        let search = state.search.as_ref().unwrap();
        let z = search.outcome().and_then(|node| search.tree().trajectory(node));
        serde_json::json!({"id": state.id, "decisions": search.decisions(), "z": z, "stop": search.stopped()})
    };
    library::files(folder).unwrap().into_iter().map(moment).collect()
}

#[test]
fn pairs_become_sessions_numbers_and_training_rows() {
    let house = House::new();
    pairs(&house, 2);
    let report = house.run(&small(&["--into", "out", "--json"]));
    assert_eq!(report.code, 0, "{}", report.err);
    let report = report.json();
    assert_eq!((report["done"].as_u64(), report["failed"].as_u64()), (Some(2), Some(0)));
    for searched in report["sessions"].as_array().unwrap() {
        for key in ["id", "file", "status", "stop", "steps", "accepted", "scorer", "objective", "tokens"] {
            assert!(!searched[key].is_null(), "{key}");
        }
        let nll = |when: &str| searched[when]["nll"].as_f64().unwrap();
        assert!(nll("final") <= nll("initial"), "greedy acceptance never rises");
        assert!((searched["final"]["ppl"].as_f64().unwrap() - nll("final").exp()).abs() < 1e-6 * nll("final").exp());
        assert!(searched["leak"]["span_words"].is_u64());
    }
    let before = contents(&house.path("out"));
    assert_eq!(house.run(&small(&["--into", "out"])).code, 0);
    assert_eq!(contents(&house.path("out")), before, "a second call appends nothing");
    assert_eq!(house.run(&["check", "out"]).fine().code, 0);
    assert_eq!(house.run(&["stats", "out", "--json"]).fine().json()["groups"][0]["compared"], 2);
    let rows = house.run(&["export", "out", "--to", "rows", "--format", "messages", "--queue", "all", "--json"]);
    assert_eq!(rows.fine().json()["exported"], 2);
}

#[test]
fn a_session_s_numbers_are_those_of_score() {
    let house = House::new();
    pairs(&house, 1);
    house.run(&small(&["--into", "out"]));
    let replayed = house.run(&["replay", "out/pair-0.jsonl", "--json"]).fine().json();
    let z: Vec<&str> = replayed["segments"].as_array().unwrap().iter().map(|s| s["text"].as_str().unwrap()).collect();
    house.write("z.txt", &z.join("\n\n"));
    house.write("q.txt", TEXTS[0].0);
    house.write("y.txt", TEXTS[0].1);
    let args = ["score", "--query-file", "q.txt", "--reference-file", "y.txt", "--trajectory-file", "z.txt", "--json"];
    let scored = house.run(&args).fine().json();
    for at in ["/nll", "/baseline/nll"] {
        let nll = |from: &Value| from.pointer(at).and_then(Value::as_f64).unwrap();
        assert!((nll(&scored) - nll(&replayed["score"])).abs() < 1e-4, "{at}: {scored} against {replayed}");
    }
    assert_eq!(scored["leak"], replayed["score"]["leak"]);
}

#[test]
fn rows_that_cannot_be_used_are_named_and_skipped() {
    let house = House::new();
    pairs(&house, 1);
    let mut rows = std::fs::read_to_string(house.path("pairs.jsonl")).unwrap();
    rows = format!("{rows}{{\"query\": \"no reference\"}}\nnot json\n{rows}");
    house.write("pairs.jsonl", &rows);
    let ran = house.run(&small(&["--into", "out", "--json"]));
    assert_eq!(ran.code, 1);
    let lines: Vec<u64> =
        ran.json()["skipped"].as_array().unwrap().iter().map(|row| row["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [2, 3, 4]);
    assert!(ran.err.contains("line 3 skipped: "), "{}", ran.err);
    house.write("bad.jsonl", "{\"query\": \"only\"}\n");
    let none = house.run(&["search", "bad.jsonl", "--into", "none"]);
    assert!(none.refused().contains("no usable row (line 1: "), "{}", none.err);
}

#[test]
fn a_dry_run_says_what_would_be_done_and_makes_nothing() {
    let house = House::new();
    pairs(&house, 3);
    let forecast = house.run(&small(&["--into", "out", "--dry-run", "--json"])).fine().json();
    assert_eq!((forecast["pairs"].as_u64(), forecast["new"].as_u64()), (Some(3), Some(3)));
    assert!(!house.path("out").exists());
}

#[test]
fn shards_and_limits_share_the_pairs_out() {
    let house = House::new();
    pairs(&house, 4);
    let pairs_of = |more: &[&str]| {
        let args = small(&[&["--into", "out", "--dry-run", "--json"], more].concat());
        house.run(&args).fine().json()["pairs"].as_u64().unwrap()
    };
    assert_eq!(pairs_of(&["--limit", "3"]), 3);
    assert_eq!(pairs_of(&["--shard", "0/2"]) + pairs_of(&["--shard", "1/2"]), 4);
}

#[test]
fn other_settings_are_refused_on_an_unfinished_session_unless_forked() {
    let house = House::new();
    pairs(&house, 1);
    let paused = house.run(&small(&["--into", "out", "--max-tokens", "1", "--json"])).json();
    assert_eq!((paused["sessions"][0]["status"].as_str(), paused["done"].as_u64()), (Some("unfinished"), Some(0)));
    let other = ["search", "pairs.jsonl", "--into", "out", "--steps", "2", "--candidates", "2"];
    let refused = house.run(&other);
    assert!(refused.refused().contains("steps: 3 there, 2 now") && refused.err.contains("--fork"), "{}", refused.err);
    let forked = house.run(&[&other[..], &["--fork", "--json"]].concat()).json();
    assert_eq!(forked["done"], 1);
    assert_eq!(library::files(&house.path("out")).unwrap().len(), 2);
    let resumed = house.run(&small(&["--into", "out", "--json"])).json();
    assert_eq!(resumed["done"], 1, "the first one goes on with its own settings");
}

#[test]
fn mistakes_are_told_before_anything_is_made() {
    let house = House::new();
    pairs(&house, 1);
    let cases: [(&[&str], &str); 6] = [
        (&["search", "none.jsonl", "--into", "out"], "none.jsonl: "),
        (
            &["search", "pairs.jsonl", "--into", "out", "--steps", "many"],
            "--steps: search.steps must be a whole number",
        ),
        (&["search", "pairs.jsonl", "--into", "out", "--scorer", "gguf:none.gguf"], "none.gguf"),
        (&["search", "pairs.jsonl", "--into", "out", "--scorer", "pairs.jsonl"], "names no back end"),
        (&["search", "pairs.jsonl", "--into", "out", "--generator", "bundled"], "cannot write trajectories"),
        (&["search", "pairs.jsonl", "--into", "out", "--shard", "2/2"], "must be I/N with I from 0 to N-1"),
    ];
    for (args, message) in cases {
        let ran = house.run(args);
        assert!(ran.refused().contains(message), "{args:?}: {}", ran.err);
        assert!(!house.path("out").exists(), "{args:?}");
    }
}

/// Starts a search of one pair at a time and waits until the first has ended.
fn underway(house: &House) -> (Child, BufReader<std::process::ChildStderr>) {
    let args = small(&["--into", "out", "--concurrency", "1"]);
    let mut child = house.command().args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("[1/") {
        line.clear();
        assert!(told.read_line(&mut line).unwrap() > 0, "the search ended before its first example");
    }
    (child, told)
}

fn send(signal: &str, child: &Child) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// The search of four pairs without a pause, to compare with.
fn uninterrupted() -> (House, Vec<Value>) {
    let house = House::new();
    pairs(&house, 4);
    assert_eq!(house.run(&small(&["--into", "out"])).code, 0);
    let course = course(&house.path("out"));
    (house, course)
}

#[test]
#[cfg(unix)]
fn an_interrupted_search_goes_on_where_it_stopped() {
    let house = House::new();
    pairs(&house, 4);
    let (child, told) = underway(&house);
    send("-INT", &child);
    drop(told);
    assert_eq!(Ran::of(child.wait_with_output().unwrap()).code, 130);
    assert_eq!(house.run(&["check", "out"]).fine().code, 0);
    assert_eq!(house.run(&small(&["--into", "out", "--concurrency", "1"])).code, 0);
    assert_eq!(course(&house.path("out")), uninterrupted().1);
}
