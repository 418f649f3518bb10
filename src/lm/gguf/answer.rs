//! One answer as it grows: whole characters out of tokens' bytes, stop strings, and what may be shown already.

/// Text under construction.
#[derive(Debug, Default)]
pub(super) struct Answer {
    text: String,
    /// Bytes of a character not complete yet.
    partial: Vec<u8>,
    /// Bytes of `text` handed out.
    sent: usize,
}

impl Answer {
    /// Appends a token's bytes. Returns true when a stop string is complete; the text then ends before it.
    pub(super) fn push(&mut self, bytes: &[u8], stops: &[String]) -> bool {
        self.partial.extend_from_slice(bytes);
        self.decode();
        // Text handed out cannot be part of a stop string, so the search begins behind it.
        let fresh = &self.text[self.sent..];
        let first = stops.iter().filter(|stop| !stop.is_empty()).filter_map(|stop| fresh.find(stop.as_str())).min();
        if let Some(at) = first {
            self.text.truncate(self.sent + at);
            self.partial.clear();
        }
        first.is_some()
    }

    /// What can be shown now: not what may turn out to be the beginning of a stop string.
    pub(super) fn ready(&mut self, stops: &[String]) -> Option<&str> {
        let fresh = &self.text[self.sent..];
        let held = stops.iter().map(|stop| held_back(fresh, stop)).max().unwrap_or(0);
        self.send(self.text.len() - held)
    }

    /// What is left to show, once the answer has ended.
    pub(super) fn finish(&mut self) -> Option<&str> {
        let partial = std::mem::take(&mut self.partial);
        self.text.push_str(&String::from_utf8_lossy(&partial));
        self.send(self.text.len())
    }

    /// The whole text.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn send(&mut self, end: usize) -> Option<&str> {
        let start = std::mem::replace(&mut self.sent, end);
        Some(&self.text[start..end]).filter(|piece| !piece.is_empty())
    }

    /// Moves complete characters to the text; bytes that can never be one become U+FFFD.
    fn decode(&mut self) {
        loop {
            match std::str::from_utf8(&self.partial) {
                Ok(text) => {
                    self.text.push_str(text);
                    self.partial.clear();
                    return;
                }
                Err(error) => {
                    let valid = error.valid_up_to();
                    self.text.push_str(&String::from_utf8_lossy(&self.partial[..valid]));
                    let Some(bad) = error.error_len() else {
                        self.partial.drain(..valid);
                        return;
                    };
                    self.text.push(char::REPLACEMENT_CHARACTER);
                    self.partial.drain(..valid + bad);
                }
            }
        }
    }
}

/// Length of the longest end of `text` that begins `stop` without completing it.
fn held_back(text: &str, stop: &str) -> usize {
    let longest = text.len().min(stop.len().saturating_sub(1));
    let start = text.len() - longest;
    let ends = (start..text.len()).filter(|at| text.is_char_boundary(*at));
    ends.map(|at| &text[at..]).find(|end| stop.starts_with(end)).map_or(0, str::len)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feeds `bytes` cut into pieces and returns (text, shown, stopped).
    fn feed(bytes: &[u8], sizes: &[usize], stops: &[&str]) -> (String, String, bool) {
        let stops: Vec<String> = stops.iter().map(|s| (*s).to_owned()).collect();
        let (mut answer, mut shown, mut stopped, mut at) = (Answer::default(), String::new(), false, 0);
        let mut sizes = sizes.iter().cycle();
        while at < bytes.len() && !stopped {
            let end = bytes.len().min(at + sizes.next().copied().unwrap_or(1).max(1));
            stopped = answer.push(&bytes[at..end], &stops);
            shown.push_str(answer.ready(&stops).unwrap_or_default());
            at = end;
        }
        shown.push_str(answer.finish().unwrap_or_default());
        (answer.into_text(), shown, stopped)
    }

    #[test]
    fn the_answer_ends_before_the_first_stop() {
        let (text, shown, stopped) = feed(b"one </x> two </refine> three", &[3], &["</refine>", "two"]);
        assert_eq!((text.as_str(), shown.as_str(), stopped), ("one </x> ", "one </x> ", true));
    }

    #[test]
    fn a_beginning_of_a_stop_is_held_back_and_let_go() {
        let stops = ["</refine>".to_owned()];
        let mut answer = Answer::default();
        assert!(!answer.push(b"a </ref", &stops));
        assert_eq!(answer.ready(&stops), Some("a "));
        assert!(!answer.push(b"use it", &stops));
        assert_eq!(answer.ready(&stops), Some("</refuse it"));
    }

    #[test]
    fn bytes_that_are_no_text_are_marked() {
        assert_eq!(feed(&[b'a', 0xFF, b'b', 0xE4, 0xBD], &[1], &[]).0, "a\u{FFFD}b\u{FFFD}");
    }

    proptest! {
        #[test]
        fn streaming_shows_the_answer_however_it_is_cut(
            text in "[ab<>/山🙂]{0,40}",
            sizes in prop::collection::vec(1usize..6, 1..8),
        ) {
            let stops = ["</a>", "b山", "🙂🙂"];
            let (got, shown, stopped) = feed(text.as_bytes(), &sizes, &stops);
            // Several stops in one piece cannot be told apart by time; the first in the text wins there.
            let whole = stops.iter().filter_map(|stop| text.find(stop)).min();
            prop_assert_eq!(&got, &shown);
            prop_assert_eq!(stopped, whole.is_some());
            prop_assert!(text.starts_with(&got));
            prop_assert!(stops.iter().all(|stop| !got.contains(stop)));
        }
    }
}
