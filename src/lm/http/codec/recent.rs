//! Texts that were encoded lately, with their ids. The calls of a step share nearly all of their prompts with each other
//! and with the step before; what no call has asked for in a while is forgotten.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::control::Place;

/// Bytes of one of two halves: room for what a hundred examples in flight ask for, some thirty kilobytes each.
const MOST: usize = 4 << 20;

/// What an entry takes beside its text and its ids.
const AROUND: usize = 96;

/// Ids by text and by what stands before it.
#[derive(Debug, Default)]
pub(super) struct Recent {
    halves: Mutex<Halves>,
}

#[derive(Debug, Default)]
struct Halves {
    new: HashMap<Box<str>, Entry>,
    /// What `new` held when it was last full.
    old: HashMap<Box<str>, Entry>,
    /// Bytes of `new`.
    bytes: usize,
}

#[derive(Debug, Clone)]
struct Entry {
    place: Place,
    ids: Arc<[u32]>,
}

impl Recent {
    pub(super) fn get(&self, text: &str, place: Place) -> Option<Arc<[u32]>> {
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        let has = |entry: &&Entry| entry.place == place;
        if let Some(entry) = halves.new.get(text).filter(has) {
            return Some(entry.ids.clone());
        }
        let entry = halves.old.get(text).filter(has)?.clone();
        let ids = entry.ids.clone();
        halves.keep(text, entry);
        Some(ids)
    }

    pub(super) fn keep(&self, text: &str, place: Place, ids: Arc<[u32]>) {
        self.halves.lock().unwrap_or_else(PoisonError::into_inner).keep(text, Entry { place, ids });
    }
}

impl Halves {
    fn keep(&mut self, text: &str, entry: Entry) {
        let bytes = text.len() + 4 * entry.ids.len() + AROUND;
        // One long text shall not push out all the others.
        if bytes > MOST / 16 {
            return;
        }
        if self.bytes + bytes > MOST {
            self.old = std::mem::take(&mut self.new);
            self.bytes = 0;
        }
        self.bytes += bytes;
        self.new.insert(text.into(), entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_known_by_its_place_and_forgotten_when_nobody_asks() {
        let recent = Recent::default();
        let ids: Arc<[u32]> = Arc::from([1, 2]);
        recent.keep("a", Place::Start, ids.clone());
        assert_eq!(recent.get("a", Place::Start), Some(ids.clone()));
        assert_eq!(recent.get("a", Place::Inside), None);
        recent.keep("b", Place::Start, ids);
        let long = "x".repeat(MOST / 20);
        for at in 0..100 {
            recent.keep(&format!("{long}{at}"), Place::Start, Arc::from([]));
            assert!(recent.get("a", Place::Start).is_some(), "asked for all the time");
        }
        assert_eq!(recent.get("b", Place::Start), None);
        let halves = recent.halves.lock().unwrap();
        assert!(halves.bytes <= MOST && halves.new.len() + halves.old.len() <= 42);
    }
}
