//! The state of a session: a fold over its events, and only that.
//!
//! The live session and every reader fold the same events as parsed from the same lines, so a replayed state
//! equals the live one; [`State::digest`] tells two states apart.

mod actions;
mod annotations;
mod canonical;
mod ledger;
mod summary;

use std::collections::BTreeMap;

pub use actions::Action;
use actions::Actions;
pub use annotations::{Annotations, Setting};
pub use ledger::{Ledger, Spent};

use super::{
    Author, ConfigRecord, Event, ExampleRecord, Export, Failure, Models, Open, Payload, Recovered, Score, Stop, Tokens,
    Verdict,
};
use crate::reer::search::{Config, Fact, Node, NodeId, Preset, ScoreOf, Search};
use crate::reer::{Example, Identity, Leak, Measures, SegmentId};

/// A score by another scorer than the one the search goes by.
#[derive(Debug, Clone, PartialEq)]
pub struct OtherScore {
    pub measures: Option<Measures>,
    pub leak: Option<Leak>,
    /// Nats, one a token of y as that scorer tokenises it.
    pub logprobs: Option<Vec<f64>>,
    pub error: Option<String>,
}

/// Everything a session's events say.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// The session's id, and the schema and program of its first line.
    pub id: String,
    pub schema: String,
    pub tool: String,
    /// When its first line was written; empty where that is unknown.
    pub created: String,
    /// Absent only in a file that was cut off before it.
    pub example: Option<ExampleRecord>,
    /// As of the last run.
    pub models: Option<Models>,
    /// Every generator of the search, in the order in which they came.
    pub generators: Vec<Identity>,
    /// The scorer whose numbers the search goes by: that of the first `models` event.
    pub scorer: Option<Identity>,
    pub config: Option<ConfigRecord>,
    pub tokens: BTreeMap<Identity, Tokens>,
    /// The search, from its `config` event on.
    pub search: Option<Search>,
    /// Log-probabilities of y's tokens by the session's scorer, in nats to three decimals, where they were kept.
    pub logprobs: BTreeMap<ScoreOf, Vec<f64>>,
    /// Scores by other scorers; never mixed with those of the search.
    pub others: BTreeMap<Identity, BTreeMap<ScoreOf, OtherScore>>,
    /// What persons and filters said of the example and its versions.
    pub annotations: Annotations,
    pub metrics: BTreeMap<String, f64>,
    pub ledger: Ledger,
    pub errors: Vec<Failure>,
    /// Why the search ended, until a later run goes on with it.
    pub stop: Option<Stop>,
    pub exports: Vec<Export>,
    pub recovered: Vec<Recovered>,
    /// `seq` of the last event.
    pub last_seq: u64,
    /// Milliseconds from line to line while a search had begun and not stopped.
    pub active_ms: u64,
    actions: Actions,
    /// By the `seq` of a verdict, the version that would have gone out when it was given.
    judged: BTreeMap<u64, NodeId>,
    /// Facts that came before the knobs, for the search when it begins.
    early: Vec<Fact>,
    /// A person chose another version after the search ended.
    moved_since_stop: bool,
    /// More steps were allowed after the search ended.
    raised_since_stop: bool,
}

impl State {
    /// A pair that nothing has happened to yet.
    pub fn fresh(example: ExampleRecord) -> State {
        State { id: example.id.clone(), example: Some(example), ..State::default() }
    }

    /// Learns one event.
    pub fn apply(&mut self, event: &Event) {
        self.last_seq = event.seq;
        if self.search.as_ref().is_some_and(|search| search.stopped().is_none()) {
            self.active_ms += event.dt;
        }
        let head = self.head();
        self.fold(event);
        if event.by.is_person() && Action::is_undoable(&event.payload) {
            self.actions.record(event, head, self.head());
        }
    }

