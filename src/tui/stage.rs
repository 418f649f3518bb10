//! The workbench without its terminal: state, screen and executor together. The event loop plays it on a real
//! terminal, the tests on a buffer.

use std::path::PathBuf;
use std::time::Instant;

use ratatui::buffer::Buffer;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::executor::{Executor, Means};
use super::theme::{self, Depth, Theme, ThemeError};
use super::view::{Drawn, Look, View};
use super::widgets::editor::Editor;
use super::widgets::text::Bands;
use crate::app::effect::Effect;
use crate::app::message::{At, Message};
use crate::app::unsaved::Unsaved;
use crate::app::{App, Start};

/// The play: everything but the terminal.
pub struct Stage {
    pub app: App,
    pub view: View,
    theme: Theme,
    depth: Depth,
    /// Folder of the user's own themes.
    themes: Option<PathBuf>,
    executor: Executor,
    began: Instant,
}

impl Stage {
    /// Sets it up; must be called within a tokio runtime. Answers come through the receiver, to be given to
    /// [`Stage::take`]. The effects to begin with are carried out already; those returned are the terminal's.
    ///
    /// # Errors
    /// Not even the default theme can be read.
    pub fn new(
        start: Start,
        view: View,
        means: Means,
        (depth, themes): (Depth, Option<PathBuf>),
    ) -> Result<(Stage, UnboundedReceiver<Message>, Vec<Effect>), ThemeError> {
        let name = start.memory.theme.clone().unwrap_or_else(|| theme::DEFAULT.to_owned());
        let (theme, notice) = match Theme::load(&name, depth, themes.as_deref()) {
            Ok(theme) => (theme, start.notice.clone()),
            // A theme that was taken away or broken since must not keep anyone from their work.
            Err(why) => (Theme::load(theme::DEFAULT, depth, None)?, Some(why.to_string())),
        };
        let (sender, messages) = unbounded_channel();
        let (app, effects) = App::new(Start { notice, ..start });
        let executor = Executor::new(sender, means);
        let mut stage = Stage { app, view, theme, depth, themes, executor, began: Instant::now() };
        let mut rest = Vec::new();
        stage.carry_out(effects, &mut rest);
        Ok((stage, messages, rest))
    }

    /// Takes a message and carries out what follows from it. Returns what only the terminal can do.
    pub fn take(&mut self, message: Message) -> Vec<Effect> {
        let mut rest = Vec::new();
        let effects = self.app.update(At { now: self.began.elapsed(), message });
        self.carry_out(effects, &mut rest);
        rest
    }

    fn carry_out(&mut self, effects: Vec<Effect>, rest: &mut Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Scroll(pane, by) => self.view.scroll(pane, by),
                Effect::Write(text) => self.view.editor = Some(Editor::new(&text)),
                Effect::EditText(edit) => {
                    if let Some(editor) = &mut self.view.editor {
                        editor.apply(&edit);
                    }
                }
                Effect::FinishText => {
                    let text = self.view.editor.as_ref().map(Editor::text);
                    rest.extend(self.take(Message::Written(Ok(text))));
                }
                Effect::CancelText => {
                    let changed = self.view.editor.as_ref().is_some_and(Editor::is_changed);
                    rest.extend(self.take(if changed { Message::Unsaved } else { Message::Written(Ok(None)) }));
                }
                Effect::DiscardText => {
                    self.view.editor = None;
                    self.executor.forget_text();
                }
                Effect::KeepText(about) => {
                    if let Some(text) = self.unsaved() {
                        self.executor.keep_text(Unsaved { about, text });
                    }
                }
                Effect::Quit
                | Effect::Suspend
                | Effect::Redraw
                | Effect::Mouse(_)
                | Effect::WriteOutside
                | Effect::EditKeys(_) => rest.push(effect),
                other => self.executor.carry_out(other),
            }
        }
    }

    /// Draws one frame.
    pub fn draw(&mut self, buf: &mut Buffer) -> Drawn {
        self.fit_theme();
        let bands = if self.theme.depth() <= Depth::Ansi16 { Bands::Signs } else { Bands::Colour };
        let drawn = self.view.draw(buf, &self.app, Look { theme: &self.theme, bands });
        self.app.page = drawn.page.max(1);
        drawn
    }

    /// Draws with the theme that is chosen, or looked at, now.
    fn fit_theme(&mut self) {
        if self.theme.name() == self.app.theme() {
            return;
        }
        let name = self.app.theme().to_owned();
        match Theme::load(&name, self.depth, self.themes.as_deref()) {
            Ok(theme) => self.theme = theme,
            Err(why) => {
                self.app.memory.theme = Some(self.theme.name().to_owned());
                // A notice wants nothing of the terminal.
                self.take(Message::Warned(why.to_string()));
            }
        }
    }

    /// Keeps a text that is being written and was not saved; that text.
    pub fn keep_unsaved(&mut self) -> Option<String> {
        let effects = self.app.keep_text();
        let text = self.unsaved().filter(|_| !effects.is_empty());
        self.carry_out(effects, &mut Vec::new());
        text
    }

    /// A text that is being written and was not saved.
    fn unsaved(&self) -> Option<String> {
        self.view.editor.as_ref().filter(|editor| editor.is_changed()).map(Editor::text)
    }

    /// Closes every session and writes what is to be remembered.
    ///
    /// # Errors
    /// Why the text that was being written last is not kept.
    pub async fn finish(self) -> Result<(), String> {
        self.executor.finish().await
    }
}
