//! Laws of the state and its messages, whatever keys are pressed and whatever news come: no screen, no desk, no clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use proptest::prelude::*;
use retrace::app::batch::Runs;
use retrace::app::bench::{Bench, Timeline};
use retrace::app::command::REGISTRY;
use retrace::app::effect::{DeskId, Tick};
use retrace::app::input::Input;
use retrace::app::keymap::Keymap;
use retrace::app::library::{Listing, Place, Row, Source};
use retrace::app::memory::Memory;
use retrace::app::message::{At, Message, Press, Target};
use retrace::app::overlay::Overlay;
use retrace::app::{App, Choice, Effect, Start};
use retrace::engine::desk::{Activity, Deed, News, Order, Origin, Stream, Work};
use retrace::reer::SegmentId;
use retrace::reer::search::NodeId;
use retrace::session::runs::{RunRecord, Running, Seen, Standing};
use retrace::session::{Event, Health, Payload, State, SystemClock, Undo, read, unwritten};

use super::back_ends::setup;
use super::library;
use super::script::ada;

/// The events of the library's sessions, by name.
fn sessions() -> &'static BTreeMap<PathBuf, Vec<Event>> {
    static SESSIONS: OnceLock<BTreeMap<PathBuf, Vec<Event>>> = OnceLock::new();
    SESSIONS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        // In a thread of its own, because some callers are within a runtime already.
        let path = folder.path().to_owned();
        let fill = move || {
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(library::fill(&path))
        };
        std::thread::spawn(fill).join().unwrap();
        let files = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let files = files.filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
        files
            .map(|path| (PathBuf::from(path.file_name().unwrap()), retrace::session::events(&path).unwrap().0))
            .collect()
    })
}

fn state_of(events: &[Event]) -> State {
    let mut state = State::default();
    events.iter().for_each(|event| state.apply(event));
    state
}

/// A world without tasks: desks that answer at once, and of which a test knows which are open.
struct World {
    app: App,
    /// Every session's events.
    files: BTreeMap<PathBuf, Vec<Event>>,
    /// Which of them are open.
    open: BTreeMap<DeskId, PathBuf>,
    /// What is to be told, in order.
    told: VecDeque<Message>,
    /// Verdicts that were ordered.
    verdicts: usize,
    quit: bool,
}

/// Something that happens to the workbench.
#[derive(Debug, Clone)]
enum Happening {
    Keys(Vec<String>),
    Paste(String),
    Pointed(Target, Press),
    Tick(Tick),
    /// News for one of the open desks.
    News(usize, usize),
    Written(Option<String>),
    /// So many examples are in work in a run, if there is one.
    Runs(Option<usize>),
}

fn registry_keys() -> impl Strategy<Value = Vec<String>> {
    let all: Vec<&'static str> = REGISTRY.iter().flat_map(|entry| entry.keys.iter().copied()).collect();
    prop::sample::select(all).prop_map(|keys| keys.split(' ').map(str::to_owned).collect())
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        prop::sample::select(retrace::app::bench::Pane::ALL.to_vec()).prop_map(Target::Pane),
        (0u32..9).prop_map(|id| Target::Segment(SegmentId(id))),
        (0u32..40).prop_map(|id| Target::Candidate(NodeId(id))),
        (0usize..20).prop_map(Target::Moment),
        (0usize..20).prop_map(Target::Row),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    let character = prop::char::any().prop_filter("a key", |c| !c.is_control() && *c != ' ' && *c != '-');
    let press = prop::sample::select(vec![Press::Click, Press::DoubleClick, Press::ScrollUp, Press::ScrollDown]);
    let tick =
        prop::sample::select(vec![Tick::Play, Tick::Clock, Tick::Notice, Tick::Library, Tick::Runs, Tick::Prefix]);
    prop_oneof![
        12 => registry_keys().prop_map(Happening::Keys),
        // Opening something makes for longer stories.
        4 => Just(Happening::Keys(vec!["enter".to_owned()])),
        2 => character.prop_map(|c| Happening::Keys(vec![c.to_string()])),
        1 => any::<String>().prop_map(Happening::Paste),
        1 => (target(), press).prop_map(|(target, press)| Happening::Pointed(target, press)),
        1 => tick.prop_map(Happening::Tick),
        4 => (0usize..3, 0usize..8).prop_map(|(desk, news)| Happening::News(desk, news)),
        2 => prop::option::of(0usize..9).prop_map(Happening::Runs),
        1 => prop::option::of("[a-z ]{0,9}\n{0,2}[a-z ]{0,9}").prop_map(Happening::Written),
    ]
}

