//! tui-textarea as a store of text: pieces of lines, a cursor, a history. What it would lose or could not reach is
//! kept by two marks that stand in no text: carriage returns, which it takes for line ends, and the ends of pieces,
//! because a cursor can jump to columns below 65,536 only.

use tui_textarea::{CursorMove, DataCursor, TextArea};

use crate::text::graphemes;

/// Characters of a piece; longer lines are held as several.
const PIECE: usize = 4096;
/// Edits may make a piece grow to this many characters before it is cut again.
const LONGEST: usize = 4 * PIECE;
/// Single edits that are remembered; a typed character is one.
const HISTORY: usize = 1_000_000;

/// A place in the text: a piece and a byte in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct At {
    pub(super) piece: usize,
    pub(super) byte: usize,
}

/// Characters that no text in the area holds. Both take three bytes, as the picture of a carriage return does, so
/// that offsets in a piece are those in what is shown of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Marks {
    carriage_return: char,
    /// At the end of a piece whose line goes on in the next.
    goes_on: char,
}

impl Marks {
    /// Noncharacters, which are meant for such use, else characters of private use.
    fn not_in(texts: &[&str]) -> Marks {
        let mut free = ('\u{fdd0}'..='\u{fdef}')
            .chain('\u{e000}'..='\u{f8ff}')
            .filter(|mark| !texts.iter().any(|text| text.contains(*mark)));
        // A text that holds all 6,432 of them loses two.
        let mut next = |else_| free.next().unwrap_or(else_);
        Marks { carriage_return: next('\u{fdd0}'), goes_on: next('\u{fdd1}') }
    }
}

#[derive(Debug)]
pub(super) struct Area {
    inner: TextArea<'static>,
    marks: Marks,
}

impl Area {
    pub(super) fn new(text: &str) -> Area {
        Area::with(text, Marks::not_in(&[text]))
    }

    fn with(text: &str, marks: Marks) -> Area {
        let mut inner = TextArea::new(pieces(text, marks).split('\n').map(str::to_owned).collect());
        inner.set_max_histories(HISTORY);
        // It is never drawn by its own means: counting every character as one cell is the fastest it can do.
        inner.set_mask_char('*');
        Area { inner, marks }
    }

    /// Whether `text` holds a mark of this area.
    pub(super) fn clashes(&self, text: &str) -> bool {
        text.contains([self.marks.carriage_return, self.marks.goes_on])
    }

    /// The same text and cursor with other marks, without a history.
    pub(super) fn with_room_for(&self, coming: &str) -> Area {
        let text = self.text();
        let mut area = Area::with(&text, Marks::not_in(&[&text, coming]));
        area.go(self.cursor());
        area
    }

    pub(super) fn text(&self) -> String {
        let mut out = String::with_capacity(self.inner.lines().iter().map(|piece| piece.len() + 1).sum());
        for at in 0..self.pieces() {
            let piece = self.piece(at);
            match piece.contains(self.marks.carriage_return) {
                true => out.push_str(&piece.replace(self.marks.carriage_return, "\r")),
                false => out.push_str(piece),
            }
            if at + 1 < self.pieces() && !self.goes_on(at) {
                out.push('\n');
            }
        }
        out
    }

    pub(super) fn pieces(&self) -> usize {
        self.inner.lines().len()
    }

    /// How many lines the first pieces are, whole or begun.
    pub(super) fn lines(&self, pieces: usize) -> usize {
        (0..pieces).filter(|piece| *piece + 1 == pieces || !self.goes_on(*piece)).count()
    }

    /// A piece without the mark at its end.
    pub(super) fn piece(&self, at: usize) -> &str {
        let piece = self.inner.lines()[at].as_str();
        piece.strip_suffix(self.marks.goes_on).unwrap_or(piece)
    }

    /// A piece as it is drawn: carriage returns as pictures, which take as many bytes as their marks.
    pub(super) fn shown(&self, at: usize) -> String {
        self.piece(at).replace(self.marks.carriage_return, "\u{240d}")
    }

    /// Whether the line of a piece goes on in the next piece.
    pub(super) fn goes_on(&self, at: usize) -> bool {
        self.inner.lines()[at].ends_with(self.marks.goes_on)
    }

    pub(super) fn cursor(&self) -> At {
        let DataCursor(piece, column) = self.inner.cursor();
        let text = self.inner.lines()[piece].as_str();
        let byte = text.char_indices().nth(column).map_or(text.len(), |(byte, _)| byte);
        self.normal(At { piece, byte })
    }

