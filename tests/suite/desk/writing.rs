//! When the desk writes and when it must not: looking, samples, new pairs, files of other writers, full disks.

use std::path::Path;

use retrace::engine::Setup;
use retrace::engine::desk::{News, Order, Origin};
use retrace::session::{Author, Note, Payload, Session, Tag, Verdict, VerdictRecord, library};

use super::stand::{Gated, Stand, back_ends, example, fresh, setup};
use crate::session::processes::{child_at, session_of_parent};

fn tag(name: &str) -> Order {
    Order::Record(vec![Payload::Tag(Tag { name: name.to_owned(), on: true })])
}

#[tokio::test]
async fn looking_writes_nothing() {
    let (folder, path) = fresh();
    let stamp = |path: &Path| (std::fs::read(path).unwrap(), std::fs::metadata(path).unwrap().modified().unwrap());
    let before = stamp(&path);
    let open = Gated::open();
    let mut stand = Stand::at(&path, &open, &open);
    stand.opened().await;
    assert!(
        matches!(&stand.seen[0], News::Opened { path: Some(_), writable: Ok(()), health, .. } if health.is_sound())
    );
    stand.close(&path).await;
    assert_eq!(stamp(&path), before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_session_that_another_process_writes_is_followed_and_taken_over_when_free() {
    let (_folder, path) = fresh();
    let open = Gated::open();
    let mut other = Session::open(&path).unwrap();
    let mut stand = Stand::at(&path, &open, &open);
    stand.opened().await;
    let News::Opened { writable: Err(why), .. } = &stand.seen[0] else { panic!("{:?}", stand.seen) };
    assert!(why.contains("another process is writing it"), "{why}");
    stand.desk.order(tag("mine"));
    assert!(stand.refused().await.contains("another process is writing it"));
    other.judge(Author::User("bo".to_owned()), Verdict::Keep).unwrap();
    stand.until(|_, state| state.annotations.verdict() == Verdict::Keep).await;
    other.close().unwrap();
    stand.until(|news, _| matches!(news, News::Writable(Ok(())))).await;
    stand.desk.order(tag("mine"));
    stand.until(|_, state| state.annotations.tags().contains("mine")).await;
    stand.close(&path).await;
}

#[tokio::test]
async fn a_sample_is_copied_by_the_first_action_and_not_before() {
    let (_folder, source) = fresh();
    let bytes: &'static [u8] = std::fs::read(&source).unwrap().leak();
    let home = tempfile::tempdir().unwrap();
    let library = home.path().join("library");
    let origin = || Origin::Sample { name: "p0".to_owned(), bytes, library: library.clone() };
    let open = Gated::open();
    let mut stand = Stand::open(origin(), back_ends(&open, &open));
    stand.opened().await;
    assert_eq!(stand.state.example.as_ref().unwrap().id, "p0");
    assert!(!library.exists());
    stand.desk.order(tag("mine"));
    stand.until(|_, state| state.annotations.tags().contains("mine")).await;
    let copy = library.join("p0.jsonl");
    assert!(stand.seen.contains(&News::Copied(copy.clone())));
    assert!(std::fs::read(&copy).unwrap().starts_with(bytes));
    stand.close(&copy).await;
    let mut again = Stand::open(origin(), back_ends(&open, &open));
    again.opened().await;
    assert!(again.state.annotations.tags().contains("mine"), "the copy stands for the sample");
    again.close(&copy).await;
}

#[tokio::test]
async fn what_a_sample_s_author_decided_is_not_decided_in_this_library() {
    let (_folder, source) = fresh();
    let mut author = Session::annotate(&source).unwrap();
    author.judge(Author::User("mara".to_owned()), Verdict::Keep).unwrap();
    author.close().unwrap();
    let bytes: &'static [u8] = std::fs::read(&source).unwrap().leak();
    let home = tempfile::tempdir().unwrap();
    let origin = || Origin::Sample { name: "p0".to_owned(), bytes, library: home.path().to_owned() };
    let open = Gated::open();
    let mut stand = Stand::open(origin(), back_ends(&open, &open));
    stand.opened().await;
    assert_eq!(stand.state.annotations.verdict(), Verdict::Keep, "as it was recorded");
    stand.desk.order(tag("mine"));
    stand.until(|_, state| state.annotations.tags().contains("mine")).await;
    let copy = home.path().join("p0.jsonl");
    let state = stand.close(&copy).await;
    assert_eq!(state.annotations.verdict(), Verdict::None);
    let judge = |verdict| Order::Record(vec![Payload::Verdict(VerdictRecord { verdict, summary: None })]);
    let mut again = Stand::open(origin(), back_ends(&open, &open));
    again.opened().await;
    again.desk.order(judge(Verdict::Drop));
    again.until(|_, state| state.annotations.verdict() == Verdict::Drop).await;
    again.desk.order(Order::Undo);
    again.until(|_, state| state.annotations.verdict() == Verdict::None).await;
    again.desk.order(judge(Verdict::Later));
    again.close(&copy).await;
    let mut last = Stand::open(origin(), back_ends(&open, &open));
    last.opened().await;
    last.desk.order(tag("more"));
    assert_eq!(last.close(&copy).await.annotations.verdict(), Verdict::Later, "what was decided here stays");
}

#[tokio::test]
async fn a_new_pair_is_written_by_the_first_action_and_opened_when_it_is_there() {
    let home = tempfile::tempdir().unwrap();
    let library = home.path().join("library");
    let origin = || Origin::New { example: Box::new(example()), library: library.clone() };
    let open = Gated::open();
    let mut stand = Stand::open(origin(), back_ends(&open, &open));
    stand.opened().await;
    assert_eq!(stand.state.example.as_ref().unwrap().query, "Write piece 0.");
    assert!(!library.exists());
    stand.desk.order(Order::Search(Setup { generator: "nobody".to_owned(), ..setup() }));
    assert!(stand.refused().await.contains("nobody"));
    assert!(!library.exists(), "a search that could not begin leaves nothing");
    stand.search();
    stand.until(|_, state| state.stop.is_some()).await;
    let path = library.join("p0.jsonl");
    stand.close(&path).await;
    let mut again = Stand::open(origin(), back_ends(&open, &open));
    again.opened().await;
    assert!(again.state.steps() > 0);
    again.close(&path).await;
    assert_eq!(library::files(&library).unwrap(), [path]);
}

#[tokio::test]
async fn a_damaged_session_is_shown_and_stays_as_it_is() {
    let (_folder, path) = fresh();
    let sound = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, sound.replacen("Write piece 0.", "Write piece 9.", 1)).unwrap();
    let before = std::fs::read(&path).unwrap();
    let open = Gated::open();
    let mut stand = Stand::at(&path, &open, &open);
    stand.opened().await;
    assert!(matches!(&stand.seen[0], News::Opened { writable: Err(why), .. } if why.contains("line 2 is damaged")));
    stand.desk.order(tag("mine"));
    assert!(stand.refused().await.contains("line 2 is damaged"));
    stand.desk.close().await;
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_file_that_is_no_session_leaves_the_desk_standing() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("notes.jsonl");
    std::fs::write(&path, "{\"a\":1}\n").unwrap();
    let open = Gated::open();
    let mut stand = Stand::at(&path, &open, &open);
    stand.opened().await;
    assert!(matches!(&stand.seen[0], News::Opened { writable: Err(why), .. } if why.contains("no session")));
    stand.search();
    assert!(stand.refused().await.contains("no session"));
    stand.desk.close().await;
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"a\":1}\n");
}

