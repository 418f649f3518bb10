//! `retrace replay`: any moment of a session, or all of them as they followed each other.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::numbers::{self, ScoreReport, spelled};
use super::{Fault, Outcome, Output, note};
use crate::app::bench::{reason_in_words, stop_in_words};
use crate::reer::Segment;
use crate::reer::search::{Decision, NodeId, Search, Why};
use crate::session::{self, Event, Moment, Override, Payload, State, Verdict};

const EXAMPLES: &str = "\
Examples:
  retrace replay out/river.jsonl                 the session as it ended
  retrace replay out/river.jsonl --step 3        just after the third decision
  retrace replay out/river.jsonl --play --speed 10
      Every decision as it followed the last, ten times as fast.";

/// Show a session at any moment of its search
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ReplayArgs {
    /// A session file
    session: PathBuf,

    /// Just after the decision of this step; 0 is the scored draft
    #[arg(long, value_name = "N", conflicts_with_all = ["last", "play"])]
    step: Option<u32>,

    /// As it stands now (without --step, this)
    #[arg(long)]
    last: bool,

    /// Print one JSON document on stdout, and nothing else there
    #[arg(long, conflicts_with = "play")]
    json: bool,

    /// Tell what happened in the time it took
    #[arg(long)]
    play: bool,

    /// How many times as fast to play
    #[arg(long, value_name = "X", default_value_t = 1.0, requires = "play", value_parser = speed)]
    speed: f64,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse::<f64>().ok().filter(|x| *x > 0.0 && x.is_finite());
    speed.ok_or_else(|| "must be a number above 0".to_owned())
}

/// JSON of `retrace replay`.
#[derive(Serialize)]
struct Replayed<'a> {
    id: &'a str,
    /// What a person calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    seq: u64,
    step: u32,
    /// The version that was current.
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<NodeId>,
    segments: &'a [Segment],
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<ScoreReport>,
    decisions: &'a [Decision],
    verdict: Verdict,
    /// BLAKE3 of the state's canonical form, 16 hex digits: equal states have equal digests.
    digest: String,
}

/// Longest pause of a play, so that a night between two runs is not waited for.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

pub fn run(args: &ReplayArgs, output: &mut Output) -> Result<Outcome, Fault> {
    let (_, health) = session::events(&args.session)?;
    for damage in &health.damaged {
        note(format_args!(
            "{}:{}: damaged and passed over: {}; what is shown lacks it",
            args.session.display(),
            damage.line,
            damage.why
        ));
    }
    let outcome = Outcome::partial_if(!health.damaged.is_empty());
    if args.play {
        play(&args.session, args.speed, output)?;
        return Ok(outcome);
    }
    let state = session::state_at(&args.session, args.step.map_or(Moment::Last, Moment::Step))?;
    let replayed = replayed(&state);
    if args.json {
        output.json(&replayed);
    } else {
        tell(&state, &replayed, &args.session, output)?;
    }
    Ok(outcome)
}

fn replayed(state: &State) -> Replayed<'_> {
    let search = state.search.as_ref();
    let node = state.head();
    let trajectory = search.and_then(|search| search.tree().trajectory(node?));
    Replayed {
        id: &state.id,
        name: state.annotations.name(),
        seq: state.last_seq,
        step: state.steps(),
        node,
        segments: trajectory.map_or(&[], |z| &z.segments),
        score: node.and_then(|node| score(state, node)),
        decisions: search.map_or(&[], |search| search.decisions()),
        verdict: state.annotations.verdict(),
        digest: state.digest(),
    }
}

/// The score of a version by the session's own scorer.
fn score(state: &State, node: NodeId) -> Option<ScoreReport> {
    let search = state.search.as_ref()?;
    let version = search.tree().get(node)?;
    let measures = version.measures.as_ref()?;
    let report = ScoreReport::new(state.scorer.as_ref()?, search.config().objective, measures);
    Some(report.against(measures, search.baseline(), version.leak))
}

fn tell(state: &State, replayed: &Replayed<'_>, path: &Path, output: &mut Output) -> Result<(), Fault> {
    let (id, step, seq) = (replayed.id, replayed.step, replayed.seq);
    let name = replayed.name.map(|name| format!(" ({name:?})")).unwrap_or_default();
    output.line(format_args!("{id}{name}, step {step}, event {seq}, {}", standing(state)));
    match &replayed.score {
        Some(score) => score.lines().iter().for_each(|line| output.line(line)),
        None => output.line("no score yet"),
    }
    output.line(format_args!("digest        {}", replayed.digest));
    let mut history = History::of(path)?;
    while let Some((_, line)) = history.next_until(state.last_seq) {
        output.line(line);
    }
    for (place, segment) in (1..).zip(replayed.segments) {
        output.line(format_args!("\n[{place}] {}", segment.text.trim()));
    }
    Ok(())
}

fn standing(state: &State) -> String {
    let stop = state.stop.as_ref().map(|stop| format!(" ({})", stop_in_words(stop.reason))).unwrap_or_default();
    format!("{}{stop}", spelled(&state.status()))
}

