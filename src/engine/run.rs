//! One search carried on: asks back ends for what the machine wants and records what they answer. Calls in flight
//! borrow nothing of the session, so that a person's actions can be recorded meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future;
use tokio_util::sync::CancellationToken;

use super::calls::{self, Generated, Question};
use super::flight::{Flight, Landed};
use super::scoring::{self, Answer, Extent, Pair};
use super::{Observer, Progress};
use crate::lm::{Generator, LmError, Scorer};
use crate::reer::Target;
use crate::reer::search::{NodeId, ScoreOf, Search, StopReason, Want};
use crate::session::{Author, Failure, Payload, Score, Session, SessionError, State, Stop};

/// The back ends of a run.
#[derive(Clone)]
pub struct Models {
    pub generator: Arc<dyn Generator>,
    pub scorer: Arc<dyn Scorer>,
}

/// What bounds a run from outside the search.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Ends the run so that it can go on later.
    pub cancel: CancellationToken,
    /// Time this search may take over all its runs.
    pub time: Option<Duration>,
}

/// Why a run could not be carried on; the session holds everything up to there.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error("this session has no search settings; start it with `retrace search`")]
    NotConfigured,
}

/// A fault of this item alone: recorded, and the search stops with `error`.
#[derive(Debug)]
pub(super) struct Fault {
    pub purpose: &'static str,
    pub message: String,
}

/// Searches until an end is recorded: the machine's own, the budget's, a cancellation's, or a fault's.
///
/// # Errors
/// Only what keeps events from being recorded; a fault of a back end is recorded in the session.
pub async fn search(
    session: &mut Session,
    models: &Models,
    limits: &Limits,
    observer: &dyn Observer,
) -> Result<StopReason, RunError> {
    let deadline = deadline(session.state(), limits.time);
    let mut run = Run::new(session.state(), models.clone(), Arc::new(observer))?;
    let nothing_else = BTreeSet::new();
    loop {
        match run.advance(session, &nothing_else)? {
            Course::Ended(reason) => return Ok(reason),
            Course::Moved => continue,
            Course::Flying | Course::Waiting => {}
        }
        tokio::select! {
            biased;
            () = limits.cancel.cancelled() => {
                run.give_up(session)?;
                return stop(session, StopReason::Person, "interrupted; the next run goes on here");
            }
            () = until(deadline) => {
                run.give_up(session)?;
                return stop(session, StopReason::Budget, OUT_OF_TIME);
            }
            () = run.landed() => {}
            () = until(session.sync_due()) => {
                session.sync()?;
                continue;
            }
        }
        if let Some(reason) = run.record(session)? {
            return Ok(reason);
        }
    }
}

/// Why a search stops at the end of its time.
pub(super) const OUT_OF_TIME: &str = "the time budget is used up";

/// When a search that may take `time` over all its runs must stop.
pub(super) fn deadline(state: &State, time: Option<Duration>) -> Option<Instant> {
    time.map(|time| Instant::now() + time.saturating_sub(Duration::from_millis(state.active_ms)))
}

/// Waits for a moment; for ever where there is none.
pub(super) async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => future::pending().await,
    }
}

/// Records an end of the search.
pub(super) fn stop(session: &mut Session, reason: StopReason, why: &str) -> Result<StopReason, RunError> {
    let detail = (!why.is_empty()).then(|| why.to_owned());
    session.record_all(Author::Search, vec![Payload::Stop(Stop { reason, detail })])?;
    Ok(reason)
}

fn fail(session: &mut Session, fault: Fault) -> Result<StopReason, RunError> {
    let failure = Failure { purpose: fault.purpose.to_owned(), message: fault.message.clone() };
    let stop = Stop { reason: StopReason::Error, detail: Some(fault.message) };
    session.record_all(Author::Search, vec![Payload::Error(failure), Payload::Stop(stop)])?;
    Ok(StopReason::Error)
}

/// Where a run stands after a look at what its search wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// Calls are in flight: wait until an answer has [`landed`](Run::landed), then [`record`](Run::record).
    Flying,
    /// Something was recorded; look again.
    Moved,
    /// All that is wanted is being done by others.
    Waiting,
    Ended(StopReason),
}

/// A search that runs. It holds the calls in flight and no session; the same session must be given to every call.
pub(super) struct Run<'a> {
    models: Models,
    pair: Arc<Pair>,
    observer: Arc<dyn Observer + 'a>,
    /// y's tokens, once the scorer has been asked.
    target: Option<Arc<Target>>,
    flight: Flight<'a>,
    /// What the calls in flight were asked for.
    wants: Vec<Want>,
    /// Candidates' scores of this flight with their token log-probabilities, which are recorded of the chosen one.
    whole: BTreeMap<ScoreOf, Score>,
    /// The first fault of this flight.
    fault: Option<Fault>,
}

