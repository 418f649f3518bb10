//! One line that is typed.

use super::Knob;
use crate::app::bench::Pane;
use crate::app::line::Line;
use crate::app::text_edit::TextEdit;

/// What the line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanting {
    /// Text to find in a pane.
    Find(Pane),
    /// What the library is filtered by.
    Filter,
    /// What new candidates should be like.
    Instruction,
    Tag,
    /// What the session is called.
    Name,
    BranchName,
    /// A value of the search's form.
    Value(Knob),
    /// The folder of an export.
    Folder,
    /// What the library shall list.
    Path,
}

/// A line with its purpose.
#[derive(Debug, Clone)]
pub struct Prompt {
    pub wanting: Wanting,
    pub line: Line,
    /// The text was there before: typing takes its place, moving in it keeps it.
    pub untouched: bool,
    /// What was wrong with it, when it was accepted last.
    pub error: Option<String>,
    /// What is to be known before it is typed.
    pub aside: String,
    /// Words that may complete the last one, and which of them it was completed with.
    pub known: Vec<String>,
    completed: Option<(String, usize)>,
}

impl Prompt {
    pub fn new(wanting: Wanting, text: &str) -> Prompt {
        Prompt {
            wanting,
            line: Line::new(text),
            untouched: !text.is_empty(),
            error: None,
            aside: String::new(),
            known: Vec::new(),
            completed: None,
        }
    }

    /// Where the last word begins.
    fn last_word(&self) -> usize {
        self.line.text().rfind([' ', ',', '#']).map_or(0, |at| at + 1)
    }

    /// The known words that the last one may become.
    pub fn offers(&self) -> Vec<&str> {
        let (begun, _) = self.completed.as_ref().map_or((&self.line.text()[self.last_word()..], 0), |(b, at)| (b, *at));
        self.known.iter().map(String::as_str).filter(|known| known.starts_with(begun)).collect()
    }

    /// Completes the last word with the first that is offered; again, with the next.
    pub fn complete(&mut self) {
        let at = self.last_word();
        let offers: Vec<String> = self.offers().into_iter().map(str::to_owned).collect();
        if offers.is_empty() {
            return;
        }
        let (begun, turn) = match self.completed.take() {
            Some((begun, turn)) => (begun, (turn + 1) % offers.len()),
            None => (self.line.text()[at..].to_owned(), 0),
        };
        self.line = Line::new(&format!("{}{}", &self.line.text()[..at], offers[turn]));
        self.completed = Some((begun, turn));
    }

    pub fn edit(&mut self, edit: &TextEdit) {
        if std::mem::take(&mut self.untouched) && matches!(edit, TextEdit::Insert(_) | TextEdit::Paste(_)) {
            self.line = Line::default();
        }
        self.line.apply(edit);
        self.completed = None;
        self.error = None;
    }

    /// What stands before the line.
    pub fn label(&self) -> &'static str {
        match self.wanting {
            Wanting::Find(_) => "Find",
            Wanting::Filter => "Filter",
            Wanting::Instruction => "Ask again",
            Wanting::Tag => "Tag",
            Wanting::Name => "Name",
            Wanting::BranchName => "Branch",
            Wanting::Value(knob) => knob.name(),
            Wanting::Folder => "Export to",
            Wanting::Path => "Go to",
        }
    }

    /// What stands in the line while it is empty.
    pub fn placeholder(&self) -> &'static str {
        match self.wanting {
            Wanting::Find(_) => "text; a capital letter makes case count",
            Wanting::Filter => "letters of the name, or words of the query, #tag, status or verdict",
            Wanting::Instruction => "what should the new candidates do? (enter: just more)",
            Wanting::Tag => "words; the same word again takes it away",
            Wanting::Name => "what to call the session (enter: by its first name again)",
            Wanting::BranchName => "a name for the branch",
            Wanting::Value(knob) => knob.expects(),
            Wanting::Folder => "a folder outside the library",
            Wanting::Path => "a folder of sessions, a session, or pairs (.jsonl, .json, .parquet)",
        }
    }
}
