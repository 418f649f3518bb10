//! Starting, pausing and continuing searches; candidates on request.

use crate::app::bench::Bench;
use crate::app::command::{Command, Context};
use crate::app::effect::{DeskId, Tick};
use crate::app::memory::RememberedSetup;
use crate::app::overlay::{BackEndNames, Form, Overlay};
use crate::app::{App, Effect};
use crate::engine::Setup;
use crate::engine::desk::Order;
use crate::lm::spec::Spec;
use crate::reer::search::{NodeId, StopReason};
use crate::session::Status;

impl App {
    /// The settings that a new search starts with: those of the last form, else those of the settings.
    pub(super) fn setup(&self) -> Setup {
        match &self.memory.setup {
            Some(RememberedSetup { generator, scorer, search }) => {
                Setup { generator: generator.clone(), scorer: scorer.clone(), search: search.clone() }
            }
            None => self.defaults.clone(),
        }
    }

    /// The settings that the session on the screen goes on with.
    fn setup_here(&self) -> Option<Setup> {
        let bench = self.bench()?;
        Some(Setup::going_on(&bench.state, &self.setup()))
    }

    /// Asks whether the pair fits its scorer where that scorer is open anyway: the one of the settings, in this process.
    /// Any other is asked when the search starts.
    pub(super) fn ask_fit(&self, desk: DeskId) -> Option<Effect> {
        let setup = self.setup();
        let here = !matches!(setup.scorer.parse(), Ok(Spec::Servers(_)));
        let asked = here && setup.scorer == self.defaults.scorer;
        asked.then(|| Effect::Order(desk, Box::new(Order::Fit(setup))))
    }

    /// Why the session on the screen cannot be searched with the settings that it would be.
    pub fn misfit(&self) -> Option<&str> {
        let bench = self.bench()?;
        bench.misfit(&self.setup_here()?.scorer)
    }

    pub(super) fn run_search(&mut self) -> Vec<Effect> {
        let Some(bench) = self.bench().filter(|bench| !bench.loading) else { return Vec::new() };
        if bench.is_searching() {
            let pause = self.key_of(Command::Play).unwrap_or_default();
            return self.tell(format!("the search is running; {pause} pauses it"));
        }
        if let Some(why) = bench.unwritable() {
            return self.warn(why);
        }
        if bench.ended_for_good() {
            let mut effects = self.open_form();
            let key =
                |context, command| self.keymap.keys_of(&[context], command).into_iter().next().unwrap_or_default();
            let (start, on) = (key(Context::Form, Command::Start), key(Context::Bench, Command::GoOn));
            effects.extend(self.tell(format!(
                "the search has ended: {start} goes on with these steps; or close this, move to another version, and {on}"
            )));
            return effects;
        }
        if bench.wants_steps() {
            return self.ask_for_steps();
        }
        let fresh = bench.search().is_none();
        let Some(setup) = self.setup_here() else { return Vec::new() };
        let started = setup.clone();
        let mut effects = self.start(setup);
        if fresh {
            let with = self.key_of(Command::RunWith).unwrap_or_default();
            let search = &started.search;
            let threshold = search.threshold.map(|nats| format!(", to {nats} nats")).unwrap_or_default();
            let as_set = if started == self.defaults { "" } else { "as you set it last: " };
            effects.extend(self.tell(format!(
                "searching {as_set}{} candidates a step, {} steps{threshold}, {}, {}; {with} chooses other settings",
                search.candidates, search.steps, started.generator, started.scorer
            )));
        }
        effects
    }

    /// Starts, or goes on, with these settings.
    pub(super) fn start(&mut self, setup: Setup) -> Vec<Effect> {
        let Some(desk) = self.front else { return Vec::new() };
        self.on_bench(Bench::go_along);
        vec![Effect::Order(desk, Box::new(Order::Search(setup)))]
    }

