//! The terminal itself: its modes and their undoing, signals, input, clipboard, the user's editor.
