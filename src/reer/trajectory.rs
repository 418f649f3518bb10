//! A trajectory z: segments of thinking in order, each with an identity that outlives edits of its neighbours.

use serde::{Deserialize, Serialize};

/// Identity of a segment within one session; never reused there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SegmentId(pub u32);

/// One segment: its stripped text and its identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    pub id: SegmentId,
    pub text: String,
}

/// Thinking z as a list of segments.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Trajectory {
    pub segments: Vec<Segment>,
}

/// A tag that must not stand inside z, because it would end or open a block of the frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the text contains {0}, which a trajectory must not")]
pub struct ForbiddenTag(pub &'static str);

impl Trajectory {
    /// Tags that z must not contain.
    pub const FORBIDDEN: [&'static str; 4] = ["<think>", "</think>", "<answer>", "<refine>"];

    /// The text of z: segments stripped and joined by a blank line.
    pub fn text(&self) -> String {
        let parts: Vec<&str> = self.segments.iter().map(|s| s.text.trim()).collect();
        parts.join("\n\n")
    }

    /// Position of a segment in this trajectory.
    pub fn position(&self, id: SegmentId) -> Option<usize> {
        self.segments.iter().position(|s| s.id == id)
    }

    /// A copy in which segment `id` reads `text`; `None` when there is no such segment.
    pub fn with(&self, id: SegmentId, text: &str) -> Option<Trajectory> {
        let at = self.position(id)?;
        let mut copy = self.clone();
        copy.segments[at].text = text.trim().to_owned();
        Some(copy)
    }

    /// A copy without segment `id`; `None` when there is no such segment.
    pub fn without(&self, id: SegmentId) -> Option<Trajectory> {
        let at = self.position(id)?;
        let mut copy = self.clone();
        copy.segments.remove(at);
        Some(copy)
    }

    /// Checks that `text` may stand inside z.
    ///
    /// # Errors
    /// [`ForbiddenTag`] names the first forbidden tag found.
    pub fn admit(text: &str) -> Result<(), ForbiddenTag> {
        match Self::FORBIDDEN.into_iter().find(|tag| text.contains(tag)) {
            Some(tag) => Err(ForbiddenTag(tag)),
            None => Ok(()),
        }
    }
}
