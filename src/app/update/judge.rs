//! Verdicts, ratings, tags, marks; undoing and bringing back what a person did, in whichever session it was.

use super::export::lowest_beside;
use crate::app::bench::{Bench, FLAG, Pane, flag, renamed, verdict};
use crate::app::command::Command;
use crate::app::effect::DeskId;
use crate::app::{App, Effect, Given};
use crate::engine::desk::Order;
use crate::reer::search::NodeId;
use crate::session::{Head, Payload, Verdict};

impl App {
    /// Gives an order by which a person changes the session on the screen.
    pub(super) fn give(&mut self, order: Order) -> Vec<Effect> {
        let Some((desk, key)) = self.bench().map(|bench| (bench.desk, bench.key.clone())) else { return Vec::new() };
        self.given.push(Given { desk, key, undone: false });
        vec![Effect::Order(desk, Box::new(order))]
    }

    fn record(&mut self, payload: Option<Payload>) -> Vec<Effect> {
        payload.map(|payload| self.give(Order::Record(vec![payload]))).unwrap_or_default()
    }

    /// Gives the order that a function of the bench makes, or tells why there is none.
    pub(super) fn order(&mut self, make: impl FnOnce(&Bench) -> Result<Order, String>) -> Vec<Effect> {
        match self.bench().map(make) {
            Some(Ok(order)) => {
                self.on_bench(|bench| {
                    bench.go_along();
                    bench.steady = true;
                    // What is done to a segment is seen.
                    if matches!(bench.focus, Pane::Query | Pane::Reference) {
                        bench.focus = Pane::Trajectory;
                    }
                });
                self.give(order)
            }
            Some(Err(why)) => self.tell(why),
            None => Vec::new(),
        }
    }

    /// Judges the example and goes on to the next one that waits.
    pub(super) fn judge(&mut self, said: Verdict) -> Vec<Effect> {
        let order = Order::Record(vec![verdict(said)]);
        if self.front.is_some() { self.say_and_go_on(order) } else { self.say_of_row(order) }
    }

    /// Raises the flag, or lowers it, and goes on as a verdict does.
    pub(super) fn flag(&mut self) -> Vec<Effect> {
        let raised = match self.bench() {
            Some(bench) => bench.state.annotations.flags().contains_key(FLAG),
            None => self.library.selected().is_some_and(|row| row.summary.flags.contains(FLAG)),
        };
        let order = Order::Record(vec![flag(!raised)]);
        match self.front {
            // Lowering it is done to stay.
            Some(_) if raised => self.give(order),
            Some(_) => self.say_and_go_on(order),
            None => self.say_of_row(order),
        }
    }

    fn say_and_go_on(&mut self, order: Order) -> Vec<Effect> {
        let Some(bench) = self.bench().filter(|bench| !bench.loading) else { return Vec::new() };
        // What cannot be recorded is not left behind as if it were.
        if let Some(why) = bench.read_only.clone() {
            return self.fail(format!("nothing was recorded: {why}"));
        }
        let key = bench.key.clone();
        let mut effects = self.give(order);
        match self.library.next_undecided(&key).cloned() {
            Some(next) => effects.extend(self.open_row(&next)),
            None => {
                effects.extend(self.close_session());
                if !self.library.filter.text().is_empty() {
                    effects.extend(self.tell("nothing that the filter leaves waits for a verdict any more"));
                }
            }
        }
        effects
    }

    fn say_of_row(&mut self, order: Order) -> Vec<Effect> {
        let Some(key) = self.library.selected().map(|row| row.key.clone()) else { return Vec::new() };
        let effects = self.record_in_row(order);
        if let Some(next) = self.library.next_undecided(&key).map(|next| next.key.clone()) {
            self.library.select(&next);
        }
        effects
    }

    /// Gives an order to the selected row's session, without putting it on the screen.
    fn record_in_row(&mut self, order: Order) -> Vec<Effect> {
        let Some(row) = self.library.selected().cloned() else { return Vec::new() };
        let (desk, mut effects) = self.errand(&row);
        self.given.push(Given { desk, key: row.key, undone: false });
        effects.push(Effect::Order(desk, Box::new(order)));
        effects.extend(self.end_errand(desk));
        effects
    }

    pub(super) fn rate(&mut self, stars: u8) -> Vec<Effect> {
        self.record(Some(Bench::rate(stars)))
    }

    /// Adds the tags that were typed last, or takes away those that are there.
    pub(super) fn tag(&mut self) -> Vec<Effect> {
        let tags = self.bench().map(|bench| self.last_tags.iter().map(|name| bench.tag(name)).collect());
        tags.map(|tags| self.give(Order::Record(tags))).unwrap_or_default()
    }

    /// Calls the session by this name; by its first one when it is empty or that.
    pub(super) fn rename(&mut self, name: &str) -> Vec<Effect> {
        let (id, called) = match (self.bench(), self.library.selected()) {
            (Some(bench), _) => (bench.state.id.clone(), bench.state.called().to_owned()),
            (None, Some(row)) => (row.summary.id.clone(), row.summary.called().to_owned()),
            (None, None) => return Vec::new(),
        };
        let name = if name.is_empty() { id.as_str() } else { name };
        if name == called {
            return self.tell(format!("it is called {called} already"));
        }
        let order = Order::Record(vec![renamed(if name == id { "" } else { name })]);
        if self.front.is_some() { self.give(order) } else { self.record_in_row(order) }
    }

