//! What desks tell: learned by their benches, told to the person where it matters.

use std::path::Path;

use super::branched::{built_since, left_behind};

use crate::app::bench::{Bench, choice, did, inside, letter};
use crate::app::command::Command;
use crate::app::effect::DeskId;
use crate::app::memory::Decided;
use crate::app::{App, Effect};
use crate::engine::desk::{Deed, News};
use crate::reer::search::{Node, Why};
use crate::session::{Action, Author, Event, Payload, Verdict, VerdictRecord};

impl App {
    pub(super) fn desk_news(&mut self, desk: DeskId, news: News) -> Vec<Effect> {
        let acted = matches!(&news, News::Events(events) if events.iter().any(|event| event.by.is_person()));
        let mut effects = match &news {
            News::Events(events) => self.recorded(desk, events),
            News::Copied(path) => self.copied(desk, path),
            News::Opened { events, health, writable, .. } => self.opened(desk, events, health, writable),
            News::Refused { what, why } => self.refused(desk, *what, why),
            News::Closed => {
                self.errands.remove(&desk);
                Vec::new()
            }
            _ => Vec::new(),
        };
        if let (Some(errand), News::Opened { events, .. } | News::Events(events)) = (self.errands.get_mut(&desk), &news)
        {
            events.iter().for_each(|event| errand.state.apply(event));
        }
        let now = self.now;
        // A desk that closed out of sight has nothing left to show.
        if news == News::Closed && self.front != Some(desk) {
            self.benches.remove(&desk);
        }
        if let Some(bench) = self.benches.get_mut(&desk) {
            let (searching, busy) = (bench.is_searching(), bench.is_busy());
            bench.learn(news, now);
            let came = bench.came().map(|came| (came, letter(bench.stands().1)));
            let (ended, rested) = (searching && !bench.is_searching(), busy && !bench.is_busy());
            if let Some((came, selected)) = came {
                let take =
                    self.key_of(Command::Take).map(|key| format!(" · {key} takes {selected}, which is selected"));
                effects.extend(self.tell(format!("{came}{}", take.unwrap_or_default())));
            }
            if ended {
                effects.extend(self.search_ended(desk));
            }
            if rested {
                effects.extend(self.rested(desk));
            }
        }
        if acted {
            self.keep_place();
            effects.extend(self.remember());
        }
        effects.extend(self.measure());
        effects.extend(self.keep_clock());
        effects
    }

    fn opened(
        &mut self,
        desk: DeskId,
        events: &[Event],
        health: &crate::session::Health,
        writable: &Result<(), String>,
    ) -> Vec<Effect> {
        let title = self.title_of(desk);
        if events.is_empty() {
            let why = writable.as_ref().err().cloned().unwrap_or_else(|| "it holds nothing".to_owned());
            return self.fail(format!("{title}: {why}"));
        }
        if let Some(damage) = health.damaged.first() {
            return self.fail(format!(
                "line {} is damaged; the session is read-only, and `retrace check` lists every damaged line",
                damage.line
            ));
        }
        match writable {
            Err(why) if self.front == Some(desk) => self.warn(why.clone()),
            Ok(()) if self.front == Some(desk) => {
                let mut effects = vec![Effect::RecallText(self.key_of_desk(desk))];
                effects.extend(self.ask_fit(desk));
                effects
            }
            _ => Vec::new(),
        }
    }

