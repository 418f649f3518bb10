//! What the searches under one scorer and objective did; numbers of different scorers or objectives are never mixed.

use std::collections::BTreeMap;

use serde::Serialize;

use super::spread::Spread;
use crate::cli::numbers::spelled;
use crate::reer::search::{Search, Why};
use crate::reer::{Identity, Measures, Objective, Trajectory};
use crate::session::{State, Summary};

/// A measure before the search, after the draft and at the end.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Course {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Spread>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial: Option<Spread>,
    #[serde(rename = "final", skip_serializing_if = "Option::is_none")]
    pub last: Option<Spread>,
}

#[derive(Debug, Default, PartialEq, Serialize)]
pub struct LeakSpreads {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ngram: Option<Spread>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span_words: Option<Spread>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span_share: Option<Spread>,
}

/// Gains in nats per token, told apart by whether the thinking copies a longer run of the reference than
/// [`FEW_WORDS`].
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct GainByCopying {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copied: Option<Spread>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free: Option<Spread>,
}

/// A run that two texts on one subject share by chance has about this many words at most.
const FEW_WORDS: u32 = 8;

/// What the steps of the searches did not take.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct NotTaken {
    pub steps: usize,
    /// Steps that took no candidate.
    pub empty_steps: usize,
    /// Candidates by why they were not taken, over all steps.
    pub by_reason: BTreeMap<String, usize>,
}

impl NotTaken {
    fn of(search: &Search) -> NotTaken {
        let decisions = search.decisions();
        let mut by_reason = BTreeMap::new();
        for other in decisions.iter().flat_map(|decision| &decision.others) {
            *by_reason.entry(spelled(&other.reason)).or_default() += 1;
        }
        let empty_steps = decisions.iter().filter(|decision| decision.chosen.is_none()).count();
        NotTaken { steps: decisions.len(), empty_steps, by_reason }
    }

    fn merge(mut self, other: &NotTaken) -> NotTaken {
        self.steps += other.steps;
        self.empty_steps += other.empty_steps;
        for (reason, count) in &other.by_reason {
            *self.by_reason.entry(reason.clone()).or_default() += count;
        }
        self
    }
}

/// Lengths of trajectories.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Lengths {
    /// Characters of z.
    pub characters: Course,
    pub segments: Course,
}

/// All sessions of one scorer and objective.
#[derive(Debug, PartialEq, Serialize)]
pub struct Group {
    pub scorer: Identity,
    pub objective: Objective,
    pub sessions: usize,
    /// Tokens of the references.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Spread>,
    pub nll: Course,
    pub ppl: Course,
    /// The official score, where it is the objective.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clipped_nll: Option<Course>,
    /// Sessions whose best is below the baseline under the objective.
    pub improved: usize,
    /// Sessions that have both a best and a baseline.
    pub compared: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gain_nats: Option<Spread>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gain_percent: Option<Spread>,
    pub gain_by_copying: GainByCopying,
    /// 1 - nll / baseline nll, 0 to 1 (what SSR counts as a leak and REER maximises).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anchoring: Option<Spread>,
    pub leak: LeakSpreads,
    pub lengths: Lengths,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<Spread>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Spread>,
    pub not_taken: NotTaken,
    /// Why the searches ended, with how many.
    pub stops: BTreeMap<String, usize>,
}

/// What a group is made of: one session.
#[derive(Debug)]
pub struct Member {
    summary: Summary,
    /// The first draft that has a score, and what was arrived at.
    initial: Option<Length>,
    last: Option<Length>,
    not_taken: NotTaken,
}

#[derive(Debug, Clone, Copy)]
struct Length {
    characters: usize,
    segments: usize,
}

impl Length {
    fn of(z: &Trajectory) -> Length {
        Length { characters: z.text().chars().count(), segments: z.segments.len() }
    }
}

impl Member {
    pub fn of(state: &State, summary: Summary) -> Member {
        let search = state.search.as_ref();
        let outcome = search.and_then(|s| s.tree().trajectory(s.outcome()?));
        Member {
            summary,
            initial: search.and_then(first_draft).map(Length::of),
            last: outcome.map(Length::of),
            not_taken: search.map(NotTaken::of).unwrap_or_default(),
        }
    }
}

fn first_draft(search: &Search) -> Option<&Trajectory> {
    let mut drafts = search.tree().iter().filter(|(_, v)| matches!(v.node.why, Why::Draft | Why::Import));
    drafts.find(|(_, version)| version.measures.is_some())?.1.trajectory.as_ref()
}

