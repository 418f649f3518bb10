//! A whole search as a user starts it: the bundled scorer and the cues proposer on a sample of some 400 words, 24 steps of
//! four candidates, plain and racing.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

const SAMPLE: &str = "sessions/winding-the-clock.jsonl";

#[test]
#[ignore = "a bench"]
fn a_whole_search_ends_soon() {
    let folder = tempfile::tempdir().unwrap();
    let sample = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(SAMPLE)).unwrap();
    let mut events = sample.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let example = events.find(|event| event["ev"] == "example").unwrap()["d"].take();
    let pair = serde_json::json!({ "query": example["query"], "reference": example["reference"] });
    let input = folder.path().join("pair.jsonl");
    std::fs::write(&input, pair.to_string()).unwrap();
    println!("{} words of y", example["reference"].as_str().unwrap().split_whitespace().count());
    for race in ["off", "exact", "paired"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_retrace"));
        command.arg("search").arg(&input).arg("--into").arg(folder.path().join(race)).env("HOME", folder.path());
        command.args(["--generator", "cues", "--scorer", "bundled", "--candidates", "4", "--steps", "24"]);
        command.args(["--patience", "off", "--race", race]);
        let begun = Instant::now();
        let output = command.output().unwrap();
        let seconds = begun.elapsed().as_secs_f64();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        println!("race {race:6}: {seconds:.1} s; {}", String::from_utf8_lossy(&output.stdout).trim());
    }
}
