//! The batch screen: the runs over many pairs that a library knows of, the one that is looked at, and its lists. What a
//! run does and when it is asked for something else is in `engine` and `session::runs`.

mod tab;

use std::path::PathBuf;

pub use tab::Tab;

use crate::session::runs::{Answer, RunRecord, Seen, Stage, Wish};

/// What the library says of its runs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Runs {
    /// The library.
    pub root: PathBuf,
    /// The latest first.
    pub seen: Vec<Seen>,
}

/// The batch screen.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Absent until they were read.
    pub runs: Option<Runs>,
    /// Why they could not be read.
    pub error: Option<String>,
    pub tab: Tab,
    /// Key of the session that it was opened from: closing it goes back there.
    pub from: Option<String>,
    /// Name of the run that is looked at; the latest one while none was chosen.
    chosen: Option<String>,
    /// Key of the selected row and its place when it was last seen: rows come and go.
    selected: (String, usize),
    /// What was last asked for, before the run's record has it: so many at once, a pause or its end.
    asked_at_once: Option<usize>,
    asked_to_pause: Option<bool>,
}

impl Batch {
    /// The screen as it is opened from a session, or else from the library.
    pub fn opened_from(from: Option<String>) -> Batch {
        Batch { from, ..Batch::default() }
    }

    /// Takes what the library says now. The answer to a request that came since, when there is one.
    pub fn learn(&mut self, runs: Runs) -> Option<Answer> {
        let answers = |batch: &Batch| batch.record().map(|record| (record.run.clone(), record.answers.clone()));
        let before = answers(self);
        self.runs = Some(runs);
        self.error = None;
        let place = self.selected_index();
        self.select_index(place);
        let (run, now) = answers(self)?;
        let (same, known) = before?;
        let last = now.last().filter(|last| same == run && known.last() != Some(last))?.clone();
        self.asked_at_once = None;
        self.asked_to_pause = None;
        Some(last)
    }

    fn seen(&self) -> &[Seen] {
        self.runs.as_ref().map_or(&[], |runs| &runs.seen)
    }

    /// Place of the run that is looked at, and how many there are.
    pub fn place(&self) -> (usize, usize) {
        let at = self.seen().iter().position(|seen| Some(&seen.record.run) == self.chosen.as_ref());
        (at.unwrap_or(0), self.seen().len())
    }

    /// The run that is looked at.
    pub fn run(&self) -> Option<&Seen> {
        self.seen().get(self.place().0)
    }

    pub fn record(&self) -> Option<&RunRecord> {
        self.run().map(|seen| &seen.record)
    }

    /// Looks at another run; true when there is one.
    pub fn step_run(&mut self, by: isize) -> bool {
        let (at, count) = self.place();
        let to = at.saturating_add_signed(by).min(count.saturating_sub(1));
        self.chosen = self.seen().get(to).map(|seen| seen.record.run.clone());
        self.asked_at_once = None;
        self.asked_to_pause = None;
        self.select_index(0);
        to != at
    }

    pub fn turn_tab(&mut self, forward: bool) {
        self.tab = self.tab.turned(forward);
        self.select_index(0);
    }

