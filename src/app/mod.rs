//! The workbench without a screen: commands and their registry, keys, the state of the screens, and [`App::update`],
//! which takes a message and returns what it wants done. Knows neither tokio nor ratatui.

pub mod batch;
pub mod bench;
pub mod command;
pub mod effect;
pub mod input;
pub mod keymap;
pub mod keys;
pub mod library;
pub mod line;
pub mod memory;
pub mod message;
pub mod notice;
pub mod overlay;
pub mod text_edit;
pub mod tour;
pub mod unsaved;
mod update;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::batch::Batch;
use self::bench::Bench;
use self::command::{Command, Context};
use self::effect::DeskId;
use self::keymap::Keymap;
use self::keys::Key;
use self::library::Library;
use self::memory::Memory;
use self::notice::Notice;
use self::overlay::Overlay;
use crate::engine::Setup;
use crate::session::{Author, State};

pub use effect::Effect;
pub use message::{At, Message};

/// A theme that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub name: String,
    /// What it is for, in a few words; empty when it does not say.
    pub about: String,
}

/// What the workbench starts with.
#[derive(Debug, Clone)]
pub struct Start {
    pub memory: Memory,
    pub keymap: Keymap,
    /// The settings' back ends and knobs.
    pub defaults: Setup,
    /// Who is at the bench.
    pub author: Author,
    /// Folder of the user's own sessions: samples and new pairs go there.
    pub home: PathBuf,
    /// Folder in which the program was started: what typed paths are relative to.
    pub here: PathBuf,
    /// The themes to choose from.
    pub themes: Vec<Choice>,
    /// Something went wrong that a person should know at once.
    pub notice: Option<String>,
    /// A session to open as soon as the library is listed, whatever was open last.
    pub open_first: bool,
}

/// Everything the screen shows.
#[derive(Debug, Clone)]
pub struct App {
    /// Time since the program started, as of the last message.
    pub now: Duration,
    pub memory: Memory,
    pub keymap: Keymap,
    pub library: Library,
    /// Sessions that are open; more than one only while searches run out of sight.
    pub benches: BTreeMap<DeskId, Bench>,
    /// The one on the screen; the batch screen or the library when there is none.
    pub front: Option<DeskId>,
    /// The batch screen, under a session that was opened from it; over the library.
    pub batch: Option<Batch>,
    /// A batch runs in this process.
    pub batching: bool,
    /// From the lowest to the one that has the keys.
    pub overlays: Vec<Overlay>,
    /// Keys pressed so far of a sequence.
    pub pending: Vec<Key>,
    /// The keys that may follow are shown.
    pub which_key: bool,
    /// What is told on the screen, the newest last.
    pub notices: Vec<Notice>,
    /// What was told, the newest first.
    pub told: VecDeque<Notice>,
    pub themes: Vec<Choice>,
    /// Rows that the list on the screen shows, as last drawn.
    pub page: usize,
    pub legend: bool,
    /// A search inside a pane was closed, and nothing was done since: see [`App::is_of_find`].
    find_closed: bool,
    defaults: Setup,
    author: Author,
    /// An undo brought another session onto the screen.
    jumped: bool,
    home: PathBuf,
    /// What typed paths are relative to.
    pub here: PathBuf,
    /// Desks of no bench that still have something to write.
    errands: BTreeMap<DeskId, Errand>,
    /// What a person did that is not on disk yet, in the order in which it was ordered.
    given: Vec<Given>,
    /// What the form asked for last, until that search begins.
    tried: Option<(DeskId, Setup)>,
    last_command: Option<Command>,
    /// The tags that were typed last, and what was asked of candidates last: for doing it again.
    last_tags: BTreeSet<String>,
    last_wish: Option<String>,
    next_desk: u32,
    ticking: BTreeSet<effect::Tick>,
    speed: usize,
    open_first: bool,
}

/// A session that is written to out of sight.
#[derive(Debug, Clone)]
struct Errand {
    key: String,
    title: String,
    /// As far as its desk told.
    state: State,
}

/// An action on its way to the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Given {
    desk: DeskId,
    key: String,
    /// It was undone before it was recorded.
    undone: bool,
}

