//! The candidates of a segment: what was proposed for it, what the search made of each, what a person did.

use super::{Bench, refusal_in_words, signed};
use crate::reer::search::{Decision, NodeId, Reason, Refusal, Search, Version, Why};
use crate::reer::{Leak, Segment, SegmentId};
use crate::session::{Author, State};

/// What the search made of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is being scored, or will be.
    Scoring,
    /// It has no score, and nothing runs that would give it one.
    Unscored,
    /// It has a score and no decision: its step is open, or a person asked for it.
    Open,
    Chosen,
    /// Not taken, for this reason.
    Passed(Reason),
    /// The generator's answer could not be used.
    Unusable(Refusal),
    /// It could not be scored.
    Failed,
}

/// What a person did with a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByHand {
    Taken,
    Refused,
}

/// One candidate, ready to be shown and judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    pub node: NodeId,
    /// The version it would replace a segment of.
    pub parent: NodeId,
    /// The step it belongs to; none for what a person asked for.
    pub step: Option<u32>,
    /// The segment before, and the candidate's text.
    pub old: String,
    pub new: String,
    pub fate: Fate,
    /// Its score minus its parent's, nats per token of the objective.
    pub delta: Option<f64>,
    /// Its score minus that of the version under the cursor, where the two differ in nothing but this segment and that
    /// is another change than `delta`.
    pub from_here: Option<f64>,
    pub leak: Option<Leak>,
    /// Its longest copied run minus its parent's, in words.
    pub leak_delta: Option<i64>,
    /// Its length minus the segment's, in characters.
    pub length_delta: i64,
    /// What a person asked for, in their own words.
    pub instruction: Option<String>,
    pub analysis: Option<String>,
    /// Why it could not be scored.
    pub error: Option<String>,
    pub by_hand: Option<ByHand>,
    /// Who did that.
    pub by: Option<Author>,
}

/// How much of a session is seen at a moment.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// The last step whose candidates are seen; none: all of them, those of an open step too.
    pub step: Option<u32>,
    /// The last event that counts.
    pub seq: u64,
}

/// The candidates of `segment` as they stood when `node` was current: those of the last step seen that
/// visited it on the way to `node`, and what a person asked for there.
pub fn candidates(state: &State, node: NodeId, segment: SegmentId, seen: Seen) -> Vec<Candidate> {
    let Some(search) = &state.search else { return Vec::new() };
    let lineage = search.tree().lineage(node);
    let near = |version: &Version| {
        version.node.why == Why::Candidate
            && version.node.segment == Some(segment)
            && version.node.parent.is_some_and(|parent| lineage.contains(&parent))
    };
    let visited = |version: &Version| version.node.step.filter(|of| seen.step.is_none_or(|step| *of <= step));
    let all: Vec<&Version> = search.tree().iter().map(|(_, version)| version).filter(|v| near(v)).collect();
    let last = all.iter().filter_map(|version| visited(version)).max();
    // Candidates asked for by hand belong to the text that stands now, or to the one it took the place of.
    let text = search.tree().trajectory(node).and_then(|z| Some(&z.segments[z.position(segment)?].text));
    let touched =
        lineage.iter().rev().filter_map(|id| search.tree().get(*id)).find(|v| v.node.segment == Some(segment));
    let beside = |version: &Version| touched.is_some_and(|last| last.node.parent == version.node.parent);
    let asked =
        |version: &Version| version.node.step.is_none() && (old_text(search, version) == text || beside(version));
    let shown = all.into_iter().filter(|v| asked(v) || (v.node.step.is_some() && v.node.step == last));
    let mut found: Vec<Candidate> =
        shown.filter_map(|version| candidate(state, search, version, (node, seen.seq))).collect();
    found.sort_by_key(|candidate| (candidate.step.is_none(), candidate.node));
    found
}

fn old_text<'a>(search: &'a Search, version: &Version) -> Option<&'a String> {
    let z = search.tree().trajectory(version.node.parent?)?;
    Some(&z.segments[z.position(version.node.segment?)?].text)
}

fn candidate(state: &State, search: &Search, version: &Version, (node, until): (NodeId, u64)) -> Option<Candidate> {
    let parent = version.node.parent?;
    let old = old_text(search, version)?.clone();
    let new = version.node.text.clone().unwrap_or_default();
    let decision = version.node.step.and_then(|step| search.decisions().get(step as usize - 1));
    let leak_before = search.tree().get(parent).and_then(|v| v.leak);
    let scores = search.score(version.node.id).zip(search.score(parent));
    let by_hand = by_hand(state, version, until);
    Some(Candidate {
        node: version.node.id,
        parent,
        step: version.node.step,
        fate: fate(version, decision),
        delta: scores.map(|(score, before)| score - before),
        from_here: from_here(search, version, node),
        leak: version.leak,
        leak_delta: version.leak.zip(leak_before).map(|(a, b)| i64::from(a.span_words) - i64::from(b.span_words)),
        length_delta: new.chars().count() as i64 - old.chars().count() as i64,
        instruction: version.node.instruction.clone(),
        analysis: version.node.analysis.clone(),
        error: version.error.clone(),
        by_hand: by_hand.map(|(did, _)| did),
        by: by_hand.map(|(_, by)| by.clone()),
        old,
        new,
    })
}

