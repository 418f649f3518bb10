//! One event of a session: who, when, what. Names and layout are published as a JSON Schema in `assets/schema/`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::payload::*;
use super::setup::{ConfigRecord, Models};
use crate::reer::search::{Decision, Node};

/// The schema this program writes.
pub const SCHEMA: &str = "retrace.session/1";

/// Who caused an event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Author {
    Search,
    /// A person, by name.
    User(String),
    Import,
    System,
}

impl Author {
    /// Only a person's events can be undone, and only they must be on disk before anything says saved.
    pub fn is_person(&self) -> bool {
        matches!(self, Author::User(_))
    }

    /// As people are told: a person by their name alone.
    pub fn name(&self) -> &str {
        match self {
            Author::Search => "search",
            Author::User(name) => name,
            Author::Import => "import",
            Author::System => "system",
        }
    }
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_person() { "user:" } else { "" };
        write!(f, "{kind}{}", self.name())
    }
}

/// Text that is no author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an author: expected search, import, system or user:NAME")]
pub struct NotAnAuthor(String);

impl FromStr for Author {
    type Err = NotAnAuthor;

    fn from_str(text: &str) -> Result<Author, NotAnAuthor> {
        match text {
            "search" => Ok(Author::Search),
            "import" => Ok(Author::Import),
            "system" => Ok(Author::System),
            other => match other.strip_prefix("user:") {
                Some(name) => Ok(Author::User(name.to_owned())),
                None => Err(NotAnAuthor(other.to_owned())),
            },
        }
    }
}

impl Serialize for Author {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Author {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Author, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One line of a journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Rises from 1 by one.
    pub seq: u64,
    /// UTC, RFC 3339 with milliseconds.
    pub t: String,
    /// Milliseconds since the previous line, by a monotonic clock; 0 for the first line of a run.
    pub dt: u64,
    pub by: Author,
    /// Events of one action share a group, the `seq` of its first event, so that one undo takes it back.
    pub grp: Option<u64>,
    pub payload: Payload,
}

/// Defines [`Payload`] with its names, once for reading and writing.
macro_rules! payloads {
    ($($name:literal $variant:ident($record:ty)),+ $(,)?) => {
        /// What happened: the keys `ev` (the name) and `d` (the record) of a line.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Payload {
            $($variant($record),)+
            /// An event of a newer program: kept in the file, passed over.
            Unknown { ev: String, d: Value },
        }

        impl Payload {
            /// Every name this program knows.
            pub const NAMES: &[&str] = &[$($name),+];

            /// The name, as in the key `ev`.
            pub fn name(&self) -> &str {
                match self {
                    $(Payload::$variant(_) => $name,)+
                    Payload::Unknown { ev, .. } => ev,
                }
            }

            /// Reads the record of the event `ev` from a whole line.
            pub(super) fn read(ev: &str, line: &str) -> Result<Payload, serde_json::Error> {
                match ev {
                    $($name => Ok(Payload::$variant(record(line)?)),)+
                    other => Ok(Payload::Unknown { ev: other.to_owned(), d: record(line)? }),
                }
            }

            /// The record alone, as JSON text.
            pub(super) fn record_json(&self) -> Result<String, serde_json::Error> {
                match self {
                    $(Payload::$variant(record) => serde_json::to_string(record),)+
                    Payload::Unknown { d, .. } => serde_json::to_string(d),
                }
            }
        }
    };
}

/// A line of which only the record is of interest.
#[derive(Deserialize)]
struct Body<T> {
    d: T,
}

fn record<'a, T: Deserialize<'a>>(line: &'a str) -> Result<T, serde_json::Error> {
    serde_json::from_str::<Body<T>>(line).map(|body| body.d)
}

payloads! {
    "open" Open(Open),
    "example" Example(ExampleRecord),
    "models" Models(Models),
    "config" Config(ConfigRecord),
    "tokens" Tokens(Tokens),
    "call" Call(Call),
    "node" Node(Node),
    "score" Score(Score),
    "decide" Decide(Decision),
    "override" Override(Override),
    "head" Head(Head),
    "fork" Fork(Fork),
    "mark" Mark(Mark),
    "metric" Metric(Metric),
    "flag" Flag(Flag),
    "verdict" Verdict(VerdictRecord),
    "rate" Rate(Rate),
    "tag" Tag(Tag),
    "note" Note(Note),
    "star" Star(Star),
    "undo" Undo(Undo),
    "redo" Redo(Undo),
    "stop" Stop(Stop),
    "error" Error(Failure),
    "export" Export(Export),
    "recovered" Recovered(Recovered),
    "closed" Closed(Closed),
}
