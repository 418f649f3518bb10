//! Opening sessions and leaving them. One that searches goes on out of sight.

use crate::app::bench::{Bench, Pane};
use crate::app::command::Command;
use crate::app::effect::DeskId;
use crate::app::library::Row;
use crate::app::overlay::{Act, Item, Overlay, Picker, Picking};
use crate::app::{App, Effect, Errand};
use crate::engine::desk::Origin;
use crate::session::State;

impl App {
    fn new_desk(&mut self) -> DeskId {
        self.next_desk += 1;
        DeskId(self.next_desk - 1)
    }

    pub(super) fn open_selected(&mut self) -> Vec<Effect> {
        match self.library.selected().cloned() {
            Some(row) => self.open_row(&row),
            None => Vec::new(),
        }
    }

    /// Puts a row's session on the screen.
    pub(super) fn open_row(&mut self, row: &Row) -> Vec<Effect> {
        self.library.select(&row.key);
        let origin = row.source.origin(&self.home);
        self.open(row.key.clone(), origin)
    }

    /// Puts a session on the screen: the one that is open already, or a new desk.
    pub(super) fn open(&mut self, key: String, origin: Origin) -> Vec<Effect> {
        let mut effects = self.leave();
        let known = self.benches.iter().find(|(_, bench)| bench.key == key).map(|(desk, _)| *desk);
        self.memory.last = Some(key.clone());
        match known {
            Some(desk) => self.front = Some(desk),
            None => {
                let desk = self.new_desk();
                let mut bench = Bench::new(desk, key.clone(), self.author.clone());
                bench.tint = self.memory.tint;
                bench.returning = self.memory.places.get(&key).cloned();
                self.benches.insert(desk, bench);
                self.front = Some(desk);
                effects.push(Effect::OpenDesk(desk, origin));
            }
        }
        effects.extend(self.remember());
        effects
    }

    /// Opens a desk without a screen, for one thing that is to be recorded.
    pub(super) fn errand(&mut self, row: &Row) -> (DeskId, Vec<Effect>) {
        if let Some((desk, _)) = self.benches.iter().find(|(_, bench)| bench.key == row.key) {
            return (*desk, Vec::new());
        }
        let desk = self.new_desk();
        let (key, title) = (row.key.clone(), row.summary.called().to_owned());
        self.errands.insert(desk, Errand { key, title, state: State::default() });
        (desk, vec![Effect::OpenDesk(desk, row.source.origin(&self.home))])
    }

    /// Ends an errand's desk once it has done what it was told.
    pub(super) fn end_errand(&self, desk: DeskId) -> Vec<Effect> {
        if self.benches.contains_key(&desk) { Vec::new() } else { vec![Effect::CloseDesk(desk)] }
    }

    /// Remembers where the person is.
    pub(super) fn keep_place(&mut self) {
        if let Some((key, place)) = self.bench().filter(|b| !b.loading).map(|bench| (bench.key.clone(), bench.place()))
        {
            self.memory.keep_place(&key, place);
        }
    }

    /// Takes the session off the screen. Its desk closes unless a search runs there.
    pub(super) fn leave(&mut self) -> Vec<Effect> {
        self.keep_place();
        let Some(desk) = self.front.take() else { return Vec::new() };
        let Some(bench) = self.benches.get_mut(&desk) else { return Vec::new() };
        bench.play = None;
        if bench.is_busy() {
            // It goes on out of sight: see `rested`.
            return Vec::new();
        }
        self.close_out_of_sight(desk)
    }

    /// Closes a bench's desk; what it still has to write it writes as an errand.
    pub(super) fn close_out_of_sight(&mut self, desk: DeskId) -> Vec<Effect> {
        let title = self.title_of(desk);
        if let Some(bench) = self.benches.remove(&desk) {
            self.errands.insert(desk, Errand { key: bench.key, title, state: bench.state });
        }
        vec![Effect::CloseDesk(desk)]
    }

