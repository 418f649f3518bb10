//! A streamed body cut into events as its bytes come, wherever they are cut: inside a line, inside a character.

use super::ask::Events;

/// Cuts bytes into events.
#[derive(Debug)]
pub struct Cutter {
    kind: Events,
    /// Bytes of a line that has not ended.
    line: Vec<u8>,
    /// `data` lines of an event that has not ended.
    data: Option<String>,
}

impl Cutter {
    pub fn new(kind: Events) -> Cutter {
        Cutter { kind, line: Vec::new(), data: None }
    }

    /// The events that these bytes complete. Comments (`:` pings) and fields other than `data` are no events.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut events = Vec::new();
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
            let line = &rest[..at];
            if self.line.is_empty() {
                events.extend(self.line(line));
            } else {
                let mut begun = std::mem::take(&mut self.line);
                begun.extend_from_slice(line);
                events.extend(self.line(&begun));
            }
            rest = &rest[at + 1..];
        }
        self.line.extend_from_slice(rest);
        events
    }

    /// The event that the end of the body completes.
    pub fn end(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        let last = self.line(&line);
        last.or_else(|| self.data.take())
    }

    fn line(&mut self, bytes: &[u8]) -> Option<String> {
        let line = String::from_utf8_lossy(bytes);
        let line = line.strip_suffix('\r').unwrap_or(&line);
        match self.kind {
            Events::Lines => (!line.trim().is_empty()).then(|| line.to_owned()),
            Events::Sse if line.is_empty() => self.data.take(),
            Events::Sse => {
                let value = match line.split_once(':') {
                    Some(("data", value)) => value.strip_prefix(' ').unwrap_or(value),
                    _ if line == "data" => "",
                    _ => return None,
                };
                match &mut self.data {
                    Some(data) => {
                        data.push('\n');
                        data.push_str(value);
                    }
                    None => self.data = Some(value.to_owned()),
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(kind: Events, chunks: &[&[u8]]) -> Vec<String> {
        let mut cutter = Cutter::new(kind);
        let mut out: Vec<String> = chunks.iter().flat_map(|chunk| cutter.push(chunk)).collect();
        out.extend(cutter.end());
        out
    }

    /// P44: pings, other fields and line ends of every kind.
    #[test]
    fn comments_and_other_fields_are_no_events() {
        let body = b": ping\n\nevent: delta\nid: 3\ndata: {\"a\":1}\n\n:\n\ndata:x\r\ndata: y\r\n\r\ndata: [DONE]\n\n";
        assert_eq!(events(Events::Sse, &[body]), ["{\"a\":1}", "x\ny", "[DONE]"]);
    }

    /// P49.
    #[test]
    fn lines_are_events_by_themselves() {
        assert_eq!(events(Events::Lines, &[b"{\"a\":1}\n\n{\"b\"", b":2}"]), ["{\"a\":1}", "{\"b\":2}"]);
    }

    #[test]
    fn an_event_without_its_empty_line_ends_with_the_body() {
        assert_eq!(events(Events::Sse, &[b"data: last"]), ["last"]);
        assert_eq!(events(Events::Sse, &[b"data: last\n"]), ["last"]);
    }

    proptest! {
        /// P45: wherever the network cuts the bytes, also inside a character, the events are the same.
        #[test]
        fn cuts_change_nothing(texts in prop::collection::vec("[a-z灯é🙂 :]{0,12}", 1..6), cuts in prop::collection::vec(0usize..200, 0..8)) {
            let body: String = texts.iter().map(|text| format!(": ping\ndata: {text}\n\n")).collect();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % (body.len() + 1)).collect();
            cuts.extend([0, body.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &body.as_bytes()[pair[0]..pair[1]]).collect();
            prop_assert_eq!(events(Events::Sse, &chunks), texts);
        }
    }
}
