//! The machine itself: a fold over facts. What it wants next is in [`super::wants`].

use std::collections::{BTreeMap, BTreeSet};

use super::{Config, Decision, Fact, Node, NodeId, ScoreOf, Scored, StopReason, Tree, Version, seed};
use crate::reer::{Measures, SegmentId};

/// A search: everything it was told, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    pub(super) config: Config,
    /// Hash of the pair, for seeds.
    pub(super) pair: String,
    pub(super) tree: Tree,
    pub(super) baseline: Option<Measures>,
    pub(super) leave_one_out: BTreeMap<(NodeId, SegmentId), Measures>,
    /// Versions the search goes on from, the current one first; empty before the draft has a score.
    pub(super) frontier: Vec<NodeId>,
    /// Drafts whose search has ended.
    lines_done: u32,
    /// Drafts that had come when a search that had failed went on.
    pub(super) forgiven: usize,
    pub(super) round: Round,
    pub(super) best_ever: Option<NodeId>,
    /// The lowest version since a person last chose one, else [`Search::best_ever`].
    pub(super) outcome: Option<NodeId>,
    pub(super) decisions: Vec<Decision>,
    /// A person moved the current version while a step was open.
    pub(super) overtaken: bool,
    pub(super) line_end: Option<StopReason>,
    pub(super) tokens: u64,
    pub(super) stopped: Option<StopReason>,
}

/// One visit of every segment.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Round {
    /// From 1, over all lines.
    pub(super) number: u32,
    /// Rounds since this line began.
    in_line: u32,
    /// Version at its start: leave-one-out is computed for it.
    pub(super) base: Option<NodeId>,
    pub(super) visited: BTreeSet<SegmentId>,
    accepted: bool,
    /// Rounds before this one without an acceptance.
    stale: u32,
}

