//! Buffers as text: what stands there, and in which styles.

use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};
use retrace::text::width;

/// The characters of a row, each of them once whatever its width.
pub fn row(buf: &Buffer, y: u16) -> String {
    let mut row = String::new();
    let mut x = buf.area.left();
    while x < buf.area.right() {
        row.push_str(buf[(x, y)].symbol());
        x += cells(buf, x, y);
    }
    row
}

/// How many cells the character at a place takes.
pub fn cells(buf: &Buffer, x: u16, y: u16) -> u16 {
    width(buf[(x, y)].symbol()).max(1) as u16
}

/// All rows, without the spaces at their ends.
pub fn text(buf: &Buffer) -> String {
    let rows = (buf.area.top()..buf.area.bottom()).map(|y| row(buf, y).trim_end().to_owned());
    rows.collect::<Vec<_>>().join("\n")
}

/// A stretch of a row in one style.
pub struct Run {
    pub x: u16,
    pub y: u16,
    pub cells: u16,
    pub text: String,
    pub style: Style,
}

/// The stretches of a row, from left to right.
pub fn runs(buf: &Buffer, y: u16) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut x = buf.area.left();
    while x < buf.area.right() {
        let (symbol, style, cells) = (buf[(x, y)].symbol(), buf[(x, y)].style(), cells(buf, x, y));
        match runs.last_mut().filter(|run| run.style == style) {
            Some(run) => {
                run.text.push_str(symbol);
                run.cells += cells;
            }
            None => runs.push(Run { x, y, cells, text: symbol.to_owned(), style }),
        }
        x += cells;
    }
    runs
}

/// One line for each stretch that has a style of its own: `row.column text | style`.
pub fn styles(buf: &Buffer) -> String {
    let mut out = String::new();
    for run in (buf.area.top()..buf.area.bottom()).flat_map(|y| runs(buf, y)) {
        let said = said(run.style);
        let seen = !run.text.trim().is_empty() || run.style.bg.is_some();
        if seen && !said.is_empty() {
            writeln!(out, "{}.{} {} | {said}", run.y, run.x, run.text.trim_end()).unwrap();
        }
    }
    out
}

fn said(style: Style) -> String {
    let colour = |name: &str, colour: Option<Color>| {
        colour.filter(|colour| *colour != Color::Reset).map(|colour| format!("{name} {colour}"))
    };
    let weight = Some(style.add_modifier).filter(|weight| *weight != Modifier::empty());
    let parts = [colour("fg", style.fg), colour("bg", style.bg), weight.map(|weight| format!("{weight:?}"))];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
