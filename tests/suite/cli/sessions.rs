//! Commands over sessions that a scripted search wrote.

use std::path::PathBuf;

use serde_json::Value;

use super::House;
use crate::session::scripted::{begin, drive, example, ticks};
use retrace::session::{self, Author, Session, Verdict};

/// A library with a finished and kept session, a finished one, and one that was only begun.
fn library(house: &House) -> PathBuf {
    let library = house.path("out");
    std::fs::create_dir_all(&library).unwrap();
    for (id, steps, most, keep) in [("ana", 6, 1000, true), ("ben", 2, 1000, false), ("cleo", 6, 4, false)] {
        let path = library.join(format!("{id}.jsonl"));
        let mut session = Session::create_at(&path, id, example(id), ticks()).unwrap();
        begin(&mut session, steps);
        drive(&mut session, most);
        if keep {
            session.judge(Author::User("ann".to_owned()), Verdict::Keep).unwrap();
        }
        session.close().unwrap();
    }
    library
}

#[test]
fn replay_tells_any_moment() {
    let house = House::new();
    let path = library(&house).join("ana.jsonl");
    let file = path.to_str().unwrap();
    let state = session::read(&path).unwrap().state;
    let last = house.run(&["replay", file, "--json"]).fine().json();
    assert_eq!(last["digest"], state.digest());
    assert_eq!((last["id"].as_str(), last["verdict"].as_str()), (Some("ana"), Some("keep")));
    assert_eq!(last["seq"], state.last_seq);
    for key in ["scorer", "objective", "tokens", "nll", "ppl", "baseline", "gain_nats", "leak"] {
        assert!(!last["score"][key].is_null(), "score.{key}");
    }
    let at = |step: &str| house.run(&["replay", file, "--step", step, "--json"]).fine().json();
    assert_eq!(at("0")["decisions"], Value::Array(vec![]));
    let second = at("2");
    assert_eq!((second["step"].as_u64(), second["decisions"].as_array().unwrap().len()), (Some(2), 2));
    let nll = |moment: &Value| moment["score"]["nll"].as_f64().unwrap();
    assert!(nll(&last) <= nll(&second) && nll(&second) <= nll(&at("0")), "greedy acceptance never rises");
    assert!(house.run(&["replay", file, "--step", "99"]).refused().contains("there is no step 99; the last is step"));
    let told = house.run(&["replay", file]).fine().out;
    assert!(told.contains("objective nll") && told.contains("tokens of the reference"), "{told}");
}

#[test]
fn play_tells_every_decision() {
    let house = House::new();
    let path = library(&house).join("ben.jsonl");
    let ran = house.run(&["replay", path.to_str().unwrap(), "--play", "--speed", "1000"]).fine();
    let steps = ran.out.lines().filter(|line| line.starts_with("step ")).count() as u32;
    assert_eq!(steps, session::read(&path).unwrap().state.steps(), "{}", ran.out);
    assert!(ran.out.lines().last().unwrap().starts_with("stopped: "), "{}", ran.out);
}

/// What stands behind an undo's line is what was taken back, and a decision tells what it gained.
#[test]
fn replay_names_what_was_done_and_taken_back() {
    let house = House::new();
    let path = library(&house).join("ben.jsonl");
    let mut live = session::Session::annotate(&path).unwrap();
    let mara = || "user:mara".parse::<session::Author>().unwrap();
    live.record(mara(), session::Payload::Tag(session::Tag { name: "calm".into(), on: true })).unwrap();
    live.undo(mara()).unwrap();
    live.redo(mara()).unwrap();
    drop(live);
    let told = house.run(&["replay", path.to_str().unwrap()]).fine().out;
    let acts: Vec<&str> = told.lines().filter(|line| line.starts_with("mara")).collect();
    assert_eq!(acts, ["mara: tag #calm", "mara: took back: tag #calm", "mara: brought back: tag #calm"]);
    let taken = told.lines().find(|line| line.contains(" taken, ")).unwrap();
    assert!(taken.contains(" taken, -0.") && taken.contains(" nats, ppl "), "{taken}");
    assert!(!told.lines().any(|line| line.starts_with("version ") && line.contains("candidate")), "{told}");
}

#[test]
fn check_names_the_damaged_line_and_passes_a_torn_tail() {
    let house = House::new();
    let library = library(&house);
    let sound = house.run(&["check", "out", "--json"]).fine().json();
    assert_eq!(sound, serde_json::json!({"files": 3, "damaged": [], "torn": []}));
    let ana = std::fs::read_to_string(library.join("ana.jsonl")).unwrap();
    let damaged = ana.replacen("wedding of ana", "wedding of eve", 1);
    let line = damaged.lines().position(|line| line.contains("wedding of eve")).unwrap() + 1;
    std::fs::write(library.join("ana.jsonl"), damaged).unwrap();
    let ben = std::fs::read(library.join("ben.jsonl")).unwrap();
    std::fs::write(library.join("ben.jsonl"), &ben[..ben.len() - 9]).unwrap();
    let ran = house.run(&["check", "out", "--json"]);
    assert_eq!(ran.code, 1);
    let report = ran.json();
    assert_eq!(report["damaged"][0]["line"], line);
    assert!(report["damaged"][0]["file"].as_str().unwrap().ends_with("ana.jsonl"));
    assert!(report["torn"][0]["file"].as_str().unwrap().ends_with("ben.jsonl"));
    assert_eq!(house.run(&["check", "out/ben.jsonl"]).code, 0, "a torn tail is no damage");
    let told = house.run(&["check", "out"]);
    assert!(told.out.contains(&format!("ana.jsonl:{line}: damaged: ")), "{}", told.out);
}

