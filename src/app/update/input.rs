//! Keys, pasted text, the mouse: looked up, and carried out or written.

use crate::app::bench::Pane;
use crate::app::command::Command;
use crate::app::effect::{Scroll, Tick};
use crate::app::input::Input;
use crate::app::keymap::{Looked, text_edit};
use crate::app::keys::Key;
use crate::app::message::{Press, Target};
use crate::app::overlay::{Overlay, Wanting};
use crate::app::text_edit::TextEdit;
use crate::app::{App, Effect};

/// After this long, the keys that may follow are shown.
const THINKING: std::time::Duration = std::time::Duration::from_millis(250);

impl App {
    pub(super) fn input(&mut self, input: Input) -> Vec<Effect> {
        match input {
            Input::Key(key) => self.key(key),
            Input::Paste(text) => {
                self.read_notice();
                self.edit_text(TextEdit::Paste(text))
            }
            Input::Focus(true) if self.is_library() => vec![Effect::List],
            Input::Focus(true) if self.batch().is_some() => vec![Effect::Runs],
            Input::Mouse(_) | Input::Resize { .. } | Input::Focus(_) => Vec::new(),
        }
    }

    fn key(&mut self, key: Key) -> Vec<Effect> {
        self.read_notice();
        self.pending.push(key);
        if std::mem::take(&mut self.find_closed)
            && let Some(said) = self.is_of_find()
        {
            self.pending.clear();
            return self.tell(said);
        }
        match self.keymap.look(&self.contexts(), &self.pending) {
            Looked::Command(command) => self.run(command),
            Looked::Prefix(_) => vec![Effect::Tick(Tick::Prefix, THINKING)],
            Looked::Nothing => {
                let pressed = std::mem::take(&mut self.pending);
                self.which_key = false;
                match (&pressed[..], text_edit(key)) {
                    ([key], Some(_)) if self.overlays.is_empty() => {
                        let help = self.key_of(Command::Help).map(|help| format!("; {help} lists the keys that do"));
                        self.tell(format!("{key} does nothing here{}", help.unwrap_or_default()))
                    }
                    ([_], Some(edit)) => self.edit_text(edit),
                    ([_], None) => Vec::new(),
                    // Whatever was begun, quitting quits, and what closes things ends the beginning.
                    _ => match self.keymap.look(&self.contexts(), &[key]) {
                        Looked::Command(Command::Quit) => self.run(Command::Quit),
                        Looked::Command(Command::Dismiss) => Vec::new(),
                        _ => {
                            let keys: Vec<String> = pressed.iter().map(Key::to_string).collect();
                            self.tell(format!("{} does nothing here", keys.join(" ")))
                        }
                    },
                }
            }
        }
    }

    /// Writes into whatever is being written; what is pasted on the library begins a session.
    fn edit_text(&mut self, edit: TextEdit) -> Vec<Effect> {
        match self.overlays.last_mut() {
            Some(Overlay::List(picker)) => {
                picker.edit(&edit);
                Vec::new()
            }
            Some(Overlay::Field(prompt)) => {
                prompt.edit(&edit);
                let (wanting, text) = (prompt.wanting, prompt.line.text().to_owned());
                self.typed(wanting, text)
            }
            Some(Overlay::Writing(_)) => {
                let mut effects = vec![Effect::EditText(edit)];
                effects.extend(self.keep_text_soon());
                effects
            }
            Some(Overlay::Form(_) | Overlay::Export(_)) => Vec::new(),
            None => match edit {
                TextEdit::Paste(text) if self.is_library() && !text.trim().is_empty() => self.paste_new(text),
                _ => Vec::new(),
            },
        }
    }

    /// What shows while a line is typed.
    fn typed(&mut self, wanting: Wanting, text: String) -> Vec<Effect> {
        match wanting {
            Wanting::Find(pane) => self.find(pane, text),
            Wanting::Filter => self.filter(text),
            _ => Vec::new(),
        }
    }

    pub(super) fn pointed(&mut self, target: Target, press: Press) -> Vec<Effect> {
        self.find_closed = false;
        match (press, target) {
            (Press::ScrollUp | Press::ScrollDown, target) => self.wheel(target, press == Press::ScrollDown),
            (_, Target::Row(row)) => self.pointed_row(row, press),
            (_, target) if self.overlays.is_empty() => self.pointed_bench(target),
            _ => Vec::new(),
        }
    }

    fn wheel(&mut self, target: Target, down: bool) -> Vec<Effect> {
        let by = if down { 3 } else { -3 };
        match (self.overlays.last(), target) {
            (Some(Overlay::Export(_)), _) => self.scroll_preview(by),
            (Some(Overlay::Writing(_)), _) => {
                vec![Effect::EditText(if down { TextEdit::Down } else { TextEdit::Up })]
            }
            (Some(_), _) => self.step_list(by),
            (None, Target::Pane(Pane::Chart) | Target::Moment(_)) => self.on_bench(|bench| {
                bench.step(if down { 1 } else { -1 });
            }),
            (None, Target::Pane(pane)) => vec![Effect::Scroll(pane, Scroll::Rows(by as i32))],
            (None, Target::Segment(_) | Target::Candidate(_)) => {
                vec![Effect::Scroll(Pane::Trajectory, Scroll::Rows(by as i32))]
            }
            (None, Target::Row(_)) => self.go_up(by),
        }
    }

    fn pointed_row(&mut self, row: usize, press: Press) -> Vec<Effect> {
        match self.overlays.last_mut() {
            Some(Overlay::List(picker)) => {
                picker.select(row);
                self.choose()
            }
            Some(Overlay::Form(form)) => {
                form.select(row);
                Vec::new()
            }
            Some(_) => Vec::new(),
            None => {
                self.select_row(row);
                if press == Press::DoubleClick { self.run(Command::Open) } else { Vec::new() }
            }
        }
    }

    fn pointed_bench(&mut self, target: Target) -> Vec<Effect> {
        self.on_bench(|bench| match target {
            Target::Pane(pane) => bench.focus = pane,
            Target::Segment(segment) => {
                (bench.focus, bench.follow, bench.steady) = (Pane::Trajectory, false, true);
                bench.select(segment);
            }
            Target::Candidate(node) => {
                (bench.focus, bench.follow, bench.steady) = (Pane::Trajectory, false, true);
                bench.select_candidate(node);
            }
            Target::Moment(index) => bench.visit(index),
            Target::Row(_) => {}
        })
    }
}
