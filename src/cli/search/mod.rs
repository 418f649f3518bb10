//! `retrace search`: its flags, what it reports while it runs and when it has ended.

mod args;

pub use args::{Knobs, SearchArgs, Shard};
