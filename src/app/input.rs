//! What the terminal reports, as plain values: keys, pasted text, the mouse, sizes, focus.

use super::keys::Key;

/// One thing that the person or the terminal did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A key went down, or repeats while it is held.
    Key(Key),
    /// Pasted text, whole and as it came but for its line ends, which are all LF. It may hold control characters.
    Paste(String),
    Mouse(Mouse),
    /// The screen has another size now, in cells.
    Resize {
        width: u16,
        height: u16,
    },
    /// The terminal's window gained (true) or lost the focus.
    Focus(bool),
}

/// What the mouse did, at a cell counted from 0 at the top left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mouse {
    pub kind: MouseKind,
    pub x: u16,
    pub y: u16,
}

/// What the left button or the wheel did; other buttons are the terminal's own business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MouseKind {
    Down,
    Drag,
    Up,
    ScrollUp,
    ScrollDown,
}
