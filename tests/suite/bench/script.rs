//! A script: the workbench set up in a folder of its own, keys pressed and texts pasted, and what the screen shows.
//! It waits for what is to come, never for time to pass.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use retrace::app::bench::Bench;
use retrace::app::input::Input;
use retrace::app::keymap::Keymap;
use retrace::app::library::Place;
use retrace::app::memory::{Memory, Tour};
use retrace::app::message::{Message, Press};
use retrace::app::{App, Effect, Start};
use retrace::engine::BackEnds;
use retrace::engine::desk::Work;
use retrace::session::Author;
use retrace::tui::theme::{Depth, Theme};
use retrace::tui::view::View;
use retrace::tui::{Means, Stage};
use tokio::sync::mpsc::UnboundedReceiver;

use super::back_ends::{Scripted, setup};
use super::{library, picture};

/// Longer than anything here takes; a script that waits for it has failed.
const TOO_LONG: Duration = Duration::from_secs(60);

/// How a script begins.
pub struct Opening {
    pub size: (u16, u16),
    pub depth: Depth,
    pub memory: Memory,
    /// Calls of the generator that are let through.
    pub permits: usize,
    /// Scores that are let through.
    pub scores: usize,
    /// What is opened, by its path in the script's folder; `library` holds the pieces.
    pub at: &'static str,
    /// Where new sessions go, by its path in the script's folder.
    pub home: &'static str,
    /// What is opened is the user's own library, in which the samples are.
    pub own: bool,
    /// Back ends in place of the scripted ones.
    pub back_ends: Option<Arc<BackEnds>>,
}

impl Default for Opening {
    fn default() -> Opening {
        let memory = Memory { tour: Tour::Over, theme: Some("dark".to_owned()), ..Memory::default() };
        let permits = library::Semaphore::MAX;
        Opening {
            size: (120, 40),
            depth: Depth::True,
            memory,
            permits,
            scores: permits,
            at: "library",
            home: "home",
            own: false,
            back_ends: None,
        }
    }
}

/// A workbench that is played.
pub struct Script {
    folder: tempfile::TempDir,
    stage: Stage,
    messages: UnboundedReceiver<Message>,
    size: (u16, u16),
    pub scripted: Arc<Scripted>,
    /// What only a terminal could have done.
    pub wanted: Vec<Effect>,
}

impl Script {
    /// The workbench on the library, at a size.
    pub async fn at(width: u16, height: u16) -> Script {
        Script::open(Opening { size: (width, height), ..Opening::default() }).await
    }