    /// Events that are on disk: verdicts are told, and the library learns them.
    fn recorded(&mut self, desk: DeskId, events: &[Event]) -> Vec<Effect> {
        let mut effects = Vec::new();
        let following = self.benches.get(&desk).is_some_and(|bench| bench.read_only.is_some());
        let acted = events.iter().any(|event| event.by.is_person() && Action::is_undoable(&event.payload));
        if acted && !following && self.arrived(desk) {
            self.memory.did(self.key_of_desk(desk));
            self.memory.undone.clear();
        }
        if events.iter().any(|event| matches!(event.payload, Payload::Models(_))) {
            effects.extend(self.began(desk));
            if self.tour_saw_a_search() {
                effects.extend(self.remember());
            }
        }
        if let Some(said) = self.chosen(desk, events) {
            let undo = self.key_of(Command::Undo).map(|key| format!(" · {key} undoes")).unwrap_or_default();
            effects.extend(self.tell(format!("{said}{undo}")));
        }
        for event in events.iter().filter(|event| event.by.is_person()) {
            if let Payload::Flag(flag) = &event.payload {
                effects.extend(self.flagged(desk, flag.on, &event.t));
            }
            if let Payload::Note(note) = &event.payload
                && note.name
            {
                effects.extend(self.named(desk, &note.text));
            }
            if let Payload::Verdict(VerdictRecord { verdict, summary }) = &event.payload {
                effects.extend(self.judged(desk, (*verdict, &event.t), summary.as_ref()));
            }
        }
        let undid = events.iter().find_map(|event| match &event.payload {
            Payload::Undo(_) => Some(false),
            Payload::Redo(_) => Some(true),
            _ => None,
        });
        if let Some(back) = undid {
            effects.extend(self.undid(desk, back));
        }
        for event in events.iter().filter(|event| event.by == Author::System) {
            if let Payload::Recovered(recovered) = &event.payload {
                let kept = recovered.saved_as.as_deref().unwrap_or("nothing else");
                effects.extend(self.warn(format!(
                    "the end of the file was torn ({} bytes); it was set aside as {kept}, nothing decided was lost",
                    recovered.bytes
                )));
            }
        }
        effects
    }

    fn judged(
        &mut self,
        desk: DeskId,
        (verdict, t): (Verdict, &str),
        summary: Option<&crate::session::Summary>,
    ) -> Vec<Effect> {
        let key = self.key_of_desk(desk);
        let title = self.title_of(desk);
        if let Some(summary) = summary {
            self.library.update(&key, summary.clone());
        }
        self.memory.keep_decision(Decided { key, title: title.clone(), verdict, flagged: false, t: t.to_owned() });
        let said = match verdict {
            Verdict::Keep => "kept",
            Verdict::Drop => "dropped",
            Verdict::Later => "put off",
            Verdict::None => "undecided again",
        };
        let undo = self.key_of(Command::Undo).map(|key| format!(" · {key} undoes"));
        let tally = self.library.tally();
        let unscored = verdict == Verdict::Keep && summary.is_none_or(|summary| summary.best.is_none());
        let warning = if unscored { ", though it has no scored thinking to export yet" } else { "" };
        let lower = self.lower_than_kept(desk).filter(|_| verdict == Verdict::Keep);
        let lower = lower.map(|lower| format!(" ({lower})")).unwrap_or_default();
        let mut effects = self.tell(format!(
            "{title}: {said}{warning}{lower}{} · decided {} of {}",
            undo.unwrap_or_default(),
            tally.decided(),
            tally.rows
        ));
        effects.extend(self.remember());
        effects
    }

    /// What a person's choice of a version changed, in words. The bench has not learned the events yet.
    fn chosen(&self, desk: DeskId, events: &[Event]) -> Option<String> {
        let bench = self.benches.get(&desk)?;
        let head = bench.state.head();
        let made = events.iter().find_map(|event| match &event.payload {
            Payload::Node(node) if event.by.is_person() => Some(node),
            _ => None,
        });
        events.iter().filter(|event| event.by.is_person()).find_map(|event| match &event.payload {
            Payload::Override(choice) => Some(match (choice.refused, Some(choice.node) == head) {
                (refused, _) if made.is_some_and(|made| made.id == choice.node) => {
                    let made_in = made.zip(bench.search());
                    let place = made_in.map(|(made, search)| inside(search, made)).unwrap_or_default();
                    let did = made_in.and_then(|(made, search)| did(search, made));
                    let what = match (refused, made.is_some_and(|made| self.is_taken(desk, made))) {
                        (Some(_), _) => format!("refused{place}, the text before is back:"),
                        (None, true) => format!("taken{place}:"),
                        (None, false) => did.map_or_else(|| "your version".to_owned(), |did| format!("{did}:")),
                    };
                    let on = if bench.is_searching() { "; the search goes on from it" } else { "" };
                    format!("{what} v{} is saved{on}", choice.node.0)
                }
                (Some(_), true) => "refused; the version stays as it is".to_owned(),
                (Some(_), false) => {
                    format!("refused: v{} is current again, what came after is a branch", choice.node.0)
                }
                (None, true) => "taken, as the search did".to_owned(),
                (None, false) => {
                    format!("taken: v{} is current{}", choice.node.0, left_behind(bench.search(), choice.node))
                }
            }),
            Payload::Mark(mark) if mark.on => {
                // The mark stands where the version came, which may be steps before.
                let came = bench.timeline.came(mark.node).filter(|came| *came != bench.cursor());
                let came = came.and_then(|came| bench.timeline.get(came)).map(|moment| moment.name(&bench.me));
                let came = came.map(|name| format!(" v{}, which came with {name}", mark.node.0));
                Some(format!("marked{}", came.unwrap_or_default()))
            }
            Payload::Mark(_) => Some("the mark is gone".to_owned()),
            Payload::Note(note) if note.name => None,
            Payload::Note(note) if note.text.is_empty() => Some("the note is gone".to_owned()),
            Payload::Note(_) => Some("the note is saved".to_owned()),
            Payload::Tag(_) => Some(tagged(events)),
            Payload::Rate(rate) if rate.stars == 0 => Some("no longer rated".to_owned()),
            Payload::Rate(rate) => Some(format!("rated {} of 5", rate.stars)),
            _ => None,
        })
    }

