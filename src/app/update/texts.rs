//! Texts and lines that were written: what becomes of them.

use std::path::PathBuf;

use crate::app::bench::{Match, Pane};
use crate::app::effect::Scroll;
use crate::app::overlay::{Act, Item, Overlay, Picker, Picking, Prompt, Text, Wanting};
use crate::app::{App, Effect};
use crate::engine::desk::Origin;
use crate::session::ExampleRecord;

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
        self.prompt(Wanting::Instruction, "")
    }

    pub(super) fn ask_path(&mut self) -> Vec<Effect> {
        self.prompt(Wanting::Path, "")
    }

    pub(super) fn ask_tag(&mut self) -> Vec<Effect> {
        self.prompt(Wanting::Tag, "")
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
            Wanting::Instruction => self.propose((!text.is_empty()).then_some(text)),
            Wanting::Tag => match text.trim_matches([' ', ',', '#']) {
                "" => Vec::new(),
                name => self.tag(name),
            },
            Wanting::BranchName if text.is_empty() => Vec::new(),
            Wanting::BranchName => self.fork(&text),
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

    fn show(&mut self, pane: Pane, found: Option<Match>) -> Vec<Effect> {
        found.map(|found| Effect::Scroll(pane, Scroll::To(found.bytes.start))).into_iter().collect()
    }

    pub(super) fn write_new(&mut self) -> Vec<Effect> {
        self.overlays.push(Overlay::Writing(Text::Query));
        vec![Effect::Write(String::new())]
    }

    /// Text pasted into the library begins a new session: it is taken as the reference's query to start with.
    pub(super) fn paste_new(&mut self, text: String) -> Vec<Effect> {
        self.overlays.push(Overlay::Writing(Text::Query));
        let mut effects = vec![Effect::Write(text)];
        effects.extend(self.tell("pasted as the query of a new session; esc if you did not mean it"));
        effects
    }

    /// A text came out of the editor; `None` when it is as it was.
    pub(super) fn written(&mut self, text: Result<Option<String>, String>) -> Vec<Effect> {
        let text = match text {
            Ok(text) => text,
            Err(why) => return self.fail(why),
        };
        let Some(Overlay::Writing(about)) = self.overlays.last().cloned() else { return Vec::new() };
        let Some(text) = text else {
            self.overlays.pop();
            // From the reference back to the query, which is not lost.
            if let Text::Reference { query } = about {
                self.overlays.push(Overlay::Writing(Text::Query));
                return vec![Effect::Write(query)];
            }
            return vec![Effect::DiscardText];
        };
        match about {
            Text::Query if text.trim().is_empty() => self.tell("a session needs a query: what was asked for"),
            Text::Query => {
                self.overlays.pop();
                self.overlays.push(Overlay::Writing(Text::Reference { query: text }));
                vec![Effect::Write(String::new())]
            }
            Text::Reference { .. } if text.trim().is_empty() => self.tell("a session needs a reference: the good text"),
            Text::Reference { query } => {
                self.overlays.pop();
                let mut effects = vec![Effect::DiscardText];
                effects.extend(self.begin(query, text));
                effects
            }
            Text::Of(desk, writing) => {
                let bench = self.benches.get(&desk);
                if let Some(why) = bench.and_then(|bench| bench.read_only.clone()) {
                    return self.fail(format!("not saved, the session is read-only: {why}"));
                }
                match bench.map(|bench| bench.written(writing, &text)) {
                    Some(Ok(Some(order))) => {
                        self.overlays.pop();
                        self.on_bench(crate::app::bench::Bench::go_along);
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

    /// A new session of a query and a reference: it is on disk before anything is done with it.
    fn begin(&mut self, query: String, reference: String) -> Vec<Effect> {
        vec![Effect::Begin(Box::new(ExampleRecord::written(query.trim(), &reference)))]
    }

    pub(super) fn begun(&mut self, begun: Result<PathBuf, String>) -> Vec<Effect> {
        let path = match begun {
            Ok(path) => path,
            Err(why) => return self.fail(why),
        };
        let key = path.display().to_string();
        self.library.select(&key);
        let mut effects = self.open(key, Origin::File(path));
        effects.push(Effect::List);
        let run = self.key_of(crate::app::command::Command::Run).unwrap_or_default();
        effects.extend(self.tell(format!("the session is saved; {run} starts the search")));
        effects
    }

    /// The text would be lost.
    pub(super) fn ask_to_discard(&mut self) -> Vec<Effect> {
        let item =
            |label: &str, act| Item { label: label.to_owned(), detail: String::new(), aside: String::new(), act };
        let items = vec![item("Go on writing", Act::Nothing), item("Throw the changes away", Act::Discard)];
        self.overlays.push(Overlay::List(Picker::new(Picking::Discard, items)));
        Vec::new()
    }
}
