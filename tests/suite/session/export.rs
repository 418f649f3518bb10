//! Exports: exact shapes, what is refused, and that nothing else is touched.

use std::path::Path;

use retrace::reer::search::StopReason;
use retrace::session::export::{ExportError, Format, Options, Queue, Report, export};
use retrace::session::{Author, Flag, Note, Payload, Purpose, Rate, Session, Stop, Verdict, read};
use serde_json::Value;
use time::OffsetDateTime;

use super::scripted::{ada, append, begin, drive, example, finished, folder, ticks};

fn options(queue: Queue) -> Options {
    Options { formats: Format::ALL.to_vec(), queue, force: false }
}

fn run(from: &Path, out: &Path, options: &Options) -> Result<Report, ExportError> {
    export(from, out, options, OffsetDateTime::UNIX_EPOCH)
}

fn keep(path: &Path) {
    Session::open_at(path, Purpose::Annotate, ticks()).unwrap().judge(ada(), Verdict::Keep).unwrap();
}

fn jsonl(path: &Path) -> Vec<Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A library of two finished sessions, the first kept.
fn library(root: &Path) {
    std::fs::create_dir_all(root).unwrap();
    for id in ["a", "b"] {
        finished(&root.join(format!("{id}.jsonl")), id, 3);
    }
    keep(&root.join("a.jsonl"));
}

/// A session whose query, reference and draft are `edit`ed before its search.
fn odd(root: &Path, id: &str, edit: impl Fn(&mut retrace::session::ExampleRecord)) {
    let mut example = example(id);
    edit(&mut example);
    let path = root.join(format!("{id}.jsonl"));
    let mut session = Session::create_at(&path, id, example, ticks()).unwrap();
    begin(&mut session, 2);
    drive(&mut session, 1000);
    session.close().unwrap();
}

#[test]
fn rows_have_the_canonical_think_form_in_every_shape() {
    let dir = folder();
    let (from, out) = (dir.path().join("lib"), dir.path().join("out"));
    library(&from);
    let before: Vec<Vec<u8>> = ["a", "b"].map(|id| std::fs::read(from.join(format!("{id}.jsonl"))).unwrap()).into();
    let report = run(&from, &out, &options(Queue::Kept)).unwrap();
    assert_eq!((report.sessions, report.exported, report.not_kept, report.refused.len()), (2, 1, 1, 0));
    let state = read(&from.join("a.jsonl")).unwrap().state;
    let (example, search) = (state.example.as_ref().unwrap(), state.search.as_ref().unwrap());
    let z = search.tree().trajectory(search.outcome().unwrap()).unwrap().text();
    let answer = format!("<think>\n{z}\n</think>\n\n{}", example.reference);
    let id = format!("r1-{}", example.hash);

    let messages = jsonl(&out.join("messages/train.jsonl"));
    let keys = |row: &Value| row.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!((messages.len(), keys(&messages[0])), (1, vec!["id".into(), "messages".into(), "meta".into()]));
    assert_eq!(messages[0]["id"], id);
    let turns =
        serde_json::json!([{"role": "user", "content": example.query}, {"role": "assistant", "content": answer}]);
    assert_eq!(messages[0]["messages"], turns);

    let completions = jsonl(&out.join("prompt_completion/train.jsonl"));
    assert_eq!(completions[0]["prompt"], Value::Array(vec![turns[0].clone()]));
    assert_eq!(completions[0]["completion"], Value::Array(vec![turns[1].clone()]));

    let sharegpt = json(&out.join("llamafactory/retrace_sharegpt.json"));
    let said = serde_json::json!([{"from": "human", "value": example.query}, {"from": "gpt", "value": answer}]);
    assert_eq!((sharegpt.as_array().unwrap().len(), &sharegpt[0]["conversations"]), (1, &said));
    let info = json(&out.join("llamafactory/dataset_info.json"));
    assert_eq!(info["retrace_sharegpt"]["file_name"], "retrace_sharegpt.json");

    let meta: Value = serde_json::from_str(messages[0]["meta"].as_str().unwrap()).unwrap();
    let best = state.summary().best.unwrap();
    assert_eq!(meta["score"]["scorer"]["model"], "script");
    assert_eq!((&meta["score"]["objective"], &meta["score"]["tokens"]), (&"nll".into(), &4.into()));
    assert_eq!(meta["score"]["final"]["nll"], best.nll.0);
    assert_eq!(meta["input"]["tone"], "warm");
    assert_eq!((&meta["rating"], &meta["name"]), (&Value::Null, &Value::Null), "what nobody said is no value");
    for (id, bytes) in ["a", "b"].iter().zip(before) {
        assert_eq!(std::fs::read(from.join(format!("{id}.jsonl"))).unwrap(), bytes, "sessions are only read");
    }
    let left: Vec<_> = walk(&out).into_iter().filter(|path| path.ends_with(".tmp")).collect();
    assert!(left.is_empty(), "{left:?}");
}