impl World {
    fn new() -> World {
        let start = Start {
            author: ada(),
            memory: Memory::default(),
            keymap: Keymap::default(),
            defaults: setup(),
            home: PathBuf::from("library"),
            themes: ["terminal", "dark"].map(|name| Choice { name: name.to_owned(), about: String::new() }).to_vec(),
            notice: None,
            here: "/".into(),
            open_first: false,
        };
        let (app, effects) = App::new(start);
        let mut world = World {
            app,
            files: sessions().clone(),
            open: BTreeMap::new(),
            told: VecDeque::new(),
            verdicts: 0,
            quit: false,
        };
        world.carry_out(effects);
        world.settle();
        world
    }

    /// Takes a message and everything that follows from it.
    fn take(&mut self, message: Message) {
        self.told.push_back(message);
        self.settle();
    }

    fn settle(&mut self) {
        while let Some(message) = self.told.pop_front().filter(|_| !self.quit) {
            let effects = self.app.update(At { now: Duration::from_secs(1), message });
            self.carry_out(effects);
            self.check();
        }
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::List => self.told.push_back(Message::Listed(Ok(Box::new(self.listing())))),
                Effect::OpenDesk(desk, origin) => {
                    let path = match origin {
                        Origin::File(path) => path,
                        Origin::New { example, .. } => {
                            let path = PathBuf::from(&example.hash);
                            self.files.insert(path.clone(), unwritten(&example, &SystemClock::default()));
                            path
                        }
                        Origin::Sample { name, .. } => panic!("{name} is not in the library"),
                    };
                    let events = self.files[&path].clone();
                    assert!(self.open.insert(desk, path.clone()).is_none(), "{desk:?} is opened twice");
                    let path = Some(path);
                    let news = News::Opened { path, events, health: Health::default(), writable: Ok(()) };
                    self.told.push_back(Message::Desk(desk, news));
                }
                Effect::Order(desk, order) => self.ordered(desk, &order),
                Effect::CloseDesk(desk) => {
                    assert!(self.open.remove(&desk).is_some(), "{desk:?} is closed and was not open");
                    self.told.push_back(Message::Desk(desk, News::Closed));
                }
                Effect::Filter { wanted, rows } => {
                    let rows = (0..rows.len() as u32).collect();
                    self.told.push_back(Message::Filtered { wanted, rows });
                }
                Effect::Quit => self.quit = true,
                _ => {}
            }
        }
    }

    /// Carries out an order as a desk does, as far as a person's records go.
    fn ordered(&mut self, desk: DeskId, order: &Order) {
        let path = self.open.get(&desk).unwrap_or_else(|| panic!("{order:?} for {desk:?}, which is not open")).clone();
        let state = state_of(&self.files[&path]);
        let payloads = match order {
            Order::Record(payloads) => payloads.clone(),
            Order::Undo => {
                state.undoable(&ada()).map(|action| Payload::Undo(Undo { seq: action.seq })).into_iter().collect()
            }
            Order::Redo => {
                state.redoable(&ada()).map(|action| Payload::Redo(Undo { seq: action.seq })).into_iter().collect()
            }
            Order::Make { parent, segments, .. } => {
                assert!(state.search.as_ref().is_some_and(|search| search.tree().trajectory(*parent).is_some()));
                let ids: Vec<SegmentId> = segments.iter().filter_map(|(id, _)| *id).collect();
                assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "a segment stands twice");
                return;
            }
            _ => return,
        };
        self.verdicts += payloads.iter().filter(|payload| matches!(payload, Payload::Verdict(_))).count();
        let seq = state.last_seq + 1;
        let event = |(at, payload)| Event {
            seq: seq + at as u64,
            t: String::new(),
            dt: 1,
            by: ada(),
            grp: (payloads.len() > 1).then_some(seq),
            payload,
        };
        let events: Vec<Event> = payloads.iter().cloned().enumerate().map(event).collect();
        self.files.entry(path).or_default().extend(events.clone());
        if !events.is_empty() {
            self.told.push_back(Message::Desk(desk, News::Events(events)));
        }
    }

    fn listing(&self) -> Listing {
        let row = |(path, events): (&PathBuf, &Vec<Event>)| {
            let source = Source::File(path.clone());
            Row { key: source.key(), source, summary: state_of(events).summary(), mtime: 0, in_work: false }
        };
        let rows = self.files.iter().map(row).collect();
        Listing { place: Place::Folder("library".into()), rows, strangers: Vec::new() }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Keys(keys) => {
                for key in keys {
                    let writing = self.app.overlays.last().map(Overlay::context);
                    let verdicts = self.verdicts;
                    self.take(Message::Input(Input::Key(key.parse().unwrap())));
                    use retrace::app::command::Context;
                    if matches!(writing, Some(Context::Field | Context::Editor)) && key.chars().count() == 1 {
                        assert_eq!(self.verdicts, verdicts, "{key} judged from within a text");
                    }
                }
            }
            Happening::Paste(text) => self.take(Message::Input(Input::Paste(text))),
            Happening::Pointed(target, press) => self.take(Message::Pointed(target, press)),
            Happening::Tick(tick) => self.take(Message::Tick(tick)),
            Happening::Written(text) => self.take(Message::Written(Ok(text))),
            Happening::Runs(work) => self.take(Message::Runs(Ok(runs(work)))),
            Happening::News(at, which) => {
                let desks: Vec<DeskId> = self.open.keys().copied().collect();
                if let Some(desk) = desks.get(at % desks.len().max(1)) {
                    self.take(Message::Desk(*desk, news(which)));
                }
                // Late news of a desk that nobody knows any more.
                self.take(Message::Desk(DeskId(9999), news(which)));
            }
        }
    }

    /// What holds between any two messages.
    fn check(&self) {
        let app = &self.app;
        if let Some(front) = app.front {
            assert!(app.benches.contains_key(&front), "the session on the screen is there");
        }
        for (desk, bench) in &app.benches {
            assert!(self.open.contains_key(desk) || self.quit, "a bench has a desk");
            check(bench);
        }
        if let Some(batch) = &app.batch {
            assert!(batch.selected_index() < batch.len().max(1), "the selected row is in the list");
            assert!(batch.place().0 < batch.place().1.max(1), "the run is one of them");
        }
        assert!(app.overlays.len() <= 4, "overlays pile up: {:?}", app.overlays.len());
        let fields = app.overlays.iter().rev().skip(1).filter(|overlay| matches!(overlay, Overlay::Field(_)));
        assert_eq!(fields.count(), 0, "a line is always on top");
        let editors = app.overlays.iter().filter(|overlay| matches!(overlay, Overlay::Writing(_)));
        assert!(editors.count() <= 1, "there is one editor");
        assert!(app.pending.len() <= 2 && (app.pending.is_empty() || !app.which_key || app.pending.len() == 1));
        assert!(app.library.selected_index() < app.library.len().max(1));
    }
}

