//! `retrace search`: its flags, what it reports while it runs and when it has ended.

mod args;
mod outages;
mod progress;
mod report;
mod run;
mod standing;

pub use args::{Knobs, SearchArgs, together};
pub use progress::Progress;
pub use report::Report;
pub use run::run;