impl App {
    pub fn new(start: Start) -> (App, Vec<Effect>) {
        let memory = start.memory;
        let mut library = Library::new(memory.queue, memory.column, memory.descending);
        memory.row.iter().for_each(|row| library.select(row));
        let mut app = App {
            now: Duration::ZERO,
            memory,
            keymap: start.keymap,
            library,
            benches: BTreeMap::new(),
            front: None,
            batch: None,
            batching: false,
            overlays: Vec::new(),
            pending: Vec::new(),
            which_key: false,
            notices: Vec::new(),
            told: VecDeque::new(),
            themes: start.themes,
            page: 10,
            legend: false,
            find_closed: false,
            defaults: start.defaults,
            author: start.author,
            jumped: false,
            home: start.home,
            here: start.here,
            errands: BTreeMap::new(),
            given: Vec::new(),
            tried: None,
            last_command: None,
            last_tags: BTreeSet::new(),
            last_wish: None,
            next_desk: 1,
            ticking: BTreeSet::new(),
            speed: 2,
            open_first: start.open_first,
        };
        let mut effects = vec![Effect::List];
        if let Some(text) = start.notice {
            effects.extend(app.warn(text));
        }
        if app.memory.mouse {
            effects.push(Effect::Mouse(true));
        }
        (app, effects)
    }

    /// Folder in which samples and new pairs get their sessions.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The bench on the screen.
    pub fn bench(&self) -> Option<&Bench> {
        self.benches.get(&self.front?)
    }

    /// The batch screen, when it is what is seen.
    pub fn batch(&self) -> Option<&Batch> {
        self.batch.as_ref().filter(|_| self.front.is_none())
    }

    fn batch_mut(&mut self) -> Option<&mut Batch> {
        self.batch.as_mut().filter(|_| self.front.is_none())
    }

    /// Whether the library is what is seen.
    pub fn is_library(&self) -> bool {
        self.front.is_none() && self.batch.is_none()
    }

    fn bench_mut(&mut self) -> Option<&mut Bench> {
        self.benches.get_mut(&self.front?)
    }

    /// Where keys are looked up now, the innermost first.
    pub fn contexts(&self) -> Vec<Context> {
        if let Some(overlay) = self.overlays.last() {
            return vec![overlay.context()];
        }
        match self.bench() {
            Some(bench) if bench.find.is_some() => vec![Context::Finding, Context::Bench, Context::Anywhere],
            _ => self.screen_contexts(),
        }
    }

    /// The contexts of the screen under the overlays.
    pub fn screen_contexts(&self) -> Vec<Context> {
        match self.bench() {
            Some(_) => vec![Context::Bench, Context::Anywhere],
            None if self.batch.is_some() => vec![Context::Batch, Context::Anywhere],
            None => vec![Context::Library, Context::Anywhere],
        }
    }

    /// The first key of a command where the keys are now, for hints.
    pub fn key_of(&self, command: Command) -> Option<String> {
        self.keymap.keys_of(&self.contexts(), command).into_iter().next()
    }

    /// The first key of a command on the screen itself, also while something lies over it: for what panes say.
    pub fn screen_key_of(&self, command: Command) -> Option<String> {
        self.keymap.keys_of(&self.screen_contexts(), command).into_iter().next()
    }

    /// Name of the theme that is drawn with.
    pub fn theme(&self) -> &str {
        match self.overlays.last() {
            Some(Overlay::List(picker)) if picker.picking == overlay::Picking::Theme => {
                picker.selected().map_or("terminal", |item| item.label.as_str())
            }
            _ => self.memory.theme.as_deref().unwrap_or("terminal"),
        }
    }

    /// Whether a search runs on the session of this key.
    pub fn runs(&self, key: &str) -> bool {
        self.benches.values().any(|bench| bench.key == key && bench.is_searching())
    }

    /// Whether all that runs on the session of this key waits for a server that is away or at fault.
    pub fn waits(&self, key: &str) -> bool {
        self.benches.values().any(|bench| bench.key == key && bench.waiting.is_some())
    }

    /// Searches that run, those out of sight too.
    pub fn searching(&self) -> usize {
        self.benches.values().filter(|bench| bench.is_searching()).count()
    }

    /// Times as fast as it happened, for playing.
    pub fn speed(&self) -> f64 {
        bench::SPEEDS[self.speed.min(bench::SPEEDS.len() - 1)]
    }
}