    pub(super) fn open_form(&mut self) -> Vec<Effect> {
        let Some(bench) = self.bench() else { return Vec::new() };
        if bench.is_searching() {
            let pause = self.key_of(Command::Play).unwrap_or_default();
            return self.tell(format!("the search is running with its settings; {pause} pauses it first"));
        }
        if let Some(why) = bench.unwritable() {
            return self.warn(why);
        }
        let (begun, done) = (bench.search().is_some(), bench.state.steps());
        let more = bench.ended_for_good() || bench.wants_steps();
        let Some(mut setup) = self.setup_here() else { return Vec::new() };
        // What could not begin is there to be mended.
        if let Some((_, tried)) = self.tried.as_ref().filter(|(desk, _)| !begun && Some(*desk) == self.front) {
            setup.clone_from(tried);
        }
        if more {
            setup.search.steps = setup.search.steps.max(self.bench().map_or(0, |b| b.state.steps())) + 12;
        }
        let known = BackEndNames::of([&self.defaults, &self.setup(), &setup]);
        self.overlays.push(Overlay::Form(Box::new(Form::new(setup, begun, done, known))));
        Vec::new()
    }

    pub(super) fn start_from_form(&mut self) -> Vec<Effect> {
        let Some(Overlay::Form(form)) = self.overlays.pop() else { return Vec::new() };
        if !form.begun {
            self.tried = self.front.map(|desk| (desk, form.setup.clone()));
        }
        let mut effects = form.from.map(|node| self.branch_off(node)).unwrap_or_default();
        effects.extend(self.start(form.setup));
        effects
    }

    /// Keeps the settings of a form for the searches to come, once a search began with them: those that could not begin
    /// are of no use to the next.
    pub(super) fn began(&mut self, desk: DeskId) -> Vec<Effect> {
        let Some((_, setup)) = self.tried.take_if(|(tried, _)| *tried == desk) else { return Vec::new() };
        let Setup { generator, scorer, search } = setup;
        self.memory.setup = Some(RememberedSetup { generator, scorer, search });
        self.remember()
    }

    /// Makes a session without thinking of the pair on the screen.
    pub(super) fn search_anew(&mut self) -> Vec<Effect> {
        let Some(bench) = self.bench() else { return Vec::new() };
        let Some(mut example) = bench.state.example.clone() else { return Vec::new() };
        // A session of a sample's name is a person's copy of it, and stands in the sample's place.
        if bench.is_sample() {
            example.id.push_str("-anew");
        }
        vec![Effect::Begin { example: Box::new(example), anew: true }]
    }

    /// Makes the version under the cursor current, and searches on from it.
    pub(super) fn go_on_from_here(&mut self) -> Vec<Effect> {
        let Some(bench) = self.bench() else { return Vec::new() };
        let elsewhere = bench.node().filter(|node| Some(*node) != bench.state.head());
        if bench.wants_steps() && !bench.is_searching() {
            // Nothing is changed until the form is accepted.
            let effects = self.ask_for_steps();
            if let Some(Overlay::Form(form)) = self.overlays.last_mut() {
                form.from = elsewhere;
            }
            return effects;
        }
        if elsewhere.is_none() && bench.ended_for_good() {
            return self.run_search();
        }
        let mut effects = elsewhere.map(|node| self.branch_off(node)).unwrap_or_default();
        if self.bench().is_some_and(Bench::is_searching) {
            effects.extend(self.tell("the search goes on from here"));
            return effects;
        }
        let Some(setup) = self.setup_here() else { return effects };
        effects.extend(self.start(setup));
        effects
    }

    /// Begins a branch at this version, under the next name that is free.
    fn branch_off(&mut self, node: NodeId) -> Vec<Effect> {
        let branch = self.bench().map(Bench::next_branch).unwrap_or_default();
        self.fork(node, &branch)
    }

    fn ask_for_steps(&mut self) -> Vec<Effect> {
        let mut effects = self.open_form();
        effects.extend(self.tell("all steps are made: give it more"));
        effects
    }

    /// Pauses the search that runs; else plays the session, or pauses that.
    pub(super) fn play(&mut self) -> Vec<Effect> {
        let speed = self.speed();
        let Some(bench) = self.bench_mut() else { return Vec::new() };
        if bench.is_searching() {
            return vec![Effect::Order(bench.desk, Box::new(Order::Pause))];
        }
        let paused = bench.search().is_some() && bench.state.status() == Status::Unfinished;
        if paused && bench.play.is_none() && bench.is_at_end() && bench.read_only.is_none() {
            return self.run_search();
        }
        let Some(bench) = self.bench_mut() else { return Vec::new() };
        if bench.timeline.len() < 2 {
            let does = if bench.state.status() == Status::Fresh { "starts the search" } else { "searches on" };
            let run = self.key_of(Command::Run).map(|key| format!("; {key} {does}")).unwrap_or_default();
            return self.tell(format!("there is nothing to play yet{run}"));
        }
        bench.toggle_play(speed);
        self.ticking.remove(&Tick::Play);
        let mut effects = self.measure();
        effects.extend(self.keep_playing());
        effects
    }

