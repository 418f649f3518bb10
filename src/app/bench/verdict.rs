//! What a person says of the example and of versions, as the events that record it.

use super::Bench;
use crate::app::library::Source;
use crate::reer::search::NodeId;
use crate::session::{Flag, Fork, Head, Mark, Note, Payload, Rate, Tag, Verdict, VerdictRecord};

/// The one flag that a key raises.
pub const FLAG: &str = "look-again";

/// A verdict.
pub fn verdict(verdict: Verdict) -> Payload {
    Payload::Verdict(VerdictRecord { verdict, summary: None })
}

/// Raises the flag, or lowers it.
pub fn flag(on: bool) -> Payload {
    Payload::Flag(Flag { name: FLAG.to_owned(), on, reason: None })
}

/// Names the session; empty, it has its first name again.
pub fn renamed(name: &str) -> Payload {
    Payload::Note(Note { text: name.to_owned(), node: None, name: true })
}

impl Bench {
    /// A sample that nobody did anything with yet: what its author decided is none of this library's decisions.
    pub fn is_sample(&self) -> bool {
        Source::is_of_sample(&self.key)
    }

    /// A rating of 1 to 5; 0 takes it away.
    pub fn rate(stars: u8) -> Payload {
        Payload::Rate(Rate { stars })
    }

    /// Adds a tag, or takes it away when it is there.
    pub fn tag(&self, name: &str) -> Payload {
        let on = !self.state.annotations.tags().contains(name);
        Payload::Tag(Tag { name: name.to_owned(), on })
    }

    /// Marks the version under the cursor, or takes its mark away.
    pub fn mark(&self) -> Option<Payload> {
        let node = self.node()?;
        let on = !self.state.annotations.marks().contains_key(&node);
        Some(Payload::Mark(Mark { node, name: None, on }))
    }

    /// Makes a version current, as a branch of this name.
    pub fn fork(node: NodeId, name: &str) -> Vec<Payload> {
        let fork = Fork { node, name: name.to_owned() };
        vec![Payload::Fork(fork), Payload::Head(Head { node, branch: Some(name.to_owned()) })]
    }

    /// A name for the next branch.
    pub fn next_branch(&self) -> String {
        let taken = self.state.annotations.forks();
        let names = (1..).map(|n| format!("branch-{n}"));
        names.into_iter().find(|name| !taken.contains_key(name.as_str())).unwrap_or_default()
    }

    /// The note on the example.
    pub fn note(&self) -> String {
        self.state.annotations.notes().get(&None).map(|note| (*note).to_owned()).unwrap_or_default()
    }
}