    /// How many rows the list has.
    pub fn len(&self) -> usize {
        self.record().map_or(0, |record| self.tab.len(record))
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Place of the selected row: where its key is now, else where it was.
    pub fn selected_index(&self) -> usize {
        let (key, place) = &self.selected;
        let here = |record: &RunRecord| (0..self.len()).find(|at| self.tab.key(record, *at).as_deref() == Some(key));
        self.record().and_then(here).unwrap_or(*place).min(self.len().saturating_sub(1))
    }

    pub fn select_index(&mut self, place: usize) {
        let place = place.min(self.len().saturating_sub(1));
        let key = self.record().and_then(|record| self.tab.key(record, place)).unwrap_or_default();
        self.selected = (key, place);
    }

    pub fn step(&mut self, by: isize) {
        self.select_index(self.selected_index().saturating_add_signed(by));
    }

    /// The file of the selected row's session, where the row is of one.
    pub fn selected_file(&self) -> Option<PathBuf> {
        let file = self.tab.file(self.record()?, self.selected_index())?;
        Some(self.runs.as_ref()?.root.join(file))
    }

    /// The id of the selected row's session, where it failed.
    pub fn selected_failure(&self) -> Option<&str> {
        let failed = self.record()?.failures.get(self.selected_index())?;
        (self.tab == Tab::Failed).then_some(failed.id.as_str())
    }

    /// Whether the run is paused, or will be.
    pub fn is_paused(&self) -> bool {
        let stage = self.record().map(|record| record.stage);
        self.asked_to_pause.unwrap_or(matches!(stage, Some(Stage::Pausing | Stage::Paused)))
    }

    /// To pause, or to let a paused run go on; the other of what was asked for last.
    pub fn pause(&mut self) -> Wish {
        let paused = self.is_paused();
        self.asked_to_pause = Some(!paused);
        if paused { Wish::Resume } else { Wish::Pause }
    }

    /// Twice as many examples at once, or half as many; from the number that was asked for last.
    pub fn at_once(&mut self, more: bool) -> Option<Wish> {
        let now = self.asked_at_once.or(self.record().map(|record| record.plan.concurrency))?.max(1);
        let examples = if more { now.saturating_mul(2) } else { (now / 2).max(1) };
        self.asked_at_once = Some(examples);
        Some(Wish::Concurrency { examples })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Author;
    use crate::session::runs::{FailedItem, Running, Standing};
    use std::time::Duration;

    fn seen(run: &str, work: &[&str]) -> Seen {
        let running = |id: &&str| Running { id: (*id).to_owned(), file: format!("{id}.jsonl"), ..Running::default() };
        let record =
            RunRecord { run: run.to_owned(), running: work.iter().map(running).collect(), ..RunRecord::default() };
        Seen { record, standing: Standing::Live, age: Duration::ZERO }
    }

    fn batch(seen: Vec<Seen>) -> Batch {
        let mut batch = Batch::default();
        batch.learn(Runs { root: "out".into(), seen });
        batch
    }

    fn file(batch: &Batch) -> String {
        batch.selected_file().unwrap().display().to_string()
    }

    #[test]
    fn the_selection_stays_with_its_example_and_moves_on_when_that_is_through() {
        let mut batch = batch(vec![seen("r", &["a", "b", "c"])]);
        batch.step(1);
        assert_eq!(file(&batch), "out/b.jsonl");
        batch.learn(Runs { root: "out".into(), seen: vec![seen("r", &["b", "c", "d"])] });
        assert_eq!((file(&batch).as_str(), batch.selected_index()), ("out/b.jsonl", 0));
        batch.learn(Runs { root: "out".into(), seen: vec![seen("r", &["c", "d"])] });
        assert_eq!(file(&batch), "out/c.jsonl");
        batch.learn(Runs { root: "out".into(), seen: vec![seen("r", &[])] });
        assert_eq!(batch.selected_file(), None);
    }

    #[test]
    fn a_run_that_is_looked_at_stays_when_another_begins() {
        let mut batch = batch(vec![seen("r2", &[]), seen("r1", &[])]);
        assert_eq!(batch.record().unwrap().run, "r2");
        assert!(batch.step_run(1) && !batch.step_run(1));
        batch.learn(Runs { root: "out".into(), seen: vec![seen("r3", &[]), seen("r2", &[]), seen("r1", &[])] });
        assert_eq!((batch.record().unwrap().run.as_str(), batch.place()), ("r1", (2, 3)));
    }

    #[test]
    fn an_answer_is_told_once_and_only_when_it_is_new() {
        let answered = |count: usize| {
            let answer =
                |n| Answer { asked: format!("a{n}"), by: Author::System, at: String::new(), answer: "yes".into() };
            let mut seen = seen("r", &[]);
            seen.record.answers = (0..count).map(answer).collect();
            vec![seen]
        };
        let mut batch = batch(answered(2));
        let mut learn = |count| batch.learn(Runs { root: "out".into(), seen: answered(count) }).map(|told| told.asked);
        assert_eq!((learn(2), learn(3), learn(3)), (None, Some("a2".to_owned()), None));
    }

    #[test]
    fn the_number_at_once_doubles_from_what_was_asked_last() {
        let mut one = seen("r", &[]);
        one.record.plan.concurrency = 3;
        let mut batch = batch(vec![one]);
        assert_eq!(batch.at_once(true), Some(Wish::Concurrency { examples: 6 }));
        assert_eq!(batch.at_once(true), Some(Wish::Concurrency { examples: 12 }));
        for examples in [6, 3, 1, 1] {
            assert_eq!(batch.at_once(false), Some(Wish::Concurrency { examples }));
        }
    }

    #[test]
    fn a_pause_that_was_asked_for_is_taken_back_before_the_run_has_heard_of_it() {
        let mut batch = batch(vec![seen("r", &["a"])]);
        assert_eq!([batch.pause(), batch.pause(), batch.pause()], [Wish::Pause, Wish::Resume, Wish::Pause]);
        assert!(batch.is_paused());
        batch.step_run(1);
        assert!(!batch.is_paused(), "the record says how it is");
    }

    #[test]
    fn only_a_failed_row_can_be_searched_again() {
        let mut one = seen("r", &["a"]);
        let (file, reason, at) = ("x.jsonl".to_owned(), "it broke".to_owned(), String::new());
        one.record.failures.push(FailedItem { id: "x".to_owned(), file, line: 1, reason, at });
        let mut batch = batch(vec![one]);
        assert_eq!(batch.selected_failure(), None);
        batch.turn_tab(true);
        assert_eq!((batch.tab, batch.selected_failure()), (Tab::Failed, Some("x")));
    }
}
