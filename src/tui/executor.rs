//! Carries out effects and sends the answers back as messages. What touches the screen is the loop's own business.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::batches::{Batches, Begin};
use super::desks::Desks;
use super::listing::Reader;
use super::remembered;
use super::terminal::Clipboard;
use super::texts::Texts;
use crate::app::batch::Runs;
use crate::app::effect::{Effect, Previewed};
use crate::app::library::{Place, Source};
use crate::app::memory::Memory;
use crate::app::message::Message;
use crate::app::overlay::{Findable, rank};
use crate::app::unsaved::Unsaved;
use crate::engine::{BackEnds, Setup};
use crate::session::export::{self, ExportError, Options};
use crate::session::library::trash;
use crate::session::runs::{self, Wish};
use crate::session::{Author, ExampleRecord, Library, State};

/// Writing down where a person is waits so long for more of it.
const GATHER: Duration = Duration::from_millis(400);

/// Everything effects need.
pub struct Executor {
    messages: UnboundedSender<Message>,
    back_ends: Arc<BackEnds>,
    desks: Desks,
    batches: Batches,
    clipboard: Clipboard,
    reader: Arc<Mutex<Reader>>,
    author: Author,
    /// The runs as they were last told.
    runs: Arc<Mutex<Option<Runs>>>,
    state_folder: Option<PathBuf>,
    remember: Arc<Mutex<Option<Box<Memory>>>>,
    texts: Texts,
    /// The text that is being kept.
    keeping: Option<tokio::task::JoinHandle<Result<(), String>>>,
}

/// What effects are carried out with.
pub struct Means {
    pub back_ends: Arc<BackEnds>,
    pub author: Author,
    /// Examples that a batch has in work at a time.
    pub concurrency: Option<usize>,
    /// What is listed.
    pub place: Place,
    /// Folder of the user's own sessions.
    pub home: PathBuf,
    /// The user's own library, in which the samples are shown.
    pub own: Option<PathBuf>,
    /// Folder for what is remembered; without one, nothing is.
    pub state: Option<PathBuf>,
}

impl Executor {
    pub fn new(messages: UnboundedSender<Message>, means: Means) -> Executor {
        let Means { back_ends, author, concurrency, place, home, own, state } = means;
        let batches = Batches::new(back_ends.clone(), concurrency);
        let told = messages.clone();
        let desks =
            Desks::new(back_ends.clone(), author.clone(), move |desk, news| tell(&told, Message::Desk(desk, news)));
        Executor {
            messages,
            back_ends,
            desks,
            batches,
            clipboard: Clipboard::new(),
            reader: Arc::new(Mutex::new(Reader::new(place, home, own))),
            author,
            runs: Arc::default(),
            texts: Texts::new(state.clone()),
            keeping: None,
            state_folder: state,
            remember: Arc::default(),
        }
    }

