//! What the clerk does for a person outside the search: sends asides off and records, or tells, what they answer.

use std::sync::Arc;

use super::aside::{self, Answered, Bound, Purpose, ToBind};
use super::book;
use super::clerk::Clerk;
use super::{Activity, News, Work};
use crate::engine::calls::{Asked, Generated, Question};
use crate::engine::run;
use crate::engine::scoring::{self, Answer, Pair};
use crate::engine::{RunError, Setup};
use crate::lm::Context;
use crate::reer::search::{Node, NodeId, ScoreOf, Search, Why};
use crate::reer::{Identity, SegmentId, Trajectory};
use crate::session::{Author, Call, Models, Payload, Session};

/// Candidates that may be asked for at once.
const MOST_CANDIDATES: u32 = 16;

impl Clerk {
    /// Scores the current version where its score or its token log-probabilities are missing, and the baseline.
    pub(super) fn appraise_head(&mut self) {
        let state = self.book.state();
        let Some(search) = &state.search else { return };
        let head = search.head().filter(|head| search.tree().get(*head).is_some_and(|v| v.awaits_score()));
        let wanted: Vec<ScoreOf> = missing_baseline(search)
            .into_iter()
            .chain(head.or_else(|| run::undetailed_head(state)).map(ScoreOf::Node))
            .collect();
        self.appraise(wanted, Purpose::Record);
    }

    /// After a session was opened for writing: scores what a person made in an earlier sitting and nobody scored.
    pub(super) fn catch_up(&mut self) {
        let state = self.book.state();
        let by_hand = |node: &Node| node.slot.is_none() && !matches!(node.why, Why::Candidate | Why::Import);
        match &state.search {
            None => {
                let draft = state.unsearched().filter(|node| by_hand(node) && node.segments.is_some()).last().cloned();
                if let Some(draft) = draft.filter(|draft| !self.busy.contains(&ScoreOf::Node(draft.id))) {
                    self.appraise_draft(&draft);
                }
            }
            Some(search) => {
                let head = search.head().or(search.tree().iter().next().map(|(id, _)| id));
                let head = head.and_then(|head| search.tree().get(head));
                if let Some(head) = head.filter(|v| v.awaits_score() && by_hand(&v.node)) {
                    let wanted = missing_baseline(search).into_iter().chain([ScoreOf::Node(head.node.id)]).collect();
                    self.appraise(wanted, Purpose::Record);
                }
            }
        }
    }

    /// Scores a person's draft and, where it is missing, the baseline. In a session without a search the draft is not
    /// in the tree yet.
    pub(super) fn appraise_draft(&mut self, node: &Node) {
        let Some(search) = &self.book.state().search else {
            let z = Trajectory { segments: node.segments.clone().unwrap_or_default() }.text();
            let contexts = [String::new(), z].map(|z| Context::Thinking { z }).to_vec();
            return self.send_score(vec![ScoreOf::Baseline, ScoreOf::Node(node.id)], contexts, Purpose::Record);
        };
        let wanted = missing_baseline(search).into_iter().chain([ScoreOf::Node(node.id)]).collect();
        self.appraise(wanted, Purpose::Record);
    }

    /// Computes scores that are told and not recorded.
    pub(super) fn measure(&mut self, of: Vec<ScoreOf>) {
        let search = self.search_or_none();
        let z = |node| search.tree().trajectory(node);
        let there = |of: &ScoreOf| match *of {
            ScoreOf::Baseline => true,
            ScoreOf::Node(node) => z(node).is_some(),
            ScoreOf::Without(node, segment) => z(node).is_some_and(|z| z.position(segment).is_some()),
        };
        if of.is_empty() || !of.iter().all(there) {
            return self.refuse("measure", "there is no such version or segment".to_owned());
        }
        self.appraise(of, Purpose::Measure);
    }

