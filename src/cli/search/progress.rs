//! A running search for a person: bars on a terminal, else a line for each example that ended. All of it on stderr.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::outages::Outages;
use super::standing;
use crate::app::bench::stop_in_words;
use crate::cli::note;
use crate::cli::numbers::{self, spelled};
use crate::engine::{self, Observer};
use crate::reer::{Measures, Objective};
use crate::session::runs::RunRecord;
use crate::session::{Models, Session, State, Summary};
use crate::text::visible;

/// Examples that are shown while they run; more would fill the screen.
const SHOWN: usize = 8;

/// Seconds between two lines on how the whole run stands, where no bar shows it.
const BETWEEN_LINES: u64 = 30;

/// Watches a batch and tells of it on stderr.
pub struct Progress {
    objective: Objective,
    expected: AtomicUsize,
    ended: AtomicUsize,
    /// Second of the run at which a line last said how it stands.
    told: AtomicU64,
    /// Lines from before the search began: a run that cannot begin says one line, and that is its fault.
    waiting: Mutex<Option<Vec<String>>>,
    outages: Mutex<Outages>,
    bars: Option<Bars>,
}

/// What a terminal shows.
struct Bars {
    multi: MultiProgress,
    all: ProgressBar,
    running: Mutex<HashMap<String, ProgressBar>>,
}

impl Progress {
    /// Names the scorer once; every number told afterwards is of it.
    pub fn new(models: &Models) -> Progress {
        let objective = models.objective;
        let (scorer, name) = (numbers::scorer(&models.scorer), objective.name());
        let frame = &models.frame;
        let waiting = Mutex::new(Some(vec![format!("scorer {scorer}, objective {name}, frame {frame}")]));
        let bars = std::io::stderr().is_terminal().then(Bars::new);
        let (expected, ended, told) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicU64::new(0));
        Progress { objective, expected, ended, told, waiting, outages: Mutex::default(), bars }
    }

    fn expect(&self, examples: usize) {
        self.expected.store(examples, Ordering::Relaxed);
        if let Some(bars) = &self.bars {
            bars.all.set_length(examples as u64);
        }
        let waited = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        waited.into_iter().flatten().for_each(|line| self.say(&line));
    }

    /// One line, above the bars where there are any; once the search has begun.
    pub fn say(&self, line: &str) {
        if let Some(waiting) = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            waiting.push(line.to_owned());
            return;
        }
        match &self.bars {
            // A terminal that went away leaves nobody to tell.
            Some(bars) => drop(bars.multi.println(visible(line))),
            None => note(line),
        }
    }

    fn started(&self, session: &Session) {
        if let Some(bars) = &self.bars {
            bars.start(session.state());
        }
    }

    fn stepped(&self, session: &Session) {
        if let Some(bars) = &self.bars {
            bars.step(session.state(), self.objective);
        }
    }

    fn ended(&self, id: &str, line: &str) {
        let ended = self.count();
        self.say(&format!("[{ended}/{}] {line}", self.expected.load(Ordering::Relaxed)));
        if let Some(bars) = &self.bars {
            bars.remove(id);
        }
    }

    /// One more example is through.
    fn count(&self) -> usize {
        if let Some(bars) = &self.bars {
            bars.all.inc(1);
        }
        self.ended.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// An example that was through is searched again.
    fn requeued(&self, id: &str) {
        self.ended.fetch_sub(1, Ordering::Relaxed);
        if let Some(bars) = &self.bars {
            bars.all.dec(1);
        }
        self.say(&format!("{id} is searched again"));
    }

    fn stands(&self, record: &RunRecord) {
        let said = self.outages.lock().unwrap_or_else(PoisonError::into_inner).look(&record.endpoints);
        said.iter().for_each(|line| self.say(line));
        if let Some(bars) = &self.bars {
            bars.all.set_message(standing::beside_the_bar(record));
        } else if record.seconds >= self.told.load(Ordering::Relaxed) + BETWEEN_LINES {
            self.told.store(record.seconds, Ordering::Relaxed);
            self.say(&standing::line(record));
        }
    }
}

impl Observer for Progress {
    fn see(&self, progress: engine::Progress<'_>) {
        use engine::Progress as P;
        match progress {
            P::Expected(examples) => self.expect(examples),
            P::Started { session, .. } => self.started(session),
            P::Streamed { .. } | P::Drafted { .. } => {}
            P::Stepped { session, .. } => self.stepped(session),
            P::Finished { summary, .. } => self.ended(&summary.id, &finished(summary, self.objective)),
            P::PutOff { id } => self.bars.iter().for_each(|bars| bars.remove(id)),
            P::Found { .. } => drop(self.count()),
            P::Failed { summary, reason } => self.ended(&summary.id, &format!("{} failed: {reason}", summary.id)),
            P::Requeued { id } => self.requeued(id),
            P::Skipped { line, reason } => self.say(&format!("line {line} skipped: {reason}")),
            P::Stands(record) => self.stands(record),
        }
    }
}

