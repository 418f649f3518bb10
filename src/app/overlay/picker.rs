//! A list to choose from, narrowed by typing: the palette, the help, pickers, questions.

use std::cmp::Reverse;
use std::path::PathBuf;

use nucleo_matcher::pattern::{Atom, AtomKind, CaseMatching, Normalization};
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
    /// What was told.
    Messages,
    /// What could not be read of a library.
    Skipped,
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
    /// Go to the moment at which this version came.
    Version(NodeId),
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
            Picking::Messages => "What was told",
            Picking::Skipped => "What could not be read",
            Picking::Quit => "Quit while searching?",
            Picking::Discard => "The text was changed",
            Picking::StopRun => "Stop the run?",
            Picking::Keys => "The keys are as they were",
            Picking::Remove => "Remove the session?",
        }
    }

    /// True when its rows are only read.
    pub fn tells(&self) -> bool {
        matches!(self.picking, Picking::Legend | Picking::Measures | Picking::Messages | Picking::Skipped)
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
        // A command is found by the words of its help too, and by those that people have for what it does.
        let rest = |item: &Item| match item.act {
            Act::Command(command) => format!("{} {} {}", item.detail, command.name(), command.also()),
            _ => item.detail.clone(),
        };
        let rests: Vec<String> = self.items.iter().map(rest).collect();
        let items = self.items.iter().zip(&rests).map(|(item, rest)| Findable { name: &item.label, rest });
        self.shown = rank(self.line.text(), items);
        // A number goes to that step, one behind a v to that version.
        if self.picking == Picking::Command {
            self.items.retain(|item| !is_typed(item));
            self.shown.retain(|index| *index < self.items.len());
            let typed = self.line.text().trim();
            let step = typed.parse().ok().map(|step| (format!("go to step {step}"), Act::Step(step)));
            let version = typed.strip_prefix('v').and_then(|number| number.parse().ok());
            let version = version.map(|number| (format!("go to v{number}"), Act::Version(NodeId(number))));
            if let Some((label, act)) = step.or(version) {
                self.items.push(Item { label, detail: String::new(), aside: String::new(), act });
                self.shown.insert(0, self.items.len() - 1);
            }
        }
    }

    /// Every row, whatever the line leaves.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.items.iter()
    }

    /// How many rows there are when nothing is typed.
    pub fn whole(&self) -> usize {
        self.items.iter().filter(|item| self.picking != Picking::Command || !is_typed(item)).count()
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

/// Indices of what `wanted` finds, the best match first; all of them, in order, when nothing is wanted. Each word of it
/// is looked for by itself: in a name as it stands there, at a word's beginning before elsewhere, or by the beginnings
/// of the name's words; in the rest only as it stands there, or nearly everything would be found. Where that finds nothing,
/// the letters may stand anywhere in a name, in their order.
pub fn rank<'a>(wanted: &str, among: impl IntoIterator<Item = Findable<'a>>) -> Vec<usize> {
    let among: Vec<(usize, Findable<'a>)> = among.into_iter().enumerate().collect();
    let word = |word| (word, Atom::new(word, CaseMatching::Smart, Normalization::Smart, AtomKind::Fuzzy, false));
    let words: Vec<(&str, Atom)> = wanted.split_whitespace().map(word).collect();
    if words.is_empty() {
        return (0..among.len()).collect();
    }
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut found: Vec<(u32, Reverse<u32>, usize)> = among
        .iter()
        .filter_map(|(index, findable)| {
            let (mut far, mut score) = (0, 0);
            for (word, letters) in &words {
                let by_letters = letters_of(letters, findable.name, &mut matcher);
                far += match (stands(findable.name, word), stands(findable.rest, word)) {
                    (Some(Stands::AtBeginning), _) => 0,
                    (Some(Stands::Inside), _) => 1,
                    _ if by_letters.is_some() => 2,
                    (_, Some(Stands::AtBeginning)) => 3,
                    (_, Some(Stands::Inside)) => 4,
                    (None, None) => return None,
                };
                score += by_letters.unwrap_or(0);
            }
            Some((far, Reverse(score), *index))
        })
        .collect();
    if found.is_empty() {
        found = among.iter().filter_map(|(index, f)| scattered(&words, f.name, *index, &mut matcher)).collect();
    }
    found.sort_unstable();
    found.into_iter().map(|(_, _, index)| index).collect()
}

/// A name that holds each word's letters in their order.
fn scattered(
    words: &[(&str, Atom)],
    name: &str,
    index: usize,
    matcher: &mut Matcher,
) -> Option<(u32, Reverse<u32>, usize)> {
    let mut buffer = Vec::new();
    let name = Utf32Str::new(name, &mut buffer);
    let scores: Option<Vec<u16>> = words.iter().map(|(_, letters)| letters.score(name, matcher)).collect();
    Some((0, Reverse(scores?.into_iter().map(u32::from).sum()), index))
}

/// Where a word stands in a text.
enum Stands {
    /// At the beginning of a word of it.
    AtBeginning,
    Inside,
}

fn stands(text: &str, word: &str) -> Option<Stands> {
    let found = text::find(text, word);
    let begins = |at: usize| {
        let (before, here) = (text[..at].chars().next_back(), text[at..].chars().next());
        here.is_some_and(|here| begins_word(before, here))
    };
    match found.spans() {
        [] => None,
        spans if spans.iter().any(|span| begins(span.start)) => Some(Stands::AtBeginning),
        _ => Some(Stands::Inside),
    }
}

/// How well the letters match, where each run of them begins at the beginning of a word of the name.
fn letters_of(letters: &Atom, name: &str, matcher: &mut Matcher) -> Option<u32> {
    let (mut buffer, mut at) = (Vec::new(), Vec::new());
    let name = Utf32Str::new(name, &mut buffer);
    let score = letters.indices(name, matcher, &mut at)?;
    let before = |at: u32| at.checked_sub(1).map(|before| name.get(before));
    let runs = at.iter().enumerate().all(|(place, here)| {
        let goes_on = place > 0 && at[place - 1] + 1 == *here;
        goes_on || begins_word(before(*here), name.get(*here))
    });
    runs.then_some(u32::from(score))
}

/// Whether a word begins with `here` behind `before`; a CJK character is a word.
fn begins_word(before: Option<char>, here: char) -> bool {
    let inside =
        before.is_some_and(|before| before.is_alphanumeric() && !(before.is_lowercase() && here.is_uppercase()));
    !inside || text::is_cjk(here)
}

/// A row that is there for what was typed.
fn is_typed(item: &Item) -> bool {
    matches!(item.act, Act::Step(_) | Act::Version(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::command::REGISTRY;

    #[test]
    fn names_are_found_by_letters_and_the_rest_by_words() {
        let texts = [
            ("lighthouse-letter", "Write a letter"),
            ("on-whistling", "why nobody whistles"),
            ("回南天", "写一篇散文"),
        ];
        let found = |wanted| rank(wanted, texts.iter().map(|(name, rest)| Findable { name, rest }));
        assert_eq!(found(""), [0, 1, 2]);
        assert_eq!(found("lile"), [0]);
        assert_eq!(found("onwh"), [1]);
        assert_eq!(found("lgtl"), [0], "letters from anywhere, as nothing else is found");
        assert_eq!(found("nobody"), [1]);
        assert_eq!(found("散文"), [2]);
        assert_eq!(found("rite"), [0], "a word of the query");
        assert_eq!(found("nbd"), [0; 0], "letters of the query are not enough");
    }

    #[test]
    fn commands_are_found_by_what_people_call_them() {
        let items = REGISTRY.iter().map(|entry| Item {
            label: entry.name.to_owned(),
            detail: entry.doc.to_owned(),
            aside: String::new(),
            act: Act::Command(entry.command),
        });
        let first = |wanted: &str| {
            let mut palette = Picker::new(Picking::Command, items.clone().collect());
            palette.edit(&TextEdit::Insert(wanted.to_owned()));
            palette.selected().map(|item| item.label.clone()).unwrap_or_default()
        };
        let asked =
            ["ppl", "perplexity", "nll", "step", "nega", "anchoring", "word", "token", "gain", "resume", "measure ppl"];
        let found = asked.map(|wanted| format!("{wanted}: {}", first(wanted)));
        insta::assert_snapshot!(found.join("\n"), @"
    ppl: measure
    perplexity: measure
    nll: measure
    step: step-back
    nega: next-gain
    anchoring: measures
    word: tint
    token: tint
    gain: next-gain
    resume: play
    measure ppl: measure
    ");
    }

    #[test]
    fn a_number_in_the_palette_goes_to_that_step() {
        let item = Item { label: "take".to_owned(), detail: String::new(), aside: String::new(), act: Act::Nothing };
        let mut palette = Picker::new(Picking::Command, vec![item]);
        palette.edit(&TextEdit::Insert("1".to_owned()));
        palette.edit(&TextEdit::Insert("2".to_owned()));
        assert_eq!(palette.selected().map(|item| item.act.clone()), Some(Act::Step(12)));
        palette.edit(&TextEdit::LineStart);
        palette.edit(&TextEdit::Insert("v".to_owned()));
        assert_eq!(palette.selected().map(|item| item.act.clone()), Some(Act::Version(NodeId(12))));
        palette.edit(&TextEdit::LineEnd);
        palette.edit(&TextEdit::DeleteToLineStart);
        assert_eq!(palette.rows().len(), 1);
    }
}