    /// The workbench on a user's own library, which holds nothing but the samples.
    pub async fn on_samples(width: u16, height: u16) -> Script {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("retrace")).unwrap();
        let opening =
            Opening { size: (width, height), at: "retrace", home: "retrace", own: true, ..Opening::default() };
        Script::open_in(folder, opening).await
    }

    /// The workbench as `opening` says, once the library is listed.
    pub async fn open(opening: Opening) -> Script {
        Script::open_in(folder().await, opening).await
    }

    /// The same in a folder that is there already.
    pub async fn open_in(folder: tempfile::TempDir, opening: Opening) -> Script {
        let root = folder.path();
        let (at, home) = (root.join(opening.at), root.join(opening.home));
        let place = if at.is_dir() || !at.exists() { Place::Folder(at) } else { retrace::tui::place(&at).unwrap() };
        let memory = Memory { export_to: Some(root.join("rows").display().to_string()), ..opening.memory };
        let start = Start {
            keymap: Keymap::default(),
            defaults: opening.back_ends.as_ref().map_or_else(setup, |back_ends| back_ends.defaults().clone()),
            author: ada(),
            home: home.clone(),
            themes: Theme::choices(None),
            notice: None,
            here: folder.path().to_owned(),
            open_first: matches!(place, Place::Session(_)),
            memory,
        };
        let scripted = Scripted::new(opening.permits, opening.scores);
        let author = ada();
        let state = Some(root.join("state"));
        let back_ends = opening.back_ends.unwrap_or_else(|| scripted.back_ends());
        let own = opening.own.then(|| root.join(opening.at));
        let means = Means { back_ends, author, concurrency: Some(2), place, home, own, state };
        let (stage, messages, wanted) = Stage::new(start, View::new(None), means, (opening.depth, None)).unwrap();
        let mut script = Script { folder, stage, messages, size: opening.size, scripted, wanted };
        script.until(|app| app.library.listing.is_some() || app.library.error.is_some()).await;
        script.settled().await;
        script
    }

    pub fn app(&self) -> &App {
        &self.stage.app
    }

    /// The session on the screen.
    pub fn bench(&self) -> &Bench {
        self.app().bench().expect("a session is open")
    }

    /// A path in the script's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Presses keys, written as the file of keys has them and parted by spaces, with a frame after each.
    pub fn keys(&mut self, keys: &str) {
        for key in keys.split_whitespace() {
            let key = key.parse().unwrap_or_else(|why| panic!("{why}"));
            self.tell(Message::Input(Input::Key(key)));
        }
    }

    /// Types a text, a character at a time.
    pub fn write(&mut self, text: &str) {
        for c in text.chars() {
            let name = match c {
                ' ' => "space".to_owned(),
                '-' => "minus".to_owned(),
                '\n' => "enter".to_owned(),
                c => c.to_string(),
            };
            self.keys(&name);
        }
    }

    pub fn paste(&mut self, text: &str) {
        self.tell(Message::Input(Input::Paste(text.to_owned())));
    }

    pub fn resize(&mut self, width: u16, height: u16) {
        self.size = (width, height);
        self.tell(Message::Input(Input::Resize { width, height }));
    }

    /// Clicks where a text first stands on the screen.
    pub fn click(&mut self, text: &str, press: Press) {
        let buf = self.draw();
        let found = (0..buf.area.height).find_map(|y| {
            let row = picture::row(&buf, y);
            let at = row.find(text)?;
            Some((retrace::text::width(&row[..at]) as u16, y))
        });
        let (x, y) = found.unwrap_or_else(|| panic!("{text:?} is not on the screen:\n{}", picture::text(&buf)));
        let target = self.stage.view.targets.at(x, y);
        let target = target.unwrap_or_else(|| panic!("nothing is to be clicked at {text:?}"));
        self.tell(Message::Pointed(target, press));
    }

    /// Gives the workbench a message, and draws.
    pub fn tell(&mut self, message: Message) {
        let wanted = self.stage.take(message);
        self.wanted.extend(wanted);
        self.draw();
    }

    /// Takes what comes until `done` holds.
    pub async fn until(&mut self, mut done: impl FnMut(&App) -> bool) {
        let deadline = tokio::time::Instant::now() + TOO_LONG;
        loop {
            while let Ok(message) = self.messages.try_recv() {
                let wanted = self.stage.take(message);
                self.wanted.extend(wanted);
            }
            if done(self.app()) {
                self.draw();
                return;
            }
            match tokio::time::timeout_at(deadline, self.messages.recv()).await {
                Ok(Some(message)) => {
                    let wanted = self.stage.take(message);
                    self.wanted.extend(wanted);
                }
                Ok(None) => panic!("nobody is left to answer; the screen:\n{}", self.screen()),
                Err(_) => panic!("it never came; the screen:\n{}", self.screen()),
            }
        }
    }

    /// Waits until nothing runs, and everything that is shown has its numbers.
    pub async fn settled(&mut self) {
        self.until(|app| app.benches.values().all(is_quiet)).await;
        while self.screen().contains("measuring") {
            let message = tokio::time::timeout(TOO_LONG, self.messages.recv()).await;
            self.tell(message.expect("a measurement comes").expect("somebody answers"));
        }
    }

    /// Presses keys by which something is recorded in the session on the screen, and waits for what follows from it.
    pub async fn act(&mut self, keys: &str) {
        let (desk, before) = (self.bench().desk, self.bench().state.last_seq);
        self.keys(keys);
        self.until(|app| app.benches.get(&desk).is_none_or(|bench| bench.state.last_seq > before)).await;
        self.settled().await;
    }

    /// Opens the session whose row holds `name`.
    pub async fn open_session(&mut self, name: &str) {
        self.click(name, Press::DoubleClick);
        self.settled().await;
    }

    /// One frame.
    pub fn draw(&mut self) -> Buffer {
        let (width, height) = self.size;
        let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
        self.stage.draw(&mut buf);
        buf
    }

    /// The screen as text. The folder's name, another one in each run, is `~`.
    pub fn screen(&mut self) -> String {
        let text = picture::text(&self.draw());
        hide(&text, self.folder.path())
    }

    /// The lines of the screen that hold one of these texts.
    pub fn lines(&mut self, texts: &[&str]) -> String {
        let screen = self.screen();
        let lines = screen.lines().filter(|line| texts.iter().any(|text| line.contains(text)));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// What stands at the top, and at the bottom.
    pub fn status(&mut self) -> String {
        self.screen().lines().next().unwrap_or_default().trim().to_owned()
    }

    pub fn hints(&mut self) -> String {
        self.screen().lines().last().unwrap_or_default().trim().to_owned()
    }

    /// The styles of the screen.
    pub fn styles(&mut self) -> String {
        picture::styles(&self.draw())
    }

    /// True when a text stands on the screen.
    pub fn shows(&mut self, text: &str) -> bool {
        self.screen().contains(text)
    }

    /// Closes everything and gives the folder back.
    pub async fn close(self) -> tempfile::TempDir {
        self.stage.finish().await.unwrap();
        self.folder
    }
}

/// A folder with the library in it.
pub async fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    let library = folder.path().join("library");
    std::fs::create_dir(&library).unwrap();
    library::fill(&library).await;
    folder
}

/// Nothing runs, and the current version has its score.
fn is_quiet(bench: &Bench) -> bool {
    let scored = |search: &retrace::reer::search::Search| search.head().is_none_or(|head| search.score(head).is_some());
    !bench.loading && !bench.is_searching() && bench.activity.work == Work::Idle && bench.search().is_none_or(scored)
}

/// The text with the folder's name taken out, and the columns after it where they were.
fn hide(text: &str, folder: &Path) -> String {
    let name = folder.display().to_string();
    let lines = text.lines().map(|line| match line.find(&name) {
        Some(at) => {
            let rest = &line[at + name.len()..];
            let end = rest.find(' ').unwrap_or(rest.len());
            let room = if rest[end..].trim().is_empty() { String::new() } else { " ".repeat(name.len() - 1) };
            format!("{}~{}{room}{}", &line[..at], &rest[..end], &rest[end..])
        }
        None => match line.split_once(" later  /") {
            // A narrow screen cuts the name short.
            Some((before, _)) => format!("{before} later  ~"),
            None => line.to_owned(),
        },
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Who plays.
pub fn ada() -> Author {
    Author::User("ada".to_owned())
}
