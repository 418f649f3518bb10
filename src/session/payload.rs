//! The payloads of a session's events: the key `d` of a line.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Summary;
use crate::reer::search::{NodeId, Outraced, ScoreOf, Scored, StopReason, Unscored};
use crate::reer::{Example, Identity, Language, Leak, Measures, SegmentId};

/// First line of every file, and first line of every later run that writes to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Open {
    pub schema: String,
    /// The session's id: the example's id made safe for a file name.
    pub id: String,
    /// Version of the program that writes.
    pub tool: String,
    /// The `seq` this run goes on from; absent in the first line of a file.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resumed_from: Option<u64>,
    /// This run is for a person's actions only: a search that stopped stays stopped.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub annotates: bool,
}

/// The pair, and where it came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExampleRecord {
    pub id: String,
    pub query: String,
    pub reference: String,
    pub language: Language,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub category: Option<String>,
    /// BLAKE3 of query and reference, 16 hex digits: the pair's identity.
    pub hash: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source: Option<Source>,
    /// Every other key of the input row.
    #[serde(skip_serializing_if = "Map::is_empty", default)]
    pub meta: Map<String, Value>,
}

impl ExampleRecord {
    /// The pair's identity: BLAKE3 of query and reference with a zero byte between, 16 hex digits.
    pub fn pair_hash(query: &str, reference: &str) -> String {
        super::hash16(format!("{query}\0{reference}").as_bytes())
    }

    /// The number that the hash spells, which takes a third of the memory of its text.
    pub fn pair(&self) -> u64 {
        u64::from_str_radix(&self.hash, 16).unwrap_or_default()
    }

    /// Its place in the input that it came from, from 1.
    pub fn line(&self) -> u64 {
        self.source.as_ref().map_or(0, |source| source.row)
    }

    /// A pair that a person wrote or pasted; its id is made from the query's first words and the hash.
    pub fn written(query: &str, reference: &str) -> ExampleRecord {
        let hash = ExampleRecord::pair_hash(query, reference);
        ExampleRecord {
            id: format!("{}-{}", first_words(query), &hash[..4]),
            query: query.to_owned(),
            reference: reference.to_owned(),
            language: Language::of(query),
            category: None,
            hash,
            source: None,
            meta: Map::new(),
        }
    }

    /// The pair as the search and the back ends know it.
    pub fn to_example(&self) -> Example {
        Example {
            id: self.id.clone(),
            query: self.query.clone(),
            reference: self.reference.clone(),
            language: self.language,
            category: self.category.clone(),
            meta: self.meta.clone(),
        }
    }
}

/// The first words of a text as a name.
fn first_words(text: &str) -> String {
    /// More says no more in a list, and makes long file names.
    const WORDS: usize = 6;
    const CHARACTERS: usize = 36;
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).take(WORDS);
    let mut name = String::new();
    for word in words {
        // Text without spaces is one word.
        let word: String = word.to_lowercase().chars().take(CHARACTERS / 3).collect();
        if name.chars().count() + word.chars().count() > CHARACTERS {
            break;
        }
        name = if name.is_empty() { word } else { format!("{name}-{word}") };
    }
    if name.is_empty() { "pasted".to_owned() } else { name }
}

/// Origin of a pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// File name without its folder.
    pub file: String,
    /// Line of the file (JSONL) or row (list, parquet), from 1.
    pub row: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub licence: Option<String>,
}

/// y as one scorer's tokens; once a scorer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tokens {
    pub scorer: Identity,
    /// Token ids of y, where known.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub ids: Vec<u32>,
    /// Byte offset of each token's end in y.
    pub ends: Vec<usize>,
}

/// One call of a back end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// `draft`, `refine`, `score`, `baseline`, `leave-one-out`.
    pub purpose: String,
    #[serde(rename = "gen_ai.request.model")]
    pub model: String,
    #[serde(rename = "gen_ai.usage.input_tokens")]
    pub tokens_in: u64,
    #[serde(rename = "gen_ai.usage.output_tokens")]
    pub tokens_out: u64,
    /// Of the input tokens, how many came from a cache.
    #[serde(rename = "gen_ai.usage.cached_tokens", default)]
    pub tokens_cached: u64,
    /// Milliseconds.
    pub ms: u64,
    /// Requests that servers were sent for it; 0 for a back end in the process.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub requests: u64,
    /// Of these, repeats after a fault.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub retries: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
}

