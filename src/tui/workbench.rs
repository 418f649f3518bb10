//! The event loop: input, signals, answers and frames, one after the other; nothing here waits for anything else.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;

use super::executor::Means;
use super::stage::Stage;
use super::terminal::{self, Frames, Inputs, Modes, Requester, Screen, Signal, Signals, frames};
use super::texts::Left;
use super::theme::{Depth, Theme, ThemeError};
use super::view::View;
use super::widgets::code::Highlighter;
use super::{outside, remembered};
use crate::app::Start;
use crate::app::effect::{Effect, Tick};
use crate::app::input::{Input, MouseKind};
use crate::app::library::Place;
use crate::app::message::{Message, Press, Target};
use crate::engine::desk::News;
use crate::engine::{BackEnds, Setup};
use crate::session::Author;

/// Two clicks on one cell within this are a double click.
const DOUBLE: Duration = Duration::from_millis(400);

/// So many messages at most between two frames.
const BATCH: usize = 256;

/// What the workbench is opened on, and with.
pub struct Opening {
    pub place: Place,
    /// Where new sessions go.
    pub home: PathBuf,
    /// The user's own library, in which the samples are shown.
    pub own: Option<PathBuf>,
    pub back_ends: Arc<BackEnds>,
    pub defaults: Setup,
    pub author: Author,
    /// Examples that a batch has in work at a time.
    pub concurrency: Option<usize>,
    /// Folder of the settings: keys and themes of the user's own are there.
    pub settings: Option<PathBuf>,
    /// Folder for what is remembered.
    pub state: Option<PathBuf>,
}

