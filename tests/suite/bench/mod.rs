//! The workbench played by scripts: keys go in, screens come out; nothing is drawn on a terminal.

mod back_ends;
mod batch;
mod library;
mod picture;
mod script;

mod choosing;
mod editing;
mod exporting;
mod finding;
mod judging;
mod laws;
mod looking;
mod naming;
mod pictures;
mod readme;
mod searching;
mod sizes;
mod svg;
mod waiting;