impl Call {
    /// What the back end did.
    pub fn role(&self) -> Role {
        Role::of(&self.purpose)
    }
}

/// What a back end is called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Generate,
    Score,
}

impl Role {
    /// Of a call with such a [`Call::purpose`].
    pub(super) fn of(purpose: &str) -> Role {
        match purpose {
            "draft" | "refine" => Role::Generate,
            _ => Role::Score,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Role::Generate => "generate",
            Role::Score => "score",
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
pub(super) fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A score: measures of the baseline, of a version, or of a version without one segment; or why there are none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Absent: the baseline (empty think block).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub node: Option<NodeId>,
    /// Leave one out: the segment left out of `node`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub without: Option<SegmentId>,
    pub scorer: Identity,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub measures: Option<Measures>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub leak: Option<Leak>,
    /// Log-probability of each token of y in nats, to three decimals; for the baseline, drafts and accepted versions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub logprobs: Option<Vec<f64>>,
    /// The measures are an estimate: y was read in part.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub estimated: bool,
    /// Why there are no measures.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// The error is that the text does not fit the scorer's context.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub too_long: bool,
    /// The candidate was dropped from its step's race; no error.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub outraced: Option<Outraced>,
}

impl Score {
    /// What it is a score of.
    pub fn of(&self) -> ScoreOf {
        match (self.node, self.without) {
            (None, _) => ScoreOf::Baseline,
            (Some(node), None) => ScoreOf::Node(node),
            (Some(node), Some(segment)) => ScoreOf::Without(node, segment),
        }
    }

    /// The fact that the search learns.
    pub fn scored(&self) -> Scored {
        let unexplained = || "no measures and no reason recorded".to_owned();
        let outcome = match (self.measures, self.outraced) {
            (Some(measures), _) => Ok(measures),
            (None, Some(outraced)) => Err(Unscored::Outraced(outraced)),
            (None, None) if self.too_long => Err(Unscored::TooLong),
            (None, None) => Err(Unscored::Fault(self.error.clone().unwrap_or_else(unexplained))),
        };
        Scored { of: self.of(), outcome, leak: self.leak }
    }
}

/// A person's choice against the search's: `node` becomes current, or stays so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Override {
    pub node: NodeId,
    /// The version that the person refused.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub refused: Option<NodeId>,
    /// The step whose decision it overrides, where it does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub step: Option<u32>,
}

/// The current version moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    pub node: NodeId,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub branch: Option<String>,
}

/// A named branch from a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fork {
    pub node: NodeId,
    pub name: String,
}

/// A marked moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    pub node: NodeId,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// False takes the mark away.
    pub on: bool,
}

/// A measure of the whole example.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    pub name: String,
    pub value: f64,
}

/// A filter's or a person's flag.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flag {
    pub name: String,
    pub on: bool,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

/// A person's verdict on an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Keep,
    Drop,
    Later,
    #[default]
    None,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerdictRecord {
    pub verdict: Verdict,
    /// How the session stands with this verdict; filled in when the event is recorded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub summary: Option<Summary>,
}

/// A person's rating, 1 to 5; 0 takes it away.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    pub stars: u8,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tag {
    pub name: String,
    pub on: bool,
}

/// A note on the example, or on one version; or the name by which a person calls the session. The last one stands; an
/// empty text takes it away.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub node: Option<NodeId>,
    /// The text is the session's name in lists and titles; its id and its file stay as they are.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub name: bool,
}

/// A version worth coming back to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Star {
    pub node: NodeId,
    pub on: bool,
}

/// Takes back (undo) or brings back (redo) a person's event or group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Undo {
    /// The event's `seq`, or the first of its group.
    pub seq: u64,
}

/// The search ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stop {
    pub reason: StopReason,
    /// One sentence for a person.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<String>,
}

/// A fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// What was being done, as in [`Call::purpose`].
    pub purpose: String,
    pub message: String,
}

/// This example went into an export.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Export {
    pub format: String,
    pub node: NodeId,
}

/// A torn tail was cut off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recovered {
    /// Bytes cut off.
    pub bytes: u64,
    /// File name (without folder) that holds them; absent for the rest of a line this program itself failed to write.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub saved_as: Option<String>,
}

/// The last line of a run that ended in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Closed {
    pub summary: Summary,
}