    pub(super) fn mark(&mut self) -> Vec<Effect> {
        match self.bench().map(Bench::mark) {
            Some(None) => self.tell("there is no version to mark yet"),
            payload => self.record(payload.flatten()),
        }
    }

    /// Begins a branch of this name at a version, and makes it current.
    pub(super) fn fork(&mut self, node: NodeId, name: &str) -> Vec<Effect> {
        let payloads = Bench::fork(node, name);
        self.on_bench(Bench::go_along);
        let mut effects = self.give(Order::Record(payloads));
        let searching = self.bench().is_some_and(Bench::is_searching);
        effects.extend(self.tell(match (searching, self.key_of(Command::GoOn)) {
            (false, Some(on)) => format!("{name} begins here; {on} lets the search go on from it"),
            _ => format!("{name} begins here; the search goes on from it"),
        }));
        effects
    }

    /// Makes the last version of a branch current: from there on the search goes on, and it is what is kept.
    pub(super) fn switch(&mut self, node: NodeId, branch: Option<String>) -> Vec<Effect> {
        let mut effects = self.go_to_version(node);
        let Some(bench) = self.bench() else { return effects };
        if bench.state.head() == Some(node) || bench.read_only.is_some() {
            return effects;
        }
        let name = branch.clone().unwrap_or_else(|| format!("v{}", node.0));
        self.on_bench(Bench::go_along);
        effects.extend(self.give(Order::Record(vec![Payload::Head(Head { node, branch })])));
        let (on, undo) = (self.key_of(Command::GoOn), self.key_of(Command::Undo));
        let (on, undo) = (on.unwrap_or_default(), undo.unwrap_or_default());
        effects.extend(self.tell(format!("{name} is current; {on} lets the search go on from it · {undo} undoes")));
        effects
    }

    /// That another version has a lower score than the one that goes out.
    pub(super) fn lower_than_kept(&self, desk: DeskId) -> Option<String> {
        let search = self.state_of(desk)?.search.as_ref()?;
        lowest_beside(search, search.outcome()?)
    }

    pub(super) fn undo(&mut self) -> Vec<Effect> {
        // What was done last may still be on its way to the disk.
        let on_its_way = self.given.iter_mut().rev().find(|given| !given.undone).map(|given| {
            given.undone = true;
            given.key.clone()
        });
        match on_its_way.or_else(|| self.done_here()) {
            Some(key) => {
                self.memory.undone.push(key.clone());
                self.restore(&key).unwrap_or_else(|| self.order_at(&key, Order::Undo))
            }
            None => self.undo_earlier(),
        }
    }

    /// The session in which a person did something last, of those that are listed here; it is taken off the list.
    fn done_here(&mut self) -> Option<String> {
        let here = |key: &String| {
            self.library.row(key).is_some() || self.bench().is_some_and(|b| b.key == *key) || self.was_here(key)
        };
        let at = self.memory.done.iter().rposition(here)?;
        Some(self.memory.done.remove(at))
    }

    /// The oldest action on its way from this desk has arrived, or never will. True when it still stands.
    pub(super) fn arrived(&mut self, desk: DeskId) -> bool {
        let at = self.given.iter().position(|given| given.desk == desk);
        at.is_none_or(|at| !self.given.remove(at).undone)
    }

    /// What a person did in an earlier run of the program, in the session on the screen.
    fn undo_earlier(&mut self) -> Vec<Effect> {
        let Some(bench) = self.bench().filter(|bench| bench.state.undoable(&self.author).is_some()) else {
            let elsewhere = self.memory.done.last().map(|key| format!("; what you did last is in {key}"));
            return self.tell(format!("there is nothing to undo here{}", elsewhere.unwrap_or_default()));
        };
        let key = bench.key.clone();
        self.memory.undone.push(key.clone());
        self.order_at(&key, Order::Undo)
    }

    pub(super) fn redo(&mut self) -> Vec<Effect> {
        match self.memory.undone.pop() {
            Some(key) => match self.remove_again(&key) {
                Some(effects) => effects,
                None => {
                    self.memory.did(key.clone());
                    self.order_at(&key, Order::Redo)
                }
            },
            None if self.bench().is_some_and(|bench| bench.state.redoable(&self.author).is_some()) => {
                let key = self.bench().map(|bench| bench.key.clone()).unwrap_or_default();
                self.memory.did(key.clone());
                self.order_at(&key, Order::Redo)
            }
            None => self.tell("there is nothing to bring back"),
        }
    }

    /// Undoes or redoes in the session of this key: on the screen when a session is there, else without one.
    fn order_at(&mut self, key: &str, order: Order) -> Vec<Effect> {
        let on_screen: Option<DeskId> = self.front.filter(|_| self.bench().is_some_and(|bench| bench.key == key));
        if let Some(desk) = on_screen {
            return vec![Effect::Order(desk, Box::new(order))];
        }
        let Some(row) = self.library.row(key).cloned() else {
            return self.warn(format!("{key} is no longer in the library"));
        };
        if self.front.is_some() {
            let mut effects = self.open_row(&row);
            self.jumped = true;
            effects.extend(self.front.map(|desk| Effect::Order(desk, Box::new(order))));
            return effects;
        }
        let (desk, mut effects) = self.errand(&row);
        effects.push(Effect::Order(desk, Box::new(order)));
        effects.extend(self.end_errand(desk));
        self.library.select(key);
        effects.push(Effect::List);
        effects
    }
}
