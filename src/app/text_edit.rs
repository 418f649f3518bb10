//! What a key does to a text that is being written, whichever field or editor holds it.

/// One change to a text, or one move in it. Characters are graphemes, words those of Unicode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextEdit {
    /// A typed character, or what an input method composed.
    Insert(String),
    /// Pasted text: one undo takes it back whole.
    Paste(String),
    NewLine,
    Left,
    Right,
    WordLeft,
    WordRight,
    Up,
    Down,
    PageUp,
    PageDown,
    LineStart,
    LineEnd,
    TextStart,
    TextEnd,
    DeleteLeft,
    DeleteRight,
    DeleteWordLeft,
    DeleteWordRight,
    DeleteToLineStart,
    DeleteToLineEnd,
    Undo,
    Redo,
}
