//! Torn tails and damage: what was acknowledged is there, what is damaged is named, nothing else changes.

use std::path::Path;

use retrace::session::{Note, Payload, Purpose, ReadOnly, Session, SessionError, read};

use super::scripted::{ada, append, finished, folder, sealed, ticks};

const WORKERS: usize = 4;

fn note(number: usize) -> Payload {
    Payload::Note(Note { text: format!("note {number} 备注"), node: None, name: false })
}

fn reopen(path: &Path) -> Result<Session, SessionError> {
    Session::open_at(path, Purpose::Annotate, ticks())
}

/// The bytes of a finished session of at least sixty events.
fn whole() -> Vec<u8> {
    let dir = folder();
    let path = dir.path().join("whole.jsonl");
    finished(&path, "toast", 4);
    let bytes = std::fs::read(&path).unwrap();
    let lines = bytes.iter().filter(|b| **b == b'\n').count();
    assert!(lines >= 60, "{lines} events");
    bytes
}

#[test]
fn truncation_at_every_offset_loses_nothing_and_appends_again() {
    let bytes = whole();
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
    recovers(&path, &bytes[..cut], kept);
}

fn recovers(path: &Path, before: &[u8], kept: u64) {
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
        session.record(retrace::session::Author::Import, note(number)).unwrap();
    }
    let live = session.state().clone();
    drop(session);
    let reading = read(path).unwrap();
    assert!(reading.health.is_sound() && !reading.health.lacks_newline);
    assert_eq!(reading.state.last_seq, kept + recovered + 11);
    assert!(reading.state == live);
    assert_eq!(reading.state.annotations.notes()[&None], "note 9 备注");
    assert!(std::fs::read(path).unwrap().starts_with(&before[..good]));
}

#[test]
fn a_flipped_bit_in_the_middle_is_named_and_nothing_is_touched() {
    let bytes = whole();
    let last = bytes[..bytes.len() - 1].iter().rposition(|b| *b == b'\n').unwrap();
    let dir = folder();
    let path = dir.path().join("flipped.jsonl");
    // The last line and its LF before it may pass for a torn tail; every other byte is the middle.
    for at in (0..last).step_by(37) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        std::fs::write(&path, &damaged).unwrap();
        let line = bytes[..at].iter().filter(|b| **b == b'\n').count() as u64 + 1;
        match reopen(&path) {
            Err(SessionError::ReadOnly { why: ReadOnly::Damaged { line: named, .. }, .. }) => assert_eq!(named, line),
            other => panic!("byte {at}: {other:?}"),
        }
        assert_eq!(std::fs::read(&path).unwrap(), damaged);
        let health = read(&path).unwrap().health;
        assert_eq!(health.damaged.first().map(|damage| damage.line), Some(line), "byte {at}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing was set aside");
}

#[test]
fn a_torn_tail_of_any_kind_is_set_aside() {
    let good = whole();
    let tails: [&[u8]; 6] =
        [b"{", b"{\"seq\":99}\n", b"\0\0\0\0\0\0", b"\n\n", b"\xe5\xa4", b"{\"a\":1}\n{\"b\":2}\nrest"];
    for tail in tails {
        let dir = folder();
        let path = dir.path().join("torn.jsonl");
        std::fs::write(&path, [&good, tail].concat()).unwrap();
        let session = reopen(&path).unwrap();
        let recovered = session.state().recovered[0].clone();
        assert_eq!(recovered.bytes, tail.len() as u64);
        assert_eq!(std::fs::read(path.with_file_name(recovered.saved_as.unwrap())).unwrap(), tail);
        drop(session);
        assert!(read(&path).unwrap().health.is_sound());
    }
}

#[test]
fn a_newer_schema_is_read_and_not_written() {
    let dir = folder();
    let path = dir.path().join("newer.jsonl");
    let open = r#"{"seq":1,"t":"2031-01-01T00:00:00.000Z","dt":0,"by":"system","ev":"open","d":{"schema":"retrace.session/2","id":"x","tool":"9.0.0"}"#;
    std::fs::write(&path, sealed(open)).unwrap();
    let before = std::fs::read(&path).unwrap();
    let refused = reopen(&path).unwrap_err();
    assert!(
        matches!(&refused, SessionError::ReadOnly { why: ReadOnly::NewerSchema(s), .. } if s == "retrace.session/2")
    );
    assert!(refused.to_string().contains("update retrace"));
    assert_eq!(read(&path).unwrap().state.id, "x");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn unknown_events_and_keys_are_kept_and_passed_over() {
    let dir = folder();
    let path = dir.path().join("unknown.jsonl");
    std::fs::write(&path, whole()).unwrap();
    let last = read(&path).unwrap().state.last_seq;
    let line = |seq: u64, rest: &str| sealed(&format!(r#"{{"seq":{seq},"t":"","dt":1,"by":"user:ada",{rest}"#));
    let strange = line(last + 1, r#""ev":"telepathy","d":[1,{"a":null}],"mood":"blue""#)
        + &line(last + 2, r#""ev":"verdict","d":{"verdict":"keep","confidence":0.9}"#);
    append(&path, strange.as_bytes());
    let mut session = reopen(&path).unwrap();
    assert_eq!(session.state().annotations.verdict(), retrace::session::Verdict::Keep);
    session.record(ada(), note(1)).unwrap();
    let live = session.state().digest();
    drop(session);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(&strange));
    assert_eq!(read(&path).unwrap().state.digest(), live);
}

#[test]
fn a_whole_line_that_cannot_be_understood_is_never_cut() {
    let dir = folder();
    let path = dir.path().join("later.jsonl");
    std::fs::write(&path, whole()).unwrap();
    let last = read(&path).unwrap().state.last_seq;
    let head =
        format!(r#"{{"seq":{},"t":"","dt":1,"by":"user:ada","ev":"verdict","d":{{"verdict":"maybe"}}"#, last + 1);
    append(&path, sealed(&head).as_bytes());
    let before = std::fs::read(&path).unwrap();
    assert!(
        matches!(reopen(&path), Err(SessionError::ReadOnly { why: ReadOnly::Damaged { line, .. }, .. }) if line == last + 1)
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn lines_out_of_order_are_damage() {
    let bytes = whole();
    let text = String::from_utf8(bytes).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let dir = folder();
    let path = dir.path().join("order.jsonl");
    let (mut twice, mut missing) = (lines.clone(), lines.clone());
    twice.insert(10, lines[9]);
    missing.remove(10);
    for (broken, named) in [(twice, 11), (missing, 11)] {
        std::fs::write(&path, broken.concat()).unwrap();
        let refused = reopen(&path).unwrap_err();
        assert!(matches!(refused, SessionError::ReadOnly { why: ReadOnly::Damaged { line, .. }, .. } if line == named));
    }
}

#[test]
fn what_is_no_session_is_refused_untouched() {
    let dir = folder();
    let path = dir.path().join("other.jsonl");
    for text in ["", "\n", "{\"query\":\"x\",\"reference\":\"y\"}\n", "not json\n", "{\"ev\":\"open\""] {
        std::fs::write(&path, text).unwrap();
        assert!(matches!(reopen(&path), Err(SessionError::NotASession { .. })), "{text:?}");
        assert!(matches!(read(&path), Err(SessionError::NotASession { .. })), "{text:?}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
    assert!(matches!(read(&dir.path().join("absent.jsonl")), Err(SessionError::Io { .. })));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}
