//! The workbench without a screen: commands and their registry, keys, the state of the screens, and `update`, which
//! takes a message and returns what it wants done. Knows neither tokio nor ratatui.

pub mod keys;
pub mod line;
pub mod text_edit;
