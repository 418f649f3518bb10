//! Libraries: lists from the cache, from the ends of files and from whole files are the same list.

use std::path::Path;

use retrace::session::{Library, Note, Payload, Purpose, Session, Status, Tag, Verdict, read};

use super::scripted::{ada, append, begin, drive, example, finished, folder, ticks};

fn listed(library: &Library) -> Vec<(String, String, Verdict)> {
    library.entries().map(|e| (e.summary.id, e.path.display().to_string(), e.summary.verdict)).collect()
}

#[test]
fn a_list_is_the_same_with_and_without_its_cache() {
    let dir = folder();
    std::fs::create_dir(dir.path().join("deep")).unwrap();
    finished(&dir.path().join("a.jsonl"), "a", 3);
    finished(&dir.path().join("deep/b.jsonl"), "b", 3);
    std::fs::write(dir.path().join("pairs.jsonl"), "{\"query\":\"x\"}\n").unwrap();
    std::fs::write(dir.path().join("notes.txt"), "no session").unwrap();
    let first = Library::open(dir.path()).unwrap();
    let cache = dir.path().join(".retrace/library.json");
    assert!(cache.is_file());
    let again = Library::open(dir.path()).unwrap();
    assert_eq!(first.entries().collect::<Vec<_>>(), again.entries().collect::<Vec<_>>());
    assert_eq!(listed(&first).iter().map(|(id, _, _)| id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(first.strangers().count(), 1);
    std::fs::write(&cache, "rubbish").unwrap();
    let rebuilt = Library::open(dir.path()).unwrap();
    assert_eq!(first.entries().collect::<Vec<_>>(), rebuilt.entries().collect::<Vec<_>>());
}

#[test]
fn files_stand_in_the_order_of_their_numbers() {
    let dir = folder();
    let names = ["row1-b.jsonl", "row2-a.jsonl", "row10-c.jsonl"];
    names.iter().for_each(|name| std::fs::write(dir.path().join(name), "").unwrap());
    let files = retrace::session::library::files(dir.path()).unwrap();
    assert_eq!(files, names.map(|name| dir.path().join(name)));
}

#[test]
fn a_summary_from_the_end_of_a_file_is_that_of_the_whole() {
    let dir = folder();
    let path = dir.path().join("s.jsonl");
    let agree = |path: &Path| {
        let _ = std::fs::remove_dir_all(dir.path().join(".retrace"));
        let library = Library::open(dir.path()).unwrap();
        assert_eq!(library.entries().next().unwrap().summary, read(path).unwrap().state.summary());
    };
    let mut session = Session::create_at(&path, "s", example("s"), ticks()).unwrap();
    agree(&path);
    begin(&mut session, 9);
    drive(&mut session, 5);
    agree(&path);
    session.close().unwrap();
    agree(&path);
    let mut session = Session::open_at(&path, Purpose::Annotate, ticks()).unwrap();
    session.judge(ada(), Verdict::Keep).unwrap();
    agree(&path);
    session.record(ada(), Payload::Tag(Tag { name: "good".into(), on: true })).unwrap();
    agree(&path);
    session.undo(ada()).unwrap();
    session.undo(ada()).unwrap();
    agree(&path);
    let said = |text: &str, name| Payload::Note(Note { text: text.into(), node: None, name });
    session.record(ada(), said("a remark", false)).unwrap();
    agree(&path);
    session.record(ada(), said("of my own", true)).unwrap();
    agree(&path);
    assert_eq!(session.state().summary().called(), "of my own");
    session.record(ada(), said("", true)).unwrap();
    agree(&path);
    assert_eq!((session.state().summary().called(), session.state().annotations.notes().len()), ("s", 1));
    drop(session);
    let mut session = Session::open_at(&path, Purpose::Search, ticks()).unwrap();
    agree(&path);
    drive(&mut session, 1000);
    session.close().unwrap();
    agree(&path);
    append(&path, b"{\"seq\":");
    agree(&path);
}

#[test]
fn long_files_are_listed_from_their_ends() {
    let dir = folder();
    let path = dir.path().join("long.jsonl");
    let mut session = Session::create_at(&path, "long", example("long"), ticks()).unwrap();
    begin(&mut session, 120);
    drive(&mut session, 100_000);
    let state = session.close().unwrap();
    assert!(std::fs::metadata(&path).unwrap().len() > 128 << 10);
    let library = Library::open(dir.path()).unwrap();
    assert_eq!(library.entries().next().unwrap().summary, state.summary());
    assert_eq!(state.status(), Status::Done);
}

#[test]
fn changes_by_others_appear() {
    let dir = folder();
    finished(&dir.path().join("a.jsonl"), "a", 3);
    let mut library = Library::open(dir.path()).unwrap();
    assert!(!library.refresh().unwrap());
    finished(&dir.path().join("b.jsonl"), "b", 3);
    assert!(library.refresh().unwrap());
    assert_eq!(library.entries().count(), 2);
    let mut session = Session::open_at(&dir.path().join("a.jsonl"), Purpose::Annotate, ticks()).unwrap();
    session.judge(ada(), Verdict::Drop).unwrap();
    assert!(library.refresh().unwrap());
    assert_eq!(library.entries().next().unwrap().summary.verdict, Verdict::Drop);
    drop(session);
    std::fs::remove_file(dir.path().join("a.jsonl")).unwrap();
    assert!(library.refresh().unwrap());
    assert_eq!(library.entries().count(), 1);
    assert!(library.find(&example("a").hash).is_empty());
}

#[test]
fn new_sessions_get_names_of_their_own() {
    let dir = folder();
    let mut library = Library::create(&dir.path().join("new/lib")).unwrap();
    let mut add = |id: &str, query: &str| {
        let mut example = example(id);
        example.query = query.to_owned();
        example.hash = retrace::session::ExampleRecord::pair_hash(query, &example.reference);
        let hash = example.hash.clone();
        let session = library.add(example).unwrap();
        let name = session.path().file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!(library.find(&hash).len(), 1);
        assert_eq!(format!("{}.jsonl", session.state().id), name);
        (name, hash)
    };
    let (plain, _) = add("Toast", "one");
    let (other_case, hash) = add("toast", "two");
    let (safe, _) = add("../x/y", "three");
    assert_eq!(plain, "Toast.jsonl");
    assert_eq!(other_case, format!("toast-{}.jsonl", &hash[..8]));
    assert_eq!(safe, "x-y.jsonl");
    drop(library.add(example("Toast")).unwrap());
    drop(library.add(example("Toast")).unwrap());
    assert_eq!(library.duplicates().len(), 1);
    assert_eq!(library.find(&example("Toast").hash).len(), 2);
    let listed = Library::open(library.root()).unwrap();
    assert_eq!(listed.entries().count(), 5);
    assert!(Library::open(&dir.path().join("absent")).is_err());
}
