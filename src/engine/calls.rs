//! Calls of a generator as futures that borrow nothing of a session, and versions made of what they answer.

use std::sync::Arc;
use std::time::Instant;

use super::fleet::measured;
use super::scoring::Pair;
use crate::lm::{Generator, LmError, Request, Sample, Task};
use crate::reer::search::{Node, NodeId, Refusal, Search, Want, Why};
use crate::reer::{Segment, SegmentId, Trajectory, split};
use crate::session::Call;

/// What a generator is asked, taken from a session as it stood.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub task: Asked,
    /// The search step, from 1; 0 for drafts and for what belongs to no step.
    pub step: u32,
    /// One a sample.
    pub slots: Vec<u32>,
    pub seeds: Vec<u64>,
}

/// Whether a draft or rewrites are asked for.
#[derive(Debug, Clone)]
pub(super) enum Asked {
    Draft,
    Rewrite { node: NodeId, trajectory: Trajectory, segment: SegmentId, instruction: Option<String> },
}

/// What a generator answered, before it is recorded.
pub(super) struct Generated {
    pub question: Question,
    pub call: Call,
    pub samples: Result<Vec<Sample>, LmError>,
}

impl Question {
    /// What a person wants of the answers, in their own words.
    fn instruction(&self) -> Option<&str> {
        match &self.task {
            Asked::Rewrite { instruction, .. } => instruction.as_deref(),
            Asked::Draft => None,
        }
    }

    /// What a search's want asks of a generator; `None` for wants that ask nothing of one.
    pub fn of(want: &Want, search: &Search) -> Option<Question> {
        match want {
            Want::Draft { slot, seed } => {
                Some(Question { task: Asked::Draft, step: 0, slots: vec![*slot], seeds: vec![*seed] })
            }
            Want::Propose { step, node, segment, slots } => {
                let (slots, seeds) = slots.iter().copied().unzip();
                let trajectory = search.tree().trajectory(*node)?.clone();
                let task = Asked::Rewrite { node: *node, trajectory, segment: *segment, instruction: None };
                Some(Question { task, step: *step, slots, seeds })
            }
            Want::Score(_) | Want::Decide(_) | Want::Stop(..) => None,
        }
    }

    /// As [`Call::purpose`] names it.
    pub fn purpose(&self) -> &'static str {
        match self.task {
            Asked::Draft => "draft",
            Asked::Rewrite { .. } => "refine",
        }
    }
}

/// Asks a generator. `sink` gets the slot of a sample and the next piece of its text.
pub(super) async fn generate(
    generator: Arc<dyn Generator>,
    pair: Arc<Pair>,
    sampling: crate::reer::search::Sampling,
    question: Question,
    sink: impl Fn(usize, &str) + Send + Sync,
) -> Generated {
    let began = Instant::now();
    let task = match &question.task {
        Asked::Draft => Task::Draft,
        Asked::Rewrite { trajectory, segment, instruction, .. } => {
            Task::Refine { trajectory, segment: *segment, instruction: instruction.as_deref() }
        }
    };
    let request = Request {
        example: &pair.example,
        task,
        step: question.step,
        seeds: &question.seeds,
        slots: &question.slots,
        sampling: &sampling,
    };
    let sink = |sample: usize, piece: &str| sink(question.slots.get(sample).map_or(sample, |s| *s as usize), piece);
    let (samples, effort) = measured(generator.generate(&request, &sink)).await;
    let call = Call {
        purpose: question.purpose().to_owned(),
        model: generator.identity().model.clone(),
        tokens_in: samples.iter().flatten().map(|s| s.tokens_in as u64).sum(),
        tokens_out: samples.iter().flatten().map(|s| s.tokens_out as u64).sum(),
        tokens_cached: samples.iter().flatten().map(|s| s.tokens_cached as u64).sum(),
        ms: began.elapsed().as_millis() as u64,
        requests: effort.requests,
        retries: effort.retries,
        error: samples.as_ref().err().map(LmError::to_string),
    };
    Generated { question, call, samples }
}

impl Generated {
    /// The samples, as many as were asked for.
    ///
    /// # Errors
    /// Why they are of no use.
    pub fn samples(self) -> Result<(Question, Vec<Sample>), String> {
        let asked = self.question.slots.len();
        match self.samples {
            Ok(samples) if samples.len() == asked => Ok((self.question, samples)),
            Ok(samples) => Err(format!("{asked} answers were asked for, {} came", samples.len())),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Versions made of a generation's samples, with identities that `search` does not use yet.
pub(super) fn nodes(search: &Search, question: &Question, samples: Vec<Sample>) -> Vec<Node> {
    let ids = (search.tree().next_id().0..).map(NodeId);
    let made = samples.into_iter().zip(&question.slots).zip(ids);
    made.map(|((sample, slot), id)| node(search, question, sample, *slot, id)).collect()
}

fn node(search: &Search, question: &Question, sample: Sample, slot: u32, id: NodeId) -> Node {
    let admitted = sample.text.and_then(|text| match Trajectory::admit(&text) {
        Ok(()) if text.trim().is_empty() => Err(Refusal::Empty),
        Ok(()) => Ok(text),
        Err(_) => Err(Refusal::Tag),
    });
    let refused = admitted.as_ref().err().copied();
    let blank = Node {
        id,
        parent: None,
        why: Why::Draft,
        segments: None,
        segment: None,
        text: None,
        step: None,
        slot: Some(slot),
        refused,
        instruction: question.instruction().map(str::to_owned),
        analysis: sample.analysis,
        raw: sample.raw,
    };
    match &question.task {
        Asked::Draft => {
            let segments = admitted.ok().map(|text| number(&text, search.tree().next_segment()));
            Node { segments, ..blank }
        }
        Asked::Rewrite { node: parent, trajectory, segment, .. } => {
            let text = admitted.unwrap_or_default();
            let old = trajectory.position(*segment).map(|at| &trajectory.segments[at].text);
            let same = old.is_some_and(|old| old.trim() == text.trim());
            Node {
                why: Why::Candidate,
                parent: Some(*parent),
                segment: Some(*segment),
                text: Some(text),
                step: (question.step > 0).then_some(question.step),
                slot: (question.step > 0).then_some(slot),
                refused: refused.or(same.then_some(Refusal::Same)),
                ..blank
            }
        }
    }
}

/// A draft's segments with identities from `first` on.
pub(super) fn number(draft: &str, first: SegmentId) -> Vec<Segment> {
    let pieces = split(draft);
    pieces.iter().zip(first.0..).map(|(p, id)| Segment { id: SegmentId(id), text: p.segment().to_owned() }).collect()
}