    pub(super) fn change_speed(&mut self, by: isize) -> Vec<Effect> {
        let most = crate::app::bench::SPEEDS.len() - 1;
        self.speed = self.speed.saturating_add_signed(by).min(most);
        let speed = self.speed();
        if let Some(play) = self.bench_mut().and_then(|bench| bench.play.as_mut()) {
            play.speed = speed;
        }
        let times = if speed == 1.0 { String::new() } else { format!("{speed} times ") };
        let longest = crate::app::bench::LONGEST.as_secs();
        self.tell(format!("plays {times}as fast as it happened, pauses of over {longest} s as {longest} s"))
    }

    /// What is to be known before an instruction is typed.
    pub(super) fn warn_of_deaf(&self) -> Option<String> {
        let generator = self.setup_here().unwrap_or_else(|| self.setup()).generator;
        is_deaf(&generator).then(|| format!("{generator} writes by rule and cannot follow words: enter asks for more"))
    }

    /// Asks for more candidates of the selected segment.
    pub(super) fn propose(&mut self, instruction: Option<String>) -> Vec<Effect> {
        let Some(bench) = self.bench() else { return Vec::new() };
        let (Some(node), Some(segment)) = (bench.node(), bench.segment()) else {
            return self.tell("there is no segment to rewrite yet");
        };
        let (desk, count) = (bench.desk, bench.search().map_or(4, |search| search.config().candidates));
        let generator = self.setup_here().unwrap_or_else(|| self.setup()).generator;
        let deaf = instruction.is_some() && is_deaf(&generator);
        // What it cannot follow is not recorded as if it had been asked.
        let instruction = instruction.filter(|_| !deaf);
        let order = Order::Propose { node, segment, instruction, generator: generator.clone(), count };
        let mut effects = vec![Effect::Order(desk, Box::new(order))];
        let asked = format!("{count} more candidates are asked of {generator}");
        effects.extend(match deaf {
            true => self.warn(format!("{asked}, which writes by rule and does not follow an instruction")),
            false => self.tell(asked),
        });
        effects
    }

    /// Tells how a search ended, on the screen or out of sight.
    pub(super) fn search_ended(&mut self, desk: DeskId) -> Vec<Effect> {
        let title = self.title_of(desk);
        let Some(stop) = self.benches.get(&desk).and_then(|bench| bench.state.stop.clone()) else { return Vec::new() };
        let why = stop.detail.unwrap_or_default();
        let text = match stop.reason {
            StopReason::Person => format!("{title}: paused"),
            StopReason::Error => return self.fail(format!("{title}: the search failed: {why}")),
            StopReason::NoGain => format!("{title}: ended without a gain: {why}"),
            StopReason::Budget => format!("{title}: paused, {why}"),
            _ => format!("{title}: the search ended, {why}"),
        };
        self.tell(text)
    }

    /// Closes a desk out of sight that has nothing more to do.
    pub(super) fn rested(&mut self, desk: DeskId) -> Vec<Effect> {
        let bench = self.benches.get(&desk).filter(|bench| self.front != Some(desk) && !bench.is_busy());
        let Some(bench) = bench else { return Vec::new() };
        self.library.update(&bench.key, bench.state.summary());
        self.close_out_of_sight(desk)
    }
}

/// True for a generator that writes by rule and reads no instruction.
fn is_deaf(generator: &str) -> bool {
    generator == "cues"
}

impl Bench {
    /// The search has ended, and only another version or more steps let it go on.
    pub fn ended_for_good(&self) -> bool {
        !self.state.can_go_on()
    }

    /// It has made as many steps as it was given.
    pub fn wants_steps(&self) -> bool {
        self.search().is_some_and(|search| self.state.steps() >= search.config().steps)
    }

    /// Goes along with what comes: the cursor to the end of the timeline.
    pub fn go_along(&mut self) {
        self.play = None;
        self.follow = true;
    }
}
