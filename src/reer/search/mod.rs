//! The search as a pure state machine: facts in, wants out.
//!
//! [`Search`] is a fold over [`Fact`]s. [`Search::wants`] is a function of what was folded and of nothing else, so
//! a search read back from its journal goes on at the exact step. It awaits nothing and reads no clock.

mod config;
mod fact;
mod guard;
mod guess;
mod machine;
mod policy;
mod race;
mod seed;
#[cfg(test)]
mod tests;
mod tree;
mod wants;

pub use config::{Config, ConfigError, Order, Preset, Sampling};
pub use fact::{
    Decision, Fact, Node, NodeId, Other, Outraced, Reason, Refusal, ScoreOf, Scored, StopReason, Unscored, Why,
};
pub use guard::GuardLimits;
pub use guess::{Guess, Known, PARTS, UNREAD};
pub use machine::Search;
pub use race::{Race, Rule, laps};
pub use seed::{Purpose, derive};
pub use tree::{Tree, Version};
pub use wants::Want;