fn check(bench: &Bench) {
    assert!(bench.cursor() < bench.timeline.len().max(1), "the cursor is in the timeline");
    let segments = bench.segments();
    assert_eq!(bench.segment().is_some(), !segments.is_empty());
    if let Some(segment) = bench.segment() {
        assert!(segments.iter().any(|row| row.id == segment), "the selected segment is in the version");
    }
    let all = bench.candidates();
    assert!(bench.candidate_index(&all) < all.len().max(1));
    if let Some(held) = bench.held {
        assert!(held < bench.timeline.len());
    }
    if let Some(find) = &bench.find {
        assert!(find.current < bench.matches().len().max(1), "the current match is one of them");
    }
    for moment in bench.timeline.moments() {
        assert!(bench.search().is_some_and(|search| search.tree().trajectory(moment.node).is_some()));
    }
}

/// A run in which sessions of the library are in work, one of them after the other.
fn runs(work: Option<usize>) -> Runs {
    let names: Vec<String> = sessions().keys().map(|path| path.display().to_string()).collect();
    let running = |at: usize| Running { file: names[at % names.len()].clone(), ..Running::default() };
    let record = |count| RunRecord { running: (0..count).map(running).collect(), ..RunRecord::default() };
    let seen = |count| Seen { record: record(count), standing: Standing::Live, age: Duration::ZERO };
    Runs { root: PathBuf::new(), seen: work.map(seen).into_iter().collect() }
}

