//! Texts and lines that were written: what becomes of them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::app::bench::{Bench, Match, Pane, Writing};
use crate::app::effect::Scroll;
use crate::app::overlay::{Act, Item, Overlay, Picker, Picking, Prompt, Text, Wanting};
use crate::app::text_edit::TextEdit;
use crate::app::{App, Effect};
use crate::engine::desk::Origin;
use crate::session::ExampleRecord;

/// Bytes of a pasted line that may still be a query.
const LONGEST_QUERY: usize = 400;

impl App {
    fn prompt(&mut self, wanting: Wanting, text: &str) -> Vec<Effect> {
        self.overlays.push(Overlay::Field(Prompt::new(wanting, text)));
        Vec::new()
    }

    pub(super) fn ask_find(&mut self) -> Vec<Effect> {
        match self.bench() {
            Some(bench) => {
                let pane = if bench.focus == Pane::Chart { Pane::Trajectory } else { bench.focus };
                self.prompt(Wanting::Find(pane), "")
            }
            None => {
                let text = self.library.filter.text().to_owned();
                self.prompt(Wanting::Filter, &text)
            }
        }
    }

    pub(super) fn ask_instruction(&mut self) -> Vec<Effect> {
        if self.bench().is_none_or(|bench| bench.segment().is_none()) {
            return self.tell("there is no segment to rewrite yet");
        }
        let aside = self.warn_of_deaf();
        let mut prompt = Prompt::new(Wanting::Instruction, "");
        prompt.aside = aside.unwrap_or_default();
        self.overlays.push(Overlay::Field(prompt));
        Vec::new()
    }

    pub(super) fn ask_path(&mut self) -> Vec<Effect> {
        self.prompt(Wanting::Path, "")
    }

    pub(super) fn ask_tag(&mut self) -> Vec<Effect> {
        let tags = self.library.listed_rows().filter(|row| !row.is_sample()).flat_map(|row| row.summary.tags.iter());
        let here = self.bench().map(|bench| bench.state.annotations.tags()).unwrap_or_default();
        let known: BTreeSet<&str> = tags.map(String::as_str).chain(here).collect();
        let mut prompt = Prompt::new(Wanting::Tag, "");
        prompt.known = known.into_iter().map(str::to_owned).collect();
        self.overlays.push(Overlay::Field(prompt));
        Vec::new()
    }

    pub(super) fn complete_line(&mut self) -> Vec<Effect> {
        if let Some(Overlay::Field(prompt)) = self.overlays.last_mut() {
            prompt.complete();
        }
        Vec::new()
    }

    /// Asks for the name of the session on the screen, or of the one that is selected.
    pub(super) fn ask_name(&mut self) -> Vec<Effect> {
        let called = match self.bench() {
            Some(bench) if bench.loading => return Vec::new(),
            Some(bench) => bench.state.called().to_owned(),
            None => match self.library.selected() {
                Some(row) => row.summary.called().to_owned(),
                None => return Vec::new(),
            },
        };
        self.prompt(Wanting::Name, &called)
    }

    pub(super) fn ask_branch_name(&mut self) -> Vec<Effect> {
        let Some(bench) = self.bench() else { return Vec::new() };
        if bench.node().is_none() {
            return self.tell("there is no version to branch from yet");
        }
        let name = bench.next_branch();
        self.prompt(Wanting::BranchName, &name)
    }

    pub(super) fn type_value(&mut self) -> Vec<Effect> {
        let Some(Overlay::Form(form)) = self.overlays.last() else { return Vec::new() };
        let (knob, value) = (form.selected(), form.value(form.selected()));
        if form.begun && !knob.may_change() {
            return self.tell(format!("the search has begun: its {} stays as it was recorded", knob.name()));
        }
        self.prompt(Wanting::Value(knob), &value)
    }

    pub(super) fn ask_folder(&mut self) -> Vec<Effect> {
        let Some(Overlay::Export(view)) = self.overlays.last() else { return Vec::new() };
        let to = view.to.clone();
        self.prompt(Wanting::Folder, &to)
    }