    /// What is known of a session, on the bench or on an errand.
    pub(super) fn state_of(&self, desk: DeskId) -> Option<&State> {
        let of_errand = self.errands.get(&desk).map(|errand| &errand.state);
        self.benches.get(&desk).map(|bench| &bench.state).or(of_errand)
    }

    /// What a session is called in a notice.
    pub(super) fn title_of(&self, desk: DeskId) -> String {
        let of_bench = self.benches.get(&desk).map(|bench| bench.state.called().to_owned());
        of_bench.or_else(|| self.errands.get(&desk).map(|errand| errand.title.clone())).unwrap_or_default()
    }

    /// Back to the screen below: the batch, else the library.
    pub(super) fn close_session(&mut self) -> Vec<Effect> {
        let mut effects = self.leave();
        self.memory.last = None;
        effects.extend(self.remember());
        effects.push(if self.batch.is_some() { Effect::Runs } else { Effect::List });
        effects
    }

    /// Closes what is on top: an overlay, a search inside a pane, a zoomed pane, the session; then the program.
    pub(super) fn close(&mut self) -> Vec<Effect> {
        if let Some(effects) = self.close_smaller() {
            return effects;
        }
        if self.front.is_some() {
            return self.close_session();
        }
        if let Some(batch) = self.batch.take() {
            return match batch.from.and_then(|key| self.library.row(&key).cloned()) {
                Some(row) => self.open_row(&row),
                None => vec![Effect::List],
            };
        }
        if self.searching() == 0 && !self.batching {
            return self.quit();
        }
        let item =
            |label: &str, act| Item { label: label.to_owned(), detail: String::new(), aside: String::new(), act };
        let items = vec![
            item("Stay", Act::Nothing),
            item("Quit; the search pauses and goes on when you start it again", Act::Quit),
        ];
        self.overlays.push(Overlay::List(Picker::new(Picking::Quit, items)));
        Vec::new()
    }

    /// Closes what is on top, and never a screen.
    pub(super) fn dismiss(&mut self) -> Vec<Effect> {
        if let Some(effects) = self.close_smaller() {
            return effects;
        }
        if self.bench_mut().is_some_and(crate::app::bench::Bench::leave_candidate) {
            return Vec::new();
        }
        let key = self.key_of(Command::Close).unwrap_or_default();
        self.tell(match self.below() {
            Some(below) => format!("{key} goes back to the {below}"),
            None => format!("{key} quits"),
        })
    }

    /// The screen to which closing this one leads; none below the library.
    pub fn below(&self) -> Option<&'static str> {
        match (self.front, &self.batch) {
            (Some(_), Some(_)) => Some("batch"),
            (None, Some(batch)) if batch.from.as_ref().is_some_and(|key| self.library.row(key).is_some()) => {
                Some("session")
            }
            (Some(_), None) | (None, Some(_)) => Some("library"),
            (None, None) => None,
        }
    }

    /// Closes the uppermost thing that is less than a screen; `None` when there is none.
    fn close_smaller(&mut self) -> Option<Vec<Effect>> {
        if !self.overlays.is_empty() {
            return Some(self.close_overlay());
        }
        if let Some(bench) = self.bench_mut() {
            if bench.find.take().is_some() {
                self.find_closed = true;
                return Some(self.measure());
            }
            bench.aside = Pane::Reference;
            let closed = bench.held.take().is_some() || std::mem::take(&mut bench.zoom);
            return closed.then(|| self.measure());
        }
        if self.batch.is_some() || self.library.filter.text().is_empty() {
            return None;
        }
        Some(self.filter(String::new()))
    }

    /// Opens the session beside this one in the library's order.
    pub(super) fn open_beside(&mut self, by: isize) -> Vec<Effect> {
        let Some(key) = self.bench().map(|bench| bench.key.clone()) else { return Vec::new() };
        match self.library.beside(&key, by).cloned() {
            Some(row) => self.open_row(&row),
            None if by > 0 => self.tell("this is the last session of the library"),
            None => self.tell("this is the first session of the library"),
        }
    }
}
