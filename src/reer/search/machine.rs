//! The machine itself: folds facts, says what is wanted next.

use std::collections::{BTreeMap, BTreeSet};

use super::seed::{self, Purpose};
use super::{Config, Decision, Fact, NodeId, Order, Other, Reason, ScoreOf, Scored, StopReason, Tree, Version, policy};
use crate::reer::{Measures, SegmentId};

/// One thing the search wants done. All wants of one answer may be carried out at the same time.
#[derive(Debug, Clone, PartialEq)]
pub enum Want {
    /// A draft; its node must carry `slot`.
    Draft {
        slot: u32,
        seed: u64,
    },
    /// Rewrites of `segment` in version `node`, one a slot; their nodes must carry `step` and the slot.
    Propose {
        step: u32,
        node: NodeId,
        segment: SegmentId,
        slots: Vec<(u32, u64)>,
    },
    Score(ScoreOf),
    /// Record this decision.
    Decide(Decision),
    /// Record this end.
    Stop(StopReason, String),
}

/// Drafts in a row that may be unusable before the search gives up.
const DRAFT_ATTEMPTS: usize = 3;

/// A search: everything it was told, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    config: Config,
    /// Hash of the pair, for seeds.
    pair: String,
    tree: Tree,
    baseline: Option<Measures>,
    leave_one_out: BTreeMap<(NodeId, SegmentId), Measures>,
    /// Versions the search goes on from, the current one first; empty before the draft has a score.
    frontier: Vec<NodeId>,
    /// Drafts whose search has ended.
    lines_done: u32,
    round: Round,
    best_ever: Option<NodeId>,
    /// The lowest version since a person last chose one, else [`Search::best_ever`].
    outcome: Option<NodeId>,
    decisions: Vec<Decision>,
    /// A person moved the current version while a step was open.
    overtaken: bool,
    line_end: Option<StopReason>,
    tokens: u64,
    out_of_time: bool,
    stopped: Option<StopReason>,
}

/// One visit of every segment.
#[derive(Debug, Clone, PartialEq, Default)]
struct Round {
    /// From 1, over all lines.
    number: u32,
    /// Rounds since this line began.
    in_line: u32,
    /// Version at its start: leave-one-out is computed for it.
    base: Option<NodeId>,
    visited: BTreeSet<SegmentId>,
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
            round: Round { number: 1, in_line: 1, ..Round::default() },
            best_ever: None,
            outcome: None,
            decisions: Vec::new(),
            overtaken: false,
            line_end: None,
            tokens: 0,
            out_of_time: false,
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

    pub fn stopped(&self) -> Option<StopReason> {
        self.stopped
    }

    /// Nll of `node` without `segment` minus its own, in nats per token; where leave-one-out was computed.
    pub fn importance(&self, node: NodeId, segment: SegmentId) -> Option<f64> {
        let without = self.objective(self.leave_one_out.get(&(node, segment))?)?;
        Some(without - self.score(node)?)
    }

    /// A version's objective in nats per token.
    pub fn score(&self, node: NodeId) -> Option<f64> {
        self.objective(self.tree.get(node)?.measures.as_ref()?)
    }

    fn objective(&self, measures: &Measures) -> Option<f64> {
        measures.objective(self.config.objective).ok().map(|n| n.0)
    }

