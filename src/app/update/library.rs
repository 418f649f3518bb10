//! The library: what was listed, queues, order, filter.

use std::sync::Arc;

use crate::app::library::{Listing, Place};
use crate::app::{App, Effect};

impl App {
    pub(super) fn listed(&mut self, listing: Result<Box<Listing>, String>) -> Vec<Effect> {
        let first = self.library.listing.is_none();
        match listing {
            Ok(listing) => {
                // New sessions go where the library is that is looked at.
                if let Place::Folder(path) = &listing.place {
                    self.home.clone_from(path);
                }
                self.library.listed(*listing);
            }
            Err(why) => self.library.error = Some(why),
        }
        let mut effects = self.keep_looking();
        if !self.library.filter.text().is_empty() {
            effects.extend(self.ask_filter());
        }
        if first && self.front.is_none() {
            effects.extend(self.open_where_it_was());
            effects.extend(self.is_library().then(|| Effect::RecallText(String::new())));
        }
        effects
    }

    /// The session that was asked for, or that was open last.
    fn open_where_it_was(&mut self) -> Vec<Effect> {
        let wanted = match self.open_first {
            true => self.library.view().next().cloned(),
            false => self.memory.last.as_deref().and_then(|key| self.library.row(key)).cloned(),
        };
        wanted.map(|row| self.open_row(&row)).unwrap_or_default()
    }

    pub(super) fn filter(&mut self, text: String) -> Vec<Effect> {
        self.library.filter_by(&text);
        if text.is_empty() {
            self.library.arrange();
            return Vec::new();
        }
        self.ask_filter()
    }

    fn ask_filter(&self) -> Vec<Effect> {
        let wanted = self.library.filter.text().to_owned();
        vec![Effect::Filter { wanted, rows: Arc::clone(&self.library.haystack) }]
    }

    pub(super) fn turn_queue(&mut self, forward: bool) -> Vec<Effect> {
        self.library.queue = self.library.queue.turned(forward);
        self.memory.queue = self.library.queue;
        self.library.arrange();
        self.remember()
    }

    pub(super) fn turn_sort(&mut self) -> Vec<Effect> {
        self.library.turn_sort();
        self.memory.column = self.library.column;
        self.remember()
    }

    pub(super) fn turn_order(&mut self) -> Vec<Effect> {
        self.library.turn_order();
        self.memory.descending = self.library.descending;
        self.remember()
    }
}
