//! Messages become changes of the state and effects: one function a kind of message, nothing but state is touched.

mod acts;
mod back_ends;
mod batch;
mod bench;
mod branched;
mod desk;
mod export;
mod input;
mod judge;
mod library;
mod lists;
mod open;
mod search;
mod texts;
mod ticks;
mod trash;
mod view;

use super::bench::Bench;
use super::command::Command;
use super::memory::Memory;
use super::message::{At, Message};
use super::overlay::Overlay;
use super::{App, Effect};

impl App {
    /// Takes one message and says what is to be done.
    pub fn update(&mut self, at: At) -> Vec<Effect> {
        self.now = self.now.max(at.now);
        let effects = self.learn(at.message);
        if let Some(bench) = self.bench_mut() {
            bench.find_again();
        }
        effects
    }

    fn learn(&mut self, message: Message) -> Vec<Effect> {
        match message {
            Message::Input(input) => self.input(input),
            Message::Command(command) => self.run(command),
            Message::Pointed(target, press) => self.pointed(target, press),
            Message::Desk(desk, news) => self.desk_news(desk, news),
            Message::Listed(listing) => self.listed(listing),
            Message::SameListing => self.keep_looking(),
            Message::Runs(runs) => self.learned_runs(runs),
            Message::SearchedAll(ended) => self.searched_all(ended),
            Message::SameRuns => self.keep_watching(),
            Message::Filtered { wanted, rows } => {
                self.library.filtered(wanted, rows);
                Vec::new()
            }
            Message::Servers(servers) => self.list_back_ends(&servers),
            Message::Tick(tick) => self.ticked(tick),
            Message::Copied(Ok(how)) => self.tell(how),
            Message::Copied(Err(why)) => self.fail(why),
            Message::Written(text) => self.written(text),
            Message::Unsaved => self.ask_to_discard(),
            Message::Recalled(unsaved) => self.recalled(*unsaved),
            Message::Keys(Ok(keymap)) => {
                self.keymap = *keymap;
                self.tell("the keys are as the file says")
            }
            Message::Keys(Err(why)) => self.fail(why),
            Message::KeysRefused { why, text } => self.ask_about_keys(why, text),
            Message::Previewed { format, row } => {
                if let Some(Overlay::Export(view)) = self.overlays.last_mut()
                    && view.format == format
                {
                    view.preview = Some(row);
                }
                Vec::new()
            }
            Message::Exported(done) => self.exported(done),
            Message::WouldReplace(to) => self.would_replace(&to),
            Message::Removed(removed) => self.removed(removed),
            Message::Restored(restored) => self.restored(restored),
            Message::Begun(begun) => self.begun(begun),
            Message::Warned(why) => self.warn(why),
            Message::Terminate => self.quit(),
        }
    }

    /// Carries out a command.
    pub(super) fn run(&mut self, command: Command) -> Vec<Effect> {
        self.pending.clear();
        self.which_key = false;
        self.find_closed = false;
        if command != Command::Repeat && self.overlays.is_empty() {
            self.last_command = Some(command);
        }
        let stood = (self.bench().map(Bench::stands), self.given.len());
        let mut effects = self.act(command);
        let did = (self.bench().map(Bench::stands), self.given.len()) != stood;
        if self.tour_saw(command, did) {
            effects.extend(self.remember());
        }
        effects
    }

    /// What to keep for the next run.
    pub(super) fn remember(&self) -> Vec<Effect> {
        let row = self.library.selected().map(|row| row.key.clone()).or_else(|| self.memory.row.clone());
        vec![Effect::Remember(Box::new(Memory { row, ..self.memory.clone() }))]
    }

    fn quit(&mut self) -> Vec<Effect> {
        self.keep_place();
        let mut effects = self.remember();
        effects.extend(self.benches.keys().chain(self.errands.keys()).map(|desk| Effect::CloseDesk(*desk)));
        effects.push(Effect::Quit);
        effects
    }
}
