//! Lists over the screen: palette, keys, branches, decisions, themes; forms; what choosing a row does.

use std::time::Duration;

use crate::app::bench::{Bench, Measure, Tint};
use crate::app::command::{Command, REGISTRY};
use crate::app::memory::Decided;
use crate::app::notice::Notice;
use crate::app::overlay::{Act, Item, Overlay, Picker, Picking};
use crate::app::{App, Choice, Effect};
use crate::reer::search::{NodeId, Search};
use crate::session::Verdict;
use crate::session::runs::Wish;

/// Signs of the chart and of the trajectory.
const SIGNS: [(&str, &str); 28] = [
    ("●", "chart: a version that the search took; the first is the draft"),
    ("○", "chart: a candidate that was not lower, or that another outran; on the line, a step that took none"),
    ("×", "a candidate that was refused: it copies, runs on, repeats itself, or could not be used"),
    ("◌", "a candidate whose score is still to come"),
    ("◆", "a version that a person wrote or chose against the search"),
    ("◇", "a person went to another version; its branch begins here"),
    ("▾", "a mark"),
    ("☆", "beside the measures: a version that a person starred"),
    ("⚑  ✎", "in the header and the library: it is flagged; there is a note"),
    ("z0  z1", "chart: the drafts"),
    ("e", "chart: an edit by hand"),
    ("┄┄", "chart: the reference without any thinking, or the threshold"),
    ("● ◆", "beside a segment: it changed with this version; a person wrote it or chose it"),
    (
        "−0.021",
        "beside a segment: what its accepted changes bought together, nats per token; a split leaves it with the first part",
    ),
    ("Δ … −0.021 nats", "in the reference's title: the mean change over all its tokens; minus is better"),
    ("Δ held  Δ marked", "against the version that is held, or else the one that was marked last"),
    ("Δ segment", "against the same thinking without the segment (leave one out), so not the sum of its changes"),
    ("weighing segments", "before a round: the score without each of them (leave one out), to begin with the weakest"),
    ("gain 0.295", "how far the score lies below that of the reference without any thinking; more is better"),
    (
        "anchoring",
        "that gain as a share of the score without thinking: 0 nothing explained (or dearer than without), 1 all of it",
    ),
    ("8-grams", "share of the reference's runs of eight words that stand in the thinking word for word"),
    ("82 % clipped", "tokens less likely than 1 in 7: the official clipped score counts all of them as -2 nats"),
    ("leak 5w (+2)", "the longest run copied from the reference, in words, and how much longer it became"),
    ("✓ taken", "the search took it; `you took it` and `you refused it` say where a person differed"),
    ("[-a-]{+b+}", "a was taken out, b came in"),
    ("underlined words", "in reference and trajectory: what the thinking copied"),
    ("the tint", "dearer words are in italics; where there are few colours, reversed, and cheaper ones underlined"),
    ("−2  +1  !3  ==", "left of a row, where there are few colours: its strongest band, 1 to 3; == where it copies"),
];