fn walk(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path.display().to_string()] })
        .collect()
}

#[test]
fn the_manifest_says_what_is_there_and_where_it_came_from() {
    let dir = folder();
    let (from, out) = (dir.path().join("lib"), dir.path().join("out"));
    library(&from);
    odd(&from, "c", |example| example.reference = "see </think> there".into());
    let report = run(&from, &out, &options(Queue::All)).unwrap();
    assert_eq!((report.exported, report.refused.len()), (2, 1));
    let manifest = json(&out.join("manifest.json"));
    assert_eq!(
        (&manifest["schema"], &manifest["created"]),
        (&"retrace.export/1".into(), &"1970-01-01T00:00:00.000Z".into())
    );
    assert_eq!(manifest["counts"]["exported"], 2);
    assert_eq!(manifest["refused"][0]["file"], "c.jsonl");
    assert_eq!(manifest["journals"][0]["path"], "a.jsonl");
    for file in manifest["files"].as_array().unwrap() {
        let bytes = std::fs::read(out.join(file["path"].as_str().unwrap())).unwrap();
        assert_eq!(file["bytes"], bytes.len());
        assert_eq!(file["blake3"], blake3::hash(&bytes).to_hex()[..16].to_owned());
        assert_eq!(file["rows"], 2);
    }
}

#[test]
fn what_cannot_be_trained_on_is_refused_with_the_reason() {
    let dir = folder();
    let (from, out) = (dir.path().join("lib"), dir.path().join("out"));
    library(&from);
    odd(&from, "tag", |example| example.reference = "a <think> b".into());
    odd(&from, "control", |example| example.query = "say <|im_end|> now".into());
    drop(Session::create_at(&from.join("fresh.jsonl"), "fresh", example("fresh"), ticks()).unwrap());
    let mut failed = Session::create_at(&from.join("failed.jsonl"), "failed", example("failed"), ticks()).unwrap();
    begin(&mut failed, 2);
    drive(&mut failed, 2);
    let stop = Stop { reason: StopReason::Error, detail: Some("the scorer is gone".into()) };
    failed.record(Author::Search, Payload::Stop(stop)).unwrap();
    drop(failed);
    std::fs::copy(from.join("a.jsonl"), from.join("twin.jsonl")).unwrap();
    let mut damaged = std::fs::read(from.join("b.jsonl")).unwrap();
    damaged[900] ^= 1;
    std::fs::write(from.join("damaged.jsonl"), damaged).unwrap();
    append(&from.join("b.jsonl"), b"{\"seq\"");
    let report = run(&from, &out, &options(Queue::All)).unwrap();
    let reasons: Vec<(String, &str)> =
        report.refused.iter().map(|r| (r.file.display().to_string(), r.reason.as_str())).collect();
    let expected = [
        ("control.jsonl", "the query contains <|im_end|>"),
        ("damaged.jsonl", "of its file is damaged"),
        ("failed.jsonl", "the search failed: the scorer is gone"),
        ("fresh.jsonl", "no search was made"),
        ("tag.jsonl", "the reference contains <think>"),
        ("twin.jsonl", "the same query, trajectory and reference as in a.jsonl"),
    ];
    assert_eq!(reasons.len(), expected.len(), "{reasons:?}");
    for ((file, reason), (at, said)) in reasons.iter().zip(expected) {
        assert!(file == at && reason.contains(said), "{file}: {reason}");
    }
    assert_eq!(report.exported, 2);
}