#[test]
fn stats_never_leave_a_number_without_its_scorer() {
    let house = House::new();
    library(&house);
    let report = house.run(&["stats", "out", "--json"]).fine().json();
    assert_eq!(report["sessions"], 3);
    assert_eq!(report["status"], serde_json::json!({"done": 2, "unfinished": 1}));
    let groups = report["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 1);
    let group = &groups[0];
    assert_eq!((group["scorer"]["model"].as_str(), group["objective"].as_str()), (Some("script"), Some("nll")));
    for key in ["nll", "ppl"] {
        for when in ["baseline", "initial", "final"] {
            assert!(group[key][when]["median"].is_f64(), "{key}.{when}");
        }
    }
    let nll = |when: &str| group["nll"][when]["mean"].as_f64().unwrap();
    assert!(nll("final") <= nll("initial"));
    assert_eq!(group.get("clipped_nll"), None, "another objective's score is not mixed in");
    assert!(report["cost"]["calls"].as_u64() > Some(0));
    let not_taken = &report["groups"][0]["not_taken"];
    let counts = not_taken["by_reason"].as_object().unwrap().values().map(|n| n.as_u64().unwrap());
    assert!(counts.sum::<u64>() > not_taken["empty_steps"].as_u64().unwrap(), "{not_taken}");
    let told = house.run(&["stats", "out"]).fine().out;
    assert!(told.contains(" took nothing; candidates not taken: ") && told.contains(" not lower"), "{told}");
    assert!(told.contains("scorer bundled script") && told.contains("objective nll"), "{told}");
    assert!(house.run(&["stats", "data"]).refused().starts_with("data: "));
}

/// The keeper's letter goes by a candidate that a person took in the search's place.
#[test]
fn an_exported_row_counts_what_a_person_took() {
    let house = House::new();
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/sessions/lighthouse-letter.jsonl");
    house.run(&["export", sample, "--to", "rows", "--format", "messages", "--queue", "all"]).fine();
    let row = std::fs::read_to_string(house.path("rows/messages/train.jsonl")).unwrap();
    let row: Value = serde_json::from_str(&row).unwrap();
    let meta: Value = serde_json::from_str(row["meta"].as_str().unwrap()).unwrap();
    assert_eq!(meta["by_hand"], 1);
}

#[test]
fn export_tells_what_is_flagged() {
    let house = House::new();
    let path = library(&house).join("ana.jsonl");
    let mut ana = session::Session::annotate(&path).unwrap();
    let flag = session::Flag { name: "look again".into(), on: true, reason: None };
    ana.record("user:mara".parse().unwrap(), session::Payload::Flag(flag)).unwrap();
    ana.close().unwrap();
    let told = house.run(&["export", "out", "--to", "rows", "--format", "messages"]).fine().out;
    assert!(told.contains("1 exported (1 flagged), 0 refused, 2 not kept"), "{told}");
    let manifest = std::fs::read_to_string(house.path("rows/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["journals"][0]["flags"], serde_json::json!(["look again"]));
}

#[test]
fn export_takes_the_kept_or_all_and_says_what_it_refused() {
    let house = House::new();
    library(&house);
    let kept = house.run(&["export", "out", "--to", "rows", "--format", "messages,sharegpt", "--json"]).fine().json();
    assert_eq!((kept["exported"].as_u64(), kept["not_kept"].as_u64()), (Some(1), Some(2)));
    let row = std::fs::read_to_string(house.path("rows/messages/train.jsonl")).unwrap();
    let row: Value = serde_json::from_str(row.lines().next().unwrap()).unwrap();
    assert!(row["messages"][1]["content"].as_str().unwrap().starts_with("<think>\n"));
    let again = house.run(&["export", "out", "--to", "rows", "--format", "messages"]);
    assert!(again.refused().contains("--force"), "{}", again.err);
    let all = house.run(&["export", "out", "--to", "all", "--format", "prompt-completion", "--queue", "all"]);
    assert!(all.out.contains("prompt_completion"), "{}{}", all.out, all.err);
    let inside = house.run(&["export", "out", "--to", "out/rows", "--format", "messages"]);
    assert!(inside.refused().contains("inside the library"), "{}", inside.err);
    let none = house.run(&["export", "out/ben.jsonl", "--to", "none", "--format", "messages"]);
    assert!(none.refused().contains("--queue all"), "{}", none.err);
}