    /// Asks for more candidates outside a step.
    pub(super) fn propose(&mut self, node: NodeId, segment: SegmentId, instruction: Option<String>, count: u32) {
        let state = self.book.state();
        let known = state.search.as_ref().and_then(|search| Some((search, search.tree().trajectory(node)?)));
        let known = known.filter(|(_, z)| z.position(segment).is_some());
        let (Some((search, trajectory)), Some(pair)) = (known, self.pair()) else {
            return self.refuse("ask for candidates", "there is no such version or segment".to_owned());
        };
        let count = count.clamp(1, MOST_CANDIDATES);
        let sampling = search.config().sampling.clone();
        let question = Question {
            task: Asked::Rewrite { node, trajectory: trajectory.clone(), segment, instruction },
            step: 0,
            slots: (0..count).collect(),
            seeds: search.aside_seeds(count),
        };
        let setup = Setup::going_on(state, self.back_ends.defaults());
        if let Err(why) = self.book.write() {
            return self.refuse("ask for candidates", why);
        }
        let asked = aside::propose(self.back_ends.clone(), setup, pair, sampling, question, self.news.clone());
        self.send(asked, Work::Proposing { step: 0, segment }, count as usize);
    }

    /// Sends scores off that are not on their way already.
    fn appraise(&mut self, of: Vec<ScoreOf>, purpose: Purpose) {
        let of: Vec<ScoreOf> = match purpose {
            Purpose::Record => {
                let on_its_way = |of: &ScoreOf| self.busy.contains(of) || self.pursuit.is_scoring(*of);
                of.into_iter().filter(|of| !on_its_way(of)).collect()
            }
            Purpose::Measure => of,
        };
        if !of.is_empty() {
            let contexts = scoring::contexts(&self.search_or_none(), &of);
            self.send_score(of, contexts, purpose);
        }
    }

    fn send_score(&mut self, of: Vec<ScoreOf>, contexts: Vec<Context>, purpose: Purpose) {
        let Some(pair) = self.pair() else {
            return self.refuse("score", "the session holds no pair to score".to_owned());
        };
        let (asked, work) = match purpose {
            Purpose::Record => (of.len(), Work::Scoring),
            Purpose::Measure => (of.len(), Work::Measuring),
        };
        if purpose == Purpose::Record {
            self.busy.extend(&of);
        }
        let scoring = aside::score(self.bind(), pair, of, contexts, purpose);
        self.send(scoring, work, asked);
    }

    fn send(&mut self, aside: impl Future<Output = Answered> + Send + 'static, work: Work, asked: usize) {
        let number = self.next_aside;
        self.next_aside += 1;
        self.doing.push((number, Activity { searching: false, work, asked, done: 0 }));
        self.asides.push(Box::pin(async move { (number, aside.await) }));
    }

    /// The session's scorer, or how to have it.
    fn bind(&self) -> Result<Bound, ToBind> {
        let state = self.book.state();
        let recorded = state.config.as_ref().map(Setup::recorded);
        let setup = recorded.as_ref().unwrap_or(self.back_ends.defaults());
        match &self.bound {
            Some(bound) if bound.spec == setup.scorer => Ok(bound.clone()),
            _ => Err(ToBind {
                back_ends: self.back_ends.clone(),
                spec: setup.scorer.clone(),
                preset: setup.search.preset,
                expected: state.scorer.clone(),
            }),
        }
    }

    fn pair(&self) -> Option<Arc<Pair>> {
        self.book.state().pair().map(|example| Arc::new(Pair::new(example)))
    }

    /// The session's search, or one that knows nothing.
    fn search_or_none(&self) -> Search {
        let none = || Search::new(self.back_ends.defaults().search.clone(), "");
        self.book.state().search.clone().unwrap_or_else(none)
    }

    /// Records or tells what an aside answered.
    pub(super) fn answered(&mut self, answered: Answered) {
        match answered {
            Answered::Scores { of, purpose, outcome } => {
                if purpose == Purpose::Record {
                    self.busy.retain(|busy| !of.contains(busy));
                }
                let done = outcome.and_then(|(bound, answers)| {
                    self.bound = Some(bound.clone());
                    match purpose {
                        Purpose::Record => self.record_scores(&bound, &of, answers),
                        Purpose::Measure => self.tell_scores(&bound, &of, answers.1),
                    }
                });
                if let Err(why) = done {
                    self.refuse("score", why);
                }
            }
            Answered::Candidates(outcome) => {
                let done = outcome.and_then(|generated| self.record_candidates(*generated));
                match done {
                    Ok(nodes) => self.appraise(nodes.into_iter().map(ScoreOf::Node).collect(), Purpose::Record),
                    Err(why) => self.refuse("ask for candidates", why),
                }
            }
        }
    }