    /// Whether a person's version holds a candidate's text in the segment that it touched.
    fn is_taken(&self, desk: DeskId, made: &Node) -> bool {
        let text = made.segments.iter().flatten().find(|s| Some(s.id) == made.segment).map(|s| &s.text);
        let search = self.benches.get(&desk).and_then(Bench::search);
        let candidates = search.into_iter().flat_map(|search| search.tree().iter());
        let mut of_segment = candidates.filter(|(_, v)| v.node.why == Why::Candidate && v.node.segment == made.segment);
        made.why == Why::Edit && text.is_some() && of_segment.any(|(_, version)| version.node.text.as_ref() == text)
    }

    fn flagged(&mut self, desk: DeskId, on: bool, t: &str) -> Vec<Effect> {
        let (key, title) = (self.key_of_desk(desk), self.title_of(desk));
        if on {
            let (verdict, t) = (Verdict::None, t.to_owned());
            self.memory.keep_decision(Decided { key, title: title.clone(), verdict, flagged: true, t });
        }
        let undo = self.key_of(Command::Undo).map(|key| format!(" · {key} undoes")).unwrap_or_default();
        let mut effects = self.tell(format!("{title}: {}{undo}", if on { "flagged" } else { "no longer flagged" }));
        effects.push(Effect::List);
        effects
    }

    /// The session was named: it is told by its new name, and the library looks again.
    fn named(&mut self, desk: DeskId, name: &str) -> Vec<Effect> {
        let before = self.title_of(desk);
        let undo = self.key_of(Command::Undo).map(|key| format!(" · {key} undoes")).unwrap_or_default();
        let key = self.key_of_desk(desk);
        let id = match (self.benches.get(&desk), self.library.row(&key)) {
            (Some(bench), _) => bench.state.id.clone(),
            (None, row) => row.map(|row| row.summary.id.clone()).unwrap_or_default(),
        };
        let called = if name.is_empty() { id } else { name.to_owned() };
        if let Some(errand) = self.errands.get_mut(&desk) {
            errand.title.clone_from(&called);
        }
        let mut effects = self.tell(format!("{before} is called {called} now{undo}"));
        effects.push(Effect::List);
        effects
    }

    /// Something was taken back or brought back: it is told, and the library looks again.
    fn undid(&mut self, desk: DeskId, back: bool) -> Vec<Effect> {
        let title = self.title_of(desk);
        // It has not been learned yet.
        let state = self.state_of(desk);
        let action =
            state.and_then(|state| if back { state.redoable(&self.author) } else { state.undoable(&self.author) });
        let search = state.and_then(|state| state.search.as_ref());
        let choice = action.and_then(|action| Some(choice(search?, action.choice.as_ref()?)));
        let what = choice.or_else(|| action.map(|action| action_in_words(&action.name).to_owned()));
        let what = what.unwrap_or_else(|| "the last action".to_owned());
        let since = search.zip(action).filter(|_| !back).map_or(0, |(search, action)| built_since(search, action));
        let since = match since {
            0 => String::new(),
            1 => ", the version made from it since stands as a branch".to_owned(),
            count => format!(", the {count} versions made from it since stand as a branch"),
        };
        let (other, said) = if back { (Command::Undo, "brought back") } else { (Command::Redo, "undone") };
        let key = self.key_of(other).unwrap_or_default();
        if matches!(what.as_str(), "the verdict" | "the flag") {
            let (key, flagged) = (self.key_of_desk(desk), what == "the flag");
            let this = |decided: &Decided| decided.key == key && decided.flagged == flagged;
            if back {
                let at = self.memory.taken_back.iter().rposition(this);
                let decided = at.map(|at| self.memory.taken_back.remove(at));
                decided.into_iter().for_each(|decided| self.memory.keep_decision(decided));
            } else {
                let at = self.memory.decisions.iter().position(this);
                let decided = at.and_then(|at| self.memory.decisions.remove(at));
                decided.into_iter().for_each(|decided| self.memory.take_back(decided));
            }
        }
        let turn = if back { "undoes it" } else { "brings it back" };
        let place = if std::mem::take(&mut self.jumped) { "now in " } else { "" };
        let mut effects = self.tell(format!("{place}{title}: {what} {said}{since} · {key} {turn}"));
        effects.extend(self.remember());
        effects.push(Effect::List);
        effects
    }