impl Group {
    pub fn new(scorer: Identity, objective: Objective, members: &[Member]) -> Group {
        let summaries: Vec<&Summary> = members.iter().map(|member| &member.summary).collect();
        let measured = |measure: &dyn Fn(&Measures) -> Option<f64>| {
            let values = |of: &dyn Fn(&Summary) -> Option<Measures>| -> Vec<f64> {
                summaries.iter().filter_map(|summary| measure(&of(summary)?)).collect()
            };
            Course::of(&values(&|s| s.baseline), &values(&|s| s.initial), &values(&|s| s.best))
        };
        let pairs: Vec<(Measures, Measures)> =
            summaries.iter().filter_map(|summary| Some((summary.best?, summary.baseline?))).collect();
        let gained = |(best, baseline): &(Measures, Measures)| matches!((best.objective(objective), baseline.objective(objective)), (Ok(best), Ok(base)) if best < base);
        let gains: Vec<_> = pairs.iter().map(|(best, baseline)| best.gain(baseline)).collect();
        let over = |value: &dyn Fn(&Summary) -> Option<f64>| -> Option<Spread> {
            Spread::of(&summaries.iter().filter_map(|summary| value(summary)).collect::<Vec<_>>())
        };
        let clipped = (objective == Objective::ReerClipped).then(|| measured(&|m| m.clipped.map(|c| c.nll.0)));
        Group {
            sessions: members.len(),
            tokens: over(&|s| Some(s.best.or(s.baseline)?.tokens as f64)),
            nll: measured(&|m| Some(m.nll.0)),
            ppl: measured(&|m| Some(m.ppl.0)),
            clipped_nll: clipped,
            improved: pairs.iter().filter(|pair| gained(pair)).count(),
            compared: pairs.len(),
            gain_nats: Spread::of(&gains.iter().map(|gain| gain.gain_nats.0).collect::<Vec<_>>()),
            gain_percent: Spread::of(&gains.iter().map(|gain| gain.gain_percent).collect::<Vec<_>>()),
            gain_by_copying: GainByCopying {
                copied: over(&|s| gain_if(s, |run| run > FEW_WORDS)),
                free: over(&|s| gain_if(s, |run| run <= FEW_WORDS)),
            },
            anchoring: over(&|s| Some((1.0 - s.best?.nll.0 / s.baseline?.nll.0).clamp(0.0, 1.0))),
            leak: LeakSpreads {
                ngram: over(&|s| Some(s.leak?.ngram)),
                span_words: over(&|s| Some(f64::from(s.leak?.span_words))),
                span_share: over(&|s| Some(s.leak?.span_share)),
            },
            lengths: Lengths {
                characters: Course::of_lengths(members, |length| length.characters),
                segments: Course::of_lengths(members, |length| length.segments),
            },
            steps: over(&|s| Some(f64::from(s.steps))),
            accepted: over(&|s| Some(f64::from(s.accepted))),
            not_taken: members.iter().fold(NotTaken::default(), |sum, member| sum.merge(&member.not_taken)),
            stops: stops(&summaries),
            scorer,
            objective,
        }
    }
}

impl Course {
    fn of(baseline: &[f64], initial: &[f64], last: &[f64]) -> Course {
        let [baseline, initial, last] = Spread::together([baseline, initial, last]);
        Course { baseline, initial, last }
    }

    /// A baseline has no trajectory.
    fn of_lengths(members: &[Member], length: impl Fn(&Length) -> usize) -> Course {
        let values = |of: fn(&Member) -> Option<&Length>| -> Vec<f64> {
            members.iter().filter_map(|member| Some(length(of(member)?) as f64)).collect()
        };
        Course::of(&[], &values(|m| m.initial.as_ref()), &values(|m| m.last.as_ref()))
    }
}

/// The gain of a session whose longest copied run, in words, is as asked.
fn gain_if(summary: &Summary, run: impl Fn(u32) -> bool) -> Option<f64> {
    let gain = summary.best?.gain(&summary.baseline?).gain_nats.0;
    run(summary.leak?.span_words).then_some(gain)
}

fn stops(summaries: &[&Summary]) -> BTreeMap<String, usize> {
    let mut stops = BTreeMap::new();
    for summary in summaries {
        let reason = summary.stop.map_or_else(|| spelled(&summary.status), |stop| spelled(&stop));
        *stops.entry(reason).or_default() += 1;
    }
    stops
}