fn news(which: usize) -> News {
    let piece = "a piece ".to_owned();
    let working = |searching, work| News::Activity(Activity { searching, work, asked: 4, done: 1 });
    match which {
        0 => working(true, Work::Drafting),
        1 => working(true, Work::Proposing { step: 3, segment: SegmentId(2) }),
        2 => working(false, Work::Idle),
        3 => News::Streamed { purpose: Stream::Candidate, step: 3, sample: 1, piece },
        4 => News::Streamed { purpose: Stream::Draft, step: 0, sample: 0, piece },
        5 => News::Refused { what: Deed::Record, why: "the disk is full".to_owned() },
        6 => News::Writable(Err("another process is writing it".to_owned())),
        _ => News::Writable(Ok(())),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_pressed_and_told_the_state_stays_whole(story in prop::collection::vec(happening(), 1..80)) {
        let mut world = World::new();
        for happening in story {
            if world.quit {
                break;
            }
            world.happen(happening);
        }
    }

    #[test]
    fn a_letter_in_a_text_is_never_a_verdict(
        begin in prop::sample::select(vec!["/", "#", "w", "e", ":", "?", "F", "g", "v s", "v i", "S e", "X e"]),
        letters in "[a-zA-Z0-9,.*#]{1,12}",
    ) {
        let mut world = World::new();
        world.take(Message::Input(Input::Key("enter".parse().unwrap())));
        let (front, last) = (world.app.front, world.app.last_seq());
        for key in begin.split(' ') {
            world.take(Message::Input(Input::Key(key.parse().unwrap())));
        }
        prop_assert!(!world.app.overlays.is_empty());
        for letter in letters.chars() {
            world.take(Message::Input(Input::Key(letter.to_string().parse().unwrap())));
        }
        prop_assert_eq!((world.app.front, world.app.last_seq()), (front, last));
        prop_assert!(!world.app.overlays.is_empty());
    }

    #[test]
    fn every_overlay_can_be_left(story in prop::collection::vec(registry_keys(), 1..40)) {
        let mut world = World::new();
        for keys in story {
            world.happen(Happening::Keys(keys));
            if world.quit {
                return Ok(());
            }
        }
        for _ in 0..8 {
            if !world.app.overlays.is_empty() {
                // Text that was changed is the screen's: it says that nothing would be lost.
                match world.app.overlays.last() {
                    Some(Overlay::Writing(_)) => world.take(Message::Written(Ok(None))),
                    _ => world.happen(Happening::Keys(vec!["esc".to_owned()])),
                }
            }
        }
        prop_assert!(world.app.overlays.is_empty());
    }
}

/// What laws ask of the state beside what the screen shows.
trait LastSeq {
    fn last_seq(&self) -> Option<u64>;
}

impl LastSeq for App {
    fn last_seq(&self) -> Option<u64> {
        self.bench().map(|bench| bench.state.last_seq)
    }
}

/// A person's action by the kind of its key, and the keys that bring it about.
const ACTIONS: [&str; 8] = ["* 4", "m", "v m", "v j", "v d", "y", "n", "# t a g enter"];

#[tokio::test]
async fn undoing_brings_back_what_was_before() {
    let mut script = super::script::Script::at(120, 40).await;
    script.open_session("harbour").await;
    let shown = |script: &super::script::Script| {
        let bench = script.bench();
        let annotations = &bench.state.annotations;
        let texts: Vec<String> = bench.segments().into_iter().map(|row| row.text).collect();
        (
            bench.state.head(),
            texts,
            annotations.verdict(),
            annotations.rating(),
            annotations.tags().iter().map(ToString::to_string).collect::<Vec<_>>(),
            annotations.marks().len(),
            bench.candidates().into_iter().map(|c| c.by_hand).collect::<Vec<_>>(),
        )
    };
    for keys in ACTIONS {
        script.keys("$ home");
        let before = shown(&script);
        script.act(keys).await;
        script.keys("home");
        assert_ne!(shown(&script), before, "{keys} does something");
        script.act("u").await;
        script.keys("$ home");
        assert_eq!(shown(&script), before, "{keys}, undone");
    }
    assert!(script.bench().state.undoable(&ada()).is_none());
}

#[tokio::test]
async fn a_replayed_file_tells_the_same_timeline_as_the_live_session() {
    let mut script = super::script::Script::at(120, 40).await;
    script.open_session("kettle").await;
    script.keys("r");
    script.until(|app| app.bench().is_some_and(|bench| bench.state.stop.is_some())).await;
    script.settled().await;
    for keys in ["0 v d", "u", "U", "$ home y", "v m", "u", "* 3", "0 F enter"] {
        script.act(keys).await;
        script.keys("esc esc");
        if script.app().front.is_none() {
            script.open_session("kettle").await;
        }
    }
    script.settled().await;
    let (live, state) = (script.bench().timeline.clone(), script.bench().state.clone());
    let folder = script.close().await;
    let path = folder.path().join("library/kettle.jsonl");
    let (events, _) = retrace::session::events(&path).unwrap();
    let mut replayed = Timeline::default();
    let mut fold = State::default();
    for event in &events {
        fold.apply(event);
        replayed.learn(event, &fold);
    }
    assert_eq!(replayed.moments(), live.moments());
    assert_eq!(fold.head(), state.head());
    let decisions = events.iter().filter(|event| matches!(event.payload, Payload::Decide(_))).count();
    let hand_made = replayed.moments().iter().filter(|moment| moment.is_hand_made()).count();
    assert_eq!(replayed.len(), 1 + decisions + hand_made, "one draft, the decisions, and what a person moved");
    assert!(hand_made >= 6);
    assert_eq!(read(&path).unwrap().state.digest(), fold.digest());
}
