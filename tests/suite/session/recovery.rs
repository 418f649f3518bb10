//! Torn tails and damage: what was acknowledged is there, what is damaged is named, nothing else changes.

use std::path::Path;

use retrace::session::{Author, Note, Payload, Purpose, Session, SessionError, read};

use super::scripted::{finished, ticks};

const WORKERS: usize = 4;

/// A folder in memory where there is one: thousands of recoveries sync a disk tens of thousands of times.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

fn note(number: usize) -> Payload {
    Payload::Note(Note { text: format!("note {number} 备注"), node: None })
}

fn reopen(path: &Path) -> Result<Session, SessionError> {
    Session::open_at(path, Purpose::Annotate, ticks())
}

#[test]
fn truncation_at_every_offset_loses_nothing_and_appends_again() {
    let dir = folder();
    let whole = dir.path().join("whole.jsonl");
    finished(&whole, "toast", 4);
    let bytes = std::fs::read(&whole).unwrap();
    let lines = bytes.iter().filter(|b| **b == b'\n').count();
    assert!(lines >= 60, "{lines} events");
    std::thread::scope(|scope| {
        for part in 0..WORKERS {
            let bytes = &bytes;
            scope.spawn(move || (part..=bytes.len()).step_by(WORKERS).for_each(|cut| truncate(bytes, cut)));
        }
    });
}

fn truncate(bytes: &[u8], cut: usize) {
    let dir = folder();
    let path = dir.path().join("cut.jsonl");
    std::fs::write(&path, &bytes[..cut]).unwrap();
    let ends = bytes[..cut].iter().filter(|b| **b == b'\n').count();
    // A line that lacks only its LF counts.
    let kept = ends as u64 + u64::from(bytes.get(cut) == Some(&b'\n'));
    check(&path, &bytes[..cut], kept);
}

fn check(path: &Path, before: &[u8], kept: u64) {
    let mut session = match reopen(path) {
        Err(SessionError::NotASession { .. }) if kept == 0 => return assert_eq!(std::fs::read(path).unwrap(), before),
        other => other.unwrap(),
    };
    let good = before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    let torn = before.len() - good;
    let whole_but_for_its_end = kept > before.iter().filter(|b| **b == b'\n').count() as u64;
    let recovered = u64::from(torn > 0 && !whole_but_for_its_end);
    assert_eq!(session.state().last_seq, kept + recovered + 1, "cut at {}", before.len());
    if recovered == 1 {
        let saved = session.state().recovered[0].saved_as.clone().unwrap();
        assert_eq!(std::fs::read(path.with_file_name(saved)).unwrap(), &before[good..]);
    }
    for number in 0..10 {
        session.record(Author::Import, note(number)).unwrap();
    }
    let live = session.state().clone();
    drop(session);
    let reading = read(path).unwrap();
    assert!(reading.health.is_sound() && !reading.health.lacks_newline);
    assert_eq!(reading.state.last_seq, kept + recovered + 11);
    assert_eq!(reading.state.canonical(), live.canonical());
    assert_eq!(reading.state.annotations.notes()[&None], "note 9 备注");
    assert!(std::fs::read(path).unwrap().starts_with(&before[..good]));
}
