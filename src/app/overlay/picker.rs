//! A list to choose from, narrowed by typing: the palette, the help, pickers, questions.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use crate::app::command::Command;
use crate::app::line::Line;
use crate::app::text_edit::TextEdit;
use crate::reer::search::NodeId;

/// What is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Picking {
    Command,
    Help,
    Branch,
    Decision,
    Theme,
    /// Whether to quit while a search runs.
    Quit,
    /// Whether to lose a text.
    Discard,
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
    /// Go to this version.
    Version(NodeId),
    /// Open this session.
    Session(String),
    Theme(String),
    /// Go to this step.
    Step(u32),
    Quit,
    Discard,
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
            Picking::Quit => "A search is running",
            Picking::Discard => "The text was changed",
        }
    }

    /// True when typing narrows the list.
    pub fn narrows(&self) -> bool {
        !matches!(self.picking, Picking::Quit | Picking::Discard)
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
        let labels = self.items.iter().map(|item| format!("{} {}", item.label, item.detail));
        self.shown = rank(self.line.text(), labels);
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

/// Indices of the texts in which the letters of `wanted` are found in order, the best match first; all of them, in
/// order, when nothing is wanted.
pub fn rank(wanted: &str, texts: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<usize> {
    if wanted.trim().is_empty() {
        return texts.into_iter().enumerate().map(|(index, _)| index).collect();
    }
    let pattern = Pattern::parse(wanted, CaseMatching::Smart, Normalization::Smart);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut letters = Vec::new();
    let mut found: Vec<(u32, usize)> = texts
        .into_iter()
        .enumerate()
        .filter_map(|(index, text)| {
            let score = pattern.score(Utf32Str::new(text.as_ref(), &mut letters), &mut matcher)?;
            Some((score, index))
        })
        .collect();
    found.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    found.into_iter().map(|(_, index)| index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_in_order_are_found_and_ranked() {
        let texts = ["lighthouse-letter", "on-whistling", "light", "回南天"];
        assert_eq!(rank("", texts), [0, 1, 2, 3]);
        assert_eq!(rank("ligh", texts), [2, 0]);
        assert_eq!(rank("whst", texts), [1]);
        assert_eq!(rank("南", texts), [3]);
        assert_eq!(rank("zz", texts), [0; 0]);
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
