//! The terminal: a guard for every mode it is put in, the event loop, layout, panes, overlays, widgets, themes.

pub mod terminal;
pub mod theme;
pub mod widgets;