/// `now`, `12 s ago`, `5 min ago`, `2 h ago`.
fn ago(since: Duration) -> String {
    match since.as_secs() {
        0 => "now".to_owned(),
        seconds @ 1..60 => format!("{seconds} s ago"),
        seconds @ 60..3600 => format!("{} min ago", seconds / 60),
        seconds => format!("{} h ago", seconds / 3600),
    }
}

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

    /// What signs mean; with them, the bands of a tint are named under the reference until the next time.
    pub(super) fn list_signs(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.bench().is_some_and(|bench| bench.tint != Tint::Off) {
            self.legend = !self.legend;
            effects = self.tell(match self.legend {
                true => "the tint's bands are named under the reference; the same keys take the names away",
                false => "the tint's bands are no longer named under the reference",
            });
        }
        let item = |(sign, meaning): &(&str, &str)| Item {
            label: (*sign).to_owned(),
            detail: (*meaning).to_owned(),
            aside: String::new(),
            act: Act::Nothing,
        };
        effects.extend(self.list(Picker::new(Picking::Legend, SIGNS.iter().map(item).collect())));
        effects
    }

    /// The measures of the version under the cursor, whatever room its pane has for them.
    pub(super) fn list_measures(&mut self) -> Vec<Effect> {
        let measures = self.bench().map(Bench::measures).unwrap_or_default();
        if measures.is_empty() {
            return self.tell("there is no scored version here yet");
        }
        let item = |measure: Measure| Item {
            label: format!("{:<9} {:>8}", measure.name, measure.value),
            detail: [measure.behind, measure.means.to_owned()]
                .into_iter()
                .filter(|text| !text.is_empty())
                .collect::<Vec<_>>()
                .join("; "),
            aside: String::new(),
            act: Act::Nothing,
        };
        self.list(Picker::new(Picking::Measures, measures.into_iter().map(item).collect()))
    }

    /// The ends of the branches, each with where it stands; those that only undo left stand folded at the end.
    pub(super) fn list_branches(&mut self, undone_too: bool) -> Vec<Effect> {
        let Some(bench) = self.bench() else { return Vec::new() };
        let (head, timeline) = (bench.state.head(), &bench.timeline);
        let (marks, mut items, mut left) = (bench.state.annotations.marks(), Vec::new(), 0);
        for (index, moment) in timeline.moments().iter().enumerate().filter(|(index, _)| timeline.is_tip(*index)) {
            let branch = timeline.branch(index, &bench.state).map(str::to_owned);
            let current = Some(moment.node) == head;
            let kept = current || undone_too || marks.contains_key(&moment.node);
            if !kept && timeline.is_left_by_undo(index, &bench.state) {
                left += 1;
                continue;
            }
            items.push(Item {
                label: branch.clone().unwrap_or_else(|| format!("v{}", moment.node.0)),
                detail: format!("ends with {} · {}", moment.name(&bench.me), self.standing(bench, moment.node)),
                aside: if current { "current" } else { "" }.to_owned(),
                act: Act::Switch(moment.node, branch),
            });
        }
        // The way back to the search's best, from which versions by hand may go on.
        let listed =
            |node: &NodeId| items.iter().any(|item| matches!(&item.act, Act::Switch(known, _) if known == node));
        if let Some(best) = bench.search().and_then(Search::best_ever).filter(|best| !listed(best)) {
            items.push(Item {
                label: "(the lowest)".to_owned(),
                detail: format!("no end of a branch · {}", self.standing(bench, best)),
                aside: String::new(),
                act: Act::Switch(best, None),
            });
        }
        if left > 0 {
            items.push(Item {
                label: format!("{left} undone"),
                detail: "versions that undo took back; nothing of them is lost".to_owned(),
                aside: "show".to_owned(),
                act: Act::UndoneBranches,
            });
        }
        let named = items.iter().any(|item| matches!(&item.act, Act::Switch(_, Some(_))));
        if items.len() < 2 && !named {
            let fork = self.key_of(Command::Fork).unwrap_or_default();
            return self
                .tell(format!("there is one branch yet; {fork} begins another at the version under the cursor"));
        }
        self.list(Picker::new(Picking::Branch, items).at(|item| item.aside == "current"))
    }

    /// A version with its score, its gain over the baseline and its longest copied run.
    fn standing(&self, bench: &Bench, node: NodeId) -> String {
        let shown = self.memory.shown;
        let search = bench.search();
        let version = search.and_then(|search| search.tree().get(node));
        let measures = version.and_then(|version| version.measures);
        let score = bench.shown_score(node, shown).map(|value| format!("{} {}", shown.name(), shown.write(value)));
        let gain = measures.zip(search.and_then(|search| search.baseline().copied()));
        let gain =
            gain.map(|(now, baseline)| format!("gain {:.1} %", now.gain(&baseline).gain_percent).replace('-', "−"));
        let leak = version.and_then(|version| version.leak).map(|leak| format!("copied {} w", leak.span_words));
        let version = Some(format!("v{}", node.0));
        [version, score, gain, leak].into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }

    pub(super) fn list_decisions(&mut self) -> Vec<Effect> {
        let items: Vec<Item> = self
            .memory
            .decisions
            .iter()
            .map(|decided| Item {
                label: decided.title.clone(),
                detail: self.decided_in_words(decided),
                aside: String::new(),
                act: Act::Session(decided.key.clone()),
            })
            .collect();
        if items.is_empty() {
            return self.tell("nothing was decided yet");
        }
        self.list(Picker::new(Picking::Decision, items))
    }

    /// What was decided, the score of what is current there, and when it was decided.
    fn decided_in_words(&self, decided: &Decided) -> String {
        let said = match decided.verdict {
            _ if decided.flagged => "flagged",
            Verdict::Keep => "kept",
            Verdict::Drop => "dropped",
            Verdict::Later => "put off",
            Verdict::None => "undecided again",
        };
        let summary = self.library.row(&decided.key).map(|row| &row.summary);
        let ppl = summary.and_then(|summary| summary.best.as_ref()).map(|best| format!("ppl {:.1}", best.ppl.0));
        let flag = summary.is_some_and(|summary| !summary.flags.is_empty() && !decided.flagged);
        // `2026-01-31T10:22:05.118Z`, to the minute.
        let when = decided.t.get(..16).map(|minute| format!("{} UTC", minute.replace('T', " ")));
        let parts = [Some(said.to_owned()), ppl, flag.then(|| "flagged".to_owned()), when];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }

    /// What was told at the foot of the screen, with how long ago it was.
    pub(super) fn list_messages(&mut self) -> Vec<Effect> {
        let item = |notice: &Notice| Item {
            label: ago(self.now.saturating_sub(notice.since)),
            detail: notice.signed(),
            aside: String::new(),
            act: Act::Nothing,
        };
        let items: Vec<Item> = self.told.iter().map(item).collect();
        if items.is_empty() {
            return self.tell("nothing was told yet");
        }
        self.list(Picker::new(Picking::Messages, items))
    }

    /// The files or rows that the library could not use.
    pub(super) fn list_skipped(&mut self) -> Vec<Effect> {
        let strangers = self.library.listing.iter().flat_map(|listing| &listing.strangers);
        let item = |(name, why): &(String, String)| Item {
            label: name.clone(),
            detail: why.clone(),
            aside: String::new(),
            act: Act::Nothing,
        };
        let items: Vec<Item> = strangers.map(item).collect();
        if items.is_empty() {
            return self.tell("all of it could be read");
        }
        self.list(Picker::new(Picking::Skipped, items))
    }

    pub(super) fn list_themes(&mut self) -> Vec<Effect> {
        let item = |choice: &Choice| Item {
            label: choice.name.clone(),
            detail: choice.about.clone(),
            aside: String::new(),
            act: Act::Theme(choice.name.clone()),
        };
        let now = self.theme().to_owned();
        let items = self.themes.iter().map(item).collect();
        self.list(Picker::new(Picking::Theme, items).at(|item| item.label == now))
    }

    /// What a person wrote for the keys is refused: it is theirs to mend, or to leave.
    pub(super) fn ask_about_keys(&mut self, why: String, text: String) -> Vec<Effect> {
        let item =
            |label: &str, act| Item { label: label.to_owned(), detail: String::new(), aside: String::new(), act };
        let items = vec![
            item("Go on with what I wrote", Act::EditKeys(text)),
            item("Throw it away; the keys stay as they were", Act::Nothing),
        ];
        self.overlays.push(Overlay::List(Picker::new(Picking::Keys, items)));
        self.fail(why)
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
                crate::app::overlay::Wanting::Find(_) => {
                    self.find_closed = true;
                    self.on_bench(|bench| bench.find = None)
                }
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
            Act::Switch(node, branch) => self.switch(node, branch),
            Act::UndoneBranches => self.list_branches(true),
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
            Act::Version(node) => {
                let at = self.bench().and_then(|bench| bench.timeline.came(node));
                match at {
                    Some(at) => self.on_bench(|bench| bench.visit(at)),
                    None => self.tell(format!("v{} was current at no moment", node.0)),
                }
            }
            Act::Quit => self.quit(),
            Act::Discard => self.leave_text(),
            Act::Save => vec![Effect::FinishText],
            Act::StopRun => self.ask_run(|_| Some(Wish::Stop)),
            Act::EditKeys(text) => vec![Effect::EditKeys(Some(text))],
            Act::Remove(path) => vec![Effect::Remove(path)],
            Act::Nothing => Vec::new(),
        }
    }

    /// Goes to the last moment at which this version was current.
    pub(super) fn go_to_version(&mut self, node: NodeId) -> Vec<Effect> {
        let at = self.bench().and_then(|b| b.timeline.moments().iter().rposition(|moment| moment.node == node));
        let mut effects = at.map(|at| self.on_bench(|bench| bench.visit(at))).unwrap_or_default();
        let on = self.key_of(Command::GoOn).unwrap_or_default();
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