    /// Takes the line that was typed.
    pub(super) fn accept_line(&mut self) -> Vec<Effect> {
        let Some(Overlay::Field(prompt)) = self.overlays.pop() else { return Vec::new() };
        let text = prompt.line.text().trim().to_owned();
        match prompt.wanting {
            Wanting::Find(pane) => self.found(pane, &text),
            Wanting::Filter => self.filter(text),
            Wanting::Instruction => {
                self.last_wish = (!text.is_empty()).then_some(text);
                self.propose(self.last_wish.clone())
            }
            Wanting::Tag => {
                let names: BTreeSet<String> =
                    text.split([' ', ',', '#']).filter(|name| !name.is_empty()).map(str::to_owned).collect();
                if names.is_empty() {
                    return Vec::new();
                }
                self.last_tags = names;
                self.tag()
            }
            Wanting::Name => self.rename(&text),
            Wanting::BranchName if text.is_empty() => Vec::new(),
            Wanting::BranchName => match self.bench().and_then(Bench::node) {
                Some(node) => self.fork(node, &text),
                None => Vec::new(),
            },
            Wanting::Value(knob) => self.typed_value(knob, prompt, &text),
            Wanting::Folder => self.typed_folder(text),
            Wanting::Path if text.is_empty() => Vec::new(),
            Wanting::Path => vec![Effect::Visit(text.into())],
        }
    }

    fn typed_value(&mut self, knob: crate::app::overlay::Knob, mut prompt: Prompt, text: &str) -> Vec<Effect> {
        let Some(Overlay::Form(form)) = self.overlays.last_mut() else { return Vec::new() };
        if let Err(why) = form.set(knob, text) {
            prompt.error = Some(why);
            self.overlays.push(Overlay::Field(prompt));
        }
        Vec::new()
    }

    /// Finds while it is typed.
    pub(super) fn find(&mut self, pane: Pane, wanted: String) -> Vec<Effect> {
        let found = self.bench_mut().and_then(|bench| bench.begin_find(pane, wanted));
        self.show(pane, found)
    }

    /// The search is typed: from now on its keys go from match to match, also when there is none.
    fn found(&mut self, pane: Pane, wanted: &str) -> Vec<Effect> {
        if wanted.is_empty() {
            return self.on_bench(|bench| bench.find = None);
        }
        self.on_bench(|bench| bench.focus = pane);
        self.tell_match()
    }

    fn tell_match(&mut self) -> Vec<Effect> {
        let Some(bench) = self.bench() else { return Vec::new() };
        let Some(find) = &bench.find else { return Vec::new() };
        let end = self.key_of(crate::app::command::Command::Dismiss).unwrap_or_default();
        let said = match bench.matches().len() {
            0 => format!("{:?} is not in this pane; {end} closes the find", find.wanted),
            count => format!("{:?}: {} of {count}; {end} closes the find", find.wanted, find.current + 1),
        };
        self.tell(said)
    }

    pub(super) fn find_further(&mut self, forward: bool) -> Vec<Effect> {
        let Some(bench) = self.bench_mut() else { return Vec::new() };
        let pane = bench.find.as_ref().map_or(bench.focus, |find| find.pane);
        let found = bench.go_to_match(forward);
        let mut effects = self.show(pane, found);
        effects.extend(self.tell_match());
        effects
    }

    /// What a key says that would go to another match, had the find not been closed a moment ago: whoever presses it
    /// then means the find, and shall not refuse a candidate by it.
    pub(super) fn is_of_find(&self) -> Option<String> {
        use crate::app::command::{Command, Context};
        use crate::app::keymap::Looked;
        let finds = |command| matches!(command, Command::FindNext | Command::FindPrevious);
        match self.keymap.look(&[Context::Finding], &self.pending) {
            Looked::Command(command) if finds(command) && self.overlays.is_empty() => {}
            _ => return None,
        }
        let Looked::Command(now) = self.keymap.look(&self.contexts(), &self.pending) else { return None };
        let key = self.pending.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let find = self.key_of(Command::Find).map(|find| format!(" {find} finds again,")).unwrap_or_default();
        Some(format!("the find is closed:{find} {key} once more is {:?}", now.name()))
    }

    fn show(&mut self, pane: Pane, found: Option<Match>) -> Vec<Effect> {
        found.map(|found| Effect::Scroll(pane, Scroll::To(found.bytes.start))).into_iter().collect()
    }

    pub(super) fn write_new(&mut self) -> Vec<Effect> {
        self.write_again(Text::Query { reference: String::new() }, String::new())
    }

