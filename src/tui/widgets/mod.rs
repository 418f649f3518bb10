//! What panes are made of: text, differences, charts, fields. Drawn from plain values; knows no screen.
//!
//! Every character reaches the buffer through [`paint`], which makes it safe; every colour comes from a role.

pub mod chart;
pub mod paint;
#[cfg(test)]
pub mod picture;
pub mod scrollbar;
pub mod text;
pub mod tint;
