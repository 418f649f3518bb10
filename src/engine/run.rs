//! One search carried to its end: asks back ends for what the machine wants and records what they answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future;
use tokio_util::sync::CancellationToken;

use super::scoring::{self, Answer, Pair};
use super::{Observer, Progress};
use crate::lm::{Generator, LmError, Request, Sample, Scorer, Task};
use crate::reer::search::{Fact, Node, NodeId, Refusal, ScoreOf, Scored, Search, StopReason, Want, Why};
use crate::reer::{MeasureError, Segment, SegmentId, Target, Trajectory, split};
use crate::session::{Author, Call, Failure, Payload, Session, SessionError, Stop, Tokens};

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
struct Fault {
    purpose: &'static str,
    message: String,
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
    let example = session.state().pair().ok_or(RunError::NotConfigured)?;
    if session.state().search.is_none() {
        return Err(RunError::NotConfigured);
    }
    let deadline =
        limits.time.map(|time| Instant::now() + time.saturating_sub(Duration::from_millis(session.state().active_ms)));
    let mut run = Run { session, models, observer, pair: Pair::new(example) };
    let target = match run.target().await? {
        Ok(target) => target,
        Err(fault) => return run.fail(fault),
    };
    loop {
        run.session.sync()?;
        let wants = run.search()?.wants();
        let rest = run.undetailed_head();
        if wants.is_empty() && rest.is_none() {
            return run.search()?.stopped().ok_or(RunError::NotConfigured);
        }
        let outcome = tokio::select! {
            biased;
            () = limits.cancel.cancelled() => return run.stop(StopReason::Person, "interrupted; the next run goes on here"),
            () = until(deadline) => return run.stop(StopReason::Budget, "the time budget is used up"),
            outcome = run.carry_out(&target, wants, rest) => outcome?,
        };
        if let Err(fault) = outcome {
            return run.fail(fault);
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => future::pending().await,
    }
}

struct Run<'a> {
    session: &'a mut Session,
    models: &'a Models,
    observer: &'a dyn Observer,
    pair: Pair,
}

/// What one generation answered, before it is recorded.
struct Generated {
    want: Want,
    call: Call,
    samples: Result<Vec<Sample>, LmError>,
}