#[tokio::test]
async fn the_same_scorer_is_asked_for_and_another_refused() {
    let (_folder, path) = fresh();
    let open = Gated::open();
    let mut stand = Stand::at(&path, &open, &open);
    stand.search();
    stand.until(|_, state| state.stop.is_some()).await;
    stand.close(&path).await;
    let other = retrace::engine::BackEnds::new(Default::default(), setup())
        .with_generator("scripted", open.clone())
        .with_scorer("scripted", std::sync::Arc::new(crate::engine::World::new("another")));
    let mut stand = Stand::open(Origin::File(path.clone()), std::sync::Arc::new(other));
    let mut more = setup();
    more.search.steps += 5;
    stand.desk.order(Order::Search(more));
    let why = stand.refused().await;
    assert!(why.contains("cannot stand beside those"), "{why}");
    stand.close(&path).await;
}

#[test]
fn a_full_disk_is_told_and_the_desk_goes_on() {
    let (_folder, path) = fresh();
    let limited = child_at("desk::writing::child_that_writes_more_than_fits", Some(16), &path).output().unwrap();
    assert!(limited.status.success(), "{}", String::from_utf8_lossy(&limited.stderr));
    let reading = retrace::session::read(&path).unwrap();
    assert!(reading.health.is_sound());
    assert_eq!(reading.state.annotations.tags().len(), 2, "before and after");
    assert!(reading.state.annotations.notes().is_empty());
}

#[tokio::test]
#[ignore = "runs as a child of another test"]
async fn child_that_writes_more_than_fits() {
    let path = session_of_parent();
    let open = Gated::open();
    let mut stand = Stand::at(&path, &open, &open);
    stand.desk.order(tag("before"));
    stand.desk.order(Order::Record(vec![Payload::Note(Note {
        text: "long ".repeat(20_000),
        node: None,
        name: false,
    })]));
    let why = stand.refused().await;
    assert!(why.contains("free some space"), "{why}");
    stand.desk.order(tag("after"));
    stand.until(|_, state| state.annotations.tags().len() == 2).await;
    stand.close(&path).await;
}
