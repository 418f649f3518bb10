//! Commands that change only what is shown.

use crate::app::bench::{Bench, Pane, ordinal, signed};
use crate::app::effect::Scroll;
use crate::app::memory::Tour;
use crate::app::overlay::Overlay;
use crate::app::{App, Effect};

impl App {
    /// Up or down: rows of a list, segments of the trajectory, lines of a text.
    pub(super) fn go_up(&mut self, by: isize) -> Vec<Effect> {
        if let Some(Overlay::Form(form)) = self.overlays.last_mut() {
            form.step(by);
            return Vec::new();
        }
        match self.bench().map(|bench| bench.focus) {
            None => self.step_rows(by),
            Some(Pane::Query | Pane::Reference) => self.scroll(Scroll::Rows(by as i32)),
            Some(Pane::Trajectory | Pane::Chart) => self.touch(|bench| bench.step_segment(by)),
        }
    }

    pub(super) fn go_page(&mut self, by: isize) -> Vec<Effect> {
        if self.front.is_some() {
            return self.scroll(Scroll::Pages(by as i32));
        }
        self.step_rows(by * self.page.max(1) as isize)
    }

    /// Up or down in the list that is the screen.
    fn step_rows(&mut self, by: isize) -> Vec<Effect> {
        match self.batch_mut() {
            Some(batch) => batch.step(by),
            None => self.library.step(by),
        }
        Vec::new()
    }

    pub(super) fn select_row(&mut self, row: usize) -> Vec<Effect> {
        match self.batch_mut() {
            Some(batch) => batch.select_index(row),
            None => self.library.select_index(row),
        }
        Vec::new()
    }

    pub(super) fn go_end(&mut self, end: bool) -> Vec<Effect> {
        match self.bench().map(|bench| bench.focus) {
            None => self.select_row(if end { usize::MAX } else { 0 }),
            Some(Pane::Trajectory | Pane::Chart) => {
                let far = isize::MAX / 2;
                self.touch(|bench| bench.step_segment(if end { far } else { -far }))
            }
            Some(_) => self.scroll(if end { Scroll::Bottom } else { Scroll::Top }),
        }
    }

    /// Goes to the biggest gain or loss, then to the next smaller one; says which of how many it is.
    pub(super) fn go_to_change(&mut self, gains: bool) -> Vec<Effect> {
        let mut rank = None;
        let mut effects = self.travel(|bench| rank = bench.go_to_change(gains));
        let said = rank.zip(self.bench()).and_then(|((at, count), bench)| {
            let (moment, change) = (bench.moment()?, bench.change_at(bench.cursor())?);
            let kind = match (gains, count) {
                (true, 1) => "gain",
                (true, _) => "gains",
                (false, 1) => "loss",
                (false, _) => "losses",
            };
            let (at, name) = (ordinal(at + 1), moment.name(&bench.me));
            Some(format!("{at} of {count} {kind}: {name}, {} nats", signed(change)))
        });
        let none = if gains { "nothing gained here yet" } else { "nothing lost here" };
        effects.extend(self.tell(said.unwrap_or_else(|| none.to_owned())));
        effects
    }

    pub(super) fn turn_tint(&mut self, forward: bool) -> Vec<Effect> {
        // What is tinted is seen, also where it shares its place with a held version.
        let mut effects =
            self.on_bench(|bench| (bench.tint, bench.aside) = (bench.tint.turned(forward), Pane::Reference));
        let Some(bench) = self.bench() else { return effects };
        let (tint, said, nothing) = (bench.tint, bench.tint_in_full(), bench.compared().is_none());
        self.memory.tint = tint;
        let hint = match tint {
            crate::app::bench::Tint::Off => "the reference is not tinted".to_owned(),
            _ if nothing => format!("tint: {said} (hold or mark a version first)"),
            _ => format!("tint: {said}"),
        };
        effects.extend(self.tell(hint));
        effects.extend(self.remember());
        effects
    }

    /// Marks what is copied, or leaves it unmarked.
    pub(super) fn turn_leaks(&mut self) -> Vec<Effect> {
        let mut effects = self.on_bench(|bench| bench.leaks = !bench.leaks);
        let on = self.bench().is_some_and(|bench| bench.leaks);
        effects.extend(self.tell(match on {
            true => "what the trajectory copies is marked",
            false => "what the trajectory copies is no longer marked",
        }));
        effects
    }

    /// Holds the version under the cursor to compare others with, or lets it go.
    pub(super) fn hold(&mut self) -> Vec<Effect> {
        let Some(bench) = self.bench_mut() else { return Vec::new() };
        if bench.held.take().is_some() {
            bench.aside = Pane::Reference;
            return self.measure();
        }
        if bench.node().is_none() {
            return self.tell("there is no version to hold yet");
        }
        (bench.held, bench.aside) = (Some(bench.cursor()), Pane::Query);
        self.tell("held: move along the chart to compare; the same key lets it go")
    }

    pub(super) fn turn_measure(&mut self) -> Vec<Effect> {
        self.memory.shown = self.memory.shown.next();
        let shown = self.memory.shown;
        let mut effects = self.tell(format!("the chart shows: {}", shown.title()));
        effects.extend(self.remember());
        effects
    }

    pub(super) fn turn_scale(&mut self) -> Vec<Effect> {
        self.memory.log_scale = !self.memory.log_scale;
        let mut effects = self.tell(if self.memory.log_scale { "logarithmic scale" } else { "linear scale" });
        effects.extend(self.remember());
        effects
    }

    pub(super) fn turn_mouse(&mut self) -> Vec<Effect> {
        self.memory.mouse = !self.memory.mouse;
        let on = self.memory.mouse;
        let mut effects = vec![Effect::Mouse(on)];
        effects.extend(self.tell(if on {
            "the mouse points and scrolls here; hold shift to select text with the terminal"
        } else {
            "the mouse is the terminal's again"
        }));
        effects.extend(self.remember());
        effects
    }

    /// Begins the tour anew, or ends it while it runs.
    pub(super) fn restart_tour(&mut self) -> Vec<Effect> {
        let running = self.memory.tour != Tour::Over;
        // Who has a session before them has opened one.
        let first = usize::from(self.front.is_some());
        self.memory.tour = if running { Tour::Over } else { Tour::At(first) };
        let mut effects = self.remember();
        if running {
            effects.extend(self.tell("the tour is over; the same keys begin it anew"));
        } else if self.tour().is_none() {
            effects.extend(self.tell("the tour begins where there is something to step through"));
        }
        effects
    }

    /// Pane titles say what is selected: where a bench stands among the library's.
    pub fn position(&self, bench: &Bench) -> Option<(usize, usize)> {
        let at = self.library.view().position(|row| row.key == bench.key)?;
        Some((at + 1, self.library.len()))
    }
}
