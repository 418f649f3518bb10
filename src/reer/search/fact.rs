//! What the search is told: versions of the trajectory, scores, decisions, a person's overrides, stops.
//!
//! These are also the payloads of the session's events of the same names.

use serde::{Deserialize, Serialize};

use crate::reer::{Leak, Measures, Nats, Segment, SegmentId};

/// Identity of one version of the trajectory within a session, rising from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub u32);

/// How a version came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    Draft,
    Candidate,
    Edit,
    Split,
    Merge,
    Move,
    Insert,
    Delete,
    Import,
}

/// Why a generator's answer cannot be scored; recorded with the candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// The tags that hold the rewrite are not there.
    Missing,
    /// The rewrite is blank.
    Empty,
    /// The answer ended at the token limit before the closing tag.
    Truncated,
    /// The rewrite contains a tag that z must not.
    Tag,
    /// The rewrite equals what it would replace.
    Same,
}

/// One version of the trajectory. A candidate stores only its segment and its parent; others store all segments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    pub id: NodeId,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub parent: Option<NodeId>,
    pub why: Why,
    /// The whole trajectory; absent for candidates.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub segments: Option<Vec<Segment>>,
    /// The segment this version touches.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub segment: Option<SegmentId>,
    /// A candidate's text of that segment.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub text: Option<String>,
    /// The search step a candidate belongs to, from 1; absent for what a person asked for outside a step.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub step: Option<u32>,
    /// Which of the step's samples this is, from 0; for a draft, which restart.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub slot: Option<u32>,
    /// Set when the answer could not become text; such a node is never scored.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub refused: Option<Refusal>,
    /// What a person asked the generator for, in their own words; for candidates outside a step.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub instruction: Option<String>,
    /// The generator's own reason.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub analysis: Option<String>,
    /// What segments cannot hold: an answer as it came, or an imported draft's separators.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub raw: Option<String>,
}

/// What a score is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScoreOf {
    /// y given x and an empty think block.
    Baseline,
    /// y given x and a version.
    Node(NodeId),
    /// y given x and a version without one segment (leave one out).
    Without(NodeId, SegmentId),
}

/// A score as it came back: measures, or why there are none.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    pub of: ScoreOf,
    pub outcome: Result<Measures, Unscored>,
    /// Lexical leak of the whole z; present for nodes.
    pub leak: Option<Leak>,
}

/// Why there are no measures.
#[derive(Debug, Clone, PartialEq)]
pub enum Unscored {
    /// The text does not fit the scorer's context.
    TooLong,
    /// The candidate was dropped from its step's race.
    Outraced(Outraced),
    /// The back end's fault, in a sentence.
    Fault(String),
}

/// Where a candidate was dropped from a race: it could not win any more. No measure of the whole y.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Outraced {
    /// Tokens of y that were read: its first by the exact rule, by the other those that the rewrite may change most.
    pub tokens: usize,
    /// Mean loss over those of them that the objective scores, in nats per token.
    pub nll: Nats,
    /// The same of the current version, over the same tokens.
    pub current: Nats,
}

/// Why a candidate was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Its score is not lower than the current one.
    NotLower,
    /// Lower, but by no more than min-delta.
    WithinMinDelta,
    /// Good enough, but another candidate was better.
    Outrun,
    /// The longest run shared with y grew beyond the limit.
    LeakSpan,
    /// The share of y's word 8-grams found in z grew beyond the limit.
    LeakNgram,
    /// Over three times what it replaces.
    Length,
    /// It repeats its own trigrams.
    Repetition,
    /// It does not fit the scorer's context.
    Context,
    /// It was dropped from the race before all of y was read, because it could not win any more.
    Outraced,
    /// The generator's answer could not be used; the node says why.
    Unusable,
    /// Kept in the beam behind the current version.
    Beam,
    /// A person changed the current version while the step ran.
    Overtaken,
}

/// A candidate that was not taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Other {
    pub node: NodeId,
    pub reason: Reason,
    /// Its score minus the current one (nats per token of the objective), where it has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub delta: Option<f64>,
}

/// What the search chose at one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// From 1.
    pub step: u32,
    pub segment: SegmentId,
    /// The version that became current; absent when the current one stayed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub chosen: Option<NodeId>,
    /// The versions the search goes on from, best first; one without a beam.
    pub frontier: Vec<NodeId>,
    /// The candidate is no improvement and was taken by annealing.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub annealed: bool,
    pub others: Vec<Other>,
}

/// Why a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopReason {
    Threshold,
    Patience,
    /// The cap on rounds.
    Passes,
    /// The cap on steps.
    Steps,
    /// Time or tokens.
    Budget,
    Person,
    Error,
    /// The best is not below the baseline.
    NoGain,
}

impl StopReason {
    /// True for an end that no later run changes by itself: only a person lifts it, by another version or more steps.
    pub fn is_final(self) -> bool {
        !matches!(self, StopReason::Budget | StopReason::Person | StopReason::Error)
    }
}

/// One thing the search learns.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    Node(Node),
    Scored(Scored),
    Decided(Decision),
    /// A person made this version the current one, whatever its score.
    Head(NodeId),
    /// Tokens read and written by a call, for the token budget.
    Spent {
        tokens: u64,
    },
    Stopped(StopReason),
    /// A run continues a stopped search.
    Resumed,
}