    fn fold(&mut self, event: &Event) {
        match &event.payload {
            Payload::Open(open) => self.opened(open, event),
            Payload::Example(example) => self.example = Some(example.clone()),
            Payload::Models(models) => {
                self.scorer.get_or_insert_with(|| models.scorer.clone());
                if !self.generators.contains(&models.generator) {
                    self.generators.push(models.generator.clone());
                }
                self.models = Some(models.clone());
            }
            Payload::Config(config) => self.configured(config),
            Payload::Tokens(tokens) => {
                self.tokens.insert(tokens.scorer.clone(), tokens.clone());
            }
            Payload::Call(call) => {
                self.ledger.record(call);
                self.learn(Fact::Spent { tokens: call.tokens_in + call.tokens_out });
            }
            Payload::Node(node) => self.learn(Fact::Node(node.clone())),
            Payload::Score(score) => self.scored(score),
            Payload::Decide(decision) => self.learn(Fact::Decided(decision.clone())),
            // A choice for what is current already refuses the other and moves nothing.
            Payload::Override(choice) if self.head() == Some(choice.node) => {}
            Payload::Override(choice) => self.moved(choice.node),
            Payload::Head(head) => self.moved(head.node),
            Payload::Metric(metric) => {
                self.metrics.insert(metric.name.clone(), metric.value);
            }
            Payload::Undo(undo) => self.undone(&event.by, undo.seq),
            Payload::Redo(redo) => self.redone(&event.by, redo.seq),
            Payload::Stop(stop) => {
                (self.moved_since_stop, self.raised_since_stop) = (false, false);
                self.stop = Some(stop.clone());
                self.learn(Fact::Stopped(stop.reason));
            }
            Payload::Error(failure) => self.errors.push(failure.clone()),
            Payload::Export(export) => self.exports.push(export.clone()),
            Payload::Recovered(recovered) => self.recovered.push(recovered.clone()),
            Payload::Verdict(_) => {
                let judged = self.search.as_ref().and_then(Search::outcome);
                self.judged.extend(judged.map(|node| (event.seq, node)));
            }
            Payload::Fork(_)
            | Payload::Mark(_)
            | Payload::Flag(_)
            | Payload::Rate(_)
            | Payload::Tag(_)
            | Payload::Note(_)
            | Payload::Star(_) => {}
            // A summary says nothing new, and what a newer program says is passed over.
            Payload::Closed(_) | Payload::Unknown { .. } => {}
        }
        self.annotations.apply(event);
    }

    fn opened(&mut self, open: &Open, event: &Event) {
        if open.resumed_from.is_none() {
            self.id.clone_from(&open.id);
            self.schema.clone_from(&open.schema);
            self.tool.clone_from(&open.tool);
            self.created.clone_from(&event.t);
        } else if !open.annotates && self.can_go_on() {
            self.stop = None;
            self.learn(Fact::Resumed);
        }
    }

    /// True when a run can go on with the search. One that ended for good goes on only from a version a person chose
    /// since, or with more steps.
    pub fn can_go_on(&self) -> bool {
        let anew = self.moved_since_stop || self.raised_since_stop;
        self.stop.as_ref().is_none_or(|stop| !stop.reason.is_final() || anew)
    }

    /// One search a session: later knobs can only be another budget or more steps.
    fn configured(&mut self, config: &ConfigRecord) {
        if let Some(search) = &mut self.search {
            self.raised_since_stop |= config.search.steps > search.config().steps;
            search.reconfigure(config.search.clone());
            self.config = Some(config.clone());
            return;
        }
        let pair = self.example.as_ref().map(|example| example.hash.clone()).unwrap_or_default();
        let mut search = Search::new(config.search.clone(), pair);
        self.early.drain(..).for_each(|fact| search.apply(&fact));
        self.search = Some(search);
        self.config = Some(config.clone());
    }

    /// True when `config` cannot follow the settings so far: the search has begun with others.
    pub(super) fn refuses(&self, config: &ConfigRecord) -> bool {
        let begun = self.search.as_ref().is_some_and(|search| search.has_begun());
        let objective = |config: &ConfigRecord| (config.search.objective, config.scorer.clone());
        self.config
            .as_ref()
            .is_some_and(|old| if begun { !config.goes_on_from(old) } else { objective(old) != objective(config) })
    }

    fn learn(&mut self, fact: Fact) {
        match &mut self.search {
            Some(search) => search.apply(&fact),
            None => self.early.push(fact),
        }
    }

