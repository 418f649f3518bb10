//! The search at the desk: whether it may begin or go on, with which settings, and how far it is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::{self, BoxFuture};

use super::aside::same_scorer;
use super::book::Teller;
use super::{Activity, News, Stream, Work};
use crate::engine::fit::fits;
use crate::engine::run::{Run, deadline};
use crate::engine::{BackEnds, Equipment, Observer, Progress, RunError, Setup};
use crate::reer::Example;
use crate::reer::search::{ScoreOf, Search, StopReason, Want};
use crate::session::{Author, Payload, Session, State};

/// Where the search at the desk stands.
pub(super) enum Pursuit {
    Idle,
    /// Its back ends are being opened.
    Loading {
        setup: Box<Setup>,
        opening: BoxFuture<'static, Result<Equipment, Refused>>,
    },
    Running {
        run: Box<Run<'static>>,
        deadline: Option<Instant>,
    },
}

/// What a pursuit came to next.
pub(super) enum Came {
    Opened(Box<Result<Equipment, Refused>>),
    /// An answer of a flight, or the last ones.
    Answer,
}

impl Pursuit {
    /// Begins to open back ends; a pair that no score was recorded of must fit the scorer.
    pub fn load(setup: Setup, back_ends: Arc<BackEnds>, unscored: Option<Example>) -> Pursuit {
        let wanted = setup.clone();
        let opening = async move {
            let opened = tokio::task::spawn_blocking(move || back_ends.open(&wanted)).await;
            let opened = opened.map_err(|e| e.to_string()).and_then(|opened| opened.map_err(|e| e.to_string()));
            let equipment = opened.map_err(Refused::Why)?;
            if let Some(example) = unscored {
                fits(equipment.models.scorer.as_ref(), &example).await.map_err(Refused::Misfit)?;
            }
            Ok(equipment)
        };
        Pursuit::Loading { setup: Box::new(setup), opening: Box::pin(opening) }
    }

    pub fn is_idle(&self) -> bool {
        matches!(self, Pursuit::Idle)
    }

    /// Whether the search waits for this score.
    pub fn is_scoring(&self, of: ScoreOf) -> bool {
        matches!(self, Pursuit::Running { run, .. } if run.in_flight().0.contains(&Want::Score(of)))
    }

    /// When a running search is out of time.
    pub fn deadline(&self) -> Option<Instant> {
        match self {
            Pursuit::Running { deadline, .. } => *deadline,
            _ => None,
        }
    }

    /// Waits for what comes next; for ever when nothing runs. Can be dropped and called again.
    pub async fn next(&mut self) -> Came {
        match self {
            Pursuit::Idle => future::pending().await,
            Pursuit::Loading { opening, .. } => Came::Opened(Box::new(opening.await)),
            Pursuit::Running { run, .. } => {
                run.landed().await;
                Came::Answer
            }
        }
    }

    /// What it does now; `None` when it does nothing.
    pub fn activity(&self) -> Option<Activity> {
        let (work, asked, done) = match self {
            Pursuit::Idle => return None,
            Pursuit::Loading { .. } => (Work::Loading, 0, 0),
            Pursuit::Running { run, .. } => {
                let (wants, done) = run.in_flight();
                (work(wants), wants.iter().map(answers).sum(), done)
            }
        };
        Some(Activity { searching: true, work, asked, done })
    }
}

/// The wants that a person would name, of those in flight.
fn work(wants: &[Want]) -> Work {
    let named = wants.iter().map(|want| match want {
        Want::Draft { .. } => (0, Work::Drafting),
        Want::Propose { step, segment, .. } => (0, Work::Proposing { step: *step, segment: *segment }),
        Want::Score(ScoreOf::Without(..)) => (1, Work::LeaveOneOut),
        Want::Score(_) => (2, Work::Scoring),
        Want::Decide(_) | Want::Stop(..) => (3, Work::Idle),
    });
    named.min_by_key(|(rank, _)| *rank).map_or(Work::Scoring, |(_, work)| work)
}

/// How many answers a want asks for.
fn answers(want: &Want) -> usize {
    match want {
        Want::Propose { slots, .. } => slots.len(),
        Want::Draft { .. } | Want::Score(_) => 1,
        Want::Decide(_) | Want::Stop(..) => 0,
    }
}

