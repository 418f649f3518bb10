//! Where a session stands, and its line in a list.

use super::State;
use crate::reer::Measures;
use crate::reer::search::{Search, StopReason, Why};
use crate::session::{ExampleRecord, Status, Summary};

/// Characters of a title: what a list has room for, and the lines under it.
const TITLE_CHARS: usize = 240;

impl State {
    pub fn status(&self) -> Status {
        let Some(search) = &self.search else { return Status::Fresh };
        match search.stopped() {
            None => Status::Unfinished,
            Some(StopReason::Error) => Status::Failed,
            Some(reason) if reason.is_final() => Status::Done,
            Some(_) => Status::Unfinished,
        }
    }

    /// What the session is called: the name that a person gave it, else its id, else, before it has a file, its pair's.
    pub fn called(&self) -> &str {
        let id = Some(self.id.as_str()).filter(|id| !id.is_empty());
        let of_pair = || self.example.as_ref().map(|example| example.id.as_str());
        self.annotations.name().or(id).or_else(of_pair).unwrap_or_default()
    }

    /// What a list shows of this session.
    pub fn summary(&self) -> Summary {
        let search = self.search.as_ref();
        let version = |node| search.and_then(|s| s.tree().get(node));
        let best = search.and_then(Search::outcome).and_then(version);
        let models = self.models.as_ref();
        Summary {
            id: self.id.clone(),
            name: self.annotations.name().map(str::to_owned),
            title: self.example.as_ref().map(title).unwrap_or_default(),
            hash: self.example.as_ref().map(|example| example.hash.clone()).unwrap_or_default(),
            source: self.example.as_ref().and_then(|example| example.source.clone()),
            status: self.status(),
            verdict: self.annotations.verdict(),
            stop: self.stop.as_ref().map(|stop| stop.reason),
            detail: self.stop.as_ref().and_then(|stop| stop.detail.clone()),
            settings: self.config.as_ref().zip(models).map(|(config, models)| config.fingerprint(models)),
            steps: self.steps(),
            accepted: search.map_or(0, accepted),
            scorer: self.scorer.clone(),
            objective: self.config.as_ref().map(|c| c.search.objective).or(models.map(|m| m.objective)),
            baseline: search.and_then(|s| s.baseline().copied()),
            initial: search.and_then(first_score),
            best: best.and_then(|version| version.measures),
            leak: best.and_then(|version| version.leak),
            rating: self.annotations.rating(),
            tags: self.annotations.tags().into_iter().map(str::to_owned).collect(),
            flags: self.annotations.flags().into_keys().map(str::to_owned).collect(),
            note: self.annotations.notes().get(&None).map(|note| (*note).to_owned()),
            changed: self.changed_since_verdict().is_some(),
            metrics: self.metrics.clone(),
        }
    }
}

fn accepted(search: &Search) -> u32 {
    search.decisions().iter().filter(|decision| decision.chosen.is_some()).count() as u32
}

/// The score of the first draft that has one.
fn first_score(search: &Search) -> Option<Measures> {
    let drafts = search.tree().iter().filter(|(_, v)| matches!(v.node.why, Why::Draft | Why::Import));
    drafts.filter_map(|(_, version)| version.measures).next()
}

/// The first line of the query that is not blank.
fn title(example: &ExampleRecord) -> String {
    let line = example.query.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    match line.char_indices().nth(TITLE_CHARS) {
        Some((at, _)) => format!("{}…", line[..at].trim_end()),
        None => line.to_owned(),
    }
}