    fn moved(&mut self, node: NodeId) {
        self.moved_since_stop = true;
        self.learn(Fact::Head(node));
    }

    fn scored(&mut self, score: &Score) {
        if self.scorer.as_ref() == Some(&score.scorer) {
            if let Some(logprobs) = &score.logprobs {
                self.logprobs.insert(score.of(), logprobs.clone());
            }
            self.learn(Fact::Scored(score.scored()));
        } else {
            let other = OtherScore {
                measures: score.measures,
                leak: score.leak,
                logprobs: score.logprobs.clone(),
                error: score.error.clone(),
            };
            self.others.entry(score.scorer.clone()).or_default().insert(score.of(), other);
        }
    }

    fn undone(&mut self, by: &Author, seq: u64) {
        let head = self.head();
        if let Some(action) = by.is_person().then(|| self.actions.undo(seq, head)).flatten() {
            self.annotations.undo(&action.seqs);
            if let Some(node) = action.head_before {
                self.moved(node);
            }
        }
    }

    fn redone(&mut self, by: &Author, seq: u64) {
        if let Some(action) = by.is_person().then(|| self.actions.redo(seq)).flatten() {
            self.annotations.redo(&action.seqs);
            if let Some(node) = action.head_after {
                self.moved(node);
            }
        }
    }

    /// The current version of the trajectory.
    pub fn head(&self) -> Option<NodeId> {
        self.search.as_ref()?.head()
    }

    /// The version that the standing verdict was given to and the one that would go out now, where their texts differ.
    pub fn changed_since_verdict(&self) -> Option<(NodeId, NodeId)> {
        let verdict = self.annotations.verdict_setting().filter(|said| said.value != Verdict::None)?;
        let search = self.search.as_ref()?;
        let (judged, now) = (*self.judged.get(&verdict.seq)?, search.outcome()?);
        let text = |node| search.tree().trajectory(node).map(crate::reer::Trajectory::text);
        (text(judged) != text(now)).then_some((judged, now))
    }

    /// Decided steps of the search.
    pub fn steps(&self) -> u32 {
        self.search.as_ref().map_or(0, |search| search.decisions().len() as u32)
    }

    /// True when `scorer` has scored `of` in this session.
    pub fn has_score(&self, scorer: &Identity, of: ScoreOf) -> bool {
        if self.scorer.as_ref() != Some(scorer) {
            return self.others.get(scorer).is_some_and(|scores| scores.contains_key(&of));
        }
        self.search.as_ref().is_some_and(|search| match of {
            ScoreOf::Baseline => search.baseline().is_some(),
            ScoreOf::Node(node) => search.tree().get(node).is_some_and(|v| v.measures.is_some()),
            ScoreOf::Without(node, segment) => search.importance(node, segment).is_some(),
        })
    }

    /// The action that an undo by this person would take back now: nobody undoes what another did.
    pub fn undoable(&self, by: &Author) -> Option<&Action> {
        self.actions.undoable(by)
    }

    /// The action that a redo by this person would bring back now.
    pub fn redoable(&self, by: &Author) -> Option<&Action> {
        self.actions.redoable(by)
    }

    /// Versions recorded before any settings, which the search will begin with.
    pub fn unsearched(&self) -> impl Iterator<Item = &Node> {
        self.early.iter().filter_map(|fact| if let Fact::Node(node) = fact { Some(node) } else { None })
    }

    /// Ids that no version and no segment has used.
    pub fn unused_ids(&self) -> (NodeId, SegmentId) {
        let ids = |search: &Search| (search.tree().next_id(), search.tree().next_segment());
        match &self.search {
            Some(search) => ids(search),
            None => {
                let mut before = Search::new(Config::preset(Preset::Retrace), "");
                self.early.iter().for_each(|fact| before.apply(fact));
                ids(&before)
            }
        }
    }

    /// True when a person's event was taken back.
    pub fn is_undone(&self, seq: u64) -> bool {
        self.annotations.is_undone(seq)
    }

    /// The pair, as the search and the back ends know it.
    pub fn pair(&self) -> Option<Example> {
        self.example.as_ref().map(ExampleRecord::to_example)
    }
}