impl<'a> Run<'a> {
    /// A run that has asked for nothing yet.
    ///
    /// # Errors
    /// The session has no pair or no settings.
    pub fn new(state: &State, models: Models, observer: Arc<dyn Observer + 'a>) -> Result<Run<'a>, RunError> {
        let example = state.pair().ok_or(RunError::NotConfigured)?;
        if state.search.is_none() {
            return Err(RunError::NotConfigured);
        }
        Ok(Run {
            models,
            pair: Arc::new(Pair::new(example)),
            observer,
            target: None,
            flight: Flight::new(),
            wants: Vec::new(),
            whole: BTreeMap::new(),
            fault: None,
        })
    }

    /// Whether calls are in flight.
    pub fn is_flying(&self) -> bool {
        !self.flight.is_over()
    }

    /// Looks at what the search wants: records decisions and ends, sends calls off. `busy` are scores that are
    /// computed elsewhere and will be recorded.
    ///
    /// # Errors
    /// What keeps events from being recorded.
    pub fn advance(&mut self, session: &mut Session, busy: &BTreeSet<ScoreOf>) -> Result<Course, RunError> {
        if self.is_flying() {
            return Ok(Course::Flying);
        }
        let Some(target) = self.target.clone() else {
            let (scorer, pair) = (self.models.scorer.clone(), self.pair.clone());
            self.flight.send(async move { Landed::Target(scorer.tokenize(&pair.example).await) });
            return Ok(Course::Flying);
        };
        let wants = search_of(session.state())?.wants();
        let rest = undetailed_head(session.state());
        if wants.is_empty() && rest.is_none() {
            return search_of(session.state())?.stopped().map(Course::Ended).ok_or(RunError::NotConfigured);
        }
        if let [Want::Decide(_) | Want::Stop(..)] = wants[..]
            && rest.is_none()
        {
            self.settle(session, wants)?;
            return Ok(Course::Moved);
        }
        if let [Want::Propose { step: 1, .. }, ..] = wants[..] {
            self.observer.see(Progress::Drafted { session });
        }
        self.send_off(session.state(), &target, wants, rest, busy)
    }

    /// Records a decision or an end.
    fn settle(&self, session: &mut Session, wants: Vec<Want>) -> Result<(), RunError> {
        for want in wants {
            match want {
                Want::Decide(decision) => {
                    let chosen = decision.chosen;
                    session.record_all(Author::Search, vec![Payload::Decide(decision)])?;
                    self.observer.see(Progress::Stepped { session, chosen });
                }
                Want::Stop(reason, why) => {
                    stop(session, reason, &why)?;
                }
                Want::Draft { .. } | Want::Propose { .. } | Want::Score(_) => {}
            }
        }
        Ok(())
    }

    /// Sends off the calls that wants stand for, all scores in one.
    fn send_off(
        &mut self,
        state: &State,
        target: &Arc<Target>,
        wants: Vec<Want>,
        rest: Option<NodeId>,
        busy: &BTreeSet<ScoreOf>,
    ) -> Result<Course, RunError> {
        let search = search_of(state)?;
        let wanted = wants.iter().filter_map(|want| if let Want::Score(of) = want { Some(*of) } else { None });
        let scores: Vec<ScoreOf> =
            rest.map(ScoreOf::Node).into_iter().chain(wanted).filter(|of| !busy.contains(of)).collect();
        if !scores.is_empty() {
            let (scorer, pair, target) = (self.models.scorer.clone(), self.pair.clone(), target.clone());
            let contexts = scoring::contexts(search, &scores);
            let way = pair.way(state, scorer.as_ref(), &scores);
            self.flight.send_scores(scores, |of, teller| async move {
                let tell = |place: usize, answer: &Answer| teller.tell(place, answer);
                pair.ask_by(way, scorer.as_ref(), &target, &of, contexts, &tell).await
            });
        }
        for question in wants.iter().filter_map(|want| Question::of(want, search)) {
            let (observer, pair) = (self.observer.clone(), self.pair.clone());
            let (generator, sampling) = (self.models.generator.clone(), search.config().sampling.clone());
            self.flight.send(async move {
                let (id, step) = (pair.example.id.clone(), question.step);
                let sink =
                    move |sample: usize, piece: &str| observer.see(Progress::Streamed { id: &id, step, sample, piece });
                Landed::Generated(Box::new(calls::generate(generator, pair, sampling, question, sink).await))
            });
        }
        self.wants = wants;
        Ok(if self.flight.is_over() { Course::Waiting } else { Course::Flying })
    }

    /// Waits for the next answer. Can be dropped and called again.
    pub async fn landed(&mut self) {
        self.flight.next().await;
    }

    /// What the calls in flight were asked for, and how many answers have come.
    pub fn in_flight(&self) -> (&[Want], usize) {
        (&self.wants, self.flight.come())
    }

    /// Records the answers that have come, each once all that were asked for before it are recorded; after the last of
    /// a flight the reason, when a fault ended the search.
    ///
    /// # Errors
    /// What keeps events from being recorded.
    pub fn record(&mut self, session: &mut Session) -> Result<Option<StopReason>, RunError> {
        while let Some(landed) = self.flight.take() {
            let recorded = match landed {
                Landed::Target(target) => self.learn_target(session, target)?,
                Landed::Score(of, answer) => self.record_score(session, of, answer)?,
                Landed::Scored(call) => {
                    session.record(Author::Search, Payload::Call(call))?;
                    Ok(())
                }
                Landed::Generated(generated) => record_generation(session, *generated)?,
            };
            self.fault = self.fault.take().or(recorded.err());
        }
        if !self.flight.is_over() {
            return Ok(None);
        }
        self.flight = Flight::new();
        self.wants.clear();
        self.whole.clear();
        self.fault.take().map(|fault| fail(session, fault)).transpose()
    }

    /// Gives up what is in flight, and records the scores that came though others asked for before them did not, and what
    /// they took: whoever goes on with the search asks for the others alone.
    ///
    /// # Errors
    /// What keeps events from being recorded.
    pub fn give_up(&mut self, session: &mut Session) -> Result<(), RunError> {
        let come: Vec<Landed> = self.flight.rest().collect();
        for landed in come {
            if let Landed::Score(of, answer @ Ok(_)) = landed {
                // A fault is no reason to stop what stops anyway.
                drop(self.record_score(session, of, answer)?);
            }
        }
        if let Some(call) = self.flight.untold(self.models.scorer.as_ref()) {
            session.record(Author::Search, Payload::Call(call))?;
        }
        self.flight = Flight::new();
        Ok(())
    }

    /// y's tokens for this scorer: from the scorer, recorded once.
    fn learn_target(
        &mut self,
        session: &mut Session,
        target: Result<Target, LmError>,
    ) -> Result<Result<(), Fault>, RunError> {
        let fault = |message: String| Ok(Err(Fault { purpose: "tokenize", message }));
        let target = match target {
            Ok(target) => target,
            Err(error) => return fault(error.to_string()),
        };
        match scoring::new_tokens(session.state(), self.models.scorer.as_ref(), &target) {
            Ok(None) => {}
            Ok(Some(tokens)) => drop(session.record(Author::Search, Payload::Tokens(tokens))?),
            Err(why) => return fault(why),
        }
        self.target = Some(Arc::new(target));
        Ok(Ok(()))
    }

    /// Records a score. The log-probabilities of the candidate that the search will choose follow as a second record
    /// of its score where they were not in the first: which one it is shows only with the last score of a step.
    fn record_score(
        &mut self,
        session: &mut Session,
        of: ScoreOf,
        answer: Answer,
    ) -> Result<Result<(), Fault>, RunError> {
        let Some(target) = &self.target else { return Ok(Ok(())) };
        let search = search_of(session.state())?;
        let scored = match self.pair.judge(target, search, of, &answer) {
            Ok(scored) => scored,
            Err(message) => return Ok(Err(Fault { purpose: "score", message })),
        };
        let estimated = answer.as_ref().is_ok_and(|reading| reading.extent == Extent::Estimated);
        let logprobs = answer.ok().and_then(|reading| reading.recorded());
        let whole = Score { estimated, ..scoring::event(&scored, self.models.scorer.identity(), logprobs) };
        let payloads = match scoring::detailed(search, &scored) {
            Some(own) if own == of => vec![whole],
            other => {
                let detail = other.and_then(|of| self.whole.remove(&of));
                let plain = Score { logprobs: None, ..whole.clone() };
                self.whole.insert(of, whole);
                std::iter::once(plain).chain(detail).collect()
            }
        };
        session.record_all(Author::Search, payloads.into_iter().map(Payload::Score).collect())?;
        Ok(Ok(()))
    }
}

fn search_of(state: &State) -> Result<&Search, RunError> {
    state.search.as_ref().ok_or(RunError::NotConfigured)
}

/// The current version, when its score is there but its token log-probabilities are not: a run died between
/// the two, or a person chose a version that the search had refused.
pub(super) fn undetailed_head(state: &State) -> Option<NodeId> {
    let search = state.search.as_ref()?;
    let head = search.head()?;
    (search.score(head).is_some() && !state.logprobs.contains_key(&ScoreOf::Node(head))).then_some(head)
}

/// Records a generator's call and the versions made of its answers.
pub(super) fn record_generation(session: &mut Session, generated: Generated) -> Result<Result<(), Fault>, RunError> {
    let purpose = generated.question.purpose();
    let mut payloads = vec![Payload::Call(generated.call.clone())];
    let outcome = match generated.samples() {
        Ok((question, samples)) => {
            let nodes = calls::nodes(search_of(session.state())?, &question, samples);
            payloads.extend(nodes.into_iter().map(Payload::Node));
            Ok(())
        }
        Err(message) => Err(Fault { purpose, message }),
    };
    session.record_all(Author::Search, payloads)?;
    Ok(outcome)
}
