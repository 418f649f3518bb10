//! Texts on the screen: made safe and wrapped once, kept from frame to frame, drawn by their visible rows only.
//!
//! In every frame: `sheets.get(text, width - gutter(bands))`, then [`draw`] with the spans that lie over the text; at
//! its end `sheets.advance()`, and another frame while it says so. Spans, matches and the mouse speak of bytes of the
//! raw text; [`Sheet::row_of`], [`Sheet::reveal`] and [`Sheet::raw_at`] lead from and to them.

mod draw;
mod sheet;
mod sheets;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub(super) use draw::sign_of;
pub use draw::{Bands, Look, draw, draw_folded, gutter};
pub use sheet::Sheet;
pub(super) use sheet::beginning;
pub use sheets::Sheets;

use crate::tui::theme::Role;

/// What stretches of a text mean: bytes of the RAW text, in order, without overlap.
pub type Spans = Vec<(Range<usize>, Role)>;