/// The settings a search will run with: for one that has begun, those recorded, with the larger number of steps, the
/// budgets and the generator of `asked`.
pub(super) fn effective(state: &State, asked: Setup) -> Setup {
    let Some(config) = &state.config else { return asked };
    let mut setup = Setup::recorded(config);
    if !state.search.as_ref().is_some_and(Search::has_begun) {
        return Setup { scorer: setup.scorer, ..asked };
    }
    setup.generator = asked.generator;
    setup.search.steps = setup.search.steps.max(asked.search.steps);
    (setup.search.max_seconds, setup.search.max_tokens) = (asked.search.max_seconds, asked.search.max_tokens);
    setup
}

/// Checks that a search with these [`effective`] settings would do something.
///
/// # Errors
/// Why not, and what to do.
pub(super) fn admit(state: &State, setup: &Setup) -> Result<(), String> {
    setup.search.validate().map_err(|e| e.to_string())?;
    let (Some(search), Some(stop)) = (&state.search, &state.stop) else { return Ok(()) };
    let best = search.best_ever().and_then(|node| search.score(node));
    if let (Some(best), Some(threshold)) = (best, setup.search.threshold)
        && best < threshold
    {
        return Err(format!(
            "its best score, {best:.4} nats per token, is below the threshold of {threshold} already; a search with \
             another threshold needs a session of its own"
        ));
    }
    let steps = search.decisions().len();
    if steps >= setup.search.steps as usize {
        return Err(format!("all {steps} steps are made; ask for more than {steps}"));
    }
    if stop.reason == StopReason::Budget {
        let (spent, knobs) = (state.ledger.total(), &setup.search);
        if knobs.max_tokens.is_some_and(|max| spent.tokens_in + spent.tokens_out >= max) {
            return Err("the token budget is used up; raise it, or take it off".to_owned());
        }
        if knobs.max_seconds.is_some_and(|max| state.active_ms >= max * 1000) {
            return Err("the time budget is used up; raise it, or take it off".to_owned());
        }
    }
    let raised = search.config().steps < setup.search.steps;
    if state.can_go_on() || raised {
        return Ok(());
    }
    let detail = stop.detail.clone().unwrap_or_else(|| "it ended".to_owned());
    Err(format!("{detail}; choose another version to go on from, or ask for more than {} steps", setup.search.steps))
}

/// Begins a run in an open session: records its models and settings where they are new, and that the search goes on
/// where it had stopped.
///
/// # Errors
/// One sentence; nothing is lost.
pub(super) fn begin(
    session: &mut Session,
    setup: &Setup,
    equipment: Equipment,
    news: &Teller,
) -> Result<Pursuit, Refused> {
    same_scorer(session.state().scorer.as_ref(), &setup.scorer, &equipment.record.scorer).map_err(Refused::Why)?;
    let begun = session.state().search.as_ref().is_some_and(Search::has_begun);
    let noise = if begun { 0.0 } else { equipment.models.scorer.noise_floor() };
    let (config, mut payloads) = (setup.clone().above_noise(noise).record(), Vec::new());
    if session.state().models.as_ref() != Some(&equipment.record) {
        payloads.push(Payload::Models(equipment.record));
    }
    if session.state().config.as_ref() != Some(&config) {
        payloads.push(Payload::Config(config));
    }
    if !payloads.is_empty() {
        session.record_all(Author::Search, payloads).map_err(RunError::from)?;
    }
    if session.state().stop.is_some() {
        session.go_on().map_err(RunError::from)?;
    }
    let time = setup.search.max_seconds.map(Duration::from_secs);
    let deadline = deadline(session.state(), time);
    let run = Run::new(session.state(), equipment.models, Arc::new(Told(news.clone())))?;
    Ok(Pursuit::Running { run: Box::new(run), deadline })
}

/// Why a run could not begin.
pub(super) enum Refused {
    Why(String),
    /// The pair is too long for the scorer.
    Misfit(String),
    Run(RunError),
}

impl From<RunError> for Refused {
    fn from(error: RunError) -> Refused {
        Refused::Run(error)
    }
}

/// Passes on what a run streams; its events are told as they are recorded.
struct Told(Teller);

impl Observer for Told {
    fn see(&self, progress: Progress<'_>) {
        if let Progress::Streamed { step, sample, piece, .. } = progress {
            let purpose = if step == 0 { Stream::Draft } else { Stream::Candidate };
            (self.0)(News::Streamed { purpose, step, sample, piece: piece.to_owned() });
        }
    }
}