    /// Learns one fact.
    pub fn apply(&mut self, fact: &Fact) {
        match fact {
            Fact::Node(node) => self.tree.insert(node.clone()),
            Fact::Scored(scored) => self.scored(scored),
            Fact::Decided(decision) => self.decided(decision),
            Fact::Head(node) => self.moved(*node),
            Fact::Spent { tokens } => self.tokens += tokens,
            Fact::OutOfTime => self.out_of_time = true,
            Fact::Stopped(reason) => self.stopped = Some(*reason),
            Fact::Resumed => (self.stopped, self.out_of_time) = (None, false),
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

    fn decided(&mut self, decision: &Decision) {
        let before = std::mem::replace(&mut self.frontier, decision.frontier.clone());
        self.overtaken = false;
        self.round.base = self.round.base.or(before.first().copied());
        self.round.visited.insert(decision.segment);
        self.round.accepted |= before != self.frontier;
        self.decisions.push(decision.clone());
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
    fn line_draft(&self) -> Option<&Version> {
        self.tree.drafts().filter(|d| d.trajectory.is_some()).nth(self.lines_done as usize)
    }

    fn steps_used(&self) -> bool {
        self.decisions.len() >= self.config.steps as usize
    }

    /// The step that has candidates but no decision.
    fn open_step(&self) -> Option<u32> {
        let step = self.decisions.len() as u32 + 1;
        (!self.tree.step(step).is_empty()).then_some(step)
    }

    /// What the search wants now; nothing when it has stopped.
    pub fn wants(&self) -> Vec<Want> {
        if self.stopped.is_some() {
            return Vec::new();
        }
        if let Some(why) = self.budget_spent() {
            return vec![Want::Stop(StopReason::Budget, why.to_owned())];
        }
        let mut wants = Vec::new();
        if self.baseline.is_none() {
            wants.push(Want::Score(ScoreOf::Baseline));
        }
        match self.head() {
            None => wants.extend(self.wants_draft()),
            Some(head) => wants.extend(self.wants_score(head)),
        }
        if wants.is_empty() {
            wants = self.wants_step();
        }
        wants
    }

    fn budget_spent(&self) -> Option<&'static str> {
        if self.out_of_time {
            Some("the time budget is used up")
        } else if self.config.max_tokens.is_some_and(|max| self.tokens >= max) {
            Some("the token budget is used up")
        } else {
            None
        }
    }

    fn wants_draft(&self) -> Option<Want> {
        if let Some(draft) = self.line_draft() {
            return self.wants_score(draft.node.id);
        }
        let failed = self.tree.drafts().rev().take_while(|d| d.trajectory.is_none()).count();
        if failed >= DRAFT_ATTEMPTS {
            let why = format!("{failed} drafts in a row could not be used");
            return Some(Want::Stop(StopReason::Error, why));
        }
        let slot = self.tree.drafts().count() as u32;
        Some(Want::Draft { slot, seed: seed::derive(self.config.seed, &self.pair, Purpose::Draft, 0, slot) })
    }

    fn wants_score(&self, node: NodeId) -> Option<Want> {
        let version = self.tree.get(node)?;
        if version.too_long {
            let why = "the current trajectory does not fit the scorer's context".to_owned();
            return Some(Want::Stop(StopReason::Error, why));
        }
        version.awaits_score().then_some(Want::Score(ScoreOf::Node(node)))
    }

    fn wants_step(&self) -> Vec<Want> {
        if let Some(step) = self.open_step() {
            return self.wants_of_open(step);
        }
        let best = self.best_ever.and_then(|node| self.score(node));
        if let (Some(best), Some(threshold)) = (best, self.config.threshold)
            && best < threshold
        {
            return vec![self.stop(StopReason::Threshold)];
        }
        if let Some(reason) = self.line_end {
            return vec![self.stop(reason)];
        }
        if self.steps_used() {
            return vec![self.stop(StopReason::Steps)];
        }
        let missing = self.missing_importances();
        if !missing.is_empty() {
            return missing;
        }
        match self.next_segment() {
            Some(segment) => self.propose(self.decisions.len() as u32 + 1, segment, &self.frontier, &BTreeSet::new()),
            None => vec![self.stop(StopReason::Patience)],
        }
    }

    /// The end, or `no-gain` in its place when the best is not below the baseline.
    fn stop(&self, reason: StopReason) -> Want {
        let best = self.outcome.and_then(|node| self.score(node));
        let baseline = self.baseline.as_ref().and_then(|m| self.objective(m));
        match (best, baseline) {
            (Some(best), Some(baseline)) if best >= baseline => {
                let why = format!("the best score {best:.4} is not below the baseline {baseline:.4} nats per token");
                Want::Stop(StopReason::NoGain, why)
            }
            _ => Want::Stop(reason, self.sentence(reason)),
        }
    }

    fn sentence(&self, reason: StopReason) -> String {
        match reason {
            StopReason::Threshold => "the best score is below the threshold".to_owned(),
            StopReason::Patience => "a round went by without an acceptance".to_owned(),
            StopReason::Passes => "every round allowed has been made".to_owned(),
            StopReason::Steps => format!("all {} steps are made", self.config.steps),
            _ => String::new(),
        }
    }

    fn missing_importances(&self) -> Vec<Want> {
        let base = self.round.base.or(self.head());
        let Some((base, z)) = base.and_then(|b| Some((b, self.tree.trajectory(b)?))) else { return Vec::new() };
        if self.config.order != Order::WeakestFirst || z.segments.len() < 2 {
            return Vec::new();
        }
        let missing = z.segments.iter().filter(|s| !self.leave_one_out.contains_key(&(base, s.id)));
        missing.map(|s| Want::Score(ScoreOf::Without(base, s.id))).collect()
    }

    /// The segment to visit next in this round.
    fn next_segment(&self) -> Option<SegmentId> {
        let head = self.head()?;
        let base = self.round.base.unwrap_or(head);
        let segments: Vec<(SegmentId, f64)> = self
            .tree
            .trajectory(base)?
            .segments
            .iter()
            .map(|s| (s.id, self.importance(base, s.id).unwrap_or(0.0)))
            .collect();
        let current = self.tree.trajectory(head)?;
        policy::order(&self.config, &self.pair, self.round.number, &segments)
            .into_iter()
            .find(|id| !self.round.visited.contains(id) && current.position(*id).is_some())
    }

    /// Proposals for `segment` in each member of the frontier, without the slots that are there already.
    fn propose(&self, step: u32, segment: SegmentId, frontier: &[NodeId], have: &BTreeSet<u32>) -> Vec<Want> {
        let k = self.config.candidates;
        let slots = |member: usize| -> Vec<(u32, u64)> {
            (member as u32 * k..(member as u32 + 1) * k)
                .filter(|slot| !have.contains(slot))
                .map(|slot| (slot, seed::derive(self.config.seed, &self.pair, Purpose::Refine, step, slot)))
                .collect()
        };
        frontier
            .iter()
            .enumerate()
            .filter(|(_, node)| self.tree.trajectory(**node).is_some_and(|z| z.position(segment).is_some()))
            .map(|(member, node)| Want::Propose { step, node: *node, segment, slots: slots(member) })
            .filter(|want| !matches!(want, Want::Propose { slots, .. } if slots.is_empty()))
            .collect()
    }

    fn wants_of_open(&self, step: u32) -> Vec<Want> {
        let candidates = self.tree.step(step);
        let Some(segment) = candidates.first().and_then(|c| c.node.segment) else { return Vec::new() };
        if self.overtaken {
            let others = candidates.iter().map(|c| self.other(c.node.id, Reason::Overtaken)).collect();
            let frontier = self.frontier.clone();
            return vec![Want::Decide(Decision { step, segment, chosen: None, frontier, annealed: false, others })];
        }
        let have = candidates.iter().filter_map(|c| c.node.slot).collect();
        let mut wants = self.propose(step, segment, &self.frontier, &have);
        let unscored = candidates.iter().filter(|c| c.awaits_score());
        wants.extend(unscored.map(|c| Want::Score(ScoreOf::Node(c.node.id))));
        if wants.is_empty() {
            wants.push(Want::Decide(self.decide(step, segment, &candidates)));
        }
        wants
    }

    fn other(&self, node: NodeId, reason: Reason) -> Other {
        let current = self.head().and_then(|head| self.score(head));
        let delta = self.score(node).zip(current).map(|(score, current)| score - current);
        Other { node, reason, delta }
    }

    fn decide(&self, step: u32, segment: SegmentId, candidates: &[&Version]) -> Decision {
        let refusals: Vec<Option<Reason>> = candidates.iter().map(|c| self.refusal(c, segment)).collect();
        let allowed: Vec<policy::Rated> = candidates
            .iter()
            .zip(&refusals)
            .filter(|(_, refusal)| refusal.is_none())
            .filter_map(|(c, _)| Some((self.score(c.node.id)?, c.node.id)))
            .collect();
        let members: Vec<policy::Rated> =
            self.frontier.iter().filter_map(|node| Some((self.score(*node)?, *node))).collect();
        let taken = policy::select(&self.config, &self.pair, step, &members, &allowed);
        let others = candidates
            .iter()
            .zip(refusals)
            .filter(|(c, _)| Some(c.node.id) != taken.chosen)
            .map(|(c, refusal)| {
                let judged = || policy::reason(&self.config, self.score(c.node.id).unwrap_or(f64::MAX), members[0].0);
                let kept = taken.frontier.contains(&c.node.id).then_some(Reason::Beam);
                self.other(c.node.id, refusal.or(kept).unwrap_or_else(judged))
            })
            .collect();
        Decision { step, segment, chosen: taken.chosen, frontier: taken.frontier, annealed: taken.annealed, others }
    }

    /// Why a candidate may not be taken whatever its score.
    fn refusal(&self, candidate: &Version, segment: SegmentId) -> Option<Reason> {
        if candidate.trajectory.is_none() {
            return Some(Reason::Unusable);
        }
        if candidate.too_long {
            return Some(Reason::Context);
        }
        let parent = self.tree.get(candidate.node.parent?)?;
        let z = parent.trajectory.as_ref()?;
        let old = &z.segments[z.position(segment)?].text;
        let new = candidate.node.text.as_deref().unwrap_or_default();
        self.config.guards?.refuse(parent.leak, candidate.leak, old, new)
    }
}