impl Run<'_> {
    fn search(&self) -> Result<&Search, RunError> {
        self.session.state().search.as_ref().ok_or(RunError::NotConfigured)
    }

    fn record(&mut self, payloads: Vec<Payload>) -> Result<(), RunError> {
        self.session.record_all(Author::Search, payloads)?;
        Ok(())
    }

    fn stop(&mut self, reason: StopReason, why: &str) -> Result<StopReason, RunError> {
        let detail = (!why.is_empty()).then(|| why.to_owned());
        self.record(vec![Payload::Stop(Stop { reason, detail })])?;
        Ok(reason)
    }

    fn fail(&mut self, fault: Fault) -> Result<StopReason, RunError> {
        let failure = Failure { purpose: fault.purpose.to_owned(), message: fault.message.clone() };
        let stop = Stop { reason: StopReason::Error, detail: Some(fault.message) };
        self.record(vec![Payload::Error(failure), Payload::Stop(stop)])?;
        Ok(StopReason::Error)
    }

    /// y's tokens for this scorer: from the scorer, recorded once.
    async fn target(&mut self) -> Result<Result<Target, Fault>, RunError> {
        let fault = |message: String| Fault { purpose: "tokenize", message };
        let target = match self.models.scorer.tokenize(&self.pair.example).await {
            Ok(target) if target.tokens.is_empty() => return Ok(Err(fault(MeasureError::Empty.to_string()))),
            Ok(target) => target,
            Err(error) => return Ok(Err(fault(error.to_string()))),
        };
        let scorer = self.models.scorer.identity().clone();
        let ends: Vec<usize> = target.spans.iter().map(|span| span.end).collect();
        match self.session.state().tokens.get(&scorer) {
            Some(known) if known.ids != target.tokens => {
                let message = "the scorer splits the reference into other tokens than in the earlier run".to_owned();
                return Ok(Err(fault(message)));
            }
            Some(_) => {}
            None => self.record(vec![Payload::Tokens(Tokens { scorer, ids: target.tokens.clone(), ends })])?,
        }
        Ok(Ok(target))
    }

    /// The current version, when its score is there but its token log-probabilities are not: a run died between
    /// the two, or a person chose a version that the search had refused.
    fn undetailed_head(&self) -> Option<NodeId> {
        let state = self.session.state();
        let head = state.search.as_ref()?.head()?;
        (state.search.as_ref()?.score(head).is_some() && !state.logprobs.contains_key(&ScoreOf::Node(head)))
            .then_some(head)
    }

    /// Carries out wants that may run at the same time, and records the answers.
    async fn carry_out(
        &mut self,
        target: &Target,
        wants: Vec<Want>,
        undetailed: Option<NodeId>,
    ) -> Result<Result<(), Fault>, RunError> {
        let mut scores: Vec<ScoreOf> = undetailed.map(ScoreOf::Node).into_iter().collect();
        let mut asked = Vec::new();
        for want in wants {
            match want {
                Want::Decide(decision) => {
                    let chosen = decision.chosen;
                    self.record(vec![Payload::Decide(decision)])?;
                    self.observer.see(Progress::Stepped { session: self.session, chosen });
                }
                Want::Stop(reason, why) => {
                    self.stop(reason, &why)?;
                }
                Want::Score(of) => scores.push(of),
                want => asked.push(want),
            }
        }
        let generations = asked.into_iter().map(|want| self.generate(want));
        let (scored, generated) = future::join(self.score(target, &scores), future::join_all(generations)).await;
        let mut outcome = Ok(());
        if let Some(scored) = scored {
            outcome = self.record_scores(target, &scores, scored)?;
        }
        for answer in generated {
            outcome = outcome.and(self.record_generation(answer)?);
        }
        Ok(outcome)
    }

    async fn generate(&self, want: Want) -> Generated {
        let began = Instant::now();
        let id = self.pair.example.id.as_str();
        let sink = |sample: usize, piece: &str| self.observer.see(Progress::Streamed { id, sample, piece });
        let config = self.session.state().search.as_ref().map(|s| s.config().sampling.clone());
        let samples = match (&want, config) {
            (Want::Draft { slot, seed }, Some(sampling)) => {
                let (seeds, slots) = ([*seed], [*slot]);
                let (example, task) = (&self.pair.example, Task::Draft);
                let request = Request { example, task, step: 0, seeds: &seeds, slots: &slots, sampling: &sampling };
                self.models.generator.generate(&request, &sink).await
            }
            (Want::Propose { step, node, segment, slots }, Some(sampling)) => {
                let (slots, seeds): (Vec<u32>, Vec<u64>) = slots.iter().copied().unzip();
                match self.session.state().search.as_ref().and_then(|s| s.tree().trajectory(*node)) {
                    Some(trajectory) => {
                        let task = Task::Refine { trajectory, segment: *segment, instruction: None };
                        let example = &self.pair.example;
                        let request =
                            Request { example, task, step: *step, seeds: &seeds, slots: &slots, sampling: &sampling };
                        self.models.generator.generate(&request, &sink).await
                    }
                    None => Err(LmError::Invalid(format!("version {} has no trajectory to rewrite", node.0))),
                }
            }
            _ => Ok(Vec::new()),
        };
        let purpose = if matches!(want, Want::Draft { .. }) { "draft" } else { "refine" };
        let call = Call {
            purpose: purpose.to_owned(),
            model: self.models.generator.identity().model.clone(),
            tokens_in: samples.iter().flatten().map(|s| s.tokens_in as u64).sum(),
            tokens_out: samples.iter().flatten().map(|s| s.tokens_out as u64).sum(),
            tokens_cached: 0,
            ms: began.elapsed().as_millis() as u64,
            error: samples.as_ref().err().map(LmError::to_string),
        };
        Generated { want, call, samples }
    }

    fn record_generation(&mut self, answer: Generated) -> Result<Result<(), Fault>, RunError> {
        let purpose = if matches!(answer.want, Want::Draft { .. }) { "draft" } else { "refine" };
        let mut payloads = vec![Payload::Call(answer.call)];
        let asked = match &answer.want {
            Want::Propose { slots, .. } => slots.len(),
            _ => 1,
        };
        let outcome = match answer.samples {
            Ok(samples) if samples.len() == asked => {
                payloads.extend(self.nodes(&answer.want, samples)?.into_iter().map(Payload::Node));
                Ok(())
            }
            Ok(samples) => {
                Err(Fault { purpose, message: format!("{asked} answers were asked for, {} came", samples.len()) })
            }
            Err(error) => Err(Fault { purpose, message: error.to_string() }),
        };
        self.record(payloads)?;
        Ok(outcome)
    }

    /// Versions made of a generation's samples.
    fn nodes(&self, want: &Want, samples: Vec<Sample>) -> Result<Vec<Node>, RunError> {
        let tree = self.search()?.tree();
        let mut id = tree.next_id();
        let mut nodes = Vec::new();
        for (index, sample) in samples.into_iter().enumerate() {
            let admitted = sample.text.and_then(|text| match Trajectory::admit(&text) {
                Ok(()) if text.trim().is_empty() => Err(Refusal::Empty),
                Ok(()) => Ok(text),
                Err(_) => Err(Refusal::Tag),
            });
            let mut node = Node {
                id,
                parent: None,
                why: Why::Draft,
                segments: None,
                segment: None,
                text: None,
                step: None,
                slot: None,
                refused: admitted.as_ref().err().copied(),
                analysis: sample.analysis,
                raw: sample.raw,
            };
            match want {
                Want::Propose { step, node: parent, segment, slots } => {
                    let text = admitted.unwrap_or_default();
                    let old = tree.trajectory(*parent).and_then(|z| Some(&z.segments[z.position(*segment)?].text));
                    let same = old.is_some_and(|old| old.trim() == text.trim());
                    node.refused = node.refused.or(same.then_some(Refusal::Same));
                    (node.why, node.parent, node.segment) = (Why::Candidate, Some(*parent), Some(*segment));
                    (node.step, node.slot, node.text) = (Some(*step), slots.get(index).map(|s| s.0), Some(text));
                }
                Want::Draft { slot, .. } => {
                    node.slot = Some(*slot);
                    node.segments = admitted.ok().map(|text| number(&text, tree.next_segment()));
                }
                _ => continue,
            }
            nodes.push(node);
            id.0 += 1;
        }
        Ok(nodes)
    }

    /// Scores behind all contexts at once; `None` when nothing was asked for.
    async fn score(&self, target: &Target, of: &[ScoreOf]) -> Option<(Call, Vec<Answer>)> {
        let search = self.session.state().search.as_ref()?;
        if of.is_empty() {
            return None;
        }
        Some(self.pair.ask(self.models.scorer.as_ref(), target, search, of).await)
    }

    fn record_scores(
        &mut self,
        target: &Target,
        of: &[ScoreOf],
        (call, answers): (Call, Vec<Answer>),
    ) -> Result<Result<(), Fault>, RunError> {
        let mut fault = None;
        let mut scores = Vec::new();
        for (of, answer) in of.iter().zip(answers) {
            match self.pair.judge(target, self.search()?, *of, &answer) {
                Ok(scored) => scores.push((scored, answer.ok())),
                Err(message) => fault = Some(Fault { purpose: "score", message }),
            }
        }
        let detailed = self.detailed(scores.iter().map(|(scored, _)| scored));
        let mut payloads = vec![Payload::Call(call)];
        for (scored, answer) in &scores {
            let keep = detailed.contains(&scored.of);
            let logprobs = answer.as_ref().filter(|_| keep).map(|a| scoring::rounded(&a.logprobs));
            payloads.push(Payload::Score(scoring::event(scored, self.models.scorer.identity(), logprobs)));
        }
        self.record(payloads)?;
        Ok(fault.map_or(Ok(()), Err))
    }

    /// Which of these scores are kept with their token log-probabilities: the baseline, drafts, the current
    /// version, and the candidate that the machine will choose once it knows them all.
    fn detailed<'s>(&self, scores: impl Iterator<Item = &'s Scored>) -> Vec<ScoreOf> {
        let Some(search) = self.session.state().search.as_ref() else { return Vec::new() };
        let mut ahead = search.clone();
        let mut keep = Vec::new();
        for scored in scores {
            ahead.apply(&Fact::Scored(scored.clone()));
            match scored.of {
                ScoreOf::Baseline => keep.push(scored.of),
                ScoreOf::Node(node) => {
                    let candidate = search.tree().get(node).is_some_and(|v| v.node.why == Why::Candidate);
                    if !candidate || search.head() == Some(node) {
                        keep.push(scored.of);
                    }
                }
                ScoreOf::Without(..) => {}
            }
        }
        if let [Want::Decide(decision)] = &ahead.wants()[..] {
            keep.extend(decision.chosen.map(ScoreOf::Node));
        }
        keep
    }
}

/// A draft's segments with identities from `first` on.
fn number(draft: &str, first: SegmentId) -> Vec<Segment> {
    let pieces = split(draft);
    pieces.iter().zip(first.0..).map(|(p, id)| Segment { id: SegmentId(id), text: p.segment().to_owned() }).collect()
}