#[test]
fn a_folder_that_is_not_empty_is_left_alone_without_force() {
    let dir = folder();
    let (from, out) = (dir.path().join("lib"), dir.path().join("out"));
    library(&from);
    run(&from, &out, &options(Queue::All)).unwrap();
    std::fs::write(out.join("mine.txt"), "mine").unwrap();
    assert!(matches!(run(&from, &out, &options(Queue::All)), Err(ExportError::NotEmpty(_))));
    let again = Options { formats: vec![Format::Messages], queue: Queue::Kept, force: true };
    run(&from, &out, &again).unwrap();
    let mut left: Vec<String> = walk(&out).iter().map(|p| p.rsplit('/').next().unwrap().to_owned()).collect();
    left.sort();
    assert_eq!(left, ["manifest.json", "mine.txt", "train.jsonl"]);
    assert_eq!(jsonl(&out.join("messages/train.jsonl")).len(), 1);
}

#[test]
fn an_export_of_nothing_leaves_nothing() {
    let dir = folder();
    let (from, out) = (dir.path().join("lib"), dir.path().join("out"));
    std::fs::create_dir(&from).unwrap();
    finished(&from.join("a.jsonl"), "a", 2);
    let error = run(&from, &out, &options(Queue::Kept)).unwrap_err();
    assert!(error.to_string().contains("--queue all"), "{error}");
    assert!(!out.exists());
    let inside = run(&from, &from.join("export"), &options(Queue::All)).unwrap_err();
    assert!(matches!(inside, ExportError::InsideLibrary(_)));
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    assert!(matches!(run(&from, &file, &options(Queue::All)), Err(ExportError::Session(_))));
}

#[test]
fn what_is_kept_and_flagged_can_be_left_out() {
    let dir = folder();
    let (from, out) = (dir.path().join("lib"), dir.path().join("out"));
    library(&from);
    let flag = |on: bool| {
        let mut session = Session::open_at(&from.join("a.jsonl"), Purpose::Annotate, ticks()).unwrap();
        session.record(ada(), Payload::Flag(Flag { name: "look".to_owned(), on, reason: None })).unwrap();
    };
    flag(true);
    let report = run(&from, &out.join("1"), &options(Queue::Kept)).unwrap();
    assert_eq!((report.exported, report.flagged, report.left_out_for_a_flag), (1, 1, 0));
    let error = run(&from, &out.join("2"), &options(Queue::Unflagged)).unwrap_err().to_string();
    insta::assert_snapshot!(error, @"nothing to export: of 2 sessions 1 are not kept, 1 left out for a flag and 0 are refused; lower a flag, or export them too with --queue kept");
    keep(&from.join("b.jsonl"));
    let report = run(&from, &out.join("3"), &options(Queue::Unflagged)).unwrap();
    assert_eq!((report.exported, report.not_kept, report.left_out_for_a_flag), (1, 0, 1));
    assert_eq!(json(&out.join("3/manifest.json"))["counts"]["left_out_for_a_flag"], 1);
    flag(false);
    let report = run(&from, &out.join("4"), &options(Queue::Unflagged)).unwrap();
    assert_eq!((report.exported, report.left_out_for_a_flag), (2, 0));
}

#[test]
fn one_session_can_be_exported_by_its_path() {
    let dir = folder();
    let from = dir.path().join("lib");
    library(&from);
    let report = run(&from.join("a.jsonl"), &dir.path().join("out"), &options(Queue::Kept)).unwrap();
    assert_eq!(report.exported, 1);
}

#[test]
fn a_row_and_the_manifest_know_the_name_and_the_rating_that_a_person_gave() {
    let dir = folder();
    let (from, out) = (dir.path().join("lib"), dir.path().join("out"));
    library(&from);
    let mut session = Session::open_at(&from.join("a.jsonl"), Purpose::Annotate, ticks()).unwrap();
    let name = Note { text: "the harbour, v1".to_owned(), node: None, name: true };
    session.record(ada(), Payload::Note(name)).unwrap();
    session.record(ada(), Payload::Rate(Rate { stars: 4 })).unwrap();
    drop(session);
    run(&from, &out, &options(Queue::Kept)).unwrap();
    let row = &jsonl(&out.join("messages/train.jsonl"))[0];
    let meta: Value = serde_json::from_str(row["meta"].as_str().unwrap()).unwrap();
    assert_eq!((&meta["name"], &meta["rating"]), (&"the harbour, v1".into(), &4.into()));
    assert_eq!(json(&out.join("manifest.json"))["journals"][0]["name"], "the harbour, v1");
}