impl Search {
    /// A search that knows nothing yet. `pair` is the hash that names the pair.
    pub fn new(config: Config, pair: impl Into<String>) -> Search {
        Search {
            config,
            pair: pair.into(),
            tree: Tree::default(),
            baseline: None,
            leave_one_out: BTreeMap::new(),
            frontier: Vec::new(),
            lines_done: 0,
            forgiven: 0,
            round: Round { number: 1, in_line: 1, ..Round::default() },
            best_ever: None,
            outcome: None,
            decisions: Vec::new(),
            overtaken: false,
            line_end: None,
            tokens: 0,
            stopped: None,
        }
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// y behind an empty think block.
    pub fn baseline(&self) -> Option<&Measures> {
        self.baseline.as_ref()
    }

    /// The current version.
    pub fn head(&self) -> Option<NodeId> {
        self.frontier.first().copied()
    }

    /// The version with the lowest score that was ever current.
    pub fn best_ever(&self) -> Option<NodeId> {
        self.best_ever
    }

    /// What the search and the person arrived at: the lowest version since a person last chose one.
    pub fn outcome(&self) -> Option<NodeId> {
        self.outcome
    }

    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    /// True from the first draft or candidate of the search on; what a person wrote begins no search.
    pub fn has_begun(&self) -> bool {
        !self.decisions.is_empty() || self.tree.iter().any(|(_, version)| version.node.slot.is_some())
    }

    /// Seeds for `count` candidates that belong to no step; others whenever versions were added.
    pub fn aside_seeds(&self, count: u32) -> Vec<u64> {
        let Config { seed, .. } = self.config;
        let next = self.tree.next_id().0;
        (0..count).map(|at| seed::derive(seed, &self.pair, seed::Purpose::Aside, next, at)).collect()
    }

    pub fn stopped(&self) -> Option<StopReason> {
        self.stopped
    }

    /// Nll of `node` without `segment` minus its own, in nats per token; where leave-one-out was computed, or estimated in a
    /// search that races by a paired test.
    pub fn importance(&self, node: NodeId, segment: SegmentId) -> Option<f64> {
        let without = self.objective(self.leave_one_out.get(&(node, segment))?)?;
        Some(without - self.score(node)?)
    }

    /// A version's objective in nats per token.
    pub fn score(&self, node: NodeId) -> Option<f64> {
        self.objective(self.tree.get(node)?.measures.as_ref()?)
    }

    pub(super) fn objective(&self, measures: &Measures) -> Option<f64> {
        measures.objective(self.config.objective).ok().map(|n| n.0)
    }

    /// Goes on with other knobs: a larger budget, more steps.
    pub fn reconfigure(&mut self, config: Config) {
        self.config = config;
    }

    /// Learns one fact.
    pub fn apply(&mut self, fact: &Fact) {
        match fact {
            Fact::Node(node) => {
                self.tree.insert(node.clone());
                self.overtaken |= self.comes_late(node);
            }
            Fact::Scored(scored) => self.scored(scored),
            Fact::Decided(decision) => self.decided(decision),
            Fact::Head(node) => self.moved(*node),
            Fact::Spent { tokens } => self.tokens += tokens,
            Fact::Stopped(reason) => self.stopped = Some(*reason),
            Fact::Resumed => self.resumed(),
        }
    }

    fn scored(&mut self, scored: &Scored) {
        match (scored.of, &scored.outcome) {
            (ScoreOf::Baseline, Ok(measures)) => self.baseline = Some(*measures),
            (ScoreOf::Without(node, segment), Ok(measures)) => {
                self.leave_one_out.insert((node, segment), *measures);
            }
            (ScoreOf::Node(node), _) => {
                self.tree.score(node, scored);
                if self.frontier.is_empty() && self.line_draft().is_some_and(|d| d.node.id == node) {
                    self.frontier = vec![node];
                }
                if self.head() == Some(node) {
                    self.remember(node);
                }
            }
            _ => {}
        }
    }

    /// A candidate of the step in hand that was asked for before a person chose another version.
    fn comes_late(&self, node: &Node) -> bool {
        let at_hand = node.step.is_some_and(|step| self.open_step() == Some(step));
        at_hand && node.parent.is_some_and(|parent| !self.frontier.contains(&parent))
    }

    /// A run goes on. After a failure the drafts that could not be used are asked for anew; after an end by rounds, which only a person's wish for more steps lifts, a round begins anew.
    fn resumed(&mut self) {
        let stopped = self.stopped.take();
        if stopped == Some(StopReason::Error) {
            self.forgiven = self.tree.drafts().count();
        }
        if stopped.is_some_and(StopReason::is_final) && self.line_end.take().is_some() {
            self.round = Round { number: self.round.number, in_line: 1, ..Round::default() };
        }
    }

    fn decided(&mut self, decision: &Decision) {
        let before = std::mem::replace(&mut self.frontier, decision.frontier.clone());
        self.decisions.push(decision.clone());
        // Nothing was asked of the version a person chose: its round has not visited the segment.
        if std::mem::take(&mut self.overtaken) {
            return;
        }
        self.round.base = self.round.base.or(before.first().copied());
        self.round.visited.insert(decision.segment);
        self.round.accepted |= before != self.frontier;
        if let Some(head) = self.head() {
            self.remember(head);
        }
        if self.next_segment().is_none() {
            self.end_round();
        }
    }

    fn end_round(&mut self) {
        let stale = if self.round.accepted { 0 } else { self.round.stale + 1 };
        self.line_end = if self.config.patience.is_some_and(|patience| stale >= patience) {
            Some(StopReason::Patience)
        } else if self.config.passes.is_some_and(|passes| self.round.in_line >= passes) {
            Some(StopReason::Passes)
        } else {
            None
        };
        let mut in_line = self.round.in_line + 1;
        if self.line_end.is_some() && self.lines_done < self.config.restarts && !self.steps_used() {
            (self.line_end, in_line) = (None, 1);
            self.lines_done += 1;
            self.frontier.clear();
        }
        let stale = if in_line == 1 { 0 } else { stale };
        self.round = Round { number: self.round.number + 1, in_line, stale, ..Round::default() };
    }

    fn moved(&mut self, node: NodeId) {
        if self.tree.trajectory(node).is_none() {
            return;
        }
        self.overtaken = self.open_step().is_some();
        self.frontier = vec![node];
        self.outcome = Some(node);
        self.line_end = None;
        self.round = Round { number: self.round.number + 1, in_line: 1, ..Round::default() };
        self.remember(node);
    }

    /// Keeps the best-ever and the outcome up to date when `node` is current.
    fn remember(&mut self, node: NodeId) {
        let Some(score) = self.score(node) else { return };
        for place in [self.best_ever, self.outcome] {
            let lower = place.and_then(|old| self.score(old)).is_none_or(|old| score < old);
            if lower && place == self.best_ever {
                self.best_ever = Some(node);
            }
            if lower && place == self.outcome {
                self.outcome = Some(node);
            }
        }
    }

    /// The draft this line starts from: the first usable one not used by an earlier line.
    pub(super) fn line_draft(&self) -> Option<&Version> {
        self.tree.drafts().filter(|d| d.trajectory.is_some()).nth(self.lines_done as usize)
    }

    pub(super) fn steps_used(&self) -> bool {
        self.decisions.len() >= self.config.steps as usize
    }

    /// The step that has candidates but no decision.
    pub(super) fn open_step(&self) -> Option<u32> {
        let step = self.decisions.len() as u32 + 1;
        (!self.tree.step(step).is_empty()).then_some(step)
    }
}
