//! The terminal: a guard for every mode it is put in, the event loop, layout, panes, overlays, widgets, themes.

mod batches;
mod desks;
mod executor;
mod listing;
mod outside;
mod remembered;
mod stage;
pub mod terminal;
mod texts;
pub mod theme;
pub mod view;
pub mod widgets;
mod workbench;

pub use executor::Means;
pub use listing::place;
pub use stage::Stage;
pub use workbench::{Ended, Opening, WorkbenchError, run};
