//! What the program remembers from one run to the next: where a person was and how they like it. Never a decision;
//! those are in the sessions.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::bench::{Pane, Shown, Tint};
use super::library::{Column, QueueFilter};
use crate::reer::SegmentId;
use crate::reer::search::Config;
use crate::session::Verdict;

/// Positions of this many sessions are kept.
const MOST_PLACES: usize = 500;

/// So many actions can be undone in the order in which they were done, across sessions and runs.
const MOST_DONE: usize = 200;

/// How many decisions are listed.
pub const DECISIONS: usize = 10;

/// Everything that is remembered. A file of an older or newer program is read as far as it is understood.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// Name of the theme; absent: the default one.
    pub theme: Option<String>,
    pub mouse: bool,
    pub shown: Shown,
    pub log_scale: bool,
    pub tint: Tint,
    pub queue: QueueFilter,
    pub column: Column,
    pub descending: bool,
    /// The settings of the last search that was started from the form.
    pub setup: Option<RememberedSetup>,
    /// The step of the tour, from 0; absent when it is over.
    pub tour: Tour,
    /// Key of the session that was open last; absent when the library was.
    pub last: Option<String>,
    /// Key of the row that was selected in the library.
    pub row: Option<String>,
    /// Where a person was in a session, by its key; `order` from the least recently left.
    pub places: BTreeMap<String, Place>,
    pub order: VecDeque<String>,
    /// The last verdicts, the newest first.
    pub decisions: VecDeque<Decided>,
    /// Those that were undone, the last one last, for when they are brought back.
    pub taken_back: Vec<Decided>,
    pub export_to: Option<String>,
    /// Keys of the sessions in which a person did something last, the last one last.
    pub done: Vec<String>,
    /// Keys of the sessions in which something was undone since, the last one last.
    pub undone: Vec<String>,
}

/// Where the tour is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tour {
    /// At this step, from 0.
    At(usize),
    Over,
}

impl Default for Tour {
    fn default() -> Tour {
        Tour::At(0)
    }
}

/// Back ends and knobs as the form left them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RememberedSetup {
    pub generator: String,
    pub scorer: String,
    pub search: Config,
}

/// A place in a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Index of the moment; absent at the last one.
    pub moment: Option<usize>,
    /// How many moments there were. Where more came since, the current version is what there is to see.
    #[serde(default)]
    pub of: Option<usize>,
    pub segment: Option<SegmentId>,
    pub pane: Pane,
}

/// One verdict that was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// Key of the session.
    pub key: String,
    pub title: String,
    pub verdict: Verdict,
    /// The flag was raised, in place of a verdict.
    #[serde(default)]
    pub flagged: bool,
    /// When, as the event says it.
    #[serde(default)]
    pub t: String,
}

impl Memory {
    /// Keeps where a person was in a session.
    pub fn keep_place(&mut self, key: &str, place: Place) {
        self.order.retain(|known| known != key);
        self.order.push_back(key.to_owned());
        self.places.insert(key.to_owned(), place);
        while self.order.len() > MOST_PLACES {
            if let Some(oldest) = self.order.pop_front() {
                self.places.remove(&oldest);
            }
        }
    }

    /// A session is known by another key from now on.
    pub fn renamed(&mut self, old: &str, new: &str) {
        let here = [&mut self.last, &mut self.row].into_iter().flatten();
        here.filter(|key| *key == old).for_each(|key| new.clone_into(key));
        if let Some(place) = self.places.remove(old) {
            self.order.retain(|known| known != old);
            self.keep_place(new, place);
        }
        let acted = self.done.iter_mut().chain(&mut self.undone);
        acted.filter(|key| *key == old).for_each(|key| new.clone_into(key));
        self.decisions
            .iter_mut()
            .chain(&mut self.taken_back)
            .filter(|decided| decided.key == old)
            .for_each(|decided| new.clone_into(&mut decided.key));
    }

    /// Keeps in which session a person did something that can be undone.
    pub fn did(&mut self, key: String) {
        self.done.push(key);
        if self.done.len() > MOST_DONE {
            self.done.remove(0);
        }
    }

    /// Keeps a verdict among the last ones.
    pub fn keep_decision(&mut self, decided: Decided) {
        self.decisions.push_front(decided);
        self.decisions.truncate(DECISIONS);
    }

    /// Keeps a verdict that was undone, to be listed again when it is brought back.
    pub fn take_back(&mut self, decided: Decided) {
        self.taken_back.push(decided);
        if self.taken_back.len() > DECISIONS {
            self.taken_back.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_strange_files_are_read_as_far_as_understood() {
        let memory: Memory = serde_json::from_str(r#"{"theme":"dark","someday":1}"#).unwrap();
        assert_eq!(memory.theme.as_deref(), Some("dark"));
        let again: Memory = serde_json::from_str(&serde_json::to_string(&memory).unwrap()).unwrap();
        assert_eq!(again, memory);
    }

    #[test]
    fn only_so_many_places_are_kept() {
        let mut memory = Memory::default();
        let place = Place { moment: None, of: None, segment: None, pane: Pane::Trajectory };
        (0..MOST_PLACES + 3).for_each(|n| memory.keep_place(&format!("s{n}"), place.clone()));
        memory.keep_place("s9", place);
        assert_eq!((memory.places.len(), memory.order.len()), (MOST_PLACES, MOST_PLACES));
        assert!(!memory.places.contains_key("s2") && memory.order.back().is_some_and(|last| last == "s9"));
    }
}
