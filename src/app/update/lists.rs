//! Lists over the screen: palette, keys, branches, decisions, themes; forms; what choosing a row does.

use crate::app::command::REGISTRY;
use crate::app::overlay::{Act, Item, Overlay, Picker, Picking};
use crate::app::{App, Effect};
use crate::session::Verdict;
use crate::session::runs::Wish;

/// Signs of the chart and of the trajectory.
const SIGNS: [(&str, &str); 15] = [
    ("●", "chart: a version that the search took; the first is the draft"),
    ("○", "chart: a candidate that was not lower, or that another outran; on the line, a step that took none"),
    ("×", "a candidate that was refused: it copies, runs on, repeats itself, or could not be used"),
    ("◌", "a candidate whose score is still to come"),
    ("◆", "a version that a person wrote or chose against the search"),
    ("◇", "a person went to another version; its branch begins here"),
    ("▾", "a mark"),
    ("z0  z1", "chart: the drafts"),
    ("e", "chart: an edit by hand"),
    ("┄┄", "chart: the reference without any thinking, or the threshold"),
    ("−0.021", "beside a segment: what its changes bought, nats per token; minus is better"),
    ("leak 5w (+2)", "the longest run copied from the reference, in words, and how much longer it became"),
    ("✓ taken", "the search took it; `you took it` and `you refused it` say where a person differed"),
    ("[-a-]{+b+}", "a was taken out, b came in"),
    ("underlined words", "in reference and trajectory: what the thinking copied"),
];

impl App {
    fn list(&mut self, picker: Picker) -> Vec<Effect> {
        self.overlays.push(Overlay::List(picker));
        Vec::new()
    }

    /// Every command of this screen, for the palette.
    pub(super) fn list_commands(&mut self) -> Vec<Effect> {
        let contexts = self.screen_contexts();
        let here = REGISTRY.iter().filter(|entry| entry.contexts.iter().any(|context| contexts.contains(context)));
        let items = here.map(|entry| Item {
            label: entry.name.to_owned(),
            detail: entry.doc.to_owned(),
            aside: self.keymap.keys_of(&contexts, entry.command).join("  "),
            act: Act::Command(entry.command),
        });
        let items = items.collect();
        self.list(Picker::new(Picking::Command, items))
    }

    /// The keys that work here, those of the innermost place first.
    pub(super) fn list_keys(&mut self) -> Vec<Effect> {
        let contexts = self.contexts();
        let mut items = Vec::new();
        for context in &contexts {
            for entry in REGISTRY.iter().filter(|entry| entry.contexts.contains(context)) {
                let keys = self.keymap.keys_of(&contexts, entry.command).join("  ");
                let known = items.iter().any(|item: &Item| item.act == Act::Command(entry.command));
                if !known && !keys.is_empty() {
                    let (label, detail) = (keys, entry.doc.to_owned());
                    items.push(Item { label, detail, aside: entry.name.to_owned(), act: Act::Command(entry.command) });
                }
            }
        }
        self.list(Picker::new(Picking::Help, items))
    }

    /// What signs mean; with them, the bands of the tint are named under the reference until the next time.
    pub(super) fn list_signs(&mut self) -> Vec<Effect> {
        self.legend = !self.legend;
        if !self.legend {
            return self.tell("the tint's bands are no longer named under the reference");
        }
        let item = |(sign, meaning): &(&str, &str)| Item {
            label: (*sign).to_owned(),
            detail: (*meaning).to_owned(),
            aside: String::new(),
            act: Act::Nothing,
        };
        self.list(Picker::new(Picking::Legend, SIGNS.iter().map(item).collect()))
    }

    /// Branches with where they begin, and the last moments at which the current version was another.
    pub(super) fn list_branches(&mut self) -> Vec<Effect> {
        let Some(bench) = self.bench() else { return Vec::new() };
        let head = bench.state.head();
        let shown = self.memory.shown;
        let score =
            |node| bench.shown_score(node, shown).map(|value| format!("{} {}", shown.name(), shown.write(value)));
        let tips = bench.timeline.moments().iter().enumerate().filter(|(index, moment)| {
            let next = bench.timeline.get(index + 1);
            next.is_none_or(|next| next.parent != Some(*index) && next.node != moment.node)
        });
        let mut items: Vec<Item> = Vec::new();
        let last = |index: &usize, node| !bench.timeline.moments()[index + 1..].iter().any(|later| later.node == node);
        for (_, moment) in tips.filter(|(index, moment)| last(index, moment.node)) {
            let at = bench.timeline.moments().iter().position(|other| std::ptr::eq(other, moment)).unwrap_or(0);
            let line = bench.timeline.line(at).into_iter().rev().filter_map(|index| bench.timeline.get(index));
            let branch = line.filter_map(|moment| moment.branch.as_deref()).next();
            let label = branch.map_or_else(|| moment.name(), |branch| format!("{branch}, {}", moment.name()));
            let current = if Some(moment.node) == head { "current" } else { "" };
            let detail = format!("version {} · {}", moment.node.0, score(moment.node).unwrap_or_default());
            items.push(Item { label, detail, aside: current.to_owned(), act: Act::Version(moment.node) });
        }
        for (name, node) in bench.state.annotations.forks() {
            let detail = format!("began at version {} · {}", node.0, score(node).unwrap_or_default());
            items.push(Item { label: name.to_owned(), detail, aside: "branch".to_owned(), act: Act::Version(node) });
        }
        if items.is_empty() {
            return self.tell("there is one version yet, and no branch");
        }
        self.list(Picker::new(Picking::Branch, items))
    }

