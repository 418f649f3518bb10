//! A list to choose from, narrowed by typing: the palette, the help, pickers, questions.

use std::path::PathBuf;

use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use crate::app::command::Command;
use crate::app::line::Line;
use crate::app::text_edit::TextEdit;
use crate::reer::search::NodeId;
use crate::text;

/// What is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Picking {
    Command,
    Help,
    Branch,
    Decision,
    Theme,
    /// Who generates, or who scores.
    BackEnd,
    /// What signs mean.
    Legend,
    /// The measures of a version.
    Measures,
    /// Whether to quit while a search runs.
    Quit,
    /// Whether to lose a text.
    Discard,
    /// Whether to stop a run.
    StopRun,
    /// What becomes of a file of keys that was refused.
    Keys,
    /// Whether to move a session to the trash.
    Remove,
}

/// One row of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub label: String,
    pub detail: String,
    /// Its keys, or another short word at the right.
    pub aside: String,
    pub act: Act,
}

/// What choosing a row does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    Command(Command),
    /// Make this version current: the last one of the branch of this name, where it has one.
    Switch(NodeId, Option<String>),
    /// Save the text that is written.
    Save,
    /// List the branches with those that undo left.
    UndoneBranches,
    /// Open this session.
    Session(String),
    Theme(String),
    /// Take this SPEC into the form.
    BackEnd(String),
    /// Type the value of the form.
    Type,
    /// Go to this step.
    Step(u32),
    Quit,
    Discard,
    StopRun,
    /// Go on with this text for the file of keys.
    EditKeys(String),
    /// Move the session of this file to the trash.
    Remove(PathBuf),
    Nothing,
}

/// A list with what was typed to narrow it.
#[derive(Debug, Clone)]
pub struct Picker {
    pub picking: Picking,
    pub line: Line,
    items: Vec<Item>,
    /// Indices of the items that the line leaves, best first.
    shown: Vec<usize>,
    selected: usize,
}

impl Picker {
    pub fn new(picking: Picking, items: Vec<Item>) -> Picker {
        let shown = (0..items.len()).collect();
        Picker { picking, line: Line::default(), items, shown, selected: 0 }
    }

    /// With the first item selected for which `wanted` is true.
    pub fn at(mut self, wanted: impl Fn(&Item) -> bool) -> Picker {
        self.selected = self.items.iter().position(wanted).unwrap_or(0);
        self
    }

    pub fn title(&self) -> &'static str {
        match self.picking {
            Picking::Command => "Commands",
            Picking::Help => "Keys that work here",
            Picking::Branch => "Branches",
            Picking::Decision => "The last decisions",
            Picking::Theme => "Themes",
            Picking::BackEnd => "Back ends that are known",
            Picking::Legend => "What signs mean",
            Picking::Measures => "Measures of this version",
            Picking::Quit => "Quit while searching?",
            Picking::Discard => "The text was changed",
            Picking::StopRun => "Stop the run?",
            Picking::Keys => "The keys are as they were",
            Picking::Remove => "Remove the session?",
        }
    }

    /// True when typing narrows the list.
    pub fn narrows(&self) -> bool {
        !matches!(self.picking, Picking::Quit | Picking::Discard | Picking::StopRun | Picking::Keys | Picking::Remove)
    }

    pub fn edit(&mut self, edit: &TextEdit) {
        if !self.narrows() {
            return;
        }
        self.line.apply(edit);
        self.narrow();
        self.selected = 0;
    }

    fn narrow(&mut self) {
        let items = self.items.iter().map(|item| Findable { name: &item.label, rest: &item.detail });
        self.shown = rank(self.line.text(), items);
        // A number goes to that step.
        if self.picking == Picking::Command {
            self.items.retain(|item| !matches!(item.act, Act::Step(_)));
            self.shown.retain(|index| *index < self.items.len());
            if let Ok(step) = self.line.text().trim().parse::<u32>() {
                let label = format!("go to step {step}");
                self.items.push(Item { label, detail: String::new(), aside: String::new(), act: Act::Step(step) });
                self.shown.insert(0, self.items.len() - 1);
            }
        }
    }

    /// Every row, whatever the line leaves.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.items.iter()
    }

    /// The rows in view.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &Item> {
        self.shown.iter().map(|index| &self.items[*index])
    }

    pub fn selected_index(&self) -> usize {
        self.selected.min(self.shown.len().saturating_sub(1))
    }

    pub fn selected(&self) -> Option<&Item> {
        self.rows().nth(self.selected_index())
    }

    pub fn step(&mut self, by: isize) {
        self.select(self.selected_index().saturating_add_signed(by));
    }

    pub fn select(&mut self, index: usize) {
        self.selected = index.min(self.shown.len().saturating_sub(1));
    }
}

/// Something to be found: its name, and what else is said of it.
pub struct Findable<'a> {
    pub name: &'a str,
    pub rest: &'a str,
}

/// Indices of what `wanted` finds, the best match first; all of them, in order, when nothing is wanted. A name is found
/// by letters of it in their order; the rest only by words as they stand there, or nearly everything would be found.
pub fn rank<'a>(wanted: &str, among: impl IntoIterator<Item = Findable<'a>>) -> Vec<usize> {
    let among = among.into_iter().enumerate();
    if wanted.trim().is_empty() {
        return among.map(|(index, _)| index).collect();
    }
    let letters = Pattern::new(wanted, CaseMatching::Smart, Normalization::Smart, AtomKind::Fuzzy);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut buffer = Vec::new();
    let mut found: Vec<(bool, u32, usize)> = among
        .filter_map(|(index, Findable { name, rest })| {
            let by_letters = letters.score(Utf32Str::new(name, &mut buffer), &mut matcher);
            let by_words = || has_words(rest, wanted).then_some(0);
            Some((has_words(name, wanted), by_letters.or_else(by_words)?, index))
        })
        .collect();
    found.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.cmp(&a.1)).then(a.2.cmp(&b.2)));
    found.into_iter().map(|(_, _, index)| index).collect()
}

/// Whether each word of `wanted` stands in `text`.
fn has_words(text: &str, wanted: &str) -> bool {
    wanted.split_whitespace().all(|word| !text::find(text, word).spans().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_by_letters_and_the_rest_by_words() {
        let texts = [
            ("lighthouse-letter", "Write a letter"),
            ("on-whistling", "why nobody whistles"),
            ("回南天", "写一篇散文"),
        ];
        let found = |wanted| rank(wanted, texts.iter().map(|(name, rest)| Findable { name, rest }));
        assert_eq!(found(""), [0, 1, 2]);
        assert_eq!(found("lgtl"), [0]);
        assert_eq!(found("whst"), [1]);
        assert_eq!(found("nobody"), [1]);
        assert_eq!(found("散文"), [2]);
        assert_eq!(found("rite"), [0], "a word of the query");
        assert_eq!(found("nbd"), [0; 0], "letters of the query are not enough");
    }

    #[test]
    fn a_number_in_the_palette_goes_to_that_step() {
        let item = Item { label: "take".to_owned(), detail: String::new(), aside: String::new(), act: Act::Nothing };
        let mut palette = Picker::new(Picking::Command, vec![item]);
        palette.edit(&TextEdit::Insert("1".to_owned()));
        palette.edit(&TextEdit::Insert("2".to_owned()));
        assert_eq!(palette.selected().map(|item| item.act.clone()), Some(Act::Step(12)));
        palette.edit(&TextEdit::DeleteToLineStart);
        assert_eq!(palette.rows().len(), 1);
    }
}
