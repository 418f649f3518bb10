//! What the tests of this room share, and what its work costs.

pub mod samples;
mod timings;
