//! The batch screen: which run is looked at, and what it is asked for. A run answers in its record.

use crate::app::batch::{Batch, Runs};
use crate::app::command::Command;
use crate::app::library::Place;
use crate::app::overlay::{Act, Item, Overlay, Picker, Picking};
use crate::app::{App, Effect};
use crate::engine::desk::Origin;
use crate::session::runs::{Standing, Wish};

impl App {
    /// Puts the batch screen up; a session that was on the screen is left. One that was opened from the batch leads
    /// back to it.
    pub(super) fn open_batch(&mut self) -> Vec<Effect> {
        let from = self.bench().map(|bench| bench.key.clone());
        let mut effects = self.leave();
        self.memory.last = None;
        self.batch.get_or_insert_with(|| Batch::opened_from(from));
        effects.extend(self.remember());
        effects.push(Effect::Runs);
        effects
    }

    /// Searches every pair of the file that is listed, in this process.
    pub(super) fn search_all(&mut self) -> Vec<Effect> {
        if self.batching {
            return self.tell("a batch of this process runs already");
        }
        let Some(Place::Pairs(input)) = self.library.listing.as_ref().map(|listing| listing.place.clone()) else {
            let visit = self.keymap.keys_of(Command::Visit.entry().contexts, Command::Visit).into_iter().next();
            let visit = visit.unwrap_or_default();
            return self.tell(format!("a file of pairs must be listed: in the library, {visit} goes to one"));
        };
        self.batching = true;
        let setup = self.setup();
        let said = format!(
            "searching every pair: {} candidates a step, {} steps, {}, {}",
            setup.search.candidates, setup.search.steps, setup.generator, setup.scorer
        );
        let mut effects = vec![Effect::SearchAll { input, setup: Box::new(setup) }];
        effects.extend(self.tell(said));
        effects
    }

    pub(super) fn searched_all(&mut self, ended: Result<String, String>) -> Vec<Effect> {
        self.batching = false;
        match ended {
            Ok(what) => self.tell(format!("the batch has ended: {what}")),
            Err(why) => self.fail(format!("the batch: {why}")),
        }
    }

    pub(super) fn on_batch(&mut self, change: impl FnOnce(&mut Batch)) -> Vec<Effect> {
        if let Some(batch) = self.batch_mut() {
            change(batch);
        }
        Vec::new()
    }

    pub(super) fn learned_runs(&mut self, runs: Result<Runs, String>) -> Vec<Effect> {
        let mut effects = self.keep_watching();
        let Some(batch) = &mut self.batch else { return effects };
        match runs {
            Ok(runs) => {
                if let Some(told) = batch.learn(runs).filter(|told| told.by == self.author) {
                    effects.extend(self.tell(format!("{}: {}", told.asked, told.answer)));
                }
            }
            Err(why) => batch.error = Some(why),
        }
        effects
    }

    pub(super) fn step_run(&mut self, by: isize) -> Vec<Effect> {
        let moved = self.batch_mut().is_some_and(|batch| batch.step_run(by));
        match (moved, by > 0) {
            (true, _) => Vec::new(),
            (false, true) => self.tell("this is the oldest run that is known"),
            (false, false) => self.tell("this is the latest run"),
        }
    }

    /// Opens the session of the selected row, to watch it or to see what became of it.
    pub(super) fn open_of_batch(&mut self) -> Vec<Effect> {
        match self.batch().and_then(Batch::selected_file) {
            Some(path) => self.open(path.display().to_string(), Origin::File(path)),
            None => self.tell("there is no session in this row"),
        }
    }

    /// Leaves a request to the run that is looked at.
    pub(super) fn ask_run(&mut self, wish: impl FnOnce(&mut Batch) -> Option<Wish>) -> Vec<Effect> {
        let Some(batch) = self.batch_mut() else { return Vec::new() };
        let Some(seen) = batch.run() else { return self.tell("there is no run to ask") };
        let said = match seen.standing {
            Standing::Ended => {
                "this run has ended; the same command again goes on, with --retry-failed with what failed"
            }
            Standing::Gone => "this run's process is gone; the same command again goes on where it stopped",
            Standing::Silent => "it has been silent for a while, and is asked all the same",
            Standing::Live => "asked; the run answers within a second",
        };
        if !seen.takes_requests() {
            return self.tell(said);
        }
        let run = seen.record.run.clone();
        let (Some(root), Some(wish)) = (batch.runs.as_ref().map(|runs| runs.root.clone()), wish(batch)) else {
            return Vec::new();
        };
        let mut effects = vec![Effect::Ask { root, run, wish }];
        effects.extend(self.tell(said));
        effects
    }

    /// Asks for the selected failed example to be searched again.
    pub(super) fn requeue(&mut self) -> Vec<Effect> {
        let Some(id) = self.batch().and_then(Batch::selected_failure).map(str::to_owned) else {
            return self.tell("select a failed example in the list of those that failed");
        };
        self.ask_run(|_| Some(Wish::Requeue { id }))
    }

    /// Stopping ends what may have run for days: it is asked about first.
    pub(super) fn ask_to_stop(&mut self) -> Vec<Effect> {
        if !self.batch().and_then(Batch::run).is_some_and(|seen| seen.takes_requests()) {
            return self.ask_run(|_| Some(Wish::Stop));
        }
        let item =
            |label: &str, act| Item { label: label.to_owned(), detail: String::new(), aside: String::new(), act };
        let items = vec![
            item("Let it run", Act::Nothing),
            item("Stop it; the same command goes on with it where it stopped", Act::StopRun),
        ];
        self.overlays.push(Overlay::List(Picker::new(Picking::StopRun, items)));
        Vec::new()
    }
}
