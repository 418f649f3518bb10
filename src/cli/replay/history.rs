//! A session's events as lines for a person, in their order.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::app::bench::{reason_in_words, stop_in_words};
use crate::cli::Fault;
use crate::cli::numbers::{self, counted, spelled};
use crate::reer::search::{Decision, NodeId, Search, Why};
use crate::session::{self, Event, Note, Override, Payload, State};

pub struct History {
    events: std::vec::IntoIter<Event>,
    state: State,
    /// What people did, by the event that tells it: what an undo names.
    acts: BTreeMap<u64, String>,
}

impl History {
    /// # Errors
    /// As [`session::events`].
    pub fn of(path: &Path) -> Result<History, Fault> {
        let (events, _) = session::events(path)?;
        Ok(History { events: events.into_iter(), state: State::default(), acts: BTreeMap::new() })
    }

    /// The next line among the events up to `last`, and the time since the line before it.
    pub fn next_until(&mut self, last: u64) -> Option<(Duration, String)> {
        let mut pause = Duration::ZERO;
        loop {
            let event = self.events.next().filter(|event| event.seq <= last)?;
            pause += Duration::from_millis(event.dt);
            let score = if let Payload::Score(score) = &event.payload { Some(score) } else { None };
            let again = score.is_some_and(|score| self.state.has_score(&score.scorer, score.of()));
            self.state.apply(&event);
            // A score recorded once more with its log-probabilities says nothing new.
            if let Some(line) = self.line(&event).filter(|_| !again) {
                return Some((pause, line));
            }
        }
    }

    /// What a person following the session wants to read of an event.
    fn line(&mut self, event: &Event) -> Option<String> {
        let by = event.by.name();
        let named =
            |acts: &BTreeMap<u64, String>, seq| acts.get(&seq).map_or("the last act", String::as_str).to_owned();
        match &event.payload {
            Payload::Undo(undo) => Some(format!("{by}: took back: {}", named(&self.acts, undo.seq))),
            Payload::Redo(redo) => Some(format!("{by}: brought back: {}", named(&self.acts, redo.seq))),
            payload => match act(payload) {
                Some(act) => {
                    let line = format!("{by}: {act}");
                    self.acts.insert(event.seq, act);
                    Some(line)
                }
                None => searched(&self.state, payload),
            },
        }
    }
}

/// What a person did, or a script in a person's place; `None` for the search's own events.
fn act(payload: &Payload) -> Option<String> {
    let on_off = |on: bool, what: String| if on { what } else { format!("no more {what}") };
    match payload {
        Payload::Override(choice) => Some(by_hand(choice)),
        Payload::Node(node) if !matches!(node.why, Why::Draft | Why::Candidate | Why::Import) => {
            Some(format!("{} makes version {}", spelled(&node.why), node.id.0))
        }
        Payload::Head(head) => {
            let branch = head.branch.as_ref().map(|branch| format!(", branch {branch:?}")).unwrap_or_default();
            Some(format!("to version {}{branch}", head.node.0))
        }
        Payload::Fork(fork) => Some(format!("branch {:?} begins at version {}", fork.name, fork.node.0)),
        Payload::Verdict(verdict) => Some(format!("verdict {}", spelled(&verdict.verdict))),
        Payload::Rate(rate) if rate.stars == 0 => Some("no rating".to_owned()),
        Payload::Rate(rate) => Some(counted(usize::from(rate.stars), "star")),
        Payload::Tag(tag) => Some(on_off(tag.on, format!("tag #{}", tag.name))),
        Payload::Flag(flag) => {
            let reason = flag.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            Some(on_off(flag.on, format!("flag {:?}{reason}", flag.name)))
        }
        Payload::Star(star) => Some(on_off(star.on, format!("star at version {}", star.node.0))),
        Payload::Mark(mark) => {
            let name = mark.name.as_ref().map(|name| format!(" {name:?}")).unwrap_or_default();
            Some(on_off(mark.on, format!("mark{name} at version {}", mark.node.0)))
        }
        Payload::Note(note) => Some(noted(note)),
        _ => None,
    }
}

fn noted(note: &Note) -> String {
    let of = note.node.map(|node| format!(" on version {}", node.0)).unwrap_or_default();
    match (note.name, note.text.is_empty()) {
        (true, true) => "no more name".to_owned(),
        (true, false) => format!("named {:?}", note.text),
        (false, true) => format!("no more note{of}"),
        (false, false) => format!("note{of}: {}", note.text.lines().collect::<Vec<_>>().join(" / ")),
    }
}

/// A person's choice in words, by who stands before it.
fn by_hand(choice: &Override) -> String {
    let step = choice.step.map(|step| format!(" of step {step}")).unwrap_or_default();
    match choice.refused {
        Some(refused) => format!("version {}{step} refused, version {} current", refused.0, choice.node.0),
        None => format!("version {}{step} made current", choice.node.0),
    }
}