/// What taking the candidate changes in the version under the cursor, as far as stored scores tell.
fn from_here(search: &Search, version: &Version, node: NodeId) -> Option<f64> {
    if version.node.id == node || version.node.parent == Some(node) {
        return None;
    }
    let (z, here) = (version.trajectory.as_ref()?, search.tree().trajectory(node)?);
    let same = |(a, b): (&Segment, &Segment)| a.id == b.id && (a.text == b.text || Some(a.id) == version.node.segment);
    let beside = z.segments.len() == here.segments.len() && z.segments.iter().zip(&here.segments).all(same);
    let change = search.score(version.node.id)? - search.score(node)?;
    (beside && z != here).then_some(change)
}

fn fate(version: &Version, decision: Option<&Decision>) -> Fate {
    let reason = decision.and_then(|d| d.others.iter().find(|other| other.node == version.node.id)).map(|o| o.reason);
    match (version.node.refused, reason) {
        (Some(refusal), _) => Fate::Unusable(refusal),
        (None, _) if decision.is_some_and(|d| d.chosen == Some(version.node.id)) => Fate::Chosen,
        (None, Some(reason)) => Fate::Passed(reason),
        (None, None) if version.error.is_some() => Fate::Failed,
        (None, None) if version.too_long => Fate::Passed(Reason::Context),
        (None, None) if version.measures.is_none() && version.outraced.is_some() => Fate::Passed(Reason::Outraced),
        (None, None) if version.measures.is_none() => Fate::Scoring,
        (None, None) => Fate::Open,
    }
}

/// The last thing a person had said of a candidate by the event `until`, and who.
fn by_hand<'a>(state: &'a State, candidate: &Version, until: u64) -> Option<(ByHand, &'a Author)> {
    let tree = state.search.as_ref()?.tree();
    let said = state.annotations.overrides().filter(|choice| choice.seq <= until).filter_map(|choice| {
        if choice.value.refused == Some(candidate.node.id) {
            return Some((ByHand::Refused, &choice.by));
        }
        let made = tree.get(choice.value.node)?;
        let taken =
            choice.value.node == candidate.node.id || (choice.value.refused.is_none() && has_text_of(made, candidate));
        taken.then_some((ByHand::Taken, &choice.by))
    });
    said.last()
}

/// Whether a person put the candidate's text into this version: it was taken where other segments had changed since.
pub fn has_text_of(made: &Version, candidate: &Version) -> bool {
    let text = || {
        let z = made.trajectory.as_ref()?;
        Some(&z.segments[z.position(made.node.segment?)?].text)
    };
    made.node.why == Why::Edit
        && made.node.segment == candidate.node.segment
        && text().is_some_and(|text| candidate.node.text.as_ref() == Some(text))
}

/// The candidate that a person took by making this version, where they took one.
pub fn taken_as(search: &Search, made: NodeId) -> Option<NodeId> {
    let made = search.tree().get(made)?;
    let mut candidates = search.tree().iter().filter(|(_, version)| version.node.why == Why::Candidate);
    candidates.find(|(_, candidate)| has_text_of(made, candidate)).map(|(id, _)| id)
}

/// `a`, `b`, ... for a candidate's place.
pub fn letter(at: usize) -> char {
    char::from_u32('a' as u32 + (at % 26) as u32).unwrap_or('a')
}

impl Bench {
    /// What came of the candidates that a person asked for, in words, once the last of them is scored; told once.
    pub fn came(&mut self) -> Option<String> {
        let search = self.search()?;
        let waits = |node: &NodeId| search.tree().get(*node).is_none_or(Version::awaits_score);
        if self.proposed.is_empty() || self.proposed.iter().any(waits) {
            return None;
        }
        let proposed = std::mem::take(&mut self.proposed);
        let all = self.candidates();
        let mine: Vec<(usize, &Candidate)> =
            all.iter().enumerate().filter(|(_, candidate)| proposed.contains(&candidate.node)).collect();
        let lowest = mine.iter().filter_map(|(at, candidate)| Some((*at, candidate.delta?)));
        let lowest = lowest.min_by(|a, b| a.1.total_cmp(&b.1));
        let best = lowest.map(|(at, delta)| {
            let delta_in_words = format!("{} nats", signed(delta));
            match delta < 0.0 {
                true => format!(": {} is the lowest, {delta_in_words}", letter(at)),
                false => format!(": none is lower; {} comes nearest, {delta_in_words}", letter(at)),
            }
        });
        let repeats = mine.iter().filter(|(at, candidate)| candidate.repeats(&all[..*at]).is_some()).count();
        let repeats = match repeats {
            0 => String::new(),
            1 => "; 1 only repeats another".to_owned(),
            some => format!("; {some} only repeat another"),
        };
        Some(format!("{} came{}{repeats}", proposed.len(), best.unwrap_or_default()))
    }
}

impl Candidate {
    /// Checks that there is a text with which a person could do what `act` says.
    ///
    /// # Errors
    /// Why there is none.
    pub fn usable(&self, act: &str) -> Result<(), String> {
        match self.fate {
            Fate::Unusable(refusal) => {
                Err(format!("this answer holds no text to {act} ({})", refusal_in_words(refusal)))
            }
            _ => Ok(()),
        }
    }

    /// The place of the first of these candidates that has the same text.
    pub fn repeats(&self, before: &[Candidate]) -> Option<usize> {
        before.iter().position(|other| !other.new.is_empty() && other.new == self.new)
    }

    /// True when the search said something else of it than the person, or nothing.
    pub fn is_disputed(&self) -> bool {
        match (self.by_hand, self.fate) {
            (Some(ByHand::Taken), fate) => fate != Fate::Chosen,
            (Some(ByHand::Refused), fate) => matches!(fate, Fate::Chosen | Fate::Open | Fate::Scoring | Fate::Unscored),
            (None, _) => false,
        }
    }
}
