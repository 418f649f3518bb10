//! Text folded into rows of a given width, as byte ranges; what is drawn and what is scrolled by are the same rows.
//! Highlights, cursors and drawing are not meant here.

use std::ops::Range;

use super::Safe;
use super::breaks::may_break;
use super::width::{cells, graphemes};

/// One row on the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Bytes of the text, with the line end and the spaces at which the row was broken. Those spaces hang: they may
    /// reach beyond the width, and nothing else does but a single grapheme wider than the width.
    pub range: Range<usize>,
    /// Cells to leave free before the text: the indentation of the line that this row continues.
    pub indent: u16,
}

/// The rows of one text at one width, kept from frame to frame: see [`Wrapped::fit`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wrapped {
    revision: Option<u64>,
    width: u16,
    len: usize,
    rows: Vec<Start>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Start {
    at: usize,
    indent: u16,
}

impl Wrapped {
    /// Brings the rows up to date with `text` at `width` cells. Nothing is done when both `revision` and `width` are
    /// those of the last call; a text that has grown under the same revision (a stream: what was there is the
    /// beginning of what is there) costs only its new part; all else is wrapped from the start.
    pub fn fit(&mut self, text: &Safe<'_>, revision: u64, width: u16) {
        let same = self.revision == Some(revision) && self.width == width && text.len() >= self.len;
        if same && text.len() == self.len {
            return;
        }
        if !same {
            self.rows.clear();
        }
        (self.revision, self.width, self.len) = (Some(revision), width, text.len());
        // What is appended can change the last row, and by widening or narrowing its first grapheme (a mark, the other
        // half of a flag) the end of the row before it; never the beginning of that one.
        self.rows.pop();
        let from = self.rows.pop().unwrap_or_default();
        Fill::new(text, usize::from(width.max(1)), from, &mut self.rows).run();
    }

    /// Number of rows; none for the empty text.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows `range`, as far as there are so many.
    pub fn rows(&self, range: Range<usize>) -> impl Iterator<Item = Row> {
        let end = range.end.min(self.rows.len());
        (range.start.min(end)..end).map(|index| {
            let start = self.rows[index];
            let end = self.rows.get(index + 1).map_or(self.len, |next| next.at);
            Row { range: start.at..end, indent: start.indent }
        })
    }

    /// Index of the row that holds the byte `at`; the last row for the end of the text and beyond, 0 when there is
    /// none.
    pub fn row_at(&self, at: usize) -> usize {
        self.rows.partition_point(|row| row.at <= at).saturating_sub(1)
    }
}

/// Greedy filling, one grapheme after the other. Its state at the beginning of a row depends on nothing but that row,
/// which is why it can start at any.
struct Fill<'a> {
    text: &'a str,
    width: usize,
    rows: &'a mut Vec<Start>,
    row: Start,
    used: usize,
    /// The last place in the row where it may break, and the cells used before it.
    chance: Option<(usize, usize)>,
    /// Indentation of the rows that continue this line.
    indent: usize,
    left: Left<'a>,
}

/// What stands left of the next grapheme in its row.
#[derive(Clone, Copy)]
enum Left<'a> {
    /// Nothing, or nothing but spaces: no place to break.
    Margin,
    Space,
    Ink {
        at: usize,
        grapheme: &'a str,
        cells: usize,
    },
}

impl<'a> Fill<'a> {
    fn new(text: &'a str, width: usize, row: Start, rows: &'a mut Vec<Start>) -> Self {
        let indent = usize::from(row.indent);
        Fill { text, width, rows, row, used: indent, chance: None, indent, left: Left::Margin }
    }

    fn run(mut self) {
        let from = self.row.at;
        for (at, grapheme) in graphemes(&self.text[from..]) {
            match grapheme {
                "\n" => self.end_line(from + at + 1),
                _ if is_space(grapheme) => self.space(grapheme),
                _ => self.ink(from + at, grapheme),
            }
        }
        if self.row.at < self.text.len() {
            self.rows.push(self.row);
        }
    }

    fn end_line(&mut self, next: usize) {
        self.rows.push(self.row);
        self.row = Start { at: next, indent: 0 };
        (self.used, self.chance, self.indent, self.left) = (0, None, 0, Left::Margin);
    }

    fn space(&mut self, grapheme: &str) {
        self.used += cells(grapheme);
        if let Left::Margin = self.left {
            // Half the width at most, and room for one wide character.
            self.indent = self.used.min(self.width.saturating_sub(2) / 2);
        } else {
            self.left = Left::Space;
        }
    }

    fn ink(&mut self, at: usize, grapheme: &'a str) {
        let cells = cells(grapheme);
        let may_break = match self.left {
            Left::Margin => false,
            Left::Space => true,
            Left::Ink { at, grapheme: left, cells: left_cells } => {
                may_break(self.text, at, left, grapheme, cells == 2 || left_cells == 2)
            }
        };
        if may_break {
            self.chance = Some((at, self.used));
        }
        while self.used + cells > self.width && at > self.row.at {
            let (next, before) = self.chance.take().unwrap_or((at, self.used));
            self.rows.push(self.row);
            self.row = Start { at: next, indent: self.indent as u16 };
            self.used = self.indent + (self.used - before);
        }
        self.used += cells;
        self.left = Left::Ink { at, grapheme, cells };
    }
}

