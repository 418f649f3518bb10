//! Carries out effects and sends the answers back as messages. What touches the screen is the loop's own business.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

use super::listing::Reader;
use super::remembered;
use super::terminal::Clipboard;
use crate::app::effect::{DeskId, Effect};
use crate::app::library::Place;
use crate::app::memory::Memory;
use crate::app::message::Message;
use crate::app::overlay::rank;
use crate::engine::BackEnds;
use crate::engine::desk::{Desk, Origin};
use crate::session::Author;
use crate::session::export::{self, Options};

/// Writing down where a person is waits so long for more of it.
const GATHER: Duration = Duration::from_millis(400);

/// Desks get so long to close when the program ends.
const PATIENCE: Duration = Duration::from_secs(10);

/// Everything effects need.
pub struct Executor {
    messages: UnboundedSender<Message>,
    desks: HashMap<DeskId, Desk>,
    closing: JoinSet<()>,
    back_ends: Arc<BackEnds>,
    author: Author,
    clipboard: Clipboard,
    reader: Arc<Mutex<Reader>>,
    place: Place,
    state_folder: Option<PathBuf>,
    remember: Arc<Mutex<Option<Box<Memory>>>>,
}

/// What effects are carried out with.
pub struct Means {
    pub back_ends: Arc<BackEnds>,
    pub author: Author,
    /// What is listed.
    pub place: Place,
    /// Folder of the user's own sessions.
    pub home: PathBuf,
    /// Folder for what is remembered; without one, nothing is.
    pub state: Option<PathBuf>,
}

impl Executor {
    pub fn new(messages: UnboundedSender<Message>, means: Means) -> Executor {
        let Means { back_ends, author, place, home, state } = means;
        Executor {
            messages,
            desks: HashMap::new(),
            closing: JoinSet::new(),
            back_ends,
            author,
            clipboard: Clipboard::new(),
            reader: Arc::new(Mutex::new(Reader::new(place.clone(), home))),
            place,
            state_folder: state,
            remember: Arc::default(),
        }
    }

    /// Carries out one effect; what belongs to the loop is passed over.
    pub fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::OpenDesk(id, origin) => self.open(id, origin),
            Effect::Order(id, order) => {
                if let Some(desk) = self.desks.get(&id) {
                    desk.order(order);
                }
            }
            Effect::CloseDesk(id) => {
                if let Some(desk) = self.desks.remove(&id) {
                    self.closing.spawn(desk.close());
                }
            }
            Effect::List => self.list(),
            Effect::Filter { wanted, rows } => self.answer(move || {
                let rows = rank(&wanted, rows.iter()).into_iter().map(|row| row as u32).collect();
                Message::Filtered { wanted, rows }
            }),
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
                    let copied = clipboard.copy(text).await;
                    tell(&messages, Message::Copied(copied.map(|how| how.to_string()).map_err(|why| why.to_string())));
                });
            }
            Effect::Remember(memory) => self.remember(memory),
            Effect::Preview { session, format } => self.answer(move || {
                let row = export::preview(&session, format);
                Message::Previewed { format, row }
            }),
            Effect::Export { formats, queue, to } => self.export(Options { formats, queue, force: true }, to),
            Effect::Quit
            | Effect::Suspend
            | Effect::Redraw
            | Effect::Scroll(..)
            | Effect::Write(_)
            | Effect::EditText(_)
            | Effect::FinishText
            | Effect::CancelText
            | Effect::DiscardText
            | Effect::WriteOutside(_)
            | Effect::EditKeys
            | Effect::Mouse(_) => {}
        }
    }

    fn open(&mut self, id: DeskId, origin: Origin) {
        let messages = self.messages.clone();
        let news = Arc::new(move |news| tell(&messages, Message::Desk(id, news)));
        self.desks.insert(id, Desk::open(origin, self.back_ends.clone(), self.author.clone(), news));
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

    fn export(&self, options: Options, to: PathBuf) {
        let from = match &self.place {
            Place::Folder(path) | Place::Session(path) => Ok(path.clone()),
            Place::Pairs(_) => Err("these are pairs; open the library that holds their sessions to export".to_owned()),
        };
        self.answer(move || {
            let done = from.and_then(|from| {
                let now = time::OffsetDateTime::now_utc();
                export::export(&from, &to, &options, now).map_err(|error| error.to_string())
            });
            Message::Exported(done.map(|report| {
                let refused = report.refused.len();
                let left_out =
                    if refused > 0 { format!("; {refused} refused, see its manifest") } else { String::new() };
                format!("{} rows in {}{left_out}", report.exported, to.display())
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

    fn latest(&self) -> std::sync::MutexGuard<'_, Option<Box<Memory>>> {
        self.remember.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes every desk and writes what is to be remembered.
    pub async fn finish(mut self) {
        for (_, desk) in self.desks.drain() {
            self.closing.spawn(desk.close());
        }
        let memory = self.latest().take();
        if let (Some(folder), Some(memory)) = (self.state_folder.clone(), memory) {
            // Nobody is left to be told.
            drop(remembered::write(&folder, &memory));
        }
        let all = async { while self.closing.join_next().await.is_some() {} };
        // A desk that hangs has everything that was said to be saved on disk.
        drop(tokio::time::timeout(PATIENCE, all).await);
    }
}

fn tell(messages: &UnboundedSender<Message>, message: Message) {
    // The loop is gone: nobody is left to be told.
    drop(messages.send(message));
}
