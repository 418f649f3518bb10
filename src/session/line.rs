//! One line of a journal: an event as JSON, with a checksum over its own bytes as the last key.

use serde::Deserialize;

use super::{Author, Event, Payload};

/// What stands before the checksum.
const CRC_KEY: &[u8] = b",\"crc\"";

/// Why bytes are not a line as it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadLine {
    #[error("it is empty")]
    Empty,
    #[error("it is not UTF-8")]
    NotUtf8,
    #[error("it has no checksum")]
    NoCrc,
    #[error("its checksum is {found}, its bytes give {expected}")]
    Crc { found: String, expected: String },
    #[error("it is not an event: {0}")]
    NotAnEvent(String),
}

/// A line without its record and checksum.
#[derive(Deserialize)]
struct Head {
    seq: u64,
    #[serde(default)]
    t: String,
    #[serde(default)]
    dt: u64,
    by: Author,
    ev: String,
    #[serde(default)]
    grp: Option<u64>,
}

/// The line of `event`, LF included.
///
/// # Errors
/// The record cannot be written as JSON.
pub(super) fn encode(event: &Event) -> Result<Vec<u8>, serde_json::Error> {
    let by = serde_json::to_string(&event.by)?;
    let ev = serde_json::to_string(event.payload.name())?;
    let t = serde_json::to_string(&event.t)?;
    let d = event.payload.record_json()?;
    let grp = event.grp.map(|grp| format!(",\"grp\":{grp}")).unwrap_or_default();
    let body = format!("{{\"seq\":{},\"t\":{t},\"dt\":{},\"by\":{by},\"ev\":{ev},\"d\":{d}{grp}", event.seq, event.dt);
    let crc = crc32c::crc32c(body.as_bytes());
    Ok(format!("{body},\"crc\":\"{crc:08x}\"}}\n").into_bytes())
}

/// The event of a line; a final LF or CR LF is not part of `line`.
///
/// # Errors
/// [`BadLine`] says what is wrong with it.
pub(super) fn decode(line: &[u8]) -> Result<Event, BadLine> {
    if line.is_empty() {
        return Err(BadLine::Empty);
    }
    let text = std::str::from_utf8(line).map_err(|_| BadLine::NotUtf8)?;
    let at = line.windows(CRC_KEY.len()).rposition(|w| w == CRC_KEY).ok_or(BadLine::NoCrc)?;
    let expected = format!("{:08x}", crc32c::crc32c(&line[..at]));
    let tail = &text[at..];
    if tail != format!(",\"crc\":\"{expected}\"}}") {
        let found = tail[CRC_KEY.len()..].trim_matches([':', '"', '}', ' ']).chars().take(16).collect();
        return Err(BadLine::Crc { found, expected });
    }
    let event = |e: serde_json::Error| BadLine::NotAnEvent(e.to_string());
    let head: Head = serde_json::from_str(text).map_err(event)?;
    let payload = Payload::read(&head.ev, text).map_err(event)?;
    Ok(Event { seq: head.seq, t: head.t, dt: head.dt, by: head.by, grp: head.grp, payload })
}

/// True when `line` looks like a journal's first line, whatever its checksum says.
pub(super) fn is_opening(line: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct First {
        ev: String,
    }
    serde_json::from_slice::<First>(line).is_ok_and(|first| first.ev == "open")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Note, Tag, Undo};

    fn event(payload: Payload) -> Event {
        let by = Author::User("Åda \"A\"".to_owned());
        Event { seq: 41, t: "2026-01-31T10:22:05.118Z".to_owned(), dt: 182, by, grp: None, payload }
    }

    #[test]
    fn a_line_reads_as_the_format_says() {
        let tag = event(Payload::Tag(Tag { name: "warm".to_owned(), on: true }));
        let body = r#"{"seq":41,"t":"2026-01-31T10:22:05.118Z","dt":182,"by":"user:Åda \"A\"","ev":"tag","d":{"name":"warm","on":true}"#;
        let line = String::from_utf8(encode(&tag).unwrap()).unwrap();
        assert_eq!(line, format!("{body},\"crc\":\"{:08x}\"}}\n", crc32c::crc32c(body.as_bytes())));
        let grouped = Event { grp: Some(40), ..event(Payload::Undo(Undo { seq: 3 })) };
        let line = String::from_utf8(encode(&grouped).unwrap()).unwrap();
        assert!(line.contains(r#""d":{"seq":3},"grp":40,"crc":""#));
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283, "the check value of CRC-32C");
    }

    #[test]
    fn what_was_written_is_what_is_read() {
        for text in ["", "plain", "\"crc\":\"00000000\"}", ",\"crc\":\"00000000\"}\n", "\u{0}\u{7f}\u{2028}想"] {
            let note = event(Payload::Note(Note { text: text.to_owned(), node: None, name: false }));
            let line = encode(&note).unwrap();
            assert_eq!(line.iter().filter(|b| **b == b'\n').count(), 1);
            assert_eq!(decode(&line[..line.len() - 1]).unwrap(), note);
        }
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let line = encode(&event(Payload::Tag(Tag { name: "x".to_owned(), on: false }))).unwrap();
        let line = &line[..line.len() - 1];
        for bit in 0..line.len() * 8 {
            let mut flipped = line.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_bad_line_says_why() {
        let sealed = |body: &str| format!("{body},\"crc\":\"{:08x}\"}}", crc32c::crc32c(body.as_bytes()));
        let table = [
            (String::new(), "it is empty"),
            ("{}".to_owned(), "it has no checksum"),
            ("{\"a\":1,\"crc\":\"00000000\"}".to_owned(), "its checksum is 00000000, its bytes give"),
            (sealed("{\"seq\":1"), "it is not an event: missing field"),
            (sealed(r#"{"seq":1,"by":"ghost","ev":"x","d":1"#), "is not an author"),
        ];
        for (line, why) in table {
            let error = decode(line.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(why), "{line}: {error}");
        }
        assert_eq!(decode(b"\xff"), Err(BadLine::NotUtf8));
    }
}