    /// Carries out one effect; what belongs to the loop is passed over.
    pub fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::OpenDesk(id, origin) => self.desks.open(id, origin),
            Effect::Order(id, order) => self.desks.order(id, *order),
            Effect::CloseDesk(id) => self.desks.close(id),
            Effect::List => self.list(),
            Effect::Runs => self.runs(),
            Effect::SearchAll { input, setup } => self.search_all(input, *setup),
            Effect::Ask { root, run, wish } => self.ask(root, run, wish),
            Effect::Filter { wanted, rows } => self.answer(move || {
                let among = rows.iter().map(|(name, rest)| Findable { name, rest });
                let rows = rank(&wanted, among).into_iter().map(|row| row as u32).collect();
                Message::Filtered { wanted, rows }
            }),
            Effect::Servers => {
                let back_ends = self.back_ends.clone();
                self.answer(move || Message::Servers(back_ends.known().all()));
            }
            Effect::Tick(tick, after) => {
                let messages = self.messages.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(after).await;
                    tell(&messages, Message::Tick(tick));
                });
            }
            Effect::Copy(text) => {
                let (messages, clipboard) = (self.messages.clone(), self.clipboard.clone());
                tokio::spawn(async move {
                    let characters = text.chars().count();
                    let copied = clipboard.copy(text).await;
                    let copied = copied.map(|how| format!("{characters} characters {how}"));
                    tell(&messages, Message::Copied(copied.map_err(|why| why.to_string())));
                });
            }
            Effect::Remember(memory) => self.remember(memory),
            Effect::Preview { of, format } => self.answer(move || {
                let row = state(of).and_then(|state| export::preview(&state, format));
                Message::Previewed { format, row }
            }),
            Effect::Begin { example, anew } => {
                // The reader may be busy with a long list: it is waited for beside the loop.
                let reader = self.reader.clone();
                self.answer(move || {
                    let home = reader.lock().unwrap_or_else(PoisonError::into_inner).sessions_of_new_pairs().to_owned();
                    Message::Begun(begin(&home, *example, anew))
                });
            }
            Effect::Visit(path) => self.visit(path),
            Effect::Remove(path) => {
                let reader = self.reader.clone();
                self.answer(move || {
                    let root = reader.lock().unwrap_or_else(PoisonError::into_inner).library();
                    let moved = trash::put(&root, &path).map_err(|error| error.to_string());
                    Message::Removed(moved.map(|to| (path, to)))
                });
            }
            Effect::Restore { from, to } => self.answer(move || {
                let restored = trash::take_back(&from, &to).map_err(|error| error.to_string());
                Message::Restored(restored.map(|()| to))
            }),
            Effect::RecallText(key) => {
                let (texts, messages) = (self.texts.clone(), self.messages.clone());
                tokio::task::spawn_blocking(move || {
                    if let Some(unsaved) = texts.recall(&key) {
                        tell(&messages, Message::Recalled(Box::new(unsaved)));
                    }
                });
            }
            Effect::Export { formats, queue, force, to } => self.export(Options { formats, queue, force }, to),
            Effect::Quit
            | Effect::Suspend
            | Effect::Redraw
            | Effect::Scroll(..)
            | Effect::Write(_)
            | Effect::EditText(_)
            | Effect::FinishText
            | Effect::CancelText
            | Effect::DiscardText
            | Effect::KeepText(_)
            | Effect::WriteOutside
            | Effect::EditKeys(_)
            | Effect::Mouse(_) => {}
        }
    }

    /// Answers from a thread that may block.
    fn answer(&self, ask: impl FnOnce() -> Message + Send + 'static) {
        let messages = self.messages.clone();
        tokio::task::spawn_blocking(move || tell(&messages, ask()));
    }

    fn list(&self) {
        let reader = self.reader.clone();
        self.answer(move || match reader.lock().unwrap_or_else(PoisonError::into_inner).read() {
            Ok(Some(listing)) => Message::Listed(Ok(Box::new(listing))),
            Ok(None) => Message::SameListing,
            Err(why) => Message::Listed(Err(why)),
        });
    }

    fn runs(&self) {
        let (reader, last) = (self.reader.clone(), self.runs.clone());
        self.answer(move || {
            let root = reader.lock().unwrap_or_else(PoisonError::into_inner).library();
            match runs::list(&root) {
                Ok(seen) => {
                    let now = Runs { root, seen };
                    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
                    if last.as_ref() == Some(&now) {
                        return Message::SameRuns;
                    }
                    *last = Some(now.clone());
                    Message::Runs(Ok(now))
                }
                Err(error) => Message::Runs(Err(format!("{}: {error}", root.display()))),
            }
        });
    }

    fn search_all(&mut self, input: PathBuf, setup: Setup) {
        let (reader, messages) = (self.reader.clone(), self.messages.clone());
        let begin = move || {
            let reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
            Begin { input, library: reader.sessions_of_new_pairs().to_owned(), setup }
        };
        self.batches.begin(begin, move |ended| tell(&messages, Message::SearchedAll(ended)));
    }

    fn ask(&self, root: PathBuf, run: String, wish: Wish) {
        let (author, messages) = (self.author.clone(), self.messages.clone());
        tokio::task::spawn_blocking(move || {
            if let Err(error) = runs::ask(&root, &run, wish, author) {
                tell(&messages, Message::Warned(format!("{}: the request cannot be left: {error}", root.display())));
            }
        });
    }

    /// Lists another place, when it is one.
    fn visit(&self, path: PathBuf) {
        let (reader, messages) = (self.reader.clone(), self.messages.clone());
        tokio::task::spawn_blocking(move || {
            let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
            let listed = super::place(&expanded(path)).and_then(|place| reader.visit(place));
            tell(
                &messages,
                match listed {
                    Ok(listing) => Message::Listed(Ok(Box::new(listing))),
                    Err(why) => Message::Warned(why),
                },
            );
        });
    }

    fn export(&self, options: Options, to: PathBuf) {
        let reader = self.reader.clone();
        self.answer(move || {
            let from = reader.lock().unwrap_or_else(PoisonError::into_inner).sessions();
            // Where that is can be seen from no screen otherwise.
            let whole = std::path::absolute(&to).unwrap_or_else(|_| to.clone());
            let done = match export::export(&from, &to, &options, time::OffsetDateTime::now_utc()) {
                Err(ExportError::NotEmpty(_)) => return Message::WouldReplace(whole),
                done => done.map_err(|error| error.to_string()),
            };
            Message::Exported(done.map(|report| {
                let refused = report.refused.len();
                let left_out = report.refused.first().map_or_else(String::new, |first| {
                    format!("; {refused} refused ({}: {}), see its manifest", first.id, first.reason)
                });
                let rows = if report.exported == 1 { "row" } else { "rows" };
                format!("{} {rows} in {}{left_out}", report.exported, whole.display())
            }))
        });
    }

    /// Writes the latest of what is to be remembered, once in a while.
    fn remember(&self, memory: Box<Memory>) {
        let Some(folder) = self.state_folder.clone() else { return };
        let waiting = self.latest().replace(memory).is_some();
        if waiting {
            return;
        }
        let (latest, messages) = (self.remember.clone(), self.messages.clone());
        tokio::spawn(async move {
            tokio::time::sleep(GATHER).await;
            let memory = latest.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Some(memory) = memory else { return };
            let written = tokio::task::spawn_blocking(move || remembered::write(&folder, &memory)).await;
            if let Ok(Err(why)) = written {
                tell(&messages, Message::Warned(why));
            }
        });
    }

    /// Keeps a text that is not saved yet.
    pub fn keep_text(&mut self, unsaved: Unsaved) {
        let (texts, turn, messages) = (self.texts.clone(), self.texts.turn(), self.messages.clone());
        self.keeping = Some(tokio::task::spawn_blocking(move || {
            let kept = texts.keep(turn, &unsaved);
            if let Err(why) = &kept {
                tell(&messages, Message::Warned(why.clone()));
            }
            kept
        }));
    }

    /// The text that was kept last is saved, or thrown away.
    pub fn forget_text(&mut self) {
        self.texts.forget();
    }

    fn latest(&self) -> std::sync::MutexGuard<'_, Option<Box<Memory>>> {
        self.remember.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes every desk and writes what is to be remembered.
    ///
    /// # Errors
    /// Why the text that was being written last is not kept.
    pub async fn finish(self) -> Result<(), String> {
        let memory = self.latest().take();
        if let (Some(folder), Some(memory)) = (self.state_folder.clone(), memory) {
            // Nobody is left to be told.
            drop(remembered::write(&folder, &memory));
        }
        let kept = match self.keeping {
            Some(keeping) => keeping.await.unwrap_or_else(|panic| Err(panic.to_string())),
            None => Ok(()),
        };
        tokio::join!(self.batches.finish(), self.desks.finish());
        kept
    }
}