    fn key_of_desk(&self, desk: DeskId) -> String {
        let of_bench = self.benches.get(&desk).map(|bench| bench.key.clone());
        of_bench.or_else(|| self.errands.get(&desk).map(|errand| errand.key.clone())).unwrap_or_default()
    }

    /// What was a sample or a pair is a file from now on, and known by it.
    fn copied(&mut self, desk: DeskId, path: &Path) -> Vec<Effect> {
        let (old, new) = (self.key_of_desk(desk), path.display().to_string());
        if let Some(bench) = self.benches.get_mut(&desk) {
            bench.key.clone_from(&new);
        }
        if let Some(errand) = self.errands.get_mut(&desk) {
            errand.key.clone_from(&new);
        }
        self.library.renamed(&old, path);
        for given in self.given.iter_mut().filter(|given| given.key == old) {
            given.key.clone_from(&new);
        }
        self.memory.renamed(&old, &new);
        self.remember()
    }

    fn refused(&mut self, desk: DeskId, what: Deed, why: &str) -> Vec<Effect> {
        let title = self.title_of(desk);
        let place = if self.front == Some(desk) { String::new() } else { format!("{title}: ") };
        if !what.is_action() {
            let here = what == Deed::Search && self.front == Some(desk);
            let writable = self.benches.get(&desk).is_none_or(|bench| bench.read_only.is_none());
            let with = self.key_of(Command::RunWith).filter(|_| here && writable);
            let remedy = with.map(|key| format!(" · {key} chooses other back ends")).unwrap_or_default();
            return self.fail(format!("{place}{what}: {why}{remedy}"));
        }
        self.arrived(desk);
        let mut effects = self.go_back_to(desk);
        effects.extend(self.fail(format!("{title}: nothing was recorded: {why}")));
        effects
    }

    /// Goes back to the session that a person left because of what could not be recorded there.
    fn go_back_to(&mut self, desk: DeskId) -> Vec<Effect> {
        let key = self.key_of_desk(desk);
        match self.library.row(&key).cloned() {
            Some(row) if self.front.is_some_and(|front| front != desk) => self.open_row(&row),
            Some(row) if self.is_library() => {
                self.library.select(&row.key);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }
}

/// Which tags were added and which taken away.
fn tagged(events: &[Event]) -> String {
    let tags = events.iter().filter(|event| event.by.is_person()).filter_map(|event| match &event.payload {
        Payload::Tag(tag) => Some(tag),
        _ => None,
    });
    let (on, off): (Vec<_>, Vec<_>) = tags.partition(|tag| tag.on);
    let said = |words: &str, tags: &[&crate::session::Tag]| {
        let names: String = tags.iter().map(|tag| format!(" #{}", tag.name)).collect();
        (!tags.is_empty()).then(|| format!("{words}{names}"))
    };
    [said("tagged", &on), said("no longer tagged", &off)].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// A person's action, by the name of its first event.
fn action_in_words(event: &str) -> &'static str {
    match event {
        "verdict" => "the verdict",
        "node" => "your version",
        "override" => "your choice",
        "head" | "fork" => "the branch",
        "tag" => "the tag",
        "note" => "the note",
        "name" => "the name",
        "rate" => "the rating",
        "flag" => "the flag",
        "mark" => "the mark",
        _ => "the last action",
    }
}
