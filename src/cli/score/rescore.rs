//! Scoring what sessions hold with another scorer: adds events, changes nothing that is there.

use std::path::{Path, PathBuf};
use std::pin::pin;

use futures::{StreamExt, stream};
use serde::Serialize;

use super::runtime;
use crate::cli::numbers::{ScoreReport, counted, ppl, spelled};
use crate::cli::{Fault, Outcome, Output, note};
use crate::engine::{self, BackEnds, Trust};
use crate::lm::Scorer;
use crate::lm::spec::Spec;
use crate::reer::Identity;
use crate::reer::search::ScoreOf;
use crate::session::{self, Session, State, library};
use crate::settings::Settings;

/// JSON of `retrace score SESSION|DIR`.
#[derive(Serialize)]
struct Report {
    scorer: Identity,
    /// Sessions that could not be scored, or not whole.
    failed: usize,
    sessions: Vec<Rescored>,
}

#[derive(Serialize)]
struct Rescored {
    id: String,
    file: PathBuf,
    /// Scores that were added.
    added: usize,
    /// Versions that do not fit into the scorer's context.
    #[serde(skip_serializing_if = "is_zero")]
    too_long: usize,
    /// The best of the session by its own search, under this scorer.
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<ScoreReport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed: Vec<Failure>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[derive(Serialize)]
struct Failure {
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<ScoreOf>,
    reason: String,
}

/// Sessions that are rescored at once where servers score.
const AT_SERVERS: usize = 16;

pub fn run(path: &Path, settings: &Settings, trust: Trust, json: bool, output: &mut Output) -> Result<Outcome, Fault> {
    let files = if path.is_dir() { library::files(path)? } else { vec![path.to_owned()] };
    if files.is_empty() {
        return Err(Fault::at(path, "no sessions; `retrace search INPUT --into DIR` makes some"));
    }
    if !path.is_dir() {
        session::read(path)?;
    }
    let runtime = runtime()?;
    let within = runtime.enter();
    let back_ends = BackEnds::of(settings)?.trusting(trust).telling(|what| note(what));
    let (scorer, _) = back_ends.scorer(&settings.scorer, settings.search.preset)?;
    drop(within);
    let at_once = if matches!(settings.scorer.parse(), Ok(Spec::Servers(_))) { AT_SERVERS } else { 1 };
    let mut report = Report { scorer: scorer.identity().clone(), failed: 0, sessions: Vec::new() };
    let scorer = scorer.as_ref();
    let all = stream::iter(files).map(|file| async move { rescore(&file, scorer).await }).buffered(at_once);
    let mut all = pin!(all);
    while let Some(rescored) = runtime.block_on(all.next()) {
        report.failed += usize::from(!rescored.failed.is_empty());
        if !json {
            tell(&rescored, output);
        }
        report.sessions.push(rescored);
    }
    if json {
        output.json(&report);
    }
    Ok(Outcome::partial_if(report.failed > 0))
}

/// Scores what is missing in one session; a session in which nothing is missing is not opened for writing.
async fn rescore(file: &Path, scorer: &dyn Scorer) -> Rescored {
    let mut rescored = Rescored {
        id: file.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        file: file.to_owned(),
        added: 0,
        too_long: 0,
        score: None,
        failed: Vec::new(),
    };
    if let Err(reason) = fill(&mut rescored, file, scorer).await {
        rescored.failed.push(Failure { of: None, reason });
    }
    rescored
}

async fn fill(rescored: &mut Rescored, file: &Path, scorer: &dyn Scorer) -> Result<(), String> {
    let state = session::read(file).map_err(|error| error.to_string())?.state;
    rescored.id.clone_from(&state.id);
    let missing =
        engine::unscored(&state, scorer.identity()).ok_or("no search was made, so there is nothing to score")?;
    if missing.is_empty() {
        rescored.take(&state, scorer.identity());
        return Ok(());
    }
    let mut session = Session::annotate(file).map_err(|error| error.to_string())?;
    let done = engine::rescore(&mut session, scorer).await.map_err(|error| error.to_string())?;
    let state = session.close().map_err(|error| error.to_string())?;
    rescored.failed = done.failed.into_iter().map(|(of, reason)| Failure { of: Some(of), reason }).collect();
    rescored.added = done.added;
    rescored.take(&state, scorer.identity());
    Ok(())
}

impl Rescored {
    /// What a session says by this scorer.
    fn take(&mut self, state: &State, scorer: &Identity) {
        self.score = score(state, scorer);
        let others = state.others.get(scorer).into_iter().flat_map(|scores| scores.values());
        self.too_long = others.filter(|score| score.measures.is_none() && score.error.is_none()).count();
    }
}

/// The score of what the search arrived at, by `scorer`: the session's own or another.
fn score(state: &State, scorer: &Identity) -> Option<ScoreReport> {
    let search = state.search.as_ref()?;
    let outcome = search.outcome()?;
    let version = search.tree().get(outcome)?;
    let (measures, baseline) = if state.scorer.as_ref() == Some(scorer) {
        (version.measures?, search.baseline().copied())
    } else {
        let scores = state.others.get(scorer)?;
        (
            scores.get(&ScoreOf::Node(outcome))?.measures?,
            scores.get(&ScoreOf::Baseline).and_then(|score| score.measures),
        )
    };
    let report = ScoreReport::new(scorer, search.config().objective, &measures);
    Some(report.against(&measures, baseline.as_ref(), version.leak))
}

fn tell(rescored: &Rescored, output: &mut Output) {
    for failure in &rescored.failed {
        let of = failure.of.map(|of| format!(" {}", spelled(&of))).unwrap_or_default();
        note(format_args!("{}{of}: {}", rescored.file.display(), failure.reason));
    }
    let score = rescored.score.as_ref().map(|score| {
        let baseline = score.baseline.map(|baseline| format!("ppl {} → ", ppl(baseline.ppl))).unwrap_or_default();
        format!("{baseline}ppl {} over {} tokens, ", ppl(score.ppl), score.tokens)
    });
    let (id, score) = (&rescored.id, score.unwrap_or_default());
    let long = match rescored.too_long {
        0 => String::new(),
        count => format!("; {} too long for this model", counted(count, "version")),
    };
    output.line(format_args!("{id}: {score}{} added{long}", counted(rescored.added, "score")));
    output.flush();
}
