//! One line that is being written: a filter, a command, an instruction. Moves and deletes by graphemes and words;
//! drawing is the widget's.

use std::ops::Range;

use crate::text::{Safe, graphemes, is_cjk, width};

use super::text_edit::TextEdit;

/// Steps that can be undone, and bytes of text that they may hold.
const MOST_STEPS: usize = 200;
const MOST_BYTES: usize = 4 << 20;

/// A single line with a cursor. Line ends that are typed or pasted become spaces; all else is kept as it came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    text: String,
    /// Byte offset at a grapheme's edge.
    cursor: usize,
    undo: Vec<Step>,
    redo: Vec<Step>,
    /// The last edit typed a word that the next typed character goes on with.
    typing: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    text: String,
    cursor: usize,
}

/// The part of a line that has room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Safe to show; `‹` and `›` stand for what is cut off.
    pub shown: String,
    /// Column of the cursor in it.
    pub cursor: u16,
}

impl Line {
    /// A line with the cursor at its end.
    pub fn new(text: &str) -> Line {
        let text = one_line(text);
        Line { cursor: text.len(), text, ..Line::default() }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Byte offset of the cursor.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Does what a key asks. True when the text changed.
    pub fn apply(&mut self, edit: &TextEdit) -> bool {
        use TextEdit::*;
        let (at, end) = (self.cursor, self.text.len());
        match edit {
            Insert(text) => return self.insert(text, true),
            Paste(text) => return self.insert(text, false),
            Undo => return self.travel(true),
            Redo => return self.travel(false),
            DeleteLeft => return self.delete(before(&self.text, at), at),
            DeleteRight => return self.delete(at, after(&self.text, at)),
            DeleteWordLeft => return self.delete(word_before(&self.text, at), at),
            DeleteWordRight => return self.delete(at, word_after(&self.text, at)),
            DeleteToLineStart => return self.delete(0, at),
            DeleteToLineEnd => return self.delete(at, end),
            Left => self.cursor = before(&self.text, at),
            Right => self.cursor = after(&self.text, at),
            WordLeft => self.cursor = word_before(&self.text, at),
            WordRight => self.cursor = word_after(&self.text, at),
            LineStart | TextStart => self.cursor = 0,
            LineEnd | TextEnd => self.cursor = end,
            NewLine | Up | Down | PageUp | PageDown => {}
        }
        self.typing = false;
        false
    }

    /// What of the line is seen in `room` cells: all of it when it fits, else the part around the cursor.
    pub fn view(&self, room: u16) -> View {
        let safe = Safe::new(&self.text);
        let cursor = safe.shown(self.cursor..self.cursor).start;
        let (room, all, to_cursor) = (usize::from(room), width(&safe), width(&safe[..cursor]));
        // Behind the last character stands one cell for the cursor.
        let under = graphemes(&safe[cursor..]).next().map_or(1, |(_, grapheme)| width(grapheme) + 1);
        let from = if all < room { 0 } else { (to_cursor + under).saturating_sub(room) };
        let cut = (from > 0, all + 1 > from + room);
        let seen = from + usize::from(cut.0)..(from + room).saturating_sub(usize::from(cut.1));
        let mut shown = String::new();
        if room > 0 {
            shown.push_str(if cut.0 { "‹" } else { "" });
            shown.push_str(&between(&safe, seen));
            shown.push_str(if cut.1 && room > usize::from(cut.0) { "›" } else { "" });
        }
        let column = to_cursor.saturating_sub(from).min(room.saturating_sub(1));
        View { shown, cursor: column as u16 }
    }

    fn insert(&mut self, text: &str, typed: bool) -> bool {
        let text = one_line(text);
        if text.is_empty() {
            return false;
        }
        // One undo takes back one word.
        let goes_on = typed && self.typing && !text.starts_with(char::is_whitespace);
        self.keep_step(goes_on);
        self.text.insert_str(self.cursor, &text);
        // A mark may have joined what stands before it.
        self.cursor = edge_from(&self.text, self.cursor + text.len());
        self.typing = typed;
        true
    }

    fn delete(&mut self, from: usize, to: usize) -> bool {
        if from == to {
            return false;
        }
        self.keep_step(false);
        self.typing = false;
        self.text.replace_range(from..to, "");
        self.cursor = edge_from(&self.text, from);
        true
    }

    fn keep_step(&mut self, goes_on: bool) {
        self.redo.clear();
        if goes_on && !self.undo.is_empty() {
            return;
        }
        let held = |undo: &[Step]| undo.iter().map(|step| step.text.len()).sum::<usize>();
        while self.undo.len() == MOST_STEPS || (!self.undo.is_empty() && held(&self.undo) > MOST_BYTES) {
            self.undo.remove(0);
        }
        self.undo.push(Step { text: self.text.clone(), cursor: self.cursor });
    }

    fn travel(&mut self, back: bool) -> bool {
        self.typing = false;
        let (from, to) = if back { (&mut self.undo, &mut self.redo) } else { (&mut self.redo, &mut self.undo) };
        let Some(step) = from.pop() else { return false };
        to.push(Step { text: std::mem::replace(&mut self.text, step.text), cursor: self.cursor });
        self.cursor = step.cursor;
        true
    }
}

/// The cells `seen` of a line; spaces for the half of a wide character that is cut.
fn between(text: &str, seen: Range<usize>) -> String {
    let mut out = String::new();
    let mut at = 0;
    for (_, grapheme) in graphemes(text) {
        let here = at..at + width(grapheme);
        at = here.end;
        if here.start >= seen.start && here.end <= seen.end {
            out.push_str(grapheme);
        } else if here.start < seen.end && here.end > seen.start {
            out.push(' ');
        }
    }
    out
}

fn one_line(text: &str) -> String {
    text.replace("\r\n", " ").replace(['\n', '\r', '\u{2028}', '\u{2029}'], " ")
}

/// The edge of a grapheme at or after `at`.
pub fn edge_from(text: &str, at: usize) -> usize {
    graphemes(text).map(|(start, _)| start).find(|start| *start >= at).unwrap_or(text.len())
}

/// The edge of the grapheme before `at`.
pub fn before(text: &str, at: usize) -> usize {
    graphemes(text).map(|(start, _)| start).take_while(|start| *start < at).last().unwrap_or(0)
}

/// The edge of the grapheme after `at`.
pub fn after(text: &str, at: usize) -> usize {
    graphemes(&text[at..]).next().map_or(text.len(), |(_, grapheme)| at + grapheme.len())
}

/// The beginning of the word before `at`; a CJK character is a word.
pub fn word_before(text: &str, at: usize) -> usize {
    let graphemes: Vec<(usize, &str)> = graphemes(&text[..at]).collect();
    let mut ahead = graphemes.into_iter().rev().skip_while(|(_, grapheme)| kind(grapheme) == Kind::Space);
    let Some((end, last)) = ahead.next() else { return 0 };
    ahead.take_while(|(_, grapheme)| goes_on(kind(last), kind(grapheme))).last().map_or(end, |(start, _)| start)
}

/// The beginning of the word after the one at `at`.
pub fn word_after(text: &str, at: usize) -> usize {
    let mut rest = graphemes(&text[at..]).peekable();
    let Some((_, first)) = rest.next() else { return text.len() };
    let first = kind(first);
    if first != Kind::Space {
        while rest.next_if(|(_, grapheme)| goes_on(first, kind(grapheme))).is_some() {}
    }
    while rest.next_if(|(_, grapheme)| kind(grapheme) == Kind::Space).is_some() {}
    rest.next().map_or(text.len(), |(start, _)| at + start)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    Space,
    Mark,
    Single,
}

fn goes_on(first: Kind, next: Kind) -> bool {
    first == next && first != Kind::Single
}

fn kind(grapheme: &str) -> Kind {
    match grapheme.chars().next() {
        Some(c) if is_cjk(c) => Kind::Single,
        Some(c) if c.is_alphanumeric() || c == '_' => Kind::Word,
        Some(c) if c.is_whitespace() => Kind::Space,
        _ => Kind::Mark,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TextEdit::*;
    use proptest::prelude::*;

    /// The text with `|` at the cursor.
    fn told(line: &Line) -> String {
        format!("{}|{}", &line.text[..line.cursor], &line.text[line.cursor..])
    }

    fn after_edits(text: &str, edits: &[TextEdit]) -> String {
        let mut line = Line::new(text);
        edits.iter().for_each(|edit| {
            line.apply(edit);
        });
        told(&line)
    }

    #[test]
    fn graphemes_are_moved_over_and_deleted_whole() {
        let text = "a👨\u{200d}👩\u{200d}👧e\u{301}思";
        assert_eq!(after_edits(text, &[Left, Left, Left]), "a|👨\u{200d}👩\u{200d}👧e\u{301}思");
        assert_eq!(after_edits(text, &[DeleteLeft, DeleteLeft]), "a👨\u{200d}👩\u{200d}👧|");
        assert_eq!(after_edits(text, &[LineStart, Right, DeleteRight]), "a|e\u{301}思");
    }

    #[test]
    fn words() {
        let text = "take seg-3, 灯塔 now";
        assert_eq!(after_edits(text, &[WordLeft, WordLeft]), "take seg-3, 灯|塔 now");
        assert_eq!(after_edits(text, &[DeleteWordLeft]), "take seg-3, 灯塔 |");
        assert_eq!(after_edits(text, &[LineStart, WordRight, WordRight]), "take seg|-3, 灯塔 now");
        assert_eq!(after_edits(text, &[LineStart, DeleteWordRight]), "|seg-3, 灯塔 now");
        assert_eq!(after_edits("  ", &[WordLeft]), "|  ");
        assert_eq!(after_edits("", &[WordLeft, WordRight, DeleteLeft, DeleteWordRight]), "|");
    }

    #[test]
    fn to_both_ends() {
        assert_eq!(after_edits("one two", &[WordLeft, DeleteToLineStart]), "|two");
        assert_eq!(after_edits("one two", &[WordLeft, DeleteToLineEnd]), "one |");
        assert_eq!(after_edits("one", &[Paste("\ntwo\r\nthree".into())]), "one two three|");
    }

    #[test]
    fn one_undo_takes_back_a_word_or_a_paste() {
        let mut line = Line::default();
        for c in "one two".chars() {
            line.apply(&Insert(c.to_string()));
        }
        line.apply(&Paste(" and more".into()));
        let mut told = vec![line.text.clone()];
        while line.apply(&Undo) {
            told.push(line.text.clone());
        }
        assert_eq!(told, ["one two and more", "one two", "one", ""]);
        while line.apply(&Redo) {}
        assert_eq!(line.text, "one two and more");
    }

    #[test]
    fn the_view_shows_the_cursor_and_the_cuts() {
        let mut line = Line::new("the lamp has been kind");
        let seen = |line: &Line, room| {
            let view = line.view(room);
            (view.shown, view.cursor)
        };
        assert_eq!(seen(&line, 23), ("the lamp has been kind".to_owned(), 22));
        assert_eq!(seen(&line, 10), ("‹een kind".to_owned(), 9));
        line.apply(&WordLeft);
        assert_eq!(seen(&line, 10), ("‹s been k›".to_owned(), 8));
        line.apply(&LineStart);
        assert_eq!(seen(&line, 10), ("the lamp ›".to_owned(), 0));
    }

    fn edit() -> impl Strategy<Value = TextEdit> {
        let text = || "[a-z 思\u{301}\u{200d}👍🏽]{0,3}";
        prop_oneof![
            4 => text().prop_map(Insert),
            1 => text().prop_map(Paste),
            6 => proptest::sample::select(vec![
                Left, Right, WordLeft, WordRight, LineStart, LineEnd, DeleteLeft, DeleteRight, DeleteWordLeft,
                DeleteWordRight, DeleteToLineStart, DeleteToLineEnd, Undo, Redo, Up, NewLine,
            ]),
        ]
    }

    proptest! {
        #[test]
        fn the_cursor_stays_between_graphemes(edits in proptest::collection::vec(edit(), 0..40), room in 0u16..20) {
            let mut line = Line::default();
            for edit in edits {
                let before = line.text.clone();
                let changed = line.apply(&edit);
                prop_assert_eq!(changed || before == line.text, true);
                let edges: Vec<usize> = graphemes(&line.text).map(|(at, _)| at).chain([line.text.len()]).collect();
                prop_assert!(edges.contains(&line.cursor), "{:?}", told(&line));
                let view = line.view(room);
                prop_assert!(width(&view.shown) <= usize::from(room), "{view:?}");
                prop_assert!(room == 0 || view.cursor < room, "{view:?} in {room}");
            }
        }

        #[test]
        fn undo_and_redo_are_inverse(edits in proptest::collection::vec(edit(), 0..40)) {
            let mut line = Line::new("start");
            edits.iter().for_each(|edit| {
            line.apply(edit);
        });
            let end = line.text.clone();
            let mut steps = 0;
            while line.apply(&Undo) {
                steps += 1;
            }
            prop_assert!(line.text == "start" || steps == MOST_STEPS);
            while line.apply(&Redo) {}
            // Redo may lead beyond what was undone before the end was looked at.
            prop_assert!(line.text == end || edits.contains(&Undo));
        }
    }
}