    pub(super) fn list_decisions(&mut self) -> Vec<Effect> {
        let items: Vec<Item> = self
            .memory
            .decisions
            .iter()
            .map(|decided| Item {
                label: decided.title.clone(),
                detail: match decided.verdict {
                    Verdict::Keep => "kept",
                    Verdict::Drop => "dropped",
                    Verdict::Later => "put off",
                    Verdict::None => "undecided again",
                }
                .to_owned(),
                aside: String::new(),
                act: Act::Session(decided.key.clone()),
            })
            .collect();
        if items.is_empty() {
            return self.tell("nothing was decided yet");
        }
        self.list(Picker::new(Picking::Decision, items))
    }

    pub(super) fn list_themes(&mut self) -> Vec<Effect> {
        let item = |name: &String| Item {
            label: name.clone(),
            detail: String::new(),
            aside: String::new(),
            act: Act::Theme(name.clone()),
        };
        let now = self.theme().to_owned();
        let items = self.themes.iter().map(item).collect();
        self.list(Picker::new(Picking::Theme, items).at(|item| item.label == now))
    }

    pub(super) fn step_list(&mut self, by: isize) -> Vec<Effect> {
        if let Some(Overlay::List(picker)) = self.overlays.last_mut() {
            picker.step(by);
        }
        Vec::new()
    }

    /// Closes the overlay on top; a line that was being typed leaves things as they were.
    pub(super) fn close_overlay(&mut self) -> Vec<Effect> {
        match self.overlays.pop() {
            Some(Overlay::Field(prompt)) => match prompt.wanting {
                crate::app::overlay::Wanting::Find(_) => self.on_bench(|bench| bench.find = None),
                crate::app::overlay::Wanting::Filter => self.filter(String::new()),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    /// Does what the selected row says.
    pub(super) fn choose(&mut self) -> Vec<Effect> {
        if let Some(Overlay::Export(_)) = self.overlays.last() {
            return self.export();
        }
        let Some(Overlay::List(picker)) = self.overlays.pop() else { return Vec::new() };
        let Some(item) = picker.selected().cloned() else { return self.tell("nothing is called so") };
        match item.act {
            Act::Command(command) => self.run(command),
            Act::Version(node) => self.go_to_version(node),
            Act::Session(key) => match self.library.row(&key).cloned() {
                Some(row) => self.open_row(&row),
                None => self.warn(format!("{} is no longer in the library", item.label)),
            },
            Act::Theme(name) => {
                self.memory.theme = Some(name);
                self.remember()
            }
            Act::BackEnd(spec) => self.set_value(&spec),
            Act::Type => self.type_value(),
            Act::Step(step) => {
                let at = self.bench().and_then(|bench| bench.timeline.of_step(step));
                match at {
                    Some(at) => self.on_bench(|bench| bench.visit(at)),
                    None => self.tell(format!("there is no step {step}")),
                }
            }
            Act::Quit => self.quit(),
            Act::Discard => {
                self.overlays.pop();
                vec![Effect::DiscardText]
            }
            Act::StopRun => self.ask_run(|_| Some(Wish::Stop)),
            Act::Nothing => Vec::new(),
        }
    }

    /// Goes to the last moment at which this version was current.
    fn go_to_version(&mut self, node: crate::reer::search::NodeId) -> Vec<Effect> {
        let at = self.bench().and_then(|b| b.timeline.moments().iter().rposition(|moment| moment.node == node));
        let mut effects = at.map(|at| self.on_bench(|bench| bench.visit(at))).unwrap_or_default();
        let on = self.key_of(crate::app::command::Command::GoOn).unwrap_or_default();
        effects.extend(self.tell(format!("{on} lets the search go on from here")));
        effects
    }

    /// Turns the selected value of a form or of the export.
    pub(super) fn turn_value(&mut self, forward: bool) -> Vec<Effect> {
        match self.overlays.last_mut() {
            Some(Overlay::Form(form)) => {
                if form.turn(forward) {
                    Vec::new()
                } else {
                    self.type_value()
                }
            }
            Some(Overlay::Export(view)) => {
                view.turn(forward);
                self.preview()
            }
            _ => Vec::new(),
        }
    }
}
