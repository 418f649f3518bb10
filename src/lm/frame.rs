//! The frame around x and z in which y is scored.

/// A part of a prompt, by how its control tokens are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FramePiece {
    /// Text of the example: control tokens spelled in it are encoded as plain text.
    Text(String),
    /// Text of a template or of the frame: control tokens spelled in it are recognised where the vocabulary has them.
    Markup(String),
}