/// Why the workbench cannot be, in one line.
#[derive(Debug, thiserror::Error)]
pub enum WorkbenchError {
    #[error(transparent)]
    Terminal(#[from] terminal::NoTerminal),
    #[error("{0}")]
    Keys(String),
    #[error(transparent)]
    Theme(#[from] ThemeError),
    #[error("the terminal cannot be used: {0}")]
    Io(#[from] std::io::Error),
}

/// How the workbench ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The signal that ended it; none when the person quit.
    pub signal: Option<Signal>,
    /// What became of a text that was being written and is not saved.
    pub unsaved: Option<Left>,
}

/// Runs the workbench until the person quits or the system ends it.
///
/// # Errors
/// There is no terminal, or what it takes to begin is wrong.
pub fn run(opening: Opening) -> Result<Ended, WorkbenchError> {
    terminal::check()?;
    let keymap = outside::keys(opening.settings.as_deref()).map_err(WorkbenchError::Keys)?;
    let memory = remembered::read(opening.state.as_deref());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let depth = Depth::detect(|name| std::env::var(name).ok());
    let themes = opening.settings.as_ref().map(|folder| folder.join("themes"));
    let begin = Start {
        keymap,
        defaults: opening.defaults.clone(),
        author: opening.author.clone(),
        home: opening.home.clone(),
        here: std::env::current_dir().unwrap_or_default(),
        themes: Theme::choices(themes.as_deref()),
        notice: None,
        open_first: matches!(opening.place, Place::Session(_)),
        memory,
    };
    runtime.block_on(async {
        let signals = Signals::listen()?;
        let screen = Screen::enter(Modes { mouse: begin.memory.mouse, ..Modes::default() })?;
        let Opening { place, home, own, back_ends, author, concurrency, settings, state, .. } = opening;
        let (requester, frames) = frames();
        let again = || {
            let requester = requester.clone();
            move || requester.request_live()
        };
        let view = View::new(Some(Highlighter::new(again()))).working_aside(again());
        let means = Means { back_ends: back_ends.clone(), author, concurrency, place, home, own, state: state.clone() };
        let (stage, messages, effects) = Stage::new(begin, view, means, (depth, themes))?;
        let mut workbench =
            Workbench { stage, settings, state, screen, requester, clicked: None, quit: None, inputs: None };
        workbench.draw()?;
        back_ends.warm();
        workbench.inputs = Some(Inputs::open(&mut workbench.screen)?);
        workbench.carry_out(effects)?;
        workbench.serve(signals, messages, frames).await
    })
}

struct Workbench {
    stage: Stage,
    settings: Option<PathBuf>,
    state: Option<PathBuf>,
    screen: Screen,
    requester: Requester,
    /// The last click, for double ones.
    clicked: Option<(Instant, u16, u16)>,
    /// Set when the loop ends: by what signal, if by one.
    quit: Option<Option<Signal>>,
    inputs: Option<Inputs>,
}

impl Workbench {
    async fn serve(
        mut self,
        mut signals: Signals,
        mut messages: UnboundedReceiver<Message>,
        mut frames: Frames,
    ) -> Result<Ended, WorkbenchError> {
        while self.quit.is_none() {
            tokio::select! {
                biased;
                signal = signals.next() => self.signalled(signal)?,
                input = next(&mut self.inputs) => match input {
                    Some(input) => self.typed(input)?,
                    // The terminal is gone.
                    None => self.quit = Some(Some(Signal::Hangup)),
                },
                Some(message) = messages.recv() => {
                    self.take(message)?;
                    for _ in 0..BATCH {
                        let Ok(message) = messages.try_recv() else { break };
                        self.take(message)?;
                    }
                }
                () = frames.next() => self.draw()?,
            }
        }
        let Workbench { mut stage, screen, quit, inputs, state, .. } = self;
        let text = stage.keep_unsaved();
        let kept = stage.finish().await;
        let kept = kept.and_then(|()| state.ok_or_else(|| "there is no folder for it; set HOME".to_owned()).map(drop));
        let unsaved = text.map(|text| kept.map_or_else(|why| Left::aside(&text, why), |()| Left::Kept));
        drop(inputs);
        drop(screen);
        Ok(Ended { signal: quit.flatten(), unsaved })
    }

    fn draw(&mut self) -> Result<(), WorkbenchError> {
        let Workbench { stage, screen, .. } = self;
        let mut drawn = super::view::Drawn::default();
        let shown = screen.draw(|frame| {
            drawn = stage.draw(frame.buffer_mut());
            if let Some(cursor) = drawn.cursor {
                frame.set_cursor_position(cursor);
            }
        });
        if shown.is_err() {
            // The terminal is gone; what is open is still to be closed in order.
            self.quit = Some(Some(Signal::Hangup));
            return Ok(());
        }
        if drawn.unfinished {
            self.requester.request();
        }
        Ok(())
    }

    /// Takes an input and all that wait behind it, so that a held key never outruns the screen.
    fn typed(&mut self, first: Input) -> Result<(), WorkbenchError> {
        let mut input = Some(first);
        while let Some(next) = input {
            match next {
                Input::Resize { .. } => self.requester.request(),
                Input::Mouse(mouse) => {
                    if let Some((target, press)) = self.pointed(mouse) {
                        self.take(Message::Pointed(target, press))?;
                    }
                }
                other => self.take(Message::Input(other))?,
            }
            if self.quit.is_some() {
                return Ok(());
            }
            input = self.inputs.as_mut().and_then(Inputs::waiting);
        }
        Ok(())
    }

    fn pointed(&mut self, mouse: crate::app::input::Mouse) -> Option<(Target, Press)> {
        let press = match mouse.kind {
            MouseKind::Down => {
                let again =
                    self.clicked.take().is_some_and(|(at, x, y)| at.elapsed() < DOUBLE && (x, y) == (mouse.x, mouse.y));
                self.clicked = (!again).then(|| (Instant::now(), mouse.x, mouse.y));
                if again { Press::DoubleClick } else { Press::Click }
            }
            MouseKind::ScrollUp => Press::ScrollUp,
            MouseKind::ScrollDown => Press::ScrollDown,
            _ => return None,
        };
        Some((self.stage.view.targets.at(mouse.x, mouse.y)?, press))
    }

    fn signalled(&mut self, signal: Signal) -> Result<(), WorkbenchError> {
        match signal {
            Signal::Suspend => self.suspend()?,
            Signal::Continue => {
                self.screen.continued()?;
                self.requester.request();
            }
            Signal::Panicked(what) => self.take(Message::Warned(what))?,
            signal => {
                self.take(Message::Terminate)?;
                self.quit = Some(Some(signal));
            }
        }
        Ok(())
    }

    fn take(&mut self, message: Message) -> Result<(), WorkbenchError> {
        let unseen =
            matches!(message, Message::SameListing | Message::SameRuns | Message::Tick(Tick::Library | Tick::Runs));
        let live = comes_by_itself(&message);
        let effects = self.stage.take(message);
        self.carry_out(effects)?;
        match (unseen, live) {
            (true, _) => {}
            (false, true) => self.requester.request_live(),
            (false, false) => self.requester.request(),
        }
        Ok(())
    }

    /// What only the terminal can do.
    fn carry_out(&mut self, effects: Vec<Effect>) -> Result<(), WorkbenchError> {
        for effect in effects {
            match effect {
                Effect::Quit => self.quit = Some(None),
                Effect::Suspend => self.suspend()?,
                Effect::Redraw => self.screen.redraw()?,
                Effect::Mouse(on) => self.screen.set_mouse(on)?,
                Effect::WriteOutside => self.write_outside()?,
                Effect::EditKeys(refused) => self.edit_keys(refused)?,
                // Everything else was carried out on the stage.
                _ => {}
            }
        }
        Ok(())
    }

    /// Gives the terminal to another program while `work` runs.
    fn lend<T>(&mut self, work: impl FnOnce() -> T) -> Result<T, WorkbenchError> {
        self.inputs = None;
        self.screen.release();
        let done = work();
        self.screen.resume()?;
        self.inputs = Some(Inputs::open(&mut self.screen)?);
        self.requester.request();
        Ok(done)
    }

    fn write_outside(&mut self) -> Result<(), WorkbenchError> {
        let here = self.stage.view.editor.as_ref().map(|editor| (editor.text(), editor.is_changed()));
        let (text, changed) = here.unwrap_or_default();
        let written = self.lend(|| outside::write(outside::SEGMENT, &text))?;
        // What was written on the screen before is not lost by leaving it as it was outside.
        let written = written.map(|new| new.or_else(|| changed.then_some(text)));
        self.take(Message::Written(written))
    }

    fn edit_keys(&mut self, refused: Option<String>) -> Result<(), WorkbenchError> {
        let Some(folder) = self.settings.clone() else {
            return self.take(Message::Keys(Err("there is no folder for settings; set HOME".to_owned())));
        };
        let message = self.lend(|| outside::edit_keys(&folder, refused))?;
        self.take(message)
    }

    fn suspend(&mut self) -> Result<(), WorkbenchError> {
        self.inputs = None;
        let stopped = self.screen.suspend()?;
        self.inputs = Some(Inputs::open(&mut self.screen)?);
        self.requester.request();
        if stopped { Ok(()) } else { self.take(Message::Warned("no shell waits behind this terminal".to_owned())) }
    }
}

/// Whether a message tells of what runs, and of nothing that a person just did or waits for.
fn comes_by_itself(message: &Message) -> bool {
    match message {
        Message::Desk(_, news) => match news {
            News::Streamed { .. } | News::Activity(_) | News::Waiting(_) | News::Measured { .. } => true,
            News::Events(events) => !events.iter().any(|event| event.by.is_person()),
            _ => false,
        },
        Message::Runs(_) | Message::Tick(Tick::Clock | Tick::Play) => true,
        _ => false,
    }
}

async fn next(inputs: &mut Option<Inputs>) -> Option<Input> {
    match inputs {
        Some(inputs) => inputs.next().await,
        None => std::future::pending().await,
    }
}