    /// The end of a piece whose line goes on is the beginning of the next.
    pub(super) fn normal(&self, at: At) -> At {
        if self.goes_on(at.piece) && at.byte >= self.piece(at.piece).len() && at.piece + 1 < self.pieces() {
            At { piece: at.piece + 1, byte: 0 }
        } else {
            at
        }
    }

    /// Byte of the raw text at the cursor.
    pub(super) fn offset(&self) -> usize {
        let at = self.cursor();
        let raw = |text: &str| text.len() - 2 * text.matches(self.marks.carriage_return).count();
        let before = (0..at.piece).map(|piece| raw(self.piece(piece)) + usize::from(!self.goes_on(piece)));
        before.sum::<usize>() + raw(&self.piece(at.piece)[..at.byte])
    }

    pub(super) fn go(&mut self, at: At) {
        let at = self.normal(at);
        let column = self.inner.lines()[at.piece][..at.byte].chars().count();
        let within = |number: usize| number.min(usize::from(u16::MAX)) as u16;
        self.inner.move_cursor(CursorMove::Jump(within(at.piece), within(column)));
        let missing = at.piece.saturating_sub(usize::from(u16::MAX));
        if missing == 0 {
            return;
        }
        // Beyond the reach of a jump there are only steps.
        self.inner.move_cursor(CursorMove::Head);
        (0..missing).for_each(|_| self.inner.move_cursor(CursorMove::Down));
        (0..column).for_each(|_| self.inner.move_cursor(CursorMove::Forward));
    }

    /// Puts raw text in the place of what lies between two places, the cursor behind it. Returns the entries that
    /// this is in the history.
    pub(super) fn replace(&mut self, from: At, to: At, with: &str) -> usize {
        let mut entries = 0;
        let gone = self.characters(from, to);
        self.go(from);
        if gone > 0 {
            entries += usize::from(self.inner.delete_str(gone));
        }
        if !with.is_empty() {
            entries += usize::from(self.inner.insert_str(pieces(with, self.marks)));
        }
        entries + self.cut_long_pieces(from.piece)
    }

    /// Takes back or repeats entries of the history.
    pub(super) fn travel(&mut self, back: bool, entries: usize) -> bool {
        let mut moved = false;
        for _ in 0..entries {
            moved |= if back { self.inner.undo() } else { self.inner.redo() };
        }
        moved
    }

    fn characters(&self, from: At, to: At) -> usize {
        let lines = self.inner.lines();
        let count = |piece: usize| {
            let start = if piece == from.piece { from.byte } else { 0 };
            let end = if piece == to.piece { to.byte } else { lines[piece].len() };
            lines[piece][start..end].chars().count()
        };
        // Each line end counts as one.
        (from.piece..=to.piece).map(count).sum::<usize>() + (to.piece - from.piece)
    }

    /// Cuts the pieces that an edit in `first` left too long, and brings the cursor back.
    fn cut_long_pieces(&mut self, first: usize) -> usize {
        let mut cursor = self.cursor();
        let mut entries = 0;
        for piece in [cursor.piece, first] {
            let text = self.piece(piece);
            if text.len() <= LONGEST || text.chars().count() <= LONGEST {
                continue;
            }
            let byte = edge_after(text, PIECE);
            self.go(At { piece, byte });
            entries += usize::from(self.inner.insert_str(format!("{}\n", self.marks.goes_on)));
            if cursor.piece > piece {
                cursor.piece += 1;
            } else if cursor >= (At { piece, byte }) {
                cursor = At { piece: piece + 1, byte: cursor.byte - byte };
            }
        }
        if entries > 0 {
            self.go(cursor);
        }
        entries
    }
}

/// Raw text as the area holds it: carriage returns as marks, long lines in pieces.
fn pieces(text: &str, marks: Marks) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / PIECE * 4);
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            out.push('\n');
        }
        let mut rest = line;
        while rest.len() > PIECE {
            let cut = edge_after(rest, PIECE);
            if cut >= rest.len() {
                break;
            }
            out.push_str(&rest[..cut]);
            out.extend([marks.goes_on, '\n']);
            rest = &rest[cut..];
        }
        out.push_str(rest);
    }
    if text.contains('\r') { out.replace('\r', marks.carriage_return.encode_utf8(&mut [0; 4])) } else { out }
}

/// The first edge between graphemes after `characters` or more of them.
fn edge_after(text: &str, characters: usize) -> usize {
    let mut count = 0;
    for (at, grapheme) in graphemes(text) {
        if count >= characters {
            return at;
        }
        count += grapheme.chars().count();
    }
    text.len()
}
