//! Timers: playing, the clock while something runs, notices, a look at the library.

use std::time::Duration;

use crate::app::effect::Tick;
use crate::app::{App, Effect};

/// How often the status line's clock moves while something runs.
const SECOND: Duration = Duration::from_secs(1);

/// A text that is being written is kept so long after it was changed.
const TEXT: Duration = Duration::from_secs(2);

/// How often the library on the screen is looked at again.
const LIBRARY: Duration = Duration::from_secs(3);

impl App {
    pub(super) fn ticked(&mut self, tick: Tick) -> Vec<Effect> {
        self.ticking.remove(&tick);
        match tick {
            Tick::Play => self.play_on(),
            Tick::Clock => self.keep_clock(),
            Tick::Notice => {
                self.forget_notice();
                Vec::new()
            }
            Tick::Library if self.is_library() => vec![Effect::List],
            Tick::Runs if self.batch().is_some() => vec![Effect::Runs],
            Tick::Library | Tick::Runs => Vec::new(),
            Tick::Text => self.keep_text(),
            Tick::Prefix => {
                self.which_key = !self.pending.is_empty();
                Vec::new()
            }
        }
    }

    /// Asks for a timer unless it runs already.
    pub(super) fn tick(&mut self, tick: Tick, after: Duration) -> Vec<Effect> {
        if self.ticking.insert(tick) { vec![Effect::Tick(tick, after)] } else { Vec::new() }
    }

    /// Keeps a text that was changed, in a while.
    pub(super) fn keep_text_soon(&mut self) -> Vec<Effect> {
        self.tick(Tick::Text, TEXT)
    }

    /// Keeps the clock going while something runs.
    pub(super) fn keep_clock(&mut self) -> Vec<Effect> {
        let busy = self.benches.values().any(|bench| bench.since.is_some());
        if busy { self.tick(Tick::Clock, SECOND) } else { Vec::new() }
    }

    /// Keeps looking at the library while it is on the screen.
    pub(super) fn keep_looking(&mut self) -> Vec<Effect> {
        if self.is_library() { self.tick(Tick::Library, LIBRARY) } else { Vec::new() }
    }

    /// Keeps looking at the runs while they are on the screen; they speak once a second.
    pub(super) fn keep_watching(&mut self) -> Vec<Effect> {
        if self.batch().is_some() { self.tick(Tick::Runs, SECOND) } else { Vec::new() }
    }

    fn play_on(&mut self) -> Vec<Effect> {
        let mut effects = self.on_bench(|bench| {
            if bench.play.is_some() {
                bench.step(1);
                if bench.is_at_end() {
                    bench.play = None;
                }
            }
        });
        effects.extend(self.keep_playing());
        effects
    }

    pub(super) fn keep_playing(&mut self) -> Vec<Effect> {
        let wait = self.bench().and_then(crate::app::bench::Bench::play_wait);
        wait.map(|wait| self.tick(Tick::Play, wait)).unwrap_or_default()
    }
}