/// What the search did.
fn searched(state: &State, payload: &Payload) -> Option<String> {
    match payload {
        Payload::Example(example) => Some(format!("{}: {}", state.id, state.summary().title).trim().to_owned())
            .filter(|_| !example.query.is_empty()),
        Payload::Models(models) => {
            let objective = models.objective.name();
            Some(format!("scorer {}, objective {objective}", numbers::scorer(&models.scorer)))
        }
        // Of candidates the decision tells.
        Payload::Score(score)
            if score.without.is_none() && !score.node.is_some_and(|node| is_candidate(state, node)) =>
        {
            let measures = score.measures.as_ref()?;
            let what = score.node.map_or("baseline".to_owned(), |node| format!("version {}", node.0));
            Some(format!("{what}: ppl {} over {} tokens", numbers::ppl(measures.ppl), measures.tokens))
        }
        Payload::Decide(decided) => Some(decision(state, decided)),
        Payload::Stop(stop) => {
            use crate::reer::search::StopReason::{Passes, Patience, Steps, Threshold};
            let why = stop_in_words(stop.reason);
            Some(match (stop.reason, &stop.detail) {
                (_, None) => format!("stopped: {why}"),
                // What is told in full says the reason too.
                (Threshold | Patience | Passes | Steps, Some(detail)) => format!("stopped: {detail}"),
                (_, Some(detail)) if detail.starts_with(why) => format!("stopped: {detail}"),
                (_, Some(detail)) => format!("stopped: {why}, {detail}"),
            })
        }
        _ => None,
    }
}

fn is_candidate(state: &State, node: NodeId) -> bool {
    let version = state.search.as_ref().and_then(|search| search.tree().get(node));
    version.is_some_and(|version| version.node.why == Why::Candidate)
}

/// One decision in words: `step 3  segment 2  version 9 taken, -0.0312 nats, ppl 51.2 over 840 tokens; not taken: 2 not
/// lower (nearest +0.0025), 1 copies too long a run`.
fn decision(state: &State, decision: &Decision) -> String {
    let taken = match decision.chosen {
        None => "nothing taken".to_owned(),
        Some(node) => {
            let change = change(state, node).map(|nats| format!(", {nats:+.4} nats")).unwrap_or_default();
            let measures = state.search.as_ref().and_then(|search| search.tree().get(node)?.measures);
            let ppl = measures.map(|m| format!(", ppl {} over {} tokens", numbers::ppl(m.ppl), m.tokens));
            let annealed = if decision.annealed { ", annealed" } else { "" };
            format!("version {} taken{change}{}{annealed}", node.0, ppl.unwrap_or_default())
        }
    };
    let mut reasons: Vec<(&str, usize, Option<f64>)> = Vec::new();
    for other in &decision.others {
        let reason = reason_in_words(other.reason);
        // Against the version that it was written for, as the change of one that was taken.
        let delta = change(state, other.node).or(other.delta);
        let least = |a: Option<f64>, b: Option<f64>| a.into_iter().chain(b).min_by(f64::total_cmp);
        match reasons.iter_mut().find(|(known, ..)| *known == reason) {
            Some((_, count, nearest)) => (*count, *nearest) = (*count + 1, least(*nearest, delta)),
            None => reasons.push((reason, 1, delta)),
        }
    }
    let tell = |(reason, count, nearest): (&str, usize, Option<f64>)| match nearest {
        Some(nats) if count == 1 => format!("1 {reason} ({nats:+.4})"),
        Some(nats) => format!("{count} {reason} (lowest {nats:+.4})"),
        None => format!("{count} {reason}"),
    };
    let others: Vec<String> = reasons.into_iter().map(tell).collect();
    let others = if others.is_empty() { String::new() } else { format!("; not taken: {}", others.join(", ")) };
    format!("step {:<3} segment {:<3} {taken}{others}", decision.step, place(state, decision))
}

/// Nats per token of the objective that a version adds to the one it was made of; under 0 is a gain.
fn change(state: &State, node: NodeId) -> Option<f64> {
    let search = state.search.as_ref()?;
    let score = |node| search.tree().get(node)?.measures?.objective(search.config().objective).ok();
    Some((score(node)? - score(search.tree().get(node)?.node.parent?)?).0)
}

/// Which segment a step rewrote, counted from 1 in the version that stood after it; `-` for one that is gone.
fn place(state: &State, decision: &Decision) -> String {
    let tree = state.search.as_ref().map(Search::tree);
    let z = tree.zip(decision.frontier.first()).and_then(|(tree, head)| tree.trajectory(*head));
    z.and_then(|z| z.position(decision.segment)).map_or("-".to_owned(), |at| (at + 1).to_string())
}
