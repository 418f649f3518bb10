//! Several processes and one file: locks, a killed writer, a disk that is full.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use retrace::session::{Author, Follower, Note, Payload, ReadOnly, Session, SessionError, Tag, read};

use super::scripted::{ada, append, begin, drive, example, folder, ticks};

const SESSION: &str = "RETRACE_TEST_SESSION";

fn child(test: &str, limit_blocks: Option<u32>, session: &Path) -> Command {
    child_at(&format!("session::processes::{test}"), limit_blocks, session)
}

/// This test program, running the ignored test of a name on a session.
pub fn child_at(name: &str, limit_blocks: Option<u32>, session: &Path) -> Command {
    let program = std::env::current_exe().unwrap();
    let mut command = match limit_blocks {
        None => Command::new(program),
        Some(blocks) => {
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")).arg(program);
            shell
        }
    };
    command.args(["--exact", name, "--ignored", "--nocapture", "--test-threads=1"]).env(SESSION, session);
    command
}

pub fn session_of_parent() -> PathBuf {
    std::env::var_os(SESSION).expect("runs as a child of another test").into()
}

fn note(text: String) -> Payload {
    Payload::Note(Note { text, node: None, name: false })
}

#[test]
fn a_second_writer_is_refused_and_can_follow() {
    let dir = folder();
    let path = dir.path().join("s.jsonl");
    let mut session = Session::create_at(&path, "s", example("s"), ticks()).unwrap();
    begin(&mut session, 3);
    let refused = Session::open(&path).unwrap_err();
    assert!(matches!(refused, SessionError::ReadOnly { why: ReadOnly::Locked, .. }));
    let mut follower = Follower::new(&path);
    follower.poll().unwrap();
    drive(&mut session, 3);
    follower.poll().unwrap();
    assert_eq!(follower.state().digest(), session.state().digest());
    drop(session);
    Session::open(&path).unwrap();
}

#[test]
fn a_session_never_replaces_another() {
    let dir = folder();
    let path = dir.path().join("s.jsonl");
    drop(Session::create_at(&path, "s", example("first"), ticks()).unwrap());
    let before = std::fs::read(&path).unwrap();
    let refused = Session::create_at(&path, "s", example("second"), ticks()).unwrap_err();
    assert!(matches!(refused, SessionError::Exists { .. }));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
    // What a killed process left under the temporary name does not stand in the way.
    let other = dir.path().join("t.jsonl");
    append_new(&dir.path().join(".t.jsonl.new"), b"{\"seq\":1");
    drop(Session::create_at(&other, "t", example("t"), ticks()).unwrap());
    assert!(read(&other).unwrap().health.is_sound());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}

fn append_new(path: &Path, bytes: &[u8]) {
    std::fs::write(path, b"").unwrap();
    append(path, bytes);
}

#[test]
fn a_killed_writer_loses_nothing_it_acknowledged() {
    let dir = folder();
    let path = dir.path().join("s.jsonl");
    drop(Session::create_at(&path, "s", example("s"), ticks()).unwrap());
    for patience in [1, 7, 40, 160] {
        let mut writer = child("child_writes_until_killed", None, &path).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(writer.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut acknowledged = lines.filter_map(|line| line.strip_prefix("ack ")?.parse::<u64>().ok());
        let seen = acknowledged.by_ref().nth(patience).unwrap();
        writer.kill().unwrap();
        let last = acknowledged.last().unwrap_or(seen);
        writer.wait().unwrap();
        let session = Session::open_at(&path, retrace::session::Purpose::Search, ticks()).unwrap();
        assert!(session.state().last_seq > last, "{last} was acknowledged");
        drop(session);
        assert!(read(&path).unwrap().health.is_sound());
    }
}

#[test]
#[ignore = "a child of a_killed_writer_loses_nothing_it_acknowledged"]
fn child_writes_until_killed() {
    let mut session = Session::open(&session_of_parent()).unwrap();
    for number in 0u64.. {
        let event = session.record(Author::Search, note("备注".repeat(number as usize % 50))).unwrap();
        println!("\nack {}", event.seq);
    }
}

#[test]
fn a_full_disk_is_told_and_repaired() {
    let dir = folder();
    let path = dir.path().join("s.jsonl");
    let mut session = Session::create_at(&path, "s", example("s"), ticks()).unwrap();
    begin(&mut session, 3);
    drop(session);
    let output = child("child_fills_the_disk", Some(16), &path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let reading = read(&path).unwrap();
    assert!(reading.health.is_sound());
    assert_eq!(reading.state.annotations.tags().into_iter().collect::<Vec<_>>(), ["after"]);
    assert!(reading.state.annotations.notes().is_empty());
    let cut: Vec<_> = reading.state.recovered.iter().map(|cut| (cut.bytes > 0, cut.saved_as.clone())).collect();
    assert_eq!(cut, [(true, None)]);
    super::schema::every_line_is_valid(&path);
}

#[test]
#[ignore = "a child of a_full_disk_is_told_and_repaired"]
fn child_fills_the_disk() {
    let mut session = Session::open(&session_of_parent()).unwrap();
    let before = session.state().clone();
    let refused = session.record(ada(), note("x".repeat(100_000))).unwrap_err();
    assert!(refused.is_full(), "{refused}");
    assert!(*session.state() == before, "what was not written was not folded");
    session.record(ada(), Payload::Tag(Tag { name: "after".to_owned(), on: true })).unwrap();
    assert_eq!(session.state().digest(), read(session.path()).unwrap().state.digest());
}