impl Bars {
    fn new() -> Bars {
        let multi = MultiProgress::new();
        let style = ProgressStyle::with_template("{pos}/{len} {wide_bar} {elapsed}{msg}");
        let all = multi.add(ProgressBar::new(0));
        all.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        all.enable_steady_tick(Duration::from_secs(1));
        Bars { multi, all, running: Mutex::default() }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<String, ProgressBar>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, state: &State) {
        let mut running = self.running();
        if running.len() >= SHOWN {
            return;
        }
        let steps = state.config.as_ref().map_or(0, |config| config.search.steps);
        let bar = self.multi.insert_before(&self.all, ProgressBar::new(steps.into()));
        let style = ProgressStyle::with_template("  {prefix:24!} {bar:16} {pos}/{len} steps, {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_prefix(visible(&state.id).into_owned());
        bar.set_position(state.steps().into());
        bar.set_message("first draft and scores");
        running.insert(state.id.clone(), bar);
    }

    fn step(&self, state: &State, objective: Objective) {
        if let Some(bar) = self.running().get(&state.id) {
            bar.set_position(state.steps().into());
            let current = state.search.as_ref().and_then(|s| s.tree().get(s.head()?)?.measures);
            bar.set_message(current.map(|measures| score(&measures, objective)).unwrap_or_default());
        }
    }

    fn remove(&self, id: &str) {
        if let Some(bar) = self.running().remove(id) {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.running().values().for_each(ProgressBar::finish_and_clear);
        self.all.finish_and_clear();
    }
}

/// `ppl 512 over 298 tokens`, or the official score where it is the objective.
fn score(measures: &Measures, objective: Objective) -> String {
    let tokens = match (objective, measures.clipped) {
        (Objective::ReerClipped, Some(clipped)) => clipped.tokens,
        _ => measures.tokens,
    };
    format!("{} over {tokens} tokens", value(measures, objective))
}

fn value(measures: &Measures, objective: Objective) -> String {
    match (objective, measures.clipped) {
        (Objective::ReerClipped, Some(clipped)) => format!("reer-clipped {:.4}", clipped.nll.0),
        _ => format!("ppl {}", numbers::ppl(measures.ppl)),
    }
}

/// What a search came to, in one line.
fn finished(summary: &Summary, objective: Objective) -> String {
    let mut line = summary.id.clone();
    if let (Some(best), Some(baseline)) = (&summary.best, &summary.baseline) {
        line += &format!(": {} → {}", value(baseline, objective), score(best, objective));
    }
    if let Some(leak) = &summary.leak {
        line += &format!(", longest run shared {} words", leak.span_words);
    }
    let stop = summary.stop.map_or_else(|| spelled(&summary.status), |stop| stop_in_words(stop).to_owned());
    line + &format!(", {}, {} accepted, {stop}", numbers::counted(summary.steps as usize, "step"), summary.accepted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reer::search::StopReason;
    use crate::reer::{Bits, Clipped, Leak, Nats};
    use crate::session::{Status, Verdict};

    fn measures(nll: f64) -> Measures {
        Measures {
            tokens: 298,
            nll: Nats(nll),
            ppl: Nats(nll).perplexity(),
            bits_per_char: Bits(1.0),
            clipped_fraction: 0.9,
            clipped: Some(Clipped { nll: Nats(1.5), tokens: 200 }),
        }
    }

    #[test]
    fn a_finished_line_names_measure_tokens_leak_and_end() {
        let summary = Summary {
            id: "river".into(),
            name: None,
            title: String::new(),
            hash: String::new(),
            source: None,
            status: Status::Done,
            verdict: Verdict::None,
            stop: Some(StopReason::Patience),
            detail: None,
            settings: None,
            steps: 12,
            accepted: 5,
            scorer: None,
            objective: Some(Objective::Nll),
            baseline: Some(measures(6.0)),
            initial: Some(measures(5.9)),
            best: Some(measures(5.0)),
            leak: Some(Leak { ngram: 0.0, span_words: 4, span_share: 0.01 }),
            rating: 0,
            tags: Default::default(),
            flags: Default::default(),
            note: None,
            changed: false,
            metrics: Default::default(),
        };
        assert_eq!(
            finished(&summary, Objective::Nll),
            "river: ppl 403 → ppl 148 over 298 tokens, longest run shared 4 words, 12 steps, 5 accepted, no more gains"
        );
        assert!(finished(&summary, Objective::ReerClipped).contains("reer-clipped 1.5000 → reer-clipped 1.5000"));
    }
}
