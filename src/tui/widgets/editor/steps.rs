//! What one undo takes back: a word as it was typed, a run of erased characters, a paste.

/// What an edit was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Typed. What `begins` with a space begins a step; after what `ends` with a stop of a script without spaces, so
    /// does what follows.
    Typed { begins: bool, ends: bool },
    /// One character deleted.
    Erased,
    /// A step by itself.
    Whole,
}

impl Kind {
    pub(super) fn typed(text: &str) -> Kind {
        let stop = |c: char| !c.is_alphanumeric() && !c.is_ascii();
        Kind::Typed { begins: text.starts_with(char::is_whitespace), ends: text.ends_with(stop) }
    }

    /// Whether this belongs to the step that `last` ended.
    fn goes_on_from(self, last: Kind) -> bool {
        matches!(
            (last, self),
            (Kind::Typed { ends: false, .. }, Kind::Typed { begins: false, .. }) | (Kind::Erased, Kind::Erased)
        )
    }
}

/// Steps as numbers of entries in the area's history.
#[derive(Debug, Default)]
pub(super) struct Steps {
    done: Vec<usize>,
    undone: Vec<usize>,
    /// The edit that the next one may go on from.
    last: Option<Kind>,
}

impl Steps {
    pub(super) fn push(&mut self, entries: usize, kind: Kind) {
        self.undone.clear();
        match self.done.last_mut().filter(|_| self.last.is_some_and(|last| kind.goes_on_from(last))) {
            Some(step) => *step += entries,
            None => self.done.push(entries),
        }
        self.last = Some(kind);
    }

    /// The next edit begins a new step.
    pub(super) fn pause(&mut self) {
        self.last = None;
    }

    /// Entries to take back; none when there is nothing.
    pub(super) fn back(&mut self) -> usize {
        self.pause();
        let entries = self.done.pop();
        self.undone.extend(entries);
        entries.unwrap_or_default()
    }

    /// Entries to repeat.
    pub(super) fn forth(&mut self) -> usize {
        self.pause();
        let entries = self.undone.pop();
        self.done.extend(entries);
        entries.unwrap_or_default()
    }
}