    fn record_scores(&mut self, bound: &Bound, of: &[ScoreOf], answers: (Call, Vec<Answer>)) -> Result<(), String> {
        let (defaults, pair) = (self.back_ends.defaults().clone(), self.pair());
        let pair = pair.ok_or_else(|| "the session holds no pair to score".to_owned())?;
        let session = self.book.write()?;
        configure(session, bound, defaults, self.back_ends.prompts())?;
        let Some(search) = &session.state().search else { return Ok(()) };
        let (scores, fault) = pair.judge_all(&bound.target, search, of, answers.1);
        let identity = bound.scorer.identity();
        let payloads = scoring::payloads(answers.0, &scores, identity, |of| !matches!(of, ScoreOf::Without(..)));
        session.record_all(Author::Search, payloads).map_err(|error| book::sentence(&error))?;
        fault.map_or(Ok(()), Err)
    }

    fn tell_scores(&self, bound: &Bound, of: &[ScoreOf], answers: Vec<Answer>) -> Result<(), String> {
        let Some(pair) = self.pair() else { return Ok(()) };
        let (scores, fault) = pair.judge_all(&bound.target, &self.search_or_none(), of, answers);
        let mut too_long = None;
        for (scored, answer) in scores {
            match (scored.outcome, answer) {
                (Ok(measures), Some(answer)) => (self.news)(News::Measured {
                    of: scored.of,
                    measures,
                    leak: scored.leak,
                    logprobs: answer.logprobs,
                }),
                _ => too_long = Some("the text does not fit the scorer's context; shorten it".to_owned()),
            }
        }
        fault.or(too_long).map_or(Ok(()), Err)
    }

    /// Records candidates; the versions that can be scored.
    fn record_candidates(&mut self, generated: Generated) -> Result<Vec<NodeId>, String> {
        let session = self.book.write()?;
        let (first, _) = session.state().unused_ids();
        match run::record_generation(session, generated) {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => return Err(fault.message),
            Err(RunError::Session(error)) => return Err(book::sentence(&error)),
            Err(error) => return Err(error.to_string()),
        }
        let new = |search: &Search| {
            let versions = search.tree().iter().filter(|(id, version)| *id >= first && version.awaits_score());
            versions.map(|(id, _)| id).collect()
        };
        Ok(session.state().search.as_ref().map(new).unwrap_or_default())
    }
}

fn missing_baseline(search: &Search) -> Option<ScoreOf> {
    search.baseline().is_none().then_some(ScoreOf::Baseline)
}

/// Records what scores hang on, where it is new: in a session that no search has touched, which models and settings.
fn configure(session: &mut Session, bound: &Bound, defaults: Setup, prompts: String) -> Result<(), String> {
    let state = session.state();
    let tokens = run::new_tokens(state, bound.scorer.as_ref(), &bound.target)?;
    let mut payloads = Vec::new();
    if state.models.is_none() {
        payloads.push(Payload::Models(models(bound, &defaults, prompts)));
    }
    if state.config.is_none() {
        payloads.push(Payload::Config(Setup { scorer: bound.spec.clone(), ..defaults }.record()));
    }
    payloads.extend(tokens.map(Payload::Tokens));
    if !payloads.is_empty() {
        session.record_all(Author::Search, payloads).map_err(|error| book::sentence(&error))?;
    }
    Ok(())
}

/// The record of a session in which nothing was generated.
fn models(bound: &Bound, defaults: &Setup, prompts: String) -> Models {
    Models {
        generator: Identity { kind: "none".to_owned(), model: "none".to_owned(), revision: None },
        scorer: bound.scorer.identity().clone(),
        objective: defaults.search.objective,
        frame: bound.frame.to_owned(),
        prompts,
    }
}
