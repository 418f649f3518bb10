//! `retrace search`: its flags, what it reports while it runs and when it has ended.

mod args;
mod progress;
mod report;

pub use args::{Knobs, SearchArgs};
pub use progress::Progress;
pub use report::Report;