/// Spaces at which a line may break. The no-break ones are not among them.
fn is_space(grapheme: &str) -> bool {
    match grapheme.as_bytes() {
        [byte] => *byte == b' ',
        [0xe1..=0xe3, _, _] => matches!(
            grapheme,
            "\u{1680}"
                | "\u{2000}"
                | "\u{2001}"
                | "\u{2002}"
                | "\u{2003}"
                | "\u{2004}"
                | "\u{2005}"
                | "\u{2006}"
                | "\u{2008}"
                | "\u{2009}"
                | "\u{200a}"
                | "\u{205f}"
                | "\u{3000}"
        ),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tests::samples::rich_text;
    use crate::text::width;
    use proptest::prelude::*;

    fn wrapped(text: &Safe<'_>, width: u16) -> Wrapped {
        let mut rows = Wrapped::default();
        rows.fit(text, 0, width);
        rows
    }

    fn drawn(text: &str, width: u16) -> Vec<String> {
        let text = Safe::new(text);
        let rows = wrapped(&text, width);
        rows.rows(0..rows.len())
            .map(|row| format!("{}{}", ".".repeat(row.indent.into()), text[row.range].trim_end_matches([' ', '\n'])))
            .collect()
    }

    #[test]
    fn words_break_at_spaces() {
        assert_eq!(drawn("the lamp has been kind", 9), ["the lamp", "has been", "kind"]);
        assert_eq!(drawn("one  two", 4), ["one", "two"]);
        assert_eq!(drawn("a\n\nb\n", 4), ["a", "", "b"]);
        assert_eq!(drawn("well-known thing", 7), ["well-", "known", "thing"]);
        assert_eq!(drawn("", 4), [""; 0]);
    }

    #[test]
    fn long_words_split() {
        assert_eq!(drawn("a incomprehensible b", 6), ["a", "incomp", "rehens", "ible b"]);
        assert_eq!(drawn("abc", 0), ["a", "b", "c"]);
        assert_eq!(drawn("思考", 1), ["思", "考"]);
    }

    #[test]
    fn stops_do_not_begin_a_line_nor_openings_end_one() {
        assert_eq!(drawn("今天的灯塔。", 10), ["今天的灯", "塔。"]);
        assert_eq!(drawn("他说「你好」了", 6), ["他说", "「你", "好」了"]);
        assert_eq!(drawn("他写信给Ana，很长。", 11), ["他写信给", "Ana，很长。"]);
    }

    #[test]
    fn rows_keep_the_indentation_of_their_line() {
        assert_eq!(drawn("  let lamp = kind;\nend", 10), ["  let lamp", "..= kind;", "end"]);
        assert_eq!(drawn("            deep down", 10), ["", "....deep", "....down"]);
    }

    #[test]
    fn rows_are_found_by_offset() {
        let text = Safe::new("the lamp has been kind");
        let rows = wrapped(&text, 9);
        for (at, row) in [(0, 0), (8, 0), (9, 1), (17, 1), (18, 2), (22, 2), (99, 2)] {
            assert_eq!(rows.row_at(at), row, "{at}");
        }
        assert_eq!(rows.rows(1..9).map(|row| row.range).collect::<Vec<_>>(), [9..18, 18..22]);
        assert_eq!(rows.rows(7..9).count(), 0);
    }

    #[test]
    fn another_revision_or_width_wraps_anew() {
        let mut rows = wrapped(&Safe::new("aaa bbb"), 3);
        rows.fit(&Safe::new("a b c d"), 1, 3);
        assert_eq!(rows, {
            let mut anew = wrapped(&Safe::new("a b c d"), 3);
            anew.revision = Some(1);
            anew
        });
        rows.fit(&Safe::new("a b c d"), 1, 1);
        assert_eq!(rows.len(), 4);
        rows.fit(&Safe::new("a"), 1, 1);
        assert_eq!(rows.len(), 1);
    }

    proptest! {
        #[test]
        fn rows_cover_the_text_and_fit(raw in rich_text(), room in 0u16..30) {
            let text = Safe::new(&raw);
            let rows = wrapped(&text, room);
            let mut end = 0;
            for row in rows.rows(0..rows.len()) {
                prop_assert_eq!(row.range.start, end);
                prop_assert!(!row.range.is_empty());
                end = row.range.end;
                let line = &text[row.range];
                prop_assert!(!line.trim_end_matches('\n').contains('\n'));
                let ink: Vec<&str> = graphemes(line).map(|(_, grapheme)| grapheme).collect();
                let ink = ink.iter().rposition(|grapheme| *grapheme != "\n" && !is_space(grapheme)).map_or(0, |last| last + 1);
                let ink: String = graphemes(line).take(ink).map(|(_, grapheme)| grapheme).collect();
                let used = usize::from(row.indent) + width(&ink);
                prop_assert!(used <= usize::from(room.max(1)) || graphemes(&ink).count() == 1, "{line:?} is {used} wide");
            }
            prop_assert_eq!(end, text.len());
        }

        #[test]
        fn appending_equals_wrapping_the_whole(raw in rich_text(), room in 0u16..30, step in 1usize..9) {
            let mut rows = Wrapped::default();
            let chars: Vec<char> = raw.chars().collect();
            for end in (0..chars.len()).step_by(step).chain([chars.len()]) {
                let grown: String = chars[..end].iter().collect();
                let grown = Safe::new(&grown);
                rows.fit(&grown, 0, room);
                prop_assert_eq!(&rows, &wrapped(&grown, room));
            }
        }

        #[test]
        fn chinese_keeps_its_marks(raw in "[今天灯塔思考]{1,4}([，。「」][今天灯塔思考]{1,4}){0,30}", room in 6u16..40) {
            let text = Safe::new(&raw);
            let rows = wrapped(&text, room);
            for row in rows.rows(1..rows.len()) {
                prop_assert!(!text[row.range.clone()].starts_with(['，', '。', '」']));
                prop_assert!(!text[..row.range.start].ends_with('「'));
            }
        }
    }
}
