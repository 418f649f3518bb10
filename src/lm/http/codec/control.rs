//! Control tokens by their spelling, and how the pieces of a frame are cut at them into runs that are encoded as one text.

use crate::lm::FramePiece;

/// Tags of the frame: control tokens where the vocabulary has them, also when it does not call them special.
pub(super) const TAGS: [&str; 4] = ["<think>", "</think>", "<answer>", "</answer>"];

/// A control token as the vocabulary spells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spelled {
    pub(super) spelling: String,
    pub(super) id: u32,
    /// Takes the white space of the markup before it.
    pub(super) takes_before: bool,
    /// Takes the white space of the markup behind it.
    pub(super) takes_after: bool,
}

/// What stands before a run, which decides whether SentencePiece vocabularies put a space in front of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// Nothing, or BOS alone.
    Start,
    AfterControl,
    Inside,
}

/// A part of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Run {
    /// Encoded as one text, in which no control token is recognised.
    Text(String, Place),
    Control(u32),
}

/// A part of one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'t> {
    Plain(&'t str),
    Control(u32, &'t str),
}

/// The control tokens of a vocabulary.
#[derive(Debug, Clone, Default)]
pub(super) struct Control {
    /// Longest first.
    list: Vec<Spelled>,
}

impl Control {
    pub(super) fn new(mut list: Vec<Spelled>) -> Control {
        list.retain(|token| !token.spelling.is_empty());
        list.sort_by(|a, b| b.spelling.len().cmp(&a.spelling.len()).then_with(|| a.spelling.cmp(&b.spelling)));
        Control { list }
    }

    pub(super) fn id(&self, spelling: &str) -> Option<u32> {
        self.list.iter().find(|token| token.spelling == spelling).map(|token| token.id)
    }

    pub(super) fn spelling(&self, id: u32) -> Option<&str> {
        self.list.iter().find(|token| token.id == id).map(|token| token.spelling.as_str())
    }

    fn at(&self, rest: &str) -> Option<&Spelled> {
        self.list.iter().find(|token| rest.starts_with(&token.spelling))
    }

    /// Cuts at the first spelling that matches, the longest where several do. The parts are the whole text.
    pub(super) fn cut<'t>(&self, text: &'t str) -> Vec<Part<'t>> {
        self.matches(text).into_iter().map(|(part, _)| part).collect()
    }

    fn matches<'t>(&self, text: &'t str) -> Vec<(Part<'t>, Option<&Spelled>)> {
        let begins = |c: char| self.list.iter().any(|token| token.spelling.starts_with(c));
        let mut parts = Vec::new();
        let mut from = 0;
        let mut at = 0;
        while let Some(step) = text[at..].find(begins) {
            at += step;
            let Some(token) = self.at(&text[at..]) else {
                at += text[at..].chars().next().map_or(1, char::len_utf8);
                continue;
            };
            if from < at {
                parts.push((Part::Plain(&text[from..at]), None));
            }
            let end = at + token.spelling.len();
            parts.push((Part::Control(token.id, &text[at..end]), Some(token)));
            (from, at) = (end, end);
        }
        if from < text.len() {
            parts.push((Part::Plain(&text[from..]), None));
        }
        parts
    }

    /// Cuts the pieces of a frame: markup at its control tokens; what lies between two of them, markup and text, is one
    /// run.
    pub(super) fn runs(&self, pieces: &[FramePiece]) -> Vec<Run> {
        let mut runs = Runs { done: Vec::new(), text: String::new() };
        for piece in pieces {
            match piece {
                FramePiece::Text(text) => runs.text.push_str(text),
                FramePiece::Markup(markup) => self.markup(markup, &mut runs),
            }
        }
        runs.end_text();
        runs.done
    }

    fn markup(&self, markup: &str, runs: &mut Runs) {
        let parts = self.matches(markup);
        for (at, (part, _)) in parts.iter().enumerate() {
            let neighbour = |at: Option<usize>| at.and_then(|at| parts.get(at)).and_then(|(_, token)| *token);
            match part {
                Part::Control(id, _) => runs.control(*id),
                Part::Plain(text) => {
                    let before = neighbour(at.checked_sub(1)).is_some_and(|token| token.takes_after);
                    let behind = neighbour(Some(at + 1)).is_some_and(|token| token.takes_before);
                    let text = if before { text.trim_start() } else { text };
                    runs.text.push_str(if behind { text.trim_end() } else { text });
                }
            }
        }
    }
}

struct Runs {
    done: Vec<Run>,
    text: String,
}

impl Runs {
    fn control(&mut self, id: u32) {
        self.end_text();
        self.done.push(Run::Control(id));
    }

    fn end_text(&mut self) {
        let text = std::mem::take(&mut self.text);
        if !text.is_empty() {
            let place = if self.done.is_empty() { Place::Start } else { Place::AfterControl };
            self.done.push(Run::Text(text, place));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control() -> Control {
        let token = |spelling: &str, id, takes_after| Spelled {
            spelling: spelling.to_owned(),
            id,
            takes_before: false,
            takes_after,
        };
        Control::new(vec![token("<a>", 1, false), token("<a><b>", 2, false), token("<turn>", 3, true)])
    }

    fn text(text: &str, place: Place) -> Run {
        Run::Text(text.to_owned(), place)
    }

    #[test]
    fn the_longest_spelling_wins_and_the_parts_are_the_text() {
        let control = control();
        assert_eq!(
            control.cut("é<a><b><a>x<a"),
            [Part::Plain("é"), Part::Control(2, "<a><b>"), Part::Control(1, "<a>"), Part::Plain("x<a"),]
        );
        assert_eq!(control.cut(""), []);
    }

    #[test]
    fn markup_and_text_between_two_control_tokens_are_one_run() {
        let pieces = [
            FramePiece::Text("q<a>".to_owned()),
            FramePiece::Markup("m<a>n".to_owned()),
            FramePiece::Text("<a>z".to_owned()),
            FramePiece::Markup("<a>".to_owned()),
        ];
        assert_eq!(
            control().runs(&pieces),
            [text("q<a>m", Place::Start), Run::Control(1), text("n<a>z", Place::AfterControl), Run::Control(1)]
        );
    }

    #[test]
    fn a_token_takes_white_space_of_the_markup_but_none_of_the_text() {
        let pieces = [FramePiece::Markup("<turn>\n".to_owned()), FramePiece::Text(" x".to_owned())];
        assert_eq!(control().runs(&pieces), [Run::Control(3), text(" x", Place::AfterControl)]);
    }
}
