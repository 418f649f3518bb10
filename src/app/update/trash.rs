//! Sessions moved to the library's trash, and brought back. Nothing is ever deleted.

use std::path::{Path, PathBuf};

use crate::app::library::{Place, Source};
use crate::app::overlay::{Act, Item, Overlay, Picker, Picking};
use crate::app::{App, Effect};

/// Stands before the paths of a removal among what a person did; no session's key begins so.
const REMOVED: &str = "removed:";

/// A removal, as it is kept among what a person did.
fn record(from: &Path, to: &Path) -> String {
    format!("{REMOVED}{}\n{}", from.display(), to.display())
}

/// Where a removed session was, and where it is now.
fn removal(key: &str) -> Option<(PathBuf, PathBuf)> {
    let (from, to) = key.strip_prefix(REMOVED)?.split_once('\n')?;
    Some((from.into(), to.into()))
}

impl App {
    pub(super) fn ask_to_remove(&mut self) -> Vec<Effect> {
        let Some(row) = self.library.selected() else { return Vec::new() };
        let Source::File(path) = &row.source else {
            return self.tell("there is no file of yours to remove: a sample and a pair have none before you begin");
        };
        if self.benches.values().any(|bench| bench.key == row.key) {
            return self.tell("a search runs in it; pause that first");
        }
        let item = |label: String, act| Item { label, detail: String::new(), aside: String::new(), act };
        let undo = self.key_of(crate::app::command::Command::Undo).unwrap_or_default();
        let items = vec![
            item("Leave it".to_owned(), Act::Nothing),
            item(
                format!("Move {} to the trash; {undo} brings it back", row.summary.called()),
                Act::Remove(path.clone()),
            ),
        ];
        self.overlays.push(Overlay::List(Picker::new(Picking::Remove, items)));
        Vec::new()
    }

    pub(super) fn removed(&mut self, removed: Result<(PathBuf, PathBuf), String>) -> Vec<Effect> {
        let (from, to) = match removed {
            Ok(moved) => moved,
            Err(why) => return self.fail(why),
        };
        let key = Source::File(from.clone()).key();
        let beside = self.library.beside(&key, 1).or(self.library.beside(&key, -1)).map(|row| row.key.clone());
        if let Some(beside) = beside {
            self.library.select(&beside);
        }
        self.memory.did(record(&from, &to));
        self.memory.undone.clear();
        let undo = self.key_of(crate::app::command::Command::Undo).unwrap_or_default();
        let mut effects = self.tell(format!("moved to {} · {undo} brings it back", to.display()));
        effects.push(Effect::List);
        effects.extend(self.remember());
        effects
    }

    pub(super) fn restored(&mut self, restored: Result<PathBuf, String>) -> Vec<Effect> {
        let to = match restored {
            Ok(to) => to,
            Err(why) => return self.fail(why),
        };
        self.library.select(&Source::File(to.clone()).key());
        let mut effects = self.tell(format!("{} is back", to.display()));
        effects.push(Effect::List);
        effects
    }

    /// Brings back what this removal took away; `None` when the key is a session's.
    pub(super) fn restore(&mut self, key: &str) -> Option<Vec<Effect>> {
        let (from, to) = removal(key)?;
        let mut effects = vec![Effect::Restore { from: to, to: from }];
        effects.extend(self.remember());
        Some(effects)
    }

    /// Removes again what was brought back.
    pub(super) fn remove_again(&self, key: &str) -> Option<Vec<Effect>> {
        removal(key).map(|(from, _)| vec![Effect::Remove(from)])
    }

    /// Whether the key is that of a removal from the folder that is listed.
    pub(super) fn was_here(&self, key: &str) -> bool {
        let folder = match self.library.listing.as_ref().map(|listing| &listing.place) {
            Some(Place::Folder(folder)) => folder,
            _ => &self.home,
        };
        removal(key).is_some_and(|(from, _)| from.starts_with(folder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removal_is_told_from_a_session() {
        let (from, to) = (PathBuf::from("/l/a b.jsonl"), PathBuf::from("/l/.retrace/trash/a b.jsonl"));
        assert_eq!(removal(&record(&from, &to)), Some((from, to)));
        assert_eq!(removal("/l/a b.jsonl"), None);
    }
}
