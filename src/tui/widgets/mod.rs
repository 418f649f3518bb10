//! What panes are made of: text, differences, charts, fields. Drawn from plain values; knows no screen.
//!
//! Every character reaches the buffer through [`paint`], which makes it safe; every colour comes from a role.

pub mod chart;
pub mod code;
pub mod diff;
pub mod editor;
pub mod field;
pub mod hints;
pub mod list;
pub mod paint;
pub mod pane;
#[cfg(test)]
pub mod picture;
pub mod scrollbar;
pub mod table;
pub mod text;
pub mod tint;