/// One decision in words: `step 3  segment 2  taken, ppl 512, -0.0312 nats; refused: 2 not-lower, 1 leak-span`.
fn decision(state: &State, decision: &Decision) -> String {
    let search = state.search.as_ref();
    let measures = |node| search.and_then(|s| s.tree().get(node)).and_then(|v| v.measures);
    let taken = match decision.chosen {
        None => "nothing taken".to_owned(),
        Some(node) => {
            let ppl = measures(node).map(|m| format!(", ppl {} over {} tokens", numbers::ppl(m.ppl), m.tokens));
            let annealed = if decision.annealed { ", annealed" } else { "" };
            format!("version {} taken{}{annealed}", node.0, ppl.unwrap_or_default())
        }
    };
    let mut reasons: Vec<(String, usize)> = Vec::new();
    for other in &decision.others {
        let reason = reason_in_words(other.reason);
        match reasons.iter_mut().find(|(known, _)| known == reason) {
            Some((_, count)) => *count += 1,
            None => reasons.push((reason.to_owned(), 1)),
        }
    }
    let others: Vec<String> = reasons.into_iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    let others = if others.is_empty() { String::new() } else { format!("; not taken: {}", others.join(", ")) };
    format!("step {:<3} segment {:<3} {taken}{others}", decision.step, place(state, decision))
}

/// Which segment a step rewrote, counted from 1 in the version that stood after it; `-` for one that is gone.
fn place(state: &State, decision: &Decision) -> String {
    let tree = state.search.as_ref().map(Search::tree);
    let z = tree.zip(decision.frontier.first()).and_then(|(tree, head)| tree.trajectory(*head));
    z.and_then(|z| z.position(decision.segment)).map_or("-".to_owned(), |at| (at + 1).to_string())
}

/// A person's choice in words, by who stands before it.
fn by_hand(choice: &Override) -> String {
    let step = choice.step.map(|step| format!(" of step {step}")).unwrap_or_default();
    match choice.refused {
        Some(refused) => format!("version {}{step} refused, version {} current", refused.0, choice.node.0),
        None => format!("version {}{step} made current", choice.node.0),
    }
}

/// A session's events as lines for a person, in their order.
struct History {
    events: std::vec::IntoIter<Event>,
    state: State,
}

impl History {
    fn of(path: &Path) -> Result<History, Fault> {
        let (events, _) = session::events(path)?;
        Ok(History { events: events.into_iter(), state: State::default() })
    }

    /// The next line among the events up to `last`, and the time since the line before it.
    fn next_until(&mut self, last: u64) -> Option<(Duration, String)> {
        let mut pause = Duration::ZERO;
        loop {
            let event = self.events.next().filter(|event| event.seq <= last)?;
            pause += Duration::from_millis(event.dt);
            let score = if let Payload::Score(score) = &event.payload { Some(score) } else { None };
            let again = score.is_some_and(|score| self.state.has_score(&score.scorer, score.of()));
            self.state.apply(&event);
            // A score recorded once more with its log-probabilities says nothing new.
            if let Some(line) = happened(&self.state, &event).filter(|_| !again) {
                return Some((pause, line));
            }
        }
    }
}

fn play(path: &Path, speed: f64, output: &mut Output) -> Result<(), Fault> {
    let mut history = History::of(path)?;
    while let Some((pause, line)) = history.next_until(u64::MAX) {
        sleep(pause.div_f64(speed).min(LONGEST_PAUSE));
        output.line(line);
        output.flush();
        if output.is_closed() {
            break;
        }
    }
    Ok(())
}

/// What a person following the search wants to read of an event.
fn happened(state: &State, event: &Event) -> Option<String> {
    match &event.payload {
        Payload::Example(example) => Some(format!("{}: {}", state.id, state.summary().title).trim().to_owned())
            .filter(|_| !example.query.is_empty()),
        Payload::Models(models) => {
            let objective = models.objective.name();
            Some(format!("scorer {}, objective {objective}", numbers::scorer(&models.scorer)))
        }
        Payload::Score(score) if state.steps() == 0 && score.without.is_none() => {
            let measures = score.measures.as_ref()?;
            let what = score.node.map_or("baseline".to_owned(), |node| format!("version {}", node.0));
            Some(format!("{what}: ppl {} over {} tokens", numbers::ppl(measures.ppl), measures.tokens))
        }
        Payload::Decide(decided) => Some(decision(state, decided)),
        Payload::Override(choice) => Some(format!("{}: {}", event.by, by_hand(choice))),
        Payload::Node(node) if !matches!(node.why, Why::Draft | Why::Candidate | Why::Import) => {
            Some(format!("{}: {} makes version {}", event.by, spelled(&node.why), node.id.0))
        }
        Payload::Head(head) => {
            let branch = head.branch.as_ref().map(|branch| format!(", branch {branch:?}")).unwrap_or_default();
            Some(format!("a person went to version {}{branch}", head.node.0))
        }
        Payload::Verdict(verdict) => Some(format!("verdict: {}", spelled(&verdict.verdict))),
        Payload::Note(note) if note.name && note.text.is_empty() => Some(format!("{}: the name is gone", event.by)),
        Payload::Note(note) if note.name => Some(format!("{}: named {:?}", event.by, note.text)),
        Payload::Undo(_) => Some("a person took the last action back".to_owned()),
        Payload::Redo(_) => Some("a person brought the last action back again".to_owned()),
        Payload::Stop(stop) => {
            let detail = stop.detail.as_deref().map(|detail| format!(", {detail}")).unwrap_or_default();
            Some(format!("stopped: {}{detail}", stop_in_words(stop.reason)))
        }
        _ => None,
    }
}
