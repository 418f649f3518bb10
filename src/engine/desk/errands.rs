//! What the clerk does for a person outside the search: sends asides off and records, or tells, what they answer.

use std::sync::Arc;

use super::aside::{self, Aside, Bound, Heard, Purpose, Scores, ToBind};
use super::book;
use super::clerk::Clerk;
use super::{Activity, Deed, News, Work};
use crate::engine::calls::{Asked, Generated, Question};
use crate::engine::run;
use crate::engine::scoring::{self, Answer, Pair};
use crate::engine::{RunError, Setup};
use crate::lm::Context;
use crate::reer::search::{Node, NodeId, ScoreOf, Search, Why};
use crate::reer::{Example, Identity, SegmentId, Trajectory};
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
            return self.record_next(vec![ScoreOf::Baseline, ScoreOf::Node(node.id)], contexts);
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
            return self.refuse(Deed::Measure, "there is no such version or segment".to_owned());
        }
        self.appraise(of, Purpose::Measure);
    }

    /// Asks whether the pair fits a scorer.
    pub(super) fn ask_fit(&mut self, setup: Setup) {
        if let Some(example) = self.unscored_example() {
            self.send(aside::fit(self.back_ends.clone(), setup, example), Work::Idle, 0, None);
        }
    }

    /// The pair, as long as there is no score of it.
    pub(super) fn unscored_example(&self) -> Option<Example> {
        let state = self.book.state();
        let scored = state.search.as_ref().is_some_and(|search| search.baseline().is_some());
        state.pair().filter(|_| !scored)
    }

    /// Asks for more candidates outside a step.
    pub(super) fn propose(
        &mut self,
        (node, segment): (NodeId, SegmentId),
        instruction: Option<String>,
        generator: String,
        count: u32,
    ) {
        let state = self.book.state();
        let known = state.search.as_ref().and_then(|search| Some((search, search.tree().trajectory(node)?)));
        let known = known.filter(|(_, z)| z.position(segment).is_some());
        let (Some((search, trajectory)), Some(pair)) = (known, self.pair()) else {
            return self.refuse(Deed::Propose, "there is no such version or segment".to_owned());
        };
        let count = count.clamp(1, MOST_CANDIDATES);
        let sampling = search.config().sampling.clone();
        let question = Question {
            task: Asked::Rewrite { node, trajectory: trajectory.clone(), segment, instruction },
            step: 0,
            slots: (0..count).collect(),
            seeds: search.aside_seeds(count),
        };
        let setup = Setup { generator, ..Setup::going_on(state, self.back_ends.defaults()) };
        if let Err(why) = self.book.write() {
            return self.refuse(Deed::Propose, why);
        }
        let asked = aside::propose(self.back_ends.clone(), setup, pair, sampling, question, self.news.clone());
        self.send(asked, Work::Proposing { step: 0, segment }, count as usize, None);
    }

    /// Has scores computed; those to be recorded only where they are not on their way already.
    fn appraise(&mut self, of: Vec<ScoreOf>, purpose: Purpose) {
        let of: Vec<ScoreOf> = match purpose {
            Purpose::Record => {
                let on_its_way = |of: &ScoreOf| self.busy.contains(of) || self.pursuit.is_scoring(*of);
                of.into_iter().filter(|of| !on_its_way(of)).collect()
            }
            Purpose::Measure => of,
        };
        if of.is_empty() {
            return;
        }
        let contexts = scoring::contexts(&self.search_or_none(), &of);
        match purpose {
            Purpose::Record => self.record_next(of, contexts),
            Purpose::Measure => self.send_scores(of, contexts, purpose),
        }
    }

    /// Has scores recorded, after those on their way.
    fn record_next(&mut self, of: Vec<ScoreOf>, contexts: Vec<Context>) {
        self.busy.extend(&of);
        self.waiting.push((of, contexts));
        self.send_waiting();
    }

    /// Sends off one call of those that wait, once none is in flight: what belongs to the current version first, else
    /// the oldest.
    fn send_waiting(&mut self) {
        let records = |aside: &Aside| aside.scores.as_ref().is_some_and(|scores| scores.purpose == Purpose::Record);
        if self.waiting.is_empty() || self.doing.iter().any(records) {
            return;
        }
        let head = self.book.state().head().map(ScoreOf::Node);
        let of_head = self.waiting.iter().position(|(of, _)| of.iter().any(|of| Some(*of) == head));
        let (of, contexts) = self.waiting.remove(of_head.unwrap_or(0));
        self.send_scores(of, contexts, Purpose::Record);
    }

    fn send_scores(&mut self, of: Vec<ScoreOf>, contexts: Vec<Context>, purpose: Purpose) {
        let Some(pair) = self.pair() else {
            self.busy.retain(|busy| !of.contains(busy));
            return self.refuse(Deed::Score, "the session holds no pair to score".to_owned());
        };
        let work = match purpose {
            Purpose::Record => Work::Scoring,
            Purpose::Measure => Work::Measuring,
        };
        let (number, tell) = (self.next_aside, self.tell.clone());
        // The clerk that hears them may have closed.
        let tell = move |heard| drop(tell.send((number, heard)));
        let (asked, scores) = (of.len(), Scores::new(of.clone(), purpose, pair.clone()));
        self.send(aside::score(self.bind(), pair, of, contexts, tell), work, asked, Some(scores));
    }

    fn send(
        &mut self,
        aside: impl Future<Output = Heard> + Send + 'static,
        work: Work,
        asked: usize,
        scores: Option<Scores>,
    ) {
        let number = self.next_aside;
        self.next_aside += 1;
        self.doing.push(Aside { number, activity: Activity { searching: false, work, asked, done: 0 }, scores });
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

    /// What an aside told, or came to.
    pub(super) fn heard(&mut self, number: u64, heard: Heard) {
        let Some(at) = self.doing.iter().position(|aside| aside.number == number) else { return };
        let mut aside = self.doing.remove(at);
        match heard {
            Heard::Score(bound, place, answer) => {
                self.take_in(&mut aside, &bound, place, answer);
                self.doing.insert(at, aside);
            }
            Heard::Scores(outcome) => {
                self.end_scores(aside, outcome);
                self.send_waiting();
            }
            Heard::Fit { scorer, fits } => (self.news)(News::Fit { scorer, fits }),
            Heard::Candidates(outcome) => {
                let done = outcome.and_then(|generated| self.record_candidates(*generated));
                match done {
                    Ok(nodes) => self.appraise(nodes.into_iter().map(ScoreOf::Node).collect(), Purpose::Record),
                    Err(why) => self.refuse(Deed::Propose, why),
                }
            }
        }
    }

    /// Records or tells the scores that have come, each once all that were asked for before it are.
    fn take_in(&mut self, aside: &mut Aside, bound: &Bound, place: usize, answer: Answer) {
        let Some(scores) = &mut aside.scores else { return };
        let Some(of) = scores.of.get(place) else { return };
        if scores.answers.put(place, (*of, answer)) {
            aside.activity.done += 1;
        }
        while let Some((of, answer)) = scores.answers.take() {
            let done = match scores.purpose {
                Purpose::Record => self.record_score(bound, &scores.pair, of, answer),
                Purpose::Measure => self.tell_score(bound, &scores.pair, of, answer),
            };
            if let Err(why) = done {
                scores.fault.get_or_insert(why);
            }
        }
    }

    fn end_scores(&mut self, mut aside: Aside, outcome: Result<(Bound, (Call, Vec<Answer>)), String>) {
        let ended = outcome.and_then(|(bound, (call, answers))| {
            for (place, answer) in answers.into_iter().enumerate() {
                self.take_in(&mut aside, &bound, place, answer);
            }
            self.bound = Some(bound.clone());
            match &aside.scores {
                Some(scores) if scores.purpose == Purpose::Record => self.record_call(&bound, call),
                _ => Ok(()),
            }
        });
        let Some(scores) = aside.scores else { return };
        if scores.purpose == Purpose::Record {
            self.busy.retain(|busy| !scores.of.contains(busy));
        }
        if let Some(why) = scores.fault.or(ended.err()) {
            self.refuse(Deed::Score, why);
        }
    }

    fn record_score(&mut self, bound: &Bound, pair: &Pair, of: ScoreOf, answer: Answer) -> Result<(), String> {
        let session = self.configured(bound)?;
        let Some(search) = &session.state().search else { return Ok(()) };
        let scored = pair.judge(&bound.target, search, of, &answer)?;
        let kept = answer.ok().filter(|_| !matches!(of, ScoreOf::Without(..)));
        let logprobs = kept.and_then(|reading| reading.recorded());
        let score = scoring::event(&scored, bound.scorer.identity(), logprobs);
        session.record(Author::Search, Payload::Score(score)).map(drop).map_err(|error| book::sentence(&error))
    }

    fn record_call(&mut self, bound: &Bound, call: Call) -> Result<(), String> {
        let session = self.configured(bound)?;
        session.record(Author::Search, Payload::Call(call)).map(drop).map_err(|error| book::sentence(&error))
    }

    /// The session, with what scores hang on recorded.
    fn configured(&mut self, bound: &Bound) -> Result<&mut Session, String> {
        let (defaults, prompts) = (self.back_ends.defaults().clone(), self.back_ends.prompts());
        let session = self.book.write()?;
        configure(session, bound, defaults, prompts)?;
        Ok(session)
    }

    fn tell_score(&self, bound: &Bound, pair: &Pair, of: ScoreOf, answer: Answer) -> Result<(), String> {
        let nothing;
        let search = match &self.book.state().search {
            Some(search) => search,
            None => {
                nothing = self.search_or_none();
                &nothing
            }
        };
        let scored = pair.judge(&bound.target, search, of, &answer)?;
        let (Ok(measures), Ok(answer)) = (scored.outcome, answer) else {
            return Err("the text does not fit the scorer's context; shorten it".to_owned());
        };
        (self.news)(News::Measured { of, measures, leak: scored.leak, logprobs: answer.tokens.logprobs });
        Ok(())
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
    let tokens = scoring::new_tokens(state, bound.scorer.as_ref(), &bound.target)?;
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
