//! Where the cursor goes: by graphemes, words, lines. Pure over the pieces of the area.

use super::area::{Area, At};
use crate::app::line::{after, before, word_after, word_before};

pub(super) fn left(area: &Area, at: At) -> At {
    back(area, at, before)
}

pub(super) fn word_left(area: &Area, at: At) -> At {
    back(area, at, word_before)
}

pub(super) fn right(area: &Area, at: At) -> At {
    forth(area, at, after)
}

pub(super) fn word_right(area: &Area, at: At) -> At {
    forth(area, at, word_after)
}

/// The beginning of the line that the piece is part of.
pub(super) fn line_start(area: &Area, at: At) -> At {
    let first = (0..at.piece).rev().take_while(|piece| area.goes_on(*piece)).last();
    At { piece: first.unwrap_or(at.piece), byte: 0 }
}

pub(super) fn line_end(area: &Area, at: At) -> At {
    let last = (at.piece..area.pieces()).find(|piece| !area.goes_on(*piece)).unwrap_or(at.piece);
    At { piece: last, byte: area.piece(last).len() }
}

pub(super) fn text_end(area: &Area) -> At {
    let piece = area.pieces() - 1;
    At { piece, byte: area.piece(piece).len() }
}

fn back(area: &Area, at: At, step: impl Fn(&str, usize) -> usize) -> At {
    if at.byte > 0 {
        return At { byte: step(area.piece(at.piece), at.byte), ..at };
    }
    let Some(piece) = at.piece.checked_sub(1) else { return at };
    let end = area.piece(piece).len();
    // A line end is a step of its own; the seam of two pieces is none.
    let byte = if area.goes_on(piece) { step(area.piece(piece), end) } else { end };
    At { piece, byte }
}

fn forth(area: &Area, at: At, step: impl Fn(&str, usize) -> usize) -> At {
    let piece = area.piece(at.piece);
    if at.byte < piece.len() {
        return area.normal(At { byte: step(piece, at.byte), ..at });
    }
    if at.piece + 1 < area.pieces() { At { piece: at.piece + 1, byte: 0 } } else { at }
}
