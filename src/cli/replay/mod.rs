//! `retrace replay`: any moment of a session, or all of them as they followed each other.

mod history;

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use self::history::History;
use super::numbers::{ScoreReport, spelled};
use super::{Fault, Outcome, Output, note};
use crate::app::bench::stop_in_words;
use crate::reer::Segment;
use crate::reer::search::{Decision, NodeId};
use crate::session::{self, Moment, State, Verdict};

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
    let status = spelled(&state.status());
    let stop = state.stop.as_ref().map(|stop| stop_in_words(stop.reason)).filter(|stop| *stop != status);
    stop.map_or_else(|| status.clone(), |stop| format!("{status} ({stop})"))
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