/// Writes a session of a pair; unless it is to be searched anew, one that is there already will do.
fn begin(home: &Path, example: ExampleRecord, anew: bool) -> Result<PathBuf, String> {
    let hash = example.hash.clone();
    let mut library = Library::create(home).map_err(|error| error.to_string())?;
    if let Some(entry) = library.find(&hash).into_iter().next().filter(|_| !anew) {
        return Ok(entry.path);
    }
    let session = library.add(example).map_err(|error| error.to_string())?;
    let path = session.path().to_owned();
    session.close().map_err(|error| error.to_string())?;
    Ok(path)
}

/// The session whose row is wanted.
fn state(of: Previewed) -> Result<State, String> {
    let read = match of {
        Previewed::Open(state) => return Ok(*state),
        Previewed::Listed(Source::File(path)) => crate::session::read(&path),
        Previewed::Listed(Source::Sample { name, bytes }) => crate::session::fold(Path::new(&name), bytes),
        Previewed::Listed(Source::Pair(_)) => return Err("no search was made".to_owned()),
    };
    read.map(|reading| reading.state).map_err(|error| error.to_string())
}

/// `~/` is the person's home.
fn expanded(path: PathBuf) -> PathBuf {
    let home = directories::BaseDirs::new().map(|folders| folders.home_dir().to_owned());
    match (path.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path,
    }
}

fn tell(messages: &UnboundedSender<Message>, message: Message) {
    // The loop is gone: nobody is left to be told.
    drop(messages.send(message));
}
