//! The field's own words: examples, segments, trajectories, scores and the search as a pure state machine.
//!
//! Knows nothing of files, networks, terminals, runtimes or clocks.

mod example;
mod identity;
mod leak;
mod measure;
pub mod search;
mod segment;
mod trajectory;
mod units;

pub use example::{Example, Language};
pub use identity::Identity;
pub use leak::{Leak, LeakProbe};
pub use measure::{CLIP, Clipped, Gain, MeasureError, Measures, Objective, Target, measure};
pub use segment::{Piece, split};
pub use trajectory::{ForbiddenTag, Segment, SegmentId, Trajectory};
pub use units::{Bits, Nats, Perplexity};
