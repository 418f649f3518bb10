//! The published schema fits every line that is written, and rejects lines that are wrong.

use std::path::Path;
use std::sync::LazyLock;

use retrace::session::{Payload, library};
use serde_json::{Value, json};

use super::scripted::{finished, folder};

static SCHEMA: LazyLock<(Value, jsonschema::Validator)> = LazyLock::new(|| {
    let schema = include_str!("../../../assets/schema/retrace.session-1.schema.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    (schema, validator)
});

/// Checks every line of a session against the schema, and its checksum.
pub fn every_line_is_valid(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    for line in text.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        if let Err(error) = SCHEMA.1.validate(&value) {
            panic!("{}: {error} at {}\n{line}", path.display(), error.instance_path);
        }
        let (body, crc) = line.rsplit_once(",\"crc\":\"").unwrap();
        assert_eq!(crc, format!("{:08x}\"}}", crc32c::crc32c(body.as_bytes())));
        assert_eq!(value.as_object().unwrap().keys().next_back().unwrap(), "crc");
    }
}

#[test]
fn the_schema_describes_every_event() {
    let described: Vec<&str> = SCHEMA.0["allOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["if"]["properties"]["ev"]["const"].as_str().unwrap())
        .collect();
    assert_eq!(described, Payload::NAMES);
}

#[test]
fn a_search_writes_valid_lines() {
    let dir = folder();
    let path = dir.path().join("s.jsonl");
    finished(&path, "s", 5);
    every_line_is_valid(&path);
}

#[test]
fn recorded_samples_are_valid_and_sound() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("sessions");
    if !samples.is_dir() {
        return;
    }
    for path in library::files(&samples).unwrap() {
        every_line_is_valid(&path);
        assert!(retrace::session::read(&path).unwrap().health.is_sound(), "{}", path.display());
    }
}

#[test]
fn wrong_lines_are_rejected() {
    let line = |ev: &str, d: Value| json!({"seq":1,"t":"","dt":0,"by":"user:a","ev":ev,"d":d,"crc":"00000000"});
    assert!(SCHEMA.1.is_valid(&line("telepathy", json!([1]))), "unknown events pass");
    assert!(SCHEMA.1.is_valid(&line("rate", json!({"stars": 5, "new": 1}))), "unknown keys pass");
    let wrong = [
        line("rate", json!({"stars": 6})),
        line("rate", json!({})),
        line("verdict", json!({"verdict": "maybe"})),
        line("score", json!({"scorer": {"kind": "a", "model": "b"}})),
        line("score", json!({"scorer": {"kind": "a", "model": "b"}, "without": 1, "error": "x"})),
        line("open", json!({"schema": "other/1", "id": "a", "tool": "b"})),
        json!({"seq":0,"t":"","dt":0,"by":"user:a","ev":"x","d":1,"crc":"00000000"}),
        json!({"seq":1,"t":"","dt":0,"by":"nobody","ev":"x","d":1,"crc":"00000000"}),
        json!({"seq":1,"t":"","dt":0,"by":"search","ev":"x","d":1,"crc":"XYZ"}),
    ];
    for line in wrong {
        assert!(!SCHEMA.1.is_valid(&line), "{line}");
    }
}
