//! Buffers as text, for snapshots: what stands there, and in which styles.

use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::style::{Modifier, Style};

use crate::text::width;

/// The characters, one line a row, without the spaces at its end.
pub fn text_of(buf: &Buffer) -> String {
    let rows = (buf.area.top()..buf.area.bottom()).map(|y| {
        let mut row = String::new();
        let mut x = buf.area.left();
        while x < buf.area.right() {
            row.push_str(buf[(x, y)].symbol());
            x += width(buf[(x, y)].symbol()).max(1) as u16;
        }
        row.trim_end().to_owned()
    });
    rows.collect::<Vec<_>>().join("\n")
}

/// One line for each stretch of a row in one style that is not the plain one: `row.column text | style`.
pub fn styles_of(buf: &Buffer) -> String {
    let mut out = String::new();
    for y in buf.area.top()..buf.area.bottom() {
        let mut x = buf.area.left();
        while x < buf.area.right() {
            let (start, style) = (x, buf[(x, y)].style());
            let mut text = String::new();
            while x < buf.area.right() && buf[(x, y)].style() == style {
                text.push_str(buf[(x, y)].symbol());
                x += 1;
            }
            let said = said(style);
            if !said.is_empty() {
                let _infallible = writeln!(out, "{y}.{start} {text} | {said}");
            }
        }
    }
    out
}

fn said(style: Style) -> String {
    let colour = |name: &str, colour: Option<ratatui::style::Color>| {
        colour.filter(|colour| *colour != Default::default()).map(|colour| format!("{name} {colour}"))
    };
    let weight = Some(style.add_modifier).filter(|weight| *weight != Modifier::empty());
    let parts = [colour("fg", style.fg), colour("bg", style.bg), weight.map(|weight| format!("{weight:?}"))];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