    /// Text pasted into the library begins a new session: a line of it is its query, a longer text its reference.
    pub(super) fn paste_new(&mut self, text: String) -> Vec<Effect> {
        let is_query = text.trim().len() <= LONGEST_QUERY && !text.trim().contains(['\n', '\r']);
        let (mut effects, said) = match is_query {
            true => (
                self.write_again(Text::Query { reference: String::new() }, text),
                "pasted as the query of a new session; its reference comes next",
            ),
            false => (
                self.write_again(Text::Query { reference: text }, String::new()),
                "pasted as the reference of a new session; write what was asked for, its query",
            ),
        };
        effects.extend(self.tell(said));
        effects
    }

    /// Shows a text of a new session, or one that was not saved. What it holds already counts as written: leaving it
    /// asks.
    pub(in crate::app) fn write_again(&mut self, about: Text, text: String) -> Vec<Effect> {
        self.overlays.push(Overlay::Writing(about));
        vec![Effect::Write(String::new()), Effect::EditText(TextEdit::Paste(text))]
    }

    /// A text came out of the editor; `None` when it is as it was.
    pub(super) fn written(&mut self, text: Result<Option<String>, String>) -> Vec<Effect> {
        let text = match text {
            Ok(text) => text,
            Err(why) => return self.fail(why),
        };
        let Some(Overlay::Writing(about)) = self.overlays.last().cloned() else { return Vec::new() };
        let Some(text) = text else {
            let mut effects = self.leave_text();
            effects.extend(self.tell("left as it was"));
            return effects;
        };
        match about {
            Text::Query { .. } if text.trim().is_empty() => self.tell("a session needs a query: what was asked for"),
            Text::Query { reference } => {
                self.overlays.pop();
                self.write_again(Text::Reference { query: text }, reference)
            }
            Text::Reference { .. } if text.trim().is_empty() => self.tell("a session needs a reference: the good text"),
            Text::Reference { query } => self.begin(&query, &text),
            Text::Of(desk, writing) => {
                let bench = self.benches.get(&desk);
                if let Some(why) = bench.and_then(|bench| bench.read_only.clone()) {
                    return self.fail(format!("not saved, the session is read-only: {why}"));
                }
                match bench.map(|bench| bench.written(writing, &text)) {
                    Some(Ok(Some(order))) => {
                        self.overlays.pop();
                        // A note is no version: the person stays where they are.
                        if writing != Writing::Note {
                            self.on_bench(Bench::go_along);
                        }
                        let mut effects = vec![Effect::DiscardText];
                        effects.extend(self.give(order));
                        effects
                    }
                    Some(Err(why)) => self.fail(why),
                    Some(Ok(None)) | None => {
                        self.overlays.pop();
                        vec![Effect::DiscardText]
                    }
                }
            }
        }
    }

    /// Leaves the text that is written as it was: from the reference of a new session back to its query.
    pub(super) fn leave_text(&mut self) -> Vec<Effect> {
        match self.overlays.pop() {
            Some(Overlay::Writing(Text::Reference { query })) => {
                self.write_again(Text::Query { reference: String::new() }, query)
            }
            _ => vec![Effect::DiscardText],
        }
    }

    /// A new session of a query and a reference: it is on disk before anything is done with it, and its text stays in
    /// the editor until then.
    fn begin(&mut self, query: &str, reference: &str) -> Vec<Effect> {
        vec![Effect::Begin { example: Box::new(ExampleRecord::written(query.trim(), reference)), anew: false }]
    }

    pub(super) fn begun(&mut self, begun: Result<PathBuf, String>) -> Vec<Effect> {
        let path = match begun {
            Ok(path) => path,
            Err(why) => return self.fail(why),
        };
        let mut effects = Vec::new();
        if matches!(self.overlays.last(), Some(Overlay::Writing(Text::Reference { .. }))) {
            self.overlays.pop();
            effects.push(Effect::DiscardText);
        }
        let key = path.display().to_string();
        self.library.select(&key);
        effects.extend(self.open(key, Origin::File(path)));
        effects.push(Effect::List);
        effects.extend(self.tell("the session is saved"));
        effects
    }

    /// The text would be lost.
    pub(super) fn ask_to_discard(&mut self) -> Vec<Effect> {
        let item =
            |label: &str, act| Item { label: label.to_owned(), detail: String::new(), aside: String::new(), act };
        let saved = match self.overlays.last() {
            Some(Overlay::Writing(Text::Query { .. })) => "Go on to the reference",
            _ => "Save it",
        };
        let items = vec![
            item("Go on writing", Act::Nothing),
            item(saved, Act::Save),
            item("Throw the changes away", Act::Discard),
        ];
        self.overlays.push(Overlay::List(Picker::new(Picking::Discard, items)));
        Vec::new()
    }
}
