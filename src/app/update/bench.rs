//! Commands of the bench that change versions, or ask for what it takes to show them.

use crate::app::bench::{Bench, Writing};
use crate::app::overlay::{Overlay, Text};
use crate::app::text_edit::TextEdit;
use crate::app::{App, Effect};
use crate::engine::desk::Order;

impl App {
    /// Asks for the scores that the tint needs and nobody has.
    pub(in crate::app) fn measure(&mut self) -> Vec<Effect> {
        let Some(bench) = self.bench_mut().filter(|bench| !bench.loading && !bench.is_searching()) else {
            return Vec::new();
        };
        let missing = bench.unmeasured();
        if missing.is_empty() {
            return Vec::new();
        }
        bench.asked_for(&missing);
        vec![Effect::Order(bench.desk, Box::new(Order::Measure(missing)))]
    }

    /// Candidates are judged where they are seen: from another text, the trajectory is shown first.
    fn look_at_candidates(&mut self) -> Option<Vec<Effect>> {
        use crate::app::bench::Pane;
        let elsewhere = |bench: &&mut Bench| matches!(bench.focus, Pane::Query | Pane::Reference);
        let bench = self.bench_mut().filter(elsewhere).filter(|bench| bench.candidate().is_some())?;
        bench.focus = Pane::Trajectory;
        Some(self.tell("here are the candidates; the same key again judges the selected one"))
    }

    pub(super) fn take(&mut self) -> Vec<Effect> {
        if let Some(effects) = self.look_at_candidates() {
            return effects;
        }
        let Some(candidate) = self.bench().and_then(|bench| bench.candidate()) else {
            let more = self.key_of(crate::app::command::Command::More).unwrap_or_default();
            return self.tell(format!("this segment has no candidates here; {more} asks for some"));
        };
        self.order(|bench| bench.take(&candidate))
    }

    pub(super) fn refuse(&mut self) -> Vec<Effect> {
        if let Some(effects) = self.look_at_candidates() {
            return effects;
        }
        let Some(candidate) = self.bench().and_then(|bench| bench.candidate()) else {
            return self.tell("this segment has no candidates here to refuse");
        };
        let effects = self.order(|bench| bench.refuse(&candidate));
        self.on_bench(|bench| {
            // Who selected none goes on with the best of the rest, and has still selected none.
            if bench.picked().is_some() {
                bench.step_candidate(1);
            }
        });
        effects
    }

    pub(super) fn edit(&mut self, outside: bool) -> Vec<Effect> {
        let Some(bench) = self.bench() else { return Vec::new() };
        let (writing, text) = match (bench.node(), bench.segment(), bench.picked()) {
            (Some(node), Some(segment), Some(picked)) => {
                if let Err(why) = picked.usable("edit") {
                    return self.fail(why);
                }
                (Writing::Candidate { node, segment, candidate: picked.node }, picked.new)
            }
            (Some(node), Some(segment), None) => {
                (Writing::Segment { node, segment }, bench.segment_text().unwrap_or_default())
            }
            _ if bench.is_searching() => return self.tell("the draft is being written"),
            _ => (Writing::Draft, String::new()),
        };
        let mut effects = self.write(writing, text);
        if outside && matches!(self.overlays.last(), Some(Overlay::Writing(_))) {
            effects.push(Effect::WriteOutside);
        }
        effects
    }

    pub(super) fn split(&mut self) -> Vec<Effect> {
        let Some(bench) = self.bench() else { return Vec::new() };
        let (Some(node), Some(segment)) = (bench.node(), bench.segment()) else {
            return self.tell("there is no segment to split");
        };
        let text = bench.segment_text().unwrap_or_default();
        self.write(Writing::Split { node, segment }, text)
    }

    pub(super) fn insert(&mut self) -> Vec<Effect> {
        let Some(bench) = self.bench() else { return Vec::new() };
        let (Some(node), Some(after)) = (bench.node(), bench.segment()) else { return self.edit(false) };
        self.write(Writing::Insert { node, after }, String::new())
    }

    pub(super) fn write_note(&mut self) -> Vec<Effect> {
        let Some(note) = self.bench().map(crate::app::bench::Bench::note) else { return Vec::new() };
        let mut effects = self.write(Writing::Note, note);
        // What is added to a note comes after it.
        effects.push(Effect::EditText(TextEdit::TextEnd));
        effects
    }

    fn write(&mut self, writing: Writing, text: String) -> Vec<Effect> {
        let Some(desk) = self.front else { return Vec::new() };
        if let Some(why) = self.bench().and_then(Bench::unwritable) {
            return self.warn(why);
        }
        self.overlays.push(Overlay::Writing(Text::Of(desk, writing)));
        vec![Effect::Write(text)]
    }

    /// Copies the raw text of the focused pane, or of the selected segment.
    pub(super) fn copy(&mut self) -> Vec<Effect> {
        use crate::app::bench::Pane;
        let Some(bench) = self.bench() else { return Vec::new() };
        let text = match bench.focus {
            Pane::Query => Some(bench.query().to_owned()),
            Pane::Reference => Some(bench.reference().to_owned()),
            Pane::Trajectory => bench.segment_text(),
            Pane::Chart => {
                let z = bench.node().and_then(|node| bench.search()?.tree().trajectory(node));
                z.map(crate::reer::Trajectory::text)
            }
        };
        match text.filter(|text| !text.is_empty()) {
            Some(text) => vec![Effect::Copy(text)],
            None => self.tell("there is nothing to copy here"),
        }
    }
}
