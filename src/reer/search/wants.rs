//! What a search wants next: a function of what was folded and of nothing else.

use std::collections::BTreeSet;

use super::seed::{self, Purpose};
use super::{
    Config, Decision, NodeId, Order, Other, Race, Reason, Refusal, Rule, ScoreOf, Search, StopReason, Version, policy,
};
use crate::reer::{Leak, SegmentId};

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

/// What was wrong with the last of several drafts, behind a sentence that counts them.
fn unusable(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Missing => ": the last answer held no thinking",
        Refusal::Empty => ": the last answer was blank",
        Refusal::Truncated => {
            ": the last answer was cut off; the generator's context was full, or its limit of tokens is too low"
        }
        Refusal::Tag => ": the last answer held a tag that thinking must not hold",
        Refusal::Same => ": the last answer was the same text",
    }
}

impl Search {
    /// What the search wants now; nothing when it has stopped.
    pub fn wants(&self) -> Vec<Want> {
        if self.stopped.is_some() {
            return Vec::new();
        }
        if self.tokens_spent() {
            return vec![Want::Stop(StopReason::Budget, "the token budget is used up".to_owned())];
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

    fn tokens_spent(&self) -> bool {
        self.config.max_tokens.is_some_and(|max| self.tokens >= max)
    }

    fn wants_draft(&self) -> Option<Want> {
        if let Some(draft) = self.line_draft() {
            return self.wants_score(draft.node.id);
        }
        let (failed, last) = self.failed_drafts();
        if failed >= DRAFT_ATTEMPTS {
            return Some(Want::Stop(StopReason::Error, format!("{failed} drafts in a row could not be used{last}")));
        }
        let slot = self.tree.drafts().count() as u32;
        Some(Want::Draft { slot, seed: seed::derive(self.config.seed, &self.pair, Purpose::Draft, 0, slot) })
    }

    /// How many drafts in a row could not be used, and what was wrong with the last, behind a sentence that counts them.
    fn failed_drafts(&self) -> (usize, &'static str) {
        let drafts = self.tree.drafts().count();
        // Those that the search gave up over before a person had it try again count no more.
        let since = self.tree.drafts().rev().take(drafts.saturating_sub(self.forgiven));
        let failed: Vec<&Version> = since.take_while(|draft| draft.trajectory.is_none()).collect();
        let last = failed.first().and_then(|draft| draft.node.refused).map(unusable);
        (failed.len(), last.unwrap_or_default())
    }

    /// That drafts could not be used and another one is asked for, as a sentence.
    pub fn drafts_again(&self) -> Option<String> {
        let (failed, last) = self.failed_drafts();
        (1..DRAFT_ATTEMPTS).contains(&failed).then(|| {
            format!("Draft {failed} of at most {DRAFT_ATTEMPTS} could not be used{last}. Another is asked for.")
        })
    }

    fn wants_score(&self, node: NodeId) -> Option<Want> {
        let version = self.tree.get(node)?;
        if version.too_long {
            let why = "the current trajectory does not fit the scorer's context; shorten it by hand, or search with a \
                       scorer that takes more";
            return Some(Want::Stop(StopReason::Error, why.to_owned()));
        }
        version.can_be_scored().then_some(Want::Score(ScoreOf::Node(node)))
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
    pub(super) fn next_segment(&self) -> Option<SegmentId> {
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
        let outraced = candidate.outraced.filter(|_| candidate.measures.is_none()).map(|_| Reason::Outraced);
        self.guarded(candidate, segment, candidate.leak).or(outraced)
    }

    /// Why the guards refuse a candidate with such a leak.
    fn guarded(&self, candidate: &Version, segment: SegmentId, leak: Option<Leak>) -> Option<Reason> {
        let parent = self.tree.get(candidate.node.parent?)?;
        let z = parent.trajectory.as_ref()?;
        let old = &z.segments[z.position(segment)?].text;
        let new = candidate.node.text.as_deref().unwrap_or_default();
        self.config.guards?.refuse(parent.leak, leak, old, new)
    }

    /// The race that these scores can be had by: they are of candidates of the step in hand, and of nothing else, and
    /// only the lowest of them matters. `leak` gives a candidate's leak, which its score will record.
    pub fn race(&self, scores: &[ScoreOf], leak: impl Fn(NodeId) -> Leak) -> Option<Race> {
        let rule = self.config.race.filter(|_| self.config.beam == 1 && self.config.anneal.is_none())?;
        let candidates = self.tree.step(self.open_step()?);
        let segment = candidates.first()?.node.segment?;
        let allowed = |of: &ScoreOf| {
            let ScoreOf::Node(node) = of else { return None };
            let candidate = candidates.iter().find(|c| c.node.id == *node && c.awaits_score())?;
            Some(self.guarded(candidate, segment, Some(leak(*node))).is_none())
        };
        let allowed = scores.iter().map(allowed).collect::<Option<Vec<bool>>>()?;
        let Config { objective, min_delta, .. } = self.config;
        Some(Race { rule, objective, min_delta, allowed })
    }

    /// The version whose segments these scores weigh, where estimates of them will do: they are of nothing else, only the
    /// order of visits hangs on them, and the settings let decisions change.
    pub fn weighed(&self, scores: &[ScoreOf]) -> Option<NodeId> {
        let Some(ScoreOf::Without(node, _)) = scores.first() else { return None };
        let same = scores.iter().all(|of| matches!(of, ScoreOf::Without(other, _) if other == node));
        (same && self.config.race == Some(Rule::Paired)).then_some(*node)
    }
}
